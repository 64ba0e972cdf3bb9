/* SPDX-License-Identifier: Apache-2.0 */
/* When an otadata sector may be rewritten. ESP-IDF erases the record it changes and hopes; here
 * every change leaves, at each instant, either the old choice or the new one:
 *
 *   - a record that selects what works is never erased to write about something else;
 *   - a state is changed in place only while the other record (or the factory app) is good;
 *   - a new record goes into the other sector, with a number above what stays.
 *
 * docs/DESIGN.md, "otadata", has the table of transitions. */

#include "bulla/mem.h"
#include "parts.h"

bool bulla_record_whole(const struct bulla_ota_record *record)
{
    return record->seq != BULLA_OTA_SEQ_NONE && record->crc == bulla_ota_crc(record->seq);
}

int32_t bulla_record_find(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot,
                          bool selectable)
{
    int32_t found = -1;

    if (slot < 0 || slot_count == 0)
        return -1;
    for (int32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &otadata->record[i];
        if (!bulla_record_whole(record) || (selectable && !bulla_ota_is_valid(record)) ||
            bulla_ota_slot_of(record->seq, slot_count) != (uint32_t)slot)
            continue;
        if (found < 0 || record->seq > otadata->record[found].seq)
            found = i;
    }
    return found;
}

int32_t bulla_record_of_running(const struct bulla_client *client, int32_t running)
{
    uint32_t count = client->layout.slot_count;
    int32_t found = bulla_record_find(&client->otadata, count, running, true);

    return found >= 0 ? found : bulla_record_find(&client->otadata, count, running, false);
}

uint32_t bulla_record_spare(const struct bulla_otadata *otadata)
{
    int32_t active = bulla_ota_active(otadata);

    if (active >= 0)
        return 1u - (uint32_t)active;
    /* neither selects anything: give up the one that says least */
    if (!bulla_record_whole(&otadata->record[0]))
        return 0;
    if (!bulla_record_whole(&otadata->record[1]))
        return 1;
    return otadata->record[0].seq <= otadata->record[1].seq ? 0 : 1;
}

/* After a failed write the copy in memory must not tell what flash does not hold. */
static enum bulla_status settle(struct bulla_client *client, enum bulla_status status)
{
    if (status == BULLA_OK)
        return bulla_otadata_read(client->flash, &client->layout.otadata, &client->otadata);
    if (bulla_otadata_read(client->flash, &client->layout.otadata, &client->otadata) != BULLA_OK)
        memset(&client->otadata, 0xff, sizeof(client->otadata));
    return status;
}

static enum bulla_status rewrite(struct bulla_client *client, uint32_t index, uint32_t seq,
                                 uint32_t state)
{
    struct bulla_ota_record record = client->otadata.record[index]; /* the label stays */

    record.seq = seq;
    record.state = state;
    return settle(client,
                  bulla_otadata_write(client->flash, &client->layout.otadata, index, &record));
}

enum bulla_status bulla_record_mark(struct bulla_client *client, uint32_t index, uint32_t state)
{
    return rewrite(client, index, client->otadata.record[index].seq, state);
}

enum bulla_status bulla_record_drop(struct bulla_client *client, uint32_t index)
{
    return settle(client, bulla_otadata_drop(client->flash, &client->layout.otadata, index));
}

/* The number of a new record in `into`. *restate is 0, or numbers have run out above a record that
 * is needed: it must first be said again under that small number. */
static enum bulla_status number(const struct bulla_client *client, uint32_t into, int32_t slot,
                                uint32_t *seq, uint32_t *restate)
{
    uint32_t count = client->layout.slot_count;
    const struct bulla_ota_record *other = &client->otadata.record[1u - into];

    *restate = 0;
    if (slot < 0 || (uint32_t)slot >= count)
        return BULLA_E_SLOT_UNKNOWN;
    enum bulla_status status =
        bulla_ota_next_seq(bulla_record_whole(other) ? other->seq : 0, (uint32_t)slot, count, seq);
    if (status != BULLA_E_OTADATA_FULL)
        return status;
    if (bulla_ota_is_valid(other)) {
        status = bulla_ota_next_seq(0, bulla_ota_slot_of(other->seq, count), count, restate);
        if (status != BULLA_OK)
            return status;
    }
    return bulla_ota_next_seq(*restate, (uint32_t)slot, count, seq);
}

enum bulla_status bulla_record_number(const struct bulla_client *client, uint32_t into,
                                      int32_t slot, uint32_t *seq)
{
    uint32_t restate = 0;

    return number(client, into, slot, seq, &restate);
}

enum bulla_status bulla_record_name(struct bulla_client *client, uint32_t into, int32_t slot,
                                    uint32_t state)
{
    uint32_t seq = 0;
    uint32_t restate = 0;
    enum bulla_status status = number(client, into, slot, &seq, &restate);
    if (status != BULLA_OK)
        return status;
    if (restate != 0) {
        /* the large number still wins until it is erased for the new record */
        status = rewrite(client, into, restate, client->otadata.record[1u - into].state);
        if (status != BULLA_OK)
            return status;
        into = 1u - into;
    }
    return rewrite(client, into, seq, state);
}

enum bulla_status bulla_record_confirm(struct bulla_client *client, uint32_t index, bool again)
{
    uint32_t count = client->layout.slot_count;
    const struct bulla_ota_record *record = &client->otadata.record[index];
    const struct bulla_ota_record *other = &client->otadata.record[1u - index];
    uint32_t slot = bulla_ota_slot_of(record->seq, count);
    /* in place the factory app is what is being confirmed */
    bool has_fallback = (client->layout.factory.size != 0 && !client->layout.in_place) ||
                        (bulla_ota_is_valid(other) && bulla_ota_slot_of(other->seq, count) != slot);

    if (record->state == BULLA_OTA_VALID && !again)
        return BULLA_OK;
    if (has_fallback)
        return bulla_record_mark(client, index, BULLA_OTA_VALID);
    /* nothing else is worth booting: the old record stays until the new one is whole */
    enum bulla_status status =
        bulla_record_name(client, 1u - index, (int32_t)slot, BULLA_OTA_VALID);
    if (status != BULLA_OK)
        return status;
    int32_t named = bulla_ota_active(&client->otadata);
    return named < 0 ? BULLA_E_FLASH_READBACK : bulla_record_drop(client, 1u - (uint32_t)named);
}

enum bulla_status bulla_record_keep_running(struct bulla_client *client, int32_t running)
{
    uint32_t count = client->layout.slot_count;

    if (running < 0 || bulla_record_find(&client->otadata, count, running, false) >= 0)
        return BULLA_OK;
    return bulla_record_name(client, bulla_record_spare(&client->otadata), running,
                             BULLA_OTA_VALID);
}
