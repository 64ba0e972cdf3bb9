/* SPDX-License-Identifier: Apache-2.0 */
/* The second reading against the first: on the vector kit, and on whole envelopes with a bit turned
 * or a byte changed; and that a difference would be seen. Several trust files. */

#include <unistd.h>

#include "check.h"
#include "tree_agree.h"
#include "tree_pair.h"
#include "tree_parts.h"

/* Judge these bytes twice, as the case's device; they must agree. Returns the core's status. */
static enum bulla_status judge_twice(const struct pair *pair, const uint8_t *data, size_t len)
{
    static struct bulla_reader reader;
    char why[TREE_WHY_MAX];
    struct tree_first first = {.reader = &reader};
    first.status = kit_judge(&pair->first.run, data, len, SIZE_MAX, KIT_WORKSPACE, &reader);
    struct bulla_bytes envelope = {data, len};
    if (tree_agree(envelope, &pair->second, &first, TREE_SIGNATURES_KNOWN, why) != TREE_AGREES ||
        tree_agree(envelope, &pair->second, &first, TREE_EVERYTHING, why) != TREE_AGREES)
        fail_msg("%s: %s; the first says %s", pair->first.name, why,
                 bulla_status_name(first.status));
    return first.status;
}

static void test_tree_reading_every_vector_agrees(void **state)
{
    (void)state;
    static struct pair pair;
    FILE *cases = kit_open(KIT, "envelope");
    int accepted = 0, refused = 0;
    while (next_pair(cases, &pair)) {
        struct tree_reading reading;
        const struct kit_file *file = &pair.first.envelope;
        bool ok = tree_reading_judge((struct bulla_bytes){file->data, file->len}, &pair.second,
                                     &pair.first.run.device, TREE_EVERYTHING, &reading);
        /* what an ESP image is made of is the first reading's alone */
        bool open = ok && reading.structure_open;
        if (!open && ok != (pair.first.expected == BULLA_OK))
            fail_msg("%s: %s, expected %s", pair.first.name, ok ? "accepted" : reading.sentence,
                     bulla_status_name(pair.first.expected));
        assert_int_equal(reading.group == TREE_GROUP_NONE, ok);
        (void)judge_twice(&pair, file->data, file->len);
        accepted += ok;
        refused += !ok;
        end_pair(&pair);
    }
    fclose(cases);
    assert_true(accepted >= 40 && refused >= 250);
}

static void test_tree_reading_every_trust_store_agrees(void **state)
{
    (void)state;
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(KIT, "trust");
    int count = 0;
    for (; kit_row(cases, line, cells, 2); count++) {
        struct kit_file file = kit_load(KIT, "trust", cells[0], ".cbor");
        struct tree_trust trust = {.threshold = 0};
        const char *why;
        bool ok = tree_trust_add(&trust, (struct bulla_bytes){file.data, file.len}, &why);
        if (ok != (kit_status_named(cells[1]) == BULLA_OK))
            fail_msg("%s: %s, expected %s", cells[0], ok ? "accepted" : why, cells[1]);
        assert_int_equal(trust.key_count > 0, ok);
        tree_trust_free(&trust);
        free(file.data);
    }
    fclose(cases);
    assert_true(count >= 30);
}

static void test_tree_reading_any_bit_turned_agrees(void **state)
{
    (void)state;
    static struct pair pair;
    FILE *cases = kit_open(KIT, "envelope");
    while (next_pair(cases, &pair)) {
        struct kit_file *file = &pair.first.envelope;
        bool whole = strcmp(pair.first.name, "good-text") == 0;
        bool chosen = pair.first.expected == BULLA_OK && file->len > 0;
        for (size_t i = 0; chosen && i < (whole ? file->len * 8 : 60); i++) {
            size_t bit = whole ? i : dice() % (file->len * 8);
            file->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)judge_twice(&pair, file->data, file->len);
            file->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        end_pair(&pair);
    }
    fclose(cases);
}

static void test_tree_reading_prefix_is_refused_by_both(void **state)
{
    (void)state;
    static struct pair pair;
    FILE *cases;
    load_pair("good-text", &cases, &pair);
    for (size_t len = 0; len < pair.first.envelope.len; len++) {
        uint8_t *copy = malloc(len + (len == 0));
        memcpy(copy, pair.first.envelope.data, len);
        assert_true(judge_twice(&pair, copy, len) != BULLA_OK);
        free(copy);
    }
    end_pair(&pair);
    fclose(cases);
}

/* Nobody signs the wrapper's other blocks: what is broken there must be seen by its shape. */
static void test_tree_reading_damaged_wrapper_agrees(void **state)
{
    (void)state;
    static const char *const names[] = {"good-foreign-alg", "good-eight-blocks", "good-no-kid"};
    static struct pair pair;
    int accepted = 0, refused = 0;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        FILE *cases;
        load_pair(names[n], &cases, &pair);
        struct kit_file *file = &pair.first.envelope;
        size_t end = file->len < 600 ? file->len / 2 : 600; /* blocks, most of it */
        for (int round = 0; round < 1500; round++) {
            size_t at = dice() % end;
            uint8_t kept = file->data[at];
            if (dice() % 2 == 0)
                file->data[at] = (uint8_t)dice();
            else
                file->data[at] = (uint8_t)(kept ^ 1u << dice() % 8);
            bool ok = judge_twice(&pair, file->data, file->len) == BULLA_OK;
            file->data[at] = kept;
            accepted += ok;
            refused += !ok;
        }
        end_pair(&pair);
        fclose(cases);
    }
    assert_true(accepted > 100 && refused > 100);
}

/* good-one-sector with blocks added behind its own: nobody signs how many there are. Its wrapper
 * begins at 6 (docs/FORMAT.md shows all of it). */
#define WRAPPER_AT 6u

static size_t add_blocks(const struct kit_file *good, const uint8_t *block, size_t len,
                         size_t times, uint8_t *out)
{
    size_t wrapper_len = good->data[WRAPPER_AT - 1];
    size_t added = times * (len + 2);
    size_t behind = good->len - WRAPPER_AT - wrapper_len;
    memcpy(out, good->data, WRAPPER_AT - 2);
    out += WRAPPER_AT - 2;
    *out++ = 0x59;
    *out++ = (uint8_t)((wrapper_len + added) >> 8);
    *out++ = (uint8_t)(wrapper_len + added);
    memcpy(out, good->data + WRAPPER_AT, wrapper_len);
    out[0] = (uint8_t)(out[0] + times);
    out += wrapper_len;
    for (; times > 0; times--) {
        *out++ = 0x58;
        *out++ = (uint8_t)len;
        memcpy(out, block, len);
        out += len;
    }
    memcpy(out, good->data + WRAPPER_AT + wrapper_len, behind);
    return good->len + 1 + added;
}

/* Pieces of a block; G, H and I are the heads 0x47 to 0x49 of a key id. */
#define OURS   "\x84\x43\xa1\x01\x32\xa1\x04"
#define SIGNED "\xf6\x58\xa0" /* nil, signature of 160 bytes */

static void test_tree_reading_added_block_agrees(void **state)
{
    (void)state;
    static const struct {
        const char *block; /* behind the tag, up to the signature's head */
        uint8_t times;
        bool accepted;
    } rows[] = {
        {OURS "H12345678" SIGNED, 1, true},
        {OURS "H12345678" SIGNED, 7, true},
        {OURS "H12345678" SIGNED, 8, false},
        {OURS "G1234567" SIGNED, 1, false},
        {OURS "I123456789" SIGNED, 1, false},
        {OURS "\x40" SIGNED, 1, false},
        {OURS "H12345678"
              "\xf7\x58\xa0",
         1, false},
        {OURS "H12345678"
              "\x40\x58\xa0",
         1, false},
        {OURS "H12345678"
              "\xf6\x78\xa0",
         1, false},
        {"\x84\x43\xa1\x01\x32\xa1\x05\x48"
         "12345678" SIGNED,
         1, false},
        {"\x84\x43\xa1\x01\x26\xa0" SIGNED, 1, true}, /* another algorithm */
        {"\x84\x43\xa1\x01\x05\xa0" SIGNED, 1, true},
        {"\x84\x44\xa1\x01\x38\x2f\xa0" SIGNED, 1, true},
        {"\x84\x44\xa1\x01\x38\x12\xa0" SIGNED, 1, false}, /* -19 in two bytes */
        {"\x84\x44\xa1\x01\x61x\xa0" SIGNED, 1, false},
        {"\x84\x43\xa1\x02\x26\xa0" SIGNED, 1, false},
        {"\x84\x43\xa1\x01\x32\xa0" SIGNED, 1, false}, /* ours, and no key verifies it */
        {"\x83\x43\xa1\x01\x26\xa0\x58\xa0", 1, false},
    };
    static struct pair pair;
    struct tree_reading reading;
    FILE *cases;
    load_pair("good-one-sector", &cases, &pair);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t block[256] = {0xd2}, envelope[2 * BULLA_SIGNED_MAX];
        size_t head_len = strlen(rows[i].block); /* a NUL stands in no row */
        memcpy(block + 1, rows[i].block, head_len);
        size_t len =
            add_blocks(&pair.first.envelope, block, 1 + head_len + 160, rows[i].times, envelope);
        if ((judge_twice(&pair, envelope, len) == BULLA_OK) != rows[i].accepted)
            fail_msg("row %zu: both %s it", i, rows[i].accepted ? "refuse" : "accept");
        (void)tree_reading_judge((struct bulla_bytes){envelope, len}, &pair.second,
                                 &pair.first.run.device, TREE_EVERYTHING, &reading);
        assert_int_equal(reading.group, rows[i].accepted ? TREE_GROUP_NONE : TREE_AUTHENTICATION);
    }
    end_pair(&pair);
    fclose(cases);
}

static void test_tree_reading_each_id_is_compared(void **state)
{
    (void)state;
    static struct pair pair;
    struct tree_reading reading;
    FILE *cases;
    load_pair("good-for-device", &cases, &pair);
    struct bulla_bytes envelope = {pair.first.envelope.data, pair.first.envelope.len};
    struct bulla_device device = pair.first.run.device;
    assert_true(tree_reading_judge(envelope, &pair.second, &device, TREE_EVERYTHING, &reading));
    device.vendor_id[15] ^= 1u;
    assert_false(tree_reading_judge(envelope, &pair.second, &device, TREE_EVERYTHING, &reading));
    device = pair.first.run.device;
    device.class_id[0] ^= 1u;
    assert_false(tree_reading_judge(envelope, &pair.second, &device, TREE_EVERYTHING, &reading));
    assert_int_equal(reading.group, TREE_POLICY);
    end_pair(&pair);
    fclose(cases);
}

/* A reader that read one field wrongly is found out. */
static void test_tree_reading_every_field_is_compared(void **state)
{
    (void)state;
    static struct pair pair;
    static struct bulla_reader reader;
    FILE *cases;
    char why[TREE_WHY_MAX];
    load_pair("good-bundle-text", &cases, &pair);
    struct bulla_bytes envelope = {pair.first.envelope.data, pair.first.envelope.len};
    struct tree_first first = {.reader = &reader};
#define CHANGE(field, to)                                                                          \
    do {                                                                                           \
        first.status = kit_judge(&pair.first.run, envelope.data, envelope.len, SIZE_MAX,           \
                                 KIT_WORKSPACE, &reader);                                          \
        assert_int_equal(tree_agree(envelope, &pair.second, &first, TREE_SIGNATURES_KNOWN, why),   \
                         TREE_AGREES);                                                             \
        reader.field = (to);                                                                       \
        assert_int_equal(tree_agree(envelope, &pair.second, &first, TREE_SIGNATURES_KNOWN, why),   \
                         TREE_DIFFERS);                                                            \
        assert_true(strlen(why) > 0);                                                              \
    } while (0)
    CHANGE(manifest.sequence, reader.manifest.sequence + 1);
    CHANGE(manifest.has_text, false);
    CHANGE(manifest.version.count, 4);
    CHANGE(manifest.version.release_count, 1);
    CHANGE(manifest.version.parts[1], 77);
    CHANGE(manifest.image.size, 1);
    CHANGE(manifest.image.list_size, 1);
    CHANGE(manifest.images, 2);
    CHANGE(manifest.image.component.len, 2);
    CHANGE(manifest.image.name, reader.manifest.image.component);
    CHANGE(manifest.image.uri.len, 1);
    CHANGE(manifest.image.vendor_id[0], reader.manifest.image.vendor_id[0] ^ 1u);
    CHANGE(manifest.image.class_id[15], reader.manifest.image.class_id[15] ^ 1u);
    CHANGE(manifest.image.digest[31], reader.manifest.image.digest[31] ^ 1u);
    CHANGE(manifest.image.list_digest[0], reader.manifest.image.list_digest[0] ^ 1u);
    CHANGE(manifest.text_digest[0], reader.manifest.text_digest[0] ^ 1u);
    CHANGE(manifest_digest[0], reader.manifest_digest[0] ^ 1u);
    CHANGE(signers, 2);
    CHANGE(bundle_offset, 0);
#undef CHANGE
    end_pair(&pair);
    fclose(cases);
}

/* Verdicts that differ are told, in both directions. */
static void test_tree_reading_other_verdict_differs(void **state)
{
    (void)state;
    static struct pair pair;
    static struct bulla_reader reader;
    FILE *cases;
    char why[TREE_WHY_MAX];
    load_pair("good", &cases, &pair);
    struct bulla_bytes envelope = {pair.first.envelope.data, pair.first.envelope.len};
    struct tree_first first = {.reader = &reader};
    first.status =
        kit_judge(&pair.first.run, envelope.data, envelope.len, SIZE_MAX, KIT_WORKSPACE, &reader);
    pair.first.envelope.data[envelope.len - 1] ^= 1u;
    assert_int_equal(tree_agree(envelope, &pair.second, &first, TREE_EVERYTHING, why),
                     TREE_DIFFERS);
    pair.first.envelope.data[envelope.len - 1] ^= 1u;
    first.status = reader.failed = BULLA_E_LIST_DIGEST;
    assert_int_equal(tree_agree(envelope, &pair.second, &first, TREE_EVERYTHING, why),
                     TREE_DIFFERS);
    first.status = reader.failed = BULLA_E_CRYPTO;
    assert_int_equal(tree_agree(envelope, &pair.second, &first, TREE_EVERYTHING, why),
                     TREE_NOT_COMPARED);
    end_pair(&pair);
    fclose(cases);
}

static void test_tree_reading_of_file_compares_what_can_be_read_again(void **state)
{
    (void)state;
    static struct pair pair;
    static struct bulla_reader reader;
    FILE *cases, *file = fopen(KIT "/envelope/good.suit", "rb");
    struct tree_first first = {.reader = &reader};
    char why[TREE_WHY_MAX];
    int ends[2];
    load_pair("good", &cases, &pair);
    first.status = kit_judge(&pair.first.run, pair.first.envelope.data, pair.first.envelope.len,
                             SIZE_MAX, KIT_WORKSPACE, &reader);
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0); /* as the first reading left it */
    assert_int_equal(
        tree_agree_file(fileno(file), &pair.second, &first, TREE_SIGNATURES_KNOWN, why),
        TREE_AGREES);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(tree_agree_file(ends[0], &pair.second, &first, TREE_SIGNATURES_KNOWN, why),
                     TREE_NOT_COMPARED);
    close(ends[0]);
    close(ends[1]);
    fclose(file);
    end_pair(&pair);
    fclose(cases);
}

static const struct tree_key *only_key(const struct tree_trust *trust)
{
    assert_int_equal(trust->key_count, 1);
    return &trust->keys[0];
}

static void add_file(struct tree_trust *trust, const char *directory, const char *name,
                     const char *ending)
{
    const char *why = NULL;
    struct kit_file file = kit_load(KIT, directory, name, ending);
    if (!tree_trust_add(trust, (struct bulla_bytes){file.data, file.len}, &why))
        fail_msg("%s: %s", name, why);
    assert_null(why);
    free(file.data);
}

static void test_tree_reading_several_trust_files_are_united(void **state)
{
    (void)state;
    struct tree_trust trust = {.threshold = 0};
    add_file(&trust, "envelope", "one", ".trust");
    assert_false(only_key(&trust)->limited);
    add_file(&trust, "envelope", "b-only-factory", ".trust"); /* a: app, b: factory */
    assert_int_equal(trust.key_count, 2);
    assert_int_equal(trust.keys[0].component_count, 1);
    add_file(&trust, "envelope", "app-keys", ".trust"); /* threshold 2, b: factory and app */
    assert_int_equal(trust.threshold, 2);
    assert_int_equal(trust.keys[1].component_count, 1);
    assert_memory_equal(trust.keys[1].components[0].name, "factory", 7);
    add_file(&trust, "envelope", "three", ".trust");
    assert_int_equal(trust.key_count, 3);
    assert_int_equal(trust.threshold, 2);
    tree_trust_free(&trust);
}

static void test_tree_reading_pem_key_is_a_store_of_one(void **state)
{
    (void)state;
    /* RFC 8410 10.1 */
    static const char pem[] = "a key\r\n-----BEGIN PUBLIC KEY-----\r\n"
                              "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\r\n"
                              "-----END PUBLIC KEY-----";
    struct tree_trust trust = {.threshold = 0};
    const char *why;
    assert_true(tree_trust_add(&trust, tree_string(pem), &why));
    assert_int_equal(only_key(&trust)->raw[0], 0x19);
    assert_int_equal(trust.threshold, 1);
    assert_false(tree_trust_add(&trust, tree_string("-----BEGIN PUBLIC KEY-----\n"), &why));
    assert_false(tree_trust_add(&trust, tree_string("nothing"), &why));
    assert_int_equal(trust.key_count, 1);
    tree_trust_free(&trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_reading_every_vector_agrees),
        cmocka_unit_test(test_tree_reading_every_trust_store_agrees),
        cmocka_unit_test(test_tree_reading_any_bit_turned_agrees),
        cmocka_unit_test(test_tree_reading_prefix_is_refused_by_both),
        cmocka_unit_test(test_tree_reading_damaged_wrapper_agrees),
        cmocka_unit_test(test_tree_reading_added_block_agrees),
        cmocka_unit_test(test_tree_reading_each_id_is_compared),
        cmocka_unit_test(test_tree_reading_every_field_is_compared),
        cmocka_unit_test(test_tree_reading_other_verdict_differs),
        cmocka_unit_test(test_tree_reading_of_file_compares_what_can_be_read_again),
        cmocka_unit_test(test_tree_reading_several_trust_files_are_united),
        cmocka_unit_test(test_tree_reading_pem_key_is_a_store_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
