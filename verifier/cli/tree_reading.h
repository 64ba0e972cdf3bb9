/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_READING_H
#define TREE_READING_H

/* A second reading of a whole envelope, independent of the first. It has CBOR from libcbor's tree,
 * SHA-256 and Ed25519 from OpenSSL, and no line in common with verifier/core: of bulla/ it takes
 * limits and plain structs, and calls no function. Where the core matches bytes item by item as
 * they arrive, this takes the values out of a finished tree, writes down the one encoding that
 * docs/FORMAT.md allows for these values, and compares it with what was received.
 * docs/decisions/0021-second-reading.md says why.
 *
 * Not judged: the structure of ESP images (see tree_reading.structure_open). Which of several
 * defects comes first is not part of the answer; accepted or refused is. */

#include "bulla/policy.h"

enum tree_group {
    TREE_GROUP_NONE,
    TREE_FRAMING,
    TREE_AUTHENTICATION,
    TREE_MANIFEST,
    TREE_POLICY,
    TREE_TEXT,
    TREE_LIST,
    TREE_IMAGE,
};

const char *tree_group_name(enum tree_group group);

/* ---- trust ---- */

struct tree_component {
    uint32_t len;
    uint8_t name[BULLA_COMPONENT_NAME_MAX];
};

struct tree_key {
    uint8_t raw[BULLA_KEY_SIZE];
    uint8_t id[BULLA_KEY_ID_SIZE];
    bool limited; /* to the components below, which may be none */
    uint32_t component_count;
    struct tree_component components[BULLA_TRUST_NAMES_MAX];
    struct evp_pkey_st *loaded; /* the same key as OpenSSL takes it */
};

struct tree_trust {
    uint32_t threshold;
    uint32_t key_count;
    struct tree_key keys[BULLA_TRUST_KEYS_MAX]; /* in order of first mention */
};

/* Begin with an empty struct (all zero); add trust files, CBOR stores or PEM public keys, one by
 * one: keys are united, the highest threshold counts, a repeated key keeps the components that
 * every mention allows. On false *why is a sentence and *trust what it was. Free in any case. */
BULLA_MUST_CHECK bool tree_trust_add(struct tree_trust *trust, struct bulla_bytes file,
                                     const char **why);
void tree_trust_free(struct tree_trust *trust);

/* One signature under one key by all five rules of docs/FORMAT.md, "Signatures". */
BULLA_MUST_CHECK bool tree_signature_allowed(struct bulla_bytes raw_key,
                                             struct bulla_bytes signature,
                                             struct bulla_bytes message);

/* ---- reading ---- */

struct tree_image {
    char component[BULLA_COMPONENT_NAME_MAX + 1u];      /* "app", "factory", "module" */
    char name[BULLA_COMPONENT_NAME_MAX + 1u];           /* of a module, else empty */
    char list_name[2u * BULLA_COMPONENT_NAME_MAX + 3u]; /* "#module/lib.py" */
    char uri[BULLA_URI_MAX + 1u];
    uint32_t size;
    uint32_t list_size;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint8_t list_digest[BULLA_DIGEST_SIZE];
};

struct tree_reading {
    bool accepted;
    enum tree_group group; /* of the refusal */
    const char *sentence;  /* of the refusal, or NULL */

    /* What was read; zero unless accepted. */
    bool structure_open; /* the bundled image is an ESP image: its structure is not judged here */
    bool has_text;
    bool bundled;
    uint32_t sequence;
    uint32_t signers; /* bit i: keys[i] of the trust */
    uint32_t block_count;
    bool block_has_kid[BULLA_BLOCKS_MAX];
    uint8_t kids[BULLA_BLOCKS_MAX][BULLA_KEY_ID_SIZE];
    uint32_t version_count;
    uint32_t release_count; /* leading numbers of the version */
    int64_t version[BULLA_VERSION_PARTS_MAX];
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
    uint32_t images;
    struct tree_image image[BULLA_IMAGES_MAX];
    uint8_t text_digest[BULLA_DIGEST_SIZE];
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
};

enum tree_effort {
    TREE_EVERYTHING,
    /* Take the equation of a signature under a key id for granted: the caller has just had it
     * computed. All rules around it, and blocks without key id, are judged as ever. */
    TREE_SIGNATURES_KNOWN,
};

/* Judge. What *device does not know is not judged. Returns out->accepted. */
bool tree_reading_judge(struct bulla_bytes envelope, const struct tree_trust *trust,
                        const struct bulla_device *device, enum tree_effort effort,
                        struct tree_reading *out);

#endif
