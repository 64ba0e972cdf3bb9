/* SPDX-License-Identifier: Apache-2.0 */
/* What flash has of a release already. Nothing here is believed: a fingerprint only says where to
 * look, a digest only that it is worth to take those bytes through the check that downloaded ones
 * go through. */

#include "bulla/mem.h"
#include "parts.h"

#define FINGERPRINT_SIZE 4u

/* Digest of `len` bytes of the chip. Uses client->received. */
static enum bulla_status digest_at(struct bulla_client *client, uint32_t offset, uint32_t len,
                                   uint8_t digest[BULLA_DIGEST_SIZE])
{
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    for (uint32_t at = 0; at < len; at += BULLA_RECEIVE_SIZE) {
        uint32_t part = len - at < BULLA_RECEIVE_SIZE ? len - at : BULLA_RECEIVE_SIZE;
        enum bulla_status status =
            client->flash->read(client->flash->ctx, offset + at, client->received, part);
        if (status != BULLA_OK)
            return status;
        bulla_sha256_update(&hash, (struct bulla_bytes){client->received, part});
    }
    return bulla_sha256_finish(&hash, digest);
}

static enum bulla_status holds(struct bulla_client *client, const struct bulla_partition *partition,
                               uint32_t offset, uint32_t len, const uint8_t *expected, bool *there)
{
    uint8_t digest[BULLA_DIGEST_SIZE];

    *there = false;
    if (offset > partition->size || len > partition->size - offset)
        return BULLA_OK;
    enum bulla_status status = digest_at(client, partition->offset + offset, len, digest);
    *there = status == BULLA_OK && bulla_digest_equal(digest, expected);
    return status;
}

uint32_t bulla_update_workspace(uint32_t image_size)
{
    return bulla_list_workspace_whole(image_size) +
           (image_size / BULLA_SECTOR_SIZE + 1u) * FINGERPRINT_SIZE;
}

void bulla_reuse_init(struct bulla_reuse *reuse, const struct bulla_partition *target,
                      const struct bulla_partition *running, uint8_t *spare, size_t spare_len)
{
    size_t room = spare_len / FINGERPRINT_SIZE;

    *reuse = (struct bulla_reuse){.target = target, .running = running, .index = spare};
    if (running != NULL)
        reuse->count = running->size / BULLA_SECTOR_SIZE;
    if (reuse->count > room)
        reuse->count = (uint32_t)room;
}

/* The beginnings of the digests of the running slot's sectors, as many as fit. */
static enum bulla_status fill_index(struct bulla_client *client, struct bulla_reuse *reuse)
{
    uint8_t digest[BULLA_DIGEST_SIZE];

    for (uint32_t i = 0; i < reuse->count; i++) {
        enum bulla_status status = digest_at(client, reuse->running->offset + i * BULLA_SECTOR_SIZE,
                                             BULLA_SECTOR_SIZE, digest);
        if (status != BULLA_OK)
            return status;
        memcpy(reuse->index + (size_t)i * FINGERPRINT_SIZE, digest, FINGERPRINT_SIZE);
    }
    reuse->filled = true;
    return BULLA_OK;
}

enum bulla_status bulla_reuse_find(struct bulla_client *client, struct bulla_reuse *reuse,
                                   uint32_t offset, uint32_t len, const uint8_t *expected,
                                   uint32_t *at, bool *found)
{
    enum bulla_status status = holds(client, reuse->target, offset, len, expected, found);

    *at = reuse->target->offset + offset;
    if (status != BULLA_OK || *found || reuse->running == NULL)
        return status;
    uint32_t sector = offset / BULLA_SECTOR_SIZE;
    if (len < BULLA_SECTOR_SIZE || sector >= reuse->count) { /* the index says nothing of it */
        status = holds(client, reuse->running, offset, len, expected, found);
        *at = reuse->running->offset + offset;
        if (status != BULLA_OK || *found || len < BULLA_SECTOR_SIZE)
            return status;
    }
    if (!reuse->filled)
        status = fill_index(client, reuse);
    for (uint32_t i = 0; i < reuse->count && status == BULLA_OK && !*found; i++) {
        if (memcmp(reuse->index + (size_t)i * FINGERPRINT_SIZE, expected, FINGERPRINT_SIZE) != 0)
            continue;
        status = holds(client, reuse->running, i * BULLA_SECTOR_SIZE, len, expected, found);
        *at = reuse->running->offset + i * BULLA_SECTOR_SIZE;
    }
    return status;
}
