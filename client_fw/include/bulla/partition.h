/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_PARTITION_H
#define BULLA_PARTITION_H

/* The ESP-IDF partition table: decode and judge the binary form. docs/FORMAT.md, "Partition
 * table" (esp-idf gen_esp32part.py 1.5, flash_partitions.c). */

#include "bulla/bytes.h"
#include "bulla/flash.h"
#include "bulla/status.h"

#define BULLA_PARTITION_TABLE_OFFSET 0x8000u
#define BULLA_PARTITION_TABLE_SIZE   0xc00u
#define BULLA_PARTITION_ROW_SIZE     32u
#define BULLA_PARTITIONS_MAX         95u
#define BULLA_SLOTS_MAX              16u

enum bulla_partition_type {
    BULLA_TYPE_APP = 0x00,
    BULLA_TYPE_DATA = 0x01,
    BULLA_TYPE_BOOTLOADER = 0x02,
    BULLA_TYPE_PARTITION_TABLE = 0x03,
    BULLA_TYPE_BULLA = 0x40, /* custom type, ours where there is a state partition */
};
enum {
    BULLA_SUBTYPE_FACTORY = 0x00,
    BULLA_SUBTYPE_OTA_0 = 0x10, /* ..0x1f */
    BULLA_SUBTYPE_TEST = 0x20,
    BULLA_SUBTYPE_DATA_OTA = 0x00,
    BULLA_SUBTYPE_STATE = 0x00,   /* of BULLA_TYPE_BULLA, as the following */
    BULLA_SUBTYPE_MODULES = 0x02, /* frozen modules */
    BULLA_SUBTYPE_BANK_0 = 0x10,  /* ..0x11: releases for updates in place */
};

struct bulla_partition {
    uint8_t type;
    uint8_t subtype;
    char label[17]; /* NUL-terminated; 16 bytes may all be used */
    uint32_t offset;
    uint32_t size;
    uint32_t flags;
};

/* What the update client needs of a table; a device need not keep the rows. size 0: absent. */
struct bulla_layout {
    struct bulla_partition otadata;
    struct bulla_partition state; /* bulla */
    struct bulla_partition factory;
    struct bulla_partition modules;
    /* The app is executed from `factory` alone. The slots are banks, from which a boot copies there
     * what it chose; otadata names them like OTA slots. */
    bool in_place;
    uint32_t slot_count; /* ota_0.. without a gap, or banks */
    struct bulla_partition slots[BULLA_SLOTS_MAX];
};

/* Decode row `index` of a table. BULLA_OK and *end false: a partition; *end true: table over
 * (end row or MD5 row, which is checked against `table`). */
BULLA_MUST_CHECK enum bulla_status bulla_partition_row(struct bulla_bytes table, uint32_t index,
                                                       struct bulla_partition *out, bool *end);

/* The same row as bytes, and the MD5 row over all rows before it. */
void bulla_partition_row_encode(const struct bulla_partition *partition,
                                uint8_t row[BULLA_PARTITION_ROW_SIZE]);
void bulla_partition_md5_row(struct bulla_bytes rows, uint8_t row[BULLA_PARTITION_ROW_SIZE]);

/* UTF-8 without control, line-separating or direction-changing characters; may be empty. */
BULLA_MUST_CHECK bool bulla_partition_label_is_text(const char label[17]);

/* Can hold the device state: type 0x40, subtype 0x00, at least 0x4000 bytes. A smaller one is
 * taken for somebody else's. */
BULLA_MUST_CHECK bool bulla_partition_is_state(const struct bulla_partition *partition);

/* Judge a whole table as a device does: as ESP-IDF's bootloader, and besides alignment,
 * overlap, duplicate names and roles, labels, otadata's size, gaps in the slots, rows that the
 * MD5 does not cover. A missing bulla partition is left to the caller (state.size 0): tables
 * from before there was one are shown and converted. What follows the end row is not read. */
BULLA_MUST_CHECK enum bulla_status
bulla_layout_decode(struct bulla_bytes table, uint32_t flash_size, struct bulla_layout *out);

/* Of a device without a partition table (core/layout_none.c), which nobody else need define: what a
 * table that bulla_layout_decode takes would say. It is not judged again. */
extern const struct bulla_layout bulla_port_layout;

/* Which slots a selection index means: 0.. are OTA slots, BULLA_SLOT_FACTORY the factory app. */
#define BULLA_SLOT_FACTORY (-1)
#define BULLA_SLOT_NONE    (-100)
const struct bulla_partition *bulla_layout_slot(const struct bulla_layout *layout, int32_t slot);

/* Slot of this label, BULLA_SLOT_NONE if there is none. */
int32_t bulla_layout_find(const struct bulla_layout *layout, const char *label);

#endif
