/* SPDX-License-Identifier: Apache-2.0 */
/* A combined flash image: bootloader, partition table and app in one file, from flash offset 0 or
 * from the bootloader's offset. Finds them; that the app is sound is espimage.c's to say. The
 * table and otadata are read with the device's own code. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "bulla/otadata.h"
#include "bulla/partition.h"
#include "signer.h"

#define ESP_MAGIC           0xe9u
#define ESP_HEADER_SIZE     24u
#define SEGMENT_HEADER_SIZE 8u
#define SIGNATURE_MAGIC     0xe7u

/* Exactly len bytes at offset. */
static enum bulla_status read_at(int fd, uint64_t offset, uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t n = pread(fd, out, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BULLA_E_IO;
        if (n == 0)
            return BULLA_E_IMAGE_CUT;
        out += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return BULLA_OK;
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Is there a bootloader at this file offset, and for which chip? */
static const struct bulla_chip *chip_at(int fd, uint32_t offset)
{
    uint8_t header[ESP_HEADER_SIZE];

    if (read_at(fd, offset, header, sizeof(header)) != BULLA_OK || header[0] != ESP_MAGIC)
        return NULL;
    return bulla_chip_by_id((uint16_t)(header[12] | header[13] << 8));
}

/* Do rows begin here? */
static bool has_table(int fd, uint32_t offset)
{
    uint8_t magic[2];

    return read_at(fd, offset, magic, sizeof(magic)) == BULLA_OK && magic[0] == 0xaa &&
           magic[1] == 0x50;
}

/* Where in flash the file begins: at the bootloader when the file begins with it, at 0 when
 * 0xFF fills the room before it. */
static enum bulla_status find_delta(int fd, uint32_t *delta, char why[WHY_SIZE])
{
    static const uint32_t boot_offsets[] = {0x1000, 0x2000};
    const struct bulla_chip *chip = chip_at(fd, 0);
    uint8_t first = 0;

    if (chip != NULL) {
        *delta = chip->boot_offset;
        return BULLA_OK;
    }
    enum bulla_status status = read_at(fd, 0, &first, 1);
    if (status == BULLA_E_IO)
        return status;
    for (size_t i = 0; status == BULLA_OK && first == 0xff && i < 2; i++) {
        chip = chip_at(fd, boot_offsets[i]);
        if (chip != NULL && chip->boot_offset == boot_offsets[i]) {
            *delta = 0;
            return BULLA_OK;
        }
    }
    /* a flash that was provisioned without bootloader: the table stands where it does from 0 */
    if (status == BULLA_OK && first == 0xff && has_table(fd, BULLA_PARTITION_TABLE_OFFSET)) {
        *delta = 0;
        return BULLA_OK;
    }
    snprintf(why, WHY_SIZE,
             "expected a bootloader (0xE9 and a known chip) at file offset 0, or after 0xFF at "
             "0x1000 or 0x2000; the first byte is 0x%02x",
             first);
    return BULLA_E_IMAGE_MAGIC;
}

/* What a table says of apps. size 0: absent. */
struct app_rows {
    const char *name; /* of the one that is wanted, NULL: the one that boots */
    struct bulla_partition named, factory, otadata, slots[BULLA_SLOTS_MAX];
};

/* Banks hold apps, too: they wait there to be copied. */
static bool holds_app(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_APP ||
           (row->type == BULLA_TYPE_BULLA && (row->subtype & 0xf0) == BULLA_SUBTYPE_BANK_0);
}

static void sort_row(const struct bulla_partition *row, struct app_rows *rows)
{
    bool app = row->type == BULLA_TYPE_APP;

    if (rows->name != NULL && holds_app(row) && strcmp(row->label, rows->name) == 0)
        rows->named = *row;

    if (app && row->subtype == BULLA_SUBTYPE_FACTORY)
        rows->factory = *row;
    else if (app && row->subtype >= BULLA_SUBTYPE_OTA_0 &&
             row->subtype < BULLA_SUBTYPE_OTA_0 + BULLA_SLOTS_MAX)
        rows->slots[row->subtype - BULLA_SUBTYPE_OTA_0] = *row;
    else if (row->type == BULLA_TYPE_DATA && row->subtype == BULLA_SUBTYPE_DATA_OTA)
        rows->otadata = *row;
}

static enum bulla_status read_rows(int fd, uint32_t offset, struct app_rows *rows,
                                   char why[WHY_SIZE])
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct bulla_partition row;
    bool end = false;

    *rows = (struct app_rows){.name = rows->name};
    enum bulla_status status = read_at(fd, offset, table, sizeof(table));
    if (status == BULLA_E_IO)
        return status;
    if (status != BULLA_OK || table[0] != 0xaa || table[1] != 0x50) {
        snprintf(why, WHY_SIZE,
                 "expected a partition table (AA 50) at file offset 0x%" PRIx32
                 " or in a later sector, there is none: this is no combined flash image",
                 offset);
        return BULLA_E_PARTITION_MAGIC;
    }
    struct bulla_bytes span = {table, sizeof(table)};
    for (uint32_t i = 0; !end; i++) {
        status = bulla_partition_row(span, i, &row, &end);
        if (status != BULLA_OK) {
            snprintf(why, WHY_SIZE,
                     "partition table at file offset 0x%" PRIx32 ", row %" PRIu32 ": %s", offset, i,
                     bulla_status_sentence(status));
            return status;
        }
        if (!end)
            sort_row(&row, rows);
    }
    return BULLA_OK;
}

/* The slot otadata selects, when the file holds otadata and it selects one. */
static const struct bulla_partition *selected_slot(int fd, uint32_t delta,
                                                   const struct app_rows *rows)
{
    struct bulla_otadata otadata;
    uint32_t count = 0;

    while (count < BULLA_SLOTS_MAX && rows->slots[count].size > 0)
        count++;
    if (count == 0 || rows->otadata.size < 2 * BULLA_SECTOR_SIZE || rows->otadata.offset < delta)
        return NULL;
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t record[BULLA_OTADATA_RECORD_SIZE];
        uint64_t at = (uint64_t)rows->otadata.offset - delta + (uint64_t)i * BULLA_SECTOR_SIZE;
        if (read_at(fd, at, record, sizeof(record)) != BULLA_OK)
            return NULL;
        otadata.record[i] = bulla_ota_record_decode(record);
    }
    int32_t active = bulla_ota_active(&otadata);
    if (active < 0)
        return NULL;
    return &rows->slots[bulla_ota_slot_of(otadata.record[active].seq, count)];
}

/* The table's offset is a build option. One that is not at its usual place must be whole to be
 * believed. */
static enum bulla_status find_rows(int fd, uint32_t file_size, struct flash_image *out,
                                   struct app_rows *rows, char why[WHY_SIZE])
{
    char ignored[WHY_SIZE];

    out->table_offset = BULLA_PARTITION_TABLE_OFFSET - out->delta;
    for (uint64_t at = BULLA_SECTOR_SIZE; !has_table(fd, out->table_offset) && at < file_size;
         at += BULLA_SECTOR_SIZE) {
        if (!has_table(fd, (uint32_t)at) || read_rows(fd, (uint32_t)at, rows, ignored) != BULLA_OK)
            continue;
        out->table_offset = (uint32_t)at;
        return BULLA_OK;
    }
    return read_rows(fd, out->table_offset, rows, why);
}

/* The app that is wanted; NULL with the reason in why. */
static const struct bulla_partition *choose(int fd, uint32_t delta, const struct app_rows *rows,
                                            enum bulla_status *status, char why[WHY_SIZE])
{
    const struct bulla_partition *app = selected_slot(fd, delta, rows);

    if (app == NULL)
        app = rows->factory.size > 0 ? &rows->factory : &rows->slots[0];
    if (rows->name != NULL)
        app = &rows->named;
    if (app->size > 0)
        return app;
    *status = rows->name != NULL ? BULLA_E_SLOT_UNKNOWN : BULLA_E_PARTITION_SLOTS;
    if (rows->name != NULL)
        snprintf(why, WHY_SIZE, "the partition table has no app partition '%s'", rows->name);
    else
        snprintf(why, WHY_SIZE, "the partition table names no app: neither factory nor ota_0");
    return NULL;
}

enum bulla_status flash_image_find(int fd, uint32_t file_size, struct flash_image *out,
                                   char why[WHY_SIZE])
{
    return flash_image_find_named(fd, file_size, NULL, out, why);
}

enum bulla_status flash_image_find_named(int fd, uint32_t file_size, const char *partition,
                                         struct flash_image *out, char why[WHY_SIZE])
{
    struct app_rows rows = {.name = partition};

    memset(out, 0, sizeof(*out));
    why[0] = '\0';
    enum bulla_status status = find_delta(fd, &out->delta, why);
    if (status != BULLA_OK)
        return status;
    status = find_rows(fd, file_size, out, &rows, why);
    if (status != BULLA_OK)
        return status;

    const struct bulla_partition *app = choose(fd, out->delta, &rows, &status, why);
    if (app == NULL)
        return status;
    if (app->offset < out->delta || app->offset - out->delta >= file_size) {
        snprintf(why, WHY_SIZE,
                 "the app '%s' would lie at file offset 0x%" PRIx64 ", the file ends at 0x%" PRIx32,
                 app->label, (uint64_t)app->offset - out->delta, file_size);
        return BULLA_E_IMAGE_CUT;
    }
    out->app_offset = app->offset - out->delta;
    uint32_t left = file_size - out->app_offset;
    out->app_room = app->size < left ? app->size : left;
    memcpy(out->label, app->label, sizeof(out->label));
    return BULLA_OK;
}

enum bulla_status flash_image_app_size(int fd, const struct flash_image *flash, uint32_t *size)
{
    uint8_t header[ESP_HEADER_SIZE], segment[SEGMENT_HEADER_SIZE], mark = 0;
    uint64_t at = ESP_HEADER_SIZE;

    /* damaged in whatever way: show all there is, and let the judge say what is wrong */
    *size = flash->app_room;
    enum bulla_status status = read_at(fd, flash->app_offset, header, sizeof(header));
    if (status != BULLA_OK || header[0] != ESP_MAGIC)
        return status == BULLA_E_IO ? status : BULLA_OK;
    for (uint8_t i = 0; i < header[1]; i++) {
        if (at > flash->app_room)
            return BULLA_OK;
        status = read_at(fd, flash->app_offset + at, segment, sizeof(segment));
        if (status != BULLA_OK)
            return status == BULLA_E_IO ? status : BULLA_OK;
        at += SEGMENT_HEADER_SIZE + (uint64_t)le32(segment + 4);
    }
    at = (at / 16 + 1) * 16; /* the checksum is the last byte of its 16 */
    if (header[23] != 0)
        at += BULLA_DIGEST_SIZE;
    uint64_t sector = (at + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;
    if (sector + BULLA_SECTOR_SIZE <= flash->app_room &&
        read_at(fd, flash->app_offset + sector, &mark, 1) == BULLA_OK && mark == SIGNATURE_MAGIC)
        at = sector + BULLA_SECTOR_SIZE;
    if (at <= flash->app_room)
        *size = (uint32_t)at;
    return BULLA_OK;
}
