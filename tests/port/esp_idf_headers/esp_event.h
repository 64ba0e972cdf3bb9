/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_EVENT_H
#define TEST_ESP_EVENT_H

#include "esp_err.h"

esp_err_t esp_event_loop_create_default(void);

#endif
