/* SPDX-License-Identifier: Apache-2.0 */
/* Modules on their way into the area, and out of it. Nothing is moved: a new pack lies where
 * nothing lies that a lookup can come to find, and is one once the directory says so, which is
 * written when all of it was read back. */

#include "bulla/mem.h"
#include "modules_parts.h"

struct plan {
    struct bulla_directory directory; /* what stays */
    struct bulla_pack pack;           /* what comes */
    bool known;                       /* the directory names it already */
};

/* ---- room ---- */

/* First sector of the first stretch of this length that no pack of the directory lies in. */
static bool find_room(const struct bulla_directory *directory, uint32_t area, uint32_t sectors,
                      uint32_t *at)
{
    *at = 0;
    for (uint32_t i = 0; i < directory->count;) {
        const struct bulla_pack *pack = &directory->packs[i];
        bool apart = *at + sectors <= pack->at || *at >= (uint32_t)pack->at + pack->sectors;
        if (!apart)
            *at = (uint32_t)pack->at + pack->sectors;
        i = apart ? i + 1 : 0;
    }
    return sectors <= area && *at <= area - sectors && *at <= UINT16_MAX && sectors <= UINT16_MAX;
}

static enum bulla_status measure(const struct bulla_client *client, struct bulla_pack *pack,
                                 uint32_t *sectors)
{
    const struct bulla_reader *reader = &client->reader;
    uint32_t first = bulla_pack_first(&reader->manifest);
    uint64_t sum = 1;

    *pack = (struct bulla_pack){
        .kind = first == 0 ? BULLA_PACK_ALONE : BULLA_PACK_OF_APP,
        .count = (uint8_t)(reader->manifest.images - first),
        .sequence = reader->manifest.sequence,
    };
    memcpy(pack->digest, reader->manifest_digest, BULLA_DIGEST_SIZE);
    for (uint32_t i = first; i < reader->manifest.images; i++) {
        struct bulla_image image;
        enum bulla_status status = bulla_manifest_image(reader->envelope.manifest, i, &image);
        if (status != BULLA_OK)
            return status;
        sum += bulla_pack_sectors(image.size);
    }
    if (sum > UINT16_MAX)
        return BULLA_E_MODULES_FULL;
    pack->sectors = (uint16_t)sum;
    *sectors = pack->sectors;
    return BULLA_OK;
}

/* Held against the directory that is about to be replaced: what was read when the device was opened
 * may have been misread. */
static enum bulla_status judge_sequence(const struct bulla_directory *directory,
                                        const struct bulla_pack *pack)
{
    if (pack->kind != BULLA_PACK_ALONE || !bulla_directory_counts(directory) ||
        pack->sequence > directory->sequence)
        return BULLA_OK;
    if (pack->sequence < directory->sequence)
        return BULLA_E_SEQUENCE_TOO_OLD;
    return bulla_digest_equal(pack->digest, directory->newest) ? BULLA_OK
                                                               : BULLA_E_SEQUENCE_CONFLICT;
}

/* Where the modules of the envelope that client->reader judged go, for the same flash always to the
 * same place: what an earlier attempt wrote is found again. Where they are already, they stay. */
static enum bulla_status make_plan(struct bulla_client *client, int32_t target, struct plan *plan)
{
    struct bulla_directory *directory = &plan->directory;
    uint32_t area = client->layout.modules.size / BULLA_SECTOR_SIZE;
    uint32_t sectors = 0;
    uint32_t at = 0;

    plan->known = false;
    enum bulla_status status = measure(client, &plan->pack, &sectors);
    if (status == BULLA_OK)
        status = bulla_directory_read(client, directory);
    if (plan->pack.kind == BULLA_PACK_ALONE)
        target = BULLA_SLOT_NONE;
    if (status == BULLA_OK)
        status = judge_sequence(directory, &plan->pack);
    if (status == BULLA_OK)
        status = bulla_directory_prune(client, directory, target, plan->pack.digest);
    if (status != BULLA_OK)
        return status;
    for (uint32_t i = 0; i < directory->count; i++) {
        const struct bulla_pack *old = &directory->packs[i];
        if (!bulla_digest_equal(old->digest, plan->pack.digest))
            continue;
        plan->pack.at = old->at;
        directory->packs[i] = directory->packs[--directory->count];
        plan->known = true;
        return BULLA_OK;
    }
    if (directory->count == BULLA_PACKS_MAX || !find_room(directory, area, sectors, &at))
        return BULLA_E_MODULES_FULL;
    plan->pack.at = (uint16_t)at;
    return BULLA_OK;
}

enum bulla_status bulla_modules_plan(struct bulla_client *client, int32_t target)
{
    struct plan plan;

    return make_plan(client, target, &plan);
}

/* As a boot of this slot, or a lookup of what came alone, will find it. */
static bool is_whole(struct bulla_client *client, int32_t slot, const struct bulla_pack *pack)
{
    const struct bulla_reader *reader = &client->reader;
    struct bulla_bytes head = {client->head, reader->envelope.head_len};
    uint8_t whole = 0;

    if (pack->kind == BULLA_PACK_OF_APP) { /* the same release may have come under other keys */
        head.data = client->sector;
        if (bulla_slot_head(client, slot, client->sector, sizeof(client->sector), &head.len) !=
            BULLA_OK)
            return false;
    }
    return pack->gone == 0 && bulla_pack_begins(client, pack, head) == BULLA_OK &&
           bulla_pack_check(client, pack, &reader->envelope, &reader->manifest, &whole) == BULLA_OK;
}

bool bulla_modules_hold(struct bulla_client *client, int32_t slot)
{
    const struct bulla_manifest *manifest = &client->reader.manifest;
    struct bulla_directory directory;

    if (bulla_directory_read(client, &directory) != BULLA_OK)
        return false;
    for (uint32_t i = 0; i < directory.count; i++) {
        const struct bulla_pack *pack = &directory.packs[i];
        if (bulla_digest_equal(pack->digest, client->reader.manifest_digest) &&
            pack->count == manifest->images - bulla_pack_first(manifest))
            /* a single bit that was misread fetches nothing again */
            return is_whole(client, slot, pack) || is_whole(client, slot, pack);
    }
    return false;
}

/* ---- one image ---- */

enum bulla_status bulla_modules_begin(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    const struct bulla_reader *reader = &client->reader;
    const struct bulla_bytes head = {client->head, reader->envelope.head_len};
    struct plan plan;
    struct bulla_image image;
    size_t len = 0;
    /* what a cut left of a directory may read otherwise the next time */
    enum bulla_status status = bulla_state_settle(&client->state);
    if (status == BULLA_OK)
        status = make_plan(client, install->target, &plan);
    if (status == BULLA_OK)
        status = bulla_pack_module(client, &plan.pack, &reader->envelope, &reader->manifest,
                                   reader->want - bulla_pack_first(&reader->manifest), &image,
                                   &install->place);
    if (status != BULLA_OK)
        return status;
    install->partition = &install->place;
    install->size = image.size;
    install->alone = plan.pack.kind == BULLA_PACK_ALONE;
    install->rewrites = install->alone && !plan.known;
    /* of modules alone no slot is to be told */
    install->prepared = install->head_stored = install->alone;
    if (install->alone)
        return BULLA_OK;
    status = bulla_slot_head(client, install->target, client->sector, sizeof(client->sector), &len);
    install->head_stored = bulla_bytes_equal(head, (struct bulla_bytes){client->sector, len});
    return status;
}

/* ---- all of them ---- */

/* Modules that came alone before, and have a name that comes again. What a damaged pack once
 * held nobody can find either: it goes. */
static enum bulla_status supersede(struct bulla_client *client, struct bulla_pack *old)
{
    const struct bulla_reader *reader = &client->reader;
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    struct bulla_image was, comes;
    enum bulla_status status = bulla_pack_head(client, old, client->sector, &envelope, &manifest);

    if (status != BULLA_OK) /* a single bit that was misread takes nothing away */
        status = bulla_pack_head(client, old, client->sector, &envelope, &manifest);
    if (status != BULLA_OK) {
        old->gone = bulla_pack_all(old);
        return BULLA_OK;
    }
    for (uint32_t i = 0; status == BULLA_OK && i < old->count; i++) {
        status = bulla_manifest_image(envelope.manifest, i, &was);
        for (uint32_t j = 0; status == BULLA_OK && j < reader->manifest.images; j++) {
            status = bulla_manifest_image(reader->envelope.manifest, j, &comes);
            if (status == BULLA_OK && bulla_bytes_equal(was.name, comes.name))
                old->gone |= (uint8_t)(1u << i);
        }
    }
    return status;
}

/* The envelope's head in front of them: what a lookup and an audit judge them by. */
static enum bulla_status store_head(struct bulla_client *client, const struct bulla_pack *pack,
                                    bool rewrites)
{
    const struct bulla_bytes head = {client->head, client->reader.envelope.head_len};
    const struct bulla_partition place = {.offset = client->layout.modules.offset +
                                                    pack->at * BULLA_SECTOR_SIZE,
                                          .size = BULLA_SECTOR_SIZE};
    bool same = false;
    enum bulla_status status = bulla_slot_holds(client, &place, 0, head, &same);

    if (status == BULLA_OK && (rewrites || !same))
        status = bulla_slot_write(client, &place, 0, head, false);
    return status;
}

/* What is demanded of an image is demanded of the first module. */
static enum bulla_status ask(struct bulla_client *client, const struct bulla_approval *approval,
                             const struct bulla_pack *pack)
{
    struct bulla_image image;
    struct bulla_partition place;

    if (approval == NULL || approval->image == NULL)
        return BULLA_OK;
    enum bulla_status status = bulla_pack_module(client, pack, &client->reader.envelope,
                                                 &client->reader.manifest, 0, &image, &place);
    return status == BULLA_OK ? approval->image(approval->ctx, &place, image.size) : status;
}

enum bulla_status bulla_modules_commit(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    const struct bulla_reader *reader = &client->reader;
    struct bulla_directory *directory;
    struct plan plan;
    uint8_t whole = 0;
    enum bulla_status status = make_plan(client, install->target, &plan);
    if (status == BULLA_OK)
        status = store_head(client, &plan.pack, !plan.known);
    if (status == BULLA_OK)
        status = bulla_pack_check(client, &plan.pack, &reader->envelope, &reader->manifest, &whole);
    if (status != BULLA_OK)
        return status;
    directory = &plan.directory;
    if (plan.pack.kind == BULLA_PACK_ALONE) {
        status = ask(client, install->approval, &plan.pack);
        for (uint32_t i = 0; status == BULLA_OK && i < directory->count; i++) {
            if (directory->packs[i].kind == BULLA_PACK_ALONE)
                status = supersede(client, &directory->packs[i]);
        }
        directory->sequence = plan.pack.sequence;
        memcpy(directory->newest, plan.pack.digest, BULLA_DIGEST_SIZE);
        if (status == BULLA_OK)
            status = bulla_directory_prune(client, directory, BULLA_SLOT_NONE, NULL);
    }
    if (status != BULLA_OK)
        return status;
    directory->packs[directory->count++] = plan.pack;
    return bulla_directory_write(client, directory);
}

enum bulla_status bulla_modules_finish(struct bulla_install *install)
{
    struct bulla_client *client = install->client;
    enum bulla_status status = bulla_modules_commit(install);

    if (status == BULLA_OK)
        bulla_client_note(client, BULLA_DID_ADD_MODULES, BULLA_SLOT_NONE, BULLA_OK,
                          client->reader.manifest.sequence);
    return status;
}

enum bulla_status bulla_modules_approve(struct bulla_client *client,
                                        const struct bulla_approval *approval)
{
    struct plan plan;
    enum bulla_status status = make_plan(client, BULLA_SLOT_NONE, &plan);

    return status == BULLA_OK ? ask(client, approval, &plan.pack) : status;
}

/* ---- deleting ---- */

/* Is a module of this name in the pack, and not gone? *bit is its. */
static enum bulla_status has_module(struct bulla_client *client, const struct bulla_pack *pack,
                                    struct bulla_bytes name, uint8_t *bit)
{
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    struct bulla_image image;
    enum bulla_status status = bulla_pack_head(client, pack, client->sector, &envelope, &manifest);

    *bit = 0;
    for (uint32_t i = 0; status == BULLA_OK && i < pack->count; i++) {
        status = bulla_manifest_image(envelope.manifest, bulla_pack_first(&manifest) + i, &image);
        if (status == BULLA_OK && bulla_bytes_equal(image.name, name) &&
            (pack->gone & 1u << i) == 0)
            *bit = (uint8_t)(1u << i);
    }
    /* what does not verify has no names */
    return bulla_status_is_refusal(status) ? BULLA_OK : status;
}

enum bulla_status bulla_modules_delete(struct bulla_client *client, const char *name)
{
    struct bulla_directory directory;
    struct bulla_bytes wanted = {(const uint8_t *)name, 0};
    enum bulla_status unread = BULLA_E_MODULE_UNKNOWN;
    bool deleted = false;
    bool in_use = false;

    while (name[wanted.len] != '\0' && wanted.len <= BULLA_COMPONENT_NAME_MAX)
        wanted.len++;
    if (!client->takes_modules)
        return BULLA_E_MODULES_NOT_TAKEN;
    enum bulla_status status = bulla_directory_read(client, &directory);
    if (status == BULLA_OK)
        status = bulla_directory_prune(client, &directory, BULLA_SLOT_NONE, NULL);
    for (uint32_t i = 0; status == BULLA_OK && i < directory.count; i++) {
        struct bulla_pack *pack = &directory.packs[i];
        uint8_t bit = 0;
        enum bulla_status looked = has_module(client, pack, wanted, &bit);
        if (looked != BULLA_OK) /* it may be in there: told if it is nowhere else */
            unread = looked;
        if (pack->kind == BULLA_PACK_ALONE)
            pack->gone |= bit;
        deleted = deleted || (pack->kind == BULLA_PACK_ALONE && bit != 0);
        in_use = in_use || (pack->kind == BULLA_PACK_OF_APP && bit != 0);
    }
    if (status == BULLA_OK && !deleted)
        return in_use ? BULLA_E_MODULE_IN_USE : unread;
    if (status == BULLA_OK)
        status = bulla_directory_prune(client, &directory, BULLA_SLOT_NONE, NULL);
    return status == BULLA_OK ? bulla_directory_write(client, &directory) : status;
}

enum bulla_status bulla_modules_reset(struct bulla_client *client)
{
    struct bulla_directory directory;

    if (!client->takes_modules)
        return BULLA_E_MODULES_NOT_TAKEN;
    enum bulla_status status = bulla_directory_read(client, &directory);
    if (status != BULLA_OK)
        return status;
    if (directory.count == 0)
        return BULLA_OK;
    for (uint32_t i = 0; i < directory.count; i++) {
        if (directory.packs[i].kind == BULLA_PACK_ALONE)
            directory.packs[i].gone = bulla_pack_all(&directory.packs[i]);
    }
    status = bulla_directory_prune(client, &directory, BULLA_SLOT_NONE, NULL);
    return status == BULLA_OK ? bulla_directory_write(client, &directory) : status;
}
