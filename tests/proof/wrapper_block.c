/* SPDX-License-Identifier: Apache-2.0 */
/* One COSE_Sign1 block from any state of the reader: what is decoded lies in the input and has the
 * shape that the signature check relies on. Blocks are read one behind the other by this function,
 * so any number of them is. */

#include "envelope.c"
#include "proof.h"

int main(void)
{
    struct bulla_bytes in = any_bytes(N);
    struct bulla_cbor r = {in, nondet_bool() ? BULLA_OK : BULLA_E_CBOR_TYPE, 0};
    struct bulla_block b = {0};
    enum bulla_status before = r.failed;
    read_block(&r, &b);
    prove(before == BULLA_OK || r.failed == before, "a failure stays");
    prove(r.left.data >= in.data && r.left.len <= in.len, "the rest lies in the input");
    if (r.failed != BULLA_OK)
        return 0;
    prove(is_within(r.left, in), "and is its end");
    prove(b.protected_header.len >= 3 && is_within(b.protected_header, in), "protected header");
    prove(b.kid.len == 0 || (b.kid.len == 8 && is_within(b.kid, in)), "kid: none or 8 bytes");
    prove(is_within(b.signature, in), "signature within the input");
    if (b.kid.len == 8)
        reached("a block with a kid");
    return 0;
}
