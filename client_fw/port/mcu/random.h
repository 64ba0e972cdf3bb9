/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_RANDOM_H
#define BULLA_MCU_RANDOM_H

/* The random generator of the firmware: AES-CTR DRBG (NIST SP 800-90A) over the board's source. */

#include "bulla/status.h"

#include <stddef.h>
#include <stdint.h>

/* BULLA_E_CRYPTO: the source failed when it was asked for a seed; nothing was filled. */
enum bulla_status random_fill(uint8_t *bytes, size_t len);
/* For what a stranger should not guess and need not be secret: ports, pauses. 0 when the source
 * fails; TLS, which needs it too, says so. */
uint32_t random_u32(void);

#endif
