/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reader for deterministic CBOR (RFC 8949 4.2.1). It knows items, not what they mean. */

#include "bulla/cbor.h"

#include "bulla/mem.h"
#include "cbor_head.h"

void bulla_cbor_init(struct bulla_cbor *r, struct bulla_bytes in)
{
    r->left.data = in.data;
    r->left.len = in.len;
    r->failed = BULLA_OK;
    r->missing = 0;
}

void bulla_cbor_fail(struct bulla_cbor *r, enum bulla_status why)
{
    if (r->failed == BULLA_OK)
        r->failed = why;
}

const uint8_t *bulla_cbor_take(struct bulla_cbor *r, uint64_t n)
{
    const uint8_t *start = r->left.data;
    if (r->failed != BULLA_OK)
        return NULL;
    if (n > r->left.len) {
        r->failed = BULLA_E_CBOR_TRUNCATED;
        r->missing = n - r->left.len;
        return NULL;
    }
    r->left.data += n;
    r->left.len -= (size_t)n;
    return start;
}

uint8_t bulla_cbor_peek(const struct bulla_cbor *r)
{
    if (r->failed != BULLA_OK || r->left.len == 0)
        return MAJOR_NONE;
    return (uint8_t)(r->left.data[0] >> 5);
}

/* Argument bytes, big-endian; they must not fit the next shorter head. */
static uint64_t argument(struct bulla_cbor *r, uint32_t width)
{
    const uint8_t *bytes = bulla_cbor_take(r, width);
    uint64_t value = 0;
    if (bytes == NULL)
        return 0;
    for (uint32_t i = 0; i < width; i++) {
        if (value == 0 && i > 0 && i == width / 2u)
            bulla_cbor_fail(r, BULLA_E_CBOR_NOT_SHORTEST);
        value = value << 8 | bytes[i];
    }
    if (value < 24u)
        bulla_cbor_fail(r, BULLA_E_CBOR_NOT_SHORTEST);
    return value;
}

uint64_t bulla_cbor_head(struct bulla_cbor *r, uint8_t major)
{
    const uint8_t *first = bulla_cbor_take(r, 1);
    if (first == NULL)
        return 0;
    uint8_t found = (uint8_t)(*first >> 5), info = *first & 0x1fu;
    uint64_t value = info;
    if (info > 23u && info < 28u && found != MAJOR_SIMPLE)
        value = argument(r, 1u << (info - 24u));
    if (info > 27u)
        bulla_cbor_fail(r, info == 31u ? BULLA_E_CBOR_INDEFINITE : BULLA_E_CBOR_RESERVED);
    if (found != major)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    return r->failed == BULLA_OK ? value : 0;
}

uint64_t bulla_cbor_uint(struct bulla_cbor *r)
{
    return bulla_cbor_head(r, MAJOR_UINT);
}

int64_t bulla_cbor_int(struct bulla_cbor *r)
{
    uint8_t major = bulla_cbor_peek(r) == MAJOR_NEGATIVE ? MAJOR_NEGATIVE : MAJOR_UINT;
    uint64_t value = bulla_cbor_head(r, major);
    if (value > INT64_MAX)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    if (r->failed != BULLA_OK)
        return 0;
    return major == MAJOR_UINT ? (int64_t)value : -1 - (int64_t)value;
}

uint64_t bulla_cbor_bstr_head(struct bulla_cbor *r)
{
    return bulla_cbor_head(r, MAJOR_BSTR);
}

/* RFC 3629: no overlong form, no surrogate, at most U+10FFFF. */
static bool is_utf8(struct bulla_bytes text)
{
    uint32_t more = 0, point = 0, least = 0; /* bytes to come, code point, least of this length */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (more == 0 && byte >= 0x80u) {
            if (byte < 0xc2u || byte > 0xf4u)
                return false;
            more = byte < 0xe0u ? 1 : byte < 0xf0u ? 2 : 3;
            point = byte & 0x3fu >> more;
            least = 1u << (5u * more + 1u);
        } else if (more > 0) {
            if ((byte & 0xc0u) != 0x80u)
                return false;
            point = point << 6 | (byte & 0x3fu);
            more--;
            if (more == 0 && (point < least || point > 0x10ffffu || point >> 11 == 0x1bu))
                return false;
        }
    }
    return more == 0;
}

static struct bulla_bytes string(struct bulla_cbor *r, uint8_t major)
{
    uint64_t len = bulla_cbor_head(r, major);
    struct bulla_bytes content = {bulla_cbor_take(r, len), (size_t)len};
    if (r->failed == BULLA_OK && major == MAJOR_TSTR && !is_utf8(content))
        r->failed = BULLA_E_CBOR_UTF8;
    if (r->failed != BULLA_OK)
        content = (struct bulla_bytes){NULL, 0};
    return content;
}

struct bulla_bytes bulla_cbor_bstr(struct bulla_cbor *r)
{
    return string(r, MAJOR_BSTR);
}

struct bulla_bytes bulla_cbor_tstr(struct bulla_cbor *r)
{
    return string(r, MAJOR_TSTR);
}

const uint8_t *bulla_cbor_bytes(struct bulla_cbor *r, uint32_t len, enum bulla_status why)
{
    struct bulla_bytes bytes = bulla_cbor_bstr(r);
    if (bytes.len != len)
        bulla_cbor_fail(r, why);
    return r->failed == BULLA_OK ? bytes.data : NULL;
}

size_t bulla_cbor_enter(struct bulla_cbor *r)
{
    struct bulla_bytes inner = bulla_cbor_bstr(r);
    size_t behind = r->left.len;
    if (r->failed == BULLA_OK)
        r->left = inner;
    return behind;
}

void bulla_cbor_leave(struct bulla_cbor *r, size_t behind)
{
    if (bulla_cbor_finish(r) == BULLA_OK)
        r->left.len = behind;
}

static uint32_t count_of(struct bulla_cbor *r, uint8_t major)
{
    uint64_t count = bulla_cbor_head(r, major);
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

uint32_t bulla_cbor_array(struct bulla_cbor *r)
{
    return count_of(r, MAJOR_ARRAY);
}

uint32_t bulla_cbor_map(struct bulla_cbor *r)
{
    return count_of(r, MAJOR_MAP);
}

void bulla_cbor_expect_int(struct bulla_cbor *r, int32_t value, enum bulla_status why)
{
    uint8_t major = bulla_cbor_peek(r);
    if (major > MAJOR_NEGATIVE && major != MAJOR_NONE)
        bulla_cbor_fail(r, why);
    if (bulla_cbor_int(r) != value)
        bulla_cbor_fail(r, why);
}

void bulla_cbor_expect(struct bulla_cbor *r, uint8_t major, uint32_t value, enum bulla_status why)
{
    uint8_t found = bulla_cbor_peek(r);
    if (found != major && found != MAJOR_NONE)
        bulla_cbor_fail(r, why);
    if (bulla_cbor_head(r, major) != value)
        bulla_cbor_fail(r, why);
}

uint32_t bulla_cbor_uint32(struct bulla_cbor *r, enum bulla_status why)
{
    uint64_t value = bulla_cbor_uint(r);
    if (value > UINT32_MAX)
        bulla_cbor_fail(r, why);
    return (uint32_t)value;
}

uint32_t bulla_cbor_array_of(struct bulla_cbor *r, uint32_t least, uint32_t most,
                             enum bulla_status why)
{
    uint32_t count = bulla_cbor_array(r);
    if (count < least || count > most)
        bulla_cbor_fail(r, why);
    return r->failed == BULLA_OK ? count : 0;
}

void bulla_cbor_key_end(struct bulla_cbor *r, const uint8_t *start, struct bulla_bytes *previous)
{
    size_t len = (size_t)(r->left.data - start);
    if (r->failed != BULLA_OK)
        return;
    if (previous->len > 0) {
        /* no encoded item is the beginning of another, so equal so far is equal */
        int order = memcmp(previous->data, start, previous->len < len ? previous->len : len);
        if (order >= 0)
            r->failed = order == 0 ? BULLA_E_CBOR_KEY_REPEATED : BULLA_E_CBOR_KEY_ORDER;
    }
    previous->data = start;
    previous->len = len;
}

enum bulla_status bulla_cbor_decode(struct bulla_bytes in, void *out, size_t out_len,
                                    void (*read)(struct bulla_cbor *r, void *out))
{
    struct bulla_cbor r;
    bulla_cbor_init(&r, in);
    memset(out, 0, out_len);
    read(&r, out);
    if (bulla_cbor_finish(&r) != BULLA_OK)
        memset(out, 0, out_len);
    return r.failed;
}

enum bulla_status bulla_cbor_finish(struct bulla_cbor *r)
{
    if (r->failed == BULLA_OK && r->left.len > 0)
        r->failed = BULLA_E_CBOR_TRAILING;
    return r->failed;
}
