/* SPDX-License-Identifier: Apache-2.0 */
/* Trust stores on the host: encoded, united out of several files, checked. */

#include "keyfiles.h"

#include <unistd.h>

#include "keys.h"

static char why[256];

#define APP                                                                                        \
    "\x81\x43"                                                                                     \
    "app"
#define FACTORY                                                                                    \
    "\x81\x47"                                                                                     \
    "factory"
#define APP_FACTORY                                                                                \
    "\x82\x43"                                                                                     \
    "app"                                                                                          \
    "\x47"                                                                                         \
    "factory"
#define FACTORY_MORE                                                                               \
    "\x83\x44"                                                                                     \
    "more"                                                                                         \
    "\x47"                                                                                         \
    "factory"                                                                                      \
    "\x41"                                                                                         \
    "x"

static struct bulla_bytes names(const char *encoded)
{
    return (struct bulla_bytes){(const uint8_t *)encoded, strlen(encoded)};
}

static uint8_t pool[20][32];

/* Store with keys made of the seeds listed (up to a 0), each with these names ("": every). */
static struct bulla_trust store_of(uint32_t threshold, const uint8_t *seeds, const char *encoded)
{
    struct bulla_trust trust = {.threshold = threshold};
    for (; *seeds != 0; seeds++) {
        struct bulla_trust_key *key = &trust.keys[trust.key_count++];
        public_of_seed(*seeds, pool[*seeds]);
        key->key = pool[*seeds];
        key->names = names(encoded);
        keys_id(key->key, key->id);
    }
    return trust;
}

static void write_store(const char *path, const struct bulla_trust *trust)
{
    struct host_buffer encoded;
    assert_status(keys_trust_encode(trust, &encoded), BULLA_OK);
    assert_status(
        host_write_file(path, (struct bulla_bytes){encoded.data, encoded.len}, 0600, true),
        BULLA_OK);
    host_buffer_free(&encoded);
}

static void write_public(const char *path, uint8_t seed)
{
    char pem[2048];
    public_of_seed(seed, pool[seed]);
    public_pem_text(pool[seed], pem);
    write_text(path, pem);
}

static bool may(const struct keys_trust *t, uint8_t seed, const char *component)
{
    struct bulla_bytes name = {(const uint8_t *)component, strlen(component)};
    for (uint32_t i = 0; i < t->trust.key_count; i++) {
        if (memcmp(t->trust.keys[i].key, pool[seed], 32) == 0)
            return bulla_trust_key_may(&t->trust.keys[i], name);
    }
    fail_msg("key %u is not in the store", seed);
    return false;
}

static void assert_refused(const char *const *paths, size_t count, uint32_t threshold,
                           enum bulla_status expected, const char *part)
{
    struct keys_trust t;
    why[0] = '\0';
    assert_status(keys_trust_load(paths, count, threshold, &t, why), expected);
    assert_int_equal(t.trust.key_count, 0);
    assert_null(t.files);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_keys_trust_encoding_is_the_documents_bytes(void **state)
{
    uint8_t expected[256];
    uint8_t pin[32];
    static const uint8_t anchor[] = {0x30, 0x02, 0x05, 0x00};
    struct bulla_trust trust = store_of(2, (const uint8_t[]){1, 2, 0}, "");
    struct host_buffer encoded;
    (void)state;
    memset(pin, 0x77, sizeof pin);
    trust.keys[1].names = names(APP);
    trust.pins[0] = pin;
    trust.pin_count = 1;
    trust.anchors[0] = (struct bulla_bytes){anchor, sizeof anchor};
    trust.anchor_count = 1;
    assert_status(keys_trust_encode(&trust, &encoded), BULLA_OK);
    size_t len = from_hex("a50101020203"
                          "82"
                          "a20132025820"
                          "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
                          "a30132025820"
                          "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
                          "038143617070"
                          "0481"
                          "5820"
                          "7777777777777777777777777777777777777777777777777777777777777777"
                          "0581"
                          "44"
                          "30020500",
                          expected, sizeof expected);
    assert_int_equal(encoded.len, len);
    assert_memory_equal(encoded.data, expected, len);
    host_buffer_free(&encoded);
}

static void test_keys_trust_encode_what_a_device_refuses_is_not_made(void **state)
{
    struct bulla_trust trust = store_of(1, (const uint8_t[]){1, 1, 0}, "");
    struct host_buffer encoded;
    (void)state;
    assert_status(keys_trust_encode(&trust, &encoded), BULLA_E_TRUST_KEY_REPEATED);
    assert_null(encoded.data);
    trust = store_of(3, (const uint8_t[]){1, 2, 0}, "");
    assert_status(keys_trust_encode(&trust, &encoded), BULLA_E_TRUST_THRESHOLD);
    trust = store_of(1, (const uint8_t[]){1, 0}, "\x80");
    assert_status(keys_trust_encode(&trust, &encoded), BULLA_E_TRUST_NAMES);
}

/* 16 keys with all the names there can be, 4 pins, 4 anchors of the largest size. */
static void test_keys_trust_encode_the_largest_store_fits(void **state)
{
    static const char name32[] = "\x58\x20"
                                 "component-name-of-32-characters";
    static uint8_t anchors[4][2048];
    static uint8_t pins[4][32];
    char encoded_names[1 + 8 * 34 + 1] = "\x88";
    const uint8_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0};
    struct host_buffer encoded;
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        memcpy(encoded_names + 1 + 34 * i, name32, 33);
        encoded_names[34 * (i + 1)] = (char)('a' + i);
    }
    struct bulla_trust trust = store_of(16, seeds, encoded_names);
    for (uint8_t i = 0; i < 4; i++) {
        memcpy(anchors[i], "\x30\x82\x07\xfc", 4);
        anchors[i][4] = i;
        trust.anchors[i] = (struct bulla_bytes){anchors[i], 2048};
        memset(pins[i], i, 32);
        trust.pins[i] = pins[i];
    }
    trust.anchor_count = trust.pin_count = 4;
    assert_status(keys_trust_encode(&trust, &encoded), BULLA_OK);
    assert_true(encoded.len <= BULLA_TRUST_SIZE_MAX);
    host_buffer_free(&encoded);
}

static void test_keys_trust_one_pem_is_one_key_for_everything(void **state)
{
    const char *const path = "a.pub";
    struct keys_trust t;
    uint8_t id[8];
    (void)state;
    write_public("a.pub", 1);
    assert_status(keys_trust_load(&path, 1, 0, &t, why), BULLA_OK);
    assert_int_equal(t.trust.threshold, 1);
    assert_int_equal(t.trust.key_count, 1);
    keys_id(pool[1], id);
    assert_memory_equal(t.trust.keys[0].id, id, 8);
    assert_true(may(&t, 1, "app") && may(&t, 1, "factory"));
    keys_trust_free(&t);
}

static void test_keys_trust_files_are_united(void **state)
{
    const char *const paths[] = {"s1", "a.pub", "s2"};
    struct bulla_trust one = store_of(1, (const uint8_t[]){1, 2, 0}, APP);
    struct bulla_trust two = store_of(2, (const uint8_t[]){4, 5, 0}, "");
    struct keys_trust t;
    (void)state;
    write_store("s1", &one);
    write_store("s2", &two);
    write_public("a.pub", 3);
    assert_status(keys_trust_load(paths, 3, 0, &t, why), BULLA_OK);
    assert_int_equal(t.trust.key_count, 5);
    assert_int_equal(t.trust.threshold, 2); /* the highest of the stores' */
    assert_true(may(&t, 1, "app") && !may(&t, 1, "factory"));
    assert_true(may(&t, 3, "factory") && may(&t, 5, "factory"));
    keys_trust_free(&t);
}

static void test_keys_trust_threshold_option_only_raises(void **state)
{
    const char *const path = "s";
    struct bulla_trust store = store_of(2, (const uint8_t[]){1, 2, 3, 0}, "");
    struct keys_trust t;
    (void)state;
    write_store("s", &store);
    assert_status(keys_trust_load(&path, 1, 1, &t, why), BULLA_OK);
    assert_int_equal(t.trust.threshold, 2);
    keys_trust_free(&t);
    assert_status(keys_trust_load(&path, 1, 3, &t, why), BULLA_OK);
    assert_int_equal(t.trust.threshold, 3);
    keys_trust_free(&t);
    assert_refused(&path, 1, 4, BULLA_E_USAGE, "4 signatures, the trust files hold 3");
}

/* Each mention restricts, in whatever order the files come. */
static void test_keys_trust_repeated_key_keeps_what_every_mention_allows(void **state)
{
    static const char *const orders[][3] = {
        {"s1", "s2", "a.pub"}, {"a.pub", "s1", "s2"}, {"s2", "a.pub", "s1"}};
    struct bulla_trust one = store_of(1, (const uint8_t[]){1, 0}, APP_FACTORY);
    struct bulla_trust two = store_of(1, (const uint8_t[]){1, 0}, FACTORY_MORE);
    (void)state;
    write_store("s1", &one);
    write_store("s2", &two);
    write_public("a.pub", 1);
    for (size_t i = 0; i < 3; i++) {
        struct keys_trust t;
        assert_status(keys_trust_load(orders[i], 3, 0, &t, why), BULLA_OK);
        assert_int_equal(t.trust.key_count, 1);
        assert_true(may(&t, 1, "factory"));
        assert_false(may(&t, 1, "app"));
        assert_false(may(&t, 1, "more"));
        assert_false(may(&t, 1, "x"));
        keys_trust_free(&t);
    }
}

static void test_keys_trust_key_without_a_common_component_signs_for_none(void **state)
{
    const char *const paths[] = {"s1", "s2", "s3"};
    struct bulla_trust one = store_of(1, (const uint8_t[]){1, 0}, APP);
    struct bulla_trust two = store_of(1, (const uint8_t[]){1, 0}, FACTORY);
    struct bulla_trust three = store_of(1, (const uint8_t[]){1, 0}, APP_FACTORY);
    struct keys_trust t;
    (void)state;
    write_store("s1", &one);
    write_store("s2", &two);
    write_store("s3", &three); /* must not give anything back */
    assert_status(keys_trust_load(paths, 3, 0, &t, why), BULLA_OK);
    assert_int_equal(t.trust.key_count, 1);
    assert_int_equal(t.trust.keys[0].names.len, 1);
    assert_int_equal(t.trust.keys[0].names.data[0], 0x80);
    assert_false(may(&t, 1, "app"));
    assert_false(may(&t, 1, "factory"));
    keys_trust_free(&t);
}

static void test_keys_trust_pins_are_united_up_to_four(void **state)
{
    const char *const paths[] = {"s1", "s2", "s3"};
    static uint8_t pins[5][32];
    struct bulla_trust store = store_of(1, (const uint8_t[]){1, 0}, "");
    struct keys_trust t;
    (void)state;
    for (uint8_t i = 0; i < 5; i++)
        memset(pins[i], i, 32);
    store.pins[0] = pins[0];
    store.pins[1] = pins[1];
    store.pin_count = 2;
    write_store("s1", &store);
    store.pins[0] = pins[1];
    store.pins[1] = pins[2];
    write_store("s2", &store);
    store.pins[0] = pins[3];
    store.pins[1] = pins[4];
    write_store("s3", &store);
    assert_status(keys_trust_load(paths, 2, 0, &t, why), BULLA_OK);
    assert_int_equal(t.trust.pin_count, 3);
    keys_trust_free(&t);
    assert_refused(paths, 3, 0, BULLA_E_USAGE, "more than 4 pins");
}

static void test_keys_trust_more_than_sixteen_keys_are_refused(void **state)
{
    const char *const paths[] = {"s1", "s2"};
    const uint8_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0};
    struct bulla_trust full = store_of(1, seeds, "");
    struct bulla_trust one = store_of(1, (const uint8_t[]){17, 0}, "");
    (void)state;
    write_store("s1", &full);
    write_store("s2", &one);
    assert_refused(paths, 2, 0, BULLA_E_USAGE, "more than 16 keys");
}

/* K01, and R4.1: one bad file beside a good one stops too. */
static void test_keys_trust_one_bad_file_stops_all(void **state)
{
    struct bulla_trust store = store_of(1, (const uint8_t[]){1, 0}, "");
    (void)state;
    write_store("good", &store);
    write_text("empty", "");
    write_text("text", "hello\n");
    assert_int_equal(system("head -c 20 good >cut; (cat good; printf x) >long"), 0);
    const char *const missing[] = {"good", "missing"};
    assert_refused(missing, 2, 0, BULLA_E_IO, "missing");
    const char *const empty[] = {"good", "empty"};
    assert_refused(empty, 2, 0, BULLA_E_USAGE, "cbor-truncated");
    const char *const text[] = {"text", "good"};
    assert_refused(text, 2, 0, BULLA_E_USAGE, "neither a PEM public key nor a trust store");
    const char *const cut[] = {"good", "cut"};
    assert_refused(cut, 2, 0, BULLA_E_USAGE, "cbor-truncated");
    const char *const trailing[] = {"good", "long"};
    assert_refused(trailing, 2, 0, BULLA_E_USAGE, "cbor-trailing");
    assert_refused(NULL, 0, 0, BULLA_E_USAGE, "at least one");
}

/* R2: hosts check what the core leaves to them. */
static void test_keys_trust_store_with_mixed_order_key_is_refused(void **state)
{
    const char *const path = "s";
    uint8_t mixed[32];
    struct bulla_trust store = store_of(1, (const uint8_t[]){1, 0}, "");
    (void)state;
    (void)from_hex("16a567fe7d4ef5482ab4012c369bf8c5f11e8d0c2559dcda50fde59708f8aee5", mixed, 32);
    store.keys[0].key = mixed;
    write_store("s", &store); /* the core's decoder takes it */
    assert_refused(&path, 1, 0, BULLA_E_USAGE, "trust-key-invalid");
    assert_status(keys_trust_check(&store, why), BULLA_E_TRUST_KEY_INVALID);
}

static void test_keys_trust_store_with_anchor_that_is_no_certificate_is_refused(void **state)
{
    static const uint8_t anchor[] = {0x30, 0x02, 0x05, 0x00};
    const char *const path = "s";
    struct bulla_trust store = store_of(1, (const uint8_t[]){1, 0}, "");
    (void)state;
    store.anchors[0] = (struct bulla_bytes){anchor, sizeof anchor};
    store.anchor_count = 1;
    write_store("s", &store);
    assert_refused(&path, 1, 0, BULLA_E_USAGE, "trust-anchor");
    assert_status(keys_trust_check(&store, why), BULLA_E_TRUST_ANCHOR);
}

/* K08 */
static void test_keys_trust_store_with_published_test_key_is_refused(void **state)
{
    const char *const path = "s";
    uint8_t published[32];
    struct bulla_trust store = store_of(1, (const uint8_t[]){1, 0}, "");
    (void)state;
    (void)from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", published,
                   32);
    store.keys[0].key = published;
    write_store("s", &store);
#ifdef BULLA_ALLOW_TEST_KEYS
    struct keys_trust t;
    assert_status(keys_trust_load(&path, 1, 0, &t, why), BULLA_OK);
    keys_trust_free(&t);
#else
    assert_refused(&path, 1, 0, BULLA_E_USAGE, "trust-test-key");
    assert_status(keys_trust_check(&store, why), BULLA_E_TRUST_TEST_KEY);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_directory(test_keys_trust_encoding_is_the_documents_bytes),
        in_directory(test_keys_trust_encode_what_a_device_refuses_is_not_made),
        in_directory(test_keys_trust_encode_the_largest_store_fits),
        in_directory(test_keys_trust_one_pem_is_one_key_for_everything),
        in_directory(test_keys_trust_files_are_united),
        in_directory(test_keys_trust_threshold_option_only_raises),
        in_directory(test_keys_trust_repeated_key_keeps_what_every_mention_allows),
        in_directory(test_keys_trust_key_without_a_common_component_signs_for_none),
        in_directory(test_keys_trust_pins_are_united_up_to_four),
        in_directory(test_keys_trust_more_than_sixteen_keys_are_refused),
        in_directory(test_keys_trust_one_bad_file_stops_all),
        in_directory(test_keys_trust_store_with_mixed_order_key_is_refused),
        in_directory(test_keys_trust_store_with_anchor_that_is_no_certificate_is_refused),
        in_directory(test_keys_trust_store_with_published_test_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
