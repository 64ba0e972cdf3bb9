/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_PIPE_H
#define BULLA_TRANSPORT_PIPE_H

/* struct bulla_transport over a descriptor that can be read once, from its start to its end: a
 * bundle on standard input. What was read cannot be asked for again, so an update from it succeeds
 * in one attempt or not at all; what it wrote is found on flash the next time. */

#include "bulla/transport.h"

#define BULLA_PIPE_WHY           600u
#define BULLA_PIPE_PROGRESS_MS   15000u
#define BULLA_PIPE_PROGRESS_SIZE 1024u

/* Private, but `why`. */
struct bulla_pipe_transport {
    int fd;
    const struct bulla_url *url; /* the only file it has */
    uint64_t deadline;           /* of CLOCK_MONOTONIC in ms */
    uint64_t until;
    uint64_t left_at;
    uint32_t progress_size;
    uint64_t offset; /* of the next byte */
    uint64_t end;    /* of what was asked for */
    bool reading;
    char why[BULLA_PIPE_WHY];
};

void bulla_pipe_transport_init(struct bulla_pipe_transport *pipe, int fd,
                               const struct bulla_url *url, uint32_t deadline_ms);
struct bulla_transport bulla_pipe_transport_view(struct bulla_pipe_transport *pipe);

#endif
