/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie in a flash image: bootloader, partition table, partitions. */

#include "whole.h"

#include <string.h>

#include "bulla/limits.h"

#define ESP_MAGIC  0xe9u
#define HEADER     24u
#define TABLE_STEP BULLA_SECTOR_SIZE

static const struct bulla_chip *chip_at(struct bulla_bytes file, uint32_t at)
{
    if (file.len < HEADER || at > file.len - HEADER || file.data[at] != ESP_MAGIC)
        return NULL;
    return bulla_chip_by_id((uint16_t)(file.data[at + 12] | file.data[at + 13] << 8));
}

/* A file that begins with the bootloader begins where the chip looks for it; one that begins with
 * something else begins at 0. */
static void find_start(struct whole *w)
{
    static const uint32_t places[] = {0x1000, 0x2000};

    w->chip = chip_at(w->file, 0);
    if (w->chip != NULL) {
        w->delta = w->chip->boot_offset;
        return;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && w->chip == NULL; i++) {
        const struct bulla_chip *chip = chip_at(w->file, places[i]);

        if (w->file.len > 0 && w->file.data[0] == 0xff && chip != NULL &&
            chip->boot_offset == places[i]) {
            w->chip = chip;
            w->boot_at = places[i];
        }
    }
}

static bool looks_like_table(struct bulla_bytes file, uint32_t at)
{
    return at + BULLA_PARTITION_ROW_SIZE <= file.len && file.data[at] == 0xaa &&
           file.data[at + 1] == 0x50;
}

static enum bulla_status read_table(struct whole *w, uint32_t at, char why[LAYOUT_WHY_SIZE])
{
    size_t left = w->file.len - at;
    struct bulla_bytes table = {
        w->file.data + at, left < BULLA_PARTITION_TABLE_SIZE ? left : BULLA_PARTITION_TABLE_SIZE};

    w->table_at = at;
    return layout_decode(table, &w->layout, why);
}

/* Its offset is a build option; a table elsewhere must be whole to be believed. */
static enum bulla_status find_moved_table(struct whole *w, char why[LAYOUT_WHY_SIZE])
{
    char ignored[LAYOUT_WHY_SIZE];

    for (uint32_t at = TABLE_STEP; w->chip != NULL && at < w->file.len; at += TABLE_STEP)
        if (looks_like_table(w->file, at) && read_table(w, at, ignored) == BULLA_OK)
            return BULLA_OK;
    w->table_at = 0;
    memset(&w->layout, 0, sizeof(w->layout));
    layout_refuse(why, "there is no partition table (AA 50) in it, neither at flash offset 0x8000 "
                       "nor behind the bootloader");
    return BULLA_E_PARTITION_MAGIC;
}

enum bulla_status whole_find(struct bulla_bytes file, struct whole *out, char why[LAYOUT_WHY_SIZE])
{
    memset(out, 0, sizeof(*out));
    out->file = file;
    find_start(out);

    uint32_t usual = BULLA_PARTITION_TABLE_OFFSET - out->delta;

    return looks_like_table(file, usual) ? read_table(out, usual, why) : find_moved_table(out, why);
}

struct bulla_bytes whole_span(const struct whole *whole, uint32_t offset, uint32_t size)
{
    if (offset < whole->delta || offset - whole->delta >= whole->file.len)
        return (struct bulla_bytes){NULL, 0};

    size_t left = whole->file.len - (offset - whole->delta);

    return (struct bulla_bytes){whole->file.data + (offset - whole->delta),
                                size < left ? size : left};
}
