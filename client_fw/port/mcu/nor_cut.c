/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: counts programs and erases from power-on, over resets, and lets the power go off in
 * one of them. Words of the command line:
 *   cut=N      the power goes off in operation N, from 1; without it all is done and counted
 *   bytes=N    so many bytes of a page are programmed, without it half of them; of an erase all is
 *              done, or nothing with 0
 *   off=exit   the emulator ends, status 0, after a while for its file
 *   off=stop   nothing more happens: whoever watches the serial line ends the emulator
 * Without `off` it is a reset, after which all is as after power-on and nothing is cut any more. An
 * emulator that ends at a reset (-no-reboot) has everything in its file by then. */

#include <string.h>

#include "board.h"
#include "bulla/limits.h"
#include "host.h"
#include "kept.h"
#include "nor.h"
#include "print.h"

static bool is_cut(void)
{
    uint32_t cut = 0;

    return kept.cut == 0 && host_number("cut", &cut) && kept.operations == cut;
}

size_t nor_begin(size_t len)
{
    uint32_t bytes = (uint32_t)len;

    kept.operations++;
    if (!is_cut())
        return len;
    bool given = host_number("bytes", &bytes);
    if (len >= BULLA_SECTOR_SIZE)
        return bytes > 0 ? len : 0;
    if (!given)
        return len / 2;
    return bytes < len ? bytes : len;
}

static _Noreturn void power_off(void)
{
    const char *way = host_value("off");

    board_watchdog(0);
    print_text("nor: power cut at operation ");
    print_u32(kept.operations);
    print_text("\n");
    if (way == NULL)
        board_restart(BOARD_POWER_ON);
    if (strcmp(way, "exit") == 0)
        host_end(0);
    for (;;) {
    }
}

void nor_end(void)
{
    if (is_cut())
        power_off();
}

void nor_report(void)
{
    print_text("nor: operations ");
    print_u32(kept.operations);
    print_text("\n");
}
