/* SPDX-License-Identifier: Apache-2.0 */
/* The CBOR reader by its contract (bulla/cbor.h) instead of by its bytes: each call may find
 * anything or fail, takes at least a byte and stays within what is left. cbor_*.c prove that the
 * real reader keeps this contract; decoders proved against it are safe for input of any content. */

#include "cbor_head.h"
#include "proof.h"

void bulla_cbor_init(struct bulla_cbor *r, struct bulla_bytes in)
{
    *r = (struct bulla_cbor){.left = in, .failed = BULLA_OK};
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
    uint8_t major = nondet_u8();
    assume(major <= MAJOR_SIMPLE);
    return r->failed != BULLA_OK || r->left.len == 0 ? MAJOR_NONE : major;
}

uint64_t bulla_cbor_head(struct bulla_cbor *r, uint8_t major)
{
    uint64_t value = nondet_u64();
    size_t taken = nondet_size();
    assume(taken >= 1 && taken <= 9);
    assume(taken == 1 ? value < 32 : taken > 2 || value <= 0xff);
    if (nondet_bool())
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    (void)bulla_cbor_take(r, taken);
    (void)major;
    return r->failed == BULLA_OK ? value : 0;
}

uint64_t bulla_cbor_uint(struct bulla_cbor *r)
{
    return bulla_cbor_head(r, MAJOR_UINT);
}

int64_t bulla_cbor_int(struct bulla_cbor *r)
{
    uint64_t value = bulla_cbor_head(r, MAJOR_UINT);
    if (value > INT64_MAX)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    if (r->failed != BULLA_OK)
        return 0;
    return nondet_bool() ? (int64_t)value : -1 - (int64_t)value;
}

uint64_t bulla_cbor_bstr_head(struct bulla_cbor *r)
{
    return bulla_cbor_head(r, MAJOR_BSTR);
}

struct bulla_bytes bulla_cbor_bstr(struct bulla_cbor *r)
{
    uint64_t len = bulla_cbor_head(r, MAJOR_BSTR);
    const uint8_t *data = bulla_cbor_take(r, len);
    return data == NULL ? (struct bulla_bytes){NULL, 0} : (struct bulla_bytes){data, (size_t)len};
}

struct bulla_bytes bulla_cbor_tstr(struct bulla_cbor *r)
{
    if (nondet_bool())
        bulla_cbor_fail(r, BULLA_E_CBOR_UTF8);
    return bulla_cbor_bstr(r);
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

uint32_t bulla_cbor_array(struct bulla_cbor *r)
{
    uint64_t count = bulla_cbor_head(r, MAJOR_ARRAY);
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

uint32_t bulla_cbor_map(struct bulla_cbor *r)
{
    return bulla_cbor_array(r);
}

void bulla_cbor_expect_int(struct bulla_cbor *r, int32_t value, enum bulla_status why)
{
    if (bulla_cbor_int(r) != value)
        bulla_cbor_fail(r, why);
}

void bulla_cbor_expect(struct bulla_cbor *r, uint8_t major, uint32_t value, enum bulla_status why)
{
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
    prove(start <= r->left.data, "a key starts before its end");
    if (nondet_bool())
        bulla_cbor_fail(r, BULLA_E_CBOR_KEY_ORDER);
    if (r->failed == BULLA_OK)
        *previous = (struct bulla_bytes){start, (size_t)(r->left.data - start)};
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
