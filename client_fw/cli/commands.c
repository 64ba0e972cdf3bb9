/* SPDX-License-Identifier: Apache-2.0 */
/* boot, alive, reject: one call of the client each, and what it said. */

#include <stdio.h>
#include <string.h>

#include "control.h"

#define WHY_SIZE        512u
#define TRIAL_BOOTS_MAX 250u

static void add(struct host_tool *tool, const char *key, json_t *value)
{
    if (tool->json)
        json_object_set_new(tool->doc, key, value);
    else
        json_decref(value);
}

/* -1, or the exit code. */
static int parse_reset(struct host_tool *tool, const struct arguments *arguments,
                       struct bulla_reset *out)
{
    const char *reset = arguments->reset != NULL ? arguments->reset : "power";
    uint64_t boots = 1;
    uint64_t crashes = BULLA_CRASHES_MAX;

    if (strcmp(reset, "power") != 0 && strcmp(reset, "crash") != 0)
        return host_usage(tool, "--reset must be power or crash, found %s", reset);
    if (arguments->trial_boots != NULL &&
        (!host_parse_number(arguments->trial_boots, TRIAL_BOOTS_MAX, false, &boots) || boots == 0))
        return host_usage(tool, "--trial-boots must be 1 to %u, found %s", TRIAL_BOOTS_MAX,
                          arguments->trial_boots);
    if (arguments->crashes != NULL &&
        !host_parse_number(arguments->crashes, UINT8_MAX, false, &crashes))
        return host_usage(tool, "--crashes must be 0 to %u, found %s", (unsigned)UINT8_MAX,
                          arguments->crashes);
    *out = (struct bulla_reset){.crashed = strcmp(reset, "crash") == 0,
                                .trial_boots = (uint8_t)boots,
                                .crashes_max = (uint8_t)crashes};
    return -1;
}

static void add_boot(json_t *object, const struct device *device,
                     const struct bulla_boot_result *result)
{
    const struct bulla_partition *row = device_executed(device, result->slot);

    json_object_set_new(object, "offset", row != NULL ? json_integer(row->offset) : json_null());
    json_object_set_new(object, "subtype_number",
                        row != NULL ? json_integer(row->subtype) : json_null());
    json_object_set_new(object, "placed", json_boolean(result->placed));
    json_object_set_new(object, "trial", json_boolean(result->trial));
    json_object_set_new(object, "trial_boot", json_integer(result->trial_boot));
    json_object_set_new(object, "sealed", json_boolean(result->sealed));
    json_object_set_new(object, "fell_back", json_boolean(result->fell_back));
    json_object_set_new(object, "crash_loop", json_boolean(result->crash_loop));
    json_object_set_new(object, "crashes", json_integer(result->crashes));
    json_object_set_new(object, "repaired", json_boolean(result->repaired));
}

void control_tell_boot(struct host_tool *tool, const struct device *device,
                       const struct bulla_boot_result *result, enum bulla_status status,
                       const char *why, json_t *object)
{
    const char *label = device_slot_name(device, result->slot);
    char place[DEVICE_PLACE_SIZE];

    if (tool->json) {
        json_object_set_new(object, "slot", status == BULLA_OK ? json_string(label) : json_null());
        json_object_set_new(object, "why", json_string(why));
        if (status == BULLA_OK)
            add_boot(object, device, result);
        return;
    }
    if (status != BULLA_OK)
        return;
    host_say(tool, "%s", label);
    host_note(tool, "%s runs%s: %s", label, result->trial ? " for a trial" : "", why);
    host_note(tool, "%s", device_place(device, result->slot, place, sizeof(place)));
    if (result->placed)
        host_note(tool, "it was copied into '%s'", device_slot_name(device, BULLA_SLOT_FACTORY));
    if (result->repaired)
        host_note(tool, "otadata was rewritten to name what runs");
}

int device_boot(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    struct bulla_reset reset;
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    char why[WHY_SIZE];
    int code = parse_reset(tool, arguments, &reset);
    if (code >= 0)
        return code;
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    status = bulla_client_boot_after(&device.client, &reset, &result);
    if (status == BULLA_OK && result.verdict != BULLA_YES)
        status = BULLA_E_NOTHING_BOOTABLE;
    device_boot_reason(&device, &result, status, why, sizeof(why));
    control_tell_boot(tool, &device, &result, status, why, tool->doc);
    return device_end(tool, &device, status, status == BULLA_OK ? "" : why);
}

int device_alive(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    struct bulla_boots boots;
    bool found = false;
    unsigned counted =
        bulla_state_get_boots(&device.client.state, &boots, &found) == BULLA_OK ? boots.crashes : 0;
    status = bulla_client_alive(&device.client);
    if (status == BULLA_OK && !device.client.has_running)
        host_say(tool, "nothing was booted yet: no crash counts");
    else if (status == BULLA_OK)
        host_say(tool, "no crash counts against %s%s", device_running_name(&device),
                 counted > 0 ? " any more" : ", and none did");
    add(tool, "forgotten", json_integer(status == BULLA_OK ? counted : 0));
    return device_end(tool, &device, status, "");
}

int device_reject(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    status = bulla_client_reject(&device.client);
    if (status == BULLA_OK) {
        host_say(tool, "%s is rejected; the next boot takes the fall-back",
                 device_running_name(&device));
        add(tool, "slot", json_string(device_running_name(&device)));
    }
    return device_end(tool, &device, status, "");
}
