/* SPDX-License-Identifier: Apache-2.0 */
/* What is demanded of an image beside its signature. It can only refuse: all of it is asked after
 * the signatures held, and the update goes the same way with it and without. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/md5.h"
#include "source.h"

#define MD5_DIGITS (2u * BULLA_MD5_SIZE)

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly `size` bytes in hexadecimal, whatever follows. */
static bool from_hex(const char *text, size_t text_len, uint8_t *out, size_t size)
{
    if (text_len < 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool source_digest(const char *text, uint8_t digest[BULLA_DIGEST_SIZE])
{
    size_t len = strlen(text);

    return len == (size_t)2 * BULLA_DIGEST_SIZE && from_hex(text, len, digest, BULLA_DIGEST_SIZE);
}

static enum bulla_status meet(struct source *s, const struct demand *d,
                              const struct bulla_image *image)
{
    char wanted[2 * BULLA_DIGEST_SIZE + 1];
    char found[2 * BULLA_DIGEST_SIZE + 1];

    if (d->length_from != NULL && d->length != image->size) {
        (void)snprintf(s->why, sizeof s->why, "%s wants %llu bytes, the signed image has %u",
                       d->length_from, (unsigned long long)d->length, (unsigned)image->size);
        return BULLA_E_IMAGE_NOT_EXPECTED;
    }
    if (d->digest_from == NULL || bulla_digest_equal(d->digest, image->digest))
        return BULLA_OK;
    host_hex((struct bulla_bytes){d->digest, sizeof(d->digest)}, wanted);
    host_hex((struct bulla_bytes){image->digest, sizeof(image->digest)}, found);
    (void)snprintf(s->why, sizeof s->why, "%s wants the SHA-256 %s, the signed image has %s",
                   d->digest_from, wanted, found);
    return BULLA_E_IMAGE_NOT_EXPECTED;
}

enum bulla_status source_approve_head(void *source, const struct bulla_manifest *manifest)
{
    struct source *s = source;

    if (s->modules_alone && manifest->image.name.len == 0)
        return BULLA_E_COMPONENT_MISMATCH;
    enum bulla_status status = meet(s, &s->by_hand, &manifest->image);
    if (status == BULLA_OK)
        status = meet(s, &s->by_json, &manifest->image);
    /* another envelope was offered when the side file was looked for */
    if (status == BULLA_OK && s->use_md5 && !s->has_md5)
        status = BULLA_E_IMAGE_MD5;
    return status;
}

enum bulla_status source_take_md5(struct source *s, struct bulla_bytes text)
{
    s->has_md5 = from_hex((const char *)text.data, text.len, s->md5, sizeof s->md5);
    if (s->has_md5)
        return BULLA_OK;
    (void)snprintf(s->why, sizeof s->why,
                   "the file for --md5 does not begin with %u hexadecimal digits", MD5_DIGITS);
    return BULLA_E_IMAGE_MD5;
}

/* Over what flash holds now, not over what came. */
enum bulla_status source_approve_image(void *source, const struct bulla_partition *where,
                                       uint32_t size)
{
    struct source *s = source;
    const struct bulla_flash *flash = s->client->flash;
    char wanted[MD5_DIGITS + 1];
    char found[MD5_DIGITS + 1];
    uint8_t digest[BULLA_MD5_SIZE];
    uint8_t *image = malloc(size);

    if (image == NULL)
        return BULLA_E_IO;
    enum bulla_status status = flash->read(flash->ctx, where->offset, image, size);
    if (status == BULLA_OK)
        bulla_md5((struct bulla_bytes){image, size}, digest);
    free(image);
    if (status != BULLA_OK || memcmp(digest, s->md5, sizeof digest) == 0)
        return status;
    host_hex((struct bulla_bytes){s->md5, sizeof s->md5}, wanted);
    host_hex((struct bulla_bytes){digest, sizeof digest}, found);
    (void)snprintf(s->why, sizeof s->why, "the side file says %s, flash holds %s", wanted, found);
    return BULLA_E_IMAGE_MD5;
}
