/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POLICY_H
#define BULLA_POLICY_H

/* Facts proved against facts required. A device (or an auditor who plays one) says what it
 * knows of itself; each check that holds adds a fact; the answer is yes only when every fact
 * required was proved. Order: sequence, vendor, class, component, signers' rights, size. */

#include "bulla/envelope.h"
#include "bulla/espimage.h"
#include "bulla/manifest.h"

/* The decision to install or to boot. Zero means no; yes is a constant no single flipped bit
 * or cleared register produces. */
enum bulla_verdict {
    BULLA_NO = 0,
    BULLA_YES = 0x3ca5965a,
};

enum bulla_fact {
    BULLA_FACT_SIGNED = 1u << 0,   /* threshold of signatures and manifest digest */
    BULLA_FACT_SEQUENCE = 1u << 1, /* not older than what is confirmed */
    BULLA_FACT_VENDOR = 1u << 2,
    BULLA_FACT_CLASS = 1u << 3,
    BULLA_FACT_COMPONENT = 1u << 4,  /* a component this device has */
    BULLA_FACT_RIGHTS = 1u << 5,     /* enough of the signers may sign for it */
    BULLA_FACT_SIZE = 1u << 6,       /* fits the slot */
    BULLA_FACT_LIST = 1u << 7,       /* sector list has the signed digest */
    BULLA_FACT_DIGEST = 1u << 8,     /* whole image has the signed digest */
    BULLA_FACT_FORMAT = 1u << 9,     /* ESP image or raw, as the device takes */
    BULLA_FACT_CHIP = 1u << 10,      /* chip id and revision */
    BULLA_FACT_FLOOR = 1u << 11,     /* secure version not below the floor */
    BULLA_FACT_STRUCTURE = 1u << 12, /* image structure sound to its last byte */
};

/* What a device knows of itself. A member whose flag is false is not judged. */
struct bulla_device {
    bool has_ids;
    bool has_component;
    bool has_sequence; /* sequence is the highest confirmed one */
    bool has_slot_size;
    bool has_format;
    bool has_chip; /* ESP images only */
    bool has_floor;
    enum bulla_image_format format;
    uint32_t sequence;
    const uint8_t *confirmed_digest; /* of the confirmed manifest; equal sequence is fine with
                                        it; NULL: equal is refused */
    struct bulla_bytes component;
    uint32_t slot_size;
    uint16_t chip_id;
    uint16_t chip_revision; /* major * 100 + minor */
    uint32_t floor;
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
};

/* All facts this device demands before an image is committed: everything but those whose member
 * of *device is not judged. A boot has no sector list and compares no sequence: it masks
 * BULLA_FACT_LIST and BULLA_FACT_SEQUENCE out. The caller adds LIST (bulla_list_finish),
 * DIGEST (whole image compared) and STRUCTURE (bulla_espimage_finish) itself. */
uint32_t bulla_policy_required(const struct bulla_device *device);

/* Judge the manifest. On BULLA_OK the proved facts are added to *facts; otherwise *facts is
 * unchanged. `signers` as bulla_envelope_authenticate gave them. */
BULLA_MUST_CHECK enum bulla_status
bulla_policy_manifest(const struct bulla_device *device, const struct bulla_trust *trust,
                      uint32_t signers, const uint8_t manifest_digest[32],
                      const struct bulla_manifest *manifest, uint32_t *facts);

/* Judge what the first sector says of the image: format, chip, revision, floor. Call when
 * bulla_espimage_ready(). */
BULLA_MUST_CHECK enum bulla_status bulla_policy_image(const struct bulla_device *device,
                                                      const struct bulla_image_facts *image,
                                                      uint32_t *facts);

enum bulla_verdict bulla_policy_verdict(uint32_t facts, uint32_t required);

#endif
