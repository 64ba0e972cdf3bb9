/* SPDX-License-Identifier: Apache-2.0 */
/* A small device: raw images, no modules, nothing in place, no boots counted, no journal, every
 * sector fetched, no partition table, nothing started without an envelope. What the others promise
 * it promises too. */

#include "check.h"

#include "bench.h"

#define OLD_LEN (6u * BULLA_SECTOR_SIZE + 100u)
#define NEW_LEN (9u * BULLA_SECTOR_SIZE + 7u)

/* As the bench's table has it. */
const struct bulla_layout bulla_port_layout = {
    .otadata = {.offset = BENCH_OTADATA, .size = 2u * BULLA_SECTOR_SIZE},
    .state = {.offset = 0x108000, .size = 0x8000},
    .slot_count = 2,
    .slots = {{.offset = BENCH_FIRST_SLOT, .size = BENCH_SLOT_SIZE},
              {.offset = BENCH_FIRST_SLOT + BENCH_SLOT_SIZE, .size = BENCH_SLOT_SIZE}},
};

static struct bench bench;
static struct bulla_boot_result boot;
static uint8_t old_bytes[OLD_LEN], new_bytes[NEW_LEN];
static struct seal_buffer envelope;

static void fill(uint8_t *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(first + i / BULLA_SECTOR_SIZE * 31 + i * 7);
}

static int set_up(void **state)
{
    (void)state;
    fill(old_bytes, OLD_LEN, 1);
    fill(new_bytes, NEW_LEN, 2);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, (struct bulla_bytes){old_bytes, OLD_LEN},
                    1);
    memset(bench.sim.bytes + BULLA_PARTITION_TABLE_OFFSET, 0, BULLA_SECTOR_SIZE);
    flash_sim_touch(&bench.sim, BULLA_PARTITION_TABLE_OFFSET, BULLA_SECTOR_SIZE);
    bench_publish(&bench, (struct bulla_bytes){new_bytes, NEW_LEN},
                  &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seal_buffer_free(&envelope);
    bench_close(&bench);
    return 0;
}

static void assert_boots(int32_t slot, bool trial)
{
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.verdict, BULLA_YES);
    assert_int_equal(boot.slot, slot);
    assert_int_equal(boot.trial, trial);
}

static void test_small_update_is_installed_tried_and_confirmed(void **state)
{
    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_written, 10);
    assert_int_equal(bench.result.image.format, BULLA_FORMAT_RAW);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), new_bytes, NEW_LEN);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(1, false);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_int_equal(bench.unverified_writes, 0);
}

static void test_small_trial_has_one_boot_whatever_the_port_allows(void **state)
{
    const struct bulla_reset many = {.trial_boots = 5};

    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_boot_after(&bench.client, &many, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_int_equal(boot.ended_trial, 1);
}

static void test_small_three_failed_trials_are_enough(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_status(bench_update(&bench), BULLA_OK);
        assert_boots(1, true);
        assert_boots(0, false);
    }
    assert_status(bench_update(&bench), BULLA_E_TRIAL_FAILED_BEFORE);
}

static void test_small_crashes_leave_no_slot(void **state)
{
    const struct bulla_reset crash = {.crashed = true, .crashes_max = 2};

    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    for (int i = 0; i < 5; i++) {
        uint8_t *before = bench_snapshot(&bench);
        assert_status(bench_open(&bench), BULLA_OK);
        assert_status(bulla_client_boot_after(&bench.client, &crash, &boot), BULLA_OK);
        assert_status(bulla_client_alive(&bench.client), BULLA_OK);
        assert_int_equal(boot.slot, 1);
        assert_false(boot.crash_loop);
        assert_true(bench_same(&bench, before) || i == 0);
        free(before);
    }
}

static void test_small_journal_stays_empty(void **state)
{
    struct bulla_event_record event;
    bool found = true;

    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_boots(1, true);
    assert_boots(0, false);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_event(&bench.client.state, 0, &event, &found), BULLA_OK);
    assert_false(found);
}

static void test_small_interrupted_update_fetches_again_and_writes_what_is_missing(void **state)
{
    (void)state;
    bench.server.cut_count = 1;
    bench.server.cut_after = 5u * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    uint64_t before = bench.server.image_bytes;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.server.image_bytes - before, NEW_LEN);
    assert_int_equal(bench.result.sectors_written, 5);
    assert_int_equal(bench.result.sectors_kept, 5);
    assert_boots(1, true);
}

static void test_small_damaged_slot_falls_back(void **state)
{
    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    bench.sim.bytes[bench_slot(&bench, 1) + 4000] ^= 1;
    assert_boots(0, false);
    assert_int_equal(boot.refused_slot, 1);
    assert_int_equal(boot.refused_why, BULLA_E_IMAGE_DIGEST);
}

static void test_small_slot_without_an_envelope_is_not_started(void **state)
{
    (void)state;
    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, (struct bulla_bytes){old_bytes, OLD_LEN},
                    0);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(boot.refused_why, BULLA_E_SLOT_NOT_SEALED);
}

static void publish_beginning(size_t len, uint8_t first, bool blank)
{
    if (blank)
        memset(new_bytes, 0xff, BULLA_SECTOR_SIZE);
    new_bytes[blank ? BULLA_SECTOR_SIZE : 0] = first;
    seal_buffer_free(&envelope);
    bench_publish(&bench, (struct bulla_bytes){new_bytes, len},
                  &(struct seal_options){.sequence = 2}, &envelope);
}

static void test_small_image_for_another_loader_is_refused_before_the_first_erase(void **state)
{
    (void)state;
    publish_beginning(NEW_LEN, 0xe9, false);
    assert_status(bench_update(&bench), BULLA_E_IMAGE_FORMAT);
    publish_beginning(NEW_LEN, 0xe9, true);
    assert_status(bench_update(&bench), BULLA_E_IMAGE_NOT_AN_APP);
    assert_int_equal(bench.slot_erases, 0);
}

static void test_small_image_that_begins_blank_is_raw(void **state)
{
    (void)state;
    publish_beginning(NEW_LEN, 0xe8, true);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), new_bytes, NEW_LEN);
    assert_boots(1, true);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_boots(0, false);
    publish_beginning(BULLA_SECTOR_SIZE, 0xff, true);
    assert_status(bench_update(&bench), BULLA_OK);
    publish_beginning(1, 0xff, false);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_boots(1, true);
}

static void test_small_images_end_where_they_say(void **state)
{
    const uint8_t bytes[] = {1, 2, 3};
    struct bulla_espimage s;

    (void)state;
    bulla_espimage_init(&s, 0);
    assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_CUT);
    bulla_espimage_init(&s, 3);
    assert_false(bulla_espimage_ready(&s));
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){bytes, 2}), BULLA_OK);
    assert_true(bulla_espimage_ready(&s));
    assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_TRUNCATED);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){bytes, 1}), BULLA_E_IMAGE_TRUNCATED);
    bulla_espimage_init(&s, 2);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){bytes, 3}), BULLA_E_IMAGE_TRAILING);
    assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_TRAILING);
}

/* Update, trial and confirmation, from wherever the device is. */
static void live(void)
{
    if (boot.slot == 0 &&
        (bench_update(&bench) != BULLA_OK || bench_boot(&bench, &boot) != BULLA_OK))
        return;
    if (boot.trial)
        (void)!bench_confirm(&bench);
}

static void test_small_power_cut_at_any_operation_is_survived(void **state)
{
    uint32_t cuts = 0;

    (void)state;
    for (uint32_t at = 1;; at++, cuts++) {
        assert_int_equal(tear_down(NULL) + set_up(NULL), 0);
        bench.sim.fault = (struct flash_sim_fault){.cut_at = bench.sim.operations + at,
                                                   .cut_bytes = at % 3 * 7,
                                                   .cut_garbage = at % 2 == 0};
        live();
        if (!bench.sim.dead)
            break;
        flash_sim_power_on(&bench.sim);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.verdict, BULLA_YES);
        live();
        assert_boots(1, false);
        assert_int_equal(bench.unverified_writes, 0);
    }
    assert_in_range(cuts, 20, 2000);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(test_small_update_is_installed_tried_and_confirmed),
        EACH(test_small_trial_has_one_boot_whatever_the_port_allows),
        EACH(test_small_three_failed_trials_are_enough),
        EACH(test_small_crashes_leave_no_slot),
        EACH(test_small_journal_stays_empty),
        EACH(test_small_interrupted_update_fetches_again_and_writes_what_is_missing),
        EACH(test_small_damaged_slot_falls_back),
        EACH(test_small_slot_without_an_envelope_is_not_started),
        EACH(test_small_image_for_another_loader_is_refused_before_the_first_erase),
        EACH(test_small_image_that_begins_blank_is_raw),
        EACH(test_small_images_end_where_they_say),
        EACH(test_small_power_cut_at_any_operation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
