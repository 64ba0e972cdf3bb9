/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_TLS_HEAP_H
#define BULLA_MCU_TLS_HEAP_H

/* The only heap of the firmware: Mbed TLS's, in a block of its own. */

#include <stddef.h>

extern const size_t tls_heap_size;

/* Once, before Mbed TLS is used. */
void tls_heap_init(void);
/* How far into the block it has been used at worst; the block need not be larger than that. */
size_t tls_heap_peak(void);

#endif
