/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables on the host: binary form, and the place for the device state. Judging is the
 * device's code; here its verdict only gets a name and a number. */

#include "layout.h"
#include "layout_words.h"

#include <stdarg.h>
#include <string.h>

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

/* Banks and modules are roles only beside a state, so no pair of rows shows that they repeat. */
static bool explain_own(const struct layout *layout, enum bulla_status st,
                        char why[LAYOUT_WHY_SIZE])
{
    char this[LAYOUT_SHOWN_SIZE + 40], other[LAYOUT_SHOWN_SIZE + 40];

    for (uint32_t i = 1; i < layout->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct bulla_partition *a = &layout->rows[j], *b = &layout->rows[i];

            if (a->type != BULLA_TYPE_BULLA || b->type != a->type || b->subtype != a->subtype)
                continue;
            describe(a, other);
            describe(b, this);
            (void)layout_refuse(why, "partition %s and %s: %s", other, this,
                                bulla_status_sentence(st));
            return true;
        }
    }
    return false;
}

/* Name the row that brings in `st`, and the earlier one it collides with if there is one. A
 * partition that would do alone is the second of a pair. */
static bool explain(const struct layout *layout, uint32_t flash_size, enum bulla_status st,
                    char why[LAYOUT_WHY_SIZE])
{
    char this[LAYOUT_SHOWN_SIZE + 40], other[LAYOUT_SHOWN_SIZE + 40];
    uint32_t last = 0;

    if (st == BULLA_E_PARTITION_DUPLICATE && explain_own(layout, st, why))
        return false;
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
    bool bank_1 = false;

    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];

        if (row->type == BULLA_TYPE_APP && (row->subtype & 0xf0) == BULLA_SUBTYPE_OTA_0)
            slots |= 1u << (row->subtype & 15);
        if (row->type == BULLA_TYPE_BULLA && row->subtype == BULLA_SUBTYPE_BANK_0 + 1)
            bank_1 = true;
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
    if (slots == 0 && bank_1)
        return layout_refuse(why, "%s: bank 1 (subtype 0x11) is there and bank 0 is not",
                             bulla_status_sentence(st));
    return layout_refuse(why, "%s, and there is no factory app", bulla_status_sentence(st));
}

enum bulla_status layout_judge(const struct layout *layout, uint32_t flash_size,
                               char why[LAYOUT_WHY_SIZE])
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct bulla_layout ignored;

    if (!layout_encode(layout, table, why))
        return BULLA_E_PARTITION_END;

    struct bulla_bytes bytes = {table, sizeof(table)};
    enum bulla_status st = bulla_layout_decode(bytes, flash_size, &ignored);

    if (st == BULLA_E_PARTITION_OTADATA || st == BULLA_E_PARTITION_SLOTS)
        (void)explain_roles(layout, st, why);
    else if (st != BULLA_OK)
        (void)explain(layout, flash_size, st, why);
    return st;
}

bool layout_check(const struct layout *layout, uint32_t flash_size, char why[LAYOUT_WHY_SIZE])
{
    return layout_judge(layout, flash_size, why) == BULLA_OK;
}

/* ---- room for the device state ---- */

void layout_append(struct layout *layout, uint8_t type, uint8_t subtype, uint32_t offset,
                   uint32_t size, const char *label)
{
    struct bulla_partition row = {.type = type, .subtype = subtype, .offset = offset, .size = size};

    snprintf(row.label, sizeof(row.label), "%s", label);
    layout->rows[layout->count++] = row;
}

bool layout_has_state(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (bulla_partition_is_state(&layout->rows[i]))
            return true;
    return false;
}

bool layout_is_file_system(const struct bulla_partition *row)
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
    if (!layout_is_file_system(last))
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
        layout_append(&converted, BULLA_TYPE_BULLA, 0, state_at, LAYOUT_STATE_SIZE, "bulla");
        if (!layout_check(&converted, flash_size, why))
            return false;
    }
    *out = converted;
    return true;
}
