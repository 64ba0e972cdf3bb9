/* SPDX-License-Identifier: Apache-2.0 */
/* What the running app says of itself, and which slot it asks for next. Everything here speaks of
 * the slot that runs, never of the one that otadata happens to name. */

#include "boot_plan.h"
#include "bulla/mem.h"

/* The record by which the running slot was started; failing that, the newest that names it. */
static int32_t running_record(const struct bulla_client *client,
                              const struct bulla_running *running)
{
    uint32_t count = client->layout.slot_count;
    int32_t slot = bulla_running_slot(running);

    for (int32_t i = 0; slot >= 0 && i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (bulla_record_whole(record) && record->seq == running->ota_seq &&
            bulla_ota_slot_of(record->seq, count) == (uint32_t)slot)
            return i;
    }
    return bulla_record_find(&client->otadata, count, slot, false);
}

static bool was_confirmed(const struct bulla_client *client,
                          const struct bulla_installed *installed)
{
    return client->has_confirmed &&
           bulla_digest_equal(installed->manifest_digest, client->confirmed.manifest_digest);
}

/* Has this device ever had a trial? Confirming forgets the failures of the release, but keeps the
 * record. After a fall-back the failures are another release's, and stay. Those of a release that
 * was confirmed before stay, too: or one that crashes after each confirmation would be installed
 * again for ever. */
static enum bulla_status forget_failures(struct bulla_client *client,
                                         const struct bulla_installed *installed)
{
    struct bulla_trial last;
    struct bulla_trial none = {.failed = 0};
    bool found = false;
    enum bulla_status status = bulla_state_get_trial(&client->state, &last, &found);
    if (status != BULLA_OK)
        return status;
    memcpy(none.manifest_digest, installed->manifest_digest, BULLA_DIGEST_SIZE);
    bool is_its = found && bulla_digest_equal(last.manifest_digest, none.manifest_digest);
    if (found && (was_confirmed(client, installed) || (is_its && last.failed == 0)))
        return BULLA_OK;
    return bulla_state_put_trial(&client->state, &none);
}

/* Also where only one copy of two is: a power cut may have left it so. */
static enum bulla_status raise_sequence(struct bulla_client *client,
                                        const struct bulla_installed *installed)
{
    struct bulla_confirmed confirmed = {.sequence = installed->sequence};
    bool is_newer = !client->has_confirmed || installed->sequence > client->confirmed.sequence;
    enum bulla_status status = BULLA_OK;

    if (!is_newer && (!was_confirmed(client, installed) ||
                      bulla_state_has_pair(&client->state, BULLA_RECORD_CONFIRMED)))
        return BULLA_OK;
    memcpy(confirmed.manifest_digest, installed->manifest_digest, BULLA_DIGEST_SIZE);
    if (is_newer)
        status = forget_failures(client, installed);
    if (status == BULLA_OK)
        status = bulla_state_put_confirmed(&client->state, &confirmed);
    if (status != BULLA_OK)
        return status;
    client->has_confirmed = true;
    client->confirmed = confirmed;
    return BULLA_OK;
}

enum bulla_status bulla_client_raise(struct bulla_client *client,
                                     const struct bulla_installed *installed)
{
    uint32_t floor = installed->image.secure_version;
    enum bulla_status status = raise_sequence(client, installed);

    if (status != BULLA_OK || floor == 0 || floor < client->floor ||
        (floor == client->floor && bulla_state_has_pair(&client->state, BULLA_RECORD_FLOOR)))
        return status;
    status = bulla_state_put_floor(&client->state, floor);
    if (status == BULLA_OK)
        client->floor = floor;
    return status;
}

/* May the running slot be confirmed: it is in its trial, or was confirmed before. */
static enum bulla_status may_confirm(const struct bulla_client *client,
                                     const struct bulla_running *running, int32_t record)
{
    struct bulla_trial last;
    bool found = false;

    if (running->trial) {
        /* PENDING: marked by the boot that started it; VALID: this call was interrupted; NEW: the
         * port says that it runs, so the bootloader marks nothing, or in place it could not */
        uint32_t state = record < 0 ? BULLA_OTA_UNDEFINED : client->otadata.record[record].state;
        bool runs = state == BULLA_OTA_PENDING_VERIFY || state == BULLA_OTA_VALID ||
                    (state == BULLA_OTA_NEW &&
                     (client->layout.in_place || client->executing == bulla_running_slot(running)));
        return runs ? BULLA_OK : BULLA_E_NO_TRIAL;
    }
    enum bulla_status status = bulla_state_get_trial(&client->state, &last, &found);
    if (status != BULLA_OK)
        return status;
    return found ? BULLA_OK : BULLA_E_NO_TRIAL;
}

enum bulla_status bulla_client_confirm(struct bulla_client *client)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    struct bulla_running running;
    if (!bulla_boot_started(client, &running))
        return BULLA_E_NO_TRIAL;
    int32_t record = running_record(client, &running);
    bool was_trial = running.trial;
    bool replaced = false;
    enum bulla_status status = may_confirm(client, &running, record);
    if (status == BULLA_OK)
        status = bulla_slot_judge(client, bulla_running_slot(&running), &installed);
    if (status == BULLA_OK && installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status == BULLA_OK)
        status = bulla_place_replaced(client, bulla_running_slot(&running), &installed, &replaced);
    if (status == BULLA_OK && replaced)
        status = BULLA_E_NO_TRIAL;
    /* that it was a trial is what makes the record's VALID a confirmation */
    if (status == BULLA_OK)
        status = bulla_client_put_running(client, &running);
    if (status != BULLA_OK)
        return status;

    if (installed.sealed && was_trial)
        status = forget_failures(client, &installed);
    if (status == BULLA_OK && record >= 0)
        status = bulla_record_confirm(client, (uint32_t)record,
                                      was_trial && bulla_boot_unconfirmed(client, &installed));
    /* from here on the next boot finishes what a power cut interrupts */
    if (status == BULLA_OK && installed.sealed)
        status = bulla_client_raise(client, &installed);
    if (status == BULLA_OK && was_trial)
        status = bulla_crash_forget(client);
    if (status != BULLA_OK || !was_trial)
        return status;

    running.trial = false;
    record = running_record(client, &running);
    if (record >= 0)
        running.ota_seq = client->otadata.record[record].seq;
    status = bulla_client_put_running(client, &running);
    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_CONFIRM, bulla_client_last_started(client), BULLA_OK,
                          installed.sequence);
    return status;
}

/* RUNNING outlives the reset only where our boot rewrites it: of a trial that another bootloader
 * started it is told to this power-on alone, or no update would ever be taken again. */
static enum bulla_status note_rejected(struct bulla_client *client,
                                       const struct bulla_running *running, uint32_t seq)
{
    const struct bulla_running rejected = {.slot = running->slot, .trial = true, .ota_seq = seq};
    bool is_ours = client->has_running && client->running.ota_seq == running->ota_seq;

    if (is_ours)
        return bulla_client_put_running(client, &rejected);
    client->has_running = true;
    client->running = rejected;
    return BULLA_OK;
}

enum bulla_status bulla_client_reject(struct bulla_client *client)
{
    struct bulla_running running;
    if (!bulla_boot_started(client, &running))
        return BULLA_E_NO_TRIAL;
    int32_t slot = bulla_running_slot(&running);
    int32_t record = running_record(client, &running);
    if (slot == BULLA_SLOT_FACTORY)
        return BULLA_E_NO_FALLBACK; /* no record could say so */
    enum bulla_status status = bulla_boot_fallback(client, slot);
    if (status != BULLA_OK)
        return status;
    if (record >= 0 && client->otadata.record[record].state == BULLA_OTA_INVALID)
        return BULLA_OK;

    /* What was confirmed is not any more: it runs on as an unconfirmed slot until the reset, so
     * that no update takes the fall-back away. */
    if (record < 0) {
        status = bulla_record_keep_running(client, slot);
        record = running_record(client, &running);
        if (status == BULLA_OK && record < 0)
            status = BULLA_E_FLASH_READBACK;
    }
    if (status != BULLA_OK)
        return status;
    status = note_rejected(client, &running, client->otadata.record[record].seq);
    if (status == BULLA_OK)
        status = bulla_record_mark(client, (uint32_t)record, BULLA_OTA_INVALID);
    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_REJECT, slot, BULLA_OK, 0);
    return status;
}

/* The factory app runs when no record selects anything. The idle record goes first: otherwise it
 * would become the active one between two erases. */
static enum bulla_status select_factory(struct bulla_client *client)
{
    for (uint32_t i = 0; i < 2; i++) {
        int32_t active = bulla_ota_active(&client->otadata);
        if (active < 0)
            return BULLA_OK;
        uint32_t idle = 1u - (uint32_t)active;
        uint32_t next = bulla_ota_is_valid(&client->otadata.record[idle]) ? idle : (uint32_t)active;
        enum bulla_status status = bulla_record_drop(client, next);
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

enum bulla_status bulla_client_judge_trials(const struct bulla_client *client,
                                            const uint8_t manifest_digest[BULLA_DIGEST_SIZE])
{
    struct bulla_trial trial;
    bool found = false;
    enum bulla_status status = bulla_state_get_trial(&client->state, &trial, &found);

    if (status != BULLA_OK)
        return status;
    return found && trial.failed >= BULLA_TRIALS_MAX &&
                   bulla_digest_equal(trial.manifest_digest, manifest_digest)
               ? BULLA_E_TRIAL_FAILED_BEFORE
               : BULLA_OK;
}

/* A release that was confirmed before, or never was sealed, needs no trial, unless its newest
 * record says that it failed since. That it was confirmed, no state word tells of one above the
 * confirmed one; of one below it VALID does. Where its record is gone, as after the factory app was
 * selected, a lower sequence says nothing: it may only ever have been installed. */
static bool is_established(const struct bulla_client *client, int32_t slot,
                           const struct bulla_installed *installed)
{
    int32_t newest = bulla_record_find(&client->otadata, client->layout.slot_count, slot, false);
    uint32_t state = newest >= 0 ? client->otadata.record[newest].state : BULLA_OTA_UNDEFINED;

    if (state == BULLA_OTA_INVALID || state == BULLA_OTA_ABORTED)
        return false;
    if (!installed->sealed)
        return true;
    if (state == BULLA_OTA_VALID)
        return !bulla_boot_unconfirmed(client, installed);
    return was_confirmed(client, installed);
}

static enum bulla_status select_slot(struct bulla_client *client, int32_t slot, int32_t running,
                                     const struct bulla_installed *installed)
{
    uint32_t count = client->layout.slot_count;
    int32_t record = bulla_record_find(&client->otadata, count, slot, true);
    uint32_t state = is_established(client, slot, installed) ? BULLA_OTA_VALID : BULLA_OTA_NEW;
    int32_t active = bulla_ota_active(&client->otadata);
    enum bulla_status status = BULLA_OK;

    if (record >= 0 && record == active && client->otadata.record[record].state == state)
        return BULLA_OK;
    /* that many trials are enough, unless it is installed anew */
    if (state == BULLA_OTA_NEW && installed->sealed && (slot != running || record < 0))
        status = bulla_client_judge_trials(client, installed->manifest_digest);
    if (status == BULLA_OK)
        status = bulla_record_keep_running(client, running);
    if (status != BULLA_OK)
        return status;
    record = bulla_record_find(&client->otadata, count, slot, true);
    active = bulla_ota_active(&client->otadata);
    if (slot == running && record >= 0) /* its record stays; what is in front of it goes */
        return active == record ? BULLA_OK : bulla_record_drop(client, 1u - (uint32_t)record);
    int32_t keep = bulla_record_of_running(client, running);
    uint32_t into = keep >= 0 ? 1u - (uint32_t)keep : bulla_record_spare(&client->otadata);
    return bulla_record_name(client, into, slot, state);
}

enum bulla_status bulla_client_set_boot(struct bulla_client *client, int32_t slot)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    int32_t running = BULLA_SLOT_NONE;

    if (bulla_client_in_trial(client))
        return BULLA_E_TRIAL_PENDING;
    enum bulla_status status = bulla_slot_judge(client, slot, &installed);
    if (status == BULLA_OK && installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status != BULLA_OK)
        return status;
    if (bulla_client_running(client, &running) != BULLA_OK)
        running = BULLA_SLOT_NONE; /* nothing runs: nothing to keep */
    status = slot == BULLA_SLOT_FACTORY ? select_factory(client)
                                        : select_slot(client, slot, running, &installed);
    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_SET_BOOT, slot, BULLA_OK, installed.sequence);
    return status;
}
