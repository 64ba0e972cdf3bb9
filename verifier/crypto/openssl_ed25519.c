/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end, second half: Ed25519 verification of OpenSSL 3, for host programs. */

#include <openssl/evp.h>

#include "bulla/crypto.h"

enum bulla_verdict bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                               const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                               struct bulla_bytes message)
{
    enum bulla_verdict verdict = BULLA_UNKNOWN;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, BULLA_KEY_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
        verdict =
            EVP_DigestVerify(ctx, signature, BULLA_SIGNATURE_SIZE, message.data, message.len) == 1
                ? BULLA_YES
                : BULLA_NO;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return verdict;
}
