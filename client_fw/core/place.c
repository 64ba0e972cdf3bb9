/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts in place: releases lie in banks, code is executed from one area alone, and a boot brings
 * there what it chose. The bank is not touched meanwhile, so nothing needs to be remembered of how
 * far a copy has come: the next boot compares. Only what a power cut interrupted may read right and
 * be weak; that a copy had begun and not ended is therefore on flash, and then every sector is
 * written again, whatever it reads as. docs/decisions/0028. */

#include "boot_plan.h"
#include "bulla/mem.h"

#define TRIES      2u
#define PIECE_SIZE 128u

struct copy {
    struct bulla_client *client;
    const struct bulla_boot_plan *plan;
    const struct bulla_partition *from;
    const struct bulla_partition *to;
    int32_t bank;
    uint32_t size;
    bool all;    /* also sectors that read right */
    bool healed; /* the area's head is the bank's already: it may be mended without a note */
    bool begun;  /* the area may be changed */
    bool noted;  /* and flash says so: whole, it may be said to have ended */
};

/* ---- what is known of the area ---- */

bool bulla_place_settled(const struct bulla_client *client)
{
    struct bulla_boots boots;
    bool found = false;
    enum bulla_status status = bulla_state_get_boots(&client->state, &boots, &found);

    return status == BULLA_OK && (boots.left & BULLA_BOOTS_PLACING) == 0;
}

static enum bulla_status note_placing(struct bulla_client *client, bool placing)
{
    struct bulla_boots boots;
    bool found = false;
    enum bulla_status status = bulla_state_get_boots(&client->state, &boots, &found);

    if (status != BULLA_OK && status != BULLA_E_STATE_DAMAGED)
        return status;
    boots.left &= ~BULLA_BOOTS_PLACING;
    boots.left |= placing ? BULLA_BOOTS_PLACING : 0;
    return bulla_state_put_boots(&client->state, &boots);
}

/* The banks whose stored head is that of the execution area, as of bulla_boot_skip. */
static enum bulla_status read_banks(struct bulla_client *client, uint32_t *banks)
{
    uint8_t area[BULLA_DIGEST_SIZE];
    uint8_t digest[BULLA_DIGEST_SIZE];
    bool found = false;

    *banks = 0;
    enum bulla_status status = bulla_slot_claim(client, BULLA_SLOT_FACTORY, area, &found);
    if (status != BULLA_OK || !found)
        return status;
    for (uint32_t i = 0; i < client->layout.slot_count && status == BULLA_OK; i++) {
        status = bulla_slot_claim(client, (int32_t)i, digest, &found);
        if (status == BULLA_OK && found && bulla_digest_equal(area, digest))
            *banks |= bulla_boot_skip((int32_t)i);
    }
    return status;
}

/* In place the execution area is a copy of a bank, or what was there before any. The bank goes
 * first: a copy may have been cut. The area stands for itself only where no bank with its release
 * failed or was passed over, and for an unconfirmed one only when nothing else is left. */
bool bulla_place_try(struct bulla_client *client, const struct bulla_otadata *otadata, bool barred,
                     struct bulla_boot_plan *plan)
{
    uint32_t count = client->layout.slot_count;
    uint32_t banks = 0;
    enum bulla_status status = read_banks(client, &banks);

    if (status != BULLA_OK) /* once more, as in bulla_boot_try: another release would replace it */
        status = read_banks(client, &banks);
    if (status != BULLA_OK)
        plan->unjudged = true;
    if (status != BULLA_OK || (banks & plan->skip) != 0)
        return false;
    for (int32_t i = 0; !barred && i < (int32_t)count; i++) {
        if ((banks & bulla_boot_skip(i)) == 0)
            continue;
        if (bulla_boot_is_barred(otadata, count, i))
            return false;
        if (bulla_boot_try(client, i, plan))
            return true;
    }
    if (!bulla_boot_try(client, BULLA_SLOT_FACTORY, plan))
        return false;
    if (barred || !bulla_boot_unconfirmed(client, &plan->installed))
        return true;
    plan->tried &= ~BULLA_SKIP_FACTORY;
    plan->result.slot = BULLA_SLOT_NONE;
    return false;
}

enum bulla_status bulla_place_replaced(struct bulla_client *client, int32_t bank,
                                       const struct bulla_installed *installed, bool *replaced)
{
    uint8_t area[BULLA_DIGEST_SIZE];
    bool found = false;

    *replaced = false;
    if (!client->layout.in_place || bank < 0 || !installed->sealed)
        return BULLA_OK;
    enum bulla_status status = bulla_slot_claim(client, BULLA_SLOT_FACTORY, area, &found);
    *replaced =
        status == BULLA_OK && found && !bulla_digest_equal(area, installed->manifest_digest);
    return status;
}

/* Does the area verify, and is it the release that the plan judged in its bank? */
static enum bulla_status judge_area(struct bulla_client *client, const struct bulla_boot_plan *plan,
                                    enum bulla_verdict *verdict)
{
    struct bulla_installed area = {.verdict = BULLA_NO};

    *verdict = BULLA_NO;
    enum bulla_status status = bulla_slot_judge(client, BULLA_SLOT_FACTORY, &area);
    if (status != BULLA_OK)
        return status;
    if (area.verdict != BULLA_YES || area.sealed != plan->installed.sealed)
        return BULLA_E_NOT_JUDGED;
    if (bulla_prove_equal(area.manifest_digest, plan->installed.manifest_digest, BULLA_DIGEST_SIZE,
                          BULLA_YES) != BULLA_YES)
        return BULLA_E_IMAGE_DIGEST;
    *verdict = area.verdict;
    return BULLA_OK;
}

/* ---- copying ---- */

/* The bank's head, and only the one that was judged: without one the area would be declared not
 * sealed, and run for its structure alone. */
static enum bulla_status read_head(const struct copy *copy, size_t *len)
{
    struct bulla_client *client = copy->client;
    const struct bulla_installed *judged = &copy->plan->installed;
    struct bulla_envelope envelope;
    struct bulla_wrapper wrapper;
    size_t need = 0;
    enum bulla_status status =
        bulla_slot_head(client, copy->bank, client->head, sizeof(client->head), len);

    if (status != BULLA_OK || !judged->sealed)
        return status == BULLA_OK && *len > 0 ? BULLA_E_FLASH_READ : status;
    if (bulla_envelope_split((struct bulla_bytes){client->head, *len}, &envelope, &need) !=
            BULLA_OK ||
        bulla_wrapper_decode(envelope.wrapper, &wrapper) != BULLA_OK ||
        bulla_prove_equal(wrapper.manifest_digest, judged->manifest_digest, BULLA_DIGEST_SIZE,
                          BULLA_YES) != BULLA_YES)
        return BULLA_E_FLASH_READ;
    return BULLA_OK;
}

/* Before the first erase: that a copy has begun, and what the area is from now on. Without the
 * bank it does not verify until it is the new image to the last byte. */
static enum bulla_status begin(struct copy *copy)
{
    struct bulla_client *client = copy->client;
    size_t len = 0;
    enum bulla_status status = note_placing(client, true);

    if (status == BULLA_OK)
        status = read_head(copy, &len);
    if (status == BULLA_OK)
        status = bulla_state_put(&client->state, BULLA_RECORD_HEAD, BULLA_STATE_SLOT_FACTORY,
                                 (struct bulla_bytes){client->head, len});
    copy->noted = status == BULLA_OK;
    if (copy->healed && status != BULLA_OK) {
        /* a log that takes nothing must not keep what is confirmed from running, nor, because it
         * cannot say that a copy ended, wear the whole area at every boot */
        status = BULLA_OK;
        copy->all = false;
    }
    copy->begun = status == BULLA_OK;
    return status;
}

/* Nothing that was misread is written: does the bank say the same again? */
static enum bulla_status read_again(const struct copy *copy, uint32_t offset,
                                    struct bulla_bytes bytes)
{
    const struct bulla_flash *flash = copy->client->flash;
    uint8_t piece[PIECE_SIZE];

    for (uint32_t at = 0; at < bytes.len; at += PIECE_SIZE) {
        size_t len = bytes.len - at < PIECE_SIZE ? bytes.len - at : PIECE_SIZE;
        enum bulla_status status =
            flash->read(flash->ctx, copy->from->offset + offset + at, piece, len);
        if (status != BULLA_OK)
            return status;
        if (memcmp(piece, bytes.data + at, len) != 0)
            return BULLA_E_FLASH_READ;
    }
    return BULLA_OK;
}

/* Read the bank's sector into client->sector. Has the area the same? */
static enum bulla_status compare(const struct copy *copy, uint32_t offset, uint32_t len, bool *same)
{
    struct bulla_client *client = copy->client;
    const struct bulla_flash *flash = client->flash;

    *same = false;
    client->sector[0] ^= 0xffu; /* what was read before must not pass for what is read now */
    enum bulla_status status =
        flash->read(flash->ctx, copy->from->offset + offset, client->sector, len);
    return status == BULLA_OK ? bulla_slot_holds(client, copy->to, offset,
                                                 (struct bulla_bytes){client->sector, len}, same)
                              : status;
}

static uint32_t sector_len(const struct copy *copy, uint32_t at)
{
    uint32_t left = copy->size - at;

    return left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
}

static bool is_equal(const struct copy *copy)
{
    bool same = copy->size <= copy->to->size && copy->size <= copy->from->size;

    for (uint32_t at = 0; same && at < copy->size; at += sector_len(copy, at))
        same = compare(copy, at, sector_len(copy, at), &same) == BULLA_OK && same;
    return same;
}

static enum bulla_status copy_sector(struct copy *copy, uint32_t offset, uint32_t len)
{
    struct bulla_client *client = copy->client;
    const struct bulla_bytes bytes = {client->sector, len};
    bool same = false;
    enum bulla_status status = compare(copy, offset, len, &same);

    if (status != BULLA_OK || (same && !copy->all))
        return status;
    status = read_again(copy, offset, bytes);
    if (status == BULLA_OK && !copy->begun)
        status = begin(copy);
    if (status != BULLA_OK)
        return status;
    if (same && !copy->all)
        return BULLA_OK;
    status = bulla_slot_write(client, copy->to, offset, bytes, false);
    /* a sector that cannot be written any more, but holds what it should, is good enough */
    if (status != BULLA_OK && same &&
        (bulla_slot_holds(client, copy->to, offset, bytes, &same) == BULLA_OK && same))
        return BULLA_OK;
    return status;
}

static enum bulla_status copy_all(struct copy *copy)
{
    if (copy->size > copy->to->size || copy->size > copy->from->size)
        return BULLA_E_SLOT_TOO_SMALL;
    for (uint32_t at = 0; at < copy->size;) {
        uint32_t len = sector_len(copy, at);
        enum bulla_status status = copy_sector(copy, at, len);
        if (status != BULLA_OK)
            return status;
        at += len;
    }
    return BULLA_OK;
}

/* Has the area the bank's head, byte for byte? Uses client->sector. */
static bool has_head(const struct copy *copy)
{
    struct bulla_client *client = copy->client;
    size_t len = 0;
    size_t area = 0;

    return read_head(copy, &len) == BULLA_OK &&
           bulla_slot_head(client, BULLA_SLOT_FACTORY, client->sector, sizeof(client->sector),
                           &area) == BULLA_OK &&
           area == len && memcmp(client->sector, client->head, len) == 0;
}

/* Copy, then judge. Where every sector was there already, only the head can be another one: of a
 * release with the same image, or one that rotted. */
static enum bulla_status copy_and_judge(struct copy *copy, enum bulla_verdict *verdict)
{
    enum bulla_status status = copy_all(copy);

    if (status != BULLA_OK)
        return status;
    status = judge_area(copy->client, copy->plan, verdict);
    if (status == BULLA_OK || copy->begun || has_head(copy))
        return status;
    status = begin(copy);
    return status == BULLA_OK ? judge_area(copy->client, copy->plan, verdict) : status;
}

/* ---- at the reset ---- */

static bool is_in_place(const struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    return client->layout.in_place && plan->result.slot >= 0;
}

/* Nothing is to be written. What is not sealed has no digest to be known by: it is compared. */
static bool is_placed(struct bulla_client *client, const struct bulla_boot_plan *plan,
                      enum bulla_verdict *verdict)
{
    *verdict = BULLA_NO;
    return plan->installed.sealed && bulla_place_settled(client) &&
           judge_area(client, plan, verdict) == BULLA_OK;
}

static struct copy prepare(struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    return (struct copy){.client = client,
                         .plan = plan,
                         .bank = plan->result.slot,
                         .from = bulla_layout_slot(&client->layout, plan->result.slot),
                         .to = &client->layout.factory,
                         .size = plan->installed.image.size,
                         .all = !bulla_place_settled(client)};
}

bool bulla_place_wanted(struct bulla_client *client, const struct bulla_boot_plan *plan)
{
    enum bulla_verdict verdict = BULLA_NO;

    if (!is_in_place(client, plan) || is_placed(client, plan, &verdict))
        return false;
    const struct copy copy = prepare(client, plan);
    return plan->installed.sealed || copy.all || !is_equal(&copy);
}

enum bulla_status bulla_place_run(struct bulla_client *client, struct bulla_boot_plan *plan)
{
    enum bulla_status status = BULLA_E_NOT_JUDGED;
    enum bulla_verdict verdict = BULLA_NO;
    uint32_t banks = 0;

    if (!is_in_place(client, plan))
        return BULLA_OK;
    if (is_placed(client, plan, &plan->result.verdict))
        return BULLA_OK;
    struct copy copy = prepare(client, plan);
    for (uint32_t i = 0; i < TRIES && status != BULLA_OK; i++) {
        copy.healed = i > 0 && read_banks(client, &banks) == BULLA_OK &&
                      (banks & bulla_boot_skip(copy.bank)) != 0;
        status = copy_and_judge(&copy, &verdict);
    }
    if (status != BULLA_OK)
        return status;
    /* not known to have ended: the next boot writes it all once more */
    if (copy.noted && note_placing(client, false) != BULLA_OK)
        copy.noted = false;
    plan->result.placed = copy.begun;
    plan->result.verdict = verdict;
    return BULLA_OK;
}

/* ---- at an update ---- */

enum bulla_status bulla_place_part(struct bulla_client *client, int32_t bank)
{
    const struct bulla_running area = {.slot = BULLA_STATE_SLOT_FACTORY,
                                       .ota_seq = BULLA_OTA_SEQ_NONE};

    if (!client->layout.in_place)
        return BULLA_OK;
    if (client->executing == bank)
        client->executing = BULLA_SLOT_FACTORY;
    if (client->has_running && client->running.slot != bulla_slot_code(bank))
        return BULLA_OK;
    return bulla_client_put_running(client, &area);
}
