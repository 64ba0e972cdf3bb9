/* SPDX-License-Identifier: Apache-2.0 */
/* An end to a trial that says nothing: it waits for an address, sleeps in a lock, cannot read the
 * device state. Asks the bootloader's records through ESP-IDF, so it works where nothing else of
 * the client does. */

#include <esp_ota_ops.h>
#include <esp_system.h>
#include <esp_timer.h>

#include "bulla_esp.h"

static esp_timer_handle_t guard;

static void restart(void *arg)
{
    (void)arg;
    esp_restart();
}

bool bulla_esp_pending(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state = ESP_OTA_IMG_VALID;

    return running != NULL && esp_ota_get_state_partition(running, &state) == ESP_OK &&
           state == ESP_OTA_IMG_PENDING_VERIFY;
}

enum bulla_status bulla_esp_guard_trial(uint32_t seconds)
{
    const esp_timer_create_args_t arguments = {.callback = restart, .name = "bulla trial"};

    if (!bulla_esp_pending())
        return BULLA_OK;
    if (esp_timer_create(&arguments, &guard) != ESP_OK)
        return BULLA_E_IO;
    return esp_timer_start_once(guard, (uint64_t)seconds * 1000000u) == ESP_OK ? BULLA_OK
                                                                               : BULLA_E_IO;
}

void bulla_esp_end_guard(void)
{
    if (guard != NULL)
        (void)esp_timer_stop(guard);
}
