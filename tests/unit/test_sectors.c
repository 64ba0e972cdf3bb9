/* SPDX-License-Identifier: Apache-2.0 */
/* Sector list and sectors: whole and grouped, any split, nothing out before its digest matched. */

#include "bulla/sectors.h"
#include "check.h"

#define IMAGE_MAX (300u * BULLA_SECTOR_SIZE)

static uint8_t image[IMAGE_MAX];
static uint8_t encoded[BULLA_LIST_HEAD_MAX + IMAGE_MAX / BULLA_SECTOR_SIZE * BULLA_DIGEST_SIZE];
static uint8_t workspace[16384];
static uint8_t chunk[BULLA_SECTOR_SIZE];

static void sha256(const uint8_t *data, size_t len, uint8_t out[32])
{
    struct bulla_sha256 hash;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){data, len});
    assert_status(bulla_sha256_finish(&hash, out), BULLA_OK);
}

/* [-16, 4096, size, digests], written by hand; returns its length. */
static uint32_t make(struct bulla_image *facts, uint32_t size)
{
    uint32_t count = (size + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE, at = 0;
    uint32_t bytes = count * BULLA_DIGEST_SIZE;
    for (uint32_t i = 0; i < size; i++)
        image[i] = (uint8_t)(i * 7 + i / 4096);
    static const uint8_t start[] = {0x84, 0x2f, 0x19, 0x10, 0x00};
    memcpy(encoded, start, sizeof(start));
    at = sizeof(start);
    if (size < 24) {
        encoded[at++] = (uint8_t)size;
    } else {
        int width = size < 256 ? 1 : size < 65536 ? 2 : 4;
        encoded[at++] = width == 1 ? 0x18 : width == 2 ? 0x19 : 0x1a;
        for (int i = width - 1; i >= 0; i--)
            encoded[at++] = (uint8_t)(size >> (8 * i));
    }
    int width = bytes < 256 ? 1 : 2;
    encoded[at++] = width == 1 ? 0x58 : 0x59;
    for (int i = width - 1; i >= 0; i--)
        encoded[at++] = (uint8_t)(bytes >> (8 * i));
    for (uint32_t i = 0; i < count; i++, at += BULLA_DIGEST_SIZE) {
        uint32_t left = size - i * BULLA_SECTOR_SIZE;
        sha256(image + i * BULLA_SECTOR_SIZE, left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE,
               encoded + at);
    }
    memset(facts, 0, sizeof(*facts));
    facts->size = size;
    facts->list_size = at;
    sha256(image, size, facts->digest);
    sha256(encoded, at, facts->list_digest);
    return at;
}

static enum bulla_status feed_list(struct bulla_list *list, uint32_t len, size_t step)
{
    for (uint32_t at = 0; at < len; at += (uint32_t)step) {
        size_t n = len - at < step ? len - at : step;
        enum bulla_status status = bulla_list_feed(list, (struct bulla_bytes){encoded + at, n});
        if (status != BULLA_OK)
            return status;
    }
    return bulla_list_finish(list);
}

static void test_sectors_list_size_is_what_is_encoded(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1,    23,    24,    255,   256,   4096,    4097,
                                     8192, 28672, 28673, 65535, 65536, 1048576, IMAGE_MAX};
    struct bulla_image facts;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_int_equal(make(&facts, sizes[i]), bulla_list_size(sizes[i]));
    assert_int_equal(bulla_list_size(UINT32_MAX), 1048576u * 32u + 15u);
}

static void test_sectors_split_anywhere_same_result(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 4095, 4096, 4097, 12288, 50000};
    static const size_t steps[] = {1, 5, 31, 32, 33, 1000, 4096, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
            struct bulla_image facts;
            struct bulla_list list;
            struct bulla_list_hashes hashes;
            struct bulla_sectors s;
            uint32_t len = make(&facts, sizes[i]), seen = 0;
            assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)),
                          BULLA_OK);
            assert_status(feed_list(&list, len, steps[j]), BULLA_OK);
            assert_status(bulla_sectors_init(&s, &list, chunk, sizeof(chunk)), BULLA_OK);
            for (uint32_t at = 0; at < sizes[i];) {
                size_t n = sizes[i] - at < steps[j] ? sizes[i] - at : steps[j];
                struct bulla_bytes in = {image + at, n}, out;
                at += (uint32_t)n;
                while (in.len > 0) {
                    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_OK);
                    if (out.len > 0)
                        assert_memory_equal(out.data, image + seen, out.len);
                    seen += (uint32_t)out.len;
                }
            }
            assert_int_equal(seen, sizes[i]);
            assert_status(bulla_sectors_finish(&s), BULLA_OK);
        }
    }
}

static void test_sectors_wrong_byte_never_leaves(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors s;
    uint32_t len = make(&facts, 3 * BULLA_SECTOR_SIZE);
    image[BULLA_SECTOR_SIZE + 17] ^= 1;
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(feed_list(&list, len, len), BULLA_OK);
    assert_status(bulla_sectors_init(&s, &list, chunk, sizeof(chunk)), BULLA_OK);
    struct bulla_bytes in = {image, 3 * BULLA_SECTOR_SIZE}, out;
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_OK);
    assert_int_equal(out.len, BULLA_SECTOR_SIZE);
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(out.len, 0);
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(in.len, BULLA_SECTOR_SIZE);
    assert_status(bulla_sectors_finish(&s), BULLA_E_SECTOR_DIGEST);
}

static void test_sectors_longer_and_shorter_images_are_refused(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors s;
    uint32_t len = make(&facts, 5000);
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(feed_list(&list, len, len), BULLA_OK);
    assert_status(bulla_sectors_init(&s, &list, chunk, sizeof(chunk)), BULLA_OK);
    struct bulla_bytes in = {image, 4999}, out;
    while (in.len > 0)
        assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_OK);
    assert_status(bulla_sectors_finish(&s), BULLA_E_IMAGE_TRUNCATED);
    in = (struct bulla_bytes){image + 4999, 2};
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_OK);
    assert_status(bulla_sectors_finish(&s), BULLA_OK);
    assert_status(bulla_sectors_feed(&s, &in, &out), BULLA_E_IMAGE_TRAILING);
}

static void test_sectors_list_must_be_the_signed_one(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors s;
    uint32_t len = make(&facts, 70000);
    for (uint32_t at = 0; at < len; at += 3) {
        encoded[at] ^= 0x10;
        assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)),
                      BULLA_OK);
        assert_int_not_equal(feed_list(&list, len, 64), BULLA_OK);
        assert_null(bulla_list_sector(&list, 0));
        assert_int_not_equal(bulla_sectors_init(&s, &list, chunk, sizeof(chunk)), BULLA_OK);
        encoded[at] ^= 0x10;
    }
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(bulla_list_feed(&list, (struct bulla_bytes){encoded, len - 1}), BULLA_OK);
    assert_status(bulla_list_finish(&list), BULLA_E_LIST_SIZE);
}

static void test_sectors_one_sector_list_must_agree_with_image_digest(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    uint32_t len = make(&facts, 100);
    facts.digest[0] ^= 1;
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(feed_list(&list, len, len), BULLA_E_LIST_DIGEST);
}

static struct bulla_bytes group(const struct bulla_list *list, uint32_t index)
{
    uint32_t offset, len;
    bulla_list_group_span(list, index, &offset, &len);
    return (struct bulla_bytes){encoded + offset, len};
}

static void test_sectors_grouped_list_gives_the_same_sectors(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors s;
    uint32_t len = make(&facts, IMAGE_MAX - 100), seen = 0, loads = 0;
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, BULLA_WORKSPACE_MIN),
                  BULLA_OK);
    assert_status(feed_list(&list, len, 333), BULLA_OK);
    assert_status(bulla_sectors_init(&s, &list, chunk, sizeof(chunk)), BULLA_OK);
    struct bulla_bytes in = {image, facts.size}, out;
    while (in.len > 0) {
        enum bulla_status status = bulla_sectors_feed(&s, &in, &out);
        if (status == BULLA_E_GROUP_NEEDED) {
            uint32_t index = s.released / BULLA_SECTOR_SIZE / BULLA_GROUP_SECTORS;
            assert_int_equal(out.len, 0);
            assert_status(bulla_list_load_group(&list, index, group(&list, index)), BULLA_OK);
            loads++;
            continue;
        }
        assert_status(status, BULLA_OK);
        assert_memory_equal(out.data, image + seen, out.len);
        seen += (uint32_t)out.len;
    }
    assert_status(bulla_sectors_finish(&s), BULLA_OK);
    assert_int_equal(loads, 10);
}

static void test_sectors_forged_group_is_refused(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    uint32_t len = make(&facts, IMAGE_MAX);
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, BULLA_WORKSPACE_MIN),
                  BULLA_OK);
    assert_status(feed_list(&list, len, len), BULLA_OK);
    assert_status(bulla_list_load_group(&list, 1, group(&list, 1)), BULLA_OK);
    assert_non_null(bulla_list_sector(&list, 32));
    assert_null(bulla_list_sector(&list, 31));
    assert_status(bulla_list_load_group(&list, 1, group(&list, 2)), BULLA_E_LIST_DIGEST);
    assert_null(bulla_list_sector(&list, 32));
    struct bulla_bytes cut = group(&list, 1);
    cut.len--;
    assert_status(bulla_list_load_group(&list, 1, cut), BULLA_E_LIST_SIZE);
    assert_int_not_equal(bulla_list_load_group(&list, 10, group(&list, 1)), BULLA_OK);
}

static void test_sectors_workspace_too_small_is_told(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    make(&facts, IMAGE_MAX);
    uint32_t least = bulla_list_workspace_min(facts.size);
    assert_int_equal(least, BULLA_WORKSPACE_MIN);
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, least - 1),
                  BULLA_E_WORKSPACE_TOO_SMALL);
    facts.size = UINT32_MAX;
    facts.list_size = (uint32_t)bulla_list_size(UINT32_MAX);
    assert_int_equal(bulla_list_workspace_min(UINT32_MAX), 32768u * 32u + 1024u);
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)),
                  BULLA_E_WORKSPACE_TOO_SMALL);
}

static void test_sectors_wrong_calls_are_refused(void **state)
{
    (void)state;
    struct bulla_image facts;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    struct bulla_sectors s;
    static const uint8_t one_more;
    uint32_t len = make(&facts, 40 * BULLA_SECTOR_SIZE);

    /* a list that is longer than its image demands */
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(bulla_list_feed(&list, (struct bulla_bytes){encoded, len}), BULLA_OK);
    assert_status(bulla_list_feed(&list, (struct bulla_bytes){&one_more, 1}), BULLA_E_LIST_SIZE);

    /* a group for a list that is held whole, or not verified yet */
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)), BULLA_OK);
    assert_status(feed_list(&list, len, len), BULLA_OK);
    assert_status(bulla_list_load_group(&list, 0, group(&list, 0)), BULLA_E_LIST_FORM);
    assert_status(bulla_sectors_init(&s, &list, chunk, sizeof(chunk) - 1),
                  BULLA_E_WORKSPACE_TOO_SMALL);
    make(&facts, IMAGE_MAX);
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, BULLA_WORKSPACE_MIN),
                  BULLA_OK);
    assert_status(bulla_list_load_group(&list, 0, group(&list, 0)), BULLA_E_LIST_FORM);

    /* a manifest whose two sizes disagree */
    facts.list_size++;
    assert_status(bulla_list_init(&list, &hashes, &facts, workspace, sizeof(workspace)),
                  BULLA_E_LIST_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sectors_list_size_is_what_is_encoded),
        cmocka_unit_test(test_sectors_split_anywhere_same_result),
        cmocka_unit_test(test_sectors_wrong_byte_never_leaves),
        cmocka_unit_test(test_sectors_longer_and_shorter_images_are_refused),
        cmocka_unit_test(test_sectors_list_must_be_the_signed_one),
        cmocka_unit_test(test_sectors_one_sector_list_must_agree_with_image_digest),
        cmocka_unit_test(test_sectors_grouped_list_gives_the_same_sectors),
        cmocka_unit_test(test_sectors_forged_group_is_refused),
        cmocka_unit_test(test_sectors_workspace_too_small_is_told),
        cmocka_unit_test(test_sectors_wrong_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
