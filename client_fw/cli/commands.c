/* SPDX-License-Identifier: Apache-2.0 */
/* boot, confirm, reject, set-boot: one call of the client each, and what it said. */

#include <stdio.h>
#include <string.h>

#include "device.h"

#define WHY_SIZE 512u

static void add(struct host_tool *tool, const char *key, json_t *value)
{
    if (tool->json)
        json_object_set_new(tool->doc, key, value);
    else
        json_decref(value);
}

int device_boot(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    status = bulla_client_boot(&device.client, &result);
    if (status == BULLA_OK && result.verdict != BULLA_YES)
        status = BULLA_E_NOTHING_BOOTABLE;
    device_boot_reason(&device, &result, status, why, sizeof(why));
    if (status == BULLA_OK) {
        const char *label = device_slot_name(&device, result.slot);
        host_say(tool, "%s", label);
        if (!tool->json)
            host_note(tool, "%s runs%s: %s", label, result.trial ? " for a trial" : "", why);
        if (!tool->json && result.repaired)
            host_note(tool, "otadata was rewritten to name what runs");
        add(tool, "slot", json_string(label));
        add(tool, "why", json_string(why));
        add(tool, "trial", json_boolean(result.trial));
        add(tool, "sealed", json_boolean(result.sealed));
        add(tool, "fell_back", json_boolean(result.fell_back));
        add(tool, "repaired", json_boolean(result.repaired));
    } else {
        add(tool, "slot", json_null());
        add(tool, "why", json_string(why));
    }
    return device_end(tool, &device, status, status == BULLA_OK ? "" : why);
}

/* What the running slot is called, for the commands that speak for it. */
static const char *running_name(const struct device *device)
{
    const struct bulla_client *client = &device->client;

    if (!client->has_running)
        return "nothing";
    return device_slot_name(device, device_slot_of(client->running.slot));
}

int device_confirm(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    bool was_trial = bulla_client_in_trial(&device.client);
    status = bulla_client_confirm(&device.client);
    if (status == BULLA_OK) {
        const char *label = running_name(&device);
        if (device.client.has_confirmed)
            host_say(tool, "%s %s; sequence %u, floor %u", label,
                     was_trial ? "is confirmed" : "was confirmed before",
                     (unsigned)device.client.confirmed.sequence, (unsigned)device.client.floor);
        else
            host_say(tool, "%s was confirmed before", label);
        add(tool, "slot", json_string(label));
        add(tool, "sequence",
            device.client.has_confirmed ? json_integer(device.client.confirmed.sequence)
                                        : json_null());
        add(tool, "floor", json_integer(device.client.floor));
    }
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
        host_say(tool, "%s is rejected; the next boot takes the fall-back", running_name(&device));
        add(tool, "slot", json_string(running_name(&device)));
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
