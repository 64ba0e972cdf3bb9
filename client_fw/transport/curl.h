/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_CURL_H
#define BULLA_TRANSPORT_CURL_H

/* struct bulla_transport on libcurl with OpenSSL, for devices that run Linux: TLS 1.2 and 1.3,
 * HTTP/1.1, one connection at a time. It behaves as mbedtls.h does, to the status code; where
 * it cannot: docs/decisions/0023-curl-transport.md.
 *
 *     struct bulla_curl_transport curl;
 *     status = bulla_curl_transport_init(&curl, &trust, &options);
 *     struct bulla_transport transport = bulla_curl_transport_view(&curl);
 *     ... transport.get, transport.read ...
 *     bulla_curl_transport_free(&curl);
 *
 * The caller places the struct and must not move it after init; the trust store must outlive
 * it. Sockets and clock are the system's, the heap is libcurl's and OpenSSL's. Nothing is taken
 * from the environment or the user's files: no proxy, no authorities, no cookies, no netrc. */

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "bulla/http.h"

#define BULLA_CURL_DEADLINE_MS   1800000u /* of everything, when options say 0 */
#define BULLA_CURL_PROGRESS_MS   15000u   /* the same, for the minimum progress */
#define BULLA_CURL_PROGRESS_SIZE 1024u    /* bytes that must come in each such time */
#define BULLA_CURL_REDIRECTS_MAX 3u
#define BULLA_CURL_DRAIN_MAX     4096u /* bytes of a redirect's body worth a kept connection */

struct bulla_curl_options {
    uint32_t deadline_ms; /* total, counted from init; 0: BULLA_CURL_DEADLINE_MS */
    uint32_t progress_ms; /* 0: BULLA_CURL_PROGRESS_MS */
    /* The system's wall clock is right: certificate dates are enforced under anchors. Without it
     * they are not judged. Under pins only they never are. */
    bool has_clock;
    /* To prove who the device is, if the server asks. DER, or PEM with its closing NUL counted;
     * both or none; only read during init. */
    struct bulla_bytes client_certificate;
    struct bulla_bytes client_key;
    const struct bulla_http_extra *extra; /* NULL: none; must outlive the transport */
};

/* Private. */
struct bulla_curl_transport {
    const struct bulla_trust *trust;
    const struct bulla_http_extra *extra;
    bool enforce_dates;
    uint32_t progress_ms;
    uint64_t deadline;
    uint64_t until;         /* end of the time in which progress must be seen */
    uint64_t left_at;       /* when the last call returned: the caller's own time is free */
    uint32_t progress_size; /* bytes since that time began */

    bool is_global; /* curl_global_init is to be undone */
    X509_STORE *anchors;
    STACK_OF(X509) * client_chain; /* the device's own first */
    EVP_PKEY *client_key;
    char *pins; /* as CURLOPT_PINNEDPUBLICKEY has them */

    CURLM *multi; /* NULL: no connection; its pool holds one */
    CURL *easy;
    struct curl_slist *fields; /* of the request */
    char host[BULLA_HOST_MAX + 1u];
    uint16_t port;
    bool is_added;      /* a transfer is under way */
    bool is_over;       /* libcurl is done with it, with `result` */
    bool is_paused;     /* by our write callback */
    bool is_reused;     /* this exchange began on a kept connection */
    bool is_secure;     /* the handshake ended and the server is the one we trust */
    bool peer_accepted; /* by the judge, for this connection */
    bool is_answered;   /* the server said something inside TLS since the request */
    bool said_goodbye;  /* close_notify came */
    bool was_alerted;   /* a fatal alert came */
    bool was_disliked;  /* it can only mean who we are */
    bool is_closed;     /* TCP ended, or broke */
    bool reading;       /* a body is being read */
    CURLcode result;
    uint32_t peer_flags;             /* what OpenSSL found about its certificates */
    enum bulla_status peer_status;   /* why the server was refused */
    enum bulla_status record_status; /* what is wrong with the records under TLS */

    struct bulla_http http;
    struct bulla_url redirect;
    uint8_t held[CURL_MAX_WRITE_SIZE]; /* received, not yet consumed */
    struct bulla_bytes rest;           /* what is left of held */
    char text[BULLA_HTTP_REQUEST_MAX]; /* the request, then the Location of its answer */
};

/* BULLA_OK; BULLA_E_TLS_NO_TRUST when the store has neither pin nor anchor;
 * BULLA_E_TRUST_ANCHOR; BULLA_E_TLS_CLIENT_CERTIFICATE when certificate or key cannot be read;
 * BULLA_E_USAGE for options out of range; BULLA_E_CRYPTO when a library has no memory, or libcurl
 * is not built with OpenSSL. Nothing is connected yet; the struct may be freed in every case. */
BULLA_MUST_CHECK enum bulla_status
bulla_curl_transport_init(struct bulla_curl_transport *curl, const struct bulla_trust *trust,
                          const struct bulla_curl_options *options);

/* The seam of bulla/transport.h; valid while *curl is. */
struct bulla_transport bulla_curl_transport_view(struct bulla_curl_transport *curl);

/* Closes, wipes the client key, gives the memory back. */
void bulla_curl_transport_free(struct bulla_curl_transport *curl);

#endif
