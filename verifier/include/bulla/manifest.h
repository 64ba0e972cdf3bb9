/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MANIFEST_H
#define BULLA_MANIFEST_H

/* The manifest of our SUIT profile as a plain struct of facts. Sequences are matched item by
 * item against the profile's template; nothing is interpreted. docs/FORMAT.md, "Manifest". */

#include "bulla/bytes.h"
#include "bulla/limits.h"
#include "bulla/status.h"

/* set-version (draft-ietf-suit-update-management): 1.4.2-rc1 is {1, 4, 2, -1, 1}. */
struct bulla_version {
    uint32_t count;         /* 0: the manifest has none */
    uint32_t release_count; /* leading release numbers, 1..3 */
    int64_t parts[BULLA_VERSION_PARTS_MAX];
};

/* One image and its sector list. Spans point into the manifest bytes. */
struct bulla_image {
    struct bulla_bytes component; /* first segment: "app" or "factory" */
    struct bulla_bytes uri;       /* checked, not NUL-terminated */
    uint32_t size;                /* bytes, >= 1 */
    uint32_t list_size;           /* bytes of the encoded list, as size demands */
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint8_t list_digest[BULLA_DIGEST_SIZE];
};

struct bulla_manifest {
    uint32_t sequence;
    bool has_text;
    struct bulla_image image;
    uint8_t text_digest[BULLA_DIGEST_SIZE];
    struct bulla_version version;
};

/* Decode and judge, completely. *out is zero unless BULLA_OK. */
BULLA_MUST_CHECK enum bulla_status bulla_manifest_decode(struct bulla_bytes manifest,
                                                         struct bulla_manifest *out);

/* The image URI rules of docs/FORMAT.md, "URI"; signer and readers share them. */
BULLA_MUST_CHECK enum bulla_status bulla_uri_check(struct bulla_bytes uri);

/* Is this text the name of the component's sector list: "#" and the component's? */
BULLA_MUST_CHECK bool bulla_is_list_name(struct bulla_bytes text, struct bulla_bytes component);

/* The severed text: one deterministic item {+ lang: {+ (1..4): tstr}}. */
BULLA_MUST_CHECK enum bulla_status bulla_text_check(struct bulla_bytes text);

/* Length of the encoded sector list of an image of this size: about 33.6 MB near 2^32. */
uint32_t bulla_list_size(uint32_t image_size);

#endif
