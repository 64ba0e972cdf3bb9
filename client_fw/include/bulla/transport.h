/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_H
#define BULLA_TRANSPORT_H

/* The transport seam: GET over HTTPS with a server identity that the trust store decided.
 * transport/mbedtls.c speaks TLS and HTTP itself, transport/curl.c has libcurl do it.
 *
 * Rules every transport keeps (docs/DESIGN.md, "Transport"): host name always checked; pins and
 * anchors as the trust store says, before the first HTTP byte; TLS 1.2 ECDHE with AEAD at
 * least; identity content coding only; bounded header; no progress of 1 KiB in 15 s ends the
 * attempt; the total deadline ends everything. */

#include "bulla/bytes.h"
#include "bulla/limits.h"
#include "bulla/status.h"
#include "bulla/trust.h"

#define BULLA_HOST_MAX 253u
#define BULLA_PATH_MAX 1023u
#define BULLA_ETAG_MAX 64u /* a longer one is treated as none */

/* An https URL taken apart. */
struct bulla_url {
    char host[BULLA_HOST_MAX + 1u]; /* lower case, no brackets */
    uint16_t port;
    char path[BULLA_PATH_MAX + 1u]; /* path and query, begins with '/' */
};

/* https only; no user-info, no fragment; BULLA_E_URL otherwise. */
BULLA_MUST_CHECK enum bulla_status bulla_url_parse(struct bulla_bytes text, struct bulla_url *out);

/* Resolve a URI that bulla_uri_check accepted against the envelope's URL (RFC 3986 5.2):
 * relative path, absolute path or https URL. `out` may be `base`; it is zero on failure. */
BULLA_MUST_CHECK enum bulla_status bulla_url_resolve(const struct bulla_url *base,
                                                     struct bulla_bytes uri, struct bulla_url *out);

/* The bytes of an IPv4 (4) or IPv6 (16) literal as bulla_url_parse leaves it in `host`; false
 * for a DNS name, *len 0. */
bool bulla_url_address(const char *host, uint8_t address[16], size_t *len);

struct bulla_request {
    const struct bulla_url *url;
    uint64_t from;    /* first byte wanted */
    uint64_t to;      /* last byte wanted, UINT64_MAX: to the end */
    const char *etag; /* send If-Range; NULL: none */
};

struct bulla_response {
    uint16_t status; /* 200 or 206: everything else is an error of get */
    uint64_t from;   /* 0, or the first byte of the 206 */
    bool has_length;
    uint64_t length; /* body bytes that will come */
    bool has_total;
    uint64_t total;                 /* size of the whole file */
    uint32_t retry_after;           /* seconds, of a 429 or 503; 0: none */
    char etag[BULLA_ETAG_MAX + 1u]; /* strong ETag, "" for none */
};

struct bulla_transport {
    /* Send a GET and read the response header. A kept-alive connection to the same host and
     * port is used again when the last body was read to its end; a request for the whole file
     * (from 0, to UINT64_MAX) sends no Range field. Follows up to 3 redirects on the same
     * scheme, host and port. `response` is valid on BULLA_OK, and status and retry_after on
     * BULLA_E_HTTP_STATUS. */
    enum bulla_status (*get)(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response);
    /* Next body bytes, at most `size`; *len is 0 exactly at the clean end of the body. */
    enum bulla_status (*read)(void *ctx, uint8_t *buffer, size_t size, size_t *len);
    /* Drop the connection. Safe at any time, also twice. */
    void (*close)(void *ctx);
    void *ctx;
};

#endif
