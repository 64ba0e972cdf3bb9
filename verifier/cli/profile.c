/* SPDX-License-Identifier: Apache-2.0 */
/* The core's decoders in the reader's order, without the question who signed. Nothing that is read
 * here is trusted: it only says where the profile ends. */

#include "profile.h"

#include <stdlib.h>

#include "bulla/cbor.h"
#include "bulla/envelope.h"
#include "bulla/sectors.h"

#define MEMBER_TEXT     23
#define MEMBERS_OF_HEAD 2u
#define MAJOR_UINT      0

static enum bulla_status check_digest(struct bulla_bytes bstr, const uint8_t expected[32],
                                      enum bulla_status why)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 hash;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, bstr);
    enum bulla_status status = bulla_sha256_finish(&hash, digest);
    if (status != BULLA_OK)
        return status;
    return bulla_digest_equal(digest, expected) ? BULLA_OK : why;
}

static enum bulla_status check_head(struct bulla_bytes bytes, struct bulla_envelope *envelope,
                                    struct bulla_manifest *manifest, const char **where)
{
    struct bulla_wrapper wrapper;
    size_t need;
    if (bytes.len > BULLA_HEAD_MAX)
        bytes.len = BULLA_HEAD_MAX;
    *where = "envelope";
    enum bulla_status status = bulla_envelope_split(bytes, envelope, &need);
    if (status != BULLA_OK)
        return status;
    *where = "authentication-wrapper";
    status = bulla_wrapper_decode(envelope->wrapper, &wrapper);
    if (status != BULLA_OK)
        return status;
    *where = "manifest";
    status =
        check_digest(envelope->manifest_bstr, wrapper.manifest_digest, BULLA_E_MANIFEST_DIGEST);
    return status == BULLA_OK ? bulla_manifest_decode(envelope->manifest, manifest) : status;
}

static enum bulla_status check_list(struct bulla_bytes content, const struct bulla_image *image)
{
    if (content.len != image->list_size)
        return BULLA_E_LIST_SIZE;
    struct bulla_list list;
    struct bulla_list_hashes hashes;
    uint64_t size = bulla_list_workspace_whole(image->size);
    uint8_t *workspace = size <= SIZE_MAX ? malloc((size_t)size) : NULL;
    if (workspace == NULL)
        return BULLA_E_IO;
    enum bulla_status status = bulla_list_init(&list, &hashes, image, workspace, (size_t)size);
    if (status == BULLA_OK)
        status = bulla_list_feed(&list, content);
    if (status == BULLA_OK)
        status = bulla_list_finish(&list);
    free(workspace);
    return status;
}

static enum bulla_status check_text(struct bulla_bytes bstr, struct bulla_bytes content,
                                    const struct bulla_manifest *m)
{
    if (!m->has_text)
        return BULLA_E_TEXT_UNSIGNED;
    if (content.len > BULLA_TEXT_MAX)
        return BULLA_E_TEXT_TOO_LARGE;
    enum bulla_status status = check_digest(bstr, m->text_digest, BULLA_E_TEXT_DIGEST);
    return status == BULLA_OK ? bulla_text_check(content) : status;
}

/* What has been met of the members after the manifest. */
struct members {
    bool text;
    uint32_t lists;
};

/* The image whose list this key names; false: nobody's. */
static bool find_list(struct bulla_bytes key, struct bulla_bytes manifest, uint32_t images,
                      struct bulla_image *image)
{
    uint8_t name[BULLA_LIST_NAME_MAX];
    for (uint32_t i = 0; i < images; i++) {
        if (bulla_manifest_image(manifest, i, image) != BULLA_OK)
            return false;
        struct bulla_bytes list = {name, bulla_list_name(image, name)};
        if (bulla_bytes_equal(key, list))
            return true;
    }
    return false;
}

static enum bulla_status check_member(struct bulla_cbor *r, struct bulla_bytes manifest,
                                      const struct bulla_manifest *m, struct members *seen,
                                      const char **where)
{
    struct bulla_image image;
    bool numbered = bulla_cbor_peek(r) == MAJOR_UINT;
    uint64_t number = numbered ? bulla_cbor_uint(r) : 0;
    struct bulla_bytes key = {NULL, 0};
    if (!numbered)
        key = bulla_cbor_tstr(r);
    struct bulla_bytes bstr = r->left;
    struct bulla_bytes content = bulla_cbor_bstr(r);
    bstr.len -= r->left.len;
    if (r->failed != BULLA_OK)
        return r->failed;
    if (numbered && number == MEMBER_TEXT) {
        *where = "text";
        seen->text = true;
        return check_text(bstr, content, m);
    }
    if (!numbered && find_list(key, manifest, m->images, &image)) {
        *where = "sector list";
        seen->lists++;
        return check_list(content, &image);
    }
    *where = "integrated payload";
    if (numbered || m->images > 1 || !bulla_bytes_equal(key, m->image.uri))
        return BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    if (content.len == m->image.size)
        return BULLA_OK;
    return content.len < m->image.size ? BULLA_E_IMAGE_TRUNCATED : BULLA_E_IMAGE_TRAILING;
}

/* Keys must come in order, each once. */
static enum bulla_status check_keys(struct bulla_bytes members, uint32_t count)
{
    struct bulla_cbor r;
    struct bulla_bytes previous = {NULL, 0};
    bulla_cbor_init(&r, members);
    for (uint32_t i = 0; i < count && r.failed == BULLA_OK; i++) {
        struct bulla_bytes key = bulla_cbor_skip(&r);
        bulla_cbor_key_order(&r, &previous, key);
        (void)bulla_cbor_bstr(&r);
    }
    return r.failed;
}

enum bulla_status profile_check(struct bulla_bytes bytes, const char **where,
                                struct bulla_manifest *manifest)
{
    struct bulla_envelope envelope;
    struct members seen = {.text = false};
    enum bulla_status status = check_head(bytes, &envelope, manifest, where);
    if (status != BULLA_OK)
        return status;
    struct bulla_cbor r;
    bulla_cbor_init(
        &r, (struct bulla_bytes){bytes.data + envelope.head_len, bytes.len - envelope.head_len});
    *where = "envelope";
    uint32_t count = envelope.members - MEMBERS_OF_HEAD;
    status = check_keys(r.left, count);
    for (uint32_t i = 0; i < count && status == BULLA_OK; i++)
        status = check_member(&r, envelope.manifest, manifest, &seen, where);
    if (status != BULLA_OK)
        return status;
    *where = "envelope";
    if (manifest->has_text && !seen.text)
        return BULLA_E_TEXT_MISSING;
    if (seen.lists < manifest->images)
        return BULLA_E_ENVELOPE_MEMBER_MISSING;
    return r.left.len > 0 ? BULLA_E_ENVELOPE_TRAILING : BULLA_OK;
}
