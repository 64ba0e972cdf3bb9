/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_STATE_H
#define BULLA_STATE_H

/* The device's own records, in the `bulla` partition: an append-only log in one of two halves.
 * The newest whole (CRC) record of a kind wins; one that rotted does not let an older one win
 * in silence. When a half is full the live records are copied to the other one, whose header is
 * written last.
 * At every power cut the old content or the new one is read, never a mix. Nothing secret.
 * docs/FORMAT.md, "Device state". */

#include "bulla/bytes.h"
#include "bulla/flash.h"
#include "bulla/limits.h"
#include "bulla/partition.h"
#include "bulla/status.h"

#define BULLA_STATE_SIZE_MIN 0x4000u
/* More of a partition is not used: the largest trust store and 17 heads fit, and it bounds the
 * time that reading takes whatever lies there. */
#define BULLA_STATE_HALF_MAX 0x10000u

/* Kinds of record. Trust store, identity, confirmed sequence, floor and the modules' directory are
 * kept twice: what rots in one copy is read from the other. `slot` distinguishes records of one
 * kind: OTA index, 0xff for factory, 0 where it has no meaning. */
enum bulla_record_kind {
    BULLA_RECORD_TRUST = 1,     /* the trust store, as encoded */
    BULLA_RECORD_IDENTITY = 2,  /* struct bulla_identity */
    BULLA_RECORD_CONFIRMED = 3, /* struct bulla_confirmed */
    BULLA_RECORD_FLOOR = 4,     /* u32 security floor */
    BULLA_RECORD_HEAD = 5,      /* per slot: envelope head (tag to manifest); empty: not sealed;
                                   no record: nothing that may boot */
    BULLA_RECORD_TRIAL = 6,     /* struct bulla_trial: failed trials of one manifest */
    BULLA_RECORD_RUNNING = 7,   /* struct bulla_running: what the last boot started */
    BULLA_RECORD_EVENT = 8,     /* struct bulla_event_record; the last few are kept */
    BULLA_RECORD_BOOTS = 9,    /* struct bulla_boots: boots and crashes since RUNNING was written */
    BULLA_RECORD_SEAL = 10,    /* empty: all before it in its half had been programmed to the end */
    BULLA_RECORD_MODULES = 11, /* the directory of the modules area: bulla/modules.h */
};
#define BULLA_STATE_SLOT_FACTORY 0xffu

#define BULLA_STATE_EVENTS_KEPT 32u

struct bulla_identity {
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
    uint8_t format; /* enum bulla_image_format */
    uint16_t chip_id;
    uint16_t chip_revision;
};
struct bulla_confirmed {
    uint32_t sequence;
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
};
struct bulla_trial {
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
    uint8_t failed; /* trials that ended without confirmation */
};
struct bulla_running {
    uint8_t slot;     /* as in the record header */
    bool trial;       /* started as a trial, not confirmed yet */
    uint32_t ota_seq; /* of the otadata record it was started by, 0xffffffff: none */
};
struct bulla_boots {
    uint8_t trial;   /* boots that the trial named by RUNNING has used; 0: the first alone */
    uint8_t crashes; /* in a row, of the confirmed app named by RUNNING */
    uint32_t left;   /* slots left for their crashes: bit i OTA slot i, bit 31 factory;
                        BULLA_BOOTS_PLACING besides */
};
/* In place: the execution area is being written. What reads right there may have been cut. */
#define BULLA_BOOTS_PLACING (1u << 30)
struct bulla_event_record {
    uint8_t what; /* enum bulla_event_kind, client.h */
    uint8_t slot;
    uint16_t status; /* enum bulla_status at the time the firmware was built: shown as name */
    uint32_t value;
};

struct bulla_state {
    const struct bulla_flash *flash;
    uint32_t offset; /* of the partition */
    uint32_t half;   /* bytes per half, a multiple of the sector size */
    uint32_t unit;   /* records begin at multiples of it: 16 or 32 */
    uint32_t active; /* 0 or 1 */
    uint32_t generation;
    uint32_t end;   /* where the next record goes, within the half */
    uint32_t limit; /* what is read ends here: behind it, if not at the end, lies something torn */
    uint32_t counter; /* of the last record */
    uint32_t last;    /* where the last record is; 0: there is none */
    uint32_t seal;    /* counter of the last SEAL; 0: there is none */
    bool first;       /* the half is of the first format: no SEAL, unit 16 */
    bool gap;         /* a program behind the end may have been cut: leave a unit free */
    bool unsure;      /* what was written last may have been cut, and read whole by chance */
    bool dirty;       /* something torn lies in this half: compact before appending */
    bool stale;       /* the other half still has a header */
    bool damaged;     /* both copies of a record kept twice rotted: read only */
};

/* Find the newest whole half. BULLA_E_STATE_EMPTY: blank; BULLA_E_STATE_DAMAGED: neither blank
 * nor whole. Writes nothing. */
BULLA_MUST_CHECK enum bulla_status bulla_state_open(struct bulla_state *state,
                                                    const struct bulla_flash *flash,
                                                    const struct bulla_partition *partition);

/* Make an empty state (provisioning). */
BULLA_MUST_CHECK enum bulla_status bulla_state_format(struct bulla_state *state,
                                                      const struct bulla_flash *flash,
                                                      const struct bulla_partition *partition);

/* Bytes of one half of the partition: what is kept must fit into it. 0: it cannot hold a state. */
uint32_t bulla_state_room(const struct bulla_partition *partition);

/* Bytes that a device may come to need, on any flash: a trust store of this length `copies` times,
 * this many heads of the largest size, and all small records. Arguments within the limits of the
 * format. */
uint32_t bulla_state_footprint(uint32_t trust_len, uint32_t copies, uint32_t heads);

/* Append one record; on BULLA_OK it is on flash, read back and wins from now on.
 * BULLA_E_STATE_FULL, before anything is changed, when it does not fit even after compaction; a
 * head and a directory must besides leave room for all small records (of events, the last eight).
 * BULLA_E_STATE_DAMAGED: state->damaged. */
BULLA_MUST_CHECK enum bulla_status bulla_state_put(struct bulla_state *state,
                                                   enum bulla_record_kind kind, uint8_t slot,
                                                   struct bulla_bytes content);

/* A cell whose program was cut may read as old now and as new the next time. Make what is read from
 * now on last (events alone may be lost): to be called before anything is decided by it; every put
 * does as much first. Writes nothing when nothing was put since the last time. On failure what is
 * read is as uncertain as before. */
BULLA_MUST_CHECK enum bulla_status bulla_state_settle(struct bulla_state *state);

/* The same twice, for a kind that is kept twice. When only the second one fails, the first is down
 * and wins. */
BULLA_MUST_CHECK enum bulla_status bulla_state_put_twice(struct bulla_state *state,
                                                         enum bulla_record_kind kind,
                                                         struct bulla_bytes content);

/* Of a kind that is kept twice: do the newest two say the same? False as well when that cannot be
 * read. */
bool bulla_state_has_pair(const struct bulla_state *state, enum bulla_record_kind kind);

/* Newest record of this kind and slot into buffer; *len is its length, 0 when there is none.
 * BULLA_E_WORKSPACE_TOO_SMALL when it does not fit; BULLA_E_STATE_DAMAGED when the newest one
 * rotted and no copy of it is left (trials and events: the one before is taken). */
BULLA_MUST_CHECK enum bulla_status bulla_state_get(const struct bulla_state *state,
                                                   enum bulla_record_kind kind, uint8_t slot,
                                                   uint8_t *buffer, size_t size, size_t *len);

/* Event number `age` counted back from the newest (0); BULLA_OK and *found false at the end. */
BULLA_MUST_CHECK enum bulla_status bulla_state_event(const struct bulla_state *state, uint32_t age,
                                                     struct bulla_event_record *event, bool *found);

/* The head stored for a slot, as bulla_state_get; *found true with *len 0: said to be not sealed,
 * *found false: nothing was ever said of this slot. */
BULLA_MUST_CHECK enum bulla_status bulla_state_get_head(const struct bulla_state *state,
                                                        uint8_t slot, uint8_t *buffer, size_t size,
                                                        size_t *len, bool *found);

/* Typed helpers: encode little-endian, put or get. get: *found false when there is none. */
BULLA_MUST_CHECK enum bulla_status bulla_state_put_identity(struct bulla_state *,
                                                            const struct bulla_identity *);
BULLA_MUST_CHECK enum bulla_status bulla_state_get_identity(const struct bulla_state *,
                                                            struct bulla_identity *, bool *found);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_confirmed(struct bulla_state *,
                                                             const struct bulla_confirmed *);
BULLA_MUST_CHECK enum bulla_status bulla_state_get_confirmed(const struct bulla_state *,
                                                             struct bulla_confirmed *, bool *found);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_floor(struct bulla_state *, uint32_t floor);
BULLA_MUST_CHECK enum bulla_status bulla_state_get_floor(const struct bulla_state *,
                                                         uint32_t *floor);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_trial(struct bulla_state *,
                                                         const struct bulla_trial *);
BULLA_MUST_CHECK enum bulla_status bulla_state_get_trial(const struct bulla_state *,
                                                         struct bulla_trial *, bool *found);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_running(struct bulla_state *,
                                                           const struct bulla_running *);
BULLA_MUST_CHECK enum bulla_status bulla_state_get_running(const struct bulla_state *,
                                                           struct bulla_running *, bool *found);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_boots(struct bulla_state *,
                                                         const struct bulla_boots *);
/* Counts that belong to an older RUNNING record than the newest are given as 0. */
BULLA_MUST_CHECK enum bulla_status bulla_state_get_boots(const struct bulla_state *,
                                                         struct bulla_boots *, bool *found);
BULLA_MUST_CHECK enum bulla_status bulla_state_put_event(struct bulla_state *,
                                                         const struct bulla_event_record *);

#endif
