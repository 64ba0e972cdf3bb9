/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons by contract: both sides must be readable, the answer may be anything. bytes_equal.c
 * proves what the real ones answer. */

#include "proof.h"

uint32_t bulla_prove_equal(const uint8_t *a, const uint8_t *b, size_t len, uint32_t fact)
{
    prove(len == 0 || (__CPROVER_r_ok(a, len) && __CPROVER_r_ok(b, len)), "compared in bounds");
    return nondet_bool() ? fact : 0;
}

bool bulla_bytes_equal(struct bulla_bytes a, struct bulla_bytes b)
{
    return a.len == b.len && bulla_prove_equal(a.data, b.data, a.len, 1) != 0;
}

bool bulla_digest_equal(const uint8_t a[32], const uint8_t b[32])
{
    return bulla_prove_equal(a, b, 32, 1) != 0;
}
