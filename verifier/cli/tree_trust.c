/* SPDX-License-Identifier: Apache-2.0 */
/* Trust files, read a second time: CBOR stores by libcbor, PEM keys by OpenSSL, several united.
 * That keys have prime order and anchors are X.509 is asked by who imports a store (keys/). */

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "tree_parts.h"

#define ALG_ED25519 (-19)

static struct bulla_bytes name_of(const struct tree_component *component)
{
    return (struct bulla_bytes){component->name, component->len};
}

static bool allows(const struct tree_key *key, struct bulla_bytes name)
{
    bool found = !key->limited;
    for (uint32_t i = 0; i < key->component_count; i++)
        found = found || tree_same(name_of(&key->components[i]), name);
    return found;
}

/* 1 to 8 distinct names of 1 to 32 bytes. */
static bool read_components(const cbor_item_t *names, struct tree_key *key, struct tree_echo *e)
{
    size_t count = tree_count(names);
    key->limited = true;
    echo_array(e, count);
    if (count < 1 || count > BULLA_TRUST_NAMES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct bulla_bytes name = tree_bytes(tree_at(names, i));
        if (name.len < 1 || name.len > BULLA_COMPONENT_NAME_MAX || allows(key, name))
            return false;
        struct tree_component *component = &key->components[key->component_count++];
        component->len = (uint32_t)name.len;
        memcpy(component->name, name.data, name.len);
        echo_bytes(e, name);
    }
    return true;
}

static bool take_raw(struct bulla_bytes raw, struct tree_key *key)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    if (raw.len != BULLA_KEY_SIZE || !tree_point_allowed(raw.data) ||
        !tree_sha256(raw, false, digest))
        return false;
    memcpy(key->raw, raw.data, BULLA_KEY_SIZE);
    memcpy(key->id, digest, BULLA_KEY_ID_SIZE);
    return true;
}

static bool read_key(const cbor_item_t *item, struct tree_key *key, struct tree_echo *e)
{
    struct bulla_bytes raw = tree_bytes(tree_member(item, 2));
    const cbor_item_t *names = tree_member(item, 3);

    *key = (struct tree_key){.limited = false};
    echo_map(e, names != NULL ? 3 : 2);
    echo_uint(e, 1);
    echo_negative(e, ALG_ED25519);
    echo_uint(e, 2);
    echo_bytes(e, raw);
    if (names != NULL) {
        echo_uint(e, 3);
        if (!read_components(names, key, e))
            return false;
    }
    return take_raw(raw, key);
}

static bool read_keys(const cbor_item_t *items, struct tree_trust *store, struct tree_echo *e)
{
    size_t count = tree_count(items);
    echo_array(e, count);
    if (count < 1 || count > BULLA_TRUST_KEYS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct tree_key *key = &store->keys[i];
        if (!read_key(tree_at(items, i), key, e))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (memcmp(store->keys[j].raw, key->raw, BULLA_KEY_SIZE) == 0)
                return false;
        }
    }
    store->key_count = (uint32_t)count;
    return true;
}

static bool read_pins(const cbor_item_t *pins, struct tree_echo *e)
{
    size_t count = tree_count(pins);
    echo_array(e, count);
    if (count > BULLA_TRUST_PINS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct bulla_bytes pin = tree_bytes(tree_at(pins, i));
        if (pin.len != BULLA_DIGEST_SIZE)
            return false;
        for (size_t j = 0; j < i; j++) {
            if (tree_same(tree_bytes(tree_at(pins, j)), pin))
                return false;
        }
        echo_bytes(e, pin);
    }
    return true;
}

/* OpenSSL's ASN.1 reader finds tag and length; encoding them again shows whether the length was
 * definite and in its shortest form. */
static bool is_one_sequence(struct bulla_bytes der)
{
    const unsigned char *content = der.data;
    unsigned char head[8], *end = head;
    long len = 0;
    int tag = 0, class = 0;
    if (der.len > BULLA_TRUST_ANCHOR_SIZE_MAX)
        return false;
    int kind = ASN1_get_object(&content, &len, &tag, &class, (long)der.len);
    if (kind != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL)
        return false;
    ASN1_put_object(&end, 1, (int)len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    size_t head_len = (size_t)(end - head);
    return head_len + (size_t)len == der.len && memcmp(head, der.data, head_len) == 0;
}

static bool read_anchors(const cbor_item_t *anchors, struct tree_echo *e)
{
    size_t count = tree_count(anchors);
    echo_array(e, count);
    if (count > BULLA_TRUST_ANCHORS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct bulla_bytes anchor = tree_bytes(tree_at(anchors, i));
        if (!is_one_sequence(anchor))
            return false;
        echo_bytes(e, anchor);
    }
    return true;
}

static bool read_store(const cbor_item_t *root, struct bulla_bytes file, struct tree_trust *store,
                       const char **why)
{
    struct tree_echo e = tree_echo_of(file);
    echo_map(&e, 5);
    echo_uint(&e, 1);
    echo_uint(&e, 1);
    echo_uint(&e, 2);
    bool small = tree_uint32(tree_member(root, 2), &store->threshold);
    echo_uint(&e, store->threshold);
    echo_uint(&e, 3);
    *why = "the keys are not 1 to 16 distinct ones with allowed points and names";
    if (!read_keys(tree_member(root, 3), store, &e))
        return false;
    *why = "the threshold is not between 1 and the number of keys";
    if (!small || store->threshold < 1 || store->threshold > store->key_count)
        return false;
    echo_uint(&e, 4);
    *why = "the pins are not up to 4 distinct ones of 32 bytes";
    if (!read_pins(tree_member(root, 4), &e))
        return false;
    echo_uint(&e, 5);
    *why = "the anchors are not up to 4 DER sequences";
    if (!read_anchors(tree_member(root, 5), &e))
        return false;
    *why = "the trust store is not encoded as version 1 of its content would be";
    return echo_whole(&e);
}

static bool read_pem(struct bulla_bytes file, struct tree_trust *store)
{
    BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    uint8_t raw[BULLA_KEY_SIZE];
    size_t len = sizeof raw;
    bool read = key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
                EVP_PKEY_get_raw_public_key(key, raw, &len) == 1 &&
                take_raw((struct bulla_bytes){raw, len}, &store->keys[0]);
    EVP_PKEY_free(key);
    BIO_free(bio);
    store->threshold = 1;
    store->key_count = read ? 1 : 0;
    return read;
}

/* The key keeps the components that this mention allows, too. */
static void restrict_key(struct tree_key *key, const struct tree_key *mention)
{
    uint32_t kept = 0;
    if (!mention->limited)
        return;
    if (!key->limited) {
        memcpy(key->components, mention->components, sizeof key->components);
        key->component_count = mention->component_count;
        key->limited = true;
        return;
    }
    for (uint32_t i = 0; i < key->component_count; i++) {
        if (allows(mention, name_of(&key->components[i])))
            key->components[kept++] = key->components[i];
    }
    key->component_count = kept;
}

static struct tree_key *find_key(struct tree_trust *trust, const uint8_t raw[BULLA_KEY_SIZE])
{
    for (uint32_t i = 0; i < trust->key_count; i++) {
        if (memcmp(trust->keys[i].raw, raw, BULLA_KEY_SIZE) == 0)
            return &trust->keys[i];
    }
    return NULL;
}

/* `united` is a copy of the trust: nothing of it counts when this fails. */
static bool unite(struct tree_trust *united, const struct tree_trust *store)
{
    for (uint32_t i = 0; i < store->key_count; i++) {
        struct tree_key *known = find_key(united, store->keys[i].raw);
        if (known != NULL)
            restrict_key(known, &store->keys[i]);
        else if (united->key_count == BULLA_TRUST_KEYS_MAX)
            return false;
        else
            united->keys[united->key_count++] = store->keys[i];
    }
    if (store->threshold > united->threshold)
        united->threshold = store->threshold;
    return true;
}

static bool load_keys(struct tree_trust *united)
{
    for (uint32_t i = 0; i < united->key_count; i++) {
        struct tree_key *key = &united->keys[i];
        if (key->loaded == NULL)
            key->loaded =
                EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->raw, BULLA_KEY_SIZE);
        if (key->loaded == NULL)
            return false;
    }
    return true;
}

/* Text with an armour in it. A store has members 1 to 5, and no text the byte of member 1. */
static bool is_pem(struct bulla_bytes file)
{
    static const char armour[] = "-----BEGIN";
    return file.len > 0 && memchr(file.data, 1, file.len) == NULL &&
           memmem(file.data, file.len, armour, sizeof armour - 1) != NULL;
}

static bool read_file(struct bulla_bytes file, struct tree_trust *store, const char **why)
{
    if (is_pem(file)) {
        *why = "the trust file is not a PEM public key that may be trusted";
        return file.len <= INT_MAX && read_pem(file, store);
    }
    cbor_item_t *root = tree_load(file);
    *why = "the trust store is not one CBOR item";
    bool read = root != NULL && read_store(root, file, store, why);
    tree_free(root);
    return read;
}

bool tree_trust_add(struct tree_trust *trust, struct bulla_bytes file, const char **why)
{
    struct tree_trust store = {.threshold = 0};
    struct tree_trust united = *trust;

    if (!read_file(file, &store, why))
        return false;
    *why = "the trust files hold more keys together than a store can";
    if (!unite(&united, &store))
        return false;
    *trust = united; /* from here on what is loaded has an owner */
    *why = "a key could not be loaded";
    if (!load_keys(trust))
        return false;
    *why = NULL;
    return true;
}

void tree_trust_free(struct tree_trust *trust)
{
    for (uint32_t i = 0; i < trust->key_count; i++)
        EVP_PKEY_free(trust->keys[i].loaded);
    memset(trust, 0, sizeof *trust);
}
