/* SPDX-License-Identifier: Apache-2.0 */
/* The factory: table, device state and first app onto a chip, through the same guard as all else.
 */

#include "power.h"

#include <string.h>

static void lay_row(uint8_t *table, size_t *used, uint8_t type, uint8_t subtype, uint32_t offset,
                    uint32_t size, const char *label)
{
    struct bulla_partition row = {.type = type, .subtype = subtype, .offset = offset, .size = size};

    strncpy(row.label, label, sizeof(row.label) - 1);
    bulla_partition_row_encode(&row, table + *used);
    *used += BULLA_PARTITION_ROW_SIZE;
}

static void make_table(const struct kind *kind, uint8_t table[BULLA_PARTITION_TABLE_SIZE])
{
    static const char *const names[] = {"ota_0", "ota_1", "ota_2"};
    uint32_t size = device_slot_size(kind);
    size_t used = 0;

    memset(table, 0xff, BULLA_PARTITION_TABLE_SIZE);
    lay_row(table, &used, BULLA_TYPE_DATA, BULLA_SUBTYPE_DATA_OTA, OTADATA, 0x2000, "otadata");
    if (device_has_factory(kind))
        lay_row(table, &used, BULLA_TYPE_APP, BULLA_SUBTYPE_FACTORY, FIRST_SLOT, size, "factory");
    for (uint32_t i = 0; i < device_slots(kind); i++)
        lay_row(
            table, &used, device_is_in_place(kind) ? BULLA_TYPE_BULLA : BULLA_TYPE_APP,
            (uint8_t)((device_is_in_place(kind) ? BULLA_SUBTYPE_BANK_0 : BULLA_SUBTYPE_OTA_0) + i),
            device_slot_offset(kind, (int32_t)i), size, names[i]);
    lay_row(table, &used, BULLA_TYPE_BULLA, 0, device_state_offset(kind), STATE_SIZE, "bulla");
    if (kind->kit == KIT_MODULES)
        lay_row(table, &used, BULLA_TYPE_BULLA, BULLA_SUBTYPE_MODULES, device_modules_offset(kind),
                AREA_SIZE, "modules");
    bulla_partition_md5_row((struct bulla_bytes){table, used}, table + used);
}

static enum bulla_status wipe(struct device *device)
{
    const struct bulla_flash *flash = &device->guard;
    enum bulla_status status = BULLA_OK;

    for (uint32_t at = 0; status == BULLA_OK && at < flash->size; at += BULLA_SECTOR_SIZE) {
        bool blank = true;
        for (uint32_t i = 0; blank && i < BULLA_SECTOR_SIZE; i++)
            blank = device->sim.bytes[at + i] == 0xff;
        if (!blank || device->sim.unstable != NULL)
            status = flash->erase_sector(flash->ctx, at);
    }
    return status;
}

static enum bulla_status lay_state(struct device *device, struct bulla_state *state)
{
    const struct releases *releases = device->kind->releases;
    struct bulla_identity identity = {.format = (uint8_t)releases->format, .chip_id = 0};
    struct seal_buffer trust;
    enum bulla_status status =
        bulla_state_format(state, &device->guard, &device->client.layout.state);

    memcpy(identity.vendor_id, releases->vendor_id, sizeof(identity.vendor_id));
    memcpy(identity.class_id, releases->class_id, sizeof(identity.class_id));
    seal_trust(&releases->key, &trust);
    if (status == BULLA_OK)
        status = bulla_state_put_twice(state, BULLA_RECORD_TRUST,
                                       (struct bulla_bytes){trust.data, trust.len});
    if (status == BULLA_OK)
        status = bulla_state_put_identity(state, &identity);
    seal_buffer_free(&trust);
    return status;
}

/* What is executed is there once more, to go back to. */
static enum bulla_status lay_bank(struct device *device, struct bulla_state *state,
                                  struct bulla_bytes head)
{
    const struct release *first = &device->kind->releases->all[0];
    enum bulla_status status = bulla_state_put(state, BULLA_RECORD_HEAD, 0, head);

    if (status != BULLA_OK)
        return status;
    return device->guard.program(device, device_slot_offset(device->kind, 0), first->image,
                                 first->size);
}

static enum bulla_status lay_app(struct device *device, struct bulla_state *state)
{
    const struct kind *kind = device->kind;
    const struct release *first = &kind->releases->all[0];
    int32_t slot = device_has_factory(kind) ? BULLA_SLOT_FACTORY : 0;
    uint8_t code = slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : 0;
    struct bulla_bytes head = {first->envelope.data, seal_head_len(&first->envelope)};
    struct bulla_confirmed confirmed = {.sequence = first->sequence};
    struct bulla_installed installed = {.verdict = BULLA_NO};

    enum bulla_status status = bulla_state_put(
        state, BULLA_RECORD_HEAD, code, kind->unsealed ? (struct bulla_bytes){NULL, 0} : head);
    if (status == BULLA_OK)
        status = device->guard.program(device, device_slot_offset(kind, slot), first->image,
                                       first->size);
    if (status == BULLA_OK && kind->layout == LAYOUT_BANKS)
        status = lay_bank(device, state, head);
    if (status == BULLA_OK)
        status = device_open(device);
    if (status == BULLA_OK)
        status = bulla_slot_judge(&device->client, slot, &installed);
    if (status != BULLA_OK || kind->unsealed)
        return status;
    memcpy(confirmed.manifest_digest, installed.manifest_digest, BULLA_DIGEST_SIZE);
    return bulla_state_put_confirmed(state, &confirmed);
}

/* In the order of bulla-device, on a chip that may hold what a cut left of an attempt before. */
enum bulla_status device_provision(struct device *device)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct bulla_state state;

    make_table(device->kind, table);
    device->installing = 0;
    enum bulla_status status = wipe(device);
    if (status == BULLA_OK)
        status = device->guard.program(device, BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table));
    if (status == BULLA_OK)
        status = bulla_layout_decode((struct bulla_bytes){table, sizeof(table)}, device->guard.size,
                                     &device->client.layout);
    if (status == BULLA_OK)
        status = lay_state(device, &state);
    return status == BULLA_OK ? lay_app(device, &state) : status;
}
