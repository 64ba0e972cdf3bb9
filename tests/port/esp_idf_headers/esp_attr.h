/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ESP_ATTR_H
#define TEST_ESP_ATTR_H

/* A section that a reset does not clear, on the chip. */
#define RTC_NOINIT_ATTR __attribute__((section("rtc_noinit")))

#endif
