/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and Ed25519 by OpenSSL's EVP, with our acceptance rules (docs/FORMAT.md, "Signatures")
 * computed as numbers, where the core compares bytes with tables. */

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <string.h>

#include "tree_parts.h"

static const char field_hex[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
static const char order_hex[] = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";
static const char d_hex[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

bool tree_sha256(struct bulla_bytes bytes, bool as_bstr, uint8_t digest[BULLA_DIGEST_SIZE])
{
    uint8_t head[9];
    size_t head_len = as_bstr ? cbor_encode_bytestring_start(bytes.len, head, sizeof head) : 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, head, head_len) == 1 &&
                (bytes.len == 0 || EVP_DigestUpdate(ctx, bytes.data, bytes.len) == 1) &&
                EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

bool tree_has_digest(struct bulla_bytes bytes, bool as_bstr,
                     const uint8_t expected[BULLA_DIGEST_SIZE])
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    return tree_sha256(bytes, as_bstr, digest) && memcmp(digest, expected, sizeof digest) == 0;
}

/* A little-endian number below the one written in hex? */
static bool is_below(const uint8_t number[32], const char *bound_hex)
{
    BIGNUM *bound = NULL;
    BIGNUM *n = BN_lebin2bn(number, 32, NULL);
    bool below = n != NULL && BN_hex2bn(&bound, bound_hex) > 0 && BN_cmp(n, bound) < 0;
    BN_free(n);
    BN_free(bound);
    return below;
}

/* A point's double is (2xy / (1 + d x^2 y^2), (y^2 + x^2) / (1 - d x^2 y^2)). With the curve's
 * equation -x^2 + y^2 = 1 + d x^2 y^2 the points whose order divides 8 are those with y^2 = 1 order
 * 1 and 2, x is 0 y = 0                 order 4, the double has y = -1 d y^4 + 2 y^2 = 1     order
 * 8, the double has y = 0, that is y (y^2 - 1) (d y^4 + 2 y^2 - 1) = 0 in the field. True also when
 * it cannot be computed. */
static bool is_small_order(BN_CTX *ctx, const BIGNUM *y)
{
    BIGNUM *p = BN_CTX_get(ctx);
    BIGNUM *d = BN_CTX_get(ctx);
    BIGNUM *yy = BN_CTX_get(ctx);
    BIGNUM *square = BN_CTX_get(ctx);
    BIGNUM *product = BN_CTX_get(ctx); /* NULL if any before it was */

    if (product == NULL || BN_hex2bn(&p, field_hex) == 0 || BN_hex2bn(&d, d_hex) == 0 ||
        BN_mod_sqr(yy, y, p, ctx) != 1 || BN_mod_sqr(square, yy, p, ctx) != 1 ||
        BN_mod_mul(product, d, square, p, ctx) != 1 || /* d y^4 */
        BN_mod_add(product, product, yy, p, ctx) != 1 ||
        BN_mod_add(product, product, yy, p, ctx) != 1 ||
        BN_mod_sub(product, product, BN_value_one(), p, ctx) != 1 ||
        BN_mod_sub(yy, yy, BN_value_one(), p, ctx) != 1 ||
        BN_mod_mul(product, product, yy, p, ctx) != 1 ||
        BN_mod_mul(product, product, y, p, ctx) != 1)
        return true;
    return BN_is_zero(product);
}

/* "Minus zero" needs no look of its own: x is 0 for y = 1 and y = -1 only, which are refused. */
bool tree_point_allowed(const uint8_t encoded[32])
{
    uint8_t y[32];
    memcpy(y, encoded, sizeof y);
    y[31] &= 0x7fu; /* the sign of x */
    if (!is_below(y, field_hex))
        return false;
    BN_CTX *ctx = BN_CTX_new();
    bool allowed = false;
    if (ctx != NULL) {
        BN_CTX_start(ctx);
        BIGNUM *number = BN_CTX_get(ctx);
        allowed = number != NULL && BN_lebin2bn(y, sizeof y, number) != NULL &&
                  !is_small_order(ctx, number);
        BN_CTX_end(ctx);
    }
    BN_CTX_free(ctx);
    return allowed;
}

static bool equation_holds(EVP_PKEY *key, struct bulla_bytes signature, struct bulla_bytes message)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool holds =
        ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return holds;
}

/* The key was judged when the trust was read. */
bool tree_signature_holds(const struct tree_key *key, struct bulla_bytes signature,
                          struct bulla_bytes message, enum tree_effort effort)
{
    if (signature.len != BULLA_SIGNATURE_SIZE || !is_below(signature.data + 32, order_hex) ||
        !tree_point_allowed(signature.data))
        return false;
    return effort == TREE_SIGNATURES_KNOWN || equation_holds(key->loaded, signature, message);
}

bool tree_signature_allowed(struct bulla_bytes raw_key, struct bulla_bytes signature,
                            struct bulla_bytes message)
{
    struct tree_key key = {.limited = false};
    if (raw_key.len != BULLA_KEY_SIZE || !tree_point_allowed(raw_key.data))
        return false;
    key.loaded = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw_key.data, raw_key.len);
    bool allowed =
        key.loaded != NULL && tree_signature_holds(&key, signature, message, TREE_EVERYTHING);
    EVP_PKEY_free(key.loaded);
    return allowed;
}
