/* SPDX-License-Identifier: Apache-2.0 */
/* "Expected this, found that" for the statuses that compare two values, in the words of
 * docs/FORMAT.md. Explains only; judging is the core's. */

#include <stdarg.h>
#include <stdlib.h>

#include "host.h"

/* What explanations are made of, and where they go. Any pointer but buf may be NULL. */
struct scene {
    const struct bulla_manifest *manifest;
    const struct bulla_device *device;
    const struct bulla_image_facts *image;
    char *buf;
    size_t size;
};

HOST_PRINTF(2, 3) static bool tell(const struct scene *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s->buf, s->size, format, args);
    va_end(args);
    return true;
}

static const char *format_name(enum bulla_image_format format)
{
    return format == BULLA_FORMAT_ESP ? "esp" : format == BULLA_FORMAT_RAW ? "raw" : "unknown";
}

static const char *chip_name(uint16_t id)
{
    const struct bulla_chip *chip = bulla_chip_by_id(id);
    return chip != NULL ? chip->name : "unknown chip";
}

static bool tell_sequence_too_old(const struct scene *s)
{
    return s->manifest != NULL && s->device != NULL &&
           tell(s, "manifest has %u, device confirmed %u", (unsigned)s->manifest->sequence,
                (unsigned)s->device->sequence);
}

static bool tell_sequence_conflict(const struct scene *s)
{
    return s->manifest != NULL &&
           tell(s, "manifest has %u, which the device confirmed with another manifest",
                (unsigned)s->manifest->sequence);
}

static bool tell_ids(const struct scene *s, const char *what, const uint8_t *found,
                     const uint8_t *expected)
{
    char found_text[37];
    char expected_text[37];

    host_uuid_text(found, found_text);
    host_uuid_text(expected, expected_text);
    return tell(s, "manifest is for %s id %s, device has %s", what, found_text, expected_text);
}

static bool tell_vendor(const struct scene *s)
{
    return s->manifest != NULL && s->device != NULL &&
           tell_ids(s, "vendor", s->manifest->image.vendor_id, s->device->vendor_id);
}

static bool tell_class(const struct scene *s)
{
    return s->manifest != NULL && s->device != NULL &&
           tell_ids(s, "class", s->manifest->image.class_id, s->device->class_id);
}

/* Component names come from a signed manifest, but signed is not printable. */
static bool tell_component(const struct scene *s)
{
    if (s->manifest == NULL || s->device == NULL)
        return false;
    char *found = host_escape(s->manifest->image.component);
    char *expected = host_escape(s->device->component);
    bool told = found != NULL && expected != NULL &&
                tell(s, "manifest is for component %s, device has %s", found, expected);
    free(found);
    free(expected);
    return told;
}

static bool tell_key_rights(const struct scene *s)
{
    if (s->manifest == NULL)
        return false;
    char *component = host_escape(s->manifest->image.component);
    bool told = component != NULL &&
                tell(s, "too few of the keys that signed may sign for component %s", component);
    free(component);
    return told;
}

static bool tell_slot(const struct scene *s)
{
    if (s->device == NULL || (s->manifest == NULL && s->image == NULL))
        return false;
    uint32_t size = s->manifest != NULL ? s->manifest->image.size : s->image->size;
    return tell(s, "image has %u bytes, slot has %u", (unsigned)size,
                (unsigned)s->device->slot_size);
}

static bool tell_format(const struct scene *s)
{
    return s->device != NULL && s->image != NULL &&
           tell(s, "image is %s, device takes %s", format_name(s->image->format),
                format_name(s->device->format));
}

static bool tell_chip(const struct scene *s)
{
    return s->device != NULL && s->image != NULL &&
           tell(s, "image is for %s (id %u), device is %s (id %u)", chip_name(s->image->chip_id),
                (unsigned)s->image->chip_id, chip_name(s->device->chip_id),
                (unsigned)s->device->chip_id);
}

/* Revisions are major * 100 + minor; as a maximum 0 and 0xFFFF mean none. */
static bool tell_revision(const struct scene *s)
{
    if (s->device == NULL || s->image == NULL)
        return false;
    unsigned low = s->image->min_revision;
    unsigned high = s->image->max_revision;
    unsigned found = s->device->chip_revision;

    if (high == 0 || high == UINT16_MAX)
        return tell(s, "image needs chip revision %u.%u or later, device has %u.%u", low / 100,
                    low % 100, found / 100, found % 100);
    return tell(s, "image needs chip revision %u.%u to %u.%u, device has %u.%u", low / 100,
                low % 100, high / 100, high % 100, found / 100, found % 100);
}

static bool tell_floor(const struct scene *s)
{
    return s->device != NULL && s->image != NULL &&
           tell(s, "image has secure version %u, device's floor is %u",
                (unsigned)s->image->secure_version, (unsigned)s->device->floor);
}

static bool tell_fuses(const struct scene *s)
{
    const struct bulla_chip *chip = s->image != NULL ? bulla_chip_by_id(s->image->chip_id) : NULL;

    return chip != NULL &&
           tell(s, "image has secure version %u, %s has %u fuse bits for it",
                (unsigned)s->image->secure_version, chip->name, (unsigned)chip->fuse_width);
}

static bool tell_revision_order(const struct scene *s)
{
    return s->image != NULL &&
           tell(s, "image's minimum chip revision %u.%u is above its maximum %u.%u",
                s->image->min_revision / 100u, s->image->min_revision % 100u,
                s->image->max_revision / 100u, s->image->max_revision % 100u);
}

static bool tell_unknown_chip(const struct scene *s)
{
    return s->image != NULL &&
           tell(s, "image is for chip id %u, which is not one of the chips known",
                (unsigned)s->image->chip_id);
}

static bool tell_too_large(const struct scene *s)
{
    return s->image != NULL && tell(s, "image has %u bytes, an ESP image has at most %u",
                                    (unsigned)s->image->size, (unsigned)BULLA_ESP_IMAGE_MAX);
}

static bool tell_list_size(const struct scene *s)
{
    return s->manifest != NULL && s->manifest->image.size > 0 &&
           tell(s, "manifest says %u bytes, the list of an image of %u bytes has %llu",
                (unsigned)s->manifest->image.list_size, (unsigned)s->manifest->image.size,
                (unsigned long long)bulla_list_size(s->manifest->image.size));
}

static bool tell_image_size(const struct scene *s)
{
    return s->manifest != NULL && s->image != NULL && s->manifest->image.size != s->image->size &&
           tell(s, "manifest says %u bytes, image has %u", (unsigned)s->manifest->image.size,
                (unsigned)s->image->size);
}

static const struct explanation {
    enum bulla_status status;
    bool (*tell)(const struct scene *s); /* false: nothing to compare at hand */
} explanations[] = {
    {BULLA_E_SEQUENCE_TOO_OLD, tell_sequence_too_old},
    {BULLA_E_SEQUENCE_CONFLICT, tell_sequence_conflict},
    {BULLA_E_VENDOR_MISMATCH, tell_vendor},
    {BULLA_E_CLASS_MISMATCH, tell_class},
    {BULLA_E_COMPONENT_MISMATCH, tell_component},
    {BULLA_E_KEY_NOT_FOR_COMPONENT, tell_key_rights},
    {BULLA_E_SLOT_TOO_SMALL, tell_slot},
    {BULLA_E_IMAGE_FORMAT, tell_format},
    {BULLA_E_CHIP_MISMATCH, tell_chip},
    {BULLA_E_CHIP_REVISION, tell_revision},
    {BULLA_E_SECURE_VERSION_TOO_OLD, tell_floor},
    {BULLA_E_IMAGE_SECURE_VERSION, tell_fuses},
    {BULLA_E_IMAGE_REVISIONS, tell_revision_order},
    {BULLA_E_IMAGE_CHIP_UNKNOWN, tell_unknown_chip},
    {BULLA_E_IMAGE_TOO_LARGE, tell_too_large},
    {BULLA_E_LIST_SIZE, tell_list_size},
    {BULLA_E_IMAGE_TRUNCATED, tell_image_size},
    {BULLA_E_IMAGE_TRAILING, tell_image_size},
};

const char *host_explain(enum bulla_status status, const struct bulla_manifest *manifest,
                         const struct bulla_device *device, const struct bulla_image_facts *image,
                         char *buf, size_t size)
{
    const struct scene scene = {manifest, device, image, buf, size};

    for (size_t i = 0; i < sizeof explanations / sizeof explanations[0]; i++) {
        if (explanations[i].status == status && explanations[i].tell(&scene))
            return buf;
    }
    (void)tell(&scene, "%s", bulla_status_sentence(status));
    return buf;
}
