/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_MBEDTLS_H
#define BULLA_TRANSPORT_MBEDTLS_H

/* struct bulla_transport on Mbed TLS 2.28 or 3.6: TLS 1.2, HTTP/1.1, one connection at a time.
 *
 *     struct bulla_tls_transport tls;
 *     status = bulla_tls_transport_init(&tls, &trust, &stream, &options);
 *     struct bulla_transport transport = bulla_tls_transport_view(&tls);
 *     ... transport.get, transport.read ...
 *     bulla_tls_transport_free(&tls);
 *
 * The caller places the struct and must not move it after init; trust store and stream must
 * outlive it. Records, certificates and handshake live on Mbed TLS's own heap. A build of 3.6
 * with MBEDTLS_USE_PSA_CRYPTO calls psa_crypto_init first. */

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "bulla/http.h"
#include "bulla/stream.h"

#define BULLA_TLS_DEADLINE_MS     1800000u /* of everything, when options say 0 */
#define BULLA_TLS_PROGRESS_MS     15000u   /* the same, for the minimum progress */
#define BULLA_TLS_PROGRESS_SIZE   1024u    /* bytes that must come in each such time */
#define BULLA_TLS_REDIRECTS_MAX   3u
#define BULLA_TLS_DRAIN_MAX       4096u /* bytes of a redirect's body worth a kept connection */
#define BULLA_TLS_RECORD_HELD_MAX 512u

struct bulla_tls_options {
    uint32_t deadline_ms; /* total, counted from init; 0: BULLA_TLS_DEADLINE_MS */
    uint32_t progress_ms; /* 0: BULLA_TLS_PROGRESS_MS */
    /* The wall clock that Mbed TLS was built with is right: certificate dates are enforced under
     * anchors. Without it they are not judged. Under pins only they never are. */
    bool has_clock;
    uint16_t max_fragment; /* ask for records of at most 512, 1024, 2048 or 4096 bytes; 0: do not */
    /* To prove who the device is, if the server asks. DER, or PEM with its closing NUL counted;
     * both or none; only read during init. */
    struct bulla_bytes client_certificate;
    struct bulla_bytes client_key;
    const struct bulla_http_extra *extra; /* NULL: none; must outlive the transport */
};

/* Private. */
struct bulla_tls_transport {
    const struct bulla_trust *trust;
    const struct bulla_stream *stream;
    const struct bulla_http_extra *extra;
    bool enforce_dates;
    uint32_t progress_ms;
    uint64_t deadline;
    uint64_t until;         /* end of the time in which progress must be seen */
    uint64_t left_at;       /* when the last call returned: the caller's own time is free */
    uint32_t progress_size; /* bytes since that time began */

    mbedtls_ssl_config config;
    mbedtls_x509_crt anchors;
    mbedtls_x509_crt client_certificate;
    mbedtls_pk_context client_key;
    mbedtls_ssl_context ssl;

    bool is_open;   /* ssl is set up and the stream connected */
    bool is_secure; /* the handshake ended and the server is the one we trust */
    bool is_reused; /* this exchange began on a kept connection */
    bool reading;   /* a body is being read */
    char host[BULLA_HOST_MAX + 1u];
    uint16_t port;
    uint8_t address[16]; /* of an IP literal */
    size_t address_len;
    bool peer_accepted;            /* by the verify callback, for this connection */
    uint32_t chain_flags;          /* of the certificates above the leaf */
    enum bulla_status peer_status; /* why it was refused */
    enum bulla_status io_status;   /* why the stream failed under the library */

    struct bulla_http http;
    struct bulla_url redirect;
    uint8_t held[BULLA_TLS_RECORD_HELD_MAX]; /* received, not yet consumed */
    struct bulla_bytes rest;                 /* what is left of held */
    char text[BULLA_HTTP_REQUEST_MAX];       /* the request, then the Location of its answer */
};

/* BULLA_OK; BULLA_E_TLS_NO_TRUST when the store has neither pin nor anchor;
 * BULLA_E_TRUST_ANCHOR; BULLA_E_TLS_CLIENT_CERTIFICATE when certificate or key cannot be read;
 * BULLA_E_USAGE for options out of range; BULLA_E_CRYPTO when the library has no memory. Nothing
 * is connected yet; the struct may be freed in every case. */
BULLA_MUST_CHECK enum bulla_status
bulla_tls_transport_init(struct bulla_tls_transport *tls, const struct bulla_trust *trust,
                         const struct bulla_stream *stream,
                         const struct bulla_tls_options *options);

/* The seam of bulla/transport.h; valid while *tls is. */
struct bulla_transport bulla_tls_transport_view(struct bulla_tls_transport *tls);

/* Closes, wipes the client key, gives the memory back. */
void bulla_tls_transport_free(struct bulla_tls_transport *tls);

#endif
