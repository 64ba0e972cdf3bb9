/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, clock and randomness of a POSIX host behind struct bulla_stream. */

#include "net_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wait_posix.h"

static void close_socket(void *ctx)
{
    struct bulla_posix_net *net = ctx;
    if (net->fd >= 0)
        (void)close(net->fd);
    net->fd = -1;
}

static bool prepare(int fd)
{
    int one = 1;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
}

static enum bulla_status connect_address(struct bulla_posix_net *net,
                                         const struct addrinfo *address, uint64_t until)
{
    net->fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (net->fd < 0 || !prepare(net->fd))
        return BULLA_E_NET_CONNECT;
    if (connect(net->fd, address->ai_addr, address->ai_addrlen) == 0)
        return BULLA_OK;
    if (errno != EINPROGRESS && errno != EINTR)
        return BULLA_E_NET_CONNECT;
    enum bulla_status status = bulla_posix_wait_for(net->fd, POLLOUT, until);
    if (status != BULLA_OK)
        return status;
    int problem = 0;
    socklen_t size = sizeof problem;
    bool known = getsockopt(net->fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0;
    return known && problem == 0 ? BULLA_OK : BULLA_E_NET_CONNECT;
}

/* Every address gets an equal share of the time that is left, so that one that never answers
 * does not hide the next. */
static enum bulla_status connect_any(struct bulla_posix_net *net, const struct addrinfo *list,
                                     uint64_t until)
{
    enum bulla_status status = BULLA_E_NET_RESOLVE;
    uint64_t count = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        count++;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next, count--) {
        uint64_t now = bulla_posix_now_ms(NULL);
        uint64_t share = now < until ? (until - now) / count : 0;
        status = connect_address(net, a, now + share);
        if (status == BULLA_OK)
            return BULLA_OK;
        close_socket(net);
    }
    return status;
}

static enum bulla_status connect_host(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    struct bulla_posix_net *net = ctx;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[6];
    close_socket(net);
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    /* "localhost" is the loopback address whatever a resolver thinks of it (RFC 6761 6.3) */
    const char *node = strcmp(host, "localhost") == 0 ? NULL : host;
    if (getaddrinfo(node, service, &hints, &list) != 0)
        return BULLA_E_NET_RESOLVE;
    enum bulla_status status = connect_any(net, list, until);
    freeaddrinfo(list);
    return status;
}

static enum bulla_status send_bytes(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                    size_t *sent)
{
    const struct bulla_posix_net *net = ctx;
    *sent = 0;
    for (;;) {
        ssize_t n = send(net->fd, bytes, len, MSG_NOSIGNAL);
        if (n >= 0) {
            *sent = (size_t)n;
            return BULLA_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return BULLA_E_NET_CLOSED;
        enum bulla_status status = bulla_posix_wait_for(net->fd, POLLOUT, until);
        if (status != BULLA_OK)
            return status;
    }
}

static enum bulla_status receive_bytes(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                       size_t *len)
{
    const struct bulla_posix_net *net = ctx;
    *len = 0;
    for (;;) {
        ssize_t n = recv(net->fd, buffer, size, 0);
        if (n >= 0) {
            *len = (size_t)n;
            return BULLA_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return BULLA_E_NET_CLOSED;
        enum bulla_status status = bulla_posix_wait_for(net->fd, POLLIN, until);
        if (status != BULLA_OK)
            return status;
    }
}

static enum bulla_status random_bytes(void *ctx, uint8_t *buffer, size_t len)
{
    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(buffer, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return BULLA_E_CRYPTO;
        buffer += n;
        len -= (size_t)n;
    }
    return BULLA_OK;
}

struct bulla_stream bulla_posix_stream(struct bulla_posix_net *net)
{
    net->fd = -1;
    return (struct bulla_stream){
        .connect = connect_host,
        .send = send_bytes,
        .recv = receive_bytes,
        .close = close_socket,
        .now_ms = bulla_posix_now_ms,
        .random = random_bytes,
        .ctx = net,
    };
}
