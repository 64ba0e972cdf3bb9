/* SPDX-License-Identifier: Apache-2.0 */
/* Where an update goes. */

#include "bulla/mem.h"
#include "parts.h"

/* In place with one bank: it may be replaced while what it holds runs, because that is executed
 * from the area. So what the area holds must be able to start by itself; where the bank is no
 * better, there is nothing to lose. */
static enum bulla_status choose_only_bank(struct bulla_client *client, int32_t *target)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    enum bulla_status status = bulla_slot_judge(client, BULLA_SLOT_FACTORY, &installed);

    /* what a cut left of a copy may read right, and be weak */
    if (status == BULLA_OK && (installed.verdict != BULLA_YES || !bulla_place_settled(client)))
        status = BULLA_E_NOT_JUDGED;
    if (status != BULLA_OK) {
        installed.verdict = BULLA_NO;
        if (bulla_slot_judge(client, 0, &installed) == BULLA_OK && installed.verdict == BULLA_YES)
            return status; /* the next boot mends it */
    }
    *target = 0;
    return BULLA_OK;
}

/* Never the running slot, and where there is a choice not the one that holds the confirmed release.
 */
enum bulla_status bulla_target_choose(struct bulla_client *client, int32_t running, int32_t *target)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t count = client->layout.slot_count;

    *target = BULLA_SLOT_NONE;
    if (client->layout.in_place && count == 1)
        return choose_only_bank(client, target);
    for (uint32_t i = 0; i < count; i++) {
        int32_t slot = (int32_t)((running >= 0 ? (uint32_t)running + 1u + i : i) % count);
        bool found = false;
        if (slot == running)
            continue;
        enum bulla_status status = bulla_slot_claim(client, slot, digest, &found);
        if (status != BULLA_OK)
            return status;
        bool is_confirmed = found && client->has_confirmed &&
                            bulla_digest_equal(digest, client->confirmed.manifest_digest);
        if (*target == BULLA_SLOT_NONE || !is_confirmed)
            *target = slot;
        if (!is_confirmed)
            return BULLA_OK;
    }
    return *target == BULLA_SLOT_NONE ? BULLA_E_NO_SLOT : BULLA_OK;
}

/* Until the new factory app is whole, what runs is all there may be to boot: it must verify, and be
 * what a reset takes. */
enum bulla_status bulla_target_factory(struct bulla_client *client, int32_t running,
                                       int32_t *target)
{
    const struct bulla_layout *layout = &client->layout;
    struct bulla_installed installed = {.verdict = BULLA_NO};
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};

    *target = BULLA_SLOT_NONE;
    /* with a single OTA slot nothing would be left to run if the new factory app does not */
    if (layout->factory.size == 0 || layout->in_place || layout->slot_count < 2 || running < 0)
        return BULLA_E_NO_SLOT;
    enum bulla_status status = bulla_slot_judge(client, running, &installed);
    if (status == BULLA_OK && installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status == BULLA_OK)
        status = bulla_client_predict(client, &next);
    if (status != BULLA_OK)
        return status;
    if (next.slot == BULLA_SLOT_FACTORY)
        return BULLA_E_NO_SLOT; /* it was selected, and would not be any more */
    *target = BULLA_SLOT_FACTORY;
    return BULLA_OK;
}

enum bulla_status bulla_client_target(struct bulla_client *client, int32_t *target)
{
    int32_t running = BULLA_SLOT_NONE;

    *target = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_client_running(client, &running);
    return status == BULLA_OK ? bulla_target_choose(client, running, target) : status;
}
