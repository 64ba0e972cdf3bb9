/* SPDX-License-Identifier: Apache-2.0 */
/* SUIT_Digest, read in one place. */

#include "digest.h"

#include "bulla/limits.h"

#define ALG_SHA256 (-16)

const uint8_t *bulla_digest_read(struct bulla_cbor *r)
{
    bulla_cbor_expect_array(r, 2, BULLA_E_DIGEST_FORM);
    bulla_cbor_expect_int(r, ALG_SHA256, BULLA_E_DIGEST_ALGORITHM);
    return bulla_cbor_bytes(r, BULLA_DIGEST_SIZE, BULLA_E_DIGEST_FORM);
}

const uint8_t *bulla_digest_read_bstr(struct bulla_cbor *r)
{
    struct bulla_cbor inner = bulla_cbor_enter(r);
    const uint8_t *digest = bulla_digest_read(&inner);
    bulla_cbor_leave(r, &inner);
    return r->failed == BULLA_OK ? digest : NULL;
}
