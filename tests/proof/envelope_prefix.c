/* SPDX-License-Identifier: Apache-2.0 */
/* A head cut anywhere is incomplete, never refused or accepted, and asks for no more than it has;
 * what follows it plays no part. */

#include "bulla/envelope.h"
#include "proof.h"

static bool same(struct bulla_bytes a, struct bulla_bytes b)
{
    return a.data == b.data && a.len == b.len;
}

int main(void)
{
    struct bulla_bytes in = any_bytes(N);
    struct bulla_envelope e, cut;
    size_t need = 0, cut_need = 0;
    enum bulla_status status = bulla_envelope_split(in, &e, &need);
    if (status != BULLA_OK)
        return 0;
    struct bulla_bytes part = {in.data, nondet_size()};
    assume(part.len <= in.len);
    status = bulla_envelope_split(part, &cut, &cut_need);
    if (part.len < e.head_len) {
        prove(status == BULLA_E_ENVELOPE_TRUNCATED, "a prefix of a good head is only incomplete");
        prove(cut_need > part.len && cut_need <= e.head_len, "asks for no more than the head has");
    } else {
        prove(status == BULLA_OK && cut.head_len == e.head_len && same(cut.wrapper, e.wrapper) &&
                  same(cut.manifest, e.manifest),
              "what follows the head plays no part");
    }
    reached("a whole head");
    return 0;
}
