/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a device: partition table, state, trust store, otadata, in this order, each judged before
 * the next is looked at. Nothing is written here. */

#include "bulla/mem.h"
#include "parts.h"

static const uint8_t component_app[] = {'a', 'p', 'p'};
static const uint8_t component_factory[] = {'f', 'a', 'c', 't', 'o', 'r', 'y'};

static enum bulla_status read_trust(struct bulla_client *client)
{
    size_t len = 0;
    enum bulla_status status = bulla_state_get(&client->state, BULLA_RECORD_TRUST, 0,
                                               client->trust_store, client->trust_store_size, &len);
    if (status != BULLA_OK)
        return status;
    return bulla_trust_decode((struct bulla_bytes){client->trust_store, len}, &client->trust);
}

/* What must never step back, and here never does. If both copies of one rotted, what was confirmed
 * still runs, but nothing is newer than the unknown; the log itself takes no more records
 * (state.damaged). */
static enum bulla_status read_counters(struct bulla_client *client, const struct bulla_state *state)
{
    struct bulla_confirmed confirmed = {.sequence = 0};
    bool found = false;
    uint32_t floor = 0;
    enum bulla_status status = bulla_state_get_confirmed(state, &confirmed, &found);
    if (status == BULLA_E_STATE_DAMAGED && state->damaged) {
        found = true;
        confirmed.sequence = UINT32_MAX;
        status = BULLA_OK;
    }
    if (status != BULLA_OK)
        return status;
    if (found && (!client->has_confirmed || confirmed.sequence > client->confirmed.sequence)) {
        client->has_confirmed = true;
        client->confirmed = confirmed;
    }
    status = bulla_state_get_floor(state, &floor);
    if (floor > client->floor)
        client->floor = floor;
    return status == BULLA_E_STATE_DAMAGED && state->damaged ? BULLA_OK : status;
}

void bulla_client_recall(struct bulla_client *client)
{
    struct bulla_state again;

    /* a reading that fails, or finds damage that the first one did not, changes nothing: what the
     * first one told stays, and confirm compares with it */
    if (bulla_state_open(&again, client->flash, &client->layout.state) != BULLA_OK ||
        again.damaged != client->state.damaged || read_counters(client, &again) != BULLA_OK)
        return;
}

/* A boot that is not remembered is one before the first: the next one records itself again. */
static enum bulla_status read_running(struct bulla_client *client)
{
    enum bulla_status status =
        bulla_state_get_running(&client->state, &client->running, &client->has_running);

    return status == BULLA_E_STATE_DAMAGED ? BULLA_OK : status;
}

static enum bulla_status read_state(struct bulla_client *client)
{
    bool found = false;
    enum bulla_status status =
        bulla_state_open(&client->state, client->flash, &client->layout.state);
    if (status == BULLA_OK)
        status = read_trust(client);
    if (status == BULLA_OK)
        status = bulla_state_get_identity(&client->state, &client->identity, &found);
    if (status == BULLA_OK && !found)
        status = BULLA_E_STATE_DAMAGED; /* a device without a class would take any release */
    if (status == BULLA_OK)
        status = read_counters(client, &client->state);
    return status == BULLA_OK ? read_running(client) : status;
}

enum bulla_status bulla_client_open(struct bulla_client *client, const struct bulla_flash *flash,
                                    uint8_t *trust_store, size_t trust_store_size)
{
    memset(client, 0, sizeof(*client));
    client->flash = flash;
    client->trust_store = trust_store;
    client->trust_store_size = trust_store_size;
    client->executing = BULLA_SLOT_NONE;
    memset(&client->otadata, 0xff, sizeof(client->otadata)); /* no record */

    enum bulla_status status = bulla_client_read_layout(client);
    if (status == BULLA_OK)
        status = read_state(client);
    if (status == BULLA_OK && client->layout.otadata.size != 0)
        status = bulla_otadata_read(flash, &client->layout.otadata, &client->otadata);
    return status == BULLA_OK ? bulla_modules_recall(client) : status;
}

void bulla_client_device(const struct bulla_client *client, int32_t slot, bool installed,
                         struct bulla_device *out)
{
    const struct bulla_partition *partition = bulla_layout_slot(&client->layout, slot);

    memset(out, 0, sizeof(*out));
    out->has_ids = true;
    memcpy(out->vendor_id, client->identity.vendor_id, sizeof(out->vendor_id));
    memcpy(out->class_id, client->identity.class_id, sizeof(out->class_id));
    /* at provisioning the factory slot is filled with an image of either component */
    out->has_component = slot != BULLA_SLOT_FACTORY || !installed;
    out->component = slot != BULLA_SLOT_FACTORY
                         ? (struct bulla_bytes){component_app, sizeof(component_app)}
                         : (struct bulla_bytes){component_factory, sizeof(component_factory)};
    out->has_sequence = client->has_confirmed && !installed;
    out->sequence = client->confirmed.sequence;
    out->confirmed_digest = client->has_confirmed ? client->confirmed.manifest_digest : NULL;
    out->takes_modules = out->counts_modules = client->takes_modules;
    out->modules_sequence = client->modules_sequence;
    out->modules_digest = client->has_modules && !installed ? client->modules_digest : NULL;
    out->has_slot_size = true;
    out->slot_size = partition != NULL ? partition->size : 0;
    /* in place: it must fit where it is executed, too */
    if (client->layout.in_place && client->layout.factory.size < out->slot_size)
        out->slot_size = client->layout.factory.size;
    out->has_format = true;
    out->format = (enum bulla_image_format)client->identity.format;
    out->has_chip = client->identity.format == BULLA_FORMAT_ESP;
    out->chip_id = client->identity.chip_id;
    out->chip_revision = client->identity.chip_revision;
    out->has_floor = true;
    out->floor = client->floor;
}

uint32_t bulla_client_demanded(const struct bulla_client *client, int32_t slot, bool installed,
                               const struct bulla_device *used, uint32_t fact)
{
    struct bulla_device device = {.has_ids = false};

    bulla_client_device(client, slot, installed, &device);
    return bulla_prove_equal((const uint8_t *)&device, (const uint8_t *)used, sizeof(device), fact);
}

uint8_t bulla_slot_code(int32_t slot)
{
    return slot == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)slot;
}

enum bulla_status bulla_client_put_running(struct bulla_client *client,
                                           const struct bulla_running *running)
{
    if (client->has_running && client->running.slot == running->slot &&
        client->running.trial == running->trial && client->running.ota_seq == running->ota_seq)
        return BULLA_OK;
    enum bulla_status status = bulla_state_put_running(&client->state, running);
    if (status != BULLA_OK)
        return status;
    client->has_running = true;
    client->running = *running;
    return BULLA_OK;
}

int32_t bulla_client_last_started(const struct bulla_client *client)
{
    if (!client->has_running)
        return BULLA_SLOT_NONE;
    return client->running.slot == BULLA_STATE_SLOT_FACTORY ? BULLA_SLOT_FACTORY
                                                            : (int32_t)client->running.slot;
}
