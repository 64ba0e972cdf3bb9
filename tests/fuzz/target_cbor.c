/* SPDX-License-Identifier: Apache-2.0 */
/* The strict CBOR reader: any sequence of its calls, and bulla_cbor_skip against a second reading
 * of RFC 8949 4.2.1 that shares no code with it. */

#include <stdlib.h>

#include "bulla/cbor.h"
#include "bulla/limits.h"
#include "fuzz.h"

/* ---- one deterministic item, read the simplest way there is ---- */

struct model {
    struct bulla_bytes in;
    size_t at;
    bool bad;
};

static uint64_t big_endian(struct model *m, size_t len)
{
    uint64_t value = 0;

    if (m->bad || len > m->in.len - m->at) {
        m->bad = true;
        return 0;
    }
    for (size_t i = 0; i < len; i++)
        value = value << 8 | m->in.data[m->at++];
    return value;
}

/* The double with this value, of a float of 2 or 4 bytes, as bits. By value, not by fields: a half
 * or single is its integer mantissa times a power of two. */
static uint64_t as_double(uint64_t bits, unsigned mantissa_bits, unsigned exponent_bits)
{
    uint64_t mantissa = bits & ((UINT64_C(1) << mantissa_bits) - 1);
    uint64_t exponent = bits >> mantissa_bits & ((UINT64_C(1) << exponent_bits) - 1);
    uint64_t sign = bits >> (mantissa_bits + exponent_bits) << 63;
    int64_t bias = (INT64_C(1) << (exponent_bits - 1)) - 1;

    mantissa <<= 52 - mantissa_bits;
    if (exponent == (UINT64_C(1) << exponent_bits) - 1)
        return sign | UINT64_C(0x7ff) << 52 | mantissa;
    if (exponent == 0 && mantissa == 0)
        return sign;
    int64_t power = (int64_t)exponent - bias;
    if (exponent == 0) { /* subnormal: normalise */
        for (power = 1 - bias; (mantissa >> 52 & 1) == 0; power--)
            mantissa <<= 1;
        mantissa &= (UINT64_C(1) << 52) - 1;
    }
    return sign | (uint64_t)(power + 1023) << 52 | mantissa;
}

/* A double fits a narrower float when cutting it and widening it again gives it back. */
static bool fits(uint64_t twice, unsigned mantissa_bits, unsigned exponent_bits)
{
    int64_t bias = (INT64_C(1) << (exponent_bits - 1)) - 1;
    int64_t power = (int64_t)(twice >> 52 & 0x7ff) - 1023;
    uint64_t mantissa = twice & ((UINT64_C(1) << 52) - 1);
    uint64_t narrow = twice >> 63 << (mantissa_bits + exponent_bits);
    uint64_t all_ones = (UINT64_C(1) << exponent_bits) - 1;

    if (power == 1024)
        narrow |= all_ones << mantissa_bits | mantissa >> (52 - mantissa_bits);
    else if (power > 0 - bias && power <= bias)
        narrow |= (uint64_t)(power + bias) << mantissa_bits | mantissa >> (52 - mantissa_bits);
    else if (power <= 0 - bias && power >= 1 - bias - (int64_t)mantissa_bits)
        narrow |= (mantissa | UINT64_C(1) << 52) >>
                  (uint64_t)(53 - (int64_t)mantissa_bits - bias - power);
    return as_double(narrow, mantissa_bits, exponent_bits) == twice;
}

static void model_simple(struct model *m, uint8_t info)
{
    if (info == 24 && big_endian(m, 1) < 32)
        m->bad = true;
    if (info == 25)
        (void)big_endian(m, 2);
    if (info == 26) {
        uint64_t single = big_endian(m, 4);
        m->bad = m->bad || fits(as_double(single, 23, 8), 10, 5);
    }
    if (info == 27) {
        uint64_t twice = big_endian(m, 8);
        m->bad = m->bad || fits(twice, 23, 8);
    }
    if (info > 27)
        m->bad = true;
}

static bool model_utf8(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c = p[i++];
        unsigned more = c < 0x80   ? 0
                        : c < 0xc0 ? 9
                        : c < 0xe0 ? 1
                        : c < 0xf0 ? 2
                        : c < 0xf8 ? 3
                                   : 9;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        uint32_t point = more == 0 ? c : c & (0x3fu >> more);

        if (more > 3 || more > len - i)
            return false;
        for (unsigned k = 0; k < more; k++, i++) {
            if (p[i] < 0x80 || p[i] > 0xbf)
                return false;
            point = point * 64 + (p[i] - 0x80u);
        }
        if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
    }
    return true;
}

static void model_item(struct model *m, unsigned depth);

static void model_string(struct model *m, uint64_t len, bool text)
{
    if (m->bad || len > m->in.len - m->at) {
        m->bad = true;
        return;
    }
    m->bad = text && !model_utf8(m->in.data + m->at, (size_t)len);
    m->at += (size_t)len;
}

static void model_container(struct model *m, uint64_t count, bool map, unsigned depth)
{
    size_t last = 0, last_len = 0;

    if (depth == BULLA_CBOR_DEPTH_MAX)
        m->bad = true;
    for (uint64_t i = 0; i < count && !m->bad; i++) {
        size_t key = m->at;
        if (map) {
            model_item(m, depth + 1);
            size_t len = m->at - key, less = len < last_len ? len : last_len;
            if (m->bad)
                return;
            if (i > 0 && memcmp(m->in.data + last, m->in.data + key, less) >= 0)
                m->bad = true;
            last = key;
            last_len = len;
        }
        model_item(m, depth + 1);
    }
}

static void model_item(struct model *m, unsigned depth)
{
    uint8_t first = (uint8_t)big_endian(m, 1);
    uint8_t major = first >> 5, info = first & 31;
    uint64_t value = info;

    if (m->bad)
        return;
    if (major == 7) {
        model_simple(m, info);
        return;
    }
    if (info > 27) {
        m->bad = true;
        return;
    }
    if (info > 23) {
        static const uint64_t least[] = {24, 0x100, 0x10000, UINT64_C(0x100000000)};
        value = big_endian(m, (size_t)1 << (info - 24));
        m->bad = m->bad || value < least[info - 24];
    }
    if (major == 2 || major == 3)
        model_string(m, value, major == 3);
    if (major == 4 || major == 5)
        model_container(m, value, major == 5, depth);
    if (major == 6)
        model_container(m, 1, false, depth);
}

/* ---- the reader ---- */

static void check_skip(struct bulla_bytes in)
{
    struct model model = {.in = in};
    struct bulla_cbor r;

    bulla_cbor_init(&r, in);
    model_item(&model, 0);
    struct bulla_bytes item = bulla_cbor_skip(&r);
    FUZZ_CHECK((r.failed == BULLA_OK) == !model.bad);
    if (r.failed != BULLA_OK) {
        FUZZ_CHECK(item.len == 0 && item.data == NULL);
        FUZZ_CHECK(r.failed != BULLA_E_CBOR_TRUNCATED || r.missing > 0);
        return;
    }
    FUZZ_CHECK(item.data == in.data && item.len == model.at);
    FUZZ_CHECK(r.left.len == in.len - item.len);

    /* the same item alone, and with its last byte missing */
    uint8_t *copy = fuzz_copy(item);
    bulla_cbor_init(&r, (struct bulla_bytes){copy, item.len});
    FUZZ_CHECK(bulla_cbor_skip(&r).len == item.len && bulla_cbor_finish(&r) == BULLA_OK);
    bulla_cbor_init(&r, (struct bulla_bytes){copy, item.len - 1});
    FUZZ_CHECK(bulla_cbor_skip(&r).len == 0 && r.failed == BULLA_E_CBOR_TRUNCATED);
    free(copy);
}

/* One call of the reader; what it hands out lies in the input and is empty after a failure. */
static void call(struct bulla_cbor *r, struct bulla_bytes in, uint32_t which)
{
    struct bulla_bytes span = {NULL, 0};
    uint64_t number = 0;

    switch (which) {
    case 0:
        number = bulla_cbor_uint(r);
        break;
    case 1:
        number = bulla_cbor_int(r) != 0;
        break;
    case 2:
        span = bulla_cbor_bstr(r);
        break;
    case 3:
        span = bulla_cbor_tstr(r);
        break;
    case 4:
        number = bulla_cbor_array(r);
        break;
    case 5:
        number = bulla_cbor_map(r);
        break;
    case 6:
        number = bulla_cbor_bstr_head(r);
        span.data = bulla_cbor_take(r, number);
        span.len = span.data != NULL ? (size_t)number : 0;
        number = r->failed == BULLA_OK ? number : 0;
        break;
    case 7:
        span.data = bulla_cbor_bytes(r, 2, BULLA_E_CBOR_TYPE);
        span.len = span.data != NULL ? 2 : 0;
        break;
    case 8:
        number = bulla_cbor_array_of(r, 1, 3, BULLA_E_CBOR_TYPE);
        FUZZ_CHECK(number <= 3);
        break;
    case 9:
        number = bulla_cbor_uint32(r, BULLA_E_CBOR_TYPE);
        number = r->failed == BULLA_OK ? number : 0;
        break;
    case 10:
        bulla_cbor_expect_int(r, 1, BULLA_E_CBOR_TYPE);
        break;
    default:
        span = bulla_cbor_skip(r);
        break;
    }
    FUZZ_CHECK(fuzz_inside(span, in));
    FUZZ_CHECK(r->failed == BULLA_OK || (span.len == 0 && number == 0));
}

static void check_calls(struct bulla_bytes in, uint32_t salt)
{
    struct fuzz_random random = fuzz_random(in, salt);
    struct bulla_bytes previous = {NULL, 0};
    size_t behind[8], depth = 0;
    struct bulla_cbor r;

    bulla_cbor_init(&r, in);
    for (int i = 0; i < 40; i++) {
        struct bulla_bytes before = r.left;
        enum bulla_status failed = r.failed;
        /* mostly the call that suits what comes next */
        static const uint8_t suits[] = {0, 1, 2, 3, 4, 5, 11, 11, 11};
        uint32_t which =
            fuzz_below(&random, 4) > 0 ? suits[bulla_cbor_peek(&r)] : fuzz_below(&random, 13);
        if (which == 2 && depth < 8 && fuzz_below(&random, 2) == 0)
            behind[depth++] = bulla_cbor_enter(&r);
        else if (which == 12 && depth > 0)
            bulla_cbor_leave(&r, behind[--depth]);
        else
            call(&r, in, which);
        if (fuzz_below(&random, 4) == 0 && r.left.data != before.data && depth == 0)
            bulla_cbor_key_end(&r, before.data, &previous);
        FUZZ_CHECK(failed == BULLA_OK || (r.failed == failed && r.left.data == before.data));
        FUZZ_CHECK(fuzz_inside(r.left, in));
        FUZZ_CHECK(fuzz_inside(previous, in));
    }
    FUZZ_CHECK(bulla_cbor_finish(&r) == r.failed);
    FUZZ_CHECK(r.failed != BULLA_OK || r.left.len == 0);
}

void fuzz_cbor(struct bulla_bytes in)
{
    check_skip(in);
    for (uint32_t salt = 0; salt < 4; salt++)
        check_calls(in, salt);
}
