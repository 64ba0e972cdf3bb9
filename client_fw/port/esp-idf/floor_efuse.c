/* SPDX-License-Identifier: Apache-2.0 */
/* The rollback floor in the fuses that the stock bootloader compares with too. */

#include <esp_app_desc.h>
#include <esp_efuse.h>

#include "bulla_esp.h"

uint32_t bulla_esp_floor(void)
{
    return esp_efuse_read_secure_version();
}

/* The number comes from flash, where a CRC is all that it has, and a fuse is for ever: the app that
 * runs starts again only if the fuses do not rise above what it carries itself. */
enum bulla_status bulla_esp_raise_floor(uint32_t floor)
{
    uint32_t own = esp_app_get_description()->secure_version;
    uint32_t wanted = floor < own ? floor : own;

    if (wanted <= esp_efuse_read_secure_version())
        return BULLA_OK;
    esp_err_t result = esp_efuse_update_secure_version(wanted);
    if (result == ESP_ERR_INVALID_ARG || result == ESP_ERR_NOT_SUPPORTED)
        return BULLA_E_USAGE;
    return result == ESP_OK ? BULLA_OK : BULLA_E_IO;
}
