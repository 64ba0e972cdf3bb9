/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_READER_H
#define BULLA_READER_H

/* Judge a whole envelope while it arrives: head, signatures, manifest, policy, text, sector
 * list, bundled image, end. Device, signer and auditor all judge with this one reader, so the
 * same bytes get the same verdict and, with several defects, the same first reason.
 *
 * States: HEAD -> (judged) -> MEMBERS -> TEXT | LIST | BUNDLE -> MEMBERS ... -> END; docs/DESIGN.md
 * has the table. Feed again, with what is left (even nothing), after every event but MORE and END:
 * an event may wait behind another.
 *
 * Of several images one is wanted (bulla_reader_want): its list is verified and told. Of the others
 * name, order and length of the list are judged. Who needs them all reads the envelope once for
 * each. */

#include "bulla/policy.h"
#include "bulla/sectors.h"

enum bulla_event {
    BULLA_EVENT_MORE,   /* everything given was consumed, nothing to tell */
    BULLA_EVENT_HEAD,   /* signed, decoded, allowed: manifest, signers, facts are valid. Give a
                           workspace now (bulla_reader_workspace) or stop here */
    BULLA_EVENT_TEXT,   /* r->text holds the verified text until the next call */
    BULLA_EVENT_LIST,   /* r->list, that of the wanted image, is verified and may be used */
    BULLA_EVENT_BUNDLE, /* r->bundled spans bytes of the bundled image, NOT verified: give them
                           to bulla_sectors_feed */
    BULLA_EVENT_END,    /* the envelope is complete; a further byte refuses it */
};

struct bulla_reader {
    /* private */
    enum bulla_status failed;
    uint8_t state;
    bool text_seen;
    bool bundle_seen;
    uint8_t lists;     /* seen so far */
    uint8_t list_next; /* of all lists in their order, the first that may still come */
    uint32_t want;
    uint8_t members_left; /* the one being read among them; for who reads a bundle's rest himself */

    /* valid from BULLA_EVENT_HEAD on */
    bool same_as_confirmed; /* equal sequence and digest: nothing newer */
    uint32_t signers;       /* bit i: trust->keys[i] */
    uint32_t facts;         /* enum bulla_fact */
    uint32_t offset;        /* envelope bytes consumed; counted up to a bundled image */
    uint32_t list_offset;   /* where the list's content began */
    uint32_t bundle_offset; /* where the bundled image's content began; 0: none (yet) */
    struct bulla_bytes text;
    struct bulla_bytes bundled;

    /* private */
    size_t filled;
    size_t need;
    uint32_t member_left;
    uint8_t *head; /* caller's, BULLA_HEAD_MAX bytes */
    uint8_t *workspace;
    size_t workspace_len;
    const struct bulla_trust *trust;
    const struct bulla_device *device;

    /* valid from BULLA_EVENT_HEAD on */
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    struct bulla_image image; /* the wanted one */
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];

    struct bulla_list list; /* valid from BULLA_EVENT_LIST on */

    /* private: of the member at hand, one after the other */
    union {
        uint8_t key[BULLA_URI_MAX + 16u]; /* and the head of its byte string */
        struct bulla_sha256 text_hash;
        struct bulla_list_hashes list_hashes;
    };
};

/* `head` must hold BULLA_HEAD_MAX bytes; it, trust and device must outlive the reader. */
void bulla_reader_init(struct bulla_reader *r, const struct bulla_trust *trust,
                       const struct bulla_device *device, uint8_t *head);

/* Before the first byte is fed: the image (its place in the manifest) this pass is for; 0 when
 * nobody asks. The envelope is refused (BULLA_E_COMPONENT_MISMATCH) when it has fewer. */
void bulla_reader_want(struct bulla_reader *r, uint32_t index);

/* Room for the text and then for the list: at least bulla_list_workspace_min() and
 * BULLA_WORKSPACE_MIN; holds the list whole from bulla_list_workspace_whole() on. */
void bulla_reader_workspace(struct bulla_reader *r, uint8_t *workspace, size_t workspace_len);

BULLA_MUST_CHECK enum bulla_status bulla_reader_feed(struct bulla_reader *r, struct bulla_bytes *in,
                                                     enum bulla_event *event);

/* The file or response ended: BULLA_OK only after BULLA_EVENT_END. */
BULLA_MUST_CHECK enum bulla_status bulla_reader_finish(struct bulla_reader *r);

/* A stored head again (a slot's, at boot or in an audit): exactly tag to manifest, judged as
 * far as a head can be. Fills *envelope, *manifest and *facts; spans point into `head`. */
BULLA_MUST_CHECK enum bulla_status
bulla_head_judge(struct bulla_bytes head, const struct bulla_trust *trust,
                 const struct bulla_device *device, struct bulla_envelope *envelope,
                 struct bulla_manifest *manifest, uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                 uint32_t *signers, uint32_t *facts);

#endif
