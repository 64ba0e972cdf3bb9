/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reader for deterministic CBOR (RFC 8949 4.2.1). It knows items, not what they mean. */

#include "bulla/cbor.h"

#include "bulla/mem.h"
#include "cbor_head.h"

void bulla_cbor_init(struct bulla_cbor *r, struct bulla_bytes in)
{
    *r = (struct bulla_cbor){.left = in, .failed = BULLA_OK};
}

void bulla_cbor_fail(struct bulla_cbor *r, enum bulla_status why)
{
    if (r->failed == BULLA_OK)
        r->failed = why;
}

struct bulla_bytes bulla_cbor_take(struct bulla_cbor *r, uint64_t n)
{
    struct bulla_bytes span = {NULL, 0};
    if (r->failed != BULLA_OK)
        return span;
    if (n > r->left.len) {
        r->failed = BULLA_E_CBOR_TRUNCATED;
        r->missing = n - r->left.len;
        return span;
    }
    span = (struct bulla_bytes){r->left.data, (size_t)n};
    r->left.data += n;
    r->left.len -= (size_t)n;
    return span;
}

uint8_t bulla_cbor_peek(const struct bulla_cbor *r)
{
    if (r->failed != BULLA_OK || r->left.len == 0)
        return MAJOR_NONE;
    return (uint8_t)(r->left.data[0] >> 5);
}

/* Argument bytes, big-endian; they must not fit the next shorter head. */
static uint64_t argument(struct bulla_cbor *r, uint8_t info)
{
    uint32_t width = 1u << (info - 24u);
    struct bulla_bytes bytes = bulla_cbor_take(r, width);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | bytes.data[i];
    uint64_t least = width == 1u ? 24u : (uint64_t)1 << (width * 4u);
    if (value < least)
        bulla_cbor_fail(r, BULLA_E_CBOR_NOT_SHORTEST);
    return value;
}

struct cbor_head bulla_cbor_next(struct bulla_cbor *r)
{
    struct cbor_head none = {MAJOR_NONE, 0, 0};
    struct bulla_bytes first = bulla_cbor_take(r, 1);
    if (first.len == 0)
        return none;
    struct cbor_head h = {(uint8_t)(first.data[0] >> 5), first.data[0] & 0x1fu, 0};
    if (h.info == 31u)
        bulla_cbor_fail(r, BULLA_E_CBOR_INDEFINITE);
    else if (h.info > 27u)
        bulla_cbor_fail(r, BULLA_E_CBOR_RESERVED);
    else if (h.info < 24u)
        h.value = h.info;
    else if (h.major != MAJOR_SIMPLE)
        h.value = argument(r, h.info);
    return r->failed == BULLA_OK ? h : none;
}

static uint64_t next_of(struct bulla_cbor *r, uint8_t major)
{
    struct cbor_head h = bulla_cbor_next(r);
    if (h.major != major)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    return r->failed == BULLA_OK ? h.value : 0;
}

uint64_t bulla_cbor_uint(struct bulla_cbor *r)
{
    return next_of(r, MAJOR_UINT);
}

int64_t bulla_cbor_int(struct bulla_cbor *r)
{
    struct cbor_head h = bulla_cbor_next(r);
    if (h.major > MAJOR_NEGATIVE || h.value > INT64_MAX)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    if (r->failed != BULLA_OK)
        return 0;
    return h.major == MAJOR_UINT ? (int64_t)h.value : -1 - (int64_t)h.value;
}

uint64_t bulla_cbor_bstr_head(struct bulla_cbor *r)
{
    return next_of(r, MAJOR_BSTR);
}

struct bulla_bytes bulla_cbor_bstr(struct bulla_cbor *r)
{
    return bulla_cbor_take(r, bulla_cbor_bstr_head(r));
}

const uint8_t *bulla_cbor_bytes(struct bulla_cbor *r, uint32_t len, enum bulla_status why)
{
    struct bulla_bytes bytes = bulla_cbor_bstr(r);
    if (bytes.len != len)
        bulla_cbor_fail(r, why);
    return r->failed == BULLA_OK ? bytes.data : NULL;
}

struct bulla_cbor bulla_cbor_enter(struct bulla_cbor *r)
{
    struct bulla_cbor inner = {.left = bulla_cbor_bstr(r), .failed = r->failed};
    return inner;
}

void bulla_cbor_leave(struct bulla_cbor *r, struct bulla_cbor *inner)
{
    bulla_cbor_fail(r, bulla_cbor_finish(inner));
}

/* Length of the UTF-8 sequence at p (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF), or 0. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    uint8_t first = p[0];
    if (first < 0x80u)
        return 1;
    size_t len = first < 0xe0u ? 2 : first < 0xf0u ? 3 : 4;
    if (first < 0xc2u || first > 0xf4u || len > left)
        return 0;
    uint8_t low = first == 0xe0u ? 0xa0u : first == 0xf0u ? 0x90u : 0x80u;
    uint8_t high = first == 0xedu ? 0x9fu : first == 0xf4u ? 0x8fu : 0xbfu;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0u) != 0x80u)
            return 0;
    }
    return len;
}

struct bulla_bytes bulla_cbor_tstr(struct bulla_cbor *r)
{
    struct bulla_bytes text = bulla_cbor_take(r, next_of(r, MAJOR_TSTR));
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(text.data + at, text.len - at);
        if (len == 0) {
            bulla_cbor_fail(r, BULLA_E_CBOR_UTF8);
            return (struct bulla_bytes){NULL, 0};
        }
        at += len;
    }
    return text;
}

static uint32_t count_of(struct bulla_cbor *r, uint8_t major)
{
    uint64_t count = next_of(r, major);
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

uint64_t bulla_cbor_tag(struct bulla_cbor *r)
{
    return next_of(r, MAJOR_TAG);
}

void bulla_cbor_null(struct bulla_cbor *r)
{
    if (next_of(r, MAJOR_SIMPLE) != 22u)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
}

void bulla_cbor_expect_int(struct bulla_cbor *r, int32_t value, enum bulla_status why)
{
    if (bulla_cbor_peek(r) > MAJOR_NEGATIVE && bulla_cbor_peek(r) != MAJOR_NONE)
        bulla_cbor_fail(r, why);
    if (bulla_cbor_int(r) != value)
        bulla_cbor_fail(r, why);
}

void bulla_cbor_expect_array(struct bulla_cbor *r, uint32_t count, enum bulla_status why)
{
    if (bulla_cbor_peek(r) != MAJOR_ARRAY && bulla_cbor_peek(r) != MAJOR_NONE)
        bulla_cbor_fail(r, why);
    if (bulla_cbor_array(r) != count)
        bulla_cbor_fail(r, why);
}

void bulla_cbor_key_order(struct bulla_cbor *r, struct bulla_bytes *previous,
                          struct bulla_bytes key)
{
    if (r->failed != BULLA_OK)
        return;
    if (previous->len > 0) {
        size_t common = previous->len < key.len ? previous->len : key.len;
        int order = memcmp(previous->data, key.data, common);
        if (order == 0 && previous->len == key.len)
            bulla_cbor_fail(r, BULLA_E_CBOR_KEY_REPEATED);
        else if (order > 0 || (order == 0 && previous->len > key.len))
            bulla_cbor_fail(r, BULLA_E_CBOR_KEY_ORDER);
    }
    *previous = key;
}

enum bulla_status bulla_cbor_finish(struct bulla_cbor *r)
{
    if (r->failed == BULLA_OK && r->left.len > 0)
        r->failed = BULLA_E_CBOR_TRAILING;
    return r->failed;
}
