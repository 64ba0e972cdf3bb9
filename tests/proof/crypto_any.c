/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto that may answer anything the seam's contract allows: a hash finishes with any digest or
 * fails with zeros, a signature holds or does not. What was decided is kept for the harness. With
 * PLACES_ONLY no digest is written: for harnesses that are about places, not about contents. */

#include "crypto_any.h"

#include "bulla/crypto.h"
#include "proof.h"

struct crypto_log crypto_log;

void bulla_sha256_init(struct bulla_sha256 *hash)
{
    hash->failed = nondet_bool();
}

void bulla_sha256_update(struct bulla_sha256 *hash, struct bulla_bytes bytes)
{
    prove(bytes.len == 0 || __CPROVER_r_ok(bytes.data, bytes.len), "hashed bytes may be read");
    crypto_log.hashed = bytes;
    if (nondet_bool())
        hash->failed = true;
}

enum bulla_status bulla_sha256_finish(struct bulla_sha256 *hash, uint8_t digest[BULLA_DIGEST_SIZE])
{
    prove(__CPROVER_w_ok(digest, BULLA_DIGEST_SIZE), "the digest has its room");
#ifndef PLACES_ONLY
    for (unsigned i = 0; i < BULLA_DIGEST_SIZE; i++)
        crypto_log.digest[i] = digest[i] = hash->failed ? 0 : nondet_u8();
#endif
    crypto_log.finished++;
    crypto_log.finish_ok = !hash->failed;
    return hash->failed ? BULLA_E_CRYPTO : BULLA_OK;
}

enum bulla_verdict bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                               const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                               struct bulla_bytes message)
{
    prove(__CPROVER_r_ok(key, BULLA_KEY_SIZE) && __CPROVER_r_ok(signature, BULLA_SIGNATURE_SIZE) &&
              __CPROVER_r_ok(message.data, message.len),
          "key, signature and message may be read");
    bool holds = nondet_bool();
    crypto_log.asked++;
    if (holds)
        crypto_log.held++;
    return holds ? BULLA_YES : BULLA_NO;
}
