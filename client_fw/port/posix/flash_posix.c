/* SPDX-License-Identifier: Apache-2.0 */
/* The map: which bytes of the flash lie where. How they get there is store.c's part. */

#include "flash_posix.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bulla/limits.h"

/* ---- making the map ---- */

static bool say(char why[POSIX_WHY_SIZE], const struct flash_posix_area *area, const char *what)
{
    (void)snprintf(why, POSIX_WHY_SIZE, "the area at 0x%" PRIx32 " (%.300s) %s", area->offset,
                   area->path, what);
    return false;
}

static bool meet(uint64_t a, uint64_t b, uint32_t a_size, uint32_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

bool flash_posix_add(struct flash_posix *flash, uint32_t offset, uint32_t size, const char *path,
                     uint64_t start, char why[POSIX_WHY_SIZE])
{
    const struct flash_posix_area area = {
        .offset = offset, .size = size, .path = path, .start = start};

    if (flash->area_count == FLASH_POSIX_AREAS_MAX)
        return say(why, &area, "is one more than a map can have");
    if (size == 0 || offset % BULLA_SECTOR_SIZE != 0 || size % BULLA_SECTOR_SIZE != 0 ||
        start % BULLA_SECTOR_SIZE != 0)
        return say(why, &area, "is not made of whole sectors of 4096 bytes");
    if (offset > flash->size || size > flash->size - offset)
        return say(why, &area, "goes beyond the end of the flash");
    if (start > (uint64_t)INT64_MAX - size)
        return say(why, &area, "begins where nothing can");
    for (uint32_t i = 0; i < flash->area_count; i++) {
        if (meet(offset, flash->areas[i].offset, size, flash->areas[i].size))
            return say(why, &area, "overlaps another one");
    }
    flash->areas[flash->area_count++] = area;
    return true;
}

/* ---- the seam ---- */

/* Where the first of these bytes lies, and how many of them lie there together. */
struct place {
    struct posix_store *store; /* NULL: nowhere */
    uint64_t at;
    size_t len;
};

static struct place find(const struct flash_posix *flash, uint32_t offset, size_t len)
{
    const struct flash_posix_area *area = flash_posix_find(flash, offset, 1);

    if (area == NULL)
        return (struct place){.store = NULL};
    uint32_t into = offset - area->offset;
    uint32_t left = area->size - into;
    return (struct place){
        .store = area->store, .at = area->start + into, .len = len < left ? len : left};
}

static enum bulla_status fail(struct flash_posix *flash, const struct place *place, uint32_t offset,
                              enum bulla_status status)
{
    const struct posix_store *store = place->store;

    if (store == NULL)
        (void)snprintf(flash->note, sizeof(flash->note), "no area of the map has 0x%" PRIx32,
                       offset);
    else
        (void)snprintf(flash->note, sizeof(flash->note), "%.300s %s at 0x%" PRIx64 ": %s",
                       store->path, store->what, place->at, strerror(store->error));
    return status;
}

static enum bulla_status read_flash(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct flash_posix *flash = ctx;
    uint8_t *to = buffer;

    while (len > 0) {
        struct place place = find(flash, offset, len);
        if (place.store == NULL || !posix_store_read(place.store, place.at, to, place.len))
            return fail(flash, &place, offset, BULLA_E_FLASH_READ);
        to += place.len;
        offset += (uint32_t)place.len;
        len -= place.len;
    }
    return BULLA_OK;
}

static enum bulla_status program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct flash_posix *flash = ctx;
    const uint8_t *from = bytes;

    while (len > 0) {
        struct place place = find(flash, offset, len);
        if (place.store == NULL || !posix_store_program(place.store, place.at, from, place.len))
            return fail(flash, &place, offset, BULLA_E_FLASH_PROGRAM);
        from += place.len;
        offset += (uint32_t)place.len;
        len -= place.len;
    }
    return BULLA_OK;
}

static enum bulla_status erase(void *ctx, uint32_t offset, size_t len)
{
    struct flash_posix *flash = ctx;

    while (len > 0) {
        struct place place = find(flash, offset, len);
        if (place.store == NULL || !posix_store_erase(place.store, place.at, place.len))
            return fail(flash, &place, offset, BULLA_E_FLASH_ERASE);
        offset += (uint32_t)place.len;
        len -= place.len;
    }
    return BULLA_OK;
}

static enum bulla_status erase_sector(void *ctx, uint32_t offset)
{
    return erase(ctx, offset, BULLA_SECTOR_SIZE);
}

static enum bulla_status erase_block(void *ctx, uint32_t offset)
{
    return erase(ctx, offset, BULLA_BLOCK_SIZE);
}

/* ---- opening ---- */

/* Two areas may lie in one place, which is opened and locked once. NULL, with `why`: not open. */
static struct posix_store *open_store(struct flash_posix *flash, const char *path, bool write,
                                      uint32_t wait_ms, char why[POSIX_WHY_SIZE])
{
    for (uint32_t i = 0; i < flash->store_count; i++) {
        if (posix_store_is(&flash->stores[i], path))
            return &flash->stores[i];
    }
    struct posix_store *store = &flash->stores[flash->store_count];
    if (!posix_store_open(store, path, write, wait_ms, why))
        return NULL;
    flash->store_count++;
    return store;
}

/* The areas before this one are known to be good. */
static bool judge(const struct flash_posix *flash, uint32_t index, char why[POSIX_WHY_SIZE])
{
    const struct flash_posix_area *area = &flash->areas[index];
    char text[128];

    if (area->start > area->store->size || area->size > area->store->size - area->start) {
        (void)snprintf(text, sizeof(text),
                       "needs %" PRIu32 " bytes from %" PRIu64 " on, and it has %" PRIu64,
                       area->size, area->start, area->store->size);
        return say(why, area, text);
    }
    for (uint32_t i = 0; i < index; i++) {
        const struct flash_posix_area *other = &flash->areas[i];
        if (other->store == area->store && meet(area->start, other->start, area->size, other->size))
            return say(why, area, "shares bytes with another one");
        if (other->store != area->store && (posix_store_within(area->store, other->store) ||
                                            posix_store_within(other->store, area->store))) {
            (void)snprintf(text, sizeof(text),
                           "lies in the same disk or file as the one at 0x%" PRIx32, other->offset);
            return say(why, area, text);
        }
    }
    return true;
}

enum bulla_status flash_posix_open(struct flash_posix *flash, enum flash_posix_mode mode,
                                   uint32_t wait_ms, char why[POSIX_WHY_SIZE])
{
    uint32_t unit = 1;

    flash->store_count = 0;
    flash->note[0] = '\0';
    for (uint32_t i = 0; i < flash->area_count; i++) {
        struct flash_posix_area *area = &flash->areas[i];
        area->store = open_store(flash, area->path, mode == FLASH_POSIX_WRITE, wait_ms, why);
        if (area->store == NULL || !judge(flash, i, why)) {
            flash_posix_close(flash);
            return BULLA_E_IO;
        }
        unit = area->store->unit > unit ? area->store->unit : unit;
    }
    flash->flash = (struct bulla_flash){
        .read = read_flash,
        .program = program,
        .erase_sector = erase_sector,
        .erase_block = erase_block,
        .unit = unit,
        .size = flash->size,
        .ctx = flash,
    };
    return BULLA_OK;
}

void flash_posix_close(struct flash_posix *flash)
{
    for (uint32_t i = 0; i < flash->store_count; i++)
        posix_store_close(&flash->stores[i]);
    flash->store_count = 0;
}

/* ---- asking ---- */

const struct bulla_flash *flash_posix_flash(const struct flash_posix *flash)
{
    return &flash->flash;
}

const struct flash_posix_area *flash_posix_find(const struct flash_posix *flash, uint32_t offset,
                                                uint32_t len)
{
    for (uint32_t i = 0; i < flash->area_count; i++) {
        const struct flash_posix_area *area = &flash->areas[i];
        if (offset >= area->offset && offset - area->offset <= area->size &&
            len <= area->size - (offset - area->offset))
            return area;
    }
    return NULL;
}

const char *flash_posix_note(const struct flash_posix *flash)
{
    return flash->note;
}
