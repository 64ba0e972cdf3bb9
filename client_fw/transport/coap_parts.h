/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_COAP_PARTS_H
#define BULLA_TRANSPORT_COAP_PARTS_H

/* What the files of this transport share. Not installed. */

#include "coap.h"

/* ---- coap_line.c ---- */

uint64_t bulla_coap_now_ms(const struct bulla_coap_transport *coap);

/* The time for the next BULLA_COAP_PROGRESS_SIZE bytes begins. */
void bulla_coap_begin_progress(struct bulla_coap_transport *coap);
void bulla_coap_count_progress(struct bulla_coap_transport *coap, size_t len);
/* Time that the caller spent between two calls is not the sender's fault. */
void bulla_coap_resume_progress(struct bulla_coap_transport *coap);

void bulla_coap_put_token(uint32_t token, uint8_t out[4]);

/* Send coap->request until its answer is there; *answer spans coap->frame. */
BULLA_MUST_CHECK enum bulla_status bulla_coap_exchange(struct bulla_coap_transport *coap,
                                                       struct bulla_coap_message *answer);

void bulla_coap_drop_line(struct bulla_coap_transport *coap);

#endif
