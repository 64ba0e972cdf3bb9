/* SPDX-License-Identifier: Apache-2.0 */
/* The first stage, which nobody can change: it lets the client choose a slot, loads what is in it
 * and starts that, or starts nothing. It has no network and takes no orders; in a build for the
 * emulator its host may end it after a number of boots. */

#include <string.h>

#include "board.h"
#include "host.h"
#include "kept.h"
#include "load.h"
#include "nor.h"
#include "print.h"

/* For each step of this stage, and until the application feeds the watchdog for the first time. */
#define WATCHDOG_MS 10000u

int main(void);

static struct bulla_flash flash;
static struct bulla_client client;
static uint8_t trust_store[BULLA_TRUST_SIZE_MAX];

/* Did the release end it that ran before? What goes wrong in this stage is not the release's. */
static bool begin(void)
{
    static const char *const names[] = {"power-on", "restart", "watchdog", "fault"};
    bool announced = kept.magic == KEPT_MAGIC && kept.next == ~kept.not_next;
    uint32_t cause = announced && kept.next <= BOARD_FAULT ? kept.next : BOARD_POWER_ON;
    bool crashed = (cause == BOARD_WATCHDOG || cause == BOARD_FAULT) && kept.charged == KEPT_MAGIC;

    if (cause == BOARD_POWER_ON) {
        memset(&kept, 0, sizeof(kept));
        kept.cut = announced ? 1 : 0;
    }
    kept.magic = 0; /* a reset that nobody announces is one by power or by hand */
    kept.charged = 0;
    kept.boots++;
    print_text("stage0: ");
    print_text(board_name);
    print_text(", reset ");
    print_text(names[cause]);
    print_text("\n");
    return crashed;
}

/* Without a host the watchdog ends it: flash may answer the next time. */
static _Noreturn void stop(int status)
{
    nor_report();
    host_end(status);
    for (;;) {
    }
}

static void tell_status(const char *what, enum bulla_status why)
{
    print_text("stage0: ");
    print_text(what);
    print_text(", status ");
    print_i32((int32_t)why);
    print_text("\n");
}

static _Noreturn void stop_for(const char *what, enum bulla_status why)
{
    tell_status(what, why);
    stop(1);
}

/* The client chose it, and it cannot be started: that is as good as a crash. Its trial ends with
 * the reset, and a confirmed release is left after as many as the client allows. */
static _Noreturn void give_up(const char *what, enum bulla_status why)
{
    tell_status(what, why);
    kept.charged = KEPT_MAGIC;
    board_restart(BOARD_FAULT);
}

static void tell_slot(int32_t slot, const char *what)
{
    print_text("stage0: slot ");
    print_i32(slot);
    print_text(what);
}

static void tell(const struct bulla_boot_result *result)
{
    if (result->ended_trial != BULLA_SLOT_NONE)
        tell_slot(result->ended_trial, " was not confirmed\n");
    if (result->crashes > 0) {
        print_text("stage0: crashes ");
        print_u32(result->crashes);
        print_text("\n");
    }
    if (result->refused_slot != BULLA_SLOT_NONE) {
        tell_slot(result->refused_slot, result->crash_loop ? " is left" : " is refused, status ");
        if (!result->crash_loop)
            print_i32((int32_t)result->refused_why);
        print_text("\n");
    }
}

static void choose(bool crashed, struct bulla_boot_result *result)
{
    const struct bulla_reset reset = {
        .crashed = crashed,
        .trial_boots = 1,
        .crashes_max = BULLA_CRASHES_MAX,
    };

    enum bulla_status status = nor_open(&flash);
    if (status != BULLA_OK)
        stop_for("no flash", status);
    status = bulla_client_open(&client, &flash, trust_store, sizeof(trust_store));
    if (status != BULLA_OK)
        stop_for("no device state", status);
    status = bulla_client_boot_after(&client, &reset, result);
    tell(result);
    if (status != BULLA_OK)
        stop_for("nothing to start", status);
}

/* One flash read may go wrong; what goes wrong twice is not started. */
static void load(const struct bulla_boot_result *result, struct load *loaded)
{
    enum bulla_status status = load_app(&client, result, loaded);

    if (status != BULLA_OK)
        status = load_app(&client, result, loaded);
    if (status != BULLA_OK)
        give_up("not loaded", status);
}

static void pass_on(const struct bulla_boot_result *result)
{
    kept.slot = result->slot;
    kept.trial = result->trial ? 1 : 0;
    kept.sequence = result->sequence;
    print_text("stage0: starts slot ");
    print_i32(result->slot);
    print_text(", sequence ");
    print_u32(result->sequence);
    print_text(result->trial ? ", trial\n" : "\n");
}

int main(void)
{
    struct bulla_boot_result result = {.verdict = BULLA_NO};
    struct load loaded = {.verdict = BULLA_NO};
    uint32_t boots = 0;

    board_init();
    board_watchdog(WATCHDOG_MS);
    bool crashed = begin();
    if (host_number("boots", &boots) && kept.boots > boots) {
        print_text("stage0: boots used up\n");
        stop(0);
    }
    choose(crashed, &result);
    board_watchdog(WATCHDOG_MS);
    load(&result, &loaded);
    /* Read from memory each time: no single skipped comparison starts anything. */
    const volatile enum bulla_verdict *chosen = &result.verdict;
    const volatile enum bulla_verdict *arrived = &loaded.verdict;
    if (*chosen != BULLA_YES || *arrived != BULLA_YES)
        give_up("no verdict", BULLA_E_NOT_JUDGED);
    pass_on(&result);
    board_watchdog(WATCHDOG_MS);
    kept.charged = KEPT_MAGIC;
    if (*chosen != BULLA_YES || *arrived != BULLA_YES)
        give_up("no verdict", BULLA_E_NOT_JUDGED);
    board_start(board_app);
}
