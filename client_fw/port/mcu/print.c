/* SPDX-License-Identifier: Apache-2.0 */
/* Text and integers, character by character to the board. */

#include "print.h"

#include "board.h"

void print_text(const char *text)
{
    while (*text != '\0')
        board_put(*text++);
}

void print_u32(uint32_t value)
{
    char digits[10];
    uint32_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value > 0);
    while (count > 0)
        board_put(digits[--count]);
}

void print_i32(int32_t value)
{
    if (value < 0)
        board_put('-');
    print_u32(value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

void print_hex(uint32_t value, unsigned digits)
{
    while (digits > 0)
        board_put("0123456789abcdef"[value >> 4u * --digits & 0xfu]);
}
