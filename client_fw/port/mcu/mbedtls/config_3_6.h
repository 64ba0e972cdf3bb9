/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MBEDTLS_CONFIG_3_6_H
#define BULLA_MBEDTLS_CONFIG_3_6_H

/* MBEDTLS_CONFIG_FILE for 3.6; it checks itself. */

#include "common.h"

#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
#define MBEDTLS_AES_ONLY_128_BIT_KEY_LENGTH

#endif
