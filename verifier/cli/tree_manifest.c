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

static bool read_shared(struct bulla_bytes content, struct tree_reading *out)
{
    struct sequence s = open_sequence(content, 12);
    fixed(&s, 12, 0);
    const cbor_item_t *image = parameters(&s, 4);
    id_parameter(&s, image, 1, out->vendor_id);
    id_parameter(&s, image, 2, out->class_id);
    content_parameters(&s, image, out->image_digest, &out->image_size);
    reported(&s, 1);
    reported(&s, 2);
    fixed(&s, 12, 1);
    content_parameters(&s, parameters(&s, 2), out->list_digest, &out->list_size);
    return close_sequence(&s) && out->image_size > 0;
}

static void fetch_and_match(struct sequence *s)
{
    reported(s, 21);
    reported(s, 3);
}

static bool is_list_name(struct bulla_bytes text, const char *component)
{
    size_t len = strlen(component);
    return text.len == len + 1 && text.data[0] == '#' && memcmp(text.data + 1, component, len) == 0;
}

static bool read_install(struct bulla_bytes content, struct tree_reading *out)
{
    struct sequence s = open_sequence(content, 16);
    fixed(&s, 12, 1);
    bool list_named = is_list_name(uri_parameter(&s), out->component);
    fetch_and_match(&s);
    fixed(&s, 12, 0);
    struct bulla_bytes uri = uri_parameter(&s);
    bool allowed = tree_uri_allowed(uri);
    if (allowed)
        memcpy(out->uri, uri.data, uri.len); /* zero behind it */
    fetch_and_match(&s);
    return close_sequence(&s) && list_named && allowed;
}

static bool read_validate(struct bulla_bytes content)
{
    struct sequence s = open_sequence(content, 4);
    fixed(&s, 12, 0);
    reported(&s, 3);
    return close_sequence(&s);
}

/* [[X], [X, '#']], X one of two names */
static bool read_components(const cbor_item_t *components, struct tree_echo *e,
                            struct tree_reading *out)
{
    struct bulla_bytes name = tree_bytes(tree_at(tree_at(components, 0), 0));
    echo_array(e, 2);
    echo_array(e, 1);
    echo_bytes(e, name);
    echo_array(e, 2);
    echo_bytes(e, name);
    echo_bytes(e, tree_string("#"));
    if (!tree_same(name, tree_string("app")) && !tree_same(name, tree_string("factory")))
        return false;
    memcpy(out->component, name.data, name.len);
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
    read = read_validate(wrapped(root, &e, 7)) && read;
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
