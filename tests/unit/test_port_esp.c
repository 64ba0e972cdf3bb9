/* SPDX-License-Identifier: Apache-2.0 */
/* What client_fw/port/esp-idf adds to the core, over the stand-ins of tests/port/esp_idf_host: here
 * alone a mock takes a real part's place, as no ESP-IDF can be had. */

#include "check.h"

#include "bench.h"
#include "bulla_esp.h"
#include "fakes.h"
#include "fixture.h"
#include "freertos/task.h"

#include <setjmp.h>

static struct bench bench;
static struct bulla_esp esp;
static struct bulla_bytes app;
static struct seal_buffer trust;
static jmp_buf restarted;

static int load_all(void **state)
{
    (void)state;
    app.data = (const uint8_t *)fixture_read("fixtures/esp/app", "se32_1.0.0.bin", &app.len);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    free((void *)(uintptr_t)app.data);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    bench_provision(&bench, BENCH_FACTORY, BULLA_FORMAT_ESP, app, 1);
    seal_trust(&bench.key, &trust);
    memset(&esp, 0, sizeof(esp));
    fakes = (struct fakes){.sim = &bench.sim};
    fakes_lose_power();
    fakes_run_from(BENCH_FIRST_SLOT, BULLA_SLOT_FACTORY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seal_buffer_free(&trust);
    bench_close(&bench);
    return 0;
}

/* ---- flash, open ---- */

static void test_port_esp_flash_errors_are_told_as_such(void **state)
{
    uint8_t bytes[16] = {0};
    struct bulla_flash flash;

    (void)state;
    assert_status(bulla_esp_flash(&flash), BULLA_OK);
    assert_int_equal(flash.size, bench.sim.size);
    fakes.no_flash = true;
    assert_status(flash.read(flash.ctx, 0, bytes, 16), BULLA_E_FLASH_READ);
    assert_status(flash.program(flash.ctx, 0, bytes, 16), BULLA_E_FLASH_PROGRAM);
    assert_status(flash.erase_sector(flash.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_status(flash.erase_block(flash.ctx, 0), BULLA_E_FLASH_ERASE);
    assert_status(bulla_esp_flash(&flash), BULLA_E_FLASH_READ);
}

static void test_port_esp_sector_and_block_are_erased_as_asked(void **state)
{
    struct bulla_flash flash;

    (void)state;
    assert_status(bulla_esp_flash(&flash), BULLA_OK);
    memset(bench.sim.bytes, 0, bench.sim.size);
    uint64_t before = bench.sim.sectors_erased;
    assert_status(flash.erase_sector(flash.ctx, 0x1000), BULLA_OK);
    assert_int_equal(bench.sim.sectors_erased, before + 1);
    assert_status(flash.erase_block(flash.ctx, 0x10000), BULLA_OK);
    assert_int_equal(bench.sim.sectors_erased, before + 17);
    assert_int_equal(bench.sim.bytes[0x1fff], 0xff);
    assert_int_equal(bench.sim.bytes[0x2000], 0);
    assert_int_equal(bench.sim.bytes[0x1ffff], 0xff);
    assert_int_equal(bench.sim.bytes[0x20000], 0);
}

static void test_port_esp_encrypted_flash_is_refused(void **state)
{
    (void)state;
    fakes.encrypted = true;
    assert_status(bulla_esp_open(&esp), BULLA_E_USAGE);
}

static void test_port_esp_slot_that_runs_is_known_by_its_address(void **state)
{
    (void)state;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.executing, BULLA_SLOT_FACTORY);
    for (int32_t slot = 0; slot < 2; slot++) {
        fakes_run_from(bench_slot(&bench, slot), slot);
        assert_status(bulla_esp_open(&esp), BULLA_OK);
        assert_int_equal(esp.client.executing, slot);
    }
}

static void test_port_esp_code_outside_of_the_slots_may_not_update(void **state)
{
    (void)state;
    fakes.runs_from_nowhere = true;
    assert_status(bulla_esp_open(&esp), BULLA_E_SLOT_UNKNOWN);
    fakes_run_from(0x1000, 0);
    assert_status(bulla_esp_open(&esp), BULLA_E_SLOT_UNKNOWN);
}

static void test_port_esp_update_that_does_not_begin_leaves_no_old_result(void **state)
{
    (void)state;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    esp.result.sequence = 7;
    assert_status(bulla_esp_update(&esp, "http://updates.example/app.suit"), BULLA_E_URL);
    assert_int_equal(esp.result.sequence, 0);
}

/* ---- floor ---- */

static void test_port_esp_floor_is_the_higher_of_state_and_fuses(void **state)
{
    (void)state;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.floor, 0);
    assert_status(bulla_state_put_floor(&esp.client.state, 3), BULLA_OK);
    fakes.fuses = 2;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.floor, 3);
    fakes.fuses = 5;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.floor, 5);
}

static void test_port_esp_fuses_are_burned_once_and_never_back(void **state)
{
    (void)state;
    fakes.fuses = 2;
    fakes.app.secure_version = 9;
    assert_status(bulla_esp_raise_floor(1), BULLA_OK);
    assert_status(bulla_esp_raise_floor(2), BULLA_OK);
    assert_int_equal(fakes.burned, 0);
    assert_status(bulla_esp_raise_floor(4), BULLA_OK);
    assert_int_equal(fakes.fuses, 4);
    assert_int_equal(fakes.burned, 1);
    fakes.fuses_fail = true;
    assert_status(bulla_esp_raise_floor(5), BULLA_E_IO);
}

/* A record in flash has no seal, and a fuse is for ever. */
static void test_port_esp_fuses_do_not_rise_above_the_app_that_runs(void **state)
{
    (void)state;
    fakes.app.secure_version = 3;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_status(bulla_state_put_floor(&esp.client.state, 32), BULLA_OK);
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.floor, 32);
    assert_status(bulla_esp_keep(&esp, "https://updates.example/app.suit"), BULLA_OK);
    assert_int_equal(fakes.fuses, 3);
    fakes.app.secure_version = 0;
    assert_status(bulla_esp_keep(&esp, "https://updates.example/app.suit"), BULLA_OK);
    assert_int_equal(fakes.fuses, 3);
}

static void test_port_esp_more_than_fuses_can_count_is_told_apart(void **state)
{
    (void)state;
    fakes.app.secure_version = FAKES_FUSES + 1;
    assert_status(bulla_esp_raise_floor(FAKES_FUSES + 1), BULLA_E_USAGE);
    assert_int_equal(fakes.burned, 0);
    assert_status(bulla_esp_raise_floor(FAKES_FUSES), BULLA_OK);
    assert_int_equal(fakes.fuses, FAKES_FUSES);
}

/* ---- trials that say nothing ---- */

static void restart(void)
{
    longjmp(restarted, 1);
}

static bool restarts_within(uint32_t seconds)
{
    fakes_restart = restart;
    if (setjmp(restarted) != 0)
        return true;
    for (uint32_t i = 0; i < seconds; i++)
        vTaskDelay(pdMS_TO_TICKS(1000));
    return false;
}

static void test_port_esp_guard_ends_a_trial_alone(void **state)
{
    (void)state;
    fakes_run_from(bench_slot(&bench, 0), 0);
    assert_false(bulla_esp_pending());
    assert_status(bulla_esp_guard_trial(60), BULLA_OK);
    assert_false(restarts_within(120));
    fakes.pending = true;
    assert_true(bulla_esp_pending());
    assert_status(bulla_esp_guard_trial(60), BULLA_OK);
    assert_false(restarts_within(59));
    assert_true(restarts_within(1));
    fakes_run_from(BENCH_FIRST_SLOT, BULLA_SLOT_FACTORY); /* it has no record */
    assert_false(bulla_esp_pending());
    fakes.runs_from_nowhere = true;
    assert_false(bulla_esp_pending());
}

static void test_port_esp_guard_ends_with_keep(void **state)
{
    (void)state;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    fakes_run_from(bench_slot(&bench, 0), 0);
    fakes.pending = true;
    assert_status(bulla_esp_guard_trial(60), BULLA_OK);
    assert_status(bulla_esp_keep(&esp, "https://updates.example/app.suit"), BULLA_OK);
    assert_false(restarts_within(120));
}

/* ---- crashes ---- */

static enum bulla_status start_of(uint8_t release, int reason)
{
    int32_t slot = 0;

    fakes.app.app_elf_sha256[0] = release;
    fakes.reset_reason = reason;
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    enum bulla_status status = bulla_esp_count_crash(&esp, &slot);
    assert_int_equal(slot, BULLA_SLOT_NONE); /* there is no other */
    return status;
}

/* That a crash was the last one shows by the attempt to leave. */
static void test_port_esp_crash_is_charged_to_what_crashed(void **state)
{
    (void)state;
    assert_status(start_of(1, ESP_RST_POWERON), BULLA_OK);
    for (unsigned i = 1; i < CONFIG_BULLA_CRASHES_MAX; i++)
        assert_status(start_of(1, ESP_RST_PANIC), BULLA_OK);
    assert_status(start_of(2, ESP_RST_PANIC), BULLA_OK); /* the fall-back of a trial, say */
    for (unsigned i = 1; i < CONFIG_BULLA_CRASHES_MAX; i++)
        assert_status(start_of(2, ESP_RST_PANIC), BULLA_OK);
    assert_status(start_of(2, ESP_RST_SW), BULLA_OK);
    assert_status(start_of(2, ESP_RST_PANIC), BULLA_E_NO_FALLBACK);
}

static void test_port_esp_crash_loop_without_a_fallback_counts_no_failed_trial(void **state)
{
    struct bulla_trial trial;
    bool found = true;

    (void)state;
    for (unsigned i = 0; i < 3 * CONFIG_BULLA_CRASHES_MAX; i++)
        (void)start_of(1, ESP_RST_PANIC);
    assert_status(bulla_state_get_trial(&esp.client.state, &trial, &found), BULLA_OK);
    assert_false(found);
}

static void test_port_esp_only_crashes_are_crashes(void **state)
{
    static const bool expected[16] = {
        [4] = true, [5] = true, [6] = true, [7] = true, [15] = true, /* and nothing else */
    };

    (void)state;
    for (int reason = 0; reason < 16; reason++) {
        fakes.reset_reason = reason;
        assert_int_equal(bulla_esp_crashed(), expected[reason]);
    }
}

/* The release before may have crashed; what has its trial is the bootloader's business. */
static void test_port_esp_crashes_do_not_count_against_a_trial(void **state)
{
    int32_t slot = 0;

    (void)state;
    fakes.reset_reason = ESP_RST_PANIC;
    fakes_run_from(bench_slot(&bench, 0), 0);
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), app.data, app.len);
    bench_record(&bench, 0, 1, BULLA_OTA_PENDING_VERIFY, false);
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_true(bulla_client_in_trial(&esp.client));
    uint32_t operations = bench.sim.operations;
    for (unsigned i = 0; i < 2 * CONFIG_BULLA_CRASHES_MAX; i++) {
        assert_status(bulla_esp_count_crash(&esp, &slot), BULLA_OK);
        assert_int_equal(slot, BULLA_SLOT_NONE);
    }
    assert_int_equal(bench.sim.operations, operations);
}

/* ---- provisioning ---- */

static const struct bulla_esp_product *product(void)
{
    static struct bulla_esp_product p;

    p = (struct bulla_esp_product){.vendor_id = "11111111-1111-1111-1111-111111111111",
                                   .class_id = "22222222-2222-2222-2222-2222222222aB",
                                   .trust = {trust.data, trust.len}};
    return &p;
}

static void erase_state(void)
{
    memset(bench.sim.bytes + bench.client.layout.state.offset, 0xff,
           bench.client.layout.state.size);
}

static void test_port_esp_blank_state_is_provisioned_once(void **state)
{
    (void)state;
    erase_state();
    fakes_run_from(bench_slot(&bench, 1), 1);
    fakes.chip_revision = 301;
    assert_status(bulla_esp_open(&esp), BULLA_E_STATE_EMPTY);
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_status(bulla_esp_open(&esp), BULLA_OK);
    assert_int_equal(esp.client.identity.vendor_id[15], 0x11);
    assert_int_equal(esp.client.identity.class_id[15], 0xab);
    assert_int_equal(esp.client.identity.chip_revision, 301);
    assert_int_equal(esp.client.identity.format, BULLA_FORMAT_ESP);
    assert_memory_equal(esp.client.trust.keys[0].key, bench.key.public_key, BULLA_KEY_SIZE);
    assert_true(bulla_state_has_pair(&esp.client.state, BULLA_RECORD_TRUST));
    uint32_t operations = bench.sim.operations;
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_int_equal(bench.sim.operations, operations);
}

static void assert_head(uint8_t slot, bool expected)
{
    uint8_t head[16];
    size_t len = 1;
    bool found = !expected;

    assert_status(bulla_state_get_head(&esp.client.state, slot, head, sizeof(head), &len, &found),
                  BULLA_OK);
    assert_int_equal(found, expected);
    assert_int_equal(len, 0);
}

static void test_port_esp_only_the_slot_that_runs_counts_as_not_sealed(void **state)
{
    (void)state;
    erase_state();
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_head(BULLA_STATE_SLOT_FACTORY, true);
    assert_head(0, false);
    assert_head(1, false);
    erase_state();
    fakes_run_from(bench_slot(&bench, 1), 1);
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_head(BULLA_STATE_SLOT_FACTORY, false);
    assert_head(1, true);
}

static void test_port_esp_state_of_a_device_is_never_replaced(void **state)
{
    uint8_t *before = bench_snapshot(&bench);

    (void)state;
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_true(bench_same(&bench, before));
    memset(bench.sim.bytes + bench.client.layout.state.offset, 0x5a, 64); /* both halves' heads */
    memset(bench.sim.bytes + bench.client.layout.state.offset + bench.client.layout.state.size / 2,
           0x5a, 64);
    free(before);
    before = bench_snapshot(&bench);
    assert_status(bulla_esp_provision(&esp, product()), BULLA_E_STATE_DAMAGED);
    assert_true(bench_same(&bench, before));
    free(before);
}

/* The first start may lose its power anywhere: the next one begins anew, or finds all of it. */
static void test_port_esp_provisioning_that_was_cut_is_taken_up(void **state)
{
    uint32_t cut = 0;
    bool more = true;

    (void)state;
    while (more) {
        erase_state();
        bench.sim.operations = 0;
        cut++;
        bench.sim.fault = (struct flash_sim_fault){.cut_at = cut, .cut_bytes = cut * 3u};
        more = bulla_esp_provision(&esp, product()) != BULLA_OK;
        flash_sim_power_on(&bench.sim);
        assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
        assert_status(bulla_esp_open(&esp), BULLA_OK);
    }
    assert_true(cut > 4);
}

/* The table says so from now on; one without MD5 is taken as it is. */
static void shrink_state(uint32_t size)
{
    uint8_t *row = bench.sim.bytes + BULLA_PARTITION_TABLE_OFFSET;

    while (row[0] == 0xaa && row[2] != 0x40)
        row += 32;
    assert_int_equal(row[0], 0xaa);
    row[8] = 0;
    row[9] = (uint8_t)(size >> 8);
    row[10] = (uint8_t)(size >> 16);
    while (row[0] == 0xaa)
        row += 32;
    memset(row, 0xff, 32);
}

/* The product with an anchor of this length, from 260 on, in its trust store. */
static const struct bulla_esp_product *product_with(uint16_t anchor)
{
    static uint8_t store[CONFIG_BULLA_TRUST_STORE_SIZE];
    static struct bulla_esp_product p;
    size_t len = trust.len - 1; /* the empty list of anchors is last */
    uint16_t inner = (uint16_t)(anchor - 4);
    const uint8_t head[] = {0x81, 0x59, (uint8_t)(anchor >> 8), (uint8_t)anchor,
                            0x30, 0x82, (uint8_t)(inner >> 8),  (uint8_t)inner};

    p = *product();
    memcpy(store, trust.data, len);
    memcpy(store + len, head, sizeof(head));
    p.trust = (struct bulla_bytes){store, len + sizeof(head) + inner};
    return &p;
}

static void test_port_esp_state_too_small_for_all_it_will_hold_is_refused(void **state)
{
    (void)state;
    erase_state();
    shrink_state(BULLA_STATE_SIZE_MIN);
    uint32_t before = bench.sim.operations;
    assert_status(bulla_esp_provision(&esp, product_with(400)), BULLA_E_STATE_FULL);
    assert_int_equal(bench.sim.operations, before);
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
}

/* Where there is no room for the second copy, one has to do. */
static void test_port_esp_trust_store_is_kept_twice_if_there_is_room(void **state)
{
    struct bulla_esp_product large = *product();
    uint8_t store[CONFIG_BULLA_TRUST_STORE_SIZE] = {0};
    const uint8_t head[] = {0x81, 0x18 | 0x40, 100, 0x30, 98};
    size_t len = trust.len - 1;

    (void)state;
    memcpy(store, trust.data, len);
    memcpy(store + len, head, sizeof(head));
    large.trust = (struct bulla_bytes){store, len + sizeof(head) + 98};
    erase_state();
    shrink_state(BULLA_STATE_SIZE_MIN);
    assert_status(bulla_esp_provision(&esp, &large), BULLA_OK);
    assert_false(bulla_state_has_pair(&esp.client.state, BULLA_RECORD_TRUST));
    erase_state();
    assert_status(bulla_esp_provision(&esp, product()), BULLA_OK);
    assert_true(bulla_state_has_pair(&esp.client.state, BULLA_RECORD_TRUST));
}

static void test_port_esp_product_that_makes_no_sense_is_refused(void **state)
{
    static const char *const ids[] = {"",
                                      "11111111-1111-1111-1111-11111111111",
                                      "11111111-1111-1111-1111-1111111111111",
                                      "1111111111111111111111111111111111111",
                                      "11111111-1111-1111-1111-11111111111g",
                                      "11111111_1111-1111-1111-111111111111"};
    struct bulla_esp_product bad = *product();
    uint32_t before = bench.sim.operations;

    (void)state;
    erase_state();
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        bad.class_id = ids[i];
        assert_status(bulla_esp_provision(&esp, &bad), BULLA_E_USAGE);
    }
    bad = *product();
    bad.class_id = "00000000-0000-0000-0000-000000000000"; /* of nobody */
    assert_status(bulla_esp_provision(&esp, &bad), BULLA_E_USAGE);
    bad = *product();
    bad.vendor_id = "00000000-0000-0000-0000-000000000000";
    assert_status(bulla_esp_provision(&esp, &bad), BULLA_E_USAGE);
    bad = *product();
    bad.trust.len--;
    assert_status(bulla_esp_provision(&esp, &bad), BULLA_E_CBOR_TRUNCATED);
    fakes.running.address = 0x9000; /* the test partition: not a slot */
    fakes.running.subtype = ESP_PARTITION_SUBTYPE_APP_TEST;
    assert_status(bulla_esp_provision(&esp, product()), BULLA_E_SLOT_UNKNOWN);
    fakes.runs_from_nowhere = true;
    assert_status(bulla_esp_provision(&esp, product()), BULLA_E_SLOT_UNKNOWN);
    assert_int_equal(bench.sim.operations, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_port_esp_flash_errors_are_told_as_such),
        TEST(test_port_esp_sector_and_block_are_erased_as_asked),
        TEST(test_port_esp_encrypted_flash_is_refused),
        TEST(test_port_esp_slot_that_runs_is_known_by_its_address),
        TEST(test_port_esp_code_outside_of_the_slots_may_not_update),
        TEST(test_port_esp_update_that_does_not_begin_leaves_no_old_result),
        TEST(test_port_esp_floor_is_the_higher_of_state_and_fuses),
        TEST(test_port_esp_fuses_are_burned_once_and_never_back),
        TEST(test_port_esp_fuses_do_not_rise_above_the_app_that_runs),
        TEST(test_port_esp_more_than_fuses_can_count_is_told_apart),
        TEST(test_port_esp_guard_ends_a_trial_alone),
        TEST(test_port_esp_guard_ends_with_keep),
        TEST(test_port_esp_crash_is_charged_to_what_crashed),
        TEST(test_port_esp_crash_loop_without_a_fallback_counts_no_failed_trial),
        TEST(test_port_esp_only_crashes_are_crashes),
        TEST(test_port_esp_crashes_do_not_count_against_a_trial),
        TEST(test_port_esp_blank_state_is_provisioned_once),
        TEST(test_port_esp_only_the_slot_that_runs_counts_as_not_sealed),
        TEST(test_port_esp_state_of_a_device_is_never_replaced),
        TEST(test_port_esp_provisioning_that_was_cut_is_taken_up),
        TEST(test_port_esp_state_too_small_for_all_it_will_hold_is_refused),
        TEST(test_port_esp_trust_store_is_kept_twice_if_there_is_room),
        TEST(test_port_esp_product_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, load_all, free_all);
}
