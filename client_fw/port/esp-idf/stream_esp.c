/* SPDX-License-Identifier: Apache-2.0 */
/* bulla/stream.h over lwIP's sockets, and bulla/clock.h. Sockets never block: every wait is a
 * select with an end. Looking up a name ends by lwIP's own time-outs. */

#include <errno.h>
#include <esp_random.h>
#include <esp_timer.h>
#include <fcntl.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <lwip/netdb.h>
#include <lwip/sockets.h>
#include <stdio.h>
#include <unistd.h>

#include "bulla_esp.h"

#define SLEEP_MS_MAX 60000u /* pdMS_TO_TICKS multiplies in 32 bits */

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    return (uint64_t)esp_timer_get_time() / 1000u;
}

static void close_socket(void *ctx)
{
    struct bulla_esp_net *net = ctx;

    if (net->fd >= 0)
        (void)close(net->fd);
    net->fd = -1;
}

/* Until the socket can be read from or, with `sending`, written to; errors show in the call that
 * follows. */
static enum bulla_status wait_for(int fd, bool sending, uint64_t until)
{
    for (;;) {
        uint64_t now = now_ms(NULL);
        uint64_t left = now < until ? until - now : 0;
        fd_set set;

        if (left == 0)
            return BULLA_E_NET_STALLED;
        left = left < 60000u ? left : 60000u;
        FD_ZERO(&set);
        FD_SET(fd, &set);
        struct timeval time = {.tv_sec = (long)(left / 1000u),
                               .tv_usec = (long)(left % 1000u * 1000u)};
        int ready = select(fd + 1, sending ? NULL : &set, sending ? &set : NULL, NULL, &time);
        if (ready > 0)
            return BULLA_OK;
        if (ready < 0 && errno != EINTR)
            return BULLA_E_NET_CLOSED;
    }
}

static bool prepare(int fd)
{
    int one = 1;
    int flags = fcntl(fd, F_GETFL, 0);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0;
}

static enum bulla_status connect_address(struct bulla_esp_net *net, const struct addrinfo *address,
                                         uint64_t until)
{
    int problem = 0;
    socklen_t size = sizeof(problem);

    net->fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (net->fd < 0 || !prepare(net->fd))
        return BULLA_E_NET_CONNECT;
    if (connect(net->fd, address->ai_addr, address->ai_addrlen) == 0)
        return BULLA_OK;
    if (errno != EINPROGRESS)
        return BULLA_E_NET_CONNECT;
    enum bulla_status status = wait_for(net->fd, true, until);
    if (status != BULLA_OK)
        return status;
    bool known = getsockopt(net->fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0;
    return known && problem == 0 ? BULLA_OK : BULLA_E_NET_CONNECT;
}

/* Every address gets an equal share of the time that is left, so that one that never answers does
 * not hide the next. */
static enum bulla_status connect_host(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    struct bulla_esp_net *net = ctx;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    enum bulla_status status = BULLA_E_NET_RESOLVE;
    uint64_t count = 0;
    char service[6];

    close_socket(net);
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return BULLA_E_NET_RESOLVE;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        count++;
    for (const struct addrinfo *a = list; a != NULL && status != BULLA_OK; a = a->ai_next) {
        uint64_t now = now_ms(NULL);
        status = connect_address(net, a, now + (now < until ? (until - now) / count : 0));
        count--;
        if (status != BULLA_OK)
            close_socket(net);
    }
    freeaddrinfo(list);
    return status;
}

static enum bulla_status send_bytes(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                    size_t *sent)
{
    const struct bulla_esp_net *net = ctx;
    enum bulla_status status = BULLA_OK;

    *sent = 0;
    while (status == BULLA_OK) {
        ssize_t n = send(net->fd, bytes, len, MSG_NOSIGNAL);
        if (n > 0) {
            *sent = (size_t)n;
            return BULLA_OK;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return BULLA_E_NET_CLOSED;
        status = wait_for(net->fd, true, until);
    }
    return status;
}

static enum bulla_status receive_bytes(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                       size_t *len)
{
    const struct bulla_esp_net *net = ctx;
    enum bulla_status status = BULLA_OK;

    *len = 0;
    while (status == BULLA_OK) {
        ssize_t n = recv(net->fd, buffer, size, 0);
        if (n >= 0) {
            *len = (size_t)n;
            return BULLA_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return BULLA_E_NET_CLOSED;
        status = wait_for(net->fd, false, until);
    }
    return status;
}

/* From noise while the radio is on, which it is when there is a network over it; with Ethernet
 * alone the app calls bootloader_random_enable. */
static enum bulla_status random_bytes(void *ctx, uint8_t *buffer, size_t len)
{
    (void)ctx;
    esp_fill_random(buffer, len);
    return BULLA_OK;
}

struct bulla_stream bulla_esp_stream(struct bulla_esp_net *net)
{
    net->fd = -1;
    return (struct bulla_stream){.connect = connect_host,
                                 .send = send_bytes,
                                 .recv = receive_bytes,
                                 .close = close_socket,
                                 .now_ms = now_ms,
                                 .random = random_bytes,
                                 .ctx = net};
}

static void sleep_ms(void *ctx, uint32_t ms)
{
    (void)ctx;
    while (ms > SLEEP_MS_MAX) {
        vTaskDelay(pdMS_TO_TICKS(SLEEP_MS_MAX));
        ms -= SLEEP_MS_MAX;
    }
    vTaskDelay(pdMS_TO_TICKS(ms) + 1u);
}

static uint32_t random_number(void *ctx)
{
    (void)ctx;
    return esp_random();
}

const struct bulla_clock *bulla_esp_clock(void)
{
    static const struct bulla_clock clock = {
        .now_ms = now_ms, .sleep_ms = sleep_ms, .random = random_number};
    return &clock;
}
