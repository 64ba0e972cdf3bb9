/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_PROXY_H
#define BULLA_TEST_PROXY_H

/* A bad network between a client and a server on this machine: a thread that forwards TCP bytes,
 * counts them, and cuts, stalls or slows down the connections it is told to, at an exact byte of
 * either stream. What it forwards it forwards unchanged and in order. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proxy_kind {
    PROXY_PASS,
    PROXY_FIN,   /* the client sees an orderly end of TCP */
    PROXY_RST,   /* the client sees a reset */
    PROXY_STALL, /* nothing goes through any more, the connection stays */
    PROXY_SLOW,  /* from then on `piece` bytes every `every_ms` */
};

struct proxy_fault {
    enum proxy_kind kind;
    bool upward;       /* counted are the client's bytes, else the server's */
    uint64_t after;    /* so many of them go through unharmed */
    uint32_t piece;    /* of PROXY_SLOW */
    uint32_t every_ms; /* the same */
};

/* Since the last proxy_plan. */
struct proxy_counts {
    uint32_t connections;
    uint64_t up;        /* bytes the server was given */
    uint64_t down;      /* bytes the client was given; of those: */
    uint64_t handshake; /* in TLS records that carry no application data */
    uint64_t records;   /* TLS records with application data that were begun */
};

struct proxy;

/* Forward to 127.0.0.1:upstream. NULL: no socket or no thread could be had. */
struct proxy *proxy_start(uint16_t upstream);
uint16_t proxy_port(const struct proxy *proxy);

/* Wait for the connections that are there to end, forget what was counted, and from now on give
 * connection i the fault faults[i], those behind the last one none, or with `repeat` the last one
 * again. The array must stay. False: a connection did not end within ten seconds. */
bool proxy_plan(struct proxy *proxy, const struct proxy_fault *faults, size_t count, bool repeat);

/* What was counted; ends of connections may still be on their way. */
struct proxy_counts proxy_counts(struct proxy *proxy);

void proxy_stop(struct proxy *proxy);

#endif
