/* SPDX-License-Identifier: Apache-2.0 */
/* boot: choose the slot at a reset, for whatever starts it. status: what runs and what would boot,
 * nothing written. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"

#define EVENTS_SHOWN 8u

/* ---- words ---- */

static const char *choice(const struct bulla_boot_result *result)
{
    if (result->last_resort)
        return "it failed before, but no other slot verifies";
    if (result->trial)
        return result->trial_boot > 1 ? "its trial goes on" : "a new release has its trial";
    if (result->initial || result->unnamed)
        return "no otadata record names a slot that verifies, and this one does";
    return result->slot == BULLA_SLOT_FACTORY ? "otadata selects no slot" : "otadata names it";
}

/* Why this slot boots, or why none does. */
static void explain(struct agent *agent, const struct bulla_boot_result *result,
                    enum bulla_status status, char *why, size_t size)
{
    const char *refused = agent_label(agent, result->refused_slot);

    if (status != BULLA_OK && result->refused_slot != BULLA_SLOT_NONE)
        (void)snprintf(why, size, "no slot verifies; %s: %s", refused,
                       bulla_status_sentence(result->refused_why));
    else if (status != BULLA_OK)
        (void)snprintf(why, size, "%s", bulla_status_sentence(status));
    else if (result->crash_loop)
        (void)snprintf(why, size, "%s crashed %u times in a row", refused,
                       (unsigned)result->crashes);
    else if (result->ended_trial != BULLA_SLOT_NONE)
        (void)snprintf(why, size, "the trial of %s ended without confirmation; %s",
                       agent_label(agent, result->ended_trial), choice(result));
    else if (result->refused_slot != BULLA_SLOT_NONE && result->slot != result->refused_slot)
        (void)snprintf(why, size, "fall-back: %s was refused (%s)", refused,
                       bulla_status_name(result->refused_why));
    else
        (void)snprintf(why, size, "%s", choice(result));
}

/* ---- boot ---- */

/* Where what is chosen is executed from. */
static const struct bulla_partition *executed(const struct agent *agent, int32_t slot)
{
    const struct bulla_layout *layout = &agent->client.layout;

    return layout->in_place && slot >= 0 ? &layout->factory : bulla_layout_slot(layout, slot);
}

/* One line for a script: PATH START SIZE LABEL. The label comes from flash that nobody signed and
 * may have blanks, so it is last; a path has none. agent_open made sure that one area has it all.
 */
static void tell_place(struct agent *agent, const struct bulla_boot_result *result, const char *why)
{
    const struct bulla_partition *at = executed(agent, result->slot);
    const char *label = agent_label(agent, result->slot);
    const struct flash_posix_area *area =
        at != NULL ? flash_posix_find(&agent->config.flash, at->offset, at->size) : NULL;

    if (area == NULL)
        return;
    uint64_t start = area->start + (at->offset - area->offset);
    host_say(agent->tool, "%s %llu %u %s", area->path, (unsigned long long)start,
             (unsigned)at->size, label);
    if (!agent->tool->json)
        host_note(agent->tool, "%s boots%s: %s", label, result->trial ? " for a trial" : "", why);
    agent_set(agent, "slot", json_string(label));
    host_member(agent->tool, "path", area->path);
    agent_set(agent, "start", json_integer((json_int_t)start));
    agent_set(agent, "size", json_integer(at->size));
    agent_set(agent, "trial", json_boolean(result->trial));
    agent_set(agent, "sequence", result->sealed ? json_integer(result->sequence) : json_null());
    agent_set(agent, "why", json_string(why));
}

/* A second choice in a running system would end the trial, and make the next update erase what
 * runs. The flash is locked: nobody chooses at the same time. */
static enum bulla_status need_reset(struct agent *agent)
{
    int32_t slot = BULLA_SLOT_NONE;

    if (!agent_mark_read(agent, &slot))
        return BULLA_OK;
    (void)snprintf(agent->why, sizeof(agent->why),
                   "%s was chosen since this kernel started, and may be running: boot belongs to a "
                   "reset (%.300s)",
                   agent_label(agent, slot), agent->config.run_folder);
    return BULLA_E_USAGE;
}

/* Nothing that a start fails for: without the mark, the system knows less of itself. */
static void leave_mark(struct agent *agent, const struct bulla_boot_result *result)
{
    if (!agent_mark_write(agent, result->slot, result->trial))
        host_note(agent->tool, "%.300s cannot be written: %s", agent->config.run_folder,
                  strerror(errno));
}

int agent_boot(struct agent *agent)
{
    const struct agent_config *config = &agent->config;
    const struct bulla_reset reset = {.crashed = agent->crashed,
                                      .trial_boots = (uint8_t)config->trial_boots,
                                      .crashes_max = (uint8_t)config->crashes_max};
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    char why[AGENT_WHY_SIZE];
    enum bulla_status status = agent_open(agent, FLASH_POSIX_WRITE);

    if (status == BULLA_OK)
        status = need_reset(agent);
    if (status != BULLA_OK)
        return agent_end(agent, status);
    status = bulla_client_boot_after(&agent->client, &reset, &result);
    if (status == BULLA_OK && result.verdict != BULLA_YES)
        status = BULLA_E_NOTHING_BOOTABLE;
    explain(agent, &result, status, why, sizeof(why));
    if (status == BULLA_OK) {
        leave_mark(agent, &result);
        tell_place(agent, &result, why);
    } else if (status == BULLA_E_NOTHING_BOOTABLE) {
        (void)snprintf(agent->why, sizeof(agent->why), "%s", why);
    }
    return agent_end(agent, status);
}

/* ---- status ---- */

/* Nothing was ever written at its start. */
static bool is_empty(const struct agent *agent, const struct bulla_partition *row)
{
    const struct bulla_flash *flash = agent->client.flash;
    uint8_t start[64];

    if (flash->read(flash->ctx, row->offset, start, sizeof(start)) != BULLA_OK)
        return false;
    for (size_t i = 0; i < sizeof(start); i++) {
        if (start[i] != 0xff)
            return false;
    }
    return true;
}

static void tell_slot(struct agent *agent, int32_t slot, json_t *list)
{
    struct bulla_installed held = {.verdict = BULLA_NO};
    char version[64] = "";
    const struct bulla_partition *row = bulla_layout_slot(&agent->client.layout, slot);

    if (row == NULL || row->size == 0)
        return;
    enum bulla_status status = bulla_slot_judge(&agent->client, slot, &held);
    bool good = status == BULLA_OK;
    if (good && held.version.count > 0)
        (void)host_version_text(&held.version, version, sizeof(version));
    if (!good && !held.sealed && is_empty(agent, row))
        host_say(agent->tool, "slot %s: empty", row->label);
    else if (!good)
        host_say(agent->tool, "slot %s: does not verify: %s", row->label,
                 bulla_status_name(status));
    else if (held.sealed)
        host_say(agent->tool, "slot %s: sealed, sequence %u%s%s", row->label,
                 (unsigned)held.sequence, version[0] != '\0' ? ", version " : "", version);
    else
        host_say(agent->tool, "slot %s: not sealed, verified by its own SHA-256", row->label);
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:b, s:o, s:o}", "label", row->label, "status",
                        bulla_status_name(status), "sealed", held.sealed, "sequence",
                        good && held.sealed ? json_integer(held.sequence) : json_null(), "version",
                        version[0] != '\0' ? json_string(version) : json_null()));
}

static void tell_slots(struct agent *agent)
{
    json_t *list = json_array();

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)agent->client.layout.slot_count; slot++)
        tell_slot(agent, slot, list);
    agent_set(agent, "slots", list);
}

static void tell_running(struct agent *agent)
{
    const struct bulla_client *client = &agent->client;
    int32_t slot = BULLA_SLOT_NONE;
    bool trial = bulla_client_in_trial(client);

    if (!client->has_running || bulla_client_running(&agent->client, &slot) != BULLA_OK)
        slot = BULLA_SLOT_NONE;
    bool known = slot != BULLA_SLOT_NONE;
    host_say(agent->tool, "runs: %s%s", agent_label(agent, slot),
             known && trial ? ", for a trial that is not confirmed" : "");
    host_say(agent->tool, "confirmed: sequence %u, floor %u", (unsigned)client->confirmed.sequence,
             (unsigned)client->floor);
    agent_set(agent, "running", known ? json_string(agent_label(agent, slot)) : json_null());
    agent_set(agent, "trial", json_boolean(known && trial));
    agent_set(agent, "confirmed",
              client->has_confirmed ? json_integer(client->confirmed.sequence) : json_null());
    agent_set(agent, "floor", json_integer(client->floor));
}

static enum bulla_status tell_next(struct agent *agent)
{
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    char why[AGENT_WHY_SIZE];
    enum bulla_status status = bulla_client_predict(&agent->client, &next);

    explain(agent, &next, status, why, sizeof(why));
    bool known = status == BULLA_OK;
    host_say(agent->tool, "next boot: %s%s: %s", known ? agent_label(agent, next.slot) : "nothing",
             known && next.trial ? ", for a trial" : "", why);
    agent_set(agent, "next", known ? json_string(agent_label(agent, next.slot)) : json_null());
    agent_set(agent, "next_trial", json_boolean(known && next.trial));
    agent_set(agent, "why", json_string(why));
    return status;
}

static void tell_events(struct agent *agent)
{
    json_t *list = json_array();
    struct bulla_event_record event;
    bool found = true;

    for (uint32_t age = 0; age < EVENTS_SHOWN; age++) {
        if (bulla_state_event(&agent->client.state, age, &event, &found) != BULLA_OK || !found)
            break;
        enum bulla_status status = (enum bulla_status)event.status;
        host_say(agent->tool, "event: %s%s%s", bulla_event_name(event.what),
                 status != BULLA_OK ? ", " : "",
                 status != BULLA_OK ? bulla_status_name(status) : "");
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I}", "what", bulla_event_name(event.what), "status",
                            bulla_status_name(status), "value", (json_int_t)event.value));
    }
    agent_set(agent, "events", list);
}

int agent_status(struct agent *agent)
{
    enum bulla_status status = agent_open(agent, FLASH_POSIX_READ);

    if (status != BULLA_OK)
        return agent_end(agent, status);
    tell_running(agent);
    tell_slots(agent);
    status = tell_next(agent);
    tell_events(agent);
    return agent_end(agent, status);
}
