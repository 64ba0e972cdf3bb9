/* SPDX-License-Identifier: Apache-2.0 */
/* What no other test noticed: each of these was written for a mutant (tests/mutants) that survived
 * all others. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

#define SECTORS   80u /* as many as a slot has */
#define IMAGE_LEN ((size_t)SECTORS * BULLA_SECTOR_SIZE)
#define CUT_AT    (10u * BULLA_SECTOR_SIZE)

static struct bench bench;
static struct bulla_boot_result boot;
static struct seal_buffer envelope;
static uint8_t old[IMAGE_LEN];
static uint8_t fresh[IMAGE_LEN];

static void fill(uint8_t *image, uint32_t seed)
{
    for (size_t i = 0; i < IMAGE_LEN; i++) {
        seed = seed * 1664525u + 1013904223u;
        image[i] = (uint8_t)(seed >> 24);
    }
    image[0] = 0x7f; /* raw */
}

static struct bulla_bytes whole(const uint8_t *image)
{
    return (struct bulla_bytes){image, IMAGE_LEN};
}

static int set_up(void **state)
{
    (void)state;
    fill(old, 1);
    fill(fresh, 2);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, whole(old), 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench.has_clock = true;
    bench_publish(&bench, whole(fresh), &(struct seal_options){.sequence = 2}, &envelope);
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

static void assert_installed(void)
{
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), fresh, IMAGE_LEN);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_NEW);
}

/* ---- the reset ---- */

/* A trial of which nothing can be written would be tried again at each reset. */
static void test_survival_trial_that_cannot_be_marked_does_not_run(void **state)
{
    (void)state;
    assert_status(bench_update(&bench), BULLA_OK);
    bench.sim.fault.worn = true;
    bench.sim.fault.worn_sector = BENCH_OTADATA + BULLA_SECTOR_SIZE;
    for (uint32_t i = 0; i < 3; i++) {
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_false(boot.trial);
    }
}

/* ---- confirm ---- */

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

/* The fall-back has secure version 0, the release in its trial 1. */
static void have_a_trial_that_raises_the_floor(void)
{
    struct bulla_bytes first = load("se32_1.0.0.bin"), second = load("se32_1.2.0.bin");

    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, first, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    seal_buffer_free(&envelope);
    bench_publish(&bench, second, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    free((void *)(uintptr_t)first.data);
    free((void *)(uintptr_t)second.data);
}

/* Whatever a confirmation is cut in: while the fall-back may still have to run, it may run. */
static void test_survival_floor_never_shuts_out_the_fallback(void **state)
{
    static const uint32_t bytes[] = {0, 16, 32, 2048};
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    bool done = false;

    (void)state;
    have_a_trial_that_raises_the_floor();
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; !done; at++) {
        for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
            bench.sim.fault.cut_at = at;
            bench.sim.fault.cut_bytes = bytes[i];
            done = bench_confirm(&bench) == BULLA_OK;
            flash_sim_power_on(&bench.sim);
            assert_status(bench_boot(&bench, &boot), BULLA_OK);
            assert_false(boot.last_resort);
            assert_false(boot.trial);
            assert_int_equal(bench.client.floor, boot.slot == 1 ? 1 : 0);
        }
        assert_in_range(at, 1, 100);
    }
    flash_sim_close(&base);
}

/* ---- records ---- */

/* A write that failed may have erased: what is decided next must rest on what flash holds. */
static void test_survival_after_a_failed_write_memory_tells_what_flash_holds(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    enum bulla_status status = BULLA_E_NOT_JUDGED;
    uint32_t failed = 0;

    (void)state;
    have_a_trial_that_raises_the_floor();
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1; at < 100 && status != BULLA_OK; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.fail_at = at;
        status = bench_confirm(&bench);
        failed += status != BULLA_OK ? 1 : 0;
        for (uint32_t i = 0; i < 2; i++) {
            struct bulla_ota_record is = bench_read_record(&bench, i);
            assert_memory_equal(&bench.client.otadata.record[i], &is, sizeof(is));
        }
    }
    assert_in_range(failed, 4, 98);
    flash_sim_close(&base);
}

/* Three slots: ota_0 runs, ota_2 was asked for, ota_1 gets an update. The other sector is not the
 * one beside the newest number, but the one beside what runs. */
static void test_survival_update_after_set_boot_keeps_the_record_of_what_runs(void **state)
{
    (void)state;
    bench_close(&bench);
    bench_provision(&bench, BENCH_THREE, BULLA_FORMAT_RAW, whole(old), 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench_record(&bench, 1, 3, BULLA_OTA_VALID, false);
    seal_buffer_free(&envelope);
    bench_publish(&bench, whole(fresh), &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.slot, 1);
    assert_int_equal(bench_read_record(&bench, 0).seq, 1);
    assert_int_equal(bench_read_record(&bench, 0).state, BULLA_OTA_VALID);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_NEW);
}

/* One bit in the only copy of an envelope is no way to run what nobody signed. */
static void test_survival_rotted_envelope_does_not_make_a_slot_unsealed(void **state)
{
    struct bulla_image_facts facts;
    bool sealed = false;
    uint32_t rotted = 0;

    (void)state;
    have_a_trial_that_raises_the_floor();
    assert_status(bench_confirm(&bench), BULLA_OK);
    const struct bulla_partition *row = &bench.client.layout.state;
    uint8_t *bytes = bench.sim.bytes + row->offset;
    for (uint32_t at = 16; at + 32 < row->size; at += 16) {
        bool is_head = bytes[at] == BULLA_RECORD_HEAD && bytes[at + 1] == 1;
        if (is_head && (bytes[at + 2] != 0 || bytes[at + 3] != 0)) { /* with an envelope in it */
            bytes[at + 16] ^= 1;
            rotted++;
        }
    }
    assert_int_equal(rotted, 1);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_slot_verify(&bench.client, 1, &sealed, &facts), BULLA_E_SLOT_NOT_SEALED);
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE); /* ota_0: below the floor */
}

/* ---- the device state ---- */

/* Whatever byte of a record flash stores otherwise: the record is not called written. */
static void test_survival_state_that_flash_did_not_take_is_not_written(void **state)
{
    uint32_t caught = 0;

    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    const struct bulla_partition *row = &bench.client.layout.state;
    uint8_t *before = bench_snapshot(&bench);
    for (uint32_t at = 0; at < row->size / 2; at += 13) {
        memcpy(bench.sim.bytes, before, bench.sim.size);
        assert_status(bench_open(&bench), BULLA_OK);
        bench.sim.fault.lie_from = 1;
        bench.sim.fault.lie_offset = row->offset + at;
        bench.sim.fault.lie_mask = 0x10;
        enum bulla_status status = bulla_state_put_floor(&bench.client.state, 7);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        caught += status == BULLA_E_FLASH_READBACK ? 1 : 0;
        assert_true(status == BULLA_OK || status == BULLA_E_FLASH_READBACK);
        assert_status(bench_open(&bench), BULLA_OK);
        assert_true(status != BULLA_OK || bench.client.floor == 7);
    }
    assert_in_range(caught, 1, 100);
    free(before);
}

/* A program that was done although it was reported as failed is not programmed over. */
static void test_survival_state_is_not_appended_to_what_failed(void **state)
{
    (void)state;
    uint8_t *before = bench_snapshot(&bench);
    for (uint32_t at = 1; at < 6; at++) {
        memcpy(bench.sim.bytes, before, bench.sim.size);
        assert_status(bench_open(&bench), BULLA_OK);
        bench.sim.fault.fail_at = bench.sim.operations + at;
        bench.sim.fault.fail_but_done = true;
        enum bulla_status first = bulla_state_put_floor(&bench.client.state, 7);
        assert_true(first == BULLA_E_FLASH_PROGRAM || at > 2);
        assert_status(bulla_state_put_floor(&bench.client.state, 9), BULLA_OK);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        assert_int_equal(bench.sim.violations, 0);
        assert_int_equal(bench.sim.bytes_reprogrammed, 0);
        assert_status(bench_open(&bench), BULLA_OK);
        assert_int_equal(bench.client.floor, 9);
    }
    free(before);
}

/* The half that a compaction wants cannot be erased any more, and the flash does not say so. */
static void test_survival_state_half_that_did_not_become_blank_is_not_used(void **state)
{
    enum bulla_status status = BULLA_OK;

    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    struct bulla_state *log = &bench.client.state;
    const struct bulla_partition *row = &bench.client.layout.state;
    uint32_t other = row->offset + (1u - log->active) * (row->size / 2);
    bench.sim.bytes[other + 0x700] = 0;
    bench.sim.fault.worn = bench.sim.fault.worn_silently = true;
    bench.sim.fault.worn_sector = other;
    for (uint32_t i = 0; i < 2000 && status == BULLA_OK; i++)
        status = bulla_state_put_floor(log, i + 1);
    assert_status(status, BULLA_E_FLASH_READBACK);
    assert_int_equal(bench.sim.violations, 0);
}

/* The chip just before the write that moves the log to its other half, and its next floor. */
static uint32_t before_compaction(struct flash_sim *base)
{
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t floor = bench.client.floor;

    memset(base, 0, sizeof(*base));
    assert_status(bench_open(&bench), BULLA_OK);
    for (uint32_t active = bench.client.state.active; bench.client.state.active == active;) {
        flash_sim_close(base);
        assert_status(flash_sim_copy(base, &bench.sim, why), BULLA_OK);
        assert_status(bench_open(&bench), BULLA_OK);
        assert_status(bulla_state_put_floor(&bench.client.state, ++floor), BULLA_OK);
    }
    return floor;
}

static void take_chip(const struct flash_sim *base)
{
    char why[FLASH_SIM_WHY_SIZE];

    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, base, why), BULLA_OK);
}

/* All there, however often it is opened: nothing was forgotten, the floor is one of these two. */
static void assert_state_whole(uint32_t least, uint32_t most)
{
    size_t len = 0;
    bool found = false;

    for (uint32_t i = 0; i < 2; i++) {
        assert_status(bench_open(&bench), BULLA_OK);
        assert_false(bench.client.state.damaged);
        assert_true(bench.client.has_confirmed && bench.client.has_running);
        assert_in_range(bench.client.floor, least, most);
        assert_status(bulla_state_get_head(&bench.client.state, 0, bench.client.head,
                                           sizeof(bench.client.head), &len, &found),
                      BULLA_OK);
        assert_true(found && len > 0);
    }
}

static void cut_compaction(const struct flash_sim *base, uint32_t floor, uint32_t at,
                           uint32_t bytes, uint32_t seed, bool *done)
{
    take_chip(base);
    assert_status(bench_open(&bench), BULLA_OK);
    bench.sim.seed = seed;
    bench.sim.fault.cut_at = bench.sim.operations + at;
    bench.sim.fault.cut_bytes = bytes;
    bench.sim.fault.cut_unstable = seed > 0;
    *done = bulla_state_put_floor(&bench.client.state, floor) == BULLA_OK;
    flash_sim_power_on(&bench.sim);
    assert_state_whole(floor - 1, floor);
    /* what is decided upon what was found is there for ever */
    assert_status(bulla_state_put_floor(&bench.client.state, floor + 5), BULLA_OK);
    assert_int_equal(bench.sim.bytes_reprogrammed, 0);
    assert_state_whole(floor + 5, floor + 5);
}

static void test_survival_state_compaction_is_cut_anywhere(void **state)
{
    static const uint32_t bytes[] = {0, 8, 14, 15};
    struct flash_sim base;
    bool done = false;

    (void)state;
    uint32_t floor = before_compaction(&base);
    for (uint32_t at = 1; !done; at++) {
        for (uint32_t i = 0; i < 8; i++)
            cut_compaction(&base, floor, at, bytes[i % 4], i / 4, &done);
        assert_in_range(at, 1, 200);
    }
    flash_sim_close(&base);
}

static void test_survival_state_bit_misread_in_compaction_forgets_nothing(void **state)
{
    struct flash_sim base;
    bool reached = true;

    (void)state;
    uint32_t floor = before_compaction(&base);
    take_chip(&base);
    for (uint32_t at = 1; reached; at += 5) { /* some of the reads there are */
        const struct bulla_partition *row = &bench.client.layout.state;
        memcpy(bench.sim.bytes + row->offset, base.bytes + row->offset, row->size);
        assert_status(bench_open(&bench), BULLA_OK);
        bench.sim.fault.misread_at = bench.sim.reads + at;
        enum bulla_status status = bulla_state_put_floor(&bench.client.state, floor);
        reached = bench.sim.reads >= bench.sim.fault.misread_at;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        assert_state_whole(status == BULLA_OK ? floor : floor - 1, floor);
        assert_in_range(at, 1, 100000);
    }
    flash_sim_close(&base);
}

/* ---- a broken download ---- */

static uint8_t mixed[IMAGE_LEN];

/* After the cut the server has the right file, under another name. */
static void serve_the_right_file(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    if (done != CUT_AT)
        return;
    b->server.files[1].bytes = whole(fresh);
    b->server.etag = "\"right\"";
}

static void cut_in_a_wrong_file(void)
{
    memcpy(mixed, fresh, CUT_AT);
    memcpy(mixed + CUT_AT, old + CUT_AT, IMAGE_LEN - CUT_AT);
    bench.server.files[1].bytes = whole(mixed);
    bench.server.etag = "\"wrong\"";
    bench.on_progress = serve_the_right_file;
    bench.server.cut_count = 1;
    bench.server.cut_after = CUT_AT + 1234;
}

static void test_survival_part_of_a_sector_is_not_kept_across_files(void **state)
{
    (void)state;
    cut_in_a_wrong_file();
    bench.server.etag_ignored = true;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed();
}

static struct bulla_transport inner;
static char told[BULLA_ETAG_MAX + 1u];

static enum bulla_status note_etag(void *ctx, const struct bulla_request *request,
                                   struct bulla_response *response)
{
    if (request->etag != NULL && told[0] == '\0')
        memcpy(told, request->etag, strlen(request->etag) + 1);
    return inner.get(ctx, request, response);
}

static void test_survival_server_is_told_which_file_the_part_belongs_to(void **state)
{
    (void)state;
    cut_in_a_wrong_file();
    inner = bench.transport;
    bench.transport.get = note_etag;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_string_equal(told, "\"wrong\"");
    assert_installed();
}

/* Each answer ends behind one byte. */
static enum bulla_status get_a_byte(void *ctx, const struct bulla_request *request,
                                    struct bulla_response *response)
{
    bench.server.cut_after = request->from + 1;
    return inner.get(ctx, request, response);
}

static void test_survival_server_that_sends_a_byte_at_a_time_is_given_up(void **state)
{
    (void)state;
    inner = bench.transport;
    bench.transport.get = get_a_byte;
    bench.server.etag = "\"one\"";
    bench.server.cut_count = UINT32_MAX;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_int_equal(bench.result.retries, BULLA_RETRIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_survival_trial_that_cannot_be_marked_does_not_run,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_floor_never_shuts_out_the_fallback, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_survival_after_a_failed_write_memory_tells_what_flash_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_survival_update_after_set_boot_keeps_the_record_of_what_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_rotted_envelope_does_not_make_a_slot_unsealed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_state_that_flash_did_not_take_is_not_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_state_is_not_appended_to_what_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_survival_state_half_that_did_not_become_blank_is_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_state_compaction_is_cut_anywhere, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_survival_state_bit_misread_in_compaction_forgets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_part_of_a_sector_is_not_kept_across_files,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survival_server_is_told_which_file_the_part_belongs_to,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_survival_server_that_sends_a_byte_at_a_time_is_given_up, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
