/* SPDX-License-Identifier: Apache-2.0 */
/* The choice at reset. It is ESP-IDF's choice, with what ESP-IDF leaves out: what runs is judged
 * against its signed envelope, a slot that failed never runs while another one verifies, otadata
 * is put right when something else runs than it names, and a confirmation that a power cut
 * interrupted is finished. First everything is decided, in memory; then it is written. */

#include "bulla/mem.h"
#include "parts.h"
#include "state_log.h"

struct plan {
    struct bulla_boot_result result;
    struct bulla_installed installed; /* of result.slot */
    struct bulla_otadata want;        /* the states as they should be */
    bool name_it;                     /* result.slot needs a record of its own */
    bool unjudged;                    /* a slot was passed over because flash could not be read */
    uint32_t tried;                   /* slots not to judge (again), as of bulla_boot_skip */
    int32_t record;                   /* in want, of result.slot; -1: none */
    struct bulla_running running;     /* to be recorded */
};

uint32_t bulla_boot_skip(int32_t slot)
{
    return slot == BULLA_SLOT_FACTORY ? BULLA_SKIP_FACTORY : 1u << slot;
}

/* ESP-IDF's order from the selected slot: down to 0, factory, then upwards. */
static int32_t candidate(int32_t first, int32_t i)
{
    if (i <= first)
        return first - i;
    return i == first + 1 ? BULLA_SLOT_FACTORY : i - 1;
}

/* Failed before, and no record speaks for it. */
static bool is_barred(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot)
{
    return bulla_record_find(otadata, slot_count, slot, false) >= 0 &&
           bulla_record_find(otadata, slot_count, slot, true) < 0;
}

bool bulla_boot_unconfirmed(const struct bulla_client *client,
                            const struct bulla_installed *installed)
{
    return installed->sealed &&
           (!client->has_confirmed || installed->sequence > client->confirmed.sequence ||
            (installed->sequence == client->confirmed.sequence &&
             !bulla_digest_equal(installed->manifest_digest, client->confirmed.manifest_digest)));
}

/* A state word has no CRC over it, and any flashing tool writes one: for a release that was not
 * confirmed it is believed only when it is VALID and the slot was started as a trial. That is a
 * confirmation which a power cut ended after its first write. */
static bool is_trial(const struct bulla_client *client, const struct plan *plan)
{
    if (plan->result.slot < 0 || plan->result.last_resort)
        return false;
    bool unconfirmed = bulla_boot_unconfirmed(client, &plan->installed);
    if (plan->record < 0)
        return unconfirmed;
    uint32_t state = plan->want.record[plan->record].state;
    if (state == BULLA_OTA_NEW)
        return true;
    bool was_confirming = state == BULLA_OTA_VALID && client->has_running &&
                          client->running.trial &&
                          client->running.slot == bulla_slot_code(plan->result.slot);
    return unconfirmed && !was_confirming;
}

/* A slot that does not verify: its record shall say so, if the bytes were judged at all. */
static void give_up(const struct bulla_client *client, struct plan *plan, int32_t slot,
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

/* Judge one slot; true when it may run. None is judged twice. */
static bool try_slot(struct bulla_client *client, int32_t slot, struct plan *plan)
{
    uint32_t bit = bulla_boot_skip(slot);

    if (bulla_layout_slot(&client->layout, slot) == NULL || (plan->tried & bit) != 0)
        return false;
    plan->tried |= bit;
    plan->installed.verdict = BULLA_NO;
    enum bulla_status status = bulla_slot_judge(client, slot, &plan->installed);
    if (status == BULLA_OK && plan->installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status != BULLA_OK) {
        give_up(client, plan, slot, status);
        return false;
    }
    plan->result.slot = slot;
    return true;
}

/* The slots that records select, the larger number first: one that does not verify counts as
 * INVALID, so the other record is the fall-back before any slot without one. */
static bool try_named(struct bulla_client *client, struct plan *plan)
{
    struct bulla_otadata left = plan->want;

    for (int32_t active = bulla_ota_active(&left); active >= 0 && client->layout.slot_count > 0;
         active = bulla_ota_active(&left)) {
        uint32_t seq = left.record[active].seq;
        left.record[active].seq = BULLA_OTA_SEQ_NONE;
        if (try_slot(client, (int32_t)bulla_ota_slot_of(seq, client->layout.slot_count), plan))
            return true;
    }
    return false;
}

/* One pass over the candidates; true when one verified. */
static bool search(struct bulla_client *client, int32_t first, bool barred, struct plan *plan)
{
    uint32_t count = client->layout.slot_count;
    struct bulla_otadata before = plan->want;

    for (int32_t i = 0; i <= (int32_t)count; i++) {
        int32_t slot = candidate(first, i);
        if (is_barred(&before, count, slot) == barred && try_slot(client, slot, plan))
            return true;
    }
    return false;
}

/* ESP-IDF's first step: a trial that is still pending ended without confirmation. */
static void end_trials(const struct bulla_client *client, struct plan *plan)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record *record = &plan->want.record[i];
        if (record->state != BULLA_OTA_PENDING_VERIFY)
            continue;
        record->state = BULLA_OTA_ABORTED;
        if (bulla_record_whole(record) && client->layout.slot_count > 0)
            plan->result.ended_trial =
                (int32_t)bulla_ota_slot_of(record->seq, client->layout.slot_count);
    }
}

/* What follows for the records from the slot that runs. */
static void settle(const struct bulla_client *client, int32_t first, struct plan *plan)
{
    struct bulla_boot_result *result = &plan->result;
    uint32_t count = client->layout.slot_count;

    plan->record =
        result->last_resort ? -1 : bulla_record_find(&plan->want, count, result->slot, true);
    result->verdict = plan->installed.verdict;
    result->sealed = plan->installed.sealed;
    result->sequence = plan->installed.sequence;
    result->trial = is_trial(client, plan);
    result->unnamed = result->slot >= 0 && plan->record < 0;
    result->fell_back = result->slot != first && bulla_layout_slot(&client->layout, first) != NULL;
    if (result->ended_trial == result->slot && !result->last_resort)
        result->ended_trial = BULLA_SLOT_NONE; /* a newer record speaks for it */
    /* not while the rightful slot may only have been unreadable for once */
    plan->name_it = result->unnamed && !result->last_resort && !plan->unjudged;
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

/* `skip`: slots to pass over. */
static enum bulla_status decide(struct bulla_client *client, uint32_t skip, struct plan *plan)
{
    struct bulla_otadata scratch = client->otadata;
    uint32_t rewrites = 0;

    memset(plan, 0, sizeof(*plan));
    plan->result.slot = plan->result.ended_trial = plan->result.refused_slot = BULLA_SLOT_NONE;
    plan->want = client->otadata;
    int32_t first =
        bulla_ota_idf_select(&scratch, client->layout.slot_count, client->layout.factory.size != 0,
                             true, &rewrites, &plan->result.initial);
    end_trials(client, plan);
    plan->tried = skip;
    if (!try_named(client, plan) && !search(client, first, false, plan)) {
        plan->result.last_resort = true;
        if (!search(client, first, true, plan))
            return BULLA_E_NOTHING_BOOTABLE;
    }
    settle(client, first, plan);
    return BULLA_OK;
}

/* Did the trial that the last boot started end without confirmation? Not told by the record
 * alone: a slot that was damaged before its trial has not failed one. */
static bool trial_failed(const struct bulla_client *client)
{
    if (!client->has_running || !client->running.trial)
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (bulla_record_whole(record) && record->seq == client->running.ota_seq)
            return record->state == BULLA_OTA_PENDING_VERIFY ||
                   record->state == BULLA_OTA_INVALID || record->state == BULLA_OTA_ABORTED;
    }
    return false;
}

/* Was the failure counted by a boot that ended before it could say what runs? Then the count lies
 * behind the record of the trial's start; the log keeps that order. */
static enum bulla_status is_counted(const struct bulla_client *client, bool *counted)
{
    struct bulla_log_record running;
    struct bulla_log_record trial;
    bool found = false;

    *counted = false;
    enum bulla_status status =
        bulla_log_find(&client->state, BULLA_RECORD_RUNNING, 0, 0, &running, &found);
    if (status != BULLA_OK || !found)
        return status;
    status = bulla_log_find(&client->state, BULLA_RECORD_TRIAL, 0, 0, &trial, &found);
    *counted = status == BULLA_OK && found && trial.at > running.at;
    return status;
}

static enum bulla_status count_failure(struct bulla_client *client)
{
    struct bulla_trial last;
    struct bulla_trial trial = {.failed = 1};
    bool counted = false;
    bool claimed = false;
    bool found = false;

    if (!trial_failed(client))
        return BULLA_OK;
    enum bulla_status status = is_counted(client, &counted);
    if (status != BULLA_OK || counted)
        return status;
    status = bulla_slot_claim(client, bulla_client_last_started(client), trial.manifest_digest,
                              &claimed);
    if (status != BULLA_OK || !claimed)
        return status;
    status = bulla_state_get_trial(&client->state, &last, &found);
    if (status != BULLA_OK)
        return status;
    if (found && bulla_digest_equal(last.manifest_digest, trial.manifest_digest))
        trial.failed = last.failed < UINT8_MAX ? (uint8_t)(last.failed + 1u) : UINT8_MAX;
    return bulla_state_put_trial(&client->state, &trial);
}

/* Write a record for what runs; sectors that this changed are as they should be. */
static enum bulla_status name_slot(struct bulla_client *client, struct plan *plan)
{
    const struct bulla_otadata was = client->otadata;
    uint32_t state = plan->result.trial ? BULLA_OTA_PENDING_VERIFY : BULLA_OTA_VALID;
    enum bulla_status status =
        bulla_record_name(client, bulla_record_spare(&plan->want), plan->result.slot, state);
    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *is = &client->otadata.record[i];
        if (memcmp(is, &was.record[i], sizeof(*is)) != 0)
            plan->want.record[i] = *is;
    }
    plan->result.repaired = status == BULLA_OK && !plan->result.initial;
    return status;
}

/* Bring otadata to what the plan wants. The record of what runs is changed last: until then it
 * selects what it did. */
static enum bulla_status write_records(struct bulla_client *client, struct plan *plan)
{
    enum bulla_status status = plan->name_it ? name_slot(client, plan) : BULLA_OK;

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 2 && status == BULLA_OK; i++) {
            uint32_t state = plan->want.record[i].state;
            bool is_own = (int32_t)i == plan->record;
            if (is_own != (pass == 1) || client->otadata.record[i].state == state)
                continue;
            plan->result.repaired = plan->result.repaired || state == BULLA_OTA_INVALID;
            status = bulla_record_mark(client, i, state);
        }
    }
    return status;
}

/* A confirmation writes otadata first; finish what a power cut left of it. */
static enum bulla_status finish_confirmation(struct bulla_client *client, const struct plan *plan)
{
    bool is_valid = plan->record >= 0 && plan->want.record[plan->record].state == BULLA_OTA_VALID;

    if (plan->result.trial || !plan->installed.sealed || !is_valid)
        return BULLA_OK;
    return bulla_client_raise(client, &plan->installed);
}

/* An ordinary boot leaves no trace: flash wears. */
static void note_boot(struct bulla_client *client, const struct plan *plan)
{
    const struct bulla_boot_result *result = &plan->result;

    if (result->ended_trial != BULLA_SLOT_NONE)
        bulla_client_note(client, BULLA_DID_FALL_BACK, result->ended_trial, BULLA_OK, 0);
    if (result->repaired && result->refused_slot != BULLA_SLOT_NONE)
        bulla_client_note(client, BULLA_DID_FALL_BACK, result->refused_slot, result->refused_why,
                          0);
    if (result->repaired)
        bulla_client_note(client, BULLA_DID_REPAIR, result->slot, BULLA_OK, 0);
    if (result->trial)
        bulla_client_note(client, BULLA_DID_BOOT, result->slot, BULLA_OK, result->sequence);
}

/* Say what will run. VALID under a trial would read as its confirmation: it goes first. */
static enum bulla_status write_running(struct bulla_client *client, struct plan *plan)
{
    enum bulla_status status = BULLA_OK;

    if (plan->name_it) /* under this number the record will be written */
        status = bulla_record_number(client, bulla_record_spare(&plan->want), plan->result.slot,
                                     &plan->running.ota_seq);
    if (status == BULLA_OK && plan->result.trial && plan->record >= 0 &&
        client->otadata.record[plan->record].state == BULLA_OTA_VALID)
        status = bulla_record_mark(client, (uint32_t)plan->record, BULLA_OTA_NEW);
    return status == BULLA_OK ? bulla_client_put_running(client, &plan->running) : status;
}

/* A trial ended, but its record could not be changed: by its number it is known as ours, and not
 * taken for one that another bootloader started. */
static enum bulla_status disown_pending(struct bulla_client *client, struct plan *plan)
{
    enum bulla_status status = BULLA_OK;

    for (uint32_t i = 0; i < 2 && status == BULLA_OK; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (!bulla_record_whole(record) || record->state != BULLA_OTA_PENDING_VERIFY)
            continue;
        plan->running.ota_seq = record->seq;
        status = bulla_client_put_running(client, &plan->running);
    }
    return status;
}

/* Order: a confirmation that was cut off (while RUNNING still tells of its trial), failures (while
 * RUNNING still tells of the trial that failed), what runs, records, then what may be late. What
 * is no trial runs whatever fails here; then its otadata is written all the same, so that an
 * ABORTED record tells that what RUNNING names has ended. */
static enum bulla_status commit(struct bulla_client *client, struct plan *plan)
{
    bool trial = plan->result.trial;
    enum bulla_status status = finish_confirmation(client, plan);
    if (status != BULLA_OK)
        return status;
    status = count_failure(client);
    if (status == BULLA_OK)
        status = write_running(client, plan);
    if (status == BULLA_OK || !trial) {
        enum bulla_status written = write_records(client, plan);
        if (written != BULLA_OK && !trial && disown_pending(client, plan) != BULLA_OK)
            return written;
        status = status == BULLA_OK ? written : status;
    }
    if (status == BULLA_OK)
        note_boot(client, plan);
    return status;
}

enum bulla_status bulla_client_boot(struct bulla_client *client, struct bulla_boot_result *result)
{
    uint32_t skip = 0;

    for (;;) {
        struct plan plan;
        plan.result.verdict = BULLA_NO;
        plan.result.slot = BULLA_SLOT_NONE;
        enum bulla_status status = decide(client, skip, &plan);
        if (status == BULLA_OK && plan.result.verdict != BULLA_YES)
            status = BULLA_E_NOTHING_BOOTABLE;
        if (status == BULLA_E_NOTHING_BOOTABLE)
            plan.result.slot = BULLA_SLOT_NONE;
        if (status == BULLA_OK)
            status = commit(client, &plan);
        *result = plan.result;
        if (status == BULLA_OK || result->slot == BULLA_SLOT_NONE)
            return status;
        /* What is confirmed runs even when nothing can be written. A trial that cannot be marked
         * would never end: it does not run. */
        if (!result->trial)
            return BULLA_OK;
        skip |= bulla_boot_skip(result->slot);
    }
}

enum bulla_status bulla_client_predict(struct bulla_client *client,
                                       struct bulla_boot_result *result)
{
    struct plan plan;
    plan.result.verdict = BULLA_NO;
    plan.result.slot = BULLA_SLOT_NONE;
    enum bulla_status status = decide(client, 0, &plan);

    *result = plan.result;
    return status;
}

int32_t bulla_running_slot(const struct bulla_running *running)
{
    return running->slot == BULLA_STATE_SLOT_FACTORY ? BULLA_SLOT_FACTORY : (int32_t)running->slot;
}

/* PENDING_VERIFY lasts until the next reset: with a number that our last boot did not write down,
 * another bootloader has started that slot since. */
static bool started_by_another(const struct bulla_client *client, struct bulla_running *running)
{
    bool found = false;

    for (uint32_t i = 0; i < 2 && client->layout.slot_count > 0; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (!bulla_record_whole(record) || record->state != BULLA_OTA_PENDING_VERIFY ||
            (client->has_running && client->running.ota_seq == record->seq) ||
            (found && running->ota_seq >= record->seq))
            continue;
        running->slot = (uint8_t)bulla_ota_slot_of(record->seq, client->layout.slot_count);
        running->trial = true;
        running->ota_seq = record->seq;
        found = true;
    }
    return found;
}

bool bulla_boot_started(const struct bulla_client *client, struct bulla_running *running)
{
    if (started_by_another(client, running))
        return true;
    if (!client->has_running)
        return false;
    *running = client->running;
    /* a trial that runs is never ABORTED or NEW: a reset ended it, and RUNNING was not rewritten */
    for (uint32_t i = 0; running->trial && i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (bulla_record_whole(record) && record->seq == running->ota_seq)
            return record->state != BULLA_OTA_ABORTED && record->state != BULLA_OTA_NEW;
    }
    return true;
}

bool bulla_client_in_trial(const struct bulla_client *client)
{
    struct bulla_running running;

    return bulla_boot_started(client, &running) && running.trial;
}

enum bulla_status bulla_client_running(struct bulla_client *client, int32_t *slot)
{
    struct bulla_running running;
    struct plan plan;

    *slot = BULLA_SLOT_NONE;
    if (bulla_boot_started(client, &running)) {
        *slot = bulla_running_slot(&running);
        return bulla_layout_slot(&client->layout, *slot) != NULL ? BULLA_OK : BULLA_E_STATE_DAMAGED;
    }
    enum bulla_status status = decide(client, 0, &plan);
    /* a trial that never started does not run: what runs is what it would have replaced */
    if (status == BULLA_OK && plan.result.trial)
        status = decide(client, bulla_boot_skip(plan.result.slot), &plan);
    if (status == BULLA_OK)
        *slot = plan.result.slot;
    return status;
}

enum bulla_status bulla_boot_fallback(struct bulla_client *client, int32_t slot)
{
    struct plan plan;
    enum bulla_status status = decide(client, bulla_boot_skip(slot), &plan);

    if (status != BULLA_OK || plan.result.last_resort)
        return BULLA_E_NO_FALLBACK;
    return BULLA_OK;
}
