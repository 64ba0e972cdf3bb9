/* SPDX-License-Identifier: Apache-2.0 */
/* Crash loops of a confirmed app. A stock bootloader ends trials, but starts a confirmed app for
 * ever; so the app counts, first thing after its start, in memory that a reset keeps. */

#include <esp_attr.h>
#include <esp_system.h>

#include "bulla_esp.h"

/* ESP_RST_CPU_LOCKUP, which the first releases of ESP-IDF 5.1 do not name. */
#define RESET_CPU_LOCKUP 15

struct memory {
    uint32_t crashes;
    uint32_t left; /* a slot was left already, since an app was last alive */
    uint32_t check;
};

/* Anything at all after power-on. */
static RTC_NOINIT_ATTR struct memory memory;

static uint32_t check_of(const struct memory *m)
{
    return 0xb0117a5eu ^ m->crashes * 2654435761u ^ m->left * 40503u;
}

static void remember(uint32_t crashes, uint32_t left)
{
    memory.crashes = crashes;
    memory.left = left;
    memory.check = check_of(&memory);
}

bool bulla_esp_crashed(void)
{
    switch ((int)esp_reset_reason()) {
    case ESP_RST_PANIC:
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
    case RESET_CPU_LOCKUP:
        return true;
    default: /* power-on, brown-out, deep sleep, a restart that was asked for, a debugger */
        return false;
    }
}

enum bulla_status bulla_esp_count_crash(struct bulla_esp *esp, int32_t *slot)
{
    *slot = BULLA_SLOT_NONE;
    if (memory.check != check_of(&memory))
        remember(0, 0);
    if (!bulla_esp_crashed() || bulla_client_in_trial(&esp->client))
        return BULLA_OK;
    if (memory.crashes < UINT32_MAX)
        remember(memory.crashes + 1u, memory.left);
    if (CONFIG_BULLA_CRASHES_MAX == 0 || memory.crashes < CONFIG_BULLA_CRASHES_MAX ||
        memory.left != 0)
        return BULLA_OK;
    enum bulla_status status = bulla_client_rollback(&esp->client, slot);
    if (status == BULLA_OK)
        remember(0, 1);
    return status;
}

void bulla_esp_alive(void)
{
    remember(0, 0);
}
