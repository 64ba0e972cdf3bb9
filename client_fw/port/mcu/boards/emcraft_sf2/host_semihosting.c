/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction that calls the emulator's host on emcraft_sf2. */

#include "semihosting.h"

int32_t semihosting_call(uint32_t operation, void *parameters)
{
    register uint32_t r0 __asm__("r0") = operation;
    register void *r1 __asm__("r1") = parameters;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}
