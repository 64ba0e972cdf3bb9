/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: TCP below, TLS, one HTTP exchange at a time above, and the clock over all of
 * it. Whom to trust is decided in mbedtls_identity.c, what may be negotiated in
 * mbedtls_setup.c. */

#include "mbedtls.h"

#include <limits.h>
#include <string.h>

#define FAREWELL_MS 500u /* for a close_notify that nobody may be waiting for */

/* ---- time ---- */

static uint64_t now_ms(const struct bulla_tls_transport *tls)
{
    return tls->stream->now_ms(tls->stream->ctx);
}

static void wait_at_most(struct bulla_tls_transport *tls, uint64_t ms)
{
    uint64_t until = now_ms(tls) + ms;
    tls->until = until < tls->deadline ? until : tls->deadline;
}

/* The time for the next BULLA_TLS_PROGRESS_SIZE bytes begins. */
static void begin_progress(struct bulla_tls_transport *tls)
{
    tls->progress_size = 0;
    wait_at_most(tls, tls->progress_ms);
}

static void count_progress(struct bulla_tls_transport *tls, size_t len)
{
    if (len < BULLA_TLS_PROGRESS_SIZE - tls->progress_size)
        tls->progress_size += (uint32_t)len;
    else
        begin_progress(tls);
}

/* Time that the caller spent between two calls is not the server's fault. */
static void resume_progress(struct bulla_tls_transport *tls)
{
    uint64_t until = tls->until + (now_ms(tls) - tls->left_at);
    tls->until = until < tls->deadline ? until : tls->deadline;
}

static enum bulla_status time_status(const struct bulla_tls_transport *tls)
{
    uint64_t now = now_ms(tls);
    if (now >= tls->deadline)
        return BULLA_E_NET_DEADLINE;
    return now >= tls->until ? BULLA_E_NET_STALLED : BULLA_OK;
}

/* The stream gives up at `until`, which one of two limits set. */
static enum bulla_status stream_status(const struct bulla_tls_transport *tls,
                                       enum bulla_status status)
{
    if (status == BULLA_E_NET_STALLED && now_ms(tls) >= tls->deadline)
        return BULLA_E_NET_DEADLINE;
    return status;
}

/* ---- bytes under TLS ---- */

/* The library passes our error through; what happened is in io_status. */
static int fail_io(struct bulla_tls_transport *tls, enum bulla_status status)
{
    tls->io_status = stream_status(tls, status);
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int send_record(void *ctx, const unsigned char *bytes, size_t len)
{
    struct bulla_tls_transport *tls = ctx;
    size_t sent = 0;
    enum bulla_status status = time_status(tls);
    if (status == BULLA_OK)
        status = tls->stream->send(tls->stream->ctx, bytes, len < INT_MAX ? len : INT_MAX,
                                   tls->until, &sent);
    return status == BULLA_OK ? (int)sent : fail_io(tls, status);
}

static int receive_record(void *ctx, unsigned char *buffer, size_t size)
{
    struct bulla_tls_transport *tls = ctx;
    size_t len = 0;
    enum bulla_status status = time_status(tls);
    if (status == BULLA_OK)
        status = tls->stream->recv(tls->stream->ctx, buffer, size < INT_MAX ? size : INT_MAX,
                                   tls->until, &len);
    if (status != BULLA_OK)
        return fail_io(tls, status);
    if (!tls->is_secure) /* later only what the server says inside TLS counts */
        count_progress(tls, len);
    return (int)len;
}

/* ---- TLS ---- */

/* Certificate that cannot be read: X.509 errors, and PK errors other than a bad signature.
 * The low seven bits hold the ASN.1 detail. */
static bool is_certificate_error(int error)
{
    int module = -error & ~0x7F;
    return (module >= 0x2080 && module <= 0x3000) || (module >= 0x3980 && module <= 0x3F80) ||
           module == 0x7A00; /* BAD_HS_CERTIFICATE of 2.28, BAD_CERTIFICATE of 3.6 */
}

static enum bulla_status tls_status(const struct bulla_tls_transport *tls, int error)
{
    if (tls->io_status != BULLA_OK)
        return tls->io_status;
    if (tls->peer_status != BULLA_OK)
        return tls->peer_status;
    if (error == MBEDTLS_ERR_SSL_CONN_EOF || error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return BULLA_E_NET_CLOSED;
    if (error == MBEDTLS_ERR_SSL_ALLOC_FAILED || error == MBEDTLS_ERR_SSL_NO_RNG)
        return BULLA_E_CRYPTO;
    /* the library was asked for more than its record buffer holds */
    if (error == MBEDTLS_ERR_SSL_BAD_INPUT_DATA || error == MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL)
        return BULLA_E_TLS_RECORD_TOO_LARGE;
    if (!tls->is_secure && is_certificate_error(error))
        return BULLA_E_TLS_CHAIN;
    /* we took its certificate and the cipher is chosen: what it dislikes is ours */
    if (!tls->is_secure && tls->peer_accepted && error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        return BULLA_E_TLS_CLIENT_CERTIFICATE;
    return BULLA_E_TLS_PROTOCOL;
}

static bool wants_more(int result)
{
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static enum bulla_status handshake(struct bulla_tls_transport *tls)
{
    int result;
    do {
        enum bulla_status status = time_status(tls);
        if (status != BULLA_OK)
            return status;
        result = mbedtls_ssl_handshake(&tls->ssl);
    } while (wants_more(result));
    if (result != 0)
        return tls_status(tls, result);
    /* also false when the library never asked the callback */
    if (!tls->peer_accepted || mbedtls_ssl_get_verify_result(&tls->ssl) != 0)
        return BULLA_E_TLS_CHAIN;
    tls->is_secure = true;
    return BULLA_OK;
}

static void close_connection(struct bulla_tls_transport *tls)
{
    if (!tls->is_open)
        return;
    if (tls->is_secure && tls->io_status == BULLA_OK) {
        wait_at_most(tls, FAREWELL_MS);
        (void)mbedtls_ssl_close_notify(&tls->ssl);
    }
    mbedtls_ssl_free(&tls->ssl);
    tls->stream->close(tls->stream->ctx);
    tls->is_open = tls->is_secure = tls->reading = false;
    tls->rest = (struct bulla_bytes){0};
}

/* A fresh context every time: nothing of another connection can survive in it. */
static enum bulla_status open_connection(struct bulla_tls_transport *tls,
                                         const struct bulla_url *url)
{
    begin_progress(tls);
    enum bulla_status status = time_status(tls);
    if (status == BULLA_OK)
        status = stream_status(
            tls, tls->stream->connect(tls->stream->ctx, url->host, url->port, tls->until));
    if (status != BULLA_OK)
        return status;
    mbedtls_ssl_init(&tls->ssl);
    tls->is_open = true;
    tls->io_status = tls->peer_status = BULLA_OK;
    tls->peer_accepted = false;
    tls->chain_flags = 0;
    memcpy(tls->host, url->host, sizeof tls->host);
    tls->port = url->port;
    (void)bulla_url_address(url->host, tls->address, &tls->address_len);
    /* without a host name the library checks none (CVE-2025-27809) */
    if (mbedtls_ssl_setup(&tls->ssl, &tls->config) != 0 ||
        mbedtls_ssl_set_hostname(&tls->ssl, url->host) != 0)
        return BULLA_E_CRYPTO;
    mbedtls_ssl_set_bio(&tls->ssl, tls, send_record, receive_record, NULL);
    begin_progress(tls);
    return handshake(tls);
}

static enum bulla_status send_all(struct bulla_tls_transport *tls, const char *text, size_t len)
{
    while (len > 0) {
        int result = mbedtls_ssl_write(&tls->ssl, (const unsigned char *)text, len);
        if (wants_more(result))
            continue; /* the stream waits, and ends at `until` */
        if (result <= 0)
            return tls_status(tls, result);
        text += result;
        len -= (size_t)result;
    }
    return BULLA_OK;
}

/* At least one byte; *len 0 at the end of the connection, *clean when the server said so. */
static enum bulla_status receive(struct bulla_tls_transport *tls, uint8_t *buffer, size_t size,
                                 size_t *len, bool *clean)
{
    int result;
    *len = 0;
    do {
        enum bulla_status status = time_status(tls);
        if (status != BULLA_OK)
            return status;
        result = mbedtls_ssl_read(&tls->ssl, buffer, size < INT_MAX ? size : INT_MAX);
    } while (wants_more(result));
    *clean = result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
    if (result == 0 || result == MBEDTLS_ERR_SSL_CONN_EOF || *clean)
        return BULLA_OK;
    if (result < 0)
        return tls_status(tls, result);
    count_progress(tls, (size_t)result);
    *len = (size_t)result;
    return BULLA_OK;
}

/* ---- HTTP ---- */

static bool same_server(const struct bulla_url *url, const char *host, uint16_t port)
{
    return url->port == port && strcmp(url->host, host) == 0;
}

/* Only after a body that was read to its end, with nothing behind it. */
static bool can_reuse(const struct bulla_tls_transport *tls, const struct bulla_url *url)
{
    return tls->is_secure && !tls->reading && same_server(url, tls->host, tls->port);
}

static enum bulla_status read_header(struct bulla_tls_transport *tls,
                                     const struct bulla_request *request)
{
    struct bulla_bytes body;
    bulla_http_init(&tls->http, request, tls->text);
    tls->rest = (struct bulla_bytes){0};
    while (!bulla_http_header_done(&tls->http)) {
        enum bulla_status status;
        if (tls->rest.len == 0) {
            size_t len;
            bool clean;
            status = receive(tls, tls->held, sizeof tls->held, &len, &clean);
            if (status != BULLA_OK)
                return status;
            if (len == 0)
                return bulla_http_eof(&tls->http, clean);
            tls->rest = (struct bulla_bytes){tls->held, len};
            tls->is_reused = false; /* it answers: trouble from here on is real */
        }
        status = bulla_http_feed(&tls->http, &tls->rest, &body);
        if (status != BULLA_OK)
            return status;
    }
    begin_progress(tls);
    tls->reading = true;
    return BULLA_OK;
}

/* The request, with the caller's fields before its empty line if this is their server. */
static enum bulla_status send_request(struct bulla_tls_transport *tls,
                                      const struct bulla_request *request, size_t len)
{
    static const char empty_line[] = "\r\n";
    const char *extra = bulla_http_extra_for(tls->extra, request->url);

    if (extra[0] == '\0')
        return send_all(tls, tls->text, len);
    enum bulla_status status = send_all(tls, tls->text, len - strlen(empty_line));
    if (status == BULLA_OK)
        status = send_all(tls, extra, strlen(extra));
    return status == BULLA_OK ? send_all(tls, empty_line, strlen(empty_line)) : status;
}

static enum bulla_status exchange_once(struct bulla_tls_transport *tls,
                                       const struct bulla_request *request)
{
    size_t len;
    enum bulla_status status = bulla_http_request(request, tls->text, sizeof tls->text, &len);
    if (status != BULLA_OK)
        return status;
    tls->is_reused = can_reuse(tls, request->url);
    if (!tls->is_reused) {
        close_connection(tls);
        status = open_connection(tls, request->url);
    }
    if (status != BULLA_OK)
        return status;
    begin_progress(tls);
    status = send_request(tls, request, len);
    return status == BULLA_OK ? read_header(tls, request) : status;
}

/* A kept connection may have been closed by the server meanwhile; that is nobody's fault and
 * a GET can be sent again, once. */
static enum bulla_status exchange(struct bulla_tls_transport *tls,
                                  const struct bulla_request *request)
{
    enum bulla_status status = exchange_once(tls, request);
    if (status != BULLA_E_NET_CLOSED || !tls->is_reused)
        return status;
    close_connection(tls);
    return exchange_once(tls, request);
}

/* Keep the body bytes among *in, moved together at the front of the buffer. */
static enum bulla_status keep_body(struct bulla_tls_transport *tls, struct bulla_bytes *in,
                                   uint8_t *buffer, size_t *len)
{
    while (in->len > 0 && !bulla_http_complete(&tls->http)) {
        struct bulla_bytes body;
        enum bulla_status status = bulla_http_feed(&tls->http, in, &body);
        if (status != BULLA_OK)
            return status;
        if (body.len > 0)
            memmove(buffer + *len, body.data, body.len);
        *len += body.len;
    }
    return BULLA_OK;
}

/* What came with the header, at most as much as the buffer holds. */
static enum bulla_status keep_held(struct bulla_tls_transport *tls, uint8_t *buffer, size_t size,
                                   size_t *len)
{
    struct bulla_bytes part = {tls->rest.data, tls->rest.len < size ? tls->rest.len : size};
    size_t offered = part.len;
    enum bulla_status status = keep_body(tls, &part, buffer, len);
    tls->rest.data += offered - part.len;
    tls->rest.len -= offered - part.len;
    return status;
}

static enum bulla_status next_body(struct bulla_tls_transport *tls, uint8_t *buffer, size_t size,
                                   size_t *len)
{
    enum bulla_status status = BULLA_OK;
    while (status == BULLA_OK && *len == 0 && !bulla_http_complete(&tls->http)) {
        if (tls->rest.len > 0) {
            status = keep_held(tls, buffer, size, len);
            continue;
        }
        size_t received;
        bool clean;
        status = receive(tls, buffer, size, &received, &clean);
        if (status != BULLA_OK)
            break;
        if (received == 0)
            return bulla_http_eof(&tls->http, clean);
        struct bulla_bytes in = {buffer, received};
        status = keep_body(tls, &in, buffer, len);
        if (in.len > 0) /* bytes that nobody asked for */
            tls->http.keep_alive = false;
    }
    return status;
}

/* The body is whole: keep the connection, unless the server said otherwise or sent more. */
static void end_body(struct bulla_tls_transport *tls)
{
    tls->reading = false;
    if (!tls->http.keep_alive || tls->rest.len > 0 || mbedtls_ssl_get_bytes_avail(&tls->ssl) > 0)
        close_connection(tls);
}

/* A redirect's body is small; reading it is cheaper than another handshake. */
static void drain(struct bulla_tls_transport *tls)
{
    uint8_t buffer[128];
    size_t total = 0;
    while (total < BULLA_TLS_DRAIN_MAX && !bulla_http_complete(&tls->http)) {
        size_t len = 0;
        if (next_body(tls, buffer, sizeof buffer, &len) != BULLA_OK)
            break;
        total += len;
    }
    if (bulla_http_complete(&tls->http))
        end_body(tls);
    else
        close_connection(tls);
}

static bool is_redirect(uint16_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where to go next: the same server, or nowhere. */
static enum bulla_status follow(struct bulla_tls_transport *tls, struct bulla_request *request)
{
    struct bulla_bytes location = {(const uint8_t *)tls->text, tls->http.location_len};
    enum bulla_status status = bulla_url_resolve(request->url, location, &tls->redirect);
    if (status != BULLA_OK || !same_server(&tls->redirect, tls->host, tls->port))
        return BULLA_E_HTTP_REDIRECT;
    request->url = &tls->redirect;
    drain(tls);
    return BULLA_OK;
}

static enum bulla_status get_following(struct bulla_tls_transport *tls,
                                       const struct bulla_request *request)
{
    struct bulla_request hop = *request;
    for (uint32_t redirects = 0;; redirects++) {
        enum bulla_status status = exchange(tls, &hop);
        if (status != BULLA_OK || !is_redirect(tls->http.response.status))
            return status;
        if (redirects == BULLA_TLS_REDIRECTS_MAX)
            return BULLA_E_HTTP_REDIRECT;
        status = follow(tls, &hop);
        if (status != BULLA_OK)
            return status;
    }
}

/* ---- the seam ---- */

static enum bulla_status get(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response)
{
    struct bulla_tls_transport *tls = ctx;
    memset(response, 0, sizeof *response);
    enum bulla_status status = get_following(tls, request);
    if (status == BULLA_OK && tls->http.response.status != 200 &&
        tls->http.response.status != 206) {
        response->status = tls->http.response.status;
        response->retry_after = tls->http.response.retry_after;
        status = BULLA_E_HTTP_STATUS;
    }
    if (status == BULLA_OK) {
        *response = tls->http.response;
        if (bulla_http_complete(&tls->http))
            end_body(tls);
    } else {
        memset(&tls->http, 0, sizeof tls->http); /* no body to read */
        close_connection(tls);
    }
    tls->left_at = now_ms(tls);
    return status;
}

static enum bulla_status read_body(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bulla_tls_transport *tls = ctx;
    *len = 0;
    if (size == 0)
        return BULLA_E_USAGE;
    if (!tls->reading)
        return bulla_http_complete(&tls->http) ? BULLA_OK : BULLA_E_NET_CLOSED;
    resume_progress(tls);
    enum bulla_status status = next_body(tls, buffer, size, len);
    if (status != BULLA_OK) {
        *len = 0;
        close_connection(tls);
    } else if (bulla_http_complete(&tls->http)) {
        end_body(tls);
    }
    tls->left_at = now_ms(tls);
    return status;
}

static void close_transport(void *ctx)
{
    close_connection(ctx);
}

struct bulla_transport bulla_tls_transport_view(struct bulla_tls_transport *tls)
{
    return (struct bulla_transport){
        .get = get, .read = read_body, .close = close_transport, .ctx = tls};
}

void bulla_tls_transport_free(struct bulla_tls_transport *tls)
{
    close_connection(tls);
    mbedtls_pk_free(&tls->client_key); /* wipes it */
    mbedtls_x509_crt_free(&tls->client_certificate);
    mbedtls_x509_crt_free(&tls->anchors);
    mbedtls_ssl_config_free(&tls->config);
}
