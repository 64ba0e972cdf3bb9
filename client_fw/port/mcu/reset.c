/* SPDX-License-Identifier: Apache-2.0 */
/* How every board ends: the reason is noted first, then told, then comes the reset. */

#include "reset.h"

#include "board.h"
#include "kept.h"
#include "print.h"

static void note(enum board_reset cause)
{
    kept.magic = KEPT_MAGIC;
    kept.next = (uint32_t)cause;
    kept.not_next = ~(uint32_t)cause;
}

void board_restart(enum board_reset cause)
{
    note(cause);
    board_reset_now();
}

static void field(const char *name, uint32_t value)
{
    print_text(name);
    print_hex(value, 8);
}

void reset_after(const struct reset_trap *trap)
{
    bool again = kept.magic == KEPT_MAGIC; /* or it never comes to an end */

    note(trap->fed_late ? BOARD_WATCHDOG : BOARD_FAULT);
    if (!again) {
        board_init(); /* whatever became of the serial line */
        field(trap->fed_late ? "board: watchdog, pc " : "board: fault, pc ", trap->pc);
        if (!trap->fed_late) {
            field(", cause ", trap->cause);
            field(", value ", trap->value);
        }
        print_text("\n");
    }
    board_reset_now();
}
