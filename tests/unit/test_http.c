/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP parser against answers cut anywhere, answers that are wrong, and answers that end too
 * early; the request writer against every way to smuggle a line. */

#include "check.h"

#include "bulla/http.h"

#define ALL UINT64_MAX

struct outcome {
    enum bulla_status status;
    bool complete;
    bool keep_alive;
    struct bulla_response response;
    char location[BULLA_HTTP_LOCATION_MAX + 1u];
    size_t body_len;
    size_t left_over;
    char body[512];
};

struct exchange {
    struct bulla_http http;
    struct outcome *out;
};

static void begin(struct exchange *e, struct outcome *out, uint64_t from, uint64_t to)
{
    struct bulla_request request = {.from = from, .to = to};
    memset(out, 0, sizeof *out);
    e->out = out;
    bulla_http_init(&e->http, &request, out->location);
}

/* An exact copy, so that a sanitizer sees the first byte read too many. */
static void push(struct exchange *e, const char *text, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct bulla_bytes in = {copy, len};
    while (in.len > 0 && e->out->status == BULLA_OK && !bulla_http_complete(&e->http)) {
        struct bulla_bytes body;
        e->out->status = bulla_http_feed(&e->http, &in, &body);
        assert_true(e->out->body_len + body.len <= sizeof e->out->body);
        if (body.len > 0)
            memcpy(e->out->body + e->out->body_len, body.data, body.len);
        e->out->body_len += body.len;
    }
    e->out->left_over += in.len;
    free(copy);
}

static void end(struct exchange *e)
{
    e->out->complete = bulla_http_complete(&e->http);
    e->out->keep_alive = e->http.keep_alive;
    e->out->response = e->http.response;
}

static struct outcome whole(const char *text, size_t len, uint64_t from, uint64_t to)
{
    struct exchange e;
    struct outcome out;
    begin(&e, &out, from, to);
    push(&e, text, len);
    end(&e);
    return out;
}

static struct outcome text_of(const char *text)
{
    return whole(text, strlen(text), 0, ALL);
}

/* ---- splits ---- */

struct sample {
    const char *text;
    uint64_t from, to;
};

static const struct sample good[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"v1\"\r\n\r\nhello", 0, ALL},
    {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nwiki\r\n005\r\npedia\r\n0\r\n"
     "Expires: never\r\n\r\n",
     0, ALL},
    {"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9\r\nContent-Length: 3\r\n\r\nllo",
     2, 4},
    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 7\r\n\r\n"
     "HTTP/1.1 200 OK\r\ncontent-length:\t 2 \t\r\nX: \x80\xff\r\n\r\nok",
     0, ALL},
    {"HTTP/1.1 302 Found\r\nLocation: /other?x=%20y\r\nContent-Length: 0\r\n\r\n", 0, ALL},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nConnection: Keep-Alive , CLOSE\r\n"
     "Content-Length: 1\r\n\r\n!",
     0, ALL},
};

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_status(a->status, b->status);
    assert_memory_equal(a, b, sizeof *a);
}

static void test_http_split_anywhere_same_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct sample *s = &good[i];
        size_t len = strlen(s->text);
        struct outcome expected = whole(s->text, len, s->from, s->to);
        assert_status(expected.status, BULLA_OK);
        assert_true(expected.complete);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b += 3) {
                struct exchange e;
                struct outcome out;
                begin(&e, &out, s->from, s->to);
                push(&e, s->text, a);
                push(&e, s->text + a, b - a);
                push(&e, s->text + b, len - b);
                end(&e);
                assert_same(&out, &expected);
            }
        }
        struct exchange e;
        struct outcome out;
        begin(&e, &out, s->from, s->to);
        for (size_t a = 0; a < len; a++)
            push(&e, s->text + a, 1);
        end(&e);
        assert_same(&out, &expected);
    }
}

static void test_http_every_prefix_is_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t len = 0; len < strlen(good[i].text); len++) {
            struct exchange e;
            struct outcome out;
            begin(&e, &out, good[i].from, good[i].to);
            push(&e, good[i].text, len);
            assert_status(out.status, BULLA_OK);
            assert_false(bulla_http_complete(&e.http));
            assert_status(bulla_http_eof(&e.http, len % 2 == 0), BULLA_E_NET_CLOSED);
            assert_false(bulla_http_complete(&e.http));
        }
    }
}

static void test_http_failure_is_repeated(void **state)
{
    (void)state;
    struct exchange e;
    struct outcome out;
    begin(&e, &out, 0, ALL);
    push(&e, "HTTP/1.1 200 OK\n", 16);
    assert_status(out.status, BULLA_E_HTTP_MALFORMED);
    struct bulla_bytes in = {(const uint8_t *)"\r\n", 2};
    struct bulla_bytes body;
    assert_status(bulla_http_feed(&e.http, &in, &body), BULLA_E_HTTP_MALFORMED);
    assert_int_equal(in.len, 2);
    assert_status(bulla_http_eof(&e.http, true), BULLA_E_HTTP_MALFORMED);
    assert_false(bulla_http_header_done(&e.http));
    assert_int_equal(e.http.response.status, 0);
}

/* ---- what good answers mean ---- */

static void test_http_length_body_is_cut_at_its_length(void **state)
{
    (void)state;
    struct outcome out = text_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404");
    assert_status(out.status, BULLA_OK);
    assert_true(out.complete);
    assert_int_equal(out.body_len, 2);
    assert_int_equal(out.left_over, 12);
    assert_true(out.keep_alive);
    assert_true(out.response.has_length && out.response.has_total);
    assert_int_equal(out.response.length, 2);
    assert_int_equal(out.response.total, 2);
}

static void test_http_chunks_are_joined(void **state)
{
    (void)state;
    struct outcome out = whole(good[1].text, strlen(good[1].text), 0, ALL);
    assert_int_equal(out.body_len, 9);
    assert_memory_equal(out.body, "wikipedia", 9);
    assert_false(out.response.has_length);
    assert_true(out.keep_alive);
}

static void test_http_trailers_mean_nothing(void **state)
{
    (void)state;
    struct outcome out =
        text_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                "Content-Length: 5\r\nTransfer-Encoding: gzip\r\nETag: \"t\"\r\n"
                "Connection: close\r\nLocation: /x\r\n\r\n");
    assert_status(out.status, BULLA_OK);
    assert_true(out.complete && out.keep_alive);
    assert_false(out.response.has_length);
    assert_string_equal(out.response.etag, "");
    assert_string_equal(out.location, "");
}

static void test_http_interim_answers_are_skipped(void **state)
{
    (void)state;
    struct outcome out = whole(good[3].text, strlen(good[3].text), 0, ALL);
    assert_int_equal(out.response.status, 200);
    assert_int_equal(out.response.length, 2);
    assert_memory_equal(out.body, "ok", 2);
}

static void test_http_redirect_gives_its_location(void **state)
{
    (void)state;
    struct outcome out = whole(good[4].text, strlen(good[4].text), 0, ALL);
    assert_int_equal(out.response.status, 302);
    assert_string_equal(out.location, "/other?x=%20y");
}

static void test_http_connection_close_is_seen_among_tokens(void **state)
{
    (void)state;
    struct outcome out = whole(good[5].text, strlen(good[5].text), 0, ALL);
    assert_false(out.keep_alive);
    assert_int_equal(out.response.retry_after, 120);
    out = text_of("HTTP/1.1 200 OK\r\nConnection: closed, x-close\r\nContent-Length: 0\r\n\r\n");
    assert_true(out.keep_alive);
    out = text_of("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    assert_true(out.complete);
    assert_false(out.keep_alive);
    out = text_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: a\r\nConnection: close\r\n"
                  "\r\n");
    assert_true(out.complete);
    assert_false(out.keep_alive);
}

static void test_http_body_until_close_needs_a_clean_end(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\n\r\nabc";
    for (int clean = 0; clean < 2; clean++) {
        struct exchange e;
        struct outcome out;
        begin(&e, &out, 0, ALL);
        push(&e, text, sizeof text - 1);
        end(&e);
        assert_false(out.complete);
        assert_false(out.keep_alive);
        assert_false(out.response.has_length);
        assert_int_equal(out.body_len, 3);
        assert_status(bulla_http_eof(&e.http, clean), clean ? BULLA_OK : BULLA_E_NET_CLOSED);
        assert_int_equal(bulla_http_complete(&e.http), clean);
    }
}

static void test_http_204_and_304_have_no_body(void **state)
{
    (void)state;
    struct outcome out = text_of("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
    assert_true(out.complete);
    out = text_of("HTTP/1.1 204 No Content\r\n\r\n");
    assert_true(out.complete);
}

static void test_http_whole_file_to_a_range_request_starts_at_zero(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                               "Content-Range: bytes 2-6/9\r\n\r\nhello";
    struct outcome out = whole(text, sizeof text - 1, 2, ALL);
    assert_true(out.complete);
    assert_int_equal(out.response.status, 200);
    assert_int_equal(out.response.from, 0);
    assert_int_equal(out.response.total, 5);
}

static void test_http_range_is_reported(void **state)
{
    (void)state;
    struct outcome out = whole(good[2].text, strlen(good[2].text), 2, 4);
    assert_int_equal(out.response.from, 2);
    assert_int_equal(out.response.length, 3);
    assert_int_equal(out.response.total, 9);
    /* the end of what was asked lies behind the end of the file; no length of its own */
    static const char text[] = "HTTP/1.1 206 P\r\nContent-Range: BYTES 2-4/5\r\n\r\nllo";
    out = whole(text, sizeof text - 1, 2, 4096);
    assert_true(out.complete);
    assert_false(out.keep_alive);
    assert_int_equal(out.response.length, 3);
    static const char chunked[] = "HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/5\r\n"
                                  "Transfer-Encoding: CHUNKED\r\n\r\n3\r\nllo\r\n0\r\n\r\n";
    out = whole(chunked, sizeof chunked - 1, 2, ALL);
    assert_true(out.complete);
    assert_true(out.keep_alive);
}

static void test_http_etag_only_strong_and_short_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *field, *expected;
    } table[] = {
        {"\"abc\"", "\"abc\""},   {"\"\"", "\"\""}, {"W/\"abc\"", ""}, {"abc", ""},
        {"\"a b\"", ""},          {"\"", ""},       {"\"a\"b\"", ""},  {"", ""},
        {"\"\x80\"", "\"\x80\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 0\r\n\r\n", table[i].field);
        struct outcome out = text_of(text);
        assert_status(out.status, BULLA_OK);
        assert_string_equal(out.response.etag, table[i].expected);
    }
    for (size_t len = BULLA_ETAG_MAX - 5; len < BULLA_ETAG_MAX + 5; len++) {
        char text[512];
        char tag[300];
        memset(tag, 'x', len);
        tag[0] = tag[len - 1] = '"';
        tag[len] = '\0';
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: 0\r\n\r\n", tag);
        struct outcome out = text_of(text);
        assert_true(out.complete);
        assert_string_equal(out.response.etag, len <= BULLA_ETAG_MAX ? tag : "");
    }
}

static void test_http_retry_after_is_capped(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        int status;
        uint32_t expected;
    } table[] = {
        {"0", 503, 0},
        {"7", 429, 7},
        {"7", 404, 0},
        {"1000000000", 503, BULLA_HTTP_RETRY_MAX},
        {"99999999999999999999999999", 503, BULLA_HTTP_RETRY_MAX},
        {"Wed, 21 Oct 2026 07:28:00 GMT", 503, 0},
        {"-5", 503, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 %d X\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
                       table[i].status, table[i].field);
        struct outcome out = text_of(text);
        assert_true(out.complete);
        assert_int_equal(out.response.retry_after, table[i].expected);
    }
}

static void test_http_unsuitable_location_is_empty(void **state)
{
    (void)state;
    static char text[2048];
    int head = snprintf(text, sizeof text, "HTTP/1.1 302 F\r\nLocation: /");
    memset(text + head, 'x', BULLA_HTTP_LOCATION_MAX);
    (void)snprintf(text + head + BULLA_HTTP_LOCATION_MAX,
                   sizeof text - (size_t)head - BULLA_HTTP_LOCATION_MAX,
                   "\r\nContent-Length: 0\r\n\r\n");
    struct outcome out = text_of(text);
    assert_true(out.complete);
    assert_string_equal(out.location, "");
}

static void test_http_error_page_with_coding_is_passed_over(void **state)
{
    (void)state;
    struct outcome out = text_of("HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\n"
                                 "Content-Length: 1\r\n\r\nx");
    assert_true(out.complete);
    assert_int_equal(out.response.status, 404);
}

/* ---- bad answers ---- */

#define OK1     "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK1 "Transfer-Encoding: chunked\r\n\r\n"
#define PART    "HTTP/1.1 206 Partial Content\r\n"
#define T(s)    s, sizeof(s) - 1

struct bad {
    const char *text;
    size_t len;
    uint64_t from, to;
    enum bulla_status expected;
};

static const struct bad bad[] = {
    /* status line */
    {T("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("\r\nHTTP/1.1 200 OK\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(" HTTP/1.1 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/2 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.2 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/11 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("http/1.1 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("ICY 200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1  200 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 20 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 2000 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 +20 OK\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 200\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 200 O\0K\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 200 O\x7fK\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 099 OK\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 600 OK\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.1 101 Switching\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    /* field lines */
    {T(OK1 "X: a\nY: b\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\r\n folded\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\r\n\tfolded\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X : a\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 ": a\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "no colon\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "nocolon\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X\x80: a\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X(: a\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\0b\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\x01\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\rb\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\r\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\r\n\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "X: a\r\n\rx"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    /* length and coding */
    {T(OK1 "Content-Length: +5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: -5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 0x5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 5 5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 5, 5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length:\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 18446744073709551616\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 99999999999999999999\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 0000000000000000000000000000000000000000000000000000000000000000"
           "0000000000000005\r\n\r\n"),
     0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 5\r\ncontent-LENGTH: 6\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 0, ALL,
     BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 0, ALL,
     BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 0, ALL,
     BULLA_E_HTTP_MALFORMED},
    {T("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(OK1 "Transfer-Encoding: gzip, chunked\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Transfer-Encoding: identity\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Transfer-Encoding: chunkedx\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Transfer-Encoding:\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Content-Encoding: identity, br\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "Content-Encoding:\r\n\r\n"), 0, ALL, BULLA_E_HTTP_CODING},
    {T(OK1 "ETag: \"a\"\r\nETag: \"b\"\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    /* chunks */
    {T(CHUNKED "\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "0x5\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "+5\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "g\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED " 5\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5 \r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED ";x\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "10000000000000005\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "00000000000000005\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5\r\nhelloo\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5\r\nhello\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5\r\nhello\r5"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5;a\0\r\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5;a\nhello\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "5\r\nhello\r\nfffffffffffffffb\r\n"), 0, ALL, BULLA_E_HTTP_RANGE},
    {T(CHUNKED "0\r\n trailer\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "0\r\nX : y\r\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    {T(CHUNKED "0\r\nX: y\n\r\n"), 0, ALL, BULLA_E_HTTP_MALFORMED},
    /* ranges */
    {T(PART "Content-Range: bytes 0-4/5\r\n\r\n"), 0, ALL, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Length: 5\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Type: multipart/byteranges; boundary=x\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 0-4/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 3-6/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-5/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-7/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/6\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-7/9\r\n\r\n"), 2, ALL, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/*\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/0\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes */9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/9x\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes=2-6/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2 - 6/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-18446744073709551622/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: lines 2-6/9\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 6-2/9\r\n\r\n"), 6, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/9\r\nContent-Length: 6\r\n\r\n"), 2, 6, BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/9\r\nContent-Range: bytes 2-6/9\r\n\r\n"), 2, 6,
     BULLA_E_HTTP_MALFORMED},
    {T(PART "Content-Range: bytes 2-6/9\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n"), 2, 6,
     BULLA_E_HTTP_RANGE},
    {T(PART "Content-Range: bytes 2-6/9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n"),
     2, 6, BULLA_E_HTTP_RANGE},
};

static void test_http_malformed_answers_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct outcome out = whole(bad[i].text, bad[i].len, bad[i].from, bad[i].to);
        if (out.status != bad[i].expected)
            fail_msg("row %zu (%s): %s, expected %s", i, bad[i].text, bulla_status_name(out.status),
                     bulla_status_name(bad[i].expected));
        struct exchange e;
        struct outcome slow;
        begin(&e, &slow, bad[i].from, bad[i].to);
        for (size_t at = 0; at < bad[i].len; at++)
            push(&e, bad[i].text + at, 1);
        assert_status(slow.status, bad[i].expected);
        assert_int_equal(slow.body_len, out.body_len);
    }
}

/* ---- bounds ---- */

static enum bulla_status pushed(struct exchange *e, const char *text)
{
    push(e, text, strlen(text));
    return e->out->status;
}

static void test_http_header_of_8_kib_is_the_limit(void **state)
{
    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        struct exchange e;
        struct outcome out;
        begin(&e, &out, 0, ALL);
        uint32_t used = sizeof "HTTP/1.1 200 OK\r\nX: \r\n\r\n" - 1;
        assert_status(pushed(&e, "HTTP/1.1 200 OK\r\nX: "), BULLA_OK);
        for (; used < BULLA_HTTP_HEADER_MAX + extra; used++)
            push(&e, "x", 1);
        assert_status(pushed(&e, "\r\n\r\n"), extra ? BULLA_E_HTTP_HEADER_TOO_LARGE : BULLA_OK);
        assert_int_equal(bulla_http_header_done(&e.http), !extra);
    }
}

static void test_http_64_fields_are_the_limit(void **state)
{
    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        struct exchange e;
        struct outcome out;
        begin(&e, &out, 0, ALL);
        assert_status(pushed(&e, OK1), BULLA_OK);
        for (uint32_t i = 0; i < BULLA_HTTP_FIELDS_MAX + extra; i++)
            push(&e, "a: b\r\n", 6);
        assert_status(pushed(&e, "\r\n"), extra ? BULLA_E_HTTP_HEADER_TOO_LARGE : BULLA_OK);
    }
}

static void test_http_endless_reason_ends(void **state)
{
    (void)state;
    struct exchange e;
    struct outcome out;
    begin(&e, &out, 0, ALL);
    assert_status(pushed(&e, "HTTP/1.1 200 "), BULLA_OK);
    uint32_t count = 0;
    while (out.status == BULLA_OK && count++ < 100000)
        push(&e, "x", 1);
    assert_status(out.status, BULLA_E_HTTP_HEADER_TOO_LARGE);
}

static void test_http_interim_answers_are_bounded(void **state)
{
    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        struct exchange e;
        struct outcome out;
        begin(&e, &out, 0, ALL);
        for (uint32_t i = 0; i < BULLA_HTTP_INTERIM_MAX + extra; i++)
            push(&e, "HTTP/1.1 100 C\r\n\r\n", 18);
        assert_status(out.status, extra ? BULLA_E_HTTP_MALFORMED : BULLA_OK);
    }
}

static void test_http_trailers_are_bounded(void **state)
{
    (void)state;
    struct exchange e;
    struct outcome out;
    begin(&e, &out, 0, ALL);
    assert_status(pushed(&e, CHUNKED "0\r\nContent-Length: 5\r\n"), BULLA_OK);
    uint32_t count = 0;
    while (out.status == BULLA_OK && count++ < 1000)
        push(&e, "a: b\r\n", 6);
    assert_status(out.status, BULLA_E_HTTP_HEADER_TOO_LARGE);
}

static void test_http_chunk_extension_of_64_bytes_is_the_limit(void **state)
{
    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        struct exchange e;
        struct outcome out;
        begin(&e, &out, 0, ALL);
        assert_status(pushed(&e, CHUNKED "1;"), BULLA_OK);
        for (uint32_t i = 1; i < BULLA_HTTP_CHUNK_EXT + extra; i++)
            push(&e, "x", 1);
        assert_status(pushed(&e, "\r\n!"), extra ? BULLA_E_HTTP_MALFORMED : BULLA_OK);
        assert_int_equal(out.body_len, !extra);
    }
}

static void test_http_any_byte_changed_never_crashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[512];
        size_t len = strlen(good[i].text);
        memcpy(text, good[i].text, len);
        for (size_t at = 0; at < len; at++) {
            for (int value = 0; value < 256; value++) {
                text[at] = (char)value;
                struct outcome out = whole(text, len, good[i].from, good[i].to);
                if (out.status == BULLA_OK && out.complete && out.response.status == 206)
                    assert_int_equal(out.response.from, good[i].from);
            }
            text[at] = good[i].text[at];
        }
    }
}

/* ---- the request ---- */

static struct bulla_url url_of(const char *text)
{
    struct bulla_url url;
    assert_status(bulla_url_parse((struct bulla_bytes){(const uint8_t *)text, strlen(text)}, &url),
                  BULLA_OK);
    return url;
}

static void assert_request(const struct bulla_request *request, const char *expected)
{
    char buffer[BULLA_HTTP_REQUEST_MAX + 1];
    size_t len;
    assert_status(bulla_http_request(request, buffer, BULLA_HTTP_REQUEST_MAX, &len), BULLA_OK);
    buffer[len] = '\0';
    assert_string_equal(buffer, expected);
    /* one byte less does not do */
    assert_status(bulla_http_request(request, buffer, strlen(expected) - 1, &len), BULLA_E_URL);
    assert_int_equal(len, 0);
}

static void test_http_request_is_exact(void **state)
{
    (void)state;
    struct bulla_url url = url_of("https://Example.ORG/a/b?c");
    struct bulla_request request = {.url = &url, .to = ALL, .etag = "\"x\""};
    assert_request(&request, "GET /a/b?c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: bulla\r\n"
                             "Accept-Encoding: identity\r\n\r\n");
    request.from = 4096;
    assert_request(&request, "GET /a/b?c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: bulla\r\n"
                             "Accept-Encoding: identity\r\nRange: bytes=4096-\r\n"
                             "If-Range: \"x\"\r\n\r\n");
    url = url_of("https://[2001:DB8::1]:8443");
    request = (struct bulla_request){.url = &url, .from = 0, .to = ALL - 1};
    assert_request(&request, "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\nUser-Agent: bulla\r\n"
                             "Accept-Encoding: identity\r\n"
                             "Range: bytes=0-18446744073709551614\r\n\r\n");
}

static void test_http_longest_request_fits(void **state)
{
    (void)state;
    struct bulla_url url = {.port = 65535};
    char etag[BULLA_ETAG_MAX + 1];
    memset(url.host, 'h', BULLA_HOST_MAX);
    memset(url.path, 'p', BULLA_PATH_MAX);
    url.path[0] = '/';
    memset(etag, 'e', BULLA_ETAG_MAX);
    etag[0] = etag[BULLA_ETAG_MAX - 1] = '"';
    etag[BULLA_ETAG_MAX] = '\0';
    struct bulla_request request = {.url = &url, .from = ALL - 2, .to = ALL - 1, .etag = etag};
    char buffer[BULLA_HTTP_REQUEST_MAX];
    size_t len;
    assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_OK);
    assert_true(len > BULLA_HTTP_REQUEST_MAX - 24);
    /* the answer's Location goes where the request was */
    assert_true(sizeof buffer > BULLA_HTTP_LOCATION_MAX);
}

static void test_http_request_injection_is_refused(void **state)
{
    (void)state;
    static const char *const evil[] = {"\r\nX: y", " HTTP/1.0", "\n", "\t", "\x7f", "\x01"};
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        char buffer[BULLA_HTTP_REQUEST_MAX];
        char etag[32];
        size_t len;
        struct bulla_url clean = url_of("https://h/p");
        struct bulla_url url = clean;
        struct bulla_request request = {.url = &url, .from = 1, .to = ALL};
        assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_OK);
        (void)snprintf(url.path, sizeof url.path, "/p%s", evil[i]);
        assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_E_URL);
        url = clean;
        (void)snprintf(url.host, sizeof url.host, "h%s", evil[i]);
        assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_E_URL);
        url = clean;
        (void)snprintf(etag, sizeof etag, "\"%s\"", evil[i]);
        request.etag = etag;
        assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_E_URL);
    }
}

static void test_http_request_backward_range_is_refused(void **state)
{
    (void)state;
    struct bulla_url url = url_of("https://h/p");
    struct bulla_request request = {.url = &url, .from = 5, .to = 4};
    char buffer[BULLA_HTTP_REQUEST_MAX];
    size_t len;
    assert_status(bulla_http_request(&request, buffer, sizeof buffer, &len), BULLA_E_URL);
}

/* ---- fields of the caller ---- */

static void test_extra_fields_that_are_plain_are_taken(void **state)
{
    static const char *const plain[] = {
        "",
        "A: b\r\n",
        "Authorization: Basic b3R0bzp4\r\n",
        "X-1_!#$%&'*+.^`|~: a:b, \tc\r\n",
        "A: 1\r\nA: 2\r\nB: 3\r\nC: 4\r\nD: 5\r\nE: 6\r\nF: 7\r\nG: 8\r\n",
        "Hosts: x\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_status(bulla_http_extra_check(plain[i]), BULLA_OK);
}

static void test_extra_fields_cannot_change_the_request(void **state)
{
    static const char *const harmful[] = {
        "A: b",
        "A: b\n",
        "A: b\r",
        "A: b\r\n\r\n",
        "\r\n",
        "A b\r\n",
        ": b\r\n",
        "A:b\r\n",
        "A : b\r\n",
        "A: \r\n",
        "A:  b\r\n",
        "A: b \r\n",
        "A: b\t\r\n",
        "A: b\x01\r\n",
        "A: b\x7f\r\n",
        "A: \xc3\xa4\r\n",
        "\xc3: b\r\n",
        "A: b\r\n c\r\n",
        "A;\r\n",
        "Host: x\r\n",
        "hOST: x\r\n",
        "Range: bytes=0-\r\n",
        "If-Range: x\r\n",
        "User-Agent: x\r\n",
        "Accept-Encoding: gzip\r\n",
        "Connection: close\r\n",
        "Keep-Alive: 1\r\n",
        "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
        "TE: trailers\r\n",
        "Trailer: x\r\n",
        "Upgrade: h2c\r\n",
        "Expect: 100-continue\r\n",
        "HTTP2-Settings: x\r\n",
        "A: 1\r\nA: 2\r\nB: 3\r\nC: 4\r\nD: 5\r\nE: 6\r\nF: 7\r\nG: 8\r\nH: 9\r\n",
    };
    char *long_line = malloc(BULLA_HTTP_EXTRA_SIZE + 16u);
    (void)state;
    for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++)
        if (bulla_http_extra_check(harmful[i]) != BULLA_E_USAGE)
            fail_msg("%s is taken", harmful[i]);
    assert_non_null(long_line);
    for (size_t len = BULLA_HTTP_EXTRA_SIZE; len <= BULLA_HTTP_EXTRA_SIZE + 1u; len++) {
        memset(long_line, 'x', len);
        memcpy(long_line, "A: ", 3);
        memcpy(long_line + len - 2, "\r\n", 3);
        assert_status(bulla_http_extra_check(long_line),
                      len <= BULLA_HTTP_EXTRA_SIZE ? BULLA_OK : BULLA_E_USAGE);
    }
    free(long_line);
}

static void test_extra_fields_are_for_one_server(void **state)
{
    const struct bulla_http_extra extra = {.host = "example.com", .port = 443, .lines = "A: b\r\n"};
    static const struct {
        const char *host;
        uint16_t port;
        const char *lines;
    } cases[] = {
        {"example.com", 443, "A: b\r\n"}, {"example.com", 444, ""}, {"example.co", 443, ""},
        {"example.comm", 443, ""},        {"xample.com", 443, ""},  {"", 443, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bulla_url url = {.port = cases[i].port, .path = "/"};
        memcpy(url.host, cases[i].host, strlen(cases[i].host));
        assert_string_equal(bulla_http_extra_for(&extra, &url), cases[i].lines);
        assert_string_equal(bulla_http_extra_for(NULL, &url), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_split_anywhere_same_result),
        cmocka_unit_test(test_http_every_prefix_is_incomplete),
        cmocka_unit_test(test_http_failure_is_repeated),
        cmocka_unit_test(test_http_length_body_is_cut_at_its_length),
        cmocka_unit_test(test_http_chunks_are_joined),
        cmocka_unit_test(test_http_trailers_mean_nothing),
        cmocka_unit_test(test_http_interim_answers_are_skipped),
        cmocka_unit_test(test_http_redirect_gives_its_location),
        cmocka_unit_test(test_http_connection_close_is_seen_among_tokens),
        cmocka_unit_test(test_http_body_until_close_needs_a_clean_end),
        cmocka_unit_test(test_http_204_and_304_have_no_body),
        cmocka_unit_test(test_http_whole_file_to_a_range_request_starts_at_zero),
        cmocka_unit_test(test_http_range_is_reported),
        cmocka_unit_test(test_http_etag_only_strong_and_short_is_kept),
        cmocka_unit_test(test_http_retry_after_is_capped),
        cmocka_unit_test(test_http_unsuitable_location_is_empty),
        cmocka_unit_test(test_http_error_page_with_coding_is_passed_over),
        cmocka_unit_test(test_http_malformed_answers_are_refused),
        cmocka_unit_test(test_http_header_of_8_kib_is_the_limit),
        cmocka_unit_test(test_http_64_fields_are_the_limit),
        cmocka_unit_test(test_http_endless_reason_ends),
        cmocka_unit_test(test_http_interim_answers_are_bounded),
        cmocka_unit_test(test_http_trailers_are_bounded),
        cmocka_unit_test(test_http_chunk_extension_of_64_bytes_is_the_limit),
        cmocka_unit_test(test_http_any_byte_changed_never_crashes),
        cmocka_unit_test(test_http_request_is_exact),
        cmocka_unit_test(test_http_longest_request_fits),
        cmocka_unit_test(test_http_request_injection_is_refused),
        cmocka_unit_test(test_http_request_backward_range_is_refused),
        cmocka_unit_test(test_extra_fields_that_are_plain_are_taken),
        cmocka_unit_test(test_extra_fields_cannot_change_the_request),
        cmocka_unit_test(test_extra_fields_are_for_one_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
