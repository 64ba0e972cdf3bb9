/* SPDX-License-Identifier: Apache-2.0 */
/* The sector list, for every image size: one feed from any state that keeps the
 * invariant, which holds again behind it. By induction no input, cut anywhere, writes outside of
 * the workspace, and none is counted twice. */

#include "list_any.h"

int main(void)
{
    struct bulla_list l;
    struct bulla_list_hashes hashes;
    __CPROVER_havoc_object(&image);
    assume(image.size >= 1);
    workspace_len = nondet_size();
    assume(workspace_len <= 1u << 26);
    workspace = malloc(workspace_len);

    __CPROVER_havoc_object(&l);
    l.image = &image, l.store = workspace, l.hashes = &hashes;
    l.whole = nondet_bool();
    hashes.list.failed = nondet_bool(), hashes.group.failed = nondet_bool();
    assume(holds(&l) && l.verified == 0);
    struct bulla_bytes in = any_bytes(N);
    struct bulla_list before = l;
    enum bulla_status status = bulla_list_feed(&l, in);
    prove(status == l.failed && holds(&l), "the invariant holds again");
    prove(before.failed == BULLA_OK || (status == before.failed && l.seen == before.seen),
          "a failure stays");
    prove(l.seen - before.seen <= in.len, "no byte is counted twice");
    prove(status != BULLA_OK || l.seen - before.seen == in.len, "none is left out");
    if (status == BULLA_OK && in.len > 0 && l.whole && l.seen > l.head_len)
        reached("digests kept whole");
    if (status == BULLA_OK && in.len > 0 && !l.whole && l.seen > l.head_len)
        reached("digests kept by group");
    if (status == BULLA_E_LIST_SIZE)
        reached("too long");

    return 0;
}
