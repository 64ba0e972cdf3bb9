/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: the partitions of a flash image, its otadata and its device state. */

#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bulla/otadata.h"
#include "layout_words.h"

#define APP_STEP      0x10000u
#define LOST_APPS_MAX 16u
#define ESP_MAGIC     0xe9u

/* Untrusted text for a sentence of ours; the caller's when there is no memory. */
static const char *shown(const char *text, char buf[LAYOUT_SHOWN_SIZE])
{
    layout_show(text, strlen(text), buf);
    return buf;
}

/* ---- partitions ---- */

static bool holds_app(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_APP ||
           (row->type == BULLA_TYPE_BULLA && (row->subtype & 0xf0) == BULLA_SUBTYPE_BANK_0);
}

static const char *hash_word(const struct whole_image *image)
{
    if (!image->has_sha256)
        return "none";
    return image->sha256_good ? "good" : "wrong";
}

static json_t *image_json(const struct whole_image *image, const struct bulla_image_facts *facts,
                          enum bulla_status status)
{
    const struct bulla_chip *chip = bulla_chip_by_id(image->chip_id);
    char project[LAYOUT_SHOWN_SIZE], version[LAYOUT_SHOWN_SIZE], idf[LAYOUT_SHOWN_SIZE];

    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:I, s:s}", "chip",
                     chip != NULL ? chip->name : "unknown", "project",
                     shown(facts->project, project), "version", shown(facts->version, version),
                     "idf_version", shown(facts->idf_version, idf), "length",
                     (json_int_t)image->len, "checksum_ok", !image->cut && image->checksum_good,
                     "sha256", image->cut ? "cut" : hash_word(image), "secure_version",
                     (json_int_t)facts->secure_version, "status", bulla_status_name(status));
}

static void tell_image(struct inspection *i, const char *name, const struct whole_image *image,
                       const struct bulla_image_facts *facts, enum bulla_status status)
{
    char project[LAYOUT_SHOWN_SIZE], version[LAYOUT_SHOWN_SIZE], idf[LAYOUT_SHOWN_SIZE];

    if (image->cut)
        host_say(i->tool, "'%s': an image that is cut off or damaged", name);
    else
        host_say(i->tool,
                 "'%s': project '%s', version '%s', ESP-IDF '%s', %" PRIu32
                 " bytes, checksum %s, SHA-256 %s, secure version %" PRIu32,
                 name, shown(facts->project, project), shown(facts->version, version),
                 shown(facts->idf_version, idf), image->len,
                 image->checksum_good ? "good" : "wrong", hash_word(image), facts->secure_version);
    if (status != BULLA_OK)
        inspect_warn(i, "no device takes what lies in '%s': %s (%s)", name,
                     bulla_status_sentence(status), bulla_status_name(status));
    else if (i->has_boot && image->chip_id != i->boot.chip_id)
        inspect_warn(i, "what lies in '%s' is for another chip than the bootloader", name);
}

/* An app's content as `content` and `image` of its JSON row. */
static void inspect_app(struct inspection *i, const struct bulla_partition *row, json_t *json)
{
    static const char *const words[] = {"not in the file", "blank", "image", "no image"};
    uint32_t size = row->size < BULLA_ESP_IMAGE_MAX ? row->size : BULLA_ESP_IMAGE_MAX;
    struct bulla_bytes bytes = whole_span(&i->whole, row->offset, size);
    struct bulla_image_facts facts;
    struct whole_image image;
    char name[LAYOUT_SHOWN_SIZE];

    (void)shown(row->label, name);
    whole_look(bytes, &image);
    if (json != NULL)
        json_object_set_new(json, "content", json_string(words[image.kind]));
    if (image.kind != WHOLE_IMAGE) {
        host_say(i->tool, "'%s': %s", name, words[image.kind]);
        return;
    }
    enum bulla_status status = whole_judge_app(bytes, &image, &facts);
    i->apps += status == BULLA_OK;
    tell_image(i, name, &image, &facts, status);
    if (json != NULL)
        json_object_set_new(json, "image", image_json(&image, &facts, status));
}

/* Each byte is hashed once: rows over and over the same ones do not make us read them again. */
static bool apps_overlap(const struct layout *layout)
{
    for (uint32_t k = 0; k < layout->count; k++) {
        const struct bulla_partition *a = &layout->rows[k];
        for (uint32_t m = 0; holds_app(a) && m < k; m++) {
            const struct bulla_partition *b = &layout->rows[m];
            if (holds_app(b) && a->offset < (uint64_t)b->offset + b->size &&
                b->offset < (uint64_t)a->offset + a->size)
                return true;
        }
    }
    return false;
}

static bool is_named(const struct layout *layout, uint64_t at)
{
    for (uint32_t k = 0; k < layout->count; k++)
        if (layout->rows[k].offset <= at && at - layout->rows[k].offset < layout->rows[k].size)
            return true;
    return false;
}

/* An app that the table does not name never runs: the merging tool used another offset. A file
 * full of beginnings does not make us read it over and over. */
static void look_for_lost_apps(struct inspection *i)
{
    uint64_t end = (uint64_t)i->whole.delta + i->whole.file.len;
    unsigned looked = 0;

    for (uint64_t at = APP_STEP; at < end && looked < LOST_APPS_MAX; at += APP_STEP) {
        struct bulla_bytes bytes = whole_span(&i->whole, (uint32_t)at, BULLA_ESP_IMAGE_MAX);
        struct bulla_image_facts facts;
        struct whole_image image;

        if (bytes.len == 0 || bytes.data[0] != ESP_MAGIC || is_named(&i->whole.layout, at))
            continue;
        looked++;
        whole_look(bytes, &image);
        if (whole_judge_app(bytes, &image, &facts) == BULLA_OK)
            inspect_warn(i, "an app lies at 0x%" PRIx32 ", where the table has no partition",
                         (uint32_t)at);
    }
}

static json_t *row_json(const struct bulla_partition *row)
{
    const char *type = layout_type_word(row->type);
    const char *subtype = layout_subtype_word(row->type, row->subtype);

    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:I}", "name", row->label, "type",
                     type != NULL ? json_string(type) : json_integer(row->type), "subtype",
                     subtype != NULL ? json_string(subtype) : json_integer(row->subtype), "offset",
                     (json_int_t)row->offset, "size", (json_int_t)row->size, "flags",
                     (json_int_t)row->flags);
}

void inspect_partitions(struct inspection *i)
{
    const struct layout *layout = &i->whole.layout;
    json_t *list = i->tool->json ? json_array() : NULL;
    bool skipped = apps_overlap(layout);

    if (skipped)
        inspect_warn(i, "app partitions overlap: what lies in them is not looked at");
    for (uint32_t k = 0; k < layout->count; k++) {
        json_t *json = list != NULL ? row_json(&layout->rows[k]) : NULL;

        if (holds_app(&layout->rows[k]) && skipped && json != NULL)
            json_object_set_new(json, "content", json_string("not looked at"));
        else if (holds_app(&layout->rows[k]) && !skipped)
            inspect_app(i, &layout->rows[k], json);
        if (list != NULL)
            json_array_append_new(list, json);
    }
    if (list != NULL)
        json_object_set_new(i->tool->doc, "partitions", list);
    look_for_lost_apps(i);
}

/* ---- otadata ---- */

static const char *state_word(uint32_t state)
{
    static const char *const words[] = {"NEW", "PENDING_VERIFY", "VALID", "INVALID", "ABORTED"};

    if (state < sizeof(words) / sizeof(words[0]))
        return words[state];
    return state == BULLA_OTA_UNDEFINED ? "UNDEFINED" : "unknown";
}

static const struct bulla_partition *find_kind(const struct layout *layout, uint8_t type,
                                               uint8_t subtype)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->rows[i].type == type && layout->rows[i].subtype == subtype)
            return &layout->rows[i];
    return NULL;
}

static uint32_t count_slots(const struct layout *layout)
{
    uint32_t count = 0;

    while (count < BULLA_SLOTS_MAX &&
           find_kind(layout, BULLA_TYPE_APP, (uint8_t)(BULLA_SUBTYPE_OTA_0 + count)) != NULL)
        count++;
    return count;
}

static void tell_record(struct inspection *i, unsigned index, const struct bulla_ota_record *record,
                        json_t *list)
{
    uint32_t count = count_slots(&i->whole.layout);
    bool crc_good = record->crc == bulla_ota_crc(record->seq);
    uint8_t slot = count > 0 ? (uint8_t)bulla_ota_slot_of(record->seq, count) : 0;
    const struct bulla_partition *row =
        find_kind(&i->whole.layout, BULLA_TYPE_APP, (uint8_t)(BULLA_SUBTYPE_OTA_0 + slot));
    char name[LAYOUT_SHOWN_SIZE];

    (void)shown(row != NULL ? row->label : "nothing", name);
    if (record->seq == BULLA_OTA_SEQ_NONE)
        host_say(i->tool, "otadata record %u: none", index);
    else
        host_say(i->tool, "otadata record %u: sequence %" PRIu32 ", %s, CRC %s, means '%s'", index,
                 record->seq, state_word(record->state), crc_good ? "good" : "wrong", name);
    if (list != NULL)
        json_array_append_new(
            list, record->seq == BULLA_OTA_SEQ_NONE
                      ? json_null()
                      : json_pack("{s:I, s:s, s:b, s:s}", "seq", (json_int_t)record->seq, "state",
                                  state_word(record->state), "crc_ok", crc_good, "slot", name));
}

void inspect_otadata(struct inspection *i)
{
    const struct bulla_partition *row =
        find_kind(&i->whole.layout, BULLA_TYPE_DATA, BULLA_SUBTYPE_DATA_OTA);
    json_t *list = i->tool->json ? json_array() : NULL;

    for (unsigned k = 0; row != NULL && k < 2; k++) {
        struct bulla_bytes bytes =
            whole_span(&i->whole, row->offset + k * BULLA_SECTOR_SIZE, BULLA_OTADATA_RECORD_SIZE);
        if (bytes.len < BULLA_OTADATA_RECORD_SIZE)
            break;
        struct bulla_ota_record record = bulla_ota_record_decode(bytes.data);
        tell_record(i, k, &record, list);
    }
    if (list != NULL)
        json_object_set_new(i->tool->doc, "otadata", list);
}

/* ---- device state ---- */

void inspect_state(struct inspection *i)
{
    const struct bulla_partition *row = whole_state_row(&i->whole.layout);
    const char *word = "no partition for it";
    struct whole_state state;

    if (row != NULL) {
        enum bulla_status status = whole_open_state(&i->whole, row, &state);
        word = status == BULLA_OK              ? "provisioned"
               : status == BULLA_E_STATE_EMPTY ? "blank"
               : status == BULLA_E_FLASH_READ  ? "not in the file"
                                               : "damaged";
        i->has_state = status == BULLA_OK;
    }
    host_say(i->tool, "Bulla device state: %s", word);
    if (i->tool->json)
        json_object_set_new(i->tool->doc, "state", json_string(word));
}
