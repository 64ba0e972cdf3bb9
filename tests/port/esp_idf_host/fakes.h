/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_ESP_FAKES_H
#define BULLA_TEST_ESP_FAKES_H

/* The few functions of ESP-IDF that the component calls, for the host: flash is a flash_sim, fuses
 * are a number, time passes in vTaskDelay alone and while something really waits. */

#include "esp_ota_ops.h"
#include "esp_system.h"
#include "flash_sim.h"

struct fakes {
    struct flash_sim *sim;
    bool encrypted;
    esp_partition_t running;
    bool runs_from_nowhere;
    int reset_reason;
    uint32_t fuses;
    bool fuses_fail;
    uint32_t burned; /* how often */
    uint16_t chip_revision;
    uint64_t delayed_ms; /* by vTaskDelay */
    bool no_flash;       /* its calls fail */
};
extern struct fakes fakes;

/* The slot that runs: address and subtype of an OTA slot, or of the factory app. */
void fakes_run_from(uint32_t address, int32_t slot);

/* Memory that a reset keeps: as a power-on leaves it. */
void fakes_lose_power(void);

#endif
