/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_MEASURE_H
#define BULLA_MCU_MEASURE_H

/* What a run costs. measure.c tells it (-DBULLA_MEASURE=ON), measure_none.c is for releases. Its
 * instructions mean something only under an emulator that counts them (qemu -icount shift=0). */

#include "bulla/client.h"

/* First of all: paint the stack. */
void measure_begin(void);
/* Ed25519, SHA-256, and a head from its first byte to the verdict; the client is open. */
void measure_crypto(struct bulla_client *client, int32_t slot);
/* Around an update, which fetched an image of `size` bytes. */
void measure_update_begin(void);
void measure_update_head(void); /* the envelope was accepted, its image begins */
void measure_update_end(uint32_t size);
/* In each turn of a loop that waits for the network. */
void measure_wait(void);
/* Last: the worst of stack and TLS heap since the beginning. */
void measure_end(void);

#endif
