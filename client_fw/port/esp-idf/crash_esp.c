/* SPDX-License-Identifier: Apache-2.0 */
/* Crash loops of a confirmed app. A stock bootloader ends trials, but starts a confirmed app for
 * ever; so the app counts, first thing after its start, in memory that a reset keeps. */

#include <esp_app_desc.h>
#include <esp_attr.h>
#include <esp_system.h>
#include <string.h>

#include "bulla_esp.h"

/* ESP_RST_CPU_LOCKUP, which the first releases of ESP-IDF 5.1 do not name. */
#define RESET_CPU_LOCKUP 15

struct memory {
    uint32_t app;     /* what ran since the last start: a reset that follows is its own */
    uint32_t crashes; /* of it, in a row */
    uint32_t left;    /* a slot was left already, since an app was last alive */
    uint32_t check;
};

/* Anything at all after power-on, and after an update that moved it. */
static RTC_NOINIT_ATTR struct memory memory;

static uint32_t check_of(const struct memory *m)
{
    return 0xb0117a5eu ^ m->app ^ m->crashes * 2654435761u ^ m->left * 40503u;
}

static void remember(uint32_t app, uint32_t crashes, uint32_t left)
{
    memory = (struct memory){.app = app, .crashes = crashes, .left = left};
    memory.check = check_of(&memory);
}

/* The same image in another slot is another one. */
static uint32_t app_of(const struct bulla_client *client)
{
    const uint8_t *digest = esp_app_get_description()->app_elf_sha256;

    return (digest[0] | (uint32_t)digest[1] << 8 | (uint32_t)digest[2] << 16 |
            (uint32_t)digest[3] << 24) ^
           (uint32_t)client->executing;
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

/* A crash loop is a failed trial, also of a release that was confirmed: after BULLA_TRIALS_MAX it
 * is not installed again. Apps without a seal cannot come by an update. */
static enum bulla_status count_failure(struct bulla_client *client,
                                       const struct bulla_installed *installed)
{
    struct bulla_trial trial = {.failed = 0};
    bool found = false;

    if (!installed->sealed)
        return BULLA_OK;
    enum bulla_status status = bulla_state_get_trial(&client->state, &trial, &found);
    if (status != BULLA_OK)
        return status;
    if (!found ||
        memcmp(trial.manifest_digest, installed->manifest_digest, BULLA_DIGEST_SIZE) != 0) {
        memcpy(trial.manifest_digest, installed->manifest_digest, BULLA_DIGEST_SIZE);
        trial.failed = 0;
    }
    if (trial.failed < UINT8_MAX)
        trial.failed++;
    return bulla_state_put_trial(&client->state, &trial);
}

/* What cannot be counted is not left, or it could be left for ever. What does not verify is not
 * installed again as it is. */
static enum bulla_status leave(struct bulla_client *client, int32_t *slot)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    int32_t other = BULLA_SLOT_NONE;
    int32_t stays = BULLA_SLOT_NONE;
    enum bulla_status judged = bulla_slot_judge(client, client->executing, &installed);

    if (judged != BULLA_OK && !bulla_status_is_refusal(judged))
        return judged;
    enum bulla_status status = bulla_client_rollback(client, &other);
    if (status != BULLA_OK)
        return status;
    if (judged == BULLA_OK)
        status = count_failure(client, &installed);
    if (status == BULLA_OK) {
        *slot = other;
        return BULLA_OK;
    }
    enum bulla_status undone = bulla_client_rollback_cancel(client, &stays);
    return undone == BULLA_OK ? status : undone;
}

enum bulla_status bulla_esp_count_crash(struct bulla_esp *esp, int32_t *slot)
{
    uint32_t app = app_of(&esp->client);

    *slot = BULLA_SLOT_NONE;
    if (memory.check != check_of(&memory))
        remember(app, 0, 0);
    if (memory.app != app) /* what crashed was another one */
        remember(app, 0, memory.left);
    else if (bulla_esp_crashed() && memory.crashes < UINT32_MAX)
        remember(app, memory.crashes + 1u, memory.left);
    if (CONFIG_BULLA_CRASHES_MAX == 0 || memory.crashes < CONFIG_BULLA_CRASHES_MAX ||
        memory.left != 0 || !bulla_esp_crashed() || bulla_client_in_trial(&esp->client))
        return BULLA_OK;
    enum bulla_status status = leave(&esp->client, slot);
    if (status == BULLA_OK)
        remember(app, 0, 1);
    return status;
}

void bulla_esp_alive(void)
{
    remember(memory.app, 0, 0);
}
