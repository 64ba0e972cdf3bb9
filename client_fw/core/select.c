/* SPDX-License-Identifier: Apache-2.0 */
/* Back to what ran before, and back again. Which slot may be chosen is what a boot would say
 * (boot.c), how it is written is set_boot's business (confirm.c). */

#include "boot_plan.h"
#include "bulla/mem.h"

/* What would boot if `running` were not there, and needs no trial: a release that only was
 * installed is nothing to go back to. */
static enum bulla_status find_previous(struct bulla_client *client, int32_t running, int32_t *slot)
{
    struct bulla_boot_terms terms = {.skip = bulla_boot_skip(running), .trial_boots = 1};
    struct bulla_boot_plan plan;

    for (uint32_t i = 0; i <= client->layout.slot_count; i++) {
        enum bulla_status status = bulla_boot_decide(client, &terms, &plan);
        if (status != BULLA_OK || plan.result.last_resort || plan.result.verdict != BULLA_YES)
            return BULLA_E_NO_FALLBACK;
        if (!plan.result.trial) {
            *slot = plan.result.slot;
            return BULLA_OK;
        }
        terms.skip |= bulla_boot_skip(plan.result.slot);
    }
    return BULLA_E_NO_FALLBACK;
}

enum bulla_status bulla_client_rollback(struct bulla_client *client, int32_t *slot)
{
    int32_t running = BULLA_SLOT_NONE;
    int32_t previous = BULLA_SLOT_NONE;

    *slot = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_client_running(client, &running);
    if (status != BULLA_OK)
        return status;
    /* with a trial that has boots left, set_boot alone would not end it */
    if (bulla_client_in_trial(client)) {
        struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
        status = bulla_client_reject(client);
        if (status == BULLA_OK)
            status = bulla_client_predict(client, &next);
        if (status == BULLA_OK)
            *slot = next.slot;
        return status;
    }
    status = find_previous(client, running, &previous);
    if (status == BULLA_OK)
        status = bulla_client_set_boot(client, previous);
    if (status == BULLA_OK)
        *slot = previous;
    return status;
}

/* Was what runs as a trial rejected? Then its record says so until it is installed again. */
static bool was_rejected(const struct bulla_client *client, int32_t running)
{
    int32_t record = bulla_record_of_running(client, running);

    return record >= 0 && client->otadata.record[record].state == BULLA_OTA_INVALID;
}

/* What is in front was confirmed, too: its record stays, or going there again would be a trial. A
 * cut finds the old choice. */
static enum bulla_status go_in_front(struct bulla_client *client, int32_t running, bool *done)
{
    const struct bulla_otadata *otadata = &client->otadata;
    int32_t own = bulla_record_find(otadata, client->layout.slot_count, running, true);
    int32_t active = bulla_ota_active(otadata);
    struct bulla_installed installed = {.verdict = BULLA_NO};

    *done = own >= 0 && active >= 0 && own != active &&
            otadata->record[active].state == BULLA_OTA_VALID;
    if (!*done)
        return BULLA_OK;
    enum bulla_status status = bulla_slot_judge(client, running, &installed);
    if (status == BULLA_OK && installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status == BULLA_OK)
        status = bulla_record_name(client, (uint32_t)own, running, otadata->record[own].state);
    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_SET_BOOT, running, BULLA_OK, installed.sequence);
    return status;
}

enum bulla_status bulla_client_rollback_cancel(struct bulla_client *client, int32_t *slot)
{
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    int32_t running = BULLA_SLOT_NONE;

    *slot = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_client_running(client, &running);
    if (status != BULLA_OK)
        return status;
    if (bulla_client_in_trial(client)) {
        /* its confirmation keeps it: nothing else can have been selected meanwhile */
        if (was_rejected(client, running))
            return BULLA_E_NO_TRIAL;
        *slot = running;
        return BULLA_OK;
    }
    status = bulla_client_predict(client, &next);
    if (status != BULLA_OK || next.slot != running) {
        bool done = false;
        status = go_in_front(client, running, &done);
        if (!done)
            status = bulla_client_set_boot(client, running);
    }
    if (status == BULLA_OK)
        *slot = running;
    return status;
}
