/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest alone, without the signature that would stop every change. An input that is a whole
 * envelope is opened first.
 *
 * Holds: *out is zero on failure; spans lie inside; no prefix and no extension is a manifest too;
 * encoding the facts again, with the signer's own encoder, gives the same bytes but for the
 * reporting policies, which are not kept. */

#include <stdlib.h>

#include "bulla/envelope.h"
#include "bulla/manifest.h"
#include "fuzz.h"
#include "signer.h"

/* Of the signer's scan.c, for its encode.c; the rest of scan.c would bring in all of the signer. */
uint32_t image_sectors(uint32_t size)
{
    return (uint32_t)(((uint64_t)size + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE);
}

static void check_encoding(struct bulla_bytes in, const struct bulla_manifest *m)
{
    static uint8_t made[64u << 10];
    struct bulla_image images[BULLA_IMAGES_MAX];

    for (uint32_t i = 0; i < m->images; i++)
        FUZZ_CHECK(bulla_manifest_image(in, i, &images[i]) == BULLA_OK);
    FUZZ_CHECK(memcmp(&images[0], &m->image, sizeof(m->image)) == 0);
    size_t len = encode_manifest(m, images, made, sizeof(made));
    FUZZ_CHECK(len == in.len);
    for (size_t i = 0; i < len; i++)
        FUZZ_CHECK(made[i] == in.data[i] || (made[i] <= 15 && in.data[i] <= 15));
}

static void check_image(struct bulla_bytes in, const struct bulla_image *image, bool is_first)
{
    uint32_t sectors = (image->size - 1) / BULLA_SECTOR_SIZE + 1;
    uint8_t list[BULLA_LIST_NAME_MAX];

    FUZZ_CHECK(fuzz_inside(image->component, in) && image->component.len >= 1);
    FUZZ_CHECK(is_first || image->name.len > 0);
    FUZZ_CHECK(image->name.len == 0 || bulla_is_module_name(image->name));
    FUZZ_CHECK(image->name.len == 0 || fuzz_inside(image->name, in));
    FUZZ_CHECK(bulla_list_name(image, list) > image->component.len);
    FUZZ_CHECK(fuzz_inside(image->uri, in) && image->uri.len >= 1);
    FUZZ_CHECK(image->uri.len <= BULLA_URI_MAX && bulla_uri_check(image->uri) == BULLA_OK);
    FUZZ_CHECK(image->size >= 1 && image->list_size == bulla_list_size(image->size));
    FUZZ_CHECK(image->list_size >= sectors * 32u && image->list_size <= sectors * 32u + 17u);
}

static void check_facts(struct bulla_bytes in, const struct bulla_manifest *m)
{
    struct bulla_image image, other;

    FUZZ_CHECK(m->images >= 1 && m->images <= BULLA_IMAGES_MAX);
    FUZZ_CHECK(bulla_manifest_image(in, m->images, &image) == BULLA_E_COMPONENT_MISMATCH);
    FUZZ_CHECK(fuzz_is_zero(&image, sizeof(image)));
    for (uint32_t i = 0; i < m->images; i++) {
        FUZZ_CHECK(bulla_manifest_image(in, i, &image) == BULLA_OK);
        check_image(in, &image, i == 0);
        for (uint32_t k = 0; k < i; k++) {
            FUZZ_CHECK(bulla_manifest_image(in, k, &other) == BULLA_OK);
            FUZZ_CHECK(!bulla_bytes_equal(image.name, other.name));
        }
    }
    FUZZ_CHECK(m->version.count <= BULLA_VERSION_PARTS_MAX);
    FUZZ_CHECK(m->version.count == 0 ||
               (m->version.release_count >= 1 && m->version.release_count <= 3));
    FUZZ_CHECK(m->has_text || fuzz_is_zero(m->text_digest, sizeof(m->text_digest)));
}

static void check_neighbours(struct bulla_bytes in)
{
    struct fuzz_random random = fuzz_random(in, 1);
    struct bulla_manifest m;
    uint8_t *longer = malloc(in.len + 1);

    FUZZ_CHECK(longer != NULL);
    memcpy(longer, in.data, in.len);
    longer[in.len] = (uint8_t)fuzz_below(&random, 256);
    FUZZ_CHECK(bulla_manifest_decode((struct bulla_bytes){longer, in.len + 1}, &m) != BULLA_OK);
    FUZZ_CHECK(fuzz_is_zero(&m, sizeof(m)));
    free(longer);
    for (int i = 0; i < 8; i++) {
        struct bulla_bytes part = {in.data, fuzz_below(&random, (uint32_t)in.len)};
        uint8_t *copy = fuzz_copy(part);
        part.data = copy;
        FUZZ_CHECK(bulla_manifest_decode(part, &m) != BULLA_OK && fuzz_is_zero(&m, sizeof(m)));
        free(copy);
    }
}

void fuzz_manifest(struct bulla_bytes in)
{
    struct bulla_manifest m, again;
    struct bulla_envelope e;
    size_t need;

    if (bulla_envelope_split(in, &e, &need) == BULLA_OK)
        in = e.manifest;
    uint8_t *copy = fuzz_copy(in);
    in.data = copy;
    enum bulla_status status = bulla_manifest_decode(in, &m);
    FUZZ_CHECK(bulla_manifest_decode(in, &again) == status);
    FUZZ_CHECK(memcmp(&m, &again, sizeof(m)) == 0);
    if (status != BULLA_OK) {
        FUZZ_CHECK(fuzz_is_zero(&m, sizeof(m)));
    } else {
        check_facts(in, &m);
        check_encoding(in, &m);
        check_neighbours(in);
    }
    free(copy);
}
