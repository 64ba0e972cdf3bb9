/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 acceptance: RFC 8032 7.1 verifies, and what libraries disagree about is refused before
 * any of them sees it. */

#include <jansson.h>

#include "bulla/ed25519.h"
#include "check.h"

static size_t unhex(const json_t *text, uint8_t *out, size_t size)
{
    const char *hex = json_string_value(text);
    size_t len = strlen(hex) / 2;
    assert_true(len <= size);
    for (size_t i = 0; i < len; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len;
}

struct vector {
    uint8_t key[32], message[1024], signature[64];
    struct bulla_bytes text;
};

static size_t load(struct vector *vectors, size_t max)
{
    json_error_t error;
    json_t *file =
        json_load_file(BULLA_TEST_DIR "/vectors/ed25519/rfc8032_ed25519.json", 0, &error);
    assert_non_null(file);
    json_t *tests = json_object_get(file, "tests");
    size_t count = json_array_size(tests);
    assert_true(count <= max);
    for (size_t i = 0; i < count; i++) {
        struct vector *v = &vectors[i];
        json_t *t = json_array_get(tests, i);
        unhex(json_object_get(t, "public"), v->key, sizeof(v->key));
        unhex(json_object_get(t, "signature"), v->signature, sizeof(v->signature));
        v->text.data = v->message;
        v->text.len = unhex(json_object_get(t, "message"), v->message, sizeof(v->message));
    }
    json_decref(file);
    return count;
}

static struct vector vectors[8];

static void test_ed25519_rfc8032_verifies(void **state)
{
    (void)state;
    size_t count = load(vectors, 8);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        struct vector *v = &vectors[i];
        assert_status(bulla_ed25519_key_check(v->key), BULLA_OK);
        assert_status(bulla_ed25519_verify(v->key, v->signature, v->text), BULLA_OK);
        for (size_t bit = 0; bit < 64 * 8; bit += 7) {
            v->signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(bulla_ed25519_verify(v->key, v->signature, v->text), BULLA_OK);
            v->signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/* S + k L for every k that still fits 32 bytes verifies mathematically and must be refused. */
static void test_ed25519_s_above_order_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    load(vectors, 8);
    struct vector v = vectors[1];
    v.text.data = v.message;
    for (int k = 1; k < 15; k++) {
        uint32_t carry = 0;
        for (size_t i = 0; i < 32; i++) {
            carry += (uint32_t)v.signature[32 + i] + order[i];
            v.signature[32 + i] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
        assert_status(bulla_ed25519_verify(v.key, v.signature, v.text),
                      BULLA_E_SIGNATURE_NOT_CANONICAL);
    }
    memcpy(v.signature + 32, order, 32);
    assert_status(bulla_ed25519_verify(v.key, v.signature, v.text),
                  BULLA_E_SIGNATURE_NOT_CANONICAL);
}

/* Every encoding of a point of small order, canonical or not, both signs (RFC 8032 5.1.3). */
static void test_ed25519_small_order_points_are_refused(void **state)
{
    (void)state;
    static const uint8_t low[][2] = {{0x00, 0}, {0x01, 0}, {0xec, 1}, {0xed, 1}, {0xee, 1}};
    static const uint8_t order8[2][32] = {
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
    load(vectors, 8);
    for (int i = 0; i < 7; i++) {
        for (int sign = 0; sign < 2; sign++) {
            uint8_t point[32];
            if (i < 5) {
                memset(point, low[i][1] ? 0xff : 0, 32);
                point[0] = low[i][0];
                point[31] = low[i][1] ? 0x7f : 0;
            } else {
                memcpy(point, order8[i - 5], 32);
            }
            point[31] = (uint8_t)(point[31] | sign << 7);
            uint8_t signature[64] = {0};
            memcpy(signature, point, 32);
            assert_status(bulla_ed25519_key_check(point), BULLA_E_TRUST_KEY_INVALID);
            assert_status(bulla_ed25519_verify(point, vectors[0].signature, vectors[0].text),
                          BULLA_E_TRUST_KEY_INVALID);
            assert_status(bulla_ed25519_verify(vectors[0].key, signature, vectors[0].text),
                          BULLA_E_SIGNATURE_NOT_CANONICAL);
        }
    }
}

static void test_ed25519_not_canonical_y_is_refused(void **state)
{
    (void)state;
    for (unsigned low = 0xed; low <= 0xff; low++) {
        for (int sign = 0; sign < 2; sign++) {
            uint8_t point[32];
            memset(point, 0xff, sizeof(point));
            point[0] = (uint8_t)low;
            point[31] = sign ? 0xff : 0x7f;
            assert_status(bulla_ed25519_key_check(point), BULLA_E_TRUST_KEY_INVALID);
        }
    }
}

static void test_ed25519_off_curve_key_verifies_nothing(void **state)
{
    (void)state;
    load(vectors, 8);
    uint8_t key[32] = {2}; /* y = 2 has no x */
    assert_int_not_equal(bulla_ed25519_verify(key, vectors[0].signature, vectors[0].text),
                         BULLA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ed25519_rfc8032_verifies),
        cmocka_unit_test(test_ed25519_s_above_order_is_refused),
        cmocka_unit_test(test_ed25519_small_order_points_are_refused),
        cmocka_unit_test(test_ed25519_not_canonical_y_is_refused),
        cmocka_unit_test(test_ed25519_off_curve_key_verifies_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
