/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_EFUSE_H
#define TEST_ESP_EFUSE_H

#include <stdint.h>

#include "esp_err.h"

uint32_t esp_efuse_read_secure_version(void);
esp_err_t esp_efuse_update_secure_version(uint32_t secure_version);

#endif
