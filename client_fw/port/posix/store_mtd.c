/* SPDX-License-Identifier: Apache-2.0 */
/* NOR flash behind an MTD character device (/dev/mtdN). */

#include <errno.h>
#include <mtd/mtd-user.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bulla/flash.h"
#include "bulla/limits.h"
#include "store.h"

/* NULL: this will do. */
static const char *problem_of_type(unsigned type)
{
    switch (type) {
    case MTD_NORFLASH:
    case MTD_RAM: /* mtdram and phram: they are erased as NOR is */
        return NULL;
    case MTD_NANDFLASH:
        return "NAND flash (SLC)";
    case MTD_MLCNANDFLASH:
        return "NAND flash (MLC)";
    case MTD_DATAFLASH:
        return "DataFlash";
    case MTD_UBIVOLUME:
        return "a UBI volume";
    case MTD_ROM:
        return "ROM";
    default:
        return "MTD of a type that is not known here";
    }
}

static bool refuse(const struct posix_store *store, const char *why_not, char why[POSIX_WHY_SIZE])
{
    (void)snprintf(why, POSIX_WHY_SIZE, "%.200s %s", store->path, why_not);
    return false;
}

static bool is_unit(uint32_t size)
{
    return size > 0 && size <= BULLA_FLASH_UNIT_MAX && (size & (size - 1)) == 0;
}

/* The core erases sectors of 4096 bytes by themselves. Larger ones would have to be saved and
 * written again around each erase, and a power cut would take what was next to it. */
static bool judge(const struct posix_store *store, const struct mtd_info_user *info,
                  char why[POSIX_WHY_SIZE])
{
    char text[256];
    const char *type = problem_of_type(info->type);

    if (type != NULL) {
        (void)snprintf(text, sizeof(text), "is %s, and NOR flash is needed", type);
        return refuse(store, text, why);
    }
    if (info->erasesize == 0 || BULLA_SECTOR_SIZE % info->erasesize != 0) {
        (void)snprintf(text, sizeof(text),
                       "is erased %u bytes at once, and %u are needed: many chips can, if the "
                       "kernel has CONFIG_MTD_SPI_NOR_USE_4K_SECTORS",
                       (unsigned)info->erasesize, BULLA_SECTOR_SIZE);
        return refuse(store, text, why);
    }
    if (!is_unit(info->writesize)) {
        (void)snprintf(text, sizeof(text),
                       "is programmed %u bytes at once, at most %u are possible",
                       (unsigned)info->writesize, BULLA_FLASH_UNIT_MAX);
        return refuse(store, text, why);
    }
    return true;
}

bool posix_mtd_examine(struct posix_store *store, char why[POSIX_WHY_SIZE])
{
    struct mtd_info_user info;

    memset(&info, 0, sizeof(info));
    if (ioctl(store->fd, MEMGETINFO, &info) != 0)
        return refuse(store, "is a character device, and no MTD", why);
    if (!judge(store, &info, why))
        return false;
    store->kind = POSIX_STORE_MTD;
    store->size = info.size;
    store->unit = info.writesize;
    if ((info.flags & MTD_WRITEABLE) == 0 && store->read_only == 0)
        store->read_only = EROFS;
    return true;
}

/* Chips may wake up locked. Those behind SPI lock a part from their top or bottom only, and refuse
 * to open a hole in it: it is all or nothing. */
static bool unlock(struct posix_store *store, uint64_t at, size_t len)
{
    struct erase_info_user range = {.start = (uint32_t)at, .length = (uint32_t)len};
    struct erase_info_user all = {.start = 0, .length = (uint32_t)store->size};

    /* below 0: this chip or kernel knows no locks */
    if (len == 0 || ioctl(store->fd, MEMISLOCKED, &range) <= 0)
        return true;
    return ioctl(store->fd, MEMUNLOCK, &all) == 0 ||
           posix_store_fail(store, "is locked, and cannot be unlocked");
}

bool posix_mtd_program(struct posix_store *store, uint64_t at, const void *bytes, size_t len)
{
    uint8_t last[BULLA_FLASH_UNIT_MAX];
    size_t rest = len % store->unit;
    size_t whole = len - rest;

    if (!unlock(store, at, len))
        return false;
    memset(last, 0xff, sizeof(last));
    memcpy(last, (const uint8_t *)bytes + whole, rest);
    if (posix_store_write_all(store->fd, at, bytes, whole) &&
        posix_store_write_all(store->fd, at + whole, last, rest > 0 ? store->unit : 0))
        return true;
    return posix_store_fail(store, "cannot be programmed");
}

bool posix_mtd_erase(struct posix_store *store, uint64_t at, size_t len)
{
    struct erase_info_user range = {.start = (uint32_t)at, .length = (uint32_t)len};

    if (!unlock(store, at, len))
        return false;
    return ioctl(store->fd, MEMERASE, &range) == 0 || posix_store_fail(store, "cannot be erased");
}
