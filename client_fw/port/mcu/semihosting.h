/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_SEMIHOSTING_H
#define BULLA_MCU_SEMIHOSTING_H

/* Calls of the emulator's host. Arm, "Semihosting for AArch32 and AArch64"; RISC-V has taken the
 * same ones. */

#include <stdint.h>

#define SYS_OPEN          0x01u /* name, mode, length of the name: a file, or -1 */
#define SYS_CLOSE         0x02u /* file */
#define SYS_READ          0x06u /* file, buffer, length: bytes that are missing */
#define SYS_CLOCK         0x10u /* nothing: hundredths of a second */
#define SYS_GET_CMDLINE   0x15u /* buffer, size of it; the length comes back there */
#define SYS_EXIT_EXTENDED 0x20u /* reason, status */

#define SEMIHOSTING_RANDOM "/dev/urandom"
#define SEMIHOSTING_BINARY 1u /* a mode: to be read, as it is */

/* One call, the instruction for it; in the board's host_semihosting.c. */
int32_t semihosting_call(uint32_t operation, void *parameters);

#endif
