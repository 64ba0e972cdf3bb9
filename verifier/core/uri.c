/* SPDX-License-Identifier: Apache-2.0 */
/* The image URI: a relative path, an absolute path, or https; nothing that a server, a proxy or
 * a file system could read in a second way. RFC 3986 names in the comments. */

#include "bulla/manifest.h"

#define PORT_MAX 65535u
#define ENCODED  0x100u /* beside the value of a percent-encoded character */

static uint32_t hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (uint32_t)'0';
    uint32_t letter = (c | 0x20u) - (uint32_t)'a';
    return letter < 6u ? letter + 10u : 16u;
}

/* pchar without "%", and "/": letters, digits and -._~!$&'()*+,;=:@/ */
static bool is_path_character(uint8_t c)
{
    static const uint32_t set[] = {0, 0x2fffffd2, 0x87ffffff, 0x47fffffe};
    return c < 0x80u && (set[c / 32u] >> c % 32u & 1u) != 0;
}

/* Read one character, "%41" counting as one: its value, with ENCODED when it was; 0 when it is not
 * allowed. A control character is not, encoded or not. */
static uint32_t character(const uint8_t **at, const uint8_t *end)
{
    uint8_t c = *(*at)++;
    if (c != '%')
        return is_path_character(c) ? c : 0;
    if (end - *at < 2)
        return 0;
    uint32_t high = hex_value(*(*at)++), low = hex_value(*(*at)++);
    if (high < 2u || high > 15u || low > 15u || (high == 7u && low == 15u))
        return 0;
    return ENCODED | high << 4 | low;
}

/* The end of the host, or NULL when it is none. User-info fails because '@' is refused. */
static const uint8_t *host_end(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    if (at < end && *at == '[') {
        do {
            at++;
        } while (at < end && (hex_value(*at) < 16u || *at == ':' || *at == '.'));
        return at < end && *at == ']' && at - start > 2 ? at + 1 : NULL;
    }
    while (at < end && *at != ':' && *at != '/' && *at != '?') {
        uint32_t c = character(&at, end);
        if (c == 0 || c == '@')
            return NULL;
    }
    return at > start ? at : NULL;
}

/* The end of host [":" port], or NULL. */
static const uint8_t *authority_end(const uint8_t *at, const uint8_t *end)
{
    at = host_end(at, end);
    if (at == NULL || at == end || *at != ':')
        return at;
    uint32_t port = 0;
    for (at++; at < end && hex_value(*at) < 10u && port <= PORT_MAX; at++)
        port = port * 10u + hex_value(*at);
    return port > 0 && port <= PORT_MAX ? at : NULL;
}

/* path ["?" query], no fragment. No segment is "." or "..", also when percent-encoded; the first
 * one has no ':' where that would make it a scheme. */
static bool path_ok(const uint8_t *at, const uint8_t *end, bool may_be_scheme)
{
    uint32_t dots =
        0; /* 1 or 2: the segment is only dots so far; 3 and more: it is none of these */
    while (at < end && *at != '?') {
        uint32_t c = character(&at, end);
        if (c == 0 || (c == ':' && may_be_scheme))
            return false;
        if (c == '/') {
            if (dots == 1 || dots == 2)
                return false;
            dots = 0;
            may_be_scheme = false;
        } else {
            dots += (c & 0xffu) == '.' ? 1u : 3u;
        }
    }
    while (at < end) {
        if (*at == '?')
            at++;
        else if (character(&at, end) == 0)
            return false;
    }
    return dots != 1 && dots != 2;
}

bool bulla_uri_path_is_plain(struct bulla_bytes path)
{
    return path_ok(path.data, path.data + path.len, false);
}

bool bulla_uri_has_https(struct bulla_bytes uri)
{
    static const char scheme[] = "https://";
    for (size_t i = 0; i < BULLA_URI_HTTPS_LEN; i++) {
        if (i == uri.len)
            return false;
        uint8_t c = i < 5u ? uri.data[i] | 0x20u : uri.data[i];
        if (c != (uint8_t)scheme[i])
            return false;
    }
    return true;
}

static bool uri_ok(struct bulla_bytes uri)
{
    if (uri.len < 1 || uri.len > BULLA_URI_MAX)
        return false;
    const uint8_t *at = uri.data, *end = at + uri.len;
    if (!bulla_uri_has_https(uri)) {
        bool host_without_scheme = uri.len > 1 && at[0] == '/' && at[1] == '/';
        return *at != '?' && !host_without_scheme && path_ok(at, end, true);
    }
    at = authority_end(at + BULLA_URI_HTTPS_LEN, end);
    return at != NULL && (at == end || *at == '/' || *at == '?') && path_ok(at, end, false);
}

enum bulla_status bulla_uri_check(struct bulla_bytes uri)
{
    return uri_ok(uri) ? BULLA_OK : BULLA_E_URI_FORM;
}
