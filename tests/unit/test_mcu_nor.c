/* SPDX-License-Identifier: Apache-2.0 */
/* The SPI NOR driver of the firmware against a chip that does what data sheets say, and less. */

#include "check.h"

#include "board.h"
#include "bulla/limits.h"
#include "nor.h"

#define CHIP_SIZE  0x40000u
#define PAGE       256u
#define ERASE_MS   400u
#define PROGRAM_MS 3u

#define BUSY          0x01u
#define WRITE_ENABLED 0x02u

static struct {
    uint8_t bytes[CHIP_SIZE];
    uint8_t id[3];
    uint64_t now;
    uint64_t busy_until;
    bool write_enabled;
    bool protected; /* takes no write enable */
    bool stuck;     /* never ready again */
    bool hangs;     /* is stuck after the next change */
    bool asleep;    /* hears how to wake only */
    bool long_addresses;
    bool resetting; /* the first half of it was said */
    bool absent;    /* the bus gives what `id` begins with */
    uint32_t programs;
    uint32_t erases;
    uint32_t longest; /* bytes of one transfer */
    uint32_t unheard; /* commands while it was busy, changes without a write enable */
} chip;

static struct bulla_flash flash;

const uint32_t board_nor_size = CHIP_SIZE;

uint64_t board_now_ms(void)
{
    return chip.now++;
}

static bool is_busy(void)
{
    return chip.stuck || chip.now < chip.busy_until;
}

static void program(uint32_t at, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) /* at the end of the page it goes on at its start */
        chip.bytes[at / PAGE * PAGE + (at + i) % PAGE] &= bytes[i];
    chip.programs++;
    chip.busy_until = chip.now + PROGRAM_MS;
}

static void erase(uint32_t at, uint32_t size)
{
    memset(chip.bytes + at / size * size, 0xff, size);
    chip.erases++;
    chip.busy_until = chip.now + ERASE_MS;
}

static void change(const uint8_t *command, const uint8_t *bytes, size_t len)
{
    uint32_t at = (uint32_t)command[1] << 16 | (uint32_t)command[2] << 8 | command[3];

    if (!chip.write_enabled) {
        chip.unheard++;
        return;
    }
    chip.write_enabled = false;
    assert_true(at < CHIP_SIZE);
    if (command[0] == 0x02)
        program(at, bytes, len);
    else
        erase(at, command[0] == 0x20 ? BULLA_SECTOR_SIZE : BULLA_BLOCK_SIZE);
    chip.stuck = chip.hangs;
}

/* What a chip of some maker may have to be told after a reset of the processor. */
static bool is_revived(uint8_t command)
{
    bool reset = command == 0x99 && chip.resetting;

    chip.resetting = command == 0x66;
    if (command == 0xab)
        chip.asleep = false;
    if (command == 0xe9 || reset)
        chip.long_addresses = false;
    return command == 0xab || command == 0xe9 || command == 0x66 || command == 0x99;
}

static void answer(uint8_t *in, int byte, size_t len)
{
    if (len > 0) /* `in` may be NULL else */
        memset(in, byte, len);
}

void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len)
{
    if (command_len + len + in_len > chip.longest)
        chip.longest = (uint32_t)(command_len + len + in_len);
    if (chip.absent)
        answer(in, chip.id[0], in_len);
    else if ((chip.asleep || !is_busy()) && is_revived(command[0]))
        return;
    else if (chip.asleep)
        answer(in, 0xff, in_len);
    else if (command[0] == 0x05)
        answer(in, (is_busy() ? BUSY : 0) | (chip.write_enabled ? WRITE_ENABLED : 0), in_len);
    else if (is_busy()) /* it hears nothing else */
        chip.unheard += command[0] != 0xab;
    else if (command[0] == 0x06)
        chip.write_enabled = !chip.protected;
    else if (command[0] == 0x9f)
        memcpy(in, chip.id, in_len);
    else if (command[0] == 0x03 && chip.long_addresses)
        memset(in, 0xaa, in_len);
    else if (command[0] == 0x03)
        memcpy(in,
               chip.bytes + ((uint32_t)command[1] << 16 | (uint32_t)command[2] << 8 | command[3]),
               in_len);
    else
        change(command, bytes, len);
}

static int set_up(void **state)
{
    (void)state;
    memset(&chip, 0, sizeof(chip));
    memset(chip.bytes, 0xff, sizeof(chip.bytes));
    memcpy(chip.id, (const uint8_t[]){0x9d, 0x70, 0x18}, sizeof(chip.id));
    assert_status(nor_open(&flash), BULLA_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(chip.unheard, 0);
    return 0;
}

static void test_mcu_nor_opened_tells_its_size(void **state)
{
    (void)state;
    assert_int_equal(flash.size, CHIP_SIZE);
}

static void assert_not_opened(uint8_t maker, uint8_t capacity, bool absent)
{
    chip.id[0] = maker;
    chip.id[2] = capacity;
    chip.absent = absent;
    assert_status(nor_open(&flash), BULLA_E_FLASH_READ);
    assert_null(flash.read);
}

static void test_mcu_nor_without_a_chip_is_not_opened(void **state)
{
    (void)state;
    assert_not_opened(0xff, 0x18, true);
    assert_not_opened(0x00, 0x18, true);
}

static void test_mcu_nor_answer_that_no_maker_gives_is_not_opened(void **state)
{
    (void)state;
    assert_not_opened(0x00, 0x18, false);
    assert_not_opened(0xff, 0x18, false);
}

static void test_mcu_nor_smaller_than_the_board_says_is_not_opened(void **state)
{
    (void)state;
    assert_not_opened(0x9d, 0x11, false); /* 128 KiB */
    assert_not_opened(0x9d, 0x0f, false);
    assert_not_opened(0x9d, 0x21, false);
}

/* A reset of the processor is none of the chip. */
static void test_mcu_nor_erasing_since_before_the_reset_is_waited_for(void **state)
{
    (void)state;
    chip.busy_until = chip.now + 700;
    assert_status(nor_open(&flash), BULLA_OK);
    assert_true(chip.now >= chip.busy_until);
}

static void test_mcu_nor_left_asleep_is_woken(void **state)
{
    (void)state;
    chip.asleep = true;
    assert_status(nor_open(&flash), BULLA_OK);
}

static void test_mcu_nor_left_with_long_addresses_is_read_right(void **state)
{
    uint8_t byte = 0;

    (void)state;
    chip.bytes[5] = 0x17;
    chip.long_addresses = true;
    assert_status(nor_open(&flash), BULLA_OK);
    assert_status(flash.read(flash.ctx, 5, &byte, 1), BULLA_OK);
    assert_int_equal(byte, 0x17);
}

/* A program that was given up may still go on: the chip would answer with anything. */
static void test_mcu_nor_that_is_busy_is_not_read(void **state)
{
    uint8_t byte;

    (void)state;
    chip.busy_until = chip.now + ERASE_MS;
    assert_status(flash.read(flash.ctx, 0, &byte, 1), BULLA_E_FLASH_READ);
    chip.now = chip.busy_until;
    assert_status(flash.read(flash.ctx, 0, &byte, 1), BULLA_OK);
}

static void test_mcu_nor_program_ends_at_each_page(void **state)
{
    uint8_t bytes[600];
    uint8_t back[600];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_status(flash.program(flash.ctx, 0x12f0, bytes, sizeof(bytes)), BULLA_OK);
    assert_int_equal(chip.programs, 4);
    assert_memory_equal(chip.bytes + 0x12f0, bytes, sizeof(bytes));
    assert_int_equal(chip.bytes[0x12ef], 0xff);
    assert_int_equal(chip.bytes[0x12f0 + sizeof(bytes)], 0xff);
    assert_status(flash.read(flash.ctx, 0x12f0, back, sizeof(back)), BULLA_OK);
    assert_memory_equal(back, bytes, sizeof(bytes));
}

/* What SPI controllers count in one go has its bounds. */
static void test_mcu_nor_long_read_is_several_transfers(void **state)
{
    static uint8_t back[3 * BULLA_SECTOR_SIZE + 5];

    (void)state;
    for (uint32_t i = 0; i < CHIP_SIZE; i++)
        chip.bytes[i] = (uint8_t)(i >> 4 ^ i);
    assert_status(flash.read(flash.ctx, 0x777, back, sizeof(back)), BULLA_OK);
    assert_memory_equal(back, chip.bytes + 0x777, sizeof(back));
    assert_true(chip.longest <= 4 + BULLA_SECTOR_SIZE);
}

static void test_mcu_nor_erase_takes_its_sector_or_block_only(void **state)
{
    (void)state;
    memset(chip.bytes, 0, sizeof(chip.bytes));
    assert_status(flash.erase_sector(flash.ctx, 0x3000), BULLA_OK);
    assert_status(flash.erase_block(flash.ctx, 0x20000), BULLA_OK);
    assert_int_equal(chip.erases, 2);
    for (uint32_t i = 0; i < CHIP_SIZE; i++) {
        bool erased = (i >= 0x3000 && i < 0x4000) || (i >= 0x20000 && i < 0x30000);
        assert_int_equal(chip.bytes[i], erased ? 0xff : 0);
    }
}

static void test_mcu_nor_beyond_its_end_nothing_is_sent(void **state)
{
    uint8_t bytes[16] = {0};
    uint64_t before = chip.now;

    (void)state;
    assert_status(flash.read(flash.ctx, CHIP_SIZE - 8, bytes, 16), BULLA_E_FLASH_READ);
    assert_status(flash.read(flash.ctx, UINT32_MAX, bytes, 16), BULLA_E_FLASH_READ);
    assert_status(flash.program(flash.ctx, CHIP_SIZE - 8, bytes, 16), BULLA_E_FLASH_PROGRAM);
    assert_status(flash.erase_sector(flash.ctx, CHIP_SIZE), BULLA_E_FLASH_ERASE);
    assert_status(flash.erase_block(flash.ctx, CHIP_SIZE - 0x8000), BULLA_E_FLASH_ERASE);
    assert_int_equal(chip.programs + chip.erases, 0);
    assert_int_equal(chip.now, before);
}

static void test_mcu_nor_erase_within_a_sector_is_refused(void **state)
{
    (void)state;
    assert_status(flash.erase_sector(flash.ctx, 0x3100), BULLA_E_FLASH_ERASE);
    assert_status(flash.erase_block(flash.ctx, 0x21000), BULLA_E_FLASH_ERASE);
    assert_int_equal(chip.erases, 0);
}

static void test_mcu_nor_protected_is_told_and_not_written(void **state)
{
    const uint8_t byte = 0;

    (void)state;
    chip.protected = true;
    assert_status(flash.program(flash.ctx, 0, &byte, 1), BULLA_E_FLASH_PROGRAM);
    assert_status(flash.erase_sector(flash.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_int_equal(chip.programs + chip.erases, 0);
}

static void test_mcu_nor_that_never_gets_ready_is_given_up(void **state)
{
    const uint8_t byte = 0;
    const struct bulla_flash opened = flash;

    (void)state;
    chip.stuck = true;
    assert_status(opened.program(opened.ctx, 0, &byte, 1), BULLA_E_FLASH_PROGRAM);
    assert_status(opened.erase_sector(opened.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_status(opened.erase_block(opened.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_status(nor_open(&flash), BULLA_E_FLASH_READ);
    assert_true(chip.now < 20000);
    chip.unheard = 0; /* the write enables */
}

static void test_mcu_nor_erase_and_program_are_waited_for(void **state)
{
    const uint8_t byte = 0;

    (void)state;
    assert_status(flash.erase_sector(flash.ctx, 0), BULLA_OK);
    assert_true(chip.now >= chip.busy_until);
    assert_status(flash.program(flash.ctx, 0, &byte, 1), BULLA_OK);
    assert_true(chip.now >= chip.busy_until);
    assert_int_equal(chip.programs + chip.erases, 2);
}

/* It takes the command, and then never gets ready. */
static void test_mcu_nor_that_hangs_in_an_operation_is_told(void **state)
{
    const uint8_t byte = 0;

    (void)state;
    chip.hangs = true;
    assert_status(flash.program(flash.ctx, 0, &byte, 1), BULLA_E_FLASH_PROGRAM);
    assert_int_equal(chip.programs, 1);
    chip.stuck = false;
    chip.busy_until = 0;
    assert_status(flash.erase_sector(flash.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_int_equal(chip.erases, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mcu_nor_opened_tells_its_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_without_a_chip_is_not_opened, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_answer_that_no_maker_gives_is_not_opened,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_smaller_than_the_board_says_is_not_opened,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_erasing_since_before_the_reset_is_waited_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_left_asleep_is_woken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_left_with_long_addresses_is_read_right, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_that_is_busy_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_program_ends_at_each_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_long_read_is_several_transfers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_erase_takes_its_sector_or_block_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_beyond_its_end_nothing_is_sent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_erase_within_a_sector_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_protected_is_told_and_not_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_that_never_gets_ready_is_given_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_erase_and_program_are_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_nor_that_hangs_in_an_operation_is_told, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("mcu_nor", tests, NULL, NULL);
}
