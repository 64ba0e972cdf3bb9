/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MBEDTLS_CONFIG_SHA512_H
#define BULLA_MBEDTLS_CONFIG_SHA512_H

/* MBEDTLS_CONFIG_FILE for SHA-512 alone, without SHA-384: Ed25519 uses it, TLS does not. Small
 * rather than fast, for two or three blocks a signature. */

#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA512_NO_SHA384
#define MBEDTLS_SHA512_SMALLER

#endif
