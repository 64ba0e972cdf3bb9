/* SPDX-License-Identifier: Apache-2.0 */
/* For devices that count no boots, in place of crash.c: a trial has one boot, whatever the port
 * allows, and no slot is left for its crashes. */

#include "boot_plan.h"

uint8_t bulla_crash_next_boot(const struct bulla_client *client)
{
    (void)client;
    return 0;
}

enum bulla_status bulla_crash_count_boot(struct bulla_client *client, uint8_t boot)
{
    (void)client;
    (void)boot;
    return BULLA_OK;
}

void bulla_crash_judge(struct bulla_client *client, const struct bulla_reset *reset, uint32_t skip,
                       struct bulla_boot_plan *plan)
{
    (void)client;
    (void)reset;
    (void)skip;
    (void)plan;
}

enum bulla_status bulla_crash_forget(struct bulla_client *client)
{
    (void)client;
    return BULLA_OK;
}

enum bulla_status bulla_client_alive(struct bulla_client *client)
{
    (void)client;
    return BULLA_OK;
}
