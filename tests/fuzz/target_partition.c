/* SPDX-License-Identifier: Apache-2.0 */
/* A binary partition table, as given and with its MD5 row made right.
 *
 * Holds: *out is zero on failure; of an accepted table no two partitions overlap, each lies in the
 * flash and on its grid, slots have no gap; rows encode back to what they were decoded from. */

#include <stdlib.h>

#include "bulla/limits.h"
#include "bulla/partition.h"
#include "fuzz.h"
#include "rows.h"

static void check_partition(const struct bulla_partition *p, uint32_t flash_size)
{
    uint32_t grid = p->type == BULLA_TYPE_APP ? 0x10000 : 0x1000;

    FUZZ_CHECK(p->size > 0 && p->size <= flash_size && p->offset <= flash_size - p->size);
    FUZZ_CHECK(p->offset % grid == 0);
    FUZZ_CHECK(p->offset >= BULLA_PARTITION_TABLE_OFFSET + BULLA_SECTOR_SIZE);
    FUZZ_CHECK(bulla_partition_label_is_text(p->label));
}

static void check_layout(const struct bulla_layout *l, uint32_t flash_size)
{
    const struct bulla_partition *all[BULLA_SLOTS_MAX + 3];
    size_t count = 0;

    FUZZ_CHECK(l->slot_count <= BULLA_SLOTS_MAX);
    for (uint32_t i = 0; i < l->slot_count; i++) {
        FUZZ_CHECK(l->slots[i].subtype == BULLA_SUBTYPE_OTA_0 + i);
        FUZZ_CHECK(bulla_layout_slot(l, (int32_t)i) == &l->slots[i]);
        FUZZ_CHECK(bulla_layout_find(l, l->slots[i].label) == (int32_t)i);
        all[count++] = &l->slots[i];
    }
    if (l->otadata.size > 0)
        all[count++] = &l->otadata;
    if (l->factory.size > 0)
        all[count++] = &l->factory;
    if (l->state.size > 0) {
        FUZZ_CHECK(bulla_partition_is_state(&l->state));
        all[count++] = &l->state;
    }
    FUZZ_CHECK(l->slot_count == 0 || l->otadata.size == 0x2000);
    for (size_t i = 0; i < count; i++) {
        check_partition(all[i], flash_size);
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(all[i]->offset >= all[j]->offset + all[j]->size ||
                       all[j]->offset >= all[i]->offset + all[i]->size);
    }
    FUZZ_CHECK(bulla_layout_slot(l, (int32_t)l->slot_count) == NULL);
    FUZZ_CHECK(bulla_layout_slot(l, BULLA_SLOT_NONE) == NULL);
}

/* Rows one at a time, as an auditor reads a table that no device takes. Returns how many. */
static uint32_t check_rows(struct bulla_bytes table)
{
    uint32_t count = 0;
    bool end = false;

    for (; count <= BULLA_PARTITIONS_MAX + 1 && !end; count++) {
        struct bulla_partition p, again;
        uint8_t row[BULLA_PARTITION_ROW_SIZE];
        if (bulla_partition_row(table, count, &p, &end) != BULLA_OK || end) {
            FUZZ_CHECK(fuzz_is_zero(&p, sizeof(p)));
            break;
        }
        bulla_partition_row_encode(&p, row);
        FUZZ_CHECK(memcmp(row, table.data + (size_t)count * sizeof(row), 12) == 0);
        FUZZ_CHECK(bulla_partition_row((struct bulla_bytes){row, sizeof(row)}, 0, &again, &end) ==
                   BULLA_OK);
        FUZZ_CHECK(fuzz_same_row(&p, &again));
    }
    FUZZ_CHECK(count <= BULLA_PARTITIONS_MAX + 1);
    return count;
}

/* Nothing follows the MD5 row, which would not cover it, and nothing before it is another one. */
static void check_end(struct bulla_bytes table)
{
    for (size_t at = 0; at + 2 * BULLA_PARTITION_ROW_SIZE <= table.len;
         at += BULLA_PARTITION_ROW_SIZE) {
        const uint8_t *row = table.data + at;
        if (row[0] == 0xff)
            return;
        for (size_t i = 0; row[0] == 0xeb && i < BULLA_PARTITION_ROW_SIZE; i++)
            FUZZ_CHECK(row[BULLA_PARTITION_ROW_SIZE + i] == 0xff);
        if (row[0] == 0xeb)
            return;
    }
}

static void check(struct bulla_bytes table)
{
    static const uint32_t sizes[] = {0, 0x20000, 0x100000, 0x400000, 0x1000000, 0xfffff000};
    uint32_t rows = check_rows(table);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bulla_layout layout, again;
        enum bulla_status status = bulla_layout_decode(table, sizes[i], &layout);
        FUZZ_CHECK(bulla_layout_decode(table, sizes[i], &again) == status);
        FUZZ_CHECK(layout.slot_count == again.slot_count &&
                   fuzz_same_row(&layout.state, &again.state) &&
                   fuzz_same_row(&layout.otadata, &again.otadata));
        if (status != BULLA_OK) {
            FUZZ_CHECK(fuzz_is_zero(&layout, sizeof(layout)));
            continue;
        }
        FUZZ_CHECK(rows >= 1);
        check_end(table);
        check_layout(&layout, sizes[i]);
    }
}

/* Row `rows` becomes the MD5 row of those before it, blank space follows. */
static void make_right(uint8_t *table, size_t len)
{
    size_t rows = 0;

    while ((rows + 1) * BULLA_PARTITION_ROW_SIZE <= len &&
           table[rows * BULLA_PARTITION_ROW_SIZE] == 0xaa)
        rows++;
    size_t at = rows * BULLA_PARTITION_ROW_SIZE;
    if (rows == 0 || len - at < BULLA_PARTITION_ROW_SIZE)
        return;
    bulla_partition_md5_row((struct bulla_bytes){table, at}, table + at);
    memset(table + at + BULLA_PARTITION_ROW_SIZE, 0xff, len - at - BULLA_PARTITION_ROW_SIZE);
}

void fuzz_partition(struct bulla_bytes in)
{
    uint8_t *copy = fuzz_copy(in);

    check(in);
    make_right(copy, in.len);
    check((struct bulla_bytes){copy, in.len});
    free(copy);
}
