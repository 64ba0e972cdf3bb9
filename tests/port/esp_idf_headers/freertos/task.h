/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FREERTOS_TASK_H
#define TEST_FREERTOS_TASK_H

#include "freertos/FreeRTOS.h"

void vTaskDelay(const TickType_t xTicksToDelay);

#endif
