/* SPDX-License-Identifier: Apache-2.0 */
/* For an app whose resets are a stage 0's of ours, in place of boot.c and boot_write.c: nothing is
 * chosen here. What runs is what stage 0 wrote down; an app that nobody wrote down takes no update.
 * To reject itself it restarts, and the trial has ended; it replaces no factory app. */

#include "boot_plan.h"
#include "bulla/mem.h"

enum bulla_status bulla_boot_decide(struct bulla_client *client,
                                    const struct bulla_boot_terms *terms,
                                    struct bulla_boot_plan *plan)
{
    (void)client;
    (void)terms;
    (void)plan;
    return BULLA_E_NOTHING_BOOTABLE;
}

bool bulla_boot_is_barred(const struct bulla_otadata *otadata, uint32_t slot_count, int32_t slot)
{
    (void)otadata;
    (void)slot_count;
    (void)slot;
    return true;
}

bool bulla_boot_try(struct bulla_client *client, int32_t slot, struct bulla_boot_plan *plan)
{
    (void)client;
    (void)slot;
    (void)plan;
    return false;
}

enum bulla_status bulla_client_predict(struct bulla_client *client,
                                       struct bulla_boot_result *result)
{
    (void)client;
    memset(result, 0, sizeof(*result));
    result->slot = BULLA_SLOT_NONE;
    return BULLA_E_NOTHING_BOOTABLE;
}
