/* SPDX-License-Identifier: Apache-2.0 */
/* SUIT_Digest is read, and hashes are compared with what was signed, in one place. */

#include "digest.h"

#include "cbor_head.h"

const uint8_t *bulla_digest_read(struct bulla_cbor *r)
{
    bulla_cbor_expect(r, MAJOR_ARRAY, 2, BULLA_E_DIGEST_FORM);
    bulla_cbor_expect_int(r, ALG_SHA256, BULLA_E_DIGEST_ALGORITHM);
    return bulla_cbor_bytes(r, BULLA_DIGEST_SIZE, BULLA_E_DIGEST_FORM);
}

enum bulla_status bulla_digest_of(struct bulla_bytes bytes, uint8_t digest[BULLA_DIGEST_SIZE])
{
    struct bulla_sha256 hash;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, bytes);
    return bulla_sha256_finish(&hash, digest);
}

uint32_t bulla_digest_end(struct bulla_sha256 *hash, const uint8_t *expected, uint32_t fact)
{
    uint8_t digest[BULLA_DIGEST_SIZE] = {0};
    if (bulla_sha256_finish(hash, digest) != BULLA_OK)
        return BULLA_UNKNOWN;
    return bulla_prove_equal(digest, expected, BULLA_DIGEST_SIZE, fact);
}

uint32_t bulla_digest_check(struct bulla_bytes bytes, const uint8_t *expected, uint32_t fact)
{
    struct bulla_sha256 hash;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, bytes);
    return bulla_digest_end(&hash, expected, fact);
}

enum bulla_status bulla_digest_why(uint32_t proved, enum bulla_status why)
{
    return proved == BULLA_UNKNOWN ? BULLA_E_CRYPTO : why;
}
