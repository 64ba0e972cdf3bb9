/* SPDX-License-Identifier: Apache-2.0 */
/* One image against its manifest, in one reading: sector by sector against the signed list with the
 * rules for what is inside, and all of it against the signed digest. The order is the device's
 * (client_fw/core/install.c), so that both name the same first reason. */

#include "verify.h"

enum bulla_status image_check_init(struct image_check *check, const struct bulla_image *image,
                                   const struct bulla_device *device, const struct bulla_list *list)
{
    check->image = image;
    check->device = device;
    check->side.image_judged = false;
    check->side.facts = 0;
    bulla_espimage_init(&check->side.structure, image->size);
    bulla_sha256_init(&check->whole);
    return bulla_sectors_init(&check->side.sectors, list, check->side.chunk,
                              sizeof check->side.chunk);
}

/* A verified sector: look into it, as a device does before it writes the sector. */
static enum bulla_status look_inside(struct image_check *check, struct bulla_bytes sector)
{
    struct bulla_espimage *structure = &check->side.structure;
    enum bulla_status status = bulla_espimage_feed(structure, sector);
    if (status != BULLA_OK || check->side.image_judged || !bulla_espimage_ready(structure))
        return status;
    check->side.image_judged = true;
    return bulla_policy_image(check->device, &structure->facts, &check->side.facts);
}

enum bulla_status image_check_sectors(void *ctx, struct bulla_bytes block)
{
    struct image_check *check = (struct image_check *)ctx;
    while (block.len > 0) {
        struct bulla_bytes sector;
        enum bulla_status status = bulla_sectors_feed(&check->side.sectors, &block, &sector);
        if (status != BULLA_OK)
            return status;
        if (sector.len == 0)
            continue;
        if (check->image->name.len == 0)
            status = look_inside(check, sector);
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

enum bulla_status image_check_digest(void *ctx, struct bulla_bytes block)
{
    struct image_check *check = (struct image_check *)ctx;
    bulla_sha256_update(&check->whole, block);
    return BULLA_OK;
}

enum bulla_status image_check_finish(struct image_check *check, uint32_t *facts)
{
    enum bulla_status status = bulla_sectors_finish(&check->side.sectors);
    if (status != BULLA_OK)
        return status;
    uint8_t digest[BULLA_DIGEST_SIZE];
    status = bulla_sha256_finish(&check->whole, digest);
    if (status != BULLA_OK)
        return status;
    if (!bulla_digest_equal(digest, check->image->digest))
        return BULLA_E_IMAGE_DIGEST;
    *facts |= BULLA_FACT_DIGEST;
    if (check->image->name.len > 0)
        return BULLA_OK;
    status = bulla_espimage_finish(&check->side.structure);
    if (status != BULLA_OK)
        return status;
    *facts |= check->side.facts | BULLA_FACT_STRUCTURE;
    return BULLA_OK;
}
