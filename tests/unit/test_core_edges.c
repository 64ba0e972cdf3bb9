/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier core where no vector leads: arguments that callers never give, failures of the
 * crypto library, and the far side of each condition. */

#include "bulla/reader.h"
#include "check.h"
#include "digest.h"
#include "seal.h"

static const uint8_t some[64] = {1, 2, 3};

/* ---- digests and signatures ---- */

static void test_digest_failed_hash_proves_nothing(void **state)
{
    (void)state;
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE] = {0}; /* what a failed hash would leave */

    bulla_sha256_init(&hash);
    hash.failed = true;
    uint32_t proved = bulla_digest_end(&hash, digest, BULLA_FACT_LIST);
    assert_int_equal(proved & BULLA_FACT_LIST, BULLA_UNKNOWN & BULLA_FACT_LIST);
    assert_true(proved != BULLA_FACT_LIST);
    assert_status(bulla_digest_why(proved, BULLA_E_LIST_DIGEST), BULLA_E_CRYPTO);
}

static void test_envelope_tbs_of_wrong_lengths_is_empty(void **state)
{
    (void)state;
    uint8_t tbs[BULLA_TBS_MAX];
    struct bulla_bytes header = {some, 3}, digest = {some, 36};

    assert_int_equal(bulla_block_tbs(header, digest, tbs), 55);
    assert_int_equal(bulla_block_tbs(header, (struct bulla_bytes){some, 35}, tbs), 0);
    assert_int_equal(bulla_block_tbs((struct bulla_bytes){some, 12}, digest, tbs), 64);
    assert_int_equal(bulla_block_tbs((struct bulla_bytes){some, 13}, digest, tbs), 0);
}

/* A signed envelope of this image, its key's trust store and the parts of its head. */
struct sealed {
    struct seal_key key;
    struct seal_buffer envelope;
    struct bulla_trust trust;
    struct bulla_envelope parts;
};

static void seal(struct sealed *s, struct seal_options how, size_t image_len)
{
    static const uint8_t id[BULLA_UUID_SIZE] = {7};
    uint8_t *image = calloc(1, image_len), digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 hash;
    size_t need;

    memset(s, 0, sizeof(*s));
    how.vendor_id = id;
    how.class_id = id;
    seal_key_make(&s->key);
    seal_envelope((struct bulla_bytes){image, image_len}, &how, &s->key, &s->envelope);
    free(image);
    s->trust.threshold = 1;
    s->trust.key_count = 1;
    s->trust.keys[0].key = s->key.public_key;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){s->key.public_key, BULLA_KEY_SIZE});
    assert_status(bulla_sha256_finish(&hash, digest), BULLA_OK);
    memcpy(s->trust.keys[0].id, digest, BULLA_KEY_ID_SIZE);
    assert_status(bulla_envelope_split((struct bulla_bytes){s->envelope.data, s->envelope.len},
                                       &s->parts, &need),
                  BULLA_OK);
}

static enum bulla_status judge(const struct sealed *s, size_t workspace_len)
{
    static const struct bulla_device any = {.has_ids = false};
    static uint8_t head[BULLA_HEAD_MAX], workspace[4096];
    static struct bulla_reader r;
    struct bulla_bytes in = {s->envelope.data, s->envelope.len};
    enum bulla_event event = BULLA_EVENT_MORE;
    enum bulla_status status;

    bulla_reader_init(&r, &s->trust, &any, head);
    do {
        status = bulla_reader_feed(&r, &in, &event);
        if (event == BULLA_EVENT_HEAD)
            bulla_reader_workspace(&r, workspace, workspace_len);
    } while (status == BULLA_OK && event != BULLA_EVENT_MORE && event != BULLA_EVENT_END);
    return status == BULLA_OK ? bulla_reader_finish(&r) : status;
}

static void append(struct sealed *s, const char *bytes, size_t len)
{
    s->envelope.data = realloc(s->envelope.data, s->envelope.len + len);
    memcpy(s->envelope.data + s->envelope.len, bytes, len);
    s->envelope.len += len;
    s->envelope.data[2]++; /* one member more */
}

static void test_envelope_threshold_zero_accepts_nobody(void **state)
{
    (void)state;
    struct sealed s;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers, facts = 0;

    seal(&s, (struct seal_options){.sequence = 1}, 100);
    assert_status(bulla_envelope_authenticate(&s.parts, &s.trust, &signers, digest, &facts),
                  BULLA_OK);
    s.trust.threshold = 0;
    facts = 0;
    assert_status(bulla_envelope_authenticate(&s.parts, &s.trust, &signers, digest, &facts),
                  BULLA_E_THRESHOLD_NOT_MET);
    assert_int_equal(signers | facts, 0);
    seal_buffer_free(&s.envelope);
}

/* ---- the reader ---- */

static void test_reader_unsigned_text_behind_list_is_out_of_order(void **state)
{
    (void)state;
    struct sealed s;

    seal(&s, (struct seal_options){.sequence = 1}, 100);
    assert_status(judge(&s, 4096), BULLA_OK);
    append(&s, "\x17\x41\xa0", 3);
    assert_status(judge(&s, 4096), BULLA_E_CBOR_KEY_ORDER);
    seal_buffer_free(&s.envelope);
}

static void test_reader_small_workspace_takes_no_text(void **state)
{
    (void)state;
    struct sealed s;

    seal(&s, (struct seal_options){.sequence = 1, .text = true}, 100);
    assert_status(judge(&s, BULLA_TEXT_MAX), BULLA_OK);
    assert_status(judge(&s, BULLA_TEXT_MAX - 1), BULLA_E_WORKSPACE_TOO_SMALL);
    seal_buffer_free(&s.envelope);
}

static void test_reader_bundle_key_that_sorts_before_list_is_refused(void **state)
{
    (void)state;
    static const char *const uris[] = {"a", "!abc"};

    for (size_t i = 0; i < 2; i++) {
        struct sealed s;
        seal(&s, (struct seal_options){.sequence = 1, .bundle = true, .uri = uris[i]}, 100);
        assert_status(judge(&s, 4096), BULLA_E_CBOR_KEY_ORDER);
        seal_buffer_free(&s.envelope);
    }
    struct sealed good;
    seal(&good, (struct seal_options){.sequence = 1, .bundle = true, .uri = "$abc"}, 100);
    assert_status(judge(&good, 4096), BULLA_OK);
    seal_buffer_free(&good.envelope);
}

/* ---- policy ---- */

static void test_policy_threshold_zero_gives_no_rights(void **state)
{
    (void)state;
    static const struct bulla_device any = {.has_ids = false};
    const struct bulla_trust nobody = {.threshold = 0, .key_count = 0};
    const struct bulla_manifest manifest = {.sequence = 1};
    uint32_t facts = 0;

    assert_status(bulla_policy_manifest(&any, &nobody, 0, some, &manifest, &facts),
                  BULLA_E_KEY_NOT_FOR_COMPONENT);
    assert_int_equal(facts, 0);
}

static void test_policy_revision_within_limits_is_accepted(void **state)
{
    (void)state;
    struct bulla_device device = {.has_chip = true, .chip_id = 9, .chip_revision = 100};
    struct bulla_image_facts image = {
        .format = BULLA_FORMAT_ESP, .chip_id = 9, .min_revision = 0, .max_revision = 100};
    uint32_t facts = 0;

    assert_status(bulla_policy_image(&device, &image, &facts), BULLA_OK);
    assert_int_equal(facts, BULLA_FACT_CHIP); /* and the floor is not judged */
    device.chip_revision = 101;
    assert_status(bulla_policy_image(&device, &image, &facts), BULLA_E_CHIP_REVISION);
}

/* ---- sector list ---- */

static void test_sectors_repeated_and_empty_calls_change_nothing(void **state)
{
    (void)state;
    struct bulla_image image = {.size = 100};
    static const uint8_t head[] = {0x84, 0x2f, 0x19, 0x10, 0x00, 0x18, 100, 0x58, 0x20};
    uint8_t list_bytes[sizeof(head) + 32], workspace[2048], chunk[BULLA_SECTOR_SIZE];
    uint8_t payload[100] = {0};
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors sectors;
    struct bulla_bytes in = {payload, 0}, out;

    assert_status(bulla_digest_of((struct bulla_bytes){payload, 100}, image.digest), BULLA_OK);
    memcpy(list_bytes, head, sizeof(head));
    memcpy(list_bytes + sizeof(head), image.digest, 32);
    image.list_size = sizeof(list_bytes);
    assert_status(
        bulla_digest_of((struct bulla_bytes){list_bytes, sizeof(list_bytes)}, image.list_digest),
        BULLA_OK);
    assert_status(bulla_list_init(&list, &hashes, &image, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(bulla_list_feed(&list, (struct bulla_bytes){list_bytes, sizeof(list_bytes)}),
                  BULLA_OK);
    assert_status(bulla_list_finish(&list), BULLA_OK);
    assert_status(bulla_list_finish(&list), BULLA_OK);
    assert_non_null(bulla_list_sector(&list, 0));
    assert_null(bulla_list_sector(&list, 1));
    assert_status(bulla_sectors_init(&sectors, &list, chunk, sizeof(chunk)), BULLA_OK);
    assert_status(bulla_sectors_feed(&sectors, &in, &out), BULLA_OK);
    assert_int_equal(out.len, 0);
    in.len = 100;
    assert_status(bulla_sectors_feed(&sectors, &in, &out), BULLA_OK);
    assert_int_equal(out.len, 100);
    in = (struct bulla_bytes){payload, 0};
    assert_status(bulla_sectors_feed(&sectors, &in, &out), BULLA_OK);
    assert_status(bulla_sectors_finish(&sectors), BULLA_OK);
}

/* ---- URI ---- */

static void test_uri_far_sides_of_its_rules(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        enum bulla_status status;
    } cases[] = {
        {"a%4g", BULLA_E_URI_FORM},
        {"a%7e", BULLA_OK},
        {"a%7f", BULLA_E_URI_FORM},
        {"a%g0", BULLA_E_URI_FORM},
        {"a%1f", BULLA_E_URI_FORM},
        {"a%4", BULLA_E_URI_FORM},
        {"./a", BULLA_E_URI_FORM},
        {"../a", BULLA_E_URI_FORM},
        {".../a", BULLA_OK},
        {"a/b:c", BULLA_OK},
        {"a:b", BULLA_E_URI_FORM},
        {"https", BULLA_OK},
        {"https:/", BULLA_E_URI_FORM},
        {"https:", BULLA_E_URI_FORM},
        {"https://", BULLA_E_URI_FORM},
        {"https://[", BULLA_E_URI_FORM},
        {"https://[]", BULLA_E_URI_FORM},
        {"https://[::", BULLA_E_URI_FORM},
        {"https://[1]", BULLA_E_URI_FORM},
        {"https://[::]", BULLA_OK},
        {"https://[x]", BULLA_E_URI_FORM},
        {"https://h:1", BULLA_OK},
        {"https://h:65535", BULLA_OK},
        {"https://h:65536", BULLA_E_URI_FORM},
        {"https://h:655360/", BULLA_E_URI_FORM},
        {"https://h:1x", BULLA_E_URI_FORM},
        {"https://h/a:b", BULLA_OK},
        {"https://h?a:b", BULLA_OK},
        {"a?b:c/../d", BULLA_OK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bulla_bytes uri = {(const uint8_t *)cases[i].uri, strlen(cases[i].uri)};
        enum bulla_status got = bulla_uri_check(uri);
        if (got != cases[i].status)
            fail_msg("%s: %s", cases[i].uri, bulla_status_name(got));
    }
}

/* ---- trust store ---- */

/* {1: 1, 2: 1, 3: [{1: -19, 2: key}], 4: [], 5: [anchor]} */
static enum bulla_status load_anchor(const uint8_t *anchor, size_t len)
{
    static uint8_t store[4096];
    static const uint8_t head[] = {0xa5, 1, 1, 2, 1, 3, 0x81, 0xa2, 1, 0x32, 2, 0x58, 0x20};
    struct seal_key key;
    struct bulla_trust trust;
    size_t at = 0;

    seal_key_make(&key);
    memcpy(store, head, sizeof(head));
    memcpy(store + sizeof(head), key.public_key, BULLA_KEY_SIZE);
    at = sizeof(head) + BULLA_KEY_SIZE;
    memcpy(store + at, "\x04\x80\x05\x81\x59", 5);
    store[at + 5] = (uint8_t)(len >> 8);
    store[at + 6] = (uint8_t)len;
    at += 7;
    memcpy(store + at, anchor, len);
    return bulla_trust_decode((struct bulla_bytes){store, at + len}, &trust);
}

static void test_trust_anchor_length_is_shortest_and_exact(void **state)
{
    (void)state;
    static const struct {
        uint8_t head[4];
        size_t len;
        enum bulla_status status;
    } cases[] = {
        {{0x30, 0x82, 0x01, 0x00}, 260, BULLA_OK},
        {{0x30, 0x82, 0x01, 0x00}, 261, BULLA_E_TRUST_ANCHOR},
        {{0x30, 0x82, 0x01, 0x01}, 260, BULLA_E_TRUST_ANCHOR},
        {{0x30, 0x82, 0x00, 0xff}, 259, BULLA_E_TRUST_ANCHOR},
        {{0x30, 0x83, 0x01, 0x00}, 260, BULLA_E_TRUST_ANCHOR},
        {{0x30, 0x80, 0x01, 0x00}, 260, BULLA_E_TRUST_ANCHOR},
        {{0x30, 0x81, 0xff, 0x00}, 258, BULLA_OK},
        {{0x30, 0x81, 0xff, 0x00}, 257, BULLA_E_TRUST_ANCHOR},
        {{0x31, 0x82, 0x01, 0x00}, 260, BULLA_E_TRUST_ANCHOR},
    };
    uint8_t anchor[300] = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(anchor, cases[i].head, 4);
        enum bulla_status got = load_anchor(anchor, cases[i].len);
        if (got != cases[i].status)
            fail_msg("anchor %zu: %s", i, bulla_status_name(got));
    }
}

/* ---- images ---- */

/* Segment 0 of an image for the ESP32 holds a descriptor that begins like a bootloader's. */
static enum bulla_status judge_descriptor(const char *idf_version, size_t len)
{
    uint8_t image[512] = {0xe9, 1, 2, 0x20, 0x00, 0x00, 0x08, 0x40};
    static const uint8_t segment[] = {0x20, 0x00, 0x40, 0x3f, 0x00, 0x01, 0x00, 0x00};
    struct bulla_espimage s;

    image[17] = image[18] = 0xff;
    image[23] = 1;
    memcpy(image + 24, segment, sizeof(segment));
    image[32] = 0x50;
    memcpy(image + 40, idf_version, len);
    bulla_espimage_init(&s, sizeof(image));
    return bulla_espimage_feed(&s, (struct bulla_bytes){image, sizeof(image)});
}

static void test_espimage_bootloader_is_told_by_its_version_text(void **state)
{
    (void)state;

    assert_status(judge_descriptor("v5.5", 5), BULLA_E_IMAGE_NOT_AN_APP);
    assert_status(judge_descriptor("12345678901234567890123456789012", 32),
                  BULLA_E_IMAGE_NOT_AN_APP);
    assert_status(judge_descriptor("v5\x80", 4), BULLA_E_IMAGE_NO_DESCRIPTOR);
    assert_status(judge_descriptor("v5\x1f", 4), BULLA_E_IMAGE_NO_DESCRIPTOR);
    assert_status(judge_descriptor("", 1), BULLA_E_IMAGE_NO_DESCRIPTOR);
}

/* ---- status ---- */

static void test_status_outside_of_the_list_has_a_name(void **state)
{
    (void)state;

    for (int extra = 0; extra < 2; extra++) {
        enum bulla_status status = (enum bulla_status)((int)BULLA_STATUS_COUNT + extra);
        assert_string_equal(bulla_status_name(status), "unknown");
        assert_string_equal(bulla_status_sentence(status), "unknown status");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_failed_hash_proves_nothing),
        cmocka_unit_test(test_envelope_tbs_of_wrong_lengths_is_empty),
        cmocka_unit_test(test_envelope_threshold_zero_accepts_nobody),
        cmocka_unit_test(test_reader_unsigned_text_behind_list_is_out_of_order),
        cmocka_unit_test(test_reader_small_workspace_takes_no_text),
        cmocka_unit_test(test_reader_bundle_key_that_sorts_before_list_is_refused),
        cmocka_unit_test(test_policy_threshold_zero_gives_no_rights),
        cmocka_unit_test(test_policy_revision_within_limits_is_accepted),
        cmocka_unit_test(test_sectors_repeated_and_empty_calls_change_nothing),
        cmocka_unit_test(test_uri_far_sides_of_its_rules),
        cmocka_unit_test(test_trust_anchor_length_is_shortest_and_exact),
        cmocka_unit_test(test_espimage_bootloader_is_told_by_its_version_text),
        cmocka_unit_test(test_status_outside_of_the_list_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
