/* SPDX-License-Identifier: Apache-2.0 */
/* A float is refused as too long exactly when the next shorter width holds the same value: all
 * single floats against all half floats, all doubles against all singles. */

#include "bulla/cbor.h"
#include "proof.h"

/* The single float of a half float (IEEE 754: value, infinity, NaN with its payload). */
static uint32_t widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u,
             fraction = half & 0x3ffu;
    if (exponent == 31)
        return sign | 0x7f800000u | fraction << 13;
    if (exponent > 0)
        return sign | (exponent + 112u) << 23 | fraction << 13;
    if (fraction == 0)
        return sign;
    for (exponent = 113; (fraction & 0x400u) == 0; exponent--)
        fraction <<= 1;
    return sign | exponent << 23 | (fraction & 0x3ffu) << 13;
}

static uint64_t widen_single(uint32_t single)
{
    uint64_t sign = (uint64_t)(single & 0x80000000u) << 32, exponent = single >> 23 & 255u,
             fraction = single & 0x7fffffu;
    if (exponent == 255)
        return sign | 0x7ff0000000000000u | fraction << 29;
    if (exponent > 0)
        return sign | (exponent + 896u) << 52 | fraction << 29;
    if (fraction == 0)
        return sign;
    for (exponent = 897; (fraction & 0x800000u) == 0; exponent--)
        fraction <<= 1;
    return sign | exponent << 52 | (fraction & 0x7fffffu) << 29;
}

static enum bulla_status skip(uint64_t bits, unsigned width)
{
    uint8_t bytes[9];
    struct bulla_cbor r;
    bytes[0] = width == 8 ? 0xfb : 0xfa;
    for (unsigned i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(bits >> 8 * (width - 1 - i));
    bulla_cbor_init(&r, (struct bulla_bytes){bytes, 1u + width});
    (void)bulla_cbor_skip(&r);
    return bulla_cbor_finish(&r);
}

/* The only half float that could be this single one: sign and the leading bits of its fraction at
 * the exponent that fits. */
static uint16_t narrow_single(uint32_t single)
{
    uint16_t sign = (uint16_t)(single >> 16 & 0x8000u);
    uint32_t exponent = single >> 23 & 255u, fraction = single & 0x7fffffu;
    if (exponent == 255)
        return (uint16_t)(sign | 0x7c00u | fraction >> 13);
    if (exponent >= 113 && exponent <= 142)
        return (uint16_t)(sign | (exponent - 112u) << 10 | fraction >> 13);
    if (exponent >= 103 && exponent < 113)
        return (uint16_t)(sign | (fraction | 0x800000u) >> (126u - exponent));
    return sign;
}

static uint32_t narrow_double(uint64_t wide)
{
    uint32_t sign = (uint32_t)(wide >> 32 & 0x80000000u), exponent = (uint32_t)(wide >> 52) & 2047u;
    uint64_t fraction = wide & 0xfffffffffffffu;
    if (exponent == 2047)
        return (uint32_t)(sign | 0x7f800000u | fraction >> 29);
    if (exponent >= 897 && exponent <= 1150)
        return (uint32_t)(sign | (exponent - 896u) << 23 | fraction >> 29);
    if (exponent >= 874 && exponent < 897)
        return (uint32_t)(sign | (fraction | 0x10000000000000u) >> (926u - exponent));
    return sign;
}

int main(void)
{
    uint32_t single = nondet_u32();
    uint64_t wide = nondet_u64();
    /* where a shorter one exists it is the narrowed one, whatever the shorter one is */
    uint16_t half = nondet_u16();
    prove(narrow_single(widen_half(half)) == half, "narrowing undoes widening, half");
    uint32_t other = nondet_u32();
    prove(narrow_double(widen_single(other)) == other, "narrowing undoes widening, single");

    bool shorter = widen_half(narrow_single(single)) == single;
    prove(skip(single, 4) == (shorter ? BULLA_E_CBOR_NOT_SHORTEST : BULLA_OK), "single");
    if (shorter)
        reached("a single float that is too long");
    shorter = widen_single(narrow_double(wide)) == wide;
    prove(skip(wide, 8) == (shorter ? BULLA_E_CBOR_NOT_SHORTEST : BULLA_OK), "double");
    if (!shorter)
        reached("a double that must be one");
}
