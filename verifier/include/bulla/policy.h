/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POLICY_H
#define BULLA_POLICY_H

/* Facts proved against facts required. A device (or an auditor who plays one) says what it
 * knows of itself; each check that holds adds a fact; the answer is yes only when every fact
 * required was proved. Order: sequence, vendor, class, component, signers' rights, size. */

#include "bulla/envelope.h"
#include "bulla/espimage.h"
#include "bulla/manifest.h"
#include "bulla/verdict.h"

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
