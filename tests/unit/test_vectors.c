/* SPDX-License-Identifier: Apache-2.0 */
/* The vector kit through the reader: every case gets the status that cases.tsv names, however the
 * input is cut, and whether the sector list is held whole or in groups. */

#include "bulla/reader.h"
#include "check.h"
#include "kit.h"

#define KIT BULLA_TEST_DIR "/vectors"

static void test_vectors_every_case_has_its_status(void **state)
{
    (void)state;
    static const size_t steps[] = {SIZE_MAX, 1, 2, 7, 64, 4095};
    static struct bulla_reader r;
    struct kit_case v;
    FILE *cases = kit_open(KIT, "envelope");
    int count = 0, failed = 0;
    for (; kit_next(KIT, cases, &v); count++) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            enum bulla_status got =
                kit_judge(&v.run, v.envelope.data, v.envelope.len, steps[i], KIT_WORKSPACE, &r);
            if (got != v.expected) {
                print_error("%s in steps of %zu: %s, expected %s\n", v.name, steps[i],
                            bulla_status_name(got), bulla_status_name(v.expected));
                failed++;
                break;
            }
        }
        kit_end(&v);
    }
    fclose(cases);
    print_message("%d envelope vectors\n", count);
    assert_true(count >= 250);
    assert_int_equal(failed, 0);
}

static void test_vectors_prefix_is_never_accepted(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct kit_case v;
    FILE *cases = kit_open(KIT, "envelope");
    while (kit_next(KIT, cases, &v)) {
        /* every prefix of the short ones, every 61st of bundles */
        size_t stride = v.envelope.len < 3000 ? 1 : 61;
        for (size_t len = 0; v.expected == BULLA_OK && len < v.envelope.len; len += stride) {
            uint8_t *copy = malloc(len + 1);
            memcpy(copy, v.envelope.data, len);
            enum bulla_status got = kit_judge(&v.run, copy, len, SIZE_MAX, KIT_WORKSPACE, &r);
            free(copy);
            if (got != BULLA_E_ENVELOPE_TRUNCATED)
                fail_msg("%s cut to %zu bytes: %s", v.name, len, bulla_status_name(got));
        }
        kit_end(&v);
    }
    fclose(cases);
}

static void test_vectors_flipped_bit_is_refused(void **state)
{
    (void)state;
    static struct bulla_reader r;
    static const char *const names[] = {"good", "good-text", "good-bundle", "good-threshold"};
    struct kit_case v;
    FILE *cases = kit_open(KIT, "envelope");
    while (kit_next(KIT, cases, &v)) {
        bool chosen = false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            chosen = chosen || strcmp(v.name, names[i]) == 0;
        size_t last = v.envelope.len < 900 ? v.envelope.len : 900;
        for (size_t bit = 0; chosen && bit < last * 8; bit++) {
            v.envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (kit_judge(&v.run, v.envelope.data, v.envelope.len, SIZE_MAX, KIT_WORKSPACE, &r) ==
                BULLA_OK)
                fail_msg("%s is accepted with bit %zu flipped", v.name, bit);
            v.envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        kit_end(&v);
    }
    fclose(cases);
}

static void test_vectors_failure_is_sticky_and_empty(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct kit_case v;
    FILE *cases = kit_open(KIT, "envelope");
    while (kit_next(KIT, cases, &v)) {
        enum bulla_status got =
            kit_judge(&v.run, v.envelope.data, v.envelope.len, SIZE_MAX, KIT_WORKSPACE, &r);
        if (r.failed != BULLA_OK) {
            struct bulla_bytes in = {v.envelope.data, v.envelope.len};
            enum bulla_event event;
            assert_status(bulla_reader_feed(&r, &in, &event), got);
            assert_int_equal(event, BULLA_EVENT_MORE);
            assert_int_equal(r.bundled.len + r.text.len, 0);
            assert_int_equal(in.len, v.envelope.len);
        }
        kit_end(&v);
    }
    fclose(cases);
}

/* A stored head alone: what is judged in it has the same status as in the whole envelope. */
static void test_vectors_head_alone_is_judged_alike(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct kit_case v;
    FILE *cases = kit_open(KIT, "envelope");
    int accepted = 0, refused = 0;
    while (kit_next(KIT, cases, &v)) {
        struct bulla_envelope envelope;
        struct bulla_manifest manifest;
        uint8_t digest[BULLA_DIGEST_SIZE];
        uint32_t signers, facts;
        size_t need;
        struct bulla_bytes all = {v.envelope.data, v.envelope.len};
        enum bulla_status whole = kit_judge(&v.run, all.data, all.len, SIZE_MAX, KIT_WORKSPACE, &r);
        if (bulla_envelope_split(all, &envelope, &need) == BULLA_OK) {
            struct bulla_bytes head = {all.data, envelope.head_len};
            enum bulla_status got = bulla_head_judge(head, &v.trust, &v.run.device, &envelope,
                                                     &manifest, digest, &signers, &facts);
            /* the reader failed in the head, too, or it went on to text, list and image */
            if (r.state == 0)
                assert_status(got, whole);
            else
                assert_status(got, BULLA_OK);
            assert_int_equal((facts & BULLA_FACT_SIGNED) != 0, got == BULLA_OK);
            /* sizes that disagree are the manifest's fault, with or without the list */
            if (strcmp(v.name, "list-size-other") == 0 || strcmp(v.name, "image-size-other") == 0)
                assert_status(got, BULLA_E_LIST_SIZE);
            accepted += got == BULLA_OK;
            refused += got != BULLA_OK;
            if (got == BULLA_OK && head.len < all.len) {
                head.len++;
                assert_status(bulla_head_judge(head, &v.trust, &v.run.device, &envelope, &manifest,
                                               digest, &signers, &facts),
                              BULLA_E_ENVELOPE_TRAILING);
            }
        }
        kit_end(&v);
    }
    fclose(cases);
    assert_true(accepted > 50 && refused > 100);
}

static void test_vectors_head_with_two_members_is_refused(void **state)
{
    (void)state;
    struct bulla_envelope envelope;
    size_t need;
    struct kit_file good = kit_load(KIT, "envelope", "good", ".suit");
    assert_int_equal(good.data[2], 0xa3);
    good.data[2] = 0xa2;
    assert_status(bulla_envelope_split((struct bulla_bytes){good.data, good.len}, &envelope, &need),
                  BULLA_E_ENVELOPE_MEMBER_MISSING);
    free(good.data);
}

static void test_vectors_every_trust_store_has_its_status(void **state)
{
    (void)state;
    char line[1024], *cells[2];
    FILE *cases = kit_open(KIT, "trust");
    int count = 0;
    for (; kit_row(cases, line, sizeof(line), cells, 2); count++) {
        struct kit_file store = kit_load(KIT, "trust", cells[0], ".cbor");
        struct bulla_trust trust;
        enum bulla_status expected = kit_status_named(cells[1]);
        enum bulla_status got =
            bulla_trust_decode((struct bulla_bytes){store.data, store.len}, &trust);
        if (got != expected)
            fail_msg("%s: %s, expected %s", cells[0], bulla_status_name(got),
                     bulla_status_name(expected));
        assert_int_equal(trust.key_count > 0, got == BULLA_OK);
        free(store.data);
    }
    fclose(cases);
    assert_true(count >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_every_case_has_its_status),
        cmocka_unit_test(test_vectors_prefix_is_never_accepted),
        cmocka_unit_test(test_vectors_flipped_bit_is_refused),
        cmocka_unit_test(test_vectors_failure_is_sticky_and_empty),
        cmocka_unit_test(test_vectors_head_alone_is_judged_alike),
        cmocka_unit_test(test_vectors_head_with_two_members_is_refused),
        cmocka_unit_test(test_vectors_every_trust_store_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
