/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_PRINT_H
#define BULLA_MCU_PRINT_H

/* Text and integers on the serial line, without stdio. Lines end with "\n", given by the caller. */

#include <stdint.h>

void print_text(const char *text);
void print_u32(uint32_t value);
void print_i32(int32_t value);
/* With `digits` hexadecimal digits, 1 to 8, without "0x". */
void print_hex(uint32_t value, unsigned digits);

#endif
