/* SPDX-License-Identifier: Apache-2.0 */
/* The sector list, and the image held against it sector by sector. A sector leaves only after
 * its digest matched a list whose own digest was signed. */

#include "bulla/sectors.h"

#include "bulla/mem.h"
#include "cbor_head.h"
#include "digest.h"

static uint32_t sector_count(uint32_t image_size)
{
    return image_size / BULLA_SECTOR_SIZE + (image_size % BULLA_SECTOR_SIZE != 0 ? 1u : 0u);
}

static uint32_t group_count(uint32_t sectors)
{
    return (sectors + BULLA_GROUP_SECTORS - 1u) / BULLA_GROUP_SECTORS;
}

/* Bytes of a head with this argument. */
static uint32_t head_size(uint32_t argument)
{
    return 1u + (argument >= 24u) + (argument >= 0x100u) + 2u * (argument >= 0x10000u);
}

uint32_t bulla_list_size(uint32_t image_size)
{
    uint32_t digests = sector_count(image_size) * BULLA_DIGEST_SIZE;
    return 1u + 1u + head_size(BULLA_SECTOR_SIZE) + head_size(image_size) + head_size(digests) +
           digests;
}

uint32_t bulla_list_workspace_whole(uint32_t image_size)
{
    uint32_t whole = sector_count(image_size) * BULLA_DIGEST_SIZE;
    return whole < BULLA_WORKSPACE_MIN ? BULLA_WORKSPACE_MIN : whole;
}

uint32_t bulla_list_workspace_min(uint32_t image_size)
{
    uint32_t grouped = group_count(sector_count(image_size)) * BULLA_DIGEST_SIZE + BULLA_GROUP_SIZE;
    return grouped < BULLA_WORKSPACE_MIN ? BULLA_WORKSPACE_MIN : grouped;
}

enum bulla_status bulla_list_init(struct bulla_list *list, struct bulla_list_hashes *hashes,
                                  const struct bulla_image *image, uint8_t *workspace,
                                  size_t workspace_len)
{
    memset(list, 0, sizeof(*list));
    list->image = image;
    list->store = workspace;
    list->count = sector_count(image->size);
    list->whole = workspace_len / BULLA_DIGEST_SIZE >= list->count;
    list->head_len = (uint8_t)(image->list_size - list->count * BULLA_DIGEST_SIZE);
    list->hashes = hashes;
    bulla_sha256_init(&hashes->list);
    bulla_sha256_init(&hashes->group);
    if (image->list_size != bulla_list_size(image->size))
        list->failed = BULLA_E_LIST_SIZE;
    else if (!list->whole && workspace_len < bulla_list_workspace_min(image->size))
        list->failed = BULLA_E_WORKSPACE_TOO_SMALL;
    return list->failed;
}

/* [-16, 4096, image-size, bstr], up to the byte string's content. */
static enum bulla_status check_head(const struct bulla_list *list)
{
    struct bulla_cbor r;
    bulla_cbor_init(&r, (struct bulla_bytes){list->head, list->head_len});
    bulla_cbor_expect(&r, MAJOR_ARRAY, 4, BULLA_E_LIST_FORM);
    bulla_cbor_expect_int(&r, ALG_SHA256, BULLA_E_LIST_FORM);
    bulla_cbor_expect_int(&r, BULLA_SECTOR_SIZE, BULLA_E_LIST_FORM);
    if (bulla_cbor_uint(&r) != list->image->size ||
        bulla_cbor_bstr_head(&r) != list->count * BULLA_DIGEST_SIZE)
        bulla_cbor_fail(&r, BULLA_E_LIST_FORM);
    return bulla_cbor_finish(&r);
}

/* Take the head, up to its end; returns the bytes taken. */
static uint32_t keep_head(struct bulla_list *list, const uint8_t *from, uint32_t len)
{
    uint32_t room = list->head_len - list->seen;
    if (len > room)
        len = room;
    memcpy(list->head + list->seen, from, len);
    if (len == room)
        list->failed = check_head(list);
    return len;
}

/* Take digests: all there are or, when only group digests are kept, up to a group's end. */
static uint32_t keep_digests(struct bulla_list *list, const uint8_t *from, uint32_t len)
{
    uint32_t at = list->seen - list->head_len;
    if (list->whole) {
        memcpy(list->store + at, from, len);
        return len;
    }
    uint32_t room = BULLA_GROUP_SIZE - at % BULLA_GROUP_SIZE;
    if (len > room)
        len = room;
    bulla_sha256_update(&list->hashes->group, (struct bulla_bytes){from, len});
    if (len == room || at + len == list->count * BULLA_DIGEST_SIZE) {
        list->failed = bulla_sha256_finish(&list->hashes->group,
                                           list->store + at / BULLA_GROUP_SIZE * BULLA_DIGEST_SIZE);
        bulla_sha256_init(&list->hashes->group);
    }
    return len;
}

enum bulla_status bulla_list_feed(struct bulla_list *list, struct bulla_bytes in)
{
    bulla_sha256_update(&list->hashes->list, in);
    while (list->failed == BULLA_OK && in.len > 0) {
        uint32_t left = list->image->list_size - list->seen;
        uint32_t len = in.len < left ? (uint32_t)in.len : left;
        if (left == 0)
            return list->failed = BULLA_E_LIST_SIZE;
        len = list->seen < list->head_len ? keep_head(list, in.data, len)
                                          : keep_digests(list, in.data, len);
        list->seen += len;
        in.data += len;
        in.len -= len;
    }
    return list->failed;
}

enum bulla_status bulla_list_finish(struct bulla_list *list)
{
    const struct bulla_image *image = list->image;
    if (list->failed != BULLA_OK || list->verified != 0)
        return list->failed;
    if (list->seen != image->list_size)
        return list->failed = BULLA_E_LIST_SIZE;
    uint32_t proved = bulla_digest_end(&list->hashes->list, image->list_digest, BULLA_FACT_LIST);
    /* with one sector (always held) the list and the image digest say the same: they must agree */
    if (proved != BULLA_FACT_LIST ||
        (list->count == 1 && !bulla_digest_equal(list->store, image->digest)))
        return list->failed = bulla_digest_why(proved, BULLA_E_LIST_DIGEST);
    list->verified = proved;
    return BULLA_OK;
}

void bulla_list_group_span(const struct bulla_list *list, uint32_t index, uint32_t *offset,
                           uint32_t *len)
{
    uint32_t start = index * BULLA_GROUP_SIZE;
    uint32_t left = list->count * BULLA_DIGEST_SIZE - start;
    *offset = list->head_len + start;
    *len = left < BULLA_GROUP_SIZE ? left : BULLA_GROUP_SIZE;
}

enum bulla_status bulla_list_load_group(struct bulla_list *list, uint32_t index,
                                        struct bulla_bytes group)
{
    uint32_t offset, len;
    list->group = 0;
    if (list->whole || list->verified == 0 || index >= group_count(list->count))
        return BULLA_E_LIST_FORM;
    bulla_list_group_span(list, index, &offset, &len);
    if (group.len != len)
        return BULLA_E_LIST_SIZE;
    uint8_t *loaded = list->store + group_count(list->count) * BULLA_DIGEST_SIZE;
    memcpy(loaded, group.data, len);
    /* the copy is judged: what the caller holds may change meanwhile */
    uint32_t proved = bulla_digest_check((struct bulla_bytes){loaded, len},
                                         list->store + index * BULLA_DIGEST_SIZE, BULLA_YES);
    if (proved != BULLA_YES)
        return bulla_digest_why(proved, BULLA_E_LIST_DIGEST);
    list->group = index + 1u;
    return BULLA_OK;
}

const uint8_t *bulla_list_sector(const struct bulla_list *list, uint32_t index)
{
    if (list->verified == 0 || index >= list->count)
        return NULL;
    if (list->whole)
        return list->store + index * BULLA_DIGEST_SIZE;
    if (list->group != index / BULLA_GROUP_SECTORS + 1u)
        return NULL;
    return list->store +
           (group_count(list->count) + index % BULLA_GROUP_SECTORS) * BULLA_DIGEST_SIZE;
}

enum bulla_status bulla_sectors_init(struct bulla_sectors *s, const struct bulla_list *list,
                                     uint8_t *chunk, size_t chunk_len)
{
    *s = (struct bulla_sectors){.list = list, .chunk = chunk};
    if (list->verified == 0)
        s->failed = BULLA_E_LIST_DIGEST;
    else if (chunk_len < BULLA_SECTOR_SIZE)
        s->failed = BULLA_E_WORKSPACE_TOO_SMALL;
    return s->failed;
}

enum bulla_status bulla_sectors_feed(struct bulla_sectors *s, struct bulla_bytes *in,
                                     struct bulla_bytes *out)
{
    *out = (struct bulla_bytes){NULL, 0};
    if (s->failed != BULLA_OK || in->len == 0)
        return s->failed;

    /* released <= size is the invariant, so this cannot wrap */
    uint32_t left = s->list->image->size - s->released;
    if (left == 0)
        return s->failed = BULLA_E_IMAGE_TRAILING;
    const uint8_t *expected = bulla_list_sector(s->list, s->released / BULLA_SECTOR_SIZE);
    if (expected == NULL)
        return BULLA_E_GROUP_NEEDED;

    uint32_t want = left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
    uint32_t room = want - s->filled;
    uint32_t take = in->len < room ? (uint32_t)in->len : room;
    memcpy(s->chunk + s->filled, in->data, take);
    in->data += take;
    in->len -= take;
    s->filled += take;
    if (s->filled < want)
        return BULLA_OK;

    uint32_t proved = bulla_digest_check((struct bulla_bytes){s->chunk, want}, expected, BULLA_YES);
    if (proved != BULLA_YES)
        return s->failed = bulla_digest_why(proved, BULLA_E_SECTOR_DIGEST);
    *out = (struct bulla_bytes){s->chunk, want};
    s->released += want;
    s->filled = 0;
    return BULLA_OK;
}

enum bulla_status bulla_sectors_finish(const struct bulla_sectors *s)
{
    if (s->failed != BULLA_OK)
        return s->failed;
    return s->released == s->list->image->size ? BULLA_OK : BULLA_E_IMAGE_TRUNCATED;
}
