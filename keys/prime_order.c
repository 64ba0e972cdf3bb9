/* SPDX-License-Identifier: Apache-2.0 */
/* Does a public key generate the group of prime order L (RFC 8032 5.1)? A key with a part of
 * small order verifies differently in different libraries; none may enter a trust store.
 *
 * Computed here because a library's own check is not enough: libsodium before 1.0.21 accepts
 * points of order 2L (CVE-2025-69277). Public values only, so nothing need be constant-time.
 * Extended coordinates and the unified addition of Hisil et al. (add-2008-hwcd-3, a = -1), which
 * is complete on this curve: it also doubles, and has no exceptions. */

#include <openssl/bn.h>
#include <string.h>

#include "keys.h"

/* x = X/Z, y = Y/Z, T = XY/Z */
struct point {
    BIGNUM *x, *y, *z, *t;
};

struct curve {
    BIGNUM *p;  /* 2^255 - 19 */
    BIGNUM *d;  /* -121665/121666 */
    BIGNUM *d2; /* 2d */
    BIGNUM *order;
    BN_CTX *ctx;
};

static const char field_hex[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
static const char d_hex[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
static const char order_hex[] = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

/* All numbers of one check live in one frame of the context. */
static bool curve_init(struct curve *c, BN_CTX *ctx)
{
    c->ctx = ctx;
    c->p = BN_CTX_get(ctx);
    c->d = BN_CTX_get(ctx);
    c->d2 = BN_CTX_get(ctx);
    c->order = BN_CTX_get(ctx); /* NULL if any before it was */
    return c->order != NULL && BN_hex2bn(&c->p, field_hex) > 0 && BN_hex2bn(&c->d, d_hex) > 0 &&
           BN_hex2bn(&c->order, order_hex) > 0 && BN_mod_lshift1(c->d2, c->d, c->p, ctx) == 1;
}

static bool point_init(struct point *a, BN_CTX *ctx)
{
    a->x = BN_CTX_get(ctx);
    a->y = BN_CTX_get(ctx);
    a->z = BN_CTX_get(ctx);
    a->t = BN_CTX_get(ctx);
    return a->t != NULL;
}

/* x from x^2 = (y^2 - 1) / (d y^2 + 1); false when there is none. The denominator is never zero:
 * -1/d is not a square. */
static bool solve_x(const struct curve *c, const BIGNUM *y, bool odd, BIGNUM *x)
{
    BIGNUM *yy = BN_CTX_get(c->ctx);
    BIGNUM *u = BN_CTX_get(c->ctx);
    BIGNUM *v = BN_CTX_get(c->ctx);

    if (v == NULL || BN_mod_sqr(yy, y, c->p, c->ctx) != 1 ||
        BN_mod_sub(u, yy, BN_value_one(), c->p, c->ctx) != 1 ||
        BN_mod_mul(v, yy, c->d, c->p, c->ctx) != 1 ||
        BN_mod_add(v, v, BN_value_one(), c->p, c->ctx) != 1 ||
        BN_mod_inverse(v, v, c->p, c->ctx) == NULL || BN_mod_mul(u, u, v, c->p, c->ctx) != 1 ||
        BN_mod_sqrt(x, u, c->p, c->ctx) == NULL)
        return false;
    if (BN_is_zero(x))
        return !odd; /* minus zero is not canonical */
    return BN_is_odd(x) == (int)odd || BN_sub(x, c->p, x) == 1;
}

/* RFC 8032 5.1.3 */
static bool decode_point(const struct curve *c, const uint8_t encoded[32], struct point *a)
{
    uint8_t y[32];

    memcpy(y, encoded, sizeof y);
    bool odd = (y[31] & 0x80u) != 0;
    y[31] &= 0x7fu;
    return BN_lebin2bn(y, sizeof y, a->y) != NULL && BN_cmp(a->y, c->p) < 0 &&
           solve_x(c, a->y, odd, a->x) && BN_one(a->z) == 1 &&
           BN_mod_mul(a->t, a->x, a->y, c->p, c->ctx) == 1;
}

/* The four products of add-2008-hwcd-3: A, B, C, D in its paper's names. */
static bool add_products(const struct curve *c, const struct point *q, const struct point *r,
                         const struct point *out)
{
    return BN_mod_sub(out->x, q->y, q->x, c->p, c->ctx) == 1 &&
           BN_mod_sub(out->t, r->y, r->x, c->p, c->ctx) == 1 &&
           BN_mod_mul(out->x, out->x, out->t, c->p, c->ctx) == 1 && /* A */
           BN_mod_add(out->y, q->y, q->x, c->p, c->ctx) == 1 &&
           BN_mod_add(out->t, r->y, r->x, c->p, c->ctx) == 1 &&
           BN_mod_mul(out->y, out->y, out->t, c->p, c->ctx) == 1 && /* B */
           BN_mod_mul(out->z, q->t, r->t, c->p, c->ctx) == 1 &&
           BN_mod_mul(out->z, out->z, c->d2, c->p, c->ctx) == 1 && /* C */
           BN_mod_mul(out->t, q->z, r->z, c->p, c->ctx) == 1 &&
           BN_mod_lshift1(out->t, out->t, c->p, c->ctx) == 1; /* D */
}

/* sum = q + r; sum may be q or r. `tmp` and `mix` are scratch. */
static bool add(const struct curve *c, const struct point *q, const struct point *r,
                const struct point *sum, const struct point *tmp, const struct point *mix)
{
    return add_products(c, q, r, tmp) &&
           BN_mod_sub(mix->x, tmp->y, tmp->x, c->p, c->ctx) == 1 && /* E = B - A */
           BN_mod_sub(mix->y, tmp->t, tmp->z, c->p, c->ctx) == 1 && /* F = D - C */
           BN_mod_add(mix->z, tmp->t, tmp->z, c->p, c->ctx) == 1 && /* G = D + C */
           BN_mod_add(mix->t, tmp->y, tmp->x, c->p, c->ctx) == 1 && /* H = B + A */
           BN_mod_mul(sum->x, mix->x, mix->y, c->p, c->ctx) == 1 &&
           BN_mod_mul(sum->y, mix->z, mix->t, c->p, c->ctx) == 1 &&
           BN_mod_mul(sum->t, mix->x, mix->t, c->p, c->ctx) == 1 &&
           BN_mod_mul(sum->z, mix->y, mix->z, c->p, c->ctx) == 1;
}

/* (0, 1); Z is never zero with these formulas. */
static bool is_identity(const struct point *a)
{
    return BN_is_zero(a->x) && BN_cmp(a->y, a->z) == 0;
}

/* product = [order]a by double-and-add. */
static bool times_order(const struct curve *c, const struct point *a, const struct point *product)
{
    struct point tmp;
    struct point mix;

    if (!point_init(&tmp, c->ctx) || !point_init(&mix, c->ctx))
        return false;
    BN_zero(product->x);
    BN_zero(product->t);
    if (BN_one(product->y) != 1 || BN_one(product->z) != 1)
        return false;
    for (int bit = BN_num_bits(c->order) - 1; bit >= 0; bit--) {
        if (!add(c, product, product, product, &tmp, &mix))
            return false;
        if (BN_is_bit_set(c->order, bit) && !add(c, product, a, product, &tmp, &mix))
            return false;
    }
    return true;
}

bool keys_prime_order(const uint8_t public_key[32])
{
    BN_CTX *ctx = BN_CTX_new();
    struct curve curve;
    struct point key;
    struct point product;

    if (ctx == NULL)
        return false;
    BN_CTX_start(ctx);
    /* L is prime: whatever it takes to the identity, except the identity, has order L. */
    bool prime = curve_init(&curve, ctx) && point_init(&key, ctx) && point_init(&product, ctx) &&
                 decode_point(&curve, public_key, &key) && !is_identity(&key) &&
                 times_order(&curve, &key, &product) && is_identity(&product);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return prime;
}
