/* SPDX-License-Identifier: Apache-2.0 */
/* The choice at reset. It is ESP-IDF's choice, with what ESP-IDF leaves out: what runs is judged
 * against its signed envelope, a slot that failed never runs while another one verifies, otadata
 * is put right when something else runs than it names, and a confirmation that a power cut
 * interrupted is finished. First everything is decided, in memory; then it is written. */

#include "boot_plan.h"
#include "bulla/mem.h"

/* ESP-IDF's order from the selected slot: down to 0, factory, then upwards. */
static int32_t candidate(int32_t first, int32_t i)
{
    if (i <= first)
        return first - i;
    return i == first + 1 ? BULLA_SLOT_FACTORY : i - 1;
}

bool bulla_boot_is_barred(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot)
{
    return bulla_record_find(otadata, slot_count, slot, false) >= 0 &&
           bulla_record_find(otadata, slot_count, slot, true) < 0;
}

/* A state word has no CRC over it, and any flashing tool writes one: for a release that was not
 * confirmed it is believed only when it is VALID and the slot was started as a trial. That is a
 * confirmation which a power cut ended after its first write. */
static bool is_trial(const struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    if (plan->result.slot < 0 || plan->result.last_resort)
        return false;
    bool unconfirmed = bulla_boot_unconfirmed(client, &plan->installed);
    if (plan->record < 0)
        return unconfirmed;
    uint32_t state = plan->want.record[plan->record].state;
    if (state == BULLA_OTA_NEW || plan->record == plan->going)
        return true;
    bool was_confirming = state == BULLA_OTA_VALID && client->has_running &&
                          client->running.trial &&
                          client->running.slot == bulla_slot_code(plan->result.slot);
    return unconfirmed && !was_confirming;
}

/* A slot that does not verify: its record shall say so, if the bytes were judged at all. */
static void give_up(const struct bulla_client *client, struct bulla_boot_plan *plan, int32_t slot,
                    enum bulla_status why)
{
    if (plan->result.refused_slot == BULLA_SLOT_NONE) {
        plan->result.refused_slot = slot;
        plan->result.refused_why = why;
    }
    if (!bulla_status_is_refusal(why)) {
        plan->unjudged = true;
        return;
    }
    for (uint32_t i = 0; slot >= 0 && i < 2; i++) {
        struct bulla_ota_record *record = &plan->want.record[i];
        if (bulla_ota_is_valid(record) &&
            bulla_ota_slot_of(record->seq, client->layout.slot_count) == (uint32_t)slot)
            record->state = BULLA_OTA_INVALID;
    }
}

static enum bulla_status judge_slot(struct bulla_client *client, int32_t slot,
                                    struct bulla_installed *installed)
{
    installed->verdict = BULLA_NO;
    enum bulla_status status = bulla_slot_judge(client, slot, installed);
    return status == BULLA_OK && installed->verdict != BULLA_YES ? BULLA_E_NOT_JUDGED : status;
}

/* One that is refused is judged once more: a single bit that was misread must not take a release
 * away for good. */
bool bulla_boot_try(struct bulla_client *client, int32_t slot, struct bulla_boot_plan *plan)
{
    uint32_t bit = bulla_boot_skip(slot);

    if (bulla_layout_slot(&client->layout, slot) == NULL || (plan->tried & bit) != 0)
        return false;
    plan->tried |= bit;
    enum bulla_status status = judge_slot(client, slot, &plan->installed);
    if (status != BULLA_OK)
        status = judge_slot(client, slot, &plan->installed);
    if (status != BULLA_OK) {
        give_up(client, plan, slot, status);
        return false;
    }
    plan->result.slot = slot;
    return true;
}

/* The slots that records select, the larger number first: one that does not verify counts as
 * INVALID, so the other record is the fall-back before any slot without one. */
static bool try_named(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    struct bulla_otadata left = plan->want;

    for (int32_t active = bulla_ota_active(&left); active >= 0 && client->layout.slot_count > 0;
         active = bulla_ota_active(&left)) {
        uint32_t seq = left.record[active].seq;
        left.record[active].seq = BULLA_OTA_SEQ_NONE;
        if (bulla_boot_try(client, (int32_t)bulla_ota_slot_of(seq, client->layout.slot_count),
                           plan))
            return true;
    }
    return false;
}

/* One pass over the candidates; true when one verified. */
static bool search(struct bulla_client *client, int32_t first, bool barred,
                   struct bulla_boot_plan *plan)
{
    uint32_t count = client->layout.slot_count;
    struct bulla_otadata before = plan->want;

    for (int32_t i = 0; i <= (int32_t)count; i++) {
        int32_t slot = candidate(first, i);
        bool is_area = client->layout.in_place && slot == BULLA_SLOT_FACTORY;
        if (is_area ? !barred && bulla_place_try(client, &before, barred, plan)
                    : bulla_boot_is_barred(&before, count, slot) == barred &&
                          bulla_boot_try(client, slot, plan))
            return true;
    }
    /* of what failed, a bank has a record that a confirmation can put right */
    return client->layout.in_place && barred && bulla_place_try(client, &before, barred, plan);
}

/* The record of a trial that has boots left: one that our last boot began or went on with. -1:
 * none. A number that cannot be counted up does not let it go on. */
static int32_t going_on(const struct bulla_client *client, const struct bulla_boot_terms *terms,
                        uint8_t *boot)
{
    uint32_t count = client->layout.slot_count;

    *boot = 0;
    for (int32_t i = 0; terms->trial_boots > 1 && count > 0 && i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        uint32_t slot = bulla_ota_slot_of(record->seq, count);
        if (!client->has_running || !client->running.trial || !bulla_record_whole(record) ||
            record->state != BULLA_OTA_PENDING_VERIFY || record->seq != client->running.ota_seq ||
            slot != client->running.slot || (terms->skip & bulla_boot_skip((int32_t)slot)) != 0)
            continue;
        *boot = bulla_crash_next_boot(client);
        return *boot != 0 && *boot <= terms->trial_boots ? i : -1;
    }
    return -1;
}

/* ESP-IDF's first step: a trial that is still pending ended without confirmation. What is left of a
 * torn record is no trial, and writing it again would make it a whole one. */
static void end_trials(const struct bulla_client *client, struct bulla_boot_plan *plan)
{
    for (int32_t i = 0; i < 2; i++) {
        struct bulla_ota_record *record = &plan->want.record[i];
        if (record->state != BULLA_OTA_PENDING_VERIFY || !bulla_record_whole(record) ||
            i == plan->going)
            continue;
        record->state = BULLA_OTA_ABORTED;
        if (client->layout.slot_count > 0)
            plan->result.ended_trial =
                (int32_t)bulla_ota_slot_of(record->seq, client->layout.slot_count);
    }
}

static void pardon(const struct bulla_client *client, uint32_t slots, struct bulla_boot_plan *plan)
{
    uint32_t count = client->layout.slot_count;

    for (uint32_t i = 0; slots != 0 && count > 0 && i < 2; i++) {
        struct bulla_ota_record *record = &plan->want.record[i];
        uint32_t slot = bulla_ota_slot_of(record->seq, count);
        if (bulla_record_whole(record) && record->state == BULLA_OTA_ABORTED &&
            (slots & bulla_boot_skip((int32_t)slot)) != 0)
            record->state = BULLA_OTA_VALID;
    }
}

/* What follows for the records from the slot that runs. */
static void settle(const struct bulla_client *client, int32_t first, struct bulla_boot_plan *plan)
{
    struct bulla_boot_result *result = &plan->result;
    uint32_t count = client->layout.slot_count;

    plan->record =
        result->last_resort ? -1 : bulla_record_find(&plan->want, count, result->slot, true);
    result->verdict = plan->installed.verdict;
    result->sealed = plan->installed.sealed;
    result->sequence = plan->installed.sequence;
    memcpy(result->manifest_digest, plan->installed.manifest_digest, BULLA_DIGEST_SIZE);
    result->trial = is_trial(client, plan);
    result->unnamed = result->slot >= 0 && plan->record < 0;
    result->fell_back = result->slot != first && bulla_layout_slot(&client->layout, first) != NULL;
    if (result->ended_trial == result->slot && !result->last_resort)
        result->ended_trial = BULLA_SLOT_NONE; /* a newer record speaks for it */
    if (plan->going >= 0 && plan->record != plan->going &&
        plan->want.record[plan->going].state == BULLA_OTA_PENDING_VERIFY) {
        plan->want.record[plan->going].state = BULLA_OTA_ABORTED; /* something else runs */
        result->ended_trial = bulla_running_slot(&client->running);
    }
    /* not while the rightful slot may only have been unreadable for once */
    plan->name_it = result->unnamed && !result->last_resort && !plan->unjudged;
    plan->into = bulla_record_spare(&plan->want);
    if (!result->trial || plan->record != plan->going || plan->going < 0)
        result->trial_boot = result->trial ? 1 : 0;
    if (result->trial && plan->record >= 0)
        plan->want.record[plan->record].state = BULLA_OTA_PENDING_VERIFY;

    plan->running = (struct bulla_running){
        .slot = bulla_slot_code(result->slot),
        .trial = result->trial,
        .ota_seq = BULLA_OTA_SEQ_NONE,
    };
    int32_t by = plan->record >= 0 || !result->last_resort
                     ? plan->record
                     : bulla_record_find(&plan->want, count, result->slot, false);
    if (by >= 0)
        plan->running.ota_seq = plan->want.record[by].seq;
}

enum bulla_status bulla_boot_decide(struct bulla_client *client,
                                    const struct bulla_boot_terms *terms,
                                    struct bulla_boot_plan *plan)
{
    struct bulla_otadata scratch = client->otadata;
    uint32_t rewrites = 0;

    memset(plan, 0, sizeof(*plan));
    plan->result.slot = plan->result.ended_trial = plan->result.refused_slot = BULLA_SLOT_NONE;
    plan->want = client->otadata;
    plan->going = going_on(client, terms, &plan->result.trial_boot);
    if (plan->going >= 0) /* it has not ended for ESP-IDF's choice either */
        scratch.record[plan->going].state = BULLA_OTA_NEW;
    int32_t first =
        bulla_ota_idf_select(&scratch, client->layout.slot_count, client->layout.factory.size != 0,
                             true, &rewrites, &plan->result.initial);
    end_trials(client, plan);
    pardon(client, terms->pardon, plan);
    plan->skip = plan->tried = terms->skip;
    if (!try_named(client, plan) && !search(client, first, false, plan)) {
        plan->result.last_resort = true;
        if (!search(client, first, true, plan))
            return BULLA_E_NOTHING_BOOTABLE;
    }
    settle(client, first, plan);
    plan->fresh_budget = plan->result.trial && terms->trial_boots > 1 && plan->going < 0;
    return BULLA_OK;
}

/* `leaving`: a slot may be left for its crashes. */
static enum bulla_status choose(struct bulla_client *client, const struct bulla_reset *reset,
                                uint32_t skip, bool leaving, struct bulla_boot_plan *plan)
{
    const struct bulla_boot_terms terms = {.skip = skip, .trial_boots = reset->trial_boots};
    client->executing = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_boot_decide(client, &terms, plan);

    if (status == BULLA_OK && leaving)
        bulla_crash_judge(client, reset, skip, plan);
    if (status == BULLA_OK && plan->result.verdict != BULLA_YES)
        status = BULLA_E_NOTHING_BOOTABLE;
    if (status == BULLA_E_NOTHING_BOOTABLE)
        plan->result.slot = BULLA_SLOT_NONE;
    /* what lies in a bank does not run: the verdict is that over the area */
    if (client->layout.in_place && plan->result.slot >= 0)
        plan->result.verdict = BULLA_NO;
    return status;
}

/* What became of the choices before, within one reset. */
struct attempts {
    uint32_t skip;
    uint32_t unmarked; /* in place: trials that could not be marked, but had been brought in */
    bool leaving;      /* a slot may be left for its crashes */
    bool last;
    int32_t failed; /* first bank that could not be brought to where it is executed */
    enum bulla_status why;
};

/* Bring the plan's release to where it is executed. One that cannot be brought there is as good as
 * before: it is passed over, and its record stays. */
static bool place(struct bulla_client *client, struct bulla_boot_plan *plan, struct attempts *a)
{
    enum bulla_status status = bulla_place_run(client, plan);

    if (status == BULLA_OK && plan->result.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status != BULLA_OK) {
        a->skip |= bulla_boot_skip(plan->result.slot);
        a->leaving = a->leaving && !plan->result.crash_loop;
        if (a->failed == BULLA_SLOT_NONE) {
            a->failed = plan->result.slot;
            a->why = status;
        }
        return false;
    }
    return true;
}

/* In place a trial has replaced what ran. Where nothing else is left, it runs unmarked. */
static bool is_left(const struct bulla_client *client, struct attempts *a)
{
    if (!client->layout.in_place || a->unmarked == 0 || a->last)
        return false;
    a->skip &= ~a->unmarked;
    a->last = true;
    return true;
}

static enum bulla_status boot(struct bulla_client *client, const struct bulla_reset *reset,
                              struct bulla_boot_result *result)
{
    struct attempts a = {.leaving = true, .failed = BULLA_SLOT_NONE};

    for (;;) {
        struct bulla_boot_plan plan;
        plan.result.verdict = BULLA_NO;
        plan.result.slot = BULLA_SLOT_NONE;
        enum bulla_status status = choose(client, reset, a.skip, a.leaving, &plan);
        if (status == BULLA_OK && !place(client, &plan, &a))
            continue;
        if (status != BULLA_OK && is_left(client, &a))
            continue;
        if (a.failed != BULLA_SLOT_NONE) {
            plan.result.refused_slot = a.failed;
            plan.result.refused_why = a.why;
            plan.name_it = false; /* nothing is selected above it */
        }
        if (status == BULLA_OK)
            status = bulla_boot_commit(client, &plan);
        *result = plan.result;
        client->executing = result->slot;
        if (status == BULLA_OK || result->slot == BULLA_SLOT_NONE)
            return status;
        /* What is confirmed runs even when nothing can be written. A trial that cannot be marked
         * would never end: it does not run. A slot that cannot be left runs on. */
        if (result->trial && !a.last) {
            a.skip |= bulla_boot_skip(result->slot);
            a.unmarked |= bulla_boot_skip(result->slot);
        } else if (result->crash_loop)
            a.leaving = false;
        else
            return BULLA_OK;
    }
}

enum bulla_status bulla_client_boot(struct bulla_client *client, struct bulla_boot_result *result)
{
    return boot(client, &(const struct bulla_reset){.crashed = false}, result);
}

enum bulla_status bulla_client_boot_after(struct bulla_client *client,
                                          const struct bulla_reset *reset,
                                          struct bulla_boot_result *result)
{
    enum bulla_status status = boot(client, reset, result);

    if (status == BULLA_E_NOTHING_BOOTABLE)
        bulla_client_note_once(
            client, BULLA_DID_NOT_BOOT, result->refused_slot,
            result->refused_slot == BULLA_SLOT_NONE ? status : result->refused_why, 0);
    return status;
}

enum bulla_status bulla_client_predict(struct bulla_client *client,
                                       struct bulla_boot_result *result)
{
    const struct bulla_boot_terms terms = {.trial_boots = 1};
    struct bulla_boot_plan plan;
    plan.result.verdict = BULLA_NO;
    plan.result.slot = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_boot_decide(client, &terms, &plan);

    if (status == BULLA_OK)
        plan.result.placed = bulla_place_wanted(client, &plan);
    *result = plan.result;
    return status;
}
