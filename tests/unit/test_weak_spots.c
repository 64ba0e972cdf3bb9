/* SPDX-License-Identifier: Apache-2.0 */
/* The thirteen weak spots of ESP-IDF's otadata handling, one test each. Each first lets a stock
 * ESP-IDF (support/stock.c) walk into it on a copy of the chip, then lets the client do the same
 * on the same bytes. What the format forbids to do better is decision 0022; the tests of W1, W2 and
 * W9 show what is left. */

#include "check.h"

#include "bench.h"
#include "fixture.h"
#include "stock.h"

static struct bench bench;
static struct bulla_boot_result boot;
static struct bulla_bytes old, middle, next, other;

/* The same chip under a stock ESP-IDF. */
static struct flash_sim twin;
static struct stock stock;

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
    next = load("se32_1.2.0.bin");
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

static bool twin_loads(void *ctx, int32_t slot)
{
    (void)ctx;
    return stock_image_loads(stock.flash, bench_slot(&bench, slot), BENCH_SLOT_SIZE, 0);
}

static void provision(enum bench_layout layout)
{
    bench_provision(&bench, layout, BULLA_FORMAT_ESP, old, 1);
    stock = (struct stock){.otadata = BENCH_OTADATA,
                           .slot_count = layout == BENCH_THREE ? 3 : 2,
                           .has_factory = layout == BENCH_FACTORY,
                           .rollback = true,
                           .loads = twin_loads};
}

static int set_up(void **state)
{
    (void)state;
    provision(BENCH_TWO);
    return 0;
}

static int set_up_factory(void **state)
{
    (void)state;
    provision(BENCH_FACTORY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flash_sim_close(&twin);
    bench_close(&bench);
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    return 0;
}

/* ---- helpers ---- */

static void copy_chip(struct flash_sim *to, const struct flash_sim *from)
{
    char why[FLASH_SIM_WHY_SIZE];

    flash_sim_close(to);
    assert_status(flash_sim_copy(to, from, why), BULLA_OK);
}

/* What the bench holds now goes to the stock device. */
static void hand_to_stock(void)
{
    copy_chip(&twin, &bench.sim);
    stock.flash = flash_sim_flash(&twin);
}

static void assert_boots(int32_t slot, bool trial)
{
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, slot);
    assert_int_equal(boot.trial, trial);
}

static void assert_stock_record(uint32_t sector, uint32_t seq, uint32_t state)
{
    struct stock_record record[2];

    assert_true(stock_read(&stock, record));
    assert_int_equal(record[sector].seq, seq);
    assert_int_equal(record[sector].state, state);
    assert_int_equal(record[sector].crc, stock_crc(seq));
}

static void assert_record(uint32_t sector, uint32_t seq, uint32_t state)
{
    struct bulla_ota_record record = bench_read_record(&bench, sector);

    assert_int_equal(record.seq, seq);
    assert_int_equal(record.state, state);
    assert_int_equal(record.crc, stock_crc(seq));
}

static enum bulla_status update(struct bulla_bytes image, uint32_t sequence)
{
    struct seal_buffer envelope;

    bench_publish(&bench, image, &(struct seal_options){.sequence = sequence}, &envelope);
    enum bulla_status status = bench_update(&bench);
    seal_buffer_free(&envelope);
    return status;
}

/* The next release into the slot that does not run, up to its trial. */
static void start_trial(struct bulla_bytes image, uint32_t sequence)
{
    assert_status(update(image, sequence), BULLA_OK);
    assert_boots(bench.result.slot, true);
}

static void live_through(struct bulla_bytes image, uint32_t sequence)
{
    start_trial(image, sequence);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

/* ota_0 with sequence 1, {1,VALID}; ota_1 with sequence 2, {2,VALID}, runs. */
static void have_two_releases(void)
{
    assert_boots(0, false);
    live_through(middle, 2);
}

static void damage(int32_t slot)
{
    bench.sim.bytes[bench_slot(&bench, slot) + 300] ^= 1;
}

/* An erase that was not begun, half done or done; a program of so many bytes. */
static const uint32_t cut_bytes[] = {0, 4, 8, 24, 28, 31, 32, 2048, 4096};

#define CUTS (sizeof(cut_bytes) / sizeof(cut_bytes[0]))

/* ---- W1: erased, then written, in place ---- */

/* Does any record name this slot, whatever it says of it? */
static bool stock_knows(int32_t slot)
{
    uint32_t word = 0;

    return stock_state_of(&stock, slot, &word) == STOCK_OK;
}

/* The power fails in mark_valid: of how many cuts does otadata not even know the release? */
static uint32_t cut_stock(const struct flash_sim *base)
{
    uint32_t forgotten = 0;

    for (uint32_t at = 1; at <= 2; at++) {
        for (size_t i = 0; i < CUTS; i++) {
            copy_chip(&bench.sim, base);
            hand_to_stock();
            twin.fault.cut_at = at;
            twin.fault.cut_bytes = cut_bytes[i];
            (void)stock_mark_valid(&stock);
            flash_sim_power_on(&twin);
            forgotten += stock_knows(1) ? 0 : 1;
            assert_int_equal(stock_boot(&stock), at == 2 && cut_bytes[i] >= 32 ? 1 : 0);
        }
    }
    return forgotten;
}

/* The same in ours. Either it is confirmed, or the fall-back runs as after any reset in a trial,
 * and the release comes again without a byte of it being fetched. */
static uint32_t cut_ours(const struct flash_sim *base)
{
    uint32_t forgotten = 0;
    bool done = false;

    for (uint32_t at = 1; !done; at++) {
        for (size_t i = 0; i < CUTS; i++) {
            copy_chip(&bench.sim, base);
            bench.sim.fault.cut_at = at;
            bench.sim.fault.cut_bytes = cut_bytes[i];
            done = bench_confirm(&bench) == BULLA_OK;
            flash_sim_power_on(&bench.sim);
            hand_to_stock();
            forgotten += stock_knows(1) ? 0 : 1;
            assert_status(bench_boot(&bench, &boot), BULLA_OK);
            assert_false(boot.trial);
            hand_to_stock();
            assert_int_equal(stock_boot(&stock), boot.slot);
            assert_true(boot.slot == 1 || !done);
            if (boot.slot == 1)
                continue;
            uint64_t fetched = bench.server.image_bytes;
            live_through(middle, 2);
            assert_int_equal(bench.server.image_bytes, fetched);
        }
        assert_in_range(at, 1, 100);
    }
    assert_boots(1, false);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    return forgotten;
}

static void test_weak_spot_w01_confirming_never_erases_the_only_record(void **state)
{
    struct flash_sim base = {.bytes = NULL};

    (void)state;
    assert_boots(0, false);
    start_trial(middle, 2);
    /* blank {2,PENDING}: the new record goes beside the one there is */
    memset(bench.sim.bytes + BENCH_OTADATA, 0xff, BULLA_SECTOR_SIZE);
    copy_chip(&base, &bench.sim);
    assert_in_range(cut_stock(&base), 9, 18);
    assert_int_equal(cut_ours(&base), 0);
    /* {1,VALID} {2,PENDING}: beside it is the fall-back; what is left is that this one record is
     * erased and written, and that its loss costs a second trial */
    copy_chip(&bench.sim, &base);
    bench_record(&bench, 0, 1, BULLA_OTA_VALID, false);
    copy_chip(&base, &bench.sim);
    assert_in_range(cut_stock(&base), 9, 18);
    assert_in_range(cut_ours(&base), 1, 18);
    flash_sim_close(&base);
}

/* ---- W2: the CRC does not cover the state ---- */

static void test_weak_spot_w02_state_word_alone_confirms_nothing(void **state)
{
    (void)state;
    assert_boots(0, false);
    start_trial(middle, 2);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_boots(0, false);
    assert_record(1, 2, BULLA_OTA_INVALID);
    bench.sim.bytes[BENCH_OTADATA + BULLA_SECTOR_SIZE + 24] ^= 1; /* one bit: INVALID is VALID */

    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 1); /* the rejected release runs ... */
    assert_int_equal(stock_boot(&stock), 1); /* ... for ever */

    assert_boots(1, true); /* what is left: it gets another trial, as it may */
    assert_status(update(next, 3), BULLA_E_TRIAL_PENDING);
    assert_int_equal(bench.client.confirmed.sequence, 1);
    assert_boots(0, false); /* and nobody confirmed it */
    assert_record(1, 2, BULLA_OTA_ABORTED);
    assert_int_equal(bench.client.confirmed.sequence, 1);
}

/* ---- W3: no mark of completeness ---- */

static void test_weak_spot_w03_half_written_record_is_no_way_around_the_trial(void **state)
{
    /* the state of {2,NEW}: an erase before it had come so far; its program let one bit stand */
    static const uint32_t halves[] = {BULLA_OTA_UNDEFINED, BULLA_OTA_VALID};

    for (size_t i = 0; i < 2; i++) {
        if (i > 0)
            assert_int_equal(tear_down(state) | set_up(state), 0);
        assert_boots(0, false);
        assert_status(update(middle, 2), BULLA_OK);
        bench_record(&bench, 1, 2, halves[i], false);

        hand_to_stock();
        assert_int_equal(stock_boot(&stock), 1);
        assert_int_equal(stock_boot(&stock), 1); /* no trial: a release that hangs has the device */

        assert_boots(1, true);
        assert_boots(0, false);
    }
}

/* ---- W4: the record of the running slot overwritten ---- */

static void test_weak_spot_w04_second_update_keeps_the_record_of_what_runs(void **state)
{
    size_t len = 0;
    uint8_t *seen = (uint8_t *)fixture_read("fixtures/esp/otadata", "seed003_status.bin", &len);
    uint32_t word = 0;

    (void)state;
    assert_boots(0, false);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_status(update(middle, 2), BULLA_OK);
    damage(1);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 0); /* it does not load */
    twin.bytes[bench_slot(&bench, 1) + 300] ^= 1;
    assert_int_equal(stock_set_boot(&stock, 1, true), STOCK_OK);
    twin.bytes[bench_slot(&bench, 1) + 300] ^= 1;
    assert_int_equal(stock_boot(&stock), 0);
    /* byte for byte what a user saw: PENDING and ABORTED, both number 2, and none of ota_0 */
    assert_memory_equal(twin.bytes + BENCH_OTADATA, seen, len);
    assert_int_equal(stock_state_of(&stock, 0, &word), STOCK_E_NOT_FOUND);
    free(seen);

    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    damage(1);
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_boots(1, true);
    assert_record(0, 1, BULLA_OTA_VALID);

    /* and a device that comes to us like that names what runs, once and for all */
    copy_chip(&bench.sim, &twin);
    assert_boots(0, false);
    assert_true(boot.repaired);
    assert_record(0, 3, BULLA_OTA_VALID);
}

/* ---- W5: the record confirmed instead of what runs ---- */

static void test_weak_spot_w05_confirm_speaks_for_the_slot_that_runs(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    damage(1);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 0);
    assert_int_equal(stock_mark_valid(&stock), STOCK_OK);
    assert_stock_record(1, 2, STOCK_VALID); /* which does not even load */

    assert_boots(0, false);
    enum bulla_status status = bench_confirm(&bench);
    assert_true(status == BULLA_OK || status == BULLA_E_NO_TRIAL);
    assert_record(1, 2, BULLA_OTA_INVALID);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_int_equal(bench.client.confirmed.sequence, 1);
}

/* ---- W6: nothing selectable, so slot 0 ---- */

static void test_weak_spot_w06_slot_0_is_no_last_resort_while_another_verifies(void **state)
{
    (void)state;
    have_two_releases();
    /* ota_0 failed, of ota_1 no record is left */
    bench_record(&bench, 0, 1, BULLA_OTA_INVALID, false);
    memset(bench.sim.bytes + BENCH_OTADATA + BULLA_SECTOR_SIZE, 0xff, BULLA_SECTOR_SIZE);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 0);
    assert_stock_record(0, 1, STOCK_INVALID);
    assert_boots(1, false);
    assert_false(boot.last_resort);
    assert_record(1, 2, BULLA_OTA_VALID);

    /* both failed, and what lies in ota_0 is an image, but none that was signed for it */
    bench_record(&bench, 1, 2, BULLA_OTA_ABORTED, false);
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other.data, other.len);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 0);
    assert_boots(1, false);
    assert_true(boot.last_resort);
}

/* ---- W7: a fall-back without a look at the states ---- */

static void test_weak_spot_w07_fallback_passes_over_what_failed_and_repairs(void **state)
{
    (void)state;
    assert_boots(BULLA_SLOT_FACTORY, false);
    live_through(middle, 2);
    live_through(other, 3);
    assert_int_equal(boot.slot, 1);
    bench_record(&bench, 0, 1, BULLA_OTA_ABORTED, false);
    damage(1);

    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 0); /* ABORTED, while the factory app is good */
    assert_stock_record(1, 2, STOCK_VALID);  /* and at the next reset it is the same again */

    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_true(boot.repaired);
    assert_record(0, 1, BULLA_OTA_ABORTED);
    assert_record(1, 2, BULLA_OTA_INVALID);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), STOCK_FACTORY);
}

/* ---- W8: the end of the numbers ---- */

static void test_weak_spot_w08_update_at_the_last_number_is_not_lost(void **state)
{
    (void)state;
    have_two_releases();
    bench_record(&bench, 0, 0xfffffffdu, BULLA_OTA_VALID, false);
    bench_record(&bench, 1, 0xfffffffeu, BULLA_OTA_VALID, false);
    hand_to_stock();
    assert_int_equal(stock_set_boot(&stock, 0, false), STOCK_OK);
    assert_stock_record(0, 0xffffffffu, STOCK_NEW);
    assert_int_equal(stock_boot(&stock), 1); /* it was told OK */

    assert_boots(1, false);
    start_trial(next, 3);
    assert_int_equal(boot.slot, 0);
    hand_to_stock();
    assert_int_equal(stock_mark_valid(&stock), STOCK_OK);
    assert_int_equal(stock_boot(&stock), 0);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(0, false);
}

/* ---- W9: equal numbers ---- */

static void test_weak_spot_w09_equal_numbers_are_never_written_and_do_not_last(void **state)
{
    (void)state;
    assert_boots(0, false);
    start_trial(middle, 2);
    hand_to_stock();
    assert_int_equal(stock_set_boot(&stock, 1, true), STOCK_OK);
    assert_stock_record(0, 2, STOCK_NEW); /* two records, one number: the position decides */
    assert_stock_record(1, 2, STOCK_PENDING);

    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_true(bench_read_record(&bench, 0).seq != bench_read_record(&bench, 1).seq);
    assert_boots(0, false);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_true(bench_read_record(&bench, 0).seq != bench_read_record(&bench, 1).seq);
    assert_boots(1, false);

    /* what is left: found on a chip, they mean to us what they mean to ESP-IDF ... */
    bench_record(&bench, 0, 4, BULLA_OTA_VALID, false);
    bench_record(&bench, 1, 4, BULLA_OTA_ABORTED, false);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 1);
    assert_boots(1, false);
    /* ... until anything is written */
    live_through(next, 3);
    assert_true(bench_read_record(&bench, 0).seq != bench_read_record(&bench, 1).seq);
}

/* ---- W10: a bad CRC is never repaired ---- */

static void test_weak_spot_w10_damaged_records_are_written_anew(void **state)
{
    (void)state;
    have_two_releases();
    bench_record(&bench, 0, 1, BULLA_OTA_VALID, true);
    bench_record(&bench, 1, 2, BULLA_OTA_VALID, true);
    hand_to_stock();
    uint32_t operations = twin.operations;
    assert_int_equal(stock_boot(&stock), 0);
    assert_int_equal(stock_boot(&stock), 0);
    assert_int_equal(twin.operations, operations);

    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.repaired);
    int32_t slot = boot.slot;
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), slot); /* by a record now */
    operations = bench.sim.operations;
    assert_boots(slot, boot.trial);
    assert_int_equal(bench.sim.operations, operations);
}

/* ---- W11: an error that nobody looked at ---- */

static void test_weak_spot_w11_what_was_not_selected_is_never_called_updated(void **state)
{
    struct flash_sim base = {.bytes = NULL};
    bool reached = true;

    (void)state;
    assert_boots(0, false);
    /* a flash that stores another number than it was given, and says nothing */
    const struct flash_sim_fault lie = {
        .lie_from = 1, .lie_offset = BENCH_OTADATA + BULLA_SECTOR_SIZE, .lie_mask = 2};
    copy_chip(&base, &bench.sim);
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), middle.data, middle.len);
    hand_to_stock();
    twin.fault = lie;
    assert_int_equal(stock_set_boot(&stock, 1, false), STOCK_OK);
    assert_int_equal(stock_boot(&stock), 0);

    copy_chip(&bench.sim, &base);
    bench.sim.fault = lie;
    assert_status(update(middle, 2), BULLA_E_FLASH_READBACK);
    assert_int_equal(bench.result.slot, BULLA_SLOT_NONE);
    assert_boots(0, false);
    /* and one that fails once, wherever that is: success is only what a record stands for */
    for (uint32_t at = 1; reached; at++) {
        copy_chip(&bench.sim, &base);
        bench.sim.fault.fail_at = at;
        enum bulla_status status = update(middle, 2);
        reached = bench.sim.operations >= at;
        bool is_selected = bench_read_record(&bench, 1).state == BULLA_OTA_NEW;
        assert_int_equal(bench.result.slot, status == BULLA_OK ? 1 : BULLA_SLOT_NONE);
        assert_int_equal(is_selected, status == BULLA_OK);
        assert_in_range(at, 1, 100);
    }
    flash_sim_close(&base);
}

/* ---- W12: the record of a slot that is being overwritten ---- */

/* Half of one image, half of another, whose one-byte checksum comes out right all the same. */
static void put_mixture(struct flash_sim *sim, int32_t slot)
{
    struct bulla_bytes image = load("se32_nodigest.bin");
    uint8_t *at = sim->bytes + bench_slot(&bench, slot);

    memcpy(at, image.data, image.len);
    at[100] ^= 0x10;
    at[200] ^= 0x10;
    free((void *)(uintptr_t)image.data);
}

static bool slot_holds(int32_t slot, struct bulla_bytes image)
{
    return memcmp(bench.sim.bytes + bench_slot(&bench, slot), image.data, image.len) == 0;
}

static void test_weak_spot_w12_half_written_slot_is_nobodys_fallback(void **state)
{
    struct flash_sim base = {.bytes = NULL};
    uint32_t halves = 0;

    (void)state;
    assert_boots(BULLA_SLOT_FACTORY, false);
    live_through(middle, 2);
    live_through(other, 3);
    copy_chip(&base, &bench.sim);
    hand_to_stock(); /* before release v5.5 esp_ota_begin left otadata as it was */
    put_mixture(&twin, 0);
    twin.bytes[bench_slot(&bench, 1) + 300] ^= 1;
    assert_int_equal(stock_boot(&stock), 0);

    for (bool done = false; !done; base.operations++) {
        copy_chip(&bench.sim, &base);
        bench.sim.fault.cut_at = base.operations + 1;
        bench.sim.fault.cut_bytes = 200;
        done = update(next, 4) == BULLA_OK;
        assert_in_range(base.operations, 0, 100);
        flash_sim_power_on(&bench.sim);
        if (slot_holds(0, middle) || slot_holds(0, next))
            continue;
        uint32_t word = 0;
        hand_to_stock();
        assert_int_equal(stock_state_of(&stock, 0, &word), STOCK_E_NOT_FOUND);
        put_mixture(&bench.sim, 0);
        damage(1);
        assert_boots(BULLA_SLOT_FACTORY, false);
        halves++;
    }
    assert_in_range(halves, 2, 100);
    flash_sim_close(&base);
}

/* ---- W13: another app flashed over ota_0, otadata forgotten ---- */

static void test_weak_spot_w13_app_flashed_over_a_sealed_slot_is_told_and_never_runs(void **state)
{
    struct bulla_image_facts facts;
    bool sealed = false;

    (void)state;
    have_two_releases();
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other.data, other.len);
    hand_to_stock();
    assert_int_equal(stock_boot(&stock), 1); /* the old one: whoever flashed it wonders why */
    twin.bytes[bench_slot(&bench, 1) + 300] ^= 1;
    assert_int_equal(stock_boot(&stock), 0); /* and one day it runs, unasked */

    assert_boots(1, false);
    assert_status(bulla_slot_verify(&bench.client, 0, &sealed, &facts), BULLA_E_IMAGE_DIGEST);
    assert_true(sealed);
    assert_status(bench_set_boot(&bench, 0), BULLA_E_IMAGE_DIGEST);
    damage(1);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);

    /* a chip is provisioned as a whole, otadata and state included */
    bench_close(&bench);
    provision(BENCH_TWO);
    assert_boots(0, false);
}

#define WEAK_SPOT(test, set_up_it) cmocka_unit_test_setup_teardown(test, set_up_it, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEAK_SPOT(test_weak_spot_w01_confirming_never_erases_the_only_record, set_up),
        WEAK_SPOT(test_weak_spot_w02_state_word_alone_confirms_nothing, set_up),
        WEAK_SPOT(test_weak_spot_w03_half_written_record_is_no_way_around_the_trial, set_up),
        WEAK_SPOT(test_weak_spot_w04_second_update_keeps_the_record_of_what_runs, set_up),
        WEAK_SPOT(test_weak_spot_w05_confirm_speaks_for_the_slot_that_runs, set_up),
        WEAK_SPOT(test_weak_spot_w06_slot_0_is_no_last_resort_while_another_verifies, set_up),
        WEAK_SPOT(test_weak_spot_w07_fallback_passes_over_what_failed_and_repairs, set_up_factory),
        WEAK_SPOT(test_weak_spot_w08_update_at_the_last_number_is_not_lost, set_up),
        WEAK_SPOT(test_weak_spot_w09_equal_numbers_are_never_written_and_do_not_last, set_up),
        WEAK_SPOT(test_weak_spot_w10_damaged_records_are_written_anew, set_up),
        WEAK_SPOT(test_weak_spot_w11_what_was_not_selected_is_never_called_updated, set_up),
        WEAK_SPOT(test_weak_spot_w12_half_written_slot_is_nobodys_fallback, set_up_factory),
        WEAK_SPOT(test_weak_spot_w13_app_flashed_over_a_sealed_slot_is_told_and_never_runs, set_up),
    };

    return cmocka_run_group_tests(tests, load_all, free_all);
}
