/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of the sector list, for every image size: the invariant that list_step keeps holds
 * at the start, and verified is only a list that came whole and has the signed digest. */

#include "crypto_any.h"
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

    enum bulla_status status = bulla_list_init(&l, &hashes, &image, workspace, workspace_len);
    prove(status != BULLA_OK || holds(&l), "the invariant holds at the start");
    prove(bulla_list_sector(&l, nondet_u32()) == NULL, "no digest before the list is verified");

    __CPROVER_havoc_object(&l);
    l.image = &image, l.store = workspace, l.hashes = &hashes;
    l.whole = nondet_bool();
    hashes.list.failed = nondet_bool();
    assume(holds(&l) && l.verified == 0);
    uint32_t finished = crypto_log.finished;
    status = bulla_list_finish(&l);
    prove(holds(&l), "the invariant holds at the end");
    if (status == BULLA_OK) {
        bool same = crypto_log.finish_ok && crypto_log.finished == finished + 1;
        for (int i = 0; i < 32; i++)
            same = same && crypto_log.digest[i] == image.list_digest[i];
        prove(same && l.seen == image.list_size,
              "verified: whole, and the digest is the signed one");
        reached("verified");
    } else {
        prove(l.verified == 0, "not verified");
    }
    return 0;
}
