/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_SEMIHOST_H
#define BULLA_MCU_SEMIHOST_H

/* What the emulator's host gives to a test: words of a command line, an exit status, random bytes.
 * Arm, "Semihosting for AArch32 and AArch64"; RISC-V has taken the same calls. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the emulator, after what was written to the NOR has reached its file. */
_Noreturn void semihost_exit(int status);

/* What follows `key` and "=" in the command line ("url=https://..."); NULL when there is no such
 * word. Valid for ever. */
const char *semihost_value(const char *key);
/* The same for a decimal number; false: there is none. */
bool semihost_number(const char *key, uint32_t *value);

/* From the host's random generator. False: it gave none. */
bool semihost_random(uint8_t *bytes, size_t len);

/* One call of the host, the instruction for it; in the board's start code. */
int32_t semihost_call(uint32_t operation, void *parameters);

#endif
