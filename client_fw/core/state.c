/* SPDX-License-Identifier: Apache-2.0 */
/* The device state: when records are added or copied to the other half. Which half counts is
 * state_open.c's part, the bytes of a half are state_log.c's, what the records mean is
 * state_records.c's.
 *
 * How it stays whole at a power cut: a record counts once its two CRCs are right, so a torn one
 * was never there; what is torn is never programmed over, the next put copies the live records
 * to the other half; and the other half counts once its header is right, which is programmed
 * after everything else in it was read back, and a SEAL behind it says that the header was
 * programmed to its end. Of the operation that was cut nothing is certain, whatever is read: see
 * bulla_state_settle. */

#include "bulla/state.h"

#include "bulla/limits.h"
#include "bulla/mem.h"
#include "crc32.h"
#include "state_log.h"

/* One generation costs one erase of a half, and no NOR flash lives through 2^32 of them: an
 * ordinary comparison orders generations and wrapping needs no rule. */
#define GENERATION_MAX 0xffffffffu
#define SETTLE_TRIES   4u
#define EVENTS_LEAST   8u /* of those kept, where the partition is full */

/* ---- room ---- */

/* Those that come and change while a device runs: for them room is kept. */
static const struct {
    enum bulla_record_kind kind;
    uint16_t len;
} small[] = {
    {BULLA_RECORD_IDENTITY, BULLA_IDENTITY_LEN},   {BULLA_RECORD_FLOOR, BULLA_FLOOR_LEN},
    {BULLA_RECORD_CONFIRMED, BULLA_CONFIRMED_LEN}, {BULLA_RECORD_TRIAL, BULLA_TRIAL_LEN},
    {BULLA_RECORD_RUNNING, BULLA_RUNNING_LEN},     {BULLA_RECORD_EVENT, BULLA_EVENT_LEN},
    {BULLA_RECORD_BOOTS, BULLA_BOOTS_LEN},
};

static bool is_small(uint8_t kind)
{
    bool found = false;

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        found = found || small[i].kind == (enum bulla_record_kind)kind;
    return found;
}

/* Of a half, besides records that a caller counts. */
static uint32_t overhead(uint32_t unit)
{
    return unit + bulla_log_footprint(unit, 0) + BULLA_LOG_RESERVE_UNITS * unit;
}

static uint32_t footprint(uint32_t unit, uint32_t trust_len, uint32_t copies, uint32_t heads)
{
    uint32_t sum = overhead(unit) + copies * bulla_log_footprint(unit, (uint16_t)trust_len) +
                   heads * bulla_log_footprint(unit, BULLA_HEAD_MAX);

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        sum += bulla_log_copies((uint8_t)small[i].kind) * bulla_log_footprint(unit, small[i].len);
    return sum;
}

/* Records take the most room in the largest unit. */
uint32_t bulla_state_footprint(uint32_t trust_len, uint32_t copies, uint32_t heads)
{
    return footprint(BULLA_FLASH_UNIT_MAX, trust_len, copies, heads);
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

/* Events are most of the log: instead of looking at all later ones for each of them, they are
 * counted once. */
static enum bulla_status count_events(const struct bulla_state *state, uint32_t *count)
{
    struct bulla_log_cursor cursor = {.at = state->unit};
    struct bulla_log_record record;
    bool whole = false, found = true;
    enum bulla_status status = BULLA_OK;

    *count = 0;
    while (status == BULLA_OK && found) {
        status =
            bulla_log_next_match(state, &cursor, BULLA_RECORD_EVENT, 0, &record, &whole, &found);
        *count += status == BULLA_OK && found && whole ? 1 : 0;
    }
    return status;
}

/* The same question for the next event; `left` of them have not been passed yet. */
static enum bulla_status is_live_event(const struct bulla_state *state,
                                       const struct bulla_log_record *record, uint32_t room,
                                       const struct bulla_log_record *fresh, uint32_t *left,
                                       bool *live)
{
    enum bulla_status status = bulla_log_check(state, record, live);

    if (status != BULLA_OK || !*live || *left == 0)
        return status;
    (*left)--;
    *live = *left + (fresh->kind == BULLA_RECORD_EVENT ? 1u : 0u) < room;
    return BULLA_OK;
}

/* What a walk through the half found to be kept. */
struct survivors {
    uint32_t events; /* at most so many of them: given before the walk */
    uint32_t size;   /* room they take in a new half */
    uint32_t large;  /* of it, those that are none of the small records */
    uint32_t where;  /* CRC over their places */
};

/* The records that outlive `fresh`, and with `to` a copy of each. */
static enum bulla_status carry_over(const struct bulla_state *state,
                                    const struct bulla_log_record *fresh, struct bulla_state *to,
                                    struct survivors *kept)
{
    struct bulla_log_cursor cursor = {.at = state->unit};
    uint32_t unit = bulla_log_unit(state->flash);
    uint32_t left = 0;
    enum bulla_status status = count_events(state, &left);

    *kept = (struct survivors){.events = kept->events};
    for (;;) {
        struct bulla_log_record record;
        uint8_t place[4];
        bool found = false, live;
        if (status == BULLA_OK)
            status = bulla_log_next(state, &cursor, &record, &found);
        if (status != BULLA_OK || !found)
            return status;
        if (record.kind == BULLA_RECORD_SEAL) /* speaks for this half alone */
            continue;
        status = record.kind == BULLA_RECORD_EVENT
                     ? is_live_event(state, &record, kept->events, fresh, &left, &live)
                     : is_live(state, cursor, &record, fresh, &live);
        if (status != BULLA_OK)
            return status;
        if (!live)
            continue;
        bulla_state_store_u32(place, record.at);
        kept->size += bulla_log_footprint(unit, record.len);
        kept->large += is_small(record.kind) ? 0 : bulla_log_footprint(unit, record.len);
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

/* A record that says nothing but that everything before it had been programmed. */
static enum bulla_status seal(struct bulla_state *state)
{
    struct bulla_log_record record = {.kind = BULLA_RECORD_SEAL, .counter = state->counter + 1};
    struct bulla_log_source none = {.from = state};
    enum bulla_status status = bulla_log_append(state, &record, &none);

    if (status == BULLA_OK)
        state->seal = record.counter;
    return status;
}

/* Everything but the header into the other half. */
static enum bulla_status fill(const struct bulla_state *state, struct bulla_state *to,
                              const struct bulla_log_record *fresh,
                              const struct bulla_log_source *source,
                              const struct survivors *planned)
{
    struct survivors copied = {.events = planned->events};
    enum bulla_status status = bulla_log_erase(to);

    if (status == BULLA_OK)
        status = carry_over(state, fresh, to, &copied);
    if (status == BULLA_OK && source != NULL)
        status = bulla_log_append(to, fresh, source);
    if (status != BULLA_OK)
        return status;
    /* Here alone a record is forgotten for good. If a bit was misread on either walk they kept
     * different ones; then nothing has been decided yet. */
    bool same = copied.size == planned->size && copied.where == planned->where;
    return same ? BULLA_OK : BULLA_E_FLASH_READ;
}

/* What will be kept. Where it is tight, old events go first. */
static enum bulla_status plan(const struct bulla_state *state, const struct bulla_log_record *fresh,
                              const struct bulla_log_source *source, struct survivors *planned)
{
    static const uint32_t events[] = {BULLA_STATE_EVENTS_KEPT, EVENTS_LEAST};
    uint32_t unit = bulla_log_unit(state->flash);
    uint32_t more = source != NULL ? bulla_log_footprint(unit, fresh->len) : 0;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        planned->events = events[i];
        enum bulla_status status = carry_over(state, fresh, NULL, planned);
        if (status != BULLA_OK)
            return status;
        if (overhead(unit) + planned->size + more <= state->half &&
            state->generation < GENERATION_MAX)
            return BULLA_OK;
    }
    return BULLA_E_STATE_FULL;
}

/* The live records and a fresh one, if there is a source for it, into the other half, which then
 * wins. */
static enum bulla_status compact(struct bulla_state *state, const struct bulla_log_record *fresh,
                                 const struct bulla_log_source *source)
{
    uint32_t unit = bulla_log_unit(state->flash);
    struct bulla_state to = {.flash = state->flash,
                             .offset = state->offset,
                             .half = state->half,
                             .unit = unit,
                             .active = 1 - state->active,
                             .generation = state->generation + 1,
                             .end = unit,
                             .limit = unit,
                             .stale = true};
    struct survivors planned;
    enum bulla_status status = plan(state, fresh, source, &planned);

    if (status != BULLA_OK)
        return status;
    status = fill(state, &to, fresh, source, &planned);
    if (status != BULLA_OK)
        return status;

    /* If this fails, the other half may count all the same after the next power-on: nothing may
     * be appended here, or be found unchanged here, before this half has been made to count. */
    state->dirty = state->stale = state->unsure = true;
    state->counter = fresh->counter + 1;
    to.counter = fresh->counter; /* of records that were not kept too: a SEAL must be above all */
    status = bulla_log_write_header(&to);
    if (status == BULLA_OK)
        status = seal(&to);
    if (status != BULLA_OK)
        return status;
    *state = to;
    retire(state);
    return BULLA_OK;
}

/* ---- settle ---- */

/* Would it take nothing away if this record were lost? */
static enum bulla_status is_spare(const struct bulla_state *state,
                                  const struct bulla_log_record *record, bool *spare)
{
    struct bulla_log_record other;
    enum bulla_status status = BULLA_OK;

    *spare = record->kind == BULLA_RECORD_EVENT || record->kind == BULLA_RECORD_SEAL;
    if (bulla_log_copies(record->kind) != 2)
        return BULLA_OK;
    status = bulla_log_find(state, record->kind, record->slot, 1, &other, spare);
    *spare = *spare && other.len == record->len && other.content_crc == record->content_crc;
    return status == BULLA_E_STATE_DAMAGED ? BULLA_OK : status;
}

/* The last record once more; one of a pair by compaction, so that no third one is ever taken for
 * the other of it. */
static enum bulla_status repeat_last(struct bulla_state *state)
{
    struct bulla_log_cursor cursor = {.at = state->last};
    struct bulla_log_record record;
    bool found = false, spare = true;
    enum bulla_status status = bulla_log_next(state, &cursor, &record, &found);

    if (status == BULLA_OK && found)
        status = is_spare(state, &record, &spare);
    if (status != BULLA_OK || spare)
        return status;
    state->dirty = bulla_log_copies(record.kind) == 2 ||
                   bulla_log_footprint(state->unit, record.len) + overhead(state->unit) >
                       state->half - state->end;
    if (state->dirty)
        return BULLA_OK;
    struct bulla_log_source source = {.from = state, .at = record.at + BULLA_LOG_HEADER_SIZE};
    record.counter = state->counter + 1;
    uint32_t end = state->end + bulla_log_footprint(state->unit, record.len);
    status = bulla_log_append(state, &record, &source);
    if (status != BULLA_E_FLASH_READ)
        return status;
    bool whole = true;
    state->end = end;
    state->dirty = true; /* by compaction then */
    status = BULLA_OK;
    for (uint32_t time = 0; status == BULLA_OK && whole && time < SETTLE_TRIES; time++)
        status = bulla_log_check(state, &record, &whole);
    if (status == BULLA_OK && !whole) /* it reads otherwise than before: it never was there */
        state->limit = state->last;
    return status;
}

/* What is certain is what something lies behind: it was programmed to its end. So the last record
 * is written again and a SEAL behind it; and only then may the other half's header go, because now
 * this half is the one that counts for certain. All of it in units that no program has reached.
 * Where a compaction is due, that is left to it. */
static enum bulla_status make_sure(struct bulla_state *state)
{
    enum bulla_status status = BULLA_OK;

    if (!state->unsure || state->first || state->unit < bulla_log_unit(state->flash) ||
        (state->dirty && !state->stale))
        return BULLA_OK;
    uint32_t gap = state->gap ? state->unit : 0;
    if (state->half - state->end < gap + bulla_log_footprint(state->unit, 0)) {
        state->dirty = true; /* no room: by compaction then */
        return BULLA_OK;
    }
    state->end += gap;
    state->gap = false;
    if (!state->dirty && state->last != 0)
        status = repeat_last(state);
    uint32_t limit = state->limit;
    if (status == BULLA_OK && state->half - state->end >= bulla_log_footprint(state->unit, 0))
        status = seal(state);
    if (status != BULLA_OK) {
        state->dirty = true;
        return status;
    }
    if (state->dirty)
        state->limit = limit;
    state->unsure = false;
    retire(state);
    return BULLA_OK;
}

/* May anything be written, this many records among it? */
static enum bulla_status check_writable(const struct bulla_state *state, uint32_t records)
{
    if (state->half == 0)
        return BULLA_E_STATE_EMPTY;
    if (state->damaged)
        return BULLA_E_STATE_DAMAGED;
    return state->counter > UINT32_MAX - records ? BULLA_E_STATE_FULL : BULLA_OK;
}

enum bulla_status bulla_state_settle(struct bulla_state *state)
{
    struct bulla_log_record none = {.kind = BULLA_RECORD_SEAL};
    enum bulla_status status = check_writable(state, 4);

    if (status == BULLA_OK)
        status = make_sure(state);
    /* what is unstable may read otherwise from one walk to the next */
    for (uint32_t time = 0; status == BULLA_OK && state->dirty && time < SETTLE_TRIES; time++) {
        none.counter = state->counter;
        status = compact(state, &none, NULL);
        if (status == BULLA_E_FLASH_READ && time + 1 < SETTLE_TRIES)
            status = BULLA_OK;
    }
    return status;
}

/* ---- put, get ---- */

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

/* Would every small record still fit beside this head or directory and what else stays? */
static enum bulla_status leaves_room(const struct bulla_state *state,
                                     const struct bulla_log_record *fresh)
{
    struct survivors kept = {.events = EVENTS_LEAST};
    enum bulla_status status = carry_over(state, fresh, NULL, &kept);
    if (status != BULLA_OK)
        return status;
    /* all of them are at most a half */
    uint32_t unit = bulla_log_unit(state->flash);
    uint32_t need =
        footprint(unit, 0, 0, 0) + kept.large + bulla_log_footprint(unit, fresh->len) -
        (BULLA_STATE_EVENTS_KEPT - EVENTS_LEAST) * bulla_log_footprint(unit, BULLA_EVENT_LEN);
    return need <= state->half ? BULLA_OK : BULLA_E_STATE_FULL;
}

/* One record, unless the newest `copies` say it already. */
static enum bulla_status put(struct bulla_state *state, enum bulla_record_kind kind, uint8_t slot,
                             struct bulla_bytes content, uint32_t copies)
{
    enum bulla_status status = check_writable(state, 4); /* as many as one put may come to write */
    if (status == BULLA_OK && content.len > UINT16_MAX)
        status = BULLA_E_STATE_FULL;
    if (status == BULLA_OK)
        status = make_sure(state);
    if (status != BULLA_OK)
        return status;
    struct bulla_log_source source = {.bytes = content.data};
    struct bulla_log_record fresh = {.kind = (uint8_t)kind,
                                     .slot = slot,
                                     .len = (uint16_t)content.len,
                                     .counter = state->counter + 1,
                                     .content_crc = bulla_crc32(0, content)};
    bool same = kind != BULLA_RECORD_EVENT && !state->dirty;
    for (uint32_t age = 0; same && age < copies && status == BULLA_OK; age++)
        status = is_unchanged(state, &fresh, &source, age, &same);
    if (status != BULLA_OK || same)
        return status;
    if (kind == BULLA_RECORD_HEAD || kind == BULLA_RECORD_MODULES)
        status = leaves_room(state, &fresh);
    if (status != BULLA_OK)
        return status;
    uint32_t gap = state->gap ? state->unit : 0;
    if (state->dirty ||
        bulla_log_footprint(state->unit, fresh.len) + gap + BULLA_LOG_RESERVE_UNITS * state->unit >
            state->half - state->end)
        return compact(state, &fresh, &source);

    retire(state);
    state->end += gap;
    state->gap = false;
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

bool bulla_state_has_pair(const struct bulla_state *state, enum bulla_record_kind kind)
{
    struct bulla_log_record newest, other;
    bool found = false;

    return bulla_log_find(state, (uint8_t)kind, 0, 0, &newest, &found) == BULLA_OK && found &&
           bulla_log_find(state, (uint8_t)kind, 0, 1, &other, &found) == BULLA_OK && found &&
           newest.len == other.len && newest.content_crc == other.content_crc;
}

enum bulla_status bulla_state_put_twice(struct bulla_state *state, enum bulla_record_kind kind,
                                        struct bulla_bytes content)
{
    enum bulla_status status = put(state, kind, 0, content, 2);

    return status == BULLA_OK ? put(state, kind, 0, content, 2) : status;
}
