/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512 for libsodium's Ed25519 by Mbed TLS, which can do it in a quarter of the code. */

#include <mbedtls/sha512.h>
#include <mbedtls/version.h>

#include "crypto_hash_sha512.h"

#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha512_starts mbedtls_sha512_starts_ret
#define mbedtls_sha512_update mbedtls_sha512_update_ret
#define mbedtls_sha512_finish mbedtls_sha512_finish_ret
#endif

_Static_assert(sizeof(mbedtls_sha512_context) <= sizeof(crypto_hash_sha512_state),
               "libsodium's context holds Mbed TLS's");

static mbedtls_sha512_context *context(crypto_hash_sha512_state *state)
{
    return (mbedtls_sha512_context *)(void *)state;
}

int crypto_hash_sha512_init(crypto_hash_sha512_state *state)
{
    mbedtls_sha512_init(context(state));
    return mbedtls_sha512_starts(context(state), 0);
}

int crypto_hash_sha512_update(crypto_hash_sha512_state *state, const unsigned char *in,
                              unsigned long long len)
{
    return mbedtls_sha512_update(context(state), in, (size_t)len);
}

int crypto_hash_sha512_final(crypto_hash_sha512_state *state, unsigned char *out)
{
    return mbedtls_sha512_finish(context(state), out);
}
