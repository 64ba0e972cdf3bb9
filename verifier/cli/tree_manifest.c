/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: some twenty values are taken out of the tree wherever the template has them, and
 * the template is written again around them. docs/FORMAT.md, "Manifest". */

#include <string.h>

#include "tree_parts.h"

#define ALG_SHA256 (-16)
#define POLICY_MAX 15u

/* An array of commands, written as the template wants it. `next` counts its items. */
struct sequence {
    cbor_item_t *root;
    size_t next;
    struct tree_echo e;
    bool refused;
};

static struct sequence open_sequence(struct bulla_bytes content, size_t items)
{
    struct sequence s = {.root = tree_load(content), .e = tree_echo_of(content)};
    echo_array(&s.e, items);
    return s;
}

static bool close_sequence(struct sequence *s)
{
    bool whole = s->root != NULL && !s->refused && echo_whole(&s->e);
    tree_free(s->root);
    return whole;
}

/* Command and argument, both given. */
static void fixed(struct sequence *s, uint32_t command, uint32_t argument)
{
    echo_uint(&s->e, command);
    echo_uint(&s->e, argument);
    s->next += 2;
}

/* Command with any reporting policy. */
static void reported(struct sequence *s, uint32_t command)
{
    uint32_t policy;
    if (!tree_uint32(tree_at(s->root, s->next + 1), &policy) || policy > POLICY_MAX)
        s->refused = true;
    fixed(s, command, policy);
}

/* set-parameters: the map that follows, whose head is written here. */
static const cbor_item_t *parameters(struct sequence *s, size_t count)
{
    const cbor_item_t *map = tree_at(s->root, s->next + 1);
    echo_uint(&s->e, 20);
    echo_map(&s->e, count);
    s->next += 2;
    return map;
}

static void id_parameter(struct sequence *s, const cbor_item_t *map, uint32_t key,
                         uint8_t out[BULLA_UUID_SIZE])
{
    struct bulla_bytes id = tree_bytes(tree_member(map, key));
    echo_uint(&s->e, key);
    echo_bytes(&s->e, id);
    if (id.len == BULLA_UUID_SIZE)
        memcpy(out, id.data, BULLA_UUID_SIZE);
    else
        s->refused = true;
}

/* 3: bstr .cbor digest, 14: size */
static void content_parameters(struct sequence *s, const cbor_item_t *map,
                               uint8_t digest[BULLA_DIGEST_SIZE], uint32_t *size)
{
    struct bulla_bytes encoded = tree_bytes(tree_member(map, 3));
    echo_uint(&s->e, 3);
    echo_bytes(&s->e, encoded);
    if (!tree_read_digest(encoded, digest) || !tree_uint32(tree_member(map, 14), size))
        s->refused = true;
    echo_uint(&s->e, 14);
    echo_uint(&s->e, *size);
}

static struct bulla_bytes uri_parameter(struct sequence *s)
{
    struct bulla_bytes uri = tree_text(tree_member(parameters(s, 1), 21));
    echo_uint(&s->e, 21);
    echo_text(&s->e, uri);
    return uri;
}

/* The conditions stand with the first image only, and so do the ids they are about. */
static bool read_shared(struct bulla_bytes content, struct tree_reading *out)
{
    struct sequence s = open_sequence(content, 4u + 8u * out->images);
    bool sized = true;
    for (uint32_t i = 0; i < out->images; i++) {
        struct tree_image *image = &out->image[i];
        fixed(&s, 12, 2 * i);
        const cbor_item_t *map = parameters(&s, i == 0 ? 4 : 2);
        if (i == 0) {
            id_parameter(&s, map, 1, out->vendor_id);
            id_parameter(&s, map, 2, out->class_id);
        }
        content_parameters(&s, map, image->digest, &image->size);
        if (i == 0) {
            reported(&s, 1);
            reported(&s, 2);
        }
        fixed(&s, 12, 2 * i + 1);
        content_parameters(&s, parameters(&s, 2), image->list_digest, &image->list_size);
        sized = sized && image->size > 0;
    }
    return close_sequence(&s) && sized;
}

static void fetch_and_match(struct sequence *s)
{
    reported(s, 21);
    reported(s, 3);
}

static bool read_install(struct bulla_bytes content, struct tree_reading *out)
{
    struct sequence s = open_sequence(content, 16u * out->images);
    bool allowed = true;
    for (uint32_t i = 0; i < out->images; i++) {
        struct tree_image *image = &out->image[i];
        fixed(&s, 12, 2 * i + 1);
        allowed = tree_same(uri_parameter(&s), tree_string(image->list_name)) && allowed;
        fetch_and_match(&s);
        fixed(&s, 12, 2 * i);
        struct bulla_bytes uri = uri_parameter(&s);
        allowed = tree_uri_allowed(uri) && allowed;
        if (allowed)
            memcpy(image->uri, uri.data, uri.len); /* zero behind it */
        fetch_and_match(&s);
    }
    return close_sequence(&s) && allowed;
}

static bool read_validate(struct bulla_bytes content, const struct tree_reading *out)
{
    struct sequence s = open_sequence(content, 4u * out->images);
    for (uint32_t i = 0; i < out->images; i++) {
        fixed(&s, 12, 2 * i);
        reported(&s, 3);
    }
    return close_sequence(&s);
}

/* 1..32 of [A-Za-z0-9_.-], no dot in front */
static bool is_module_name(struct bulla_bytes name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    bool fits = name.len >= 1 && name.len <= BULLA_COMPONENT_NAME_MAX && name.data[0] != '.';
    for (size_t i = 0; fits && i < name.len; i++)
        fits = memchr(allowed, name.data[i], sizeof allowed - 1) != NULL;
    return fits;
}

static bool is_new_name(const struct tree_reading *out, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(out->image[i].name, out->image[index].name) == 0)
            return false;
    }
    return true;
}

/* ['app'] or ['factory'], the first only, or ['module', name] */
static bool read_names(const cbor_item_t *component, uint32_t index, struct tree_reading *out)
{
    struct tree_image *image = &out->image[index];
    struct bulla_bytes word = tree_bytes(tree_at(component, 0));
    struct bulla_bytes name = tree_bytes(tree_at(component, 1));
    if (tree_count(component) == 2) {
        if (!tree_same(word, tree_string("module")) || !is_module_name(name))
            return false;
        memcpy(image->name, name.data, name.len);
    } else if (index > 0 ||
               (!tree_same(word, tree_string("app")) && !tree_same(word, tree_string("factory")))) {
        return false;
    }
    memcpy(image->component, word.data, word.len);
    image->list_name[0] = '#'; /* zero behind what is written */
    memcpy(image->list_name + 1, word.data, word.len);
    if (image->name[0] != '\0') {
        image->list_name[word.len + 1] = '/';
        memcpy(image->list_name + word.len + 2, name.data, name.len);
    }
    return is_new_name(out, index);
}

/* X, or X and '#' behind it */
static void echo_component(struct tree_echo *e, const struct tree_image *image, bool is_list)
{
    bool named = image->name[0] != '\0';
    echo_array(e, 1u + named + is_list);
    echo_bytes(e, tree_string(image->component));
    if (named)
        echo_bytes(e, tree_string(image->name));
    if (is_list)
        echo_bytes(e, tree_string("#"));
}

/* [X, X '#', ...] */
static bool read_components(const cbor_item_t *components, struct tree_echo *e,
                            struct tree_reading *out)
{
    size_t count = tree_count(components);
    if (count < 2 || count > 2u * BULLA_IMAGES_MAX || count % 2 != 0)
        return false;
    out->images = (uint32_t)count / 2u;
    echo_array(e, count);
    for (uint32_t i = 0; i < out->images; i++) {
        if (!read_names(tree_at(components, 2u * (size_t)i), i, out))
            return false;
        echo_component(e, &out->image[i], false);
        echo_component(e, &out->image[i], true);
    }
    return true;
}

static bool read_common(struct bulla_bytes content, struct tree_reading *out)
{
    cbor_item_t *root = tree_load(content);
    struct bulla_bytes shared = tree_bytes(tree_member(root, 4));
    struct tree_echo e = tree_echo_of(content);
    echo_map(&e, 2);
    echo_uint(&e, 2);
    bool read = read_components(tree_member(root, 2), &e, out);
    echo_uint(&e, 4);
    echo_bytes(&e, shared);
    read = read && echo_whole(&e) && read_shared(shared, out);
    tree_free(root);
    return read;
}

/* 1*3 uint32, ? (-1 | -2 | -3, ? uint32): where a marker may stand depends on where one stood. */
static bool read_version_items(const cbor_item_t *root, struct tree_echo *e,
                               struct tree_reading *out)
{
    bool marked = false;
    size_t count = tree_count(root);
    if (count < 1 || count > BULLA_VERSION_PARTS_MAX)
        return false;
    echo_array(e, count);
    for (size_t i = 0; i < count; i++) {
        struct tree_number n = tree_integer(tree_at(root, i));
        echo_integer(e, n);
        if (n.argument > UINT32_MAX)
            return false;
        out->version[i] = n.negative ? -1 - (int64_t)n.argument : (int64_t)n.argument;
        if (n.negative && (marked || i == 0 || n.argument > 2))
            return false;
        if (!n.negative && !marked && ++out->release_count > 3)
            return false;
        marked = marked || n.negative;
    }
    out->version_count = (uint32_t)count;
    /* behind the marker comes at most one number */
    return count <= out->release_count + 2;
}

static bool read_version(struct bulla_bytes content, struct tree_reading *out)
{
    cbor_item_t *root = tree_load(content);
    struct tree_echo e = tree_echo_of(content);
    bool read = root != NULL && read_version_items(root, &e, out) && echo_whole(&e);
    tree_free(root);
    return read;
}

/* A member that is a byte string with CBOR in it. */
static struct bulla_bytes wrapped(const cbor_item_t *root, struct tree_echo *e, uint32_t key)
{
    struct bulla_bytes content = tree_bytes(tree_member(root, key));
    echo_uint(e, key);
    echo_bytes(e, content);
    return content;
}

static bool read_text_digest(const cbor_item_t *item, struct tree_echo *e, struct tree_reading *out)
{
    struct bulla_bytes digest = tree_bytes(tree_at(item, 1));
    echo_uint(e, 23);
    echo_array(e, 2);
    echo_negative(e, ALG_SHA256);
    echo_bytes(e, digest);
    if (digest.len != BULLA_DIGEST_SIZE)
        return false;
    memcpy(out->text_digest, digest.data, BULLA_DIGEST_SIZE);
    return true;
}

static bool read_members(const cbor_item_t *root, struct bulla_bytes manifest,
                         struct tree_reading *out)
{
    const cbor_item_t *version = tree_member(root, 6), *text = tree_member(root, 23);
    struct tree_echo e = tree_echo_of(manifest);
    echo_map(&e, 5u + (version != NULL) + (text != NULL));
    echo_uint(&e, 1);
    echo_uint(&e, 1);
    echo_uint(&e, 2);
    bool read = tree_uint32(tree_member(root, 2), &out->sequence);
    echo_uint(&e, out->sequence);
    read = read_common(wrapped(root, &e, 3), out) && read;
    if (version != NULL)
        read = read_version(wrapped(root, &e, 6), out) && read;
    read = read_validate(wrapped(root, &e, 7), out) && read;
    read = read_install(wrapped(root, &e, 20), out) && read;
    out->has_text = text != NULL;
    if (text != NULL)
        read = read_text_digest(text, &e, out) && read;
    return read && echo_whole(&e);
}

bool tree_manifest_judge(struct bulla_bytes manifest, struct tree_reading *out)
{
    cbor_item_t *root = tree_load(manifest);
    bool read = root != NULL && read_members(root, manifest, out);
    tree_free(root);
    return read || tree_refuse(out, TREE_MANIFEST,
                               "the manifest is not what its own values make of the template");
}
