/* SPDX-License-Identifier: Apache-2.0 */
/* status: what runs, what boots next and why, and the records behind it. Writes nothing. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "layout.h"
#include "layout_words.h"

#define WHY_SIZE 512u

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

static void set(struct host_tool *tool, const char *key, json_t *value)
{
    json_object_set_new(tool->doc, key, value);
}

/* ---- what runs and what will ---- */

/* "sealed, sequence 3, version 1.1.0" of what lies in a slot. */
static const char *describe(const struct bulla_installed *installed, enum bulla_status status,
                            char *buf, size_t size)
{
    char version[64];

    if (status != BULLA_OK)
        (void)snprintf(buf, size, "does not verify: %s (%s)", bulla_status_name(status),
                       bulla_status_sentence(status));
    else if (!installed->sealed)
        (void)snprintf(buf, size, "not sealed, verified by its own SHA-256");
    else if (installed->version.count > 0)
        (void)snprintf(buf, size, "sealed, sequence %u, version %s", (unsigned)installed->sequence,
                       host_version_text(&installed->version, version, sizeof(version)));
    else
        (void)snprintf(buf, size, "sealed, sequence %u", (unsigned)installed->sequence);
    return buf;
}

static json_t *slot_json(const struct device *device, int32_t slot,
                         const struct bulla_installed *installed, enum bulla_status status)
{
    char version[64];
    bool decoded = installed->sealed && installed->sequence != 0;

    return json_pack(
        "{s:s, s:b, s:s, s:o, s:o}", "label", device_slot_name(device, slot), "sealed",
        installed->sealed, "status", bulla_status_name(status), "sequence",
        decoded ? json_integer(installed->sequence) : json_null(), "version",
        decoded && installed->version.count > 0
            ? json_string(host_version_text(&installed->version, version, sizeof(version)))
            : json_null());
}

/* Nothing was ever installed there. */
static bool is_empty(const struct device *device, int32_t slot,
                     const struct bulla_installed *installed)
{
    const struct bulla_flash *flash = device->client.flash;
    const struct bulla_partition *partition = bulla_layout_slot(&device->client.layout, slot);
    uint8_t start[64];

    if (installed->sealed ||
        flash->read(flash->ctx, partition->offset, start, sizeof(start)) != BULLA_OK)
        return false;
    for (size_t i = 0; i < sizeof(start); i++) {
        if (start[i] != 0xff)
            return false;
    }
    return true;
}

static void tell_slots(struct host_tool *tool, struct device *device)
{
    const struct bulla_layout *layout = &device->client.layout;
    json_t *list = tool->json ? json_array() : NULL;

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)layout->slot_count; slot++) {
        struct bulla_installed installed;
        char text[WHY_SIZE];
        if (bulla_layout_slot(layout, slot) == NULL)
            continue;
        enum bulla_status status = bulla_slot_judge(&device->client, slot, &installed);
        if (tool->json)
            json_array_append_new(list, slot_json(device, slot, &installed, status));
        if (is_empty(device, slot, &installed)) {
            host_say(tool, "Slot '%s': empty.", device_slot_name(device, slot));
            continue;
        }
        host_say(tool, "Slot '%s': %s.", device_slot_name(device, slot),
                 describe(&installed, status, text, sizeof(text)));
    }
    if (tool->json)
        set(tool, "slots", list);
}

static void tell_running(struct host_tool *tool, const struct device *device)
{
    const struct bulla_client *client = &device->client;

    if (!client->has_running) {
        host_say(tool, "Nothing was booted yet.");
        if (tool->json)
            set(tool, "running", json_null());
        return;
    }
    const char *label = device_slot_name(device, device_slot_of(client->running.slot));
    host_say(tool, "Running from '%s'%s.", label,
             client->running.trial ? ", in a trial that is not confirmed" : "");
    if (tool->json) {
        set(tool, "running", json_string(label));
        set(tool, "trial", json_boolean(client->running.trial));
    }
}

/* Nothing boots: what would help. What is wrong with each slot follows below. */
static void tell_repair(struct host_tool *tool, const struct device *device, const char *why)
{
    const char *help = device->client.layout.slot_count > 0
                           ? "recovery code can still install a release (update --recovery); "
                             "without any, provision anew"
                           : "this layout has no OTA slot: provision anew";

    host_say(tool, "Nothing can boot: %s.", why);
    host_say(tool, "To repair it: %s.", help);
    if (tool->json)
        set(tool, "repair", json_string(help));
}

static void tell_next(struct host_tool *tool, struct device *device)
{
    struct bulla_boot_result next;
    char why[WHY_SIZE];
    int32_t target = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_client_predict(&device->client, &next);

    device_boot_reason(device, &next, status, why, sizeof(why));
    if (status == BULLA_OK)
        host_say(tool, "Next boot is '%s': %s.", device_slot_name(device, next.slot), why);
    else
        tell_repair(tool, device, why);
    if (tool->json) {
        set(tool, "next_boot",
            status == BULLA_OK ? json_string(device_slot_name(device, next.slot)) : json_null());
        set(tool, "next_boot_why", json_string(why));
        set(tool, "next_boot_trial", json_boolean(status == BULLA_OK && next.trial));
    }
    status = bulla_client_target(&device->client, &target);
    if (status == BULLA_OK)
        host_say(tool, "The next update goes to '%s'.", device_slot_name(device, target));
    else
        host_say(tool, "There is no slot for an update: %s.", bulla_status_sentence(status));
    if (tool->json)
        set(tool, "next_update",
            status == BULLA_OK ? json_string(device_slot_name(device, target)) : json_null());
}

/* ---- tables and records ---- */

/* 1572864 as "1,572,864". */
static const char *grouped(uint32_t number, char buf[16])
{
    char digits[11];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu32, number);
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf[out++] = ',';
        buf[out++] = digits[i];
    }
    buf[out] = '\0';
    return buf;
}

static const char *word_or_number(const char *word, uint8_t number, char buf[8])
{
    if (word != NULL)
        return word;
    (void)snprintf(buf, 8, "0x%02x", (unsigned)number);
    return buf;
}

static void tell_row(struct host_tool *tool, const struct bulla_partition *row, json_t *list)
{
    char type[8];
    char subtype[8];
    char offset[16];
    char hex[16];
    char size[16];
    const char *type_word = word_or_number(layout_type_word(row->type), row->type, type);
    const char *subtype_word =
        word_or_number(layout_subtype_word(row->type, row->subtype), row->subtype, subtype);

    (void)snprintf(offset, sizeof(offset), "0x%x", (unsigned)row->offset);
    (void)snprintf(hex, sizeof(hex), "0x%x", (unsigned)row->size);
    host_say(tool, "  %-16s %-8s %-10s %9s %10s %10s", row->label, type_word, subtype_word, offset,
             hex, grouped(row->size, size));
    if (list != NULL)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", row->label, "type",
                                        type_word, "subtype", subtype_word, "offset",
                                        (json_int_t)row->offset, "size", (json_int_t)row->size));
}

static void tell_table(struct host_tool *tool, const struct device *device)
{
    const struct bulla_flash *flash = device->client.flash;
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct layout layout;
    char why[LAYOUT_WHY_SIZE];
    json_t *list = tool->json ? json_array() : NULL;

    if (flash->read(flash->ctx, BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table)) == BULLA_OK &&
        layout_decode((struct bulla_bytes){table, sizeof(table)}, &layout, why) == BULLA_OK) {
        host_say(tool, "Partition table:");
        host_say(tool, "# %-16s %-8s %-10s %9s %10s %10s", "Name", "Type", "SubType", "Offset",
                 "Size", "(bytes)");
        for (uint32_t i = 0; i < layout.count; i++)
            tell_row(tool, &layout.rows[i], list);
    }
    if (tool->json)
        set(tool, "partitions", list);
}

static void tell_record(struct host_tool *tool, const struct device *device, uint32_t index,
                        json_t *list)
{
    const struct bulla_ota_record *record = &device->client.otadata.record[index];
    bool blank = record->seq == BULLA_OTA_SEQ_NONE;
    bool crc_ok = record->crc == bulla_ota_crc(record->seq);
    uint32_t count = device->client.layout.slot_count;
    const char *label =
        blank || count == 0
            ? "nothing"
            : device_slot_name(device, (int32_t)bulla_ota_slot_of(record->seq, count));

    if (blank)
        host_say(tool, "OTA record %u: none.", (unsigned)index);
    else
        host_say(tool, "OTA record %u: seq=%u, state=%s (0x%x), crc=0x%08x %s, means '%s'.",
                 (unsigned)index, (unsigned)record->seq, state_name(record->state),
                 (unsigned)record->state, (unsigned)record->crc, crc_ok ? "good" : "BAD", label);
    if (list != NULL)
        json_array_append_new(
            list, blank ? json_null()
                        : json_pack("{s:I, s:s, s:I, s:b, s:b, s:s}", "seq",
                                    (json_int_t)record->seq, "state", state_name(record->state),
                                    "crc", (json_int_t)record->crc, "crc_ok", crc_ok, "valid",
                                    bulla_ota_is_valid(record), "slot", label));
}

static void tell_otadata(struct host_tool *tool, const struct device *device)
{
    json_t *list = tool->json ? json_array() : NULL;

    for (uint32_t i = 0; i < 2 && device->client.layout.otadata.size != 0; i++)
        tell_record(tool, device, i, list);
    if (tool->json)
        set(tool, "otadata", list);
}

static void tell_counters(struct host_tool *tool, const struct device *device)
{
    const struct bulla_client *client = &device->client;

    if (client->has_confirmed)
        host_say(tool, "Confirmed sequence is %u, security floor %u.",
                 (unsigned)client->confirmed.sequence, (unsigned)client->floor);
    else
        host_say(tool, "No release was confirmed yet; security floor is %u.",
                 (unsigned)client->floor);
    host_say(tool, "Trusts %u key%s, threshold %u; %u pin%s, %u anchor%s.",
             (unsigned)client->trust.key_count, client->trust.key_count == 1 ? "" : "s",
             (unsigned)client->trust.threshold, (unsigned)client->trust.pin_count,
             client->trust.pin_count == 1 ? "" : "s", (unsigned)client->trust.anchor_count,
             client->trust.anchor_count == 1 ? "" : "s");
    if (tool->json) {
        set(tool, "sequence",
            client->has_confirmed ? json_integer(client->confirmed.sequence) : json_null());
        set(tool, "floor", json_integer(client->floor));
    }
}

/* Boots that count against what runs. */
static void tell_boots(struct host_tool *tool, const struct device *device)
{
    const struct bulla_client *client = &device->client;
    struct bulla_boots boots;
    bool found = false;
    bool trial = bulla_client_in_trial(client);

    if (bulla_state_get_boots(&client->state, &boots, &found) != BULLA_OK)
        return;
    unsigned used = !trial ? 0 : boots.trial == 0 ? 1 : boots.trial;
    if (used > 1)
        host_say(tool, "Its trial has used %u boots.", used);
    if (boots.crashes > 0)
        host_say(tool, "It crashed %u time%s in a row.", (unsigned)boots.crashes,
                 boots.crashes == 1 ? "" : "s");
    if (tool->json) {
        set(tool, "trial_boots", json_integer(used));
        set(tool, "crashes", json_integer(boots.crashes));
    }
}

static void tell_events(struct host_tool *tool, const struct device *device)
{
    json_t *list = tool->json ? json_array() : NULL;

    for (uint32_t age = 0; age < BULLA_STATE_EVENTS_KEPT; age++) {
        struct bulla_event_record event;
        bool found = false;
        if (bulla_state_event(&device->client.state, age, &event, &found) != BULLA_OK || !found)
            break;
        const char *label = device_slot_name(device, device_slot_of(event.slot));
        const char *status = event.status < BULLA_STATUS_COUNT
                                 ? bulla_status_name((enum bulla_status)event.status)
                                 : "unknown";
        if (age == 0)
            host_say(tool, "Last events, newest first:");
        if (event.status != BULLA_OK && event.what == BULLA_DID_FAIL_UPDATE && event.value != 0)
            host_say(tool, "  %s '%s': %s, sequence %u", bulla_event_name(event.what), label,
                     status, (unsigned)event.value);
        else if (event.status != BULLA_OK)
            host_say(tool, "  %s '%s': %s", bulla_event_name(event.what), label, status);
        else if (event.value != 0)
            host_say(tool, "  %s '%s', sequence %u", bulla_event_name(event.what), label,
                     (unsigned)event.value);
        else
            host_say(tool, "  %s '%s'", bulla_event_name(event.what), label);
        if (tool->json)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:I}", "event", bulla_event_name(event.what),
                                "slot", label, "status", status, "value", (json_int_t)event.value));
    }
    if (tool->json)
        set(tool, "events", list);
}

int device_status(struct host_tool *tool, const struct arguments *arguments)
{
    struct device device;
    char why[WHY_SIZE];
    enum bulla_status status = device_on(&device, arguments->flash, why);

    if (status == BULLA_OK) {
        tell_running(tool, &device);
        tell_boots(tool, &device);
        tell_next(tool, &device);
        tell_slots(tool, &device);
        tell_table(tool, &device);
        tell_otadata(tool, &device);
        tell_counters(tool, &device);
        tell_events(tool, &device);
    }
    return device_end(tool, &device, status, why);
}
