/* SPDX-License-Identifier: Apache-2.0 */
/* What is served: with one release only what its manifest names, and never a private key. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulla/envelope.h"
#include "file.h"
#include "send.h"

#define SECRET_WITHIN 65536u
#define SLASH_IN_NAME 0x100u /* an escaped one: no separator */

/* ---- names ---- */

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The next character of a path that was judged, percent-decoded; 0 at its end, that of the query
 * aside. */
static unsigned next_unit(const char **path)
{
    const char *at = *path;
    unsigned unit = (uint8_t)at[0];

    if (unit == '\0' || unit == '?')
        return 0;
    bool escaped = unit == '%' && at[1] != '\0' && at[2] != '\0';
    *path = at + (escaped ? 3 : 1);
    if (!escaped)
        return unit;
    unit = (unsigned)hex_digit(at[1]) << 4 | hex_digit(at[2]);
    return unit == '/' ? SLASH_IN_NAME : unit;
}

/* Do both lead to the same file; `suffix` is added to the second one. */
static bool same_path(const char *asked, const char *named, const char *suffix)
{
    unsigned unit;

    do {
        unit = next_unit(&named);
        if (unit == 0 && *suffix != '\0')
            unit = (uint8_t)*suffix++;
        if (unit != next_unit(&asked))
            return false;
    } while (unit != 0);
    return true;
}

/* ---- the release ---- */

struct release {
    uint8_t head[BULLA_HEAD_MAX];
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    struct bulla_url url;
};

/* Who signed it is the device's question. The file is looked at anew each time: it may have been
 * replaced. */
static bool read_release(const struct send_server *s, struct release *r)
{
    enum bulla_status status = BULLA_OK;
    size_t need = 0;

    memset(r, 0, sizeof(*r));
    if (s->first == NULL || !bulla_file_path(s->first, r->url.path))
        return false;
    int fd = bulla_file_open(s->folder, r->url.path, &status);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, r->head, sizeof(r->head), 0);
    close(fd);
    if (n <= 0)
        return false;
    struct bulla_bytes head = {r->head, (size_t)n};
    status = bulla_envelope_split(head, &r->envelope, &need);
    if (status == BULLA_OK)
        status = bulla_manifest_decode(r->envelope.manifest, &r->manifest);
    return status == BULLA_OK;
}

bool send_has_release(const struct send_server *server)
{
    struct release r;

    return read_release(server, &r);
}

bool send_is_named(const struct send_server *server, const char *path)
{
    char first[BULLA_PATH_MAX + 1u];
    struct release r;

    if (same_path(path, SEND_WELL_KNOWN, ""))
        return true;
    if (server->first != NULL && bulla_file_path(server->first, first) &&
        same_path(path, first, ""))
        return true;
    if (!read_release(server, &r))
        return false;
    for (uint32_t i = 0; i < r.manifest.images; i++) {
        struct bulla_image image;
        struct bulla_url url;
        if (bulla_manifest_image(r.envelope.manifest, i, &image) != BULLA_OK ||
            bulla_url_resolve(&r.url, image.uri, &url) != BULLA_OK || url.host[0] != '\0')
            continue; /* another host's: no line leads there */
        if (same_path(path, url.path, "") || same_path(path, url.path, ".md5"))
            return true;
    }
    return false;
}

/* ---- private keys ---- */

/* SEQUENCE { INTEGER 0 or 1, ... }: so PKCS#8, PKCS#1 and SEC1 begin, and nothing that a device
 * asks for. */
static bool is_der_key(const uint8_t *data, size_t len)
{
    size_t at = 2;

    if (len < 2 || data[0] != 0x30 || data[1] == 0x80 || data[1] > 0x84)
        return false;
    if (data[1] > 0x80)
        at += data[1] & 0x7fu;
    return len >= at + 3 && data[at] == 0x02 && data[at + 1] == 0x01 && data[at + 2] <= 1;
}

bool send_is_secret(int fd, uint64_t size)
{
    static const char mark[] = "PRIVATE KEY-----";

    if (size > SECRET_WITHIN)
        return false; /* no key is that large, and images may hold the word */
    uint8_t *data = malloc(SECRET_WITHIN);
    ssize_t n = data != NULL ? pread(fd, data, SECRET_WITHIN, 0) : -1;
    bool is_secret = n < 0 || is_der_key(data, (size_t)n) ||
                     memmem(data, (size_t)n, mark, sizeof(mark) - 1) != NULL;
    free(data);
    return is_secret;
}
