/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLIENT_BOOT_PLAN_H
#define BULLA_CLIENT_BOOT_PLAN_H

/* What a reset decides before it writes: boot.c makes the plan, crash.c may exchange it, and
 * boot_write.c carries it out. */

#include "parts.h"

/* Under which terms a slot is chosen. */
struct bulla_boot_terms {
    uint32_t skip;       /* slots to pass over, as of bulla_boot_skip */
    uint32_t pardon;     /* slots whose ABORTED records count as VALID */
    uint8_t trial_boots; /* boots that a trial has, 0 is 1 */
};

struct bulla_boot_plan {
    struct bulla_boot_result result;
    struct bulla_installed installed; /* of result.slot */
    struct bulla_otadata want;        /* the states as they should be */
    bool name_it;                     /* result.slot needs a record of its own */
    bool unjudged;                    /* a slot was passed over because flash could not be read */
    bool fresh_budget;                /* a trial begins that has more than one boot */
    bool own_first;                   /* its record was barred: it is put right before others */
    uint32_t skip;                    /* of the terms */
    uint32_t tried;                   /* slots not to judge (again), as of bulla_boot_skip */
    uint32_t into;                    /* sector for a record of its own */
    int32_t going;                    /* record of a trial that goes on; -1: none does */
    int32_t record;                   /* in want, of result.slot; -1: none */
    struct bulla_running running;     /* to be recorded */
};

/* ---- boot.c; or boot_none.c in an app that chooses nothing at reset ---- */

/* Choose. Writes nothing; BULLA_E_NOTHING_BOOTABLE when there is no slot. */
BULLA_MUST_CHECK enum bulla_status bulla_boot_decide(struct bulla_client *client,
                                                     const struct bulla_boot_terms *terms,
                                                     struct bulla_boot_plan *plan);

/* Failed before, and no record speaks for it. */
bool bulla_boot_is_barred(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot);

/* Judge one slot, unless the plan has it as tried; true when it may run, which is in the plan then.
 */
bool bulla_boot_try(struct bulla_client *client, int32_t slot, struct bulla_boot_plan *plan);

/* ---- boot_running.c ---- */

/* In place: an area that is not sealed names no bank. It is what runs, never something else to go
 * to. */
bool bulla_boot_is_copy(const struct bulla_client *client, const struct bulla_boot_plan *plan);

/* ---- place.c: layouts in place; nothing to do for any other ---- */

/* One pass over the execution area and the banks with its release; true when one may run, which is
 * in the plan then. `barred`: of the pass over what failed before. `otadata`: as it was before the
 * pass. Uses client->sector. */
bool bulla_place_try(struct bulla_client *client, const struct bulla_otadata *otadata, bool barred,
                     struct bulla_boot_plan *plan);

/* Will the plan's bank be copied when it boots? */
bool bulla_place_wanted(struct bulla_client *client, const struct bulla_boot_plan *plan);

/* Bring the plan's bank to where it is executed. The plan's verdict becomes that over the execution
 * area. */
BULLA_MUST_CHECK enum bulla_status bulla_place_run(struct bulla_client *client,
                                                   struct bulla_boot_plan *plan);

/* ---- boot_write.c ---- */

/* Write what was decided. */
BULLA_MUST_CHECK enum bulla_status bulla_boot_commit(struct bulla_client *client,
                                                     struct bulla_boot_plan *plan);

/* One more failure of the release that RUNNING names, unless it was counted since RUNNING was
 * written. */
BULLA_MUST_CHECK enum bulla_status bulla_boot_count_failure(struct bulla_client *client);

/* ---- crash.c; or crash_none.c in a device that counts no boots ---- */

/* Which boot of its trial would this be, if the trial that RUNNING names went on? 0: not known. */
BULLA_MUST_CHECK uint8_t bulla_crash_next_boot(const struct bulla_client *client);

/* Count this boot of a trial that goes on, or forget the count before one begins. */
BULLA_MUST_CHECK enum bulla_status bulla_crash_count_boot(struct bulla_client *client,
                                                          uint8_t boot);

/* Count a crash of what the plan starts again; when it is one too many, exchange the plan for
 * another slot's, if there is one. */
void bulla_crash_judge(struct bulla_client *client, const struct bulla_reset *reset, uint32_t skip,
                       struct bulla_boot_plan *plan);

/* A release was confirmed: slots that were left for their crashes count anew. */
BULLA_MUST_CHECK enum bulla_status bulla_crash_forget(struct bulla_client *client);

#endif
