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

/* One image and its sector list. Spans point into the manifest bytes. Vendor and class are the
 * whole manifest's, the same in each of its images. */
struct bulla_image {
    struct bulla_bytes component; /* first segment: "app", "factory" or "module" */
    struct bulla_bytes name;      /* of a module, its second segment; else empty */
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
    uint32_t images;          /* 1..BULLA_IMAGES_MAX */
    struct bulla_image image; /* the first; bulla_manifest_image tells any of them */
    uint8_t text_digest[BULLA_DIGEST_SIZE];
    struct bulla_version version;
};

/* Decode and judge, completely: every image, of which the first is kept. *out is zero unless
 * BULLA_OK. */
BULLA_MUST_CHECK enum bulla_status bulla_manifest_decode(struct bulla_bytes manifest,
                                                         struct bulla_manifest *out);

/* Image `index` of a manifest, read from its bytes again: memory does not grow with the number of
 * images. *out is zero unless BULLA_OK; BULLA_E_COMPONENT_MISMATCH when there are fewer. */
BULLA_MUST_CHECK enum bulla_status bulla_manifest_image(struct bulla_bytes manifest, uint32_t index,
                                                        struct bulla_image *out);

/* 1..32 of A-Z a-z 0-9 _ . -, the first not a dot. */
BULLA_MUST_CHECK bool bulla_is_module_name(struct bulla_bytes name);

/* The image URI rules of docs/FORMAT.md, "URI"; signer and readers share them. */
BULLA_MUST_CHECK enum bulla_status bulla_uri_check(struct bulla_bytes uri);

/* Of them, for URLs: a path with its query, and "https://", upper or lower case (RFC 3986 3.1). */
BULLA_MUST_CHECK bool bulla_uri_path_is_plain(struct bulla_bytes path);
#define BULLA_URI_HTTPS_LEN 8u
BULLA_MUST_CHECK bool bulla_uri_has_https(struct bulla_bytes uri);

/* The name of the image's sector list: "#app", "#factory" or "#module/NAME"; its length. */
size_t bulla_list_name(const struct bulla_image *image, uint8_t out[BULLA_LIST_NAME_MAX]);

/* The severed text: one deterministic item {+ lang: {+ (1..4): tstr}}. */
BULLA_MUST_CHECK enum bulla_status bulla_text_check(struct bulla_bytes text);

/* Length of the encoded sector list of an image of this size: about 33.6 MB near 2^32. */
uint32_t bulla_list_size(uint32_t image_size);

#endif
