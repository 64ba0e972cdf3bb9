/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and clock of client_fw/port/esp-idf, over this host's sockets. */

#include "check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bulla_esp.h"
#include "fakes.h"

struct peer {
    int listening;
    int fd;
    uint16_t port;
    struct bulla_esp_net net;
    struct bulla_stream stream;
};

static void listen_here(struct peer *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    p->fd = -1;
    p->listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->listening, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(p->listening, (struct sockaddr *)&address, &len), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(listen(p->listening, 1), 0);
    p->stream = bulla_esp_stream(&p->net);
}

static uint64_t in_ms(const struct peer *p, uint64_t ms)
{
    return p->stream.now_ms(p->stream.ctx) + ms;
}

static void meet(struct peer *p)
{
    listen_here(p);
    assert_status(p->stream.connect(p->stream.ctx, "127.0.0.1", p->port, in_ms(p, 2000)), BULLA_OK);
    p->fd = accept(p->listening, NULL, NULL);
    assert_true(p->fd >= 0);
}

static void part(struct peer *p)
{
    p->stream.close(p->stream.ctx);
    p->stream.close(p->stream.ctx);
    if (p->fd >= 0)
        close(p->fd);
    close(p->listening);
}

static void test_port_esp_stream_carries_bytes_both_ways_and_tells_the_end(void **state)
{
    struct peer p;
    uint8_t bytes[8];
    size_t len = 0;

    (void)state;
    meet(&p);
    assert_status(p.stream.send(p.stream.ctx, (const uint8_t *)"hello", 5, in_ms(&p, 1000), &len),
                  BULLA_OK);
    assert_int_equal(len, 5);
    assert_int_equal(recv(p.fd, bytes, sizeof(bytes), MSG_WAITALL | MSG_DONTWAIT), 5);
    assert_int_equal(send(p.fd, "you", 3, 0), 3);
    assert_status(p.stream.recv(p.stream.ctx, bytes, sizeof(bytes), in_ms(&p, 1000), &len),
                  BULLA_OK);
    assert_int_equal(len, 3); /* what is there, not what would fit */
    assert_memory_equal(bytes, "you", 3);
    shutdown(p.fd, SHUT_WR);
    assert_status(p.stream.recv(p.stream.ctx, bytes, sizeof(bytes), in_ms(&p, 1000), &len),
                  BULLA_OK);
    assert_int_equal(len, 0);
    part(&p);
}

static void test_port_esp_stream_waits_end_in_time(void **state)
{
    static uint8_t many[1 << 16];
    struct peer p;
    size_t len = 0;
    enum bulla_status status = BULLA_OK;

    (void)state;
    meet(&p);
    uint64_t since = in_ms(&p, 0);
    assert_status(p.stream.recv(p.stream.ctx, many, sizeof(many), since + 60, &len),
                  BULLA_E_NET_STALLED);
    assert_true(in_ms(&p, 0) >= since + 60);
    assert_true(in_ms(&p, 0) < since + 1000);
    since = in_ms(&p, 0);
    while (status == BULLA_OK) /* until nothing fits any more */
        status = p.stream.send(p.stream.ctx, many, sizeof(many), since + 200, &len);
    assert_status(status, BULLA_E_NET_STALLED);
    assert_true(in_ms(&p, 0) < since + 2000);
    part(&p);
}

static void test_port_esp_stream_that_is_reset_is_closed(void **state)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    struct peer p;
    uint8_t bytes[8];
    size_t len = 0;

    (void)state;
    meet(&p);
    assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    close(p.fd);
    p.fd = -1;
    assert_status(p.stream.recv(p.stream.ctx, bytes, sizeof(bytes), in_ms(&p, 1000), &len),
                  BULLA_E_NET_CLOSED);
    assert_status(p.stream.send(p.stream.ctx, bytes, 1, in_ms(&p, 1000), &len), BULLA_E_NET_CLOSED);
    part(&p);
}

static void test_port_esp_stream_without_a_peer_says_which(void **state)
{
    struct peer p;

    (void)state;
    listen_here(&p);
    close(p.listening);
    assert_status(p.stream.connect(p.stream.ctx, "127.0.0.1", p.port, in_ms(&p, 1000)),
                  BULLA_E_NET_CONNECT);
    assert_int_equal(p.net.fd, -1);
    assert_status(p.stream.connect(p.stream.ctx, "no such host.invalid", 443, in_ms(&p, 1000)),
                  BULLA_E_NET_RESOLVE);
}

static void test_port_esp_stream_clock_waits_at_least_as_long_as_asked(void **state)
{
    const struct bulla_clock *clock = bulla_esp_clock();

    (void)state;
    for (uint32_t ms = 0; ms < 50; ms += 7) {
        uint64_t before = fakes.delayed_ms;
        clock->sleep_ms(clock->ctx, ms);
        assert_true(fakes.delayed_ms >= before + ms);
    }
    uint64_t before = fakes.delayed_ms;
    clock->sleep_ms(clock->ctx, 6u * 3600u * 1000u); /* does not fit in pdMS_TO_TICKS */
    assert_true(fakes.delayed_ms >= before + 6u * 3600u * 1000u);
    assert_true(clock->random(clock->ctx) != clock->random(clock->ctx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_esp_stream_carries_bytes_both_ways_and_tells_the_end),
        cmocka_unit_test(test_port_esp_stream_waits_end_in_time),
        cmocka_unit_test(test_port_esp_stream_that_is_reset_is_closed),
        cmocka_unit_test(test_port_esp_stream_without_a_peer_says_which),
        cmocka_unit_test(test_port_esp_stream_clock_waits_at_least_as_long_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
