/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison that looks at every byte before it answers. */

#include "bulla/bytes.h"

#include "bulla/limits.h"

uint32_t bulla_prove_equal(const uint8_t *a, const uint8_t *b, size_t len, uint32_t fact)
{
    uint32_t differs = 0;
    for (size_t i = 0; i < len; i++)
        differs |= a[i] ^ (uint32_t)b[i];
    return (differs - 1u) >> 31 ? fact : 0;
}

bool bulla_bytes_equal(struct bulla_bytes a, struct bulla_bytes b)
{
    return a.len == b.len && bulla_prove_equal(a.data, b.data, a.len, 1) != 0;
}

bool bulla_digest_equal(const uint8_t a[32], const uint8_t b[32])
{
    return bulla_prove_equal(a, b, BULLA_DIGEST_SIZE, 1) != 0;
}
