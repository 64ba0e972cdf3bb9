/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the second reading's answer and every field it read against the core's. The only file of
 * the second reading that knows the first, and it reads nothing but its results. */

#include "tree_agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an envelope's own bytes can cause, before any image is looked at. */
static bool is_envelope_refusal(enum bulla_status status)
{
    return (status >= BULLA_E_CBOR_TRUNCATED && status <= BULLA_E_SLOT_TOO_SMALL) ||
           status == BULLA_E_MODULES_NOT_TAKEN || status == BULLA_E_LIST_FORM ||
           status == BULLA_E_LIST_DIGEST;
}

/* What both readings judge of a bundled image. */
static bool is_image_refusal(enum bulla_status status)
{
    return (status >= BULLA_E_IMAGE_FORMAT && status <= BULLA_E_SECURE_VERSION_TOO_OLD) ||
           (status >= BULLA_E_SECTOR_DIGEST && status <= BULLA_E_IMAGE_TRAILING);
}

static bool is_structure_refusal(enum bulla_status status)
{
    return status >= BULLA_E_IMAGE_MAGIC && status <= BULLA_E_IMAGE_TOO_LARGE;
}

enum expectation {
    EXPECT_NOTHING,
    EXPECT_REFUSED,
    EXPECT_ACCEPTED,
    EXPECT_REFUSED_OR_OPEN, /* refused, or an ESP image whose structure stayed open */
};

/* What the second reading should say of the envelope after this. */
static enum expectation expect(const struct tree_first *first)
{
    enum bulla_status status = first->status;
    bool bundled = first->reader->bundle_offset > 0;
    /* that there is no more to come is not the reader's failure, yet its verdict */
    bool refused_by_reader =
        first->reader->failed != BULLA_OK || status == BULLA_E_ENVELOPE_TRUNCATED;
    if (status == BULLA_OK)
        return EXPECT_ACCEPTED;
    if (refused_by_reader)
        return is_envelope_refusal(status) || is_image_refusal(status) ? EXPECT_REFUSED
                                                                       : EXPECT_NOTHING;
    /* behind the reader come images, and what our own client cannot follow of a URI */
    if (!is_image_refusal(status) && !is_structure_refusal(status))
        return EXPECT_NOTHING;
    if (first->other_image)
        return bundled ? EXPECT_NOTHING : EXPECT_ACCEPTED;
    return is_image_refusal(status) ? EXPECT_REFUSED : EXPECT_REFUSED_OR_OPEN;
}

static bool same_digest(const uint8_t a[BULLA_DIGEST_SIZE], const uint8_t b[BULLA_DIGEST_SIZE])
{
    return memcmp(a, b, BULLA_DIGEST_SIZE) == 0;
}

static bool same_text(struct bulla_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) &&
           (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

static bool same_version(const struct bulla_version *a, const struct tree_reading *b)
{
    return a->count == b->version_count && a->release_count == b->release_count &&
           memcmp(a->parts, b->version, sizeof a->parts) == 0;
}

/* The first field of an image that differs, or NULL. */
static const char *different_image(const struct bulla_image *a, const struct tree_image *b)
{
    if (!same_text(a->component, b->component))
        return "component";
    if (!same_text(a->name, b->name))
        return "module name";
    if (!same_text(a->uri, b->uri))
        return "uri";
    bool same = a->size == b->size && a->list_size == b->list_size &&
                same_digest(a->digest, b->digest) && same_digest(a->list_digest, b->list_digest);
    return same ? NULL : "image or list";
}

/* All of them, as the first reading has them in the manifest; the first besides as it keeps it. */
static const char *different_images(const struct bulla_reader *first, const struct tree_reading *b)
{
    struct bulla_image image;
    const char *field = different_image(&first->manifest.image, &b->image[0]);
    if (first->manifest.images != b->images)
        return "number of images";
    for (uint32_t i = 0; i < b->images && field == NULL; i++) {
        if (bulla_manifest_image(first->envelope.manifest, i, &image) != BULLA_OK)
            return "number of images";
        field = different_image(&image, &b->image[i]);
    }
    return field;
}

/* The first field that differs, or NULL. */
static const char *different_field(const struct bulla_reader *first, const struct tree_reading *b)
{
    const struct bulla_manifest *a = &first->manifest;
    if (a->sequence != b->sequence)
        return "sequence";
    if (!same_version(&a->version, b))
        return "version";
    if (memcmp(a->image.vendor_id, b->vendor_id, BULLA_UUID_SIZE) != 0)
        return "vendor-id";
    if (memcmp(a->image.class_id, b->class_id, BULLA_UUID_SIZE) != 0)
        return "class-id";
    const char *field = different_images(first, b);
    if (field != NULL)
        return field;
    if (a->has_text != b->has_text || !same_digest(a->text_digest, b->text_digest))
        return "text";
    if (first->signers != b->signers)
        return "set of signers";
    if (!same_digest(first->manifest_digest, b->manifest_digest))
        return "manifest digest";
    return (first->bundle_offset > 0) != b->bundled ? "bundle" : NULL;
}

static enum tree_agreement differ(char why[TREE_WHY_MAX], const char *sentence, const char *detail)
{
    (void)snprintf(why, TREE_WHY_MAX, "%s%s", sentence, detail);
    return TREE_DIFFERS;
}

enum tree_agreement tree_agree(struct bulla_bytes envelope, const struct tree_trust *trust,
                               const struct tree_first *first, enum tree_effort effort,
                               char why[TREE_WHY_MAX])
{
    struct tree_reading reading;
    enum expectation expected = expect(first);
    why[0] = '\0';
    if (expected == EXPECT_NOTHING) {
        (void)snprintf(why, TREE_WHY_MAX, "the verdict is not about the envelope's content");
        return TREE_NOT_COMPARED;
    }
    /* where the first reading found no valid signatures there are none to take for granted */
    if ((first->reader->facts & BULLA_FACT_SIGNED) == 0)
        effort = TREE_EVERYTHING;
    tree_reading_judge(envelope, trust, first->reader->device, effort, &reading);
    if (!reading.accepted && expected == EXPECT_ACCEPTED)
        return differ(why, "the second reading refuses this envelope: ", reading.sentence);
    if (reading.accepted && expected == EXPECT_REFUSED)
        return differ(why, "the second reading accepts this envelope", "");
    if (reading.accepted && expected == EXPECT_REFUSED_OR_OPEN && !reading.structure_open)
        return differ(why, "the second reading accepts this envelope and its image", "");
    const char *field = reading.accepted ? different_field(first->reader, &reading) : NULL;
    if (field != NULL)
        return differ(why, "the second reading finds another ", field);
    return TREE_AGREES;
}

static bool read_all(int fd, uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = pread(fd, data + at, len - at, (off_t)at);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

enum tree_agreement tree_agree_file(int fd, const struct tree_trust *trust,
                                    const struct tree_first *first, enum tree_effort effort,
                                    char why[TREE_WHY_MAX])
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size < 0 ||
        (uint64_t)about.st_size > TREE_ENVELOPE_MAX) {
        (void)snprintf(why, TREE_WHY_MAX, "the envelope is no file of at most 16 MiB");
        return TREE_NOT_COMPARED;
    }
    size_t len = (size_t)about.st_size;
    uint8_t *data = malloc(len > 0 ? len : 1);
    enum tree_agreement agreement = TREE_NOT_COMPARED;
    if (data != NULL && read_all(fd, data, len))
        agreement = tree_agree((struct bulla_bytes){data, len}, trust, first, effort, why);
    else
        (void)snprintf(why, TREE_WHY_MAX, "the envelope could not be read again");
    free(data);
    return agreement;
}
