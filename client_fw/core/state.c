/* SPDX-License-Identifier: Apache-2.0 */
/* The device state: which half counts, when records are added or copied to the other half. The
 * bytes of a half are state_log.c's part, what the records mean is state_records.c's.
 *
 * How it stays whole at a power cut: a record counts once its two CRCs are right, so a torn one
 * was never there; what is torn is never programmed over, the next put copies the live records
 * to the other half; and the other half counts once its header is right, which is programmed
 * after everything else in it was read back. */

#include "bulla/state.h"

#include "bulla/limits.h"
#include "bulla/mem.h"
#include "crc32.h"
#include "state_log.h"

/* One generation costs one erase of a half, and no NOR flash lives through 2^32 of them: an
 * ordinary comparison orders generations and wrapping needs no rule. */
#define GENERATION_MAX 0xffffffffu

/* ---- room ---- */

/* Those that come and change while a device runs: for them room is kept. */
static const struct {
    enum bulla_record_kind kind;
    uint16_t len;
} small[] = {
    {BULLA_RECORD_IDENTITY, BULLA_IDENTITY_LEN},   {BULLA_RECORD_FLOOR, BULLA_FLOOR_LEN},
    {BULLA_RECORD_CONFIRMED, BULLA_CONFIRMED_LEN}, {BULLA_RECORD_TRIAL, BULLA_TRIAL_LEN},
    {BULLA_RECORD_RUNNING, BULLA_RUNNING_LEN},     {BULLA_RECORD_EVENT, BULLA_EVENT_LEN},
};

static const enum bulla_record_kind kept_twice[] = {
    BULLA_RECORD_TRUST,
    BULLA_RECORD_IDENTITY,
    BULLA_RECORD_CONFIRMED,
    BULLA_RECORD_FLOOR,
};

static bool is_small(uint8_t kind)
{
    bool found = false;

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        found = found || small[i].kind == (enum bulla_record_kind)kind;
    return found;
}

uint32_t bulla_state_footprint(uint32_t trust_len, uint32_t copies, uint32_t heads)
{
    uint32_t sum = BULLA_LOG_HEADER_SIZE + copies * bulla_log_footprint((uint16_t)trust_len) +
                   heads * bulla_log_footprint(BULLA_HEAD_MAX);

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        sum += bulla_log_copies((uint8_t)small[i].kind) * bulla_log_footprint(small[i].len);
    return sum;
}

uint32_t bulla_state_room(const struct bulla_partition *partition)
{
    uint32_t half = partition->size / 2 / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;

    if (partition->size < BULLA_STATE_SIZE_MIN || partition->size % BULLA_SECTOR_SIZE != 0 ||
        partition->offset % BULLA_SECTOR_SIZE != 0)
        return 0;
    return half < BULLA_STATE_HALF_MAX ? half : BULLA_STATE_HALF_MAX;
}

/* ---- compaction ---- */

/* Does this record outlive the arrival of `fresh`? `after` is the cursor behind it. */
static enum bulla_status is_live(const struct bulla_state *state, struct bulla_log_cursor after,
                                 const struct bulla_log_record *record,
                                 const struct bulla_log_record *fresh, bool *live)
{
    uint32_t room = bulla_log_copies(record->kind);
    uint32_t newer = record->kind == fresh->kind && record->slot == fresh->slot ? 1 : 0;
    uint32_t lost = 0;
    bool found, whole;
    struct bulla_log_record later;
    enum bulla_status status = bulla_log_check(state, record, &found);

    *live = false;
    while (status == BULLA_OK && found && newer < room) {
        status =
            bulla_log_next_match(state, &after, record->kind, record->slot, &later, &whole, &found);
        if (status != BULLA_OK)
            break;
        newer += found && whole ? 1 : 0;
        lost += found && !whole ? 1 : 0;
        *live = !found && !bulla_log_is_lost(record->kind, 1, lost);
    }
    return status;
}

/* What a walk through the half found to be kept. */
struct survivors {
    uint32_t size;  /* room they take */
    uint32_t large; /* of it, those that are none of the small records */
    uint32_t where; /* CRC over their places */
};

/* The records that outlive `fresh`, and with `to` a copy of each. */
static enum bulla_status carry_over(const struct bulla_state *state,
                                    const struct bulla_log_record *fresh, struct bulla_state *to,
                                    struct survivors *kept)
{
    struct bulla_log_cursor cursor = {.at = BULLA_LOG_HEADER_SIZE};

    *kept = (struct survivors){0};
    for (;;) {
        struct bulla_log_record record;
        uint8_t place[4];
        bool found, live;
        enum bulla_status status = bulla_log_next(state, &cursor, &record, &found);
        if (status != BULLA_OK || !found)
            return status;
        status = is_live(state, cursor, &record, fresh, &live);
        if (status != BULLA_OK)
            return status;
        if (!live)
            continue;
        bulla_state_store_u32(place, record.at);
        kept->size += bulla_log_footprint(record.len);
        kept->large += is_small(record.kind) ? 0 : bulla_log_footprint(record.len);
        kept->where = bulla_crc32(kept->where, (struct bulla_bytes){place, sizeof(place)});
        if (to == NULL)
            continue;
        struct bulla_log_source source = {.from = state, .at = record.at + BULLA_LOG_HEADER_SIZE};
        status = bulla_log_append(to, &record, &source);
        if (status != BULLA_OK)
            return status;
    }
}

/* Take the header of the outdated half away, so that damage to the active header can never bring
 * an older sequence or floor back. A half that cannot be erased stays: it loses against the
 * higher generation, and the next compaction will report it. */
static void retire(struct bulla_state *state)
{
    uint32_t other = bulla_log_offset(state, 1 - state->active);

    if (state->stale && state->flash->erase_sector(state->flash->ctx, other) == BULLA_OK)
        state->stale = false;
}

/* The live records and a fresh one into the other half, which then wins. */
static enum bulla_status compact(struct bulla_state *state, const struct bulla_log_record *fresh,
                                 const struct bulla_log_source *source)
{
    struct bulla_state to = *state;
    struct survivors planned, copied;
    enum bulla_status status = carry_over(state, fresh, NULL, &planned);

    if (status != BULLA_OK)
        return status;
    /* planned.size <= half - BULLA_LOG_HEADER_SIZE: the records lie side by side in this half */
    if (bulla_log_footprint(fresh->len) > state->half - BULLA_LOG_HEADER_SIZE - planned.size ||
        state->generation == GENERATION_MAX)
        return BULLA_E_STATE_FULL;

    to.active = 1 - state->active;
    to.generation = state->generation + 1;
    to.end = BULLA_LOG_HEADER_SIZE;
    status = bulla_log_erase(&to);
    if (status == BULLA_OK)
        status = carry_over(state, fresh, &to, &copied);
    if (status == BULLA_OK)
        status = bulla_log_append(&to, fresh, source);
    if (status != BULLA_OK)
        return status;
    /* Here alone a record is forgotten for good. If a bit was misread on either walk they kept
     * different ones; then nothing has been decided yet. */
    if (copied.size != planned.size || copied.where != planned.where)
        return BULLA_E_FLASH_READ;

    /* If this fails, the other half may count all the same after the next power-on: nothing may
     * be appended here, or be found unchanged here, before it has been erased. */
    state->dirty = true;
    status = bulla_log_write_header(&to);
    if (status != BULLA_OK)
        return status;
    to.dirty = false;
    to.stale = true;
    *state = to;
    retire(state);
    return BULLA_OK;
}

/* ---- open, format, put, get ---- */

/* Geometry of the halves. A partition that is too small or crooked cannot hold a state. */
static enum bulla_status locate(struct bulla_state *state, const struct bulla_flash *flash,
                                const struct bulla_partition *partition)
{
    if (bulla_state_room(partition) == 0)
        return BULLA_E_STATE_FULL;
    if (partition->offset > flash->size || partition->size > flash->size - partition->offset)
        return BULLA_E_PARTITION_BOUNDS;

    *state = (struct bulla_state){
        .flash = flash,
        .offset = partition->offset,
        .half = bulla_state_room(partition),
        .end = BULLA_LOG_HEADER_SIZE,
    };
    return BULLA_OK;
}

/* Walk through the half once: where it ends, the last counter, and whether all of it is whole. */
static enum bulla_status replay(struct bulla_state *state)
{
    struct bulla_log_cursor cursor = {.at = BULLA_LOG_HEADER_SIZE};
    uint32_t end = BULLA_LOG_HEADER_SIZE; /* behind the last record */
    uint32_t used = 0;
    enum bulla_status status = bulla_log_measure(state, &used);

    if (status != BULLA_OK)
        return status;
    state->end = used;
    for (;;) {
        struct bulla_log_record record;
        bool found = false, whole = false;

        status = bulla_log_next(state, &cursor, &record, &found);
        if (status != BULLA_OK)
            return status;
        if (!found)
            break;
        status = bulla_log_check(state, &record, &whole);
        if (status != BULLA_OK)
            return status;
        if (!whole || record.at != end || record.mended)
            state->dirty = true;
        end = record.at + bulla_log_footprint(record.len);
    }
    if (used > end)
        state->dirty = true;
    state->end = used > end ? used : end;
    state->counter = cursor.counter;
    return BULLA_OK;
}

/* Has anything that is kept twice rotted in both copies? Of heads, each is asked for alone. */
static enum bulla_status find_losses(struct bulla_state *state)
{
    for (size_t i = 0; i < sizeof(kept_twice) / sizeof(kept_twice[0]); i++) {
        struct bulla_log_record record;
        bool found;
        enum bulla_status status =
            bulla_log_find(state, (uint8_t)kept_twice[i], 0, 0, &record, &found);
        if (status == BULLA_E_STATE_DAMAGED)
            state->damaged = true;
        else if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

/* No half has a header: was there ever anything? */
static enum bulla_status judge_headless(const struct bulla_state half[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t used;
        enum bulla_status status = bulla_log_measure(&half[i], &used);
        if (status != BULLA_OK)
            return status;
        if (used != 0)
            return BULLA_E_STATE_DAMAGED;
    }
    return BULLA_E_STATE_EMPTY;
}

enum bulla_status bulla_state_open(struct bulla_state *state, const struct bulla_flash *flash,
                                   const struct bulla_partition *partition)
{
    struct bulla_state half[2] = {{.half = 0}, {.half = 0}};
    bool whole[2] = {false, false};

    *state = (struct bulla_state){0};
    for (uint32_t i = 0; i < 2; i++) {
        enum bulla_status status = locate(&half[i], flash, partition);
        if (status != BULLA_OK)
            return status;
        half[i].active = i;
        status = bulla_log_read_header(&half[i], &whole[i]);
        if (status != BULLA_OK)
            return status;
    }
    if (!whole[0] && !whole[1])
        return judge_headless(half);

    bool second = whole[1] && (!whole[0] || half[1].generation > half[0].generation);
    struct bulla_state *winner = &half[second ? 1 : 0];
    enum bulla_status status = replay(winner);
    if (status == BULLA_OK)
        status = find_losses(winner);
    if (status != BULLA_OK)
        return status;
    winner->stale = whole[0] && whole[1];
    *state = *winner;
    return BULLA_OK;
}

enum bulla_status bulla_state_format(struct bulla_state *state, const struct bulla_flash *flash,
                                     const struct bulla_partition *partition)
{
    struct bulla_state fresh;

    *state = (struct bulla_state){0};
    enum bulla_status status = locate(&fresh, flash, partition);
    if (status != BULLA_OK)
        return status;
    for (uint32_t i = 0; status == BULLA_OK && i < 2; i++) {
        fresh.active = 1 - i;
        status = bulla_log_erase(&fresh);
    }
    if (status != BULLA_OK)
        return status;
    fresh.generation = 1;
    status = bulla_log_write_header(&fresh);
    if (status != BULLA_OK)
        return status;
    *state = fresh;
    return BULLA_OK;
}

/* Is this exactly what record number `age` of its kind and slot says? */
static enum bulla_status is_unchanged(const struct bulla_state *state,
                                      const struct bulla_log_record *fresh,
                                      const struct bulla_log_source *source, uint32_t age,
                                      bool *same)
{
    uint8_t bytes[64];
    struct bulla_log_record newest;
    enum bulla_status status = bulla_log_find(state, fresh->kind, fresh->slot, age, &newest, same);

    if (status == BULLA_E_STATE_DAMAGED) {
        *same = false;
        return BULLA_OK;
    }
    if (status != BULLA_OK || !*same)
        return status;
    *same = newest.len == fresh->len;
    for (uint32_t done = 0; *same && done < fresh->len; done += (uint32_t)sizeof(bytes)) {
        uint32_t left = fresh->len - done;
        uint32_t n = left < sizeof(bytes) ? left : (uint32_t)sizeof(bytes);

        status = bulla_log_read(state, newest.at + BULLA_LOG_HEADER_SIZE + done, bytes, n);
        if (status != BULLA_OK)
            return status;
        *same = memcmp(bytes, source->bytes + done, n) == 0;
    }
    return BULLA_OK;
}

/* Would every small record still fit beside this head and what else stays? */
static enum bulla_status leaves_room(const struct bulla_state *state,
                                     const struct bulla_log_record *fresh)
{
    struct survivors kept;
    enum bulla_status status = carry_over(state, fresh, NULL, &kept);
    if (status != BULLA_OK)
        return status;
    /* all three are at most a half */
    uint32_t need = bulla_state_footprint(0, 0, 0) + kept.large + bulla_log_footprint(fresh->len);
    return need <= state->half ? BULLA_OK : BULLA_E_STATE_FULL;
}

/* One record, unless the newest `copies` say it already. */
static enum bulla_status put(struct bulla_state *state, enum bulla_record_kind kind, uint8_t slot,
                             struct bulla_bytes content, uint32_t copies)
{
    if (state->half == 0)
        return BULLA_E_STATE_EMPTY;
    if (state->damaged)
        return BULLA_E_STATE_DAMAGED;
    if (content.len > UINT16_MAX || state->counter == UINT32_MAX)
        return BULLA_E_STATE_FULL;

    struct bulla_log_source source = {.bytes = content.data};
    struct bulla_log_record fresh = {.kind = (uint8_t)kind,
                                     .slot = slot,
                                     .len = (uint16_t)content.len,
                                     .counter = state->counter + 1,
                                     .content_crc = bulla_crc32(0, content)};
    enum bulla_status status = BULLA_OK;
    bool same = kind != BULLA_RECORD_EVENT && !state->dirty;
    for (uint32_t age = 0; same && age < copies && status == BULLA_OK; age++)
        status = is_unchanged(state, &fresh, &source, age, &same);
    if (status != BULLA_OK || same)
        return status;
    if (kind == BULLA_RECORD_HEAD)
        status = leaves_room(state, &fresh);
    if (status != BULLA_OK)
        return status;
    if (state->dirty || bulla_log_footprint(fresh.len) > state->half - state->end)
        return compact(state, &fresh, &source);

    retire(state);
    fresh.at = state->end;
    status = bulla_log_append(state, &fresh, &source);
    if (status != BULLA_OK)
        state->dirty = true; /* torn, or whole and yet reported as failed: not to be built upon */
    return status;
}

enum bulla_status bulla_state_put(struct bulla_state *state, enum bulla_record_kind kind,
                                  uint8_t slot, struct bulla_bytes content)
{
    return put(state, kind, slot, content, 1);
}

enum bulla_status bulla_state_put_twice(struct bulla_state *state, enum bulla_record_kind kind,
                                        struct bulla_bytes content)
{
    enum bulla_status status = put(state, kind, 0, content, 2);

    return status == BULLA_OK ? put(state, kind, 0, content, 2) : status;
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
