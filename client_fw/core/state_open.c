/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the device state: where its halves lie, which of them counts and what is in it; and a new
 * empty one. What is done with it then is state.c's part. */

#include "bulla/state.h"

#include "bulla/limits.h"
#include "bulla/mem.h"
#include "state_log.h"

#define LOOKS 6u

static const enum bulla_record_kind kept_twice[] = {
    BULLA_RECORD_TRUST,
    BULLA_RECORD_IDENTITY,
    BULLA_RECORD_CONFIRMED,
    BULLA_RECORD_FLOOR,
};

uint32_t bulla_state_room(const struct bulla_partition *partition)
{
    uint32_t half = partition->size / 2 / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;

    if (partition->size < BULLA_STATE_SIZE_MIN || partition->size % BULLA_SECTOR_SIZE != 0 ||
        partition->offset % BULLA_SECTOR_SIZE != 0)
        return 0;
    return half < BULLA_STATE_HALF_MAX ? half : BULLA_STATE_HALF_MAX;
}

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
        .unit = bulla_log_unit(flash),
        .end = bulla_log_unit(flash),
        .limit = bulla_log_unit(flash),
    };
    return BULLA_OK;
}

/* What was read blank behind the end may be a program that was cut: the same bytes at once again,
 * and again. */
static enum bulla_status look_behind(struct bulla_state *state)
{
    uint8_t bytes[4 * BULLA_FLASH_UNIT_MAX];
    uint32_t left = state->half - state->end;
    uint32_t len = left < sizeof(bytes) ? left : (uint32_t)sizeof(bytes);
    enum bulla_status status = BULLA_OK;

    for (uint32_t time = 0; status == BULLA_OK && time < LOOKS; time++) {
        status = bulla_log_read(state, state->end, bytes, len);
        for (uint32_t i = 0; i < len; i++)
            state->dirty = state->dirty || bytes[i] != 0xff;
    }
    return status;
}

/* The last record may be one whose program was cut. If it is torn more than once it never was
 * there; once may be a misread bit. */
static enum bulla_status look_at_last(struct bulla_state *state,
                                      const struct bulla_log_record *record, bool *whole)
{
    enum bulla_status status = BULLA_OK;
    uint32_t torn = 0;

    for (uint32_t time = 0; status == BULLA_OK && time < LOOKS; time++) {
        struct bulla_log_cursor cursor = {.at = record->at, .counter = record->counter - 1};
        struct bulla_log_record again;
        bool right = false;

        status = bulla_log_next(state, &cursor, &again, &right);
        right = right && again.at == record->at && again.counter == record->counter;
        if (status == BULLA_OK && right)
            status = bulla_log_check(state, record, &right);
        torn += right ? 0 : 1;
    }
    state->dirty = state->dirty || torn > 0;
    *whole = torn < 2;
    return status;
}

/* Walk through the half once: where it ends, its last records, and whether all of it is whole. */
static enum bulla_status replay(struct bulla_state *state)
{
    struct bulla_log_cursor cursor = {.at = state->unit};
    struct bulla_log_record record, last = {.at = 0};
    uint32_t end = state->unit; /* behind the last record */
    bool found = false, whole = false;
    enum bulla_status status = bulla_log_measure(state, &state->limit);

    for (;;) {
        if (status == BULLA_OK)
            status = bulla_log_next(state, &cursor, &record, &found);
        if (status == BULLA_OK && found)
            status = bulla_log_check(state, &record, &whole);
        if (status != BULLA_OK || !found)
            break;
        if (!whole || cursor.junk || record.mended)
            state->dirty = true;
        if (record.kind == BULLA_RECORD_SEAL && whole)
            state->seal = record.counter;
        last = record;
        end = record.at + bulla_log_footprint(state->unit, record.len);
    }
    if (status == BULLA_OK && last.at != 0)
        status = look_at_last(state, &last, &whole);
    if (status != BULLA_OK)
        return status;
    if (state->limit > end || state->first || state->unit < bulla_log_unit(state->flash) ||
        (last.at != 0 && !whole))
        state->dirty = true;
    state->last = last.at;
    state->unsure = last.at != 0 && last.kind != BULLA_RECORD_SEAL;
    state->end = state->limit > end ? state->limit : end;
    state->limit = last.at != 0 && !whole ? last.at : end;
    state->counter = cursor.counter;
    state->gap = true;
    return look_behind(state);
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

/* Both have a header, half[0] has been replayed. That of the higher generation may be the
 * operation that was cut: it counts once it has a SEAL, as long as nothing was written to the other
 * one since. What is written next must have the highest counter of all. */
static enum bulla_status choose(struct bulla_state half[2], struct bulla_state **winner)
{
    enum bulla_status status = replay(&half[1]);
    struct bulla_state *newer = &half[half[1].generation > half[0].generation ? 1 : 0];
    struct bulla_state *older = &half[1 - newer->active];

    if (status != BULLA_OK)
        return status;
    *winner = newer->first || newer->seal > older->counter ? newer : older;
    (*winner)->stale = (*winner)->unsure = true;
    if (*winner == older && newer->counter > older->counter)
        older->counter = newer->counter;
    return BULLA_OK;
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

    struct bulla_state *winner = &half[whole[0] ? 0 : 1];
    enum bulla_status status = replay(winner);
    if (status == BULLA_OK && whole[0] && whole[1])
        status = choose(half, &winner);
    if (status == BULLA_OK)
        status = find_losses(winner);
    if (status == BULLA_OK)
        *state = *winner;
    return status;
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
