/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_NET_POSIX_H
#define BULLA_NET_POSIX_H

/* struct bulla_stream on BSD sockets, CLOCK_MONOTONIC and the kernel's random generator.
 *
 *     struct bulla_posix_net net;
 *     struct bulla_stream stream = bulla_posix_stream(&net);
 *     struct bulla_tls_options options = {.deadline_ms = 1800000, .has_clock = true};
 *     status = bulla_tls_transport_init(&tls, &trust, &stream, &options);
 *     struct bulla_transport transport = bulla_tls_transport_view(&tls);
 *
 * Name lookup is the C library's: it ends by the resolver's own time-outs, not by ours. */

#include "bulla/stream.h"

struct bulla_posix_net {
    int fd; /* -1: none */
};

/* A closed stream over *net, which must outlive it. */
struct bulla_stream bulla_posix_stream(struct bulla_posix_net *net);

#endif
