/* SPDX-License-Identifier: Apache-2.0 */
/* GCM and the random generator only ever encrypt with AES. What decrypts is linked by 2.28 because
 * a table names it; this stands there instead and is never called. */

#include <mbedtls/aes.h>

int mbedtls_aes_setkey_dec(mbedtls_aes_context *aes, const unsigned char *key, unsigned bits)
{
    (void)aes;
    (void)key;
    (void)bits;
    return MBEDTLS_ERR_AES_BAD_INPUT_DATA;
}

int mbedtls_internal_aes_decrypt(mbedtls_aes_context *aes, const unsigned char in[16],
                                 unsigned char out[16])
{
    (void)aes;
    (void)in;
    (void)out;
    return MBEDTLS_ERR_AES_BAD_INPUT_DATA;
}
