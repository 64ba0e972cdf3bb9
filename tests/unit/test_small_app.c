/* SPDX-License-Identifier: Apache-2.0 */
/* The app of a small device, which chooses nothing at reset: a stage 0 does, here in a few lines.
 */

#include "check.h"

#include "bench.h"

#define LEN (6u * BULLA_SECTOR_SIZE + 100u)

static struct bench bench;
static struct bulla_boot_result boot;
static uint8_t bytes[LEN];
static struct seal_buffer envelope;

/* Start the slot that otadata selects, and write it down. */
enum bulla_status bulla_client_boot(struct bulla_client *client, struct bulla_boot_result *result)
{
    int32_t active = bulla_ota_active(&client->otadata);
    struct bulla_ota_record *record = &client->otadata.record[active < 0 ? 0 : active];
    struct bulla_running running = {.trial = active >= 0 && record->state == BULLA_OTA_NEW,
                                    .ota_seq = record->seq};

    result->slot = active >= 0 ? (int32_t)bulla_ota_slot_of(record->seq, 2) : 0;
    result->trial = running.trial;
    running.slot = (uint8_t)result->slot;
    enum bulla_status status = bulla_state_put_running(&client->state, &running);
    if (status != BULLA_OK || !running.trial)
        return status;
    record->state = BULLA_OTA_PENDING_VERIFY;
    return bulla_otadata_write(client->flash, &client->layout.otadata, (uint32_t)active, record);
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i / BULLA_SECTOR_SIZE * 31 + i * 7 + 1);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, (struct bulla_bytes){bytes, LEN}, 1);
    bytes[5] ^= 1;
    bench_publish(&bench, (struct bulla_bytes){bytes, LEN}, &(struct seal_options){.sequence = 2},
                  &envelope);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seal_buffer_free(&envelope);
    bench_close(&bench);
    return 0;
}

static void test_small_app_that_nobody_wrote_down_takes_no_update(void **state)
{
    struct bulla_boot_result next = {.slot = 0};

    (void)state;
    assert_status(bench_update(&bench), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(bench.slot_erases, 0);
    assert_status(bulla_client_predict(&bench.client, &next), BULLA_E_NOTHING_BOOTABLE);
    assert_int_equal(next.slot, BULLA_SLOT_NONE);
    assert_int_equal(next.verdict, BULLA_NO);
}

static void test_small_app_updates_and_confirms(void **state)
{
    (void)state;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), bytes, LEN);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_true(boot.trial);
    assert_status(bench_update(&bench), BULLA_E_TRIAL_PENDING);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_VALID);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_true(bench.result.nothing_newer);
    assert_int_equal(bench.unverified_writes, 0);
}

static void test_small_app_has_no_fall_back_to_judge(void **state)
{
    (void)state;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bench_reject(&bench), BULLA_E_NO_FALLBACK);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_PENDING_VERIFY);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(test_small_app_that_nobody_wrote_down_takes_no_update),
        EACH(test_small_app_updates_and_confirms),
        EACH(test_small_app_has_no_fall_back_to_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
