/* SPDX-License-Identifier: Apache-2.0 */
/* The device state of an audited flash in words and as JSON: counters, keys, counts, journal. */

#include <inttypes.h>
#include <string.h>

#include "flash_audit.h"
#include "verify.h"

static void report_events(struct host_tool *tool, const struct flash_audit *audit)
{
    json_t *list = json_array();
    for (uint32_t age = 0; age < BULLA_STATE_EVENTS_KEPT; age++) {
        struct bulla_event_record event;
        bool found = false;
        char label[LABEL_TEXT_MAX];
        if (bulla_state_event(&audit->client.state, age, &event, &found) != BULLA_OK || !found)
            break;
        const char *status = event.status < BULLA_STATUS_COUNT
                                 ? bulla_status_name((enum bulla_status)event.status)
                                 : "unknown";
        flash_label(audit,
                    event.slot == BULLA_STATE_SLOT_FACTORY ? BULLA_SLOT_FACTORY
                                                           : (int32_t)event.slot,
                    label, sizeof label);
        report_line(tool, age == 0 ? "events" : "", "%s %s: %s, %" PRIu32,
                    bulla_event_name(event.what), label, status, event.value);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:I}", "what", bulla_event_name(event.what), "slot",
                            label, "status", status, "value", (json_int_t)event.value));
    }
    if (tool->json)
        (void)json_object_set(tool->doc, "events", list);
    json_decref(list);
}

static const char *trust_text(const struct flash_audit *audit)
{
    if (!audit->has_device_trust)
        return "the device stores no usable trust store";
    return flash_audit_same_trust(&audit->device_trust, &audit->client.trust)
               ? "the device trusts the same keys as --trust"
               : "the device trusts other keys, rights or another threshold than --trust";
}

static void report_device_keys(struct host_tool *tool, const struct flash_audit *audit)
{
    json_t *keys = json_array();
    for (uint32_t i = 0; audit->has_device_trust && i < audit->device_trust.key_count; i++) {
        char hex[2 * BULLA_KEY_ID_SIZE + 1];
        host_hex((struct bulla_bytes){audit->device_trust.keys[i].id, BULLA_KEY_ID_SIZE}, hex);
        report_line(tool, "device key", "%s", hex);
        (void)json_array_append_new(keys, json_string(hex));
    }
    report_line(tool, "trust", "%s", trust_text(audit));
    bool same = audit->has_device_trust &&
                flash_audit_same_trust(&audit->device_trust, &audit->client.trust);
    json_t *threshold = audit->has_device_trust
                            ? json_integer((json_int_t)audit->device_trust.threshold)
                            : json_null();
    if (tool->json)
        (void)json_object_set_new(tool->doc, "device_trust",
                                  json_pack("{s:O, s:o, s:b}", "keys", keys, "threshold", threshold,
                                            "same_as_given", (int)same));
    else
        json_decref(threshold);
    json_decref(keys);
}

/* What the last boot started, and how often a release failed its trial. */
static void report_last_boot(struct host_tool *tool, const struct flash_audit *audit)
{
    const struct bulla_running *running = &audit->client.running;
    struct bulla_trial trial;
    struct bulla_boots boots = {0};
    bool found = false;
    char label[LABEL_TEXT_MAX];
    if (bulla_state_get_boots(&audit->client.state, &boots, &found) != BULLA_OK)
        boots = (struct bulla_boots){0};
    flash_label(audit,
                running->slot == BULLA_STATE_SLOT_FACTORY ? BULLA_SLOT_FACTORY
                                                          : (int32_t)running->slot,
                label, sizeof label);
    if (audit->client.has_running)
        report_line(tool, "last boot", "%s%s", label, running->trial ? ", as a trial" : "");
    if (boots.trial > 1)
        report_line(tool, "its trial", "has used %u boots", (unsigned)boots.trial);
    if (boots.crashes > 0)
        report_line(tool, "crashes", "%u in a row", (unsigned)boots.crashes);
    if (tool->json && audit->client.has_running) {
        json_t *boot = json_pack("{s:s, s:b}", "slot", label, "trial", (int)running->trial);
        if (boots.crashes > 0)
            (void)json_object_set_new(boot, "crashes", json_integer(boots.crashes));
        (void)json_object_set_new(tool->doc, "last_boot", boot);
    }
    if (bulla_state_get_trial(&audit->client.state, &trial, &found) != BULLA_OK || !found)
        return;
    char hex[2 * BULLA_DIGEST_SIZE + 1];
    host_hex((struct bulla_bytes){trial.manifest_digest, BULLA_DIGEST_SIZE}, hex);
    report_line(tool, "failed trials", "%u, of manifest %s", (unsigned)trial.failed, hex);
    if (tool->json)
        (void)json_object_set_new(
            tool->doc, "failed_trials",
            json_pack("{s:i, s:s}", "count", (int)trial.failed, "manifest_sha256", hex));
}

void flash_report_state(struct host_tool *tool, const struct flash_audit *audit)
{
    const struct bulla_client *client = &audit->client;
    host_say(tool, "device state: %s%s%s", bulla_status_name(audit->state_status),
             audit->state_status == BULLA_OK ? "" : ": ",
             audit->state_status == BULLA_OK ? "" : bulla_status_sentence(audit->state_status));
    if (tool->json)
        (void)json_object_set_new(tool->doc, "state",
                                  json_string(bulla_status_name(audit->state_status)));
    if (audit->assumed_identity)
        report_line(tool, "chip", "not stored; assumed from the first image: id %u, revision %u",
                    (unsigned)client->identity.chip_id, (unsigned)client->identity.chip_revision);
    if (audit->state_status != BULLA_OK)
        return;
    if (client->has_confirmed)
        report_line(tool, "confirmed", "sequence %" PRIu32, client->confirmed.sequence);
    else
        report_line(tool, "confirmed", "no release yet");
    report_line(tool, "floor", "%" PRIu32, client->floor);
    report_last_boot(tool, audit);
    json_t *confirmed =
        client->has_confirmed ? json_integer((json_int_t)client->confirmed.sequence) : json_null();
    if (tool->json) {
        (void)json_object_set(tool->doc, "confirmed", confirmed);
        (void)json_object_set_new(tool->doc, "floor", json_integer((json_int_t)client->floor));
        (void)json_object_set_new(tool->doc, "vendor_id",
                                  report_uuid_json(client->identity.vendor_id));
        (void)json_object_set_new(tool->doc, "class_id",
                                  report_uuid_json(client->identity.class_id));
    }
    json_decref(confirmed);
    report_device_keys(tool, audit);
    report_events(tool, audit);
}
