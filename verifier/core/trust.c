/* SPDX-License-Identifier: Apache-2.0 */
/* The trust store, version 1: `{1: 1, 2: threshold, 3: keys, 4: pins, 5: anchors}`. */

#include "bulla/trust.h"

#include "bulla/cbor.h"
#include "bulla/ed25519.h"
#include "bulla/mem.h"
#include "bulla/verdict.h"
#include "digest.h"

#define ALG_ED25519 (-19)

/* Is `name` in this encoded array of names? BULLA_FACT_RIGHTS, else 0. The array may be cut behind
 * any of them. */
static uint32_t is_named(struct bulla_bytes names, struct bulla_bytes name)
{
    struct bulla_cbor r;
    bulla_cbor_init(&r, names);
    for (uint32_t left = bulla_cbor_array(&r); left > 0 && r.failed == BULLA_OK; left--) {
        struct bulla_bytes other = bulla_cbor_bstr(&r);
        if (r.failed == BULLA_OK && other.len == name.len &&
            bulla_prove_equal(other.data, name.data, name.len, BULLA_FACT_RIGHTS) ==
                BULLA_FACT_RIGHTS)
            return BULLA_FACT_RIGHTS;
    }
    return 0;
}

static void read_names(struct bulla_cbor *r, struct bulla_bytes *names)
{
    names->data = r->left.data;
    uint32_t left = bulla_cbor_array_of(r, 1, BULLA_TRUST_NAMES_MAX, BULLA_E_TRUST_NAMES);
    for (; left > 0; left--) {
        names->len = (size_t)(r->left.data - names->data);
        struct bulla_bytes name = bulla_cbor_bstr(r);
        if (name.len < 1 || name.len > BULLA_COMPONENT_NAME_MAX || is_named(*names, name) != 0)
            bulla_cbor_fail(r, BULLA_E_TRUST_NAMES);
    }
    names->len = (size_t)(r->left.data - names->data);
}

static void read_key(struct bulla_cbor *r, struct bulla_trust *out)
{
    struct bulla_trust_key *key = &out->keys[out->key_count];
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs != 2 && pairs != 3)
        bulla_cbor_fail(r, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, ALG_ED25519, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 2, BULLA_E_TRUST_FORM);
    key->key = bulla_cbor_bytes(r, BULLA_KEY_SIZE, BULLA_E_TRUST_FORM);
    if (pairs == 3) {
        bulla_cbor_expect_int(r, 3, BULLA_E_TRUST_FORM);
        read_names(r, &key->names);
    }
    if (r->failed != BULLA_OK)
        return;

    bulla_cbor_fail(r, bulla_ed25519_key_check(key->key));
    for (const struct bulla_trust_key *other = out->keys; other < key; other++) {
        if (bulla_digest_equal(other->key, key->key))
            bulla_cbor_fail(r, BULLA_E_TRUST_KEY_REPEATED);
    }
    bulla_cbor_fail(r, bulla_digest_of((struct bulla_bytes){key->key, BULLA_KEY_SIZE}, digest));
    memcpy(key->id, digest, BULLA_KEY_ID_SIZE);
    out->key_count++;
}

static void read_pins(struct bulla_cbor *r, struct bulla_trust *out)
{
    uint32_t count = bulla_cbor_array_of(r, 0, BULLA_TRUST_PINS_MAX, BULLA_E_TRUST_PIN);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *pin = bulla_cbor_bytes(r, BULLA_DIGEST_SIZE, BULLA_E_TRUST_PIN);
        for (uint32_t j = 0; pin != NULL && j < i; j++) {
            if (bulla_digest_equal(out->pins[j], pin))
                bulla_cbor_fail(r, BULLA_E_TRUST_PIN);
        }
        out->pins[i] = pin;
    }
    out->pin_count = count;
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
    uint32_t count = bulla_cbor_array_of(r, 0, BULLA_TRUST_ANCHORS_MAX, BULLA_E_TRUST_ANCHOR);
    for (uint32_t i = 0; i < count; i++) {
        out->anchors[i] = bulla_cbor_bstr(r);
        if (!is_one_sequence(out->anchors[i]))
            bulla_cbor_fail(r, BULLA_E_TRUST_ANCHOR);
    }
    out->anchor_count = count;
}

static void read_store(struct bulla_cbor *r, void *store)
{
    struct bulla_trust *out = store;
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs == 0)
        bulla_cbor_fail(r, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 1, BULLA_E_TRUST_VERSION);
    if (pairs != 5)
        bulla_cbor_fail(r, BULLA_E_TRUST_FORM);
    bulla_cbor_expect_int(r, 2, BULLA_E_TRUST_FORM);
    uint64_t threshold = bulla_cbor_uint(r);
    bulla_cbor_expect_int(r, 3, BULLA_E_TRUST_FORM);
    uint32_t keys = bulla_cbor_array_of(r, 1, BULLA_TRUST_KEYS_MAX, BULLA_E_TRUST_KEY_COUNT);
    if (threshold < 1 || threshold > keys)
        bulla_cbor_fail(r, BULLA_E_TRUST_THRESHOLD);
    for (; keys > 0; keys--)
        read_key(r, out);
    bulla_cbor_expect_int(r, 4, BULLA_E_TRUST_FORM);
    read_pins(r, out);
    bulla_cbor_expect_int(r, 5, BULLA_E_TRUST_FORM);
    read_anchors(r, out);
    out->threshold = (uint32_t)threshold;
}

enum bulla_status bulla_trust_decode(struct bulla_bytes store, struct bulla_trust *out)
{
    return bulla_cbor_decode(store, out, sizeof(*out), read_store);
}

uint32_t bulla_trust_key_may(const struct bulla_trust_key *key, struct bulla_bytes component)
{
    return key->names.len == 0 ? BULLA_FACT_RIGHTS : is_named(key->names, component);
}
