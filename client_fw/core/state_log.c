/* SPDX-License-Identifier: Apache-2.0 */
/* One half of the device state log: its header, its records, reading them back in order and
 * adding one. When to do that, and in which half, is state.c's part. docs/FORMAT.md, "Device
 * state". */

#include "state_log.h"

#include "bulla/limits.h"
#include "bulla/mem.h"
#include "crc32.h"

#define CHUNK 256u /* bytes on the stack while copying */

#define HEADER_BITS (8u * BULLA_LOG_HEADER_SIZE)

/* ---- flash ---- */

uint32_t bulla_log_offset(const struct bulla_state *state, uint32_t index)
{
    return state->offset + index * state->half;
}

enum bulla_status bulla_log_read(const struct bulla_state *state, uint32_t at, uint8_t *buffer,
                                 size_t len)
{
    return state->flash->read(state->flash->ctx, bulla_log_offset(state, state->active) + at,
                              buffer, len);
}

/* Program erased bytes and read them back: a flash that says it did is not believed. */
static enum bulla_status program_half(const struct bulla_state *state, uint32_t at,
                                      const uint8_t *bytes, uint32_t len)
{
    uint8_t back[64];
    enum bulla_status status = state->flash->program(
        state->flash->ctx, bulla_log_offset(state, state->active) + at, bytes, len);

    for (uint32_t done = 0; status == BULLA_OK && done < len; done += (uint32_t)sizeof(back)) {
        uint32_t n = len - done < sizeof(back) ? len - done : (uint32_t)sizeof(back);

        status = bulla_log_read(state, at + done, back, n);
        if (status == BULLA_OK && memcmp(back, bytes + done, n) != 0)
            return BULLA_E_FLASH_READBACK;
    }
    return status;
}

/* Records start and are programmed in units of 16 bytes, so that flash whose smallest program
 * unit is anything up to that (SPI NOR 1, STM32 8 or 16, encrypted ESP32 flash 16) is never
 * asked to program a unit twice; of 32 where the flash has such. */
uint32_t bulla_log_unit(const struct bulla_flash *flash)
{
    return flash->unit > BULLA_LOG_HEADER_SIZE ? BULLA_FLASH_UNIT_MAX : BULLA_LOG_HEADER_SIZE;
}

static uint32_t round_up(uint32_t len, uint32_t unit)
{
    return (len + unit - 1) / unit * unit;
}

/* Bytes from the start of the half up to the last one that is not erased, in whole units. */
enum bulla_status bulla_log_measure(const struct bulla_state *state, uint32_t *used)
{
    uint8_t bytes[CHUNK];

    for (uint32_t end = state->half; end > 0; end -= CHUNK) {
        enum bulla_status status = bulla_log_read(state, end - CHUNK, bytes, CHUNK);
        if (status != BULLA_OK)
            return status;
        for (uint32_t i = CHUNK; i > 0; i--) {
            if (bytes[i - 1] != 0xff) {
                *used = end - CHUNK + round_up(i, state->unit);
                return BULLA_OK;
            }
        }
    }
    *used = 0;
    return BULLA_OK;
}

/* Erase the half and look: what did not become blank must not be programmed. */
enum bulla_status bulla_log_erase(const struct bulla_state *state)
{
    uint32_t used;
    enum bulla_status status = BULLA_OK;

    for (uint32_t at = 0; status == BULLA_OK && at < state->half; at += BULLA_SECTOR_SIZE)
        status = state->flash->erase_sector(state->flash->ctx,
                                            bulla_log_offset(state, state->active) + at);
    if (status == BULLA_OK)
        status = bulla_log_measure(state, &used);
    if (status == BULLA_OK && used != 0)
        return BULLA_E_FLASH_READBACK;
    return status;
}

/* ---- the header of a half ---- */

static void encode_half(const struct bulla_state *state, uint8_t bytes[BULLA_LOG_HEADER_SIZE])
{
    memcpy(bytes, state->first ? "bst1" : "bst2", 4);
    bulla_state_store_u32(bytes + 4, state->first ? state->half : state->half + state->unit);
    bulla_state_store_u32(bytes + 8, state->generation);
    bulla_state_store_u32(bytes + 12, bulla_crc32(0, (struct bulla_bytes){bytes, 12}));
}

static bool is_half(struct bulla_state *state, const uint8_t found[BULLA_LOG_HEADER_SIZE])
{
    uint8_t expected[BULLA_LOG_HEADER_SIZE];

    state->generation = bulla_state_load_u32(found + 8);
    state->first = found[3] == '1';
    state->unit = BULLA_LOG_HEADER_SIZE;
    if (bulla_state_load_u32(found + 4) == state->half + BULLA_FLASH_UNIT_MAX)
        state->unit = BULLA_FLASH_UNIT_MAX;
    if (memcmp(found, "bst", 3) != 0)
        return false;
    encode_half(state, expected);
    return memcmp(found, expected, BULLA_LOG_HEADER_SIZE) == 0;
}

/* A header is short enough to find the one bit that rotted: no two headers with right CRCs are
 * only two bits apart. */
enum bulla_status bulla_log_read_header(struct bulla_state *state, bool *whole)
{
    uint8_t found[BULLA_LOG_HEADER_SIZE];
    enum bulla_status status = bulla_log_read(state, 0, found, BULLA_LOG_HEADER_SIZE);

    if (status != BULLA_OK)
        return status;
    *whole = is_half(state, found);
    for (uint32_t bit = 0; !*whole && bit < HEADER_BITS; bit++) {
        found[bit / 8] ^= (uint8_t)(1u << bit % 8);
        *whole = is_half(state, found);
        found[bit / 8] ^= (uint8_t)(1u << bit % 8);
        state->dirty = *whole;
    }
    return BULLA_OK;
}

/* The commit: from now on this half counts. */
enum bulla_status bulla_log_write_header(const struct bulla_state *state)
{
    uint8_t bytes[BULLA_LOG_HEADER_SIZE];

    encode_half(state, bytes);
    return program_half(state, 0, bytes, BULLA_LOG_HEADER_SIZE);
}

/* ---- records ---- */

/* Room a record takes. */
uint32_t bulla_log_footprint(uint32_t unit, uint16_t len)
{
    return round_up(BULLA_LOG_HEADER_SIZE + (uint32_t)len, unit);
}

/* The CRC starts from the generation: what an erase left behind of an earlier one is no record. */
static uint32_t header_crc(const struct bulla_state *state,
                           const uint8_t bytes[BULLA_LOG_HEADER_SIZE])
{
    return bulla_crc32(state->generation, (struct bulla_bytes){bytes, 12});
}

static void encode_record(const struct bulla_state *state, const struct bulla_log_record *record,
                          uint8_t bytes[BULLA_LOG_HEADER_SIZE])
{
    bytes[0] = record->kind;
    bytes[1] = record->slot;
    bulla_state_store_u16(bytes + 2, record->len);
    bulla_state_store_u32(bytes + 4, record->counter);
    bulla_state_store_u32(bytes + 8, record->content_crc);
    bulla_state_store_u32(bytes + 12, header_crc(state, bytes));
}

static bool is_record(const struct bulla_state *state, const uint8_t bytes[BULLA_LOG_HEADER_SIZE])
{
    return bulla_state_load_u32(bytes + 12) == header_crc(state, bytes);
}

/* Find the one bit that rotted. */
static bool mend(const struct bulla_state *state, uint8_t bytes[BULLA_LOG_HEADER_SIZE])
{
    for (uint32_t bit = 0; bit < HEADER_BITS; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (is_record(state, bytes))
            return true;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    return false;
}

static bool is_blank(const uint8_t *bytes, uint32_t len)
{
    bool blank = true;

    for (uint32_t i = 0; i < len; i++)
        blank = blank && bytes[i] == 0xff;
    return blank;
}

/* at is a unit within the half. *whole: a header lies there, later than `counter`, and what it
 * announces ends within the half. One is `expected` behind the record before: there a bit that
 * rotted is mended. */
static enum bulla_status read_record(const struct bulla_state *state, uint32_t at, uint32_t counter,
                                     bool expected, struct bulla_log_record *record, bool *whole)
{
    uint8_t bytes[BULLA_LOG_HEADER_SIZE];
    enum bulla_status status = bulla_log_read(state, at, bytes, BULLA_LOG_HEADER_SIZE);

    if (status != BULLA_OK)
        return status;
    bool is_right = is_record(state, bytes);
    record->blank = is_blank(bytes, BULLA_LOG_HEADER_SIZE);
    record->mended = !is_right && !record->blank && expected && mend(state, bytes);
    record->at = at;
    record->kind = bytes[0];
    record->slot = bytes[1];
    record->len = bulla_state_load_u16(bytes + 2);
    record->counter = bulla_state_load_u32(bytes + 4);
    record->content_crc = bulla_state_load_u32(bytes + 8);
    *whole = (is_right || record->mended) && record->counter > counter &&
             bulla_log_footprint(state->unit, record->len) <= state->half - at;
    return BULLA_OK;
}

/* The next record with a whole header. Its length can be trusted, so torn content is stepped over
 * unread. A header that rotted is passed unit by unit: it costs its record, not the later ones. A
 * blank unit may lie before any record. */
enum bulla_status bulla_log_next(const struct bulla_state *state, struct bulla_log_cursor *cursor,
                                 struct bulla_log_record *record, bool *found)
{
    bool expected = true;

    *found = false;
    while (cursor->at < state->limit && !*found) {
        enum bulla_status status =
            read_record(state, cursor->at, cursor->counter, expected, record, found);
        if (status != BULLA_OK)
            return status;
        expected = expected && record->blank;
        cursor->junk = cursor->junk || !(*found || record->blank);
        cursor->at += *found ? bulla_log_footprint(state->unit, record->len) : state->unit;
    }
    if (*found)
        cursor->counter = record->counter;
    return BULLA_OK;
}

enum bulla_status bulla_log_check(const struct bulla_state *state,
                                  const struct bulla_log_record *record, bool *whole)
{
    uint8_t bytes[CHUNK];
    uint32_t crc = 0;

    for (uint32_t done = 0; done < record->len; done += CHUNK) {
        uint32_t n = record->len - done < CHUNK ? record->len - done : CHUNK;
        enum bulla_status status =
            bulla_log_read(state, record->at + BULLA_LOG_HEADER_SIZE + done, bytes, n);
        if (status != BULLA_OK)
            return status;
        crc = bulla_crc32(crc, (struct bulla_bytes){bytes, n});
    }
    *whole = crc == record->content_crc;
    return BULLA_OK;
}

uint32_t bulla_log_copies(uint8_t kind)
{
    if (kind == BULLA_RECORD_TRUST || kind == BULLA_RECORD_IDENTITY ||
        kind == BULLA_RECORD_CONFIRMED || kind == BULLA_RECORD_FLOOR ||
        kind == BULLA_RECORD_MODULES)
        return 2;
    return kind == BULLA_RECORD_EVENT ? BULLA_STATE_EVENTS_KEPT : 1;
}

/* Does nothing lie behind a record, where `after` is, but SEALs and itself once more? (The two of
 * what is kept twice stand for each other.) */
static enum bulla_status is_last(const struct bulla_state *state,
                                 const struct bulla_log_record *record,
                                 struct bulla_log_cursor after, bool *last)
{
    struct bulla_log_record later = {.kind = BULLA_RECORD_SEAL};
    enum bulla_status status = BULLA_OK;

    after.junk = false;
    *last = true;
    for (bool found = true; status == BULLA_OK && found && *last;) {
        status = bulla_log_next(state, &after, &later, &found);
        bool same = later.kind == record->kind && later.slot == record->slot &&
                    later.len == record->len && later.content_crc == record->content_crc &&
                    bulla_log_copies(record->kind) == 1;
        *last = !after.junk && (!found || same || later.kind == BULLA_RECORD_SEAL);
    }
    return status;
}

enum bulla_status bulla_log_next_match(const struct bulla_state *state,
                                       struct bulla_log_cursor *cursor, uint8_t kind, uint8_t slot,
                                       struct bulla_log_record *record, bool *whole, bool *found)
{
    for (;;) {
        enum bulla_status status = bulla_log_next(state, cursor, record, found);
        if (status != BULLA_OK || !*found)
            return status;
        if (record->kind != kind || record->slot != slot)
            continue;
        status = bulla_log_check(state, record, whole);
        if (status != BULLA_OK || *whole)
            return status;
        bool last = false;
        status = is_last(state, record, *cursor, &last);
        if (status != BULLA_OK || !last)
            return status;
    }
}

/* Of what is kept twice, one lost record leaves the other one of its pair. An older head would pass
 * off a slot as what it was before. */
bool bulla_log_is_lost(uint8_t kind, uint32_t whole, uint32_t lost)
{
    if (kind == BULLA_RECORD_HEAD || kind == BULLA_RECORD_RUNNING)
        return lost > 0;
    return bulla_log_copies(kind) == 2 && lost > (whole > 0 ? 1u : 0u);
}

/* All whole records of one kind and slot. */
struct survey {
    struct bulla_log_record chosen; /* the one that was asked for, counted from the oldest */
    struct bulla_log_record newest[2];
    uint32_t count;
    uint32_t lost; /* behind the newest whole one */
};

static enum bulla_status look_through(const struct bulla_state *state, uint8_t kind, uint8_t slot,
                                      uint32_t number, struct survey *survey)
{
    struct bulla_log_cursor cursor = {.at = state->unit};

    *survey = (struct survey){.count = 0};
    for (;;) {
        struct bulla_log_record match;
        bool whole = false, found = false;
        enum bulla_status status =
            bulla_log_next_match(state, &cursor, kind, slot, &match, &whole, &found);
        if (status != BULLA_OK || !found)
            return status;
        survey->lost = whole ? 0 : survey->lost + 1;
        if (!whole)
            continue;
        if (survey->count == number)
            survey->chosen = match;
        survey->newest[1] = survey->newest[0];
        survey->newest[0] = match;
        survey->count++;
    }
}

/* Older ones than the last two take a second walk: there is no room to remember them all. */
enum bulla_status bulla_log_find(const struct bulla_state *state, uint8_t kind, uint8_t slot,
                                 uint32_t age, struct bulla_log_record *record, bool *found)
{
    struct survey survey;
    enum bulla_status status = look_through(state, kind, slot, UINT32_MAX, &survey);

    *found = false;
    if (status != BULLA_OK)
        return status;
    if (bulla_log_is_lost(kind, survey.count, survey.lost))
        return BULLA_E_STATE_DAMAGED;
    /* Older events may still lie in the log until it is compacted: what is told must not depend
     * on that. */
    uint32_t count = survey.count;
    if (age >= count || age >= BULLA_STATE_EVENTS_KEPT)
        return BULLA_OK;
    if (age >= 2)
        status = look_through(state, kind, slot, count - 1 - age, &survey);
    if (status != BULLA_OK)
        return status;
    if (survey.count != count) /* a misread bit */
        return BULLA_E_FLASH_READ;
    *record = age < 2 ? survey.newest[age] : survey.chosen;
    *found = true;
    return BULLA_OK;
}

static enum bulla_status fetch(const struct bulla_log_source *source, uint32_t done,
                               uint8_t *buffer, uint32_t len)
{
    if (source->bytes == NULL)
        return bulla_log_read(source->from, source->at + done, buffer, len);
    memcpy(buffer, source->bytes + done, len);
    return BULLA_OK;
}

/* Write a record at the end, where the caller knows that it fits. The header goes first, with what
 * fits beside it into one unit: if the content is torn the length is known, and no content is ever
 * taken for a header. */
enum bulla_status bulla_log_append(struct bulla_state *state, const struct bulla_log_record *record,
                                   const struct bulla_log_source *source)
{
    uint8_t bytes[CHUNK];
    uint32_t crc = 0, done = 0;
    uint32_t at = state->end;
    uint32_t head = BULLA_LOG_HEADER_SIZE;
    uint32_t room = state->unit; /* of the program that comes next */
    enum bulla_status status = BULLA_OK;

    encode_record(state, record, bytes);
    do {
        uint32_t left = record->len - done;
        uint32_t n = left < room - head ? left : room - head;

        if (n > 0)
            status = fetch(source, done, bytes + head, n);
        if (status != BULLA_OK)
            return status;
        crc = bulla_crc32(crc, (struct bulla_bytes){bytes + head, n});
        uint32_t len = round_up(head + n, state->unit);
        memset(bytes + head + n, 0xff, len - head - n);
        status = program_half(state, at, bytes, len);
        done += n;
        at += len;
        head = 0;
        room = CHUNK;
    } while (status == BULLA_OK && done < record->len);
    if (status != BULLA_OK)
        return status;
    if (crc != record->content_crc) /* a copy of something that reads otherwise than before */
        return BULLA_E_FLASH_READ;
    state->last = state->end;
    state->end = state->limit = at;
    state->counter = record->counter;
    return BULLA_OK;
}
