/* SPDX-License-Identifier: Apache-2.0 */
/* Flash images in a file: what is found in the fixtures, and that no file makes the finder read
 * beyond its end. */

#include "check.h"

#include "fixture.h"
#include "whole.h"

#define TABLE_END 0x8c00u

static char why[LAYOUT_WHY_SIZE];

static struct bulla_bytes fixture(const char *name, char **owned)
{
    size_t len = 0;

    *owned = fixture_read("fixtures/esp/combined", name, &len);
    return (struct bulla_bytes){(uint8_t *)*owned, len};
}

static void test_whole_image_from_the_bootloader_on(void **state)
{
    char *owned;
    struct bulla_bytes file = fixture("comb_esp32_from_1000.bin", &owned);
    struct bulla_image_facts facts;
    struct whole_image boot, app;
    struct whole whole;

    (void)state;
    assert_status(whole_find(file, &whole, why), BULLA_OK);
    assert_string_equal(whole.chip->name, "esp32");
    assert_int_equal(whole.delta, 0x1000);
    assert_int_equal(whole.boot_at, 0);
    assert_int_equal(whole.table_at, 0x7000);
    assert_int_equal(whole.layout.count, 6);
    whole_look(whole_span(&whole, 0x1000, 0x7000), &boot);
    assert_true(boot.kind == WHOLE_IMAGE && !boot.cut && boot.checksum_good && boot.sha256_good);
    assert_int_equal(boot.len, 22624);
    assert_int_equal(whole_flash_size(boot.flash_nibble), 4 << 20);
    assert_int_equal(whole_span(&whole, 0, 0x2000).len, 0);
    assert_int_equal(whole_span(&whole, 0x190000, 0x180000).len, 0);
    whole_look(whole_span(&whole, 0x10000, 0x180000), &app);
    assert_int_equal(app.len, 65648);
    assert_status(whole_judge_app(whole_span(&whole, 0x10000, 0x180000), &app, &facts), BULLA_OK);
    assert_string_equal(facts.project, "fixture_esp32");
    free(owned);
}

static void test_whole_image_from_0_and_one_without_a_bootloader(void **state)
{
    char *owned;
    struct bulla_bytes file = fixture("comb_c3_from_0.bin", &owned);
    struct whole_image boot;
    struct whole whole;

    (void)state;
    assert_status(whole_find(file, &whole, why), BULLA_OK);
    assert_string_equal(whole.chip->name, "esp32c3");
    assert_int_equal(whole.delta, 0);
    whole_look(whole_span(&whole, 0, 0x8000), &boot);
    assert_true(boot.has_description);
    assert_string_equal(boot.idf_version, "v5.5-fixture");
    memset(owned, 0xff, 0x8000);
    assert_status(whole_find(file, &whole, why), BULLA_OK);
    assert_null(whole.chip);
    assert_int_equal(whole.layout.count, 6);
    memset(owned, 0, 0x9000);
    assert_status(whole_find(file, &whole, why), BULLA_E_PARTITION_MAGIC);
    assert_int_equal(whole.layout.count, 0);
    free(owned);
}

/* The copy ends where its memory ends: reading on is seen by a sanitizer. */
static void look_at_all(struct bulla_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    struct bulla_bytes file = {copy, bytes.len};
    struct bulla_image_facts facts;
    struct whole_image image;
    struct whole whole;

    assert_non_null(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    if (whole_find(file, &whole, why) != BULLA_OK)
        assert_true(why[0] != '\0');
    for (uint32_t i = 0; i < whole.layout.count; i++) {
        struct bulla_bytes span =
            whole_span(&whole, whole.layout.rows[i].offset, whole.layout.rows[i].size);

        whole_look(span, &image);
        if (image.kind == WHOLE_IMAGE)
            (void)!whole_judge_app(span, &image, &facts);
    }
    whole_look(file, &image);
    if (!image.cut && image.kind == WHOLE_IMAGE)
        assert_true(image.len <= file.len);
    free(copy);
}

static void test_whole_every_prefix_is_read_to_its_end_only(void **state)
{
    static const char *const files[] = {"comb_esp32_from_1000.bin", "comb_c3_from_0.bin"};
    static const size_t boot_ends[] = {22624, 17296};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *owned;
        struct bulla_bytes file = fixture(files[i], &owned);

        for (size_t len = 0; len < 200; len++)
            look_at_all((struct bulla_bytes){file.data, len});
        for (size_t len = boot_ends[i] - 50; len < boot_ends[i] + 2; len++)
            look_at_all((struct bulla_bytes){file.data, len});
        for (size_t len = TABLE_END - 0x1d00; len < TABLE_END; len += 37)
            look_at_all((struct bulla_bytes){file.data, len});
        for (size_t len = file.len - 100; len < file.len; len++)
            look_at_all((struct bulla_bytes){file.data, len});
        free(owned);
    }
}

static void test_whole_every_changed_byte_of_header_and_table_is_survived(void **state)
{
    char *owned;
    struct bulla_bytes file = fixture("comb_c3_from_0.bin", &owned);

    (void)state;
    for (size_t at = 0; at < file.len; at = at == 64             ? 0x8000
                                            : at == 0x8000 + 256 ? 0x10000
                                                                 : at + 1) {
        static const char values[] = {0, 1, 0x7f, (char)0x80, (char)0xff};
        char kept = owned[at];

        if (at == 0x10000 + 64)
            break;
        for (size_t v = 0; v < sizeof(values); v++) {
            owned[at] = values[v];
            look_at_all(file);
        }
        owned[at] = kept;
    }
    free(owned);
}

static void test_whole_header_sizes_are_powers_of_two(void **state)
{
    (void)state;
    assert_int_equal(whole_flash_size(0), 1 << 20);
    assert_int_equal(whole_flash_size(4), 16 << 20);
    assert_int_equal(whole_flash_size(7), 128 << 20);
    assert_int_equal(whole_flash_size(8), 0);
    assert_int_equal(whole_flash_size(15), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_image_from_the_bootloader_on),
        cmocka_unit_test(test_whole_image_from_0_and_one_without_a_bootloader),
        cmocka_unit_test(test_whole_every_prefix_is_read_to_its_end_only),
        cmocka_unit_test(test_whole_every_changed_byte_of_header_and_table_is_survived),
        cmocka_unit_test(test_whole_header_sizes_are_powers_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
