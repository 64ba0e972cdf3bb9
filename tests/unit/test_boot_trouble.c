/* SPDX-License-Identifier: Apache-2.0 */
/* Trouble that is not the image's fault: a hash that cannot be computed, flash that reads badly
 * once. It must not decide for good what runs, and not lower what was confirmed. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_bytes first, second, third;

/* ---- a hash that fails once: linked with --wrap=bulla_sha256_finish ---- */

static int finishes, failing;

__typeof__(bulla_sha256_finish) __real_bulla_sha256_finish;
__typeof__(bulla_sha256_finish) __wrap_bulla_sha256_finish;

enum bulla_status __wrap_bulla_sha256_finish(struct bulla_sha256 *hash,
                                             uint8_t digest[BULLA_DIGEST_SIZE])
{
    if (++finishes == failing)
        hash->failed = true;
    return __real_bulla_sha256_finish(hash, digest);
}

/* ---- a crypto library that cannot tell: --wrap=bulla_crypto_ed25519_verify ---- */

static bool cannot_tell;

__typeof__(bulla_crypto_ed25519_verify) __real_bulla_crypto_ed25519_verify;
__typeof__(bulla_crypto_ed25519_verify) __wrap_bulla_crypto_ed25519_verify;

enum bulla_verdict __wrap_bulla_crypto_ed25519_verify(const uint8_t key[BULLA_KEY_SIZE],
                                                      const uint8_t signature[BULLA_SIGNATURE_SIZE],
                                                      struct bulla_bytes message)
{
    return cannot_tell ? BULLA_UNKNOWN
                       : __real_bulla_crypto_ed25519_verify(key, signature, message);
}

/* ---- flash that reads the confirmed record badly, through one view ---- */

static const struct bulla_flash *chip;
static uint8_t confirmed[BULLA_DIGEST_SIZE];
static int misread;

static enum bulla_status read_badly(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    const struct bulla_partition *records = &bench.client.layout.state;
    enum bulla_status status = chip->read(chip->ctx, offset, buffer, len);

    (void)ctx;
    for (uint32_t at = records->offset; at + 32u <= records->offset + records->size; at++) {
        uint32_t bad = at + 3u;
        if (bad < offset || bad >= offset + len ||
            memcmp(bench.sim.bytes + at, confirmed, sizeof(confirmed)) != 0)
            continue;
        ((uint8_t *)buffer)[bad - offset] ^= 1u;
        misread++;
    }
    return status;
}

/* ---- scenes ---- */

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

static enum bulla_status update_to(struct bulla_bytes image, uint32_t sequence)
{
    struct seal_buffer envelope;

    bench_publish(&bench, image, &(const struct seal_options){.sequence = sequence}, &envelope);
    enum bulla_status status = bench_update(&bench);
    seal_buffer_free(&envelope);
    return status;
}

/* Sequence 5 on trial in slot 1, sequence 1 confirmed in slot 0. */
static int set_up(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    failing = 0;
    first = load("se32_1.0.0.bin");
    second = load("se32_1.1.0.bin");
    third = load("se32_1.2.0.bin");
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, first, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(update_to(second, 5), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    free((void *)(uintptr_t)first.data);
    free((void *)(uintptr_t)second.data);
    free((void *)(uintptr_t)third.data);
    return 0;
}

static void test_boot_hash_that_fails_once_changes_nothing_for_good(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    assert_status(bench_confirm(&bench), BULLA_OK);
    finishes = 0;
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    int needed = finishes;
    assert_true(needed >= 3);
    for (int fail = 1; fail <= needed; fail++) {
        finishes = 0;
        failing = fail;
        enum bulla_status status = bench_boot(&bench, &boot);
        failing = 0;
        /* another slot may have started meanwhile, with the reason told as what it is */
        if (status == BULLA_OK && boot.slot != 1)
            assert_status(boot.refused_why, BULLA_E_CRYPTO);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 1);
        assert_int_equal(boot.sequence, 5);
    }
}

static void test_update_hash_that_fails_is_no_refusal(void **state)
{
    (void)state;
    assert_status(bench_confirm(&bench), BULLA_OK);
    finishes = 0;
    for (int fail = 1; fail < 200; fail++) {
        finishes = 0;
        failing = fail;
        enum bulla_status status = update_to(third, 6);
        failing = 0;
        if (finishes < fail)
            return; /* it never came to that one */
        if (status != BULLA_OK)
            assert_false(bulla_status_is_refusal(status));
    }
    fail_msg("an update computes no 200 digests");
}

static void test_boot_signature_that_cannot_be_verified_changes_nothing_for_good(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    assert_status(bench_confirm(&bench), BULLA_OK);
    cannot_tell = true;
    enum bulla_status updated = update_to(third, 6);
    enum bulla_status started = bench_boot(&bench, &boot);
    cannot_tell = false;
    assert_status(updated, BULLA_E_CRYPTO);
    if (started == BULLA_OK)
        assert_status(boot.refused_why, BULLA_E_CRYPTO);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_int_equal(boot.sequence, 5);
}

static void test_confirm_read_badly_once_keeps_the_sequence(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    assert_status(bench_open(&bench), BULLA_OK);
    memcpy(confirmed, bench.client.confirmed.manifest_digest, sizeof(confirmed));
    chip = bench.client.flash;
    struct bulla_flash view = *chip;
    view.read = read_badly;
    bench.client.flash = &view;
    misread = 0;
    enum bulla_status status = bulla_client_confirm(&bench.client);
    assert_true(misread > 0);
    assert_status(bench_open(&bench), BULLA_OK);
    if (status == BULLA_OK)
        assert_int_equal(bench.client.confirmed.sequence, 5);
    assert_true(update_to(third, 3) != BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_true(boot.sequence != 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_boot_hash_that_fails_once_changes_nothing_for_good,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_update_hash_that_fails_is_no_refusal, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_boot_signature_that_cannot_be_verified_changes_nothing_for_good, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_confirm_read_badly_once_keeps_the_sequence, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
