/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_WHOLE_H
#define BULLA_CLI_WHOLE_H

/* A flash in a file: a dump or combined image of any tool, from flash offset 0 or from the chip's
 * bootloader on. Finds out where things lie and says what they are; judges apps with the device's
 * code and never writes. */

#include "bulla/espimage.h"
#include "bulla/state.h"
#include "layout.h"

struct whole {
    struct bulla_bytes file;
    const struct bulla_chip *chip; /* of the bootloader in the file; NULL: there is none */
    uint32_t delta;                /* flash offset of the file's first byte */
    uint32_t boot_at;              /* in the file, if there is a bootloader */
    uint32_t table_at;             /* in the file */
    struct layout layout;          /* rows; what a device says of them is layout_judge's */
};

/* BULLA_OK: there is a partition table. Else the reason; chip, delta and boot_at are known all the
 * same. */
enum bulla_status whole_find(struct bulla_bytes file, struct whole *out, char why[LAYOUT_WHY_SIZE]);

/* What the file has of `size` bytes at this flash offset; may be less, or nothing. */
struct bulla_bytes whole_span(const struct whole *whole, uint32_t offset, uint32_t size);

/* ---- whole_state.c ---- */

/* NULL: the table has none. */
const struct bulla_partition *whole_state_row(const struct layout *layout);

struct whole_state {
    struct bulla_flash flash;
    struct bulla_state state;
};
/* For reading only; both arguments must outlive *out. BULLA_E_FLASH_READ: the file ends before. */
enum bulla_status whole_open_state(struct whole *whole, const struct bulla_partition *row,
                                   struct whole_state *out);

/* ---- whole_image.c ---- */

enum whole_kind {
    WHOLE_NOTHING = 0, /* no byte of it is in the file */
    WHOLE_BLANK,       /* 0xFF throughout */
    WHOLE_IMAGE,       /* begins like an ESP image */
    WHOLE_OTHER,
};

/* An ESP image as far as its own structure goes: an app or a bootloader. */
struct whole_image {
    enum whole_kind kind;
    bool cut; /* it ends behind what there is of it; what follows is not known then */
    uint16_t chip_id;
    uint8_t flash_nibble; /* of the header: flash size, 0 is 1M, each step doubles */
    uint32_t len;         /* to its end, SHA-256 included, signature sector not */
    bool checksum_good;
    bool has_sha256;
    bool sha256_good;
    bool has_description; /* a bootloader's */
    uint32_t version;     /* of it */
    char idf_version[BULLA_ESP_TEXT_MAX];
};
void whole_look(struct bulla_bytes bytes, struct whole_image *out);

/* Flash size of a header's nibble; 0 when it is none of ESP32's. */
uint32_t whole_flash_size(uint8_t nibble);

/* What a device would say of the app that begins here; *facts as far as they are known. */
enum bulla_status whole_judge_app(struct bulla_bytes bytes, const struct whole_image *image,
                                  struct bulla_image_facts *facts);

#endif
