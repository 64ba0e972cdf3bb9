/* SPDX-License-Identifier: Apache-2.0 */
/* A trust store in words and in JSON. Component names and certificate subjects are anybody's
 * bytes: shown escaped. */

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "bulla/cbor.h"
#include "bulla/crypto.h"
#include "bulla_key.h"

/* Takes `value` over, as jansson's *_new functions do. */
static bool set(json_t *object, const char *member, json_t *value)
{
    return json_object_set_new(object, member, value) == 0;
}

/* Components of a key: array of names, or null for every component. */
static json_t *names_json(struct bulla_bytes names)
{
    struct bulla_cbor r;

    if (names.len == 0)
        return json_null();
    json_t *list = json_array();
    bulla_cbor_init(&r, names);
    uint64_t count = bulla_cbor_array(&r);
    for (uint64_t i = 0; i < count && r.failed == BULLA_OK; i++) {
        char *text = host_escape(bulla_cbor_bstr(&r));
        (void)json_array_append_new(list, text != NULL ? json_string(text) : NULL);
        free(text);
    }
    return list;
}

static bool describe_key(const struct bulla_trust_key *key, json_t *list)
{
    char id[2 * BULLA_KEY_ID_SIZE + 1];
    char hex[2 * BULLA_KEY_SIZE + 1];
    json_t *entry = json_object();

    host_hex((struct bulla_bytes){key->id, BULLA_KEY_ID_SIZE}, id);
    host_hex((struct bulla_bytes){key->key, BULLA_KEY_SIZE}, hex);
    bool made = set(entry, "id", json_string(id)) &&
                set(entry, "algorithm", json_string("Ed25519")) &&
                set(entry, "public_key", json_string(hex)) &&
                set(entry, "components", names_json(key->names));
    return json_array_append_new(list, entry) == 0 && made;
}

/* RFC 2253 text of a name, non-ASCII as UTF-8. */
static json_t *name_json(const X509_NAME *name)
{
    char *data = NULL;
    json_t *value = NULL;
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
            0) {
        long len = BIO_get_mem_data(bio, &data);
        char *text = host_escape((struct bulla_bytes){(const uint8_t *)data, (size_t)len});
        if (text != NULL)
            value = json_string(text);
        free(text);
    }
    BIO_free(bio);
    return value;
}

/* "2035-01-31T00:00:00Z" */
static json_t *time_json(const ASN1_TIME *time)
{
    struct tm tm;
    char text[32];

    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(text, sizeof text, "%FT%TZ", &tm) == 0)
        return json_string("not a date");
    return json_string(text);
}

static bool describe_anchor(struct bulla_bytes anchor, json_t *list)
{
    const unsigned char *p = anchor.data;
    X509 *certificate = d2i_X509(NULL, &p, (long)anchor.len);
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE];
    char hex[2 * BULLA_DIGEST_SIZE + 1];

    if (certificate == NULL)
        return false;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, anchor);
    bool made = bulla_sha256_finish(&hash, digest) == BULLA_OK;
    host_hex((struct bulla_bytes){digest, sizeof digest}, hex);
    json_t *entry = json_object();
    made = set(entry, "subject", name_json(X509_get_subject_name(certificate))) && made;
    made = set(entry, "issuer", name_json(X509_get_issuer_name(certificate))) && made;
    made = set(entry, "not_before", time_json(X509_get0_notBefore(certificate))) && made;
    made = set(entry, "not_after", time_json(X509_get0_notAfter(certificate))) && made;
    made = set(entry, "sha256", json_string(hex)) && made;
    made = set(entry, "size", json_integer((json_int_t)anchor.len)) && made;
    X509_free(certificate);
    return json_array_append_new(list, entry) == 0 && made;
}

/* The whole store as one object; NULL on no memory. */
static json_t *store_json(const struct bulla_trust *trust)
{
    json_t *store = json_object();
    json_t *keys = json_array();
    json_t *pins = json_array();
    json_t *anchors = json_array();
    char text[64];

    bool made = set(store, "threshold", json_integer((json_int_t)trust->threshold));
    for (uint32_t i = 0; i < trust->key_count; i++)
        made = describe_key(&trust->keys[i], keys) && made;
    for (uint32_t i = 0; i < trust->pin_count; i++) {
        keys_pin_text(trust->pins[i], text);
        made = json_array_append_new(pins, json_string(text)) == 0 && made;
    }
    for (uint32_t i = 0; i < trust->anchor_count; i++)
        made = describe_anchor(trust->anchors[i], anchors) && made;
    made = set(store, "keys", keys) && made;
    made = set(store, "pins", pins) && made;
    made = set(store, "anchors", anchors) && made;
    if (made)
        return store;
    json_decref(store);
    return NULL;
}

static const char *text_of(const json_t *entry, const char *member)
{
    const char *text = json_string_value(json_object_get(entry, member));
    return text != NULL ? text : "";
}

static void say_key(const struct host_tool *tool, const json_t *key)
{
    const json_t *names = json_object_get(key, "components");
    const json_t *name;
    size_t i;

    host_say(tool, "key %s", text_of(key, "id"));
    host_say(tool, "  algorithm: %s", text_of(key, "algorithm"));
    host_say(tool, "  public key: %s", text_of(key, "public_key"));
    if (json_is_null(names))
        host_say(tool, "  component: every one");
    json_array_foreach(names, i, name) host_say(tool, "  component: %s", json_string_value(name));
}

static void say_store(const struct host_tool *tool, const json_t *store)
{
    const json_t *entry;
    size_t i;

    host_say(tool, "threshold: %d of %zu",
             (int)json_integer_value(json_object_get(store, "threshold")),
             json_array_size(json_object_get(store, "keys")));
    json_array_foreach(json_object_get(store, "keys"), i, entry) say_key(tool, entry);
    json_array_foreach(json_object_get(store, "pins"), i, entry)
        host_say(tool, "pin %s", json_string_value(entry));
    json_array_foreach(json_object_get(store, "anchors"), i, entry)
    {
        host_say(tool, "anchor %s", text_of(entry, "subject"));
        host_say(tool, "  issuer: %s", text_of(entry, "issuer"));
        host_say(tool, "  valid: %s to %s", text_of(entry, "not_before"),
                 text_of(entry, "not_after"));
        host_say(tool, "  sha256: %s (%d bytes)", text_of(entry, "sha256"),
                 (int)json_integer_value(json_object_get(entry, "size")));
    }
}

bool describe_trust(struct host_tool *tool, const struct bulla_trust *trust)
{
    json_t *store = store_json(trust);
    bool made = store != NULL;

    if (made && tool->json)
        made = json_object_update(tool->doc, store) == 0;
    else if (made)
        say_store(tool, store);
    json_decref(store);
    return made;
}
