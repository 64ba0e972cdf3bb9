/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on a terminal. Redrawn only when it would look different, so callers may report
 * every block. One bar per process: its state is the terminal's line. */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define BAR_WIDTH 40u

static bool drawn;
static uint64_t drawn_step;

/* Without a known total the step is a MiB, else a percent. */
static uint64_t step_of(uint64_t done, uint64_t total)
{
    if (total == 0)
        return done >> 20;
    if (done >= total)
        return 100;
    if (total < 100)
        return done * 100 / total;
    uint64_t percent = done / (total / 100); /* cannot overflow; a little high when rounded */
    return percent < 100 ? percent : 99;
}

void host_progress(const char *label, uint64_t done, uint64_t total)
{
    uint64_t step = step_of(done, total);

    if (!isatty(STDERR_FILENO) || (drawn && step == drawn_step))
        return;
    if (total == 0) {
        fprintf(stderr, "\r%s %" PRIu64 " MiB", label, step);
    } else {
        char bar[BAR_WIDTH + 1];
        size_t full = (size_t)(step * BAR_WIDTH / 100);
        memset(bar, ' ', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = '\0';
        fprintf(stderr, "\r%s [%s] %3" PRIu64 "%%", label, bar, step);
    }
    fflush(stderr);
    drawn = true;
    drawn_step = step;
}

void host_progress_end(void)
{
    if (!drawn)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    drawn = false;
}
