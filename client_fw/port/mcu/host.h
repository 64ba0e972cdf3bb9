/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_HOST_H
#define BULLA_MCU_HOST_H

/* What the emulator's host gives to a test: words of a command line, an exit status, random bytes.
 * host_semihosting.c, or host_none.c in a build for a board that stands alone: there none of it
 * comes from anywhere. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the emulator, after what was written to the NOR has reached its file. Returns where there is
 * no host. */
void host_end(int status);

/* What follows `key` and "=" in the command line ("url=https://..."); NULL when there is no such
 * word. Valid for ever. */
const char *host_value(const char *key);
/* The same for a decimal number; false: there is none. */
bool host_number(const char *key, uint32_t *value);

/* From the host's random generator. False: it gave none. */
bool host_random(uint8_t *bytes, size_t len);

#endif
