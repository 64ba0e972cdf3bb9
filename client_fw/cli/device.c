/* SPDX-License-Identifier: Apache-2.0 */
/* Power on, power off, and how slots and reasons are called. */

#include <stdio.h>
#include <string.h>

#include "device.h"
#include "layout.h"

enum bulla_status device_on(struct device *device, const char *path, char why[FLASH_SIM_WHY_SIZE])
{
    why[0] = '\0';
    memset(device, 0, sizeof(*device));
    enum bulla_status status = flash_sim_open(&device->sim, path, why);
    if (status != BULLA_OK)
        return status;
    status = bulla_client_open(&device->client, flash_sim_flash(&device->sim), device->trust_store,
                               sizeof(device->trust_store));
    if (status == BULLA_E_PARTITION_MAGIC)
        (void)snprintf(
            why, FLASH_SIM_WHY_SIZE,
            "%.100s: %s; if it is no whole flash, `bulla-device inspect` says what it is", path,
            bulla_status_sentence(status));
    return status;
}

void device_off(struct device *device)
{
    flash_sim_close(&device->sim);
}

uint8_t device_slot_code(int32_t slot)
{
    return slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;
}

int32_t device_slot_of(uint8_t code)
{
    return code == BULLA_STATE_SLOT_FACTORY ? BULLA_SLOT_FACTORY : (int32_t)code;
}

const char *device_slot_name(const struct device *device, int32_t slot)
{
    const struct bulla_partition *partition = bulla_layout_slot(&device->client.layout, slot);

    return partition != NULL ? partition->label : "nothing";
}

const struct bulla_partition *device_executed(const struct device *device, int32_t slot)
{
    const struct bulla_layout *layout = &device->client.layout;

    return layout->in_place && slot >= 0 ? &layout->factory : bulla_layout_slot(layout, slot);
}

const char *device_place(const struct device *device, int32_t slot, char *buf, size_t size)
{
    const struct bulla_partition *held = bulla_layout_slot(&device->client.layout, slot);
    const struct bulla_partition *row = device_executed(device, slot);

    if (row == NULL || held == NULL)
        (void)snprintf(buf, size, "running from nothing");
    else
        (void)snprintf(buf, size, "running from partition at %x, type %x [%s]%s%s",
                       (unsigned)row->offset, (unsigned)row->subtype, row->label,
                       row != held ? ", copied from " : "", row != held ? held->label : "");
    return buf;
}

bool device_is_blank(const struct device *device, int32_t slot)
{
    const struct bulla_flash *flash = device->client.flash;
    const struct bulla_partition *row = bulla_layout_slot(&device->client.layout, slot);
    uint8_t start[64];

    if (row == NULL || flash->read(flash->ctx, row->offset, start, sizeof(start)) != BULLA_OK)
        return false;
    for (size_t i = 0; i < sizeof(start); i++) {
        if (start[i] != 0xff)
            return false;
    }
    return true;
}

const char *device_running_name(const struct device *device)
{
    const struct bulla_client *client = &device->client;

    if (!client->has_running)
        return "nothing";
    return device_slot_name(device, device_slot_of(client->running.slot));
}

bool device_is_rejected(const struct device *device, int32_t slot)
{
    const struct bulla_client *client = &device->client;
    const struct bulla_running *running = &client->running;

    if (!client->has_running || !running->trial || device_slot_of(running->slot) != slot)
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (record->seq == running->ota_seq && record->state == BULLA_OTA_INVALID)
            return true;
    }
    return false;
}

const char *device_choice_reason(const struct bulla_boot_result *result)
{
    if (result->last_resort)
        return "it failed before, but no other slot verifies";
    if (result->trial && result->trial_boot > 1)
        return "its trial goes on";
    if (result->trial)
        return "a new release has its trial";
    if (result->initial && result->slot >= 0)
        return "otadata was never written, and it is the first slot that verifies";
    if (result->unnamed)
        return "no otadata record names a slot that verifies, and this one does";
    if (result->slot == BULLA_SLOT_FACTORY)
        return "otadata selects no slot, so the factory app runs";
    return "otadata names it";
}

const char *device_boot_reason(const struct device *device, const struct bulla_boot_result *result,
                               enum bulla_status status, char *buf, size_t size)
{
    const char *refused = device_slot_name(device, result->refused_slot);

    if (status != BULLA_OK && result->refused_slot != BULLA_SLOT_NONE)
        (void)snprintf(buf, size, "no slot verifies; %s: %s", refused,
                       bulla_status_sentence(result->refused_why));
    else if (status != BULLA_OK)
        (void)snprintf(buf, size, "%s", bulla_status_sentence(status));
    else if (result->crash_loop)
        (void)snprintf(buf, size,
                       "%s crashed %u times in a row after it was confirmed, so it was left for "
                       "another slot that verifies",
                       refused, (unsigned)result->crashes);
    else if (result->ended_trial != BULLA_SLOT_NONE)
        (void)snprintf(buf, size, "the trial of %s ended without confirmation; %s",
                       device_slot_name(device, result->ended_trial), device_choice_reason(result));
    else if (result->refused_slot != BULLA_SLOT_NONE && result->slot != result->refused_slot)
        (void)snprintf(buf, size, "fall-back: %s was refused (%s: %s)", refused,
                       bulla_status_name(result->refused_why),
                       bulla_status_sentence(result->refused_why));
    else
        (void)snprintf(buf, size, "%s%s", device_choice_reason(result),
                       result->sealed ? "" : " (not sealed)");
    return buf;
}

int device_end(struct host_tool *tool, struct device *device, enum bulla_status status,
               const char *why)
{
    device_off(device);
    return why[0] != '\0' ? host_end(tool, status, "%s", why) : host_end(tool, status, NULL);
}
