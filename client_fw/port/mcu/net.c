/* SPDX-License-Identifier: Apache-2.0 */
/* struct bulla_stream over lwIP's raw API. lwIP calls back and only notes what happened; the
 * functions of the stream wait for it, and give lwIP its time while they do. */

#include "net.h"

#include <lwip/tcp.h>
#include <stdbool.h>

#include "board.h"
#include "bulla/transport.h"
#include "net_parts.h"
#include "random.h"

static struct connection {
    struct tcp_pcb *pcb;   /* NULL: none, or lwIP gave it up */
    struct pbuf *received; /* and not yet read */
    bool is_open;
    bool is_ended; /* the peer sends no more */
} connection;

/* ---- lwIP calls ---- */

static err_t note_open(void *ctx, struct tcp_pcb *pcb, err_t error)
{
    (void)ctx;
    (void)pcb;
    (void)error;
    connection.is_open = true;
    return ERR_OK;
}

static err_t note_received(void *ctx, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error)
{
    (void)ctx;
    (void)pcb;
    (void)error;
    if (bytes == NULL)
        connection.is_ended = true;
    else if (connection.received == NULL)
        connection.received = bytes;
    else
        pbuf_cat(connection.received, bytes);
    return ERR_OK;
}

/* Refused, reset or never answered: the pcb is gone. */
static void note_lost(void *ctx, err_t error)
{
    (void)ctx;
    (void)error;
    connection.pcb = NULL;
}

/* ---- the stream ---- */

/* By a reset, so that nothing of it stays in memory; TLS has said goodbye before. */
static void close_connection(void *ctx)
{
    (void)ctx;
    if (connection.pcb != NULL) {
        tcp_err(connection.pcb, NULL);
        tcp_recv(connection.pcb, NULL);
        tcp_abort(connection.pcb);
    }
    if (connection.received != NULL)
        (void)pbuf_free(connection.received);
    connection = (struct connection){0};
}

static enum bulla_status find_address(const char *host, ip4_addr_t *address, uint64_t until)
{
    uint8_t bytes[16];
    size_t len = 0;
    if (!bulla_url_address(host, bytes, &len))
        return net_resolve(host, address, until);
    if (len != 4)
        return BULLA_E_NET_CONNECT; /* IPv6 */
    IP4_ADDR(address, bytes[0], bytes[1], bytes[2], bytes[3]);
    return BULLA_OK;
}

static enum bulla_status wait_until_open(uint64_t until)
{
    while (connection.pcb != NULL && !connection.is_open)
        if (!net_turn(until))
            return BULLA_E_NET_STALLED;
    return connection.pcb != NULL ? BULLA_OK : BULLA_E_NET_CONNECT;
}

static enum bulla_status begin(const ip4_addr_t *address, uint16_t port)
{
    ip_addr_t to;
    ip_addr_copy_from_ip4(to, *address);
    connection.pcb = tcp_new();
    if (connection.pcb == NULL)
        return BULLA_E_NET_CONNECT;
    tcp_nagle_disable(connection.pcb);
    tcp_err(connection.pcb, note_lost);
    tcp_recv(connection.pcb, note_received);
    return tcp_connect(connection.pcb, &to, port, note_open) == ERR_OK ? BULLA_OK
                                                                       : BULLA_E_NET_CONNECT;
}

static enum bulla_status connect_host(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    ip4_addr_t address;
    close_connection(ctx);
    while (!net_is_ready())
        if (!net_turn(until))
            return BULLA_E_NET_STALLED;
    enum bulla_status status = find_address(host, &address, until);
    if (status == BULLA_OK)
        status = begin(&address, port);
    if (status == BULLA_OK)
        status = wait_until_open(until);
    if (status != BULLA_OK)
        close_connection(ctx);
    return status;
}

/* One segment, and only when nothing is left to go out: bytes added to a segment that waits would
 * be a second piece of it, and the NIC takes frames in one. */
static err_t write_some(const uint8_t *bytes, size_t len, size_t *sent)
{
    struct tcp_pcb *pcb = connection.pcb;
    size_t room = tcp_sndbuf(pcb);
    size_t part = len < room ? len : room;
    if (part > tcp_mss(pcb))
        part = tcp_mss(pcb);
    if (part == 0 || pcb->unsent != NULL)
        return ERR_MEM;
    err_t error = tcp_write(pcb, bytes, (u16_t)part, TCP_WRITE_FLAG_COPY);
    if (error == ERR_OK) {
        *sent = part;
        (void)tcp_output(pcb);
    }
    return error;
}

static enum bulla_status send_bytes(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                    size_t *sent)
{
    (void)ctx;
    *sent = 0;
    net_poll();
    while (connection.pcb != NULL) {
        err_t error = write_some(bytes, len, sent);
        if (error == ERR_OK)
            return BULLA_OK;
        if (error != ERR_MEM)
            break;
        if (!net_turn(until))
            return BULLA_E_NET_STALLED;
    }
    return BULLA_E_NET_CLOSED;
}

static size_t take_received(uint8_t *buffer, size_t size)
{
    struct pbuf *bytes = connection.received;
    u16_t wanted = size < bytes->tot_len ? (u16_t)size : bytes->tot_len;
    u16_t len = pbuf_copy_partial(bytes, buffer, wanted, 0);
    connection.received = pbuf_free_header(bytes, len);
    if (connection.pcb != NULL)
        tcp_recved(connection.pcb, len);
    return len;
}

static enum bulla_status receive_bytes(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                       size_t *len)
{
    (void)ctx;
    *len = 0;
    net_poll();
    while (connection.received == NULL && !connection.is_ended) {
        if (connection.pcb == NULL)
            return BULLA_E_NET_CLOSED;
        if (!net_turn(until))
            return BULLA_E_NET_STALLED;
    }
    if (connection.received != NULL)
        *len = take_received(buffer, size);
    return BULLA_OK;
}

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    return board_now_ms();
}

static enum bulla_status random_bytes(void *ctx, uint8_t *buffer, size_t len)
{
    (void)ctx;
    return random_fill(buffer, len);
}

struct bulla_stream net_stream(void)
{
    return (struct bulla_stream){
        .connect = connect_host,
        .send = send_bytes,
        .recv = receive_bytes,
        .close = close_connection,
        .now_ms = now_ms,
        .random = random_bytes,
    };
}
