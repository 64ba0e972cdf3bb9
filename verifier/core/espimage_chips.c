/* SPDX-License-Identifier: Apache-2.0 */
/* The memory maps of the ESP32 family: where an image may load, and where it may not because the
 * second-stage bootloader still works there while it loads. Numbers only; espimage.c judges.
 *
 * A bootloader region is the union of three: the bootloader's whole data segment, its loader text
 * and 36 KiB below the top of the ROM's stack (the bootloader keeps 32 KiB below its stack pointer
 * free; 4 KiB allow for what it has pushed by then). How much of these a bootloader in the field
 * really uses cannot be known here, so all of it is forbidden. Where code and data bus show the
 * same memory, the loader text is listed under its data bus address. */

#include "espimage_chips.h"

struct bulla_region {
    uint32_t start;
    uint32_t words : 26; /* of 4 bytes */
    uint32_t kind : 6;
};

#define SPAN(start, end, kind)                                                                     \
    {                                                                                              \
        (start), ((end) - (start)) / 4u, (kind)                                                    \
    }

#define DROM    BULLA_REGION_DROM
#define IROM    BULLA_REGION_IROM
#define IRAM    BULLA_REGION_IRAM
#define DATA    BULLA_REGION_DATA
#define BOOT    BULLA_REGION_BOOT
#define PAGED   BULLA_REGION_PAGED
#define ALL_ROM (DROM | IROM)
#define ALL_RAM (IRAM | DATA)

static const struct bulla_region esp32_regions[] = {
    SPAN(0x3f400000, 0x3f800000, DROM), SPAN(0x400d0000, 0x40400000, IROM),
    SPAN(0x3ffae000, 0x40000000, DATA), SPAN(0x40080000, 0x400aa000, IRAM),
    SPAN(0x3ff80000, 0x3ff82000, DATA), SPAN(0x400c0000, 0x400c2000, DATA),
    SPAN(0x50000000, 0x50002000, DATA), SPAN(0x3fff0000, 0x3fff6000, BOOT), /* data */
    SPAN(0x40078000, 0x40080000, BOOT),                                     /* loader */
    SPAN(0x3ffdaf20, 0x3ffe3f20, BOOT),                                     /* stack */
};
static const struct bulla_region esp32s2_regions[] = {
    SPAN(0x3f000000, 0x3ff80000, DROM), SPAN(0x40080000, 0x40800000, IROM),
    SPAN(0x3ffb0000, 0x40000000, DATA), SPAN(0x40020000, 0x40070000, IRAM),
    SPAN(0x3ff9e000, 0x3ffa0000, DATA), SPAN(0x40070000, 0x40072000, DATA),
    SPAN(0x50000000, 0x50002000, DATA), SPAN(0x3ffde000, 0x3ffeab00, BOOT), /* loader, data */
    SPAN(0x3fff570c, 0x3fffe70c, BOOT),                                     /* stack */
};
static const struct bulla_region esp32s3_regions[] = {
    SPAN(0x3c000000, 0x3e000000, DROM), SPAN(0x42000000, 0x44000000, IROM),
    SPAN(0x3fc88000, 0x3fd00000, DATA), SPAN(0x40370000, 0x403e0000, IRAM),
    SPAN(0x600fe000, 0x60100000, DATA), SPAN(0x50000000, 0x50002000, DATA),
    SPAN(0x3fcdb700, 0x3fceb710, BOOT),
};
static const struct bulla_region esp32c3_regions[] = {
    SPAN(0x3c000000, 0x3c800000, DROM), SPAN(0x42000000, 0x42800000, IROM),
    SPAN(0x3fc80000, 0x3fce0000, DATA), SPAN(0x4037c000, 0x403e0000, IRAM),
    SPAN(0x50000000, 0x50002000, DATA), SPAN(0x3fcce710, 0x3fcde710, BOOT),
};
static const struct bulla_region esp32c2_regions[] = {
    SPAN(0x3c000000, 0x3c400000, DROM), SPAN(0x42000000, 0x42400000, IROM),
    SPAN(0x3fca0000, 0x3fce0000, DATA), SPAN(0x4037c000, 0x403c0000, IRAM),
    SPAN(0x3fcceb70, 0x3fcdeb70, BOOT),
};
static const struct bulla_region esp32c6_regions[] = {
    SPAN(0x42000000, 0x43000000, ALL_ROM | PAGED),
    SPAN(0x40800000, 0x40880000, ALL_RAM),
    SPAN(0x50000000, 0x50004000, DATA),
    SPAN(0x4086e610, 0x4087e610, BOOT),
};
static const struct bulla_region esp32h2_regions[] = {
    SPAN(0x42000000, 0x43000000, ALL_ROM | PAGED),
    SPAN(0x40800000, 0x40850000, ALL_RAM),
    SPAN(0x50000000, 0x50001000, DATA),
    SPAN(0x4083efd0, 0x4084f380, BOOT),
};
/* C5, C61: the top of the stack is SOC_ROM_STACK_START of ESP-IDF's soc.h. */
static const struct bulla_region esp32c5_regions[] = {
    SPAN(0x42000000, 0x44000000, ALL_ROM),
    SPAN(0x40800000, 0x40860000, ALL_RAM),
    SPAN(0x50000000, 0x50004000, DATA),
    SPAN(0x4084e5a0, 0x4085e5a0, BOOT),
};
static const struct bulla_region esp32c61_regions[] = {
    SPAN(0x42000000, 0x44000000, ALL_ROM),
    SPAN(0x40800000, 0x40860000, ALL_RAM),
    SPAN(0x50000000, 0x50004000, DATA),
    SPAN(0x4083e670, 0x4084ea70, BOOT),
};
/* P4: the bootloader's memory moved between silicon revisions and is not judged here; a
 * bootloader taken for an app is still known by its descriptor and by where it loads. Memory
 * beside the cache (above 0x4ffa0000) and the scratch pad at 0x30100000 are not accepted. */
static const struct bulla_region esp32p4_regions[] = {
    SPAN(0x40000000, 0x4c000000, ALL_ROM),
    SPAN(0x4ff00000, 0x4ffa0000, ALL_RAM),
    SPAN(0x50108000, 0x50110000, DATA),
};

#define ALIAS_UNIT    0x10000u
#define REGIONS(name) name##_regions, sizeof name##_regions / sizeof name##_regions[0]
#define CHIP(id, name, boot_offset, fuse_width, reversed, page_choice, alias)                      \
    {                                                                                              \
        REGIONS(name), (fuse_width), (id), (boot_offset), (alias) / ALIAS_UNIT, (reversed),        \
            (page_choice), #name                                                                   \
    }

/* Alias leads from the code bus to the data bus: data = code - alias or, where the word order is
 * reversed, data = alias - code. Code memory without a data bus name lands where no region is.
 * Page choice: the MMU does pages of 8, 16, 32 and 64 KiB, not of 64 KiB only.
 * H21 (0x19), H4 (0x1c), E22 (0x1f) and S31 (0x20) are not listed: without their address ranges
 * nothing could be said of where an image loads. */
const struct bulla_chip bulla_chips[BULLA_CHIP_COUNT] = {
    CHIP(0x00, esp32, 0x1000, 32, true, false, 0x800a0000),
    CHIP(0x02, esp32s2, 0x1000, 16, false, false, 0x00070000),
    CHIP(0x05, esp32c3, 0, 16, false, false, 0x00700000),
    CHIP(0x09, esp32s3, 0, 16, false, false, 0x006f0000),
    CHIP(0x0c, esp32c2, 0, 4, false, true, 0x006e0000),
    CHIP(0x0d, esp32c6, 0, 16, false, true, 0),
    CHIP(0x10, esp32h2, 0, 16, false, true, 0),
    CHIP(0x12, esp32p4, 0x2000, 16, false, false, 0),
    CHIP(0x14, esp32c61, 0, 16, false, true, 0),
    CHIP(0x17, esp32c5, 0x2000, 9, false, false, 0),
};

const struct bulla_chip *bulla_chip_by_id(uint16_t id)
{
    for (size_t i = 0; i < BULLA_CHIP_COUNT; i++)
        if (bulla_chips[i].id == id)
            return &bulla_chips[i];
    return NULL;
}

uint32_t bulla_chip_page_size(const struct bulla_chip *chip, uint8_t log2)
{
    if (log2 == 0 || log2 == 16)
        return 0x10000;
    if (chip->page_choice && log2 >= 13 && log2 < 16)
        return (uint32_t)1 << log2;
    return 0;
}

unsigned bulla_chip_region(const struct bulla_chip *chip, struct bulla_segment segment,
                           uint32_t page_size)
{
    for (size_t i = 0; i < chip->region_count; i++) {
        const struct bulla_region *r = &chip->regions[i];
        uint32_t len = (r->kind & PAGED) != 0 ? 256u * page_size : r->words * 4u;
        /* by subtraction, for address + len may pass 2^32; below the start this is huge */
        uint32_t into = segment.address - r->start;
        if (into < len && segment.len <= len - into)
            return r->kind;
    }
    return 0;
}

struct bulla_segment bulla_chip_on_data_bus(const struct bulla_chip *chip,
                                            struct bulla_segment segment, unsigned region)
{
    uint32_t alias = chip->alias * ALIAS_UNIT;
    if ((region & IRAM) == 0)
        return segment;
    if (chip->alias_reversed)
        segment.address = alias - (segment.address + segment.len);
    else
        segment.address -= alias;
    return segment;
}

bool bulla_segments_overlap(struct bulla_segment a, struct bulla_segment b)
{
    if (a.address <= b.address)
        return b.address - a.address < a.len;
    return a.address - b.address < b.len;
}

bool bulla_chip_touches_bootloader(const struct bulla_chip *chip, struct bulla_segment segment)
{
    for (size_t i = 0; i < chip->region_count; i++) {
        const struct bulla_region *r = &chip->regions[i];
        struct bulla_segment forbidden = {r->start, r->words * 4u};
        if (r->kind == BOOT && bulla_segments_overlap(segment, forbidden))
            return true;
    }
    return false;
}
