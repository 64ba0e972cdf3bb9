/* SPDX-License-Identifier: Apache-2.0 */
/* boot, alive, reject, set-boot: one call of the client each, and what it said. */

#include <stdio.h>
#include <string.h>

#include "device.h"

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

static void tell_boot(struct host_tool *tool, const struct device *device,
                      const struct bulla_boot_result *result, const char *why)
{
    const char *label = device_slot_name(device, result->slot);

    host_say(tool, "%s", label);
    if (!tool->json)
        host_note(tool, "%s runs%s: %s", label, result->trial ? " for a trial" : "", why);
    if (!tool->json && result->repaired)
        host_note(tool, "otadata was rewritten to name what runs");
    add(tool, "slot", json_string(label));
    add(tool, "why", json_string(why));
    add(tool, "trial", json_boolean(result->trial));
    add(tool, "trial_boot", json_integer(result->trial_boot));
    add(tool, "sealed", json_boolean(result->sealed));
    add(tool, "fell_back", json_boolean(result->fell_back));
    add(tool, "crash_loop", json_boolean(result->crash_loop));
    add(tool, "crashes", json_integer(result->crashes));
    add(tool, "repaired", json_boolean(result->repaired));
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
    if (status == BULLA_OK) {
        tell_boot(tool, &device, &result, why);
    } else {
        add(tool, "slot", json_null());
        add(tool, "why", json_string(why));
    }
    return device_end(tool, &device, status, status == BULLA_OK ? "" : why);
}

int device_alive(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    status = bulla_client_alive(&device.client);
    if (status == BULLA_OK)
        host_say(tool, "no crash counts against %s", device_running_name(&device));
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

/* The labels there are, for who asked for another one. */
static void list_slots(const struct device *device, char *buf, size_t size)
{
    const struct bulla_layout *layout = &device->client.layout;
    size_t used = 0;

    buf[0] = '\0';
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)layout->slot_count; slot++) {
        const struct bulla_partition *partition = bulla_layout_slot(layout, slot);
        if (partition == NULL)
            continue;
        int n = snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", partition->label);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

int device_set_boot(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    int32_t slot = bulla_layout_find(&device.client.layout, arguments->name);
    if (slot == BULLA_SLOT_NONE) {
        char labels[256];
        list_slots(&device, labels, sizeof(labels));
        (void)snprintf(why, sizeof(why), "there is no app slot %.64s, the table has %s",
                       arguments->name, labels);
        return device_end(tool, &device, BULLA_E_SLOT_UNKNOWN, why);
    }
    status = bulla_client_set_boot(&device.client, slot);
    if (status == BULLA_OK) {
        host_say(tool, "%s boots next", device_slot_name(&device, slot));
        add(tool, "slot", json_string(device_slot_name(&device, slot)));
    } else {
        (void)snprintf(why, sizeof(why), "%s: %s", device_slot_name(&device, slot),
                       bulla_status_sentence(status));
    }
    return device_end(tool, &device, status, why);
}
