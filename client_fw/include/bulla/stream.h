/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_STREAM_H
#define BULLA_STREAM_H

/* What TLS needs from the machine: a TCP connection, a clock that never goes back, randomness.
 * port/sim/net_posix.c implements it with sockets, an MCU port with its IP stack.
 *
 * Times are milliseconds of now_ms. Every call that waits gives up at `until` with
 * BULLA_E_NET_STALLED; the caller knows which of its limits that was. */

#include "bulla/bytes.h"
#include "bulla/status.h"

struct bulla_stream {
    /* Connect to a DNS name or IP literal (no brackets), with TCP_NODELAY. BULLA_OK,
     * BULLA_E_NET_RESOLVE, BULLA_E_NET_CONNECT or BULLA_E_NET_STALLED. */
    enum bulla_status (*connect)(void *ctx, const char *host, uint16_t port, uint64_t until);
    /* Send at least one byte; *sent says how many went. BULLA_E_NET_CLOSED when the peer is gone.
     */
    enum bulla_status (*send)(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                              size_t *sent);
    /* Receive at least one byte. *len 0 with BULLA_OK: the peer sent FIN. BULLA_E_NET_CLOSED:
     * reset. */
    enum bulla_status (*recv)(void *ctx, uint8_t *buffer, size_t size, uint64_t until, size_t *len);
    /* Safe at any time, also twice. */
    void (*close)(void *ctx);
    uint64_t (*now_ms)(void *ctx);
    /* Fill with bytes of a cryptographic generator; BULLA_E_CRYPTO when it cannot. */
    enum bulla_status (*random)(void *ctx, uint8_t *buffer, size_t len);
    void *ctx;
};

#endif
