/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a dump as a device opens its flash, but goes on where a device stops: an auditor wants to
 * know what is there. The dump itself cannot be written; a dump without usable device state gets
 * an empty one behind its end, so that the device's own code can judge the rest. */

#include "flash_audit.h"

#include <stdlib.h>
#include <string.h>

#include "bulla/cbor.h"

#define ESP_MAGIC       0xe9u
#define ESP_CHIP_AT     12u
#define ESP_REVISION_AT 15u
#define ESP_HEADER_SIZE 24u
#define STATE_ROOM      BULLA_STATE_SIZE_MIN

/* ---- the copy in memory as a flash ---- */

static enum bulla_status read_copy(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    const struct flash_audit *audit = (const struct flash_audit *)ctx;
    if (offset > audit->len || len > audit->len - offset)
        return BULLA_E_FLASH_READ;
    memcpy(buffer, audit->bytes + offset, len);
    return BULLA_OK;
}

/* Only behind the dump. */
static bool is_writable(const struct flash_audit *audit, uint32_t offset, size_t len)
{
    return offset >= audit->dump_len && offset <= audit->len && len <= audit->len - offset;
}

static enum bulla_status program_copy(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct flash_audit *audit = (struct flash_audit *)ctx;
    if (!is_writable(audit, offset, len))
        return BULLA_E_FLASH_PROGRAM;
    memcpy(audit->bytes + offset, bytes, len);
    return BULLA_OK;
}

static enum bulla_status erase_copy(void *ctx, uint32_t offset)
{
    struct flash_audit *audit = (struct flash_audit *)ctx;
    if (!is_writable(audit, offset, BULLA_SECTOR_SIZE))
        return BULLA_E_FLASH_ERASE;
    memset(audit->bytes + offset, 0xff, BULLA_SECTOR_SIZE);
    return BULLA_OK;
}

/* The dump and room behind it, from a sector boundary on. */
static enum bulla_status make_copy(struct flash_audit *audit, struct host_buffer *dump)
{
    size_t end = (dump->len + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;
    audit->bytes = realloc(dump->data, end + STATE_ROOM);
    if (audit->bytes == NULL)
        return BULLA_E_IO;
    audit->dump_len = dump->len;
    *dump = (struct host_buffer){.data = NULL};
    memset(audit->bytes + audit->dump_len, 0xff, end + STATE_ROOM - audit->dump_len);
    audit->len = audit->dump_len;
    audit->flash = (struct bulla_flash){
        .read = read_copy,
        .program = program_copy,
        .erase_sector = erase_copy,
        .size = (uint32_t)audit->dump_len,
        .ctx = audit,
    };
    return BULLA_OK;
}

struct bulla_bytes flash_audit_table(const struct flash_audit *audit)
{
    if (audit->dump_len <= BULLA_PARTITION_TABLE_OFFSET)
        return (struct bulla_bytes){NULL, 0};
    size_t len = audit->dump_len - BULLA_PARTITION_TABLE_OFFSET;
    return (struct bulla_bytes){audit->bytes + BULLA_PARTITION_TABLE_OFFSET,
                                len < BULLA_PARTITION_TABLE_SIZE ? len
                                                                 : BULLA_PARTITION_TABLE_SIZE};
}

/* ---- opening ---- */

static uint8_t slot_code(int32_t slot)
{
    return slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;
}

static enum bulla_status use_empty_state(struct flash_audit *audit)
{
    size_t end = (audit->dump_len + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE * BULLA_SECTOR_SIZE;
    const struct bulla_partition room = {
        .type = BULLA_TYPE_BULLA,
        .offset = (uint32_t)end,
        .size = STATE_ROOM,
    };
    audit->len = end + STATE_ROOM;
    audit->flash.size = (uint32_t)audit->len;
    enum bulla_status status = bulla_state_format(&audit->client.state, &audit->flash, &room);
    /* without a state no slot is sealed: each is judged by what it is */
    for (int32_t slot = BULLA_SLOT_FACTORY;
         slot < (int32_t)audit->client.layout.slot_count && status == BULLA_OK; slot++)
        status = bulla_state_put(&audit->client.state, BULLA_RECORD_HEAD, slot_code(slot),
                                 (struct bulla_bytes){NULL, 0});
    return status;
}

/* Without a stored identity: the chip that the first image in a slot names, at the revision it
 * asks for. */
static void assume_identity(struct flash_audit *audit)
{
    struct bulla_identity *identity = &audit->client.identity;
    audit->assumed_identity = true;
    *identity = (struct bulla_identity){.format = BULLA_FORMAT_ESP};
    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)audit->client.layout.slot_count;
         slot++) {
        const struct bulla_partition *p = bulla_layout_slot(&audit->client.layout, slot);
        if (p == NULL || p->size < ESP_HEADER_SIZE || audit->bytes[p->offset] != ESP_MAGIC)
            continue;
        const uint8_t *header = audit->bytes + p->offset;
        identity->chip_id = (uint16_t)(header[ESP_CHIP_AT] | header[ESP_CHIP_AT + 1] << 8);
        identity->chip_revision =
            (uint16_t)(header[ESP_REVISION_AT] | header[ESP_REVISION_AT + 1] << 8);
        return;
    }
}

static enum bulla_status read_state(struct flash_audit *audit)
{
    struct bulla_client *client = &audit->client;
    size_t len = 0;
    bool found = false;
    enum bulla_status status = bulla_state_get_identity(&client->state, &client->identity, &found);
    if (status == BULLA_OK && !found)
        assume_identity(audit);
    if (status == BULLA_OK)
        status =
            bulla_state_get_confirmed(&client->state, &client->confirmed, &client->has_confirmed);
    if (status == BULLA_OK)
        status = bulla_state_get_floor(&client->state, &client->floor);
    if (status == BULLA_OK)
        status = bulla_state_get_running(&client->state, &client->running, &client->has_running);
    if (status == BULLA_OK)
        status = bulla_state_get(&client->state, BULLA_RECORD_TRUST, 0, audit->trust_store,
                                 sizeof audit->trust_store, &len);
    if (status != BULLA_OK)
        return status;
    struct bulla_bytes store = {audit->trust_store, len};
    audit->has_device_trust =
        len > 0 && bulla_trust_decode(store, &audit->device_trust) == BULLA_OK;
    return BULLA_OK;
}

static enum bulla_status open_state(struct flash_audit *audit)
{
    struct bulla_client *client = &audit->client;
    audit->state_status = BULLA_E_PARTITION_NO_STATE;
    if (client->layout.state.size != 0)
        audit->state_status =
            bulla_state_open(&client->state, &audit->flash, &client->layout.state);
    enum bulla_status status = audit->state_status == BULLA_OK ? BULLA_OK : use_empty_state(audit);
    if (status == BULLA_OK)
        status = read_state(audit);
    if (status != BULLA_E_STATE_DAMAGED)
        return status;
    /* of a record that every start needs, nothing whole is left */
    audit->state_status = BULLA_E_STATE_DAMAGED;
    client->has_confirmed = client->has_running = false;
    status = use_empty_state(audit);
    return status == BULLA_OK ? read_state(audit) : status;
}

/* The device starts: what it read is what there is. */
static void take_client(struct flash_audit *audit)
{
    const struct bulla_client *client = &audit->client;

    audit->state_status = client->state.damaged ? BULLA_E_STATE_DAMAGED : BULLA_OK;
    audit->has_device_trust = true;
    audit->device_trust = client->trust;
}

static enum bulla_status open_flash(struct flash_audit *audit)
{
    struct bulla_client *client = &audit->client;
    audit->open_status =
        bulla_client_open(client, &audit->flash, audit->trust_store, sizeof audit->trust_store);
    if (audit->open_status == BULLA_OK) {
        take_client(audit);
        return BULLA_OK;
    }
    memset(client, 0, sizeof *client);
    client->flash = &audit->flash;
    audit->table_status =
        bulla_layout_decode(flash_audit_table(audit), (uint32_t)audit->dump_len, &client->layout);
    if (audit->table_status != BULLA_OK)
        return BULLA_OK;
    enum bulla_status status = open_state(audit);
    memset(&client->otadata, 0xff, sizeof client->otadata);
    if (status == BULLA_OK && client->layout.otadata.size != 0)
        status = bulla_otadata_read(&audit->flash, &client->layout.otadata, &client->otadata);
    return status;
}

/* ---- slots ---- */

static bool is_blank(const struct flash_audit *audit, const struct bulla_partition *p)
{
    for (uint32_t i = 0; i < p->size; i++)
        if (audit->bytes[p->offset + i] != 0xff)
            return false;
    return true;
}

/* What the stored head claims. Not verified: that is bulla_slot_judge's. */
static enum bulla_status read_claim(struct flash_audit *audit, struct audited_slot *s)
{
    struct bulla_envelope envelope;
    size_t len = 0;
    size_t need;
    enum bulla_status status = bulla_state_get(&audit->client.state, BULLA_RECORD_HEAD,
                                               slot_code(s->slot), s->head, sizeof s->head, &len);
    if (status == BULLA_E_STATE_DAMAGED) /* what rotted claims nothing */
        return BULLA_OK;
    if (status != BULLA_OK)
        return status;
    s->has_envelope = len > 0;
    s->decoded =
        s->has_envelope &&
        bulla_envelope_split((struct bulla_bytes){s->head, len}, &envelope, &need) == BULLA_OK &&
        bulla_manifest_decode(envelope.manifest, &s->claim) == BULLA_OK;
    return BULLA_OK;
}

static enum bulla_status audit_slot(struct flash_audit *audit, int32_t slot)
{
    const struct bulla_partition *p = bulla_layout_slot(&audit->client.layout, slot);
    if (p == NULL)
        return BULLA_OK;
    struct audited_slot *s = &audit->slots[audit->slot_count++];
    s->slot = slot;
    s->partition = p;
    s->blank = is_blank(audit, p);
    s->status = bulla_slot_judge(&audit->client, slot, &s->found);
    return read_claim(audit, s);
}

/* Does the slot hold the image that this claim names? */
static bool holds(const struct flash_audit *audit, const struct audited_slot *s,
                  const struct bulla_manifest *claim)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 hash;
    if (claim->image.size > s->partition->size)
        return false;
    bulla_sha256_init(&hash);
    bulla_sha256_update(
        &hash, (struct bulla_bytes){audit->bytes + s->partition->offset, claim->image.size});
    return bulla_sha256_finish(&hash, digest) == BULLA_OK &&
           bulla_digest_equal(digest, claim->image.digest);
}

static void match_slots(struct flash_audit *audit)
{
    for (uint32_t i = 0; i < audit->slot_count; i++)
        for (uint32_t k = 0; k < audit->slot_count; k++)
            if (audit->slots[k].decoded && holds(audit, &audit->slots[i], &audit->slots[k].claim))
                audit->slots[i].matches |= 1u << k;
}

const struct audited_slot *flash_audit_slot(const struct flash_audit *audit, int32_t slot)
{
    for (uint32_t i = 0; i < audit->slot_count; i++)
        if (audit->slots[i].slot == slot)
            return &audit->slots[i];
    return NULL;
}

/* ---- boot ---- */

bool flash_audit_refuses(const struct flash_audit *audit)
{
    return audit->open_status != BULLA_OK && audit->client.layout.state.size != 0;
}

static void predict(struct flash_audit *audit, const struct bulla_trust *trust)
{
    struct bulla_otadata copy = audit->client.otadata;
    const struct bulla_layout *layout = &audit->client.layout;
    bool initial;
    /* banks are data to it */
    audit->idf_slot =
        bulla_ota_idf_select(&copy, layout->in_place ? 0 : layout->slot_count,
                             layout->factory.size != 0, true, &audit->idf_rewrites, &initial);
    if (flash_audit_refuses(audit)) {
        audit->boot_status = audit->open_status;
        return;
    }
    /* the device chooses by what it trusts itself */
    if (audit->has_device_trust)
        audit->client.trust = audit->device_trust;
    audit->boot_status = bulla_client_predict(&audit->client, &audit->boot);
    audit->client.trust = *trust;
}

/* Everything a device must agree on: keys, what each may sign for, threshold. */
static bool covers(const struct bulla_trust *a, const struct bulla_trust *b)
{
    for (uint32_t i = 0; i < a->key_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b->key_count && !found; k++)
            found = bulla_digest_equal(a->keys[i].key, b->keys[k].key) &&
                    bulla_bytes_equal(a->keys[i].names, b->keys[k].names);
        if (!found)
            return false;
    }
    return true;
}

bool flash_audit_same_trust(const struct bulla_trust *a, const struct bulla_trust *b)
{
    return a->threshold == b->threshold && covers(a, b) && covers(b, a);
}

enum bulla_status flash_audit_run(struct flash_audit *audit, struct host_buffer *dump,
                                  const struct bulla_trust *trust)
{
    memset(audit, 0, sizeof *audit);
    audit->boot.slot = audit->idf_slot = BULLA_SLOT_NONE;
    audit->boot_status = BULLA_E_NOTHING_BOOTABLE;
    enum bulla_status status = make_copy(audit, dump);
    if (status == BULLA_OK)
        status = open_flash(audit);
    if (status != BULLA_OK || audit->table_status != BULLA_OK)
        return status;
    audit->client.trust = *trust;
    for (int32_t slot = BULLA_SLOT_FACTORY;
         slot < (int32_t)audit->client.layout.slot_count && status == BULLA_OK; slot++)
        status = audit_slot(audit, slot);
    if (status != BULLA_OK)
        return status;
    match_slots(audit);
    predict(audit, trust);
    return BULLA_OK;
}

void flash_audit_free(struct flash_audit *audit)
{
    free(audit->bytes);
    audit->bytes = NULL;
}
