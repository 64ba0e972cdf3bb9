/* SPDX-License-Identifier: Apache-2.0 */
/* Text, numbers, versions, ids and explanations of the host programs. */

#include "check.h"
#include "host.h"

static struct bulla_bytes span(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_escaped(struct bulla_bytes text, const char *expected)
{
    char *escaped = host_escape(text);
    assert_non_null(escaped);
    assert_string_equal(escaped, expected);
    free(escaped);
}

static void test_host_escape_plain_and_utf8_text_is_unchanged(void **state)
{
    (void)state;
    assert_escaped(span("Bulla 1.0, Siegel \xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x92"),
                   "Bulla 1.0, Siegel \xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x92");
    assert_escaped((struct bulla_bytes){NULL, 0}, "");
}

static void test_host_escape_controls_are_shown(void **state)
{
    (void)state;
    assert_escaped(span("a\nb\x1b[2Jc\x7f"), "a\\u{000A}b\\u{001B}[2Jc\\u{007F}");
    assert_escaped((struct bulla_bytes){(const uint8_t *)"\0", 1}, "\\u{0000}");
    assert_escaped(span("\xc2\x9b"), "\\u{009B}"); /* C1: CSI in one character */
}

static void test_host_escape_bidi_and_line_separators_are_shown(void **state)
{
    (void)state;
    assert_escaped(span("\xe2\x80\xaa"), "\\u{202A}");
    assert_escaped(span("\xe2\x80\xae"), "\\u{202E}");
    assert_escaped(span("\xe2\x81\xa6"), "\\u{2066}");
    assert_escaped(span("\xe2\x81\xa9"), "\\u{2069}");
    assert_escaped(span("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"), "\\u{200E}\\u{200F}\\u{061C}");
    assert_escaped(span("\xe2\x80\xa8"), "\\u{2028}");
    assert_escaped(span("\xe2\x80\xaf"), "\xe2\x80\xaf"); /* the neighbour, a blank, stays */
}

static void test_host_escape_invalid_utf8_is_shown_as_bytes(void **state)
{
    (void)state;
    assert_escaped(span("\xff"), "\\xFF");
    assert_escaped(span("\x80z"), "\\x80z");
    assert_escaped(span("\xc0\xaf"), "\\xC0\\xAF");                   /* overlong */
    assert_escaped(span("\xed\xa0\x80"), "\\xED\\xA0\\x80");          /* surrogate */
    assert_escaped(span("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80"); /* above U+10FFFF */
    assert_escaped(span("\xe2\x82"), "\\xE2\\x82");                   /* cut */
}

static void test_host_escape_backslash_is_doubled_but_tidy_keeps_it(void **state)
{
    (void)state;
    assert_escaped(span("a\\u{000A}"), "a\\\\u{000A}");
    char *tidy = host_tidy("a\\u{000A}\n");
    assert_string_equal(tidy, "a\\u{000A}\\u{000A}");
    free(tidy);
}

static void test_host_version_good_text_goes_both_ways(void **state)
{
    static const char *const good[] = {
        "1",         "0.0.0",        "1.4.2",
        "1.4.2-rc1", "1.4-rc",       "2.0.0-beta3",
        "7-alpha",   "1.2.3-alpha0", "4294967295.4294967295.4294967295-rc4294967295"};
    char buf[64];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bulla_version version;
        assert_true(host_version_parse(good[i], &version));
        assert_string_equal(host_version_text(&version, buf, sizeof buf), good[i]);
    }
}

static void test_host_version_release_candidate_has_the_profiles_numbers(void **state)
{
    struct bulla_version version;
    (void)state;
    assert_true(host_version_parse("1.4.2-rc1", &version));
    assert_int_equal(version.count, 5);
    assert_int_equal(version.release_count, 3);
    const int64_t expected[5] = {1, 4, 2, -1, 1};
    assert_memory_equal(version.parts, expected, sizeof expected);
}

static void test_host_version_other_text_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "v1",
                                      "1.",
                                      ".1",
                                      "1..2",
                                      "1.2.3.4",
                                      "1.2.3-",
                                      "1.2.3-rd",
                                      "1.2.3 ",
                                      "01.2",
                                      "1.2-rc01",
                                      "1-rc1x",
                                      "-rc1",
                                      "1.2.3-1",
                                      "4294967296",
                                      "+1",
                                      "1.-2",
                                      "1,2",
                                      "1.2-rc4294967296"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bulla_version version;
        if (host_version_parse(bad[i], &version))
            fail_msg("\"%s\" was taken for a version", bad[i]);
        assert_int_equal(version.count, 0);
    }
}

static void test_host_version_small_buffer_is_not_overrun(void **state)
{
    struct bulla_version version;
    char buf[4] = "###";
    (void)state;
    assert_true(host_version_parse("10.20.30-rc1", &version));
    assert_string_equal(host_version_text(&version, buf, 3), "10");
    assert_int_equal(buf[3], '\0');
}

static void test_host_number_decimal_is_taken(void **state)
{
    uint64_t n = 0;
    (void)state;
    assert_true(host_parse_number("0", 10, false, &n) && n == 0);
    assert_true(host_parse_number("4096", UINT32_MAX, false, &n) && n == 4096);
    assert_true(host_parse_number("18446744073709551615", UINT64_MAX, false, &n));
    assert_true(n == UINT64_MAX);
    assert_true(host_parse_number("4M", UINT32_MAX, true, &n) && n == 4194304);
    assert_true(host_parse_number("1K", 1024, true, &n) && n == 1024);
}

static void test_host_number_anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "-1",
                                      "0x10",
                                      "1e3",
                                      "1k",
                                      "1KB",
                                      "K",
                                      "1.5K",
                                      "18446744073709551616",
                                      "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t n = 77;
        if (host_parse_number(bad[i], UINT64_MAX, true, &n))
            fail_msg("\"%s\" was taken for a number", bad[i]);
        assert_true(n == 77);
    }
}

static void test_host_number_above_the_maximum_is_refused(void **state)
{
    uint64_t n = 77;
    (void)state;
    assert_false(host_parse_number("11", 10, false, &n));
    assert_false(host_parse_number("1M", 1048575, true, &n));
    assert_false(host_parse_number("18014398509481985K", UINT64_MAX, true, &n)); /* wraps */
    assert_false(host_parse_number("1K", UINT64_MAX, false, &n));
    assert_true(n == 77);
}

/* RFC 9562 A.4, and the same one step further. */
static void test_host_ids_are_version_5_uuids(void **state)
{
    uint8_t vendor[16];
    uint8_t class_id[16];
    char text[37];
    (void)state;
    host_vendor_id("www.example.com", vendor);
    host_uuid_text(vendor, text);
    assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    host_class_id(vendor, "thermostat", class_id);
    host_uuid_text(class_id, text);
    assert_string_equal(text, "4467c2a2-74b0-51be-b10f-9b04908aee81");
}

static void test_host_id_name_that_two_people_would_write_differently_is_refused(void **state)
{
    (void)state;
    assert_null(host_id_name_problem("example.com"));
    assert_null(host_id_name_problem("thermostat-2_b"));
    assert_non_null(host_id_name_problem(""));
    assert_non_null(host_id_name_problem("Example.com"));
    assert_non_null(host_id_name_problem("exa mple"));
    assert_non_null(host_id_name_problem("example\t"));
    assert_non_null(host_id_name_problem("example.com."));
}

static void test_host_hex_is_lower_case(void **state)
{
    char out[7];
    (void)state;
    host_hex((struct bulla_bytes){(const uint8_t *)"\x00\xab\x7f", 3}, out);
    assert_string_equal(out, "00ab7f");
}

static struct bulla_manifest sample_manifest(void)
{
    struct bulla_manifest m = {.sequence = 7};
    m.image.component = span("app");
    m.image.size = 5000;
    host_vendor_id("example.com", m.image.vendor_id);
    return m;
}

static void test_host_explain_policy_statuses_tell_both_values(void **state)
{
    struct bulla_manifest m = sample_manifest();
    struct bulla_device d = {.sequence = 9, .slot_size = 4096, .floor = 3, .chip_revision = 100};
    struct bulla_image_facts image = {.format = BULLA_FORMAT_ESP,
                                      .chip_id = 5,
                                      .min_revision = 300,
                                      .max_revision = 399,
                                      .secure_version = 2};
    d.component = span("fac\ntory");
    d.format = BULLA_FORMAT_RAW;
    const struct {
        enum bulla_status status;
        const char *expected;
    } rows[] = {
        {BULLA_E_SEQUENCE_TOO_OLD, "manifest has 7, device confirmed 9"},
        {BULLA_E_VENDOR_MISMATCH, "manifest is for vendor id cfbff0d1-9375-5685-968c-48ce8b15ae17, "
                                  "device has 00000000-0000-0000-0000-000000000000"},
        {BULLA_E_CLASS_MISMATCH, "manifest is for class id 00000000-0000-0000-0000-000000000000, "
                                 "device has 00000000-0000-0000-0000-000000000000"},
        {BULLA_E_COMPONENT_MISMATCH, "manifest is for component app, device has fac\\u{000A}tory"},
        {BULLA_E_SLOT_TOO_SMALL, "image has 5000 bytes, slot has 4096"},
        {BULLA_E_IMAGE_FORMAT, "image is esp, device takes raw"},
        {BULLA_E_CHIP_MISMATCH, "image is for esp32c3 (id 5), device is esp32 (id 0)"},
        {BULLA_E_CHIP_REVISION, "image needs chip revision 3.0 to 3.99, device has 1.0"},
        {BULLA_E_SECURE_VERSION_TOO_OLD, "image has secure version 2, device's floor is 3"},
    };
    char buf[256];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(host_explain(rows[i].status, &m, &d, &image, buf, sizeof buf),
                            rows[i].expected);
}

static void test_host_explain_without_facts_is_the_sentence(void **state)
{
    char buf[256];
    (void)state;
    for (int i = 0; i < BULLA_STATUS_COUNT; i++) {
        enum bulla_status status = (enum bulla_status)i;
        assert_string_equal(host_explain(status, NULL, NULL, NULL, buf, sizeof buf),
                            bulla_status_sentence(status));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_escape_plain_and_utf8_text_is_unchanged),
        cmocka_unit_test(test_host_escape_controls_are_shown),
        cmocka_unit_test(test_host_escape_bidi_and_line_separators_are_shown),
        cmocka_unit_test(test_host_escape_invalid_utf8_is_shown_as_bytes),
        cmocka_unit_test(test_host_escape_backslash_is_doubled_but_tidy_keeps_it),
        cmocka_unit_test(test_host_version_good_text_goes_both_ways),
        cmocka_unit_test(test_host_version_release_candidate_has_the_profiles_numbers),
        cmocka_unit_test(test_host_version_other_text_is_refused),
        cmocka_unit_test(test_host_version_small_buffer_is_not_overrun),
        cmocka_unit_test(test_host_number_decimal_is_taken),
        cmocka_unit_test(test_host_number_anything_else_is_refused),
        cmocka_unit_test(test_host_number_above_the_maximum_is_refused),
        cmocka_unit_test(test_host_ids_are_version_5_uuids),
        cmocka_unit_test(test_host_id_name_that_two_people_would_write_differently_is_refused),
        cmocka_unit_test(test_host_hex_is_lower_case),
        cmocka_unit_test(test_host_explain_policy_statuses_tell_both_values),
        cmocka_unit_test(test_host_explain_without_facts_is_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
