/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_TIMER_H
#define TEST_ESP_TIMER_H

#include <stdint.h>

int64_t esp_timer_get_time(void); /* microseconds since the start */

#endif
