/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_TRAP_H
#define BULLA_MCU_TRAP_H

/* What start.S traps into, in machine mode, on a stack that user mode has no way to. No data of
 * stage 0 may be used: where it lay lies the application's. */

#include <stdint.h>

#define TRAP_CALL_OF_USER 8u

/* The end: an exception or the timer. */
_Noreturn void trap_end(uint32_t cause, uint32_t pc, uint32_t value);
/* An ecall. host_semihosting.c: a call of the emulator's host; or host_none.c. */
int32_t trap_call(uint32_t operation, uint32_t *parameters, uint32_t cause);

#endif
