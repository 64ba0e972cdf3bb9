/* SPDX-License-Identifier: Apache-2.0 */
/* Text in and out: untrusted text made printable, versions, numbers, UUIDs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "host.h"

#define ESCAPED_MAX 8u /* "\u{0001}" for one byte of input; nothing grows more */

/* Length of the well-formed UTF-8 sequence at the start of text and its code point; 0 when it is
 * not one (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
static size_t utf8_next(struct bulla_bytes text, uint32_t *code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 0 || first > 0xf4 || text.len < len)
        return 0;
    *code = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0u) != 0x80)
            return 0;
        *code = *code << 6 | (text.data[i] & 0x3fu);
    }
    if (*code < smallest[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return len;
}

/* Would it move the cursor, end the line or reorder what stands around it? */
static bool must_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static char *escape(struct bulla_bytes text, bool double_backslash)
{
    if (text.len > (SIZE_MAX - 1) / ESCAPED_MAX)
        return NULL;
    char *out = malloc(text.len * ESCAPED_MAX + 1);
    char *end = out;

    if (out == NULL)
        return NULL;
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = utf8_next(text, &code);
        if (len == 0) {
            end += snprintf(end, ESCAPED_MAX + 1, "\\x%02X", text.data[0]);
            len = 1;
        } else if (must_escape(code)) {
            end += snprintf(end, ESCAPED_MAX + 1, "\\u{%04X}", (unsigned)code);
        } else {
            if (code == '\\' && double_backslash)
                *end++ = '\\';
            memcpy(end, text.data, len);
            end += len;
        }
        text.data += len;
        text.len -= len;
    }
    *end = '\0';
    return out;
}

char *host_escape(struct bulla_bytes text)
{
    return escape(text, true);
}

char *host_tidy(const char *message)
{
    return escape((struct bulla_bytes){(const uint8_t *)message, strlen(message)}, false);
}

/* Index: minus the part's value (update-management: -1 release candidate, -2 beta, -3 alpha). */
static const char *const pre_release[] = {"", "rc", "beta", "alpha"};
#define PRE_RELEASES 3

const char *host_version_text(const struct bulla_version *version, char *buf, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return "";
    buf[0] = '\0';
    for (uint32_t i = 0; i < version->count && i < BULLA_VERSION_PARTS_MAX && used < size; i++) {
        int64_t part = version->parts[i];
        int n;
        if (part < 0 && part >= -PRE_RELEASES)
            n = snprintf(buf + used, size - used, "-%s", pre_release[-part]);
        else
            n = snprintf(buf + used, size - used, "%s%lld",
                         i > 0 && i < version->release_count ? "." : "", (long long)part);
        used += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

/* A decimal uint32 without leading zeros, so that a version has one spelling. Moves *text. */
static bool parse_part(const char **text, int64_t *part)
{
    const char *p = *text;
    uint64_t value = 0;

    if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *part = (int64_t)value;
    *text = p;
    return true;
}

/* "rc", "beta" or "alpha" at *text; moves it and gives -1, -2, -3, or 0 when it is none. */
static int64_t parse_pre_release(const char **text)
{
    for (int kind = 1; kind <= PRE_RELEASES; kind++) {
        size_t len = strlen(pre_release[kind]);
        if (strncmp(*text, pre_release[kind], len) == 0) {
            *text += len;
            return -kind;
        }
    }
    return 0;
}

bool host_version_parse(const char *text, struct bulla_version *version)
{
    struct bulla_version v = {0};

    *version = v;
    do {
        if (v.count == 3 || (v.count > 0 && *text++ != '.') ||
            !parse_part(&text, &v.parts[v.count]))
            return false;
        v.count++;
    } while (*text == '.');
    v.release_count = v.count;

    if (*text == '-') {
        text++;
        v.parts[v.count] = parse_pre_release(&text);
        if (v.parts[v.count++] == 0)
            return false;
        if (*text != '\0' && !parse_part(&text, &v.parts[v.count++]))
            return false;
    }
    if (*text != '\0')
        return false;
    *version = v;
    return true;
}

void host_hex(struct bulla_bytes bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[bytes.data[i] >> 4];
        out[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    out[2 * bytes.len] = '\0';
}

void host_uuid_text(const uint8_t id[16], char out[37])
{
    uuid_unparse_lower(id, out);
}

bool host_parse_number(const char *text, uint64_t max, bool suffix, uint64_t *out)
{
    uint64_t value = 0;
    uint64_t unit = 1;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (p == text)
        return false;
    if (suffix && (*p == 'K' || *p == 'M'))
        unit = *p++ == 'K' ? 1024 : 1048576;
    if (*p != '\0' || value > max / unit)
        return false;
    *out = value * unit;
    return true;
}

void host_vendor_id(const char *domain, uint8_t id[16])
{
    /* RFC 9562 6.6: the name space for domain names */
    static const uint8_t dns[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                    0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

    uuid_generate_sha1(id, dns, domain, strlen(domain));
}

void host_class_id(const uint8_t vendor_id[16], const char *name, uint8_t id[16])
{
    uuid_generate_sha1(id, vendor_id, name, strlen(name));
}

const char *host_id_name_problem(const char *name)
{
    size_t len = strlen(name);

    if (len == 0)
        return "is empty";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 'A' && c <= 'Z')
            return "has an upper-case letter";
        if (c <= ' ' || c == 0x7f)
            return "has a blank or control character";
    }
    return name[len - 1] == '.' ? "ends with a dot" : NULL;
}

const char *host_named_file(const char *argument, char name[BULLA_COMPONENT_NAME_MAX + 1u])
{
    size_t len = strcspn(argument, "=");

    if (argument[len] == '\0' || argument[len + 1] == '\0' ||
        !bulla_is_module_name((struct bulla_bytes){(const uint8_t *)argument, len}))
        return NULL;
    memcpy(name, argument, len);
    name[len] = '\0';
    return argument + len + 1;
}
