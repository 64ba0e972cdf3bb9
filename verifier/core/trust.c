/* SPDX-License-Identifier: Apache-2.0 */
/* The trust store, version 1: `{1: 1, 2: threshold, 3: keys, 4: pins, 5: anchors}`. */

#include "bulla/trust.h"

#include "bulla/cbor.h"
#include "bulla/crypto.h"
#include "bulla/ed25519.h"
#include "bulla/mem.h"

#define ALG_ED25519 (-19)

static void read_names(struct bulla_cbor *r, struct bulla_trust_key *key)
{
    const uint8_t *start = r->left.data;
    uint32_t count = bulla_cbor_array(r);
    struct bulla_bytes seen[BULLA_TRUST_NAMES_MAX];
    if (r->failed == BULLA_OK && (count < 1 || count > BULLA_TRUST_NAMES_MAX))
        bulla_cbor_fail(r, BULLA_E_TRUST_NAMES);
    for (uint32_t i = 0; r->failed == BULLA_OK && i < count; i++) {
        seen[i] = bulla_cbor_bstr(r);
        if (seen[i].len < 1 || seen[i].len > BULLA_COMPONENT_NAME_MAX)
            bulla_cbor_fail(r, BULLA_E_TRUST_NAMES);
        for (uint32_t j = 0; j < i; j++) {
            if (bulla_bytes_equal(seen[i], seen[j]))
                bulla_cbor_fail(r, BULLA_E_TRUST_NAMES);
        }
    }
    if (r->failed == BULLA_OK)
        key->names = (struct bulla_bytes){start, (size_t)(r->left.data - start)};
}

static void read_key(struct bulla_cbor *r, struct bulla_trust *out)
{
    struct bulla_trust_key *key = &out->keys[out->key_count];
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs != 2 && pairs != 3)
        bulla_cbor_fail(r, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, ALG_ED25519, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 2, BULLA_E_TRUST_FORM);
    key->key = bulla_cbor_bytes(r, BULLA_KEY_SIZE, BULLA_E_TRUST_FORM);
    if (pairs == 3) {
        bulla_cbor_expect_int(r, 3, BULLA_E_TRUST_FORM);
        read_names(r, key);
    }
    if (r->failed != BULLA_OK)
        return;

    bulla_cbor_fail(r, bulla_ed25519_key_check(key->key));
    for (uint32_t i = 0; i < out->key_count; i++) {
        if (bulla_digest_equal(out->keys[i].key, key->key))
            bulla_cbor_fail(r, BULLA_E_TRUST_KEY_REPEATED);
    }
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE];
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){key->key, BULLA_KEY_SIZE});
    bulla_cbor_fail(r, bulla_sha256_finish(&hash, digest));
    memcpy(key->id, digest, BULLA_KEY_ID_SIZE);
    out->key_count++;
}

static void read_pins(struct bulla_cbor *r, struct bulla_trust *out)
{
    uint32_t count = bulla_cbor_array(r);
    if (count > BULLA_TRUST_PINS_MAX)
        bulla_cbor_fail(r, BULLA_E_TRUST_PIN);
    for (uint32_t i = 0; r->failed == BULLA_OK && i < count; i++) {
        const uint8_t *pin = bulla_cbor_bytes(r, BULLA_DIGEST_SIZE, BULLA_E_TRUST_PIN);
        for (uint32_t j = 0; pin != NULL && j < i; j++) {
            if (bulla_digest_equal(out->pins[j], pin))
                bulla_cbor_fail(r, BULLA_E_TRUST_PIN);
        }
        out->pins[out->pin_count++] = pin;
    }
}

/* One DER SEQUENCE with a definite, shortest length that fills the byte string. What is inside
 * is the TLS library's (and, on hosts, the importing tool's) to judge. */
static bool is_one_sequence(struct bulla_bytes der)
{
    if (der.len < 4 || der.len > BULLA_TRUST_ANCHOR_SIZE_MAX || der.data[0] != 0x30u)
        return false;
    if (der.data[1] < 0x80u)
        return der.data[1] == der.len - 2;
    if (der.data[1] == 0x81u)
        return der.data[2] >= 0x80u && der.data[2] == der.len - 3;
    uint32_t len = (uint32_t)der.data[2] << 8 | der.data[3];
    return der.data[1] == 0x82u && len >= 0x100u && len == der.len - 4;
}

static void read_anchors(struct bulla_cbor *r, struct bulla_trust *out)
{
    uint32_t count = bulla_cbor_array(r);
    if (count > BULLA_TRUST_ANCHORS_MAX)
        bulla_cbor_fail(r, BULLA_E_TRUST_ANCHOR);
    for (uint32_t i = 0; r->failed == BULLA_OK && i < count; i++) {
        struct bulla_bytes anchor = bulla_cbor_bstr(r);
        if (r->failed == BULLA_OK && !is_one_sequence(anchor))
            bulla_cbor_fail(r, BULLA_E_TRUST_ANCHOR);
        out->anchors[out->anchor_count++] = anchor;
    }
}

static void read_store(struct bulla_cbor *r, struct bulla_trust *out)
{
    uint32_t pairs = bulla_cbor_map(r);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_VERSION);
    if (pairs != 5)
        bulla_cbor_fail(r, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 2, BULLA_E_TRUST_FORM);
    uint64_t threshold = bulla_cbor_uint(r);
    bulla_cbor_expect_int(r, 3, BULLA_E_TRUST_FORM);
    uint32_t keys = bulla_cbor_array(r);
    if (r->failed == BULLA_OK && (keys < 1 || keys > BULLA_TRUST_KEYS_MAX))
        bulla_cbor_fail(r, BULLA_E_TRUST_KEY_COUNT);
    if (r->failed == BULLA_OK && (threshold < 1 || threshold > keys))
        bulla_cbor_fail(r, BULLA_E_TRUST_THRESHOLD);
    for (uint32_t i = 0; r->failed == BULLA_OK && i < keys; i++)
        read_key(r, out);
    bulla_cbor_expect_int(r, 4, BULLA_E_TRUST_FORM);
    read_pins(r, out);
    bulla_cbor_expect_int(r, 5, BULLA_E_TRUST_FORM);
    read_anchors(r, out);
    out->threshold = (uint32_t)threshold;
}

enum bulla_status bulla_trust_decode(struct bulla_bytes store, struct bulla_trust *out)
{
    struct bulla_cbor r;
    memset(out, 0, sizeof(*out));
    bulla_cbor_init(&r, store);
    read_store(&r, out);
    enum bulla_status status = bulla_cbor_finish(&r);
    if (status != BULLA_OK)
        memset(out, 0, sizeof(*out));
    return status;
}

bool bulla_trust_key_may(const struct bulla_trust_key *key, struct bulla_bytes component)
{
    if (key->names.len == 0)
        return true;
    struct bulla_cbor r;
    bulla_cbor_init(&r, key->names);
    uint32_t count = bulla_cbor_array(&r);
    bool named = false;
    for (uint32_t i = 0; r.failed == BULLA_OK && i < count; i++) {
        if (bulla_bytes_equal(bulla_cbor_bstr(&r), component))
            named = true;
    }
    return named && r.failed == BULLA_OK;
}
