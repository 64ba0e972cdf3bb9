/* SPDX-License-Identifier: Apache-2.0 */
/* The choice at reset, trial, confirm, reject, set-boot: on a chip in memory, with otadata as
 * devices in the field have it, and with the power failing at every flash operation. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_boot_result boot;
static struct bulla_bytes old, middle, next, other;

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

static void assert_boots(int32_t slot, bool trial)
{
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, slot);
    assert_int_equal(boot.trial, trial);
}

static void assert_record(uint32_t sector, uint32_t seq, uint32_t state)
{
    struct bulla_ota_record record = bench_read_record(&bench, sector);

    assert_int_equal(record.seq, seq);
    assert_int_equal(record.state, state);
    assert_int_equal(record.crc, bulla_ota_crc(seq));
}

static enum bulla_status update(struct bulla_bytes image, uint32_t sequence)
{
    struct seal_buffer envelope;

    bench_publish(&bench, image, &(struct seal_options){.sequence = sequence}, &envelope);
    enum bulla_status status = bench_update(&bench);
    seal_buffer_free(&envelope);
    return status;
}

/* ota_0 with sequence 1 and ota_1 with sequence 2, confirmed and running. */
static void live_through_one_update(void)
{
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

static void damage(int32_t slot)
{
    bench.sim.bytes[bench_slot(&bench, slot) + 300] ^= 1;
}

static void put_app(int32_t slot, struct bulla_bytes image)
{
    memcpy(bench.sim.bytes + bench_slot(&bench, slot), image.data, image.len);
}

/* An app without an envelope, as provisioning leaves one. */
static void put_unsealed(int32_t slot, struct bulla_bytes image)
{
    uint8_t code = slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;

    put_app(slot, image);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put(&bench.client.state, BULLA_RECORD_HEAD, code,
                                  (struct bulla_bytes){NULL, 0}),
                  BULLA_OK);
}

static uint8_t failed_trials(void)
{
    struct bulla_trial trial;
    bool found = false;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_get_trial(&bench.client.state, &trial, &found), BULLA_OK);
    return found ? trial.failed : 0;
}

static uint32_t operations_of_boot(void)
{
    uint32_t before = bench.sim.operations;

    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    return bench.sim.operations - before;
}

/* ---- the ordinary life ---- */

static void test_boot_first_one_names_slot_0_and_later_ones_write_nothing(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_false(boot.repaired);
    assert_record(0, 1, BULLA_OTA_VALID);
    for (int i = 0; i < 3; i++)
        assert_int_equal(operations_of_boot(), 0);
}

static void test_boot_new_release_is_pending_and_its_second_reset_aborts_it(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    assert_record(1, 2, BULLA_OTA_PENDING_VERIFY);
    assert_true(bench.client.running.trial);
    assert_boots(0, false);
    assert_int_equal(boot.ended_trial, 1);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_ABORTED);
    assert_int_equal(bench.client.confirmed.sequence, 1);
    assert_int_equal(operations_of_boot(), 0);
}

static void test_boot_three_failed_trials_need_retry_or_a_newer_release(void **state)
{
    (void)state;
    assert_boots(0, false);
    for (int i = 0; i < 3; i++) {
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(1, true);
        assert_boots(0, false);
    }
    struct seal_buffer envelope;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_E_TRIAL_FAILED_BEFORE);
    bench.retry = true;
    assert_status(bench_update(&bench), BULLA_OK);
    bench.retry = false;
    seal_buffer_free(&envelope);
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(1, true);
}

static void test_boot_confirming_the_fallback_keeps_the_failures_of_the_release(void **state)
{
    (void)state;
    assert_boots(0, false);
    for (uint8_t i = 1; i <= 3; i++) {
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(1, true);
        assert_boots(0, false);
        assert_status(bench_confirm(&bench), BULLA_OK);
        assert_int_equal(failed_trials(), i);
    }
    assert_status(update(middle, 2), BULLA_E_TRIAL_FAILED_BEFORE);
    bench.retry = true;
    assert_status(update(middle, 2), BULLA_OK);
    bench.retry = false;
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK); /* its own confirmation forgets them */
    assert_int_equal(failed_trials(), 0);
}

static void test_boot_slot_damaged_before_its_trial_does_not_count(void **state)
{
    struct bulla_trial trial;
    bool found = true;

    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    damage(1);
    assert_boots(0, false);
    assert_true(boot.fell_back);
    assert_int_equal(boot.refused_slot, 1);
    assert_int_equal(boot.refused_why, BULLA_E_IMAGE_DIGEST);
    assert_record(1, 2, BULLA_OTA_INVALID);
    assert_status(bulla_state_get_trial(&bench.client.state, &trial, &found), BULLA_OK);
    assert_false(found);
}

static void test_boot_damaged_running_slot_falls_back_and_otadata_is_repaired(void **state)
{
    (void)state;
    live_through_one_update();
    damage(1);
    assert_boots(0, false);
    assert_true(boot.fell_back);
    assert_true(boot.repaired);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_INVALID);
    assert_int_equal(bench.client.confirmed.sequence, 2); /* never goes back */
    assert_int_equal(operations_of_boot(), 0);
}

/* One wrong bit in the content of every record of this kind. */
static void rot_records(uint8_t kind, uint8_t len)
{
    const struct bulla_partition *state = &bench.client.layout.state;
    uint8_t *bytes = bench.sim.bytes + state->offset;
    for (uint32_t at = 16; at + 16 < state->size; at += 16) {
        if (bytes[at] == kind && bytes[at + 1] == 0 && bytes[at + 2] == len && bytes[at + 3] == 0)
            bytes[at + 16] ^= 1;
    }
}

static void test_boot_lost_counters_still_boot_and_refuse_updates(void **state)
{
    (void)state;
    live_through_one_update();
    rot_records(BULLA_RECORD_CONFIRMED, 36);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_true(bench.client.state.damaged);
    assert_boots(1, false);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(update(middle, 3), BULLA_E_STATE_DAMAGED);
    assert_memory_equal(bench.sim.bytes, before, bench.flash.size);
    free(before);
}

/* Not judged is not refused: a slot that cannot be read keeps its record. */
static void test_boot_slot_that_cannot_be_read_keeps_its_record(void **state)
{
    (void)state;
    live_through_one_update();
    assert_boots(1, false);
    assert_status(bench_open(&bench), BULLA_OK);
    bench.unreadable = bench_slot(&bench, 1);
    bench.unreadable_size = BULLA_SECTOR_SIZE;
    assert_status(bulla_client_boot(&bench.client, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    assert_int_equal(boot.refused_why, BULLA_E_FLASH_READ);
    assert_record(1, 2, BULLA_OTA_VALID);
    bench.unreadable_size = 0;
    assert_boots(1, false);
}

static void test_boot_nothing_verifies_refuses_and_writes_nothing(void **state)
{
    (void)state;
    live_through_one_update();
    damage(0);
    damage(1);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(boot.slot, BULLA_SLOT_NONE);
    assert_int_equal(boot.refused_slot, 1);
    assert_true(bench_same(&bench, before));
    free(before);
}

static void test_boot_other_image_flashed_over_a_sealed_slot_never_runs(void **state)
{
    (void)state;
    live_through_one_update();
    put_app(1, other); /* sound by itself, but not what was sealed */
    assert_boots(0, false);
    assert_int_equal(boot.refused_why, BULLA_E_IMAGE_DIGEST);
}

static void test_boot_unsealed_app_runs_by_its_own_digest(void **state)
{
    (void)state;
    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 0);
    assert_boots(0, false);
    assert_false(boot.sealed);
    damage(0);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    damage(0);
    assert_status(update(middle, 1), BULLA_OK);
    assert_boots(1, true);
    assert_true(boot.sealed);
}

static void test_boot_image_below_the_floor_never_runs(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(next, 2), BULLA_OK);
    assert_boots(1, true);
    assert_int_equal(bench.client.floor, 0); /* a trial may still fall back */
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.floor, 1);
    assert_status(bench_set_boot(&bench, 0), BULLA_E_SECURE_VERSION_TOO_OLD);
    damage(1);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
}

/* ---- otadata as it must not be ---- */

static void test_boot_both_records_bad_or_blank_runs_what_verifies_and_repairs(void **state)
{
    (void)state;
    live_through_one_update();
    bench_record(&bench, 0, 1, BULLA_OTA_VALID, true);
    bench_record(&bench, 1, 2, BULLA_OTA_VALID, true);
    assert_boots(0, false);
    assert_true(boot.unnamed);
    assert_true(boot.repaired);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_int_equal(operations_of_boot(), 0);
}

static void test_boot_sequence_zero_and_none_are_as_esp_idf_reads_them(void **state)
{
    (void)state;
    live_through_one_update();
    bench_record(&bench, 0, 0, BULLA_OTA_VALID, false); /* (0 - 1) mod 2 is slot 1 */
    bench_record(&bench, 1, BULLA_OTA_SEQ_NONE, BULLA_OTA_VALID, false);
    assert_boots(1, false);
    assert_int_equal(operations_of_boot(), 0);
    bench_record(&bench, 0, BULLA_OTA_SEQ_NONE, BULLA_OTA_VALID, false);
    assert_boots(0, false);
}

/* The records that a device in the field showed after two updates without a good boot. */
static void test_boot_pending_and_aborted_for_one_slot_runs_the_other_and_names_it(void **state)
{
    (void)state;
    live_through_one_update();
    bench_record(&bench, 0, 2, BULLA_OTA_PENDING_VERIFY, false);
    bench_record(&bench, 1, 2, BULLA_OTA_ABORTED, false);
    assert_boots(0, false);
    assert_true(boot.repaired);
    assert_record(0, 3, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_ABORTED);
    assert_int_equal(operations_of_boot(), 0);
}

static void test_boot_all_slots_failed_before_runs_one_that_verifies(void **state)
{
    (void)state;
    live_through_one_update();
    bench_record(&bench, 0, 1, BULLA_OTA_ABORTED, false);
    bench_record(&bench, 1, 2, BULLA_OTA_INVALID, false);
    damage(0);
    assert_boots(1, false);
    assert_true(boot.last_resort);
    assert_record(0, 1, BULLA_OTA_ABORTED);
    assert_record(1, 2, BULLA_OTA_INVALID);
    assert_int_equal(operations_of_boot(), 0); /* no trial, so none that fails */
    assert_status(update(other, 3), BULLA_OK); /* and the way out is open */
    assert_boots(0, true);
}

static void test_boot_slot_that_failed_never_runs_while_another_verifies(void **state)
{
    (void)state;
    assert_boots(0, false);
    put_unsealed(1, middle); /* no record */
    put_unsealed(2, next);
    bench_record(&bench, 0, 1, BULLA_OTA_ABORTED, false);
    bench_record(&bench, 1, 3, BULLA_OTA_VALID, false);
    damage(2);
    assert_boots(1, false);
    assert_true(boot.fell_back);
    assert_record(0, 5, BULLA_OTA_VALID); /* slot 1 of 3, above the other record */
    assert_record(1, 3, BULLA_OTA_INVALID);
    assert_int_equal(operations_of_boot(), 0);
}

static void test_boot_unknown_state_word_is_believed_only_of_a_confirmed_release(void **state)
{
    (void)state;
    live_through_one_update();
    bench_record(&bench, 1, 2, 0xffffff02u, false);
    assert_boots(1, false);
    assert_int_equal(operations_of_boot(), 0);

    assert_status(update(other, 3), BULLA_OK);
    uint32_t seq = bench_read_record(&bench, 0).seq;
    bench_record(&bench, 0, seq, 0xffffff02u, false);
    assert_boots(0, true);
    assert_record(0, seq, BULLA_OTA_PENDING_VERIFY);
}

/* What otatool.py and bootloaders without rollback write is no confirmation. */
static void test_boot_state_word_alone_neither_confirms_nor_hides_a_trial(void **state)
{
    static const uint32_t words[] = {BULLA_OTA_VALID, BULLA_OTA_UNDEFINED};

    for (size_t i = 0; i < 2; i++) {
        if (i > 0)
            assert_int_equal(tear_down(state) | set_up(state), 0);
        assert_boots(0, false);
        assert_status(update(next, 2), BULLA_OK);
        bench_record(&bench, 1, 2, words[i], false);
        assert_boots(1, true);
        assert_record(1, 2, BULLA_OTA_PENDING_VERIFY);
        assert_int_equal(bench.client.confirmed.sequence, 1);
        assert_int_equal(bench.client.floor, 0);
        assert_boots(0, false);
        assert_int_equal(failed_trials(), 1);

        bench_record(&bench, 1, 2, words[i], false);
        bench_record(&bench, 0, 3, BULLA_OTA_VALID, false);
        assert_boots(0, false);
        assert_status(bench_set_boot(&bench, 1), BULLA_OK);
        assert_record(1, 4, BULLA_OTA_NEW); /* a stock bootloader makes it a trial, too */
        assert_boots(1, true);
        assert_status(bench_confirm(&bench), BULLA_OK);
        assert_int_equal(bench.client.confirmed.sequence, 2);
        assert_boots(1, false);
    }
}

/* The same while the power fails: between two writes nothing reads as confirmed either. */
static void test_boot_power_cut_confirms_no_release_that_never_ran(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    (void)state;
    assert_boots(0, false);
    assert_status(update(next, 2), BULLA_OK);
    bench_record(&bench, 1, 2, BULLA_OTA_VALID, false);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.cut_at = at;
        bool booted = bench_boot(&bench, &boot) == BULLA_OK;
        ended = booted && !bench.sim.dead;
        flash_sim_power_on(&bench.sim);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(bench.client.confirmed.sequence, 1);
        assert_int_equal(boot.trial, boot.slot == 1);
    }
    assert_in_range(at, 4, 100);
    flash_sim_close(&base);
}

static void test_boot_numbers_at_their_end_begin_anew(void **state)
{
    (void)state;
    assert_boots(0, false);
    bench_record(&bench, 0, 0xfffffffdu, BULLA_OTA_VALID, false); /* slot 0, the last one */
    bench_record(&bench, 1, 0xfffffffcu, BULLA_OTA_ABORTED, false);
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_record(1, 0xfffffffeu, BULLA_OTA_NEW);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(update(other, 3), BULLA_OK);
    assert_record(0, 2, BULLA_OTA_VALID); /* the running one, under a small number */
    assert_record(1, 3, BULLA_OTA_NEW);
    assert_boots(0, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_boots(0, false);
}

/* A confirmation cut after its first write: the boot finishes it. */
static void test_boot_valid_record_without_the_sequence_is_finished(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(next, 2), BULLA_OK);
    assert_boots(1, true);
    bench_record(&bench, 1, 2, BULLA_OTA_VALID, false);
    assert_boots(1, false);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_int_equal(bench.client.floor, 1);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(operations_of_boot(), 0);
}

/* ---- what ESP-IDF would do, row by row ---- */

static uint8_t *read_otadata(const char *name)
{
    size_t len = 0;
    uint8_t *bytes = (uint8_t *)fixture_read("fixtures/esp/otadata", name, &len);

    assert_int_equal(len, 2 * BULLA_SECTOR_SIZE);
    return bytes;
}

/* Does a record speak for the slot, or only against it? As of the next boot. */
static bool is_barred(const struct bulla_otadata *otadata, uint32_t count, int32_t slot)
{
    bool against = false;

    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record record = otadata->record[i];
        if (record.state == BULLA_OTA_PENDING_VERIFY)
            record.state = BULLA_OTA_ABORTED;
        if (record.seq == BULLA_OTA_SEQ_NONE || record.crc != bulla_ota_crc(record.seq) ||
            (int32_t)bulla_ota_slot_of(record.seq, count) != slot)
            continue;
        if (bulla_ota_is_valid(&record))
            return false;
        against = true;
    }
    return against;
}

static bool is_named(const struct bulla_otadata *otadata, uint32_t count, int32_t slot)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &otadata->record[i];
        if (bulla_ota_is_valid(record) && record->state != BULLA_OTA_PENDING_VERIFY &&
            (int32_t)bulla_ota_slot_of(record->seq, count) == slot)
            return true;
    }
    return false;
}

/* One row: same slot as ESP-IDF's bootloader, unless that one failed before and another is good, or
 * the other record names a good one that ESP-IDF's search would come to later. */
static void check_row(char *columns[], uint32_t *stricter)
{
    uint32_t count = (uint32_t)atoi(columns[2]);
    bool factory = columns[3][0] == '1';
    int32_t expected = atoi(columns[6]);
    uint8_t *otadata = read_otadata(columns[0]);
    struct bulla_boot_result predicted;

    bench_close(&bench);
    bench_provision(&bench,
                    factory      ? BENCH_FACTORY
                    : count == 3 ? BENCH_THREE
                                 : BENCH_TWO,
                    BULLA_FORMAT_ESP, old, 0);
    memset(bench.sim.bytes + BENCH_FIRST_SLOT, 0xff, BENCH_SLOT_SIZE);
    for (const char *c = columns[4]; *c != '\0'; c++) {
        if (*c == 'F')
            put_unsealed(BULLA_SLOT_FACTORY, old);
        else if (*c != ',')
            put_unsealed(*c - '0', old);
    }
    memcpy(bench.sim.bytes + BENCH_OTADATA, otadata, 2 * BULLA_SECTOR_SIZE);
    free(otadata);
    assert_status(bench_open(&bench), BULLA_OK);
    struct bulla_otadata before = bench.client.otadata;
    uint32_t operations = bench.sim.operations;
    enum bulla_status status = bulla_client_predict(&bench.client, &predicted);
    assert_int_equal(bench.sim.operations, operations);
    assert_status(bench_boot(&bench, &boot), status);
    assert_int_equal(boot.slot, predicted.slot);
    if (expected != -100 && boot.slot != expected) {
        assert_true(is_barred(&before, count, expected) || is_named(&before, count, boot.slot));
        assert_false(is_barred(&before, count, boot.slot));
        ++*stricter;
    } else {
        assert_int_equal(boot.slot, expected == -100 ? BULLA_SLOT_NONE : expected);
    }
    /* and from now on it is settled: otadata names what runs, or nothing could */
    if (status == BULLA_OK && !boot.trial) {
        int32_t slot = boot.slot;
        assert_int_equal(operations_of_boot(), 0);
        assert_int_equal(boot.slot, slot);
    }
}

static void test_boot_chooses_as_esp_idf_in_every_row_of_its_table(void **state)
{
    size_t len = 0;
    char *text = fixture_read("fixtures/esp/otadata", "expected_boot.tsv", &len);
    char *rest = text;
    char *columns[8];
    uint32_t rows = 0;
    uint32_t stricter = 0;

    (void)state;
    assert_true(fixture_row(&rest, columns, 8)); /* the title */
    while (fixture_row(&rest, columns, 8)) {
        /* three slots and a factory app: the bench has no such layout */
        if (columns[1][0] != '1' || (columns[2][0] == '3' && columns[3][0] == '1'))
            continue;
        check_row(columns, &stricter);
        rows++;
    }
    assert_in_range(rows, 100, 200);
    assert_in_range(stricter, 1, 20);
    free(text);
}

/* ---- confirm, reject, set-boot ---- */

static void test_boot_confirm_before_any_trial_is_refused(void **state)
{
    (void)state;
    assert_status(bench_confirm(&bench), BULLA_E_NO_TRIAL);
    assert_boots(0, false);
    assert_status(bench_confirm(&bench), BULLA_E_NO_TRIAL);
    assert_status(update(middle, 2), BULLA_OK);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_confirm(&bench), BULLA_E_NO_TRIAL); /* ota_1 never ran */
    assert_true(bench_same(&bench, before));
    free(before);
}

static void test_boot_confirm_twice_changes_nothing_more(void **state)
{
    (void)state;
    live_through_one_update();
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_true(bench_same(&bench, before));
    assert_boots(1, false);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_true(bench_same(&bench, before));
    free(before);
}

/* With nothing worth falling back to, the pending record stays until the valid one is whole. */
static void test_boot_confirm_without_fallback_writes_the_other_sector(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    bench_record(&bench, 0, 1, BULLA_OTA_INVALID, false);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_record(0, 4, BULLA_OTA_VALID);
    assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
    assert_boots(1, false);
}

/* After a fall-back it is the fall-back that says it works, not the slot otadata named. */
static void test_boot_confirm_speaks_for_the_running_slot(void **state)
{
    (void)state;
    live_through_one_update();
    assert_status(update(other, 3), BULLA_OK);
    damage(0);
    assert_boots(1, false);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_INVALID);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_boots(1, false);
}

/* A stock bootloader made the trial: no boot of ours knows of it. */
static void start_by_stock(uint32_t sector, bool booted_before)
{
    if (booted_before)
        live_through_one_update();
    assert_status(update(other, 3), BULLA_OK);
    struct bulla_ota_record record = bench_read_record(&bench, sector);
    assert_int_equal(record.state, BULLA_OTA_NEW);
    bench_record(&bench, sector, record.seq, BULLA_OTA_PENDING_VERIFY, false);
}

static void test_boot_trial_started_by_another_bootloader_is_what_runs(void **state)
{
    for (int booted = 0; booted < 2; booted++) {
        uint32_t sector = booted ? 0 : 1;
        int32_t slot = booted ? 0 : 1;
        int32_t running = BULLA_SLOT_NONE;

        if (booted)
            assert_int_equal(tear_down(state) | set_up(state), 0);
        start_by_stock(sector, booted == 1);
        uint32_t confirmed = booted ? 2 : 1;
        uint8_t *before = bench_snapshot(&bench);
        assert_status(update(middle, 4), BULLA_E_TRIAL_PENDING);
        assert_status(bench_set_boot(&bench, 1 - slot), BULLA_E_TRIAL_PENDING);
        assert_true(bench_same(&bench, before));
        assert_status(bulla_client_running(&bench.client, &running), BULLA_OK);
        assert_int_equal(running, slot);
        assert_true(bulla_client_in_trial(&bench.client));
        assert_int_equal(bench.client.confirmed.sequence, confirmed);

        assert_status(bench_confirm(&bench), BULLA_OK);
        assert_int_equal(bench.client.confirmed.sequence, 3);
        assert_int_equal(bench_read_record(&bench, sector).state, BULLA_OTA_VALID);
        assert_false(bulla_client_in_trial(&bench.client));
        assert_boots(slot, false);
        assert_status(bench_confirm(&bench), BULLA_OK);
        free(before);
    }
}

static void test_boot_reject_of_a_trial_started_by_another_bootloader(void **state)
{
    (void)state;
    start_by_stock(0, true);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_INVALID);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_VALID);
    assert_true(bulla_client_in_trial(&bench.client));
    /* that bootloader starts ota_1, and says so nowhere: the way to a better release is open */
    assert_status(update(next, 4), BULLA_OK);
    assert_int_equal(bench.result.slot, 0);
}

/* The other bootloader ended a trial that ours had started. */
static void test_boot_trial_ended_by_another_bootloader_is_not_confirmed(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    bench_record(&bench, 1, 2, BULLA_OTA_ABORTED, false);
    assert_status(bench_confirm(&bench), BULLA_E_NO_TRIAL);
    assert_status(bench_reject(&bench), BULLA_E_NO_TRIAL);
    assert_status(update(other, 3), BULLA_OK);
    assert_int_equal(bench.result.slot, 1);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_int_equal(bench.client.confirmed.sequence, 1);
}

/* Flash fails once in the boot that ends a trial: what runs then cannot be taken for the slot that
 * ran before. */
static void test_boot_flash_failure_never_lets_the_fallback_confirm_the_trial(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool reached = true; reached; at++) {
        int32_t running = BULLA_SLOT_NONE;
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.fail_at = at;
        assert_boots(0, false);
        reached = bench.sim.operations >= at;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        enum bulla_status status = bench_confirm(&bench);
        assert_true(status == BULLA_OK || status == BULLA_E_NO_TRIAL);
        assert_int_equal(bench.client.confirmed.sequence, 1);
        assert_true(bench_read_record(&bench, 1).state != BULLA_OTA_VALID);
        assert_status(bulla_client_running(&bench.client, &running), BULLA_OK);
        assert_int_equal(running, 0);
        assert_boots(0, false);
        assert_int_equal(failed_trials(), 1);
    }
    assert_in_range(at, 4, 100);
    flash_sim_close(&base);
}

static void test_boot_reject_takes_the_fallback_and_counts_as_failed(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    for (int i = 0; i < 3; i++) {
        assert_status(update(middle, 2), BULLA_OK);
        assert_boots(1, true);
        assert_status(bench_reject(&bench), BULLA_OK);
        assert_status(bench_reject(&bench), BULLA_OK);
        assert_status(bench_confirm(&bench), BULLA_E_NO_TRIAL);
        assert_record(1, 2, BULLA_OTA_INVALID);
        assert_boots(0, false);
    }
    assert_status(update(middle, 2), BULLA_E_TRIAL_FAILED_BEFORE);
}

static void test_boot_reject_needs_a_fallback_that_verifies(void **state)
{
    (void)state;
    live_through_one_update();
    damage(0);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    assert_true(bench_same(&bench, before));
    damage(0);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_boots(0, false);
    free(before);
}

static void test_boot_reject_of_the_last_resort_is_refused(void **state)
{
    static const uint32_t words[] = {BULLA_OTA_INVALID, BULLA_OTA_ABORTED};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_record(&bench, 0, 1, words[i], false);
        assert_boots(0, false);
        assert_true(boot.last_resort);
        uint8_t *before = bench_snapshot(&bench);
        assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
        assert_true(bench_same(&bench, before));
        free(before);
    }
}

static void test_boot_set_boot_selects_confirmed_releases_without_trial(void **state)
{
    (void)state;
    live_through_one_update();
    assert_status(bench_set_boot(&bench, 0), BULLA_OK);
    assert_record(1, 2, BULLA_OTA_VALID); /* what runs keeps its record */
    assert_boots(0, false);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1, false);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1, false);
    assert_int_equal(bench.client.confirmed.sequence, 2);
}

static void test_boot_set_boot_of_an_unproven_release_is_a_trial(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_set_boot(&bench, 0), BULLA_E_TRIAL_PENDING);
    assert_boots(0, false);
    assert_status(bench_set_boot(&bench, 1), BULLA_OK);
    assert_boots(1, true);
    assert_boots(0, false);
}

static void test_boot_set_boot_of_what_does_not_verify_is_refused(void **state)
{
    (void)state;
    live_through_one_update();
    damage(0);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_set_boot(&bench, 0), BULLA_E_IMAGE_DIGEST);
    assert_status(bench_set_boot(&bench, 2), BULLA_E_SLOT_UNKNOWN);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_E_SLOT_UNKNOWN);
    assert_true(bench_same(&bench, before));
    free(before);
}

/* ---- with a factory app ---- */

static void test_boot_factory_device_lives_through_updates_and_back(void **state)
{
    (void)state;
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_int_equal(operations_of_boot(), 0);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(0, true);
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(0, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    /* the confirmed release is not what the next update overwrites */
    assert_status(update(old, 4), BULLA_OK);
    assert_int_equal(bench.result.slot, 0);
    assert_boots(0, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(bench_set_boot(&bench, BULLA_SLOT_FACTORY), BULLA_OK);
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(update(middle, 5), BULLA_OK);
    assert_int_equal(bench.result.slot, 1);
}

/* Running the factory app after a fall-back: the confirmed release is installed once more. */
static void test_boot_factory_fallback_installs_the_confirmed_release_again(void **state)
{
    (void)state;
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(0, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    damage(0);
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_true(boot.fell_back);
    assert_status(update(middle, 2), BULLA_OK);
    assert_false(bench.result.nothing_newer);
    assert_boots(bench.result.slot, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

/* ---- power ---- */

struct scene {
    void (*before)(void);
    enum bulla_status (*act)(void);
    int32_t slots[3]; /* what may run after a cut: the old choice, the new one */
    int32_t done;     /* what runs when the act said yes */
};

/* Cut at every operation of the act, boot, boot again: never a third choice, never a lost
 * confirmation, and the second boot runs what the first one ran unless that was a trial. */
static void cut_scene(const struct scene *scene, uint32_t cut_bytes, bool garbage)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    assert_status(bench_open(&bench), BULLA_OK);
    uint32_t sequence = bench.client.confirmed.sequence;
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault =
            (struct flash_sim_fault){.cut_at = at, .cut_bytes = cut_bytes, .cut_garbage = garbage};
        enum bulla_status status = scene->act();
        ended = !bench.sim.dead;
        flash_sim_power_on(&bench.sim);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        if (ended) {
            assert_status(status, BULLA_OK);
            assert_int_equal(boot.slot, scene->done);
        }
        assert_true(boot.slot == scene->slots[0] || boot.slot == scene->slots[1] ||
                    boot.slot == scene->slots[2]);
        assert_true(bench.client.confirmed.sequence >= sequence);
        if (!boot.trial)
            assert_int_equal(operations_of_boot(), 0);
    }
    assert_in_range(at, 3, 100);
    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
    flash_sim_close(&base);
}

/* The power fails again while the boot after the first cut puts things right. */
static void cut_twice(const struct scene *scene, uint32_t cut_bytes)
{
    struct flash_sim base;
    struct flash_sim half;
    char why[FLASH_SIM_WHY_SIZE];
    bool ended = false;

    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = cut_bytes};
        enum bulla_status acted = scene->act();
        ended = acted == BULLA_OK && !bench.sim.dead;
        assert_status(flash_sim_copy(&half, &bench.sim, why), BULLA_OK);
        bool survived = false;
        for (uint32_t again = 1; !survived; again++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &half, why), BULLA_OK);
            bench.sim.fault = (struct flash_sim_fault){
                .cut_at = again, .cut_bytes = cut_bytes, .cut_garbage = true};
            enum bulla_status status = bench_boot(&bench, &boot);
            survived = !bench.sim.dead;
            if (survived)
                assert_status(status, BULLA_OK);
            flash_sim_power_on(&bench.sim);
            assert_status(bench_boot(&bench, &boot), BULLA_OK);
            assert_true(boot.slot == scene->slots[0] || boot.slot == scene->slots[1] ||
                        boot.slot == scene->slots[2]);
        }
        flash_sim_close(&half);
    }
    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
    flash_sim_close(&base);
}

static void run_scene(enum bench_layout layout, const struct scene *scene)
{
    static const uint32_t bytes[] = {0, 1, 4, 24, 28, 31, 32, 2048};

    bench_close(&bench);
    bench_provision(&bench, layout, BULLA_FORMAT_ESP, old, 1);
    scene->before();
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        cut_scene(scene, bytes[i], false);
        cut_scene(scene, bytes[i], true);
    }
    cut_twice(scene, 0);
    cut_twice(scene, 24);
}

static void in_trial(void)
{
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(1, true);
}

static void damaged_after_update(void)
{
    live_through_one_update();
    damage(1);
}

static void aborted_twice(void)
{
    live_through_one_update();
    bench_record(&bench, 0, 2, BULLA_OTA_PENDING_VERIFY, false);
    bench_record(&bench, 1, 2, BULLA_OTA_ABORTED, false);
}

static void at_the_end_of_numbers(void)
{
    live_through_one_update();
    bench_record(&bench, 0, 0xfffffffdu, BULLA_OTA_VALID, false);
    bench_record(&bench, 1, 0xfffffffeu, BULLA_OTA_VALID, false);
}

static void factory_with_two_releases(void)
{
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(0, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(update(other, 3), BULLA_OK);
    assert_boots(1, true);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

static void factory_in_trial(void)
{
    assert_boots(BULLA_SLOT_FACTORY, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_boots(0, true);
}

static void blank(void)
{
}

static enum bulla_status act_boot(void)
{
    return bench_boot(&bench, &boot);
}

static enum bulla_status act_confirm(void)
{
    return bench_confirm(&bench);
}

static enum bulla_status act_reject(void)
{
    return bench_reject(&bench);
}

static enum bulla_status act_set_boot_0(void)
{
    return bench_set_boot(&bench, 0);
}

static enum bulla_status act_set_boot_factory(void)
{
    return bench_set_boot(&bench, BULLA_SLOT_FACTORY);
}

static enum bulla_status act_update(void)
{
    return update(other, 3);
}

static void test_boot_power_cut_anywhere_leaves_the_old_or_the_new_choice(void **state)
{
    static const struct {
        enum bench_layout layout;
        struct scene scene;
    } scenes[] = {
        {BENCH_TWO, {blank, act_boot, {0, 0, 0}, 0}},
        {BENCH_TWO, {in_trial, act_boot, {0, 0, 0}, 0}}, /* the trial ends */
        {BENCH_TWO, {in_trial, act_confirm, {0, 1, 1}, 1}},
        {BENCH_TWO, {in_trial, act_reject, {0, 0, 0}, 0}},
        {BENCH_TWO, {damaged_after_update, act_boot, {0, 0, 0}, 0}},
        {BENCH_TWO, {aborted_twice, act_boot, {0, 0, 0}, 0}},
        {BENCH_TWO, {live_through_one_update, act_set_boot_0, {1, 0, 0}, 0}},
        {BENCH_TWO, {live_through_one_update, act_reject, {1, 0, 0}, 0}},
        {BENCH_TWO, {at_the_end_of_numbers, act_update, {1, 0, 0}, 0}},
        {BENCH_FACTORY,
         {factory_with_two_releases, act_set_boot_factory, {1, -1, -1}, BULLA_SLOT_FACTORY}},
        {BENCH_FACTORY, {factory_with_two_releases, act_set_boot_0, {1, 0, 0}, 0}},
        {BENCH_FACTORY, {factory_in_trial, act_confirm, {-1, 0, 0}, 0}},
        {BENCH_FACTORY, {factory_in_trial, act_boot, {-1, -1, -1}, -1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        run_scene(scenes[i].layout, &scenes[i].scene);
    }
}

/* A failed trial is counted, and once, wherever the boot that ends it loses power. */
static void test_boot_power_cut_counts_a_failed_trial_once(void **state)
{
    static const uint32_t bytes[] = {0, 8, 16, 24, 32, 48};
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    in_trial();
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        uint32_t at = 1;
        for (bool ended = false; !ended; at++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
            bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = bytes[i]};
            bool booted = bench_boot(&bench, &boot) == BULLA_OK;
            ended = booted && !bench.sim.dead;
            flash_sim_power_on(&bench.sim);
            assert_boots(0, false);
            assert_int_equal(failed_trials(), 1);
            assert_boots(0, false);
            assert_int_equal(failed_trials(), 1);
        }
        assert_in_range(at, 4, 100);
    }
    flash_sim_close(&base);
}

/* An erase that was cut left a number without its CRC under PENDING: ended trials are marked in
 * their records, but this is none and must not become one that names the running slot. */
static void test_boot_torn_pending_record_does_not_become_whole(void **state)
{
    (void)state;
    live_through_one_update();
    assert_boots(1, false);
    bench_record(&bench, 0, 0xfe, BULLA_OTA_PENDING_VERIFY, true);
    assert_boots(1, false);
    struct bulla_ota_record record = bench_read_record(&bench, 0);
    assert_false(record.crc == bulla_ota_crc(record.seq));
    assert_status(update(next, 3), BULLA_OK);
    assert_record(1, 2, BULLA_OTA_VALID);
    assert_boots(0, true);
}

/* One bit of one read is wrong, wherever: what is confirmed stays confirmed, and runs. */
static void test_boot_single_misread_takes_nothing_away(void **state)
{
    struct bulla_boot_result again;

    (void)state;
    live_through_one_update();
    assert_boots(1, false);
    bench.sim.reads = 0;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    uint32_t reads = bench.sim.reads;
    uint8_t *before = bench_snapshot(&bench);
    for (uint32_t at = 1; at <= reads; at++) {
        bench.sim.reads = 0;
        bench.sim.fault = (struct flash_sim_fault){.misread_at = at};
        enum bulla_status status = bench_boot(&bench, &boot);
        bench.sim.fault = (struct flash_sim_fault){.misread_at = 0};
        assert_true(status != BULLA_OK || boot.slot == 1 || boot.slot == 0);
        assert_status(bench_boot(&bench, &again), BULLA_OK);
        assert_int_equal(again.slot, 1);
        assert_false(again.trial);
        memcpy(bench.sim.bytes, before, bench.sim.size);
    }
    assert_in_range(reads, 20, 2000);
    free(before);
}

/* What is kept twice is kept twice again after the next boot, wherever confirm was cut. */
static void test_boot_power_cut_leaves_no_single_copy(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;
    uint32_t confirmed = 0;

    (void)state;
    in_trial();
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault = (struct flash_sim_fault){.cut_at = at};
        ended = bench_confirm(&bench) == BULLA_OK && !bench.sim.dead;
        flash_sim_power_on(&bench.sim);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_status(bench_open(&bench), BULLA_OK);
        if (bench.client.confirmed.sequence == 1)
            continue;
        confirmed++;
        assert_true(bulla_state_has_pair(&bench.client.state, BULLA_RECORD_CONFIRMED));
        assert_true(bench.client.floor == 0 ||
                    bulla_state_has_pair(&bench.client.state, BULLA_RECORD_FLOOR));
    }
    assert_in_range(confirmed, 3, at);
    flash_sim_close(&base);
}

/* Confirm is cut while cells are half burnt, and what reads VALID at one time does not at another.
 * What confirm says yes to afterwards stays. */
static void test_boot_confirmation_does_not_rest_on_a_cell_half_burnt(void **state)
{
    static const uint32_t bytes[] = {0, 8, 20, 25, 28, 31, 4096};
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t confirmed = 0;

    (void)state;
    in_trial();
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t i = 0; i < 7 * 40; i++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.seed = i;
        bench.sim.fault = (struct flash_sim_fault){
            .cut_at = 1 + i / 7 % 10, .cut_bytes = bytes[i % 7], .cut_unstable = true};
        (void)bench_confirm(&bench);
        flash_sim_power_on(&bench.sim);
        if (bench_boot(&bench, &boot) != BULLA_OK || boot.slot != 1 ||
            bench_confirm(&bench) != BULLA_OK)
            continue;
        confirmed++;
        for (uint32_t times = 0; times < 8; times++)
            assert_boots(1, false);
    }
    assert_in_range(confirmed, 40, 7 * 40);
    flash_sim_close(&base);
}

/* The boot could not write down that the fall-back runs: the port knows, and nothing touches it. */
static void test_boot_executing_slot_is_believed_above_the_record(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    in_trial();
    assert_boots(0, false);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 3}, &envelope);
    assert_status(bench_open(&bench), BULLA_OK);
    int32_t slot = BULLA_SLOT_NONE;
    assert_status(bulla_client_running(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 0);
    bench.client.executing = 1;
    assert_status(bulla_client_running(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 1);
    assert_status(bulla_client_target(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 0);
    bench.client.executing = 0;
    assert_status(bulla_client_target(&bench.client, &slot), BULLA_OK);
    assert_int_equal(slot, 1);
    seal_buffer_free(&envelope);
}

/* A bootloader without rollback starts a new release and marks nothing; the port knows. */
static void test_boot_executing_slot_in_new_is_a_trial(void **state)
{
    (void)state;
    assert_boots(0, false);
    assert_status(update(middle, 2), BULLA_OK);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_client_confirm(&bench.client), BULLA_E_NO_TRIAL);
    bench.client.executing = 1;
    assert_true(bulla_client_in_trial(&bench.client));
    assert_status(bulla_client_confirm(&bench.client), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_boots(1, false);
}

#define TEST(name)         cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_FACTORY(name) cmocka_unit_test_setup_teardown(name, set_up_factory, tear_down)
#define TEST_THREE(name)   cmocka_unit_test_setup_teardown(name, set_up_three, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_boot_first_one_names_slot_0_and_later_ones_write_nothing),
        TEST(test_boot_new_release_is_pending_and_its_second_reset_aborts_it),
        TEST(test_boot_three_failed_trials_need_retry_or_a_newer_release),
        TEST(test_boot_confirming_the_fallback_keeps_the_failures_of_the_release),
        TEST(test_boot_slot_damaged_before_its_trial_does_not_count),
        TEST(test_boot_damaged_running_slot_falls_back_and_otadata_is_repaired),
        TEST(test_boot_lost_counters_still_boot_and_refuse_updates),
        TEST(test_boot_slot_that_cannot_be_read_keeps_its_record),
        TEST(test_boot_nothing_verifies_refuses_and_writes_nothing),
        TEST(test_boot_other_image_flashed_over_a_sealed_slot_never_runs),
        TEST(test_boot_unsealed_app_runs_by_its_own_digest),
        TEST(test_boot_image_below_the_floor_never_runs),
        TEST(test_boot_both_records_bad_or_blank_runs_what_verifies_and_repairs),
        TEST(test_boot_sequence_zero_and_none_are_as_esp_idf_reads_them),
        TEST(test_boot_pending_and_aborted_for_one_slot_runs_the_other_and_names_it),
        TEST(test_boot_all_slots_failed_before_runs_one_that_verifies),
        TEST_THREE(test_boot_slot_that_failed_never_runs_while_another_verifies),
        TEST(test_boot_unknown_state_word_is_believed_only_of_a_confirmed_release),
        TEST(test_boot_state_word_alone_neither_confirms_nor_hides_a_trial),
        TEST(test_boot_power_cut_confirms_no_release_that_never_ran),
        TEST(test_boot_numbers_at_their_end_begin_anew),
        TEST(test_boot_valid_record_without_the_sequence_is_finished),
        TEST(test_boot_chooses_as_esp_idf_in_every_row_of_its_table),
        TEST(test_boot_confirm_before_any_trial_is_refused),
        TEST(test_boot_confirm_twice_changes_nothing_more),
        TEST(test_boot_confirm_without_fallback_writes_the_other_sector),
        TEST(test_boot_confirm_speaks_for_the_running_slot),
        TEST(test_boot_trial_started_by_another_bootloader_is_what_runs),
        TEST(test_boot_reject_of_a_trial_started_by_another_bootloader),
        TEST(test_boot_trial_ended_by_another_bootloader_is_not_confirmed),
        TEST(test_boot_flash_failure_never_lets_the_fallback_confirm_the_trial),
        TEST(test_boot_reject_takes_the_fallback_and_counts_as_failed),
        TEST(test_boot_reject_needs_a_fallback_that_verifies),
        TEST(test_boot_reject_of_the_last_resort_is_refused),
        TEST(test_boot_set_boot_selects_confirmed_releases_without_trial),
        TEST(test_boot_set_boot_of_an_unproven_release_is_a_trial),
        TEST(test_boot_set_boot_of_what_does_not_verify_is_refused),
        TEST_FACTORY(test_boot_factory_device_lives_through_updates_and_back),
        TEST_FACTORY(test_boot_factory_fallback_installs_the_confirmed_release_again),
        TEST(test_boot_power_cut_anywhere_leaves_the_old_or_the_new_choice),
        TEST(test_boot_power_cut_counts_a_failed_trial_once),
        TEST(test_boot_torn_pending_record_does_not_become_whole),
        TEST(test_boot_single_misread_takes_nothing_away),
        TEST(test_boot_power_cut_leaves_no_single_copy),
        TEST(test_boot_confirmation_does_not_rest_on_a_cell_half_burnt),
        TEST(test_boot_executing_slot_is_believed_above_the_record),
        TEST(test_boot_executing_slot_in_new_is_a_trial),
    };

    return cmocka_run_group_tests(tests, load_all, free_all);
}
