/* SPDX-License-Identifier: Apache-2.0 */
/* status: both otadata records, what each is good for, and what must have happened to make them
 * look so. They are shown as they are; what boots is not computed from them here. */

#include <stdarg.h>
#include <stdio.h>

#include "status.h"

static const char *state_name(uint32_t state)
{
    switch (state) {
    case BULLA_OTA_NEW:
        return "NEW";
    case BULLA_OTA_PENDING_VERIFY:
        return "PENDING_VERIFY";
    case BULLA_OTA_VALID:
        return "VALID";
    case BULLA_OTA_INVALID:
        return "INVALID";
    case BULLA_OTA_ABORTED:
        return "ABORTED";
    case BULLA_OTA_UNDEFINED:
        return "UNDEFINED";
    default:
        return "unknown";
    }
}

static bool is_blank(const struct bulla_ota_record *record)
{
    return record->seq == BULLA_OTA_SEQ_NONE;
}

static bool is_whole(const struct bulla_ota_record *record)
{
    return !is_blank(record) && record->crc == bulla_ota_crc(record->seq);
}

/* What a bootloader makes of this record alone. */
static const char *verdict_of(const struct bulla_ota_record *record)
{
    if (is_blank(record))
        return "no record";
    if (!is_whole(record))
        return "torn or damaged: no bootloader follows it";
    switch (record->state) {
    case BULLA_OTA_NEW:
        return "installed, its trial has not begun";
    case BULLA_OTA_PENDING_VERIFY:
        return "in its trial, which the next reset ends unless it is confirmed";
    case BULLA_OTA_INVALID:
        return "rejected or found unfit: not followed";
    case BULLA_OTA_ABORTED:
        return "its trial ended without confirmation, or it was left for its crashes: not followed";
    default: /* VALID, and whatever a bootloader takes for it */
        return "may boot";
    }
}

static int32_t slot_of(const struct status_view *view, uint32_t index)
{
    const struct bulla_client *client = &view->device->client;
    const struct bulla_ota_record *record = &client->otadata.record[index];

    if (is_blank(record) || client->layout.slot_count == 0)
        return BULLA_SLOT_NONE;
    return (int32_t)bulla_ota_slot_of(record->seq, client->layout.slot_count);
}

static void tell_record(struct status_view *view, uint32_t index, json_t *list)
{
    const struct bulla_ota_record *record = &view->device->client.otadata.record[index];
    const char *label = device_slot_name(view->device, slot_of(view, index));
    const char *verdict = verdict_of(record);

    if (is_blank(record)) {
        host_say(view->tool, "OTA record %u: none.", (unsigned)index);
        json_array_append_new(list, json_null());
        return;
    }
    host_say(view->tool,
             "OTA record %u: state=%s (0x%x), seq=%u, crc=%u (0x%08x, %s), names '%s': %s.",
             (unsigned)index, state_name(record->state), (unsigned)record->state,
             (unsigned)record->seq, (unsigned)record->crc, (unsigned)record->crc,
             is_whole(record) ? "good" : "BAD", label, verdict);
    json_array_append_new(list,
                          json_pack("{s:I, s:s, s:I, s:I, s:b, s:b, s:s, s:s}", "seq",
                                    (json_int_t)record->seq, "state", state_name(record->state),
                                    "state_number", (json_int_t)record->state, "crc",
                                    (json_int_t)record->crc, "crc_ok", is_whole(record), "valid",
                                    bulla_ota_is_valid(record), "slot", label, "verdict", verdict));
}

/* ---- what happened ---- */

struct story {
    struct status_view *view;
    json_t *list;
};

__attribute__((format(printf, 2, 3))) static void say(struct story *story, const char *format, ...)
{
    char sentence[STATUS_WHY_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    host_say(story->view->tool, "%s", sentence);
    json_array_append_new(story->list, json_string(sentence));
}

static const char *label_of(const struct story *story, int32_t slot)
{
    return device_slot_name(story->view->device, slot);
}

/* ESP-IDF up to 5.5, told to select the slot that is selected already, writes the same number into
 * the other sector: that held the record of what runs. */
static void tell_same_number(struct story *story)
{
    const struct bulla_client *client = &story->view->device->client;
    const struct bulla_ota_record *record = client->otadata.record;
    const char *label = label_of(story, slot_of(story->view, 0));
    uint32_t count = client->layout.slot_count;
    int32_t slot = slot_of(story->view, 0);

    if (!is_whole(&record[0]) || !is_whole(&record[1]) || record[0].seq != record[1].seq ||
        slot == BULLA_SLOT_NONE)
        return;
    const char *other = count == 2 ? label_of(story, 1 - slot) : "the slot that ran";
    say(story,
        "Both records have number %u: %s was installed twice while %s ran, and the second time its "
        "record was written over that of %s (as ESP-IDF before 6.0 does).",
        (unsigned)record[0].seq, label, other, other);
    if (bulla_status_is_refusal(status_slot(story->view, slot)->status))
        say(story, "%s cannot boot: what it holds does not verify (%s).", label,
            bulla_status_name(status_slot(story->view, slot)->status));
    bool pending =
        record[0].state == BULLA_OTA_PENDING_VERIFY || record[1].state == BULLA_OTA_PENDING_VERIFY;
    bool aborted = record[0].state == BULLA_OTA_ABORTED || record[1].state == BULLA_OTA_ABORTED;
    if (pending && aborted)
        say(story,
            "One start of %s ended without confirmation (ABORTED); the other one was begun "
            "(PENDING_VERIFY), and the next reset makes it ABORTED too.",
            label);
    else if (aborted)
        say(story, "One start of %s ended without confirmation (ABORTED).", label);
}

static void tell_what_is_followed(struct story *story)
{
    const struct bulla_client *client = &story->view->device->client;
    struct bulla_otadata after = client->otadata;
    uint32_t rewrites = 0;
    bool initial = false;

    for (uint32_t i = 0; i < 2; i++) {
        if (!is_blank(&after.record[i]) && !is_whole(&after.record[i]))
            say(story, "Record %u is torn or damaged: its CRC is not that of its number.",
                (unsigned)i);
    }
    bool any = !is_blank(&after.record[0]) || !is_blank(&after.record[1]);
    (void)bulla_ota_idf_select(&after, client->layout.slot_count, client->layout.factory.size != 0,
                               true, &rewrites, &initial);
    if (any && bulla_ota_active(&after) < 0)
        say(story, "At the next reset neither record selects a slot%s%s%s.",
            story->view->next != BULLA_SLOT_NONE ? ": " : "",
            story->view->next != BULLA_SLOT_NONE ? label_of(story, story->view->next) : "",
            story->view->next != BULLA_SLOT_NONE ? " boots because it verifies" : "");
}

/* NEW lasts until the bootloader starts the slot, if it can mark a trial at all. */
static void tell_missing_rollback(struct story *story)
{
    const struct bulla_client *client = &story->view->device->client;
    const struct bulla_ota_record *record = client->otadata.record;
    int32_t running = story->view->said_running ? story->view->running : BULLA_SLOT_NONE;
    bool both_new = is_whole(&record[0]) && is_whole(&record[1]) &&
                    record[0].state == BULLA_OTA_NEW && record[1].state == BULLA_OTA_NEW &&
                    slot_of(story->view, 0) != slot_of(story->view, 1) &&
                    client->layout.slot_count == 2 && client->layout.factory.size == 0;

    for (uint32_t i = 0; i < 2; i++) {
        bool runs = is_whole(&record[i]) && record[i].state == BULLA_OTA_NEW &&
                    running != BULLA_SLOT_NONE && slot_of(story->view, i) == running;
        /* what runs is never updated: the older one ran when the newer one was installed */
        bool ran = both_new && record[i].seq < record[1u - i].seq;
        if (!runs && !ran)
            continue;
        say(story,
            "%s %s although its record is NEW: the bootloader has no rollback "
            "(CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE), so no trial of its ends by itself.",
            label_of(story, slot_of(story->view, i)), runs ? "runs" : "ran");
        status_set(story->view, "bootloader_rollback", json_false());
        return;
    }
}

static void tell_unnamed(struct story *story)
{
    const struct bulla_ota_record *record = story->view->device->client.otadata.record;
    int32_t running = story->view->running;

    if (running < 0 || (is_blank(&record[0]) && is_blank(&record[1])))
        return;
    for (uint32_t i = 0; i < 2; i++) {
        if (is_whole(&record[i]) && slot_of(story->view, i) == running)
            return;
    }
    say(story, "%s runs without a record of its own; the next boot or update writes one.",
        label_of(story, running));
}

void status_tell_otadata(struct status_view *view)
{
    struct story story = {.view = view, .list = json_array()};
    json_t *list = json_array();

    status_set(view, "bootloader_rollback", json_null());
    for (uint32_t i = 0; i < 2 && view->device->client.layout.otadata.size != 0; i++)
        tell_record(view, i, list);
    if (view->device->client.layout.otadata.size != 0) {
        tell_same_number(&story);
        tell_what_is_followed(&story);
        tell_missing_rollback(&story);
        tell_unnamed(&story);
    }
    status_set(view, "otadata", list);
    status_set(view, "otadata_story", story.list);
}
