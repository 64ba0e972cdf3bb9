/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the second reading where no signature stands in the way: damaged manifests, texts,
 * trust stores and made-up URIs against the core; points, signatures, images and hostile CBOR
 * against what they must be. */

#include "bulla/manifest.h"
#include "check.h"
#include "tree_pair.h"
#include "tree_parts.h"

/* One of five small damages; returns the new length, at most len + 1. */
static size_t damage(uint8_t *data, size_t len)
{
    size_t at = dice() % len;
    switch (dice() % 5) {
    case 0:
        data[at] ^= (uint8_t)(1u << dice() % 8);
        return len;
    case 1:
        data[at] = (uint8_t)dice();
        return len;
    case 2:
        data[at]++;
        return len;
    case 3:
        memmove(data + at, data + at + 1, len - at - 1);
        return len - 1;
    default:
        memmove(data + at + 1, data + at, len - at);
        data[at] = (uint8_t)dice();
        return len + 1;
    }
}

static void compare_text(struct bulla_bytes a, const char *b)
{
    assert_int_equal(a.len, strlen(b));
    assert_true(a.len == 0 || memcmp(a.data, b, a.len) == 0);
}

static void compare_image(struct bulla_bytes manifest, uint32_t index, const struct tree_image *b)
{
    struct bulla_image a;
    assert_status(bulla_manifest_image(manifest, index, &a), BULLA_OK);
    compare_text(a.component, b->component);
    compare_text(a.name, b->name);
    compare_text(a.uri, b->uri);
    assert_int_equal(a.size, b->size);
    assert_int_equal(a.list_size, b->list_size);
    assert_memory_equal(a.digest, b->digest, BULLA_DIGEST_SIZE);
    assert_memory_equal(a.list_digest, b->list_digest, BULLA_DIGEST_SIZE);
}

/* Does the second reading of a manifest find what the first one found? */
static void compare_manifest(struct bulla_bytes bytes, int *accepted)
{
    struct bulla_manifest a;
    struct tree_reading b = {.accepted = false};
    enum bulla_status status = bulla_manifest_decode(bytes, &a);
    bool ok = tree_manifest_judge(bytes, &b);
    /* that the list's size follows from the image's is asked of the list */
    bool size_unknown = status == BULLA_E_LIST_SIZE;
    if (!size_unknown && ok != (status == BULLA_OK))
        fail_msg("manifest: %s and %s", bulla_status_name(status), ok ? "accepted" : b.sentence);
    if (status != BULLA_OK)
        return;
    ++*accepted;
    assert_int_equal(a.sequence, b.sequence);
    assert_int_equal(a.has_text, b.has_text);
    assert_int_equal(a.version.count, b.version_count);
    assert_int_equal(a.version.release_count, b.release_count);
    assert_memory_equal(a.version.parts, b.version, sizeof(b.version));
    assert_memory_equal(a.image.vendor_id, b.vendor_id, BULLA_UUID_SIZE);
    assert_memory_equal(a.image.class_id, b.class_id, BULLA_UUID_SIZE);
    assert_memory_equal(a.text_digest, b.text_digest, BULLA_DIGEST_SIZE);
    assert_int_equal(a.images, b.images);
    for (uint32_t i = 0; i < a.images; i++)
        compare_image(bytes, i, &b.image[i]);
}

static void test_tree_parts_damaged_manifest_agrees(void **state)
{
    (void)state;
    static const char *const names[] = {"good-text", "good-version-rc", "good-factory",
                                        "good-modules", "good-module-alone"};
    static struct pair pair;
    int accepted = 0;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        FILE *cases;
        static struct bulla_reader reader;
        load_pair(names[n], &cases, &pair);
        assert_status(kit_judge(&pair.first.run, pair.first.envelope.data, pair.first.envelope.len,
                                SIZE_MAX, KIT_WORKSPACE, &reader),
                      BULLA_OK);
        struct bulla_bytes good = reader.envelope.manifest;
        for (int round = 0; round < 8000; round++) {
            uint8_t bytes[BULLA_SIGNED_MAX + 4];
            size_t len = good.len;
            memcpy(bytes, good.data, len);
            for (uint32_t times = 1 + dice() % 2; times > 0; times--)
                len = damage(bytes, len);
            compare_manifest((struct bulla_bytes){bytes, len}, &accepted);
        }
        end_pair(&pair);
        fclose(cases);
    }
    assert_true(accepted > 1000);
}

static void test_tree_parts_damaged_text_agrees(void **state)
{
    (void)state;
    static const uint8_t good[] = "\xa2\x60\xa2\x01\x63\xe2\x82\xac\x02\x64\xf0\x9f\x98\x80"
                                  "\x62"
                                  "de\xa3\x01\x62\xc3\xbc\x03\x60\x04\x63\xed\x9f\xbf";
    int accepted = 0, refused = 0;
    for (int round = 0; round < 40000; round++) {
        uint8_t bytes[sizeof(good) + 4];
        size_t len = sizeof(good) - 1;
        memcpy(bytes, good, len);
        for (uint32_t times = dice() % 3; times > 0; times--)
            len = damage(bytes, len);
        struct bulla_bytes text = {bytes, len};
        struct tree_reading reading = {.accepted = false};
        assert_true(tree_sha256(text, true, reading.text_digest));
        bool ok = tree_text_judge(text, &reading);
        if (ok != (bulla_text_check(text) == BULLA_OK))
            fail_msg("text of %zu bytes, round %d: %s", len, round, ok ? "accepted" : "refused");
        accepted += ok;
        refused += !ok;
    }
    assert_true(accepted > 5000 && refused > 5000);
}

static void test_tree_parts_damaged_trust_agrees(void **state)
{
    (void)state;
    static const char *const names[] = {"good-full", "good-names"};
    int accepted = 0, refused = 0;
    for (int round = 0; round < 6000; round++) {
        struct kit_file file = kit_load(KIT, "trust", names[round % 2], ".cbor");
        struct bulla_trust a;
        struct tree_trust b = {.threshold = 0};
        const char *why;
        uint8_t *bytes = malloc(file.len + 1);
        memcpy(bytes, file.data, file.len);
        /* mostly in the part with structure: keys and anchors are long */
        size_t len = file.len < 120 || round % 4 == 0 ? damage(bytes, file.len) : file.len;
        if (len == file.len)
            bytes[dice() % (len < 60 ? len : 60)] ^= (uint8_t)(1u << dice() % 8);
        struct bulla_bytes store = {bytes, len};
        bool ok = tree_trust_add(&b, store, &why);
        enum bulla_status status = bulla_trust_decode(store, &a);
        if (ok != (status == BULLA_OK))
            fail_msg("store, round %d: %s and %s", round, bulla_status_name(status),
                     ok ? "accepted" : why);
        assert_int_equal(a.key_count, b.key_count);
        for (uint32_t i = 0; i < a.key_count; i++)
            assert_memory_equal(a.keys[i].id, b.keys[i].id, BULLA_KEY_ID_SIZE);
        accepted += ok;
        refused += !ok;
        tree_trust_free(&b);
        free(bytes);
        free(file.data);
    }
    assert_true(accepted > 500 && refused > 500);
}

static void test_tree_parts_made_up_uri_agrees(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "https://", "HttpS://",
        "http:",    "/",
        "//",       ".",
        "..",       "%2e",
        "%2E",      "a",
        "b.bin",    ":",
        "@",        "?",
        "#",        "%41",
        "%0a",      "%7F",
        "%4",       "%80",
        "[::1]",    ":443",
        ":0",       "h",
        ":65536",   "\x80",
        " ",        "+,;=",
        ":00080",   "~!$&'()*",
        "%1f",      "\\",
        "x=1",      "[::ffff:1.2.3.4]",
    };
    int accepted = 0, refused = 0;
    for (int round = 0; round < 200000; round++) {
        char text[200] = "";
        if (dice() % 2 == 0)
            strcat(text, pieces[dice() % 2]);
        for (uint32_t count = dice() % 6; count > 0; count--)
            strcat(text, pieces[dice() % (sizeof(pieces) / sizeof(pieces[0]))]);
        struct bulla_bytes uri = {(const uint8_t *)text, strlen(text)};
        bool ok = tree_uri_allowed(uri);
        if (ok != (bulla_uri_check(uri) == BULLA_OK))
            fail_msg("URI \"%s\": the second reading %s it", text, ok ? "accepts" : "refuses");
        accepted += ok;
        refused += !ok;
    }
    assert_true(accepted > 5000 && refused > 5000);
}

static void test_tree_parts_manifest_with_image_size_zero_is_refused(void **state)
{
    (void)state;
    static struct pair pair;
    static struct bulla_reader reader;
    struct tree_reading reading = {.accepted = false};
    FILE *cases;
    load_pair("good-one-sector", &cases, &pair); /* 14 bytes */
    assert_status(kit_judge(&pair.first.run, pair.first.envelope.data, pair.first.envelope.len,
                            SIZE_MAX, KIT_WORKSPACE, &reader),
                  BULLA_OK);
    struct bulla_bytes manifest = reader.envelope.manifest;
    uint8_t *copy = malloc(manifest.len);
    memcpy(copy, manifest.data, manifest.len);
    assert_true(tree_manifest_judge((struct bulla_bytes){copy, manifest.len}, &reading));
    uint8_t *size = memmem(copy, manifest.len, "\x0e\x0e\x01\x0f", 4);
    assert_non_null(size);
    size[1] = 0;
    reading = (struct tree_reading){.accepted = false};
    assert_false(tree_manifest_judge((struct bulla_bytes){copy, manifest.len}, &reading));
    free(copy);
    end_pair(&pair);
    fclose(cases);
}

/* Without the equation it is our own rules that refuse, not OpenSSL's. */
static void test_tree_parts_signature_outside_the_rules_is_refused_without_equation(void **state)
{
    (void)state;
    static const char *const names[] = {"signature-s-plus-l", "signature-zero",
                                        "signature-r-identity", "signature-r-not-canonical",
                                        "signature-63"};
    static struct pair pair;
    struct tree_reading reading;
    FILE *cases;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        load_pair(names[i], &cases, &pair);
        struct bulla_bytes envelope = {pair.first.envelope.data, pair.first.envelope.len};
        if (tree_reading_judge(envelope, &pair.second, &pair.first.run.device,
                               TREE_SIGNATURES_KNOWN, &reading))
            fail_msg("%s is accepted", names[i]);
        assert_int_equal(reading.group, TREE_AUTHENTICATION);
        end_pair(&pair);
        fclose(cases);
    }
    /* without key id it must be computed to know whose it is */
    load_pair("wrong-key-no-kid", &cases, &pair);
    assert_false(
        tree_reading_judge((struct bulla_bytes){pair.first.envelope.data, pair.first.envelope.len},
                           &pair.second, &pair.first.run.device, TREE_SIGNATURES_KNOWN, &reading));
    end_pair(&pair);
    fclose(cases);
}

/* One sector with the head of an ESP image: esp32c3, revisions 101 to 199, secure version 7. */
struct image {
    uint8_t bytes[64];
    uint8_t digests[BULLA_DIGEST_SIZE];
    struct tree_reading reading;
};

static bool judge_image(struct image *image, size_t len, const struct bulla_device *device)
{
    struct bulla_bytes bytes = {image->bytes, len};
    image->reading = (struct tree_reading){.image[0].size = (uint32_t)len};
    assert_true(tree_sha256(bytes, false, image->digests));
    memcpy(image->reading.image[0].digest, image->digests, BULLA_DIGEST_SIZE);
    return tree_image_judge(bytes, image->digests, device, &image->reading);
}

static struct image esp_image(void)
{
    return (struct image){.bytes = {[0] = 0xe9, [12] = 5, [15] = 101, [17] = 199, [0x24] = 7}};
}

static void test_tree_parts_image_for_another_device_is_refused(void **state)
{
    (void)state;
    struct image image = esp_image();
    const struct bulla_device good = {.has_format = true,
                                      .has_chip = true,
                                      .has_floor = true,
                                      .format = BULLA_FORMAT_ESP,
                                      .chip_id = 5,
                                      .chip_revision = 150,
                                      .floor = 7};
    struct bulla_device device = good;
    assert_true(judge_image(&image, sizeof(image.bytes), &device));
    assert_true(image.reading.structure_open);
    device.chip_id = 9;
    assert_false(judge_image(&image, sizeof(image.bytes), &device));
    device = good;
    device.chip_revision = 100;
    assert_false(judge_image(&image, sizeof(image.bytes), &device));
    device.chip_revision = 200;
    assert_false(judge_image(&image, sizeof(image.bytes), &device));
    image.bytes[17] = 0; /* no highest revision */
    assert_true(judge_image(&image, sizeof(image.bytes), &device));
    device = good;
    device.floor = 8;
    assert_false(judge_image(&image, sizeof(image.bytes), &device));
    device = good;
    device.format = BULLA_FORMAT_RAW;
    assert_false(judge_image(&image, sizeof(image.bytes), &device));
    assert_false(judge_image(&image, 0x27, &good)); /* the secure version is cut */
}

static void test_tree_parts_image_of_another_digest_or_size_is_refused(void **state)
{
    (void)state;
    const struct bulla_device nothing = {.has_ids = false};
    struct image image = {.bytes = {1, 2, 3}};
    struct bulla_bytes bytes = {image.bytes, sizeof(image.bytes)};
    assert_true(judge_image(&image, bytes.len, &nothing));
    image.reading.image[0].digest[31] ^= 1u;
    assert_false(tree_image_judge(bytes, image.digests, &nothing, &image.reading));
    image.reading.image[0].digest[31] ^= 1u;
    assert_true(tree_image_judge(bytes, image.digests, &nothing, &image.reading));
    image.digests[0] ^= 1u; /* a list for other sectors */
    assert_false(tree_image_judge(bytes, image.digests, &nothing, &image.reading));
    image.digests[0] ^= 1u;
    image.reading.image[0].size++;
    assert_false(tree_image_judge(bytes, image.digests, &nothing, &image.reading));
}

static void test_tree_parts_raw_image_has_secure_version_zero(void **state)
{
    (void)state;
    struct image image = {.bytes = {1, 2, 3}};
    struct bulla_device device = {.has_chip = true, .chip_id = 5, .has_floor = true};
    assert_true(judge_image(&image, 3, &device));
    assert_false(image.reading.structure_open);
    device.floor = 1;
    assert_false(judge_image(&image, 3, &device));
    device = (struct bulla_device){.has_format = true, .format = BULLA_FORMAT_ESP};
    assert_false(judge_image(&image, 3, &device));
    image.bytes[0] = 0xe9;
    device = (struct bulla_device){.has_ids = false};
    assert_true(judge_image(&image, 3, &device));
    assert_true(image.reading.structure_open);
}

static void from_hex(const char *hex, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}

/* Encodings are little-endian: the first byte is the lowest. */
static void test_tree_parts_point_of_small_order_is_refused(void **state)
{
    (void)state;
#define ORDER_8_A "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
#define ORDER_8_B "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
#define TOP       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
    static const char *const refused[] = {
        "0100000000000000000000000000000000000000000000000000000000000000", /* y = 1, order 1 */
        "ec" TOP,                                                           /* y = -1, order 2 */
        "0000000000000000000000000000000000000000000000000000000000000000", /* y = 0, order 4 */
        "0000000000000000000000000000000000000000000000000000000000000080",
        ORDER_8_A,
        ORDER_8_B,
        "0100000000000000000000000000000000000000000000000000000000000080", /* minus zero */
        "ed" TOP,                                                           /* y = p */
        "ee" TOP,                                                           /* y = p + 1 */
        "f0" TOP,                                                           /* y = p + 3 */
        "ff" TOP,
    };
    uint8_t point[32];
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        from_hex(refused[i], point);
        if (tree_point_allowed(point))
            fail_msg("%s is allowed", refused[i]);
        point[31] ^= 0x80u;
        assert_false(tree_point_allowed(point));
    }
    from_hex("5866666666666666666666666666666666666666666666666666666666666666", point);
    assert_true(tree_point_allowed(point)); /* the base point */
    point[31] ^= 0x80u;
    assert_true(tree_point_allowed(point));
}

static void assert_refused_item(const uint8_t *data, size_t len)
{
    cbor_item_t *root = tree_load((struct bulla_bytes){data, len});
    if (root != NULL)
        fail_msg("%zu bytes that begin with %02x are loaded", len, data[0]);
}

/* libcbor would allocate what is announced; without our count in front these need 2^32 and more
 * pointers. */
static void test_tree_parts_announced_too_much_is_refused_before_allocation(void **state)
{
    (void)state;
    static const uint8_t array[] = {0x9b, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    static const uint8_t map[] = {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    static const uint8_t bytes[] = {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    static const uint8_t text[] = {0x7b, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    static const uint8_t indefinite[] = {0x9f, 0x01, 0xff};
    static const uint8_t trailing[] = {0x01, 0x01};
    static const uint8_t real[] = {0xf9, 0, 0};
    static const uint8_t yes[] = {0xf5};
    assert_refused_item(array, sizeof(array));
    assert_refused_item(map, sizeof(map));
    assert_refused_item(bytes, sizeof(bytes));
    assert_refused_item(text, sizeof(text));
    assert_refused_item(indefinite, sizeof(indefinite));
    assert_refused_item(trailing, sizeof(trailing));
    assert_refused_item(real, sizeof(real));
    assert_refused_item(yes, sizeof(yes));

    size_t len = (size_t)1 << 20;
    uint8_t *deep = malloc(len);
    memset(deep, 0x81, len);
    assert_refused_item(deep, len);
    memset(deep, 0x00, len);
    assert_refused_item(deep, len);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_parts_damaged_manifest_agrees),
        cmocka_unit_test(test_tree_parts_manifest_with_image_size_zero_is_refused),
        cmocka_unit_test(test_tree_parts_damaged_text_agrees),
        cmocka_unit_test(test_tree_parts_damaged_trust_agrees),
        cmocka_unit_test(test_tree_parts_made_up_uri_agrees),
        cmocka_unit_test(test_tree_parts_point_of_small_order_is_refused),
        cmocka_unit_test(test_tree_parts_signature_outside_the_rules_is_refused_without_equation),
        cmocka_unit_test(test_tree_parts_image_for_another_device_is_refused),
        cmocka_unit_test(test_tree_parts_image_of_another_digest_or_size_is_refused),
        cmocka_unit_test(test_tree_parts_raw_image_has_secure_version_zero),
        cmocka_unit_test(test_tree_parts_announced_too_much_is_refused_before_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
