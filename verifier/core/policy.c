/* SPDX-License-Identifier: Apache-2.0 */
/* Facts proved against facts required: is this release for this device, newer, small enough and
 * signed by somebody who may? The order is that of docs/DESIGN.md, "Order of checks". */

#include "bulla/policy.h"

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

/* Modules that come alone, to a device that counts those apart. */
static bool is_apart(const struct bulla_device *device, const struct bulla_manifest *manifest)
{
    return device->counts_modules && manifest->image.name.len > 0;
}

bool bulla_policy_counted(const struct bulla_device *device, const struct bulla_manifest *manifest,
                          uint32_t *sequence, const uint8_t **digest)
{
    bool apart = is_apart(device, manifest);

    *sequence = apart ? device->modules_sequence : device->sequence;
    *digest = apart ? device->modules_digest : device->confirmed_digest;
    return apart ? device->modules_digest != NULL : device->has_sequence;
}

/* Older is refused; equal is the confirmed release itself, or a second one that took its number. */
static enum bulla_status judge_sequence(const struct bulla_device *device,
                                        const struct bulla_manifest *manifest,
                                        const uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                                        uint32_t *proved)
{
    uint32_t sequence = UINT32_MAX; /* what nobody set lets nothing through */
    const uint8_t *digest = NULL;
    bool counted = bulla_policy_counted(device, manifest, &sequence, &digest);

    if (!counted && !is_apart(device, manifest))
        return BULLA_OK;
    if (counted &&
        (manifest->sequence < sequence || (manifest->sequence == sequence && digest == NULL)))
        return BULLA_E_SEQUENCE_TOO_OLD;
    if (counted && manifest->sequence == sequence &&
        bulla_prove_equal(digest, manifest_digest, BULLA_DIGEST_SIZE, BULLA_FACT_SEQUENCE) !=
            BULLA_FACT_SEQUENCE)
        return BULLA_E_SEQUENCE_CONFLICT;
    *proved |= BULLA_FACT_SEQUENCE;
    return BULLA_OK;
}

static const struct bulla_bytes module = {(const uint8_t *)"module", 6};

/* The first image's component is the device's; modules alone fit every component. */
static enum bulla_status judge_component(const struct bulla_device *device,
                                         const struct bulla_image *image, uint32_t *proved)
{
    struct bulla_bytes ours = device->component;
    if (device->takes_modules && image->name.len > 0)
        ours = module;
    if (ours.len != image->component.len ||
        bulla_prove_equal(ours.data, image->component.data, ours.len, BULLA_FACT_COMPONENT) !=
            BULLA_FACT_COMPONENT)
        return BULLA_E_COMPONENT_MISMATCH;
    *proved |= BULLA_FACT_COMPONENT;
    return BULLA_OK;
}

/* Signers who may sign for each of the components must reach the threshold on their own. */
static enum bulla_status judge_rights(const struct bulla_trust *trust, uint32_t signers,
                                      const struct bulla_manifest *manifest, uint32_t *proved)
{
    uint32_t count = 0;
    struct bulla_bytes further = manifest->images > 1 ? module : manifest->image.component;
    for (uint32_t i = 0; i < trust->key_count; i++) {
        const struct bulla_trust_key *key = &trust->keys[i];
        if ((signers & 1u << i) != 0 &&
            bulla_trust_key_may(key, manifest->image.component) == BULLA_FACT_RIGHTS &&
            bulla_trust_key_may(key, further) == BULLA_FACT_RIGHTS)
            count++;
    }
    if (trust->threshold < 1 || count < trust->threshold)
        return BULLA_E_KEY_NOT_FOR_COMPONENT;
    *proved |= BULLA_FACT_RIGHTS;
    return BULLA_OK;
}

enum bulla_status bulla_policy_manifest(const struct bulla_device *device,
                                        const struct bulla_trust *trust, uint32_t signers,
                                        const uint8_t manifest_digest[32],
                                        const struct bulla_manifest *manifest, uint32_t *facts)
{
    const struct bulla_image *image = &manifest->image;
    uint32_t proved = 0;
    enum bulla_status status = judge_sequence(device, manifest, manifest_digest, &proved);
    if (status != BULLA_OK)
        return status;
    if (device->has_ids) {
        if (bulla_prove_equal(device->vendor_id, image->vendor_id, BULLA_UUID_SIZE,
                              BULLA_FACT_VENDOR) != BULLA_FACT_VENDOR)
            return BULLA_E_VENDOR_MISMATCH;
        if (bulla_prove_equal(device->class_id, image->class_id, BULLA_UUID_SIZE,
                              BULLA_FACT_CLASS) != BULLA_FACT_CLASS)
            return BULLA_E_CLASS_MISMATCH;
        proved |= BULLA_FACT_VENDOR | BULLA_FACT_CLASS;
    }
    if (device->has_component)
        status = judge_component(device, image, &proved);
    if (status == BULLA_OK && !device->takes_modules &&
        (manifest->images > 1 || image->name.len > 0))
        status = BULLA_E_MODULES_NOT_TAKEN;
    if (status == BULLA_OK)
        status = judge_rights(trust, signers, manifest, &proved);
    if (status != BULLA_OK)
        return status;
    if (device->has_slot_size) {
        if (image->name.len == 0 && image->size > device->slot_size)
            return BULLA_E_SLOT_TOO_SMALL;
        proved |= BULLA_FACT_SIZE;
    }
    *facts |= proved;
    return BULLA_OK;
}

static enum bulla_status judge_chip(const struct bulla_device *device,
                                    const struct bulla_image_facts *image, uint32_t *proved)
{
    bool has_max = image->max_revision != 0 && image->max_revision != 0xffffu;
    /* a raw image names no chip; whether raw is taken is the format's question */
    if (image->format != BULLA_FORMAT_RAW) {
        if (image->chip_id != device->chip_id)
            return BULLA_E_CHIP_MISMATCH;
        if (device->chip_revision < image->min_revision ||
            (has_max && device->chip_revision > image->max_revision))
            return BULLA_E_CHIP_REVISION;
    }
    *proved |= BULLA_FACT_CHIP;
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
        enum bulla_status status = judge_chip(device, image, &proved);
        if (status != BULLA_OK)
            return status;
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
