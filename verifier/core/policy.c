/* SPDX-License-Identifier: Apache-2.0 */
/* Facts proved against facts required: is this release for this device, newer, small enough and
 * signed by somebody who may? The order is that of docs/DESIGN.md, "Order of checks". */

#include "bulla/policy.h"

#include "bulla/mem.h"

uint32_t bulla_policy_required(const struct bulla_device *device)
{
    uint32_t required = BULLA_FACT_SIGNED | BULLA_FACT_RIGHTS | BULLA_FACT_LIST |
                        BULLA_FACT_DIGEST | BULLA_FACT_STRUCTURE;
    if (device->has_sequence)
        required |= BULLA_FACT_SEQUENCE;
    if (device->has_ids)
        required |= BULLA_FACT_VENDOR | BULLA_FACT_CLASS;
    if (device->has_component)
        required |= BULLA_FACT_COMPONENT;
    if (device->has_slot_size)
        required |= BULLA_FACT_SIZE;
    if (device->has_format)
        required |= BULLA_FACT_FORMAT;
    if (device->has_chip)
        required |= BULLA_FACT_CHIP;
    if (device->has_floor)
        required |= BULLA_FACT_FLOOR;
    return required;
}

/* Older is refused; equal is the confirmed release itself, or a second one that took its number. */
static enum bulla_status judge_sequence(const struct bulla_device *device, uint32_t sequence,
                                        const uint8_t manifest_digest[BULLA_DIGEST_SIZE])
{
    if (sequence < device->sequence)
        return BULLA_E_SEQUENCE_TOO_OLD;
    if (sequence > device->sequence)
        return BULLA_OK;
    if (device->confirmed_digest == NULL)
        return BULLA_E_SEQUENCE_TOO_OLD;
    return bulla_digest_equal(device->confirmed_digest, manifest_digest)
               ? BULLA_OK
               : BULLA_E_SEQUENCE_CONFLICT;
}

/* Signers who may sign for this component must reach the threshold on their own. */
static enum bulla_status judge_rights(const struct bulla_trust *trust, uint32_t signers,
                                      struct bulla_bytes component)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < trust->key_count; i++) {
        if ((signers & 1u << i) != 0 && bulla_trust_key_may(&trust->keys[i], component))
            count++;
    }
    if (trust->threshold < 1 || count < trust->threshold)
        return BULLA_E_KEY_NOT_FOR_COMPONENT;
    return BULLA_OK;
}

enum bulla_status bulla_policy_manifest(const struct bulla_device *device,
                                        const struct bulla_trust *trust, uint32_t signers,
                                        const uint8_t manifest_digest[32],
                                        const struct bulla_manifest *manifest, uint32_t *facts)
{
    const struct bulla_image *image = &manifest->image;
    uint32_t proved = 0;
    enum bulla_status status;
    if (device->has_sequence) {
        status = judge_sequence(device, manifest->sequence, manifest_digest);
        if (status != BULLA_OK)
            return status;
        proved |= BULLA_FACT_SEQUENCE;
    }
    if (device->has_ids) {
        if (memcmp(device->vendor_id, image->vendor_id, BULLA_UUID_SIZE) != 0)
            return BULLA_E_VENDOR_MISMATCH;
        proved |= BULLA_FACT_VENDOR;
        if (memcmp(device->class_id, image->class_id, BULLA_UUID_SIZE) != 0)
            return BULLA_E_CLASS_MISMATCH;
        proved |= BULLA_FACT_CLASS;
    }
    if (device->has_component) {
        if (!bulla_bytes_equal(device->component, image->component))
            return BULLA_E_COMPONENT_MISMATCH;
        proved |= BULLA_FACT_COMPONENT;
    }
    status = judge_rights(trust, signers, image->component);
    if (status != BULLA_OK)
        return status;
    proved |= BULLA_FACT_RIGHTS;
    if (device->has_slot_size) {
        if (image->size > device->slot_size)
            return BULLA_E_SLOT_TOO_SMALL;
        proved |= BULLA_FACT_SIZE;
    }
    *facts |= proved;
    return BULLA_OK;
}

static enum bulla_status judge_chip(const struct bulla_device *device,
                                    const struct bulla_image_facts *image)
{
    if (image->chip_id != device->chip_id)
        return BULLA_E_CHIP_MISMATCH;
    bool has_max = image->max_revision != 0 && image->max_revision != 0xffffu;
    if (device->chip_revision < image->min_revision ||
        (has_max && device->chip_revision > image->max_revision))
        return BULLA_E_CHIP_REVISION;
    return BULLA_OK;
}

enum bulla_status bulla_policy_image(const struct bulla_device *device,
                                     const struct bulla_image_facts *image, uint32_t *facts)
{
    uint32_t proved = 0;
    if (device->has_format) {
        if (image->format != device->format)
            return BULLA_E_IMAGE_FORMAT;
        proved |= BULLA_FACT_FORMAT;
    }
    if (device->has_chip) {
        /* a raw image names no chip; whether raw is taken is the format's question */
        if (image->format != BULLA_FORMAT_RAW) {
            enum bulla_status status = judge_chip(device, image);
            if (status != BULLA_OK)
                return status;
        }
        proved |= BULLA_FACT_CHIP;
    }
    if (device->has_floor) {
        if (image->secure_version < device->floor)
            return BULLA_E_SECURE_VERSION_TOO_OLD;
        proved |= BULLA_FACT_FLOOR;
    }
    *facts |= proved;
    return BULLA_OK;
}

enum bulla_verdict bulla_policy_verdict(uint32_t facts, uint32_t required)
{
    return (facts & required) == required && required != 0 ? BULLA_YES : BULLA_NO;
}
