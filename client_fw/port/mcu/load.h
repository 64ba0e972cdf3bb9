/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_LOAD_H
#define BULLA_MCU_LOAD_H

/* From the slot that the client chose to the memory it is executed from. */

#include "bulla/client.h"

struct load {
    enum bulla_verdict verdict; /* start it only on BULLA_YES */
};

/* Copies the slot to board_app and has the client judge it again, all of it and by the same rules
 * (bulla_slot_judge), with the copy in place of the flash: between its first reading and this one
 * nothing that was exchanged gets through. The caller sets out->verdict to BULLA_NO before; the
 * status tells why it is not BULLA_YES. The rest of board_app is zeros. */
BULLA_MUST_CHECK enum bulla_status
load_app(struct bulla_client *client, const struct bulla_boot_result *chosen, struct load *out);

#endif
