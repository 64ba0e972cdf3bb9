/* SPDX-License-Identifier: Apache-2.0 */
/* What a refusal leaves behind, decoder by decoder: outputs as the headers promise, nothing of the
 * refused bytes in them, and a first failure that stays whatever is fed afterwards. */

#include "bulla/cbor.h"
#include "bulla/reader.h"
#include "check.h"
#include "kit.h"

#define KIT    BULLA_TEST_DIR "/vectors"
#define CANARY 0xa5

static struct bulla_reader reader;

static bool all(const void *bytes, size_t len, uint8_t value)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < len; i++) {
        if (b[i] != value)
            return false;
    }
    return true;
}

static int failures; /* seen by the property; tests ask for enough of them */

static void for_each(void (*property)(struct kit_case *c))
{
    failures = 0;
    (void)kit_for_each(KIT, property);
}

/* ---- outputs ---- */

static void split(struct kit_case *c)
{
    struct bulla_envelope out;
    size_t need = 0;
    memset(&out, CANARY, sizeof(out));
    struct bulla_bytes in = {c->envelope.data, c->envelope.len};
    enum bulla_status status = bulla_envelope_split(in, &out, &need);
    if (status == BULLA_E_ENVELOPE_TRUNCATED)
        assert_true(need > in.len && need <= BULLA_HEAD_MAX);
    if (status == BULLA_OK)
        return;
    failures++;
    assert_true(all(&out, sizeof(out), CANARY));
}

static void test_outputs_of_refused_heads_are_untouched(void **state)
{
    (void)state;
    for_each(split);
    assert_true(failures > 10);
}

static void decode_wrapper(struct kit_case *c)
{
    struct bulla_envelope envelope;
    struct bulla_wrapper out;
    size_t need;
    memset(&out, CANARY, sizeof(out));
    struct bulla_bytes in = {c->envelope.data, c->envelope.len};
    if (bulla_envelope_split(in, &envelope, &need) != BULLA_OK ||
        bulla_wrapper_decode(envelope.wrapper, &out) == BULLA_OK)
        return;
    failures++;
    assert_true(all(&out, sizeof(out), 0));
}

static void test_outputs_of_refused_wrappers_are_zero(void **state)
{
    (void)state;
    for_each(decode_wrapper);
    assert_true(failures > 20);
}

static void authenticate(struct kit_case *c)
{
    struct bulla_envelope envelope;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers = ~0u, facts = 1u << 31;
    size_t need;
    memset(digest, CANARY, sizeof(digest));
    struct bulla_bytes in = {c->envelope.data, c->envelope.len};
    if (bulla_envelope_split(in, &envelope, &need) != BULLA_OK)
        return;
    if (bulla_envelope_authenticate(&envelope, &c->trust, &signers, digest, &facts) == BULLA_OK) {
        assert_true(signers != 0 && signers < 1u << c->trust.key_count);
        assert_int_equal(facts, 1u << 31 | BULLA_FACT_SIGNED);
        return;
    }
    failures++;
    assert_int_equal(signers, 0);
    assert_int_equal(facts, 1u << 31);
    assert_true(all(digest, sizeof(digest), 0));
}

static void test_outputs_of_refused_signatures_name_nobody(void **state)
{
    (void)state;
    for_each(authenticate);
    assert_true(failures > 50);
}

static void decode_manifest(struct kit_case *c)
{
    struct bulla_envelope envelope;
    struct bulla_manifest out;
    size_t need;
    memset(&out, CANARY, sizeof(out));
    struct bulla_bytes in = {c->envelope.data, c->envelope.len};
    if (bulla_envelope_split(in, &envelope, &need) != BULLA_OK ||
        bulla_manifest_decode(envelope.manifest, &out) == BULLA_OK)
        return;
    failures++;
    assert_true(all(&out, sizeof(out), 0));
}

static void test_outputs_of_refused_manifests_are_zero(void **state)
{
    (void)state;
    for_each(decode_manifest);
    assert_true(failures > 50);
}

static void judge_stored_head(struct kit_case *c)
{
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers = ~0u, facts = ~0u;
    struct bulla_bytes head = {c->envelope.data, c->envelope.len};
    size_t need;
    if (bulla_envelope_split(head, &envelope, &need) == BULLA_OK)
        head.len = envelope.head_len;
    if (bulla_head_judge(head, &c->trust, &c->run.device, &envelope, &manifest, digest, &signers,
                         &facts) == BULLA_OK)
        return;
    failures++;
    assert_int_equal(facts, 0);
}

static void test_outputs_of_refused_stored_heads_prove_nothing(void **state)
{
    (void)state;
    for_each(judge_stored_head);
    assert_true(failures > 100);
}

static void test_outputs_of_refused_trust_stores_are_empty(void **state)
{
    (void)state;
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(KIT, "trust");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file store = kit_load(KIT, "trust", cells[0], ".cbor");
        struct bulla_trust out;
        memset(&out, CANARY, sizeof(out));
        if (bulla_trust_decode((struct bulla_bytes){store.data, store.len}, &out) != BULLA_OK)
            assert_true(all(&out, sizeof(out), 0));
        else
            assert_true(out.key_count > 0 && out.threshold > 0);
        free(store.data);
    }
    (void)fclose(cases);
}

/* A device that differs in one thing from what an accepted envelope is for. */
static void test_outputs_of_refusing_policy_keep_the_facts(void **state)
{
    (void)state;
    static const uint8_t digest[BULLA_DIGEST_SIZE] = {1};
    const uint8_t key[BULLA_KEY_SIZE] = {2};
    struct bulla_trust trust = {.threshold = 1, .key_count = 1};
    struct bulla_manifest manifest = {.sequence = 5};
    trust.keys[0].key = key;
    manifest.image.size = 100;
    manifest.image.component = (struct bulla_bytes){(const uint8_t *)"app", 3};
    const struct bulla_device devices[] = {
        {.has_sequence = true, .sequence = 6},
        {.has_sequence = true, .sequence = 5},
        {.has_sequence = true, .sequence = 5, .confirmed_digest = key},
        {.has_ids = true, .vendor_id = {1}},
        {.has_ids = true, .class_id = {1}},
        {.has_component = true, .component = {(const uint8_t *)"apq", 3}},
        {.has_slot_size = true, .slot_size = 99},
    };
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        uint32_t facts = 1u << 31;
        assert_true(bulla_status_is_refusal(
            bulla_policy_manifest(&devices[i], &trust, 1, digest, &manifest, &facts)));
        assert_int_equal(facts, 1u << 31);
    }
    const struct bulla_device judges[] = {
        {.has_format = true, .format = BULLA_FORMAT_ESP},
        {.has_chip = true, .chip_id = 9},
        {.has_floor = true, .floor = 1},
    };
    const struct bulla_image_facts images[] = {
        {.format = BULLA_FORMAT_RAW}, {.format = BULLA_FORMAT_ESP}, {.format = BULLA_FORMAT_RAW}};
    for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
        uint32_t facts = 1u << 31;
        assert_true(bulla_status_is_refusal(bulla_policy_image(&judges[i], &images[i], &facts)));
        assert_int_equal(facts, 1u << 31);
    }
}

static void test_outputs_of_a_failed_cbor_reader_are_nothing(void **state)
{
    (void)state;
    /* enough of every type left to read, had it not failed */
    static const uint8_t bytes[] = {0x01, 0x20, 0x41, 0x0a, 0x61, 0x61,
                                    0x81, 0x01, 0xa1, 0x01, 0x01};
    for (size_t at = 0; at < sizeof(bytes); at++) {
        struct bulla_cbor r, before;
        struct bulla_bytes previous = {NULL, 0};
        bulla_cbor_init(&r, (struct bulla_bytes){bytes + at, sizeof(bytes) - at});
        bulla_cbor_fail(&r, BULLA_E_LIST_FORM);
        before = r;
        assert_null(bulla_cbor_take(&r, 1));
        assert_int_equal(bulla_cbor_peek(&r), 8);
        assert_int_equal(bulla_cbor_uint(&r), 0);
        assert_int_equal(bulla_cbor_int(&r), 0);
        assert_int_equal(bulla_cbor_bstr(&r).len, 0);
        assert_int_equal(bulla_cbor_bstr_head(&r), 0);
        assert_int_equal(bulla_cbor_tstr(&r).len, 0);
        assert_int_equal(bulla_cbor_array(&r), 0);
        assert_int_equal(bulla_cbor_map(&r), 0);
        assert_int_equal(bulla_cbor_uint32(&r, BULLA_E_URI_FORM), 0);
        assert_int_equal(bulla_cbor_array_of(&r, 0, 9, BULLA_E_URI_FORM), 0);
        assert_null(bulla_cbor_bytes(&r, 1, BULLA_E_URI_FORM));
        bulla_cbor_expect_int(&r, 1, BULLA_E_URI_FORM);
        bulla_cbor_key_order(&r, &previous, (struct bulla_bytes){bytes, 1});
        assert_int_equal(bulla_cbor_skip(&r).len, 0);
        bulla_cbor_fail(&r, BULLA_E_URI_FORM);
        assert_ptr_equal(r.left.data, before.left.data);
        assert_int_equal(r.left.len, before.left.len);
        assert_status(bulla_cbor_finish(&r), BULLA_E_LIST_FORM);
    }
}

/* ---- the first failure stays ---- */

static void reader_stays(struct kit_case *c)
{
    enum bulla_status got =
        kit_judge(&c->run, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &reader);
    assert_status(got, c->expected);
    if (reader.failed == BULLA_OK)
        return;
    failures++;
    for (int i = 0; i < 3; i++) {
        struct bulla_bytes in = {c->envelope.data, c->envelope.len};
        enum bulla_event event = BULLA_EVENT_LIST;
        assert_status(bulla_reader_feed(&reader, &in, &event), got);
        assert_int_equal(event, BULLA_EVENT_MORE);
        assert_int_equal(reader.bundled.len + reader.text.len, 0);
        assert_int_equal(in.len, c->envelope.len);
        assert_status(bulla_reader_finish(&reader), got);
    }
}

static void test_outputs_failed_reader_stays_failed(void **state)
{
    (void)state;
    for_each(reader_stays);
    assert_true(failures > 200);
}

/* The accepted bundle of the kit: its list, and its image. */
static struct kit_case bundle;
static struct bulla_bytes list_bytes, image_bytes;

static int load_bundle(void **state)
{
    (void)state;
    FILE *cases = kit_open(KIT, "envelope");
    while (kit_next(KIT, cases, &bundle) && strcmp(bundle.name, "good-bundle") != 0)
        kit_end(&bundle);
    (void)fclose(cases);
    if (kit_judge(&bundle.run, bundle.envelope.data, bundle.envelope.len, SIZE_MAX, KIT_WORKSPACE,
                  &reader) != BULLA_OK)
        return -1;
    list_bytes = (struct bulla_bytes){bundle.envelope.data + reader.list_offset,
                                      reader.manifest.image.list_size};
    image_bytes = (struct bulla_bytes){bundle.envelope.data + reader.bundle_offset,
                                       reader.manifest.image.size};
    return 0;
}

static int unload_bundle(void **state)
{
    (void)state;
    kit_end(&bundle);
    return 0;
}

static void test_outputs_failed_list_stays_failed(void **state)
{
    (void)state;
    static uint8_t workspace[BULLA_WORKSPACE_MIN], copy[256];
    assert_true(list_bytes.len <= sizeof(copy));
    for (size_t at = 0; at < list_bytes.len; at++) {
        struct bulla_list list;
        struct bulla_list_hashes hashes;
        memcpy(copy, list_bytes.data, list_bytes.len);
        copy[at] ^= 1;
        assert_status(
            bulla_list_init(&list, &hashes, &reader.manifest.image, workspace, sizeof(workspace)),
            BULLA_OK);
        enum bulla_status got = bulla_list_feed(&list, (struct bulla_bytes){copy, list_bytes.len});
        if (got == BULLA_OK)
            got = bulla_list_finish(&list);
        assert_true(bulla_status_is_refusal(got));
        for (int i = 0; i < 2; i++) {
            assert_status(bulla_list_feed(&list, list_bytes), got);
            assert_status(bulla_list_finish(&list), got);
            assert_null(bulla_list_sector(&list, 0));
        }
    }
}

static void test_outputs_failed_sectors_stay_failed_and_empty(void **state)
{
    (void)state;
    static uint8_t chunk[BULLA_SECTOR_SIZE];
    struct bulla_sectors s;
    struct bulla_bytes out;
    uint8_t wrong = (uint8_t)(image_bytes.data[0] ^ 1);
    struct bulla_bytes in = {&wrong, 1};
    assert_status(bulla_sectors_init(&s, &reader.list, chunk, sizeof(chunk)), BULLA_OK);
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_OK);
    in = (struct bulla_bytes){image_bytes.data + 1, image_bytes.len - 1};
    out = list_bytes;
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(out.len, 0);
    for (int i = 0; i < 3; i++) {
        in = image_bytes;
        out = list_bytes;
        assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_E_SECTOR_DIGEST);
        assert_int_equal(out.len, 0);
        assert_int_equal(in.len, image_bytes.len);
        assert_status(bulla_sectors_finish(&s), BULLA_E_SECTOR_DIGEST);
    }
}

static void test_outputs_failed_image_stays_failed(void **state)
{
    (void)state;
    static const char *const names[] = {"m_magic_ea",   "m_segs_17",         "m_bad_checksum",
                                        "m_bad_sha",    "m_min_rev_900",     "m_no_appdesc_magic",
                                        "m_chip_id_s3", "m_trailing_garbage"};
    struct kit_file good = kit_load(BULLA_TEST_DIR "/fixtures/esp", "app", "se32_1.0.0", ".bin");
    int refused = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct kit_file bad = kit_load(BULLA_TEST_DIR "/fixtures/esp", "app", names[i], ".bin");
        struct bulla_espimage s;
        bulla_espimage_init(&s, (uint32_t)bad.len);
        enum bulla_status got = bulla_espimage_feed(&s, (struct bulla_bytes){bad.data, bad.len});
        if (got == BULLA_OK)
            got = bulla_espimage_finish(&s);
        refused += bulla_status_is_refusal(got);
        for (int again = 0; got != BULLA_OK && again < 2; again++) {
            assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){good.data, good.len}), got);
            assert_status(bulla_espimage_finish(&s), got);
        }
        free(bad.data);
    }
    free(good.data);
    assert_true(refused >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs_of_refused_heads_are_untouched),
        cmocka_unit_test(test_outputs_of_refused_wrappers_are_zero),
        cmocka_unit_test(test_outputs_of_refused_signatures_name_nobody),
        cmocka_unit_test(test_outputs_of_refused_manifests_are_zero),
        cmocka_unit_test(test_outputs_of_refused_stored_heads_prove_nothing),
        cmocka_unit_test(test_outputs_of_refused_trust_stores_are_empty),
        cmocka_unit_test(test_outputs_of_refusing_policy_keep_the_facts),
        cmocka_unit_test(test_outputs_of_a_failed_cbor_reader_are_nothing),
        cmocka_unit_test(test_outputs_failed_reader_stays_failed),
        cmocka_unit_test_setup_teardown(test_outputs_failed_list_stays_failed, load_bundle,
                                        unload_bundle),
        cmocka_unit_test_setup_teardown(test_outputs_failed_sectors_stay_failed_and_empty,
                                        load_bundle, unload_bundle),
        cmocka_unit_test(test_outputs_failed_image_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
