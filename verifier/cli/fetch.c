/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope from an https URL, into an unnamed temporary file. The signature decides about what
 * comes; the connection only has to be the one that was asked for. The server is trusted by the
 * system's authorities, or by --pin alone, which then holds for self-signed servers too. */

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "verify.h"

/* Larger than the list of the largest image and any ESP image with it; files have no limit. */
#define FETCH_MAX        (64ll << 20)
#define FETCH_REDIRECTS  3
#define FETCH_CONNECT_S  15L
#define FETCH_STALL_S    15L
#define FETCH_STALL_RATE 68L /* bytes a second: 1 KiB in 15 s */
#define FETCH_DEADLINE_S 1800L
#define PIN_LIST_MAX     512u

struct download {
    FILE *file;
    long long received;
    bool too_large;
    bool pinned;
};

static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
    struct download *d = (struct download *)ctx;
    size_t len = size * count;
    if ((long long)len > FETCH_MAX - d->received) {
        d->too_large = true;
        return 0;
    }
    d->received += (long long)len;
    return fwrite(data, 1, len, d->file);
}

static int report_progress(void *ctx, curl_off_t total, curl_off_t done, curl_off_t up_total,
                           curl_off_t up)
{
    (void)ctx;
    (void)up_total;
    (void)up;
    if (total > 0)
        host_progress("fetching", (uint64_t)done, (uint64_t)total);
    return 0;
}

static bool set_trust(CURL *curl, const char *const *pins, size_t pin_count)
{
    if (pin_count == 0)
        return true;
    char list[PIN_LIST_MAX] = "";
    for (size_t i = 0; i < pin_count; i++) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ";" : "", pins[i]);
    }
    return curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, list) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK;
}

static bool set_up(CURL *curl, const char *url, struct download *d)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, FETCH_CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, FETCH_STALL_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, FETCH_STALL_RATE) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT, FETCH_DEADLINE_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report_progress) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, d) == CURLE_OK;
}

/* Two parts of two URLs, equal without regard to case. */
static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *left = NULL;
    char *right = NULL;
    bool same = curl_url_get(a, part, &left, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &right, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strcasecmp(left, right) == 0;
    curl_free(left);
    curl_free(right);
    return same;
}

static bool same_server(const char *first, const char *second)
{
    CURLU *a = curl_url();
    CURLU *b = curl_url();
    bool same = a != NULL && b != NULL && curl_url_set(a, CURLUPART_URL, first, 0) == CURLUE_OK &&
                curl_url_set(b, CURLUPART_URL, second, 0) == CURLUE_OK &&
                same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
                same_part(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

static const struct {
    CURLcode code;
    enum bulla_status status;
} codes[] = {
    {CURLE_URL_MALFORMAT, BULLA_E_URL},
    {CURLE_UNSUPPORTED_PROTOCOL, BULLA_E_URL},
    {CURLE_COULDNT_RESOLVE_HOST, BULLA_E_NET_RESOLVE},
    {CURLE_COULDNT_RESOLVE_PROXY, BULLA_E_NET_RESOLVE},
    {CURLE_COULDNT_CONNECT, BULLA_E_NET_CONNECT},
    {CURLE_OPERATION_TIMEDOUT, BULLA_E_NET_DEADLINE},
    {CURLE_SSL_CONNECT_ERROR, BULLA_E_TLS_PROTOCOL},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, BULLA_E_TLS_PIN},
    {CURLE_WEIRD_SERVER_REPLY, BULLA_E_HTTP_MALFORMED},
    {CURLE_BAD_CONTENT_ENCODING, BULLA_E_HTTP_CODING},
    {CURLE_PARTIAL_FILE, BULLA_E_NET_CLOSED},
    {CURLE_GOT_NOTHING, BULLA_E_NET_CLOSED},
    {CURLE_RECV_ERROR, BULLA_E_NET_CLOSED},
    {CURLE_SEND_ERROR, BULLA_E_NET_CLOSED},
    {CURLE_WRITE_ERROR, BULLA_E_IO},
};

static enum bulla_status status_of(CURL *curl, CURLcode code, bool pinned)
{
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        long verify = 0;
        (void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify);
        /* under pins nobody asked for a chain: what failed is the name */
        return verify != 0 && !pinned ? BULLA_E_TLS_CHAIN : BULLA_E_TLS_HOST_NAME;
    }
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return codes[i].status;
    return BULLA_E_NOT_JUDGED;
}

/* One request. *next is where a redirect on the server of `url` leads (curl's memory), else
 * NULL. */
static enum bulla_status request(CURL *curl, const char *url, struct download *d, const char **next,
                                 char why[VERIFY_WHY_MAX])
{
    *next = NULL;
    CURLcode code = curl_easy_perform(curl);
    if (d->too_large) {
        (void)snprintf(why, VERIFY_WHY_MAX, "%s: more than %lld bytes came", url, FETCH_MAX);
        return BULLA_E_IO;
    }
    if (code != CURLE_OK) {
        (void)snprintf(why, VERIFY_WHY_MAX, "%s: %s", url, curl_easy_strerror(code));
        return status_of(curl, code, d->pinned);
    }
    long answer = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    if (answer == 200)
        return BULLA_OK;
    (void)curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, next);
    if (*next != NULL && same_server(url, *next))
        return BULLA_OK;
    (void)snprintf(why, VERIFY_WHY_MAX, "%s: the server answered %ld%s%s", url, answer,
                   *next != NULL ? ", another server: " : "", *next != NULL ? *next : "");
    return *next != NULL ? BULLA_E_HTTP_REDIRECT : BULLA_E_HTTP_STATUS;
}

static enum bulla_status follow(CURL *curl, const char *url, struct download *d,
                                char why[VERIFY_WHY_MAX])
{
    for (int redirects = 0; redirects <= FETCH_REDIRECTS; redirects++) {
        const char *next;
        enum bulla_status status = request(curl, url, d, &next, why);
        if (status != BULLA_OK || next == NULL)
            return status;
        if (curl_easy_setopt(curl, CURLOPT_URL, next) != CURLE_OK ||
            ftruncate(fileno(d->file), 0) != 0 || fseek(d->file, 0, SEEK_SET) != 0)
            return BULLA_E_IO;
        d->received = 0;
    }
    (void)snprintf(why, VERIFY_WHY_MAX, "%s: more than %d redirects", url, FETCH_REDIRECTS);
    return BULLA_E_HTTP_REDIRECT;
}

/* A descriptor of its own, at the start of what was received. */
static enum bulla_status hand_over(struct download *d, int *fd)
{
    if (fflush(d->file) != 0)
        return BULLA_E_IO;
    *fd = dup(fileno(d->file));
    return *fd >= 0 && lseek(*fd, 0, SEEK_SET) == 0 ? BULLA_OK : BULLA_E_IO;
}

enum bulla_status verify_fetch(const char *url, const char *const *pins, size_t pin_count, int *fd,
                               char why[VERIFY_WHY_MAX])
{
    *fd = -1;
    struct download d = {.file = tmpfile(), .pinned = pin_count > 0};
    if (d.file == NULL)
        return BULLA_E_IO;
    enum bulla_status status = BULLA_E_NOT_JUDGED;
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (curl != NULL && set_up(curl, url, &d) && set_trust(curl, pins, pin_count))
        status = follow(curl, url, &d, why);
    if (status == BULLA_OK)
        status = hand_over(&d, fd);
    host_progress_end();
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    (void)fclose(d.file);
    return status;
}
