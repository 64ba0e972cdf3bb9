/* SPDX-License-Identifier: Apache-2.0 */
/* Going back to what ran before, taking that back, and replacing the factory app. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_boot_result boot;
static struct seal_buffer envelope;
static struct bulla_bytes old, middle, next; /* next has secure version 1 */
static struct bulla_bytes large;             /* 17 sectors */

static struct bulla_bytes load(const char *name)
{
    size_t len = 0;
    uint8_t *data = (uint8_t *)fixture_read("fixtures/esp/app", name, &len);

    return (struct bulla_bytes){data, len};
}

static int load_all(void **state)
{
    (void)state;
    old = load("se32_1.0.0.bin");
    middle = load("se32_1.1.0.bin");
    next = load("se32_1.2.0.bin");
    large = load("e32.bin");
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    free((void *)(uintptr_t)old.data);
    free((void *)(uintptr_t)middle.data);
    free((void *)(uintptr_t)next.data);
    free((void *)(uintptr_t)large.data);
    return 0;
}

static void provision(enum bench_layout layout)
{
    bench_provision(&bench, layout, BULLA_FORMAT_ESP, old, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
}

static void publish(struct bulla_bytes image, uint32_t sequence, const char *component)
{
    seal_buffer_free(&envelope);
    bench_publish(&bench, image,
                  &(struct seal_options){.sequence = sequence, .component = component}, &envelope);
}

static void install(struct bulla_bytes image, uint32_t sequence)
{
    publish(image, sequence, "app");
    assert_status(bench_update(&bench), BULLA_OK);
}

static void assert_boots(int32_t slot)
{
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, slot);
}

/* ota_0 has sequence 1, ota_1 runs with sequence 2, both confirmed. */
static int set_up(void **state)
{
    (void)state;
    provision(BENCH_TWO);
    install(middle, 2);
    assert_boots(1);
    assert_status(bench_confirm(&bench), BULLA_OK);
    return 0;
}

static int set_up_nothing(void **state)
{
    (void)state;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    bench_close(&bench);
    seal_buffer_free(&envelope);
    return 0;
}

/* One power-on each. */
static enum bulla_status roll_back(int32_t *slot)
{
    enum bulla_status status = bench_open(&bench);

    return status == BULLA_OK ? bulla_client_rollback(&bench.client, slot) : status;
}

static enum bulla_status cancel(int32_t *slot)
{
    enum bulla_status status = bench_open(&bench);

    return status == BULLA_OK ? bulla_client_rollback_cancel(&bench.client, slot) : status;
}

static void assert_rolls_back_to(int32_t slot)
{
    int32_t told = BULLA_SLOT_NONE;

    assert_status(roll_back(&told), BULLA_OK);
    assert_int_equal(told, slot);
}

static void assert_stays(int32_t slot)
{
    int32_t told = BULLA_SLOT_NONE;

    assert_status(cancel(&told), BULLA_OK);
    assert_int_equal(told, slot);
}

static void assert_no_way_back(void)
{
    uint8_t *before = bench_snapshot(&bench);
    int32_t told = 7;

    assert_status(roll_back(&told), BULLA_E_NO_FALLBACK);
    assert_int_equal(told, BULLA_SLOT_NONE);
    assert_true(bench_same(&bench, before));
    free(before);
}

/* ---- rollback ---- */

static void test_select_rollback_boots_what_ran_before_and_back_again(void **state)
{
    (void)state;
    assert_rolls_back_to(0);
    assert_boots(0);
    assert_false(boot.trial);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_boots(0);
    assert_rolls_back_to(1);
    assert_boots(1);
    assert_false(boot.trial);
}

static void test_select_cancel_keeps_what_runs(void **state)
{
    (void)state;
    assert_rolls_back_to(0);
    assert_stays(1);
    assert_boots(1);
    assert_false(boot.trial);
    /* as often as anybody likes: nothing that was confirmed becomes a trial */
    for (uint32_t i = 0; i < 3; i++) {
        assert_rolls_back_to(0);
        assert_stays(1);
    }
    assert_rolls_back_to(0);
    assert_boots(0);
    assert_false(boot.trial);
}

static void test_select_cancel_of_nothing_writes_nothing(void **state)
{
    uint8_t *before = bench_snapshot(&bench);

    (void)state;
    assert_stays(1);
    assert_true(bench_same(&bench, before));
    free(before);
}

static void test_select_rollback_never_takes_a_slot_that_does_not_verify(void **state)
{
    (void)state;
    bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
    assert_no_way_back();
    assert_boots(1);
}

static void test_select_rollback_never_goes_below_the_floor(void **state)
{
    (void)state;
    install(next, 3);
    assert_boots(0);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_no_way_back();
}

static void test_select_rollback_never_takes_what_failed_its_trial(void **state)
{
    (void)state;
    install(next, 3);
    assert_boots(0);
    assert_true(boot.trial);
    assert_boots(1);
    assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_ABORTED);
    assert_no_way_back();
}

/* An update that waits for its trial is nothing to go back to; it can be taken back. */
static void test_select_rollback_skips_what_only_was_installed(void **state)
{
    (void)state;
    install(next, 3);
    assert_no_way_back();
    assert_stays(1);
    assert_boots(1);
    assert_false(boot.trial);
}

static void test_select_rollback_takes_the_factory_app_when_only_it_worked(void **state)
{
    (void)state;
    provision(BENCH_FACTORY);
    install(middle, 2);
    assert_boots(0);
    assert_status(bench_confirm(&bench), BULLA_OK);
    install(next, 3);
    assert_rolls_back_to(BULLA_SLOT_FACTORY);
    assert_boots(BULLA_SLOT_FACTORY);
}

static void test_select_rollback_in_a_trial_rejects_it_for_good(void **state)
{
    int32_t told = 7;

    (void)state;
    install(next, 3);
    assert_boots(0);
    assert_true(boot.trial);
    assert_stays(0); /* that is its confirmation's business */
    assert_rolls_back_to(1);
    assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_INVALID);
    assert_status(cancel(&told), BULLA_E_NO_TRIAL);
    assert_int_equal(told, BULLA_SLOT_NONE);
    assert_boots(1);
}

/* Each operation of `act` is cut at its begin, in its middle and behind it: what boots then is one
 * of the two, `to` as a trial or not. */
static void cut_everywhere(enum bulla_status (*act)(int32_t *slot), int32_t from, int32_t to,
                           bool for_trial)
{
    static const uint32_t bytes[] = {0, 16, BULLA_SECTOR_SIZE};
    struct flash_sim whole;
    char why[FLASH_SIM_WHY_SIZE];
    int32_t told;
    bool seen[2] = {false, false};

    assert_status(flash_sim_copy(&whole, &bench.sim, why), BULLA_OK);
    assert_status(act(&told), BULLA_OK);
    uint32_t count = bench.sim.operations;
    assert_true(count > 0);
    for (uint32_t i = 0; i < 3 * 2 * count; i++) {
        assert_status(flash_sim_restore(&bench.sim, &whole), BULLA_OK);
        bench.sim.operations = 0;
        bench.sim.fault = (struct flash_sim_fault){
            .cut_at = 1 + i / 6, .cut_bytes = bytes[i % 3], .cut_garbage = i / 3 % 2 == 1};
        (void)act(&told);
        flash_sim_power_on(&bench.sim);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_true(boot.slot == from || boot.slot == to);
        assert_int_equal(boot.trial, for_trial && boot.slot == to);
        seen[boot.slot == to] = true;
    }
    assert_true(seen[0] && seen[1]);
    assert_status(flash_sim_restore(&bench.sim, &whole), BULLA_OK);
    flash_sim_close(&whole);
}

static void test_select_power_cut_leaves_the_old_or_the_new_choice(void **state)
{
    (void)state;
    bench.sim.operations = 0;
    cut_everywhere(roll_back, 1, 0, false);
    assert_rolls_back_to(0);
    bench.sim.operations = 0;
    cut_everywhere(cancel, 0, 1, false);
}

/* ---- what failed since it was confirmed ---- */

static void test_select_rejected_release_has_a_trial_when_it_is_selected_again(void **state)
{
    (void)state;
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_boots(0);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_INVALID);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1);
    assert_true(boot.trial);
    assert_boots(0);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_ABORTED);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1);
    assert_true(boot.trial);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(1);
    assert_false(boot.trial);
}

static void test_select_release_that_failed_its_trials_must_be_installed_again(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < BULLA_TRIALS_MAX; i++) {
        install(next, 3);
        assert_boots(0);
        assert_true(boot.trial);
        assert_boots(1);
    }
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_set_boot(&bench, 0), BULLA_E_TRIAL_FAILED_BEFORE);
    assert_true(bench_same(&bench, before));
    free(before);
    bench.retry = true;
    install(next, 3);
    assert_status(bench_set_boot(&bench, 0), BULLA_OK); /* it is selected already */
    assert_boots(0);
    assert_true(boot.trial);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

/* ---- the factory app ---- */

/* The factory app has sequence 1; ota_0 runs with sequence 2. */
static int set_up_factory(void **state)
{
    (void)state;
    provision(BENCH_FACTORY);
    install(middle, 2);
    assert_boots(0);
    assert_status(bench_confirm(&bench), BULLA_OK);
    publish(next, 3, "factory");
    bench.factory = true;
    return 0;
}

static void test_select_factory_is_replaced_and_boots_when_it_is_selected(void **state)
{
    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.slot, BULLA_SLOT_FACTORY);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, BULLA_SLOT_FACTORY), next.data,
                        next.len);
    assert_boots(0);
    assert_false(boot.trial);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_true(boot.sealed);
    assert_int_equal(boot.sequence, 3);
}

static void assert_refused(enum bulla_status expected)
{
    uint8_t *before = bench_snapshot(&bench);

    assert_status(bench_update(&bench), expected);
    assert_true(bench_same_but_events(&bench, before));
    free(before);
}

static void test_select_factory_never_while_it_runs(void **state)
{
    (void)state;
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_refused(BULLA_E_NO_SLOT);
}

/* It is all that boots once what runs is damaged. */
static void test_select_factory_stays_when_what_runs_does_not_verify(void **state)
{
    (void)state;
    bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
    assert_refused(BULLA_E_IMAGE_DIGEST);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_int_equal(boot.sequence, 1);
}

/* A trial that boots next need not last. */
static void test_select_factory_stays_when_only_a_trial_would_verify_besides(void **state)
{
    (void)state;
    bench.factory = false;
    install(old, 3);
    bench.factory = true;
    publish(next, 4, "factory");
    bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
    assert_refused(BULLA_E_IMAGE_DIGEST);
    assert_boots(1);
    assert_true(boot.trial);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_int_equal(boot.sequence, 1);
}

static void test_select_factory_stays_while_it_boots_next(void **state)
{
    (void)state;
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_refused(BULLA_E_NO_SLOT);
    assert_stays(0);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_boots(0);
}

static enum bulla_status refuse_image(void *ctx, const struct bulla_partition *where, uint32_t size)
{
    (void)ctx;
    assert_int_equal(where->offset, bench_slot(&bench, BULLA_SLOT_FACTORY));
    assert_int_equal(size, next.len);
    assert_memory_equal(bench.sim.bytes + where->offset, next.data, next.len);
    return BULLA_E_IMAGE_MD5;
}

/* No record says that a factory app was refused. */
static void test_select_factory_that_was_refused_is_no_fallback(void **state)
{
    const struct bulla_approval approval = {.image = refuse_image};

    (void)state;
    bench.approval = &approval;
    assert_status(bench_update(&bench), BULLA_E_IMAGE_MD5);
    bench.approval = NULL;
    assert_int_equal(bench.sim.bytes[bench_slot(&bench, BULLA_SLOT_FACTORY)], 0xff);
    bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_int_equal(boot.sequence, 3);
}

/* With a newer factory app confirmed, that ota_0 was confirmed once nothing tells: it might only
 * have been installed. */
static void test_select_rollback_from_a_newer_factory_app_is_a_trial(void **state)
{
    (void)state;
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_rolls_back_to(0); /* the release confirmed last needs none */
    assert_boots(0);
    assert_false(boot.trial);
    publish(large, 3, "factory");
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 3);
    bench.sim.operations = 0;
    cut_everywhere(roll_back, BULLA_SLOT_FACTORY, 0, true);
    assert_rolls_back_to(0);
    assert_boots(0);
    assert_true(boot.trial);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_boots(0);
    assert_true(boot.trial);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(0);
    assert_false(boot.trial);
    assert_int_equal(bench.client.confirmed.sequence, 3);
}

/* That is why: what never was confirmed has the lower sequence, too. */
static void test_select_only_installed_below_a_confirmed_factory_app_has_its_trial(void **state)
{
    (void)state;
    bench.factory = false;
    install(old, 3);
    bench.factory = true;
    publish(large, 4, "factory");
    assert_stays(0);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1);
    assert_int_equal(boot.sequence, 3);
    assert_true(boot.trial);
}

static void test_select_factory_needs_a_slot_that_runs(void **state)
{
    (void)state;
    bench.recovery = true;
    assert_refused(BULLA_E_NO_SLOT);
}

static void test_select_factory_takes_no_release_of_the_app(void **state)
{
    (void)state;
    publish(next, 3, "app");
    assert_refused(BULLA_E_COMPONENT_MISMATCH);
    publish(next, 3, "factory");
    bench.factory = false;
    assert_refused(BULLA_E_COMPONENT_MISMATCH);
}

/* The numbers of app and factory are one row: what was confirmed last is the least. */
static void test_select_factory_release_is_newer_than_what_is_confirmed(void **state)
{
    (void)state;
    publish(next, 2, "factory");
    assert_refused(BULLA_E_SEQUENCE_CONFLICT);
    publish(next, 1, "factory");
    assert_refused(BULLA_E_SEQUENCE_TOO_OLD);
}

static void test_select_factory_needs_a_factory_partition(void **state)
{
    (void)state;
    provision(BENCH_TWO);
    publish(next, 2, "factory");
    bench.factory = true;
    assert_refused(BULLA_E_NO_SLOT);
}

static void test_select_factory_power_cut_anywhere_leaves_what_runs(void **state)
{
    static const uint32_t bytes[] = {0, 100, BULLA_SECTOR_SIZE};
    struct flash_sim whole;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    publish(large, 3, "factory");
    assert_status(flash_sim_copy(&whole, &bench.sim, why), BULLA_OK);
    bench.sim.operations = 0;
    assert_status(bench_update(&bench), BULLA_OK);
    uint32_t count = bench.sim.operations;
    assert_true(count > 2 * 17);
    for (uint32_t i = 0; i < 3 * 2 * count; i++) {
        assert_status(flash_sim_restore(&bench.sim, &whole), BULLA_OK);
        bench.sim.operations = 0;
        bench.sim.fault = (struct flash_sim_fault){
            .cut_at = 1 + i / 6, .cut_bytes = bytes[i % 3], .cut_garbage = i / 3 % 2 == 1};
        (void)bench_update(&bench);
        flash_sim_power_on(&bench.sim);
        assert_boots(0);
        assert_false(boot.trial);
        assert_int_equal(boot.sequence, 2);
        /* and again, to the end */
        bench.sim.fault = (struct flash_sim_fault){.cut_at = 0};
        assert_status(bench_update(&bench), BULLA_OK);
        assert_boots(0);
        assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
        assert_boots(BULLA_SLOT_FACTORY);
        assert_int_equal(boot.sequence, 3);
    }
    flash_sim_close(&whole);
}

#define TEST(set_up, name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_up, test_select_rollback_boots_what_ran_before_and_back_again),
        TEST(set_up, test_select_cancel_keeps_what_runs),
        TEST(set_up, test_select_cancel_of_nothing_writes_nothing),
        TEST(set_up, test_select_rollback_never_takes_a_slot_that_does_not_verify),
        TEST(set_up, test_select_rollback_never_goes_below_the_floor),
        TEST(set_up, test_select_rollback_never_takes_what_failed_its_trial),
        TEST(set_up, test_select_rollback_skips_what_only_was_installed),
        TEST(set_up_nothing, test_select_rollback_takes_the_factory_app_when_only_it_worked),
        TEST(set_up, test_select_rollback_in_a_trial_rejects_it_for_good),
        TEST(set_up, test_select_power_cut_leaves_the_old_or_the_new_choice),
        TEST(set_up, test_select_rejected_release_has_a_trial_when_it_is_selected_again),
        TEST(set_up, test_select_release_that_failed_its_trials_must_be_installed_again),
        TEST(set_up_factory, test_select_factory_is_replaced_and_boots_when_it_is_selected),
        TEST(set_up_factory, test_select_factory_stays_when_what_runs_does_not_verify),
        TEST(set_up_factory, test_select_factory_stays_when_only_a_trial_would_verify_besides),
        TEST(set_up_factory, test_select_factory_stays_while_it_boots_next),
        TEST(set_up_factory, test_select_factory_that_was_refused_is_no_fallback),
        TEST(set_up_factory, test_select_rollback_from_a_newer_factory_app_is_a_trial),
        TEST(set_up_factory,
             test_select_only_installed_below_a_confirmed_factory_app_has_its_trial),
        TEST(set_up_factory, test_select_factory_never_while_it_runs),
        TEST(set_up_factory, test_select_factory_needs_a_slot_that_runs),
        TEST(set_up_factory, test_select_factory_takes_no_release_of_the_app),
        TEST(set_up_factory, test_select_factory_release_is_newer_than_what_is_confirmed),
        TEST(set_up_nothing, test_select_factory_needs_a_factory_partition),
        TEST(set_up_factory, test_select_factory_power_cut_anywhere_leaves_what_runs),
    };

    return cmocka_run_group_tests(tests, load_all, free_all);
}
