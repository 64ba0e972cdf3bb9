/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every envelope of the vector kit: a prefix is never accepted, a changed bit is
 * refused, and nothing outside the input is read. */

#include <sys/mman.h>
#include <unistd.h>

#include "bulla/reader.h"
#include "check.h"
#include "kit.h"

#define KIT BULLA_TEST_DIR "/vectors"

static struct bulla_reader reader, other;

static enum bulla_status whole(struct kit_case *c, struct bulla_reader *r)
{
    return kit_judge(&c->run, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, r);
}

/* Accepted envelopes of every shape; small enough to try everything with. */
static const char *const shapes[] = {
    "good",         "good-one-sector", "good-text",      "good-bundle",      "good-no-kid",
    "good-eddsa",   "good-threshold",  "good-all-three", "good-foreign-kid", "good-foreign-alg",
    "good-modules",
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* ---- cut short ---- */

static void prefixes(struct kit_case *c)
{
    struct kit_feed f;
    if (c->expected != BULLA_OK)
        return;
    kit_feed_begin(&f, &c->run, (struct bulla_bytes){c->envelope.data, c->envelope.len},
                   KIT_WORKSPACE, &reader);
    for (size_t len = 0; len < c->envelope.len; len++) {
        struct kit_feed ended = f; /* as if the input ended here */
        other = reader;
        ended.reader = &other;
        enum bulla_status got = kit_feed_end(&ended);
        if (got != BULLA_E_ENVELOPE_TRUNCATED)
            fail_msg("%s cut to %zu bytes: %s", c->name, len, bulla_status_name(got));
        kit_feed_piece(&f, c->envelope.data + len, 1);
    }
    assert_status(kit_feed_end(&f), BULLA_OK);
}

static void test_properties_prefix_is_incomplete(void **state)
{
    (void)state;
    kit_for_each(KIT, prefixes);
}

/* The same for the parts that a device stores and reads again: a cut head, list or store. */
static void cut_head(struct kit_case *c)
{
    struct bulla_envelope envelope;
    size_t need;
    if (c->expected != BULLA_OK)
        return;
    struct bulla_bytes all = {c->envelope.data, c->envelope.len};
    assert_status(bulla_envelope_split(all, &envelope, &need), BULLA_OK);
    for (all.len = 0; all.len < envelope.head_len; all.len++) {
        struct bulla_envelope cut;
        assert_status(bulla_envelope_split(all, &cut, &need), BULLA_E_ENVELOPE_TRUNCATED);
        assert_true(need > all.len && need <= envelope.head_len);
    }
}

static void test_properties_cut_head_says_what_it_needs(void **state)
{
    (void)state;
    kit_for_each(KIT, cut_head);
}

/* ---- changed ---- */

/* Bits that no decision rests on. All lie in blocks that the verdict does not need: another
 * authority's, or the third signature where two are enough. Such a block may name any algorithm
 * and any key that is not ours, and then counts for nothing; its signature is not looked at. */
static const struct open_bits {
    const char *name;
    size_t from, to;
    uint8_t bits;
} open_bits[] = {
    {"good-all-three", 53, 53, 0x37},   /* alg -19 becomes another one */
    {"good-all-three", 57, 64, 0xff},   /* kid */
    {"good-all-three", 139, 139, 0x37}, /* the same in the second */
    {"good-all-three", 143, 150, 0xff},
    {"good-all-three", 225, 225, 0x37}, /* and in the third block */
    {"good-all-three", 229, 236, 0xff},
    {"good-foreign-kid", 52, 52, 0x37},
    {"good-foreign-kid", 56, 63, 0xff},
    {"good-foreign-kid", 67, 130, 0xff}, /* a signature nobody here can check */
    {"good-foreign-alg", 52, 52, 0x2f},  /* alg -9 becomes another one */
    {"good-foreign-alg", 56, 63, 0xff},
    {"good-foreign-alg", 67, 130, 0xff},
};

static bool is_open(const char *name, size_t at, unsigned bit)
{
    for (size_t i = 0; i < sizeof(open_bits) / sizeof(open_bits[0]); i++) {
        const struct open_bits *o = &open_bits[i];
        if (strcmp(o->name, name) == 0 && at >= o->from && at <= o->to)
            return (o->bits >> bit & 1) != 0;
    }
    return false;
}

static void flip_every_bit(struct kit_case *c)
{
    assert_status(whole(c, &reader), BULLA_OK);
    for (size_t at = 0; at < c->envelope.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            c->envelope.data[at] ^= (uint8_t)(1u << bit);
            enum bulla_status got = whole(c, &other);
            c->envelope.data[at] ^= (uint8_t)(1u << bit);
            if ((got == BULLA_OK) != is_open(c->name, at, bit))
                fail_msg("%s with bit %u of byte %zu flipped: %s", c->name, bit, at,
                         bulla_status_name(got));
            if (got != BULLA_OK)
                continue;
            /* the decision is the same: this release, by signers who signed it before */
            assert_int_equal(other.signers & ~reader.signers, 0);
            assert_int_equal(other.facts, reader.facts);
            assert_memory_equal(other.manifest_digest, reader.manifest_digest, BULLA_DIGEST_SIZE);
        }
    }
}

static void test_properties_flipped_bit_is_refused_or_decides_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        kit_with(KIT, shapes[i], flip_every_bit);
}

/* The first 64 bytes and the whole wrapper, every byte to every other value. */
static void change_every_byte(struct kit_case *c)
{
    assert_status(whole(c, &reader), BULLA_OK);
    size_t end = (size_t)(reader.envelope.wrapper.data + reader.envelope.wrapper.len -
                          reader.head); /* the head is held as it came */
    assert_true(end > 64 && end < c->envelope.len);
    for (size_t at = 0; at < end; at++) {
        for (unsigned change = 1; change < 256; change++) {
            c->envelope.data[at] ^= (uint8_t)change;
            enum bulla_status got = whole(c, &other);
            c->envelope.data[at] ^= (uint8_t)change;
            if (got == BULLA_OK || !bulla_status_is_refusal(got))
                fail_msg("byte %zu changed by 0x%02x: %s", at, change, bulla_status_name(got));
        }
    }
}

static void test_properties_changed_byte_is_refused(void **state)
{
    (void)state;
    kit_with(KIT, "good-one-sector", change_every_byte);
}

/* ---- nothing outside the input is read ---- */

#define MAP_PAGES 512u

struct guarded {
    uint8_t *bytes; /* between two pages that nobody may touch */
    size_t size;
};

static struct guarded guard(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *map = mmap(NULL, (MAP_PAGES + 2) * page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(map + (MAP_PAGES + 1) * page, page, PROT_NONE), 0);
    return (struct guarded){map + page, MAP_PAGES * page};
}

static void unguard(struct guarded g)
{
    size_t page = g.size / MAP_PAGES;
    assert_int_equal(munmap(g.bytes - page, (MAP_PAGES + 2) * page), 0);
}

/* The bytes at the far end, behind which a read faults, or at the near end. */
static struct bulla_bytes place(struct guarded g, const uint8_t *data, size_t len, bool far)
{
    assert_true(len <= g.size);
    uint8_t *at = far ? g.bytes + g.size - len : g.bytes;
    if (len > 0)
        memcpy(at, data, len);
    return (struct bulla_bytes){at, len};
}

static struct guarded guarded;

static void flush_against_the_guard(struct kit_case *c)
{
    for (int far = 0; far < 2; far++) {
        struct bulla_bytes in = place(guarded, c->envelope.data, c->envelope.len, far);
        assert_status(kit_judge(&c->run, in.data, in.len, SIZE_MAX, KIT_WORKSPACE, &other),
                      c->expected);
    }
    /* each piece flush with the end: what a reader keeps must be its own copy */
    struct kit_feed f;
    uint32_t want = other.want; /* the pass that gave the verdict */
    kit_feed_begin(&f, &c->run, (struct bulla_bytes){c->envelope.data, c->envelope.len},
                   KIT_WORKSPACE_LEAST, &other);
    bulla_reader_want(&other, want);
    for (size_t at = 0, n; at < c->envelope.len; at += n) {
        n = c->envelope.len - at < 50 ? c->envelope.len - at : 50;
        struct bulla_bytes piece = place(guarded, c->envelope.data + at, n, true);
        kit_feed_piece(&f, piece.data, piece.len);
        memset(guarded.bytes + guarded.size - n, 0x55, n);
    }
    assert_status(kit_feed_end(&f), c->expected);
}

static void test_properties_nothing_outside_the_envelope_is_read(void **state)
{
    (void)state;
    guarded = guard();
    kit_for_each(KIT, flush_against_the_guard);
    unguard(guarded);
}

static void test_properties_nothing_outside_the_trust_store_is_read(void **state)
{
    (void)state;
    char line[KIT_LINE], *cells[2];
    struct bulla_trust trust;
    FILE *cases = kit_open(KIT, "trust");
    guarded = guard();
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file store = kit_load(KIT, "trust", cells[0], ".cbor");
        for (int far = 0; far < 2; far++)
            assert_status(bulla_trust_decode(place(guarded, store.data, store.len, far), &trust),
                          kit_status_named(cells[1]));
        free(store.data);
    }
    unguard(guarded);
    (void)fclose(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties_prefix_is_incomplete),
        cmocka_unit_test(test_properties_cut_head_says_what_it_needs),
        cmocka_unit_test(test_properties_flipped_bit_is_refused_or_decides_nothing),
        cmocka_unit_test(test_properties_changed_byte_is_refused),
        cmocka_unit_test(test_properties_nothing_outside_the_envelope_is_read),
        cmocka_unit_test(test_properties_nothing_outside_the_trust_store_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
