/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_ESPIMAGE_H
#define BULLA_ESPIMAGE_H

/* The structure of an image, checked while it streams: an ESP-IDF app image with every rule of
 * docs/FORMAT.md "Images", or a raw image, of which only the bytes count.
 * First byte 0xE9, or 4096 x 0xFF then 0xE9, makes it an ESP image. Nothing is stored but
 * segment addresses; memory does not depend on the image's size. */

#include "bulla/crypto.h"

enum bulla_image_format {
    BULLA_FORMAT_UNKNOWN = 0, /* not enough bytes seen */
    BULLA_FORMAT_ESP,
    BULLA_FORMAT_RAW,
};

#define BULLA_ESP_TEXT_MAX 33u /* 32 bytes and a NUL */

/* What an image says of itself. Text is NUL-terminated, bytes as they are: escape to show. */
struct bulla_image_facts {
    enum bulla_image_format format;
    uint32_t size; /* of the file */
    /* ESP only */
    uint16_t chip_id;
    uint16_t min_revision; /* major * 100 + minor */
    uint16_t max_revision; /* 0 and 0xFFFF: no limit */
    uint8_t segment_count;
    uint32_t entry;
    uint32_t secure_version;   /* 0 for raw */
    uint32_t image_len;        /* end of the appended SHA-256 */
    uint32_t signature_blocks; /* Secure Boot v2 blocks in the tail, reported, not judged */
    char version[BULLA_ESP_TEXT_MAX];
    char project[BULLA_ESP_TEXT_MAX];
    char idf_version[BULLA_ESP_TEXT_MAX];
    char time[17];
    char date[17];
};

/* What distinguishes one chip from another (docs/FORMAT.md "Chips"). */
struct bulla_chip {
    const struct bulla_region *regions; /* private, like the alias: see espimage_chips.c */
    uint8_t region_count;
    uint8_t fuse_width; /* bits of the anti-rollback fuse */
    uint16_t id;
    uint16_t boot_offset; /* where the second-stage bootloader lies in flash */
    uint16_t alias;
    bool alias_reversed : 1;
    bool page_choice : 1;
    char name[9]; /* "esp32c3", the name tools take */
};
const struct bulla_chip *bulla_chip_by_id(uint16_t id);        /* NULL: unknown */
const struct bulla_chip *bulla_chip_by_name(const char *name); /* NULL: unknown */

struct bulla_segment {
    uint32_t address;
    uint32_t len;
};

struct bulla_espimage {
    enum bulla_status failed; /* sticky */
    /* private */
    uint8_t state;
    uint8_t filled;     /* bytes of `held` in use */
    uint8_t segment;    /* index of the current segment */
    uint8_t placed;     /* entries of `segments` in use */
    uint8_t checksum;   /* so far */
    uint8_t table_row;  /* look-out for a partition table: kind of the row being read */
    bool judged;        /* header and descriptor hold, or the file is raw */
    bool entry_seen;    /* a segment holds the entry address */
    bool blocks_ended;  /* 0xFF follows the signature blocks */
    uint32_t offset;    /* bytes consumed */
    uint32_t left;      /* bytes until the current piece is whole */
    uint32_t page_size; /* of the MMU */
    uint32_t column;    /* in the current signature block */
    uint32_t crc;       /* of it */
    const struct bulla_chip *chip;
    struct bulla_segment current;
    /* what the image says of itself; the rest is private again */
    struct bulla_image_facts facts;
    uint8_t held[48];                                      /* the current piece, gathered */
    struct bulla_segment segments[BULLA_ESP_SEGMENTS_MAX]; /* those with memory of their own */
    struct bulla_sha256 hash;
};

/* size: of the whole image, as the manifest declares it. An empty image is refused. */
void bulla_espimage_init(struct bulla_espimage *s, uint32_t size);

/* Any split; sticky failure. */
BULLA_MUST_CHECK enum bulla_status bulla_espimage_feed(struct bulla_espimage *s,
                                                       struct bulla_bytes in);

/* Are format, chip, revisions and secure version known (bulla_policy_image may judge)? True at
 * the latest after the first sector, or after 4097 bytes for a file that begins with 0xFF. */
BULLA_MUST_CHECK bool bulla_espimage_ready(const struct bulla_espimage *s);

/* BULLA_OK when all bytes came and the structure holds to the last of them. */
BULLA_MUST_CHECK enum bulla_status bulla_espimage_finish(struct bulla_espimage *s);

#endif
