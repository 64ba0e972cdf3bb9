/* SPDX-License-Identifier: Apache-2.0 */
/* What the application says on its serial line, one event a line. Statuses are numbers: their names
 * are on the other end of the line (verifier/include/bulla/status.h). */

#include "app.h"
#include "board.h"
#include "measure.h"
#include "print.h"

#define STEP (16u * BULLA_SECTOR_SIZE)

static void field(const char *name, uint32_t value)
{
    print_text(" ");
    print_text(name);
    print_text(" ");
    print_u32(value);
}

static void slot_field(int32_t slot)
{
    if (slot >= 0)
        field("slot", (uint32_t)slot);
    else
        print_text(" slot none");
}

void app_report_start(int32_t slot, bool trial)
{
    print_text("app ");
    print_text(app_version);
    print_text(": ");
    print_text(board_name);
    print_text(",");
    slot_field(slot);
    print_text(trial ? ", trial\n" : "\n");
}

void app_report_status(const char *what, enum bulla_status status)
{
    print_text("app: ");
    print_text(what);
    if (status != BULLA_OK)
        field("status", (uint32_t)status);
    print_text("\n");
}

void app_report_update(enum bulla_status status, const struct bulla_update_result *result,
                       uint64_t ms)
{
    print_text("app: update");
    field("status", (uint32_t)status);
    slot_field(result->slot);
    field("sequence", result->sequence);
    field("sectors", result->sectors_written);
    field("copied", result->sectors_copied);
    field("kept", result->sectors_kept);
    field("retries", result->retries);
    field("http", result->http_status);
    field("ms", (uint32_t)ms);
    print_text(result->nothing_newer ? " nothing newer\n" : "\n");
}

static void report(void *ctx, uint32_t done, uint32_t total)
{
    (void)ctx;
    board_watchdog(APP_WATCHDOG_MS);
    if (done == 0)
        measure_update_head();
    if (done != 0 && done % STEP != 0)
        return;
    print_text("app: ");
    print_u32(done);
    field("of", total);
    print_text("\n");
}

const struct bulla_progress app_progress = {.report = report};
