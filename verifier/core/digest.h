/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_DIGEST_H
#define BULLA_CORE_DIGEST_H

/* Digests that were signed: SUIT_Digest as it is written, and bytes held against one. */

#include "bulla/cbor.h"
#include "bulla/crypto.h"

#define ALG_SHA256 (-16) /* COSE */

/* SUIT_Digest [-16, bstr32]: the 32 bytes, within the input of *r, or NULL with r->failed set. */
const uint8_t *bulla_digest_read(struct bulla_cbor *r);

enum bulla_status bulla_digest_of(struct bulla_bytes bytes, uint8_t digest[BULLA_DIGEST_SIZE]);

/* End the hash: `fact` when it is `expected`, BULLA_UNKNOWN when it could not be computed, else 0.
 */
uint32_t bulla_digest_end(struct bulla_sha256 *hash, const uint8_t *expected, uint32_t fact);

/* The same for bytes that lie here whole. */
uint32_t bulla_digest_check(struct bulla_bytes bytes, const uint8_t *expected, uint32_t fact);

/* Why there is no fact: the caller's reason, or BULLA_E_CRYPTO, which refuses nothing. */
enum bulla_status bulla_digest_why(uint32_t proved, enum bulla_status why);

#endif
