/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_LIMITS_H
#define BULLA_LIMITS_H

/* Every maximum of the format, in one place (docs/FORMAT.md, section "Limits"; a test compares
 * the two). A larger value is refused, never cut. */

#define BULLA_DIGEST_SIZE    32u /* SHA-256 */
#define BULLA_KEY_SIZE       32u /* raw Ed25519 public key */
#define BULLA_SIGNATURE_SIZE 64u
#define BULLA_KEY_ID_SIZE    8u /* first bytes of SHA-256(raw public key) */
#define BULLA_UUID_SIZE      16u

#define BULLA_BLOCKS_MAX         8u /* COSE_Sign1 blocks: one page of signatures, 16 keys need no more */
#define BULLA_SIGNED_MAX         2048u /* wrapper + manifest contents: must fit beside a sector in RAM */
#define BULLA_HEAD_MAX           2064u /* the same with tag, map head, keys and byte string heads (<= 12) */
#define BULLA_URI_MAX            255u
#define BULLA_TEXT_MAX           2048u /* the severed text member: fits the smallest workspace */
#define BULLA_CBOR_DEPTH_MAX     12u   /* counted anew in each byte string */
#define BULLA_COMPONENT_NAME_MAX 32u
#define BULLA_IMAGES_MAX         8u  /* an app and its modules: eight fit the 2,048 signed bytes */
#define BULLA_LIST_NAME_MAX      40u /* "#module/" and a name */
#define BULLA_VERSION_PARTS_MAX  5u

#define BULLA_SECTOR_SIZE   4096u /* chunk size of profile 1, erase unit of SPI NOR */
#define BULLA_GROUP_SECTORS 32u   /* sector digests per group when the list is not held whole */
#define BULLA_GROUP_SIZE    1024u /* BULLA_GROUP_SECTORS * BULLA_DIGEST_SIZE */
#define BULLA_LIST_HEAD_MAX                                                                        \
    17u /* 84 2f 19xxxx 1axxxxxxxx 5bxxxx.. : array, alg, sizes, bstr head */
#define BULLA_WORKSPACE_MIN 2048u /* text, or one group and the digests of 32 groups (4 MiB) */

#define BULLA_ESP_IMAGE_MAX    (16u << 20) /* ESP-IDF's own limit for one app image */
#define BULLA_ESP_SEGMENTS_MAX 16u

#define BULLA_TRUST_KEYS_MAX        16u
#define BULLA_TRUST_NAMES_MAX       8u
#define BULLA_TRUST_PINS_MAX        4u
#define BULLA_TRUST_ANCHORS_MAX     4u
#define BULLA_TRUST_ANCHOR_SIZE_MAX 2048u
/* 16 keys of <= 324 bytes, 4 pins, 4 anchors, heads: what a device must be able to hold. */
#define BULLA_TRUST_SIZE_MAX 14336u

#endif
