/* SPDX-License-Identifier: Apache-2.0 */
/* https URLs: take apart, resolve a reference. One spelling per meaning: no user-info, no
 * fragment, no dot segments, no percent-encoded host, no abbreviated addresses. */

#include "bulla/manifest.h"
#include "bulla/mem.h"
#include "bulla/transport.h"

#define PORT_HTTPS  443u
#define LABEL_MAX   63u
#define GROUP_COUNT 8u /* 16-bit groups of an IPv6 address */
#define NO_GAP      (GROUP_COUNT + 1u)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}

/* ---- addresses ---- */

static bool parse_ipv4(const char *text, uint8_t out[4])
{
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = 0;
        size_t digits = 0;
        for (; is_digit(text[digits]) && digits < 3; digits++)
            value = value * 10u + (uint32_t)(text[digits] - '0');
        /* a leading zero means octal to some resolvers */
        if (digits == 0 || value > 255u || (digits > 1 && text[0] == '0'))
            return false;
        if (text[digits] != (i < 3 ? '.' : '\0'))
            return false;
        out[i] = (uint8_t)value;
        text += digits + 1;
    }
    return true;
}

/* Put the groups behind "::" at the end and zeros between. */
static void spread(uint8_t out[16], size_t gap, size_t count)
{
    size_t tail = 2 * (count - gap);
    uint8_t moved[16];
    memcpy(moved, out + 2 * gap, tail);
    memset(out + 2 * gap, 0, 16 - 2 * gap);
    memcpy(out + 16 - tail, moved, tail);
}

/* Hexadecimal groups only: the form that ends in an IPv4 address is a second spelling. */
static bool parse_ipv6(const char *text, uint8_t out[16])
{
    size_t count = 0;
    size_t gap = NO_GAP;
    memset(out, 0, 16);
    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }
    while (*text != '\0') {
        uint32_t value = 0;
        size_t digits = 0;
        for (; digits < 4 && hex_value(text[digits]) >= 0; digits++)
            value = value << 4 | (uint32_t)hex_value(text[digits]);
        if (digits == 0 || count == GROUP_COUNT)
            return false;
        out[2 * count] = (uint8_t)(value >> 8);
        out[2 * count + 1] = (uint8_t)value;
        count++;
        text += digits;
        if (*text == '\0')
            break;
        if (text[0] != ':' || text[1] == '\0')
            return false;
        text++;
        if (*text == ':') {
            if (gap != NO_GAP)
                return false;
            gap = count;
            text++;
        }
    }
    if (gap == NO_GAP)
        return count == GROUP_COUNT;
    if (count == GROUP_COUNT)
        return false;
    spread(out, gap, count);
    return true;
}

bool bulla_url_address(const char *host, uint8_t address[16], size_t *len)
{
    *len = 0;
    if (parse_ipv4(host, address))
        *len = 4;
    else if (parse_ipv6(host, address))
        *len = 16;
    return *len != 0;
}

/* ---- parts ---- */

/* Would a resolver take a name that ends in this label for an address ("127.1", "0x7f.1")? */
static bool is_number(const char *label)
{
    if (label[0] == '0' && label[1] == 'x')
        return true;
    while (is_digit(*label))
        label++;
    return *label == '\0';
}

/* Labels of letters, digits, '-' and '_', no empty one; a number only in a whole address. */
static bool host_is_plain(const char *host)
{
    size_t label = 0;
    for (size_t i = 0;; i++) {
        char c = host[i];
        if (c != '.' && c != '\0') {
            if (!is_alphanumeric(c) && c != '-' && c != '_')
                return false;
            continue;
        }
        if (i == label || i - label > LABEL_MAX)
            return false;
        if (c == '\0')
            break;
        label = i + 1;
    }
    uint8_t address[4];
    return !is_number(host + label) || parse_ipv4(host, address);
}

static bool put_host(struct bulla_bytes text, char host[BULLA_HOST_MAX + 1u])
{
    if (text.len == 0 || text.len > BULLA_HOST_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0')
            return false;
        host[i] = to_lower((char)text.data[i]);
    }
    host[text.len] = '\0';
    return true;
}

/* ":port" or nothing */
static bool parse_port(struct bulla_bytes text, uint16_t *port)
{
    uint32_t value = 0;
    *port = PORT_HTTPS;
    if (text.len == 0)
        return true;
    if (text.data[0] != ':' || text.len < 2 || text.len > 6 || text.data[1] == '0')
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (!is_digit((char)text.data[i]))
            return false;
        value = value * 10u + (uint32_t)(text.data[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static size_t find(struct bulla_bytes text, uint8_t wanted)
{
    size_t i = 0;
    while (i < text.len && text.data[i] != wanted)
        i++;
    return i;
}

static struct bulla_bytes from(struct bulla_bytes text, size_t at)
{
    return (struct bulla_bytes){text.data + at, text.len - at};
}

static bool parse_authority(struct bulla_bytes text, struct bulla_url *out)
{
    uint8_t address[16];
    if (text.len > 0 && text.data[0] == '[') {
        size_t end = find(text, ']');
        if (end == text.len || !put_host((struct bulla_bytes){text.data + 1, end - 1}, out->host))
            return false;
        return parse_ipv6(out->host, address) && parse_port(from(text, end + 1), &out->port);
    }
    size_t end = find(text, ':');
    return put_host((struct bulla_bytes){text.data, end}, out->host) && host_is_plain(out->host) &&
           parse_port(from(text, end), &out->port);
}

/* Keep `at` characters of the path and append the tail. */
static bool put_path(struct bulla_url *out, size_t at, struct bulla_bytes tail)
{
    if (tail.len > BULLA_PATH_MAX - at)
        return false;
    if (tail.len > 0)
        memcpy(out->path + at, tail.data, tail.len);
    out->path[at + tail.len] = '\0';
    return out->path[0] == '/' &&
           bulla_uri_path_is_plain((struct bulla_bytes){(const uint8_t *)out->path, at + tail.len});
}

static enum bulla_status judge(bool is_good, struct bulla_url *out)
{
    if (is_good)
        return BULLA_OK;
    memset(out, 0, sizeof *out);
    return BULLA_E_URL;
}

enum bulla_status bulla_url_parse(struct bulla_bytes text, struct bulla_url *out)
{
    if (!bulla_uri_has_https(text))
        return judge(false, out);
    text = from(text, BULLA_URI_HTTPS_LEN);
    size_t end = 0;
    while (end < text.len && text.data[end] != '/' && text.data[end] != '?')
        end++;
    memset(out, 0, sizeof *out);
    bool has_root = end < text.len && text.data[end] == '/';
    out->path[0] = '/';
    return judge(parse_authority((struct bulla_bytes){text.data, end}, out) &&
                     put_path(out, has_root ? 0 : 1, from(text, end)),
                 out);
}

/* Length of the base path up to and with its last '/', the query left out. */
static size_t directory_len(const char *path)
{
    size_t len = 0;
    for (size_t i = 0; path[i] != '\0' && path[i] != '?'; i++)
        if (path[i] == '/')
            len = i + 1;
    return len;
}

enum bulla_status bulla_url_resolve(const struct bulla_url *base, struct bulla_bytes uri,
                                    struct bulla_url *out)
{
    size_t segment = 0; /* a colon in the first segment ends a scheme */
    while (segment < uri.len && uri.data[segment] != '/' && uri.data[segment] != '?' &&
           uri.data[segment] != ':')
        segment++;
    if (segment < uri.len && uri.data[segment] == ':')
        return bulla_url_parse(uri, out);
    if (uri.len == 0 || uri.data[0] == '?')
        return judge(false, out);
    if (out != base)
        *out = *base;
    if (uri.data[0] != '/')
        return judge(put_path(out, directory_len(out->path), uri), out);
    /* "//host/path" names another server */
    bool has_host = uri.len > 1 && uri.data[1] == '/';
    return judge(!has_host && put_path(out, 0, uri), out);
}
