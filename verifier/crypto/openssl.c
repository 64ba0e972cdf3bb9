/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end: SHA-256 of OpenSSL 3 libcrypto, for host programs.
 *
 * The seam promises a hash context without heap that may be dropped, and a sector digest every
 * 4 KiB; EVP contexts can do neither, so SHA-256 uses the older SHA256_* calls of the same
 * library (docs/decisions/0004-sha256-context.md). */

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
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
