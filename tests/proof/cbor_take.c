/* SPDX-License-Identifier: Apache-2.0 */
/* The one bounds check: any reader, any n of 64 bits, whatever a size_t can hold. */

#include "bulla/cbor.h"
#include "proof.h"

int main(void)
{
    struct bulla_bytes in = any_bytes(16);
    struct bulla_cbor r = {in, nondet_status(), nondet_u64()}, before = r;
    uint64_t n = nondet_u64();
    const uint8_t *got = bulla_cbor_take(&r, n);
    prove((got != NULL) == (before.failed == BULLA_OK && n <= in.len), "taken exactly when there");
    if (got != NULL) {
        prove(got == in.data && r.left.data == in.data + n && r.left.len == in.len - n, "moved");
        prove(r.failed == BULLA_OK, "no failure is noted");
        reached("taken");
    } else {
        prove(r.left.data == in.data && r.left.len == in.len, "not moved");
        prove(r.failed != BULLA_OK, "a failure is noted");
        reached("refused");
    }
    if (before.failed == BULLA_OK && n > in.len)
        prove(r.failed == BULLA_E_CBOR_TRUNCATED && r.missing == n - in.len, "what is missing");
    return 0;
}
