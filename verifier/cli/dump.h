/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_H
#define DUMP_H

/* Any SUIT envelope or manifest, ours or a stranger's, item by item with names. */

#include "bulla/status.h"
#include "host.h"

/* BULLA_OK when the bytes could be shown to their end. BULLA_E_ENVELOPE_NOT_SUIT: neither an
 * envelope nor a manifest. Other statuses: shown up to where the bytes make no more sense. With
 * JSON the lines go to the member "fields" as {depth, name, value}. */
BULLA_MUST_CHECK enum bulla_status dump_suit(struct host_tool *tool, struct bulla_bytes bytes);

#endif
