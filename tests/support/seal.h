/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_SEAL_H
#define BULLA_TEST_SEAL_H

/* Envelopes for tests of the device: a small encoder of its own and libsodium's signatures, so
 * that these tests need no program of ours to make their input. */

#include "bulla/bytes.h"
#include "bulla/limits.h"

struct seal_key {
    uint8_t public_key[BULLA_KEY_SIZE];
    uint8_t secret[64];
};

/* A new key, another one each time. */
void seal_key_make(struct seal_key *key);

struct seal_options {
    uint32_t sequence;
    const uint8_t *vendor_id;
    const uint8_t *class_id;
    const char *component; /* NULL: "app" */
    const char *uri;       /* NULL: "app.bin" */
    bool bundle;
    bool text;
};

struct seal_buffer {
    uint8_t *data;
    size_t len;
    size_t size;
};
void seal_buffer_free(struct seal_buffer *buffer);

/* Envelope of this image. */
void seal_envelope(struct bulla_bytes image, const struct seal_options *options,
                   const struct seal_key *key, struct seal_buffer *out);
/* Envelope of several images, the app (name NULL) first if there is one, then modules. Options:
 * component, uri and bundle are not looked at. */
struct seal_image {
    const char *name; /* of a module; NULL: "app" */
    const char *uri;
    struct bulla_bytes bytes;
};
void seal_images(const struct seal_image *images, size_t count, const struct seal_options *options,
                 const struct seal_key *key, struct seal_buffer *out);
/* Length of its head, tag to manifest: what a device stores. */
size_t seal_head_len(const struct seal_buffer *envelope);
/* Trust store with this one key, threshold 1 and one pin. */
void seal_trust(const struct seal_key *key, struct seal_buffer *out);

#endif
