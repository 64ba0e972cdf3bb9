/* SPDX-License-Identifier: Apache-2.0 */
/* Flash in files: the map, what is refused, how trouble is told. One program at a time:
 * test_posix_lock.c. MTD and the client at work: test_posix_mtd.c. Block devices:
 * tests/e2e/test_agent.py, which may make some. */

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "posix_files.h"

/* ---- the map ---- */

static void test_posix_map_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        uint32_t offset, size;
        uint64_t start;
        const char *says;
    } cases[] = {
        {0x1000, 0x800, 0, "whole sectors"},
        {0x1200, 0x1000, 0, "whole sectors"},
        {0x1000, 0x1000, 100, "whole sectors"},
        {0x1000, 0, 0, "whole sectors"},
        {0x3000, 0x2000, 0, "beyond the end"},
        {0x10000, 0x1000, 0, "beyond the end"},
        {0, 0x2000, 0, "overlaps another"},
        {0x1000, 0x1000, UINT64_MAX - 0xfff, "begins where"},
    };
    struct flash_posix map = {.size = SIZE};

    (void)state;
    assert_true(flash_posix_add(&map, 0, SECTOR, "/there", 0, why));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(
            flash_posix_add(&map, cases[i].offset, cases[i].size, "/here", cases[i].start, why));
        assert_says(why, cases[i].says);
        assert_says(why, "/here");
    }
    assert_int_equal(map.area_count, 1);
}

static void test_posix_map_with_too_many_areas_is_refused(void **state)
{
    struct flash_posix map = {.size = 0x100000};

    (void)state;
    for (uint32_t i = 0; i < FLASH_POSIX_AREAS_MAX; i++)
        assert_true(flash_posix_add(&map, i * SECTOR, SECTOR, "/x", i * SECTOR, why));
    assert_false(flash_posix_add(&map, 0xf0000, SECTOR, "/x", 0, why));
    assert_says(why, "one more than");
}

static void test_posix_area_larger_than_its_file_is_refused(void **state)
{
    struct flash_posix map = {.size = SIZE};

    (void)state;
    make_file(low, 2 * SECTOR, 0);
    assert_true(flash_posix_add(&map, 0, 2 * SECTOR, low, SECTOR, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_E_IO);
    assert_says(why, "needs 8192 bytes from 4096 on, and it has 8192");
}

static void test_posix_areas_that_share_bytes_are_refused(void **state)
{
    struct flash_posix map = {.size = SIZE};
    char detour[200];

    (void)state;
    make_file(low, 4 * SECTOR, 0);
    snprintf(detour, sizeof(detour), "%s/../%s", folder, low + strlen("/tmp/"));
    assert_true(flash_posix_add(&map, 0, 2 * SECTOR, low, 0, why));
    assert_true(flash_posix_add(&map, 2 * SECTOR, 2 * SECTOR, detour, SECTOR, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_E_IO);
    assert_says(why, "shares bytes");
}

static void test_posix_two_areas_of_one_file_are_opened_once(void **state)
{
    struct flash_posix map = {.size = SIZE};
    uint8_t byte = 0;

    (void)state;
    make_file(low, 4 * SECTOR, 0xff);
    assert_true(flash_posix_add(&map, 0, SECTOR, low, 3 * SECTOR, why));
    assert_true(flash_posix_add(&map, SECTOR, SECTOR, low, 0, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    assert_int_equal(map.store_count, 1);
    assert_status(program(&map, 5, "y", 1), BULLA_OK);
    flash_posix_close(&map);
    look(low, 3 * SECTOR + 5, &byte, 1);
    assert_int_equal(byte, 'y');
}

static void test_posix_bytes_of_no_area_are_not_reached(void **state)
{
    struct flash_posix map = {.size = SIZE};
    uint8_t bytes[8];

    (void)state;
    make_file(low, 2 * SECTOR, 'x');
    assert_true(flash_posix_add(&map, 0, 2 * SECTOR, low, 0, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    assert_status(read_map(&map, 2 * SECTOR - 4, bytes, 8), BULLA_E_FLASH_READ);
    assert_says(flash_posix_note(&map), "no area of the map has 0x2000");
    assert_status(program(&map, 3 * SECTOR, bytes, 8), BULLA_E_FLASH_PROGRAM);
    assert_status(erase(&map, 2 * SECTOR), BULLA_E_FLASH_ERASE);
    assert_null(flash_posix_find(&map, SECTOR, 2 * SECTOR));
    assert_non_null(flash_posix_find(&map, SECTOR, SECTOR));
    flash_posix_close(&map);
}

/* ---- files ---- */

static void test_posix_program_and_read_go_across_areas(void **state)
{
    struct flash_posix map;
    uint8_t bytes[8] = {0};

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    assert_status(program(&map, SECTOR - 4, "12345678", 8), BULLA_OK);
    assert_status(read_map(&map, SECTOR - 4, bytes, 8), BULLA_OK);
    assert_memory_equal(bytes, "12345678", 8);
    flash_posix_close(&map);
    look(low, 2 * SECTOR - 4, bytes, 4);
    look(high, 0, bytes + 4, 4);
    assert_memory_equal(bytes, "12345678", 8);
    look(low, 0, bytes, 8);
    assert_memory_equal(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

static void test_posix_erase_leaves_one_blank_sector(void **state)
{
    struct flash_posix map;
    uint8_t bytes[3 * SECTOR];

    (void)state;
    open_filled(&map, FLASH_POSIX_WRITE, 'b');
    assert_status(erase(&map, 2 * SECTOR), BULLA_OK);
    flash_posix_close(&map);
    look(high, 0, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], i / SECTOR == 1 ? 0xff : 'b');
}

static void test_posix_block_erase_goes_across_areas(void **state)
{
    struct flash_posix map = {.size = 2 * BULLA_BLOCK_SIZE};
    uint8_t bytes[BULLA_BLOCK_SIZE];

    (void)state;
    make_file(low, BULLA_BLOCK_SIZE, 'a');
    make_file(high, BULLA_BLOCK_SIZE, 'b');
    assert_true(flash_posix_add(&map, SECTOR, BULLA_BLOCK_SIZE, low, 0, why));
    assert_true(flash_posix_add(&map, SECTOR + BULLA_BLOCK_SIZE, SECTOR * 15, high, 0, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    assert_status(flash_posix_flash(&map)->erase_block(&map, BULLA_BLOCK_SIZE), BULLA_OK);
    flash_posix_close(&map);
    look(low, 0, bytes, sizeof(bytes));
    assert_int_equal(bytes[BULLA_BLOCK_SIZE - SECTOR - 1], 'a');
    assert_int_equal(bytes[BULLA_BLOCK_SIZE - SECTOR], 0xff);
    look(high, 0, bytes, sizeof(bytes));
    assert_int_equal(bytes[15 * SECTOR - 1], 0xff);
    assert_int_equal(bytes[15 * SECTOR], 'b');
}

/* What is written is down when the call returns: the kernel is told so by the file's flag. */
static void test_posix_writes_wait_for_the_medium(void **state)
{
    struct flash_posix map;

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    for (uint32_t i = 0; i < map.store_count; i++) {
        assert_true((fcntl(map.stores[i].fd, F_GETFL) & O_DSYNC) != 0);
        assert_true((fcntl(map.stores[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    flash_posix_close(&map);
}

/* Does the kernel have this byte at hand, without asking the medium? */
static bool is_remembered(int fd, off_t at)
{
    char byte;
    struct iovec to = {&byte, 1};

    return preadv2(fd, &to, 1, at, RWF_NOWAIT) == 1;
}

/* What is read back comes from the medium. */
static void test_posix_what_was_written_is_forgotten_by_the_kernel(void **state)
{
    struct flash_posix map;
    struct statfs where;
    char byte;

    (void)state;
    assert_int_equal(statfs(folder, &where), 0);
    if (where.f_type == TMPFS_MAGIC)
        skip();
    open_two(&map, FLASH_POSIX_WRITE);
    int fd = map.stores[1].fd;
    assert_status(read_map(&map, 2 * SECTOR, &byte, 1), BULLA_OK);
    if (!is_remembered(fd, SECTOR))
        skip(); /* this file system never tells */
    assert_status(program(&map, 2 * SECTOR + 5, "abc", 3), BULLA_OK);
    assert_false(is_remembered(fd, SECTOR + 5));
    assert_status(read_map(&map, 2 * SECTOR, &byte, 1), BULLA_OK);
    assert_status(erase(&map, 2 * SECTOR), BULLA_OK);
    assert_false(is_remembered(fd, SECTOR));
    flash_posix_close(&map);
}

/* What a failed write left in the kernel's memory is not on the medium. */
static void test_posix_failed_write_is_forgotten_by_the_kernel(void **state)
{
    struct flash_posix map;

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    shim_fault = (struct shim_fault){.error = EIO, .error_in = 2, .late = true};
    assert_status(program(&map, 2 * SECTOR + 5, "abc", 3), BULLA_E_FLASH_PROGRAM);
    assert_says(flash_posix_note(&map), "Input/output error");
    assert_int_equal(shim_fault.forgot_at, SECTOR);
    assert_int_equal(shim_fault.forgot_len, SECTOR);
    shim_fault = (struct shim_fault){.error = EIO, .error_in = 1, .late = true};
    assert_status(erase(&map, 3 * SECTOR), BULLA_E_FLASH_ERASE);
    assert_int_equal(shim_fault.forgot_at, 2 * SECTOR);
    assert_int_equal(shim_fault.forgot_len, SECTOR);
    flash_posix_close(&map);
}

/* It forgets no page of which it was told a part only. */
static void test_posix_whole_pages_are_forgotten_whatever_their_size(void **state)
{
    struct flash_posix map;

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    shim_fault.page = 0x10000;
    assert_status(program(&map, 2 * SECTOR + 5, "abc", 3), BULLA_OK);
    assert_int_equal(shim_fault.forgot_at, 0);
    assert_int_equal(shim_fault.forgot_len, 0x10000);
    shim_fault.page = 0x1000;
    assert_status(program(&map, 3 * SECTOR - 1, "abc", 3), BULLA_OK);
    assert_int_equal(shim_fault.forgot_at, SECTOR);
    assert_int_equal(shim_fault.forgot_len, 2 * SECTOR);
    flash_posix_close(&map);
}

static void test_posix_calls_that_do_less_are_repeated(void **state)
{
    struct flash_posix map;
    char text[100], found[100];

    (void)state;
    memset(text, 'q', sizeof(text));
    open_two(&map, FLASH_POSIX_WRITE);
    shim_fault = (struct shim_fault){.most = 7, .error = EINTR, .error_in = 15 + 3};
    assert_status(program(&map, SECTOR + 1, text, sizeof(text)), BULLA_OK);
    assert_int_equal(shim_fault.calls, 15 + 1);
    shim_fault.error_in = 2;
    assert_status(read_map(&map, SECTOR + 1, found, sizeof(found)), BULLA_OK);
    assert_memory_equal(found, text, sizeof(text));
    assert_status(erase(&map, SECTOR), BULLA_OK);
    flash_posix_close(&map);
    look(high, 0, (uint8_t *)found, sizeof(found));
    memset(text, 0xff, sizeof(text));
    assert_memory_equal(found, text, sizeof(text));
}

static void test_posix_errors_of_the_system_are_told(void **state)
{
    static const struct {
        int error;
        const char *says;
    } cases[] = {{EIO, "Input/output error"}, {ENOSPC, "No space left"}, {EROFS, "Read-only"}};
    struct flash_posix map;
    char byte = 0;

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shim_fault = (struct shim_fault){.error = cases[i].error, .error_in = 2};
        assert_status(program(&map, 2 * SECTOR, "x", 1), BULLA_E_FLASH_PROGRAM);
        assert_says(flash_posix_note(&map), cases[i].says);
        assert_says(flash_posix_note(&map), high);
        shim_fault.error_in = 1;
        assert_status(erase(&map, 2 * SECTOR), BULLA_E_FLASH_ERASE);
        assert_says(flash_posix_note(&map), cases[i].says);
        shim_fault.error_in = 1;
        assert_status(read_map(&map, 2 * SECTOR, &byte, 1), BULLA_E_FLASH_READ);
        assert_says(flash_posix_note(&map), cases[i].says);
    }
    flash_posix_close(&map);
}

static void test_posix_file_that_became_shorter_is_told(void **state)
{
    struct flash_posix map;
    char byte = 0;

    (void)state;
    open_two(&map, FLASH_POSIX_WRITE);
    assert_int_equal(truncate(high, SECTOR), 0);
    assert_status(read_map(&map, 3 * SECTOR, &byte, 1), BULLA_E_FLASH_READ);
    flash_posix_close(&map);
}

static void test_posix_reader_cannot_write(void **state)
{
    struct flash_posix map;

    (void)state;
    open_two(&map, FLASH_POSIX_READ);
    assert_status(program(&map, 0, "x", 1), BULLA_E_FLASH_PROGRAM);
    assert_says(flash_posix_note(&map), "reading only");
    assert_status(erase(&map, 0), BULLA_E_FLASH_ERASE);
    flash_posix_close(&map);
}

static void test_posix_what_is_no_store_is_refused(void **state)
{
    struct flash_posix map;

    (void)state;
    assert_status(open_one(&map, folder, SECTOR), BULLA_E_IO);
    assert_status(open_one(&map, "/dev/null", SECTOR), BULLA_E_IO);
    assert_says(why, "a character device, and no MTD");
    assert_int_equal(mkfifo(low, 0600), 0);
    assert_status(open_one(&map, low, SECTOR), BULLA_E_IO);
    assert_says(why, "neither a file nor a block device");
    assert_status(open_one(&map, high, SECTOR), BULLA_E_IO);
    assert_says(why, "cannot be found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_posix_map_that_makes_no_sense_is_refused),
        TEST(test_posix_map_with_too_many_areas_is_refused),
        TEST(test_posix_area_larger_than_its_file_is_refused),
        TEST(test_posix_areas_that_share_bytes_are_refused),
        TEST(test_posix_two_areas_of_one_file_are_opened_once),
        TEST(test_posix_bytes_of_no_area_are_not_reached),
        TEST(test_posix_program_and_read_go_across_areas),
        TEST(test_posix_erase_leaves_one_blank_sector),
        TEST(test_posix_block_erase_goes_across_areas),
        TEST(test_posix_writes_wait_for_the_medium),
        TEST(test_posix_what_was_written_is_forgotten_by_the_kernel),
        TEST(test_posix_failed_write_is_forgotten_by_the_kernel),
        TEST(test_posix_whole_pages_are_forgotten_whatever_their_size),
        TEST(test_posix_calls_that_do_less_are_repeated),
        TEST(test_posix_errors_of_the_system_are_told),
        TEST(test_posix_file_that_became_shorter_is_told),
        TEST(test_posix_reader_cannot_write),
        TEST(test_posix_what_is_no_store_is_refused),
    };

    return cmocka_run_group_tests(tests, start_group, end_group);
}
