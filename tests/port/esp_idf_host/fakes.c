/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "bulla/limits.h"
#include "esp_app_desc.h"
#include "esp_chip_info.h"
#include "esp_efuse.h"
#include "esp_flash_encrypt.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "freertos/task.h"

struct fakes fakes;
void (*fakes_restart)(void);

/* ---- flash ---- */

static esp_err_t result_of(enum bulla_status status)
{
    return status == BULLA_OK && !fakes.no_flash ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *out_size)
{
    *out_size = fakes.sim->size;
    return chip == NULL ? result_of(BULLA_OK) : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_flash_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t length)
{
    const struct bulla_flash *flash = flash_sim_flash(fakes.sim);

    return chip == NULL ? result_of(flash->read(flash->ctx, address, buffer, length))
                        : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_flash_write(esp_flash_t *chip, const void *buffer, uint32_t address, uint32_t length)
{
    const struct bulla_flash *flash = flash_sim_flash(fakes.sim);

    return chip == NULL ? result_of(flash->program(flash->ctx, address, buffer, length))
                        : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_flash_erase_region(esp_flash_t *chip, uint32_t start, uint32_t len)
{
    const struct bulla_flash *flash = flash_sim_flash(fakes.sim);

    if (chip != NULL || len % BULLA_SECTOR_SIZE != 0)
        return ESP_ERR_INVALID_ARG;
    for (uint32_t at = 0; at < len; at += BULLA_SECTOR_SIZE)
        if (flash->erase_sector(flash->ctx, start + at) != BULLA_OK)
            return ESP_FAIL;
    return result_of(BULLA_OK);
}

bool esp_flash_encryption_enabled(void)
{
    return fakes.encrypted;
}

/* ---- chip ---- */

void fakes_run_from(uint32_t address, int32_t slot)
{
    fakes.running = (esp_partition_t){
        .type = ESP_PARTITION_TYPE_APP,
        .subtype = (esp_partition_subtype_t)(slot < 0 ? ESP_PARTITION_SUBTYPE_APP_FACTORY
                                                      : ESP_PARTITION_SUBTYPE_APP_OTA_0 + slot),
        .address = address,
    };
    fakes.runs_from_nowhere = false;
}

const esp_partition_t *esp_ota_get_running_partition(void)
{
    return fakes.runs_from_nowhere ? NULL : &fakes.running;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *partition,
                                      esp_ota_img_states_t *ota_state)
{
    if (partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MIN)
        return ESP_ERR_NOT_SUPPORTED;
    *ota_state = fakes.pending ? ESP_OTA_IMG_PENDING_VERIFY : ESP_OTA_IMG_VALID;
    return ESP_OK;
}

const esp_app_desc_t *esp_app_get_description(void)
{
    return &fakes.app;
}

void esp_restart(void)
{
    fakes_restart();
    abort();
}

esp_reset_reason_t esp_reset_reason(void)
{
    return (esp_reset_reason_t)fakes.reset_reason;
}

uint32_t esp_efuse_read_secure_version(void)
{
    return fakes.fuses;
}

esp_err_t esp_efuse_update_secure_version(uint32_t secure_version)
{
    if (secure_version > FAKES_FUSES)
        return ESP_ERR_INVALID_ARG;
    if (secure_version < fakes.fuses || fakes.fuses_fail)
        return ESP_FAIL;
    fakes.burned += secure_version > fakes.fuses;
    fakes.fuses = secure_version;
    return ESP_OK;
}

void esp_chip_info(esp_chip_info_t *out_info)
{
    *out_info = (esp_chip_info_t){.revision = fakes.chip_revision};
}

void fakes_lose_power(void)
{
    extern char memory_begin[] __asm__("__start_rtc_noinit");
    extern char memory_end[] __asm__("__stop_rtc_noinit");

    fakes.reset_reason = ESP_RST_POWERON;
    (void)!getrandom(memory_begin, (size_t)(memory_end - memory_begin), 0);
}

/* ---- time, chance ---- */

int64_t esp_timer_get_time(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + (int64_t)fakes.delayed_ms * 1000;
}

void vTaskDelay(const TickType_t xTicksToDelay)
{
    fakes.delayed_ms += (uint64_t)xTicksToDelay * 1000u / configTICK_RATE_HZ;
    if (fakes.timer_at != 0 && fakes.delayed_ms >= fakes.timer_at) {
        fakes.timer_at = 0;
        fakes.timer(fakes.timer_arg);
    }
}

esp_err_t esp_timer_create(const esp_timer_create_args_t *create_args,
                           esp_timer_handle_t *out_handle)
{
    fakes.timer = create_args->callback;
    fakes.timer_arg = create_args->arg;
    *out_handle = (esp_timer_handle_t)&fakes.timer;
    return ESP_OK;
}

esp_err_t esp_timer_start_once(esp_timer_handle_t timer, uint64_t timeout_us)
{
    if (timer != (esp_timer_handle_t)&fakes.timer)
        return ESP_ERR_INVALID_ARG;
    fakes.timer_at = fakes.delayed_ms + timeout_us / 1000u;
    return ESP_OK;
}

esp_err_t esp_timer_stop(esp_timer_handle_t timer)
{
    if (timer != (esp_timer_handle_t)&fakes.timer)
        return ESP_ERR_INVALID_ARG;
    fakes.timer_at = 0;
    return ESP_OK;
}

void esp_fill_random(void *buf, size_t len)
{
    (void)!getrandom(buf, len, 0);
}

uint32_t esp_random(void)
{
    uint32_t number = 0;

    esp_fill_random(&number, sizeof(number));
    return number;
}
