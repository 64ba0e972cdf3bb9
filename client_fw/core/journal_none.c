/* SPDX-License-Identifier: Apache-2.0 */
/* For devices that keep no journal, in place of journal.c. */

#include "parts.h"

void bulla_client_note(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                       enum bulla_status status, uint32_t value)
{
    (void)client;
    (void)what;
    (void)slot;
    (void)status;
    (void)value;
}

void bulla_client_note_once(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                            enum bulla_status status, uint32_t value)
{
    (void)client;
    (void)what;
    (void)slot;
    (void)status;
    (void)value;
}
