/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_NET_H
#define BULLA_MCU_NET_H

/* One TCP connection at a time over lwIP and the board's NIC, as the stream that TLS needs. Nothing
 * runs by itself: lwIP gets its time in the calls below. */

#include "bulla/stream.h"

/* Called again and again while one of them waits for something with an end, and only then: the
 * place to feed a watchdog. NULL: nobody is. */
extern void (*net_waits)(void);

/* The interface, its address, and the heap of TLS; once, and when random_fill has worked: what must
 * not be guessed of TCP comes from there. A link that is down comes later. False: the NIC does not
 * answer. */
bool net_start(void);

/* For loops that wait for something else: what came in, and lwIP's timers. */
void net_poll(void);

/* Its own ctx; there is one. connect gives back BULLA_E_NET_CONNECT too when the address is IPv6.
 * Names are resolved by net_dns.c, and by nobody where net_dns_none.c is linked instead
 * (BULLA_E_NET_RESOLVE). */
struct bulla_stream net_stream(void);

#endif
