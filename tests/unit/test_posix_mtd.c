/* SPDX-License-Identifier: Apache-2.0 */
/* Flash behind MTD, the promises that every port makes, and the client at work on both. */

#include "check.h"

#include "bench.h"
#include "check_flash.h"
#include "fixture.h"
#include "posix_files.h"

/* ---- MTD ---- */

static void set(const char *name, const char *value)
{
    char full[32];

    snprintf(full, sizeof(full), "BULLA_MTD_%s", name);
    assert_int_equal(setenv(full, value, 1), 0);
}

static void make_mtd(uint32_t size, uint8_t byte)
{
    make_file(low, size, byte);
    set("FILE", low);
    set("LOG", log_path);
}

/* One line for each operation that the chip saw. */
static void assert_chip_saw(const char *expected)
{
    char text[1024] = "";
    FILE *file = fopen(log_path, "r");

    if (file != NULL) {
        text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
        (void)fclose(file);
    }
    assert_string_equal(text, expected);
    (void)unlink(log_path);
}

static void test_posix_mtd_is_erased_and_programmed_as_nor(void **state)
{
    struct flash_posix map;
    uint8_t bytes[4];

    (void)state;
    make_mtd(CHIP, 0);
    assert_status(open_one(&map, low, CHIP), BULLA_OK);
    assert_int_equal(flash_posix_flash(&map)->unit, 1);
    assert_status(erase(&map, 3 * SECTOR), BULLA_OK);
    assert_status(program(&map, 3 * SECTOR + 5, "abc", 3), BULLA_OK);
    assert_status(flash_posix_flash(&map)->erase_block(&map, 0x10000), BULLA_OK);
    assert_status(read_map(&map, 3 * SECTOR + 4, bytes, 4), BULLA_OK);
    assert_memory_equal(bytes,
                        "\xff"
                        "abc",
                        4);
    assert_chip_saw("erase 0x3000 4096\nprogram 0x3005 3\nerase 0x10000 65536\n");
    flash_posix_close(&map);
}

static void test_posix_mtd_that_is_no_nor_is_refused_by_name(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"TYPE", "4", "is NAND flash (SLC)"},
        {"TYPE", "8", "is NAND flash (MLC)"},
        {"TYPE", "6", "is DataFlash"},
        {"TYPE", "7", "is a UBI volume"},
        {"TYPE", "2", "is ROM"},
        {"TYPE", "99", "is not known"},
        {"ERASE", "65536", "erased 65536"},
        {"ERASE", "131072", "CONFIG_MTD_SPI_NOR_USE_4K"},
        {"ERASE", "0", "erased 0"},
        {"ERASE", "528", "erased 528"},
        {"UNIT", "2048", "programmed 2048"},
        {"UNIT", "64", "programmed 64"},
        {"UNIT", "24", "programmed 24"},
    };
    struct flash_posix map;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)clean(NULL);
        make_mtd(CHIP, 0xff);
        set(cases[i].name, cases[i].value);
        assert_status(open_one(&map, low, CHIP), BULLA_E_IO);
        assert_says(why, cases[i].says);
        assert_says(why, low);
    }
}

static void test_posix_mtd_with_small_sectors_is_erased_in_ours(void **state)
{
    struct flash_posix map;

    (void)state;
    make_mtd(CHIP, 0);
    set("ERASE", "1024");
    assert_status(open_one(&map, low, CHIP), BULLA_OK);
    assert_status(erase(&map, SECTOR), BULLA_OK);
    assert_chip_saw("erase 0x1000 4096\n");
    flash_posix_close(&map);
}

static void test_posix_mtd_units_are_filled_up(void **state)
{
    struct flash_posix map;
    uint8_t bytes[48];

    (void)state;
    make_mtd(CHIP, 0xff);
    set("UNIT", "16");
    assert_status(open_one(&map, low, CHIP), BULLA_OK);
    assert_int_equal(flash_posix_flash(&map)->unit, 16);
    assert_status(program(&map, 32, "0123456789abcdefXYZ", 19), BULLA_OK);
    assert_status(program(&map, 64, "0123456789abcdef", 16), BULLA_OK);
    assert_status(read_map(&map, 32, bytes, 48), BULLA_OK);
    assert_memory_equal(bytes, "0123456789abcdefXYZ\xff\xff\xff\xff", 23);
    assert_memory_equal(bytes + 32, "0123456789abcdef", 16);
    assert_chip_saw("program 0x20 16\nprogram 0x30 16\nprogram 0x40 16\n");
    flash_posix_close(&map);
}

static void test_posix_mtd_that_is_locked_is_unlocked_whole(void **state)
{
    struct flash_posix map;

    (void)state;
    make_mtd(CHIP, 0xff);
    set("LOCKED", "1");
    assert_status(open_one(&map, low, CHIP), BULLA_OK);
    assert_chip_saw("");
    assert_status(program(&map, 0x4010, "x", 1), BULLA_OK);
    assert_status(erase(&map, 0x6000), BULLA_OK);
    assert_status(program(&map, 0x6000, "x", 1), BULLA_OK);
    assert_chip_saw("unlock 0x0 131072\nprogram 0x4010 1\nerase 0x6000 4096\nprogram 0x6000 1\n");
    flash_posix_close(&map);
}

static void test_posix_mtd_that_the_kernel_protects_is_read_only(void **state)
{
    struct flash_posix map;
    char byte;

    (void)state;
    make_mtd(CHIP, 'x');
    set("FLAGS", "0");
    assert_status(open_one(&map, low, CHIP), BULLA_OK);
    assert_status(read_map(&map, 0, &byte, 1), BULLA_OK);
    assert_status(erase(&map, 0), BULLA_E_FLASH_ERASE);
    assert_status(program(&map, 0, "a", 1), BULLA_E_FLASH_PROGRAM);
    flash_posix_close(&map);
}

/* ---- the promises of a port ---- */

static void assert_sound(const struct flash_posix *map)
{
    uint8_t buffer[BULLA_SECTOR_SIZE];
    struct bulla_flash_report report;

    if (!bulla_port_check_flash(flash_posix_flash(map), 0, CHIP / SECTOR, buffer, &report))
        fail_msg("fault %d, status %s, at 0x%x", (int)report.fault,
                 bulla_status_name(report.status), (unsigned)report.offset);
}

static void test_posix_files_keep_the_promises_of_a_port(void **state)
{
    struct flash_posix map = {.size = CHIP};

    (void)state;
    make_file(low, 0x15000, 0x5a);
    make_file(high, CHIP - 0x15000, 0xa5);
    assert_true(flash_posix_add(&map, 0, 0x15000, low, 0, why));
    assert_true(flash_posix_add(&map, 0x15000, CHIP - 0x15000, high, 0, why));
    assert_status(flash_posix_open(&map, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    assert_sound(&map);
    flash_posix_close(&map);
}

static void test_posix_mtd_keeps_the_promises_of_a_port(void **state)
{
    static const char *const units[] = {"1", "32"};
    struct flash_posix map;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_mtd(CHIP, 0x5a);
        set("UNIT", units[i]);
        assert_status(open_one(&map, low, CHIP), BULLA_OK);
        assert_sound(&map);
        flash_posix_close(&map);
    }
}

/* ---- the client on it ---- */

struct split {
    struct bench bench;
    struct flash_posix map;
};

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

/* What a factory does: the provisioned chip's bytes are laid into the map. From then on the bench
 * works on the map alone. */
static void move_to_map(struct split *s)
{
    const struct bulla_flash *flash = flash_posix_flash(&s->map);

    for (uint32_t at = 0; at < s->bench.sim.size; at += SECTOR) {
        assert_status(flash->erase_sector(flash->ctx, at), BULLA_OK);
        assert_status(flash->program(flash->ctx, at, s->bench.sim.bytes + at, SECTOR), BULLA_OK);
    }
    s->bench.flash = *flash;
    assert_status(bench_open(&s->bench), BULLA_OK);
}

static void assert_life_goes_on(struct split *s)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;
    struct bulla_bytes old = load("se32_1.0.0.bin");
    struct bulla_bytes large = load("e32.bin");

    bench_provision(&s->bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    move_to_map(s);
    assert_status(bench_boot(&s->bench, &boot), BULLA_OK);
    bench_publish(&s->bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&s->bench), BULLA_OK);
    assert_status(bench_boot(&s->bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_true(boot.trial);
    assert_status(bench_confirm(&s->bench), BULLA_OK);
    assert_status(bench_boot(&s->bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_false(boot.trial);
    assert_int_equal(s->bench.client.confirmed.sequence, 2);
    seal_buffer_free(&envelope);
    free((void *)(uintptr_t)old.data);
    free((void *)(uintptr_t)large.data);
    bench_close(&s->bench);
}

static void test_posix_client_lives_in_files(void **state)
{
    static struct split s;
    const uint32_t size = 0x110000;

    (void)state;
    memset(&s, 0, sizeof(s));
    make_file(low, BENCH_SLOT_SIZE + SECTOR, 0);
    make_file(high, size, 0);
    s.map.size = size;
    assert_true(flash_posix_add(&s.map, 0, BENCH_FIRST_SLOT, high, 0, why));
    assert_true(flash_posix_add(&s.map, BENCH_FIRST_SLOT, BENCH_SLOT_SIZE, low, SECTOR, why));
    assert_true(flash_posix_add(&s.map, BENCH_FIRST_SLOT + BENCH_SLOT_SIZE,
                                size - BENCH_FIRST_SLOT - BENCH_SLOT_SIZE, high, BENCH_FIRST_SLOT,
                                why));
    assert_status(flash_posix_open(&s.map, FLASH_POSIX_WRITE, 0, why), BULLA_OK);
    assert_life_goes_on(&s);
    flash_posix_close(&s.map);
}

static void assert_client_lives_in_mtd(const char *unit)
{
    static struct split s;
    char text[64];
    FILE *file;

    memset(&s, 0, sizeof(s));
    make_mtd(0x110000, 0);
    set("UNIT", unit);
    assert_status(open_one(&s.map, low, 0x110000), BULLA_OK);
    assert_life_goes_on(&s);
    flash_posix_close(&s.map);
    file = fopen(log_path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file) != NULL) {
        if (strstr(text, "violation") != NULL)
            fail_msg("%s", text);
    }
    (void)fclose(file);
}

/* The core never asks a NOR for what it cannot do. */
static void test_posix_client_lives_in_mtd(void **state)
{
    (void)state;
    assert_client_lives_in_mtd("1");
}

static void test_posix_client_lives_in_mtd_with_ecc(void **state)
{
    (void)state;
    assert_client_lives_in_mtd("16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_posix_mtd_is_erased_and_programmed_as_nor),
        TEST(test_posix_mtd_that_is_no_nor_is_refused_by_name),
        TEST(test_posix_mtd_with_small_sectors_is_erased_in_ours),
        TEST(test_posix_mtd_units_are_filled_up),
        TEST(test_posix_mtd_that_is_locked_is_unlocked_whole),
        TEST(test_posix_mtd_that_the_kernel_protects_is_read_only),
        TEST(test_posix_files_keep_the_promises_of_a_port),
        TEST(test_posix_mtd_keeps_the_promises_of_a_port),
        TEST(test_posix_client_lives_in_files),
        TEST(test_posix_client_lives_in_mtd),
        TEST(test_posix_client_lives_in_mtd_with_ecc),
    };

    return cmocka_run_group_tests(tests, start_group, end_group);
}
