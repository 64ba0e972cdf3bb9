/* SPDX-License-Identifier: Apache-2.0 */
/* Copy an image to where it is executed, and judge what arrived there. */

#include "load.h"

#include <string.h>

#include "board.h"
#include "bulla/crypto.h"

/* The stored head of the slot, signatures and policy included. */
static enum bulla_status judge_head(struct bulla_client *client, int32_t slot,
                                    struct bulla_manifest *manifest, uint32_t *facts)
{
    const uint8_t code = slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;
    struct bulla_envelope envelope;
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
    uint32_t signers = 0;
    size_t len = 0;
    bool found = false;
    enum bulla_status status = bulla_state_get_head(&client->state, code, client->head,
                                                    sizeof(client->head), &len, &found);

    if (status != BULLA_OK)
        return status;
    if (!found || len == 0)
        return BULLA_E_SLOT_NOT_SEALED;
    bulla_client_device(client, slot, true, &client->device);
    status =
        bulla_head_judge((struct bulla_bytes){client->head, len}, &client->trust, &client->device,
                         &envelope, manifest, manifest_digest, &signers, facts);
    if (status == BULLA_OK && manifest->image.name.len > 0) /* modules alone are not started */
        status = BULLA_E_COMPONENT_MISMATCH;
    return status;
}

/* The digest is that of the copy. */
static enum bulla_status copy(const struct bulla_client *client, const struct bulla_partition *from,
                              uint32_t size, uint8_t digest[BULLA_DIGEST_SIZE])
{
    struct bulla_sha256 hash;

    if (size > board_app_size || size > from->size)
        return BULLA_E_SLOT_TOO_SMALL;
    enum bulla_status status =
        client->flash->read(client->flash->ctx, from->offset, board_app, size);
    if (status != BULLA_OK)
        return status;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){board_app, size});
    return bulla_sha256_finish(&hash, digest);
}

enum bulla_status load_app(struct bulla_client *client, const struct bulla_boot_result *chosen,
                           struct load *out)
{
    /* the client's own judgement proved these of the same bytes; a list is for downloads */
    const uint32_t elsewhere = BULLA_FACT_LIST | BULLA_FACTS_OF_APP;
    const struct bulla_partition *from = bulla_layout_slot(&client->layout, chosen->slot);
    struct bulla_manifest manifest = {.sequence = 0};
    uint8_t digest[BULLA_DIGEST_SIZE] = {0};
    uint32_t facts = 0;

    out->verdict = BULLA_NO;
    if (from == NULL || !chosen->sealed)
        return BULLA_E_SLOT_NOT_SEALED;
    enum bulla_status status = judge_head(client, chosen->slot, &manifest, &facts);
    if (status == BULLA_OK && manifest.sequence != chosen->sequence)
        status = BULLA_E_SEQUENCE_CONFLICT;
    if (status == BULLA_OK)
        status = copy(client, from, manifest.image.size, digest);
    if (status != BULLA_OK)
        return status;
    if (bulla_prove_equal(digest, manifest.image.digest, BULLA_DIGEST_SIZE, BULLA_FACT_DIGEST) !=
        BULLA_FACT_DIGEST)
        return BULLA_E_IMAGE_DIGEST;
    facts |= BULLA_FACT_DIGEST;
    out->size = manifest.image.size;
    out->verdict = bulla_policy_verdict(facts, bulla_policy_required(&client->device) & ~elsewhere);
    return out->verdict == BULLA_YES ? BULLA_OK : BULLA_E_NOT_JUDGED;
}
