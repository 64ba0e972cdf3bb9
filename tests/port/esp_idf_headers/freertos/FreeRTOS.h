/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FREERTOS_H
#define TEST_FREERTOS_H

#include <stdint.h>

typedef uint32_t TickType_t;
/* With CONFIG_FREERTOS_HZ=1000, and in 32 bits, as FreeRTOS before 11 does it: more than 71 minutes
 * do not fit. */
#define configTICK_RATE_HZ 1000u
#define pdMS_TO_TICKS(ms)  ((TickType_t)(((TickType_t)(ms)*configTICK_RATE_HZ) / (TickType_t)1000u))

#endif
