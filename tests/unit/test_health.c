/* SPDX-License-Identifier: Apache-2.0 */
/* Confirming under a condition, the ready-made condition "the update server can be reached", and
 * what the journal says of it. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_boot_result boot;
static struct bulla_bytes old, middle;
static struct seal_buffer envelope;

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

/* Sequence 2 in its trial in ota_1, sequence 1 confirmed in ota_0. */
static int set_up(void **state)
{
    (void)state;
    old = load("se32_1.0.0.bin");
    middle = load("se32_1.1.0.bin");
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.trial);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seal_buffer_free(&envelope);
    bench_close(&bench);
    free((void *)(uintptr_t)old.data);
    free((void *)(uintptr_t)middle.data);
    return 0;
}

/* ---- helpers ---- */

static uint32_t asked;

static enum bulla_status say(void *ctx)
{
    asked++;
    return *(const enum bulla_status *)ctx;
}

static enum bulla_status confirm_if(enum bulla_status answer)
{
    const struct bulla_health health = {.check = say, .ctx = &answer};

    assert_status(bench_open(&bench), BULLA_OK);
    return bulla_client_confirm_when(&bench.client, &health);
}

static enum bulla_status reach(void)
{
    assert_status(bench_open(&bench), BULLA_OK);
    uint8_t *before = bench_snapshot(&bench);
    enum bulla_status status = bulla_client_reach(&bench.client, &bench.transport, &bench.url);
    assert_true(bench_same(&bench, before));
    assert_null(bench.server.open); /* the connection was dropped */
    free(before);
    return status;
}

static uint32_t count_events(void)
{
    uint32_t count = 0;

    assert_status(bench_open(&bench), BULLA_OK);
    for (bool found = true; found; count++) {
        struct bulla_event_record event;
        assert_status(bulla_state_event(&bench.client.state, count, &event, &found), BULLA_OK);
    }
    return count - 1;
}

static void assert_newest(enum bulla_event_kind what, enum bulla_status status)
{
    struct bulla_event_record event;
    bool found = false;

    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_event(&bench.client.state, 0, &event, &found), BULLA_OK);
    assert_true(found);
    assert_int_equal(event.what, what);
    assert_status(event.status, status);
}

/* ---- the gate ---- */

static void test_health_check_that_fails_keeps_the_trial_open(void **state)
{
    (void)state;
    uint32_t events = count_events();
    assert_status(confirm_if(BULLA_E_UNHEALTHY), BULLA_E_UNHEALTHY);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_PENDING_VERIFY);
    assert_newest(BULLA_DID_NOT_CONFIRM, BULLA_E_UNHEALTHY);
    assert_true(bulla_client_in_trial(&bench.client));
    assert_int_equal(bench.client.confirmed.sequence, 1);
    /* the same answer again and again wears nothing; another one is told */
    uint8_t *before = bench_snapshot(&bench);
    for (int i = 0; i < 5; i++)
        assert_status(confirm_if(BULLA_E_UNHEALTHY), BULLA_E_UNHEALTHY);
    assert_true(bench_same(&bench, before));
    free(before);
    assert_status(confirm_if(BULLA_E_NET_CONNECT), BULLA_E_NET_CONNECT);
    assert_newest(BULLA_DID_NOT_CONFIRM, BULLA_E_NET_CONNECT);
    assert_int_equal(count_events(), events + 2);

    assert_status(confirm_if(BULLA_OK), BULLA_OK);
    assert_newest(BULLA_DID_CONFIRM, BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, 2);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_VALID);
}

static void test_health_check_that_fails_until_the_reset_falls_back(void **state)
{
    (void)state;
    assert_status(confirm_if(BULLA_E_UNHEALTHY), BULLA_E_UNHEALTHY);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
}

static void test_health_without_a_trial_is_not_asked(void **state)
{
    (void)state;
    assert_status(bench_confirm(&bench), BULLA_OK);
    asked = 0;
    assert_status(confirm_if(BULLA_E_UNHEALTHY), BULLA_OK); /* confirmed before */
    assert_int_equal(asked, 0);
    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    assert_status(confirm_if(BULLA_OK), BULLA_E_NO_TRIAL);
    assert_int_equal(asked, 0);
}

/* Two that alternate are noted once each, until something happens. */
static void test_health_and_refused_updates_do_not_wear_the_journal(void **state)
{
    (void)state;
    assert_status(confirm_if(BULLA_E_NET_STALLED), BULLA_E_NET_STALLED);
    assert_status(bench_update(&bench), BULLA_E_TRIAL_PENDING);
    uint8_t *before = bench_snapshot(&bench);
    for (int i = 0; i < 3; i++) {
        assert_status(confirm_if(BULLA_E_NET_STALLED), BULLA_E_NET_STALLED);
        assert_status(bench_update(&bench), BULLA_E_TRIAL_PENDING);
    }
    assert_true(bench_same(&bench, before));
    free(before);
    assert_status(bench_confirm(&bench), BULLA_OK);
    bench.server.status = 404;
    uint32_t events = count_events();
    for (int i = 0; i < 3; i++)
        assert_status(bench_update(&bench), BULLA_E_HTTP_STATUS);
    assert_int_equal(count_events(), events + 1);
    assert_newest(BULLA_DID_FAIL_UPDATE, BULLA_E_HTTP_STATUS);
}

/* ---- can the server be reached? ---- */

static void test_health_reach_takes_what_those_trusted_signed(void **state)
{
    static const size_t pieces[] = {0, 1, 7, 64, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        bench.server.piece = pieces[i];
        assert_status(reach(), BULLA_OK);
    }
    /* an old release, or one for others, shows as well that the server is there and the keys fit */
    uint8_t other_class[BULLA_UUID_SIZE] = {1};
    seal_buffer_free(&envelope);
    bench_publish(&bench, old,
                  &(struct seal_options){.sequence = 1, .class_id = other_class, .bundle = true},
                  &envelope);
    assert_status(reach(), BULLA_OK);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_status(reach(), BULLA_OK);
}

static void test_health_reach_refuses_what_they_did_not_sign(void **state)
{
    struct seal_key mine = bench.key;

    (void)state;
    seal_key_make(&bench.key);
    seal_buffer_free(&envelope);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(reach(), BULLA_E_SIGNATURE_UNKNOWN_KEY);
    bench.key = mine;
    seal_buffer_free(&envelope);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    envelope.data[seal_head_len(&envelope) - 1] ^= 1;
    assert_status(reach(), BULLA_E_MANIFEST_DIGEST);
}

static void test_health_reach_tells_why_it_failed(void **state)
{
    static uint8_t noise[65536];
    static uint8_t endless[65536] = {0xd8, 0x6b, 0xa3, 0x02, 0x59, 0x70, 0x00};

    (void)state;
    bench.server.status = 503;
    assert_status(reach(), BULLA_E_HTTP_STATUS);
    bench.server.status = 0;
    bench.server.files[0].bytes.len = 100;
    assert_status(reach(), BULLA_E_ENVELOPE_TRUNCATED);
    bench.server.files[0].bytes = (struct bulla_bytes){noise, sizeof(noise)};
    assert_status(reach(), BULLA_E_ENVELOPE_NOT_SUIT);
    bench.server.files[0].bytes = (struct bulla_bytes){endless, sizeof(endless)};
    bench.server.piece = 100;
    assert_status(reach(), BULLA_E_ENVELOPE_TOO_LARGE);
    assert_in_range(bench.server.at, 1, BULLA_HEAD_MAX);
    bench.server.files[0].path = NULL;
    assert_status(reach(), BULLA_E_HTTP_STATUS);
}

static void test_health_reach_gates_the_confirmation(void **state)
{
    assert_status(bench_open(&bench), BULLA_OK);
    struct bulla_reach to = {
        .client = &bench.client, .transport = &bench.transport, .url = &bench.url};
    const struct bulla_health health = {.check = bulla_reach_check, .ctx = &to};

    (void)state;
    bench.server.status = 404;
    assert_status(bulla_client_confirm_when(&bench.client, &health), BULLA_E_HTTP_STATUS);
    assert_true(bulla_client_in_trial(&bench.client));
    bench.server.status = 0;
    assert_status(bulla_client_confirm_when(&bench.client, &health), BULLA_OK);
    assert_false(bulla_client_in_trial(&bench.client));
}

/* Cut at every operation of a confirmation that fails: the trial is as it was. */
static void test_health_power_cut_while_noting_changes_nothing(void **state)
{
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t bytes = 0; bytes <= 32; bytes += 4) {
        uint32_t at = 1;
        for (bool ended = false; !ended; at++) {
            flash_sim_close(&bench.sim);
            assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
            bench.sim.fault = (struct flash_sim_fault){.cut_at = at, .cut_bytes = bytes};
            assert_status(confirm_if(BULLA_E_UNHEALTHY), BULLA_E_UNHEALTHY);
            ended = !bench.sim.dead;
            flash_sim_power_on(&bench.sim);
            assert_status(bench_open(&bench), BULLA_OK);
            assert_true(bulla_client_in_trial(&bench.client));
            assert_int_equal(bench.client.confirmed.sequence, 1);
        }
        assert_in_range(at, 3, 10);
    }
    assert_status(confirm_if(BULLA_OK), BULLA_OK);
    flash_sim_close(&base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_health_check_that_fails_keeps_the_trial_open),
        TEST(test_health_check_that_fails_until_the_reset_falls_back),
        TEST(test_health_without_a_trial_is_not_asked),
        TEST(test_health_and_refused_updates_do_not_wear_the_journal),
        TEST(test_health_reach_takes_what_those_trusted_signed),
        TEST(test_health_reach_refuses_what_they_did_not_sign),
        TEST(test_health_reach_tells_why_it_failed),
        TEST(test_health_reach_gates_the_confirmation),
        TEST(test_health_power_cut_while_noting_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
