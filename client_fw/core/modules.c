/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of the modules area, the packs it names, and whether what a release brought is
 * there. docs/FORMAT.md, "Modules area". */

#include "bulla/mem.h"
#include "modules_parts.h"
#include "state_log.h"

#define HEAD_LEN (4u + BULLA_DIGEST_SIZE)
#define PACK_LEN (12u + BULLA_DIGEST_SIZE)
#define LEN_MAX  (HEAD_LEN + BULLA_PACKS_MAX * PACK_LEN)
#define READS    3u /* of a record that reads otherwise from one time to the next */

static bool is_zero(const uint8_t digest[BULLA_DIGEST_SIZE])
{
    uint8_t any = 0;

    for (size_t i = 0; i < BULLA_DIGEST_SIZE; i++)
        any |= digest[i];
    return any == 0;
}

uint8_t bulla_pack_all(const struct bulla_pack *pack)
{
    return (uint8_t)((1u << pack->count) - 1u);
}

/* ---- the record ---- */

static void encode_pack(const struct bulla_pack *pack, uint8_t bytes[PACK_LEN])
{
    bytes[0] = pack->kind;
    bytes[1] = pack->count;
    bytes[2] = pack->gone;
    bytes[3] = 0;
    bulla_state_store_u16(bytes + 4, pack->at);
    bulla_state_store_u16(bytes + 6, pack->sectors);
    bulla_state_store_u32(bytes + 8, pack->sequence);
    memcpy(bytes + 12, pack->digest, BULLA_DIGEST_SIZE);
}

/* False: no pack of ours, or not in this area. */
static bool decode_pack(const uint8_t bytes[PACK_LEN], uint32_t area, struct bulla_pack *pack)
{
    pack->kind = bytes[0];
    pack->count = bytes[1];
    pack->gone = bytes[2];
    pack->at = bulla_state_load_u16(bytes + 4);
    pack->sectors = bulla_state_load_u16(bytes + 6);
    pack->sequence = bulla_state_load_u32(bytes + 8);
    memcpy(pack->digest, bytes + 12, BULLA_DIGEST_SIZE);
    return pack->kind <= BULLA_PACK_ALONE && pack->count >= 1 && pack->count <= BULLA_IMAGES_MAX &&
           bytes[3] == 0 && pack->sectors > pack->count && pack->at <= area &&
           pack->sectors <= area - pack->at;
}

static bool decode(struct bulla_bytes in, uint32_t area, struct bulla_directory *out)
{
    if (in.len < HEAD_LEN || (in.len - HEAD_LEN) % PACK_LEN != 0 || in.len > LEN_MAX)
        return false;
    out->sequence = bulla_state_load_u32(in.data);
    memcpy(out->newest, in.data + 4, BULLA_DIGEST_SIZE);
    out->count = (uint32_t)((in.len - HEAD_LEN) / PACK_LEN);
    for (uint32_t i = 0; i < out->count; i++) {
        if (!decode_pack(in.data + HEAD_LEN + i * PACK_LEN, area, &out->packs[i]))
            return false;
    }
    return true;
}

static enum bulla_status read_once(struct bulla_client *client, struct bulla_directory *directory)
{
    uint32_t area = client->layout.modules.size / BULLA_SECTOR_SIZE;
    size_t len = 0;

    memset(directory, 0, sizeof(*directory));
    enum bulla_status status = bulla_state_get(&client->state, BULLA_RECORD_MODULES, 0,
                                               client->sector, sizeof(client->sector), &len);
    if (status == BULLA_OK && len > 0 &&
        !decode((struct bulla_bytes){client->sector, len}, area, directory))
        status = BULLA_E_STATE_DAMAGED;
    return status;
}

enum bulla_status bulla_directory_read(struct bulla_client *client,
                                       struct bulla_directory *directory)
{
    enum bulla_status status = read_once(client, directory);

    for (uint32_t i = 1; i < READS && status != BULLA_OK; i++)
        status = read_once(client, directory);
    if (status != BULLA_OK)
        memset(directory, 0, sizeof(*directory)); /* one that rotted names nothing */
    return status == BULLA_E_STATE_DAMAGED ? BULLA_OK : status;
}

bool bulla_directory_counts(const struct bulla_directory *directory)
{
    return directory->sequence != 0 || !is_zero(directory->newest);
}

enum bulla_status bulla_directory_write(struct bulla_client *client,
                                        const struct bulla_directory *directory)
{
    uint8_t *bytes = client->sector; /* holds LEN_MAX */

    bulla_state_store_u32(bytes, directory->sequence);
    memcpy(bytes + 4, directory->newest, BULLA_DIGEST_SIZE);
    for (uint32_t i = 0; i < directory->count; i++)
        encode_pack(&directory->packs[i], bytes + HEAD_LEN + i * PACK_LEN);
    enum bulla_status status = bulla_state_put_twice(
        &client->state, BULLA_RECORD_MODULES,
        (struct bulla_bytes){bytes, HEAD_LEN + (size_t)directory->count * PACK_LEN});
    return status == BULLA_OK ? bulla_modules_recall(client) : status;
}

enum bulla_status bulla_modules_recall(struct bulla_client *client)
{
    struct bulla_directory directory;

    client->takes_modules = client->layout.modules.size >= 2u * BULLA_SECTOR_SIZE;
    if (!client->takes_modules)
        return BULLA_OK;
    /* modules alone need not keep a device from starting; nothing is newer than the unknown */
    if (bulla_directory_read(client, &directory) != BULLA_OK)
        directory.sequence = UINT32_MAX;
    client->has_modules = bulla_directory_counts(&directory);
    client->modules_sequence = directory.sequence;
    memcpy(client->modules_digest, directory.newest, BULLA_DIGEST_SIZE);
    return BULLA_OK;
}

/* ---- which packs stay ---- */

/* Does a slot other than `target` hold the release with this manifest digest? */
static enum bulla_status is_held(struct bulla_client *client, int32_t target,
                                 const uint8_t digest[BULLA_DIGEST_SIZE], bool *held)
{
    uint8_t claimed[BULLA_DIGEST_SIZE];

    *held = false;
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)client->layout.slot_count && !*held;
         slot++) {
        if (slot == target)
            continue;
        enum bulla_status status = bulla_slot_claim(client, slot, claimed, held);
        if (status != BULLA_OK)
            return status;
        *held = *held && bulla_digest_equal(claimed, digest);
    }
    return BULLA_OK;
}

enum bulla_status bulla_directory_prune(struct bulla_client *client,
                                        struct bulla_directory *directory, int32_t target,
                                        const uint8_t *but)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < directory->count; i++) {
        const struct bulla_pack *pack = &directory->packs[i];
        bool stays = but != NULL && bulla_digest_equal(pack->digest, but);
        enum bulla_status status = BULLA_OK;
        if (!stays && pack->kind == BULLA_PACK_ALONE)
            stays = (bulla_pack_all(pack) & ~(uint32_t)pack->gone) != 0;
        else if (!stays)
            status = is_held(client, target, pack->digest, &stays);
        if (status == BULLA_OK && !stays &&
            pack->kind == BULLA_PACK_OF_APP) /* was a bit misread? */
            status = is_held(client, target, pack->digest, &stays);
        if (status != BULLA_OK)
            return status;
        if (stays)
            directory->packs[kept++] = *pack;
    }
    directory->count = kept;
    return BULLA_OK;
}

/* ---- a pack ---- */

uint32_t bulla_pack_sectors(uint32_t size)
{
    return (size - 1u) / BULLA_SECTOR_SIZE + 1u;
}

uint32_t bulla_pack_first(const struct bulla_manifest *manifest)
{
    return manifest->image.name.len > 0 ? 0 : 1;
}

enum bulla_status bulla_pack_head(const struct bulla_client *client, const struct bulla_pack *pack,
                                  uint8_t *head, struct bulla_envelope *envelope,
                                  struct bulla_manifest *manifest)
{
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE];
    size_t need = 0;
    enum bulla_status status = client->flash->read(
        client->flash->ctx, client->layout.modules.offset + pack->at * BULLA_SECTOR_SIZE, head,
        BULLA_HEAD_MAX);
    if (status == BULLA_OK)
        status = bulla_envelope_split((struct bulla_bytes){head, BULLA_HEAD_MAX}, envelope, &need);
    if (status != BULLA_OK)
        return status;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, envelope->manifest_bstr);
    status = bulla_sha256_finish(&hash, digest);
    if (status == BULLA_OK && !bulla_digest_equal(digest, pack->digest))
        status = BULLA_E_MANIFEST_DIGEST;
    if (status == BULLA_OK)
        status = bulla_manifest_decode(envelope->manifest, manifest);
    if (status == BULLA_OK && manifest->images - bulla_pack_first(manifest) != pack->count)
        status = BULLA_E_MODULE_MISSING;
    return status;
}

enum bulla_status bulla_pack_module(const struct bulla_client *client,
                                    const struct bulla_pack *pack,
                                    const struct bulla_envelope *envelope,
                                    const struct bulla_manifest *manifest, uint32_t index,
                                    struct bulla_image *image, struct bulla_partition *place)
{
    uint32_t first = bulla_pack_first(manifest);
    uint32_t sector = 1; /* behind the head */

    for (uint32_t i = 0; i <= index; i++) {
        enum bulla_status status = bulla_manifest_image(envelope->manifest, first + i, image);
        if (status != BULLA_OK)
            return status;
        uint32_t sectors = bulla_pack_sectors(image->size);
        if (sectors > pack->sectors - sector)
            return BULLA_E_MODULE_MISSING;
        *place = (struct bulla_partition){.offset = client->layout.modules.offset +
                                                    (pack->at + sector) * BULLA_SECTOR_SIZE,
                                          .size = sectors * BULLA_SECTOR_SIZE};
        sector += sectors;
    }
    return BULLA_OK;
}

enum bulla_status bulla_pack_check(struct bulla_client *client, const struct bulla_pack *pack,
                                   const struct bulla_envelope *envelope,
                                   const struct bulla_manifest *manifest, uint8_t *whole)
{
    enum bulla_status failed = BULLA_OK;

    *whole = pack->gone;
    for (uint32_t i = 0; i < pack->count; i++) {
        struct bulla_image image = {.size = 0}; /* never the one before it */
        struct bulla_partition place = {.size = 0};
        uint8_t digest[BULLA_DIGEST_SIZE] = {0};
        if ((pack->gone & 1u << i) != 0)
            continue;
        enum bulla_status status =
            bulla_pack_module(client, pack, envelope, manifest, i, &image, &place);
        if (status == BULLA_OK)
            status = bulla_slot_digest(client, &place, image.size, digest);
        if (status != BULLA_OK) { /* those behind it may be read all the same */
            failed = status;
            continue;
        }
        if (bulla_prove_equal(digest, image.digest, BULLA_DIGEST_SIZE, BULLA_YES) == BULLA_YES)
            *whole |= (uint8_t)(1u << i);
    }
    if (failed != BULLA_OK)
        return failed;
    return *whole == bulla_pack_all(pack) ? BULLA_OK : BULLA_E_MODULE_DIGEST;
}

enum bulla_status bulla_pack_begins(const struct bulla_client *client,
                                    const struct bulla_pack *pack, struct bulla_bytes head)
{
    const struct bulla_partition place = {.offset = client->layout.modules.offset +
                                                    pack->at * BULLA_SECTOR_SIZE,
                                          .size = BULLA_SECTOR_SIZE};
    bool same = false;
    enum bulla_status status = bulla_slot_holds(client, &place, 0, head, &same);

    return status == BULLA_OK && !same ? BULLA_E_MODULE_DIGEST : status;
}

enum bulla_status bulla_modules_judge(struct bulla_client *client,
                                      const struct bulla_envelope *envelope,
                                      const struct bulla_manifest *manifest,
                                      const uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                                      enum bulla_verdict *verdict)
{
    struct bulla_directory directory;
    uint8_t whole = 0;
    enum bulla_status status = bulla_directory_read(client, &directory);
    if (status != BULLA_OK)
        return status;
    for (uint32_t i = 0; i < directory.count; i++) {
        const struct bulla_pack *pack = &directory.packs[i];
        if (pack->kind != BULLA_PACK_OF_APP || pack->count != manifest->images - 1u ||
            !bulla_digest_equal(pack->digest, manifest_digest))
            continue;
        status =
            bulla_pack_begins(client, pack, (struct bulla_bytes){client->head, envelope->head_len});
        if (status == BULLA_OK)
            status = bulla_pack_check(client, pack, envelope, manifest, &whole);
        *verdict = status == BULLA_OK && whole == bulla_pack_all(pack) ? BULLA_YES : BULLA_NO;
        return status;
    }
    return BULLA_E_MODULE_MISSING;
}
