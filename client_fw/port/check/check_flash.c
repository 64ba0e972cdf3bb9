/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of bulla/flash.h, tried one after the other. */

#include "check_flash.h"

#include "bulla/mem.h"

struct check {
    const struct bulla_flash *flash;
    uint32_t middle; /* the sector that is worked on */
    uint32_t from, to;
    uint32_t unit;
    uint8_t *buffer;
    struct bulla_flash_report *report;
};

static bool fail(struct check *c, enum bulla_flash_fault fault, enum bulla_status status,
                 uint32_t offset)
{
    *c->report = (struct bulla_flash_report){fault, status, offset};
    return false;
}

/* Never 0xff, and no two neighbouring pages alike. */
static uint8_t pattern(uint32_t offset)
{
    uint32_t mixed = (offset + 1u) * 2654435761u;

    return (uint8_t)((mixed >> 24) & 0x7fu);
}

static bool read(struct check *c, uint32_t offset, uint8_t *buffer, size_t len)
{
    memset(buffer, 0xa5, len); /* a driver that reads nothing must not find what was there before */
    enum bulla_status status = c->flash->read(c->flash->ctx, offset, buffer, len);
    return status == BULLA_OK || fail(c, BULLA_FLASH_FAILED, status, offset);
}

static bool program(struct check *c, uint32_t offset, const uint8_t *bytes, size_t len)
{
    enum bulla_status status = c->flash->program(c->flash->ctx, offset, bytes, len);
    return status == BULLA_OK || fail(c, BULLA_FLASH_FAILED, status, offset);
}

static bool erase(struct check *c, uint32_t offset)
{
    enum bulla_status status = c->flash->erase_sector(c->flash->ctx, offset);
    return status == BULLA_OK || fail(c, BULLA_FLASH_FAILED, status, offset);
}

/* ---- whole sectors ---- */

static bool is_blank(struct check *c, uint32_t sector, enum bulla_flash_fault fault)
{
    if (!read(c, sector, c->buffer, BULLA_SECTOR_SIZE))
        return false;
    for (uint32_t i = 0; i < BULLA_SECTOR_SIZE; i++)
        if (c->buffer[i] != 0xff)
            return fail(c, fault, BULLA_OK, sector + i);
    return true;
}

static bool has_pattern(struct check *c, uint32_t sector, enum bulla_flash_fault fault)
{
    if (!read(c, sector, c->buffer, BULLA_SECTOR_SIZE))
        return false;
    for (uint32_t i = 0; i < BULLA_SECTOR_SIZE; i++)
        if (c->buffer[i] != pattern(sector + i))
            return fail(c, fault, BULLA_OK, sector + i);
    return true;
}

static bool lay_pattern(struct check *c, uint32_t sector)
{
    for (uint32_t i = 0; i < BULLA_SECTOR_SIZE; i++)
        c->buffer[i] = pattern(sector + i);
    return program(c, sector, c->buffer, BULLA_SECTOR_SIZE);
}

/* Erased from any content, twice, programmed in one call; all of its neighbours stay. */
static bool check_sectors(struct check *c)
{
    for (uint32_t at = c->from; at < c->to; at += BULLA_SECTOR_SIZE)
        if (!erase(c, at) || !is_blank(c, at, BULLA_FLASH_NOT_BLANK) || !lay_pattern(c, at))
            return false;
    for (uint32_t at = c->from; at < c->to; at += BULLA_SECTOR_SIZE)
        if (!has_pattern(c, at, BULLA_FLASH_PROGRAM))
            return false;
    for (unsigned i = 0; i < 2; i++)
        if (!erase(c, c->middle) || !is_blank(c, c->middle, BULLA_FLASH_NOT_BLANK))
            return false;
    return true;
}

static bool check_neighbours(struct check *c)
{
    for (uint32_t at = c->from; at < c->to; at += BULLA_SECTOR_SIZE)
        if (at != c->middle && !has_pattern(c, at, BULLA_FLASH_NEIGHBOUR))
            return false;
    return true;
}

/* The first sector holds bytes that only chance would put anywhere else: where one bit of the
 * address is another one, they must not be found. */
static bool check_aliases(struct check *c)
{
    uint8_t there[64];

    for (uint32_t bit = BULLA_SECTOR_SIZE; bit != 0 && bit < c->flash->size; bit <<= 1) {
        uint32_t other = c->from ^ bit;
        bool same = true;
        if (other >= c->flash->size || (other >= c->from && other < c->to))
            continue;
        if (!read(c, other, there, sizeof(there)))
            return false;
        for (uint32_t i = 0; i < sizeof(there); i++)
            same = same && there[i] == pattern(c->from + i);
        if (same)
            return fail(c, BULLA_FLASH_ALIAS, BULLA_OK, other);
    }
    return true;
}

/* ---- parts of a sector ---- */

/* Records of the device state: short, from any unit on, over the ends of pages, from and to odd
 * addresses in memory. The sector is blank. */
static bool check_odd(struct check *c)
{
    uint8_t piece[BULLA_FLASH_UNIT_MAX * 4u + 2u];
    uint32_t step = 3u * BULLA_FLASH_UNIT_MAX - (c->unit > 1 ? 0 : 3u);
    uint32_t shorter = c->unit > 4u ? c->unit : 4u;
    uint32_t at;

    for (at = 0; at + step <= BULLA_SECTOR_SIZE; at += step) {
        uint32_t len = step - at / step % shorter;
        for (uint32_t i = 0; i < len; i++)
            piece[1 + i] = pattern(c->middle + at + i);
        if (!program(c, c->middle + at, piece + 1, len))
            return false;
    }
    for (at = 0; at + step <= BULLA_SECTOR_SIZE; at += step) {
        uint32_t len = step - at / step % shorter;
        if (!read(c, c->middle + at, piece + 1, step))
            return false;
        for (uint32_t i = 0; i < step; i++)
            if (piece[1 + i] != (i < len ? pattern(c->middle + at + i) : 0xff))
                return fail(c, i < len ? BULLA_FLASH_ODD : BULLA_FLASH_UNIT, BULLA_OK,
                            c->middle + at + i);
    }
    for (at = 1; at + 5u <= step; at += 7) {
        if (!read(c, c->middle + at, piece + at % 4u, 5))
            return false;
        for (uint32_t i = 0; i < 5; i++)
            if (piece[at % 4u + i] != pattern(c->middle + at + i))
                return fail(c, BULLA_FLASH_ODD, BULLA_OK, c->middle + at + i);
    }
    return true;
}

/* Bits only go from 1 to 0. A chip may refuse the second program; setting bits again takes an erase
 * that the core does not know of, and that a power cut may hit. */
static bool check_bits(struct check *c)
{
    uint8_t byte = 0xf0;
    uint32_t last = c->middle + BULLA_SECTOR_SIZE - 1u; /* check_odd ends before it */

    if (c->unit > 1)
        return true; /* with ECC a second program is no use to anybody */
    if (!program(c, last, &byte, 1))
        return false;
    byte = 0x0f;
    bool refused = c->flash->program(c->flash->ctx, last, &byte, 1) != BULLA_OK;
    if (!read(c, last, &byte, 1))
        return false;
    return byte == (refused ? 0xf0 : 0x00) || fail(c, BULLA_FLASH_BITS, BULLA_OK, last);
}

/* ---- what a port may have ---- */

static bool check_block(struct check *c)
{
    uint32_t block = c->from + BULLA_SECTOR_SIZE;
    uint32_t end = block + BULLA_BLOCK_SIZE;

    if (c->flash->erase_block == NULL || block % BULLA_BLOCK_SIZE != 0 || end >= c->to)
        return true;
    enum bulla_status status = c->flash->erase_block(c->flash->ctx, block);
    if (status != BULLA_OK)
        return fail(c, BULLA_FLASH_FAILED, status, block);
    for (uint32_t at = block; at < end; at += BULLA_SECTOR_SIZE)
        if (!is_blank(c, at, BULLA_FLASH_BLOCK))
            return false;
    return has_pattern(c, c->from, BULLA_FLASH_BLOCK) && has_pattern(c, end, BULLA_FLASH_BLOCK);
}

static bool check_map(struct check *c)
{
    const uint8_t *mapped = NULL;

    if (!read(c, c->middle, c->buffer, BULLA_SECTOR_SIZE))
        return false;
    if (c->flash->map != NULL)
        mapped = c->flash->map(c->flash->ctx, c->middle, BULLA_SECTOR_SIZE);
    for (uint32_t i = 0; mapped != NULL && i < BULLA_SECTOR_SIZE; i++)
        if (mapped[i] != c->buffer[i])
            return fail(c, BULLA_FLASH_MAP, BULLA_OK, c->middle + i);
    return true;
}

static bool check_geometry(struct check *c, uint32_t offset, uint32_t sectors)
{
    uint32_t size = c->flash->size;
    bool sane = size % BULLA_SECTOR_SIZE == 0 && c->unit <= BULLA_FLASH_UNIT_MAX &&
                (c->unit & (c->unit - 1u)) == 0 && offset % BULLA_SECTOR_SIZE == 0 &&
                sectors >= BULLA_CHECK_SECTORS && offset < size &&
                sectors <= (size - offset) / BULLA_SECTOR_SIZE;

    return sane || fail(c, BULLA_FLASH_GEOMETRY, BULLA_OK, offset);
}

bool bulla_port_check_flash(const struct bulla_flash *flash, uint32_t offset, uint32_t sectors,
                            uint8_t *buffer, struct bulla_flash_report *report)
{
    struct check c = {.flash = flash,
                      .middle = offset + BULLA_SECTOR_SIZE,
                      .from = offset,
                      .to = offset + sectors * BULLA_SECTOR_SIZE,
                      .unit = flash->unit > 1 ? flash->unit : 1,
                      .buffer = buffer,
                      .report = report};

    *report = (struct bulla_flash_report){BULLA_FLASH_SOUND, BULLA_OK, 0};
    /* in this order: each step relies on those before it */
    bool sound = check_geometry(&c, offset, sectors) && check_sectors(&c) && check_aliases(&c) &&
                 check_odd(&c) && check_bits(&c) && check_map(&c) && check_neighbours(&c) &&
                 check_block(&c);
    for (uint32_t at = c.from; sound && at < c.to; at += BULLA_SECTOR_SIZE)
        sound = erase(&c, at);
    return sound;
}
