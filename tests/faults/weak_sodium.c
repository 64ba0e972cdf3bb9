/* SPDX-License-Identifier: Apache-2.0 */
/* The weakness that the skipping must find: a back-end that takes libsodium's 0 for a yes. Linked
 * into one test program, never into anything else. */

#include <sodium/crypto_sign.h>

#include "bulla/crypto.h"

enum bulla_verdict bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                               const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                               struct bulla_bytes message)
{
    if (crypto_sign_verify_detached(signature, message.data, message.len, key) != 0)
        return BULLA_NO;
    return BULLA_YES;
}
