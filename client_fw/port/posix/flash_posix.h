/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FLASH_POSIX_H
#define BULLA_FLASH_POSIX_H

/* struct bulla_flash for devices that run Linux. The flash that the client sees is a map: areas of
 * it lie in files, block devices and MTD character devices (NOR), as the caller says.
 *
 *     struct flash_posix flash = {.size = 0x1000000};
 *     flash_posix_add(&flash, 0, 0x10000, "/dev/mtd1", 0, why);
 *     flash_posix_add(&flash, 0x10000, 0x180000, "/dev/mmcblk0p5", 0, why);
 *     status = flash_posix_open(&flash, FLASH_POSIX_WRITE, 3000, why);
 *     status = bulla_client_open(&client, flash_posix_flash(&flash), ...);
 *
 * Every program and erase is on the medium when it returns. A file or a block device is no NOR: a
 * program rewrites the sector of the medium that it lies in, whose other bytes must survive a power
 * cut. README.md of this folder says what that asks of the medium. */

#include "bulla/flash.h"
#include "store.h"

#define FLASH_POSIX_AREAS_MAX 24u

enum flash_posix_mode { FLASH_POSIX_READ, FLASH_POSIX_WRITE };

struct flash_posix_area {
    uint32_t offset; /* in the flash that the client sees; whole sectors */
    uint32_t size;
    const char *path;
    uint64_t start; /* in what the path leads to */
    struct posix_store *store;
};

/* Begin with zeros and the size. */
struct flash_posix {
    uint32_t size;
    uint32_t area_count;
    struct flash_posix_area areas[FLASH_POSIX_AREAS_MAX];

    /* private */
    uint32_t store_count;
    struct posix_store stores[FLASH_POSIX_AREAS_MAX];
    char note[POSIX_WHY_SIZE];
    struct bulla_flash flash;
};

/* One more area. The path must stay where it is. False, with a sentence: it cannot be. */
bool flash_posix_add(struct flash_posix *flash, uint32_t offset, uint32_t size, const char *path,
                     uint64_t start, char why[POSIX_WHY_SIZE]);

/* Open all of them for this process alone (READ: beside others who read), waiting for another one
 * at most `wait_ms`. BULLA_E_IO with a sentence: nothing is open. The struct must not move then. */
BULLA_MUST_CHECK enum bulla_status flash_posix_open(struct flash_posix *flash,
                                                    enum flash_posix_mode mode, uint32_t wait_ms,
                                                    char why[POSIX_WHY_SIZE]);
void flash_posix_close(struct flash_posix *flash);

/* The seam for the core. */
const struct bulla_flash *flash_posix_flash(const struct flash_posix *flash);

/* The area that holds all of these bytes, NULL: none does. */
const struct flash_posix_area *flash_posix_find(const struct flash_posix *flash, uint32_t offset,
                                                uint32_t len);

/* The access that failed last, in words; "" if none did. */
const char *flash_posix_note(const struct flash_posix *flash);

#endif
