/* SPDX-License-Identifier: Apache-2.0 */
/* One program at a time: locks on the flash of a Linux device, and who may take them. */

#include "check.h"

#include <sys/wait.h>
#include <time.h>

#include "posix_files.h"

static void test_posix_second_writer_is_refused_until_the_first_ends(void **state)
{
    struct flash_posix first, second;

    (void)state;
    open_two(&first, FLASH_POSIX_WRITE);
    assert_status(open_one(&second, high, SECTOR), BULLA_E_IO);
    assert_says(why, "in use by another program");
    assert_status(flash_posix_open(&second, FLASH_POSIX_READ, 0, why), BULLA_E_IO);
    flash_posix_close(&first);
    assert_status(flash_posix_open(&second, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    flash_posix_close(&second);
}

static void test_posix_readers_share(void **state)
{
    struct flash_posix first, second = {.size = SIZE};

    (void)state;
    open_two(&first, FLASH_POSIX_READ);
    assert_true(flash_posix_add(&second, 0, SECTOR, high, 0, why));
    assert_status(flash_posix_open(&second, FLASH_POSIX_READ, 0, why), BULLA_OK);
    flash_posix_close(&second);
    assert_status(flash_posix_open(&second, FLASH_POSIX_WRITE, 0, why), BULLA_E_IO);
    flash_posix_close(&first);
}

/* A store of the failed map must not stay locked. */
static void test_posix_failed_open_leaves_nothing_locked(void **state)
{
    struct flash_posix map = {.size = SIZE}, other;

    (void)state;
    make_file(low, SECTOR, 0);
    assert_true(flash_posix_add(&map, 0, SECTOR, low, 0, why));
    assert_true(flash_posix_add(&map, SECTOR, SECTOR, "/nowhere", 0, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_E_IO);
    assert_status(open_one(&other, low, SECTOR), BULLA_OK);
    flash_posix_close(&other);
}

static void test_posix_writer_waits_for_another_one(void **state)
{
    const struct timespec moment = {.tv_nsec = 150000000};
    struct flash_posix map;
    int ready[2];
    char byte;

    (void)state;
    make_file(low, SECTOR, 0);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = open_one(&map, low, SECTOR) == BULLA_OK && write(ready[1], "x", 1) == 1;
        (void)nanosleep(&moment, NULL);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_status(open_one(&map, low, SECTOR), BULLA_E_IO);
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 5000, why), BULLA_OK);
    flash_posix_close(&map);
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void test_posix_store_that_everybody_may_open_is_refused(void **state)
{
    struct flash_posix map;

    (void)state;
    make_file(low, SECTOR, 0);
    assert_int_equal(chmod(low, 0604), 0);
    assert_status(open_one(&map, low, SECTOR), BULLA_E_IO);
    assert_says(why, "may be opened by everybody");
    assert_int_equal(chmod(low, 0660), 0);
    assert_status(open_one(&map, low, SECTOR), BULLA_OK);
    flash_posix_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_posix_second_writer_is_refused_until_the_first_ends),
        TEST(test_posix_readers_share),
        TEST(test_posix_failed_open_leaves_nothing_locked),
        TEST(test_posix_writer_waits_for_another_one),
        TEST(test_posix_store_that_everybody_may_open_is_refused),
    };

    return cmocka_run_group_tests(tests, start_group, end_group);
}
