/* SPDX-License-Identifier: Apache-2.0 */
/* The ESP-IDF partition table. Rows are decoded one at a time and compared pair by pair by
 * decoding them again: a table is read once a power-on, and 95 rows are RAM that a small device
 * does not have. Decoding and judging are separate, so that an auditor can show a table that
 * no device would take. */

#include "bulla/partition.h"

#include "bulla/limits.h"
#include "md5.h"

#include "bulla/mem.h"

#define LABEL_AT      12u
#define LABEL_SIZE    16u
#define FLAGS_AT      28u
#define MD5_AT        16u
#define TABLE_END     (BULLA_PARTITION_TABLE_OFFSET + BULLA_SECTOR_SIZE)
#define ALIGNMENT_APP 0x10000u /* the flash cache maps pages of 64 KiB */
#define OTADATA_SIZE  (2u * BULLA_SECTOR_SIZE)
#define STATE_MIN     0x4000u

static uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void write32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

/* ---- rows ---- */

/* Row `index`, or NULL when the table does not hold all of it. The last KiB of the table's
 * sector is a signature's, never rows. */
static const uint8_t *row_at(struct bulla_bytes table, uint32_t index)
{
    size_t len = table.len < BULLA_PARTITION_TABLE_SIZE ? table.len : BULLA_PARTITION_TABLE_SIZE;

    return index < len / BULLA_PARTITION_ROW_SIZE
               ? table.data + (size_t)index * BULLA_PARTITION_ROW_SIZE
               : NULL;
}

/* ESP-IDF's bootloader looks at four of the bytes, its tool at all 32; a torn row is no end. */
static bool is_end(const uint8_t *row)
{
    for (unsigned i = 0; i < BULLA_PARTITION_ROW_SIZE; i++)
        if (row[i] != 0xff)
            return false;
    return true;
}

static bool is_md5(const uint8_t *row)
{
    return row[0] == 0xeb && row[1] == 0xeb;
}

/* The MD5 row at `index` covers every row: the end follows it, not a second one, not rows that
 * it says nothing about. */
static enum bulla_status check_md5(struct bulla_bytes table, uint32_t index)
{
    struct bulla_bytes rows = {table.data, (size_t)index * BULLA_PARTITION_ROW_SIZE};
    uint8_t digest[BULLA_MD5_SIZE];

    bulla_md5(rows, digest);
    if (memcmp(digest, row_at(table, index) + MD5_AT, sizeof(digest)) != 0)
        return BULLA_E_PARTITION_MD5;

    const uint8_t *next = row_at(table, index + 1);

    if (next == NULL)
        return BULLA_E_PARTITION_END;
    return is_end(next) ? BULLA_OK : BULLA_E_PARTITION_MD5;
}

static struct bulla_partition decode_row(const uint8_t *row)
{
    struct bulla_partition p = {
        .type = row[2],
        .subtype = row[3],
        .offset = read32(row + 4),
        .size = read32(row + 8),
        .flags = read32(row + FLAGS_AT),
    };

    /* what stands after a NUL is no part of the label */
    for (unsigned i = 0; i < LABEL_SIZE && row[LABEL_AT + i] != 0; i++)
        p.label[i] = (char)row[LABEL_AT + i];
    return p;
}

enum bulla_status bulla_partition_row(struct bulla_bytes table, uint32_t index,
                                      struct bulla_partition *out, bool *end)
{
    const uint8_t *row = row_at(table, index);

    memset(out, 0, sizeof(*out));
    *end = false;
    if (row == NULL)
        return BULLA_E_PARTITION_END;
    if (is_md5(row)) {
        enum bulla_status st = check_md5(table, index);

        *end = st == BULLA_OK;
        return st;
    }
    if (is_end(row) && index > 0) { /* an erased sector is no table */
        *end = true;
        return BULLA_OK;
    }
    if (row[0] != 0xaa || row[1] != 0x50)
        return BULLA_E_PARTITION_MAGIC;
    *out = decode_row(row);
    return BULLA_OK;
}

void bulla_partition_row_encode(const struct bulla_partition *partition,
                                uint8_t row[BULLA_PARTITION_ROW_SIZE])
{
    memset(row, 0, BULLA_PARTITION_ROW_SIZE);
    row[0] = 0xaa;
    row[1] = 0x50;
    row[2] = partition->type;
    row[3] = partition->subtype;
    write32(row + 4, partition->offset);
    write32(row + 8, partition->size);
    for (unsigned i = 0; i < LABEL_SIZE && partition->label[i] != '\0'; i++)
        row[LABEL_AT + i] = (uint8_t)partition->label[i];
    write32(row + FLAGS_AT, partition->flags);
}

void bulla_partition_md5_row(struct bulla_bytes rows, uint8_t row[BULLA_PARTITION_ROW_SIZE])
{
    memset(row, 0xff, BULLA_PARTITION_ROW_SIZE);
    row[0] = 0xeb;
    row[1] = 0xeb;
    bulla_md5(rows, row + MD5_AT);
}

/* ---- labels ---- */

/* The character at `text` (RFC 3629, shortest form) and how many bytes it takes; 0: none. */
static unsigned read_character(const uint8_t *text, unsigned left, uint32_t *character)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned len = text[0] < 0x80   ? 1
                   : text[0] < 0xc0 ? 0
                   : text[0] < 0xe0 ? 2
                   : text[0] < 0xf0 ? 3
                   : text[0] < 0xf8 ? 4
                                    : 0;

    if (len == 0 || len > left)
        return 0;
    *character = len == 1 ? text[0] : text[0] & (0x7fu >> len);
    for (unsigned i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (text[i] & 0x3fu);
    }
    bool surrogate = *character >= 0xd800 && *character <= 0xdfff;

    return *character < smallest[len] || *character > 0x10ffff || surrogate ? 0 : len;
}

/* Controls, line separators and the characters that turn the writing direction: a label is
 * shown to people who decide by it. */
static bool is_printable(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return false;
    return c != 0x200e && c != 0x200f && c != 0x061c && !(c >= 0x2028 && c <= 0x202e) &&
           !(c >= 0x2066 && c <= 0x2069);
}

bool bulla_partition_label_is_text(const char label[17])
{
    uint8_t text[LABEL_SIZE];
    unsigned len = 0;

    while (len < LABEL_SIZE && label[len] != '\0')
        len++;
    memcpy(text, label, len);
    for (unsigned at = 0, taken = 0; at < len; at += taken) {
        uint32_t character = 0;

        taken = read_character(text + at, len - at, &character);
        if (taken == 0 || !is_printable(character))
            return false;
    }
    return true;
}

static bool same_label(const char *a, const char *b)
{
    unsigned i = 0;

    while (i < LABEL_SIZE && a[i] == b[i] && a[i] != '\0')
        i++;
    return a[i] == b[i]; /* the last one compared is a NUL of a label, so a longer text differs */
}

/* ---- judging ---- */

static bool is_otadata(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_DATA && p->subtype == BULLA_SUBTYPE_DATA_OTA;
}

/* Type 0x40 is anybody's: what is too small for our records is somebody else's. */
bool bulla_partition_is_state(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_BULLA && p->subtype == BULLA_SUBTYPE_STATE && p->size >= STATE_MIN;
}

static bool is_slot(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_APP && p->subtype >= BULLA_SUBTYPE_OTA_0 &&
           p->subtype < BULLA_SUBTYPE_OTA_0 + BULLA_SLOTS_MAX;
}

static bool is_factory(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_APP && p->subtype == BULLA_SUBTYPE_FACTORY;
}

#define BANKS_MAX 2u

static bool is_bank(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_BULLA && p->subtype >= BULLA_SUBTYPE_BANK_0 &&
           p->subtype < BULLA_SUBTYPE_BANK_0 + BANKS_MAX && p->size >= BULLA_SECTOR_SIZE;
}

static bool is_modules(const struct bulla_partition *p)
{
    return p->type == BULLA_TYPE_BULLA && p->subtype == BULLA_SUBTYPE_MODULES &&
           p->size >= BULLA_SECTOR_SIZE;
}

/* Only the rows that stand for the bootloader and the table itself may lie before its end. */
static bool covers_table(const struct bulla_partition *p)
{
    if (p->offset >= TABLE_END)
        return false;
    if (p->type == BULLA_TYPE_BOOTLOADER && p->subtype == 0)
        return p->offset > BULLA_PARTITION_TABLE_OFFSET ||
               p->size > BULLA_PARTITION_TABLE_OFFSET - p->offset;
    if (p->type == BULLA_TYPE_PARTITION_TABLE && p->subtype == 0)
        return p->offset != BULLA_PARTITION_TABLE_OFFSET || p->size > BULLA_SECTOR_SIZE;
    return true;
}

static enum bulla_status judge_row(const struct bulla_partition *p, uint32_t flash_size)
{
    bool app = p->type == BULLA_TYPE_APP;

    if (p->offset > flash_size || p->size > flash_size - p->offset)
        return BULLA_E_PARTITION_BOUNDS;
    if (app && p->size == 0)
        return BULLA_E_PARTITION_BOUNDS;
    if (p->offset % (app ? ALIGNMENT_APP : BULLA_SECTOR_SIZE) != 0)
        return BULLA_E_PARTITION_ALIGNMENT;
    if (app && p->size % BULLA_SECTOR_SIZE != 0)
        return BULLA_E_PARTITION_ALIGNMENT;
    if (covers_table(p))
        return BULLA_E_PARTITION_OVERLAP;
    if (is_otadata(p) && p->size != OTADATA_SIZE)
        return BULLA_E_PARTITION_OTADATA;
    return bulla_partition_label_is_text(p->label) ? BULLA_OK : BULLA_E_PARTITION_LABEL;
}

/* Both lie inside the flash, so their ends do not wrap. */
static enum bulla_status judge_pair(const struct bulla_partition *a,
                                    const struct bulla_partition *b)
{
    if (a->offset < b->offset + b->size && b->offset < a->offset + a->size)
        return BULLA_E_PARTITION_OVERLAP;
    if (is_otadata(a) && is_otadata(b))
        return BULLA_E_PARTITION_OTADATA;
    if (bulla_partition_is_state(a) && bulla_partition_is_state(b))
        return BULLA_E_PARTITION_DUPLICATE;
    if (a->type == BULLA_TYPE_APP && b->type == BULLA_TYPE_APP && a->subtype == b->subtype)
        return BULLA_E_PARTITION_DUPLICATE;
    return same_label(a->label, b->label) ? BULLA_E_PARTITION_DUPLICATE : BULLA_OK;
}

/* Row `index` against all before it, which were judged already. */
static enum bulla_status judge_earlier(struct bulla_bytes table, uint32_t index,
                                       const struct bulla_partition *p)
{
    for (uint32_t i = 0; i < index; i++) {
        struct bulla_partition earlier = decode_row(row_at(table, i));
        enum bulla_status st = judge_pair(&earlier, p);

        if (st != BULLA_OK)
            return st;
    }
    return BULLA_OK;
}

static void place(const struct bulla_partition *p, struct bulla_layout *layout)
{
    if (is_otadata(p))
        layout->otadata = *p;
    else if (bulla_partition_is_state(p))
        layout->state = *p;
    else if (is_factory(p))
        layout->factory = *p;
    else if (is_slot(p)) {
        layout->slots[p->subtype - BULLA_SUBTYPE_OTA_0] = *p;
        layout->slot_count++;
    }
}

/* With a gap ESP-IDF's bootloader and app count the slots differently and mean different
 * partitions by one otadata record. */
static enum bulla_status judge_roles(const struct bulla_layout *layout)
{
    for (uint32_t i = 0; i < layout->slot_count; i++)
        if (layout->slots[i].size == 0)
            return BULLA_E_PARTITION_SLOTS;
    if (layout->slot_count == 0)
        return layout->factory.size != 0 ? BULLA_OK : BULLA_E_PARTITION_SLOTS;
    return layout->otadata.size != 0 ? BULLA_OK : BULLA_E_PARTITION_OTADATA;
}

/* To the end, and the MD5: a damaged table is called damaged, whatever its rows say. */
static enum bulla_status count_rows(struct bulla_bytes table, uint32_t *count)
{
    struct bulla_partition ignored;
    bool end = false;
    enum bulla_status st = bulla_partition_row(table, 0, &ignored, &end);

    for (*count = 0; st == BULLA_OK && !end;
         st = bulla_partition_row(table, *count, &ignored, &end))
        (*count)++;
    return st;
}

/* Type 0x40 is anybody's: banks and modules are ours only beside a state, and banks only where the
 * factory app is the one that is executed. */
static enum bulla_status read_own_rows(struct bulla_bytes table, uint32_t count,
                                       struct bulla_layout *layout)
{
    bool banks = layout->slot_count == 0 && layout->factory.size != 0;

    for (uint32_t i = 0; layout->state.size != 0 && i < count; i++) {
        struct bulla_partition p = decode_row(row_at(table, i));
        struct bulla_partition *to = NULL;

        if (is_modules(&p)) {
            to = &layout->modules;
        } else if (is_bank(&p) && banks) {
            to = &layout->slots[p.subtype - BULLA_SUBTYPE_BANK_0];
            layout->slot_count++;
            layout->in_place = true;
        }
        if (to != NULL && to->size != 0)
            return BULLA_E_PARTITION_DUPLICATE;
        if (to != NULL)
            *to = p;
        /* of a bank, whole sectors are written; the app rows' sizes were judged */
        if (to != NULL && to != &layout->modules)
            to->size -= to->size % BULLA_SECTOR_SIZE;
    }
    return BULLA_OK;
}

static enum bulla_status read_rows(struct bulla_bytes table, uint32_t flash_size,
                                   struct bulla_layout *layout)
{
    uint32_t count = 0;
    enum bulla_status st = count_rows(table, &count);

    for (uint32_t i = 0; st == BULLA_OK && i < count; i++) {
        struct bulla_partition p = decode_row(row_at(table, i));

        st = judge_row(&p, flash_size);
        if (st == BULLA_OK)
            st = judge_earlier(table, i, &p);
        if (st == BULLA_OK)
            place(&p, layout);
    }
    if (st == BULLA_OK)
        st = read_own_rows(table, count, layout);
    return st == BULLA_OK ? judge_roles(layout) : st;
}

enum bulla_status bulla_layout_decode(struct bulla_bytes table, uint32_t flash_size,
                                      struct bulla_layout *out)
{
    memset(out, 0, sizeof(*out));

    enum bulla_status st = read_rows(table, flash_size, out);

    if (st != BULLA_OK)
        memset(out, 0, sizeof(*out));
    return st;
}

/* ---- using a layout ---- */

const struct bulla_partition *bulla_layout_slot(const struct bulla_layout *layout, int32_t slot)
{
    if (slot == BULLA_SLOT_FACTORY)
        return layout->factory.size != 0 ? &layout->factory : NULL;
    if (slot < 0 || (uint32_t)slot >= layout->slot_count)
        return NULL;
    return &layout->slots[slot];
}

int32_t bulla_layout_find(const struct bulla_layout *layout, const char *label)
{
    if (layout->factory.size != 0 && same_label(layout->factory.label, label))
        return BULLA_SLOT_FACTORY;
    for (uint32_t i = 0; i < layout->slot_count; i++)
        if (same_label(layout->slots[i].label, label))
            return (int32_t)i;
    return BULLA_SLOT_NONE;
}
