/* SPDX-License-Identifier: Apache-2.0 */
/* One slot: is what it holds what a signed envelope says, and writing one sector of it. What is
 * judged is always what flash holds now, never what was once put there. */

#include "bulla/crypto.h"
#include "bulla/mem.h"
#include "parts.h"

#define PIECE_SIZE 128u

enum bulla_status bulla_slot_read(const struct bulla_client *client,
                                  const struct bulla_partition *partition, uint32_t offset,
                                  uint8_t *buffer, uint32_t len)
{
    /* by subtraction: no sum can wrap */
    if (offset > partition->size || len > partition->size - offset)
        return BULLA_E_SLOT_TOO_SMALL;
    return client->flash->read(client->flash->ctx, partition->offset + offset, buffer, len);
}

enum bulla_status bulla_slot_head(const struct bulla_client *client, int32_t slot, uint8_t *buffer,
                                  size_t size, size_t *len)
{
    enum bulla_status status = bulla_state_get(&client->state, BULLA_RECORD_HEAD,
                                               bulla_slot_code(slot), buffer, size, len);

    /* one that rotted claims nothing, and an update may replace it */
    return status == BULLA_E_STATE_DAMAGED ? BULLA_OK : status;
}

enum bulla_status bulla_slot_claim(struct bulla_client *client, int32_t slot,
                                   uint8_t digest[BULLA_DIGEST_SIZE], bool *found)
{
    struct bulla_envelope envelope;
    struct bulla_wrapper wrapper;
    size_t len = 0;
    size_t need = 0;

    *found = false;
    enum bulla_status status =
        bulla_slot_head(client, slot, client->sector, sizeof(client->sector), &len);
    if (status != BULLA_OK || len == 0)
        return status;
    /* a head that does not decode claims nothing */
    if (bulla_envelope_split((struct bulla_bytes){client->sector, len}, &envelope, &need) ==
            BULLA_OK &&
        bulla_wrapper_decode(envelope.wrapper, &wrapper) == BULLA_OK) {
        memcpy(digest, wrapper.manifest_digest, BULLA_DIGEST_SIZE);
        *found = true;
    }
    return BULLA_OK;
}

enum bulla_status bulla_slot_holds(const struct bulla_client *client,
                                   const struct bulla_partition *partition, uint32_t offset,
                                   struct bulla_bytes bytes, bool *same)
{
    uint8_t piece[PIECE_SIZE];

    *same = false;
    for (uint32_t at = 0; at < BULLA_SECTOR_SIZE; at += PIECE_SIZE) {
        enum bulla_status status =
            bulla_slot_read(client, partition, offset + at, piece, PIECE_SIZE);
        if (status != BULLA_OK)
            return status;
        size_t used = at < bytes.len ? bytes.len - at : 0;
        if (used > PIECE_SIZE)
            used = PIECE_SIZE;
        if (used > 0 && memcmp(piece, bytes.data + at, used) != 0)
            return BULLA_OK;
        for (size_t i = used; i < PIECE_SIZE; i++) {
            if (piece[i] != 0xffu)
                return BULLA_OK;
        }
    }
    *same = true;
    return BULLA_OK;
}

enum bulla_status bulla_slot_write(const struct bulla_client *client,
                                   const struct bulla_partition *partition, uint32_t offset,
                                   struct bulla_bytes bytes, bool erased)
{
    const struct bulla_flash *flash = client->flash;
    enum bulla_status status = BULLA_OK;
    bool same = false;

    if (bytes.len > BULLA_SECTOR_SIZE || offset % BULLA_SECTOR_SIZE != 0 ||
        offset > partition->size || partition->size - offset < BULLA_SECTOR_SIZE)
        return BULLA_E_SLOT_TOO_SMALL;
    if (!erased)
        status = flash->erase_sector(flash->ctx, partition->offset + offset);
    if (status == BULLA_OK && bytes.len > 0)
        status = flash->program(flash->ctx, partition->offset + offset, bytes.data, bytes.len);
    if (status == BULLA_OK)
        status = bulla_slot_holds(client, partition, offset, bytes, &same);
    if (status == BULLA_OK && !same)
        status = BULLA_E_FLASH_READBACK;
    return status;
}

enum bulla_status bulla_slot_stream(struct bulla_client *client,
                                    const struct bulla_partition *partition, uint32_t size,
                                    bool with_structure, uint8_t digest[BULLA_DIGEST_SIZE])
{
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    if (with_structure)
        bulla_espimage_init(&client->espimage, size);
    for (uint32_t at = 0; at < size;) {
        uint32_t len = size - at < BULLA_SECTOR_SIZE ? size - at : BULLA_SECTOR_SIZE;
        struct bulla_bytes bytes = {client->sector, len};
        client->sector[0] ^= 0xffu; /* what was read before must not pass for what is read now */
        enum bulla_status status = bulla_slot_read(client, partition, at, client->sector, len);
        if (status != BULLA_OK)
            return status;
        bulla_sha256_update(&hash, bytes);
        if (with_structure && client->espimage.failed == BULLA_OK)
            client->espimage.failed = bulla_espimage_feed(&client->espimage, bytes);
        at += len;
    }
    return bulla_sha256_finish(&hash, digest);
}

enum bulla_status bulla_slot_digest(struct bulla_client *client,
                                    const struct bulla_partition *partition, uint32_t size,
                                    uint8_t digest[BULLA_DIGEST_SIZE])
{
    return bulla_slot_stream(client, partition, size, false, digest);
}

enum bulla_status bulla_slot_judge_image(struct bulla_client *client, struct bulla_installed *out,
                                         uint32_t *facts)
{
    enum bulla_status status = bulla_espimage_finish(&client->espimage);
    if (status != BULLA_OK)
        return status;
    out->image = client->espimage.facts;
    *facts |= BULLA_FACT_STRUCTURE;
    return bulla_policy_image(&client->device, &client->espimage.facts, facts);
}

static enum bulla_status judge_sealed(struct bulla_client *client, int32_t slot,
                                      const struct bulla_partition *partition, size_t head_len,
                                      struct bulla_installed *out)
{
    struct bulla_envelope envelope;
    struct bulla_manifest manifest = {.sequence = 0};
    uint8_t digest[BULLA_DIGEST_SIZE] = {0};
    uint32_t signers = 0;
    uint32_t facts = 0;
    enum bulla_status status = bulla_head_judge((struct bulla_bytes){client->head, head_len},
                                                &client->trust, &client->device, &envelope,
                                                &manifest, out->manifest_digest, &signers, &facts);
    if (status == BULLA_OK && manifest.image.name.len > 0) /* who may sign modules alone */
        status = BULLA_E_COMPONENT_MISMATCH;               /* signs nothing that is started */
    if (status != BULLA_OK)
        return status;
    out->sequence = manifest.sequence;
    out->version = manifest.version;
    out->size = manifest.image.size;
    status = bulla_slot_stream(client, partition, manifest.image.size, true, digest);
    if (status != BULLA_OK)
        return status;
    if (bulla_prove_equal(digest, manifest.image.digest, BULLA_DIGEST_SIZE, BULLA_FACT_DIGEST) !=
        BULLA_FACT_DIGEST)
        return BULLA_E_IMAGE_DIGEST;
    facts |= BULLA_FACT_DIGEST;
    status = bulla_slot_judge_image(client, out, &facts);
    enum bulla_verdict modules = manifest.images > 1 ? BULLA_NO : BULLA_YES;
    if (status == BULLA_OK && modules != BULLA_YES)
        status = bulla_modules_judge(client, &envelope, &manifest, out->manifest_digest, &modules);
    if (status == BULLA_OK && modules != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    if (status != BULLA_OK)
        return status;
    /* the list served the download; what counts here is the digest over the whole */
    uint32_t required = bulla_policy_required(&client->device) & ~(uint32_t)BULLA_FACT_LIST;
    if (bulla_client_demanded(client, slot, true, &client->device, BULLA_YES) == BULLA_YES)
        out->verdict = bulla_policy_verdict(facts, required);
    return out->verdict == BULLA_YES ? BULLA_OK : BULLA_E_NOT_JUDGED;
}

enum bulla_status bulla_slot_judge(struct bulla_client *client, int32_t slot,
                                   struct bulla_installed *out)
{
    const struct bulla_partition *partition = bulla_layout_slot(&client->layout, slot);
    size_t head_len = 0;
    bool declared = false;

    memset(out, 0, sizeof(*out));
    out->verdict = BULLA_NO;
    if (partition == NULL || partition->size == 0)
        return BULLA_E_SLOT_UNKNOWN;
    enum bulla_status status =
        bulla_state_get_head(&client->state, bulla_slot_code(slot), client->head,
                             sizeof(client->head), &head_len, &declared);
    if (status != BULLA_OK && status != BULLA_E_STATE_DAMAGED)
        return status;
    out->sealed = head_len > 0;
    bulla_client_recall(client);
    bulla_client_device(client, slot, true, &client->device);
    return out->sealed ? judge_sealed(client, slot, partition, head_len, out)
                       : bulla_slot_judge_unsealed(client, slot, partition, declared, out);
}

enum bulla_status bulla_slot_verify(struct bulla_client *client, int32_t slot, bool *sealed,
                                    struct bulla_image_facts *image)
{
    struct bulla_installed installed = {.verdict = BULLA_NO};
    enum bulla_status status = bulla_slot_judge(client, slot, &installed);

    if (status == BULLA_OK && installed.verdict != BULLA_YES)
        status = BULLA_E_NOT_JUDGED;
    *sealed = installed.sealed;
    *image = installed.image;
    return status;
}
