/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, as far as flash tells: what our last boot started, or another bootloader since. */

#include "boot_plan.h"
#include "bulla/mem.h"

uint32_t bulla_boot_skip(int32_t slot)
{
    return slot == BULLA_SLOT_FACTORY ? BULLA_SKIP_FACTORY : 1u << slot;
}

bool bulla_boot_unconfirmed(const struct bulla_client *client,
                            const struct bulla_installed *installed)
{
    return installed->sealed &&
           (!client->has_confirmed || installed->sequence > client->confirmed.sequence ||
            (installed->sequence == client->confirmed.sequence &&
             !bulla_digest_equal(installed->manifest_digest, client->confirmed.manifest_digest)));
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

/* As the device state tells it. */
static bool recorded(const struct bulla_client *client, struct bulla_running *running)
{
    if (started_by_another(client, running))
        return true;
    if (!client->has_running)
        return false;
    *running = client->running;
    /* a trial that runs is never ABORTED or NEW: a reset ended it, and RUNNING was not rewritten.
     * In place it may be NEW: it was brought in, could not be marked, and nothing else was left */
    for (uint32_t i = 0; running->trial && i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (bulla_record_whole(record) && record->seq == running->ota_seq)
            return record->state != BULLA_OTA_ABORTED &&
                   (record->state != BULLA_OTA_NEW || client->layout.in_place);
    }
    return true;
}

bool bulla_boot_started(const struct bulla_client *client, struct bulla_running *running)
{
    bool known = recorded(client, running);

    /* in place every bank's release is executed from the same area */
    bool says_nothing = client->executing == BULLA_SLOT_NONE ||
                        (client->layout.in_place && client->executing == BULLA_SLOT_FACTORY);
    if ((known || client->executing == BULLA_SLOT_NONE) &&
        (says_nothing || bulla_running_slot(running) == client->executing))
        return known;
    /* the boot that started it could not write that down, or writes no states at all */
    *running = (struct bulla_running){.slot = bulla_slot_code(client->executing),
                                      .ota_seq = BULLA_OTA_SEQ_NONE};
    int32_t record =
        bulla_record_find(&client->otadata, client->layout.slot_count, client->executing, true);
    if (record >= 0) {
        uint32_t state = client->otadata.record[record].state;
        running->ota_seq = client->otadata.record[record].seq;
        running->trial = state == BULLA_OTA_NEW || state == BULLA_OTA_PENDING_VERIFY;
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
    struct bulla_boot_plan plan;

    *slot = BULLA_SLOT_NONE;
    if (bulla_boot_started(client, &running)) {
        *slot = bulla_running_slot(&running);
        return bulla_layout_slot(&client->layout, *slot) != NULL ? BULLA_OK : BULLA_E_STATE_DAMAGED;
    }
    struct bulla_boot_terms terms = {.trial_boots = 1};
    enum bulla_status status = bulla_boot_decide(client, &terms, &plan);
    /* a trial that never started does not run: what runs is what it would have replaced */
    if (status == BULLA_OK && plan.result.trial) {
        terms.skip = bulla_boot_skip(plan.result.slot);
        status = bulla_boot_decide(client, &terms, &plan);
    }
    if (status == BULLA_OK)
        *slot = plan.result.slot;
    return status;
}

bool bulla_boot_is_copy(const struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    return client->layout.in_place && plan->result.slot == BULLA_SLOT_FACTORY &&
           !plan->installed.sealed;
}

enum bulla_status bulla_boot_fallback(struct bulla_client *client, int32_t slot)
{
    struct bulla_boot_plan plan;
    const struct bulla_boot_terms terms = {.skip = bulla_boot_skip(slot), .trial_boots = 1};
    enum bulla_status status = bulla_boot_decide(client, &terms, &plan);

    if (status != BULLA_OK || plan.result.last_resort || bulla_boot_is_copy(client, &plan))
        return BULLA_E_NO_FALLBACK;
    return BULLA_OK;
}
