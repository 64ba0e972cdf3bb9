/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP answer, to a request for the whole file and to one for a part of it.
 *
 * Holds: any cutting gives the same verdict, the same values and the same body; no byte is taken
 * once complete or failed; the body has the declared length; what is kept of the header could be
 * sent on. */

#include <stdlib.h>

#include "bulla/http.h"
#include "fuzz.h"

struct run {
    struct bulla_http http;
    char location[BULLA_HTTP_LOCATION_MAX + 1u];
    enum bulla_status status;
    uint64_t body_hash;
    uint64_t body_len;
    size_t consumed;
};

static bool take(void *ctx, struct bulla_bytes in)
{
    struct run *run = ctx;
    struct bulla_bytes all = in;

    while (in.len > 0) {
        size_t before = in.len;
        bool complete = bulla_http_complete(&run->http);
        struct bulla_bytes body;
        run->status = bulla_http_feed(&run->http, &in, &body);
        run->consumed += before - in.len;
        FUZZ_CHECK(in.len <= before && fuzz_inside(body, all));
        FUZZ_CHECK(!complete || (in.len == before && body.len == 0));
        FUZZ_CHECK(run->status == BULLA_OK || body.len == 0);
        FUZZ_CHECK(body.len == 0 || bulla_http_header_done(&run->http));
        for (size_t i = 0; i < body.len; i++)
            run->body_hash = (run->body_hash ^ body.data[i]) * UINT64_C(0x100000001b3);
        run->body_len += body.len;
        if (run->status != BULLA_OK || complete)
            return false;
        FUZZ_CHECK(in.len < before);
    }
    return true;
}

static void check_response(const struct run *run, const struct bulla_request *request)
{
    const struct bulla_response *r = &run->http.response;

    if (!bulla_http_header_done(&run->http))
        return;
    FUZZ_CHECK(run->http.header_size <= BULLA_HTTP_HEADER_MAX);
    FUZZ_CHECK(r->status >= 200 && r->status <= 999);
    FUZZ_CHECK(memchr(r->etag, '\0', sizeof(r->etag)) != NULL);
    FUZZ_CHECK(run->http.location_len <= BULLA_HTTP_LOCATION_MAX);
    FUZZ_CHECK(run->http.location[run->http.location_len] == '\0');
    FUZZ_CHECK(r->retry_after <= BULLA_HTTP_RETRY_MAX);
    FUZZ_CHECK(!r->has_length || run->body_len <= r->length);
    if (run->status == BULLA_OK && bulla_http_complete(&run->http))
        FUZZ_CHECK(!r->has_length || run->body_len == r->length || r->status == 204 ||
                   r->status == 304);
    if (r->status != 206 || run->status != BULLA_OK)
        return;
    FUZZ_CHECK(r->from == request->from && (!r->has_total || r->from < r->total));
    /* to the byte that was asked for, or to the last one there is */
    if (bulla_http_complete(&run->http) && r->has_length && r->has_total) {
        uint64_t last = request->to < r->total - 1 ? request->to : r->total - 1;
        FUZZ_CHECK(r->length == last - r->from + 1);
    }
}

/* What the answer made the client keep must be fit for the next request. */
static void check_next(const struct run *run, const struct bulla_request *request)
{
    struct bulla_request next = *request;
    char buffer[BULLA_HTTP_REQUEST_MAX];
    size_t len;

    if (!bulla_http_header_done(&run->http) || run->status != BULLA_OK)
        return;
    next.from = 1;
    next.to = UINT64_MAX;
    next.etag = run->http.response.etag;
    FUZZ_CHECK(bulla_http_request(&next, buffer, sizeof(buffer), &len) == BULLA_OK);
    unsigned lines = 0;
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK((unsigned char)buffer[i] >= 0x20 || buffer[i] == '\r' || buffer[i] == '\n');
        lines += buffer[i] == '\n';
    }
    FUZZ_CHECK(lines == (next.etag[0] != '\0' ? 7u : 6u));
}

static void judge(struct run *run, struct bulla_bytes in, const struct bulla_request *request,
                  uint32_t way)
{
    memset(run, 0, sizeof(*run));
    bulla_http_init(&run->http, request, run->location);
    fuzz_feed(in, way, take, run);
}

static void check(struct bulla_bytes in, const struct bulla_request *request)
{
    struct run *whole = malloc(sizeof(*whole)), *cut = malloc(sizeof(*cut));

    FUZZ_CHECK(whole != NULL && cut != NULL);
    judge(whole, in, request, 0);
    check_response(whole, request);
    check_next(whole, request);
    for (uint32_t way = 1; way < FUZZ_WAYS; way++) {
        judge(cut, in, request, way);
        FUZZ_CHECK(cut->status == whole->status && cut->consumed == whole->consumed);
        FUZZ_CHECK(cut->http.state == whole->http.state);
        FUZZ_CHECK(cut->http.keep_alive == whole->http.keep_alive);
        FUZZ_CHECK(cut->http.header_size == whole->http.header_size);
        if (whole->status == BULLA_OK) {
            FUZZ_CHECK(cut->body_len == whole->body_len && cut->body_hash == whole->body_hash);
            FUZZ_CHECK(memcmp(&cut->http.response, &whole->http.response,
                              sizeof(cut->http.response)) == 0);
            FUZZ_CHECK(strcmp(cut->location, whole->location) == 0);
        }
    }
    bool complete = bulla_http_complete(&whole->http);
    enum bulla_status unclean = bulla_http_eof(&cut->http, false);
    enum bulla_status clean = bulla_http_eof(&whole->http, true);
    FUZZ_CHECK(!complete || (clean == BULLA_OK && unclean == BULLA_OK));
    FUZZ_CHECK(whole->status == BULLA_OK || clean == whole->status);
    FUZZ_CHECK(unclean != BULLA_OK || clean == BULLA_OK);
    free(whole);
    free(cut);
}

void fuzz_http(struct bulla_bytes in)
{
    static const struct bulla_url url = {.host = "example.com", .port = 8443, .path = "/a?b"};
    static const struct bulla_request requests[] = {
        {.url = &url, .from = 0, .to = UINT64_MAX},
        {.url = &url, .from = 5, .to = 9},
        {.url = &url, .from = 100, .to = UINT64_MAX, .etag = "\"x\""},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        check(in, &requests[i]);
}
