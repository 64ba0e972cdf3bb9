/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange at a time over libcurl, and the clock over all of it. libcurl connects, frames
 * and keeps the connection; what it passes on, header lines as they came and the body with its
 * chunks, goes through core/http.c, so that an answer gets the verdict it gets on a device that
 * speaks HTTP itself. Whom to trust is decided in curl_identity.c, what may be negotiated in
 * curl_setup.c. */

#include "curl.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include "curl_parts.h"

/* ---- time ---- */

uint64_t bulla_curl_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void bulla_curl_begin_progress(struct bulla_curl_transport *curl)
{
    uint64_t until = bulla_curl_now_ms() + curl->progress_ms;
    curl->progress_size = 0;
    curl->until = until < curl->deadline ? until : curl->deadline;
}

void bulla_curl_count_progress(struct bulla_curl_transport *curl, size_t len)
{
    if (len < BULLA_CURL_PROGRESS_SIZE - curl->progress_size)
        curl->progress_size += (uint32_t)len;
    else
        bulla_curl_begin_progress(curl);
}

/* Time that the caller spent between two calls is not the server's fault. */
static void resume_progress(struct bulla_curl_transport *curl)
{
    uint64_t until = curl->until + (bulla_curl_now_ms() - curl->left_at);
    curl->until = until < curl->deadline ? until : curl->deadline;
}

static enum bulla_status time_status(const struct bulla_curl_transport *curl, uint64_t now)
{
    if (now >= curl->deadline)
        return BULLA_E_NET_DEADLINE;
    return now >= curl->until ? BULLA_E_NET_STALLED : BULLA_OK;
}

/* ---- the transfer ---- */

static void close_connection(struct bulla_curl_transport *curl)
{
    if (curl->is_added)
        (void)curl_multi_remove_handle(curl->multi, curl->easy);
    uint64_t until = curl->until;
    curl->until = 0; /* nothing more is read, whatever still comes */
    curl_easy_cleanup(curl->easy);
    (void)curl_multi_cleanup(curl->multi);
    curl->until = until;
    curl_slist_free_all(curl->fields);
    curl->multi = NULL;
    curl->easy = NULL;
    curl->fields = NULL;
    curl->is_added = curl->is_secure = curl->reading = false;
    curl->rest = (struct bulla_bytes){0};
}

static enum bulla_status perform(struct bulla_curl_transport *curl)
{
    int count;
    CURLMsg *message;
    if (curl_multi_perform(curl->multi, &count) != CURLM_OK)
        return BULLA_E_CRYPTO;
    while ((message = curl_multi_info_read(curl->multi, &count)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            curl->is_over = true;
            curl->result = message->data.result;
        }
    }
    return BULLA_OK;
}

/* Until the header is there, body bytes are, or the transfer ends. */
static enum bulla_status run(struct bulla_curl_transport *curl)
{
    for (;;) {
        enum bulla_status status = perform(curl);
        bool has_header = bulla_http_header_done(&curl->http);
        if (status != BULLA_OK || curl->is_over || curl->rest.len > 0 ||
            (has_header && !curl->reading))
            return status;
        uint64_t now = bulla_curl_now_ms();
        status = time_status(curl, now);
        if (status != BULLA_OK)
            return status;
        uint64_t left = curl->until - now;
        if (curl_multi_poll(curl->multi, NULL, 0, left < INT_MAX ? (int)left : INT_MAX, NULL) !=
            CURLM_OK)
            return BULLA_E_CRYPTO;
    }
}

/* The connection ended, or TLS failed. */
static enum bulla_status connection_status(struct bulla_curl_transport *curl)
{
    bool is_gone = curl->is_closed || curl->said_goodbye;
    if (curl->record_status != BULLA_OK)
        return curl->record_status;
    if (curl->was_alerted)
        return curl->was_disliked ? BULLA_E_TLS_CLIENT_CERTIFICATE : BULLA_E_TLS_PROTOCOL;
    if (curl->is_secure && (is_gone || curl->result == CURLE_OK))
        return bulla_http_eof(&curl->http, curl->said_goodbye);
    return is_gone ? BULLA_E_NET_CLOSED : BULLA_E_TLS_PROTOCOL;
}

/* What the end of a transfer means; BULLA_OK when the message is complete. */
static enum bulla_status end_status(struct bulla_curl_transport *curl)
{
    if (curl->peer_status != BULLA_OK)
        return curl->peer_status;
    if (curl->http.failed != BULLA_OK)
        return curl->http.failed;
    switch ((int)curl->result) { /* an int: libcurl has a hundred more */
    case CURLE_COULDNT_RESOLVE_HOST:
        return BULLA_E_NET_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return curl->is_reused ? BULLA_E_NET_CLOSED : BULLA_E_NET_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return bulla_curl_now_ms() >= curl->deadline ? BULLA_E_NET_DEADLINE : BULLA_E_NET_STALLED;
    case CURLE_PEER_FAILED_VERIFICATION:
        return curl->peer_accepted ? BULLA_E_TLS_HOST_NAME : BULLA_E_TLS_CHAIN;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return BULLA_E_TLS_PIN;
    case CURLE_OUT_OF_MEMORY: /* or a line longer than libcurl holds */
        return curl->is_answered ? BULLA_E_HTTP_HEADER_TOO_LARGE : BULLA_E_CRYPTO;
    case CURLE_FAILED_INIT:
    case CURLE_ABORTED_BY_CALLBACK:
        return BULLA_E_CRYPTO;
    case CURLE_BAD_CONTENT_ENCODING:
        return BULLA_E_HTTP_CODING;
    case CURLE_OK:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
        return connection_status(curl);
    default: /* once the server answers, what libcurl dislikes is the answer */
        return curl->is_answered ? BULLA_E_HTTP_MALFORMED : BULLA_E_TLS_PROTOCOL;
    }
}

/* ---- the exchange ---- */

static bool same_server(const struct bulla_url *url, const char *host, uint16_t port)
{
    return url->port == port && strcmp(url->host, host) == 0;
}

/* Only after a body that was read to its end, with nothing behind it. */
static bool can_reuse(const struct bulla_curl_transport *curl, const struct bulla_url *url)
{
    return curl->is_secure && !curl->reading && same_server(url, curl->host, curl->port);
}

static bool open_connection(struct bulla_curl_transport *curl, const struct bulla_url *url)
{
    close_connection(curl);
    curl->peer_accepted = false;
    curl->peer_status = curl->record_status = BULLA_OK;
    memcpy(curl->host, url->host, sizeof curl->host);
    curl->port = url->port;
    return bulla_curl_open(curl);
}

static enum bulla_status exchange_once(struct bulla_curl_transport *curl,
                                       const struct bulla_request *request)
{
    size_t len;
    enum bulla_status status = bulla_http_request(request, curl->text, sizeof curl->text, &len);
    if (status != BULLA_OK)
        return status;
    curl->is_reused = can_reuse(curl, request->url);
    bulla_curl_begin_progress(curl);
    status = time_status(curl, bulla_curl_now_ms());
    if (status != BULLA_OK)
        return status;
    if (!curl->is_reused && !open_connection(curl, request->url))
        return BULLA_E_CRYPTO;
    if (!bulla_curl_send(curl, request, len))
        return BULLA_E_CRYPTO;
    status = run(curl);
    if (status == BULLA_OK && !bulla_http_header_done(&curl->http))
        status = end_status(curl);
    if (status != BULLA_OK)
        return status;
    bulla_curl_begin_progress(curl);
    curl->reading = true;
    return BULLA_OK;
}

/* A kept connection may have been closed by the server meanwhile; that is nobody's fault and
 * a GET can be sent again, once. */
static enum bulla_status exchange(struct bulla_curl_transport *curl,
                                  const struct bulla_request *request)
{
    enum bulla_status status = exchange_once(curl, request);
    if (status != BULLA_E_NET_CLOSED || !curl->is_reused || curl->is_answered)
        return status;
    close_connection(curl);
    return exchange_once(curl, request);
}

/* ---- the body ---- */

/* Of what is held at most as much as the buffer takes. */
static enum bulla_status keep_held(struct bulla_curl_transport *curl, uint8_t *buffer, size_t size,
                                   size_t *len)
{
    while (*len < size && curl->rest.len > 0 && !bulla_http_complete(&curl->http)) {
        size_t offered = curl->rest.len < size - *len ? curl->rest.len : size - *len;
        struct bulla_bytes part = {curl->rest.data, offered};
        struct bulla_bytes body;
        enum bulla_status status = bulla_http_feed(&curl->http, &part, &body);
        if (status != BULLA_OK)
            return status;
        if (body.len > 0)
            memcpy(buffer + *len, body.data, body.len);
        *len += body.len;
        curl->rest.data += offered - part.len;
        curl->rest.len -= offered - part.len;
    }
    return BULLA_OK;
}

static enum bulla_status next_body(struct bulla_curl_transport *curl, uint8_t *buffer, size_t size,
                                   size_t *len)
{
    enum bulla_status status = BULLA_OK;
    while (status == BULLA_OK && *len == 0 && !bulla_http_complete(&curl->http)) {
        if (bulla_curl_now_ms() >= curl->deadline) /* also while bytes keep coming */
            return BULLA_E_NET_DEADLINE;
        if (curl->rest.len > 0) {
            status = keep_held(curl, buffer, size, len);
        } else if (curl->is_over) {
            return end_status(curl);
        } else if (curl->is_paused) {
            curl->is_paused = false;
            curl->result = curl_easy_pause(curl->easy, CURLPAUSE_CONT);
            curl->is_over = curl->result != CURLE_OK;
        } else {
            status = run(curl);
        }
    }
    return status;
}

/* The body is whole: keep the connection, unless the server said otherwise or sent more. */
static void end_body(struct bulla_curl_transport *curl)
{
    curl->reading = false;
    bool is_quiet = curl->rest.len == 0 && !curl->is_paused;
    if (is_quiet && !curl->is_over)
        is_quiet = perform(curl) == BULLA_OK && curl->rest.len == 0 && !curl->is_paused;
    if (!is_quiet || !curl->http.keep_alive || !curl->is_over || curl->result != CURLE_OK) {
        close_connection(curl);
        return;
    }
    (void)curl_multi_remove_handle(curl->multi, curl->easy);
    curl->is_added = false;
}

/* A redirect's body is small; reading it is cheaper than another handshake. */
static void drain(struct bulla_curl_transport *curl)
{
    uint8_t buffer[128];
    size_t total = 0;
    while (total < BULLA_CURL_DRAIN_MAX && !bulla_http_complete(&curl->http)) {
        size_t len = 0;
        if (next_body(curl, buffer, sizeof buffer, &len) != BULLA_OK)
            break;
        total += len;
    }
    if (bulla_http_complete(&curl->http))
        end_body(curl);
    else
        close_connection(curl);
}

static bool is_redirect(uint16_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where to go next: the same server, or nowhere. */
static enum bulla_status follow(struct bulla_curl_transport *curl, struct bulla_request *request)
{
    struct bulla_bytes location = {(const uint8_t *)curl->text, curl->http.location_len};
    enum bulla_status status = bulla_url_resolve(request->url, location, &curl->redirect);
    if (status != BULLA_OK || !same_server(&curl->redirect, curl->host, curl->port))
        return BULLA_E_HTTP_REDIRECT;
    request->url = &curl->redirect;
    drain(curl);
    return BULLA_OK;
}

static enum bulla_status get_following(struct bulla_curl_transport *curl,
                                       const struct bulla_request *request)
{
    struct bulla_request hop = *request;
    for (uint32_t redirects = 0;; redirects++) {
        enum bulla_status status = exchange(curl, &hop);
        if (status != BULLA_OK || !is_redirect(curl->http.response.status))
            return status;
        if (redirects == BULLA_CURL_REDIRECTS_MAX)
            return BULLA_E_HTTP_REDIRECT;
        status = follow(curl, &hop);
        if (status != BULLA_OK)
            return status;
    }
}

/* ---- the seam ---- */

static enum bulla_status get(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response)
{
    struct bulla_curl_transport *curl = ctx;
    memset(response, 0, sizeof *response);
    enum bulla_status status = get_following(curl, request);
    if (status == BULLA_OK && curl->http.response.status != 200 &&
        curl->http.response.status != 206) {
        response->status = curl->http.response.status;
        response->retry_after = curl->http.response.retry_after;
        status = BULLA_E_HTTP_STATUS;
    }
    if (status == BULLA_OK) {
        *response = curl->http.response;
        if (bulla_http_complete(&curl->http))
            end_body(curl);
    } else {
        memset(&curl->http, 0, sizeof curl->http); /* no body to read */
        close_connection(curl);
    }
    curl->left_at = bulla_curl_now_ms();
    return status;
}

static enum bulla_status read_body(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bulla_curl_transport *curl = ctx;
    *len = 0;
    if (size == 0)
        return BULLA_E_USAGE;
    if (!curl->reading)
        return bulla_http_complete(&curl->http) ? BULLA_OK : BULLA_E_NET_CLOSED;
    resume_progress(curl);
    enum bulla_status status = next_body(curl, buffer, size, len);
    if (status != BULLA_OK) {
        *len = 0;
        close_connection(curl);
    } else if (bulla_http_complete(&curl->http)) {
        end_body(curl);
    }
    curl->left_at = bulla_curl_now_ms();
    return status;
}

static void close_transport(void *ctx)
{
    close_connection(ctx);
}

struct bulla_transport bulla_curl_transport_view(struct bulla_curl_transport *curl)
{
    return (struct bulla_transport){
        .get = get, .read = read_body, .close = close_transport, .ctx = curl};
}
