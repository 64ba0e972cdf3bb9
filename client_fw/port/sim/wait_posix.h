/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_WAIT_POSIX_H
#define BULLA_WAIT_POSIX_H

/* Time, and waiting for a file descriptor, as bulla/stream.h wants both: shared by the streams of
 * this port. */

#include "bulla/bytes.h"
#include "bulla/status.h"

/* Milliseconds of a clock that never goes back. */
uint64_t bulla_posix_now_ms(void *ctx);

/* Until poll's `events` are there, or the time is. BULLA_OK also when the descriptor is broken: the
 * call that follows tells. BULLA_E_NET_STALLED, BULLA_E_NET_CLOSED. */
BULLA_MUST_CHECK enum bulla_status bulla_posix_wait_for(int fd, short events, uint64_t until);

#endif
