/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_STATE_LOG_H
#define BULLA_CORE_STATE_LOG_H

/* Inside the device state: state_log.c (the records of one half) for state_open.c (which half) and
 * state.c (when what is written), and what state_records.c (the contents) needs of them. Not
 * public.
 *
 * Functions of state_log.c work on the half `state->active`, up to `state->end`. */

#include "bulla/state.h"

#define BULLA_LOG_HEADER_SIZE 16u /* of a half and of a record */

/* Contents of one length. */
#define BULLA_IDENTITY_LEN  (2 * BULLA_UUID_SIZE + 5)
#define BULLA_CONFIRMED_LEN (4 + BULLA_DIGEST_SIZE)
#define BULLA_FLOOR_LEN     4
#define BULLA_TRIAL_LEN     (BULLA_DIGEST_SIZE + 1)
#define BULLA_RUNNING_LEN   6
#define BULLA_EVENT_LEN     8
#define BULLA_BOOTS_LEN     10

struct bulla_log_record {
    uint32_t at; /* of its header, within the half */
    uint8_t kind;
    uint8_t slot;
    uint16_t len;
    uint32_t counter;
    uint32_t content_crc;
    bool mended; /* one bit of its header was wrong */
    bool blank;  /* there is no header, but erased bytes */
};

/* Where a replay has come to. Starts at state->unit, 0. */
struct bulla_log_cursor {
    uint32_t at;
    uint32_t counter; /* of the record before: they rise */
    bool junk;        /* it has passed what is neither blank nor a record */
};

/* Content of a record to be written: in memory, or in another half. */
struct bulla_log_source {
    const uint8_t *bytes; /* NULL: from, at */
    const struct bulla_state *from;
    uint32_t at;
};

/* Of a half, on the chip. */
uint32_t bulla_log_offset(const struct bulla_state *state, uint32_t index);
BULLA_MUST_CHECK enum bulla_status bulla_log_read(const struct bulla_state *state, uint32_t at,
                                                  uint8_t *buffer, size_t len);
/* Kept free at the end of every half: for SEALs, whatever happens. */
#define BULLA_LOG_RESERVE_UNITS 4u

/* Bytes from the start of the half up to the last one that is not erased, in whole units. */
BULLA_MUST_CHECK enum bulla_status bulla_log_measure(const struct bulla_state *state,
                                                     uint32_t *used);
/* Erase the half and look: BULLA_E_FLASH_READBACK when it did not become blank. */
BULLA_MUST_CHECK enum bulla_status bulla_log_erase(const struct bulla_state *state);

/* Take the generation from the half's header; *whole false: there is no such header. One wrong bit
 * is mended, and the half is dirty then. */
BULLA_MUST_CHECK enum bulla_status bulla_log_read_header(struct bulla_state *state, bool *whole);
/* The commit: with its header a half counts. */
BULLA_MUST_CHECK enum bulla_status bulla_log_write_header(const struct bulla_state *state);

/* Room a record with this much content takes in a half of this unit. */
uint32_t bulla_log_footprint(uint32_t unit, uint16_t len);
/* The unit in which this flash is written. */
uint32_t bulla_log_unit(const struct bulla_flash *flash);

/* The next record with a whole header. */
BULLA_MUST_CHECK enum bulla_status bulla_log_next(const struct bulla_state *state,
                                                  struct bulla_log_cursor *cursor,
                                                  struct bulla_log_record *record, bool *found);
/* Is its content whole too? */
BULLA_MUST_CHECK enum bulla_status bulla_log_check(const struct bulla_state *state,
                                                   const struct bulla_log_record *record,
                                                   bool *whole);
/* The next record of this kind and slot, whole or rotted. One whose content was torn by a power cut
 * is passed over: nothing lies behind it but SEALs and itself once more. */
BULLA_MUST_CHECK enum bulla_status
bulla_log_next_match(const struct bulla_state *state, struct bulla_log_cursor *cursor, uint8_t kind,
                     uint8_t slot, struct bulla_log_record *record, bool *whole, bool *found);
/* How many records of this kind and slot are kept. */
uint32_t bulla_log_copies(uint8_t kind);
/* `lost` records behind the newest of `whole` ones rotted: is its content out of date? */
bool bulla_log_is_lost(uint8_t kind, uint32_t whole, uint32_t lost);
/* Whole record number `age` of this kind and slot, counted back from the newest (0); there are
 * none beyond BULLA_STATE_EVENTS_KEPT. BULLA_E_STATE_DAMAGED: the newest is lost. */
BULLA_MUST_CHECK enum bulla_status bulla_log_find(const struct bulla_state *state, uint8_t kind,
                                                  uint8_t slot, uint32_t age,
                                                  struct bulla_log_record *record, bool *found);

/* Write a record at the end, where the caller knows that it fits. */
BULLA_MUST_CHECK enum bulla_status bulla_log_append(struct bulla_state *state,
                                                    const struct bulla_log_record *record,
                                                    const struct bulla_log_source *source);

/* Record number `age` of this kind and slot into buffer. BULLA_OK and *found false:
 * there are not so many. */
BULLA_MUST_CHECK enum bulla_status bulla_state_get_aged(const struct bulla_state *state,
                                                        enum bulla_record_kind kind, uint8_t slot,
                                                        uint32_t age, uint8_t *buffer, size_t size,
                                                        size_t *len, bool *found);

/* Everything in the log is little-endian, on any machine. */
static inline void bulla_state_store_u16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value & 0xffu);
    to[1] = (uint8_t)((value >> 8) & 0xffu);
}

static inline void bulla_state_store_u32(uint8_t *to, uint32_t value)
{
    bulla_state_store_u16(to, value & 0xffffu);
    bulla_state_store_u16(to + 2, value >> 16);
}

static inline uint16_t bulla_state_load_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | ((uint32_t)from[1] << 8));
}

static inline uint32_t bulla_state_load_u32(const uint8_t *from)
{
    return bulla_state_load_u16(from) | ((uint32_t)bulla_state_load_u16(from + 2) << 16);
}

#endif
