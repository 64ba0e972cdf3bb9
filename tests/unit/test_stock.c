/* SPDX-License-Identifier: Apache-2.0 */
/* The model of a stock ESP-IDF against what ESP-IDF itself did: every row of the fixture tables.
 * The model is a judge of the client, so nothing of the client is used here but the flash. */

#include "check.h"

#include "fixture.h"
#include "flash_sim.h"
#include "stock.h"

#define FOLDER     "fixtures/esp/otadata"
#define IMAGES     "fixtures/esp/app"
#define FLASH_SIZE 0x40000u
#define OTADATA_AT 0xd000u
#define SLOT_AT    0x10000u
#define SLOT_SIZE  0x20000u
#define SECTOR     0x1000u

static struct flash_sim sim;
static struct stock stock;

static bool is_listed(void *ctx, int32_t slot)
{
    return strchr(ctx, slot == STOCK_FACTORY ? 'F' : '0' + (char)slot) != NULL;
}

static int set_up(void **state)
{
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    assert_status(flash_sim_create(&sim, NULL, FLASH_SIZE, why), BULLA_OK);
    stock = (struct stock){.flash = flash_sim_flash(&sim),
                           .otadata = OTADATA_AT,
                           .slot_count = 2,
                           .rollback = true,
                           .loads = is_listed,
                           .ctx = "01F"};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flash_sim_close(&sim);
    return 0;
}

static void lay_file(const char *folder, const char *name, uint32_t offset)
{
    size_t len = 0;
    char *bytes = fixture_read(folder, name, &len);

    memset(sim.bytes, 0xff, sim.size);
    memset(sim.wear, 0, sim.size / SECTOR * sizeof(*sim.wear));
    memcpy(sim.bytes + offset, bytes, len);
    free(bytes);
}

static void lay_record(uint32_t index, uint32_t seq, uint32_t record_state)
{
    uint8_t *at = sim.bytes + OTADATA_AT + index * SECTOR;
    uint32_t words[2] = {record_state, stock_crc(seq)};

    memset(at, 0xff, SECTOR);
    memcpy(at, &seq, 4);
    memcpy(at + 24, words, 8);
}

static void assert_record(uint32_t index, uint32_t seq, uint32_t record_state)
{
    struct stock_record record[2];

    assert_true(stock_read(&stock, record));
    assert_int_equal(record[index].seq, seq);
    assert_int_equal(record[index].state, record_state);
}

/* "erases of s0,s1", then seq, state and crc of both */
static void assert_row(char *columns[])
{
    struct stock_record record[2];
    char erases[16];

    snprintf(erases, sizeof(erases), "%u,%u", (unsigned)sim.wear[OTADATA_AT / SECTOR],
             (unsigned)sim.wear[OTADATA_AT / SECTOR + 1]);
    assert_string_equal(erases, columns[0]);
    assert_true(stock_read(&stock, record));
    for (unsigned i = 0; i < 2; i++) {
        bool whole = record[i].crc == stock_crc(record[i].seq);
        assert_int_equal(record[i].seq, strtoul(columns[1 + 3 * i], NULL, 0));
        assert_int_equal(record[i].state, strtoul(columns[2 + 3 * i], NULL, 0));
        assert_string_equal(whole ? "ok" : "bad", columns[3 + 3 * i]);
    }
}

static void take_columns(char *columns[])
{
    lay_file(FOLDER, columns[0], OTADATA_AT);
    stock.rollback = columns[1][0] == '1';
    stock.slot_count = (uint32_t)strtoul(columns[2], NULL, 0);
}

static void test_stock_boots_every_fixture_as_esp_idf_did(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_boot.tsv", &len), *rest = text, *c[14];
    unsigned rows = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 14)); /* heading */
    for (; fixture_row(&rest, c, 14); rows++) {
        bool initial = false;
        take_columns(c);
        stock.has_factory = c[3][0] == '1';
        stock.ctx = c[4];
        assert_int_equal(stock_select(&stock, &initial), atol(c[5]));
        take_columns(c);
        assert_int_equal(stock_boot(&stock), atol(c[6]));
        assert_row(c + 7);
    }
    assert_int_equal(rows, 300);
    free(text);
}

static uint32_t call(const char *operation, bool old)
{
    const char *slot = strstr(operation, "set_boot_partition(ota_");

    if (slot != NULL)
        return stock_set_boot(&stock, atoi(slot + strlen("set_boot_partition(ota_")), old);
    if (strstr(operation, "mark_app_valid") != NULL)
        return stock_mark_valid(&stock);
    assert_non_null(strstr(operation, "mark_app_invalid"));
    return stock_mark_invalid(&stock);
}

static void test_stock_calls_change_every_fixture_as_esp_idf_did(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_ops.tsv", &len), *rest = text, *c[14];
    unsigned rows = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 14));
    stock.ctx = "012F";
    for (; fixture_row(&rest, c, 14); rows++) {
        take_columns(c);
        stock.has_factory = c[3][0] == '1';
        assert_int_equal(call(c[5], false), strtoul(c[6], NULL, 0));
        assert_row(c + 7);
    }
    assert_int_equal(rows, 390);
    free(text);
}

static void test_stock_calls_of_old_releases_change_what_they_changed(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_ops_idf_v5.5_and_older.tsv", &len);
    char *rest = text, *c[12];
    unsigned rows = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 12));
    stock.ctx = "012F";
    for (; fixture_row(&rest, c, 12); rows++) {
        take_columns(c);
        assert_int_equal(call(c[3], true), strtoul(c[4], NULL, 0));
        assert_row(c + 5);
    }
    assert_int_equal(rows, 56);
    free(text);
}

static void test_stock_crc_is_esp_idfs(void **state)
{
    static const uint32_t known[][2] = {
        {0, 0xffffffff},     {1, 0x4743989a},          {2, 0x55f63774},          {6, 0xda94a023},
        {65536, 0xe6e4cebe}, {0x7fffffff, 0xccfc5c3c}, {0xfffffffe, 0x99f8b879},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(stock_crc(known[i][0]), known[i][1]);
}

/* Every row but those of chip revisions and address ranges, which the model does not know. */
static void test_stock_loads_the_images_that_esp_idf_verified(void **state)
{
    size_t len = 0;
    char *text = fixture_read(IMAGES, "expected.tsv", &len), *rest = text, *c[4];
    unsigned rows = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 4));
    while (fixture_row(&rest, c, 4)) {
        if (strcmp(c[0], "m_min_rev_900.bin") == 0)
            continue;
        bool expected = strstr(c[3], "app-verify=ok") != NULL;
        uint16_t chip_id = strcmp(c[0], "sc3.bin") == 0 ? 5 : 0;
        lay_file(IMAGES, c[0], SLOT_AT);
        if (stock_image_loads(stock.flash, SLOT_AT, SLOT_SIZE, chip_id) != expected)
            fail_msg("%s: ESP-IDF says %s", c[0], expected ? "ok" : "no");
        rows++;
    }
    assert_int_equal(rows, 22);
    free(text);
}

static void test_stock_image_longer_than_its_slot_does_not_load(void **state)
{
    (void)state;
    lay_file(IMAGES, "se32_1.0.0.bin", SLOT_AT);
    for (uint32_t size = 0; size < 448; size++)
        assert_false(stock_image_loads(stock.flash, SLOT_AT, size, 0));
    assert_true(stock_image_loads(stock.flash, SLOT_AT, 448, 0));
}

static void test_stock_load_goes_down_to_the_factory_app_and_then_up(void **state)
{
    static const struct {
        const char *loading;
        int32_t slot;
    } cases[] = {{"0123F", 2},          {"013F", 1}, {"03F", 0},
                 {"3F", STOCK_FACTORY}, {"3", 3},    {"", STOCK_NONE}};

    (void)state;
    stock.slot_count = 4;
    stock.has_factory = true;
    lay_record(0, 3, STOCK_VALID);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        stock.ctx = (void *)(uintptr_t)cases[i].loading;
        assert_int_equal(stock_boot(&stock), cases[i].slot);
    }
    stock.otadata = 0; /* a table without otadata starts the factory app */
    stock.ctx = "0F";
    assert_int_equal(stock_boot(&stock), STOCK_FACTORY);
}

static void test_stock_begin_takes_the_record_of_the_slot_it_will_overwrite(void **state)
{
    (void)state;
    lay_record(0, 1, STOCK_VALID);
    lay_record(1, 2, STOCK_VALID);
    assert_int_equal(stock_begin(&stock, 1, 1), STOCK_E_CONFLICT);
    assert_int_equal(stock_begin(&stock, 1, 0), STOCK_OK);
    assert_record(0, 0xffffffff, STOCK_UNDEFINED);
    assert_record(1, 2, STOCK_VALID);
    lay_record(1, 2, STOCK_PENDING);
    assert_int_equal(stock_begin(&stock, 1, 0), STOCK_E_ROLLBACK_INVALID_NOW);
    lay_record(0, 1, STOCK_VALID);
    assert_int_equal(stock_begin(&stock, 0, 1), STOCK_OK); /* of the idle record's slot: runs */
    assert_record(0, 1, STOCK_VALID);
    stock.rollback = false;
    assert_int_equal(stock_begin(&stock, 1, 0), STOCK_OK);
    assert_record(0, 1, STOCK_VALID);
}

static void test_stock_set_boot_of_factory_erases_both_records(void **state)
{
    (void)state;
    stock.has_factory = true;
    lay_record(0, 1, STOCK_VALID);
    lay_record(1, 2, STOCK_VALID);
    assert_int_equal(stock_set_boot(&stock, STOCK_FACTORY, false), STOCK_OK);
    assert_record(0, 0xffffffff, STOCK_UNDEFINED);
    assert_record(1, 0xffffffff, STOCK_UNDEFINED);
    assert_int_equal(stock_boot(&stock), STOCK_FACTORY);
}

static void test_stock_power_cut_inside_a_write_leaves_what_arrived(void **state)
{
    (void)state;
    lay_record(0, 1, STOCK_VALID);
    lay_record(1, 2, STOCK_NEW);
    sim.fault.cut_at = 2; /* the program that follows the erase */
    sim.fault.cut_bytes = 28;
    stock_boot(&stock);
    flash_sim_power_on(&sim);
    assert_record(1, 2, STOCK_PENDING);
    assert_int_equal(stock_boot(&stock), 0); /* without its CRC it is no record */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stock_boots_every_fixture_as_esp_idf_did, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stock_calls_change_every_fixture_as_esp_idf_did,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stock_calls_of_old_releases_change_what_they_changed,
                                        set_up, tear_down),
        cmocka_unit_test(test_stock_crc_is_esp_idfs),
        cmocka_unit_test_setup_teardown(test_stock_loads_the_images_that_esp_idf_verified, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stock_image_longer_than_its_slot_does_not_load, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stock_load_goes_down_to_the_factory_app_and_then_up,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_stock_begin_takes_the_record_of_the_slot_it_will_overwrite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stock_set_boot_of_factory_erases_both_records, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stock_power_cut_inside_a_write_leaves_what_arrived,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
