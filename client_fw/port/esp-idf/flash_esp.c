/* SPDX-License-Identifier: Apache-2.0 */
/* bulla/flash.h over the main flash chip. esp_flash sees to caches, interrupts and the other core
 * while it writes, and yields while it erases. */

#include <esp_flash.h>
#include <esp_flash_encrypt.h>

#include "bulla_esp.h"

static enum bulla_status read_chip(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    return esp_flash_read(ctx, buffer, offset, (uint32_t)len) == ESP_OK ? BULLA_OK
                                                                        : BULLA_E_FLASH_READ;
}

static enum bulla_status program_chip(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    return esp_flash_write(ctx, bytes, offset, (uint32_t)len) == ESP_OK ? BULLA_OK
                                                                        : BULLA_E_FLASH_PROGRAM;
}

static enum bulla_status erase_sector(void *ctx, uint32_t offset)
{
    return esp_flash_erase_region(ctx, offset, BULLA_SECTOR_SIZE) == ESP_OK ? BULLA_OK
                                                                            : BULLA_E_FLASH_ERASE;
}

static enum bulla_status erase_block(void *ctx, uint32_t offset)
{
    return esp_flash_erase_region(ctx, offset, BULLA_BLOCK_SIZE) == ESP_OK ? BULLA_OK
                                                                           : BULLA_E_FLASH_ERASE;
}

enum bulla_status bulla_esp_flash(struct bulla_flash *flash)
{
    *flash = (struct bulla_flash){.read = read_chip,
                                  .program = program_chip,
                                  .erase_sector = erase_sector,
                                  .erase_block = erase_block,
                                  .ctx = NULL /* the chip that the app runs from */};
    /* raw reads would give ciphertext, and an erased sector does not decrypt to 0xff */
    if (esp_flash_encryption_enabled())
        return BULLA_E_USAGE;
    return esp_flash_get_size(NULL, &flash->size) == ESP_OK ? BULLA_OK : BULLA_E_FLASH_READ;
}
