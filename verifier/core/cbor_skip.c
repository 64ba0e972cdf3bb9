/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an item of any shape, checked to be deterministic. The profile never needs it: it is for
 * tools that show foreign CBOR, and a device leaves this file out. */

#include "bulla/cbor.h"
#include "bulla/limits.h"
#include "cbor_head.h"

/* A float must not fit the next shorter width without loss (RFC 8949 4.2.1, 4.2.2). */
static bool float_is_shortest(struct bulla_bytes f)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < f.len; i++)
        bits = bits << 8 | f.data[i];
    if (f.len == 2)
        return true;
    bool wide = f.len == 8;
    uint32_t mantissa_bits = wide ? 52 : 23;
    uint32_t exponent_max = wide ? 2047 : 255;
    uint64_t mantissa = bits & (((uint64_t)1 << mantissa_bits) - 1);
    uint32_t exponent = (uint32_t)(bits >> mantissa_bits) & exponent_max;
    uint32_t short_mantissa = wide ? 23 : 10;
    int32_t short_bias = wide ? 127 : 15;
    uint32_t cut = mantissa_bits - short_mantissa;
    bool tail_zero = (mantissa & (((uint64_t)1 << cut) - 1)) == 0;
    if (exponent == exponent_max) /* infinity, or a NaN whose payload fits */
        return !tail_zero;
    if (exponent == 0) /* zero fits; a subnormal of this width never fits the shorter one */
        return mantissa != 0;
    int32_t e = (int32_t)exponent - (wide ? 1023 : 127);
    if (e > short_bias || e < 1 - short_bias - (int32_t)short_mantissa)
        return true;
    if (e >= 1 - short_bias)
        return !tail_zero;
    /* lands among the shorter width's subnormals: that many more bits must be zero */
    uint32_t more = cut + (uint32_t)(1 - short_bias - e);
    return (mantissa & (((uint64_t)1 << more) - 1)) != 0;
}

static void simple(struct bulla_cbor *r, uint8_t info)
{
    if (info >= 25u) {
        size_t len = (size_t)1 << (info - 24u);
        const uint8_t *f = bulla_cbor_take(r, len);
        if (f != NULL && !float_is_shortest((struct bulla_bytes){f, len}))
            bulla_cbor_fail(r, BULLA_E_CBOR_NOT_SHORTEST);
    } else if (info == 24u) {
        const uint8_t *value = bulla_cbor_take(r, 1);
        if (value != NULL && *value < 32u)
            bulla_cbor_fail(r, BULLA_E_CBOR_RESERVED);
    }
}

/* Recursion is bounded by the depth limit; a container cannot loop beyond its bytes because every
 * item takes one at least. */
static void skip_item(struct bulla_cbor *r, uint32_t depth)
{
    uint8_t major = bulla_cbor_peek(r);
    if (major == MAJOR_BSTR || major == MAJOR_TSTR) {
        (void)(major == MAJOR_BSTR ? bulla_cbor_bstr(r) : bulla_cbor_tstr(r));
        return;
    }
    uint64_t items = bulla_cbor_head(r, major);
    if (major == MAJOR_SIMPLE)
        simple(r, (uint8_t)items);
    if (major != MAJOR_ARRAY && major != MAJOR_MAP && major != MAJOR_TAG)
        return;
    if (major == MAJOR_TAG)
        items = 1;
    if (depth == BULLA_CBOR_DEPTH_MAX)
        bulla_cbor_fail(r, BULLA_E_CBOR_DEPTH);

    struct bulla_bytes previous = {NULL, 0};
    for (; items > 0 && r->failed == BULLA_OK; items--) {
        if (major == MAJOR_MAP) {
            const uint8_t *key = r->left.data;
            skip_item(r, depth + 1);
            bulla_cbor_key_end(r, key, &previous);
        }
        skip_item(r, depth + 1);
    }
}

struct bulla_bytes bulla_cbor_skip(struct bulla_cbor *r)
{
    const uint8_t *start = r->left.data;
    skip_item(r, 0);
    if (r->failed != BULLA_OK)
        return (struct bulla_bytes){NULL, 0};
    return (struct bulla_bytes){start, (size_t)(r->left.data - start)};
}

void bulla_cbor_key_order(struct bulla_cbor *r, struct bulla_bytes *previous,
                          struct bulla_bytes key)
{
    bulla_cbor_key_end(r, key.data, previous);
}
