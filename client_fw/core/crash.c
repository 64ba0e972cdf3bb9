/* SPDX-License-Identifier: Apache-2.0 */
/* Counting boots: those of a trial that may have several, and crashes of a confirmed app. An app
 * that crashes too often in a row is left for another slot; bulla/client.h has the rule. */

#include "boot_plan.h"
#include "bulla/mem.h"

static enum bulla_status get(const struct bulla_client *client, struct bulla_boots *boots)
{
    bool found = false;

    return bulla_state_get_boots(&client->state, boots, &found);
}

uint8_t bulla_crash_next_boot(const struct bulla_client *client)
{
    struct bulla_boots boots;

    if (get(client, &boots) != BULLA_OK || boots.trial == UINT8_MAX)
        return 0;
    return (uint8_t)((boots.trial == 0 ? 1u : boots.trial) + 1u);
}

enum bulla_status bulla_crash_count_boot(struct bulla_client *client, uint8_t boot)
{
    struct bulla_boots boots;
    enum bulla_status status = get(client, &boots);

    if (status != BULLA_OK || boots.trial == boot)
        return status;
    boots.trial = boot;
    return bulla_state_put_boots(&client->state, &boots);
}

enum bulla_status bulla_client_alive(struct bulla_client *client)
{
    struct bulla_boots boots;
    enum bulla_status status = get(client, &boots);

    if (status != BULLA_OK || boots.crashes == 0)
        return status;
    boots.crashes = 0;
    return bulla_state_put_boots(&client->state, &boots);
}

enum bulla_status bulla_crash_forget(struct bulla_client *client)
{
    struct bulla_boots boots;
    enum bulla_status status = get(client, &boots);

    if (status != BULLA_OK || boots.left == 0)
        return status;
    boots.left = 0;
    return bulla_state_put_boots(&client->state, &boots);
}

/* A slot that needs no trial, was not left for its own crashes and is not barred. */
static bool find_good(struct bulla_client *client, uint32_t avoid, struct bulla_boot_plan *plan)
{
    struct bulla_boot_terms terms = {.skip = avoid, .trial_boots = 1};

    for (uint32_t i = 0; i <= client->layout.slot_count; i++) {
        if (bulla_boot_decide(client, &terms, plan) != BULLA_OK || plan->result.last_resort ||
            plan->result.verdict != BULLA_YES || bulla_boot_is_copy(client, plan))
            return false;
        if (!plan->result.trial)
            return true;
        terms.skip |= bulla_boot_skip(plan->result.slot);
    }
    return false;
}

/* The slot of the release confirmed last, if that is not `from`, although it was left before. */
static bool find_confirmed(struct bulla_client *client, int32_t from, struct bulla_boot_plan *plan)
{
    uint8_t digest[BULLA_DIGEST_SIZE];

    for (int32_t slot = 0; from >= 0 && slot < (int32_t)client->layout.slot_count; slot++) {
        const struct bulla_boot_terms terms = {
            .skip = ~bulla_boot_skip(slot), .pardon = bulla_boot_skip(slot), .trial_boots = 1};
        bool found = false;
        if (bulla_slot_claim(client, slot, digest, &found) != BULLA_OK)
            return false;
        if (!found || !client->has_confirmed ||
            !bulla_digest_equal(digest, client->confirmed.manifest_digest))
            continue;
        if (slot == from)
            return false;
        if (bulla_boot_decide(client, &terms, plan) != BULLA_OK || plan->result.last_resort ||
            plan->result.trial || plan->result.verdict != BULLA_YES)
            continue;
        plan->own_first = true;
        return true;
    }
    return false;
}

/* Its record tells a stock bootloader the same. */
static void bar(const struct bulla_client *client, int32_t slot, struct bulla_boot_plan *plan)
{
    uint32_t count = client->layout.slot_count;

    for (uint32_t i = 0; slot >= 0 && i < 2; i++) {
        struct bulla_ota_record *record = &plan->want.record[i];
        if (bulla_ota_is_valid(record) && bulla_ota_slot_of(record->seq, count) == (uint32_t)slot)
            record->state = BULLA_OTA_ABORTED;
    }
}

/* The failure and the slot that is left are on flash before anything else changes: what cannot be
 * remembered is not left, or it could be left for ever. */
static enum bulla_status leave(struct bulla_client *client, struct bulla_boots *boots, int32_t from)
{
    enum bulla_status status = bulla_boot_count_failure(client);

    boots->left |= bulla_boot_skip(from);
    return status == BULLA_OK ? bulla_state_put_boots(&client->state, boots) : status;
}

/* One small record for a crash, none beyond the maximum. */
static enum bulla_status count_crash(struct bulla_client *client, const struct bulla_reset *reset,
                                     struct bulla_boots *boots)
{
    enum bulla_status status = get(client, boots);

    if (status != BULLA_OK || !reset->crashed || boots->crashes >= reset->crashes_max)
        return status;
    boots->crashes++;
    return bulla_state_put_boots(&client->state, boots);
}

void bulla_crash_judge(struct bulla_client *client, const struct bulla_reset *reset, uint32_t skip,
                       struct bulla_boot_plan *plan)
{
    struct bulla_boot_plan other;
    struct bulla_boots boots;
    int32_t from = plan->result.slot;

    if (reset->crashes_max == 0 || !client->has_running || client->running.trial ||
        plan->result.trial || client->running.slot != bulla_slot_code(from))
        return;
    if (count_crash(client, reset, &boots) != BULLA_OK)
        return;
    plan->result.crashes = boots.crashes;
    if (boots.crashes < reset->crashes_max)
        return;
    if (!find_good(client, skip | boots.left | bulla_boot_skip(from), &other) &&
        !find_confirmed(client, from, &other))
        return;
    if (leave(client, &boots, from) != BULLA_OK)
        return;
    bar(client, from, &other);
    other.result.crash_loop = other.result.fell_back = true;
    other.result.crashes = boots.crashes;
    other.result.refused_slot = from;
    other.result.refused_why = BULLA_E_CRASH_LOOP;
    *plan = other;
}
