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

/* One image as it is sealed. */
struct part {
    const char *component;
    const char *name; /* of a module, else NULL */
    const char *uri;
    struct bulla_bytes bytes;
    char list_key[48];
    struct seal_buffer list;
};

static void image_of(struct seal_buffer *b, const void *bytes, size_t len)
{
    struct seal_buffer digest = {0};

    head(b, UINT, 3);
    digest_of(&digest, bytes, len);
    wrap(b, &digest);
    head(b, UINT, 14);
    head(b, UINT, len);
}

static void shared_of(struct seal_buffer *b, const struct seal_options *o, const struct part *parts,
                      size_t count)
{
    head(b, ARRAY, 4 + 8 * count);
    for (size_t i = 0; i < count; i++) {
        numbers(b, (const int[]){12, 2 * (int)i, 20}, 3);
        head(b, MAP, i == 0 ? 4 : 2);
        if (i == 0) {
            head(b, UINT, 1);
            bstr(b, o->vendor_id, BULLA_UUID_SIZE);
            head(b, UINT, 2);
            bstr(b, o->class_id, BULLA_UUID_SIZE);
        }
        image_of(b, parts[i].bytes.data, parts[i].bytes.len);
        if (i == 0)
            numbers(b, (const int[]){1, 15, 2, 15}, 4);
        numbers(b, (const int[]){12, 2 * (int)i + 1, 20}, 3);
        head(b, MAP, 2);
        image_of(b, parts[i].list.data, parts[i].list.len);
    }
}

static void component_of(struct seal_buffer *b, const struct part *part, bool list)
{
    head(b, ARRAY, 1u + (part->name != NULL ? 1u : 0u) + (list ? 1u : 0u));
    bstr(b, part->component, strlen(part->component));
    if (part->name != NULL)
        bstr(b, part->name, strlen(part->name));
    if (list)
        bstr(b, "#", 1);
}

static void common_of(struct seal_buffer *b, const struct seal_options *o, const struct part *parts,
                      size_t count)
{
    struct seal_buffer shared = {0};

    head(b, MAP, 2);
    head(b, UINT, 2);
    head(b, ARRAY, 2 * count);
    for (size_t i = 0; i < count; i++) {
        component_of(b, &parts[i], false);
        component_of(b, &parts[i], true);
    }
    head(b, UINT, 4);
    shared_of(&shared, o, parts, count);
    wrap(b, &shared);
}

static void install_of(struct seal_buffer *b, const struct part *parts, size_t count)
{
    head(b, ARRAY, 16 * count);
    for (size_t i = 0; i < count; i++) {
        const char *texts[] = {parts[i].list_key, parts[i].uri};
        for (size_t j = 0; j < 2; j++) {
            numbers(b, (const int[]){12, 2 * (int)i + 1 - (int)j, 20}, 3);
            head(b, MAP, 1);
            head(b, UINT, 21);
            head(b, TSTR, strlen(texts[j]));
            add(b, texts[j], strlen(texts[j]));
            numbers(b, (const int[]){21, 2, 3, 15}, 4);
        }
    }
}

/* {"en": {1: "a test"}} */
static const uint8_t text_item[] = {0xa1, 0x62, 'e', 'n', 0xa1, 0x01, 0x66,
                                    'a',  ' ',  't', 'e', 's',  't'};

static void manifest_of(struct seal_buffer *b, const struct seal_options *o,
                        const struct part *parts, size_t count)
{
    struct seal_buffer part = {0};

    head(b, MAP, o->text ? 6 : 5);
    numbers(b, (const int[]){1, 1, 2}, 3);
    head(b, UINT, o->sequence);
    head(b, UINT, 3);
    common_of(&part, o, parts, count);
    wrap(b, &part);
    head(b, UINT, 7);
    head(&part, ARRAY, 4 * count);
    for (size_t i = 0; i < count; i++)
        numbers(&part, (const int[]){12, 2 * (int)i, 3, 15}, 4);
    wrap(b, &part);
    head(b, UINT, 20);
    install_of(&part, parts, count);
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

/* Which of two lists comes first: the shorter name, then bytewise. */
static int by_list_key(const void *a, const void *b)
{
    const char *one = ((const struct part *)a)->list_key;
    const char *other = ((const struct part *)b)->list_key;

    if (strlen(one) != strlen(other))
        return strlen(one) < strlen(other) ? -1 : 1;
    return strcmp(one, other);
}

/* Frees the lists. */
static void envelope_of(struct seal_buffer *out, struct part *parts, size_t count,
                        const struct seal_options *options, const struct seal_key *key)
{
    struct seal_buffer manifest = {0};
    struct seal_buffer wrapper = {0};

    for (size_t i = 0; i < count; i++) {
        strncpy(parts[i].list_key, "#", sizeof(parts[i].list_key));
        strncat(parts[i].list_key, parts[i].component, 10);
        if (parts[i].name != NULL) {
            strncat(parts[i].list_key, "/", 2);
            strncat(parts[i].list_key, parts[i].name, 32);
        }
        list_of(&parts[i].list, parts[i].bytes);
    }
    manifest_of(&manifest, options, parts, count);
    wrapper_of(&wrapper, &manifest, key);
    memset(out, 0, sizeof(*out));
    head(out, TAG, 107);
    head(out, MAP, 2u + count + (options->text ? 1u : 0u) + (options->bundle ? 1u : 0u));
    head(out, UINT, 2);
    wrap(out, &wrapper);
    head(out, UINT, 3);
    wrap(out, &manifest);
    if (options->text) {
        head(out, UINT, 23);
        bstr(out, text_item, sizeof(text_item));
    }
    qsort(parts, count, sizeof(*parts), by_list_key);
    for (size_t i = 0; i < count; i++) {
        head(out, TSTR, strlen(parts[i].list_key));
        add(out, parts[i].list_key, strlen(parts[i].list_key));
        wrap(out, &parts[i].list);
    }
    if (options->bundle) {
        head(out, TSTR, strlen(parts[0].uri));
        add(out, parts[0].uri, strlen(parts[0].uri));
        bstr(out, parts[0].bytes.data, parts[0].bytes.len);
    }
}

void seal_envelope(struct bulla_bytes image, const struct seal_options *options,
                   const struct seal_key *key, struct seal_buffer *out)
{
    struct part part = {.component = options->component != NULL ? options->component : "app",
                        .uri = options->uri != NULL ? options->uri : "app.bin",
                        .bytes = image};

    envelope_of(out, &part, 1, options, key);
}

void seal_images(const struct seal_image *images, size_t count, const struct seal_options *options,
                 const struct seal_key *key, struct seal_buffer *out)
{
    struct part parts[BULLA_IMAGES_MAX];

    if (count > BULLA_IMAGES_MAX)
        abort();
    memset(parts, 0, sizeof(parts));
    for (size_t i = 0; i < count; i++) {
        parts[i].component = images[i].name != NULL ? "module" : "app";
        parts[i].name = images[i].name;
        parts[i].uri = images[i].uri;
        parts[i].bytes = images[i].bytes;
    }
    envelope_of(out, parts, count, options, key);
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
