/* SPDX-License-Identifier: Apache-2.0 */
/* status: what runs, what boots next and why, and the records behind it. Writes nothing. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "status.h"

void status_set(struct status_view *view, const char *key, json_t *value)
{
    if (view->tool->json)
        json_object_set_new(view->tool->doc, key, value);
    else
        json_decref(value);
}

json_t *status_text(const char *text)
{
    char *escaped = text[0] != '\0'
                        ? host_escape((struct bulla_bytes){(const uint8_t *)text, strlen(text)})
                        : NULL;
    json_t *value = escaped != NULL ? json_string(escaped) : json_null();

    free(escaped);
    return value;
}

struct status_slot *status_slot(struct status_view *view, int32_t slot)
{
    return &view->slots[slot - BULLA_SLOT_FACTORY];
}

/* ---- slots ---- */

static json_t *version_json(const struct bulla_installed *installed)
{
    char version[64];

    if (!installed->sealed || installed->version.count == 0)
        return json_null();
    return json_string(host_version_text(&installed->version, version, sizeof(version)));
}

/* Of a slot: where it lies and what it holds. */
static json_t *slot_json(struct status_view *view, int32_t slot)
{
    const struct status_slot *s = status_slot(view, slot);
    bool decoded = s->installed.sealed && s->installed.sequence != 0;
    json_t *object = status_slot_json(view->device, slot);

    json_object_set_new(object, "sealed", json_boolean(s->installed.sealed));
    json_object_set_new(object, "status", json_string(bulla_status_name(s->status)));
    json_object_set_new(object, "empty", json_boolean(s->empty));
    json_object_set_new(object, "sequence",
                        decoded ? json_integer(s->installed.sequence) : json_null());
    json_object_set_new(object, "version", version_json(&s->installed));
    json_object_set_new(object, "project", status_text(s->app.project));
    json_object_set_new(object, "app_version", status_text(s->app.version));
    return object;
}

/* "app 'lamp' 1.1.0" of the descriptor. */
static const char *app_words(const struct status_slot *s, char *buf, size_t size)
{
    if (s->app.found)
        (void)snprintf(buf, size, "app '%s' %s", s->app.project, s->app.version);
    else if (s->status == BULLA_E_IMAGE_NOT_AN_APP)
        (void)snprintf(buf, size, "`bulla-sign extract` cuts the app out of such a file");
    else
        (void)snprintf(buf, size, "an app without a description of itself");
    return buf;
}

/* "sealed, sequence 3, version 1.1.0" of what lies in a slot. */
static const char *describe(const struct status_slot *s, bool bare, char *buf, size_t size)
{
    char version[64];
    const struct bulla_installed *installed = &s->installed;

    if (s->status != BULLA_OK)
        (void)snprintf(buf, size, "does not verify: %s (%s)", bulla_status_name(s->status),
                       bulla_status_sentence(s->status));
    else if (!installed->sealed)
        (void)snprintf(buf, size, "%sverified by its own SHA-256", bare ? "" : "not sealed, ");
    else if (installed->version.count > 0)
        (void)snprintf(buf, size, "sealed, sequence %u, version %s", (unsigned)installed->sequence,
                       host_version_text(&installed->version, version, sizeof(version)));
    else
        (void)snprintf(buf, size, "sealed, sequence %u", (unsigned)installed->sequence);
    return buf;
}

void status_tell_slots(struct status_view *view)
{
    const struct bulla_layout *layout = &view->device->client.layout;
    json_t *list = json_array();

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)layout->slot_count; slot++) {
        const struct status_slot *s = status_slot(view, slot);
        char text[STATUS_WHY_SIZE];
        char app[2 * BULLA_ESP_TEXT_MAX + 64u];
        if (!s->exists)
            continue;
        json_array_append_new(list, slot_json(view, slot));
        const char *label = device_slot_name(view->device, slot);
        if (s->empty && !s->installed.sealed)
            host_say(view->tool, "Slot '%s': empty.", label);
        else
            host_say(view->tool, "Slot '%s': %s; %s.", label,
                     describe(s, layout->state.size == 0, text, sizeof(text)),
                     app_words(s, app, sizeof(app)));
    }
    status_set(view, "slots", list);
}

static void judge_slots(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)client->layout.slot_count; slot++) {
        struct status_slot *s = status_slot(view, slot);
        if (bulla_layout_slot(&client->layout, slot) == NULL)
            continue;
        s->exists = true;
        s->empty = device_is_blank(view->device, slot);
        s->status = bulla_slot_judge(client, slot, &s->installed);
        status_read_app(view->device, slot, &s->app);
    }
}

/* ---- what runs and what will ---- */

void status_tell_running(struct status_view *view, const char *instead)
{
    char place[DEVICE_PLACE_SIZE];
    char app[2 * BULLA_ESP_TEXT_MAX + 64u];
    char release[64] = "";

    if (view->running == BULLA_SLOT_NONE) {
        host_say(view->tool, "%s", instead);
        status_set(view, "running", json_null());
        status_set(view, "trial", json_false());
        return;
    }
    const struct status_slot *s = status_slot(view, view->running);
    device_place(view->device, view->running, place, sizeof(place));
    place[0] = 'R';
    if (s->installed.sealed && s->installed.sequence != 0)
        (void)snprintf(release, sizeof(release), ", release with sequence %u",
                       (unsigned)s->installed.sequence);
    host_say(view->tool, "%s: %s%s%s.", place, app_words(s, app, sizeof(app)), release,
             view->rejected ? ", rejected: it runs until the next reset"
             : view->trial  ? ", in a trial that is not confirmed"
                            : "");
    json_t *object = slot_json(view, view->running);
    json_object_set_new(object, "trial", json_boolean(view->trial));
    json_object_set_new(object, "executed_at",
                        json_integer(device_executed(view->device, view->running)->offset));
    status_set(view, "running", object);
    status_set(view, "trial", json_boolean(view->trial));
}

/* Nothing boots: what would help. What is wrong with each slot follows below. */
static void tell_repair(struct status_view *view, const char *why)
{
    const struct bulla_layout *layout = &view->device->client.layout;
    const char *help = layout->slot_count > 0 && layout->state.size != 0
                           ? "recovery code can still install a release (update --recovery); "
                             "without any, provision anew"
                       : layout->slot_count > 0 ? "flash an app anew"
                                                : "this layout has no OTA slot: provision anew";

    host_say(view->tool, "Nothing can boot: %s.", why);
    host_say(view->tool, "To repair it: %s.", help);
    status_set(view, "repair", json_string(help));
}

void status_tell_next(struct status_view *view, const char *why, bool trial)
{
    const char *label = device_slot_name(view->device, view->next);
    json_t *object = status_slot_json(view->device, view->next);

    if (view->next == BULLA_SLOT_NONE) {
        json_decref(object);
        object = json_pack("{s:n, s:n, s:n}", "label", "offset", "subtype");
        tell_repair(view, why);
    } else if (view->trial && !view->rejected && view->running != view->next) {
        host_say(view->tool, "Next boot is '%s', unless '%s' is confirmed before: %s.", label,
                 device_slot_name(view->device, view->running), why);
    } else {
        host_say(view->tool, "Next boot is '%s': %s.", label, why);
    }
    json_object_set_new(object, "trial", json_boolean(trial));
    json_object_set_new(object, "why", json_string(why));
    status_set(view, "next_boot", object);
}

/* What runs as our last boot recorded it, as the device says itself, or as a PENDING_VERIFY record
 * of another bootloader tells. That one is believed only if it can be: a bootloader whose choice
 * does not load goes on to the next slot and leaves the record as it is. */
static void tell_running(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;
    char instead[STATUS_WHY_SIZE] = "Nothing was booted yet.";
    int32_t slot = BULLA_SLOT_NONE;
    bool in_trial = bulla_client_in_trial(client);

    if ((view->said_running || client->has_running || in_trial) &&
        bulla_client_running(client, &slot) != BULLA_OK)
        slot = BULLA_SLOT_NONE;
    bool is_ours = client->has_running && device_slot_of(client->running.slot) == slot;
    if (slot != BULLA_SLOT_NONE && in_trial && !is_ours && !view->said_running &&
        bulla_status_is_refusal(status_slot(view, slot)->status)) {
        (void)snprintf(instead, sizeof(instead),
                       "What runs is not recorded: another bootloader was to start '%s', but what "
                       "it holds does not verify.",
                       device_slot_name(view->device, slot));
        slot = BULLA_SLOT_NONE;
    }
    view->running = slot;
    view->trial = in_trial && slot != BULLA_SLOT_NONE;
    view->rejected = view->trial && device_is_rejected(view->device, slot);
    status_tell_running(view, instead);
}

/* Where the next update goes; if what runs is not known or rejected, once it is what boots next. */
static void tell_target(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;
    int32_t executing = client->executing;
    int32_t target = BULLA_SLOT_NONE;

    if (view->running == BULLA_SLOT_NONE || view->rejected)
        client->executing = view->next;
    enum bulla_status status = bulla_client_target(client, &target);
    client->executing = executing;
    if (status == BULLA_OK)
        host_say(view->tool, "The next update goes to '%s'%s.",
                 device_slot_name(view->device, target),
                 view->trial && !view->rejected  ? ", once what runs is confirmed"
                 : bulla_client_in_trial(client) ? ", after a boot"
                                                 : "");
    else
        host_say(view->tool, "There is no slot for an update: %s.", bulla_status_sentence(status));
    status_set(view, "next_update",
               status == BULLA_OK ? json_string(device_slot_name(view->device, target))
                                  : json_null());
}

/* What a boot would do now, computed by the code that will do it. */
static void tell_next(struct status_view *view)
{
    struct device *device = view->device;
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};
    char why[STATUS_WHY_SIZE];
    enum bulla_status status = bulla_client_predict(&device->client, &next);

    view->next = status == BULLA_OK ? next.slot : BULLA_SLOT_NONE;
    if (status == BULLA_OK && view->trial && !view->rejected && next.ended_trial == view->running)
        (void)snprintf(why, sizeof(why), "the trial of %s lasts until the next reset; %s",
                       device_slot_name(device, view->running), device_choice_reason(&next));
    else
        device_boot_reason(device, &next, status, why, sizeof(why));
    status_tell_next(view, why, status == BULLA_OK && next.trial);
    if (status == BULLA_OK && next.placed)
        host_say(view->tool, "It will be copied into '%s' at the next boot.",
                 device_slot_name(device, BULLA_SLOT_FACTORY));
    status_set(view, "will_be_copied", json_boolean(status == BULLA_OK && next.placed));
    tell_target(view);
}

/* ---- the command ---- */

static void tell_all(struct status_view *view)
{
    judge_slots(view);
    tell_running(view);
    tell_next(view);
    status_tell_slots(view);
    status_tell_areas(view);
    status_tell_table(view);
    status_tell_otadata(view);
    status_tell_state(view);
}

/* The state cannot be read: what lies beside it is shown all the same. */
static void tell_rest(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;

    status_tell_areas(view);
    status_tell_table(view);
    if (client->layout.otadata.size != 0 &&
        bulla_otadata_read(client->flash, &client->layout.otadata, &client->otadata) == BULLA_OK)
        status_tell_otadata(view);
}

/* -1, or the exit code. */
static int take_running(struct status_view *view, const char *name)
{
    char why[STATUS_WHY_SIZE];

    if (name == NULL)
        return -1;
    view->running = control_find(view->device, name, why, sizeof(why));
    if (view->running == BULLA_SLOT_NONE)
        return device_end(view->tool, view->device, BULLA_E_SLOT_UNKNOWN, why);
    view->said_running = true;
    view->device->client.executing = view->running;
    return -1;
}

int device_status(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[STATUS_WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);
    struct status_view *view = calloc(1, sizeof(*view));

    if (view == NULL)
        return device_end(tool, &device, BULLA_E_IO, "out of memory");
    *view = (struct status_view){.tool = tool,
                                 .device = &device,
                                 .path = arguments->flash,
                                 .running = BULLA_SLOT_NONE,
                                 .next = BULLA_SLOT_NONE};
    status_read_table(view);
    int code = status == BULLA_OK || status == BULLA_E_PARTITION_NO_STATE
                   ? take_running(view, arguments->running)
                   : -1;
    if (code < 0) {
        if (status == BULLA_OK)
            tell_all(view);
        else if (status == BULLA_E_PARTITION_NO_STATE)
            status_tell_bare(view);
        else if (view->layout.count > 0)
            tell_rest(view);
        if (status == BULLA_E_PARTITION_NO_STATE)
            status = BULLA_OK; /* shown as far as it goes, and said so */
        code = device_end(tool, &device, status, why);
    }
    free(view);
    return code;
}
