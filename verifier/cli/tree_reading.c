/* SPDX-License-Identifier: Apache-2.0 */
/* The second reading of an envelope, from its first byte to its last: the frame here, each piece in
 * its own file. */

#include "tree_reading.h"

#include <string.h>

#include "tree_parts.h"

#define TAG_SUIT_ENVELOPE 107u
#define MEMBER_WRAPPER    2u
#define MEMBER_MANIFEST   3u
#define MEMBER_TEXT       23u

struct frame {
    const cbor_item_t *members;
    struct bulla_bytes envelope;
    struct bulla_bytes wrapper;
    struct bulla_bytes manifest;
    struct bulla_bytes text;
    struct bulla_bytes lists[BULLA_IMAGES_MAX]; /* in the order of the images */
    struct bulla_bytes image;
};

const char *tree_group_name(enum tree_group group)
{
    switch (group) {
    case TREE_GROUP_NONE:
        return "none";
    case TREE_FRAMING:
        return "framing";
    case TREE_AUTHENTICATION:
        return "authentication";
    case TREE_MANIFEST:
        return "manifest";
    case TREE_POLICY:
        return "policy";
    case TREE_TEXT:
        return "text";
    case TREE_LIST:
        return "list";
    case TREE_IMAGE:
        return "image";
    }
    return "none";
}

bool tree_refuse(struct tree_reading *out, enum tree_group group, const char *sentence)
{
    if (out->group == TREE_GROUP_NONE) {
        out->group = group;
        out->sentence = sentence;
    }
    return false;
}

/* Text keys sort by length, then bytewise. */
static bool sorts_before(struct bulla_bytes a, struct bulla_bytes b)
{
    return a.len != b.len ? a.len < b.len : memcmp(a.data, b.data, a.len) < 0;
}

/* All lists, each once, sorted by name. */
static void echo_lists(struct frame *f, struct tree_echo *e, const struct tree_reading *out)
{
    bool written[BULLA_IMAGES_MAX] = {false};
    for (uint32_t n = 0; n < out->images; n++) {
        uint32_t least = BULLA_IMAGES_MAX;
        for (uint32_t i = 0; i < out->images; i++) {
            if (!written[i] && (least == BULLA_IMAGES_MAX ||
                                sorts_before(tree_string(out->image[i].list_name),
                                             tree_string(out->image[least].list_name))))
                least = i;
        }
        struct bulla_bytes key = tree_string(out->image[least].list_name);
        written[least] = true;
        f->lists[least] = tree_bytes(tree_member_named(f->members, key));
        echo_text(e, key);
        echo_bytes(e, f->lists[least]);
    }
}

/* The members that belong there for this manifest, and nothing else between first and last byte. */
static bool judge_frame(struct frame *f, struct tree_reading *out)
{
    struct bulla_bytes list_key = tree_string(out->image[0].list_name);
    struct bulla_bytes uri = tree_string(out->image[0].uri);
    struct tree_echo e = tree_echo_of(f->envelope);

    if (out->has_text != (tree_member(f->members, MEMBER_TEXT) != NULL))
        return tree_refuse(out, TREE_TEXT, "named and not there, or there and not named");
    size_t least = 2u + out->has_text + out->images;
    out->bundled = out->images == 1 && tree_count(f->members) == least + 1u;
    f->text = tree_bytes(tree_member(f->members, MEMBER_TEXT));
    echo_tag(&e, TAG_SUIT_ENVELOPE);
    echo_map(&e, least + out->bundled);
    echo_uint(&e, MEMBER_WRAPPER);
    echo_bytes(&e, f->wrapper);
    echo_uint(&e, MEMBER_MANIFEST);
    echo_bytes(&e, f->manifest);
    if (out->has_text) {
        echo_uint(&e, MEMBER_TEXT);
        echo_bytes(&e, f->text);
    }
    echo_lists(f, &e, out);
    if (out->bundled) {
        f->image = tree_bytes(tree_member_named(f->members, uri));
        echo_text(&e, uri);
        echo_bytes(&e, f->image);
    }
    if (!echo_whole(&e) || (out->bundled && !sorts_before(list_key, uri)))
        return tree_refuse(out, TREE_FRAMING, "not the envelope that its members would make");
    return true;
}

static bool judge_lists(const struct frame *f, struct tree_reading *out, const uint8_t **digests)
{
    for (uint32_t i = 0; i < out->images; i++) {
        if (!tree_list_judge(f->lists[i], &out->image[i], out, digests))
            return false;
    }
    return true;
}

static bool judge_pieces(struct frame *f, const struct tree_trust *trust,
                         const struct bulla_device *device, enum tree_effort effort,
                         struct tree_reading *out)
{
    const uint8_t *digests;
    if (f->wrapper.len > BULLA_SIGNED_MAX || f->manifest.len > BULLA_SIGNED_MAX - f->wrapper.len)
        return tree_refuse(out, TREE_FRAMING, "wrapper and manifest are too large together");
    return tree_wrapper_judge(f->wrapper, f->manifest, trust, effort, out) &&
           tree_manifest_judge(f->manifest, out) && tree_policy_judge(trust, device, out) &&
           judge_frame(f, out) && (!out->has_text || tree_text_judge(f->text, out)) &&
           judge_lists(f, out, &digests) &&
           (!out->bundled || tree_image_judge(f->image, digests, device, out));
}

bool tree_reading_judge(struct bulla_bytes envelope, const struct tree_trust *trust,
                        const struct bulla_device *device, enum tree_effort effort,
                        struct tree_reading *out)
{
    struct frame f = {.envelope = envelope};
    memset(out, 0, sizeof *out);
    cbor_item_t *root = tree_load(envelope);
    f.members = tree_tagged(root);
    f.wrapper = tree_bytes(tree_member(f.members, MEMBER_WRAPPER));
    f.manifest = tree_bytes(tree_member(f.members, MEMBER_MANIFEST));
    bool accepted = f.members != NULL ? judge_pieces(&f, trust, device, effort, out)
                                      : tree_refuse(out, TREE_FRAMING, "not one tagged CBOR item");
    tree_free(root);
    if (accepted) {
        out->accepted = true;
        return true;
    }
    *out = (struct tree_reading){.group = out->group, .sentence = out->sentence};
    return false;
}
