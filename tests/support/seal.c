/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic CBOR, written as the format's page says it, byte by byte. */

#include "seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define UINT  0u
#define NINT  1u
#define BSTR  2u
#define TSTR  3u
#define ARRAY 4u
#define MAP   5u
#define TAG   6u

void seal_key_make(struct seal_key *key)
{
    if (sodium_init() < 0 || crypto_sign_keypair(key->public_key, key->secret) != 0)
        abort();
}

void seal_buffer_free(struct seal_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof(*buffer));
}

static void add(struct seal_buffer *b, const void *bytes, size_t len)
{
    if (b->len + len > b->size) {
        b->size = 2 * (b->len + len) + 64;
        b->data = realloc(b->data, b->size);
        if (b->data == NULL)
            abort();
    }
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

static void head(struct seal_buffer *b, unsigned major, uint64_t value)
{
    uint8_t bytes[9];
    unsigned width = value < 24 ? 0u : value < 0x100 ? 1u : value < 0x10000 ? 2u : 4u;
    unsigned info = width == 0 ? (unsigned)value : width == 1 ? 24u : width == 2 ? 25u : 26u;

    bytes[0] = (uint8_t)(major << 5 | info);
    for (unsigned i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    add(b, bytes, 1 + width);
}

static void bstr(struct seal_buffer *b, const void *bytes, size_t len)
{
    head(b, BSTR, len);
    add(b, bytes, len);
}

/* Wrap what `inner` holds into a byte string, and empty it. */
static void wrap(struct seal_buffer *b, struct seal_buffer *inner)
{
    bstr(b, inner->data, inner->len);
    seal_buffer_free(inner);
}

static void numbers(struct seal_buffer *b, const int *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        head(b, values[i] < 0 ? NINT : UINT,
             (uint64_t)(values[i] < 0 ? -1 - values[i] : values[i]));
}

/* [-16, SHA-256 of bytes] */
static void digest_of(struct seal_buffer *b, const void *bytes, size_t len)
{
    uint8_t digest[32];

    crypto_hash_sha256(digest, bytes, len);
    head(b, ARRAY, 2);
    head(b, NINT, 15);
    bstr(b, digest, sizeof(digest));
}

static void list_of(struct seal_buffer *b, struct bulla_bytes image)
{
    size_t count = (image.len + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE;

    head(b, ARRAY, 4);
    head(b, NINT, 15);
    head(b, UINT, BULLA_SECTOR_SIZE);
    head(b, UINT, image.len);
    head(b, BSTR, count * 32);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[32];
        size_t at = i * BULLA_SECTOR_SIZE;
        size_t len = image.len - at < BULLA_SECTOR_SIZE ? image.len - at : BULLA_SECTOR_SIZE;
        crypto_hash_sha256(digest, image.data + at, len);
        add(b, digest, sizeof(digest));
    }
}

static void shared_of(struct seal_buffer *b, struct bulla_bytes image, const struct seal_options *o,
                      const struct seal_buffer *list)
{
    struct seal_buffer digest = {0};

    head(b, ARRAY, 12);
    numbers(b, (const int[]){12, 0, 20}, 3);
    head(b, MAP, 4);
    head(b, UINT, 1);
    bstr(b, o->vendor_id, BULLA_UUID_SIZE);
    head(b, UINT, 2);
    bstr(b, o->class_id, BULLA_UUID_SIZE);
    head(b, UINT, 3);
    digest_of(&digest, image.data, image.len);
    wrap(b, &digest);
    head(b, UINT, 14);
    head(b, UINT, image.len);
    numbers(b, (const int[]){1, 15, 2, 15, 12, 1, 20}, 7);
    head(b, MAP, 2);
    head(b, UINT, 3);
    digest_of(&digest, list->data, list->len);
    wrap(b, &digest);
    head(b, UINT, 14);
    head(b, UINT, list->len);
}

static void common_of(struct seal_buffer *b, struct bulla_bytes image, const struct seal_options *o,
                      const char *component, const struct seal_buffer *list)
{
    struct seal_buffer shared = {0};

    head(b, MAP, 2);
    head(b, UINT, 2);
    head(b, ARRAY, 2);
    head(b, ARRAY, 1);
    bstr(b, component, strlen(component));
    head(b, ARRAY, 2);
    bstr(b, component, strlen(component));
    bstr(b, "#", 1);
    head(b, UINT, 4);
    shared_of(&shared, image, o, list);
    wrap(b, &shared);
}

static void install_of(struct seal_buffer *b, const char *list_key, const char *uri)
{
    head(b, ARRAY, 16);
    numbers(b, (const int[]){12, 1, 20}, 3);
    head(b, MAP, 1);
    head(b, UINT, 21);
    head(b, TSTR, strlen(list_key));
    add(b, list_key, strlen(list_key));
    numbers(b, (const int[]){21, 2, 3, 15, 12, 0, 20}, 7);
    head(b, MAP, 1);
    head(b, UINT, 21);
    head(b, TSTR, strlen(uri));
    add(b, uri, strlen(uri));
    numbers(b, (const int[]){21, 2, 3, 15}, 4);
}

/* {"en": {1: "a test"}} */
static const uint8_t text_item[] = {0xa1, 0x62, 'e', 'n', 0xa1, 0x01, 0x66,
                                    'a',  ' ',  't', 'e', 's',  't'};

static void manifest_of(struct seal_buffer *b, struct bulla_bytes image,
                        const struct seal_options *o, const char *component, const char *uri,
                        const char *list_key, const struct seal_buffer *list)
{
    struct seal_buffer part = {0};

    head(b, MAP, o->text ? 6 : 5);
    numbers(b, (const int[]){1, 1, 2}, 3);
    head(b, UINT, o->sequence);
    head(b, UINT, 3);
    common_of(&part, image, o, component, list);
    wrap(b, &part);
    head(b, UINT, 7);
    head(&part, ARRAY, 4);
    numbers(&part, (const int[]){12, 0, 3, 15}, 4);
    wrap(b, &part);
    head(b, UINT, 20);
    install_of(&part, list_key, uri);
    wrap(b, &part);
    if (o->text) {
        head(b, UINT, 23);
        bstr(&part, text_item, sizeof(text_item));
        digest_of(b, part.data, part.len);
        seal_buffer_free(&part);
    }
}

/* ["Signature1", protected, '', digest] signed, as a COSE_Sign1 block. */
static void block_of(struct seal_buffer *b, const struct seal_buffer *digest,
                     const struct seal_key *key)
{
    static const uint8_t protected_header[] = {0xa1, 0x01, 0x32};
    struct seal_buffer tbs = {0};
    uint8_t signature[64];
    uint8_t id[32];

    head(&tbs, ARRAY, 4);
    head(&tbs, TSTR, 10);
    add(&tbs, "Signature1", 10);
    bstr(&tbs, protected_header, sizeof(protected_header));
    bstr(&tbs, "", 0);
    bstr(&tbs, digest->data, digest->len);
    crypto_sign_detached(signature, NULL, tbs.data, tbs.len, key->secret);
    seal_buffer_free(&tbs);
    crypto_hash_sha256(id, key->public_key, sizeof(key->public_key));

    head(b, TAG, 18);
    head(b, ARRAY, 4);
    bstr(b, protected_header, sizeof(protected_header));
    head(b, MAP, 1);
    head(b, UINT, 4);
    bstr(b, id, BULLA_KEY_ID_SIZE);
    add(b, "\xf6", 1);
    bstr(b, signature, sizeof(signature));
}

static void wrapper_of(struct seal_buffer *b, const struct seal_buffer *manifest,
                       const struct seal_key *key)
{
    struct seal_buffer bytes = {0};
    struct seal_buffer digest = {0};
    struct seal_buffer block = {0};

    bstr(&bytes, manifest->data, manifest->len); /* the digest covers the head, too */
    digest_of(&digest, bytes.data, bytes.len);
    seal_buffer_free(&bytes);
    block_of(&block, &digest, key);
    head(b, ARRAY, 2);
    wrap(b, &digest);
    wrap(b, &block);
}

void seal_envelope(struct bulla_bytes image, const struct seal_options *options,
                   const struct seal_key *key, struct seal_buffer *out)
{
    const char *component = options->component != NULL ? options->component : "app";
    const char *uri = options->uri != NULL ? options->uri : "app.bin";
    char list_key[40] = "#";
    struct seal_buffer list = {0};
    struct seal_buffer manifest = {0};
    struct seal_buffer wrapper = {0};

    strncat(list_key, component, sizeof(list_key) - 2);
    list_of(&list, image);
    manifest_of(&manifest, image, options, component, uri, list_key, &list);
    wrapper_of(&wrapper, &manifest, key);
    memset(out, 0, sizeof(*out));
    head(out, TAG, 107);
    head(out, MAP, 3u + (options->text ? 1u : 0u) + (options->bundle ? 1u : 0u));
    head(out, UINT, 2);
    wrap(out, &wrapper);
    head(out, UINT, 3);
    wrap(out, &manifest);
    if (options->text) {
        head(out, UINT, 23);
        bstr(out, text_item, sizeof(text_item));
    }
    head(out, TSTR, strlen(list_key));
    add(out, list_key, strlen(list_key));
    wrap(out, &list);
    if (options->bundle) {
        head(out, TSTR, strlen(uri));
        add(out, uri, strlen(uri));
        bstr(out, image.data, image.len);
    }
}

/* Bytes of the byte string that begins here, its head included; lengths below 65536. */
static size_t bstr_span(const uint8_t *at)
{
    if ((at[0] & 0x1f) < 24)
        return 1u + (at[0] & 0x1f);
    if ((at[0] & 0x1f) == 24)
        return 2u + at[1];
    return 3u + ((size_t)at[1] << 8 | at[2]);
}

size_t seal_head_len(const struct seal_buffer *envelope)
{
    size_t at = 4; /* tag, map, key 2 */

    at += bstr_span(envelope->data + at);
    at += 1; /* key 3 */
    return at + bstr_span(envelope->data + at);
}

void seal_trust(const struct seal_key *key, struct seal_buffer *out)
{
    static const uint8_t pin[32] = {1};

    memset(out, 0, sizeof(*out));
    head(out, MAP, 5);
    numbers(out, (const int[]){1, 1, 2, 1, 3}, 5);
    head(out, ARRAY, 1);
    head(out, MAP, 2);
    numbers(out, (const int[]){1, -19, 2}, 3);
    bstr(out, key->public_key, BULLA_KEY_SIZE);
    head(out, UINT, 4);
    head(out, ARRAY, 1);
    bstr(out, pin, sizeof(pin));
    head(out, UINT, 5);
    head(out, ARRAY, 0);
}
