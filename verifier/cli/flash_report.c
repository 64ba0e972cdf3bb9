/* SPDX-License-Identifier: Apache-2.0 */
/* A flash audit in words and as JSON. Labels and image texts leave escaped. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flash_audit.h"
#include "verify.h"

#define MAGIC_MD5 0xebu

/* ---- partition table ---- */

static const char *md5_verdict(struct bulla_bytes table, uint32_t end, enum bulla_status status)
{
    if (status == BULLA_E_PARTITION_MD5)
        return "wrong";
    if (status != BULLA_OK)
        return "not reached";
    return table.data[(size_t)end * BULLA_PARTITION_ROW_SIZE] == MAGIC_MD5 ? "ok" : "absent";
}

static void report_row(struct host_tool *tool, const struct bulla_partition *p, json_t *rows)
{
    char kind[64];
    char *label = host_escape(verify_text(p->label));
    flash_kind_text(p, kind, sizeof kind);
    host_say(tool, "  %-16s 0x%08" PRIx32 "  %9" PRIu32 " bytes  %s%s%s",
             label != NULL ? label : "", p->offset, p->size, kind,
             (p->flags & 1u) != 0 ? ", encrypted" : "", (p->flags & 2u) != 0 ? ", readonly" : "");
    (void)json_array_append_new(rows, json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:s}", "label",
                                                label != NULL ? label : "", "type", (int)p->type,
                                                "subtype", (int)p->subtype, "offset",
                                                (json_int_t)p->offset, "size", (json_int_t)p->size,
                                                "flags", (json_int_t)p->flags, "kind", kind));
    free(label);
}

static void report_table(struct host_tool *tool, const struct flash_audit *audit)
{
    struct bulla_bytes table = flash_audit_table(audit);
    json_t *rows = json_array();
    bool end = false;
    uint32_t count = 0;
    enum bulla_status status = BULLA_OK;
    host_say(tool, "partition table at 0x%x:", BULLA_PARTITION_TABLE_OFFSET);
    while (status == BULLA_OK && !end) {
        struct bulla_partition p;
        status = bulla_partition_row(table, count, &p, &end);
        if (status != BULLA_OK || end)
            break;
        report_row(tool, &p, rows);
        count++;
    }
    const char *md5 = md5_verdict(table, count, status);
    enum bulla_status verdict = status != BULLA_OK ? status : audit->table_status;
    host_say(tool, "  MD5 %s; table %s%s%s", md5, bulla_status_name(verdict),
             verdict == BULLA_OK ? "" : ": ",
             verdict == BULLA_OK ? "" : bulla_status_sentence(verdict));
    if (tool->json)
        (void)json_object_set_new(tool->doc, "partition_table",
                                  json_pack("{s:O, s:s, s:s}", "rows", rows, "md5", md5, "status",
                                            bulla_status_name(verdict)));
    json_decref(rows);
}

/* ---- otadata ---- */

static const char *crc_verdict(const struct bulla_ota_record *record)
{
    if (record->seq == BULLA_OTA_SEQ_NONE)
        return "blank";
    return record->crc == bulla_ota_crc(record->seq) ? "ok" : "wrong";
}

static void report_record(struct host_tool *tool, const struct flash_audit *audit, uint32_t index,
                          json_t *list)
{
    const struct bulla_ota_record *record = &audit->client.otadata.record[index];
    uint32_t slots = audit->client.layout.slot_count;
    char label[LABEL_TEXT_MAX] = "none";
    bool empty = record->seq == BULLA_OTA_SEQ_NONE;
    if (!empty && slots > 0)
        flash_label(audit, (int32_t)bulla_ota_slot_of(record->seq, slots), label, sizeof label);
    if (empty)
        host_say(tool, "  record %" PRIu32 ": empty", index);
    else
        host_say(tool,
                 "  record %" PRIu32 ": seq %" PRIu32 " (%s), state %s, CRC 0x%08" PRIx32 " %s",
                 index, record->seq, label, flash_ota_state_name(record->state), record->crc,
                 crc_verdict(record));
    (void)json_array_append_new(
        list, json_pack("{s:o, s:s, s:I, s:s, s:s}", "seq",
                        empty ? json_null() : json_integer((json_int_t)record->seq), "state",
                        empty ? "none" : flash_ota_state_name(record->state), "state_word",
                        (json_int_t)record->state, "crc", crc_verdict(record), "slot", label));
}

static void report_otadata(struct host_tool *tool, const struct flash_audit *audit)
{
    const struct bulla_partition *p = &audit->client.layout.otadata;
    json_t *list = json_array();
    if (p->size == 0)
        host_say(tool, "otadata: none in the table");
    else
        host_say(tool, "otadata at 0x%" PRIx32 ":", p->offset);
    for (uint32_t i = 0; i < 2 && p->size != 0; i++)
        report_record(tool, audit, i, list);
    if (tool->json)
        (void)json_object_set(tool->doc, "otadata", list);
    json_decref(list);
}

/* ---- slots ---- */

/* The image began well and is not what it was. */
static bool is_damage(enum bulla_status status)
{
    return status == BULLA_E_IMAGE_DIGEST || status == BULLA_E_IMAGE_CHECKSUM ||
           status == BULLA_E_IMAGE_SHA256 || status == BULLA_E_IMAGE_TRUNCATED;
}

static const char *standing(const struct audited_slot *s)
{
    if (s->status == BULLA_OK)
        return s->found.sealed ? "sealed" : "not sealed";
    if (s->blank)
        return "empty";
    if (s->status == BULLA_E_SLOT_NOT_SEALED)
        return "not sealed";
    return is_damage(s->status) ? "damaged" : "refused";
}

static json_t *matches_json(const struct flash_audit *audit, const struct audited_slot *s)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < audit->slot_count; i++) {
        char label[LABEL_TEXT_MAX];
        if ((s->matches >> i & 1u) == 0)
            continue;
        flash_label(audit, audit->slots[i].slot, label, sizeof label);
        (void)json_array_append_new(list, json_string(label));
    }
    return list;
}

static void say_matches(const struct host_tool *tool, const struct flash_audit *audit,
                        const struct audited_slot *s)
{
    for (uint32_t i = 0; i < audit->slot_count; i++) {
        char label[LABEL_TEXT_MAX];
        if ((s->matches >> i & 1u) == 0)
            continue;
        flash_label(audit, audit->slots[i].slot, label, sizeof label);
        report_line(tool, "matches", "the envelope stored for %s (sequence %" PRIu32 ")", label,
                    audit->slots[i].claim.sequence);
    }
}

static json_t *envelope_json(const struct audited_slot *s)
{
    char version[64];
    if (!s->has_envelope)
        return json_null();
    if (!s->decoded)
        return json_pack("{s:s}", "status", "unreadable");
    return json_pack(
        "{s:I, s:o, s:I, s:o}", "sequence", (json_int_t)s->claim.sequence, "version",
        s->claim.version.count > 0
            ? json_string(host_version_text(&s->claim.version, version, sizeof version))
            : json_null(),
        "image_size", (json_int_t)s->claim.image.size, "image_sha256",
        report_hex_json((struct bulla_bytes){s->claim.image.digest, BULLA_DIGEST_SIZE}));
}

static void say_envelope(const struct host_tool *tool, const struct audited_slot *s)
{
    char version[64] = "no version";
    char hex[2 * BULLA_DIGEST_SIZE + 1];
    if (!s->has_envelope) {
        report_line(tool, "envelope", "none is stored");
        return;
    }
    if (!s->decoded) {
        report_line(tool, "envelope", "stored, but not readable");
        return;
    }
    if (s->claim.version.count > 0)
        (void)host_version_text(&s->claim.version, version, sizeof version);
    host_hex((struct bulla_bytes){s->claim.image.digest, BULLA_DIGEST_SIZE}, hex);
    report_line(tool, "envelope", "sequence %" PRIu32 ", %s, %" PRIu32 " bytes", s->claim.sequence,
                version, s->claim.image.size);
    report_line(tool, "", "sha-256 %s", hex);
}

/* In place: what is executed, and what it is copied from. */
static const char *role(const struct flash_audit *audit, int32_t slot)
{
    if (!audit->client.layout.in_place)
        return "slot";
    return slot == BULLA_SLOT_FACTORY ? "execution area" : "bank";
}

static void report_slot(struct host_tool *tool, const struct flash_audit *audit,
                        const struct audited_slot *s, json_t *list)
{
    char label[LABEL_TEXT_MAX];
    flash_label(audit, s->slot, label, sizeof label);
    host_say(tool, "%s %s at 0x%" PRIx32 ", %" PRIu32 " bytes: %s", role(audit, s->slot), label,
             s->partition->offset, s->partition->size, standing(s));
    if (s->status != BULLA_OK && !s->blank)
        report_line(tool, "because", "%s: %s", bulla_status_name(s->status),
                    bulla_status_sentence(s->status));
    say_envelope(tool, s);
    say_matches(tool, audit, s);
    const struct bulla_image_facts *image = &s->found.image;
    if (image->format == BULLA_FORMAT_ESP)
        report_esp(tool, image);
    else if (image->format == BULLA_FORMAT_RAW)
        report_line(tool, "image", "raw, %" PRIu32 " bytes", image->size);
    json_t *image_json = json_null();
    if (image->format != BULLA_FORMAT_UNKNOWN)
        image_json =
            json_pack("{s:s, s:I, s:o}", "format", report_format_name(image->format), "size",
                      (json_int_t)image->size, "esp",
                      image->format == BULLA_FORMAT_ESP ? report_esp_json(image) : json_null());
    (void)json_array_append_new(
        list, json_pack("{s:s, s:I, s:I, s:s, s:s, s:o, s:o, s:o}", "label", label, "offset",
                        (json_int_t)s->partition->offset, "size", (json_int_t)s->partition->size,
                        "standing", standing(s), "status", bulla_status_name(s->status), "envelope",
                        envelope_json(s), "matches", matches_json(audit, s), "image", image_json));
}

static void report_slots(struct host_tool *tool, const struct flash_audit *audit)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < audit->slot_count; i++)
        report_slot(tool, audit, &audit->slots[i], list);
    if (tool->json)
        (void)json_object_set(tool->doc, "slots", list);
    json_decref(list);
}

/* ---- boot ---- */

/* Why this slot, in the order in which reasons weigh. */
static void boot_reason(const struct flash_audit *audit, char *buf, size_t size)
{
    const struct bulla_boot_result *boot = &audit->boot;
    char other[LABEL_TEXT_MAX];
    if (boot->last_resort) {
        (void)snprintf(buf, size, "its record says it failed, but no other slot verifies");
    } else if (boot->refused_slot != BULLA_SLOT_NONE) {
        flash_label(audit, boot->refused_slot, other, sizeof other);
        (void)snprintf(buf, size, "%s comes first but does not verify (%s)", other,
                       bulla_status_name(boot->refused_why));
    } else if (boot->ended_trial != BULLA_SLOT_NONE) {
        flash_label(audit, boot->ended_trial, other, sizeof other);
        (void)snprintf(buf, size, "the trial of %s ended without a confirmation", other);
    } else if (boot->trial) {
        (void)snprintf(buf, size, "otadata selects it, for a trial");
    } else if (boot->slot == BULLA_SLOT_FACTORY || boot->unnamed) {
        (void)snprintf(buf, size, "no otadata record selects another slot");
    } else {
        (void)snprintf(buf, size, "otadata selects it");
    }
}

/* In place: does the execution area hold what boots next? */
static void copy_text(const struct flash_audit *audit, char *buf, size_t size)
{
    char area[LABEL_TEXT_MAX];
    struct bulla_boots boots;
    bool found = false;
    buf[0] = '\0';
    if (!audit->client.layout.in_place || audit->boot.slot < 0)
        return;
    flash_label(audit, BULLA_SLOT_FACTORY, area, sizeof area);
    bool cut = bulla_state_get_boots(&audit->client.state, &boots, &found) == BULLA_OK &&
               (boots.left & BULLA_BOOTS_PLACING) != 0;
    if (!audit->boot.placed)
        (void)snprintf(buf, size, "; %s, where it is executed, holds it", area);
    else if (cut)
        (void)snprintf(buf, size,
                       "; a copy into %s, where it is executed, was interrupted, and is "
                       "made again first",
                       area);
    else
        (void)snprintf(buf, size, "; it is copied into %s first, where it is executed", area);
}

void flash_boot_sentence(const struct flash_audit *audit, char *buf, size_t size)
{
    char label[LABEL_TEXT_MAX];
    char reason[2 * LABEL_TEXT_MAX];
    char copy[2 * LABEL_TEXT_MAX];
    if (audit->boot_status != BULLA_OK && flash_audit_refuses(audit)) {
        (void)snprintf(buf, size, "nothing boots: the device refuses to start (%s: %s)",
                       bulla_status_name(audit->open_status),
                       bulla_status_sentence(audit->open_status));
        return;
    }
    if (audit->boot_status != BULLA_OK) {
        flash_label(audit, audit->boot.refused_slot, label, sizeof label);
        if (audit->boot.refused_slot == BULLA_SLOT_NONE)
            (void)snprintf(buf, size, "nothing boots: there is no app slot");
        else
            (void)snprintf(buf, size, "nothing boots: %s comes first and does not verify (%s)",
                           label, bulla_status_name(audit->boot.refused_why));
        return;
    }
    flash_label(audit, audit->boot.slot, label, sizeof label);
    boot_reason(audit, reason, sizeof reason);
    copy_text(audit, copy, sizeof copy);
    (void)snprintf(buf, size, "%s boots next: %s%s", label, reason, copy);
}

static void report_boot(struct host_tool *tool, const struct flash_audit *audit)
{
    char sentence[VERIFY_WHY_MAX];
    char label[LABEL_TEXT_MAX];
    char idf[LABEL_TEXT_MAX];
    flash_boot_sentence(audit, sentence, sizeof sentence);
    flash_label(audit, audit->boot.slot, label, sizeof label);
    flash_label(audit, audit->idf_slot, idf, sizeof idf);
    bool try_all = audit->idf_slot == BULLA_SLOT_FACTORY && strcmp(idf, "none") == 0;
    host_say(tool, "%s", sentence);
    host_say(tool, "a stock ESP-IDF bootloader would select %s%s",
             try_all ? "no slot and try all" : idf,
             audit->idf_rewrites != 0 ? ", and rewrite otadata" : "");
    if (audit->open_status != BULLA_OK)
        host_say(tool, "the device's own code would not start: %s: %s",
                 bulla_status_name(audit->open_status), bulla_status_sentence(audit->open_status));
    if (!tool->json)
        return;
    (void)json_object_set_new(
        tool->doc, "boot",
        json_pack("{s:o, s:s, s:s, s:b, s:b, s:b}", "slot",
                  audit->boot_status == BULLA_OK ? json_string(label) : json_null(), "why",
                  sentence, "status", bulla_status_name(audit->boot_status), "trial",
                  (int)audit->boot.trial, "sealed", (int)audit->boot.sealed, "copied_first",
                  (int)audit->boot.placed));
    (void)json_object_set_new(tool->doc, "idf_boot",
                              json_pack("{s:o, s:b}", "slot",
                                        try_all ? json_null() : json_string(idf), "rewrites",
                                        (int)(audit->idf_rewrites != 0)));
    (void)json_object_set_new(tool->doc, "device_start",
                              json_string(bulla_status_name(audit->open_status)));
}

void flash_report(struct host_tool *tool, const struct flash_audit *audit)
{
    if (audit->table_status == BULLA_OK)
        report_boot(tool, audit);
    report_table(tool, audit);
    if (audit->table_status != BULLA_OK)
        return;
    report_otadata(tool, audit);
    report_slots(tool, audit);
    flash_report_state(tool, audit);
}
