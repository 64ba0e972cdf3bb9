/* SPDX-License-Identifier: Apache-2.0 */
/* Write one GET. Nothing in a URL or ETag can end a line: checked here again, where it matters. */

#include "bulla/http.h"

#define TO_THE_END UINT64_MAX
#define PORT_HTTPS 443u

struct text {
    char *data;
    size_t size;
    size_t len;
    bool failed;
};

static void add(struct text *text, const char *more)
{
    for (; *more != '\0'; more++) {
        if (text->len == text->size) {
            text->failed = true;
            return;
        }
        text->data[text->len++] = *more;
    }
}

/* Text from elsewhere: nothing in it may end a line or an element of one. */
static void add_foreign(struct text *text, const char *more)
{
    for (size_t i = 0; more[i] != '\0'; i++)
        if ((uint8_t)more[i] <= 0x20 || more[i] == 0x7F)
            text->failed = true;
    add(text, more);
}

/* In 16-bit limbs: a 64-bit division would pull a library routine into small devices. */
static char last_digit(uint64_t *value)
{
    uint64_t quotient = 0;
    uint32_t rest = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t part = rest << 16 | (uint32_t)(*value >> 48);
        *value <<= 16;
        quotient = quotient << 16 | part / 10u;
        rest = part % 10u;
    }
    *value = quotient;
    return (char)('0' + rest);
}

static void add_number(struct text *text, uint64_t value)
{
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = last_digit(&value);
    } while (value > 0);
    add(text, digits + at);
}

static void add_host(struct text *text, const struct bulla_url *url)
{
    uint8_t address[16];
    size_t address_len;
    (void)bulla_url_address(url->host, address, &address_len);
    add(text, address_len == 16 ? "[" : "");
    add_foreign(text, url->host);
    add(text, address_len == 16 ? "]" : "");
    if (url->port != PORT_HTTPS) {
        add(text, ":");
        add_number(text, url->port);
    }
}

static void add_range(struct text *text, const struct bulla_request *request)
{
    add(text, "Range: bytes=");
    add_number(text, request->from);
    add(text, "-");
    if (request->to != TO_THE_END)
        add_number(text, request->to);
    if (request->etag != NULL && request->etag[0] != '\0') {
        add(text, "\r\nIf-Range: ");
        add_foreign(text, request->etag);
    }
    add(text, "\r\n");
}

enum bulla_status bulla_http_request(const struct bulla_request *request, char *buffer, size_t size,
                                     size_t *len)
{
    struct text text = {.data = buffer, .size = size};
    *len = 0;
    if (request->from > request->to || request->url->host[0] == '\0' ||
        request->url->path[0] != '/')
        return BULLA_E_URL;
    add(&text, "GET ");
    add_foreign(&text, request->url->path);
    add(&text, " HTTP/1.1\r\nHost: ");
    add_host(&text, request->url);
    add(&text, "\r\nUser-Agent: bulla\r\nAccept-Encoding: identity\r\n");
    if (request->from != 0 || request->to != TO_THE_END)
        add_range(&text, request);
    add(&text, "\r\n");
    if (text.failed)
        return BULLA_E_URL;
    *len = text.len;
    return BULLA_OK;
}

/* ---- the caller's fields ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* tchar of RFC 9110 5.6.2 */
static bool is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'))
        return true;
    for (const char *allowed = "!#$%&'*+-.^_`|~"; *allowed != '\0'; allowed++)
        if (c == *allowed)
            return true;
    return false;
}

/* What the transport says itself, and what would change how the message is framed or passed on. */
static bool is_reserved(const char *name, size_t len)
{
    static const char *const reserved[] = {
        "host",     "user-agent",        "accept-encoding", "range",
        "if-range", "connection",        "keep-alive",      "content-length",
        "te",       "transfer-encoding", "trailer",         "upgrade",
        "expect",   "http2-settings",
    };

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        size_t at = 0;
        while (at < len && reserved[i][at] == lower(name[at]))
            at++;
        if (at == len && reserved[i][at] == '\0')
            return true;
    }
    return false;
}

/* Length of the line with its CR LF; 0 when it is not such a field. */
static size_t field_len(const char *line)
{
    size_t name = 0;

    while (is_token_char(line[name]))
        name++;
    if (name == 0 || line[name] != ':' || line[name + 1] != ' ' || is_reserved(line, name))
        return 0;
    size_t at = name + 2;
    if (line[at] == ' ' || line[at] == '\t' || line[at] == '\r')
        return 0; /* libcurl would take an empty value for "leave the field out" */
    while ((uint8_t)line[at] >= 0x20 || line[at] == '\t') {
        if ((uint8_t)line[at] >= 0x7F)
            return 0;
        at++;
    }
    if (line[at] != '\r' || line[at + 1] != '\n' || line[at - 1] == ' ' || line[at - 1] == '\t')
        return 0;
    return at + 2;
}

enum bulla_status bulla_http_extra_check(const char *lines)
{
    size_t size = 0;

    for (uint32_t count = 0; lines[size] != '\0'; count++) {
        size_t len = count < BULLA_HTTP_EXTRA_MAX ? field_len(lines + size) : 0;
        if (len == 0 || len > BULLA_HTTP_EXTRA_SIZE - size)
            return BULLA_E_USAGE;
        size += len;
    }
    return BULLA_OK;
}

const char *bulla_http_extra_for(const struct bulla_http_extra *extra, const struct bulla_url *url)
{
    size_t i = 0;

    if (extra == NULL || extra->port != url->port)
        return "";
    while (extra->host[i] != '\0' && extra->host[i] == url->host[i])
        i++;
    return extra->host[i] == url->host[i] ? extra->lines : "";
}
