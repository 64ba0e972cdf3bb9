/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_LOAD_H
#define BULLA_MCU_LOAD_H

/* From the slot that the client chose to the memory it is executed from. */

#include "bulla/client.h"

struct load {
    enum bulla_verdict verdict; /* start it only on BULLA_YES */
    uint32_t size;
};

/* Copies the image to board_app and judges the copy there against the slot's signed manifest, which
 * is verified once more: between the client's reading of the flash and this one nothing that was
 * exchanged gets through. The caller sets out->verdict to BULLA_NO before; the status tells why it
 * is not BULLA_YES. */
BULLA_MUST_CHECK enum bulla_status
load_app(struct bulla_client *client, const struct bulla_boot_result *chosen, struct load *out);

#endif
