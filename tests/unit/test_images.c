/* SPDX-License-Identifier: Apache-2.0 */
/* Several images in one envelope: what each pass tells and judges, and what is told of each image.
 * That every pass together gives the right verdict is test_vectors.c's. */

#include "bulla/reader.h"
#include "check.h"
#include "kit.h"

#define KIT BULLA_TEST_DIR "/vectors"

static struct bulla_reader reader;
static struct kit_feed feed;

/* One pass over a case, for one image. */
static enum bulla_status judge_pass(struct kit_case *c, uint32_t want)
{
    kit_feed_begin(&feed, &c->run, (struct bulla_bytes){c->envelope.data, c->envelope.len},
                   KIT_WORKSPACE, &reader);
    bulla_reader_want(&reader, want);
    kit_feed_piece(&feed, c->envelope.data, c->envelope.len);
    return kit_feed_end(&feed);
}

static void assert_text(struct bulla_bytes bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

static void look_at_eight(struct kit_case *c)
{
    struct bulla_image image;
    assert_status(judge_pass(c, 0), BULLA_OK);
    struct bulla_bytes manifest = reader.envelope.manifest;
    assert_int_equal(reader.manifest.images, 8);
    assert_text(reader.manifest.image.component, "app");
    assert_int_equal(reader.manifest.image.name.len, 0);
    for (uint32_t i = 0; i < 8; i++) {
        char name[16], list[16], uri[32];
        uint8_t list_name[BULLA_LIST_NAME_MAX];
        assert_status(bulla_manifest_image(manifest, i, &image), BULLA_OK);
        (void)snprintf(name, sizeof(name), "m%u", (unsigned)i - 1);
        (void)snprintf(list, sizeof(list), "#module/m%u", (unsigned)i - 1);
        (void)snprintf(uri, sizeof(uri), "modules/m%u", (unsigned)i - 1);
        assert_text(image.component, i == 0 ? "app" : "module");
        assert_text(image.name, i == 0 ? "" : name);
        assert_text(image.uri, i == 0 ? "app.bin" : uri);
        assert_int_equal(image.size, i == 0 ? 14 : 100 + 4096 * (i - 1));
        assert_int_equal(image.list_size, bulla_list_size(image.size));
        size_t len = bulla_list_name(&image, list_name);
        assert_text((struct bulla_bytes){list_name, len}, i == 0 ? "#app" : list);
        /* the product's ids are every image's */
        assert_memory_equal(image.vendor_id, reader.manifest.image.vendor_id, BULLA_UUID_SIZE);
        assert_memory_equal(image.class_id, reader.manifest.image.class_id, BULLA_UUID_SIZE);
        assert_int_not_equal(image.vendor_id[0] | image.vendor_id[1] | image.vendor_id[2], 0);
    }
}

static void test_images_each_is_told_from_the_manifest(void **state)
{
    (void)state;
    kit_with(KIT, "good-modules-seven", look_at_eight);
}

static void ask_for_a_ninth(struct kit_case *c)
{
    static const struct bulla_image nothing;
    struct bulla_image image;
    assert_status(judge_pass(c, 7), BULLA_OK);
    struct bulla_bytes manifest = reader.envelope.manifest;
    memset(&image, 0xa5, sizeof(image));
    assert_status(bulla_manifest_image(manifest, 8, &image), BULLA_E_COMPONENT_MISMATCH);
    assert_memory_equal(&image, &nothing, sizeof(image));
    assert_status(bulla_manifest_image(manifest, UINT32_MAX, &image), BULLA_E_COMPONENT_MISMATCH);
    assert_status(judge_pass(c, 8), BULLA_E_COMPONENT_MISMATCH);
    assert_int_equal(reader.facts & BULLA_FACT_LIST, 0);
}

static void test_images_one_too_many_is_refused(void **state)
{
    (void)state;
    kit_with(KIT, "good-modules-seven", ask_for_a_ninth);
}

/* How often each event came. */
struct told {
    int events[BULLA_EVENT_END + 1];
    uint32_t list_size;
};

static struct told tell(struct kit_case *c, uint32_t want)
{
    static uint8_t head[BULLA_HEAD_MAX], workspace[KIT_WORKSPACE];
    struct told told = {.list_size = 0};
    struct bulla_bytes in = {c->envelope.data, c->envelope.len};
    enum bulla_event event = BULLA_EVENT_MORE;
    bulla_reader_init(&reader, c->run.trust, &c->run.device, head);
    bulla_reader_want(&reader, want);
    do {
        assert_status(bulla_reader_feed(&reader, &in, &event), BULLA_OK);
        told.events[event]++;
        if (event == BULLA_EVENT_HEAD)
            bulla_reader_workspace(&reader, workspace, sizeof(workspace));
        if (event == BULLA_EVENT_LIST)
            told.list_size = reader.list.image->list_size;
    } while (event != BULLA_EVENT_END);
    return told;
}

static void tell_each(struct kit_case *c)
{
    for (uint32_t want = 0; want < 8; want++) {
        struct bulla_image image;
        struct told told = tell(c, want);
        assert_status(bulla_manifest_image(reader.envelope.manifest, want, &image), BULLA_OK);
        assert_memory_equal(&reader.image, &image, sizeof(image));
        assert_int_equal(told.events[BULLA_EVENT_LIST], 1);
        assert_int_equal(told.list_size, image.list_size);
        assert_int_equal(reader.list.count, (image.size - 1) / BULLA_SECTOR_SIZE + 1);
        assert_true((reader.facts & BULLA_FACT_LIST) != 0);
        /* the list lies where it is said to */
        struct bulla_sha256 hash;
        uint8_t digest[BULLA_DIGEST_SIZE];
        bulla_sha256_init(&hash);
        bulla_sha256_update(
            &hash, (struct bulla_bytes){c->envelope.data + reader.list_offset, image.list_size});
        assert_status(bulla_sha256_finish(&hash, digest), BULLA_OK);
        assert_memory_equal(digest, image.list_digest, BULLA_DIGEST_SIZE);
    }
}

static void test_images_the_wanted_list_is_told_and_no_other(void **state)
{
    (void)state;
    kit_with(KIT, "good-modules-seven", tell_each);
    kit_with(KIT, "good-module-alone-eight", tell_each);
}

static void assert_every_pass_refuses(struct kit_case *c)
{
    assert_status(judge_pass(c, 0), c->expected);
    assert_status(judge_pass(c, 1), c->expected);
}

/* Names, order and lengths are every pass's: a device that reads for the app alone sees them. */
static void test_images_every_pass_judges_all_lists_frames(void **state)
{
    (void)state;
    static const char *const names[] = {
        "modules-list-short-of-app",
        "modules-list-short-of-module",
        "modules-list-long-of-module",
        "modules-list-claims-2-to-32-of-module",
        "modules-first-list-missing",
        "modules-second-list-missing",
        "modules-list-twice",
        "modules-lists-swapped",
        "modules-list-of-nobody",
        "modules-list-besides",
        "modules-bundle",
        "modules-cut",
        "modules-trailing",
        "modules-text-missing",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        kit_with(KIT, names[i], assert_every_pass_refuses);
}

static void assert_only_its_pass_refuses(struct kit_case *c)
{
    assert_status(judge_pass(c, 0), BULLA_OK);
    assert_status(judge_pass(c, 1), BULLA_E_LIST_DIGEST);
}

static void test_images_list_content_is_judged_by_its_own_pass(void **state)
{
    (void)state;
    kit_with(KIT, "modules-list-bit-of-module", assert_only_its_pass_refuses);
}

static void assert_name(const char *text, bool allowed)
{
    struct bulla_bytes name = {(const uint8_t *)text, strlen(text)};
    if (bulla_is_module_name(name) != allowed)
        fail_msg("'%s' should %s", text, allowed ? "be allowed" : "be refused");
}

static void test_images_module_name_is_of_the_allowed_letters(void **state)
{
    (void)state;
    assert_name("", false);
    assert_name("a", true);
    assert_name(".a", false);
    assert_name("a.", true);
    assert_name("12345678901234567890123456789012", true);
    assert_name("123456789012345678901234567890123", false);
    for (unsigned c = 1; c < 256; c++) {
        const char text[] = {'x', (char)c, '\0'};
        bool allowed = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-",
                              (int)c) != NULL;
        assert_name(text, allowed);
    }
}

/* A name that no decoder lets through does not overrun a list's. */
static void test_images_list_name_of_no_image_is_empty(void **state)
{
    (void)state;
    uint8_t name[BULLA_LIST_NAME_MAX];
    static const uint8_t long_name[BULLA_COMPONENT_NAME_MAX + 1];
    struct bulla_image image = {.component = {(const uint8_t *)"module", 6},
                                .name = {long_name, sizeof(long_name)}};
    assert_int_equal(bulla_list_name(&image, name), 0);
    image.name.len--;
    assert_int_equal(bulla_list_name(&image, name), BULLA_LIST_NAME_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_each_is_told_from_the_manifest),
        cmocka_unit_test(test_images_one_too_many_is_refused),
        cmocka_unit_test(test_images_the_wanted_list_is_told_and_no_other),
        cmocka_unit_test(test_images_every_pass_judges_all_lists_frames),
        cmocka_unit_test(test_images_list_content_is_judged_by_its_own_pass),
        cmocka_unit_test(test_images_module_name_is_of_the_allowed_letters),
        cmocka_unit_test(test_images_list_name_of_no_image_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
