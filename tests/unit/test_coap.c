/* SPDX-License-Identifier: Apache-2.0 */
/* The serial transport against a peer that answers well, oddly, wrongly, and not at all. Line and
 * clock are in memory: time passes only while the transport waits. */

#include "check.h"

#include "coap.h"

#define FILE_SIZE 5000u
#define LINE_ROOM 32768u
#define ALL       UINT64_MAX

/* NUMBER to LONG_ETAG: the answer is not the block that was asked for */
enum fault {
    WELL,
    NUMBER,
    LENGTH,
    CRITICAL,
    TWO_BLOCKS,
    LONG_ETAG,
    RESET,
    MUTE,
    OTHER_TOKEN,
    BABBLE, /* noise without end */
};

struct peer {
    uint64_t now;
    uint32_t random;
    uint8_t file[FILE_SIZE];
    size_t size;
    uint8_t etag;
    uint8_t szx;       /* largest block it sends */
    bool no_block;     /* answers without Block2 and Size2 */
    bool separate;     /* acknowledges first, answers then */
    unsigned twice;    /* sends every answer that often more */
    unsigned lose;     /* so many answers in a row get lost, then one comes */
    unsigned lost;     /* of these */
    unsigned permille; /* chance of a byte to be damaged, either way */
    uint8_t code;      /* instead of 2.05 */
    uint32_t max_age;
    enum fault fault;
    uint32_t change_at; /* block number from which on the file is another one; 0: never */
    bool gone;          /* the line breaks */

    uint8_t to_device[LINE_ROOM];
    size_t filled, used;
    uint8_t frame[BULLA_COAP_MESSAGE_MAX + BULLA_SLIPMUX_OVERHEAD];
    struct bulla_slipmux_reader frames;
    unsigned requests, opened, acknowledged;
    uint16_t last_id;
    char path[256];
    struct bulla_stream stream;
};

static uint32_t dice(struct peer *p)
{
    p->random = p->random * 1664525u + 1013904223u;
    return p->random >> 8;
}

static uint8_t disturb(struct peer *p, uint8_t byte)
{
    if (p->permille > 0 && dice(p) % 100000 < p->permille)
        return (uint8_t)(byte ^ (1u << dice(p) % 8));
    return byte;
}

static void put_frame(struct peer *p, struct bulla_bytes message)
{
    struct bulla_slipmux_writer w;
    uint8_t out[64];
    size_t len;

    bulla_slipmux_write_init(&w, message);
    while ((len = bulla_slipmux_write(&w, out, sizeof(out))) > 0)
        for (size_t i = 0; i < len && p->filled < LINE_ROOM; i++)
            p->to_device[p->filled++] = disturb(p, out[i]);
}

static void put_empty(struct peer *p, enum bulla_coap_type type, uint16_t id)
{
    uint8_t data[4];
    struct bulla_coap_writer w;

    bulla_coap_begin(&w, data, sizeof(data), type, BULLA_COAP_EMPTY, id,
                     (struct bulla_bytes){NULL, 0});
    put_frame(p, (struct bulla_bytes){data, w.len});
}

static void put_answer(struct peer *p, const struct bulla_coap_message *m,
                       struct bulla_coap_block block)
{
    uint8_t data[BULLA_COAP_MESSAGE_MAX + 64], etag[9] = {0};
    struct bulla_coap_writer w;
    struct bulla_bytes token = m->token;

    if (p->no_block)
        block.szx = 6;
    if (block.szx > p->szx) {
        block.number <<= block.szx - p->szx;
        block.szx = p->szx;
    }
    size_t from = (size_t)block.number << (block.szx + 4u);
    size_t len = (size_t)1 << (block.szx + 4u);
    if (p->no_block) {
        from = 0;
        len = p->size;
    }
    uint8_t code = p->code != 0 ? p->code : BULLA_COAP_CONTENT;
    if (code == BULLA_COAP_CONTENT && from > 0 && from >= p->size)
        code = BULLA_COAP_BAD_REQUEST;
    from = from < p->size ? from : p->size;
    len = len < p->size - from ? len : p->size - from;
    block.more = from + len < p->size;
    memset(etag, p->change_at != 0 && block.number >= p->change_at ? 0xEE : p->etag, sizeof(etag));
    if (p->fault == OTHER_TOKEN)
        token = (struct bulla_bytes){(const uint8_t *)"????", 4};
    bulla_coap_begin(&w, data, sizeof(data), p->separate ? BULLA_COAP_CON : BULLA_COAP_ACK, code,
                     p->separate ? (uint16_t)(m->id + 999) : m->id, token);
    if (code == BULLA_COAP_CONTENT) {
        if (p->etag != 0)
            bulla_coap_put(&w, BULLA_COAP_ETAG,
                           (struct bulla_bytes){etag, p->fault == LONG_ETAG ? 9 : 8});
        if (p->fault == CRITICAL)
            bulla_coap_put_uint(&w, 21, 1);
        block.number += p->fault == NUMBER;
        for (int i = 0; !p->no_block && i <= (p->fault == TWO_BLOCKS); i++)
            bulla_coap_put_block(&w, &block);
        if (!p->no_block)
            bulla_coap_put_uint(&w, BULLA_COAP_SIZE2, (uint32_t)p->size);
        bulla_coap_put_payload(
            &w, (struct bulla_bytes){p->file + from, len - (p->fault == LENGTH && len > 0)});
    } else if (p->max_age > 0) {
        bulla_coap_put_uint(&w, BULLA_COAP_MAX_AGE, p->max_age);
    }
    assert_false(w.full);
    for (unsigned i = 0; i <= p->twice; i++)
        put_frame(p, (struct bulla_bytes){data, w.len});
}

static void take_request(struct peer *p, const struct bulla_coap_message *m)
{
    struct bulla_coap_cursor c = {.left = m->options};
    struct bulla_coap_block block = {.szx = 6};

    assert_int_equal(m->type, BULLA_COAP_CON);
    assert_int_equal(m->code, BULLA_COAP_GET);
    p->requests++;
    p->path[0] = '\0';
    while (bulla_coap_next(&c)) {
        if (c.number == BULLA_COAP_BLOCK2)
            assert_true(bulla_coap_block(c.value, &block));
        if (c.number != BULLA_COAP_URI_PATH && c.number != BULLA_COAP_URI_QUERY)
            continue;
        size_t at = strlen(p->path);
        (void)snprintf(p->path + at, sizeof(p->path) - at, "%s%.*s",
                       c.number == BULLA_COAP_URI_PATH ? "/" : "|", (int)c.value.len,
                       (const char *)c.value.data);
    }
    p->last_id = m->id;
    if (p->fault == MUTE || p->fault == BABBLE || p->lost < p->lose) {
        p->lost++;
        return;
    }
    p->lost = 0;
    if (p->fault == RESET) {
        put_empty(p, BULLA_COAP_RST, m->id);
        return;
    }
    if (p->separate)
        put_empty(p, BULLA_COAP_ACK, m->id);
    put_answer(p, m, block);
}

static enum bulla_status peer_send(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                   size_t *sent)
{
    struct peer *p = ctx;
    (void)until;
    *sent = len > 7 ? 7 : len; /* never as much as was asked for */
    if (p->gone)
        return BULLA_E_NET_CLOSED;
    for (size_t i = 0; i < *sent; i++) {
        struct bulla_bytes message;
        struct bulla_coap_message m;
        enum bulla_frame frame = bulla_slipmux_read(&p->frames, disturb(p, bytes[i]), &message);
        if (frame != BULLA_FRAME_MESSAGE || !bulla_coap_decode(message, &m))
            continue;
        if (m.type == BULLA_COAP_ACK)
            p->acknowledged++;
        else if (m.type != BULLA_COAP_RST)
            take_request(p, &m);
    }
    return BULLA_OK;
}

static enum bulla_status peer_recv(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                   size_t *len)
{
    struct peer *p = ctx;
    size_t waiting = p->filled - p->used;

    *len = 0;
    if (p->gone)
        return BULLA_E_NET_CLOSED;
    if (p->fault == BABBLE) {
        p->now++;
        *len = 1;
        buffer[0] = 'U'; /* no END among it */
        return BULLA_OK;
    }
    if (waiting == 0) {
        assert_true(until >= p->now);
        p->now = until;
        return BULLA_E_NET_STALLED;
    }
    *len = size < waiting ? size : waiting;
    *len = *len < 11 ? *len : 11;
    memcpy(buffer, p->to_device + p->used, *len);
    p->used += *len;
    if (p->used == p->filled)
        p->used = p->filled = 0;
    p->now++;
    return BULLA_OK;
}

static enum bulla_status peer_open(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    struct peer *p = ctx;
    (void)until;
    assert_string_equal(host, "");
    assert_int_equal(port, 0);
    p->opened++;
    return BULLA_OK;
}

static void peer_close(void *ctx)
{
    (void)ctx;
}

static uint64_t peer_now(void *ctx)
{
    return ((struct peer *)ctx)->now;
}

static enum bulla_status peer_random(void *ctx, uint8_t *buffer, size_t len)
{
    (void)ctx;
    memset(buffer, 0xFF, len); /* identifiers wrap at once */
    return BULLA_OK;
}

struct setting {
    struct peer peer;
    struct bulla_coap_transport coap;
    struct bulla_transport transport;
    struct bulla_url url;
    struct bulla_response response;
    uint8_t body[2 * FILE_SIZE];
    size_t body_len;
};

static struct setting *set_up(void)
{
    static struct setting s;
    const struct bulla_coap_transport_options options = {.deadline_ms = 600000};

    memset(&s, 0, sizeof(s));
    for (size_t i = 0; i < FILE_SIZE; i++)
        s.peer.file[i] = (uint8_t)(i * 31 + i / 256);
    s.peer.size = FILE_SIZE;
    s.peer.etag = 0x42;
    s.peer.szx = 6;
    s.peer.random = 7;
    bulla_slipmux_read_init(&s.peer.frames, s.peer.frame, sizeof(s.peer.frame));
    s.peer.stream = (struct bulla_stream){.connect = peer_open,
                                          .send = peer_send,
                                          .recv = peer_recv,
                                          .close = peer_close,
                                          .now_ms = peer_now,
                                          .random = peer_random,
                                          .ctx = &s.peer};
    bulla_coap_transport_init(&s.coap, &s.peer.stream, &options);
    s.transport = bulla_coap_transport_view(&s.coap);
    memcpy(s.url.path, "/update.suit", sizeof("/update.suit"));
    return &s;
}

static enum bulla_status fetch(struct setting *s, uint64_t from, uint64_t to, const char *etag,
                               size_t piece)
{
    const struct bulla_request request = {.url = &s->url, .from = from, .to = to, .etag = etag};
    enum bulla_status status = s->transport.get(s->transport.ctx, &request, &s->response);
    size_t len = 1;

    s->body_len = 0;
    while (status == BULLA_OK && len > 0) {
        assert_true(piece <= sizeof(s->body) - s->body_len);
        status = s->transport.read(s->transport.ctx, s->body + s->body_len, piece, &len);
        s->body_len += len;
    }
    s->transport.close(s->transport.ctx);
    return status;
}

static void expect_body(const struct setting *s, size_t from, size_t len)
{
    assert_int_equal(s->body_len, len);
    assert_memory_equal(s->body, s->peer.file + from, len);
}

static void test_coap_whole_file_and_any_stretch(void **state)
{
    struct setting *s = set_up();
    static const uint32_t places[] = {0, 1, 15, 1023, 1024, 1025, 2048, 4095, 4096, 4999};
    (void)state;
    assert_status(fetch(s, 0, ALL, NULL, 100), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_int_equal(s->response.status, 200);
    assert_int_equal(s->response.total, FILE_SIZE);
    assert_int_equal(s->response.length, FILE_SIZE);
    assert_string_equal(s->response.etag, "\"4242424242424242\"");
    assert_int_equal(s->peer.requests, 5);
    assert_string_equal(s->peer.path, "/update.suit");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        for (size_t j = i; j < sizeof(places) / sizeof(places[0]); j++) {
            if (places[i] == 0 && places[j] == 0)
                continue;
            assert_status(fetch(s, places[i], places[j], NULL, 1 + 37 * j), BULLA_OK);
            expect_body(s, places[i], places[j] - places[i] + 1);
            assert_int_equal(s->response.status, 206);
            assert_int_equal(s->response.from, places[i]);
            assert_int_equal(s->response.length, places[j] - places[i] + 1);
        }
    }
    assert_status(fetch(s, 4990, ALL, NULL, 100), BULLA_OK);
    expect_body(s, 4990, 10);
    assert_int_equal(s->peer.opened, 1); /* the line stays open */
}

static void test_coap_sizes_at_the_edges(void **state)
{
    struct setting *s = set_up();
    static const uint32_t sizes[] = {0, 1, 1023, 1024, 1025, 2048};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        s->peer.size = sizes[i];
        assert_status(fetch(s, 0, ALL, NULL, 512), BULLA_OK);
        expect_body(s, 0, sizes[i]);
        assert_int_equal(s->response.total, sizes[i]);
    }
    assert_status(fetch(s, 2048, ALL, NULL, 512), BULLA_E_HTTP_STATUS);
    assert_int_equal(s->response.status, 416);
}

static void test_coap_smaller_blocks_and_none(void **state)
{
    struct setting *s = set_up();
    (void)state;
    for (uint8_t szx = 0; szx <= 6; szx++) {
        s->peer.szx = szx;
        assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
        expect_body(s, 0, FILE_SIZE);
        assert_status(fetch(s, 1500, 3700, NULL, 700), BULLA_OK);
        expect_body(s, 1500, 2201);
    }
    s->peer.no_block = true;
    s->peer.size = 900;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    expect_body(s, 0, 900);
    assert_status(fetch(s, 100, 200, NULL, 700), BULLA_OK);
    expect_body(s, 100, 101);
    assert_status(fetch(s, 2000, ALL, NULL, 700), BULLA_E_COAP_MALFORMED);
}

static void test_coap_answer_that_comes_late_or_twice(void **state)
{
    struct setting *s = set_up();
    (void)state;
    s->peer.separate = true;
    s->peer.twice = 2;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_true(s->peer.acknowledged >= 5);
    assert_int_equal(s->coap.repeated, 0);
}

static void test_coap_lost_answers_are_asked_for_again(void **state)
{
    struct setting *s = set_up();
    (void)state;
    s->peer.lose = 3;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_int_equal(s->peer.requests, 20);
    assert_int_equal(s->coap.repeated, 15);
}

static void test_coap_answer_that_is_not_the_block_is_refused(void **state)
{
    (void)state;
    for (unsigned fault = NUMBER; fault <= LONG_ETAG; fault++) {
        struct setting *s = set_up();
        s->peer.fault = (enum fault)fault;
        if (fetch(s, 0, ALL, NULL, 700) != BULLA_E_COAP_MALFORMED)
            fail_msg("fault %u is taken", fault);
        assert_int_equal(s->peer.requests, 1);
        assert_int_equal(s->body_len, 0);
    }
}

static void test_coap_error_answers_are_told_as_http_has_them(void **state)
{
    struct setting *s = set_up();
    (void)state;
    s->peer.code = BULLA_COAP_NOT_FOUND;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_HTTP_STATUS);
    assert_int_equal(s->response.status, 404);
    s->peer.code = BULLA_COAP_CODE(5, 3);
    s->peer.max_age = 70;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_HTTP_STATUS);
    assert_int_equal(s->response.status, 503);
    assert_int_equal(s->response.retry_after, 70);
}

static void test_coap_file_that_changes_is_another_one(void **state)
{
    struct setting *s = set_up();
    (void)state;
    s->peer.change_at = 3;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_CLOSED);
    assert_int_equal(s->body_len, 3 * 1024);
    /* If-Range: of another file all of it comes, not the stretch */
    s->peer.change_at = 0;
    assert_status(fetch(s, 3000, ALL, "\"4242424242424242\"", 700), BULLA_OK);
    expect_body(s, 3000, 2000);
    assert_status(fetch(s, 3000, ALL, "\"eeeeeeeeeeeeeeee\"", 700), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_int_equal(s->response.status, 200);
    s->peer.etag = 0;
    assert_status(fetch(s, 3000, ALL, "\"4242424242424242\"", 700), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_string_equal(s->response.etag, "");
}

static void test_coap_silence_and_the_end_of_the_line(void **state)
{
    struct setting *s = set_up();
    (void)state;
    s->peer.fault = MUTE;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_STALLED);
    assert_int_equal(s->peer.now, BULLA_COAP_PROGRESS_MS);
    assert_true(s->peer.requests >= 5);
    s->peer.fault = OTHER_TOKEN; /* answers to somebody else's questions are none */
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_STALLED);
    s->peer.fault = BABBLE; /* nor is noise without end */
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_STALLED);
    s->peer.now = 600000 - 5000;
    s->peer.fault = MUTE;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_DEADLINE);
    assert_int_equal(s->peer.now, 600000);

    s = set_up();
    s->peer.fault = RESET;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_CLOSED);
    s->peer.fault = WELL;
    s->peer.gone = true;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_NET_CLOSED);
    s->peer.gone = false;
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    expect_body(s, 0, FILE_SIZE);
    assert_int_equal(s->peer.opened, 3); /* and is opened again */
}

static void test_coap_paths(void **state)
{
    struct setting *s = set_up();
    char path[BULLA_PATH_MAX + 1u];
    (void)state;
    (void)snprintf(s->url.path, sizeof(s->url.path), "/a%%20b//%%2f?x=1&y");
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    assert_string_equal(s->peer.path, "/a b///|x=1|y");
    memcpy(s->url.path, "/a?b?c&d/e", sizeof("/a?b?c&d/e"));
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_OK);
    assert_string_equal(s->peer.path, "/a|b?c|d/e");
    memcpy(s->url.host, "h", 2);
    assert_status(fetch(s, 0, ALL, NULL, 700), BULLA_E_URL);
    s->url.host[0] = '\0';
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    for (size_t len = 250; len < 600; len++) { /* a segment of at most 255 */
        path[len] = '\0';
        memcpy(s->url.path, path, len + 1);
        unsigned before = s->peer.requests;
        assert_status(fetch(s, 0, 0, NULL, 700), len <= 256 ? BULLA_OK : BULLA_E_URL);
        assert_int_equal(s->peer.requests > before, len <= 256);
        path[len] = 'x';
    }
    for (size_t i = 1; i < BULLA_COAP_PATH_MAX; i += 2)
        path[i - 1] = '/';
    path[BULLA_COAP_PATH_MAX] = '\0';
    memcpy(s->url.path, path, BULLA_COAP_PATH_MAX + 1u);
    assert_status(fetch(s, 0, 0, NULL, 700), BULLA_OK); /* the longest request there is */
    assert_status(fetch(s, (uint64_t)1 << 30, ALL, NULL, 700), BULLA_E_HTTP_RANGE);
}

/* Noise both ways: what comes is what was sent, or nothing. */
static void test_coap_noise_never_changes_a_byte(void **state)
{
    unsigned whole = 0;
    uint32_t repeated = 0;
    (void)state;
    for (unsigned seed = 0; seed < 300; seed++) {
        struct setting *s = set_up();
        s->peer.random = seed;
        s->peer.permille = seed; /* up to 0.3 % of the bytes */
        enum bulla_status status = fetch(s, 0, ALL, NULL, 700);
        assert_true(s->body_len <= FILE_SIZE);
        assert_memory_equal(s->body, s->peer.file, s->body_len);
        if (status == BULLA_OK) {
            whole++;
            assert_int_equal(s->body_len, FILE_SIZE);
        } else {
            assert_status(status, BULLA_E_NET_STALLED);
        }
        repeated += s->coap.repeated;
    }
    assert_true(whole > 150);
    assert_true(repeated > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coap_whole_file_and_any_stretch),
        cmocka_unit_test(test_coap_sizes_at_the_edges),
        cmocka_unit_test(test_coap_smaller_blocks_and_none),
        cmocka_unit_test(test_coap_answer_that_comes_late_or_twice),
        cmocka_unit_test(test_coap_lost_answers_are_asked_for_again),
        cmocka_unit_test(test_coap_answer_that_is_not_the_block_is_refused),
        cmocka_unit_test(test_coap_error_answers_are_told_as_http_has_them),
        cmocka_unit_test(test_coap_file_that_changes_is_another_one),
        cmocka_unit_test(test_coap_silence_and_the_end_of_the_line),
        cmocka_unit_test(test_coap_paths),
        cmocka_unit_test(test_coap_noise_never_changes_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
