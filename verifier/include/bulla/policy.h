/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POLICY_H
#define BULLA_POLICY_H

/* Facts proved against facts required. A device (or an auditor who plays one) says what it
 * knows of itself; each check that holds adds a fact; the answer is yes only when every fact
 * required was proved. Order: sequence, vendor, class, component, modules, signers' rights, size.
 */

#include "bulla/envelope.h"
#include "bulla/espimage.h"
#include "bulla/manifest.h"
#include "bulla/verdict.h"

/* What a device knows of itself. A member whose flag is false is not judged; only modules are
 * refused unless takes_modules says that there is room for them. An envelope of modules alone then
 * is for whatever component the device has. slot_size is that of the app's slot: what room a module
 * has is its caller's business. */
struct bulla_device {
    bool has_ids;
    bool has_component;
    bool has_sequence; /* sequence is the highest confirmed one */
    bool has_slot_size;
    bool has_format;
    bool has_chip; /* ESP images only */
    bool has_floor;
    bool takes_modules;
    bool counts_modules; /* modules alone are not held against sequence, but against the newest that
                            came alone: modules_sequence */
    enum bulla_image_format format;
    uint32_t sequence;
    const uint8_t *confirmed_digest; /* of the confirmed manifest; equal sequence is fine with
                                        it; NULL: equal is refused */
    uint32_t modules_sequence;
    const uint8_t *modules_digest; /* of that manifest; NULL: none came yet, any is newer */
    struct bulla_bytes component;
    uint32_t slot_size;
    uint16_t chip_id;
    uint16_t chip_revision; /* major * 100 + minor */
    uint32_t floor;
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
};

/* What is proved of an app's image and of no module's, which is raw bytes and fits any chip. Who
 * judges a module masks them out of what is required. */
#define BULLA_FACTS_OF_APP                                                                         \
    (BULLA_FACT_FORMAT | BULLA_FACT_CHIP | BULLA_FACT_FLOOR | BULLA_FACT_STRUCTURE)

/* All facts this device demands before an image is committed: everything but those whose member
 * of *device is not judged. A boot has no sector list and compares no sequence: it masks
 * BULLA_FACT_LIST and BULLA_FACT_SEQUENCE out. The caller adds LIST (bulla_list_finish),
 * DIGEST (whole image compared) and STRUCTURE (bulla_espimage_finish) itself. */
uint32_t bulla_policy_required(const struct bulla_device *device);

/* Is there a sequence that this manifest's is held against? *digest: of the manifest that has it,
 * NULL: not known. */
bool bulla_policy_counted(const struct bulla_device *device, const struct bulla_manifest *manifest,
                          uint32_t *sequence, const uint8_t **digest);

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
