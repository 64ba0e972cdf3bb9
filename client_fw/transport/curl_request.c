/* SPDX-License-Identifier: Apache-2.0 */
/* One request given to libcurl, and what libcurl calls while it is answered. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "curl_parts.h"

/* ---- what libcurl calls ---- */

/* A line of the header, as it came. Trailers stay with the body. */
static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
    struct bulla_curl_transport *curl = ctx;
    struct bulla_bytes in = {(const uint8_t *)data, size * count};
    struct bulla_bytes body;
    bulla_curl_count_progress(curl, in.len);
    while (in.len > 0 && !bulla_http_header_done(&curl->http))
        if (bulla_http_feed(&curl->http, &in, &body) != BULLA_OK)
            return 0;
    return size * count;
}

/* One piece of the body is held; until it is consumed nothing more is read. */
static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct bulla_curl_transport *curl = ctx;
    size_t len = size * count;
    if (!bulla_http_header_done(&curl->http) || len > sizeof curl->held)
        return 0;
    if (curl->rest.len > 0) {
        curl->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(curl->held, data, len);
    curl->rest = (struct bulla_bytes){curl->held, len};
    bulla_curl_count_progress(curl, len);
    return len;
}

/* libcurl would quietly open another connection when a kept one is dead, and send the request
 * again though an answer began: that is decided in exchange. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct bulla_curl_transport *curl = ctx;
    (void)purpose;
    if (curl->is_reused)
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Before the request is sent. No judge, no request. */
static int begin_request(void *ctx, char *to, char *from, int to_port, int from_port)
{
    struct bulla_curl_transport *curl = ctx;
    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    if (!curl->peer_accepted)
        return CURL_PREREQFUNC_ABORT;
    curl->is_secure = true;
    bulla_curl_begin_progress(curl);
    return CURL_PREREQFUNC_OK;
}

/* ---- the request ---- */

/* The caller's fields, if this is their server. False when there is no memory. */
static bool add_extra(const struct bulla_curl_transport *curl, const struct bulla_url *url,
                      struct curl_slist *fields)
{
    const char *line = bulla_http_extra_for(curl->extra, url);
    bool is_good = true;
    while (line[0] != '\0' && is_good) {
        size_t len = strcspn(line, "\r");
        char *field = strndup(line, len);
        is_good = field != NULL && curl_slist_append(fields, field) != NULL;
        free(field);
        line += len + 2;
    }
    return is_good;
}

/* Cut the request that http.c wrote into what libcurl wants of it: the server, the path, the
 * fields, without those it writes itself. */
static bool set_target(struct bulla_curl_transport *curl, const struct bulla_request *request,
                       size_t len)
{
    char url[BULLA_HOST_MAX + sizeof "https://[]:65535/"];
    struct curl_slist *fields = curl_slist_append(NULL, "Accept:");
    bool is_good = fields != NULL;
    url[0] = '\0';
    for (size_t start = 0, i = 0; i + 1 < len && is_good; i++) {
        char *line = curl->text + start;
        if (curl->text[i] != '\r')
            continue;
        curl->text[i] = '\0';
        if (strncmp(line, "Host: ", 6) == 0) {
            (void)snprintf(url, sizeof url, "https://%s/", line + 6);
        } else if (start > 0 && line[0] != '\0') {
            struct curl_slist *longer = curl_slist_append(fields, line);
            is_good = longer != NULL;
        }
        start = i + 2;
    }
    is_good = is_good && add_extra(curl, request->url, fields);
    curl_slist_free_all(curl->fields);
    curl->fields = fields;
    return is_good && curl_easy_setopt(curl->easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl->easy, CURLOPT_REQUEST_TARGET, request->url->path) == CURLE_OK &&
           curl_easy_setopt(curl->easy, CURLOPT_HTTPHEADER, fields) == CURLE_OK;
}

static bool set_callbacks(struct bulla_curl_transport *curl)
{
    CURL *easy = curl->easy;
    /* shared among the addresses of a name, so that one that never answers does not hide the
     * next; ends with the handshake's beginning */
    uint64_t now = bulla_curl_now_ms();
    long connect_ms = curl->until > now ? (long)(curl->until - now) : 1; /* 0 is libcurl's 300 s */
    return curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, curl) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, curl) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, curl) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, begin_request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, curl) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK;
}

bool bulla_curl_send(struct bulla_curl_transport *curl, const struct bulla_request *request,
                     size_t len)
{
    curl->is_over = curl->is_paused = curl->is_answered = false;
    curl->is_closed = curl->said_goodbye = curl->was_alerted = false;
    curl->result = CURLE_OK;
    curl->rest = (struct bulla_bytes){0};
    if (!set_target(curl, request, len) || !set_callbacks(curl) ||
        curl_multi_add_handle(curl->multi, curl->easy) != CURLM_OK)
        return false;
    curl->is_added = true;
    bulla_http_init(&curl->http, request, curl->text);
    return true;
}
