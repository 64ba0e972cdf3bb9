/* SPDX-License-Identifier: Apache-2.0 */
/* Our acceptance rules for Ed25519, checked before any library sees the signature. Everything
 * here is public data; comparisons need not hide anything. */

#include "bulla/ed25519.h"

#include "bulla/mem.h"

/* Little-endian, as RFC 8032 encodes: the group order L, and the y coordinate of two of the four
 * points of order 8; the other two have its negative. */
static const uint8_t group_order[32] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10};
static const uint8_t order_8_y[32] = {
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};

/* 0 (order 4), 1 (the neutral element) or order 8: these and their negatives are the y coordinates
 * of the points whose order divides 8. */
static bool is_small_order(const uint8_t y[32])
{
    uint8_t above = y[0] & 0xfeu;
    for (int i = 1; i < 32; i++)
        above |= y[i];
    return above == 0 || bulla_digest_equal(y, order_8_y);
}

/* y < p = 2^255-19 and not one of the points of small order. The two encodings of "minus zero"
 * (x = 0 with the sign bit) have y = 1 and y = -1 and so are of small order; y = p is -y = 0. */
static bool point_acceptable(const uint8_t point[32])
{
    uint8_t y[32], negative[32];
    memcpy(y, point, sizeof(y));
    y[31] &= 0x7fu;
    /* p - y is 2^255-1 - y, all bits of y inverted, less 18; it ends in a borrow when y > p */
    uint32_t borrow = 18;
    for (int i = 0; i < 32; i++) {
        uint32_t digit = (i < 31 ? 0xffu : 0x7fu) - y[i] - borrow;
        negative[i] = (uint8_t)digit;
        borrow = digit >> 31;
    }
    return borrow == 0 && !is_small_order(y) && !is_small_order(negative);
}

/* S < L */
static bool scalar_acceptable(const uint8_t scalar[32])
{
    int i = 31;
    while (i > 0 && scalar[i] == group_order[i])
        i--;
    return scalar[i] < group_order[i];
}

enum bulla_status bulla_ed25519_key_check(const uint8_t key[BULLA_KEY_SIZE])
{
    return point_acceptable(key) ? BULLA_OK : BULLA_E_TRUST_KEY_INVALID;
}

enum bulla_verdict bulla_ed25519_holds(const uint8_t key[BULLA_KEY_SIZE],
                                       const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                       struct bulla_bytes message, enum bulla_status *why)
{
    if (!point_acceptable(key)) {
        *why = BULLA_E_TRUST_KEY_INVALID;
        return BULLA_NO;
    }
    /* a second S for the same R would be a second valid envelope for one release */
    if (!point_acceptable(signature) || !scalar_acceptable(signature + 32)) {
        *why = BULLA_E_SIGNATURE_NOT_CANONICAL;
        return BULLA_NO;
    }
    enum bulla_verdict verdict = bulla_crypto_ed25519_verify(key, signature, message);
    if (verdict == BULLA_UNKNOWN)
        *why = BULLA_E_CRYPTO;
    return verdict;
}
