/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_posix.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

uint64_t bulla_posix_now_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

enum bulla_status bulla_posix_wait_for(int fd, short events, uint64_t until)
{
    for (;;) {
        uint64_t now = bulla_posix_now_ms(NULL);
        if (now >= until)
            return BULLA_E_NET_STALLED;
        uint64_t left = until - now;
        struct pollfd entry = {.fd = fd, .events = events};
        int ready = poll(&entry, 1, left < INT_MAX ? (int)left : INT_MAX);
        if (ready > 0)
            return BULLA_OK; /* errors show in the call that follows */
        if (ready < 0 && errno != EINTR)
            return BULLA_E_NET_CLOSED;
    }
}
