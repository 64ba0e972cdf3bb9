/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic that Debian's libgcc for lx106 lacks (an ESP8266 has it in ROM): 64-bit products of a
 * core that multiplies 32 bits into 32, and division of a core that has none. The names are those
 * that the compiler calls. */

#include <stdint.h>

uint64_t __umulsidi3(uint32_t a, uint32_t b);
uint64_t __muldi3(uint64_t a, uint64_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);

uint64_t __umulsidi3(uint32_t a, uint32_t b)
{
    uint32_t a0 = a & 0xffffu, a1 = a >> 16, b0 = b & 0xffffu, b1 = b >> 16;
    uint32_t low = a0 * b0;
    uint32_t middle = a1 * b0 + (low >> 16);
    uint32_t other = a0 * b1 + (middle & 0xffffu);
    return (uint64_t)(a1 * b1 + (middle >> 16) + (other >> 16)) << 32 |
           (other << 16 | (low & 0xffffu));
}

uint64_t __muldi3(uint64_t a, uint64_t b)
{
    uint32_t high = (uint32_t)a * (uint32_t)(b >> 32) + (uint32_t)(a >> 32) * (uint32_t)b;
    return __umulsidi3((uint32_t)a, (uint32_t)b) + ((uint64_t)high << 32);
}

/* Bit by bit; only numbers in decimal are divided here. */
uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    uint64_t quotient = 0, rest = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t carry = rest >> 63;
        rest = rest << 1 | (a >> bit & 1u);
        if (carry != 0 || rest >= b) {
            rest -= b;
            quotient |= (uint64_t)1 << bit;
        }
    }
    return quotient;
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    return a - b * __udivdi3(a, b);
}

uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    return (uint32_t)__udivdi3(a, b);
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    return a - b * __udivsi3(a, b);
}

int32_t __divsi3(int32_t a, int32_t b)
{
    uint32_t quotient =
        __udivsi3(a < 0 ? 0u - (uint32_t)a : (uint32_t)a, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
    return (int32_t)((a < 0) != (b < 0) ? 0u - quotient : quotient);
}
