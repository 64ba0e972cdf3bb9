/* SPDX-License-Identifier: Apache-2.0 */
/* Verified sectors into a slot, and the slot into otadata. Nothing here decides whether bytes are
 * genuine: they come from bulla_sectors_feed, and the verdict over all facts is asked for before
 * the slot is selected.
 *
 * Order of writes, each cut leaving the old choice: what runs has a record -> the target loses its
 * otadata records -> its new envelope head is stored (from here on what lies there does not verify
 * until it is the new image to the last byte) -> sectors, the modules' among them -> the modules'
 * directory -> record NEW. */

#include "bulla/mem.h"
#include "parts.h"

enum bulla_status bulla_install_begin(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    const struct bulla_bytes head = {client->head, client->reader.envelope.head_len};
    size_t len = 0;

    install->done = 0;
    install->facts = 0;
    install->replaced_until = install->erased_until = 0;
    install->judged = install->held_blank = install->prepared = false;
    install->alone = install->rewrites = false;
    if (client->reader.image.name.len > 0)
        return bulla_modules_begin(install);
    install->partition = bulla_layout_slot(&client->layout, install->target);
    if (install->partition == NULL)
        return BULLA_E_NO_SLOT;
    install->size = client->reader.image.size;
    bulla_espimage_init(&client->espimage, install->size);
    enum bulla_status status =
        bulla_slot_head(client, install->target, client->sector, sizeof(client->sector), &len);
    install->head_stored = bulla_bytes_equal(head, (struct bulla_bytes){client->sector, len});
    return status;
}

static enum bulla_status drop_records(struct bulla_install *install)
{
    struct bulla_client *client = install->client;

    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &client->otadata.record[i];
        if (record->seq == BULLA_OTA_SEQ_NONE ||
            bulla_ota_slot_of(record->seq, client->layout.slot_count) != (uint32_t)install->target)
            continue;
        enum bulla_status status = bulla_record_drop(client, i);
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

/* Make the slot one that nothing boots, then let it, and what its release needs, be changed. */
static enum bulla_status prepare(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    const struct bulla_bytes head = {client->head, client->reader.envelope.head_len};
    enum bulla_status status = bulla_place_part(client, install->target);
    /* what runs must be named before anything is selected above it */
    if (status == BULLA_OK)
        status = bulla_record_keep_running(client, install->running);
    if (status == BULLA_OK)
        status = drop_records(install);
    if (status == BULLA_OK && !install->head_stored)
        status = bulla_state_put(&client->state, BULLA_RECORD_HEAD,
                                 bulla_slot_code(install->target), head);
    if (status != BULLA_OK)
        return status;
    install->head_stored = true;
    install->prepared = true;
    return BULLA_OK;
}

/* Where the chip can, erase a whole block at its first sector: only if everything in it is about to
 * be written. */
static enum bulla_status erase_ahead(struct bulla_install *install, uint32_t offset)
{
    const struct bulla_flash *flash = install->client->flash;
    uint32_t at = install->partition->offset + offset;

    if (flash->erase_block == NULL || at % BULLA_BLOCK_SIZE != 0 ||
        install->replaced_until < offset || install->replaced_until - offset < BULLA_BLOCK_SIZE)
        return BULLA_OK;
    enum bulla_status status = flash->erase_block(flash->ctx, at);
    if (status == BULLA_OK)
        install->erased_until = offset + BULLA_BLOCK_SIZE;
    return status;
}

static enum bulla_status place(struct bulla_install *install, uint32_t offset,
                               struct bulla_bytes bytes)
{
    bool same = false;
    enum bulla_status status =
        bulla_slot_holds(install->client, install->partition, offset, bytes, &same);
    if (status != BULLA_OK)
        return status;
    if (same && !install->rewrites) {
        install->result->sectors_kept++;
        return BULLA_OK;
    }
    if (!install->prepared)
        status = prepare(install);
    if (status == BULLA_OK)
        status = erase_ahead(install, offset);
    if (status == BULLA_OK)
        status = bulla_slot_write(install->client, install->partition, offset, bytes,
                                  offset < install->erased_until);
    if (status == BULLA_OK)
        install->result->sectors_written++;
    return status;
}

/* Format, chip, revision and floor, before the first erase. Only an image that begins with 4096
 * times 0xff cannot be judged by its first sector: that one waits, and needs no memory. */
static enum bulla_status judge(struct bulla_install *install, struct bulla_bytes bytes)
{
    struct bulla_client *client = install->client;
    enum bulla_status status = bulla_espimage_feed(&client->espimage, bytes);
    if (status != BULLA_OK || install->judged)
        return status;
    if (!bulla_espimage_ready(&client->espimage) && install->done == 0 &&
        bytes.len < install->size) {
        install->held_blank = true;
        return BULLA_OK;
    }
    install->result->image = client->espimage.facts;
    install->result->image_known = true;
    status = bulla_policy_image(&client->device, &client->espimage.facts, &install->facts);
    install->judged = status == BULLA_OK;
    return status;
}

enum bulla_status bulla_install_take(struct bulla_install *install, struct bulla_bytes bytes)
{
    const struct bulla_bytes blank = {NULL, 0};
    bool is_module = install->partition == &install->place;
    enum bulla_status status = is_module ? BULLA_OK : judge(install, bytes);
    if (status == BULLA_OK && install->judged && install->held_blank) {
        install->held_blank = false;
        status = place(install, 0, blank);
    }
    if (status == BULLA_OK && (install->judged || is_module))
        status = place(install, install->done, bytes);
    if (status == BULLA_OK)
        install->done += (uint32_t)bytes.len;
    return status;
}

/* Does the device state hold the head of this envelope for the slot? At the next boot the image is
 * held against it; without one the slot could pass for one that never was sealed. */
static enum bulla_status check_stored_head(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    size_t len = 0;
    size_t head_len = client->reader.envelope.head_len;
    enum bulla_status status =
        bulla_slot_head(client, install->target, client->sector, sizeof(client->sector), &len);

    if (status != BULLA_OK)
        return status;
    if (len != head_len ||
        bulla_prove_equal(client->head, client->sector, len, BULLA_YES) != BULLA_YES)
        return BULLA_E_FLASH_READBACK;
    return BULLA_OK;
}

/* What a commit rests on, in one value: nobody has it who did not come all the way. */
static enum bulla_status make_token(uint32_t facts, uint32_t sequence,
                                    const uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                                    const uint8_t image_digest[BULLA_DIGEST_SIZE],
                                    uint8_t token[BULLA_DIGEST_SIZE])
{
    static const uint8_t label[] = "bulla commit";
    const uint32_t numbers[] = {facts, sequence}; /* never leave this device */
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){label, sizeof(label)});
    bulla_sha256_update(&hash, (struct bulla_bytes){(const uint8_t *)numbers, sizeof(numbers)});
    bulla_sha256_update(&hash, (struct bulla_bytes){manifest_digest, BULLA_DIGEST_SIZE});
    bulla_sha256_update(&hash, (struct bulla_bytes){image_digest, BULLA_DIGEST_SIZE});
    return bulla_sha256_finish(&hash, token);
}

/* Select the slot for a trial. `token` was made of what was proved and found; here it is made again
 * of what is demanded and signed, and only the same one opens. */
static enum bulla_status select_target(struct bulla_install *install,
                                       const uint8_t token[BULLA_DIGEST_SIZE])
{
    struct bulla_client *client = install->client;
    const struct bulla_manifest *manifest = &client->reader.manifest;
    uint32_t count = client->layout.slot_count;
    int32_t active = bulla_ota_active(&client->otadata);
    uint8_t expected[BULLA_DIGEST_SIZE];

    memset(expected, 0xff, sizeof(expected)); /* no two tokens are equal because neither was made */
    enum bulla_status status =
        make_token(bulla_policy_required(&client->device), manifest->sequence,
                   client->reader.manifest_digest, manifest->image.digest, expected);
    if (status != BULLA_OK)
        return status;
    if (bulla_client_demanded(client, install->target, false, &client->device, BULLA_YES) !=
            BULLA_YES ||
        bulla_prove_equal(token, expected, BULLA_DIGEST_SIZE, BULLA_YES) != BULLA_YES)
        return BULLA_E_NOT_JUDGED;
    if (install->target == BULLA_SLOT_FACTORY)
        return BULLA_OK; /* no record names it: what runs stays selected */
    if (!install->prepared && active >= 0 &&
        client->otadata.record[active].state == BULLA_OTA_NEW &&
        bulla_ota_slot_of(client->otadata.record[active].seq, count) == (uint32_t)install->target)
        return BULLA_OK; /* installed and selected already */
    int32_t keep = bulla_record_of_running(client, install->running);
    uint32_t into = keep >= 0 ? 1u - (uint32_t)keep : bulla_record_spare(&client->otadata);
    return bulla_record_name(client, into, install->target, BULLA_OTA_NEW);
}

/* Everything about the image: what flash holds now is what was signed, to the last byte. */
static enum bulla_status judge_whole(struct bulla_install *install,
                                     uint8_t read_back[BULLA_DIGEST_SIZE])
{
    struct bulla_client *client = install->client;
    const struct bulla_manifest *manifest = &client->reader.manifest;
    enum bulla_status status =
        bulla_slot_digest(client, install->partition, install->size, read_back);
    if (status != BULLA_OK)
        return status;
    if (bulla_prove_equal(read_back, manifest->image.digest, BULLA_DIGEST_SIZE,
                          BULLA_FACT_DIGEST) != BULLA_FACT_DIGEST)
        return BULLA_E_IMAGE_DIGEST;
    install->facts |= BULLA_FACT_DIGEST;
    status = bulla_espimage_finish(&client->espimage);
    if (status == BULLA_OK)
        install->facts |= BULLA_FACT_STRUCTURE;
    return status;
}

static enum bulla_status ask(const struct bulla_install *install,
                             const struct bulla_partition *where, uint32_t size)
{
    const struct bulla_approval *approval = install->approval;

    return approval == NULL || approval->image == NULL
               ? BULLA_OK
               : approval->image(approval->ctx, where, size);
}

enum bulla_status bulla_install_approve(const struct bulla_install *install)
{
    const struct bulla_partition *where =
        bulla_layout_slot(&install->client->layout, install->running);

    return where == NULL ? BULLA_E_SLOT_UNKNOWN
                         : ask(install, where, install->client->reader.manifest.image.size);
}

/* Signed and whole it would verify, and be a fall-back as soon as nothing better is left; the
 * factory app needs no record for that. So what was refused does not stay whole. */
static enum bulla_status take_away(struct bulla_install *install)
{
    const struct bulla_bytes blank = {NULL, 0};
    enum bulla_status status = install->prepared ? BULLA_OK : prepare(install);

    return status == BULLA_OK
               ? bulla_slot_write(install->client, install->partition, 0, blank, false)
               : status;
}

enum bulla_status bulla_install_finish(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    const struct bulla_reader *reader = &client->reader;
    uint8_t read_back[BULLA_DIGEST_SIZE] = {0};
    uint8_t token[BULLA_DIGEST_SIZE] = {0};
    enum bulla_status status = judge_whole(install, read_back);
    if (status != BULLA_OK)
        return status;
    bulla_client_recall(client);
    uint32_t required = bulla_policy_required(&client->device);
    uint32_t proved = (reader->facts | install->facts) & required;
    if (bulla_policy_verdict(proved, required) != BULLA_YES)
        return BULLA_E_NOT_JUDGED;
    status = install->head_stored ? bulla_record_keep_running(client, install->running)
                                  : prepare(install);
    if (status == BULLA_OK)
        status = check_stored_head(install);
    if (status != BULLA_OK)
        return status;
    status = ask(install, install->partition, install->size);
    if (status != BULLA_OK) {
        enum bulla_status taken = take_away(install);
        return taken == BULLA_OK ? status : taken;
    }
    if (reader->manifest.images > 1)
        status = bulla_modules_commit(install);
    if (status == BULLA_OK)
        status = make_token(proved, reader->manifest.sequence, reader->manifest_digest, read_back,
                            token);
    if (status == BULLA_OK)
        status = select_target(install, token);
    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_UPDATE, install->target, BULLA_OK,
                          reader->manifest.sequence);
    return status;
}
