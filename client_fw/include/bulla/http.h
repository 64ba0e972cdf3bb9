/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_HTTP_H
#define BULLA_HTTP_H

/* HTTP/1.1 without a connection: write one GET, read one answer (RFC 9110, RFC 9112 without its
 * leniencies). For transports that speak HTTP themselves.
 *
 * The parser is pushed: it takes bytes cut anywhere and any split gives the same result. It
 * holds no header, only the values it needs. Fields are private except `response`,
 * `keep_alive` and `location_len`, which are valid once bulla_http_header_done says so. */

#include "bulla/transport.h"

#define BULLA_HTTP_HEADER_MAX   8192u /* bytes of status line and fields, interim answers too */
#define BULLA_HTTP_FIELDS_MAX   64u
#define BULLA_HTTP_INTERIM_MAX  8u  /* 1xx answers before the real one */
#define BULLA_HTTP_CHUNK_EXT    64u /* bytes of extension on one chunk-size line */
#define BULLA_HTTP_RETRY_MAX    86400u
#define BULLA_HTTP_VALUE_MAX    72u /* longest number, range or coding: "bytes " and 3 * 20 digits */
#define BULLA_HTTP_LOCATION_MAX 1290u /* "https://" host ":65535" path */
#define BULLA_HTTP_REQUEST_MAX  1504u /* longest request bulla_http_request can write */
#define BULLA_HTTP_EXTRA_MAX    8u    /* fields of the caller's in a request */
#define BULLA_HTTP_EXTRA_SIZE   4096u /* bytes of them */

enum bulla_http_state {
    BULLA_HTTP_STATUS_LINE = 0,
    BULLA_HTTP_REASON,
    BULLA_HTTP_LINE_END, /* LF of a status line or field line */
    BULLA_HTTP_LINE_START,
    BULLA_HTTP_NAME,
    BULLA_HTTP_VALUE,
    BULLA_HTTP_HEADER_END, /* LF of the empty line */
    BULLA_HTTP_BODY_LENGTH,
    BULLA_HTTP_BODY_CLOSE,
    BULLA_HTTP_CHUNK_SIZE,
    BULLA_HTTP_CHUNK_EXTENSION,
    BULLA_HTTP_CHUNK_SIZE_END, /* LF */
    BULLA_HTTP_CHUNK_DATA,
    BULLA_HTTP_CHUNK_END_CR,
    BULLA_HTTP_CHUNK_END_LF,
    BULLA_HTTP_COMPLETE,
};

struct bulla_http {
    enum bulla_http_state state;
    enum bulla_status failed; /* sticky: the first failure stays */
    uint64_t wanted_from;
    uint64_t wanted_to;
    char *location; /* caller's, BULLA_HTTP_LOCATION_MAX + 1 bytes, NUL-terminated at the end */
    size_t location_len;
    bool keep_alive; /* the server will answer another request on this connection */
    bool in_trailer;
    bool http_1_0;
    bool has_transfer_coding;
    bool has_content_coding;
    bool has_range;
    uint32_t seen;  /* fields that may come once, one bit each */
    uint32_t field; /* the one being read */
    uint32_t field_count;
    uint32_t interim_count;
    uint32_t header_size;
    uint32_t position; /* in the status line, name, value or chunk line */
    uint32_t blanks;   /* held back until the value goes on */
    uint64_t content_length;
    uint64_t range_to;
    uint64_t left; /* of the body or chunk */
    uint64_t body_size;
    char value[BULLA_HTTP_VALUE_MAX];
    struct bulla_response response;
};

/* Expect the answer to this request. `location` takes the Location of a redirect. */
void bulla_http_init(struct bulla_http *http, const struct bulla_request *request,
                     char location[BULLA_HTTP_LOCATION_MAX + 1u]);

/* Consume from *in (advanced past what was taken) until the header ends, body bytes can be
 * handed out, the message is complete, or *in is empty. *body spans bytes of *in, or is empty.
 * Nothing is taken once complete. After a failure every call repeats it.
 *
 * BULLA_E_HTTP_MALFORMED, _HEADER_TOO_LARGE, _CODING, _RANGE. Any status code is accepted here. */
BULLA_MUST_CHECK enum bulla_status bulla_http_feed(struct bulla_http *http, struct bulla_bytes *in,
                                                   struct bulla_bytes *body);

/* The connection ended: `clean` when the peer said so (close_notify), which ends a body without
 * length. BULLA_OK when the message is complete, BULLA_E_NET_CLOSED otherwise. */
BULLA_MUST_CHECK enum bulla_status bulla_http_eof(struct bulla_http *http, bool clean);

bool bulla_http_header_done(const struct bulla_http *http);
bool bulla_http_complete(const struct bulla_http *http);

/* Write the request. BULLA_E_URL when host, path or ETag hold a byte that could end a line or
 * the buffer is too small (BULLA_HTTP_REQUEST_MAX never is); *len is 0 then. */
BULLA_MUST_CHECK enum bulla_status bulla_http_request(const struct bulla_request *request,
                                                      char *buffer, size_t size, size_t *len);

/* Fields of the caller's own, credentials as a rule: they go with every request to this server and
 * to no other. A transport sends them before the empty line. */
struct bulla_http_extra {
    const char *host; /* as struct bulla_url has it */
    uint16_t port;
    const char *lines; /* "Name: value\r\n" each */
};

/* BULLA_OK; BULLA_E_USAGE when they are too many or too long, a name is no token or one that the
 * transport writes itself, a value is empty, or a byte could end a line. */
BULLA_MUST_CHECK enum bulla_status bulla_http_extra_check(const char *lines);

/* The lines that go with a request to this URL, "" for none. `extra` may be NULL. */
const char *bulla_http_extra_for(const struct bulla_http_extra *extra, const struct bulla_url *url);

#endif
