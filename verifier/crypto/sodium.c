/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end, second half: Ed25519 verification of libsodium, for devices.
 *
 * libsodium says yes with 0, which is also what a skipped call leaves. Its form for a signature in
 * front of its message tells the message's length besides, and that only after it verified: this
 * length is what our yes is made of. */

#include <sodium/crypto_sign.h>
#include <string.h>

#include "bulla/crypto.h"

#define MESSAGE_MAX 64u /* what the verifier asks about: a Sig_structure over a digest */

static enum bulla_verdict opens(const uint8_t key[BULLA_KEY_SIZE],
                                const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                struct bulla_bytes message)
{
    uint8_t both[BULLA_SIGNATURE_SIZE + MESSAGE_MAX] = {0};
    unsigned long long len = sizeof(both); /* the length of no message */

    memcpy(both, signature, BULLA_SIGNATURE_SIZE);
    if (message.len > 0)
        memcpy(both + BULLA_SIGNATURE_SIZE, message.data, message.len);
    if (crypto_sign_open(NULL, &len, both, BULLA_SIGNATURE_SIZE + message.len, key) != 0 ||
        len != message.len)
        return BULLA_NO;
    return BULLA_YES;
}

enum bulla_verdict bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                               const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                               struct bulla_bytes message)
{
    if (message.len <= MESSAGE_MAX)
        return opens(key, signature, message);
    /* longer ones are no envelope's: nothing is installed or started on their account */
    return crypto_sign_verify_detached(signature, message.data, message.len, key) == 0 ? BULLA_YES
                                                                                       : BULLA_NO;
}
