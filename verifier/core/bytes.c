/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison that looks at every byte before it answers. */

#include "bulla/bytes.h"

#include "bulla/limits.h"

bool bulla_bytes_equal(struct bulla_bytes a, struct bulla_bytes b)
{
    if (a.len != b.len)
        return false;
    uint8_t differs = 0;
    for (size_t i = 0; i < a.len; i++)
        differs |= (uint8_t)(a.data[i] ^ b.data[i]);
    return differs == 0;
}

bool bulla_digest_equal(const uint8_t a[32], const uint8_t b[32])
{
    return bulla_bytes_equal((struct bulla_bytes){a, BULLA_DIGEST_SIZE},
                             (struct bulla_bytes){b, BULLA_DIGEST_SIZE});
}
