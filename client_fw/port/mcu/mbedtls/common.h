/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MBEDTLS_COMMON_H
#define BULLA_MBEDTLS_COMMON_H

/* Mbed TLS for firmware, what both versions call by the same name: a client of TLS 1.2 with
 * ECDHE-ECDSA, P-256, AES-128-GCM and SHA-256, certificates, a heap in one block, and a random
 * generator over the board's source. No files, no sockets, no clock, no stdio, no PSA. */

/* tls_heap.c: a header of the heap was overwritten. */
_Noreturn void tls_heap_broken(int status);

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_PLATFORM_STD_CALLOC NULL /* none before tls_heap_init */
#define MBEDTLS_PLATFORM_STD_FREE   NULL
#define MBEDTLS_PLATFORM_EXIT_MACRO tls_heap_broken
#define MBEDTLS_NO_PLATFORM_ENTROPY

/* hash, cipher, generator */
#define MBEDTLS_SHA256_C
#define MBEDTLS_MD_C
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_CIPHER_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_CTR_DRBG_ENTROPY_LEN 32

/* P-256; the window that a handshake is as fast with as with larger ones, for the least heap */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 64
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE       4
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C

/* certificates */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_REMOVE_INFO

/* TLS. The server is asked for records of the smaller size, which is as large as the library lets
 * us ask for; one that does not listen may still send the larger. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#define MBEDTLS_SSL_IN_CONTENT_LEN  4096
#define MBEDTLS_SSL_OUT_CONTENT_LEN 2048
#define MBEDTLS_SSL_CIPHERSUITES    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256

#endif
