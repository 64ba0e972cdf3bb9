/* SPDX-License-Identifier: Apache-2.0 */
/* Modules for those who use them: judged once, then found by name where they lie. */

#include "bulla/mem.h"
#include "modules_parts.h"

/* ---- judged once ---- */

/* Signatures, product, then every byte: what a boot asks of an app's image, as far as modules have
 * it. *whole gets the modules that hold; none is told as a failure. */
static enum bulla_status judge(struct bulla_modules *modules, const struct bulla_pack *pack,
                               uint8_t *whole)
{
    struct bulla_client *client = modules->client;
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers = 0;
    uint32_t facts = 0;

    *whole = 0;
    bulla_client_device(client, modules->running, true, &client->device);
    enum bulla_status status = bulla_pack_head(client, pack, client->head, &envelope, &manifest);
    if (status == BULLA_OK)
        status =
            bulla_head_judge((struct bulla_bytes){client->head, envelope.head_len}, &client->trust,
                             &client->device, &envelope, &manifest, digest, &signers, &facts);
    if (status != BULLA_OK)
        return status;
    uint32_t required = bulla_policy_required(&client->device) &
                        ~(uint32_t)(BULLA_FACTS_OF_APP | BULLA_FACT_LIST | BULLA_FACT_DIGEST);
    if (bulla_policy_verdict(facts, required) != BULLA_YES)
        return BULLA_E_NOT_JUDGED;
    return bulla_pack_check(client, pack, &envelope, &manifest, whole);
}

/* Which slot holds each pack's release; of two, the one that runs. */
static enum bulla_status find_slots(struct bulla_modules *modules)
{
    struct bulla_client *client = modules->client;
    const struct bulla_directory *directory = &modules->directory;

    for (uint32_t i = 0; i < directory->count; i++)
        modules->slots[i] = BULLA_SLOT_NONE;
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)client->layout.slot_count; slot++) {
        uint8_t digest[BULLA_DIGEST_SIZE];
        bool found = false;
        enum bulla_status status = bulla_slot_claim(client, slot, digest, &found);
        if (status != BULLA_OK)
            return status;
        for (uint32_t i = 0; found && i < directory->count; i++) {
            bool runs =
                modules->slots[i] == modules->running && modules->slots[i] != BULLA_SLOT_NONE;
            if (directory->packs[i].kind == BULLA_PACK_OF_APP && !runs &&
                bulla_digest_equal(directory->packs[i].digest, digest))
                modules->slots[i] = (int8_t)slot;
        }
    }
    return BULLA_OK;
}

enum bulla_status bulla_modules_open(struct bulla_modules *modules, struct bulla_client *client)
{
    memset(modules, 0, sizeof(*modules));
    modules->client = client;
    modules->running = BULLA_SLOT_NONE;
    if (!client->takes_modules)
        return BULLA_E_MODULES_NOT_TAKEN;
    enum bulla_status status = bulla_client_running(client, &modules->running);
    if (bulla_status_is_refusal(status)) /* then only what came alone counts */
        status = BULLA_OK;
    if (status == BULLA_OK)
        status = bulla_directory_read(client, &modules->directory);
    if (status == BULLA_OK)
        status = find_slots(modules);
    for (uint32_t i = 0; status == BULLA_OK && i < modules->directory.count; i++) {
        const struct bulla_pack *pack = &modules->directory.packs[i];
        modules->counts[i] =
            pack->kind == BULLA_PACK_ALONE ||
            (modules->slots[i] == modules->running && modules->running != BULLA_SLOT_NONE);
        if (modules->counts[i])
            status = judge(modules, pack, &modules->whole[i]);
        if (status != BULLA_OK) /* a single bit may have been misread */
            status = judge(modules, pack, &modules->whole[i]);
        status = BULLA_OK; /* what does not verify, or be read, is not found; the others are */
    }
    return status;
}

/* ---- by name ---- */

/* A lookup prefers the higher sequence; of two alike, the release's. */
static bool goes_before(const struct bulla_pack *a, const struct bulla_pack *b)
{
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence;
    return a->kind == BULLA_PACK_OF_APP;
}

/* The module that a lookup of this name finds. Uses client->sector. */
static enum bulla_status find_best(struct bulla_modules *modules, struct bulla_bytes name,
                                   uint32_t *best, uint32_t *index)
{
    *best = BULLA_PACKS_MAX;
    for (uint32_t i = 0; i < modules->directory.count; i++) {
        const struct bulla_pack *pack = &modules->directory.packs[i];
        uint8_t offered = (uint8_t)(modules->whole[i] & ~pack->gone);
        struct bulla_envelope envelope;
        struct bulla_manifest manifest;
        struct bulla_image image;
        if (!modules->counts[i] || offered == 0 ||
            (*best != BULLA_PACKS_MAX && !goes_before(pack, &modules->directory.packs[*best])))
            continue;
        enum bulla_status status =
            bulla_pack_head(modules->client, pack, modules->client->sector, &envelope, &manifest);
        for (uint32_t j = 0; status == BULLA_OK && j < pack->count; j++) {
            status =
                bulla_manifest_image(envelope.manifest, bulla_pack_first(&manifest) + j, &image);
            if (status != BULLA_OK || (offered & 1u << j) == 0 ||
                !bulla_bytes_equal(image.name, name))
                continue;
            *best = i;
            *index = j;
        }
        if (status != BULLA_OK)
            return status;
    }
    return *best != BULLA_PACKS_MAX ? BULLA_OK : BULLA_E_MODULE_UNKNOWN;
}

/* Uses client->head. */
static enum bulla_status describe(struct bulla_modules *modules, uint32_t number, uint32_t index,
                                  struct bulla_module *out)
{
    const struct bulla_pack *pack = &modules->directory.packs[number];
    const struct bulla_flash *flash = modules->client->flash;
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    struct bulla_image image;
    struct bulla_partition place;
    enum bulla_status status =
        bulla_pack_head(modules->client, pack, modules->client->head, &envelope, &manifest);
    if (status == BULLA_OK)
        status =
            bulla_pack_module(modules->client, pack, &envelope, &manifest, index, &image, &place);
    if (status != BULLA_OK)
        return status;
    memcpy(out->name, image.name.data, image.name.len);
    out->offset = place.offset;
    out->size = image.size;
    memcpy(out->digest, image.digest, BULLA_DIGEST_SIZE);
    if ((modules->whole[number] & 1u << index) != 0 && flash->map != NULL)
        out->bytes = flash->map(flash->ctx, out->offset, out->size);
    return BULLA_OK;
}

static void describe_pack(const struct bulla_modules *modules, uint32_t number,
                          struct bulla_module *out)
{
    const struct bulla_pack *pack = &modules->directory.packs[number];

    memset(out, 0, sizeof(*out));
    out->sequence = pack->sequence;
    out->alone = pack->kind == BULLA_PACK_ALONE;
    out->slot = modules->slots[number];
    out->state = modules->counts[number] ? BULLA_MODULE_UNFIT : BULLA_MODULE_WAITING;
}

enum bulla_status bulla_modules_find(struct bulla_modules *modules, const char *name,
                                     struct bulla_module *out)
{
    struct bulla_bytes wanted = {(const uint8_t *)name, 0};
    uint32_t number = 0;
    uint32_t index = 0;

    memset(out, 0, sizeof(*out));
    while (name[wanted.len] != '\0' && wanted.len <= BULLA_COMPONENT_NAME_MAX)
        wanted.len++;
    enum bulla_status status = find_best(modules, wanted, &number, &index);
    if (status != BULLA_OK)
        return status;
    describe_pack(modules, number, out);
    status = describe(modules, number, index, out);
    out->state = BULLA_MODULE_LIVE;
    return status;
}

/* Is it the one that a lookup of its name finds? */
static enum bulla_status is_live(struct bulla_modules *modules, uint32_t number, uint32_t index,
                                 struct bulla_module *out)
{
    struct bulla_bytes name = {(const uint8_t *)out->name, 0};
    uint32_t best = 0;
    uint32_t which = 0;

    while (out->name[name.len] != '\0')
        name.len++;
    enum bulla_status status = find_best(modules, name, &best, &which);
    out->state = best == number && which == index ? BULLA_MODULE_LIVE : BULLA_MODULE_SHADOWED;
    return status;
}

enum bulla_status bulla_modules_next(struct bulla_modules *modules, uint32_t *cursor,
                                     struct bulla_module *out, bool *found)
{
    *found = false;
    memset(out, 0, sizeof(*out));
    for (; *cursor / BULLA_IMAGES_MAX < modules->directory.count; (*cursor)++) {
        uint32_t number = *cursor / BULLA_IMAGES_MAX;
        uint32_t index = *cursor % BULLA_IMAGES_MAX;
        const struct bulla_pack *pack = &modules->directory.packs[number];
        if (index >= pack->count || (pack->gone & 1u << index) != 0 ||
            (pack->kind == BULLA_PACK_OF_APP && modules->slots[number] == BULLA_SLOT_NONE))
            continue;
        describe_pack(modules, number, out);
        enum bulla_status status = describe(modules, number, index, out);
        if (status == BULLA_OK && (modules->whole[number] & 1u << index) != 0)
            status = is_live(modules, number, index, out);
        if (status != BULLA_OK) /* it cannot be read: not to be given */
            out->state = modules->counts[number] ? BULLA_MODULE_UNFIT : out->state;
        (*cursor)++;
        *found = true;
        return BULLA_OK;
    }
    return BULLA_OK;
}
