/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_RANDOM_H
#define TEST_ESP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

uint32_t esp_random(void);
void esp_fill_random(void *buf, size_t len);

#endif
