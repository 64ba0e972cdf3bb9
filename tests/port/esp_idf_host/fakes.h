/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_ESP_FAKES_H
#define BULLA_TEST_ESP_FAKES_H

/* The few functions of ESP-IDF that the component calls, for the host: flash is a flash_sim, fuses
 * are a number, time passes in vTaskDelay alone and while something really waits. */

#include "esp_app_desc.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "flash_sim.h"

#define FAKES_FUSES 16u /* bits that a chip has for the secure version */

struct fakes {
    struct flash_sim *sim;
    bool encrypted;
    esp_partition_t running;
    bool runs_from_nowhere;
    esp_app_desc_t app; /* of what runs */
    bool pending;       /* its record is PENDING_VERIFY */
    int reset_reason;
    uint32_t fuses;
    bool fuses_fail;
    uint32_t burned; /* how often */
    uint16_t chip_revision;
    uint64_t delayed_ms;      /* by vTaskDelay */
    bool no_flash;            /* its calls fail */
    void (*timer)(void *arg); /* the one timer that there is; NULL: none */
    void *timer_arg;
    uint64_t timer_at; /* of delayed_ms; 0: does not run */
};
extern struct fakes fakes;

/* What esp_restart does; does not return. */
extern void (*fakes_restart)(void);

/* The slot that runs: address and subtype of an OTA slot, or of the factory app. */
void fakes_run_from(uint32_t address, int32_t slot);

/* Memory that a reset keeps: as a power-on leaves it. */
void fakes_lose_power(void);

#endif
