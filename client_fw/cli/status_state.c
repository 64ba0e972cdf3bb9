/* SPDX-License-Identifier: Apache-2.0 */
/* status: what the device state knows (counters, trials, events), and whether it is sound. */

#include <stdio.h>

#include "status.h"

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

static void tell_counters(struct status_view *view)
{
    const struct bulla_client *client = &view->device->client;
    const struct bulla_trust *trust = &client->trust;

    if (client->has_confirmed)
        host_say(view->tool, "Confirmed sequence is %u, security floor %u.",
                 (unsigned)client->confirmed.sequence, (unsigned)client->floor);
    else
        host_say(view->tool, "No release was confirmed yet; security floor is %u.",
                 (unsigned)client->floor);
    host_say(view->tool, "Trusts %u key%s, threshold %u; %u pin%s, %u anchor%s.",
             (unsigned)trust->key_count, plural(trust->key_count), (unsigned)trust->threshold,
             (unsigned)trust->pin_count, plural(trust->pin_count), (unsigned)trust->anchor_count,
             plural(trust->anchor_count));
    status_set(view, "sequence",
               client->has_confirmed ? json_integer(client->confirmed.sequence) : json_null());
    status_set(view, "floor", json_integer(client->floor));
}

/* Boots that count against what runs. */
static void tell_boots(struct status_view *view)
{
    const struct bulla_client *client = &view->device->client;
    struct bulla_boots boots;
    bool found = false;
    bool trial = bulla_client_in_trial(client);

    if (bulla_state_get_boots(&client->state, &boots, &found) != BULLA_OK)
        return;
    unsigned used = !trial ? 0 : boots.trial == 0 ? 1 : boots.trial;
    if (used > 1)
        host_say(view->tool, "Its trial has used %u boots.", used);
    if (boots.crashes > 0)
        host_say(view->tool, "It crashed %u time%s in a row.", (unsigned)boots.crashes,
                 plural(boots.crashes));
    status_set(view, "trial_boots", json_integer(used));
    status_set(view, "crashes", json_integer(boots.crashes));
}

/* The slot whose stored envelope has this manifest. */
static int32_t slot_of_release(struct bulla_client *client, const uint8_t digest[BULLA_DIGEST_SIZE],
                               struct status_view *view)
{
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)client->layout.slot_count; slot++) {
        const struct status_slot *s = status_slot(view, slot);
        if (s->exists && s->installed.sealed &&
            bulla_digest_equal(s->installed.manifest_digest, digest))
            return slot;
    }
    return BULLA_SLOT_NONE;
}

static void tell_failures(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;
    struct bulla_trial trial;
    char digest[2 * BULLA_DIGEST_SIZE + 1];
    bool found = false;

    if (bulla_state_get_trial(&client->state, &trial, &found) != BULLA_OK || !found ||
        trial.failed == 0) {
        status_set(view, "trial_failures", json_null());
        return;
    }
    int32_t slot = slot_of_release(client, trial.manifest_digest, view);
    const char *label = device_slot_name(view->device, slot);
    host_hex((struct bulla_bytes){trial.manifest_digest, BULLA_DIGEST_SIZE}, digest);
    host_say(view->tool, "The release with manifest %.16s... (%s%s%s) failed %u trial%s; %s.",
             digest, slot != BULLA_SLOT_NONE ? "in '" : "in no slot any more",
             slot != BULLA_SLOT_NONE ? label : "", slot != BULLA_SLOT_NONE ? "'" : "",
             (unsigned)trial.failed, plural(trial.failed),
             trial.failed >= BULLA_TRIALS_MAX ? "it is only installed again with --retry"
                                              : "after three it needs --retry");
    status_set(view, "trial_failures",
               json_pack("{s:i, s:s, s:o}", "failed", (int)trial.failed, "manifest", digest, "slot",
                         slot != BULLA_SLOT_NONE ? json_string(label) : json_null()));
}

/* ---- is the state itself sound? ---- */

/* The first kind kept twice of which one copy is gone. */
static const char *single_copy(const struct bulla_client *client)
{
    const struct bulla_state *state = &client->state;

    if (!bulla_state_has_pair(state, BULLA_RECORD_IDENTITY))
        return "the identity";
    if (client->has_confirmed && !bulla_state_has_pair(state, BULLA_RECORD_CONFIRMED))
        return "the confirmed sequence";
    if (client->floor > 0 && !bulla_state_has_pair(state, BULLA_RECORD_FLOOR))
        return "the security floor";
    return NULL;
}

static void tell_health(struct status_view *view)
{
    const struct bulla_client *client = &view->device->client;
    const struct bulla_partition *row = &client->layout.state;
    const char *single = single_copy(client);
    char detail[STATUS_WHY_SIZE];
    bool healthy = !client->state.damaged && single == NULL;

    if (client->state.damaged)
        (void)snprintf(detail, sizeof(detail),
                       "damaged: both copies of a record are lost; what was confirmed still runs, "
                       "and nothing can be updated: provision anew");
    else if (single != NULL)
        (void)snprintf(detail, sizeof(detail), "sound, but of %s only one copy is left", single);
    else if (client->state.dirty)
        (void)snprintf(detail, sizeof(detail),
                       "healthy; what a power cut left is cleared by the next write");
    else
        (void)snprintf(detail, sizeof(detail), "healthy");
    host_say(view->tool, "Device state in '%s': %s (%u of %u bytes used).", row->label, detail,
             (unsigned)client->state.end, (unsigned)client->state.half);
    json_t *object = status_row_json(row);
    json_object_set_new(object, "healthy", json_boolean(healthy));
    json_object_set_new(object, "detail", json_string(detail));
    json_object_set_new(object, "used", json_integer(client->state.end));
    json_object_set_new(object, "room", json_integer(client->state.half));
    status_set(view, "state", object);
}

/* ---- the journal ---- */

static void tell_event(struct status_view *view, const struct bulla_event_record *event,
                       json_t *list)
{
    struct host_tool *tool = view->tool;
    const char *label = device_slot_name(view->device, device_slot_of(event->slot));
    const char *name = bulla_event_name(event->what);
    const char *status = event->status < BULLA_STATUS_COUNT
                             ? bulla_status_name((enum bulla_status)event->status)
                             : "unknown";

    if (event->status != BULLA_OK && event->what == BULLA_DID_FAIL_UPDATE && event->value != 0)
        host_say(tool, "  %s '%s': %s, sequence %u", name, label, status, (unsigned)event->value);
    else if (event->status != BULLA_OK)
        host_say(tool, "  %s '%s': %s", name, label, status);
    else if (event->what == BULLA_DID_ADD_MODULES) /* of no slot */
        host_say(tool, "  %s, sequence %u", name, (unsigned)event->value);
    else if (event->value != 0)
        host_say(tool, "  %s '%s', sequence %u", name, label, (unsigned)event->value);
    else
        host_say(tool, "  %s '%s'", name, label);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "event", name, "slot", label,
                                          "status", status, "value", (json_int_t)event->value));
}

static void tell_events(struct status_view *view)
{
    json_t *list = json_array();

    for (uint32_t age = 0; age < BULLA_STATE_EVENTS_KEPT; age++) {
        struct bulla_event_record event;
        bool found = false;
        if (bulla_state_event(&view->device->client.state, age, &event, &found) != BULLA_OK ||
            !found)
            break;
        if (age == 0)
            host_say(view->tool, "Last events, newest first:");
        tell_event(view, &event, list);
    }
    status_set(view, "events", list);
}

void status_tell_state(struct status_view *view)
{
    tell_counters(view);
    tell_boots(view);
    tell_failures(view);
    tell_health(view);
    tell_events(view);
}
