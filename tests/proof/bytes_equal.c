/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison: equal exactly when length and every byte are, and the fact is told then only. */

#include "bulla/bytes.h"
#include "proof.h"

int main(void)
{
    struct bulla_bytes a = any_bytes(N), b = any_bytes(N);
    bool same = a.len == b.len;
    for (size_t i = 0; i < N; i++)
        same = same && (i >= a.len || i >= b.len || a.data[i] == b.data[i]);
    prove(bulla_bytes_equal(a, b) == same, "equal exactly when all bytes are");
    if (same && a.len == N)
        reached("equal, full length");

    uint8_t left[32], right[32];
    uint32_t fact = nondet_u32();
    bool equal = true;
    for (int i = 0; i < 32; i++)
        equal = equal && left[i] == right[i];
    prove(bulla_digest_equal(left, right) == equal, "digests");
    prove(bulla_prove_equal(left, right, 32, fact) == (equal ? fact : 0), "the fact, or nothing");
    if (!equal)
        reached("digests that differ");
}
