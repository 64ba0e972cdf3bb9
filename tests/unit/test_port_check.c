/* SPDX-License-Identifier: Apache-2.0 */
/* The flash check for porters: sound chips pass, and each kind of broken driver is found out. */

#include "check.h"

#include "check_flash.h"
#include "flash_sim.h"

#define CHIP    0x100000u
#define AT      0x2f000u /* the second sector begins a block */
#define SECTORS 18u
#define PAGE    256u

enum bug {
    NONE,
    WRAPS_PAGES,
    ERASES_NOTHING,
    ERASES_TWO,
    PROGRAMS_NOTHING,
    CUTS_PROGRAMS, /* to whole words */
    CUTS_READS,
    READS_NOTHING,
    ALIGNS_READS,
    ALIGNS_DOWN,
    PADS_WITH_ZERO,
    ERASES_IN_SECRET,
    SHORT_ADDRESS, /* one bit too few */
    MAPS_ELSEWHERE,
    HALF_BLOCK,
    BLOCK_AND_MORE,
};

static struct flash_sim sim;
static enum bug bug;
static struct bulla_flash broken;
static uint8_t buffer[BULLA_SECTOR_SIZE];
static struct bulla_flash_report report;

static const struct bulla_flash *chip(void)
{
    return flash_sim_flash(&sim);
}

static uint32_t where(uint32_t offset)
{
    return bug == SHORT_ADDRESS ? offset % (CHIP / 2) : offset;
}

static enum bulla_status bad_read(void *ctx, uint32_t offset, void *bytes, size_t len)
{
    (void)ctx;
    if (bug == READS_NOTHING)
        return BULLA_OK;
    if (bug == CUTS_READS)
        len -= len % 4;
    if (bug == ALIGNS_READS)
        offset -= offset % 4;
    return chip()->read(chip()->ctx, where(offset), bytes, len);
}

static enum bulla_status put(uint32_t offset, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == 0xff)
            continue;
        enum bulla_status status =
            chip()->program(chip()->ctx, where(offset + (uint32_t)i), bytes + i, 1);
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

/* A sector is read, changed in memory, erased and written anew. */
static enum bulla_status rewrite(uint32_t offset, const uint8_t *bytes, size_t len)
{
    static uint8_t copy[BULLA_SECTOR_SIZE];
    uint32_t sector = offset / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;

    memcpy(copy, sim.bytes + sector, sizeof(copy));
    memcpy(copy + (offset - sector), bytes, len);
    assert_status(chip()->erase_sector(chip()->ctx, sector), BULLA_OK);
    return put(sector, copy, sizeof(copy));
}

static enum bulla_status bad_program(void *ctx, uint32_t offset, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    static const uint8_t zeros[BULLA_FLASH_UNIT_MAX];

    (void)ctx;
    if (bug == PROGRAMS_NOTHING)
        return BULLA_OK;
    if (bug == CUTS_PROGRAMS)
        len -= len % 4;
    if (bug == ALIGNS_DOWN)
        offset -= offset % 4;
    if (bug == ERASES_IN_SECRET)
        return rewrite(offset, bytes, len);
    if (bug == PADS_WITH_ZERO && len % 16 != 0) {
        assert_status(put(offset, bytes, len), BULLA_OK);
        return put(offset + (uint32_t)len, zeros, 16 - len % 16);
    }
    for (size_t i = 0; bug == WRAPS_PAGES && i < len; i++) {
        uint32_t at = offset / PAGE * PAGE + (offset + (uint32_t)i) % PAGE;
        enum bulla_status status = at == offset + i ? put(at, bytes + i, 1) : BULLA_OK;
        if (status != BULLA_OK)
            return status;
    }
    return bug == WRAPS_PAGES ? BULLA_OK : put(offset, bytes, len);
}

static enum bulla_status bad_erase(void *ctx, uint32_t offset)
{
    (void)ctx;
    if (bug == ERASES_NOTHING)
        return BULLA_OK;
    if (bug == ERASES_TWO)
        assert_status(chip()->erase_sector(chip()->ctx, offset + BULLA_SECTOR_SIZE), BULLA_OK);
    return chip()->erase_sector(chip()->ctx, where(offset));
}

static enum bulla_status bad_erase_block(void *ctx, uint32_t offset)
{
    (void)ctx;
    for (uint32_t at = 0; bug == HALF_BLOCK && at < BULLA_BLOCK_SIZE / 2; at += BULLA_SECTOR_SIZE)
        assert_status(chip()->erase_sector(chip()->ctx, offset + at), BULLA_OK);
    if (bug == HALF_BLOCK)
        return BULLA_OK;
    if (bug == BLOCK_AND_MORE)
        assert_status(chip()->erase_sector(chip()->ctx, offset + BULLA_BLOCK_SIZE), BULLA_OK);
    return chip()->erase_block(chip()->ctx, offset);
}

static const uint8_t *bad_map(void *ctx, uint32_t offset, size_t len)
{
    (void)ctx;
    const uint8_t *at = chip()->map(chip()->ctx, offset, len);
    return bug == MAPS_ELSEWHERE ? at - BULLA_SECTOR_SIZE : at;
}

static int set_up(void **state)
{
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    assert_status(flash_sim_create(&sim, NULL, CHIP, why), BULLA_OK);
    for (uint32_t i = 0; i < CHIP; i++)
        sim.bytes[i] = (uint8_t)(i >> 12); /* other content in each sector */
    sim.blocks = true;
    bug = NONE;
    broken = (struct bulla_flash){.read = bad_read,
                                  .program = bad_program,
                                  .erase_sector = bad_erase,
                                  .erase_block = bad_erase_block,
                                  .map = bad_map,
                                  .size = CHIP};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flash_sim_close(&sim);
    return 0;
}

static void assert_fault(enum bug which, enum bulla_flash_fault expected)
{
    bug = which;
    memset(buffer, 0xff, sizeof(buffer)); /* what a read that does nothing would leave */
    memset(sim.bytes + AT, 0x2f, SECTORS * BULLA_SECTOR_SIZE);
    assert_false(bulla_port_check_flash(&broken, AT, SECTORS, buffer, &report));
    assert_int_equal(report.fault, expected);
}

static void test_port_check_sound_chips_pass_and_nothing_else_changes(void **state)
{
    static const uint32_t units[] = {0, 1, 2, 4, 8, 16, 32};
    uint8_t *before = malloc(CHIP);

    (void)state;
    assert_non_null(before);
    memcpy(before, sim.bytes, CHIP);
    memset(before + AT, 0xff, SECTORS * BULLA_SECTOR_SIZE);
    assert_true(bulla_port_check_flash(&broken, AT, SECTORS, buffer, &report)); /* no bug in it */
    assert_int_equal(report.fault, BULLA_FLASH_SOUND);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        sim.unit = units[i];
        if (!bulla_port_check_flash(chip(), AT, SECTORS, buffer, &report))
            fail_msg("unit %u: fault %d at 0x%x: %s", units[i], (int)report.fault, report.offset,
                     sim.note);
        assert_memory_equal(sim.bytes, before, CHIP);
    }
    free(before);
}

static void test_port_check_sectors_at_both_ends_of_the_chip_pass(void **state)
{
    (void)state;
    assert_true(bulla_port_check_flash(chip(), 0, 3, buffer, &report));
    assert_true(bulla_port_check_flash(chip(), CHIP - 3 * BULLA_SECTOR_SIZE, 3, buffer, &report));
    assert_int_equal(sim.violations, 2); /* a second program that would set bits, refused */
}

static void test_port_check_port_without_blocks_and_map_passes(void **state)
{
    (void)state;
    broken.erase_block = NULL;
    broken.map = NULL;
    assert_true(bulla_port_check_flash(&broken, AT, SECTORS, buffer, &report));
}

static void test_port_check_senseless_geometry_is_told_and_nothing_done(void **state)
{
    (void)state;
    broken.unit = 3;
    assert_fault(NONE, BULLA_FLASH_GEOMETRY);
    broken.unit = 64;
    assert_fault(NONE, BULLA_FLASH_GEOMETRY);
    broken.unit = 1;
    broken.size = CHIP - 1;
    assert_fault(NONE, BULLA_FLASH_GEOMETRY);
    broken.size = AT + (SECTORS - 1) * BULLA_SECTOR_SIZE;
    assert_fault(NONE, BULLA_FLASH_GEOMETRY);
    assert_false(bulla_port_check_flash(chip(), AT, 2, buffer, &report));
    assert_false(bulla_port_check_flash(chip(), AT + 1, 3, buffer, &report));
    assert_false(bulla_port_check_flash(chip(), UINT32_MAX / 4096 * 4096, 3, buffer, &report));
    assert_int_equal(sim.operations, 0);
}

static void test_port_check_each_broken_driver_is_found_out(void **state)
{
    (void)state;
    assert_fault(WRAPS_PAGES, BULLA_FLASH_PROGRAM);
    assert_fault(ERASES_NOTHING, BULLA_FLASH_NOT_BLANK);
    assert_fault(ERASES_TWO, BULLA_FLASH_NEIGHBOUR);
    assert_fault(PROGRAMS_NOTHING, BULLA_FLASH_PROGRAM);
    assert_fault(CUTS_PROGRAMS, BULLA_FLASH_ODD);
    assert_fault(CUTS_READS, BULLA_FLASH_ODD);
    assert_fault(READS_NOTHING, BULLA_FLASH_NOT_BLANK);
    assert_fault(ALIGNS_READS, BULLA_FLASH_ODD);
    broken.unit = 4; /* all that the core asks for begins at multiples of it, but not all reads */
    assert_fault(ALIGNS_READS, BULLA_FLASH_ODD);
    broken.unit = 1;
    assert_fault(SHORT_ADDRESS, BULLA_FLASH_ALIAS);
    assert_fault(ERASES_IN_SECRET, BULLA_FLASH_BITS);
    assert_fault(MAPS_ELSEWHERE, BULLA_FLASH_MAP);
    assert_fault(HALF_BLOCK, BULLA_FLASH_BLOCK);
    assert_fault(BLOCK_AND_MORE, BULLA_FLASH_BLOCK);
    broken.unit = 16;
    assert_fault(PADS_WITH_ZERO, BULLA_FLASH_UNIT);
}

/* An offset rounded down programs a byte twice, which the chip refuses. */
static void test_port_check_errors_of_calls_are_told(void **state)
{
    (void)state;
    assert_fault(ALIGNS_DOWN, BULLA_FLASH_FAILED);
    assert_int_equal(report.status, BULLA_E_FLASH_PROGRAM);
    sim.fault.fail_at = sim.operations + 1;
    assert_fault(NONE, BULLA_FLASH_FAILED);
    assert_int_equal(report.status, BULLA_E_FLASH_ERASE);
    assert_int_equal(report.offset, AT);
    sim.fault.fail_read_at = sim.reads + 1;
    assert_fault(NONE, BULLA_FLASH_FAILED);
    assert_int_equal(report.status, BULLA_E_FLASH_READ);
}

/* Whichever call fails: it is told, not passed over. */
static void test_port_check_any_failing_call_is_told(void **state)
{
    uint32_t operations, reads;

    (void)state;
    sim.operations = sim.reads = 0;
    assert_true(bulla_port_check_flash(chip(), AT, 3, buffer, &report));
    operations = sim.operations;
    reads = sim.reads;
    uint32_t told = 0;
    for (uint32_t i = 1; i <= operations; i++) {
        sim.operations = 0;
        sim.fault = (struct flash_sim_fault){.fail_at = i};
        told += !bulla_port_check_flash(chip(), AT, 3, buffer, &report);
    }
    assert_int_equal(told, operations); /* the second program of a byte is refused, not counted */
    for (uint32_t i = 1; i <= reads; i++) {
        sim.reads = 0;
        sim.fault = (struct flash_sim_fault){.fail_read_at = i};
        assert_false(bulla_port_check_flash(chip(), AT, 3, buffer, &report));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_port_check_sound_chips_pass_and_nothing_else_changes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_sectors_at_both_ends_of_the_chip_pass,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_port_without_blocks_and_map_passes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_senseless_geometry_is_told_and_nothing_done,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_each_broken_driver_is_found_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_errors_of_calls_are_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_port_check_any_failing_call_is_told, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
