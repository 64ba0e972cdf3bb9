/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CRYPTO_H
#define BULLA_CRYPTO_H

/* The crypto seam: SHA-256 and Ed25519 verification, and nothing else. One back-end is linked
 * (verifier/crypto: openssl.c or mbedtls.c, with openssl_ed25519.c or sodium.c); the core calls
 * only this header. */

#include "bulla/bytes.h"
#include "bulla/limits.h"
#include "bulla/status.h"
#include "bulla/verdict.h"

/* A running SHA-256 (FIPS 180-4). The caller owns it; it holds no pointer into itself, so it
 * may be copied to fork a hash and simply dropped. Private to the back-end. */
struct bulla_sha256 {
    uint64_t opaque[16];
    bool failed; /* sticky; told by finish */
};

void bulla_sha256_init(struct bulla_sha256 *hash);
void bulla_sha256_update(struct bulla_sha256 *hash, struct bulla_bytes bytes);

/* Writes the digest, or zeroes it and returns BULLA_E_CRYPTO when any step failed. */
BULLA_MUST_CHECK enum bulla_status bulla_sha256_finish(struct bulla_sha256 *hash,
                                                       uint8_t digest[BULLA_DIGEST_SIZE]);

/* Pure Ed25519 (RFC 8032 5.1.7) by the library, cofactorless. Call bulla_ed25519_verify of
 * ed25519.h instead: it refuses first what libraries disagree about. BULLA_YES is made of what the
 * library says when it has verified, not of what it says when it did not refuse; BULLA_UNKNOWN: the
 * library could not tell. */
BULLA_MUST_CHECK enum bulla_verdict
bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                            const uint8_t signature[BULLA_SIGNATURE_SIZE],
                            struct bulla_bytes message);

#endif
