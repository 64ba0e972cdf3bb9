/* SPDX-License-Identifier: Apache-2.0 */
/* An app that does nothing but keep itself up to date. What a real one adds is marked. */

#include <esp_event.h>
#include <esp_log.h>
#include <esp_netif.h>
#include <esp_random.h>
#include <esp_system.h>
#include <nvs_flash.h>
#include <protocol_examples_common.h>

#include "bulla_esp.h"

#define HOUR_MS        (3600u * 1000u)
#define LOOK_EVERY_MS  (6u * HOUR_MS)
#define ALIVE_AFTER_MS (10u * 60u * 1000u)
#define TRIAL_S        900u /* whatever it waits for then */
#define KEEP_EVERY_MS  10000u
#define KEEP_TRIES     30u
#define RETRY_MS       30000u

extern const uint8_t trust_begin[] __asm__("_binary_trust_cbor_start");
extern const uint8_t trust_end[] __asm__("_binary_trust_cbor_end");

static const char tag[] = "update";
static struct bulla_esp esp;

static void say(const char *what, enum bulla_status status)
{
    ESP_LOGI(tag, "%s: %s, %s", what, bulla_status_name(status), bulla_status_sentence(status));
}

static void wait_ms(uint32_t ms)
{
    bulla_esp_clock()->sleep_ms(NULL, ms);
}

/* A fleet that comes back from a power cut does not ask in one minute. */
static uint32_t up_to(uint32_t ms)
{
    return esp_random() % ms;
}

/* The device state on the first start of a board that idf.py flashed; with
 * CONFIG_BULLA_SELF_PROVISION alone. Devices that left a production line have theirs already. */
static void provision(void)
{
    const struct bulla_esp_product product = {
        .vendor_id = CONFIG_BULLA_VENDOR_ID,
        .class_id = CONFIG_BULLA_CLASS_ID,
        .trust = {trust_begin, (size_t)(trust_end - trust_begin)},
    };
    say("provision", bulla_esp_provision(&esp, &product));
}

static void connect_network(void)
{
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    if (example_connect() != ESP_OK) { /* may wait for an address for ever: see the guard */
        wait_ms(RETRY_MS);
        esp_restart(); /* a trial without a network ends so */
    }
}

/* Of a trial: give up after some minutes, and the bootloader takes the fall-back. A real app asks
 * itself here whether it does its work. What is left undone after a confirmation, the next start
 * tries again. */
static void keep(void)
{
    enum bulla_status status = BULLA_E_UNHEALTHY;

    for (uint32_t i = 0; i < KEEP_TRIES && status != BULLA_OK; i++) {
        status = bulla_esp_keep(&esp, CONFIG_BULLA_URL);
        say("keep", status);
        if (status == BULLA_OK || !bulla_client_in_trial(&esp.client))
            return;
        wait_ms(KEEP_EVERY_MS);
    }
    esp_restart();
}

static void look_for_updates(void)
{
    enum bulla_status status = bulla_esp_update(&esp, CONFIG_BULLA_URL);

    say("update", status);
    if (status == BULLA_OK && !esp.result.nothing_newer)
        esp_restart();
}

/* What a reset may mend, or a trial ends by. Without a state there are no updates, but the app
 * works. */
static enum bulla_status start(void)
{
    int32_t slot = BULLA_SLOT_NONE;

    provision();
    enum bulla_status status = bulla_esp_open(&esp);
    say("open", status);
    if (status == BULLA_OK)
        say("crashes", bulla_esp_count_crash(&esp, &slot));
    if (slot != BULLA_SLOT_NONE)
        esp_restart();
    if (status != BULLA_OK && bulla_esp_pending()) {
        wait_ms(RETRY_MS); /* long enough to read the line above */
        esp_restart();
    }
    return status;
}

void app_main(void)
{
    if (bulla_esp_guard_trial(TRIAL_S) != BULLA_OK)
        esp_restart();
    enum bulla_status status = start();
    connect_network();
    if (status == BULLA_OK)
        keep();
    /* a real app starts its work here, in tasks of its own */
    wait_ms(ALIVE_AFTER_MS);
    bulla_esp_alive();
    wait_ms(up_to(HOUR_MS));
    while (status == BULLA_OK) {
        look_for_updates();
        wait_ms(LOOK_EVERY_MS + up_to(HOUR_MS));
    }
}
