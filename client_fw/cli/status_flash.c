/* SPDX-License-Identifier: Apache-2.0 */
/* status: the partition table in the columns of glenn20's ota.status, and what lies in it. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layout_words.h"
#include "status.h"

#define DESCRIPTOR_AT      32u /* behind the header of the image and of its first segment */
#define DESCRIPTOR_VERSION 16u
#define DESCRIPTOR_PROJECT 48u
#define DESCRIPTOR_SIZE    80u
#define DESCRIPTOR_FIELD   32u
#define NUMBER_SIZE        16u

static const uint8_t descriptor_magic[] = {0x32, 0x54, 0xcd, 0xab};

/* ---- words ---- */

static const char *word_or_number(const char *word, uint8_t number, char buf[NUMBER_SIZE])
{
    if (word != NULL)
        return word;
    (void)snprintf(buf, NUMBER_SIZE, "0x%02x", (unsigned)number);
    return buf;
}

/* 1572864 as "1,572,864". */
static const char *grouped(uint32_t number, char buf[NUMBER_SIZE])
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

json_t *status_row_json(const struct bulla_partition *row)
{
    char type[NUMBER_SIZE];
    char subtype[NUMBER_SIZE];

    return json_pack(
        "{s:s, s:s, s:s, s:i, s:i, s:I, s:I}", "name", row->label, "type",
        word_or_number(layout_type_word(row->type), row->type, type), "subtype",
        word_or_number(layout_subtype_word(row->type, row->subtype), row->subtype, subtype),
        "type_number", (int)row->type, "subtype_number", (int)row->subtype, "offset",
        (json_int_t)row->offset, "size", (json_int_t)row->size);
}

json_t *status_slot_json(const struct device *device, int32_t slot)
{
    const struct bulla_partition *row = bulla_layout_slot(&device->client.layout, slot);

    if (row == NULL)
        return json_null();
    json_t *object = status_row_json(row);
    json_object_set_new(object, "label", json_string(row->label));
    json_object_del(object, "name");
    return object;
}

/* ---- what lies in a slot ---- */

void status_read_app(const struct device *device, int32_t slot, struct status_app *app)
{
    const struct bulla_flash *flash = device->client.flash;
    const struct bulla_partition *row = bulla_layout_slot(&device->client.layout, slot);
    uint8_t bytes[DESCRIPTOR_SIZE];

    memset(app, 0, sizeof(*app));
    if (row == NULL || row->size < DESCRIPTOR_AT + sizeof(bytes) ||
        flash->read(flash->ctx, row->offset + DESCRIPTOR_AT, bytes, sizeof(bytes)) != BULLA_OK ||
        memcmp(bytes, descriptor_magic, sizeof(descriptor_magic)) != 0)
        return;
    app->found = true;
    memcpy(app->version, bytes + DESCRIPTOR_VERSION, DESCRIPTOR_FIELD);
    memcpy(app->project, bytes + DESCRIPTOR_PROJECT, DESCRIPTOR_FIELD);
}

/* ---- the table ---- */

void status_read_table(struct status_view *view)
{
    const struct bulla_flash *flash = view->device->client.flash;
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    char why[LAYOUT_WHY_SIZE];

    view->layout.count = 0;
    if (flash == NULL ||
        flash->read(flash->ctx, BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table)) != BULLA_OK ||
        layout_decode((struct bulla_bytes){table, sizeof(table)}, &view->layout, why) != BULLA_OK)
        view->layout.count = 0;
}

/* As wide as the tables that users know; wider only where a name needs it. */
struct columns {
    int name;
    int type;
    int subtype;
};

static int wider(int width, const char *word)
{
    int len = (int)strlen(word);

    return len > width ? len : width;
}

static struct columns measure(const struct layout *layout)
{
    struct columns columns = {.name = 10, .type = 8, .subtype = 8};
    char number[NUMBER_SIZE];

    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];
        columns.name = wider(columns.name, row->label);
        columns.type =
            wider(columns.type, word_or_number(layout_type_word(row->type), row->type, number));
        columns.subtype =
            wider(columns.subtype, word_or_number(layout_subtype_word(row->type, row->subtype),
                                                  row->subtype, number));
    }
    return columns;
}

static void tell_row(const struct status_view *view, const struct columns *columns,
                     const struct bulla_partition *row)
{
    char type[NUMBER_SIZE];
    char subtype[NUMBER_SIZE];
    char offset[NUMBER_SIZE];
    char hex[NUMBER_SIZE];
    char size[NUMBER_SIZE];

    (void)snprintf(offset, sizeof(offset), "0x%x", (unsigned)row->offset);
    (void)snprintf(hex, sizeof(hex), "0x%x", (unsigned)row->size);
    host_say(view->tool, "  %-*s %-*s %-*s %10s %10s %10s", columns->name, row->label,
             columns->type, word_or_number(layout_type_word(row->type), row->type, type),
             columns->subtype,
             word_or_number(layout_subtype_word(row->type, row->subtype), row->subtype, subtype),
             offset, hex, grouped(row->size, size));
}

void status_tell_table(struct status_view *view)
{
    struct columns columns = measure(&view->layout);
    json_t *list = json_array();

    if (view->layout.count > 0) {
        host_say(view->tool, "Partition table:");
        host_say(view->tool, "# %-*s %-*s %-*s %10s %10s (bytes)", columns.name, "Name",
                 columns.type, "Type", columns.subtype, "SubType", "Offset", "Size");
    }
    for (uint32_t i = 0; i < view->layout.count; i++) {
        tell_row(view, &columns, &view->layout.rows[i]);
        json_array_append_new(list, status_row_json(&view->layout.rows[i]));
    }
    status_set(view, "partitions", list);
}

/* ---- file systems, frozen modules ---- */

static bool is_file_system(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_DATA &&
           (row->subtype == LAYOUT_DATA_FAT || row->subtype == LAYOUT_DATA_SPIFFS ||
            row->subtype == LAYOUT_DATA_LITTLEFS);
}

void status_tell_areas(struct status_view *view)
{
    const struct bulla_partition *modules = &view->device->client.layout.modules;
    json_t *list = json_array();
    json_t *first = NULL;
    char size[NUMBER_SIZE];

    for (uint32_t i = 0; i < view->layout.count; i++) {
        const struct bulla_partition *row = &view->layout.rows[i];
        if (!is_file_system(row))
            continue;
        host_say(view->tool, "The file system lies in '%s' (%s, %s bytes at 0x%x).", row->label,
                 layout_subtype_word(row->type, row->subtype), grouped(row->size, size),
                 (unsigned)row->offset);
        if (first == NULL)
            first = json_string(row->label);
        json_array_append_new(list, status_row_json(row));
    }
    if (first == NULL)
        host_say(view->tool, "There is no file system partition.");
    if (modules->size != 0)
        host_say(view->tool, "Frozen modules lie in '%s' (%s bytes at 0x%x).", modules->label,
                 grouped(modules->size, size), (unsigned)modules->offset);
    status_set(view, "filesystem", first != NULL ? first : json_null());
    status_set(view, "filesystems", list);
    status_set(view, "modules_area", modules->size != 0 ? status_row_json(modules) : json_null());
}
