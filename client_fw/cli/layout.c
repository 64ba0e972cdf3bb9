/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables on the host: the layouts of `provision`, binary form, and the place for the
 * device state. Judging is the device's code; here its verdict only gets a name and a number. */

#include "layout.h"
#include "layout_words.h"

#include <stdarg.h>
#include <string.h>

#define KIB       0x400u
#define MIB       0x100000u
#define APPS_AT   0x10000u
#define APP_UNIT  0x10000u
#define IMAGE_MAX (16u * MIB)

bool layout_refuse(char why[LAYOUT_WHY_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, LAYOUT_WHY_SIZE, format, args);
    va_end(args);
    return false;
}

void layout_show(const char *text, size_t len, char shown[LAYOUT_SHOWN_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (at + sizeof("\\xNN...") > LAYOUT_SHOWN_SIZE) {
            memcpy(shown + at, "...", 3);
            at += 3;
            break;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            shown[at++] = (char)c;
            continue;
        }
        shown[at++] = '\\';
        shown[at++] = 'x';
        shown[at++] = digits[c >> 4];
        shown[at++] = digits[c & 15];
    }
    shown[at] = '\0';
}

/* ---- binary form ---- */

bool layout_encode(const struct layout *layout, uint8_t table[BULLA_PARTITION_TABLE_SIZE],
                   char why[LAYOUT_WHY_SIZE])
{
    if (layout->count > LAYOUT_ROWS_MAX)
        return layout_refuse(why, "a partition table with MD5 holds %u rows, this one has %u",
                             (unsigned)LAYOUT_ROWS_MAX, (unsigned)layout->count);

    size_t len = (size_t)layout->count * BULLA_PARTITION_ROW_SIZE;

    memset(table, 0xff, BULLA_PARTITION_TABLE_SIZE);
    for (uint32_t i = 0; i < layout->count; i++)
        bulla_partition_row_encode(&layout->rows[i], table + i * BULLA_PARTITION_ROW_SIZE);
    bulla_partition_md5_row((struct bulla_bytes){table, len}, table + len);
    return true;
}

enum bulla_status layout_decode(struct bulla_bytes table, struct layout *out,
                                char why[LAYOUT_WHY_SIZE])
{
    struct layout found = {.count = 0};
    enum bulla_status st = BULLA_OK;
    bool end = false;

    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; !end; i++) {
        struct bulla_partition row;

        st = bulla_partition_row(table, i, &row, &end);
        if (st == BULLA_OK && !end && !bulla_partition_label_is_text(row.label))
            st = BULLA_E_PARTITION_LABEL;
        if (st == BULLA_OK && !end && found.count == BULLA_PARTITIONS_MAX)
            st = BULLA_E_PARTITION_END;
        if (st != BULLA_OK) {
            layout_refuse(why, "partition table row %u: %s", (unsigned)i,
                          bulla_status_sentence(st));
            return st;
        }
        if (!end)
            found.rows[found.count++] = row;
    }
    *out = found;
    return BULLA_OK;
}

/* ---- the device's verdict ---- */

/* What a device says of these rows, without MD5 row: it is not the MD5 that is asked about. */
static enum bulla_status judge(const struct bulla_partition *rows, uint32_t count,
                               uint32_t flash_size)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct bulla_layout ignored;

    memset(table, 0xff, sizeof(table));
    for (uint32_t i = 0; i < count; i++)
        bulla_partition_row_encode(&rows[i], table + i * BULLA_PARTITION_ROW_SIZE);
    return bulla_layout_decode((struct bulla_bytes){table, sizeof(table)}, flash_size, &ignored);
}

/* "'vfs' (0x310000, size 0xcf0000)" */
static void describe(const struct bulla_partition *row, char out[LAYOUT_SHOWN_SIZE + 40])
{
    char name[LAYOUT_SHOWN_SIZE];

    layout_show(row->label, strlen(row->label), name);
    snprintf(out, LAYOUT_SHOWN_SIZE + 40, "'%s' (0x%x, size 0x%x)", name, (unsigned)row->offset,
             (unsigned)row->size);
}

/* Name the row that brings in `st`, and the earlier one it collides with if there is one. A
 * partition that would do alone is the second of a pair. */
static bool explain(const struct layout *layout, uint32_t flash_size, enum bulla_status st,
                    char why[LAYOUT_WHY_SIZE])
{
    char this[LAYOUT_SHOWN_SIZE + 40], other[LAYOUT_SHOWN_SIZE + 40];
    uint32_t last = 0;

    while (last + 1 < layout->count && judge(layout->rows, last + 1, flash_size) != st)
        last++;
    describe(&layout->rows[last], this);
    for (uint32_t i = 0; i < last && judge(&layout->rows[last], 1, flash_size) != st; i++) {
        struct bulla_partition pair[2] = {layout->rows[i], layout->rows[last]};

        describe(&pair[0], other);
        if (judge(pair, 2, flash_size) == st)
            return layout_refuse(why, "partition %s and %s: %s", other, this,
                                 bulla_status_sentence(st));
    }
    return layout_refuse(why, "partition %s: %s (flash 0x%x)", this, bulla_status_sentence(st),
                         (unsigned)flash_size);
}

static bool explain_roles(const struct layout *layout, enum bulla_status st,
                          char why[LAYOUT_WHY_SIZE])
{
    uint32_t slots = 0, otadata = 0, size = 0;

    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];

        if (row->type == BULLA_TYPE_APP && (row->subtype & 0xf0) == BULLA_SUBTYPE_OTA_0)
            slots |= 1u << (row->subtype & 15);
        if (row->type == BULLA_TYPE_DATA && row->subtype == BULLA_SUBTYPE_DATA_OTA) {
            otadata++;
            size = row->size;
        }
    }
    if (st == BULLA_E_PARTITION_OTADATA)
        return layout_refuse(why, "%s: found %u, the last of 0x%x bytes", bulla_status_sentence(st),
                             (unsigned)otadata, (unsigned)size);
    for (unsigned i = 0; i < BULLA_SLOTS_MAX && slots >> i != 0; i++)
        if ((slots >> i & 1u) == 0)
            return layout_refuse(why, "%s: ota_%u is missing below a higher one",
                                 bulla_status_sentence(st), i);
    return layout_refuse(why, "%s, and there is no factory app", bulla_status_sentence(st));
}

bool layout_check(const struct layout *layout, uint32_t flash_size, char why[LAYOUT_WHY_SIZE])
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct bulla_layout ignored;

    if (!layout_encode(layout, table, why))
        return false;

    struct bulla_bytes bytes = {table, sizeof(table)};
    enum bulla_status st = bulla_layout_decode(bytes, flash_size, &ignored);

    if (st == BULLA_OK)
        return true;
    if (st == BULLA_E_PARTITION_OTADATA || st == BULLA_E_PARTITION_SLOTS)
        return explain_roles(layout, st, why);
    return explain(layout, flash_size, st, why);
}

/* ---- layouts of our own ---- */

static void append(struct layout *layout, uint8_t type, uint8_t subtype, uint32_t offset,
                   uint32_t size, const char *label)
{
    struct bulla_partition row = {.type = type, .subtype = subtype, .offset = offset, .size = size};

    snprintf(row.label, sizeof(row.label), "%s", label);
    layout->rows[layout->count++] = row;
}

struct kind {
    const char *name;
    bool factory;
    uint32_t slots;
};

/* On 2M the app leaves 128K to the file system; 1536K and 1728K are the sizes in the field. */
static uint32_t default_app_size(const struct kind *kind, uint32_t flash_size)
{
    if (kind->factory && kind->slots > 0)
        return 1728 * KIB;
    if (flash_size > 2 * MIB)
        return 1536 * KIB;
    return kind->slots > 0 ? 896 * KIB : MIB;
}

static const struct kind *find_kind(const char *name, char why[LAYOUT_WHY_SIZE])
{
    static const struct kind kinds[] = {{"single", true, 0}, {"two", false, 2}, {"three", true, 2}};
    char shown[LAYOUT_SHOWN_SIZE];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    layout_show(name, strlen(name), shown);
    layout_refuse(why, "the layout is one of single, two, three, not '%s'", shown);
    return NULL;
}

static bool judge_sizes(const struct kind *kind, uint32_t flash_size, uint32_t app_size,
                        char why[LAYOUT_WHY_SIZE])
{
    uint32_t apps = kind->slots + (kind->factory ? 1 : 0);

    if (flash_size != 2 * MIB && flash_size != 4 * MIB && flash_size != 8 * MIB &&
        flash_size != 16 * MIB)
        return layout_refuse(why, "the flash size is one of 2M, 4M, 8M, 16M, not 0x%x bytes",
                             (unsigned)flash_size);
    if (kind->factory && kind->slots > 0 && flash_size <= 4 * MIB)
        return layout_refuse(why, "layout %s needs a flash larger than 4M, this one has %uM",
                             kind->name, (unsigned)(flash_size / MIB));
    if (app_size == 0 || app_size % APP_UNIT != 0 || app_size > IMAGE_MAX)
        return layout_refuse(why, "the app size is a multiple of 64K, at most 16M, not 0x%x bytes",
                             (unsigned)app_size);
    if (app_size > (flash_size - LAYOUT_STATE_SIZE - APPS_AT) / apps)
        return layout_refuse(
            why, "layout %s on %uM has room for %u app partition%s of at most %uK, not %uK",
            kind->name, (unsigned)(flash_size / MIB), (unsigned)apps, apps == 1 ? "" : "s",
            (unsigned)((flash_size - LAYOUT_STATE_SIZE - APPS_AT) / apps / APP_UNIT * 64),
            (unsigned)(app_size / KIB));
    return true;
}

bool layout_generate(const char *name, uint32_t flash_size, uint32_t app_size, struct layout *out,
                     char why[LAYOUT_WHY_SIZE])
{
    memset(out, 0, sizeof(*out));

    const struct kind *kind = find_kind(name, why);

    if (kind == NULL)
        return false;
    if (app_size == 0)
        app_size = default_app_size(kind, flash_size);
    if (!judge_sizes(kind, flash_size, app_size, why))
        return false;

    uint32_t at = APPS_AT, state_at = flash_size - LAYOUT_STATE_SIZE;

    append(out, BULLA_TYPE_DATA, LAYOUT_DATA_NVS, 0x9000, kind->slots > 0 ? 0x4000 : 0x6000, "nvs");
    if (kind->slots > 0)
        append(out, BULLA_TYPE_DATA, BULLA_SUBTYPE_DATA_OTA, 0xd000, 0x2000, "otadata");
    append(out, BULLA_TYPE_DATA, LAYOUT_DATA_PHY, 0xf000, 0x1000, "phy_init");
    if (kind->factory) {
        append(out, BULLA_TYPE_APP, BULLA_SUBTYPE_FACTORY, at, app_size, "factory");
        at += app_size;
    }
    for (uint32_t i = 0; i < kind->slots; i++, at += app_size)
        append(out, BULLA_TYPE_APP, (uint8_t)(BULLA_SUBTYPE_OTA_0 + i), at, app_size,
               i == 0 ? "ota_0" : "ota_1");
    if (at < state_at)
        append(out, BULLA_TYPE_DATA, LAYOUT_DATA_FAT, at, state_at - at, "vfs");
    append(out, BULLA_TYPE_BULLA, 0, state_at, LAYOUT_STATE_SIZE, "bulla");
    return true;
}

/* ---- room for the device state ---- */

bool layout_has_state(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (bulla_partition_is_state(&layout->rows[i]))
            return true;
    return false;
}

static bool is_file_system(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_DATA && row->subtype >= LAYOUT_DATA_FAT &&
           row->subtype <= LAYOUT_DATA_LITTLEFS;
}

static struct bulla_partition *highest(struct layout *layout)
{
    struct bulla_partition *found = &layout->rows[0];

    for (uint32_t i = 1; i < layout->count; i++)
        if (layout->rows[i].offset + layout->rows[i].size > found->offset + found->size)
            found = &layout->rows[i];
    return found;
}

/* The end of the flash becomes free in `layout`, which a device takes (so nothing wraps). */
static bool free_the_end(struct layout *layout, uint32_t state_at, char why[LAYOUT_WHY_SIZE])
{
    struct bulla_partition *last = highest(layout);
    char shown[LAYOUT_SHOWN_SIZE + 40];

    if (last->offset + last->size <= state_at)
        return true;
    describe(last, shown);
    if (!is_file_system(last))
        return layout_refuse(why,
                             "no room for the bulla partition at 0x%x: %s is no file system that "
                             "could be shortened",
                             (unsigned)state_at, shown);
    if (last->offset >= state_at)
        return layout_refuse(why,
                             "no room for the bulla partition at 0x%x: nothing would be left of %s",
                             (unsigned)state_at, shown);
    last->size = state_at - last->offset;
    return true;
}

bool layout_convert(const struct layout *layout, uint32_t flash_size, struct layout *out,
                    char why[LAYOUT_WHY_SIZE])
{
    struct layout converted = *layout;

    memset(out, 0, sizeof(*out));
    if (!layout_check(layout, flash_size, why))
        return false;
    if (!layout_has_state(layout)) {
        uint32_t state_at = flash_size - LAYOUT_STATE_SIZE;

        if (converted.count == LAYOUT_ROWS_MAX)
            return layout_refuse(why,
                                 "the partition table has no row left for the bulla partition");
        if (!free_the_end(&converted, state_at, why))
            return false;
        append(&converted, BULLA_TYPE_BULLA, 0, state_at, LAYOUT_STATE_SIZE, "bulla");
        if (!layout_check(&converted, flash_size, why))
            return false;
    }
    *out = converted;
    return true;
}
