/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MBEDTLS_CONFIG_OF_THE_JUDGES_H
#define MBEDTLS_CONFIG_OF_THE_JUDGES_H

/* Mbed TLS for the judges on other machines: SHA-256, nothing else. */
#define MBEDTLS_SHA256_C

#endif
