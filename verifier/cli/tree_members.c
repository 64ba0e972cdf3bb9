/* SPDX-License-Identifier: Apache-2.0 */
/* What follows the manifest: policy, text, sector list, and an image if the envelope carries it. */

#include <stdlib.h>
#include <string.h>

#include "tree_parts.h"

#define ALG_SHA256    (-16)
#define ESP_MAGIC     0xe9u
#define ESP_HEAD_SIZE 0x28u /* up to the secure version's end */

/* ---- policy ---- */

static bool may_sign_for(const struct tree_key *key, const char *component)
{
    bool may = !key->limited;
    for (uint32_t i = 0; i < key->component_count; i++) {
        struct bulla_bytes name = {key->components[i].name, key->components[i].len};
        may = may || tree_same(name, tree_string(component));
    }
    return may;
}

/* For every component in the manifest, each of them. */
static bool may_sign_all(const struct tree_key *key, const struct tree_reading *out)
{
    bool may = true;
    for (uint32_t i = 0; i < out->images; i++)
        may = may && may_sign_for(key, out->image[i].component);
    return may;
}

/* Above this sequence, or the manifest that has it; NULL: another one. */
static bool newer(uint32_t sequence, const uint8_t *digest, const struct tree_reading *out)
{
    if (out->sequence != sequence)
        return out->sequence > sequence;
    return digest != NULL && memcmp(digest, out->manifest_digest, BULLA_DIGEST_SIZE) == 0;
}

/* Modules alone may have a count of their own, which begins with the first that come. */
static bool is_newer(const struct bulla_device *device, bool only_modules,
                     const struct tree_reading *out)
{
    if (device->counts_modules && only_modules)
        return device->modules_digest == NULL ||
               newer(device->modules_sequence, device->modules_digest, out);
    return !device->has_sequence || newer(device->sequence, device->confirmed_digest, out);
}

bool tree_policy_judge(const struct tree_trust *trust, const struct bulla_device *device,
                       struct tree_reading *out)
{
    uint32_t count = 0;
    const struct tree_image *first = &out->image[0];
    bool only_modules = first->name[0] != '\0';
    for (uint32_t i = 0; i < trust->key_count; i++)
        count += (out->signers >> i & 1u) != 0 && may_sign_all(&trust->keys[i], out);
    if (count < trust->threshold)
        return tree_refuse(out, TREE_POLICY, "too few signers may sign for this component");
    if (!is_newer(device, only_modules, out))
        return tree_refuse(out, TREE_POLICY, "not newer than the confirmed release");
    if (device->has_ids && (memcmp(device->vendor_id, out->vendor_id, BULLA_UUID_SIZE) != 0 ||
                            memcmp(device->class_id, out->class_id, BULLA_UUID_SIZE) != 0))
        return tree_refuse(out, TREE_POLICY, "for another vendor or device class");
    if (!device->takes_modules && (only_modules || out->images > 1))
        return tree_refuse(out, TREE_POLICY, "modules, for a device that takes none");
    if (device->has_component && !only_modules &&
        !tree_same(device->component, tree_string(first->component)))
        return tree_refuse(out, TREE_POLICY, "for another component");
    if (device->has_slot_size && !only_modules && first->size > device->slot_size)
        return tree_refuse(out, TREE_POLICY, "larger than the slot");
    return true;
}

/* ---- text ---- */

/* Deterministic order of keys that are all text or all small integers. */
static int by_key(const void *a, const void *b)
{
    const struct cbor_pair *left = a, *right = b;
    if (cbor_isa_uint(left->key) && cbor_isa_uint(right->key)) {
        uint64_t l = cbor_get_int(left->key), r = cbor_get_int(right->key);
        return l < r ? -1 : l > r;
    }
    struct bulla_bytes l = tree_text(left->key), r = tree_text(right->key);
    if (l.len != r.len)
        return l.len < r.len ? -1 : 1;
    return l.len > 0 ? memcmp(l.data, r.data, l.len) : 0;
}

/* Sort the pairs in place; false when two keys are one. */
static bool sort_pairs(const cbor_item_t *map)
{
    size_t count = tree_count(map);
    if (count == 0 || !cbor_isa_map(map))
        return false;
    struct cbor_pair *pairs = cbor_map_handle(map);
    qsort(pairs, count, sizeof *pairs, by_key);
    for (size_t i = 1; i < count; i++) {
        if (by_key(&pairs[i - 1], &pairs[i]) == 0)
            return false;
    }
    return true;
}

/* { + (1..4): tstr } */
static bool echo_language(const cbor_item_t *map, struct tree_echo *e)
{
    if (!sort_pairs(map))
        return false;
    echo_map(e, tree_count(map));
    for (size_t i = 0; i < tree_count(map); i++) {
        const struct cbor_pair *pair = &cbor_map_handle(map)[i];
        struct tree_number key = tree_integer(pair->key);
        if (key.negative || key.argument < 1 || key.argument > 4)
            return false;
        echo_integer(e, key);
        echo_text(e, tree_text(pair->value));
    }
    return true;
}

static bool echo_languages(const cbor_item_t *map, struct tree_echo *e)
{
    if (!sort_pairs(map))
        return false;
    echo_map(e, tree_count(map));
    for (size_t i = 0; i < tree_count(map); i++) {
        const struct cbor_pair *pair = &cbor_map_handle(map)[i];
        echo_text(e, tree_text(pair->key));
        if (!echo_language(pair->value, e))
            return false;
    }
    return true;
}

bool tree_text_judge(struct bulla_bytes text, struct tree_reading *out)
{
    if (text.len > BULLA_TEXT_MAX)
        return tree_refuse(out, TREE_TEXT, "larger than 2048 bytes");
    if (!tree_has_digest(text, true, out->text_digest))
        return tree_refuse(out, TREE_TEXT, "not the text that was signed");
    cbor_item_t *root = tree_load(text);
    struct tree_echo e = tree_echo_of(text);
    bool judged = root != NULL && echo_languages(root, &e) && echo_whole(&e);
    tree_free(root);
    return judged || tree_refuse(out, TREE_TEXT, "not {language: {1..4: text}}");
}

/* ---- sector list ---- */

bool tree_list_judge(struct bulla_bytes list, const struct tree_image *image,
                     struct tree_reading *out, const uint8_t **digests)
{
    cbor_item_t *root = tree_load(list);
    struct bulla_bytes content = tree_bytes(tree_at(root, 3));
    struct tree_echo e = tree_echo_of(list);
    echo_array(&e, 4);
    echo_negative(&e, ALG_SHA256);
    echo_uint(&e, BULLA_SECTOR_SIZE);
    echo_uint(&e, image->size);
    echo_bytes(&e, content);
    bool shaped = root != NULL && echo_whole(&e);
    size_t len = content.len;
    tree_free(root);
    *digests = list.data + list.len - len; /* they end the list */
    uint64_t sectors = ((uint64_t)image->size + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE;
    if (!shaped || len != sectors * BULLA_DIGEST_SIZE)
        return tree_refuse(out, TREE_LIST, "not [-16, 4096, image-size, digests]");
    if (list.len != image->list_size || !tree_has_digest(list, false, image->list_digest))
        return tree_refuse(out, TREE_LIST, "not the sector list that was signed");
    if (sectors == 1 && memcmp(*digests, image->digest, BULLA_DIGEST_SIZE) != 0)
        return tree_refuse(out, TREE_LIST, "the only sector and the image differ");
    return true;
}

/* ---- image ---- */

/* 0xE9, or 4096 times 0xFF in front of it */
static bool is_esp(struct bulla_bytes image)
{
    size_t at = 0;
    while (at < image.len && at < BULLA_SECTOR_SIZE && image.data[at] == 0xffu)
        at++;
    return (at == 0 || at == BULLA_SECTOR_SIZE) && at < image.len && image.data[at] == ESP_MAGIC;
}

static uint32_t number_at(struct bulla_bytes image, size_t at, size_t width)
{
    uint32_t value = 0;
    while (width-- > 0)
        value = value << 8 | image.data[at + width];
    return value;
}

static bool judge_esp(struct bulla_bytes image, const struct bulla_device *device,
                      struct tree_reading *out)
{
    if (image.len < ESP_HEAD_SIZE || image.len > BULLA_ESP_IMAGE_MAX || image.data[0] != ESP_MAGIC)
        return tree_refuse(out, TREE_IMAGE, "an ESP image of impossible size, or not an app");
    uint32_t least = number_at(image, 15, 2), most = number_at(image, 17, 2);
    bool bounded = most != 0 && most != 0xffffu;
    if (device->has_chip && number_at(image, 12, 2) != device->chip_id)
        return tree_refuse(out, TREE_IMAGE, "for another chip");
    if (device->has_chip &&
        (device->chip_revision < least || (bounded && device->chip_revision > most)))
        return tree_refuse(out, TREE_IMAGE, "not for this chip revision");
    if (device->has_floor && number_at(image, 0x24, 4) < device->floor)
        return tree_refuse(out, TREE_IMAGE, "secure version below the floor");
    return true;
}

static bool judge_device(struct bulla_bytes image, const struct bulla_device *device,
                         struct tree_reading *out)
{
    bool esp = is_esp(image);
    out->structure_open = esp;
    if (device->has_format && esp != (device->format == BULLA_FORMAT_ESP))
        return tree_refuse(out, TREE_IMAGE, "ESP where raw is taken, or raw where ESP is");
    bool asked = device->has_format || device->has_chip || device->has_floor;
    if (esp && asked)
        return judge_esp(image, device, out);
    if (!esp && device->has_floor && device->floor > 0)
        return tree_refuse(out, TREE_IMAGE, "a raw image has secure version 0");
    return true;
}

bool tree_image_judge(struct bulla_bytes image, const uint8_t *digests,
                      const struct bulla_device *device, struct tree_reading *out)
{
    if (image.len != out->image[0].size)
        return tree_refuse(out, TREE_IMAGE, "another size than the manifest's");
    for (size_t at = 0; at < image.len; at += BULLA_SECTOR_SIZE) {
        size_t left = image.len - at;
        struct bulla_bytes sector = {image.data + at,
                                     left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE};
        if (!tree_has_digest(sector, false, digests + at / BULLA_SECTOR_SIZE * BULLA_DIGEST_SIZE))
            return tree_refuse(out, TREE_IMAGE, "a sector is not the one that was signed");
    }
    if (!tree_has_digest(image, false, out->image[0].digest))
        return tree_refuse(out, TREE_IMAGE, "not the image that was signed");
    return out->image[0].name[0] != '\0' || judge_device(image, device, out);
}
