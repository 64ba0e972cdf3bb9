/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that are signed: never beyond the buffer, and deterministic CBOR of exactly the two
 * strings given, whatever a caller gives. */

#include "bulla/envelope.h"
#include "proof.h"

int main(void)
{
    struct bulla_bytes header = any_bytes(N), digest = any_bytes(N);
    uint8_t *out = malloc(BULLA_TBS_MAX);
    size_t len = bulla_block_tbs(header, digest, out);
    prove(len <= BULLA_TBS_MAX, "within the buffer");
    prove((len == 0) == (digest.len != 36 || header.len > 12),
          "refused exactly when it cannot fit");
    if (len == 0)
        return 0;
    prove(len == 12 + 1 + header.len + 3 + 36, "length");
    prove(out[0] == 0x84 && out[1] == 0x6a && out[12] == 0x40 + header.len, "array, text, head");
    prove(out[13 + header.len] == 0x40 && out[14 + header.len] == 0x58 &&
              out[15 + header.len] == 36,
          "no external data, head of the digest");
    size_t i = nondet_size(), j = nondet_size();
    assume(i < header.len && j < digest.len);
    prove(out[13 + i] == header.data[i], "protected header as received");
    prove(out[16 + header.len + j] == digest.data[j], "digest as received");
    reached("signed bytes");
    return 0;
}
