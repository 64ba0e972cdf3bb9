/* SPDX-License-Identifier: Apache-2.0 */
/* For devices that do not update in place, instead of place.c: in a layout with banks they start
 * what lies in the execution area, and take no update. */

#include "boot_plan.h"

bool bulla_place_try(struct bulla_client *client, const struct bulla_otadata *otadata, bool barred,
                     struct bulla_boot_plan *plan)
{
    (void)otadata;
    (void)barred;
    return bulla_boot_try(client, BULLA_SLOT_FACTORY, plan);
}

bool bulla_place_settled(const struct bulla_client *client)
{
    (void)client;
    return true;
}

enum bulla_status bulla_place_replaced(struct bulla_client *client, int32_t bank,
                                       const struct bulla_installed *installed, bool *replaced)
{
    (void)client;
    (void)bank;
    (void)installed;
    *replaced = false;
    return BULLA_OK;
}

bool bulla_place_wanted(struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    (void)client;
    (void)plan;
    return false;
}

enum bulla_status bulla_place_run(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    return client->layout.in_place && plan->result.slot >= 0 ? BULLA_E_SLOT_UNKNOWN : BULLA_OK;
}

enum bulla_status bulla_place_part(struct bulla_client *client, int32_t bank)
{
    (void)bank;
    return client->layout.in_place ? BULLA_E_NO_SLOT : BULLA_OK;
}
