/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_CHIP_INFO_H
#define TEST_ESP_CHIP_INFO_H

#include <stdint.h>

typedef struct {
    int model;
    uint32_t features;
    uint16_t revision; /* 100 * major + minor */
    uint8_t cores;
} esp_chip_info_t;

void esp_chip_info(esp_chip_info_t *out_info);

#endif
