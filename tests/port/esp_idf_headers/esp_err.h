/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_ERR_H
#define TEST_ESP_ERR_H

typedef int esp_err_t;

#define ESP_OK                0
#define ESP_FAIL              (-1)
#define ESP_ERR_INVALID_ARG   0x102
#define ESP_ERR_NOT_FOUND     0x105
#define ESP_ERR_NOT_SUPPORTED 0x106

void test_esp_error_check(esp_err_t err);
#define ESP_ERROR_CHECK(call) test_esp_error_check(call)

#endif
