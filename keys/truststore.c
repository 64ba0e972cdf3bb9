/* SPDX-License-Identifier: Apache-2.0 */
/* One trust store out of one or more files. The core decodes and judges each store; here they
 * are united, and what only a host checks is checked: prime order, published test keys, anchors. */

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "bulla/cbor.h"
#include "pem.h"

/* Array head and names with their heads: an intersection never needs more. */
#define NAMES_SIZE (1u + BULLA_TRUST_NAMES_MAX * (2u + BULLA_COMPONENT_NAME_MAX))

static bool anchor_parses(struct bulla_bytes anchor)
{
    const unsigned char *p = anchor.data;
    X509 *certificate = d2i_X509(NULL, &p, (long)anchor.len);
    bool whole = certificate != NULL && p == anchor.data + anchor.len;

    X509_free(certificate);
    return whole;
}

enum bulla_status keys_trust_check(const struct bulla_trust *trust, char why[256])
{
    for (uint32_t i = 0; i < trust->key_count; i++) {
        const struct bulla_trust_key *key = &trust->keys[i];
        char id[2 * BULLA_KEY_ID_SIZE + 1];
        host_hex((struct bulla_bytes){key->id, BULLA_KEY_ID_SIZE}, id);
        if (!keys_prime_order(key->key))
            return keys_refuse(why, BULLA_E_TRUST_KEY_INVALID,
                               "key %s is not a canonical point of prime order", id);
        if (keys_is_test_key(key->key))
            return keys_refuse(why, BULLA_E_TRUST_TEST_KEY,
                               "key %s is a published test key, its private key is public", id);
    }
    for (uint32_t i = 0; i < trust->anchor_count; i++) {
        if (!anchor_parses(trust->anchors[i]))
            return keys_refuse(why, BULLA_E_TRUST_ANCHOR, "anchor %u is not an X.509 certificate",
                               (unsigned)i + 1);
    }
    return BULLA_OK;
}

/* The names of `a` that `b` allows too, encoded into out. None left is the empty array: a key
 * for no component, which is not the empty span of a key for every component. */
static struct bulla_bytes intersect(const struct bulla_trust_key *a,
                                    const struct bulla_trust_key *b, uint8_t out[NAMES_SIZE])
{
    uint8_t made[NAMES_SIZE]; /* a's names may lie in `out` */
    size_t len = 1;
    uint8_t kept = 0;
    struct bulla_cbor r;

    bulla_cbor_init(&r, a->names);
    uint64_t count = bulla_cbor_array(&r);
    for (uint64_t i = 0; i < count && i < BULLA_TRUST_NAMES_MAX; i++) {
        const uint8_t *start = r.left.data;
        struct bulla_bytes name = bulla_cbor_bstr(&r);
        size_t encoded = (size_t)(r.left.data - start);
        if (r.failed != BULLA_OK || encoded > sizeof made - len)
            break; /* cannot be: the names were decoded before */
        if (!bulla_trust_key_may(b, name))
            continue;
        memcpy(made + len, start, encoded);
        len += encoded;
        kept++;
    }
    made[0] = (uint8_t)(0x80u + kept);
    memcpy(out, made, len);
    return (struct bulla_bytes){out, len};
}

/* Another mention of key i: it keeps only what this mention allows as well. */
static void restrict_key(struct keys_trust *t, uint32_t i, const struct bulla_trust_key *mention)
{
    struct bulla_trust_key *key = &t->trust.keys[i];

    if (mention->names.len == 0)
        return;
    if (key->names.len == 0)
        key->names = mention->names;
    else
        key->names = intersect(key, mention, t->encoded.data + (size_t)i * NAMES_SIZE);
}

static enum bulla_status add_key(struct keys_trust *t, const struct bulla_trust_key *mention,
                                 char why[256])
{
    struct bulla_trust *all = &t->trust;

    for (uint32_t i = 0; i < all->key_count; i++) {
        if (bulla_digest_equal(all->keys[i].key, mention->key)) {
            restrict_key(t, i, mention);
            return BULLA_OK;
        }
    }
    if (all->key_count == BULLA_TRUST_KEYS_MAX)
        return keys_refuse(why, BULLA_E_USAGE, "the trust files hold more than %u keys together",
                           BULLA_TRUST_KEYS_MAX);
    all->keys[all->key_count++] = *mention;
    return BULLA_OK;
}

static enum bulla_status add_pin(struct bulla_trust *all, const uint8_t *pin, char why[256])
{
    for (uint32_t i = 0; i < all->pin_count; i++) {
        if (bulla_digest_equal(all->pins[i], pin))
            return BULLA_OK;
    }
    if (all->pin_count == BULLA_TRUST_PINS_MAX)
        return keys_refuse(why, BULLA_E_USAGE, "the trust files hold more than %u pins together",
                           BULLA_TRUST_PINS_MAX);
    all->pins[all->pin_count++] = pin;
    return BULLA_OK;
}

static enum bulla_status add_anchor(struct bulla_trust *all, struct bulla_bytes anchor,
                                    char why[256])
{
    for (uint32_t i = 0; i < all->anchor_count; i++) {
        if (bulla_bytes_equal(all->anchors[i], anchor))
            return BULLA_OK;
    }
    if (all->anchor_count == BULLA_TRUST_ANCHORS_MAX)
        return keys_refuse(why, BULLA_E_USAGE, "the trust files hold more than %u anchors together",
                           BULLA_TRUST_ANCHORS_MAX);
    all->anchors[all->anchor_count++] = anchor;
    return BULLA_OK;
}

static enum bulla_status add_store(struct keys_trust *t, struct bulla_bytes content,
                                   const char *path, char why[256])
{
    struct bulla_trust store;
    char detail[256];

    enum bulla_status status = bulla_trust_decode(content, &store);
    if (status != BULLA_OK)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: neither a PEM public key nor a trust store: %s: %s", path,
                           bulla_status_name(status), bulla_status_sentence(status));
    status = keys_trust_check(&store, detail);
    if (status != BULLA_OK)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: %s: %.120s", path,
                           bulla_status_name(status), detail);

    for (uint32_t i = 0; status == BULLA_OK && i < store.key_count; i++)
        status = add_key(t, &store.keys[i], why);
    for (uint32_t i = 0; status == BULLA_OK && i < store.pin_count; i++)
        status = add_pin(&t->trust, store.pins[i], why);
    for (uint32_t i = 0; status == BULLA_OK && i < store.anchor_count; i++)
        status = add_anchor(&t->trust, store.anchors[i], why);
    if (store.threshold > t->trust.threshold)
        t->trust.threshold = store.threshold;
    return status;
}

static enum bulla_status add_pem(struct keys_trust *t, struct bulla_bytes content, const char *path,
                                 uint8_t key[32], char why[256])
{
    struct bulla_trust_key mention = {.key = key};

    enum bulla_status status = keys_public_of_pem(content, path, key, why);
    if (status != BULLA_OK)
        return BULLA_E_USAGE; /* a trust file that cannot be used: nothing was judged yet */
    keys_id(key, mention.id);
    return add_key(t, &mention, why);
}

static enum bulla_status add_file(struct keys_trust *t, const char *path, char why[256])
{
    size_t i = t->file_count;

    if (host_read_file(path, KEYS_FILE_MAX, &t->files[i]) != BULLA_OK)
        return keys_cannot_read(why, path);
    t->file_count++;
    struct bulla_bytes content = {t->files[i].data, t->files[i].len};
    if (keys_is_pem(content))
        return add_pem(t, content, path, t->pem_keys[i], why);
    return add_store(t, content, path, why);
}

static enum bulla_status unite(const char *const *paths, size_t count, uint32_t min_threshold,
                               struct keys_trust *t, char why[256])
{
    t->trust.threshold = min_threshold > 0 ? min_threshold : 1;
    for (size_t i = 0; i < count; i++) {
        enum bulla_status status = add_file(t, paths[i], why);
        if (status != BULLA_OK)
            return status;
    }
    if (t->trust.threshold > t->trust.key_count)
        return keys_refuse(why, BULLA_E_USAGE,
                           "the threshold is %u signatures, the trust files hold %u key(s)",
                           (unsigned)t->trust.threshold, (unsigned)t->trust.key_count);
    return BULLA_OK;
}

enum bulla_status keys_trust_load(const char *const *paths, size_t count, uint32_t min_threshold,
                                  struct keys_trust *out, char why[256])
{
    enum bulla_status status;

    *out = (struct keys_trust){0};
    if (count == 0)
        return keys_refuse(why, BULLA_E_USAGE, "expected at least one trust file");
    out->files = calloc(count, sizeof *out->files);
    out->pem_keys = calloc(count, sizeof *out->pem_keys);
    out->encoded.len = (size_t)BULLA_TRUST_KEYS_MAX * NAMES_SIZE;
    out->encoded.data = calloc(1, out->encoded.len);
    if (out->files == NULL || out->pem_keys == NULL || out->encoded.data == NULL)
        status = keys_refuse(why, BULLA_E_IO, "out of memory");
    else
        status = unite(paths, count, min_threshold, out, why);
    if (status != BULLA_OK)
        keys_trust_free(out);
    return status;
}

void keys_trust_free(struct keys_trust *trust)
{
    for (size_t i = 0; i < trust->file_count; i++)
        host_buffer_free(&trust->files[i]);
    free(trust->files);
    free(trust->pem_keys);
    host_buffer_free(&trust->encoded);
    *trust = (struct keys_trust){0};
}
