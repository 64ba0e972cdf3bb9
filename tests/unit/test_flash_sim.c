/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated flash: it does what NOR does, refuses what NOR refuses, keeps its file in step,
 * and fails when told to. */

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulla/limits.h"
#include "flash_sim.h"

#define SIZE 0x4000u

static char folder[64];
static char path[96];

static int start_group(void **unused)
{
    (void)unused;
    snprintf(folder, sizeof(folder), "/tmp/bulla-flash-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/chip", folder);
    return 0;
}

static int end_group(void **unused)
{
    (void)unused;
    (void)unlink(path);
    return rmdir(folder); /* fails when something was left beside the chip */
}

static int remove_chip(void **unused)
{
    (void)unused;
    (void)unlink(path);
    return 0;
}

static struct flash_sim chip(void)
{
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_create(&sim, NULL, SIZE, why), BULLA_OK);
    return sim;
}

static enum bulla_status program(struct flash_sim *sim, uint32_t offset, const void *bytes,
                                 size_t len)
{
    const struct bulla_flash *flash = flash_sim_flash(sim);

    return flash->program(flash->ctx, offset, bytes, len);
}

static enum bulla_status erase(struct flash_sim *sim, uint32_t offset)
{
    const struct bulla_flash *flash = flash_sim_flash(sim);

    return flash->erase_sector(flash->ctx, offset);
}

static enum bulla_status read_chip(struct flash_sim *sim, uint32_t offset, void *buffer, size_t len)
{
    const struct bulla_flash *flash = flash_sim_flash(sim);

    return flash->read(flash->ctx, offset, buffer, len);
}

/* Two blocks and one sector. */
static struct flash_sim block_chip(void)
{
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_create(&sim, NULL, 2 * BULLA_BLOCK_SIZE + BULLA_SECTOR_SIZE, why),
                  BULLA_OK);
    sim.blocks = true;
    return sim;
}

static enum bulla_status erase_block(struct flash_sim *sim, uint32_t offset)
{
    const struct bulla_flash *flash = flash_sim_flash(sim);

    return flash->erase_block(flash->ctx, offset);
}

static void read_file(uint8_t bytes[SIZE])
{
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, SIZE), SIZE);
    close(fd);
}

static void write_file(size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)len), 0);
    close(fd);
}

/* ---- NOR ---- */

static void test_flash_sim_new_chip_is_blank(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t bytes[SIZE];

    assert_status(read_chip(&sim, 0, bytes, SIZE), BULLA_OK);
    for (uint32_t i = 0; i < SIZE; i++)
        assert_int_equal(bytes[i], 0xff);
    assert_int_equal(flash_sim_flash(&sim)->size, SIZE);
    flash_sim_close(&sim);
}

static void test_flash_sim_program_clears_bits_only(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t byte;

    assert_status(program(&sim, 5, "\x0f\xf0", 2), BULLA_OK);
    assert_status(program(&sim, 5, "\x0e", 1), BULLA_OK);
    assert_int_equal(sim.bytes_programmed, 3);
    assert_int_equal(sim.bytes_reprogrammed, 1);
    assert_int_equal(sim.violations, 0);
    assert_status(program(&sim, 4, "\x00\x0f\x00", 3), BULLA_E_FLASH_PROGRAM);
    assert_int_equal(sim.violations, 1);
    assert_string_equal(sim.note, "program of bits that are not erased: 3 bytes at 0x4 of a chip "
                                  "of 0x4000");
    assert_status(read_chip(&sim, 4, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 0xff); /* refused as a whole */
    assert_status(read_chip(&sim, 5, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 0x0e);
    flash_sim_close(&sim);
}

static void test_flash_sim_erase_blanks_one_sector(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();

    memset(sim.bytes, 0, SIZE);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    for (uint32_t i = 0; i < SIZE; i++)
        assert_int_equal(sim.bytes[i], i / 0x1000 == 1 ? 0xff : 0);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    assert_int_equal(sim.sectors_erased, 2);
    assert_int_equal(sim.wear[1], 2);
    assert_int_equal(sim.wear[0] + sim.wear[2] + sim.wear[3], 0);
    flash_sim_close(&sim);
}

static void test_flash_sim_outside_or_crooked_is_refused(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t bytes[2] = {0};

    assert_status(program(&sim, SIZE - 1, bytes, 2), BULLA_E_FLASH_PROGRAM);
    assert_status(program(&sim, 0xffffffff, bytes, 2), BULLA_E_FLASH_PROGRAM);
    assert_status(program(&sim, 1, bytes, SIZE_MAX), BULLA_E_FLASH_PROGRAM);
    assert_status(read_chip(&sim, SIZE, bytes, 1), BULLA_E_FLASH_READ);
    assert_status(read_chip(&sim, 0xffffffff, bytes, 2), BULLA_E_FLASH_READ);
    assert_status(erase(&sim, SIZE), BULLA_E_FLASH_ERASE);
    assert_status(erase(&sim, 0xfffff000), BULLA_E_FLASH_ERASE);
    assert_status(erase(&sim, 0x800), BULLA_E_FLASH_ERASE);
    assert_int_equal(sim.violations, 8);
    assert_int_equal(sim.operations, 0);
    assert_status(program(&sim, SIZE - 2, bytes, 2), BULLA_OK);
    assert_status(read_chip(&sim, SIZE, bytes, 0), BULLA_OK);
    flash_sim_close(&sim);
}

static void test_flash_sim_crooked_sizes_are_refused(void **unused)
{
    (void)unused;
    static const uint32_t sizes[] = {0, 1, 4095, 4097, FLASH_SIM_SIZE_MAX + 4096};
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        why[0] = 0;
        assert_status(flash_sim_create(&sim, NULL, sizes[i], why), BULLA_E_IO);
        assert_non_null(strstr(why, "multiple of 4096"));
        flash_sim_close(&sim);
    }
}

/* ---- faults ---- */

static void test_flash_sim_cut_program_leaves_prefix_and_is_dead(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t byte;

    assert_status(program(&sim, 0, "abc", 3), BULLA_OK);
    sim.fault = (struct flash_sim_fault){.cut_at = 2, .cut_bytes = 2};
    assert_status(program(&sim, 16, "defg", 4), BULLA_E_FLASH_PROGRAM);
    assert_memory_equal(sim.bytes + 16, "de\xff\xff", 4);
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_E_FLASH_READ);
    assert_status(program(&sim, 32, "x", 1), BULLA_E_FLASH_PROGRAM);
    assert_status(erase(&sim, 0), BULLA_E_FLASH_ERASE);
    flash_sim_power_on(&sim);
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 'a');
    assert_status(program(&sim, 32, "x", 1), BULLA_OK);
    flash_sim_close(&sim);
}

static void test_flash_sim_cut_erase_leaves_rest_or_garbage(void **unused)
{
    (void)unused;
    for (int garbage = 0; garbage < 2; garbage++) {
        struct flash_sim sim = chip();
        uint32_t others = 0;

        memset(sim.bytes, 0, SIZE);
        sim.fault =
            (struct flash_sim_fault){.cut_at = 1, .cut_bytes = 100, .cut_garbage = garbage == 1};
        assert_status(erase(&sim, 0x1000), BULLA_E_FLASH_ERASE);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(sim.bytes[0x1000 + i], 0xff);
        for (uint32_t i = 100; i < 4096; i++)
            others += sim.bytes[0x1000 + i] != 0;
        assert_int_equal(others > 3500, garbage == 1);
        assert_int_equal(sim.bytes[0xfff] + sim.bytes[0x2000], 0);
        flash_sim_close(&sim);
    }
}

static void test_flash_sim_cut_program_with_garbage_never_sets_bits(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t zeros[256] = {0};
    uint32_t half_way = 0;

    memset(sim.bytes, 0x5f, 256);
    sim.fault = (struct flash_sim_fault){.cut_at = 1, .cut_bytes = 10, .cut_garbage = true};
    assert_status(program(&sim, 0, zeros, 256), BULLA_E_FLASH_PROGRAM);
    for (uint32_t i = 0; i < 256; i++) {
        assert_int_equal(sim.bytes[i] & 0xa0, 0);
        assert_true(i >= 10 || sim.bytes[i] == 0);
        half_way += sim.bytes[i] != 0 && sim.bytes[i] != 0x5f;
    }
    assert_true(half_way > 100);
    assert_int_equal(sim.bytes[256], 0xff);
    flash_sim_close(&sim);
}

static void test_flash_sim_failing_operation_fails_once(void **unused)
{
    (void)unused;
    for (int done = 0; done < 2; done++) {
        struct flash_sim sim = chip();

        sim.fault = (struct flash_sim_fault){.fail_at = 2, .fail_but_done = done == 1};
        assert_status(program(&sim, 0, "a", 1), BULLA_OK);
        assert_status(program(&sim, 1, "b", 1), BULLA_E_FLASH_PROGRAM);
        assert_int_equal(sim.bytes[1], done == 1 ? 'b' : 0xff);
        assert_status(program(&sim, 2, "c", 1), BULLA_OK);
        sim.fault.fail_at = 4;
        assert_status(erase(&sim, 0), BULLA_E_FLASH_ERASE);
        assert_int_equal(sim.bytes[0], done == 1 ? 0xff : 'a');
        assert_status(erase(&sim, 0), BULLA_OK);
        flash_sim_close(&sim);
    }
}

static void test_flash_sim_failing_read_fails_once(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t byte;

    sim.fault = (struct flash_sim_fault){.fail_read_at = 2, .misread_at = 3};
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_OK);
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_E_FLASH_READ);
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 0xfe);
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 0xff);
    flash_sim_close(&sim);
}

static void test_flash_sim_lie_stores_otherwise_and_says_done(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();

    sim.fault = (struct flash_sim_fault){.lie_from = 2, .lie_offset = 11, .lie_mask = 0x81};
    assert_status(program(&sim, 10, "\xff\xff", 2), BULLA_OK);
    assert_int_equal(sim.bytes[11], 0xff);
    assert_status(program(&sim, 10, "\x10\x11\x12", 3), BULLA_OK);
    assert_memory_equal(sim.bytes + 10, "\x10\x90\x12", 3);
    assert_status(program(&sim, 12, "\x12", 1), BULLA_OK);
    assert_int_equal(sim.bytes[11], 0x90);
    flash_sim_close(&sim);
}

static void test_flash_sim_worn_sector_keeps_its_content(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();

    memset(sim.bytes, 0, SIZE);
    sim.fault = (struct flash_sim_fault){.worn = true, .worn_sector = 0x2000};
    assert_status(erase(&sim, 0x2000), BULLA_E_FLASH_ERASE);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    sim.fault.worn_silently = true;
    assert_status(erase(&sim, 0x2000), BULLA_OK);
    assert_int_equal(sim.bytes[0x2000], 0);
    assert_int_equal(sim.bytes[0x1000], 0xff);
    flash_sim_close(&sim);
}

/* One call, one sector of them worn: the others are blank, this one stays what it was. */
static void test_flash_sim_worn_sector_in_block_keeps_its_content(void **unused)
{
    (void)unused;
    struct flash_sim sim = block_chip();

    memset(sim.bytes, 0, sim.size);
    sim.fault = (struct flash_sim_fault){.worn = true, .worn_sector = 0x12000};
    assert_status(erase_block(&sim, 0x10000), BULLA_E_FLASH_ERASE);
    assert_int_equal(sim.bytes[0x12000] | sim.bytes[0x12fff], 0);
    assert_int_equal(sim.bytes[0x11fff] & sim.bytes[0x13000] & sim.bytes[0x1ffff], 0xff);
    sim.fault.worn_silently = true;
    assert_status(erase_block(&sim, 0x10000), BULLA_OK);
    assert_int_equal(sim.bytes[0x12000], 0);
    assert_int_equal(sim.wear[0x12], 0);
    assert_int_equal(sim.wear[0x13], 2);
    flash_sim_close(&sim);
}

/* ---- cells that are neither 0 nor 1 ---- */

/* The bits that are read as 0, and as 1, now and then. */
static void read_often(struct flash_sim *sim, uint32_t offset, uint8_t *zeros, uint8_t *ones)
{
    *zeros = *ones = 0;
    for (int i = 0; i < 64; i++) {
        uint8_t byte;
        assert_status(read_chip(sim, offset, &byte, 1), BULLA_OK);
        *zeros |= (uint8_t)~byte;
        *ones |= byte;
    }
}

static void test_flash_sim_unstable_program_reads_both_ways_until_erased(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t zeros, ones;

    sim.bytes[101] = 0xfc;
    sim.fault = (struct flash_sim_fault){.cut_at = 1, .cut_bytes = 1, .cut_unstable = true};
    assert_status(program(&sim, 100, "\x0f\x3c\x0f", 3), BULLA_E_FLASH_PROGRAM);
    flash_sim_power_on(&sim);
    read_often(&sim, 100, &zeros, &ones); /* arrived */
    assert_int_equal(zeros, 0xf0);
    assert_int_equal(ones, 0x0f);
    read_often(&sim, 101, &zeros, &ones);
    assert_int_equal(zeros, 0xc3);
    assert_int_equal(ones, 0xfc);
    read_often(&sim, 102, &zeros, &ones);
    assert_int_equal(zeros, 0xf0);
    assert_int_equal(ones, 0xff);
    read_often(&sim, 103, &zeros, &ones);
    assert_int_equal(zeros, 0);
    /* a program of the missing zeros ends it, and counts as a second one */
    uint64_t before = sim.bytes_reprogrammed;
    assert_status(program(&sim, 102, "\x3f", 1), BULLA_OK);
    assert_int_equal(sim.bytes_reprogrammed, before + 1);
    read_often(&sim, 102, &zeros, &ones);
    assert_int_equal(zeros, 0xf0);
    assert_int_equal(ones, 0x3f);
    assert_status(erase(&sim, 0), BULLA_OK);
    read_often(&sim, 101, &zeros, &ones);
    assert_int_equal(zeros, 0);
    flash_sim_close(&sim);
}

/* The worst that an erase can leave: it was found blank once, and then it is not. */
static void test_flash_sim_unstable_erase_looks_blank_and_old_by_turns(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint32_t blank = 0, old = 0, mixed = 0;
    uint8_t content[256], found[256], ff[256];

    memset(ff, 0xff, sizeof(ff));
    memset(content, 0x5a, sizeof(content));
    assert_status(program(&sim, 0x1100, content, sizeof(content)), BULLA_OK);
    sim.fault = (struct flash_sim_fault){.cut_at = 2, .cut_bytes = 0x100, .cut_unstable = true};
    assert_status(erase(&sim, 0x1000), BULLA_E_FLASH_ERASE);
    flash_sim_power_on(&sim);
    for (int i = 0; i < 200; i++) {
        assert_status(read_chip(&sim, 0x1100, found, sizeof(found)), BULLA_OK);
        for (size_t n = 0; n < sizeof(found); n++)
            assert_int_equal(found[n] & content[n], content[n]);
        blank += memcmp(found, ff, sizeof(found)) == 0;
        old += memcmp(found, content, sizeof(found)) == 0;
        mixed++;
    }
    assert_in_range(blank, 20, 100);
    assert_in_range(old, 20, 100);
    assert_true(mixed > blank + old);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    assert_status(read_chip(&sim, 0x1100, found, sizeof(found)), BULLA_OK);
    assert_memory_equal(found, ff, sizeof(found));
    flash_sim_close(&sim);
}

static void test_flash_sim_another_seed_reads_unstable_cells_otherwise(void **unused)
{
    (void)unused;
    uint8_t found[2][2][64];
    uint8_t zeros[64] = {0};

    for (uint32_t seed = 0; seed < 2; seed++) {
        for (int again = 0; again < 2; again++) {
            struct flash_sim sim = chip();

            sim.seed = seed * 5;
            sim.fault = (struct flash_sim_fault){.cut_at = 1, .cut_unstable = true};
            assert_status(program(&sim, 0, zeros, 64), BULLA_E_FLASH_PROGRAM);
            flash_sim_power_on(&sim);
            for (int i = 0; i < 8; i++)
                assert_status(read_chip(&sim, (uint32_t)i * 8, &found[seed][again][i * 8], 8),
                              BULLA_OK);
            flash_sim_close(&sim);
        }
        assert_memory_equal(found[seed][0], found[seed][1], 64);
    }
    assert_memory_not_equal(found[0][0], found[1][0], 64);
}

static void test_flash_sim_noise_turns_one_bit_of_every_nth_read(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    uint8_t places[256] = {0};
    uint8_t bytes[32];
    uint32_t different = 0;

    sim.fault.noise_every = 3;
    for (int i = 1; i <= 300; i++) {
        uint32_t turned = 0;

        assert_status(read_chip(&sim, 64, bytes, sizeof(bytes)), BULLA_OK);
        for (uint32_t bit = 0; bit < 256; bit++) {
            if ((bytes[bit / 8] >> bit % 8 & 1) == 0) {
                turned++;
                different += places[bit] == 0;
                places[bit] = 1;
            }
        }
        assert_int_equal(turned, i % 3 == 0 ? 1 : 0);
    }
    assert_true(different > 30);
    assert_int_equal(sim.bytes[64], 0xff);
    flash_sim_close(&sim);
}

/* ---- program units ---- */

static struct flash_sim unit_chip(uint32_t unit)
{
    struct flash_sim sim = chip();

    sim.unit = unit;
    return sim;
}

static void test_flash_sim_unit_is_programmed_once_from_its_start(void **unused)
{
    (void)unused;
    static const uint32_t units[] = {2, 4, 8, 16, 32};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint32_t unit = units[i];
        struct flash_sim sim = unit_chip(unit);

        assert_int_equal(flash_sim_flash(&sim)->unit, unit);
        assert_status(program(&sim, 1, "a", 1), BULLA_E_FLASH_PROGRAM);
        assert_status(program(&sim, unit + unit / 2, "a", 1), BULLA_E_FLASH_PROGRAM);
        assert_int_equal(sim.violations, 2);
        assert_non_null(strstr(sim.note, "begins inside a unit"));
        /* a part of a unit takes all of it */
        assert_status(program(&sim, unit, "a", 1), BULLA_OK);
        assert_status(program(&sim, unit, "a", 1), BULLA_E_FLASH_PROGRAM);
        assert_non_null(strstr(sim.note, "unit that is programmed"));
        assert_status(program(&sim, 2 * unit, "b", 1), BULLA_OK);
        assert_status(program(&sim, 0, "cccccccccccccccccccccccccccccccccc", unit + 1),
                      BULLA_E_FLASH_PROGRAM);
        assert_int_equal(sim.bytes[0], 0xff); /* refused as a whole */
        assert_status(program(&sim, 0, "c", 1), BULLA_OK);
        assert_int_equal(sim.violations, 4);
        flash_sim_close(&sim);
    }
}

static void test_flash_sim_unit_programmed_blank_is_programmed(void **unused)
{
    (void)unused;
    struct flash_sim sim = unit_chip(16);

    assert_status(program(&sim, 0x1010, "\xff", 1), BULLA_OK);
    assert_status(program(&sim, 0x1010, "a", 1), BULLA_E_FLASH_PROGRAM);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    assert_status(program(&sim, 0x1010, "a", 1), BULLA_OK);
    sim.bytes[0x2000] = 0; /* as a chip from a file: what is there counts */
    assert_status(program(&sim, 0x2000, "\0", 1), BULLA_E_FLASH_PROGRAM);
    assert_int_equal(sim.violations, 2);
    flash_sim_close(&sim);
}

static void test_flash_sim_unit_torn_by_a_cut_is_programmed(void **unused)
{
    (void)unused;
    uint8_t ff[64];

    memset(ff, 0xff, sizeof(ff));
    for (uint32_t bytes = 0; bytes <= 64; bytes++) {
        for (int mode = 0; mode < 3; mode++) {
            struct flash_sim sim = unit_chip(32);
            bool second = bytes > 32 || mode > 0;

            sim.fault = (struct flash_sim_fault){.cut_at = 1,
                                                 .cut_bytes = bytes,
                                                 .cut_garbage = mode == 1,
                                                 .cut_unstable = mode == 2};
            assert_status(program(&sim, 64, ff, 64), BULLA_E_FLASH_PROGRAM);
            flash_sim_power_on(&sim);
            assert_status(program(&sim, 64, ff, 32),
                          bytes > 0 || mode > 0 ? BULLA_E_FLASH_PROGRAM : BULLA_OK);
            assert_status(program(&sim, 96, ff, 32), second ? BULLA_E_FLASH_PROGRAM : BULLA_OK);
            assert_status(program(&sim, 128, ff, 32), BULLA_OK);
            flash_sim_close(&sim);
        }
    }
}

/* What an erase that was cut has not reached is not blank, whatever it reads. */
static void test_flash_sim_unit_of_a_cut_erase_must_be_erased_again(void **unused)
{
    (void)unused;
    for (int mode = 0; mode < 3; mode++) {
        struct flash_sim sim = unit_chip(4);

        assert_status(program(&sim, 0x100, "abcd", 4), BULLA_OK);
        assert_status(program(&sim, 0x200, "abcd", 4), BULLA_OK);
        sim.fault = (struct flash_sim_fault){
            .cut_at = 3, .cut_bytes = 0x180, .cut_garbage = mode == 1, .cut_unstable = mode == 2};
        assert_status(erase(&sim, 0), BULLA_E_FLASH_ERASE);
        flash_sim_power_on(&sim);
        assert_status(program(&sim, 0x100, "efgh", 4), BULLA_OK);
        assert_status(program(&sim, 0x200, "abcd", 4), BULLA_E_FLASH_PROGRAM);
        assert_status(program(&sim, 0x300, "\0\0\0\0", 4),
                      mode == 0 ? BULLA_OK : BULLA_E_FLASH_PROGRAM);
        assert_status(erase(&sim, 0), BULLA_OK);
        assert_status(program(&sim, 0x200, "abcd", 4), BULLA_OK);
        flash_sim_close(&sim);
    }
}

/* ---- blocks ---- */

static void test_flash_sim_block_is_sixteen_sectors(void **unused)
{
    (void)unused;
    struct flash_sim small = chip();
    struct flash_sim sim = block_chip();

    assert_null(flash_sim_flash(&small)->erase_block);
    flash_sim_close(&small);
    memset(sim.bytes, 0, sim.size);
    assert_status(erase_block(&sim, 0x10000), BULLA_OK);
    assert_int_equal(sim.operations, 1);
    assert_int_equal(sim.sectors_erased, 16);
    for (uint32_t i = 0; i < sim.size; i++)
        assert_int_equal(sim.bytes[i], i / 0x10000 == 1 ? 0xff : 0);
    for (uint32_t i = 0; i < sim.size / BULLA_SECTOR_SIZE; i++)
        assert_int_equal(sim.wear[i], i / 16 == 1 ? 1 : 0);
    assert_status(erase_block(&sim, 0x11000), BULLA_E_FLASH_ERASE);
    assert_status(erase_block(&sim, 0x20000), BULLA_E_FLASH_ERASE); /* the last is too small */
    assert_status(erase_block(&sim, 0xffff0000), BULLA_E_FLASH_ERASE);
    assert_int_equal(sim.violations, 3);
    assert_non_null(strstr(sim.note, "not one whole block"));
    flash_sim_close(&sim);
}

static void test_flash_sim_cut_block_erase_stops_within_a_sector(void **unused)
{
    (void)unused;
    struct flash_sim sim = block_chip();
    uint8_t zeros, ones;

    memset(sim.bytes, 0, sim.size);
    sim.fault = (struct flash_sim_fault){.cut_at = 1, .cut_bytes = 0x1080, .cut_unstable = true};
    assert_status(erase_block(&sim, 0), BULLA_E_FLASH_ERASE);
    assert_true(sim.dead);
    flash_sim_power_on(&sim);
    static const uint32_t reached[] = {0, 0xfff, 0x107f};
    static const uint32_t open[] = {0x1080, 0x2000, 0xffff};
    for (int i = 0; i < 3; i++) {
        read_often(&sim, reached[i], &zeros, &ones);
        assert_int_equal(zeros, 0);
        read_often(&sim, open[i], &zeros, &ones);
        assert_int_equal(zeros & ones, 0xff);
    }
    read_often(&sim, 0x10000, &zeros, &ones);
    assert_int_equal(ones, 0);
    assert_status(erase_block(&sim, 0), BULLA_OK);
    read_often(&sim, 0x8000, &zeros, &ones);
    assert_int_equal(zeros, 0);
    flash_sim_close(&sim);
}

/* ---- files ---- */

static void test_flash_sim_file_follows_every_operation(void **unused)
{
    (void)unused;
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];
    uint8_t bytes[SIZE];

    assert_status(flash_sim_create(&sim, path, SIZE, why), BULLA_OK);
    assert_status(program(&sim, 0x1ffe, "abcd", 4), BULLA_OK);
    read_file(bytes);
    assert_memory_equal(bytes + 0x1ffe, "abcd", 4);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    sim.fault = (struct flash_sim_fault){.cut_at = 3, .cut_bytes = 1};
    assert_status(program(&sim, 0, "xyz", 3), BULLA_E_FLASH_PROGRAM);
    read_file(bytes);
    assert_memory_equal(bytes, sim.bytes, SIZE);
    assert_memory_equal(bytes + 0x1ffe,
                        "\xff\xff"
                        "cd",
                        4);
    flash_sim_close(&sim);
    assert_status(flash_sim_open(&sim, path, why), BULLA_OK);
    assert_memory_equal(bytes, sim.bytes, SIZE);
    assert_int_equal(sim.size, SIZE);
    flash_sim_close(&sim);
}

/* kill -9 in the middle of work: what was reported as done is in the file. */
static void test_flash_sim_killed_process_leaves_all_it_did(void **unused)
{
    (void)unused;
    int ready[2];
    char why[FLASH_SIM_WHY_SIZE];
    char byte;
    uint8_t bytes[SIZE];

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct flash_sim sim;
        bool done = flash_sim_create(&sim, path, SIZE, why) == BULLA_OK &&
                    program(&sim, 100, "done", 4) == BULLA_OK && write(ready[1], "x", 1) == 1;
        for (;;)
            done = pause() == 0 && done;
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    read_file(bytes);
    assert_memory_equal(bytes + 100, "done", 4);
}

static void test_flash_sim_second_user_is_refused(void **unused)
{
    (void)unused;
    struct flash_sim first, second;
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_create(&first, path, SIZE, why), BULLA_OK);
    assert_status(flash_sim_open(&second, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "in use by another command"));
    flash_sim_close(&second);
    assert_status(flash_sim_create(&second, NULL, SIZE, why), BULLA_OK);
    assert_status(flash_sim_save(&second, path, true, why), BULLA_E_IO);
    assert_non_null(strstr(why, "in use by another command"));
    flash_sim_close(&first);
    assert_status(flash_sim_save(&second, path, true, why), BULLA_OK);
    flash_sim_close(&second);
}

static void test_flash_sim_bad_files_are_refused_in_words(void **unused)
{
    (void)unused;
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_open(&sim, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "No such file"));
    write_file(0);
    assert_status(flash_sim_open(&sim, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "not 0"));
    write_file(5000);
    assert_status(flash_sim_open(&sim, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "not 5000"));
    write_file((size_t)FLASH_SIM_SIZE_MAX + 4096);
    assert_status(flash_sim_open(&sim, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "at most"));
    assert_status(flash_sim_open(&sim, folder, why), BULLA_E_IO);
    assert_non_null(strstr(why, "directory"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_status(flash_sim_open(&sim, path, why), BULLA_E_IO);
    assert_non_null(strstr(why, "regular file"));
    flash_sim_close(&sim);
}

static void test_flash_sim_existing_file_is_kept_unless_replaced(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    char why[FLASH_SIM_WHY_SIZE];
    uint8_t bytes[SIZE], old[SIZE];

    write_file(SIZE);
    read_file(old);
    assert_status(flash_sim_save(&sim, path, false, why), BULLA_E_IO);
    assert_non_null(strstr(why, "exists already"));
    struct flash_sim made;
    assert_status(flash_sim_create(&made, path, SIZE, why), BULLA_E_IO);
    assert_non_null(strstr(why, "exists already"));
    read_file(bytes);
    assert_memory_equal(bytes, old, SIZE);
    assert_status(program(&sim, 0, "new", 3), BULLA_OK);
    assert_status(flash_sim_save(&sim, path, true, why), BULLA_OK);
    read_file(bytes);
    assert_memory_equal(bytes, sim.bytes, SIZE);
    flash_sim_close(&sim);
}

/* As somebody who may only read it: the child gives root away, for whom every file is writable. */
static int use_unwritable_chip(void)
{
    struct flash_sim sim;
    char why[FLASH_SIM_WHY_SIZE];
    uint8_t byte = 0;

    if (geteuid() == 0 && seteuid(65534) != 0)
        return 1;
    if (flash_sim_open(&sim, path, why) != BULLA_OK)
        return 2;
    const struct bulla_flash *flash = flash_sim_flash(&sim);
    if (flash->read(flash->ctx, 0, &byte, 1) != BULLA_OK || byte != 0xff)
        return 3;
    if (flash->program(flash->ctx, 0, "x", 1) != BULLA_E_FLASH_PROGRAM ||
        flash->erase_sector(flash->ctx, 0) != BULLA_E_FLASH_ERASE)
        return 4;
    return sim.bytes[0] == 0xff ? 0 : 5;
}

static void test_flash_sim_file_that_may_only_be_read_is_readable(void **unused)
{
    (void)unused;
    char why[FLASH_SIM_WHY_SIZE];
    struct flash_sim sim = chip();
    int ended = 0;

    assert_status(flash_sim_save(&sim, path, false, why), BULLA_OK);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(use_unwritable_chip());
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
    flash_sim_close(&sim);
}

static void test_flash_sim_only_a_regular_file_is_replaced(void **unused)
{
    (void)unused;
    char why[FLASH_SIM_WHY_SIZE];
    struct flash_sim sim = chip();

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_status(flash_sim_save(&sim, path, true, why), BULLA_E_IO);
    assert_non_null(strstr(why, "only a regular file is replaced"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/nowhere", path), 0);
    assert_status(flash_sim_save(&sim, path, true, why), BULLA_E_IO);
    assert_non_null(strstr(why, "only a regular file is replaced"));
    assert_int_equal(unlink(path), 0);
    flash_sim_close(&sim);
}

static void test_flash_sim_unwritable_place_leaves_nothing(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    char why[FLASH_SIM_WHY_SIZE];
    char nowhere[128];

    snprintf(nowhere, sizeof(nowhere), "%s/no/chip", folder);
    assert_status(flash_sim_save(&sim, nowhere, false, why), BULLA_E_IO);
    assert_status(flash_sim_save(&sim, nowhere, true, why), BULLA_E_IO);
    assert_non_null(strstr(why, "No such file"));
    /* a folder cannot be replaced by a file; end_group sees what is left beside it */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_status(flash_sim_save(&sim, path, true, why), BULLA_E_IO);
    assert_status(flash_sim_save(&sim, path, false, why), BULLA_E_IO);
    assert_int_equal(rmdir(path), 0);
    flash_sim_close(&sim);
}

static void test_flash_sim_copy_is_independent(void **unused)
{
    (void)unused;
    struct flash_sim sim, copy;
    char why[FLASH_SIM_WHY_SIZE];
    uint8_t bytes[SIZE];

    assert_status(flash_sim_create(&sim, path, SIZE, why), BULLA_OK);
    assert_status(program(&sim, 0, "both", 4), BULLA_OK);
    sim.fault.fail_at = 9;
    assert_status(flash_sim_copy(&copy, &sim, why), BULLA_OK);
    assert_int_equal(copy.fault.fail_at, 0);
    assert_int_equal(copy.operations, 0);
    assert_memory_equal(copy.bytes, sim.bytes, SIZE);
    assert_status(erase(&copy, 0), BULLA_OK);
    assert_memory_equal(sim.bytes, "both", 4);
    read_file(bytes);
    assert_memory_equal(bytes, "both", 4);
    flash_sim_close(&copy);
    flash_sim_close(&sim);
}

/* ---- snapshots ---- */

/* Is this chip, with all that cannot be seen in its bytes, what a copy of the snapshot is? */
static void expect_restored(struct flash_sim *sim, const struct flash_sim *snapshot)
{
    struct flash_sim copy;
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_restore(sim, snapshot), BULLA_OK);
    assert_status(flash_sim_copy(&copy, snapshot, why), BULLA_OK);
    copy.seed = sim->seed;
    assert_int_equal(sim->reads + sim->operations + sim->violations, 0);
    assert_int_equal(sim->bytes_programmed + sim->bytes_reprogrammed + sim->sectors_erased, 0);
    assert_false(sim->dead);
    assert_int_equal(sim->fault.cut_at, 0);
    assert_string_equal(sim->note, "");
    assert_int_equal(sim->unit, snapshot->unit);
    for (uint32_t at = 0; at < sim->size; at += BULLA_SECTOR_SIZE) {
        uint8_t found[2][BULLA_SECTOR_SIZE];

        assert_int_equal(sim->wear[at / BULLA_SECTOR_SIZE], 0);
        assert_status(read_chip(sim, at, found[0], BULLA_SECTOR_SIZE), BULLA_OK);
        assert_status(read_chip(&copy, at, found[1], BULLA_SECTOR_SIZE), BULLA_OK);
        assert_memory_equal(found[0], found[1], BULLA_SECTOR_SIZE);
    }
    for (uint32_t at = 0; at < sim->size; at += 64)
        assert_int_equal(program(sim, at, "\xff", 1), program(&copy, at, "\xff", 1));
    flash_sim_close(&copy);
    assert_status(flash_sim_restore(sim, snapshot), BULLA_OK);
}

static void disturb(struct flash_sim *sim, uint32_t step)
{
    uint32_t offset = step * 0x940 % SIZE / 32 * 32;

    sim->fault = (struct flash_sim_fault){.cut_at = sim->operations + 1 + step % 3,
                                          .cut_bytes = step * 7 % 64,
                                          .cut_garbage = step % 2 == 0,
                                          .cut_unstable = step % 3 == 0};
    for (uint32_t i = 0; i < 4; i++) {
        (void)program(sim, (offset + i * 64) % SIZE, "abcdefghijklmnopqrstuvwxyz", 26);
        (void)erase(sim, (step + i) % 4 * BULLA_SECTOR_SIZE);
    }
}

static void test_flash_sim_restored_chip_is_the_snapshot(void **unused)
{
    (void)unused;
    for (uint32_t unit = 1; unit <= 32; unit *= 2) {
        struct flash_sim base = unit_chip(unit), sim, later;
        char why[FLASH_SIM_WHY_SIZE];

        disturb(&base, 3);
        assert_status(flash_sim_copy(&sim, &base, why), BULLA_OK);
        assert_status(flash_sim_copy(&later, &base, why), BULLA_OK);
        for (uint32_t step = 0; step < 40; step++) {
            disturb(&sim, step);
            if (step % 5 == 0) { /* a snapshot that changes */
                assert_status(flash_sim_restore(&later, &sim), BULLA_OK);
                disturb(&later, step + 1);
            }
            expect_restored(&sim, step % 2 == 0 ? &base : &later);
        }
        flash_sim_close(&base);
        flash_sim_close(&later);
        flash_sim_close(&sim);
    }
}

static void test_flash_sim_restore_undoes_damage_that_is_told(void **unused)
{
    (void)unused;
    struct flash_sim base = chip(), sim;
    char why[FLASH_SIM_WHY_SIZE];

    base.bytes[7] = 1; /* a copy sees all */
    assert_status(flash_sim_copy(&sim, &base, why), BULLA_OK);
    assert_int_equal(sim.bytes[7], 1);
    sim.bytes[0x1fff] = 0;
    sim.bytes[0x2000] = 0;
    flash_sim_touch(&sim, 0x1fff, 2);
    expect_restored(&sim, &base);
    flash_sim_close(&base);
    flash_sim_close(&sim);
}

static void test_flash_sim_restore_of_another_size_is_refused(void **unused)
{
    (void)unused;
    struct flash_sim sim = chip();
    struct flash_sim other = block_chip();
    uint8_t byte;

    assert_status(flash_sim_restore(&sim, &other), BULLA_E_IO);
    assert_non_null(strstr(sim.note, "another size"));
    assert_status(read_chip(&sim, 0, &byte, 1), BULLA_E_FLASH_READ);
    flash_sim_close(&sim);
    flash_sim_close(&other);
}

static void test_flash_sim_restored_file_follows(void **unused)
{
    (void)unused;
    struct flash_sim sim, base;
    char why[FLASH_SIM_WHY_SIZE];
    uint8_t bytes[SIZE];

    assert_status(flash_sim_create(&sim, path, SIZE, why), BULLA_OK);
    assert_status(program(&sim, 0x1234, "before", 6), BULLA_OK);
    assert_status(flash_sim_copy(&base, &sim, why), BULLA_OK);
    assert_status(erase(&sim, 0x1000), BULLA_OK);
    assert_status(flash_sim_restore(&sim, &base), BULLA_OK);
    read_file(bytes);
    assert_memory_equal(bytes, base.bytes, SIZE);
    flash_sim_close(&sim);
    flash_sim_close(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flash_sim_new_chip_is_blank),
        cmocka_unit_test(test_flash_sim_program_clears_bits_only),
        cmocka_unit_test(test_flash_sim_erase_blanks_one_sector),
        cmocka_unit_test(test_flash_sim_outside_or_crooked_is_refused),
        cmocka_unit_test(test_flash_sim_crooked_sizes_are_refused),
        cmocka_unit_test(test_flash_sim_cut_program_leaves_prefix_and_is_dead),
        cmocka_unit_test(test_flash_sim_cut_erase_leaves_rest_or_garbage),
        cmocka_unit_test(test_flash_sim_cut_program_with_garbage_never_sets_bits),
        cmocka_unit_test(test_flash_sim_failing_operation_fails_once),
        cmocka_unit_test(test_flash_sim_failing_read_fails_once),
        cmocka_unit_test(test_flash_sim_lie_stores_otherwise_and_says_done),
        cmocka_unit_test(test_flash_sim_worn_sector_keeps_its_content),
        cmocka_unit_test(test_flash_sim_worn_sector_in_block_keeps_its_content),
        cmocka_unit_test(test_flash_sim_unstable_program_reads_both_ways_until_erased),
        cmocka_unit_test(test_flash_sim_unstable_erase_looks_blank_and_old_by_turns),
        cmocka_unit_test(test_flash_sim_another_seed_reads_unstable_cells_otherwise),
        cmocka_unit_test(test_flash_sim_noise_turns_one_bit_of_every_nth_read),
        cmocka_unit_test(test_flash_sim_unit_is_programmed_once_from_its_start),
        cmocka_unit_test(test_flash_sim_unit_programmed_blank_is_programmed),
        cmocka_unit_test(test_flash_sim_unit_torn_by_a_cut_is_programmed),
        cmocka_unit_test(test_flash_sim_unit_of_a_cut_erase_must_be_erased_again),
        cmocka_unit_test(test_flash_sim_block_is_sixteen_sectors),
        cmocka_unit_test(test_flash_sim_cut_block_erase_stops_within_a_sector),
        cmocka_unit_test(test_flash_sim_restored_chip_is_the_snapshot),
        cmocka_unit_test(test_flash_sim_restore_undoes_damage_that_is_told),
        cmocka_unit_test(test_flash_sim_restore_of_another_size_is_refused),
        cmocka_unit_test_teardown(test_flash_sim_restored_file_follows, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_file_follows_every_operation, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_killed_process_leaves_all_it_did, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_second_user_is_refused, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_bad_files_are_refused_in_words, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_existing_file_is_kept_unless_replaced,
                                  remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_file_that_may_only_be_read_is_readable,
                                  remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_only_a_regular_file_is_replaced, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_unwritable_place_leaves_nothing, remove_chip),
        cmocka_unit_test_teardown(test_flash_sim_copy_is_independent, remove_chip),
    };

    return cmocka_run_group_tests_name("flash_sim", tests, start_group, end_group);
}
