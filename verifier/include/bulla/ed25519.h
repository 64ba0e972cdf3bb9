/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_ED25519_H
#define BULLA_ED25519_H

/* Our acceptance rules for Ed25519, in front of whatever library verifies. Libraries differ on
 * S >= L, non-canonical points and points of small order; after these checks they agree
 * (the rules are those of libsodium). docs/FORMAT.md, section "Signatures". */

#include "bulla/crypto.h"

/* Canonical encoding (y < 2^255-19, no "minus zero") and not one of the eight small-order
 * points. BULLA_E_TRUST_KEY_INVALID otherwise. That the point has prime order is checked by
 * the host tools that make or import a trust store (keys/), not here. */
BULLA_MUST_CHECK enum bulla_status bulla_ed25519_key_check(const uint8_t key[BULLA_KEY_SIZE]);

/* S < L, R and the key canonical and not of small order, then the back-end. *why, which
 * the caller sets to BULLA_E_SIGNATURE_INVALID, becomes BULLA_E_SIGNATURE_NOT_CANONICAL or
 * BULLA_E_TRUST_KEY_INVALID when that is the reason for BULLA_NO, and BULLA_E_CRYPTO with
 * BULLA_UNKNOWN. */
BULLA_MUST_CHECK enum bulla_verdict
bulla_ed25519_holds(const uint8_t key[BULLA_KEY_SIZE],
                    const uint8_t signature[BULLA_SIGNATURE_SIZE], struct bulla_bytes message,
                    enum bulla_status *why);

/* The same as a status, for those who only tell. */
BULLA_MUST_CHECK static inline enum bulla_status
bulla_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                     const uint8_t signature[BULLA_SIGNATURE_SIZE], struct bulla_bytes message)
{
    enum bulla_status why = BULLA_E_SIGNATURE_INVALID;

    return bulla_ed25519_holds(key, signature, message, &why) == BULLA_YES ? BULLA_OK : why;
}

#endif
