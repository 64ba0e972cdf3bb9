/* SPDX-License-Identifier: Apache-2.0 */
/* What was judged, in words or as JSON. All text from envelopes and images leaves here escaped,
 * in JSON too: what a script prints from it must not steer a terminal either. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

struct bulla_bytes verify_text(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

void report_line(const struct host_tool *tool, const char *name, const char *value, ...)
{
    char text[VERIFY_WHY_MAX];
    va_list args;
    va_start(args, value);
    (void)vsnprintf(text, sizeof text, value, args);
    va_end(args);
    host_say(tool, "  %-14s %s", name, text);
}

void report_text(const struct host_tool *tool, const char *name, struct bulla_bytes text)
{
    char *escaped = host_escape(text);
    if (escaped != NULL)
        host_say(tool, "  %-14s %s", name, escaped);
    free(escaped);
}

json_t *report_text_json(struct bulla_bytes text)
{
    char *escaped = host_escape(text);
    json_t *string = escaped != NULL ? json_string(escaped) : NULL;
    free(escaped);
    return string;
}

json_t *report_hex_json(struct bulla_bytes bytes)
{
    char *hex = malloc(2 * bytes.len + 1);
    if (hex == NULL)
        return NULL;
    host_hex(bytes, hex);
    json_t *string = json_string(hex);
    free(hex);
    return string;
}

json_t *report_uuid_json(const uint8_t id[BULLA_UUID_SIZE])
{
    char text[37];
    host_uuid_text(id, text);
    return json_string(text);
}

const char *report_format_name(enum bulla_image_format format)
{
    if (format == BULLA_FORMAT_ESP)
        return "esp";
    return format == BULLA_FORMAT_RAW ? "raw" : "unknown";
}

/* ---- the image's own facts ---- */

static const char *chip_name(uint16_t id)
{
    const struct bulla_chip *chip = bulla_chip_by_id(id);
    return chip != NULL ? chip->name : "unknown";
}

static bool has_max_revision(const struct bulla_image_facts *facts)
{
    return facts->max_revision != 0 && facts->max_revision != UINT16_MAX;
}

void report_esp(const struct host_tool *tool, const struct bulla_image_facts *facts)
{
    report_text(tool, "project", verify_text(facts->project));
    report_text(tool, "image version", verify_text(facts->version));
    report_text(tool, "idf version", verify_text(facts->idf_version));
    char *date = host_escape(verify_text(facts->date));
    char *time = host_escape(verify_text(facts->time));
    if (date != NULL && time != NULL)
        report_line(tool, "built", "%s %s", date, time);
    free(date);
    free(time);
    unsigned low = facts->min_revision;
    unsigned high = facts->max_revision;
    if (has_max_revision(facts))
        report_line(tool, "chip", "%s, revision %u.%u to %u.%u", chip_name(facts->chip_id),
                    low / 100, low % 100, high / 100, high % 100);
    else
        report_line(tool, "chip", "%s, revision %u.%u or later", chip_name(facts->chip_id),
                    low / 100, low % 100);
    report_line(tool, "secure version", "%lu", (unsigned long)facts->secure_version);
    report_line(tool, "segments", "%u, entry 0x%08lx", (unsigned)facts->segment_count,
                (unsigned long)facts->entry);
    if (facts->signature_blocks > 0)
        report_line(tool, "secure boot", "%lu signature blocks (v2), not judged here",
                    (unsigned long)facts->signature_blocks);
}

json_t *report_esp_json(const struct bulla_image_facts *facts)
{
    json_t *esp = json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "chip", chip_name(facts->chip_id),
        "chip_id", (int)facts->chip_id, "min_revision", (int)facts->min_revision, "max_revision",
        (int)facts->max_revision, "segments", (int)facts->segment_count, "entry",
        (json_int_t)facts->entry, "secure_version", (json_int_t)facts->secure_version, "image_len",
        (json_int_t)facts->image_len, "signature_blocks", (json_int_t)facts->signature_blocks);
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"project", facts->project},
                 {"version", facts->version},
                 {"idf_version", facts->idf_version},
                 {"date", facts->date},
                 {"time", facts->time}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        (void)json_object_set_new(esp, texts[i].name, report_text_json(verify_text(texts[i].text)));
    return esp;
}

/* ---- what was not judged ---- */

struct unjudged {
    const char *what;
    bool (*is)(const struct judgement *j);
};

static bool no_sequence(const struct judgement *j)
{
    return !j->device.has_sequence;
}
static bool no_ids(const struct judgement *j)
{
    return !j->device.has_ids;
}
static bool no_component(const struct judgement *j)
{
    return !j->device.has_component;
}
static bool no_slot_size(const struct judgement *j)
{
    return !j->device.has_slot_size;
}
static bool is_module(const struct judgement *j)
{
    return j->reader.manifest.image.name.len > 0;
}
static bool no_image(const struct judgement *j)
{
    return !j->image_judged && !is_module(j);
}
static uint32_t modules_of(const struct judgement *j)
{
    return (1u << j->reader.manifest.images) - (is_module(j) ? 1u : 2u);
}
static bool no_modules(const struct judgement *j)
{
    return (modules_of(j) & ~j->judged) != 0;
}
static bool no_format(const struct judgement *j)
{
    return !j->image_judged || !j->device.has_format || is_module(j);
}
static bool is_raw(const struct judgement *j)
{
    return j->image.side.structure.facts.format == BULLA_FORMAT_RAW;
}
/* a raw image names no chip */
static bool no_chip(const struct judgement *j)
{
    return !j->image_judged || !j->device.has_chip || is_raw(j) || is_module(j);
}
static bool no_floor(const struct judgement *j)
{
    return !j->image_judged || !j->device.has_floor || is_module(j);
}

static const struct unjudged unjudged[] = {
    {"sequence", no_sequence},   {"vendor", no_ids},          {"class", no_ids},
    {"component", no_component}, {"slot-size", no_slot_size}, {"image", no_image},
    {"modules", no_modules},     {"format", no_format},       {"chip", no_chip},
    {"floor", no_floor},
};
#define UNJUDGED_COUNT (sizeof unjudged / sizeof unjudged[0])

static void say_unjudged(const struct host_tool *tool, const struct judgement *j)
{
    char line[VERIFY_WHY_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < UNJUDGED_COUNT; i++)
        if (unjudged[i].is(j))
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", used > 0 ? ", " : "",
                                     unjudged[i].what);
    if (used > 0)
        report_line(tool, "not judged", "%s", line);
    if (no_image(j))
        report_line(tool, "", "%s", "no image was given (--image) and the envelope carries none");
    if (no_modules(j))
        report_line(tool, "", "%s", "not every module was given (--module NAME=FILE)");
}

static json_t *unjudged_json(const struct judgement *j)
{
    json_t *list = json_array();
    for (size_t i = 0; i < UNJUDGED_COUNT; i++)
        if (unjudged[i].is(j))
            (void)json_array_append_new(list, json_string(unjudged[i].what));
    return list;
}

/* ---- signatures ---- */

static const char *standing_text(enum block_standing standing)
{
    if (standing == BLOCK_VALID)
        return "valid";
    return standing == BLOCK_FOREIGN ? "foreign, skipped" : "invalid";
}

static bool may_sign(const struct bulla_trust_key *key, const struct bulla_manifest *m)
{
    return bulla_trust_key_may(key, m->image.component) == BULLA_FACT_RIGHTS &&
           (m->images == 1 || bulla_trust_key_may(key, verify_text("module")) == BULLA_FACT_RIGHTS);
}

static void say_blocks(const struct host_tool *tool, const struct judgement *j,
                       const struct bulla_wrapper *wrapper)
{
    for (uint32_t i = 0; i < wrapper->block_count; i++) {
        int key;
        enum block_standing standing = signer_of_block(wrapper, i, j->trust, true, &key);
        struct bulla_bytes id = wrapper->blocks[i].kid;
        if (key >= 0)
            id = (struct bulla_bytes){j->trust->keys[key].id, BULLA_KEY_ID_SIZE};
        char hex[2 * BULLA_KEY_ID_SIZE + 1] = "(no key id)";
        if (id.len == BULLA_KEY_ID_SIZE)
            host_hex(id, hex);
        bool may = key < 0 || may_sign(&j->trust->keys[key], &j->reader.manifest);
        report_line(tool, "signature", "block %lu: key %s: %s%s", (unsigned long)i + 1, hex,
                    standing_text(standing), may ? "" : ", may not sign for this component");
    }
}

static json_t *blocks_json(const struct judgement *j, const struct bulla_wrapper *wrapper)
{
    json_t *blocks = json_array();
    for (uint32_t i = 0; i < wrapper->block_count; i++) {
        int key;
        enum block_standing standing = signer_of_block(wrapper, i, j->trust, true, &key);
        struct bulla_bytes id = wrapper->blocks[i].kid;
        if (key >= 0)
            id = (struct bulla_bytes){j->trust->keys[key].id, BULLA_KEY_ID_SIZE};
        (void)json_array_append_new(
            blocks,
            json_pack("{s:o, s:I, s:s}", "key_id", id.len > 0 ? report_hex_json(id) : json_null(),
                      "alg", (json_int_t)wrapper->blocks[i].alg, "standing",
                      standing == BLOCK_FOREIGN ? "foreign" : standing_text(standing)));
    }
    return blocks;
}

static uint32_t signer_count(const struct judgement *j)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < j->trust->key_count; i++)
        count += j->reader.signers >> i & 1u;
    return count;
}

static json_t *signers_json(const struct judgement *j)
{
    json_t *signers = json_array();
    for (uint32_t i = 0; i < j->trust->key_count; i++)
        if ((j->reader.signers >> i & 1u) != 0)
            (void)json_array_append_new(signers, report_hex_json((struct bulla_bytes){
                                                     j->trust->keys[i].id, BULLA_KEY_ID_SIZE}));
    return signers;
}

/* ---- all of it ---- */

static void say_release(const struct host_tool *tool, const struct judgement *j,
                        const struct verify_options *options)
{
    const struct bulla_manifest *m = &j->reader.manifest;
    char text[64];
    char uuid[37];
    report_line(tool, "threshold", "%lu needed, %lu of %lu trusted keys signed",
                (unsigned long)j->trust->threshold, (unsigned long)signer_count(j),
                (unsigned long)j->trust->key_count);
    if (j->device.has_sequence)
        report_line(tool, "sequence", "%lu, must be above %lu", (unsigned long)m->sequence,
                    (unsigned long)j->device.sequence);
    else
        report_line(tool, "sequence", "%lu", (unsigned long)m->sequence);
    report_line(tool, "version", "%s",
                m->version.count > 0 ? host_version_text(&m->version, text, sizeof text) : "none");
    report_text(tool, "component", m->image.component);
    host_uuid_text(m->image.vendor_id, uuid);
    report_line(tool, "vendor id", "%s%s%s", uuid, options->vendor != NULL ? " = " : "",
                options->vendor != NULL ? options->vendor : "");
    host_uuid_text(m->image.class_id, uuid);
    report_line(tool, "class id", "%s%s%s", uuid, options->class_name != NULL ? " = " : "",
                options->class_name != NULL ? options->class_name : "");
}

static void say_image(const struct host_tool *tool, const struct judgement *j)
{
    const struct bulla_image *image = &j->reader.manifest.image;
    const struct bulla_image_facts *facts = &j->image.side.structure.facts;
    char hex[2 * BULLA_DIGEST_SIZE + 1];
    report_text(tool, "image uri", image->uri);
    report_line(tool, "image size", "%lu bytes", (unsigned long)image->size);
    host_hex((struct bulla_bytes){image->digest, sizeof image->digest}, hex);
    report_line(tool, "image sha-256", "%s", hex);
    report_line(tool, "sector list", "%lu bytes: %lu x %u", (unsigned long)image->list_size,
                (unsigned long)((image->size - 1) / BULLA_SECTOR_SIZE + 1), BULLA_SECTOR_SIZE);
    if (!j->image_known)
        return;
    report_line(tool, "image", "%s, %s", j->bundled ? "in the envelope" : "file",
                j->image_judged ? "every byte as signed" : "refused");
    if (facts->format != BULLA_FORMAT_UNKNOWN)
        report_line(tool, "format", "%s", report_format_name(facts->format));
    if (facts->format == BULLA_FORMAT_ESP && j->image.side.image_judged)
        report_esp(tool, facts);
}

static json_t *image_json(const struct judgement *j)
{
    const struct bulla_image *image = &j->reader.manifest.image;
    const struct bulla_image_facts *facts = &j->image.side.structure.facts;
    json_t *doc = json_pack(
        "{s:I, s:o, s:o, s:I, s:o}", "size", (json_int_t)image->size, "sha256",
        report_hex_json((struct bulla_bytes){image->digest, sizeof image->digest}), "uri",
        report_text_json(image->uri), "list_size", (json_int_t)image->list_size, "list_sha256",
        report_hex_json((struct bulla_bytes){image->list_digest, sizeof image->list_digest}));
    if (!j->image_known)
        return doc;
    (void)json_object_set_new(doc, "format", json_string(report_format_name(facts->format)));
    (void)json_object_set_new(doc, "bundled", json_boolean(j->bundled));
    if (facts->format == BULLA_FORMAT_ESP && j->image.side.image_judged)
        (void)json_object_set_new(doc, "esp", report_esp_json(facts));
    return doc;
}

static void fill_doc(json_t *doc, const struct judgement *j, const struct bulla_wrapper *wrapper)
{
    const struct bulla_manifest *m = &j->reader.manifest;
    char version[64] = "";
    json_t *version_json = json_null();
    if (m->version.count > 0)
        version_json = json_string(host_version_text(&m->version, version, sizeof version));
    (void)json_object_set_new(doc, "sequence", json_integer((json_int_t)m->sequence));
    (void)json_object_set_new(doc, "version", version_json);
    (void)json_object_set_new(doc, "component", report_text_json(m->image.component));
    (void)json_object_set_new(doc, "vendor_id", report_uuid_json(m->image.vendor_id));
    (void)json_object_set_new(doc, "class_id", report_uuid_json(m->image.class_id));
    (void)json_object_set_new(doc, "image", image_json(j));
    (void)json_object_set_new(doc, "signers", signers_json(j));
    (void)json_object_set_new(doc, "threshold", json_integer((json_int_t)j->trust->threshold));
    (void)json_object_set_new(doc, "blocks", blocks_json(j, wrapper));
    (void)json_object_set_new(
        doc, "manifest_sha256",
        report_hex_json((struct bulla_bytes){j->reader.manifest_digest, BULLA_DIGEST_SIZE}));
    (void)json_object_set_new(doc, "not_judged", unjudged_json(j));
}

static const char *intact_text(const struct judgement *j)
{
    uint32_t all = (1u << j->reader.manifest.images) - 1u;
    if (j->judged == all)
        return all == 1u ? ", image intact" : ", all images intact";
    return j->judged == 0 ? "; image not judged" : "; some images not judged";
}

static void say_verdict(const struct host_tool *tool, const struct judgement *j,
                        enum bulla_status status)
{
    char version[64];
    const struct bulla_manifest *m = &j->reader.manifest;
    if (status != BULLA_OK)
        host_say(tool, "refused; what the signed envelope says:");
    else
        host_say(tool, "accepted: release %s, sequence %lu, signed by %lu of %lu trusted keys%s",
                 m->version.count > 0 ? host_version_text(&m->version, version, sizeof version)
                                      : "without version",
                 (unsigned long)m->sequence, (unsigned long)signer_count(j),
                 (unsigned long)j->trust->key_count, intact_text(j));
}

void report_accepted(const struct host_tool *tool, const struct judgement *j, const char *path)
{
    char version[64];
    const struct bulla_manifest *m = &j->reader.manifest;
    host_say(tool, "%s: accepted: sequence %lu, component %.*s, release %s, signed by %lu of %lu%s",
             path, (unsigned long)m->sequence, (int)m->image.component.len,
             (const char *)m->image.component.data,
             m->version.count > 0 ? host_version_text(&m->version, version, sizeof version)
                                  : "without version",
             (unsigned long)signer_count(j), (unsigned long)j->trust->key_count, intact_text(j));
}

void report_judgement(struct host_tool *tool, const struct judgement *j,
                      const struct verify_options *options, enum bulla_status status)
{
    struct bulla_wrapper wrapper;
    if (bulla_wrapper_decode(j->reader.envelope.wrapper, &wrapper) != BULLA_OK)
        return;
    json_t *languages = json_object();
    say_verdict(tool, j, status);
    say_blocks(tool, j, &wrapper);
    say_release(tool, j, options);
    if (!is_module(j))
        say_image(tool, j);
    report_modules(tool, j);
    report_languages(tool, j, languages);
    if (status == BULLA_OK)
        say_unjudged(tool, j);
    if (tool->json) {
        fill_doc(tool->doc, j, &wrapper);
        (void)json_object_set(tool->doc, "text", j->text.data != NULL ? languages : json_null());
    }
    json_decref(languages);
}
