/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_LOG_H
#define TEST_ESP_LOG_H

void test_esp_log(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define ESP_LOGI(tag, ...) test_esp_log(tag, __VA_ARGS__)

#endif
