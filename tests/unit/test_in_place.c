/* SPDX-License-Identifier: Apache-2.0 */
/* Updates in place: releases lie in banks, code is executed from the factory partition alone, and
 * a boot copies there what it chose. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

#define SECTORS   6u
#define IMAGE_LEN ((size_t)SECTORS * BULLA_SECTOR_SIZE + 1000u)
#define AREA      BULLA_SLOT_FACTORY

static struct bench bench;
static struct bulla_boot_result boot;
static struct seal_buffer envelope;
static uint8_t image[4][IMAGE_LEN]; /* by sequence; each shares some sectors with the others */
static uint8_t large[BENCH_SLOT_SIZE + 1u];

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    bytes[0] = 0x7f; /* raw */
}

static struct bulla_bytes whole(uint32_t sequence)
{
    return (struct bulla_bytes){image[sequence], IMAGE_LEN};
}

static void provision(enum bench_layout layout)
{
    for (uint32_t i = 1; i < 4; i++) {
        fill(image[i], IMAGE_LEN, i);
        fill(image[i] + 2 * BULLA_SECTOR_SIZE, BULLA_SECTOR_SIZE, 99);
    }
    bench_provision(&bench, layout, BULLA_FORMAT_RAW, whole(1), 1);
    bench.has_clock = true;
    fill(bench.sim.bytes + bench.client.layout.slots[bench.client.layout.slot_count - 1].offset +
             BENCH_SLOT_SIZE,
         0x8000, 77); /* a file system */
    assert_true(bench.client.layout.in_place);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
}

static int two_banks(void **state)
{
    (void)state;
    provision(BENCH_BANKS);
    return 0;
}

static int one_bank(void **state)
{
    (void)state;
    provision(BENCH_BANK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    assert_int_equal(bench.sim.bytes_reprogrammed, 0);
    assert_int_equal(bench.sim.violations, 0);
    bench_close(&bench);
    seal_buffer_free(&envelope);
    return 0;
}

static bool holds(int32_t slot, uint32_t sequence)
{
    return memcmp(bench.sim.bytes + bench_slot(&bench, slot), image[sequence], IMAGE_LEN) == 0;
}

static void publish(uint32_t sequence)
{
    seal_buffer_free(&envelope);
    bench_publish(&bench, whole(sequence), &(struct seal_options){.sequence = sequence}, &envelope);
}

static void update(uint32_t sequence)
{
    publish(sequence);
    assert_status(bench_update(&bench), BULLA_OK);
}

/* A release that is executed, as a trial. */
static void try_release(uint32_t sequence)
{
    update(sequence);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    assert_true(boot.placed);
    assert_true(holds(AREA, sequence));
}

static void confirm_release(uint32_t sequence)
{
    try_release(sequence);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

static struct bulla_bytes state_bytes(void)
{
    const struct bulla_partition *row = &bench.client.layout.state;

    return (struct bulla_bytes){bench.sim.bytes + row->offset, row->size};
}

static uint32_t events(uint8_t what)
{
    uint32_t count = 0;

    assert_status(bench_open(&bench), BULLA_OK);
    for (uint32_t age = 0; age < BULLA_STATE_EVENTS_KEPT; age++) {
        struct bulla_event_record event;
        bool found = false;
        assert_status(bulla_state_event(&bench.client.state, age, &event, &found), BULLA_OK);
        if (!found)
            break;
        count += event.what == what ? 1 : 0;
    }
    return count;
}

/* ---- the ordinary life ---- */

static void live(void)
{
    uint32_t vfs =
        bench.client.layout.slots[bench.client.layout.slot_count - 1].offset + BENCH_SLOT_SIZE;
    uint32_t len = bench.client.layout.state.offset - vfs;
    uint8_t *before = bench_snapshot(&bench);

    update(2);
    assert_true(holds(AREA, 1));
    assert_true(holds(bench.result.slot, 2));
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_predict(&bench.client, &boot), BULLA_OK);
    assert_true(boot.placed);
    assert_true(boot.trial);
    assert_int_equal(boot.slot, bench.result.slot);
    assert_true(holds(AREA, 1));
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 2));
    assert_true(boot.trial);
    assert_true(boot.placed);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_predict(&bench.client, &boot), BULLA_OK);
    assert_false(boot.placed);

    uint32_t operations = bench.sim.operations;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_false(boot.placed);
    assert_false(boot.trial);
    assert_int_equal(bench.sim.operations, operations);
    assert_int_equal(events(BULLA_DID_PLACE), 1);

    confirm_release(3);
    assert_int_equal(events(BULLA_DID_PLACE), 2);
    assert_memory_equal(bench.sim.bytes + vfs, before + vfs, len);
    assert_memory_equal(bench.sim.bytes, before, BENCH_OTADATA); /* bootloader, table */
    free(before);
}

static void test_in_place_life_two_banks(void **state)
{
    (void)state;
    live();
}

static void test_in_place_life_one_bank(void **state)
{
    (void)state;
    live();
}

/* What the one bank is given is fetched only as far as the area does not have it. */
static void test_in_place_sectors_of_the_area_are_not_fetched(void **state)
{
    (void)state;
    confirm_release(2);
    bench.server.image_bytes = 0;
    update(3);
    assert_int_equal(bench.result.sectors_written, SECTORS);
    assert_in_range(bench.server.image_bytes, 1, IMAGE_LEN - BULLA_SECTOR_SIZE);
}

static void test_in_place_unsealed_app_is_what_it_was(void **state)
{
    struct bulla_bytes app = {NULL, 0};

    (void)state;
    app.data = (const uint8_t *)fixture_read("fixtures/esp/app", "se32_1.0.0.bin", &app.len);
    bench_close(&bench);
    bench_provision(&bench, BENCH_BANKS, BULLA_FORMAT_ESP, app, 0);
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), app.data, app.len);
    bench_record(&bench, 0, 2, BULLA_OTA_VALID, false);
    bench.sim.bytes[bench_slot(&bench, AREA) + 300] ^= 1;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_true(boot.placed);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, AREA), app.data, app.len);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_false(boot.placed);
    free((void *)(uintptr_t)app.data);
}

/* ---- refused before the first erase ---- */

static void refuse(struct bulla_bytes what, const struct seal_options *how,
                   enum bulla_status expected)
{
    seal_buffer_free(&envelope);
    bench_publish(&bench, what, how, &envelope);
    uint8_t *before = bench_snapshot(&bench);
    uint32_t erases = bench.slot_erases;
    assert_status(bench_update(&bench), expected);
    assert_true(bench_same_but_events(&bench, before));
    assert_int_equal(bench.slot_erases, erases);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 1));
    free(before);
}

static void test_in_place_foreign_is_refused_before_the_first_erase(void **state)
{
    static const uint8_t other[BULLA_UUID_SIZE] = {9};

    (void)state;
    refuse(whole(2), &(struct seal_options){.sequence = 2, .class_id = other},
           BULLA_E_CLASS_MISMATCH);
    refuse(whole(2), &(struct seal_options){.sequence = 2, .component = "factory"},
           BULLA_E_COMPONENT_MISMATCH);
    seal_key_make(&bench.key); /* not the one the device trusts */
    refuse(whole(2), &(struct seal_options){.sequence = 2}, BULLA_E_SIGNATURE_UNKNOWN_KEY);
}

static void test_in_place_too_large_for_the_bank_is_refused_before_the_first_erase(void **state)
{
    (void)state;
    fill(large, sizeof(large), 5);
    refuse((struct bulla_bytes){large, sizeof(large)}, &(struct seal_options){.sequence = 2},
           BULLA_E_SLOT_TOO_SMALL);
}

/* It fits the bank, but not where it would be executed. */
static void test_in_place_too_large_for_the_area_is_refused_before_the_first_erase(void **state)
{
    (void)state;
    fill(large, sizeof(large), 5);
    refuse((struct bulla_bytes){large, BENCH_SMALL_AREA + 1u},
           &(struct seal_options){.sequence = 2}, BULLA_E_SLOT_TOO_SMALL);
    bench.sealed = (struct bulla_bytes){large, BENCH_SMALL_AREA};
    seal_buffer_free(&envelope);
    bench_publish(&bench, bench.sealed, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, AREA), large, BENCH_SMALL_AREA);
}

/* ---- power cuts in the copy ---- */

static bool is_unstable(uint32_t from, uint32_t len)
{
    for (uint32_t i = 0; bench.sim.unstable != NULL && i < len; i++)
        if (bench.sim.unstable[from + i] != 0)
            return true;
    return false;
}

struct cut {
    uint32_t bytes;
    bool garbage;
    bool unstable;
};
static const struct cut cuts[] = {
    {0, false, false},    {1000, false, false},
    {4095, false, false}, {4096, false, false},
    {2000, true, false},  {0, false, true},
    {4090, false, true},  {BULLA_SECTOR_SIZE - 1, false, true},
};

static void order(const struct cut *cut, uint32_t at)
{
    bench.sim.fault.cut_at = bench.sim.operations + at;
    bench.sim.fault.cut_bytes = cut->bytes;
    bench.sim.fault.cut_garbage = cut->garbage;
    bench.sim.fault.cut_unstable = cut->unstable;
}

static void take_chip(const struct flash_sim *base, uint32_t seed)
{
    char why[FLASH_SIM_WHY_SIZE];

    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, base, why), BULLA_OK);
    bench.sim.seed = seed;
}

/* A boot until it comes through; with cells that read anew it may take some. */
static void boot_again(void)
{
    enum bulla_status status = BULLA_E_NOT_JUDGED;

    for (uint32_t i = 0; i < 20 && status != BULLA_OK; i++) {
        flash_sim_power_on(&bench.sim);
        status = bench_boot(&bench, &boot);
    }
    assert_status(status, BULLA_OK);
    assert_int_equal(boot.verdict, BULLA_YES);
}

/* The boot that copies `sequence` is cut at each of its operations, and in the middle of what
 * follows once more. What is executed then is whole, and no cell of it was left weak. */
static void cut_the_copy(uint32_t sequence)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t area = bench_slot(&bench, AREA);
    bool done = false;

    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; !done; at++) {
        for (uint32_t i = 0; i < 2 * sizeof(cuts) / sizeof(cuts[0]); i++) {
            const struct cut *cut = &cuts[i / 2];
            take_chip(&base, at * 31 + i);
            order(cut, at);
            done = bench_boot(&bench, &boot) == BULLA_OK && !bench.sim.dead;
            if (i % 2 == 1) { /* the next one, too */
                flash_sim_power_on(&bench.sim);
                order(&cuts[(at + i) % (sizeof(cuts) / sizeof(cuts[0]))], 1 + at % 17);
                (void)!bench_boot(&bench, &boot);
            }
            boot_again();
            bool is_new = holds(AREA, sequence) && boot.slot >= 0 && holds(boot.slot, sequence);
            if (!is_new && !holds(AREA, 1))
                fail_msg("operation %u, cut %u: torn", at, i);
            /* a trial that was interrupted has ended */
            assert_true(is_new || sequence != 1);
            assert_false(is_unstable(area, IMAGE_LEN));
            assert_int_equal(bench.sim.violations, 0);
        }
        assert_in_range(at, 1, 200);
    }
    flash_sim_close(&base);
}

static void test_in_place_copy_is_cut_anywhere_two_banks(void **state)
{
    (void)state;
    update(2);
    cut_the_copy(2);
}

static void test_in_place_copy_back_is_cut_anywhere(void **state)
{
    (void)state;
    try_release(2);
    cut_the_copy(1);
}

/* With one bank there is nothing else: it must come to an end. */
static void test_in_place_copy_is_cut_anywhere_one_bank(void **state)
{
    (void)state;
    update(2);
    cut_the_copy(2);
    assert_true(holds(0, 2));
}

/* The one bank is replaced: at every cut the area still starts by itself, or the bank does. */
static void test_in_place_update_of_the_one_bank_is_cut_anywhere(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    enum bulla_status status = BULLA_E_NOT_JUDGED;

    (void)state;
    confirm_release(2);
    publish(3);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; status != BULLA_OK; at++) {
        for (uint32_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
            take_chip(&base, at * 7 + i);
            order(&cuts[i], at);
            status = bench_update(&bench);
            assert_true(holds(AREA, 2));
            boot_again();
            uint32_t runs = boot.trial ? 3 : 2;
            assert_true(holds(AREA, runs));
            assert_int_equal(bench.client.confirmed.sequence, 2);
        }
        assert_in_range(at, 1, 200);
    }
    flash_sim_close(&base);
}

/* ---- trials ---- */

static void test_in_place_failed_trial_goes_back_to_the_other_bank(void **state)
{
    (void)state;
    try_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_false(boot.trial);
    assert_true(boot.placed);
    assert_true(holds(AREA, 1));
    assert_int_equal(bench.client.confirmed.sequence, 1);
}

static void test_in_place_failed_trial_goes_on_with_one_bank(void **state)
{
    (void)state;
    try_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_true(boot.last_resort);
    assert_false(boot.trial);
    assert_true(holds(AREA, 2));
    assert_int_equal(bench.client.confirmed.sequence, 1);
    /* its app may still say that it works */
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_false(boot.last_resort);
    assert_int_equal(boot.slot, 0);
}

/* A release that never was confirmed and has no bank any more: it runs while the next one comes. */
static void test_in_place_failed_trial_may_be_replaced(void **state)
{
    (void)state;
    try_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    publish(3);
    bench.has_clock = false;
    bench.server.cut_count = 1;
    bench.server.cut_after = 9000;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, AREA);
    assert_true(boot.last_resort);
    assert_true(holds(AREA, 2));
    confirm_release(3);
}

static void test_in_place_rejected_release_does_not_run_as_the_area(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_true(holds(AREA, 1));
}

static void test_in_place_one_bank_has_no_fallback(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 2));
}

static enum bulla_status crash(void)
{
    const struct bulla_reset reset = {.crashed = true, .trial_boots = 1, .crashes_max = 2};

    assert_status(bench_open(&bench), BULLA_OK);
    return bulla_client_boot_after(&bench.client, &reset, &boot);
}

static void test_in_place_crash_loop_is_left_for_the_other_bank(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(crash(), BULLA_OK);
    assert_true(holds(AREA, 2));
    assert_status(crash(), BULLA_OK);
    assert_true(boot.crash_loop);
    assert_int_equal(boot.slot, 0);
    assert_true(boot.placed);
    assert_true(holds(AREA, 1));
}

/* The area is no other slot to go to. */
static void test_in_place_crash_loop_goes_on_with_one_bank(void **state)
{
    (void)state;
    confirm_release(2);
    for (uint32_t i = 0; i < 5; i++) {
        assert_status(crash(), BULLA_OK);
        assert_false(boot.crash_loop);
        assert_int_equal(boot.slot, 0);
    }
    assert_true(holds(AREA, 2));
}

/* ---- what is chosen ---- */

static void test_in_place_set_boot_copies_at_the_next_boot(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_true(holds(AREA, 2));
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_true(holds(AREA, 1));
}

static enum bulla_status refuse_image(void *ctx, const struct bulla_partition *where, uint32_t size)
{
    (void)ctx;
    assert_int_equal(where->offset, bench_slot(&bench, bench.result.target));
    assert_int_equal(size, IMAGE_LEN);
    return BULLA_E_IMAGE_MD5;
}

/* What was refused is not copied, and what is executed goes on. */
static void test_in_place_refused_image_is_never_copied(void **state)
{
    const struct bulla_approval approval = {.image = refuse_image};

    (void)state;
    publish(2);
    bench.approval = &approval;
    assert_status(bench_update(&bench), BULLA_E_IMAGE_MD5);
    bench.approval = NULL;
    assert_int_equal(bench.sim.bytes[bench_slot(&bench, bench.result.target)], 0xff);
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_true(holds(AREA, 1));
        assert_false(boot.trial);
        if (bench.layout == BENCH_BANKS && i == 0) /* what was copied from is not needed for it */
            bench.sim.bytes[bench_slot(&bench, 0)] ^= 1;
    }
    update(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 2));
}

/* A release that waits in the bank is not taken after all. */
static void test_in_place_set_boot_to_the_area_keeps_what_runs(void **state)
{
    (void)state;
    confirm_release(2);
    update(3);
    assert_status(bench_set_boot(&bench, AREA), BULLA_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, AREA);
        assert_false(boot.last_resort);
        assert_true(holds(AREA, 2));
    }
    assert_true(holds(0, 3));
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    assert_true(holds(AREA, 3));
}

/* What waits in the one bank has not run: confirming what runs does not confirm it. */
static void test_in_place_confirm_speaks_of_what_is_executed(void **state)
{
    (void)state;
    confirm_release(2);
    update(3);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    assert_true(holds(AREA, 3));
}

static void test_in_place_release_that_waits_may_be_replaced(void **state)
{
    (void)state;
    update(2);
    confirm_release(3);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 3));
}

static void test_in_place_rollback_goes_to_the_other_bank(void **state)
{
    int32_t slot = BULLA_SLOT_NONE;

    (void)state;
    confirm_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bulla_client_rollback(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 0);
    assert_true(holds(AREA, 2));
    assert_status(bulla_client_rollback_cancel(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 1);
    assert_status(bulla_client_rollback(&bench.client, &slot), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_true(holds(AREA, 1));
}

static void test_in_place_rollback_with_one_bank_finds_nothing(void **state)
{
    int32_t slot = BULLA_SLOT_NONE;

    (void)state;
    confirm_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bulla_client_rollback(&bench.client, &slot), BULLA_E_NO_FALLBACK);
    update(3);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_rollback_cancel(&bench.client, &slot), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 2));
}

/* ---- damage ---- */

static void damage(int32_t slot)
{
    bench.sim.bytes[bench_slot(&bench, slot) + 9000] ^= 0x20;
}

static void test_in_place_damaged_area_is_mended(void **state)
{
    (void)state;
    confirm_release(2);
    damage(AREA);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.placed);
    assert_true(holds(AREA, 2));
    assert_int_equal(boot.slot, bench.result.slot);
}

/* The one bank is the only good copy then: it is not given up. */
static void test_in_place_only_bank_is_kept_while_the_area_does_not_verify(void **state)
{
    (void)state;
    confirm_release(2);
    damage(AREA);
    publish(3);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_update(&bench), BULLA_E_IMAGE_DIGEST);
    assert_true(bench_same_but_events(&bench, before));
    free(before);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(holds(AREA, 2));
    confirm_release(3);
}

static void test_in_place_damaged_bank_leaves_the_area_to_run(void **state)
{
    (void)state;
    confirm_release(2);
    damage(0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, AREA);
        assert_true(holds(AREA, 2));
    }
    confirm_release(3);
}

static void test_in_place_nothing_torn_is_ever_started(void **state)
{
    (void)state;
    confirm_release(2);
    damage(AREA);
    damage(0);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(boot.verdict, BULLA_NO);
    assert_int_equal(boot.slot, BULLA_SLOT_NONE);
    assert_true(state_bytes().len > 0);
}

/* ---- what the area claims ---- */

/* Every sector is in the area already, under another release's head. */
static void test_in_place_same_image_sealed_anew_is_another_release(void **state)
{
    (void)state;
    confirm_release(2);
    seal_buffer_free(&envelope);
    bench_publish(&bench, whole(2), &(struct seal_options){.sequence = 3}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    uint32_t erases = bench.slot_erases;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    assert_true(boot.placed);
    assert_int_equal(boot.slot, bench.result.slot);
    assert_int_equal(boot.sequence, 3);
    assert_int_equal(bench.slot_erases, erases);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 3);
    uint32_t operations = bench.sim.operations;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_false(boot.placed);
    assert_int_equal(bench.sim.operations, operations);
}

/* One bit of the newest HEAD record of a slot gives up. */
static void rot_head(int32_t slot)
{
    const uint8_t code = slot == AREA ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;
    uint8_t head[BULLA_HEAD_MAX];
    size_t len = 0;
    size_t at = 0;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(
        bulla_state_get(&bench.client.state, BULLA_RECORD_HEAD, code, head, sizeof(head), &len),
        BULLA_OK);
    struct bulla_bytes log = state_bytes();
    for (size_t i = 16; len > 0 && i + len <= log.len; i++)
        if (log.data[i - 16] == BULLA_RECORD_HEAD && log.data[i - 15] == code &&
            memcmp(log.data + i, head, len) == 0)
            at = i;
    assert_int_not_equal(at, 0);
    bench.sim.bytes[bench.client.layout.state.offset + at + 40] ^= 4;
}

static void test_in_place_rotten_head_of_the_area_is_stored_again(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    uint32_t erases = bench.slot_erases;
    rot_head(AREA);
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, bench.result.slot);
        assert_int_equal(boot.sequence, 2);
        assert_int_equal(boot.placed, i == 0);
    }
    assert_true(holds(AREA, 2));
    assert_int_equal(bench.slot_erases, erases);
}

static void provision_esp(enum bench_layout layout, struct bulla_bytes *app, uint32_t sequence)
{
    app->data = (const uint8_t *)fixture_read("fixtures/esp/app", "se32_1.0.0.bin", &app->len);
    bench_close(&bench);
    bench_provision(&bench, layout, BULLA_FORMAT_ESP, *app, sequence);
    bench.has_clock = true;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
}

/* A bit of the bank's head is misread just when it becomes the area's. */
static void test_in_place_area_does_not_lose_its_seal(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    struct bulla_bytes first, second = {NULL, 0};
    bool reached = true;

    (void)state;
    provision_esp(BENCH_BANK, &first, 1);
    second.data = (const uint8_t *)fixture_read("fixtures/esp/app", "se32_1.1.0.bin", &second.len);
    bench_publish(&bench, second, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; reached; at++) {
        take_chip(&base, at);
        bench.sim.fault.misread_at = bench.sim.reads + at;
        uint32_t last = bench.sim.fault.misread_at;
        if (bench_boot(&bench, &boot) == BULLA_OK)
            assert_true(boot.sealed);
        reached = bench.sim.reads >= last;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        assert_in_range(at, 1, 20000);
    }
    flash_sim_close(&base);
    free((void *)(uintptr_t)first.data);
    free((void *)(uintptr_t)second.data);
}

static bool is_settled(void)
{
    struct bulla_boots boots;
    bool found = false;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_get_boots(&bench.client.state, &boots, &found), BULLA_OK);
    return (boots.left & BULLA_BOOTS_PLACING) == 0;
}

/* An area that verifies, but was not finished, may be weak: the one solid copy is not given up. */
static void test_in_place_only_bank_is_kept_while_its_copy_is_not_finished(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t unfinished = 0;
    bool done = false;

    (void)state;
    confirm_release(2);
    update(3);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    seal_buffer_free(&envelope);
    bench_publish(&bench, whole(1), &(struct seal_options){.sequence = 4}, &envelope);
    for (uint32_t at = 1; !done; at++) {
        take_chip(&base, at);
        order(&cuts[0], at);
        done = bench_boot(&bench, &boot) == BULLA_OK && !bench.sim.dead;
        flash_sim_power_on(&bench.sim);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        if (!done && holds(AREA, 3) && !is_settled()) {
            unfinished++;
            assert_status(bench_update(&bench), BULLA_E_NOT_JUDGED);
            assert_true(holds(0, 3));
            boot_again();
            assert_true(is_settled());
        }
        assert_in_range(at, 1, 200);
    }
    assert_int_not_equal(unfinished, 0);
    flash_sim_close(&base);
}

/* The copy back was cut, and a bootloader that is not ours started it: release 1 cannot confirm
 * the release that failed. */
static void test_in_place_confirm_is_of_what_the_area_holds(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t copied = 0;
    bool done = false;

    (void)state;
    try_release(2);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; !done; at++) {
        take_chip(&base, at);
        order(&cuts[0], at);
        done = bench_boot(&bench, &boot) == BULLA_OK && !bench.sim.dead;
        flash_sim_power_on(&bench.sim);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        if (!done && holds(AREA, 1)) {
            copied++;
            (void)!bench_confirm(&bench);
            assert_int_equal(bench.client.confirmed.sequence, 1);
        }
        assert_in_range(at, 1, 200);
    }
    assert_int_not_equal(copied, 0);
    flash_sim_close(&base);
}

/* Without a seal the area names no bank, but it is the same app: no other one to go to. */
static void test_in_place_unsealed_copy_is_no_fallback(void **state)
{
    struct bulla_bytes app = {NULL, 0};

    (void)state;
    provision_esp(BENCH_BANKS, &app, 0);
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), app.data, app.len);
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_status(crash(), BULLA_OK);
        assert_false(boot.crash_loop);
        assert_int_equal(boot.slot, 0);
    }
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_predict(&bench.client, &boot), BULLA_OK);
    assert_false(boot.placed);
    bench.sim.bytes[bench_slot(&bench, AREA) + 300] ^= 1;
    assert_status(bulla_client_predict(&bench.client, &boot), BULLA_OK);
    assert_true(boot.placed);
    free((void *)(uintptr_t)app.data);
}

static void resize_bank(uint32_t size)
{
    uint8_t *table = bench.sim.bytes + BULLA_PARTITION_TABLE_OFFSET;
    struct bulla_bytes rows = {table, 0};
    struct bulla_partition row;
    bool end = false;

    for (uint32_t i = 0; table[rows.len] == 0xaa; i++) {
        const struct bulla_bytes all = {table, BULLA_PARTITION_TABLE_SIZE};
        assert_status(bulla_partition_row(all, i, &row, &end), BULLA_OK);
        if (row.type == BULLA_TYPE_BULLA && row.subtype == BULLA_SUBTYPE_BANK_0)
            row.size = size;
        bulla_partition_row_encode(&row, table + rows.len);
        rows.len += BULLA_PARTITION_ROW_SIZE;
    }
    bulla_partition_md5_row(rows, table + rows.len);
}

/* A bank that ends within a sector has no room in that. */
static void test_in_place_bank_is_whole_sectors(void **state)
{
    (void)state;
    resize_bank(IMAGE_LEN + 100);
    refuse(whole(2), &(struct seal_options){.sequence = 2}, BULLA_E_SLOT_TOO_SMALL);
    assert_int_equal(bulla_layout_slot(&bench.client.layout, 0)->size, SECTORS * BULLA_SECTOR_SIZE);
}

/* ---- a flash that fails ---- */

static enum bulla_status (*erase)(void *ctx, uint32_t offset);
static uint32_t area_from, area_to; /* operations of the copy */

static enum bulla_status erase_and_count(void *ctx, uint32_t offset)
{
    bool is_area = offset >= bench_slot(&bench, AREA) && offset < bench_slot(&bench, 0);

    if (is_area && area_from == 0)
        area_from = bench.sim.operations + 1;
    if (is_area)
        area_to = bench.sim.operations + 2; /* the program behind it */
    return erase(ctx, offset);
}

static void count_the_copy(void)
{
    uint32_t before = bench.sim.operations;

    area_from = area_to = 0;
    erase = bench.flash.erase_sector;
    bench.flash.erase_sector = erase_and_count;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench.flash.erase_sector = erase;
    area_from -= before;
    area_to -= before;
    assert_int_equal(area_to - area_from + 1, 2 * SECTORS); /* one sector was there */
}

static void test_in_place_operation_that_fails_is_done_again(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t last = 0;

    (void)state;
    update(2);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    count_the_copy();
    for (uint32_t at = 1; at < 100 && last == 0; at++) {
        for (uint32_t done = 0; done < 2; done++) {
            take_chip(&base, at);
            uint32_t first = bench.sim.operations;
            bench.sim.fault.fail_at = first + at;
            bench.sim.fault.fail_but_done = done == 1;
            assert_status(bench_boot(&bench, &boot), BULLA_OK);
            last = bench.sim.operations < first + at ? at : 0;
            memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
            assert_true(holds(AREA, boot.slot == 0 ? 1 : 2));
            if (at >= area_from && at <= area_to)
                assert_int_equal(boot.slot, 1);
            for (uint32_t i = 0; i < 2; i++)
                assert_int_not_equal(bench_read_record(&bench, i).state, BULLA_OTA_INVALID);
        }
    }
    assert_in_range(last, 2 * SECTORS, 99);
    flash_sim_close(&base);
}

/* The copy has replaced what ran: where nothing else is left, the trial runs without a mark. */
static void test_in_place_trial_that_cannot_be_marked_runs_with_one_bank(void **state)
{
    (void)state;
    update(2);
    bench.sim.fault.worn = true;
    bench.sim.fault.worn_sector = BENCH_OTADATA;
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_true(holds(AREA, 2));
        assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_NEW);
    }
    /* it says that it works in the other sector; the one that is worn cannot be erased */
    assert_status(bench_confirm(&bench), BULLA_E_FLASH_ERASE);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_false(boot.trial);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_true(holds(AREA, 2));
}

static enum bulla_status (*program)(void *ctx, uint32_t offset, const void *bytes, size_t len);

static bool is_state(uint32_t offset)
{
    const struct bulla_partition *row = &bench.client.layout.state;

    return offset >= row->offset && offset - row->offset < row->size;
}

static enum bulla_status erase_but_state(void *ctx, uint32_t offset)
{
    return is_state(offset) ? BULLA_E_FLASH_ERASE : erase(ctx, offset);
}

static enum bulla_status program_but_state(void *ctx, uint32_t offset, const void *bytes,
                                           size_t len)
{
    return is_state(offset) ? BULLA_E_FLASH_PROGRAM : program(ctx, offset, bytes, len);
}

static uint32_t refusals; /* of the device state, then it takes records again */

static enum bulla_status program_later(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    if (!is_state(offset) || refusals == 0)
        return program(ctx, offset, bytes, len);
    refusals--;
    return BULLA_E_FLASH_PROGRAM;
}

/* What a cut left is called finished only after every sector of it was written again. */
static void test_in_place_copy_is_not_finished_by_a_log_that_failed(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    confirm_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    damage(AREA);
    order(&cuts[1], 5); /* in the sector, after the note and the head */
    (void)!bench_boot(&bench, &boot);
    flash_sim_power_on(&bench.sim);
    memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    program = bench.flash.program;
    for (uint32_t n = 1; n < 20; n++) {
        take_chip(&base, n);
        uint32_t erases = bench.slot_erases;
        refusals = n;
        bench.flash.program = program_later;
        for (uint32_t i = 0; i < 20 && !is_settled(); i++)
            assert_status(bench_boot(&bench, &boot), BULLA_OK);
        bench.flash.program = program;
        assert_true(is_settled());
        assert_true(holds(AREA, 2));
        assert_in_range(bench.slot_erases - erases, SECTORS + 1, 3 * SECTORS);
    }
    flash_sim_close(&base);
}

/* A copy was cut, and nothing can be noted any more: it is finished, but not at every boot anew. */
static void test_in_place_log_that_takes_nothing_does_not_wear_the_area(void **state)
{
    (void)state;
    confirm_release(2);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    damage(AREA);
    order(&cuts[1], 5); /* in the sector, after the note and the head */
    (void)!bench_boot(&bench, &boot);
    flash_sim_power_on(&bench.sim);
    memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
    assert_false(is_settled());
    erase = bench.flash.erase_sector;
    program = bench.flash.program;
    bench.flash.erase_sector = erase_but_state;
    bench.flash.program = program_but_state;
    uint32_t erases = bench.slot_erases;
    for (uint32_t i = 0; i < 4; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, bench.result.slot);
        assert_true(holds(AREA, 2));
        assert_in_range(bench.slot_erases - erases, 0, 1);
    }
    bench.flash.erase_sector = erase;
    bench.flash.program = program;
    assert_false(is_settled());
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(bench.slot_erases - erases, 1 + SECTORS + 1); /* all, once */
    assert_true(is_settled());
}

static void test_in_place_area_that_cannot_be_written_keeps_the_old(void **state)
{
    (void)state;
    update(2);
    bench.sim.fault.worn = true;
    bench.sim.fault.worn_sector = bench_slot(&bench, AREA) + 3 * BULLA_SECTOR_SIZE;
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_false(boot.trial);
        assert_true(holds(AREA, 1));
        assert_int_equal(boot.refused_slot, 1);
        assert_status(boot.refused_why, BULLA_E_FLASH_ERASE);
    }
    /* nothing is wrong with the bank, and nothing says so */
    memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    assert_true(holds(AREA, 2));
}

/* A cell of the bank gives up once the copy has begun. */
static enum bulla_status erase_and_rot(void *ctx, uint32_t offset)
{
    if (offset == bench_slot(&bench, AREA))
        bench.sim.bytes[bench_slot(&bench, 1) + 5 * BULLA_SECTOR_SIZE] ^= 1;
    bench.flash.erase_sector = erase;
    return erase(ctx, offset);
}

/* What was copied is judged where it lies, not where it came from. */
static void test_in_place_bank_that_rots_during_the_copy_does_not_run(void **state)
{
    (void)state;
    update(2);
    erase = bench.flash.erase_sector;
    bench.flash.erase_sector = erase_and_rot;
    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_true(holds(AREA, 1));
    }
}

/* No byte goes into the area that its bank was misread to have. */
static void test_in_place_misread_byte_is_not_copied(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    bool reached = true;

    (void)state;
    update(2);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; reached; at++) {
        take_chip(&base, at);
        bench.sim.fault.misread_at = bench.sim.reads + at;
        uint32_t last = bench.sim.fault.misread_at;
        (void)!bench_boot(&bench, &boot); /* a table that was misread ends it */
        reached = bench.sim.reads >= last;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_true(holds(AREA, boot.slot == 1 ? 2 : 1));
        assert_int_equal(bench.unverified_writes, 0);
        assert_in_range(at, 1, 20000);
    }
    flash_sim_close(&base);
}

#define TWO(name) cmocka_unit_test_setup_teardown(name, two_banks, tear_down)
#define ONE(name) cmocka_unit_test_setup_teardown(name, one_bank, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWO(test_in_place_life_two_banks),
        ONE(test_in_place_life_one_bank),
        ONE(test_in_place_sectors_of_the_area_are_not_fetched),
        TWO(test_in_place_unsealed_app_is_what_it_was),
        TWO(test_in_place_foreign_is_refused_before_the_first_erase),
        TWO(test_in_place_too_large_for_the_bank_is_refused_before_the_first_erase),
        ONE(test_in_place_too_large_for_the_area_is_refused_before_the_first_erase),
        TWO(test_in_place_copy_is_cut_anywhere_two_banks),
        TWO(test_in_place_copy_back_is_cut_anywhere),
        ONE(test_in_place_copy_is_cut_anywhere_one_bank),
        ONE(test_in_place_update_of_the_one_bank_is_cut_anywhere),
        TWO(test_in_place_failed_trial_goes_back_to_the_other_bank),
        ONE(test_in_place_failed_trial_goes_on_with_one_bank),
        ONE(test_in_place_failed_trial_may_be_replaced),
        TWO(test_in_place_rejected_release_does_not_run_as_the_area),
        ONE(test_in_place_one_bank_has_no_fallback),
        TWO(test_in_place_crash_loop_is_left_for_the_other_bank),
        ONE(test_in_place_crash_loop_goes_on_with_one_bank),
        TWO(test_in_place_set_boot_copies_at_the_next_boot),
        TWO(test_in_place_refused_image_is_never_copied),
        ONE(test_in_place_refused_image_is_never_copied),
        ONE(test_in_place_set_boot_to_the_area_keeps_what_runs),
        ONE(test_in_place_confirm_speaks_of_what_is_executed),
        ONE(test_in_place_release_that_waits_may_be_replaced),
        TWO(test_in_place_rollback_goes_to_the_other_bank),
        ONE(test_in_place_rollback_with_one_bank_finds_nothing),
        TWO(test_in_place_damaged_area_is_mended),
        ONE(test_in_place_only_bank_is_kept_while_the_area_does_not_verify),
        ONE(test_in_place_damaged_bank_leaves_the_area_to_run),
        ONE(test_in_place_nothing_torn_is_ever_started),
        TWO(test_in_place_operation_that_fails_is_done_again),
        ONE(test_in_place_trial_that_cannot_be_marked_runs_with_one_bank),
        TWO(test_in_place_area_that_cannot_be_written_keeps_the_old),
        TWO(test_in_place_bank_that_rots_during_the_copy_does_not_run),
        TWO(test_in_place_misread_byte_is_not_copied),
        ONE(test_in_place_same_image_sealed_anew_is_another_release),
        TWO(test_in_place_same_image_sealed_anew_is_another_release),
        ONE(test_in_place_rotten_head_of_the_area_is_stored_again),
        TWO(test_in_place_rotten_head_of_the_area_is_stored_again),
        ONE(test_in_place_area_does_not_lose_its_seal),
        ONE(test_in_place_only_bank_is_kept_while_its_copy_is_not_finished),
        TWO(test_in_place_confirm_is_of_what_the_area_holds),
        TWO(test_in_place_unsealed_copy_is_no_fallback),
        ONE(test_in_place_bank_is_whole_sectors),
        ONE(test_in_place_log_that_takes_nothing_does_not_wear_the_area),
        ONE(test_in_place_copy_is_not_finished_by_a_log_that_failed),
        TWO(test_in_place_log_that_takes_nothing_does_not_wear_the_area),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
