/* SPDX-License-Identifier: Apache-2.0 */
/* A slot without an envelope, filled before the device was provisioned: judged by what an ESP image
 * says of itself. */

#include "bulla/mem.h"
#include "parts.h"

#define ESP_MAGIC           0xe9u
#define ESP_HEADER_SIZE     24u
#define ESP_SEGMENTS_AT     1u
#define ESP_HASH_FLAG_AT    23u
#define ESP_SEGMENT_SIZE    8u
#define ESP_SEGMENT_LEN_AT  4u
#define ESP_CHECKSUM_PERIOD 16u

static uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* How long the ESP image in the slot is by its own headers, SHA-256 included. They prove nothing;
 * espimage.c judges them again with everything else. */
static enum bulla_status measure(const struct bulla_client *client,
                                 const struct bulla_partition *partition, uint32_t *size)
{
    uint8_t header[ESP_HEADER_SIZE];
    uint8_t segment[ESP_SEGMENT_SIZE];
    uint64_t at = ESP_HEADER_SIZE; /* 255 segments of 4 GiB do not overflow it */
    enum bulla_status status = bulla_slot_read(client, partition, 0, header, sizeof(header));
    if (status != BULLA_OK)
        return status;
    if (header[0] != ESP_MAGIC)
        return BULLA_E_IMAGE_MAGIC;
    for (uint32_t i = 0; i < header[ESP_SEGMENTS_AT]; i++) {
        if (at > partition->size - ESP_SEGMENT_SIZE)
            return BULLA_E_IMAGE_TRUNCATED;
        status = bulla_slot_read(client, partition, (uint32_t)at, segment, sizeof(segment));
        if (status != BULLA_OK)
            return status;
        at += (uint64_t)ESP_SEGMENT_SIZE + read32(segment + ESP_SEGMENT_LEN_AT);
    }
    at += ESP_CHECKSUM_PERIOD - at % ESP_CHECKSUM_PERIOD; /* at least the checksum byte */
    if (header[ESP_HASH_FLAG_AT] != 0)
        at += BULLA_DIGEST_SIZE;
    if (at > partition->size)
        return BULLA_E_IMAGE_TRUNCATED;
    *size = (uint32_t)at;
    return BULLA_OK;
}

/* Not sealed is what a record says, and asked again it says so again. Without one (it rotted, or
 * somebody else filled the slot) an envelope may have been stored, and its check is not to be had
 * by losing it. */
static bool is_declared(struct bulla_client *client, int32_t slot, bool declared)
{
    size_t head_len = 0;
    bool again = false;
    enum bulla_status status =
        bulla_state_get_head(&client->state, bulla_slot_code(slot), client->head,
                             sizeof(client->head), &head_len, &again);

    return declared && again && status == BULLA_OK && head_len == 0;
}

enum bulla_status bulla_slot_judge_unsealed(struct bulla_client *client, int32_t slot,
                                            const struct bulla_partition *partition, bool declared,
                                            struct bulla_installed *out)
{
    const uint32_t of_image =
        BULLA_FACT_FORMAT | BULLA_FACT_CHIP | BULLA_FACT_FLOOR | BULLA_FACT_STRUCTURE;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t size = 0;
    uint32_t facts = 0;

    /* a raw image carries nothing to check it by */
    if (client->device.format != BULLA_FORMAT_ESP)
        return BULLA_E_SLOT_NOT_SEALED;
    enum bulla_status status = measure(client, partition, &size);
    if (status == BULLA_OK)
        status = bulla_slot_stream(client, partition, size, true, digest);
    if (status == BULLA_OK)
        status = bulla_slot_judge_image(client, out, &facts);
    if (status != BULLA_OK)
        return status;
    if (!is_declared(client, slot, declared))
        return BULLA_E_SLOT_NOT_SEALED;
    uint32_t required = bulla_policy_required(&client->device) & of_image;
    if (bulla_client_demanded(client, slot, true, &client->device, BULLA_YES) == BULLA_YES)
        out->verdict = bulla_policy_verdict(facts, required);
    return out->verdict == BULLA_YES ? BULLA_OK : BULLA_E_NOT_JUDGED;
}
