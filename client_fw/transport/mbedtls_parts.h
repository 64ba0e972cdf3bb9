/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_MBEDTLS_PARTS_H
#define BULLA_TRANSPORT_MBEDTLS_PARTS_H

/* What the files of this transport share. Not installed. */

#include "mbedtls.h"

/* mbedtls_identity.c: the verify callback. Judges the certificates of the server with what
 * Mbed TLS found about them; the verdict is in tls->peer_accepted and tls->peer_status. */
int bulla_tls_judge_certificate(void *ctx, mbedtls_x509_crt *certificate, int depth,
                                uint32_t *flags);

#endif
