/* SPDX-License-Identifier: Apache-2.0 */
/* --restart: what was selected boots at once, after a countdown that Ctrl-C stops. Nothing depends
 * on it: without the restart the next reset does the same. */

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

#define WHY_SIZE          512u
#define COUNTDOWN_DEFAULT 10u
#define COUNTDOWN_MAX     3600u

int restart_parse(struct host_tool *tool, const struct arguments *arguments)
{
    uint64_t seconds = 0;

    if (arguments->countdown == NULL)
        return -1;
    if (!arguments->restart)
        return host_usage(tool, "--countdown needs --restart");
    if (!host_parse_number(arguments->countdown, COUNTDOWN_MAX, false, &seconds))
        return host_usage(tool, "--countdown must be 0 to %u seconds, found %s", COUNTDOWN_MAX,
                          arguments->countdown);
    return -1;
}

static unsigned seconds_to_wait(const struct host_tool *tool, const struct arguments *arguments)
{
    uint64_t seconds = 0;

    if (arguments->countdown != NULL &&
        host_parse_number(arguments->countdown, COUNTDOWN_MAX, false, &seconds))
        return (unsigned)seconds;
    return !tool->json && isatty(STDERR_FILENO) == 1 ? COUNTDOWN_DEFAULT : 0;
}

/* One second at a time; the signal is waited for, not handled, so that none can come too early or
 * too late. False: Ctrl-C. */
static bool count_down(unsigned seconds)
{
    const struct timespec second = {.tv_sec = 1};
    bool terminal = isatty(STDERR_FILENO) == 1;
    sigset_t interrupt;
    sigset_t before;
    bool stopped = false;

    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
    if (!terminal && seconds > 0)
        (void)fprintf(stderr, "Rebooting in %u seconds (Ctrl-C to cancel)\n", seconds);
    for (unsigned left = seconds; left > 0 && !stopped; left--) {
        if (terminal)
            (void)fprintf(stderr, "\rRebooting in %2u seconds (Ctrl-C to cancel) ", left);
        (void)fflush(stderr);
        stopped = sigtimedwait(&interrupt, NULL, &second) == SIGINT;
    }
    if (terminal && seconds > 0)
        (void)fputc('\n', stderr);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return !stopped;
}

/* Another power-on of the same flash. */
static int boot(struct host_tool *tool, const struct arguments *arguments)
{
    const struct bulla_reset reset = {.trial_boots = 1, .crashes_max = BULLA_CRASHES_MAX};
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    if (status != BULLA_OK)
        return device_end(tool, &device, status, why);

    status = bulla_client_boot_after(&device.client, &reset, &result);
    if (status == BULLA_OK && result.verdict != BULLA_YES)
        status = BULLA_E_NOTHING_BOOTABLE;
    device_boot_reason(&device, &result, status, why, sizeof(why));
    json_t *object = tool->json ? json_object() : NULL;
    control_tell_boot(tool, &device, &result, status, why, object);
    if (object != NULL)
        json_object_set_new(tool->doc, "boot", object);
    return device_end(tool, &device, status, status == BULLA_OK ? "" : why);
}

int restart_end(struct host_tool *tool, const struct arguments *arguments, struct device *device,
                enum bulla_status status, const char *why, bool wanted)
{
    if (!arguments->restart || status != BULLA_OK)
        return device_end(tool, device, status, why);
    host_progress_end();
    device_off(device);
    (void)fflush(stdout); /* what was done is told before the wait */
    bool go = wanted && count_down(seconds_to_wait(tool, arguments));
    if (tool->json)
        json_object_set_new(tool->doc, "restarted", json_boolean(go));
    if (go)
        return boot(tool, arguments);
    if (wanted)
        host_note(tool, "restart cancelled: what is selected boots at the next reset");
    else
        host_note(tool, "no restart: nothing has changed");
    return host_end(tool, BULLA_OK, NULL);
}
