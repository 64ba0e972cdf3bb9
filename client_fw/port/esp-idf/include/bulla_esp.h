/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_ESP_H
#define BULLA_ESP_H

/* The client on ESP-IDF, behind its stock bootloader: flash, sockets, clock and fuses behind the
 * seams, and the calls that an app makes. README.md says what that bootloader leaves to do. One
 * task at a time. */

#include <sdkconfig.h>

#include "bulla/client.h"
#include "bulla/stream.h"
#include "mbedtls.h"

struct bulla_esp_net {
    int fd; /* -1: none */
};

/* About 25 KB with the defaults: static, never on a stack. */
struct bulla_esp {
    struct bulla_client client;
    struct bulla_update_result result; /* of the last bulla_esp_update */

    /* private */
    struct bulla_flash flash;
    struct bulla_esp_net net;
    struct bulla_stream stream;
    struct bulla_tls_transport tls;
    struct bulla_url url;
    uint8_t trust_store[CONFIG_BULLA_TRUST_STORE_SIZE];
    uint8_t workspace[CONFIG_BULLA_WORKSPACE_SIZE];
};

/* ---- client_esp.c ---- */

/* First of all after each start. BULLA_E_SLOT_UNKNOWN: this code runs from none of the table's
 * slots. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_open(struct bulla_esp *esp);

/* Is there something newer at this https URL? On BULLA_OK and !esp->result.nothing_newer:
 * esp_restart(). The network is up. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_update(struct bulla_esp *esp, const char *url);

/* This app works. In a trial it is confirmed if the next release can still be had from this URL,
 * and its guard ends; then, and on each later call, the fuses are raised to the floor, never above
 * this app's own secure version. BULLA_E_USAGE: it has more than the fuses can count. BULLA_E_IO:
 * they could not be burned. What was confirmed stays so. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_keep(struct bulla_esp *esp, const char *url);

/* ---- trial_esp.c ---- */

/* Does the bootloader take the fall-back at the next reset? Asks ESP-IDF; nothing need be open. */
bool bulla_esp_pending(void);

/* Before anything that may wait. In a trial: restart after so many seconds, unless bulla_esp_keep
 * confirmed it before. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_guard_trial(uint32_t seconds);
void bulla_esp_end_guard(void);

/* ---- crash_esp.c ---- */

/* Did a crash cause this start? Watchdogs, panics, lock-ups; never the supply. */
bool bulla_esp_crashed(void);

/* After bulla_esp_open, at every start, in a trial too. Counts crashes in a row of the app that
 * runs, in memory that a reset keeps. At CONFIG_BULLA_CRASHES_MAX, once until bulla_esp_alive, what
 * ran before is selected, and the release that crashed has failed a trial more (BULLA_TRIALS_MAX):
 * *slot is not BULLA_SLOT_NONE then, and the caller restarts. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_count_crash(struct bulla_esp *esp, int32_t *slot);
/* The app has run for longer than a crash loop would. */
void bulla_esp_alive(void);

/* ---- provision_esp.c ---- */

struct bulla_esp_product {
    const char *vendor_id; /* UUIDs, as bulla-sign prints them */
    const char *class_id;
    struct bulla_bytes trust; /* trust.cbor of bulla-key */
};

/* Before bulla_esp_open, on boards that were flashed with a blank state partition: makes a state in
 * which the running app counts as not sealed. Where there is one, nothing is written; without
 * CONFIG_BULLA_SELF_PROVISION nowhere. BULLA_E_STATE_DAMAGED: there is something else.
 * BULLA_E_STATE_FULL: too small for this trust store and so many slots. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_provision(struct bulla_esp *esp,
                                                       const struct bulla_esp_product *product);

/* ---- the seams: client_esp.c, flash_esp.c, stream_esp.c, floor_efuse.c or floor_none.c ---- */

/* The chip that the app runs from. BULLA_E_USAGE: its content is encrypted, which this port does
 * not read. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_flash(struct bulla_flash *flash);

struct bulla_stream bulla_esp_stream(struct bulla_esp_net *net);
const struct bulla_clock *bulla_esp_clock(void);

/* The slot that begins there. */
int32_t bulla_esp_slot_at(const struct bulla_layout *layout, uint32_t address);

/* The secure version in the fuses. 0 where they are not used. */
uint32_t bulla_esp_floor(void);
/* Burn them up to `floor`, but not above the secure version of the app that runs. BULLA_E_USAGE:
 * they cannot count that far. */
BULLA_MUST_CHECK enum bulla_status bulla_esp_raise_floor(uint32_t floor);

#endif
