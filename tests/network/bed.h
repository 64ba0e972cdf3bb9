/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_BED_H
#define BULLA_TEST_BED_H

/* A provisioned device in memory, with a real transport and a clock whose sleep costs no time. A
 * guard between client and flash knows which bytes may be written where. */

#include "bulla/client.h"
#include "flash_sim.h"

#define BED_IMAGES_MAX 16u
#define BED_WHY_SIZE   256u

enum bed_transport { BED_MBEDTLS, BED_CURL };

struct bed {
    /* set by bed_load, or by the caller before an update */
    struct flash_sim origin;                   /* as provisioned */
    struct bulla_bytes images[BED_IMAGES_MAX]; /* what the target slot may be given */
    size_t image_count;
    struct bulla_url url;
    bool blocks;   /* the chip erases blocks as well */
    uint32_t unit; /* smallest program */
    enum bed_transport kind;
    uint32_t progress_ms;
    uint32_t deadline_ms;
    uint16_t fragment; /* asked for by Mbed TLS, 0: nothing is */
    size_t workspace_len;
    uint32_t seed; /* of the back-off's jitter */

    /* what an update did */
    struct bulla_update_result result;
    uint64_t slept_ms;
    uint32_t real_ms;
    uint32_t requests;
    uint64_t envelope_bytes; /* of bodies, as the client read them */
    uint64_t image_bytes;
    uint32_t unverified; /* programs of bytes that no image has there */
    uint32_t astray;     /* programs and erases outside of target slot, otadata and state */

    /* private */
    struct flash_sim sim;
    struct bulla_flash guard;
    struct bulla_client client;
    struct bulla_transport below;
    bool in_envelope;
    int32_t running;
    int32_t target;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    uint8_t *workspace;
};

/* Read the device from a flash file. False with a sentence in `why`. */
bool bed_load(struct bed *bed, const char *flash, char why[BED_WHY_SIZE]);
/* A file's bytes as one of the images; its memory is never given back. */
bool bed_allow(struct bed *bed, const char *image, char why[BED_WHY_SIZE]);
void bed_free(struct bed *bed);

/* Flash as it was provisioned. */
void bed_reset(struct bed *bed);

/* Power on and update. */
enum bulla_status bed_update(struct bed *bed);

/* Has flash its provisioned content, but for the device state, where a failure is noted? */
bool bed_is_unchanged(const struct bed *bed);

/* After an update that ended with `status`: power on, boot, and look whether everything is as it
 * must be. NULL, or what is wrong. *booted: 'o' the old image, 'n' the new one, '-' none. */
const char *bed_judge(struct bed *bed, enum bulla_status status, char *booted);

const char *bed_transport_name(enum bed_transport kind);
bool bed_has_transport(enum bed_transport kind);

#endif
