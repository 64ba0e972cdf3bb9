/* SPDX-License-Identifier: Apache-2.0 */
/* However the input is cut, and whether the sector list is held whole or in groups: every envelope
 * of the vector kit gets the same verdict, for the same first reason, with the same facts. */

#include "bulla/reader.h"
#include "check.h"
#include "kit.h"
#include "seal.h"

#define KIT BULLA_TEST_DIR "/vectors"

/* Every place to cut a short envelope in two; a third of them where each step is checked. */
#if defined(__SANITIZE_ADDRESS__)
#define SHORT_STRIDE 3u
#else
#define SHORT_STRIDE 1u
#endif

static struct bulla_reader reader, other;

static enum bulla_status whole(struct kit_case *c)
{
    return kit_judge(&c->run, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &reader);
}

/* Accepted envelopes of every shape; small enough to try everything with. */
static const char *const ten[] = {
    "good",       "good-one-sector", "good-text",      "good-bundle",      "good-no-kid",
    "good-eddsa", "good-threshold",  "good-all-three", "good-foreign-kid", "good-foreign-alg",
};
#define TEN (sizeof(ten) / sizeof(ten[0]))

/* Judge in pieces that end at a, b and the end; the same must come out as in one piece. What
 * refuses one piece refuses all: nothing is fed behind it. */
static void assert_same_in_pieces(struct kit_case *c, size_t a, size_t b)
{
    struct kit_feed f;
    const size_t ends[] = {a, b, c->envelope.len};
    /* each way to hold the list in turn */
    kit_feed_begin(&f, &c->run, (struct bulla_bytes){c->envelope.data, c->envelope.len},
                   (a + b) % 2 == 0 ? KIT_WORKSPACE : KIT_WORKSPACE_LEAST, &other);
    bulla_reader_want(&other, reader.want); /* the pass that gave the verdict */
    for (size_t i = 0, at = 0; i < 3; at = ends[i++])
        kit_feed_piece(&f, c->envelope.data + at, ends[i] - at);
    enum bulla_status got = kit_feed_end(&f);
    if (got != c->expected)
        fail_msg("%s cut at %zu and %zu: %s, expected %s", c->name, a, b, bulla_status_name(got),
                 bulla_status_name(c->expected));
    assert_int_equal(other.signers, reader.signers);
    assert_int_equal(other.facts, reader.facts);
    assert_int_equal(other.manifest.sequence, reader.manifest.sequence);
    assert_memory_equal(other.manifest_digest, reader.manifest_digest, BULLA_DIGEST_SIZE);
}

static void two_pieces(struct kit_case *c)
{
    static size_t first;
    assert_status(whole(c), c->expected);
    /* bundles and other long ones at every 61st byte, and the many with modules but one */
    bool modules = strstr(c->name, "module") != NULL && strcmp(c->name, "good-modules") != 0;
    size_t stride = c->envelope.len < 1536 && !modules ? SHORT_STRIDE : 61;
    for (size_t a = first++ % stride; a <= c->envelope.len; a += stride)
        assert_same_in_pieces(c, a, a);
}

static void test_splits_two_pieces_give_the_same_verdict(void **state)
{
    (void)state;
    assert_true(kit_for_each(KIT, two_pieces) >= 4000);
}

static void three_pieces(struct kit_case *c)
{
    assert_status(whole(c), BULLA_OK);
    /* a part of the second cuts, another one each time */
    size_t stride = c->envelope.len < 1536 ? 11 : 997;
    for (size_t a = 1; a < c->envelope.len && a < 1536; a++) {
        for (size_t b = a + 1 + a % stride; b < c->envelope.len; b += stride)
            assert_same_in_pieces(c, a, b);
    }
}

static void test_splits_three_pieces_give_the_same_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEN; i++)
        kit_with(KIT, ten[i], three_pieces);
}

static void equal_pieces(struct kit_case *c)
{
    static const size_t steps[] = {1, 2, 7, 64, 4095};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum bulla_status got = kit_judge(&c->run, c->envelope.data, c->envelope.len, steps[i],
                                          KIT_WORKSPACE_LEAST, &other);
        if (got != c->expected)
            fail_msg("%s in steps of %zu: %s, expected %s", c->name, steps[i],
                     bulla_status_name(got), bulla_status_name(c->expected));
    }
}

static void test_splits_equal_pieces_give_the_same_verdict(void **state)
{
    (void)state;
    kit_for_each(KIT, equal_pieces);
}

/* ---- lists that a small memory holds in groups ---- */

#define LARGE (66u * BULLA_SECTOR_SIZE) /* three groups, the last one short */

static struct seal_buffer large, store;
static struct bulla_trust trust;

static int seal_large(void **state)
{
    (void)state;
    static uint8_t image[LARGE], ids[BULLA_UUID_SIZE];
    struct seal_key key;
    for (size_t i = 0; i < sizeof(image); i++)
        image[i] = (uint8_t)(i >> 12);
    const struct seal_options options = {
        .sequence = 1, .vendor_id = ids, .class_id = ids, .bundle = true};
    seal_key_make(&key);
    seal_envelope((struct bulla_bytes){image, sizeof(image)}, &options, &key, &large);
    seal_trust(&key, &store);
    return bulla_trust_decode((struct bulla_bytes){store.data, store.len}, &trust) == BULLA_OK ? 0
                                                                                               : -1;
}

static int free_large(void **state)
{
    (void)state;
    seal_buffer_free(&large);
    seal_buffer_free(&store);
    return 0;
}

/* The same in both memories, in one piece and in many; the small one must really use groups. */
static void assert_large(enum bulla_status expected)
{
    static const size_t steps[] = {SIZE_MAX, 4095, 33, 1};
    const struct kit_run run = {.trust = &trust};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_status(kit_judge(&run, large.data, large.len, steps[i], KIT_WORKSPACE, &reader),
                      expected);
        assert_true(reader.list.whole);
        assert_status(kit_judge(&run, large.data, large.len, steps[i], KIT_WORKSPACE_LEAST, &other),
                      expected);
        assert_false(other.list.whole);
        assert_int_equal(other.facts, reader.facts);
    }
}

static void test_splits_grouped_list_gives_the_same_verdict(void **state)
{
    (void)state;
    assert_large(BULLA_OK);
    uint32_t list = reader.list_offset + reader.manifest.image.list_size;
    uint8_t *const bytes[] = {&large.data[list - 1], &large.data[list - BULLA_GROUP_SIZE],
                              &large.data[reader.bundle_offset], &large.data[large.len - 1]};
    for (size_t i = 0; i < 4; i++) {
        *bytes[i] ^= 1;
        assert_large(i < 2 ? BULLA_E_LIST_DIGEST : BULLA_E_SECTOR_DIGEST);
        *bytes[i] ^= 1;
    }
    large.len--;
    assert_large(BULLA_E_ENVELOPE_TRUNCATED);
    large.len++;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_two_pieces_give_the_same_verdict),
        cmocka_unit_test(test_splits_three_pieces_give_the_same_verdict),
        cmocka_unit_test(test_splits_equal_pieces_give_the_same_verdict),
        cmocka_unit_test_setup_teardown(test_splits_grouped_list_gives_the_same_verdict, seal_large,
                                        free_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
