/* SPDX-License-Identifier: Apache-2.0 */
/* Crypto back-end, first half: SHA-256 of Mbed TLS (2.28 and 3.x), for devices. */

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <string.h>

#include "bulla/crypto.h"

#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof((struct bulla_sha256){0}.opaque),
               "the seam's context holds Mbed TLS's");

static mbedtls_sha256_context *context(struct bulla_sha256 *hash)
{
    return (mbedtls_sha256_context *)(void *)hash->opaque;
}

void bulla_sha256_init(struct bulla_sha256 *hash)
{
    mbedtls_sha256_init(context(hash));
    hash->failed = mbedtls_sha256_starts(context(hash), 0) != 0;
}

void bulla_sha256_update(struct bulla_sha256 *hash, struct bulla_bytes bytes)
{
    if (bytes.len > 0 && mbedtls_sha256_update(context(hash), bytes.data, bytes.len) != 0)
        hash->failed = true;
}

enum bulla_status bulla_sha256_finish(struct bulla_sha256 *hash, uint8_t digest[BULLA_DIGEST_SIZE])
{
    memset(digest, 0, BULLA_DIGEST_SIZE);
    if (hash->failed)
        return BULLA_E_CRYPTO;
    int rc = mbedtls_sha256_finish(context(hash), digest);
    mbedtls_sha256_free(context(hash));
    if (rc != 0) {
        memset(digest, 0, BULLA_DIGEST_SIZE);
        return BULLA_E_CRYPTO;
    }
    return BULLA_OK;
}
