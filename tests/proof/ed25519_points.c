/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys, R and S are let through, over all 2^256 values of each: y < p and not the y of a
 * point whose order divides 8; S < L. The constants are written out again, from their definitions.
 */

#include "bulla/ed25519.h"
#include "crypto_any.h"
#include "proof.h"

/* Little-endian numbers of 32 bytes: a < b */
static bool below(const uint8_t a[32], const uint8_t b[32])
{
    int borrow = 0;
    for (int i = 0; i < 32; i++)
        borrow = a[i] - b[i] - borrow < 0;
    return borrow != 0;
}

static bool equal(const uint8_t a[32], const uint8_t b[32])
{
    bool same = true;
    for (int i = 0; i < 32; i++)
        same = same && a[i] == b[i];
    return same;
}

#define FF_10 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
#define FF_30 FF_10, FF_10, FF_10

static const uint8_t p[32] = {0xed, FF_30, 0x7f}; /* 2^255 - 19 */
static const uint8_t order[32] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
    0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10}; /* RFC 8032 5.1 */
/* y of the points of order 1, 2, 4, and both of order 8 (RFC 7748 4.1, libsodium's list) */
static const uint8_t small[5][32] = {
    {1},
    {0xec, FF_30, 0x7f},
    {0},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

static bool definition(const uint8_t point[32])
{
    uint8_t y[32];
    for (int i = 0; i < 32; i++)
        y[i] = i < 31 ? point[i] : point[i] & 0x7f;
    bool good = below(y, p);
    for (int i = 0; i < 5; i++)
        good = good && !equal(y, small[i]);
    return good;
}

int main(void)
{
    uint8_t key[32], signature[64], message[1];
    enum bulla_status why = BULLA_OK;
    bool key_good = definition(key), r_good = definition(signature);
    bool s_good = below(signature + 32, order);
    prove((bulla_ed25519_key_check(key) == BULLA_OK) == key_good, "keys by the definition");
    enum bulla_verdict yes =
        bulla_ed25519_holds(key, signature, (struct bulla_bytes){message, 1}, &why);
    prove(crypto_log.asked == (key_good && r_good && s_good), "R and S by the definition");
    prove((yes == BULLA_YES) == (crypto_log.held == 1), "yes exactly when the library said so");
    if (!key_good)
        prove(why == BULLA_E_TRUST_KEY_INVALID, "the reason: key");
    else if (!r_good || !s_good)
        prove(why == BULLA_E_SIGNATURE_NOT_CANONICAL, "the reason: signature");
    if (yes == BULLA_YES)
        reached("a signature that holds");
    if (!key_good && below(key, p))
        reached("a key of small order");
}
