/* SPDX-License-Identifier: Apache-2.0 */
/* The image URI: a relative path, an absolute path, or https; nothing that a server, a proxy or
 * a file system could read in a second way. RFC 3986 names in the comments. */

#include "bulla/manifest.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c)
{
    return (c | 0x20u) >= 'a' && (c | 0x20u) <= 'z';
}

static uint32_t hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - (uint32_t)'0';
    uint32_t letter = (c | 0x20u) - (uint32_t)'a';
    return letter < 6u ? letter + 10u : 16u;
}

static bool is_one_of(uint8_t c, const char *set)
{
    for (; *set != '\0'; set++) {
        if (c == (uint8_t)*set)
            return true;
    }
    return false;
}

/* unreserved and sub-delims: allowed in a host name and in a path */
static bool is_plain(uint8_t c)
{
    return is_alpha(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=");
}

/* One character, "%41" counting as one. Returns its length (1 or 3) and value, or 0. */
static size_t character(struct bulla_bytes s, size_t at, uint8_t *value)
{
    *value = s.data[at];
    if (*value != '%')
        return 1;
    if (s.len - at < 3u)
        return 0;
    uint32_t high = hex_value(s.data[at + 1]), low = hex_value(s.data[at + 2]);
    if (high > 15u || low > 15u)
        return 0;
    *value = (uint8_t)(high << 4 | low);
    return *value < 0x20u || *value == 0x7fu ? 0 : 3;
}

/* pchar, and what `also` adds. */
static bool all_allowed(struct bulla_bytes s, const char *also)
{
    for (size_t at = 0; at < s.len;) {
        uint8_t c;
        size_t len = character(s, at, &c);
        if (len == 0 || (len == 1 && !is_plain(c) && !is_one_of(c, also)))
            return false;
        at += len;
    }
    return true;
}

/* No segment of the path is "." or "..", also when percent-encoded. */
static bool no_dot_segment(struct bulla_bytes path)
{
    size_t dots = 0, others = 0;
    for (size_t at = 0; at < path.len;) {
        uint8_t c;
        size_t len = character(path, at, &c);
        if (len == 0)
            return false;
        if (len == 1 && c == '/') {
            if (others == 0 && (dots == 1 || dots == 2))
                return false;
            dots = others = 0;
        } else if (c == '.') {
            dots++;
        } else {
            others++;
        }
        at += len;
    }
    return others > 0 || (dots != 1 && dots != 2);
}

static size_t find(struct bulla_bytes s, const char *set)
{
    size_t at = 0;
    while (at < s.len && !is_one_of(s.data[at], set))
        at++;
    return at;
}

static bool port_ok(struct bulla_bytes port)
{
    uint32_t value = 0;
    for (size_t i = 0; i < port.len; i++) {
        if (!is_digit(port.data[i]))
            return false;
        value = value * 10u + (port.data[i] - (uint32_t)'0');
        if (value > 65535u)
            return false;
    }
    return value != 0;
}

/* host [":" port]; user-info fails because '@' is no host character. */
static bool authority_ok(struct bulla_bytes authority)
{
    size_t host_len;
    if (authority.len > 0 && authority.data[0] == '[') {
        host_len = find(authority, "]") + 1u;
        if (host_len > authority.len || host_len < 4u)
            return false;
        for (size_t i = 1; i + 1u < host_len; i++) {
            if (hex_value(authority.data[i]) > 15u && !is_one_of(authority.data[i], ":."))
                return false;
        }
    } else {
        host_len = find(authority, ":");
        if (host_len == 0 || !all_allowed((struct bulla_bytes){authority.data, host_len}, ""))
            return false;
    }
    if (host_len == authority.len)
        return true;
    if (authority.data[host_len] != ':')
        return false;
    return port_ok(
        (struct bulla_bytes){authority.data + host_len + 1u, authority.len - host_len - 1u});
}

/* "https://", upper or lower case (RFC 3986 3.1). */
static bool has_https(struct bulla_bytes uri)
{
    static const char scheme[] = "https://";
    if (uri.len < sizeof(scheme) - 1u)
        return false;
    for (size_t i = 0; i < sizeof(scheme) - 1u; i++) {
        uint8_t c = is_alpha(uri.data[i]) ? (uint8_t)(uri.data[i] | 0x20u) : uri.data[i];
        if (c != (uint8_t)scheme[i])
            return false;
    }
    return true;
}

static struct bulla_bytes from(struct bulla_bytes s, size_t at)
{
    return (struct bulla_bytes){s.data + at, s.len - at};
}

static bool uri_ok(struct bulla_bytes uri)
{
    if (uri.len < 1 || uri.len > BULLA_URI_MAX)
        return false;
    bool absolute = has_https(uri);
    struct bulla_bytes rest = uri;
    if (absolute) {
        rest = from(uri, sizeof("https://") - 1u);
        size_t end = find(rest, "/?#");
        if (!authority_ok((struct bulla_bytes){rest.data, end}))
            return false;
        rest = from(rest, end);
    }
    size_t end = find(rest, "?#");
    struct bulla_bytes path = {rest.data, end}, query = from(rest, end);
    if (!absolute) {
        if (path.len == 0 || (path.len > 1 && path.data[0] == '/' && path.data[1] == '/'))
            return false; /* only a query, or "//host" */
        size_t colon = find(path, ":/");
        if (colon < path.len && path.data[colon] == ':')
            return false; /* another scheme */
    }
    /* '#' is in neither set: no fragment */
    return all_allowed(path, ":@/") && no_dot_segment(path) && all_allowed(query, ":@/?");
}

enum bulla_status bulla_uri_check(struct bulla_bytes uri)
{
    return uri_ok(uri) ? BULLA_OK : BULLA_E_URI_FORM;
}
