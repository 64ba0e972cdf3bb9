/* SPDX-License-Identifier: Apache-2.0 */
/* Resets that are told apart: trials of several boots, crash loops of confirmed apps, nothing that
 * boots at all; and the power failing at every flash operation of them. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_boot_result boot;
static struct bulla_bytes old, middle, next, other;

static const struct bulla_reset power = {.trial_boots = 1, .crashes_max = BULLA_CRASHES_MAX};
static const struct bulla_reset crash = {
    .crashed = true, .trial_boots = 1, .crashes_max = BULLA_CRASHES_MAX};

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

static int load_all(void **state)
{
    (void)state;
    old = load("se32_1.0.0.bin");
    middle = load("se32_1.1.0.bin");
    next = load("se32_1.2.0.bin"); /* secure version 1, the others have 0 */
    other = load("se32_other.bin");
    return 0;
}

static int free_all(void **state)
{
    struct bulla_bytes *all[] = {&old, &middle, &next, &other};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free((void *)(uintptr_t)all[i]->data);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    return 0;
}

static int set_up_unsealed(void **state)
{
    (void)state;
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 0);
    return 0;
}

static int set_up_factory(void **state)
{
    (void)state;
    bench_provision(&bench, BENCH_FACTORY, BULLA_FORMAT_ESP, old, 1);
    return 0;
}

static int set_up_three(void **state)
{
    (void)state;
    bench_provision(&bench, BENCH_THREE, BULLA_FORMAT_ESP, old, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    bench_close(&bench);
    return 0;
}

/* ---- helpers ---- */

static enum bulla_status boot_after(const struct bulla_reset *reset)
{
    boot = (struct bulla_boot_result){.verdict = BULLA_NO};
    enum bulla_status status = bench_open(&bench);

    return status == BULLA_OK ? bulla_client_boot_after(&bench.client, reset, &boot) : status;
}

static void assert_boots(const struct bulla_reset *reset, int32_t slot, bool trial)
{
    assert_status(boot_after(reset), BULLA_OK);
    assert_int_equal(boot.verdict, BULLA_YES);
    assert_int_equal(boot.slot, slot);
    assert_int_equal(boot.trial, trial);
}

static uint32_t operations_of(const struct bulla_reset *reset)
{
    uint32_t before = bench.sim.operations;

    assert_status(boot_after(reset), BULLA_OK);
    return bench.sim.operations - before;
}

static void crash_often(uint32_t times, int32_t slot)
{
    for (uint32_t i = 1; i <= times; i++) {
        assert_boots(&crash, slot, false);
        assert_int_equal(boot.crashes, i);
    }
}

static void assert_record(uint32_t sector, uint32_t seq, uint32_t state)
{
    struct bulla_ota_record record = bench_read_record(&bench, sector);

    assert_int_equal(record.seq, seq);
    assert_int_equal(record.state, state);
}

static enum bulla_status update(struct bulla_bytes image, uint32_t sequence)
{
    struct seal_buffer envelope;

    bench_publish(&bench, image, &(struct seal_options){.sequence = sequence}, &envelope);
    enum bulla_status status = bench_update(&bench);
    seal_buffer_free(&envelope);
    return status;
}

/* Install, try, confirm. */
static void release(struct bulla_bytes image, uint32_t sequence)
{
    assert_status(update(image, sequence), BULLA_OK);
    assert_boots(&power, bench.result.slot, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

/* ota_0 with sequence 1 and ota_1 with sequence 2, confirmed and running. */
static void live_through_one_update(void)
{
    assert_boots(&power, 0, false);
    release(middle, 2);
}

static void damage(int32_t slot)
{
    bench.sim.bytes[bench_slot(&bench, slot) + 300] ^= 1;
}

static uint8_t failed_trials(void)
{
    struct bulla_trial trial;
    bool found = false;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_get_trial(&bench.client.state, &trial, &found), BULLA_OK);
    return found ? trial.failed : 0;
}

static void assert_event(uint32_t age, enum bulla_event_kind what, int32_t slot,
                         enum bulla_status status)
{
    struct bulla_event_record event;
    bool found = false;
    uint8_t code = slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_event(&bench.client.state, age, &event, &found), BULLA_OK);
    assert_true(found);
    assert_int_equal(event.what, what);
    assert_int_equal(event.slot, code);
    assert_status(event.status, status);
}

/* What ESP-IDF's bootloader would start now. */
static int32_t stock_choice(void)
{
    struct bulla_otadata otadata = {
        .record = {bench_read_record(&bench, 0), bench_read_record(&bench, 1)}};
    uint32_t rewrites;
    bool initial;

    return bulla_ota_idf_select(&otadata, bench.layout == BENCH_THREE ? 3 : 2,
                                bench.layout == BENCH_FACTORY, true, &rewrites, &initial);
}

/* ---- a trial of several boots ---- */

static void test_crash_trial_with_a_budget_ends_after_it(void **state)
{
    const struct bulla_reset three = {.trial_boots = 3};

    (void)state;
    assert_boots(&three, 0, false);
    assert_status(update(middle, 2), BULLA_OK);
    for (uint8_t i = 1; i <= 3; i++) {
        assert_boots(&three, 1, true);
        assert_int_equal(boot.trial_boot, i);
        assert_record(1, 2, BULLA_OTA_PENDING_VERIFY);
        assert_int_equal(failed_trials(), 0);
        assert_status(update(other, 3), BULLA_E_TRIAL_PENDING);
    }
    assert_boots(&three, 0, false);
    assert_int_equal(boot.ended_trial, 1);
    assert_int_equal(boot.trial_boot, 0);
    assert_record(1, 2, BULLA_OTA_ABORTED);
    assert_int_equal(failed_trials(), 1);
    assert_event(0, BULLA_DID_FALL_BACK, 1, BULLA_E_TRIAL_NOT_CONFIRMED);
    assert_int_equal(operations_of(&three), 0);
}

static void test_crash_trial_may_be_confirmed_or_rejected_in_any_boot(void **state)
{
    const struct bulla_reset three = {.trial_boots = 3, .crashed = true, .crashes_max = 2};

    (void)state;
    for (uint8_t last = 1; last <= 3; last++) {
        for (int confirm = 0; confirm < 2; confirm++) {
            assert_int_equal(tear_down(state) | set_up(state), 0);
            assert_boots(&three, 0, false);
            assert_status(update(middle, 2), BULLA_OK);
            for (uint8_t i = 1; i <= last; i++)
                assert_boots(&three, 1, true);
            assert_status(confirm ? bench_confirm(&bench) : bench_reject(&bench), BULLA_OK);
            assert_boots(&three, confirm, false);
            /* resets of the trial are no crashes of what is confirmed */
            assert_int_equal(boot.crashes, confirm);
        }
    }
}

static void test_crash_budget_begins_anew_with_each_trial(void **state)
{
    const struct bulla_reset two = {.trial_boots = 2};

    (void)state;
    assert_boots(&two, 0, false);
    for (uint8_t i = 1; i <= 3; i++) {
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(&two, 1, true);
        assert_boots(&two, 1, true);
        assert_boots(&two, 0, false);
        assert_int_equal(failed_trials(), i);
    }
    assert_status(update(middle, 2), BULLA_E_TRIAL_FAILED_BEFORE);
}

/* A port that allows one boot finds on flash what a call without a budget leaves. */
static void test_crash_budget_of_one_changes_nothing(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    assert_boots(&power, 0, false);
    assert_status(update(middle, 2), BULLA_OK);
    for (int i = 0; i < 3; i++) {
        assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        uint8_t *expected = bench_snapshot(&bench);
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        assert_status(boot_after(i == 0 ? &power : &crash), BULLA_OK);
        if (i < 2) /* the third crash is one of the confirmed app */
            assert_true(bench_same(&bench, expected));
        free(expected);
        flash_sim_close(&base);
    }
}

static void test_crash_damaged_trial_ends_whatever_is_left_of_its_budget(void **state)
{
    const struct bulla_reset three = {.trial_boots = 3};

    (void)state;
    assert_boots(&three, 0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(&three, 1, true);
    damage(1);
    assert_boots(&three, 0, false);
    assert_int_equal(boot.refused_slot, 1);
    assert_record(1, 2, BULLA_OTA_INVALID);
    assert_false(bulla_client_in_trial(&bench.client));
    assert_int_equal(failed_trials(), 1);
}

/* Flash that is read badly for once: where another slot runs meanwhile, the trial has ended. */
static void test_crash_trial_that_cannot_be_read_once_has_ended(void **state)
{
    const struct bulla_reset three = {.trial_boots = 3};
    uint32_t ends = 0;
    bool reached = true;

    (void)state;
    for (uint32_t at = 1; reached; at++) {
        assert_int_equal(tear_down(state) | set_up(state), 0);
        assert_boots(&three, 0, false);
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(&three, 1, true);
        assert_status(bench_open(&bench), BULLA_OK);
        uint32_t fail = bench.sim.reads + at;
        bench.sim.fault = (struct flash_sim_fault){.fail_read_at = fail};
        boot = (struct bulla_boot_result){.verdict = BULLA_NO};
        enum bulla_status status = bulla_client_boot_after(&bench.client, &three, &boot);
        reached = bench.sim.reads >= fail;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        if (status != BULLA_OK || boot.trial)
            continue;
        ends++;
        assert_int_equal(boot.slot, 0);
        assert_int_equal(stock_choice(), 0);
        assert_status(bench_open(&bench), BULLA_OK);
        assert_false(bulla_client_in_trial(&bench.client));
        assert_boots(&three, 0, false);
    }
    assert_in_range(ends, 5, 1000);
}

/* Its number tells whose trial it is: that of another bootloader has one boot. */
static void test_crash_trial_started_by_another_bootloader_has_one_boot(void **state)
{
    const struct bulla_reset three = {.trial_boots = 3};

    (void)state;
    assert_boots(&three, 0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(&three, 1, true);
    bench_record(&bench, 1, 4, BULLA_OTA_PENDING_VERIFY, false);
    assert_boots(&three, 0, false);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_ABORTED);
}

/* The boot that ended the trial could not write what runs: the next trial of that slot looks the
 * same in the records, and has its boots all the same. */
static void test_crash_budget_is_whole_after_a_boot_that_could_not_tell_what_runs(void **state)
{
    const struct bulla_reset two = {.trial_boots = 2};
    uint32_t renewed = 0;

    (void)state;
    for (uint32_t at = 1; at < 12; at++) {
        assert_int_equal(tear_down(state) | set_up(state), 0);
        assert_boots(&two, 0, false);
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(&two, 1, true);
        assert_boots(&two, 1, true);
        bench.sim.fault = (struct flash_sim_fault){.fail_at = bench.sim.operations + at};
        assert_boots(&two, 0, false);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        assert_status(bench_open(&bench), BULLA_OK);
        renewed += bench.client.running.slot == 1 && !bulla_client_in_trial(&bench.client);
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(&two, 1, true);
        assert_boots(&two, 1, true);
        assert_int_equal(boot.trial_boot, 2);
        assert_boots(&two, 0, false);
    }
    assert_in_range(renewed, 1, 11);
}

/* Flash that takes no count ends the trial: it could go on for ever. */
static void test_crash_boot_that_cannot_be_counted_ends_the_trial(void **state)
{
    const struct bulla_reset many = {.trial_boots = 250};

    (void)state;
    assert_boots(&many, 0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(&many, 1, true);
    assert_boots(&many, 1, true);
    bench.sim.fault = (struct flash_sim_fault){.fail_at = bench.sim.operations + 1u};
    assert_boots(&many, 0, false);
    memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
    assert_boots(&many, 0, false);
    assert_int_equal(failed_trials(), 1);
}

/* Cut at every operation of every boot of a trial: it has no boot more, and at most one less. */
static void test_crash_power_cut_in_the_count_costs_at_most_one_boot(void **state)
{
    static const uint32_t bytes[] = {0, 1, 8, 16, 24, 31, 32, 48};
    const struct bulla_reset three = {.trial_boots = 3};
    uint32_t cuts = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        for (uint8_t before = 0; before < 3; before++) {
            bool ended = false;
            for (uint32_t at = 1; !ended; at++) {
                assert_int_equal(tear_down(state) | set_up(state), 0);
                assert_boots(&three, 0, false);
                assert_status(update(middle, 2), BULLA_OK);
                for (uint8_t n = 0; n < before; n++)
                    assert_boots(&three, 1, true);
                bench.sim.fault = (struct flash_sim_fault){.cut_at = bench.sim.operations + at,
                                                           .cut_bytes = bytes[i]};
                uint32_t ran = before;
                enum bulla_status status = boot_after(&three);
                ended = !bench.sim.dead;
                ran += ended && status == BULLA_OK && boot.trial ? 1 : 0;
                flash_sim_power_on(&bench.sim);
                while (boot_after(&three) == BULLA_OK && boot.trial && ran < 10)
                    ran++;
                /* a cut while the trial is marked may end it before its first boot */
                assert_in_range(ran, ended ? 3 : before == 0 ? 0 : 2, 3);
                assert_int_equal(boot.slot, 0);
                assert_int_equal(failed_trials(), ran > 0 ? 1 : failed_trials());
                cuts++;
            }
        }
    }
    assert_in_range(cuts, 50, 5000);
}

/* ---- crash loops ---- */

static void test_crash_loop_falls_back_and_says_why(void **state)
{
    (void)state;
    live_through_one_update();
    crash_often(BULLA_CRASHES_MAX - 1u, 1);
    assert_boots(&crash, 0, false);
    assert_true(boot.crash_loop);
    assert_true(boot.fell_back);
    assert_int_equal(boot.crashes, BULLA_CRASHES_MAX);
    assert_int_equal(boot.refused_slot, 1);
    assert_status(boot.refused_why, BULLA_E_CRASH_LOOP);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_ABORTED);
    assert_int_equal(stock_choice(), 0);
    assert_event(0, BULLA_DID_FALL_BACK, 1, BULLA_E_CRASH_LOOP);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_int_equal(failed_trials(), 1);
    assert_int_equal(operations_of(&power), 0);
    assert_int_equal(boot.slot, 0);
    /* the same release once more, as a trial */
    assert_status(update(middle, 2), BULLA_OK);
    assert_false(bench.result.nothing_newer);
    assert_boots(&power, 1, true);
}

static void test_crash_orderly_resets_neither_count_nor_clear(void **state)
{
    (void)state;
    live_through_one_update();
    crash_often(3, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(operations_of(&power), 0);
        assert_int_equal(boot.slot, 1);
        assert_int_equal(boot.crashes, 3);
    }
    assert_boots(&crash, 1, false);
    assert_boots(&crash, 0, false);
}

static void test_crash_app_that_lives_long_enough_clears_the_count(void **state)
{
    (void)state;
    live_through_one_update();
    uint32_t before = bench.sim.operations;
    assert_status(bulla_client_alive(&bench.client), BULLA_OK);
    assert_int_equal(bench.sim.operations, before);
    for (int i = 0; i < 4; i++) {
        crash_often(BULLA_CRASHES_MAX - 1u, 1);
        assert_status(bulla_client_alive(&bench.client), BULLA_OK);
        before = bench.sim.operations;
        assert_status(bulla_client_alive(&bench.client), BULLA_OK);
        assert_int_equal(bench.sim.operations, before);
    }
    assert_boots(&power, 1, false);
    assert_int_equal(boot.crashes, 0);
}

static void test_crash_maximum_is_the_ports(void **state)
{
    struct bulla_reset reset = crash;

    (void)state;
    live_through_one_update();
    reset.crashes_max = 0;
    for (int i = 0; i < 20; i++)
        assert_int_equal(operations_of(&reset), 0);
    assert_int_equal(boot.slot, 1);
    reset.crashes_max = 2;
    assert_boots(&reset, 1, false);
    assert_boots(&reset, 0, false);
}

/* The count is not the new release's, and an older one's is not the next one's. */
static void test_crash_count_belongs_to_what_ran(void **state)
{
    (void)state;
    live_through_one_update();
    crash_often(4, 1);
    release(other, 3);
    crash_often(4, 0);
    assert_status(update(middle, 4), BULLA_OK);
    assert_boots(&crash, 1, true); /* the crash before was the old one's */
    assert_boots(&crash, 0, false);
    crash_often(4, 0);
}

/* Once it is at its maximum nothing more is written: a loop without end wears nothing. */
static void test_crash_loop_without_a_fallback_goes_on_and_writes_no_more(void **state)
{
    (void)state;
    assert_boots(&power, 0, false);
    crash_often(BULLA_CRASHES_MAX, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(operations_of(&crash), 0);
        assert_int_equal(boot.slot, 0);
        assert_false(boot.crash_loop);
    }
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_int_equal(failed_trials(), 0);
    /* and the way to a better release is open */
    release(middle, 2);
    assert_boots(&crash, 1, false);
}

static void test_crash_fallback_below_the_floor_is_not_taken(void **state)
{
    (void)state;
    assert_boots(&power, 0, false);
    release(next, 2); /* floor 1 */
    crash_often(BULLA_CRASHES_MAX, 1);
    assert_boots(&crash, 1, false);
    assert_record(1, 2, BULLA_OTA_VALID);
}

static void test_crash_fallback_that_does_not_verify_is_not_taken(void **state)
{
    (void)state;
    live_through_one_update();
    damage(0);
    crash_often(BULLA_CRASHES_MAX, 1);
    assert_boots(&crash, 1, false);
    damage(0);
    assert_boots(&power, 0, false); /* it is there again */
}

/* What was never confirmed is no last known good. */
static void test_crash_fallback_is_never_an_unproven_release(void **state)
{
    (void)state;
    live_through_one_update();
    assert_status(update(other, 3), BULLA_OK);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(&power, 1, false);
    crash_often(BULLA_CRASHES_MAX, 1);
    assert_boots(&crash, 1, false);
    assert_false(boot.crash_loop);
}

/* What failed its trial is none either. */
static void test_crash_fallback_is_never_a_barred_slot(void **state)
{
    (void)state;
    live_through_one_update();
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(&power, 0, true);
    assert_boots(&power, 1, false);
    crash_often(BULLA_CRASHES_MAX, 1);
    assert_boots(&crash, 1, false);
    assert_false(boot.crash_loop);
}

/* Crash `times` times; how often another slot is taken. */
static uint32_t changes_of(uint32_t times)
{
    uint32_t changes = 0;
    int32_t last = boot.slot;

    for (uint32_t i = 0; i < times; i++) {
        assert_status(boot_after(&crash), BULLA_OK);
        assert_false(boot.trial);
        changes += boot.slot != last;
        assert_int_equal(boot.crash_loop, boot.slot != last);
        last = boot.slot;
    }
    assert_int_equal(operations_of(&crash), 0);
    return changes;
}

static void test_crash_both_slots_ends_with_the_release_confirmed_last(void **state)
{
    (void)state;
    live_through_one_update();
    assert_int_equal(changes_of(100), 2);
    assert_int_equal(boot.slot, 1);
    assert_int_equal(stock_choice(), 1);
    assert_int_equal(bench.client.confirmed.sequence, 2);
}

static void test_crash_both_slots_ends_in_the_factory_app(void **state)
{
    (void)state;
    assert_boots(&power, BULLA_SLOT_FACTORY, false);
    release(middle, 2);
    release(other, 3);
    assert_int_equal(boot.slot, 1);
    assert_int_equal(changes_of(100), 2);
    assert_int_equal(boot.slot, BULLA_SLOT_FACTORY);
    assert_int_equal(stock_choice(), BULLA_SLOT_FACTORY);
}

static void test_crash_of_the_factory_app_takes_a_confirmed_slot(void **state)
{
    (void)state;
    assert_boots(&power, BULLA_SLOT_FACTORY, false);
    release(middle, 2);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(&power, BULLA_SLOT_FACTORY, false);
    crash_often(BULLA_CRASHES_MAX - 1u, BULLA_SLOT_FACTORY);
    assert_boots(&crash, 0, false);
    assert_true(boot.crash_loop);
    assert_event(0, BULLA_DID_REPAIR, 0, BULLA_OK);
    assert_event(1, BULLA_DID_FALL_BACK, BULLA_SLOT_FACTORY, BULLA_E_CRASH_LOOP);
    assert_int_equal(changes_of(50), 0);
}

/* Two records cannot bar three slots: what was left is remembered besides. */
static void test_crash_three_slots_are_left_once_each(void **state)
{
    (void)state;
    assert_boots(&power, 0, false);
    release(middle, 2);
    release(other, 3);
    assert_int_equal(boot.slot, 2);
    assert_in_range(changes_of(200), 2, 3);
    assert_int_equal(boot.slot, 2);
    /* a new release that is confirmed makes a fall-back of what was left */
    release(next, 4);
    int32_t slot = boot.slot;
    crash_often(BULLA_CRASHES_MAX - 1u, slot);
    assert_status(boot_after(&crash), BULLA_OK);
    assert_int_equal(boot.slot, slot); /* below the floor, all of them */
}

static void test_crash_new_release_makes_a_fallback_of_what_was_left(void **state)
{
    (void)state;
    live_through_one_update();
    assert_int_equal(changes_of(50), 2);
    release(other, 3);
    assert_int_equal(boot.slot, 0);
    crash_often(BULLA_CRASHES_MAX - 1u, 0);
    assert_boots(&crash, 1, false);
    assert_true(boot.crash_loop);
}

static void test_crash_of_unsealed_apps_counts_alike(void **state)
{
    (void)state;
    assert_boots(&power, 0, false);
    assert_false(boot.sealed);
    crash_often(BULLA_CRASHES_MAX + 0u, 0); /* no fall-back yet */
    release(middle, 1);
    crash_often(BULLA_CRASHES_MAX - 1u, 1);
    assert_boots(&crash, 0, false);
    assert_true(boot.crash_loop);
    assert_false(boot.sealed);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    /* selected by hand it is a trial or not as before, and counts from the start */
    assert_status(boot_after(&power), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_int_equal(boot.crashes, 0);
}

/* Installed again, confirmed again, crashing again: three times, then it is refused. */
static void test_crash_loops_of_one_release_are_bounded_like_failed_trials(void **state)
{
    (void)state;
    live_through_one_update();
    for (uint8_t i = 1; i <= BULLA_TRIALS_MAX; i++) {
        crash_often(BULLA_CRASHES_MAX - 1u, 1);
        assert_boots(&crash, 0, false);
        assert_true(boot.crash_loop);
        assert_int_equal(failed_trials(), i);
        if (i < BULLA_TRIALS_MAX)
            release(middle, 2);
        assert_int_equal(failed_trials(), i);
    }
    assert_status(update(middle, 2), BULLA_E_TRIAL_FAILED_BEFORE);
    release(other, 3);
}

/* Cut at every operation of the boot that leaves the slot: the old or the new one runs, the failure
 * counts once, and the next crash or reset ends it. */
static void cut_the_leaving(const struct bulla_reset *reset, int32_t from, int32_t to,
                            uint32_t cut_bytes, bool garbage)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;
    uint8_t failed = failed_trials();

    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault =
            (struct flash_sim_fault){.cut_at = at, .cut_bytes = cut_bytes, .cut_garbage = garbage};
        enum bulla_status status = boot_after(reset);
        ended = !bench.sim.dead;
        if (ended) {
            assert_status(status, BULLA_OK);
            assert_int_equal(boot.slot, to);
        }
        flash_sim_power_on(&bench.sim);
        assert_status(boot_after(&power), BULLA_OK);
        assert_true(boot.slot == from || boot.slot == to);
        assert_false(boot.trial);
        int32_t choice = stock_choice();
        assert_true(choice == from || choice == to);
        assert_int_equal(bench.client.confirmed.sequence, 2);
        if (boot.slot == from)
            assert_status(boot_after(&crash), BULLA_OK);
        assert_int_equal(boot.slot, to);
        assert_int_equal(operations_of(&power), 0);
        assert_int_equal(boot.slot, to);
        assert_int_equal(failed_trials(), failed + 1);
    }
    assert_in_range(at, 5, 100);
    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
    flash_sim_close(&base);
}

static void test_crash_power_cut_while_leaving_takes_the_old_slot_or_the_new(void **state)
{
    static const uint32_t bytes[] = {0, 1, 4, 16, 24, 28, 31, 32, 2048};

    (void)state;
    live_through_one_update();
    crash_often(BULLA_CRASHES_MAX - 1u, 1);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        cut_the_leaving(&crash, 1, 0, bytes[i], false);
        cut_the_leaving(&crash, 1, 0, bytes[i], true);
    }
}

static enum bulla_status act_crash(void)
{
    return boot_after(&crash);
}

static enum bulla_status act_alive(void)
{
    enum bulla_status status = bench_open(&bench);

    return status == BULLA_OK ? bulla_client_alive(&bench.client) : status;
}

static enum bulla_status act_confirm(void)
{
    return bench_confirm(&bench);
}

/* Cut the act at every operation, boot, and look: in *slots what ran then, in *crashes the count.
 */
static uint32_t cut_everywhere(enum bulla_status (*act)(void), uint32_t cut_bytes, bool slots[2],
                               bool crashes[BULLA_CRASHES_MAX + 1u])
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = cut_bytes};
        enum bulla_status status = act();
        ended = !bench.sim.dead;
        assert_true(!ended || status == BULLA_OK);
        flash_sim_power_on(&bench.sim);
        assert_status(boot_after(&power), BULLA_OK);
        assert_in_range(boot.slot, 0, 1);
        assert_in_range(boot.crashes, 0, BULLA_CRASHES_MAX);
        slots[boot.slot] = crashes[boot.crashes] = true;
        if (!boot.trial) {
            uint8_t count = boot.crashes;
            assert_int_equal(operations_of(&power), 0);
            assert_int_equal(boot.crashes, count);
        }
    }
    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
    flash_sim_close(&base);
    return at;
}

static void test_crash_power_cut_while_counting_counts_once_or_not_at_all(void **state)
{
    (void)state;
    live_through_one_update();
    crash_often(2, 1);
    for (uint32_t bytes = 0; bytes <= 48; bytes += 4) {
        bool slots[2] = {false, false};
        bool counts[BULLA_CRASHES_MAX + 1u] = {false};
        assert_in_range(cut_everywhere(act_crash, bytes, slots, counts), 3, 20);
        assert_true(slots[1] && !slots[0]);
        assert_true(counts[2] && counts[3]);
        assert_false(counts[0] || counts[1] || counts[4]);

        memset(counts, 0, sizeof(counts));
        assert_in_range(cut_everywhere(act_alive, bytes, slots, counts), 3, 20);
        assert_true(slots[1] && !slots[0]);
        assert_true(counts[2] && counts[0]);
        assert_false(counts[1] || counts[3] || counts[4]);
    }
}

/* A confirmation that also forgets which slots were left. */
static void
test_crash_power_cut_while_confirming_after_a_loop_keeps_the_old_or_the_new(void **state)
{
    (void)state;
    live_through_one_update();
    assert_int_equal(changes_of(50), 2);
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(&power, 0, true);
    for (uint32_t bytes = 0; bytes <= 32; bytes += 8) {
        bool slots[2] = {false, false};
        bool counts[BULLA_CRASHES_MAX + 1u] = {false};
        assert_in_range(cut_everywhere(act_confirm, bytes, slots, counts), 5, 60);
        assert_true(slots[0] && slots[1]);
        assert_true(counts[0]);
    }
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(&power, 0, false);
}

/* The slot taken has no record: it gets the one that is not needed. */
static void test_crash_power_cut_while_naming_the_new_slot_takes_the_old_one_or_it(void **state)
{
    static const uint32_t bytes[] = {0, 4, 24, 28, 31, 32, 2048};

    (void)state;
    assert_boots(&power, 0, false);
    release(middle, 2);
    release(other, 3);
    release(middle, 4);
    assert_int_equal(boot.slot, 0);
    crash_often(BULLA_CRASHES_MAX - 1u, 0);
    assert_boots(&crash, 2, false);
    crash_often(BULLA_CRASHES_MAX - 1u, 2);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        struct flash_sim base;
        char why[FLASH_SIM_WHY_SIZE];
        uint32_t at = 1;

        assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
        for (bool ended = false; !ended; at++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
            bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = bytes[i]};
            assert_true(boot_after(&crash) == BULLA_OK || bench.sim.dead);
            ended = !bench.sim.dead;
            if (ended)
                assert_int_equal(boot.slot, 1);
            flash_sim_power_on(&bench.sim);
            assert_in_range(stock_choice(), 1, 2);
            assert_status(boot_after(&power), BULLA_OK);
            assert_in_range(boot.slot, 1, 2);
            if (boot.slot == 2)
                assert_status(boot_after(&crash), BULLA_OK);
            assert_int_equal(boot.slot, 1);
            assert_int_equal(operations_of(&power), 0);
        }
        assert_in_range(at, 5, 100);
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        flash_sim_close(&base);
    }
}

static void test_crash_power_cut_while_going_back_takes_the_old_slot_or_the_new(void **state)
{
    static const uint32_t bytes[] = {0, 4, 24, 28, 31, 32, 2048};

    (void)state;
    live_through_one_update();
    crash_often(BULLA_CRASHES_MAX - 1u, 1);
    assert_boots(&crash, 0, false);
    crash_often(BULLA_CRASHES_MAX - 1u, 0);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        struct flash_sim base;
        char why[FLASH_SIM_WHY_SIZE];
        uint32_t at = 1;

        assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
        for (bool ended = false; !ended; at++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
            bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = bytes[i]};
            assert_true(boot_after(&crash) == BULLA_OK || bench.sim.dead);
            ended = !bench.sim.dead;
            flash_sim_power_on(&bench.sim);
            assert_in_range(stock_choice(), 0, 1);
            assert_status(boot_after(&power), BULLA_OK);
            assert_false(boot.last_resort);
            for (int n = 0; n < 20; n++)
                assert_status(boot_after(&crash), BULLA_OK);
            assert_int_equal(boot.slot, 1);
            assert_int_equal(stock_choice(), 1);
            assert_int_equal(operations_of(&crash), 0);
        }
        assert_in_range(at, 5, 100);
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        flash_sim_close(&base);
    }
}

/* Flash that fails once anywhere: something confirmed runs, and nothing is left for ever. */
static void test_crash_flash_failure_while_leaving_still_boots(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    (void)state;
    live_through_one_update();
    crash_often(BULLA_CRASHES_MAX - 1u, 1);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool reached = true; reached; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.fail_at = at;
        assert_status(boot_after(&crash), BULLA_OK);
        assert_false(boot.trial);
        reached = bench.sim.operations >= at;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        int32_t running = BULLA_SLOT_NONE;
        assert_status(bench_open(&bench), BULLA_OK);
        assert_status(bulla_client_running(&bench.client, &running), BULLA_OK);
        assert_int_equal(running, boot.slot);
        if (boot.slot == 1)
            assert_status(boot_after(&crash), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_boots(&power, 0, false);
        assert_int_equal(operations_of(&power), 0);
        assert_int_equal(failed_trials(), 1);
    }
    assert_in_range(at, 5, 100);
    flash_sim_close(&base);
}

/* ---- nothing boots ---- */

static void test_crash_nothing_bootable_is_noted_once_and_can_be_repaired(void **state)
{
    (void)state;
    live_through_one_update();
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(&power, 0, true); /* and in its trial */
    damage(0);
    damage(1);
    struct bulla_ota_record records[] = {bench_read_record(&bench, 0),
                                         bench_read_record(&bench, 1)};
    assert_status(boot_after(&crash), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(boot.verdict, BULLA_NO);
    assert_event(0, BULLA_DID_NOT_BOOT, boot.refused_slot, boot.refused_why);
    uint8_t *before = bench_snapshot(&bench);
    for (int i = 0; i < 3; i++)
        assert_status(boot_after(&power), BULLA_E_NOTHING_BOOTABLE);
    assert_true(bench_same(&bench, before));
    free(before);
    for (uint32_t i = 0; i < 2; i++)
        assert_record(i, records[i].seq, records[i].state);
    assert_int_equal(bench.client.confirmed.sequence, 2);

    /* who runs in spite of it says so, and may install what was confirmed once more */
    bench.recovery = true;
    assert_status(update(middle, 2), BULLA_OK);
    bench.recovery = false;
    assert_false(bench.result.nothing_newer);
    assert_boots(&power, bench.result.slot, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(&power, bench.result.slot, false);
}

#define TEST(name)          cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_UNSEALED(name) cmocka_unit_test_setup_teardown(name, set_up_unsealed, tear_down)
#define TEST_FACTORY(name)  cmocka_unit_test_setup_teardown(name, set_up_factory, tear_down)
#define TEST_THREE(name)    cmocka_unit_test_setup_teardown(name, set_up_three, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_crash_trial_with_a_budget_ends_after_it),
        TEST(test_crash_trial_may_be_confirmed_or_rejected_in_any_boot),
        TEST(test_crash_budget_begins_anew_with_each_trial),
        TEST(test_crash_budget_of_one_changes_nothing),
        TEST(test_crash_damaged_trial_ends_whatever_is_left_of_its_budget),
        TEST(test_crash_trial_that_cannot_be_read_once_has_ended),
        TEST(test_crash_trial_started_by_another_bootloader_has_one_boot),
        TEST(test_crash_budget_is_whole_after_a_boot_that_could_not_tell_what_runs),
        TEST(test_crash_boot_that_cannot_be_counted_ends_the_trial),
        TEST(test_crash_power_cut_in_the_count_costs_at_most_one_boot),
        TEST(test_crash_loop_falls_back_and_says_why),
        TEST(test_crash_orderly_resets_neither_count_nor_clear),
        TEST(test_crash_app_that_lives_long_enough_clears_the_count),
        TEST(test_crash_maximum_is_the_ports),
        TEST(test_crash_count_belongs_to_what_ran),
        TEST(test_crash_loop_without_a_fallback_goes_on_and_writes_no_more),
        TEST(test_crash_fallback_below_the_floor_is_not_taken),
        TEST(test_crash_fallback_that_does_not_verify_is_not_taken),
        TEST(test_crash_fallback_is_never_an_unproven_release),
        TEST(test_crash_fallback_is_never_a_barred_slot),
        TEST(test_crash_both_slots_ends_with_the_release_confirmed_last),
        TEST_FACTORY(test_crash_both_slots_ends_in_the_factory_app),
        TEST_FACTORY(test_crash_of_the_factory_app_takes_a_confirmed_slot),
        TEST_THREE(test_crash_three_slots_are_left_once_each),
        TEST(test_crash_new_release_makes_a_fallback_of_what_was_left),
        TEST_UNSEALED(test_crash_of_unsealed_apps_counts_alike),
        TEST(test_crash_loops_of_one_release_are_bounded_like_failed_trials),
        TEST(test_crash_power_cut_while_leaving_takes_the_old_slot_or_the_new),
        TEST(test_crash_power_cut_while_counting_counts_once_or_not_at_all),
        TEST(test_crash_power_cut_while_confirming_after_a_loop_keeps_the_old_or_the_new),
        TEST_THREE(test_crash_power_cut_while_naming_the_new_slot_takes_the_old_one_or_it),
        TEST(test_crash_power_cut_while_going_back_takes_the_old_slot_or_the_new),
        TEST(test_crash_flash_failure_while_leaving_still_boots),
        TEST(test_crash_nothing_bootable_is_noted_once_and_can_be_repaired),
    };

    return cmocka_run_group_tests(tests, load_all, free_all);
}
