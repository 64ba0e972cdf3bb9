/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: an https URL taken apart, the image URI's rules, and a URI resolved against a URL. The
 * input is the text; in the last case the first line is the base, the rest the URI.
 *
 * Holds: *out is zero on failure; a URL put together again from its parts reads back as the same
 * parts and can be asked for; a resolved URI is on the base's server unless it names another. */

#include <stdio.h>
#include <stdlib.h>

#include "bulla/http.h"
#include "bulla/manifest.h"
#include "fuzz.h"

static size_t compose(const struct bulla_url *url, char *text, size_t size)
{
    uint8_t address[16];
    size_t len;
    bool six = bulla_url_address(url->host, address, &len) && len == 16;

    return (size_t)snprintf(text, size, "https://%s%s%s:%u%s", six ? "[" : "", url->host,
                            six ? "]" : "", (unsigned)url->port, url->path);
}

static bool same_url(const struct bulla_url *a, const struct bulla_url *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port && strcmp(a->path, b->path) == 0;
}

static void check_url(const struct bulla_url *url)
{
    char text[BULLA_HTTP_LOCATION_MAX + 1], request[BULLA_HTTP_REQUEST_MAX];
    struct bulla_request get = {.url = url, .from = 0, .to = UINT64_MAX};
    struct bulla_url again;
    size_t len = compose(url, text, sizeof(text));

    FUZZ_CHECK(len < sizeof(text) && url->host[0] != '\0' && url->path[0] == '/');
    FUZZ_CHECK(url->port != 0);
    FUZZ_CHECK(bulla_url_parse((struct bulla_bytes){(const uint8_t *)text, len}, &again) ==
               BULLA_OK);
    FUZZ_CHECK(same_url(&again, url));
    FUZZ_CHECK(bulla_http_request(&get, request, sizeof(request), &len) == BULLA_OK);
    const char *dots = strstr(url->path, "/../"), *query = strchr(url->path, '?');
    FUZZ_CHECK(dots == NULL || (query != NULL && query < dots));
    for (const char *c = url->host; *c != '\0'; c++)
        FUZZ_CHECK((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
                   strchr(".-_:", *c) != NULL);
}

static void check_parse(struct bulla_bytes in, struct bulla_url *url)
{
    memset(url, 0xa5, sizeof(*url));
    if (bulla_url_parse(in, url) == BULLA_OK)
        check_url(url);
    else
        FUZZ_CHECK(fuzz_is_zero(url, sizeof(*url)));
}

static bool names_server(struct bulla_bytes uri)
{
    static const char scheme[] = "https://";

    if (uri.len < 8)
        return false;
    for (size_t i = 0; i < 8; i++) {
        if ((i < 5 ? uri.data[i] | 0x20 : uri.data[i]) != scheme[i])
            return false;
    }
    return true;
}

static void check_resolve(const struct bulla_url *base, struct bulla_bytes uri)
{
    struct bulla_url out, self = *base;
    bool good = bulla_uri_check(uri) == BULLA_OK;

    memset(&out, 0xa5, sizeof(out));
    enum bulla_status status = bulla_url_resolve(base, uri, &out);
    FUZZ_CHECK(bulla_url_resolve(&self, uri, &self) == status);
    FUZZ_CHECK(same_url(&self, &out));
    if (status != BULLA_OK) {
        FUZZ_CHECK(fuzz_is_zero(&out, sizeof(out)));
        /* a relative URI that a manifest may carry fails only for the length of the result */
        FUZZ_CHECK(!good || names_server(uri) || strlen(base->path) + uri.len > BULLA_PATH_MAX);
        return;
    }
    check_url(&out);
    if (!names_server(uri))
        FUZZ_CHECK(strcmp(out.host, base->host) == 0 && out.port == base->port);
}

void fuzz_url(struct bulla_bytes in)
{
    static const struct bulla_url home = {.host = "h", .port = 443, .path = "/dir/app.suit?x/y"};
    uint8_t *copy = fuzz_copy(in);
    struct bulla_bytes text = {copy, in.len};
    const uint8_t *line = in.len > 0 ? memchr(copy, '\n', in.len) : NULL;
    struct bulla_url url;

    check_parse(text, &url);
    check_resolve(&home, text);
    if (line != NULL) {
        struct bulla_bytes base = {copy, (size_t)(line - copy)};
        struct bulla_bytes uri = {line + 1, in.len - base.len - 1};
        check_parse(base, &url);
        if (url.host[0] != '\0')
            check_resolve(&url, uri);
    }
    char *host = calloc(1, in.len + 1);
    FUZZ_CHECK(host != NULL);
    memcpy(host, in.len > 0 ? (const void *)copy : "", in.len);
    uint8_t address[16];
    size_t len = 99;
    bool is_address = bulla_url_address(host, address, &len);
    FUZZ_CHECK(is_address ? len == 4 || len == 16 : len == 0);
    free(host);
    free(copy);
}
