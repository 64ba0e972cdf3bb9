/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MBEDTLS_CONFIG_2_28_H
#define BULLA_MBEDTLS_CONFIG_2_28_H

/* MBEDTLS_CONFIG_FILE for 2.28. */

#include "common.h"

/* tls_no_decrypt.c */
#define MBEDTLS_AES_SETKEY_DEC_ALT
#define MBEDTLS_AES_DECRYPT_ALT
#define MBEDTLS_CTR_DRBG_USE_128_BIT_KEY
/* without these it looks at no key usage */
#define MBEDTLS_X509_CHECK_KEY_USAGE
#define MBEDTLS_X509_CHECK_EXTENDED_KEY_USAGE

#include "mbedtls/check_config.h"

#endif
