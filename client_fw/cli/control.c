/* SPDX-License-Identifier: Apache-2.0 */
/* set-boot and rollback: which slot boots next, and why one may not. */

#include "control.h"

#include <stdio.h>
#include <string.h>

#define WHY_SIZE 512u

/* ---- names of slots ---- */

/* The labels there are, for who asked for another one. */
static void list_slots(const struct device *device, char *buf, size_t size)
{
    const struct bulla_layout *layout = &device->client.layout;
    size_t used = 0;

    buf[0] = '\0';
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)layout->slot_count; slot++) {
        const struct bulla_partition *partition = bulla_layout_slot(layout, slot);
        if (partition == NULL || partition->size == 0)
            continue;
        int n = snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", partition->label);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

static int32_t find_role(const struct bulla_layout *layout, const char *name)
{
    char role[16];

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)layout->slot_count; slot++) {
        const struct bulla_partition *partition = bulla_layout_slot(layout, slot);
        if (slot == BULLA_SLOT_FACTORY)
            (void)snprintf(role, sizeof(role), "factory");
        else
            (void)snprintf(role, sizeof(role), "ota_%d", (int)slot);
        if (partition != NULL && partition->size != 0 && strcmp(name, role) == 0)
            return slot;
    }
    return BULLA_SLOT_NONE;
}

int32_t control_find(const struct device *device, const char *name, char *why, size_t size)
{
    char labels[256];
    int32_t slot = bulla_layout_find(&device->client.layout, name);

    if (slot == BULLA_SLOT_NONE)
        slot = find_role(&device->client.layout, name);
    if (slot != BULLA_SLOT_NONE)
        return slot;
    list_slots(device, labels, sizeof(labels));
    (void)snprintf(why, size, "there is no app slot %.64s, the table has %s", name, labels);
    return BULLA_SLOT_NONE;
}

/* ---- refusals ---- */

void control_explain_trial(struct device *device, char *why, size_t size)
{
    struct bulla_client *client = &device->client;
    int32_t slot = BULLA_SLOT_NONE;

    if (bulla_client_running(client, &slot) != BULLA_OK)
        slot = BULLA_SLOT_NONE;
    const char *label = device_slot_name(device, slot);
    if (device_is_rejected(device, slot))
        (void)snprintf(why, size, "%s was rejected and runs until the next reset: boot first",
                       label);
    else if (client->has_running && device_slot_of(client->running.slot) == slot)
        (void)snprintf(why, size, "%s runs unconfirmed: confirm or reject it first", label);
    else
        (void)snprintf(why, size,
                       "otadata says that another bootloader started %s for a trial: boot, confirm "
                       "or reject first",
                       label);
}

void control_advise_extract(char *why, size_t size)
{
    size_t used = strlen(why);

    (void)snprintf(why + used, size - used,
                   "; what runs is untouched. Whoever publishes it: cut the app out with "
                   "`bulla-sign extract`, then seal that");
}

/* What the slot holds instead of something that may boot. */
static void explain_slot(struct device *device, int32_t slot, enum bulla_status status, char *why,
                         size_t size)
{
    struct bulla_client *client = &device->client;
    const char *label = device_slot_name(device, slot);
    struct bulla_installed held = {.verdict = BULLA_NO};
    char text[256];

    if (status == BULLA_E_TRIAL_PENDING) {
        control_explain_trial(device, why, size);
        return;
    }
    if (status == BULLA_E_TRIAL_FAILED_BEFORE) {
        (void)snprintf(why, size,
                       "the release in %s failed its trial three times: install it again with "
                       "`update --retry`, or a newer one",
                       label);
        return;
    }
    enum bulla_status judged = bulla_slot_judge(client, slot, &held);
    host_explain(status, NULL, &client->device, &client->espimage.facts, text, sizeof(text));
    if (!held.sealed && device_is_blank(device, slot))
        (void)snprintf(why, size, "%s is empty", label);
    else if (judged != status)
        (void)snprintf(why, size, "%s: %s", label, text);
    else if (held.sealed && held.sequence != 0)
        (void)snprintf(why, size, "%s holds the release with sequence %u: %s", label,
                       (unsigned)held.sequence, text);
    else if (held.sealed)
        (void)snprintf(why, size, "%s has a stored envelope that is refused: %s", label, text);
    else
        (void)snprintf(why, size, "%s holds what no stored envelope speaks for: %s", label, text);
}

void control_explain_factory(struct device *device, const struct arguments *arguments, char *why,
                             size_t size)
{
    const struct bulla_layout *layout = &device->client.layout;
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    int32_t running = BULLA_SLOT_NONE;

    if (layout->in_place)
        (void)snprintf(why, size,
                       "--factory: on this layout the factory partition is where every "
                       "release is run from; update without --factory");
    else if (layout->factory.size == 0 || layout->slot_count < 2)
        (void)snprintf(why, size, "--factory needs a layout with a factory app and two OTA slots");
    else if (arguments->recovery)
        (void)snprintf(why, size, "--factory needs an OTA slot that runs: not with --recovery");
    else if (bulla_client_running(&device->client, &running) == BULLA_OK &&
             running == BULLA_SLOT_FACTORY)
        (void)snprintf(why, size,
                       "the factory app is what runs: boot an OTA slot first, then --factory");
    else if (bulla_client_predict(&device->client, &next) == BULLA_OK &&
             next.slot == BULLA_SLOT_FACTORY)
        (void)snprintf(why, size,
                       "the factory app is what boots next: `rollback --cancel` keeps what runs, "
                       "then --factory");
    else
        (void)snprintf(why, size, "no OTA slot runs that could replace the factory app");
}

/* ---- the commands ---- */

static void add_slot(struct host_tool *tool, const struct device *device, int32_t slot)
{
    if (tool->json)
        json_object_set_new(tool->doc, "slot", json_string(device_slot_name(device, slot)));
}

/* Was it selected for a trial? Whoever does not expect one loses it at the next reset. */
static bool add_trial(struct host_tool *tool, struct device *device, int32_t slot)
{
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    bool trial =
        bulla_client_predict(&device->client, &next) == BULLA_OK && next.slot == slot && next.trial;

    if (tool->json)
        json_object_set_new(tool->doc, "trial", json_boolean(trial));
    return trial;
}

int device_set_boot(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    int code = restart_parse(tool, arguments);
    if (code >= 0)
        return code;
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    int32_t slot = control_find(&device, arguments->name, why, sizeof(why));
    if (slot == BULLA_SLOT_NONE)
        return device_end(tool, &device, BULLA_E_SLOT_UNKNOWN, why);
    status = bulla_client_set_boot(&device.client, slot);
    if (status == BULLA_OK) {
        bool trial = add_trial(tool, &device, slot);
        host_say(tool, "%s boots next%s", device_slot_name(&device, slot),
                 trial ? " for a trial: confirm it once it works" : "");
        add_slot(tool, &device, slot);
    } else {
        explain_slot(&device, slot, status, why, sizeof(why));
    }
    return restart_end(tool, arguments, &device, status, why, true);
}

static void explain_rollback(const struct arguments *arguments, const struct device *device,
                             enum bulla_status status, char *why, size_t size)
{
    if (status == BULLA_E_NO_FALLBACK)
        (void)snprintf(why, size,
                       "there is nothing to go back to: no other slot holds an app that verifies, "
                       "is not below the floor, and worked before");
    else if (status == BULLA_E_TRIAL_FAILED_BEFORE)
        (void)snprintf(why, size,
                       "the release to go back to failed its trial three times: install it again "
                       "with `update --retry`, or a newer one");
    else if (status == BULLA_E_NO_TRIAL && arguments->cancel)
        (void)snprintf(why, size, "%s was rejected, and that stays; install the release again",
                       device_running_name(device));
    else
        (void)snprintf(why, size, "%s", bulla_status_sentence(status));
}

int device_rollback(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    int32_t slot = BULLA_SLOT_NONE;
    int code = restart_parse(tool, arguments);
    if (code >= 0)
        return code;
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    bool was_trial = bulla_client_in_trial(&device.client);
    status = arguments->cancel ? bulla_client_rollback_cancel(&device.client, &slot)
                               : bulla_client_rollback(&device.client, &slot);
    if (status != BULLA_OK) {
        explain_rollback(arguments, &device, status, why, sizeof(why));
        return device_end(tool, &device, status, why);
    }
    const char *label = device_slot_name(&device, slot);
    bool trial = add_trial(tool, &device, slot) && !arguments->cancel;
    if (arguments->cancel && was_trial)
        host_say(tool, "%s stays selected; it still has to be confirmed", label);
    else if (arguments->cancel)
        host_say(tool, "%s stays selected", label);
    else
        host_say(tool, "%s boots next%s%s", label, trial ? " for a trial" : "",
                 was_trial ? "; what runs is rejected" : "; rollback --cancel takes it back");
    add_slot(tool, &device, slot);
    return restart_end(tool, arguments, &device, BULLA_OK, "", true);
}
