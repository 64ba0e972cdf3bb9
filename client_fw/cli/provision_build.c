/* SPDX-License-Identifier: Apache-2.0 */
/* The flash of a new device, laid out in memory and judged there by the device's own code. */

#include <stdio.h>
#include <string.h>

#include "bulla/otadata.h"
#include "provision.h"

static enum bulla_status program(struct factory *f, uint32_t offset, const struct host_buffer *data)
{
    const struct bulla_flash *flash = flash_sim_flash(&f->sim);

    return data->len == 0 ? BULLA_OK : flash->program(flash->ctx, offset, data->data, data->len);
}

/* ---- table, and where each app goes ---- */

static enum bulla_status lay_table(struct factory *f)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    const struct bulla_flash *flash = flash_sim_flash(&f->sim);

    if (!layout_encode(&f->layout, table, f->why))
        return BULLA_E_USAGE;
    enum bulla_status status =
        flash->program(flash->ctx, BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table));
    if (status == BULLA_OK)
        status = bulla_layout_decode((struct bulla_bytes){table, sizeof(table)}, f->flash_size,
                                     &f->client.layout);
    return status;
}

/* --app goes where the first boot looks; with --factory-app besides, to the first slot. In place
 * the app is laid where it runs. */
static enum bulla_status choose_slots(struct factory *f)
{
    const struct bulla_layout *layout = &f->client.layout;
    bool factory = layout->factory.size != 0;

    if (f->piece_count > 1 && (!factory || layout->slot_count == 0 || layout->in_place)) {
        snprintf(f->why, sizeof(f->why),
                 "--factory-app needs a layout with a factory partition and "
                 "OTA slots");
        return BULLA_E_USAGE;
    }
    f->pieces[0].slot = factory && f->piece_count == 1 ? BULLA_SLOT_FACTORY : 0;
    f->pieces[1].slot = BULLA_SLOT_FACTORY;
    if (f->otadata_set && (f->pieces[0].slot != 0 || layout->otadata.size == 0)) {
        snprintf(f->why, sizeof(f->why),
                 "--otadata set selects an OTA slot, and the app goes to the factory partition");
        return BULLA_E_USAGE;
    }
    return bulla_layout_slot(layout, f->pieces[0].slot) != NULL ? BULLA_OK
                                                                : BULLA_E_PARTITION_SLOTS;
}

const struct piece *provision_first(const struct factory *f)
{
    return f->piece_count > 1 && !f->otadata_set ? &f->pieces[1] : &f->pieces[0];
}

/* ---- device state ---- */

static enum bulla_status lay_state(struct factory *f)
{
    const struct bulla_bytes trust = {f->trust.data, f->trust.len};
    struct bulla_state state;
    enum bulla_status status =
        bulla_state_format(&state, flash_sim_flash(&f->sim), &f->client.layout.state);
    if (status == BULLA_OK)
        status = f->trust_twice ? bulla_state_put_twice(&state, BULLA_RECORD_TRUST, trust)
                                : bulla_state_put(&state, BULLA_RECORD_TRUST, 0, trust);
    if (status == BULLA_OK)
        status = bulla_state_put_identity(&state, &f->identity);
    return status;
}

/* ---- apps ---- */

/* The file as it is, before it is flash: a combined image is told from an app by its whole. */
static enum bulla_status judge_app(struct factory *f, struct piece *piece)
{
    struct bulla_espimage *image = &f->client.espimage;
    const struct bulla_partition *slot = bulla_layout_slot(&f->client.layout, piece->slot);
    uint32_t facts = 0;

    if (piece->app.len == 0)
        return BULLA_E_IMAGE_TRUNCATED;
    bulla_client_device(&f->client, piece->slot, true, &f->client.device);
    piece->installed.image.size = (uint32_t)piece->app.len;
    bulla_espimage_init(image, (uint32_t)piece->app.len);
    enum bulla_status status =
        bulla_espimage_feed(image, (struct bulla_bytes){piece->app.data, piece->app.len});
    if (status == BULLA_OK)
        status = bulla_espimage_finish(image);
    piece->installed.image = image->facts;
    if (status == BULLA_OK)
        status = bulla_policy_image(&f->client.device, &image->facts, &facts);
    if (status == BULLA_OK && piece->app.len > slot->size)
        status = BULLA_E_SLOT_TOO_SMALL;
    return status;
}

/* The whole envelope, as the device would take it from a server. */
static enum bulla_status judge_envelope(struct factory *f, const struct piece *piece)
{
    struct bulla_reader *reader = &f->client.reader;
    struct bulla_bytes in = {piece->envelope.data, piece->envelope.len};
    enum bulla_event event = BULLA_EVENT_MORE;
    enum bulla_status status = BULLA_OK;

    bulla_client_device(&f->client, piece->slot, true, &f->client.device);
    bulla_reader_init(reader, &f->client.trust, &f->client.device, f->client.head);
    bulla_reader_workspace(reader, f->workspace, sizeof(f->workspace));
    do {
        status = bulla_reader_feed(reader, &in, &event);
    } while (status == BULLA_OK &&
             (in.len > 0 || (event != BULLA_EVENT_MORE && event != BULLA_EVENT_END)));
    if (status == BULLA_OK)
        status = bulla_reader_finish(reader);
    f->manifest_known = reader->manifest.image.size != 0;
    if (status == BULLA_OK && reader->manifest.image.name.len > 0)
        status = BULLA_E_COMPONENT_MISMATCH; /* modules alone are no app */
    if (status != BULLA_OK)
        return status;
    return bulla_state_put(&f->client.state, BULLA_RECORD_HEAD, device_slot_code(piece->slot),
                           (struct bulla_bytes){f->client.head, reader->envelope.head_len});
}

/* Lay one app and ask of it what the first boot will find. */
static enum bulla_status lay_app(struct factory *f, struct piece *piece)
{
    const struct bulla_bytes nothing = {NULL, 0};
    enum bulla_status status = BULLA_OK;

    f->judged = piece;
    f->manifest_known = false;
    if (piece->envelope_path != NULL)
        status = judge_envelope(f, piece);
    else /* said, not just left out: that could be a loss */
        status = bulla_state_put(&f->client.state, BULLA_RECORD_HEAD, device_slot_code(piece->slot),
                                 nothing);
    if (status == BULLA_OK)
        status = judge_app(f, piece);
    if (status == BULLA_OK)
        status = program(f, bulla_layout_slot(&f->client.layout, piece->slot)->offset, &piece->app);
    return status == BULLA_OK ? bulla_slot_judge(&f->client, piece->slot, &piece->installed)
                              : status;
}

/* In place with two banks: the same in the first, for the first trial to go back to. */
static enum bulla_status lay_bank(struct factory *f, const struct piece *piece)
{
    struct piece bank = *piece;

    bank.slot = 0;
    enum bulla_status status = lay_app(f, &bank);
    f->judged = piece;
    return status;
}

/* What boots first counts as confirmed, and is the floor. */
static enum bulla_status record_first(struct factory *f)
{
    const struct piece *first = provision_first(f);
    const struct bulla_installed *installed = &first->installed;
    enum bulla_status status = BULLA_OK;

    if (installed->sealed) {
        struct bulla_confirmed confirmed = {.sequence = installed->sequence};
        memcpy(confirmed.manifest_digest, installed->manifest_digest, BULLA_DIGEST_SIZE);
        status = bulla_state_put_confirmed(&f->client.state, &confirmed);
    }
    if (status == BULLA_OK && installed->image.secure_version > 0)
        status = bulla_state_put_floor(&f->client.state, installed->image.secure_version);
    const struct bulla_event_record event = {
        .what = BULLA_DID_PROVISION,
        .slot = device_slot_code(first->slot),
        .status = BULLA_OK,
        .value = installed->sequence,
    };
    return status == BULLA_OK ? bulla_state_put_event(&f->client.state, &event) : status;
}

static enum bulla_status set_otadata(struct factory *f)
{
    struct bulla_ota_record record = {.seq = 1, .state = BULLA_OTA_VALID};

    if (!f->otadata_set)
        return BULLA_OK;
    memset(record.label, 0xff, sizeof(record.label));
    return bulla_otadata_write(flash_sim_flash(&f->sim), &f->client.layout.otadata, 0, &record);
}

enum bulla_status provision_build(struct factory *f)
{
    enum bulla_status status = flash_sim_create(&f->sim, NULL, f->flash_size, f->why);

    if (status == BULLA_OK)
        status = lay_table(f);
    if (status == BULLA_OK)
        status = choose_slots(f);
    if (status == BULLA_OK)
        status = program(f, f->chip->boot_offset, &f->bootloader);
    if (status == BULLA_OK)
        status = program(f, f->file_system_row.offset, &f->file_system);
    if (status == BULLA_OK)
        status = set_otadata(f);
    if (status == BULLA_OK)
        status = lay_state(f);
    if (status == BULLA_OK)
        status = bulla_client_open(&f->client, flash_sim_flash(&f->sim), f->trust_store,
                                   sizeof(f->trust_store));
    for (uint32_t i = 0; status == BULLA_OK && i < f->piece_count; i++)
        status = lay_app(f, &f->pieces[i]);
    if (status == BULLA_OK && f->client.layout.in_place && f->client.layout.slot_count > 1)
        status = lay_bank(f, &f->pieces[0]);
    return status == BULLA_OK ? record_first(f) : status;
}
