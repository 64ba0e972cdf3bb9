/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the records of the device state: docs/FORMAT.md, "Device state". Every content has
 * one length; another one is damage (or another program's), never cut or filled up. */

#include "bulla/mem.h"
#include "bulla/state.h"
#include "crc32.h"
#include "state_log.h"

/* The newest record of a kind without slots, which must have this length. Zeros if there is none:
 * what is decoded from them is empty. */
static enum bulla_status get_exactly(const struct bulla_state *state, enum bulla_record_kind kind,
                                     uint32_t age, uint8_t *bytes, size_t size, bool *found)
{
    size_t len = 0;
    enum bulla_status status = bulla_state_get_aged(state, kind, 0, age, bytes, size, &len, found);

    if (status == BULLA_E_WORKSPACE_TOO_SMALL || (status == BULLA_OK && *found && len != size)) {
        *found = false;
        status = BULLA_E_STATE_DAMAGED;
    }
    if (!*found)
        memset(bytes, 0, size);
    return status;
}

enum bulla_status bulla_state_put_identity(struct bulla_state *state,
                                           const struct bulla_identity *identity)
{
    uint8_t bytes[BULLA_IDENTITY_LEN];

    memcpy(bytes, identity->vendor_id, BULLA_UUID_SIZE);
    memcpy(bytes + 16, identity->class_id, BULLA_UUID_SIZE);
    bytes[32] = identity->format;
    bulla_state_store_u16(bytes + 33, identity->chip_id);
    bulla_state_store_u16(bytes + 35, identity->chip_revision);
    return bulla_state_put_twice(state, BULLA_RECORD_IDENTITY,
                                 (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_identity(const struct bulla_state *state,
                                           struct bulla_identity *identity, bool *found)
{
    uint8_t bytes[BULLA_IDENTITY_LEN];
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_IDENTITY, 0, bytes, sizeof(bytes), found);

    memcpy(identity->vendor_id, bytes, BULLA_UUID_SIZE);
    memcpy(identity->class_id, bytes + 16, BULLA_UUID_SIZE);
    identity->format = bytes[32];
    identity->chip_id = bulla_state_load_u16(bytes + 33);
    identity->chip_revision = bulla_state_load_u16(bytes + 35);
    return status;
}

enum bulla_status bulla_state_put_confirmed(struct bulla_state *state,
                                            const struct bulla_confirmed *confirmed)
{
    uint8_t bytes[BULLA_CONFIRMED_LEN];

    bulla_state_store_u32(bytes, confirmed->sequence);
    memcpy(bytes + 4, confirmed->manifest_digest, BULLA_DIGEST_SIZE);
    return bulla_state_put_twice(state, BULLA_RECORD_CONFIRMED,
                                 (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_confirmed(const struct bulla_state *state,
                                            struct bulla_confirmed *confirmed, bool *found)
{
    uint8_t bytes[BULLA_CONFIRMED_LEN];
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_CONFIRMED, 0, bytes, sizeof(bytes), found);

    confirmed->sequence = bulla_state_load_u32(bytes);
    memcpy(confirmed->manifest_digest, bytes + 4, BULLA_DIGEST_SIZE);
    return status;
}

enum bulla_status bulla_state_put_floor(struct bulla_state *state, uint32_t floor)
{
    uint8_t bytes[BULLA_FLOOR_LEN];

    bulla_state_store_u32(bytes, floor);
    return bulla_state_put_twice(state, BULLA_RECORD_FLOOR,
                                 (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_floor(const struct bulla_state *state, uint32_t *floor)
{
    uint8_t bytes[BULLA_FLOOR_LEN];
    bool found = false;
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_FLOOR, 0, bytes, sizeof(bytes), &found);

    *floor = bulla_state_load_u32(bytes);
    return status;
}

enum bulla_status bulla_state_put_trial(struct bulla_state *state, const struct bulla_trial *trial)
{
    uint8_t bytes[BULLA_TRIAL_LEN];

    memcpy(bytes, trial->manifest_digest, BULLA_DIGEST_SIZE);
    bytes[BULLA_DIGEST_SIZE] = trial->failed;
    return bulla_state_put(state, BULLA_RECORD_TRIAL, 0,
                           (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_trial(const struct bulla_state *state, struct bulla_trial *trial,
                                        bool *found)
{
    uint8_t bytes[BULLA_TRIAL_LEN];
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_TRIAL, 0, bytes, sizeof(bytes), found);

    memcpy(trial->manifest_digest, bytes, BULLA_DIGEST_SIZE);
    trial->failed = bytes[BULLA_DIGEST_SIZE];
    return status;
}

enum bulla_status bulla_state_put_running(struct bulla_state *state,
                                          const struct bulla_running *running)
{
    uint8_t bytes[BULLA_RUNNING_LEN];

    bytes[0] = running->slot;
    bytes[1] = running->trial ? 1 : 0;
    bulla_state_store_u32(bytes + 2, running->ota_seq);
    return bulla_state_put(state, BULLA_RECORD_RUNNING, 0,
                           (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_running(const struct bulla_state *state,
                                          struct bulla_running *running, bool *found)
{
    uint8_t bytes[BULLA_RUNNING_LEN];
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_RUNNING, 0, bytes, sizeof(bytes), found);

    if (bytes[1] > 1) {
        memset(bytes, 0, sizeof(bytes));
        *found = false;
        status = BULLA_E_STATE_DAMAGED;
    }
    running->slot = bytes[0];
    running->trial = bytes[1] == 1;
    running->ota_seq = bulla_state_load_u32(bytes + 2);
    return status;
}

/* Counts belong to one RUNNING record: its counter in the log names it, and no other ever has it.
 */
static enum bulla_status find_running(const struct bulla_state *state, uint32_t *counter)
{
    struct bulla_log_record running;
    bool found = false;
    enum bulla_status status = bulla_log_find(state, BULLA_RECORD_RUNNING, 0, 0, &running, &found);

    *counter = status == BULLA_OK && found ? running.counter : 0;
    return status;
}

enum bulla_status bulla_state_put_boots(struct bulla_state *state, const struct bulla_boots *boots)
{
    uint8_t bytes[BULLA_BOOTS_LEN];
    uint32_t counter = 0;
    /* first, because it may write RUNNING again, under another counter */
    enum bulla_status status = bulla_state_settle(state);

    if (status == BULLA_OK)
        status = find_running(state, &counter);
    if (status != BULLA_OK)
        return status;
    bulla_state_store_u32(bytes, counter);
    bytes[4] = boots->trial;
    bytes[5] = boots->crashes;
    bulla_state_store_u32(bytes + 6, boots->left);
    return bulla_state_put(state, BULLA_RECORD_BOOTS, 0,
                           (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_get_boots(const struct bulla_state *state, struct bulla_boots *boots,
                                        bool *found)
{
    uint8_t bytes[BULLA_BOOTS_LEN];
    uint32_t counter = 0;

    *boots = (struct bulla_boots){0};
    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_BOOTS, 0, bytes, sizeof(bytes), found);
    if (status != BULLA_OK || !*found)
        return status;
    boots->left = bulla_state_load_u32(bytes + 6);
    status = find_running(state, &counter);
    if (status != BULLA_OK || counter == 0 || counter != bulla_state_load_u32(bytes))
        return status;
    boots->trial = bytes[4];
    boots->crashes = bytes[5];
    return BULLA_OK;
}

enum bulla_status bulla_state_put_event(struct bulla_state *state,
                                        const struct bulla_event_record *event)
{
    uint8_t bytes[BULLA_EVENT_LEN];

    bytes[0] = event->what;
    bytes[1] = event->slot;
    bulla_state_store_u16(bytes + 2, event->status);
    bulla_state_store_u32(bytes + 4, event->value);
    return bulla_state_put(state, BULLA_RECORD_EVENT, 0,
                           (struct bulla_bytes){bytes, sizeof(bytes)});
}

enum bulla_status bulla_state_event(const struct bulla_state *state, uint32_t age,
                                    struct bulla_event_record *event, bool *found)
{
    uint8_t bytes[BULLA_EVENT_LEN];

    enum bulla_status status =
        get_exactly(state, BULLA_RECORD_EVENT, age, bytes, sizeof(bytes), found);
    event->what = bytes[0];
    event->slot = bytes[1];
    event->status = bulla_state_load_u16(bytes + 2);
    event->value = bulla_state_load_u32(bytes + 4);
    return status;
}

enum bulla_status bulla_state_get_head(const struct bulla_state *state, uint8_t slot,
                                       uint8_t *buffer, size_t size, size_t *len, bool *found)
{
    return bulla_state_get_aged(state, BULLA_RECORD_HEAD, slot, 0, buffer, size, len, found);
}

enum bulla_status bulla_state_get_aged(const struct bulla_state *state, enum bulla_record_kind kind,
                                       uint8_t slot, uint32_t age, uint8_t *buffer, size_t size,
                                       size_t *len, bool *found)
{
    struct bulla_log_record record = {.len = 0};
    bool known = false;

    *len = 0;
    *found = false;
    enum bulla_status status = bulla_log_find(state, (uint8_t)kind, slot, age, &record, &known);
    if (status != BULLA_OK || !known)
        return status;
    if (record.len > size)
        return BULLA_E_WORKSPACE_TOO_SMALL;
    if (record.len > 0)
        status = bulla_log_read(state, record.at + BULLA_LOG_HEADER_SIZE, buffer, record.len);
    if (status != BULLA_OK)
        return status;
    if (bulla_crc32(0, (struct bulla_bytes){buffer, record.len}) != record.content_crc)
        return BULLA_E_FLASH_READ;
    *len = record.len;
    *found = true;
    return BULLA_OK;
}

enum bulla_status bulla_state_get(const struct bulla_state *state, enum bulla_record_kind kind,
                                  uint8_t slot, uint8_t *buffer, size_t size, size_t *len)
{
    bool found;

    return bulla_state_get_aged(state, kind, slot, 0, buffer, size, len, &found);
}
