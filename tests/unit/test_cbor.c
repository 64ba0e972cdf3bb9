/* SPDX-License-Identifier: Apache-2.0 */
/* The strict CBOR reader: RFC 8949 appendix A, what is not deterministic, prefixes, stickiness. */

#include <jansson.h>

#include "bulla/cbor.h"
#include "bulla/limits.h"
#include "check.h"

static struct bulla_bytes unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (struct bulla_bytes){out, len};
}

static enum bulla_status skip_all(struct bulla_bytes in)
{
    struct bulla_cbor r;
    bulla_cbor_init(&r, in);
    (void)bulla_cbor_skip(&r);
    return bulla_cbor_finish(&r);
}

static enum bulla_status skip_hex(const char *hex)
{
    uint8_t bytes[256];
    return skip_all(unhex(hex, bytes));
}

/* Deterministic is exactly what the table marks as round-tripping. */
static void test_cbor_appendix_a_deterministic_items_are_read(void **state)
{
    (void)state;
    json_error_t error;
    json_t *items = json_load_file(BULLA_TEST_DIR "/vectors/cbor/rfc8949_appendix_a.json",
                                   JSON_DECODE_INT_AS_REAL, &error);
    size_t index, accepted = 0, refused = 0;
    json_t *item;
    assert_non_null(items);
    json_array_foreach(items, index, item)
    {
        uint8_t bytes[256];
        struct bulla_bytes in = unhex(json_string_value(json_object_get(item, "hex")), bytes);
        bool roundtrip = json_is_true(json_object_get(item, "roundtrip"));
        enum bulla_status status = skip_all(in);
        if ((status == BULLA_OK) != roundtrip)
            fail_msg("%s: %s", json_string_value(json_object_get(item, "hex")),
                     bulla_status_name(status));
        accepted += status == BULLA_OK;
        refused += status != BULLA_OK;
        for (size_t len = 0; status == BULLA_OK && len < in.len; len++)
            assert_status(skip_all((struct bulla_bytes){bytes, len}), BULLA_E_CBOR_TRUNCATED);
    }
    json_decref(items);
    print_message("%zu accepted, %zu refused\n", accepted, refused);
    assert_int_equal(accepted + refused, 81);
}

static void test_cbor_other_encodings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum bulla_status status;
    } rows[] = {
        {"1817", BULLA_E_CBOR_NOT_SHORTEST},
        {"190018", BULLA_E_CBOR_NOT_SHORTEST},
        {"1a0000ffff", BULLA_E_CBOR_NOT_SHORTEST},
        {"1b00000000ffffffff", BULLA_E_CBOR_NOT_SHORTEST},
        {"3817", BULLA_E_CBOR_NOT_SHORTEST},
        {"580101", BULLA_E_CBOR_NOT_SHORTEST},
        {"7801"
         "61",
         BULLA_E_CBOR_NOT_SHORTEST},
        {"980100", BULLA_E_CBOR_NOT_SHORTEST},
        {"b8010000", BULLA_E_CBOR_NOT_SHORTEST},
        {"d80100", BULLA_E_CBOR_NOT_SHORTEST},
        {"5f4100ff", BULLA_E_CBOR_INDEFINITE},
        {"7f6161ff", BULLA_E_CBOR_INDEFINITE},
        {"9fff", BULLA_E_CBOR_INDEFINITE},
        {"bfff", BULLA_E_CBOR_INDEFINITE},
        {"ff", BULLA_E_CBOR_INDEFINITE},
        {"1c", BULLA_E_CBOR_RESERVED},
        {"3d", BULLA_E_CBOR_RESERVED},
        {"fe", BULLA_E_CBOR_RESERVED},
        {"f818", BULLA_E_CBOR_RESERVED},
        {"f800", BULLA_E_CBOR_RESERVED},
        {"a2020001"
         "00",
         BULLA_E_CBOR_KEY_ORDER},
        {"a201000100", BULLA_E_CBOR_KEY_REPEATED},
        {"a2200001"
         "00",
         BULLA_E_CBOR_KEY_ORDER},
        {"a2616200616100", BULLA_E_CBOR_KEY_ORDER},
        {"0000", BULLA_E_CBOR_TRAILING},
        {"61ff", BULLA_E_CBOR_UTF8},
        {"62c080", BULLA_E_CBOR_UTF8},
        {"63eda080", BULLA_E_CBOR_UTF8},
        {"64f4908080", BULLA_E_CBOR_UTF8},
        {"63e0809f", BULLA_E_CBOR_UTF8},
        {"64f0808080", BULLA_E_CBOR_UTF8},
        {"61c3", BULLA_E_CBOR_UTF8},
        {"fa3f800000", BULLA_E_CBOR_NOT_SHORTEST}, /* 1.0 fits half */
        {"fb3ff0000000000000", BULLA_E_CBOR_NOT_SHORTEST},
        {"fb47efffffe0000000", BULLA_E_CBOR_NOT_SHORTEST}, /* largest float32 */
        {"fa33800000", BULLA_E_CBOR_NOT_SHORTEST},         /* 2^-24, smallest subnormal half */
        {"fa7f800000", BULLA_E_CBOR_NOT_SHORTEST},         /* infinity */
        {"fb36a0000000000000", BULLA_E_CBOR_NOT_SHORTEST}, /* 2^-149, smallest float32 */
        {"fa33000000", BULLA_OK},                          /* 2^-25 does not fit half */
        {"fb3690000000000000", BULLA_OK},                  /* 2^-150 does not fit float32 */
        {"fa80000001", BULLA_OK},
        {"5b8000000000000000", BULLA_E_CBOR_TRUNCATED},
        {"5b0000000100000000", BULLA_E_CBOR_TRUNCATED},
        {"9bffffffffffffffff00", BULLA_E_CBOR_TRUNCATED},
        {"bbffffffffffffffff00", BULLA_E_CBOR_TRUNCATED},
        {"", BULLA_E_CBOR_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (skip_hex(rows[i].hex) != rows[i].status)
            fail_msg("%s: %s, expected %s", rows[i].hex, bulla_status_name(skip_hex(rows[i].hex)),
                     bulla_status_name(rows[i].status));
    }
}

static void test_cbor_depth_is_bounded(void **state)
{
    (void)state;
    uint8_t nested[BULLA_CBOR_DEPTH_MAX + 2];
    memset(nested, 0x81, sizeof(nested));
    nested[BULLA_CBOR_DEPTH_MAX] = 0;
    assert_status(skip_all((struct bulla_bytes){nested, BULLA_CBOR_DEPTH_MAX + 1}), BULLA_OK);
    nested[BULLA_CBOR_DEPTH_MAX] = 0x81;
    nested[BULLA_CBOR_DEPTH_MAX + 1] = 0;
    assert_status(skip_all((struct bulla_bytes){nested, BULLA_CBOR_DEPTH_MAX + 2}),
                  BULLA_E_CBOR_DEPTH);
}

static void test_cbor_first_failure_stays_and_reads_nothing_more(void **state)
{
    (void)state;
    uint8_t bytes[8];
    struct bulla_cbor r;
    bulla_cbor_init(&r, unhex("0102410a", bytes));
    assert_int_equal(bulla_cbor_uint(&r), 1);
    assert_int_equal(bulla_cbor_tstr(&r).len, 0);
    assert_status(r.failed, BULLA_E_CBOR_TYPE);
    size_t left = r.left.len;
    assert_int_equal(bulla_cbor_uint(&r), 0);
    assert_null(bulla_cbor_bstr(&r).data);
    assert_int_equal(bulla_cbor_map(&r), 0);
    assert_int_equal(bulla_cbor_peek(&r), 8);
    assert_int_equal(r.left.len, left);
    assert_status(bulla_cbor_finish(&r), BULLA_E_CBOR_TYPE);
}

static void test_cbor_integers_keep_their_width(void **state)
{
    (void)state;
    uint8_t bytes[16];
    struct bulla_cbor r;
    bulla_cbor_init(&r, unhex("1bffffffffffffffff", bytes));
    assert_true(bulla_cbor_uint(&r) == UINT64_MAX);
    bulla_cbor_init(&r, unhex("1b8000000000000000", bytes));
    assert_true(bulla_cbor_int(&r) == 0);
    assert_status(r.failed, BULLA_E_CBOR_TYPE);
    bulla_cbor_init(&r, unhex("3b7fffffffffffffff", bytes));
    assert_true(bulla_cbor_int(&r) == INT64_MIN);
    assert_status(r.failed, BULLA_OK);
    bulla_cbor_init(&r, unhex("9b0000000100000002", bytes));
    assert_true(bulla_cbor_array(&r) == UINT32_MAX);
}

static void test_cbor_truncation_tells_what_is_missing(void **state)
{
    (void)state;
    uint8_t bytes[16];
    struct bulla_cbor r;
    bulla_cbor_init(&r, unhex("581a0102", bytes));
    (void)bulla_cbor_bstr(&r);
    assert_status(r.failed, BULLA_E_CBOR_TRUNCATED);
    assert_int_equal(r.missing, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cbor_appendix_a_deterministic_items_are_read),
        cmocka_unit_test(test_cbor_other_encodings_are_refused),
        cmocka_unit_test(test_cbor_depth_is_bounded),
        cmocka_unit_test(test_cbor_first_failure_stays_and_reads_nothing_more),
        cmocka_unit_test(test_cbor_integers_keep_their_width),
        cmocka_unit_test(test_cbor_truncation_tells_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
