/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_FLASH_ENCRYPT_H
#define TEST_ESP_FLASH_ENCRYPT_H

#include <stdbool.h>

bool esp_flash_encryption_enabled(void);

#endif
