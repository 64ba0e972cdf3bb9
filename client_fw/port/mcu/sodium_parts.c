/* SPDX-License-Identifier: Apache-2.0 */
/* What libsodium's Ed25519 verification needs from the rest of that library, in the few lines it
 * takes where nothing is secret: firmware and judges verify, and never hold a private key. */

#include <stdint.h>
#include <string.h>

#include "crypto_hash_sha512.h"
#include "sign_ed25519_ref10.h"
#include "utils.h"

void sodium_memzero(void *const bytes, const size_t len)
{
    memset(bytes, 0, len);
}

int sodium_memcmp(const void *const a, const void *const b, size_t len)
{
    return memcmp(a, b, len) == 0 ? 0 : -1;
}

int sodium_is_zero(const unsigned char *bytes, const size_t len)
{
    unsigned char any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

/* Pure Ed25519 starts with plain SHA-512; nobody here asks for a prehashed one. */
void _crypto_sign_ed25519_ref10_hinit(crypto_hash_sha512_state *hash, int prehashed)
{
    (void)prehashed;
    (void)crypto_hash_sha512_init(hash);
}
