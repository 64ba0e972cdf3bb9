/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end: OpenSSL 3 libcrypto, for host programs.
 *
 * The seam promises a hash context without heap that may be dropped, and a sector digest every
 * 4 KiB; EVP contexts can do neither, so SHA-256 uses the older SHA256_* calls of the same
 * library (docs/decisions/0004-sha256-context.md). */

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "bulla/crypto.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct bulla_sha256){0}.opaque),
               "the seam's context holds OpenSSL's");

static SHA256_CTX *context(struct bulla_sha256 *hash)
{
    return (SHA256_CTX *)(void *)hash->opaque;
}

void bulla_sha256_init(struct bulla_sha256 *hash)
{
    hash->failed = SHA256_Init(context(hash)) != 1;
}

void bulla_sha256_update(struct bulla_sha256 *hash, struct bulla_bytes bytes)
{
    if (bytes.len > 0 && SHA256_Update(context(hash), bytes.data, bytes.len) != 1)
        hash->failed = true;
}

enum bulla_status bulla_sha256_finish(struct bulla_sha256 *hash, uint8_t digest[BULLA_DIGEST_SIZE])
{
    memset(digest, 0, BULLA_DIGEST_SIZE);
    if (hash->failed)
        return BULLA_E_CRYPTO;
    if (SHA256_Final(digest, context(hash)) != 1) {
        memset(digest, 0, BULLA_DIGEST_SIZE);
        return BULLA_E_CRYPTO;
    }
    return BULLA_OK;
}

enum bulla_status bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                              const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                              struct bulla_bytes message)
{
    enum bulla_status status = BULLA_E_CRYPTO;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, BULLA_KEY_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1) {
        int rc = EVP_DigestVerify(ctx, signature, BULLA_SIGNATURE_SIZE, message.data, message.len);
        status = rc == 1 ? BULLA_OK : BULLA_E_SIGNATURE_INVALID;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return status;
}
