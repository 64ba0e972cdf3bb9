/* SPDX-License-Identifier: Apache-2.0 */
/* ESP images in a flash: where they end, and whether checksum and SHA-256 hold. For apps the
 * device's own code says the rest; a bootloader is nothing that it would take. */

#include "whole.h"

#include <string.h>

#include "bulla/crypto.h"
#include "bulla/limits.h"

#define ESP_MAGIC         0xe9u
#define HEADER            24u
#define SEGMENT           8u
#define CHECKSUM_SEED     0xefu
#define DESCRIPTION_AT    0x20u
#define DESCRIPTION_SIZE  80u
#define DESCRIPTION_MAGIC 0x50u
#define SIGNATURE_MAGIC   0xe7u

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t whole_flash_size(uint8_t nibble)
{
    return nibble <= 7 ? 0x100000u << nibble : 0;
}

static enum whole_kind kind_of(struct bulla_bytes bytes)
{
    if (bytes.len == 0)
        return WHOLE_NOTHING;
    if (bytes.data[0] == ESP_MAGIC)
        return WHOLE_IMAGE;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != 0xff)
            return WHOLE_OTHER;
    return WHOLE_BLANK;
}

/* Behind the last segment, or 0 when the bytes end before; the checksum of what the segments hold.
 */
static size_t walk_segments(struct bulla_bytes bytes, uint8_t *checksum)
{
    size_t at = HEADER;

    *checksum = CHECKSUM_SEED;
    for (uint8_t i = 0; i < bytes.data[1]; i++) {
        if (bytes.len - at < SEGMENT)
            return 0;

        size_t len = le32(bytes.data + at + 4);

        at += SEGMENT;
        if (len > bytes.len - at)
            return 0;
        for (size_t end = at + len; at < end; at++)
            *checksum ^= bytes.data[at];
    }
    return at;
}

static bool hash_holds(struct bulla_bytes hashed, const uint8_t *expected)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 sha;

    bulla_sha256_init(&sha);
    bulla_sha256_update(&sha, hashed);
    return bulla_sha256_finish(&sha, digest) == BULLA_OK &&
           memcmp(digest, expected, sizeof(digest)) == 0;
}

/* ESP-IDF 5.2 and later describe the bootloader at its first segment's start. */
static void read_description(struct bulla_bytes bytes, struct whole_image *out)
{
    const uint8_t *text = bytes.data + DESCRIPTION_AT + 8;

    if (bytes.len < DESCRIPTION_AT + DESCRIPTION_SIZE ||
        bytes.data[DESCRIPTION_AT] != DESCRIPTION_MAGIC)
        return;
    out->has_description = true;
    out->version = le32(bytes.data + DESCRIPTION_AT + 4);
    memcpy(out->idf_version, text, BULLA_ESP_TEXT_MAX - 1);
}

void whole_look(struct bulla_bytes bytes, struct whole_image *out)
{
    uint8_t checksum = 0;

    memset(out, 0, sizeof(*out));
    out->kind = kind_of(bytes);
    if (out->kind != WHOLE_IMAGE)
        return;
    out->cut = true;
    if (bytes.len < HEADER)
        return;
    out->chip_id = (uint16_t)(bytes.data[12] | bytes.data[13] << 8);
    out->flash_nibble = bytes.data[3] >> 4;
    out->has_sha256 = bytes.data[23] != 0;
    read_description(bytes, out);

    size_t end = walk_segments(bytes, &checksum);
    size_t hashed = (end / 16 + 1) * 16; /* the checksum is the last byte of its 16 */
    size_t len = hashed + (out->has_sha256 ? BULLA_DIGEST_SIZE : 0);

    if (end == 0 || len > bytes.len)
        return;
    out->cut = false;
    out->len = (uint32_t)len;
    out->checksum_good = bytes.data[hashed - 1] == checksum;
    out->sha256_good = out->has_sha256 &&
                       hash_holds((struct bulla_bytes){bytes.data, hashed}, bytes.data + hashed);
}

/* With the sector of Secure Boot signatures, if one follows. */
static size_t signed_len(struct bulla_bytes bytes, size_t len)
{
    size_t sector = (len + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;

    return sector + BULLA_SECTOR_SIZE <= bytes.len && bytes.data[sector] == SIGNATURE_MAGIC
               ? sector + BULLA_SECTOR_SIZE
               : len;
}

enum bulla_status whole_judge_app(struct bulla_bytes bytes, const struct whole_image *image,
                                  struct bulla_image_facts *facts)
{
    struct bulla_espimage judge;
    size_t len = image->cut ? bytes.len : signed_len(bytes, image->len);

    bulla_espimage_init(&judge, (uint32_t)len);
    enum bulla_status status = bulla_espimage_feed(&judge, (struct bulla_bytes){bytes.data, len});
    if (status == BULLA_OK)
        status = bulla_espimage_finish(&judge);
    *facts = judge.facts;
    return status;
}
