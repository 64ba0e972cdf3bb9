/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, in the device state, for people. Nothing is ever decided by it. */

#include "parts.h"

/* Repeated events that are looked at before one is noted. */
#define TURNS_MAX 8u

void bulla_client_note(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                       enum bulla_status status, uint32_t value)
{
    const struct bulla_event_record event = {
        .what = (uint8_t)what,
        .slot = bulla_slot_code(slot),
        .status = (uint16_t)status,
        .value = value,
    };
    if (bulla_state_put_event(&client->state, &event) != BULLA_OK)
        return;
}

/* Kinds that a device left alone may note for ever. */
static bool is_repeated(uint8_t what)
{
    return what == BULLA_DID_FAIL_UPDATE || what == BULLA_DID_NOT_BOOT ||
           what == BULLA_DID_NOT_CONFIRM;
}

void bulla_client_note_once(struct bulla_client *client, enum bulla_event_kind what, int32_t slot,
                            enum bulla_status status, uint32_t value)
{
    uint32_t others = 0;

    /* a few that take turns are noted once each */
    for (uint32_t age = 0; age < BULLA_STATE_EVENTS_KEPT && others < TURNS_MAX; age++) {
        struct bulla_event_record event;
        bool found = false;
        if (bulla_state_event(&client->state, age, &event, &found) != BULLA_OK || !found ||
            !is_repeated(event.what))
            break;
        if (event.what == (uint8_t)what && event.slot == bulla_slot_code(slot) &&
            event.status == (uint16_t)status && event.value == value)
            return;
        others++;
    }
    bulla_client_note(client, what, slot, status, value);
}
