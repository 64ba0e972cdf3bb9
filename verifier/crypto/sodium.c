/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end, second half: Ed25519 verification of libsodium, for devices. */

#include <sodium/crypto_sign.h>

#include "bulla/crypto.h"

enum bulla_status bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                              const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                              struct bulla_bytes message)
{
    if (crypto_sign_verify_detached(signature, message.data, message.len, key) != 0)
        return BULLA_E_SIGNATURE_INVALID;
    return BULLA_OK;
}
