/* SPDX-License-Identifier: Apache-2.0 */
/* The device state of a chip that was flashed by idf.py instead of with an image of
 * bulla-device provision. */

#include <esp_chip_info.h>
#include <esp_ota_ops.h>
#include <string.h>

#include "bulla/policy.h"
#include "bulla_esp.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 32 hex digits, hyphens behind the 4th, 6th, 8th and 10th byte. */
static bool read_uuid(const char *text, uint8_t out[BULLA_UUID_SIZE])
{
    for (unsigned i = 0; i < BULLA_UUID_SIZE; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return false;
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

/* Where the identifier was never set. */
static bool is_zero(const uint8_t id[BULLA_UUID_SIZE])
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < BULLA_UUID_SIZE; i++)
        sum |= id[i];
    return sum == 0;
}

static enum bulla_status read_identity(const struct bulla_esp_product *product,
                                       struct bulla_identity *out)
{
    esp_chip_info_t chip;

    memset(out, 0, sizeof(*out));
    if (!read_uuid(product->vendor_id, out->vendor_id) ||
        !read_uuid(product->class_id, out->class_id) || is_zero(out->vendor_id) ||
        is_zero(out->class_id))
        return BULLA_E_USAGE;
    esp_chip_info(&chip);
    out->format = BULLA_FORMAT_ESP;
    out->chip_id = CONFIG_IDF_FIRMWARE_CHIP_ID;
    out->chip_revision = (uint16_t)chip.revision;
    return BULLA_OK;
}

static enum bulla_status read_layout(struct bulla_esp *esp)
{
    uint8_t *table = esp->client.sector;
    enum bulla_status status = esp->flash.read(esp->flash.ctx, BULLA_PARTITION_TABLE_OFFSET, table,
                                               BULLA_PARTITION_TABLE_SIZE);

    if (status == BULLA_OK)
        status = bulla_layout_decode((struct bulla_bytes){table, BULLA_PARTITION_TABLE_SIZE},
                                     esp->flash.size, &esp->client.layout);
    if (status == BULLA_OK && esp->client.layout.state.size == 0)
        status = BULLA_E_PARTITION_NO_STATE;
    return status;
}

/* The trust store is written last, so a state without one is one that was cut off. */
static enum bulla_status is_provisioned(struct bulla_esp *esp, bool *yes)
{
    struct bulla_state *state = &esp->client.state;
    size_t len = 0;

    *yes = false;
    enum bulla_status status = bulla_state_open(state, &esp->flash, &esp->client.layout.state);
    if (status == BULLA_E_STATE_EMPTY)
        return BULLA_OK;
    if (status == BULLA_OK)
        status = bulla_state_get(state, BULLA_RECORD_TRUST, 0, esp->trust_store,
                                 sizeof(esp->trust_store), &len);
    *yes = status != BULLA_OK || len > 0;
    return status;
}

/* All that the state will ever hold must fit now: in the field it would be too late. */
static bool has_room(const struct bulla_layout *layout, size_t trust_len, uint32_t copies)
{
    uint32_t heads = layout->slot_count + (layout->factory.size != 0 ? 1u : 0u);

#ifdef CONFIG_BULLA_MODULES
    heads++; /* their directory */
#endif
    return bulla_state_footprint((uint32_t)trust_len, copies, heads) <=
           bulla_state_room(&layout->state);
}

/* The app that runs is said not to be sealed: the first sealed release replaces it. */
static enum bulla_status write_state(struct bulla_esp *esp, const struct bulla_identity *identity,
                                     struct bulla_bytes trust)
{
    struct bulla_state *state = &esp->client.state;
    const struct bulla_layout *layout = &esp->client.layout;
    const esp_partition_t *running = esp_ota_get_running_partition();
    const struct bulla_bytes nothing = {NULL, 0};
    int32_t runs = running == NULL ? BULLA_SLOT_NONE : bulla_esp_slot_at(layout, running->address);

    if (runs == BULLA_SLOT_NONE)
        return BULLA_E_SLOT_UNKNOWN;
    if (!has_room(layout, trust.len, 1))
        return BULLA_E_STATE_FULL;
    uint8_t slot = runs == BULLA_SLOT_FACTORY ? BULLA_STATE_SLOT_FACTORY : (uint8_t)runs;
    enum bulla_status status = bulla_state_format(state, &esp->flash, &layout->state);
    if (status == BULLA_OK)
        status = bulla_state_put_identity(state, identity);
    if (status == BULLA_OK)
        status = bulla_state_put(state, BULLA_RECORD_HEAD, slot, nothing);
    if (status == BULLA_OK)
        status = has_room(layout, trust.len, 2)
                     ? bulla_state_put_twice(state, BULLA_RECORD_TRUST, trust)
                     : bulla_state_put(state, BULLA_RECORD_TRUST, 0, trust);
    return status;
}

enum bulla_status bulla_esp_provision(struct bulla_esp *esp,
                                      const struct bulla_esp_product *product)
{
    struct bulla_identity identity;
    bool done = false;
    enum bulla_status status = read_identity(product, &identity);

    if (status == BULLA_OK)
        status = bulla_trust_decode(product->trust, &esp->client.trust);
    if (status == BULLA_OK && product->trust.len > sizeof(esp->trust_store))
        status = BULLA_E_WORKSPACE_TOO_SMALL;
    if (status == BULLA_OK)
        status = bulla_esp_flash(&esp->flash);
    if (status == BULLA_OK)
        status = read_layout(esp);
    if (status == BULLA_OK)
        status = is_provisioned(esp, &done);
    return status == BULLA_OK && !done ? write_state(esp, &identity, product->trust) : status;
}
