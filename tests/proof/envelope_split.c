/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an envelope: any bytes, any length. What is handed out lies in the input and within
 * the limits; what is cut asks for more, within the limit. */

#include "bulla/envelope.h"
#include "proof.h"

int main(void)
{
    struct bulla_bytes in = any_bytes(N);
    struct bulla_envelope e = {.members = 77};
    size_t need = 0;
    enum bulla_status status = bulla_envelope_split(in, &e, &need);
    prove(status == BULLA_OK || e.members == 77, "nothing is handed out after a failure");
    if (status == BULLA_E_ENVELOPE_TRUNCATED) {
        prove(need > in.len && need <= BULLA_HEAD_MAX, "more, within the limit");
        reached("truncated");
    }
    if (status != BULLA_OK)
        return 0;
    prove(e.members >= 3 && e.members <= 11, "members within the profile");
    prove(e.wrapper.len + e.manifest.len <= BULLA_SIGNED_MAX, "signed bytes within the limit");
    prove(is_within(e.wrapper, in) && is_within(e.manifest_bstr, in), "within the input");
    prove(is_within(e.manifest, e.manifest_bstr), "manifest within its byte string");
    prove(e.head_len <= in.len && e.head_len <= BULLA_HEAD_MAX && need == e.head_len, "its length");
    prove(e.manifest.data + e.manifest.len == in.data + e.head_len, "the manifest ends the head");
    prove(e.manifest_bstr.data + e.manifest_bstr.len == in.data + e.head_len,
          "and its byte string");
    if (e.manifest.len > 0 && e.wrapper.len > 0)
        reached("a whole head");
    return 0;
}
