/* SPDX-License-Identifier: Apache-2.0 */
/* Facts to bytes: the manifest, wrapper and envelope of docs/FORMAT.md in deterministic CBOR,
 * every head written by libcbor. It judges nothing; judge.c reads the result back. */

#include <cbor.h>
#include <string.h>

#include "signer.h"

#define ALG_SHA256       (-16)
#define ALG_ED25519      (-19)
#define TAG_SUIT         107u
#define TAG_SIGN1        18u
#define REPORT_CONDITION 15u /* record success and failure, with system information */
#define REPORT_FETCH     2u  /* record failure */

/* Commands and parameters (draft-ietf-suit-manifest, registries) */
enum {
    CONDITION_VENDOR = 1,
    CONDITION_CLASS = 2,
    CONDITION_IMAGE_MATCH = 3,
    DIRECTIVE_COMPONENT_INDEX = 12,
    DIRECTIVE_OVERRIDE = 20,
    DIRECTIVE_FETCH = 21,
    PARAMETER_VENDOR = 1,
    PARAMETER_CLASS = 2,
    PARAMETER_DIGEST = 3,
    PARAMETER_SIZE = 14,
    PARAMETER_URI = 21,
};

/* Bytes written so far; `full` is sticky and makes the result 0. */
struct out {
    uint8_t *data;
    size_t size;
    size_t len;
    bool full;
};

/* libcbor's encoders return what they wrote, 0 when it did not fit. */
static void took(struct out *o, size_t n)
{
    o->full = o->full || n == 0;
    o->len += n;
}

#define ROOM(o) (o)->data + (o)->len, (o)->size - (o)->len

static void put_int(struct out *o, int64_t value)
{
    if (value < 0)
        took(o, cbor_encode_negint((uint64_t)(-(value + 1)), ROOM(o)));
    else
        took(o, cbor_encode_uint((uint64_t)value, ROOM(o)));
}

static void put_raw(struct out *o, struct bulla_bytes bytes)
{
    if (o->full || bytes.len > o->size - o->len) {
        o->full = true;
        return;
    }
    if (bytes.len > 0)
        memcpy(o->data + o->len, bytes.data, bytes.len);
    o->len += bytes.len;
}

static void put_array(struct out *o, size_t count)
{
    took(o, cbor_encode_array_start(count, ROOM(o)));
}

static void put_map(struct out *o, size_t count)
{
    took(o, cbor_encode_map_start(count, ROOM(o)));
}

static void put_bstr(struct out *o, struct bulla_bytes content)
{
    took(o, cbor_encode_bytestring_start(content.len, ROOM(o)));
    put_raw(o, content);
}

static void put_tstr(struct out *o, struct bulla_bytes content)
{
    took(o, cbor_encode_string_start(content.len, ROOM(o)));
    put_raw(o, content);
}

/* bstr .cbor of what `inner` holds */
static void put_wrapped(struct out *o, const struct out *inner)
{
    o->full = o->full || inner->full;
    put_bstr(o, (struct bulla_bytes){inner->data, inner->len});
}

static size_t result(const struct out *o)
{
    return o->full ? 0 : o->len;
}

static void put_pair(struct out *o, int64_t first, int64_t second)
{
    put_int(o, first);
    put_int(o, second);
}

static void put_digest(struct out *o, const uint8_t digest[BULLA_DIGEST_SIZE])
{
    put_array(o, 2);
    put_int(o, ALG_SHA256);
    put_bstr(o, (struct bulla_bytes){digest, BULLA_DIGEST_SIZE});
}

/* 3: bstr .cbor digest, 14: size */
static void put_image_facts(struct out *o, const uint8_t digest[BULLA_DIGEST_SIZE], uint32_t size)
{
    uint8_t room[DIGEST_BSTR_SIZE];
    struct out inner = {room, sizeof(room), 0, false};

    put_digest(&inner, digest);
    put_int(o, PARAMETER_DIGEST);
    put_wrapped(o, &inner);
    put_pair(o, PARAMETER_SIZE, size);
}

static void put_ids(struct out *o, const struct bulla_image *image)
{
    put_int(o, PARAMETER_VENDOR);
    put_bstr(o, (struct bulla_bytes){image->vendor_id, BULLA_UUID_SIZE});
    put_int(o, PARAMETER_CLASS);
    put_bstr(o, (struct bulla_bytes){image->class_id, BULLA_UUID_SIZE});
}

/* Vendor and class stand and are asked once, with the first image. */
static void put_shared(struct out *o, const struct bulla_image *images, uint32_t count)
{
    put_array(o, 4u + 8u * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_pair(o, DIRECTIVE_COMPONENT_INDEX, 2 * (int64_t)i);
        put_int(o, DIRECTIVE_OVERRIDE);
        put_map(o, i == 0 ? 4 : 2);
        if (i == 0)
            put_ids(o, &images[i]);
        put_image_facts(o, images[i].digest, images[i].size);
        if (i == 0) {
            put_pair(o, CONDITION_VENDOR, REPORT_CONDITION);
            put_pair(o, CONDITION_CLASS, REPORT_CONDITION);
        }
        put_pair(o, DIRECTIVE_COMPONENT_INDEX, 2 * (int64_t)i + 1);
        put_int(o, DIRECTIVE_OVERRIDE);
        put_map(o, 2);
        put_image_facts(o, images[i].list_digest, images[i].list_size);
    }
}

/* X, or X and '#' */
static void put_component(struct out *o, const struct bulla_image *image, bool is_list)
{
    bool named = image->name.len > 0;

    put_array(o, 1u + (named ? 1u : 0u) + (is_list ? 1u : 0u));
    put_bstr(o, image->component);
    if (named)
        put_bstr(o, image->name);
    if (is_list)
        put_bstr(o, (struct bulla_bytes){(const uint8_t *)"#", 1});
}

/* { 2: [X, X#, ...], 4: bstr .cbor shared } */
static void put_common(struct out *o, const struct bulla_image *images, uint32_t count)
{
    uint8_t room[MANIFEST_ROOM];
    struct out shared = {room, sizeof(room), 0, false};

    put_shared(&shared, images, count);
    put_map(o, 2);
    put_int(o, 2);
    put_array(o, 2 * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_component(o, &images[i], false);
        put_component(o, &images[i], true);
    }
    put_int(o, 4);
    put_wrapped(o, &shared);
}

/* 12,index, 20,{21: uri}, 21,P, 3,P */
static void put_fetch(struct out *o, int64_t index, struct bulla_bytes uri)
{
    put_pair(o, DIRECTIVE_COMPONENT_INDEX, index);
    put_int(o, DIRECTIVE_OVERRIDE);
    put_map(o, 1);
    put_int(o, PARAMETER_URI);
    put_tstr(o, uri);
    put_pair(o, DIRECTIVE_FETCH, REPORT_FETCH);
    put_pair(o, CONDITION_IMAGE_MATCH, REPORT_CONDITION);
}

static void put_install(struct out *o, const struct bulla_image *images, uint32_t count)
{
    uint8_t name[BULLA_LIST_NAME_MAX];

    put_array(o, 16 * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        struct bulla_bytes list = {name, bulla_list_name(&images[i], name)};
        put_fetch(o, 2 * (int64_t)i + 1, list);
        put_fetch(o, 2 * (int64_t)i, images[i].uri);
    }
}

static void put_validate(struct out *o, uint32_t count)
{
    put_array(o, 4 * (size_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_pair(o, DIRECTIVE_COMPONENT_INDEX, 2 * (int64_t)i);
        put_pair(o, CONDITION_IMAGE_MATCH, REPORT_CONDITION);
    }
}

static void put_version(struct out *o, const struct bulla_version *version)
{
    put_array(o, version->count);
    for (uint32_t i = 0; i < version->count; i++)
        put_int(o, version->parts[i]);
}

size_t encode_manifest(const struct bulla_manifest *manifest, const struct bulla_image *images,
                       uint8_t *out, size_t size)
{
    uint8_t rooms[4][MANIFEST_ROOM];
    struct out o = {out, size, 0, false};
    struct out common = {rooms[0], sizeof(rooms[0]), 0, false};
    struct out version = {rooms[1], sizeof(rooms[1]), 0, false};
    struct out validate = {rooms[2], sizeof(rooms[2]), 0, false};
    struct out install = {rooms[3], sizeof(rooms[3]), 0, false};
    bool has_version = manifest->version.count > 0;

    put_common(&common, images, manifest->images);
    put_validate(&validate, manifest->images);
    put_install(&install, images, manifest->images);

    put_map(&o, 5u + (has_version ? 1u : 0u) + (manifest->has_text ? 1u : 0u));
    put_pair(&o, 1, 1);
    put_pair(&o, 2, manifest->sequence);
    put_int(&o, 3);
    put_wrapped(&o, &common);
    if (has_version) {
        put_version(&version, &manifest->version);
        put_int(&o, 6);
        put_wrapped(&o, &version);
    }
    put_int(&o, 7);
    put_wrapped(&o, &validate);
    put_int(&o, 20);
    put_wrapped(&o, &install);
    if (manifest->has_text) {
        put_int(&o, 23);
        put_digest(&o, manifest->text_digest);
    }
    return result(&o);
}

size_t encode_protected(uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    put_map(&o, 1);
    put_pair(&o, 1, ALG_ED25519);
    return result(&o);
}

size_t encode_digest(const uint8_t digest[BULLA_DIGEST_SIZE], uint8_t out[DIGEST_BSTR_SIZE])
{
    struct out o = {out, DIGEST_BSTR_SIZE, 0, false};

    put_digest(&o, digest);
    return result(&o);
}

size_t encode_list_head(uint32_t image_size, uint8_t out[BULLA_LIST_HEAD_MAX])
{
    struct out o = {out, BULLA_LIST_HEAD_MAX, 0, false};
    uint64_t sectors = image_sectors(image_size);

    put_array(&o, 4);
    put_int(&o, ALG_SHA256);
    put_int(&o, BULLA_SECTOR_SIZE);
    put_int(&o, image_size);
    took(&o, cbor_encode_bytestring_start((size_t)(sectors * BULLA_DIGEST_SIZE), ROOM(&o)));
    return result(&o);
}

size_t encode_text(const char *text, uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    put_map(&o, 1);
    put_tstr(&o, (struct bulla_bytes){(const uint8_t *)"en", 2});
    put_map(&o, 1);
    put_int(&o, 1);
    put_tstr(&o, (struct bulla_bytes){(const uint8_t *)text, strlen(text)});
    return result(&o);
}

size_t encode_bstr(struct bulla_bytes content, uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    put_bstr(&o, content);
    return result(&o);
}

/* 18([ bstr .cbor {1: -19}, {4: kid}, nil, signature ]) */
static void put_block(struct out *o, const struct signature *signature)
{
    uint8_t room[BLOCK_ROOM], header[8];
    struct out block = {room, sizeof(room), 0, false};

    took(&block, cbor_encode_tag(TAG_SIGN1, ROOM(&block)));
    put_array(&block, 4);
    put_bstr(&block, (struct bulla_bytes){header, encode_protected(header, sizeof(header))});
    put_map(&block, 1);
    put_int(&block, 4);
    put_bstr(&block, (struct bulla_bytes){signature->kid, BULLA_KEY_ID_SIZE});
    took(&block, cbor_encode_null(ROOM(&block)));
    put_bstr(&block, (struct bulla_bytes){signature->bytes, BULLA_SIGNATURE_SIZE});
    put_wrapped(o, &block);
}

size_t encode_wrapper(struct bulla_bytes digest_bstr, struct bulla_bytes kept, uint32_t kept_count,
                      const struct signature *signatures, uint32_t count, uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    put_array(&o, 1u + kept_count + count);
    put_bstr(&o, digest_bstr);
    put_raw(&o, kept);
    for (uint32_t i = 0; i < count; i++)
        put_block(&o, &signatures[i]);
    return result(&o);
}

size_t encode_head(uint32_t members, struct bulla_bytes wrapper, struct bulla_bytes manifest,
                   uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    took(&o, cbor_encode_tag(TAG_SUIT, ROOM(&o)));
    put_map(&o, members);
    put_int(&o, 2);
    put_bstr(&o, wrapper);
    put_int(&o, 3);
    put_bstr(&o, manifest);
    return result(&o);
}

size_t encode_text_member(struct bulla_bytes text, uint8_t *out, size_t size)
{
    struct out o = {out, size, 0, false};

    put_int(&o, 23);
    put_bstr(&o, text);
    return result(&o);
}

size_t encode_payload_head(const char *prefix, struct bulla_bytes name, uint64_t len, uint8_t *out,
                           size_t size)
{
    struct out o = {out, size, 0, false};
    struct bulla_bytes start = {(const uint8_t *)prefix, strlen(prefix)};

    took(&o, cbor_encode_string_start(start.len + name.len, ROOM(&o)));
    put_raw(&o, start);
    put_raw(&o, name);
    took(&o, cbor_encode_bytestring_start((size_t)len, ROOM(&o)));
    return result(&o);
}

/* Deterministic order of text keys: shorter first, then bytewise. */
static int list_order(const struct bulla_image *a, const struct bulla_image *b)
{
    uint8_t name_a[BULLA_LIST_NAME_MAX], name_b[BULLA_LIST_NAME_MAX];
    size_t len_a = bulla_list_name(a, name_a), len_b = bulla_list_name(b, name_b);

    if (len_a != len_b)
        return len_a < len_b ? -1 : 1;
    return memcmp(name_a, name_b, len_a);
}

void encode_list_order(const struct bulla_image *images, uint32_t count,
                       uint32_t order[BULLA_IMAGES_MAX])
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && list_order(&images[i], &images[order[at - 1]]) < 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}
