/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_POSIX_FILES_H
#define BULLA_TEST_POSIX_FILES_H

/* Files for the flash of tests/unit/test_posix*.c, and what their tests share. Include after
 * check.h; for one program each. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_posix.h"
#include "mtd_shim.h"

#define SECTOR 0x1000u
#define CHIP   0x20000u
#define SIZE   0x4000u

static char folder[64];
static char low[96], high[96], log_path[96];
static char why[POSIX_WHY_SIZE];

static inline void make_file(const char *path, uint32_t size, uint8_t byte)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (uint32_t i = 0; i < size; i++)
        (void)putc(byte, file);
    assert_int_equal(fclose(file), 0);
}

static inline void look(const char *path, uint32_t at, uint8_t *buffer, size_t len)
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fread(buffer, 1, len, file), len);
    (void)fclose(file);
}

static inline int start_group(void **unused)
{
    (void)unused;
    (void)umask(077); /* what everybody may open is refused */
    snprintf(folder, sizeof(folder), "/tmp/bulla-posix-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(low, sizeof(low), "%s/low", folder);
    snprintf(high, sizeof(high), "%s/high", folder);
    snprintf(log_path, sizeof(log_path), "%s/log", folder);
    return 0;
}

static inline int clean(void **unused)
{
    static const char *const names[] = {"FILE",  "TYPE",   "ERASE", "UNIT",
                                        "FLAGS", "LOCKED", "LOG",   "KILL_AT"};
    char name[32];

    (void)unused;
    memset(&shim_fault, 0, sizeof(shim_fault));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "BULLA_MTD_%s", names[i]);
        (void)unsetenv(name);
    }
    (void)unlink(low);
    (void)unlink(high);
    (void)unlink(log_path);
    return 0;
}

static inline int end_group(void **unused)
{
    (void)clean(unused);
    return rmdir(folder); /* fails when something was left */
}

static inline enum bulla_status open_one(struct flash_posix *map, const char *path, uint32_t size)
{
    *map = (struct flash_posix){.size = size};
    assert_true(flash_posix_add(map, 0, size, path, 0, why));
    return flash_posix_open(map, FLASH_POSIX_WRITE, 0, why);
}

static inline enum bulla_status read_map(struct flash_posix *map, uint32_t offset, void *to,
                                         size_t len)
{
    return flash_posix_flash(map)->read(map, offset, to, len);
}

static inline enum bulla_status program(struct flash_posix *map, uint32_t offset, const void *from,
                                        size_t len)
{
    return flash_posix_flash(map)->program(map, offset, from, len);
}

static inline enum bulla_status erase(struct flash_posix *map, uint32_t offset)
{
    return flash_posix_flash(map)->erase_sector(map, offset);
}

static inline void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* Four sectors: the first in one file, behind a sector of something else, the rest in another. */
static inline void open_filled(struct flash_posix *map, enum flash_posix_mode mode, uint8_t byte)
{
    *map = (struct flash_posix){.size = SIZE};
    make_file(low, 2 * SECTOR, byte);
    make_file(high, 3 * SECTOR, byte);
    assert_true(flash_posix_add(map, 0, SECTOR, low, SECTOR, why));
    assert_true(flash_posix_add(map, SECTOR, 3 * SECTOR, high, 0, why));
    if (flash_posix_open(map, mode, 0, why) != BULLA_OK)
        fail_msg("%s", why);
}

static inline void open_two(struct flash_posix *map, enum flash_posix_mode mode)
{
    open_filled(map, mode, 0xff);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clean, clean)

#endif
