/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLIENT_MODULES_PARTS_H
#define BULLA_CLIENT_MODULES_PARTS_H

/* What the files of the modules share among themselves. */

#include "bulla/modules.h"
#include "parts.h"

/* The directory as flash has it; empty when there is none, when it rotted, or when it cannot be
 * read, which is told. Uses client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_directory_read(struct bulla_client *client,
                                                        struct bulla_directory *directory);

/* Did modules ever come alone? */
bool bulla_directory_counts(const struct bulla_directory *directory);

/* Make it the one that counts, and recall it. Writes nothing when it says the same. Uses
 * client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_directory_write(struct bulla_client *client,
                                                         const struct bulla_directory *directory);

/* Drop the packs that no lookup can come to find: those of releases that no slot holds, `target`
 * left out of account, and those of which every module is gone. `but`: a manifest digest whose pack
 * stays, or NULL. Uses client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_directory_prune(struct bulla_client *client,
                                                         struct bulla_directory *directory,
                                                         int32_t target, const uint8_t *but);

/* The envelope head at the start of a pack, if it still is the one that was installed. `head` has
 * BULLA_HEAD_MAX bytes, the spans point into it. */
BULLA_MUST_CHECK enum bulla_status bulla_pack_head(const struct bulla_client *client,
                                                   const struct bulla_pack *pack, uint8_t *head,
                                                   struct bulla_envelope *envelope,
                                                   struct bulla_manifest *manifest);

/* Does the pack begin with exactly these bytes? A lookup rests on them alone.
 * BULLA_E_MODULE_DIGEST: no. */
BULLA_MUST_CHECK enum bulla_status bulla_pack_begins(const struct bulla_client *client,
                                                     const struct bulla_pack *pack,
                                                     struct bulla_bytes head);

/* Sectors of an image. */
uint32_t bulla_pack_sectors(uint32_t size);

/* Images of a manifest that are no modules: 0 or 1, the first. */
uint32_t bulla_pack_first(const struct bulla_manifest *manifest);

/* Module `index` (0..count-1) of the pack: what is signed of it, and where on the chip it lies. */
BULLA_MUST_CHECK enum bulla_status
bulla_pack_module(const struct bulla_client *client, const struct bulla_pack *pack,
                  const struct bulla_envelope *envelope, const struct bulla_manifest *manifest,
                  uint32_t index, struct bulla_image *image, struct bulla_partition *place);

/* Which modules of the pack have the digests of the manifest, bit by bit; those that are gone count
 * as whole. BULLA_E_MODULE_DIGEST: not all; what cannot be read is told after the others. The
 * envelope must not lie in client->sector. */
BULLA_MUST_CHECK enum bulla_status bulla_pack_check(struct bulla_client *client,
                                                    const struct bulla_pack *pack,
                                                    const struct bulla_envelope *envelope,
                                                    const struct bulla_manifest *manifest,
                                                    uint8_t *whole);

/* Every bit of a pack's modules. */
uint8_t bulla_pack_all(const struct bulla_pack *pack);

#endif
