/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_RESET_H
#define BULLA_MCU_RESET_H

/* Between reset.c, which is one for all boards, and a board's own files. It has no data but what is
 * kept: in a trap nobody knows what RAM holds. */

#include <stdbool.h>
#include <stdint.h>

struct reset_trap {
    bool fed_late; /* the watchdog's interrupt; else an exception that nobody handles */
    uint32_t pc;
    uint32_t cause; /* as the processor numbers exceptions */
    uint32_t value; /* what else it tells of them */
};

_Noreturn void reset_after(const struct reset_trap *trap);

/* The board's: whatever state the devices are in. */
_Noreturn void board_reset_now(void);

#endif
