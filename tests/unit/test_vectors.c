/* SPDX-License-Identifier: Apache-2.0 */
/* The vector kit through the verifier core: every case gets the status that cases.tsv names. What
 * holds whatever the status is in test_splits.c, test_properties.c and test_outputs.c. */

#include "bulla/reader.h"
#include "check.h"
#include "kit.h"

#define KIT BULLA_TEST_DIR "/vectors"

static int wrong;

static void judge(struct kit_case *c)
{
    static struct bulla_reader r;
    enum bulla_status got =
        kit_judge(&c->run, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &r);
    if (got == c->expected)
        return;
    print_error("%s: %s, expected %s\n", c->name, bulla_status_name(got),
                bulla_status_name(c->expected));
    wrong++;
}

static void test_vectors_every_case_has_its_status(void **state)
{
    (void)state;
    int count = kit_for_each(KIT, judge);
    print_message("%d envelope vectors\n", count);
    assert_true(count >= 4000);
    assert_int_equal(wrong, 0);
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
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(KIT, "trust");
    int count = 0;
    for (; kit_row(cases, line, cells, 2); count++) {
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
    assert_true(count >= 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_every_case_has_its_status),
        cmocka_unit_test(test_vectors_head_alone_is_judged_alike),
        cmocka_unit_test(test_vectors_head_with_two_members_is_refused),
        cmocka_unit_test(test_vectors_every_trust_store_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
