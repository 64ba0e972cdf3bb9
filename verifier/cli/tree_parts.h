/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_PARTS_H
#define TREE_PARTS_H

/* What the files of the second reading share among themselves. */

#include <cbor.h>

#include "tree_reading.h"

/* ---- tree_cbor.c: libcbor, guarded; and the one encoding of what was read ---- */

/* The item that fills `in`, without floats, simple values but null, or indefinite lengths. NULL:
 * there is none. Free with tree_free (NULL is fine). */
BULLA_MUST_CHECK cbor_item_t *tree_load(struct bulla_bytes in);
void tree_free(cbor_item_t *root);

/* A CBOR integer in full range: `argument`, or -1 - argument. */
struct tree_number {
    bool found; /* there was an integer */
    bool negative;
    uint64_t argument;
};

/* Whatever is not there, or of another type, is NULL, empty, not found or 0: navigate first, then
 * hold the values against the bytes with an echo, which nothing missing survives. */
cbor_item_t *tree_at(const cbor_item_t *array, size_t index);
cbor_item_t *tree_tagged(const cbor_item_t *tag);
cbor_item_t *tree_member(const cbor_item_t *map, uint64_t key);
cbor_item_t *tree_member_named(const cbor_item_t *map, struct bulla_bytes key);
size_t tree_count(const cbor_item_t *container); /* elements or pairs */
struct tree_number tree_integer(const cbor_item_t *item);
struct bulla_bytes tree_bytes(const cbor_item_t *item);
struct bulla_bytes tree_text(const cbor_item_t *item); /* empty when it is not UTF-8, too */
bool tree_uint32(const cbor_item_t *item, uint32_t *out);

bool tree_same(struct bulla_bytes a, struct bulla_bytes b);
struct bulla_bytes tree_string(const char *text);

/* What should stand there, compared with what does. */
struct tree_echo {
    struct bulla_bytes left;
    bool differs;
};

struct tree_echo tree_echo_of(struct bulla_bytes received);
void echo_integer(struct tree_echo *e, struct tree_number number);
void echo_uint(struct tree_echo *e, uint64_t value);
void echo_negative(struct tree_echo *e, int64_t value); /* -1 and below */
void echo_bytes(struct tree_echo *e, struct bulla_bytes content);
void echo_text(struct tree_echo *e, struct bulla_bytes content);
void echo_array(struct tree_echo *e, size_t count);
void echo_map(struct tree_echo *e, size_t count);
void echo_tag(struct tree_echo *e, uint64_t number);
void echo_null(struct tree_echo *e);
/* Nothing differed and nothing is left. */
BULLA_MUST_CHECK bool echo_whole(const struct tree_echo *e);

/* ---- tree_crypto.c ---- */

/* SHA-256 of the bytes; `as_bstr`: with the head of a byte string in front. */
BULLA_MUST_CHECK bool tree_sha256(struct bulla_bytes bytes, bool as_bstr,
                                  uint8_t digest[BULLA_DIGEST_SIZE]);
BULLA_MUST_CHECK bool tree_has_digest(struct bulla_bytes bytes, bool as_bstr,
                                      const uint8_t expected[BULLA_DIGEST_SIZE]);
/* Canonical and not of small order (docs/FORMAT.md, "Signatures", rules 3 and 4). */
BULLA_MUST_CHECK bool tree_point_allowed(const uint8_t encoded[32]);
/* Rules 1 to 4, and 5 as far as `effort` wants. */
BULLA_MUST_CHECK bool tree_signature_holds(const struct tree_key *key, struct bulla_bytes signature,
                                           struct bulla_bytes message, enum tree_effort effort);

/* ---- tree_wrapper.c, tree_manifest.c, tree_uri.c, tree_members.c ---- */

/* [-16, 32 bytes] */
BULLA_MUST_CHECK bool tree_read_digest(struct bulla_bytes encoded, uint8_t out[BULLA_DIGEST_SIZE]);

/* Note why, once. Always false. */
bool tree_refuse(struct tree_reading *out, enum tree_group group, const char *sentence);

bool tree_wrapper_judge(struct bulla_bytes wrapper, struct bulla_bytes manifest,
                        const struct tree_trust *trust, enum tree_effort effort,
                        struct tree_reading *out);
bool tree_manifest_judge(struct bulla_bytes manifest, struct tree_reading *out);
BULLA_MUST_CHECK bool tree_uri_allowed(struct bulla_bytes uri);
bool tree_policy_judge(const struct tree_trust *trust, const struct bulla_device *device,
                       struct tree_reading *out);
bool tree_text_judge(struct bulla_bytes text, struct tree_reading *out);
/* *digests spans the sector digests, in `list`. */
bool tree_list_judge(struct bulla_bytes list, const struct tree_image *image,
                     struct tree_reading *out, const uint8_t **digests);
bool tree_image_judge(struct bulla_bytes image, const uint8_t *digests,
                      const struct bulla_device *device, struct tree_reading *out);

#endif
