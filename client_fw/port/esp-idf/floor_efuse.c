/* SPDX-License-Identifier: Apache-2.0 */
/* The rollback floor in the fuses that the stock bootloader compares with too. */

#include <esp_efuse.h>

#include "bulla_esp.h"

uint32_t bulla_esp_floor(void)
{
    return esp_efuse_read_secure_version();
}

enum bulla_status bulla_esp_raise_floor(uint32_t floor)
{
    if (floor <= esp_efuse_read_secure_version())
        return BULLA_OK;
    return esp_efuse_update_secure_version(floor) == ESP_OK ? BULLA_OK : BULLA_E_IO;
}
