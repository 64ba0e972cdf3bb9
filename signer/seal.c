/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope in memory, from what is known of its images: encoded, signed, judged by the device's
 * own reader, written. Everything but the sector digests is small. */

#include <string.h>

#include "signer.h"

/* How many of the images would fit, their order kept: for a message. */
static uint32_t images_that_fit(const struct sealed *s, size_t wrapper_len)
{
    uint8_t manifest[MANIFEST_ROOM];
    struct bulla_manifest fewer = s->manifest;

    while (--fewer.images > 0) {
        size_t len = encode_manifest(&fewer, s->facts, manifest, sizeof(manifest));
        if (len > 0 && len + wrapper_len <= BULLA_SIGNED_MAX)
            break;
    }
    return fewer.images;
}

static enum bulla_status too_large(const struct sealed *s, size_t manifest_len, size_t wrapper_len,
                                   uint32_t signatures, char why[WHY_SIZE])
{
    snprintf(why, WHY_SIZE,
             "%u image%s make a manifest of %zu bytes, %u signature%s take %zu: together at most "
             "%u. With these names and URIs %u fit",
             (unsigned)s->manifest.images, s->manifest.images == 1 ? "" : "s", manifest_len,
             (unsigned)signatures, signatures == 1 ? "" : "s", wrapper_len, BULLA_SIGNED_MAX,
             (unsigned)images_that_fit(s, wrapper_len));
    return BULLA_E_ENVELOPE_TOO_LARGE;
}

/* Key, byte string head and the list's own head, for each image. */
static void encode_lists(struct sealed *s)
{
    for (uint32_t i = 0; i < s->manifest.images; i++) {
        struct sealed_image *image = &s->images[i];
        uint8_t name[BULLA_LIST_NAME_MAX];
        struct bulla_bytes key = {name, bulla_list_name(&s->facts[i], name)};
        size_t n =
            encode_payload_head("", key, s->facts[i].list_size, image->head, sizeof(image->head));
        image->head_len = n + encode_list_head(image->size, image->head + n);
        s->size += image->head_len + image->digests_len;
    }
    encode_list_order(s->facts, s->manifest.images, s->order);
}

static enum bulla_status sign_manifest(const struct key_ring *ring, struct bulla_bytes manifest,
                                       struct sealed *s, uint8_t *wrapper, size_t *wrapper_len)
{
    uint8_t member[MANIFEST_ROOM + 9], digest_bstr[DIGEST_BSTR_SIZE];
    struct signature signatures[BULLA_BLOCKS_MAX];
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    bulla_sha256_update(
        &hash, (struct bulla_bytes){member, encode_bstr(manifest, member, sizeof(member))});
    enum bulla_status status = bulla_sha256_finish(&hash, s->digest);
    if (status != BULLA_OK)
        return status;
    struct bulla_bytes signed_digest = {digest_bstr, encode_digest(s->digest, digest_bstr)};
    status = ring_sign(ring, signed_digest, signatures);
    if (status == BULLA_OK)
        *wrapper_len = encode_wrapper(signed_digest, (struct bulla_bytes){NULL, 0}, 0, signatures,
                                      ring->count, wrapper, BULLA_SIGNED_MAX);
    return status;
}

enum bulla_status seal_encode(const struct key_ring *ring, const struct release *release,
                              struct sealed *s, char why[WHY_SIZE])
{
    uint8_t manifest[MANIFEST_ROOM], wrapper[BULLA_SIGNED_MAX];
    size_t wrapper_len = 0;
    struct bulla_bytes content = {
        manifest, encode_manifest(&s->manifest, s->facts, manifest, sizeof(manifest))};
    uint32_t members = 2u + s->manifest.images + (release->text_len > 0 ? 1u : 0u);

    enum bulla_status status = sign_manifest(ring, content, s, wrapper, &wrapper_len);
    if (status != BULLA_OK)
        return status;
    if (content.len == 0 || wrapper_len == 0 || content.len + wrapper_len > BULLA_SIGNED_MAX)
        return too_large(s, content.len, wrapper_len, ring->count, why);
    size_t n = encode_head(members, (struct bulla_bytes){wrapper, wrapper_len}, content, s->prefix,
                           sizeof(s->prefix));
    if (release->text_len > 0)
        n += encode_text_member((struct bulla_bytes){release->text, release->text_len},
                                s->prefix + n, sizeof(s->prefix) - n);
    s->prefix_len = n;
    s->size = n;
    encode_lists(s);
    return BULLA_OK;
}

static bool same_image(const struct bulla_image *a, const struct bulla_image *b)
{
    return a->size == b->size && a->list_size == b->list_size &&
           bulla_bytes_equal(a->component, b->component) && bulla_bytes_equal(a->name, b->name) &&
           bulla_bytes_equal(a->uri, b->uri) &&
           memcmp(a->vendor_id, b->vendor_id, BULLA_UUID_SIZE) == 0 &&
           memcmp(a->class_id, b->class_id, BULLA_UUID_SIZE) == 0 &&
           bulla_digest_equal(a->digest, b->digest) &&
           bulla_digest_equal(a->list_digest, b->list_digest);
}

/* What the reader understood is what was meant. */
static bool same_facts(const struct bulla_reader *r, const struct sealed *s, uint32_t index)
{
    const struct bulla_manifest *a = &r->manifest, *b = &s->manifest;

    return a->sequence == b->sequence && a->images == b->images && a->has_text == b->has_text &&
           same_image(&a->image, &s->facts[0]) && same_image(&r->image, &s->facts[index]) &&
           bulla_digest_equal(a->text_digest, b->text_digest) &&
           memcmp(&a->version, &b->version, sizeof(a->version)) == 0;
}

/* The device this release is made for. */
static struct bulla_device meant_device(const struct sealed *s)
{
    const struct bulla_image *image = &s->facts[0];
    struct bulla_device device = {
        .has_ids = true, .has_component = true, .takes_modules = true, .has_format = true};

    memcpy(device.vendor_id, image->vendor_id, BULLA_UUID_SIZE);
    memcpy(device.class_id, image->class_id, BULLA_UUID_SIZE);
    device.component = image->component;
    device.format = s->images[0].scan.facts.format;
    return device;
}

/* What was proved of the image while it was read, on top of what the reader proved; of a module
 * that it is the signed one. */
static enum bulla_status judge_image(const struct judge *judge, const struct image_scan *scan,
                                     uint32_t *facts)
{
    bool is_module = judge->reader.image.name.len > 0;

    if (!bulla_digest_equal(judge->reader.image.digest, scan->digest))
        return BULLA_E_IMAGE_DIGEST;
    *facts = judge->reader.facts | BULLA_FACT_DIGEST;
    if (is_module)
        return BULLA_OK;
    if (scan->structure != BULLA_OK)
        return scan->structure;
    *facts |= BULLA_FACT_STRUCTURE;
    return bulla_policy_image(&judge->device, &scan->facts, facts);
}

static enum bulla_status feed_all(struct judge *judge, const struct sealed *s)
{
    enum bulla_status status = judge_feed(judge, (struct bulla_bytes){s->prefix, s->prefix_len});

    for (uint32_t i = 0; status == BULLA_OK && i < s->manifest.images; i++) {
        const struct sealed_image *image = &s->images[s->order[i]];
        status = judge_feed(judge, (struct bulla_bytes){image->head, image->head_len});
        if (status == BULLA_OK)
            status = judge_feed(judge, (struct bulla_bytes){image->digests, image->digests_len});
    }
    return status == BULLA_OK ? judge_end(judge) : status;
}

/* One pass, for one image. */
static enum bulla_status judge_one(const struct key_ring *ring, const struct sealed *s,
                                   uint32_t index, char why[WHY_SIZE])
{
    struct bulla_device device = meant_device(s);
    uint32_t facts = 0, required = bulla_policy_required(&device);
    struct judge judge;

    judge_begin(&judge, ring, &device, s->images[index].digests);
    bulla_reader_want(&judge.reader, index);
    enum bulla_status status = feed_all(&judge, s);
    if (status == BULLA_OK)
        status = judge_image(&judge, &s->images[index].scan, &facts);
    if (s->facts[index].name.len > 0)
        required &= ~(uint32_t)BULLA_FACTS_OF_APP;
    if (status == BULLA_OK && (!same_facts(&judge.reader, s, index) ||
                               bulla_policy_verdict(facts, required) != BULLA_YES)) {
        snprintf(why, WHY_SIZE,
                 "the envelope's reader does not find what was written; nothing was kept");
        status = BULLA_E_NOT_JUDGED;
    }
    judge_free(&judge);
    return status;
}

enum bulla_status seal_judge(const struct key_ring *ring, const struct sealed *s,
                             char why[WHY_SIZE])
{
    enum bulla_status status = BULLA_OK;

    for (uint32_t i = 0; status == BULLA_OK && i < s->manifest.images; i++)
        status = judge_one(ring, s, i, why);
    return status;
}

enum bulla_status seal_write(const struct sealed *s, const char *path)
{
    struct host_writer w;
    enum bulla_status status = host_writer_open(&w, path, 0644);

    if (status != BULLA_OK)
        return status;
    status = host_writer_write(&w, (struct bulla_bytes){s->prefix, s->prefix_len});
    for (uint32_t i = 0; status == BULLA_OK && i < s->manifest.images; i++) {
        const struct sealed_image *image = &s->images[s->order[i]];
        status = host_writer_write(&w, (struct bulla_bytes){image->head, image->head_len});
        if (status == BULLA_OK)
            status =
                host_writer_write(&w, (struct bulla_bytes){image->digests, image->digests_len});
    }
    if (status == BULLA_OK)
        return host_writer_commit(&w, true);
    host_writer_abort(&w);
    return status;
}
