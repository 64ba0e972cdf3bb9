/* SPDX-License-Identifier: Apache-2.0 */
/* A device whose trust store is gone, empty, cut short or no store at all: it installs nothing and
 * starts nothing, and not one byte of its flash changes. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_bytes old, next;
static struct seal_buffer envelope;

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

static int set_up(void **state)
{
    const struct seal_options how = {.sequence = 2};
    struct bulla_boot_result boot;

    (void)state;
    old = load("se32_1.0.0.bin");
    next = load("se32_1.1.0.bin");
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench_publish(&bench, next, &how, &envelope);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    seal_buffer_free(&envelope);
    free((void *)(uintptr_t)old.data);
    free((void *)(uintptr_t)next.data);
    return 0;
}

/* The device's records again, with this in the place of the trust store; NULL: no such record. */
static void lay_store(const uint8_t *store, size_t len)
{
    struct bulla_state *state = &bench.client.state;
    const struct bulla_identity identity = bench.client.identity;
    const struct bulla_confirmed confirmed = bench.client.confirmed;

    assert_status(bulla_state_format(state, &bench.flash, &bench.client.layout.state), BULLA_OK);
    assert_status(bulla_state_put_identity(state, &identity), BULLA_OK);
    assert_status(bulla_state_put_confirmed(state, &confirmed), BULLA_OK);
    /* what runs counts as provisioned without an envelope */
    assert_status(bulla_state_put(state, BULLA_RECORD_HEAD, 0, (struct bulla_bytes){NULL, 0}),
                  BULLA_OK);
    if (store != NULL)
        assert_status(
            bulla_state_put_twice(state, BULLA_RECORD_TRUST, (struct bulla_bytes){store, len}),
            BULLA_OK);
}

/* The trust store as the device has it; the device is open. */
static size_t take_store(uint8_t store[BULLA_TRUST_SIZE_MAX])
{
    size_t len = 0;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_get(&bench.client.state, BULLA_RECORD_TRUST, 0, store,
                                  BULLA_TRUST_SIZE_MAX, &len),
                  BULLA_OK);
    return len;
}

static void assert_nothing_happens(enum bulla_status expected)
{
    struct bulla_boot_result boot;
    uint8_t *before = bench_snapshot(&bench);

    assert_status(bench_update(&bench), expected);
    assert_int_equal(bench.server.gets, 0);
    assert_status(bench_boot(&bench, &boot), expected);
    assert_true(bench_same(&bench, before));
    free(before);
}

static void test_update_with_a_whole_trust_store_is_installed(void **state)
{
    uint8_t store[BULLA_TRUST_SIZE_MAX];
    size_t len = take_store(store);

    (void)state;
    lay_store(store, len);
    assert_status(bench_update(&bench), BULLA_OK);
}

static void test_update_without_a_trust_store_does_nothing(void **state)
{
    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    lay_store(NULL, 0);
    assert_nothing_happens(BULLA_E_CBOR_TRUNCATED);
}

static void test_update_with_a_trust_store_cut_anywhere_does_nothing(void **state)
{
    uint8_t store[BULLA_TRUST_SIZE_MAX];
    size_t len = take_store(store);

    (void)state;
    assert_true(len > 40);
    for (size_t cut = 0; cut < len; cut++) {
        lay_store(store, cut);
        assert_nothing_happens(BULLA_E_CBOR_TRUNCATED);
    }
}

static void test_update_with_something_else_as_trust_store_does_nothing(void **state)
{
    static const uint8_t blank[40] = {0};

    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    lay_store(blank, sizeof(blank));
    assert_nothing_happens(BULLA_E_CBOR_TYPE);
}

static void test_update_with_blank_records_does_nothing(void **state)
{
    const struct bulla_partition *records = &bench.client.layout.state;

    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    for (uint32_t at = 0; at < records->size; at += BULLA_SECTOR_SIZE)
        assert_status(bench.flash.erase_sector(bench.flash.ctx, records->offset + at), BULLA_OK);
    assert_nothing_happens(BULLA_E_STATE_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_update_with_a_whole_trust_store_is_installed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_update_without_a_trust_store_does_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_update_with_a_trust_store_cut_anywhere_does_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update_with_something_else_as_trust_store_does_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update_with_blank_records_does_nothing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
