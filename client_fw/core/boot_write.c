/* SPDX-License-Identifier: Apache-2.0 */
/* What a boot writes, in the order that a power cut allows: counts, what runs, otadata, events. */

#include "boot_plan.h"
#include "bulla/mem.h"
#include "state_log.h"

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
 * behind the record of what failed; the log keeps that order. */
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

enum bulla_status bulla_boot_count_failure(struct bulla_client *client)
{
    struct bulla_trial last;
    struct bulla_trial trial = {.failed = 1};
    bool counted = false;
    bool claimed = false;
    bool found = false;

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
static enum bulla_status name_slot(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    const struct bulla_otadata was = client->otadata;
    uint32_t state = plan->result.trial ? BULLA_OTA_PENDING_VERIFY : BULLA_OTA_VALID;
    enum bulla_status status = bulla_record_name(client, plan->into, plan->result.slot, state);
    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *is = &client->otadata.record[i];
        if (memcmp(is, &was.record[i], sizeof(*is)) != 0)
            plan->want.record[i] = *is;
    }
    plan->result.repaired = status == BULLA_OK && !plan->result.initial;
    return status;
}

/* Bring otadata to what the plan wants. The record of what runs is changed last: until then it
 * selects what it did. One that was barred selects nothing yet: it goes first. */
static enum bulla_status write_records(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    enum bulla_status status = plan->name_it ? name_slot(client, plan) : BULLA_OK;

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 2 && status == BULLA_OK; i++) {
            uint32_t state = plan->want.record[i].state;
            bool is_own = (int32_t)i == plan->record;
            if (is_own != (pass == (plan->own_first ? 0u : 1u)) ||
                client->otadata.record[i].state == state)
                continue;
            plan->result.repaired = plan->result.repaired || state == BULLA_OTA_INVALID;
            status = bulla_record_mark(client, i, state);
        }
    }
    return status;
}

/* A confirmation writes otadata first; finish what a power cut left of it. The cut may have left a
 * VALID that reads otherwise the next time: it is written again before anything rests on it. */
static enum bulla_status finish_confirmation(struct bulla_client *client,
                                             const struct bulla_boot_plan *plan)
{
    bool is_valid = plan->record >= 0 && plan->want.record[plan->record].state == BULLA_OTA_VALID;

    if (plan->result.trial || !plan->installed.sealed || !is_valid)
        return BULLA_OK;
    if (bulla_boot_unconfirmed(client, &plan->installed)) {
        enum bulla_status status =
            bulla_record_mark(client, (uint32_t)plan->record, BULLA_OTA_VALID);
        if (status != BULLA_OK)
            return status;
    }
    return bulla_client_raise(client, &plan->installed);
}

/* An ordinary boot leaves no trace: flash wears. */
static void note_boot(struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    const struct bulla_boot_result *result = &plan->result;

    if (result->ended_trial != BULLA_SLOT_NONE)
        bulla_client_note(client, BULLA_DID_FALL_BACK, result->ended_trial,
                          BULLA_E_TRIAL_NOT_CONFIRMED, 0);
    if (result->crash_loop)
        bulla_client_note(client, BULLA_DID_FALL_BACK, result->refused_slot, BULLA_E_CRASH_LOOP,
                          result->crashes);
    else if (result->repaired && result->refused_slot != BULLA_SLOT_NONE)
        bulla_client_note(client, BULLA_DID_FALL_BACK, result->refused_slot, result->refused_why,
                          0);
    if (result->repaired)
        bulla_client_note(client, BULLA_DID_REPAIR, result->slot, BULLA_OK, 0);
    if (result->placed)
        bulla_client_note(client, BULLA_DID_PLACE, result->slot, BULLA_OK, result->sequence);
    if (result->trial && plan->going < 0)
        bulla_client_note(client, BULLA_DID_BOOT, result->slot, BULLA_OK, result->sequence);
}

/* Say what will run. VALID under a trial would read as its confirmation: it goes first. */
static enum bulla_status write_running(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    enum bulla_status status = BULLA_OK;

    if (plan->name_it) /* under this number the record will be written */
        status = bulla_record_number(client, plan->into, plan->result.slot, &plan->running.ota_seq);
    if (status == BULLA_OK && plan->result.trial && plan->record >= 0 &&
        client->otadata.record[plan->record].state == BULLA_OTA_VALID)
        status = bulla_record_mark(client, (uint32_t)plan->record, BULLA_OTA_NEW);
    return status == BULLA_OK ? bulla_client_put_running(client, &plan->running) : status;
}

/* A trial ended, but its record could not be changed: by its number it is known as ours, and not
 * taken for one that another bootloader started. */
static enum bulla_status disown_pending(struct bulla_client *client, struct bulla_boot_plan *plan)
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

/* A slot is left for its crashes: here otadata goes first. A cut in between finds the other slot
 * selected; with what runs written first it would find the slot that was left, its count gone. */
static enum bulla_status commit_leaving(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    enum bulla_status status = finish_confirmation(client, plan);
    if (status == BULLA_OK)
        status = write_records(client, plan);
    if (status != BULLA_OK)
        return status;
    int32_t record =
        bulla_record_find(&client->otadata, client->layout.slot_count, plan->result.slot, true);
    if (record >= 0)
        plan->running.ota_seq = client->otadata.record[record].seq;
    status = bulla_client_put_running(client, &plan->running);
    if (status == BULLA_OK)
        note_boot(client, plan);
    return status;
}

/* Order: a confirmation that was cut off (while RUNNING still tells of its trial), failures (while
 * RUNNING still tells of the trial that failed), what runs, records, then what may be late. What
 * is no trial runs whatever fails here; then its otadata is written all the same, so that an
 * ABORTED record tells that what RUNNING names has ended. */
enum bulla_status bulla_boot_commit(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    if (plan->result.crash_loop)
        return commit_leaving(client, plan);
    bool trial = plan->result.trial;
    bool goes_on = trial && plan->going >= 0 && plan->record == plan->going;
    enum bulla_status status = finish_confirmation(client, plan);
    if (status != BULLA_OK)
        return status;
    if (goes_on) /* before it runs: a boot that is not counted would never be the last */
        status = bulla_crash_count_boot(client, plan->result.trial_boot);
    else if (trial_failed(client))
        status = bulla_boot_count_failure(client);
    if (status == BULLA_OK)
        status = write_running(client, plan);
    if (status == BULLA_OK && plan->fresh_budget)
        status = bulla_crash_count_boot(client, 0);
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
