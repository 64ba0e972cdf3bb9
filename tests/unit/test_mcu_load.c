/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 0 of the firmware, from the client's choice to the memory that is executed: a flash that is
 * another one by then, as somebody with wires on the chip's pins can make it. */

#include "check.h"

#include "bench.h"
#include "board.h"
#include "load.h"

#define APP_SIZE 30000u
#define ROOM     32768u

static struct bench bench;
static struct bulla_boot_result chosen;
static struct load loaded;
static uint8_t app[ROOM + 1], other[ROOM + 1];
static uint8_t window[ROOM];

uint8_t *const board_app = window;
const uint32_t board_app_size = ROOM;

static struct bulla_bytes image(const uint8_t *bytes)
{
    return (struct bulla_bytes){bytes, APP_SIZE};
}

static void provision(struct bulla_bytes first)
{
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, first, 1);
    memset(&chosen, 0, sizeof(chosen));
    assert_status(bench_boot(&bench, &chosen), BULLA_OK);
    assert_int_equal(chosen.slot, 0);
}

static int set_up(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= ROOM; i++) {
        app[i] = (uint8_t)(i * 7919u >> 5);
        other[i] = (uint8_t)(i * 104729u >> 7);
    }
    memset(window, 0, sizeof(window));
    memset(&loaded, 0, sizeof(loaded));
    provision(image(app));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static void assert_refused(enum bulla_status why)
{
    loaded.verdict = BULLA_YES; /* what is not written would stay */
    assert_status(load_app(&bench.client, &chosen, &loaded), why);
    assert_int_equal(loaded.verdict, BULLA_NO);
}

/* What slot 0 is said to hold, changed after the choice. */
static void exchange_head(const uint8_t *bytes, uint32_t sequence, const struct seal_key *key,
                          const uint8_t *class_id)
{
    const struct seal_options how = {
        .sequence = sequence, .vendor_id = bench.vendor_id, .class_id = class_id};
    struct seal_buffer envelope;

    seal_envelope(image(bytes), &how, key, &envelope);
    const struct bulla_bytes head = {envelope.data, seal_head_len(&envelope)};
    assert_status(bulla_state_put(&bench.client.state, BULLA_RECORD_HEAD, 0, head), BULLA_OK);
    seal_buffer_free(&envelope);
}

static void test_mcu_load_chosen_image_arrives_and_may_start(void **state)
{
    (void)state;
    assert_status(load_app(&bench.client, &chosen, &loaded), BULLA_OK);
    assert_int_equal(loaded.verdict, BULLA_YES);
    assert_memory_equal(window, app, APP_SIZE);
}

/* What an earlier, longer one left, or what flash holds behind it. */
static void test_mcu_load_nothing_is_left_behind_the_image(void **state)
{
    (void)state;
    memset(window, 0x5a, sizeof(window));
    memset(bench.sim.bytes + bench_slot(&bench, 0) + APP_SIZE, 0, 100);
    assert_status(load_app(&bench.client, &chosen, &loaded), BULLA_OK);
    for (uint32_t i = APP_SIZE; i < ROOM; i++)
        assert_int_equal(window[i], 0);
}

static void test_mcu_load_what_is_refused_is_not_left_in_memory(void **state)
{
    (void)state;
    memset(window, 0x5a, sizeof(window));
    bench.sim.bytes[bench_slot(&bench, 0)] ^= 1;
    assert_refused(BULLA_E_IMAGE_DIGEST);
    for (uint32_t i = 0; i < ROOM; i++)
        assert_int_equal(window[i], 0);
}

static void test_mcu_load_image_that_says_no_start_is_refused(void **state)
{
    (void)state;
    bench_close(&bench);
    provision((struct bulla_bytes){app, BOARD_APP_MIN - 1});
    assert_refused(BULLA_E_IMAGE_TRUNCATED);
}

static void test_mcu_load_same_sequence_of_another_release_is_refused(void **state)
{
    (void)state;
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other, APP_SIZE);
    exchange_head(other, 1, &bench.key, bench.class_id);
    assert_refused(BULLA_E_SEQUENCE_CONFLICT);
}

static void test_mcu_load_image_changed_after_the_choice_is_refused(void **state)
{
    (void)state;
    bench.sim.bytes[bench_slot(&bench, 0) + APP_SIZE - 1] ^= 1;
    assert_refused(BULLA_E_IMAGE_DIGEST);
}

static void test_mcu_load_image_and_head_exchanged_for_a_strangers_are_refused(void **state)
{
    struct seal_key stranger;

    (void)state;
    seal_key_make(&stranger);
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other, APP_SIZE);
    exchange_head(other, 1, &stranger, bench.class_id);
    assert_refused(BULLA_E_SIGNATURE_UNKNOWN_KEY);
}

static void test_mcu_load_image_and_head_exchanged_for_another_products_are_refused(void **state)
{
    (void)state;
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other, APP_SIZE);
    exchange_head(other, 1, &bench.key, bench.vendor_id);
    assert_refused(BULLA_E_CLASS_MISMATCH);
}

static void test_mcu_load_image_and_head_exchanged_for_another_release_are_refused(void **state)
{
    (void)state;
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other, APP_SIZE);
    exchange_head(other, 2, &bench.key, bench.class_id);
    assert_refused(BULLA_E_SEQUENCE_CONFLICT);
}

/* Who may sign modules alone signs nothing that is started. */
static void test_mcu_load_image_and_head_exchanged_for_modules_are_refused(void **state)
{
    const struct seal_image module = {.name = "tool", .uri = "tool.bin", .bytes = image(other)};
    const struct seal_options how = {
        .sequence = 1, .vendor_id = bench.vendor_id, .class_id = bench.class_id};
    struct seal_buffer envelope;

    (void)state;
    bench_add_modules(&bench, 2);
    memset(&chosen, 0, sizeof(chosen));
    assert_status(bench_boot(&bench, &chosen), BULLA_OK);
    memcpy(bench.sim.bytes + bench_slot(&bench, 0), other, APP_SIZE);
    seal_images(&module, 1, &how, &bench.key, &envelope);
    const struct bulla_bytes head = {envelope.data, seal_head_len(&envelope)};
    assert_status(bulla_state_put(&bench.client.state, BULLA_RECORD_HEAD, 0, head), BULLA_OK);
    seal_buffer_free(&envelope);
    assert_refused(BULLA_E_COMPONENT_MISMATCH);
}

static void test_mcu_load_head_lost_after_the_choice_is_refused(void **state)
{
    (void)state;
    assert_status(
        bulla_state_put(&bench.client.state, BULLA_RECORD_HEAD, 0, (struct bulla_bytes){NULL, 0}),
        BULLA_OK);
    assert_refused(BULLA_E_SLOT_NOT_SEALED);
}

static void test_mcu_load_choice_that_was_not_sealed_is_refused(void **state)
{
    (void)state;
    chosen.sealed = false;
    assert_refused(BULLA_E_SLOT_NOT_SEALED);
}

static void test_mcu_load_no_choice_is_refused(void **state)
{
    (void)state;
    chosen.slot = BULLA_SLOT_NONE;
    assert_refused(BULLA_E_SLOT_NOT_SEALED);
}

static void test_mcu_load_image_larger_than_the_window_is_refused(void **state)
{
    (void)state;
    bench_close(&bench);
    provision((struct bulla_bytes){app, ROOM + 1});
    assert_refused(BULLA_E_SLOT_TOO_SMALL);
    assert_int_equal(window[0], 0);
}

static void test_mcu_load_image_as_large_as_the_window_may_start(void **state)
{
    (void)state;
    bench_close(&bench);
    provision((struct bulla_bytes){app, ROOM});
    assert_status(load_app(&bench.client, &chosen, &loaded), BULLA_OK);
    assert_int_equal(loaded.verdict, BULLA_YES);
    assert_memory_equal(window, app, ROOM);
}

static void test_mcu_load_flash_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    bench.unreadable = bench_slot(&bench, 0);
    bench.unreadable_size = 1;
    assert_refused(BULLA_E_FLASH_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mcu_load_chosen_image_arrives_and_may_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_nothing_is_left_behind_the_image, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_what_is_refused_is_not_left_in_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_image_that_says_no_start_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_same_sequence_of_another_release_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_image_changed_after_the_choice_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_mcu_load_image_and_head_exchanged_for_a_strangers_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_mcu_load_image_and_head_exchanged_for_another_products_are_refused, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_mcu_load_image_and_head_exchanged_for_another_release_are_refused, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            test_mcu_load_image_and_head_exchanged_for_modules_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_head_lost_after_the_choice_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_choice_that_was_not_sealed_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_no_choice_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_image_larger_than_the_window_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_image_as_large_as_the_window_may_start,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mcu_load_flash_that_cannot_be_read_is_told, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("mcu_load", tests, NULL, NULL);
}
