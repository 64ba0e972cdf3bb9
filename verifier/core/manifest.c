/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest, matched item by item against the template of docs/FORMAT.md. What the profile
 * leaves open (numbers, digests, the URI, reporting policies) is stored or bounded; everything
 * else must be exactly what stands there. The first difference in wire order is the reason. */

#include "bulla/manifest.h"

#include "bulla/mem.h"
#include "cbor_head.h"
#include "digest.h"

/* SUIT commands and parameters (draft-ietf-suit-manifest, IANA "SUIT Manifest") */
enum {
    VENDOR_IDENTIFIER = 1,
    CLASS_IDENTIFIER = 2,
    IMAGE_MATCH = 3,
    SET_COMPONENT_INDEX = 12,
    OVERRIDE_PARAMETERS = 20,
    FETCH = 21,
    PARAMETER_VENDOR_ID = 1,
    PARAMETER_CLASS_ID = 2,
    PARAMETER_IMAGE_DIGEST = 3,
    PARAMETER_IMAGE_SIZE = 14,
    PARAMETER_URI = 21,
};

#define INDEX_IMAGE          0 /* of the first pair; two more in each further one */
#define INDEX_LIST           1
#define REPORTING_POLICY_MAX 15u

/* What may stand at one place of the manifest, and what the place's `arg` is. */
enum {
    FIELDS,     /* a map, the keys of which are FIELD and OPTIONAL, in this order */
    FIELD,      /* the pair with key `arg`; its value comes next */
    OPTIONAL,   /* the same; when it is not there, the next place is not either */
    END_FIELDS, /* no other pair (arg: NO_KEY) */
    ENTER,      /* a byte string; the next places are in it */
    LEAVE,      /* its end */
    EACH,       /* from here to NEXT once for each pair of image and list */
    NEXT,
    FIRST,     /* the next `arg` places are for the first pair only */
    FURTHER,   /* for all others only */
    VERSION,   /* exactly the integer `arg`, like the three below; they differ in the reason told */
    COMMAND,   /* a command number */
    INDEX,     /* a component index, `arg` of the pair's two */
    PARAMETER, /* a parameter number */
    PAIRS,     /* an array of two items for each image */
    ITEMS,     /* an array of `arg` items for each pair; of 8: and the first pair's conditions */
    PARAMETERS, /* a map of `arg` pairs */
    REPORTING,  /* a reporting policy: bounded, otherwise ignored */
    LIST_URI,   /* the sector list's name, "#app" */
    LIST_SIZE,  /* nothing: the two sizes are compared */
    SEQUENCE,   /* from here on: a value that is stored */
    SET_VERSION,
    TEXT_DIGEST,
    COMPONENT, /* from here on: one of an image, most at offset `arg` of it */
    ID,
    DIGEST,
    SIZE,
    URI,
};

struct place {
    uint8_t what;
    uint8_t arg;
};

#define KEY_MAX 254 /* stands for every key above the fields' */
#define NO_KEY  255 /* above that: a field that is never there */

#define AT(member) offsetof(struct bulla_image, member)

/* The whole manifest, laid out as the format's pages print it. */
/* clang-format off */
static const struct place template[] = {
    {FIELDS, 0},
    {FIELD, 1}, {VERSION, 1},
    {FIELD, 2}, {SEQUENCE, 0},

    {FIELD, 3}, {ENTER, 0}, {FIELDS, 0}, /* common */
        {FIELD, 2}, {PAIRS, 0}, /* components [X], [X, '#'], ... */
        {EACH, 0},
            {COMPONENT, 0},
        {NEXT, 0},
        {FIELD, 4}, {ENTER, 0}, {ITEMS, 8}, /* shared sequence */
        {EACH, 0},
            {COMMAND, SET_COMPONENT_INDEX}, {INDEX, INDEX_IMAGE},
            {COMMAND, OVERRIDE_PARAMETERS},
            {FIRST, 5}, {PARAMETERS, 4},
                {PARAMETER, PARAMETER_VENDOR_ID}, {ID, AT(vendor_id)},
                {PARAMETER, PARAMETER_CLASS_ID}, {ID, AT(class_id)},
            {FURTHER, 1}, {PARAMETERS, 2},
                {PARAMETER, PARAMETER_IMAGE_DIGEST},
                    {ENTER, 0}, {DIGEST, AT(digest)}, {LEAVE, 0},
                {PARAMETER, PARAMETER_IMAGE_SIZE}, {SIZE, AT(size)},
            {FIRST, 4},
            {COMMAND, VENDOR_IDENTIFIER}, {REPORTING, 0},
            {COMMAND, CLASS_IDENTIFIER}, {REPORTING, 0},
            {COMMAND, SET_COMPONENT_INDEX}, {INDEX, INDEX_LIST},
            {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 2},
                {PARAMETER, PARAMETER_IMAGE_DIGEST},
                    {ENTER, 0}, {DIGEST, AT(list_digest)}, {LEAVE, 0},
                {PARAMETER, PARAMETER_IMAGE_SIZE}, {SIZE, AT(list_size)}, {LIST_SIZE, 0},
        {NEXT, 0},
        {LEAVE, 0},
    {END_FIELDS, NO_KEY}, {LEAVE, 0},

    {OPTIONAL, 6}, {SET_VERSION, 0},

    {FIELD, 7}, {ENTER, 0}, {ITEMS, 4}, /* validate */
    {EACH, 0},
        {COMMAND, SET_COMPONENT_INDEX}, {INDEX, INDEX_IMAGE},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
    {NEXT, 0},
    {LEAVE, 0},

    {FIELD, 20}, {ENTER, 0}, {ITEMS, 16}, /* install */
    {EACH, 0},
        {COMMAND, SET_COMPONENT_INDEX}, {INDEX, INDEX_LIST},
        {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 1},
            {PARAMETER, PARAMETER_URI}, {LIST_URI, 0},
        {COMMAND, FETCH}, {REPORTING, 0},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
        {COMMAND, SET_COMPONENT_INDEX}, {INDEX, INDEX_IMAGE},
        {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 1},
            {PARAMETER, PARAMETER_URI}, {URI, AT(uri)},
        {COMMAND, FETCH}, {REPORTING, 0},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
    {NEXT, 0},
    {LEAVE, 0},

    {OPTIONAL, 23}, {TEXT_DIGEST, 0}, /* always severed: the text is a member */
    {END_FIELDS, NO_KEY},
};
/* clang-format on */

/* One pass over the manifest. Every pair is judged, one image is kept: `want`. */
struct walk {
    struct bulla_manifest *manifest;
    uint32_t want;
    uint32_t pair;                /* the one at hand */
    struct bulla_cbor components; /* where they begin: names are read again, never stored */
    struct bulla_cbor next;       /* the same, behind those of the pairs before */
    struct bulla_image other;     /* takes what is not kept */
};

/* Where the matching stands in the manifest itself and in each byte string around the place. */
struct level {
    size_t behind;  /* bytes behind the byte string */
    uint32_t pairs; /* of the map in it: still to come, besides the one whose key was read */
    int32_t key;    /* of the pair at hand, -1 before the first */
    bool taken;     /* the template has had the pair at hand, so the next one may come */
};
#define LEVELS_MAX 4u /* manifest, common, shared sequence, digest */

/* Keys are small integers and ascend. No field has key -1 (any negative one) or KEY_MAX. */
static void next_key(struct bulla_cbor *r, struct level *l)
{
    int32_t previous = l->key;
    int64_t key = bulla_cbor_int(r);
    l->key = key < 0 ? -1 : key > KEY_MAX ? KEY_MAX : (int32_t)key;
    l->taken = false;
    l->pairs--;
    if (key >= 0 && l->key <= previous)
        bulla_cbor_fail(r, l->key == previous ? BULLA_E_CBOR_KEY_REPEATED : BULLA_E_CBOR_KEY_ORDER);
}

/* Is the next pair of the map another one than the template has here? */
static bool is_absent(struct bulla_cbor *r, struct level *l, struct place place)
{
    if (l->taken && l->pairs > 0)
        next_key(r, l);
    if (!l->taken && l->key < place.arg)
        bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_UNKNOWN);
    if (!l->taken && l->key == place.arg) {
        l->taken = true;
        return false;
    }
    if (place.what == FIELD)
        bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_MISSING);
    return true;
}

/* Up to three release numbers, then one of -1 rc, -2 beta, -3 alpha, then one number. */
static void read_set_version(struct bulla_cbor *r, struct bulla_version *v)
{
    size_t behind = bulla_cbor_enter(r);
    uint32_t count = bulla_cbor_array_of(r, 1, BULLA_VERSION_PARTS_MAX, BULLA_E_VERSION_FORM);
    uint32_t marker = count; /* where the pre-release marker stands */
    for (uint32_t i = 0; i < count; i++) {
        int64_t part = bulla_cbor_int(r);
        bool is_marker = part < 0 && marker == count && i > 0;
        if (is_marker)
            marker = i;
        if (part < (is_marker ? -3 : 0) || part > (int64_t)UINT32_MAX ||
            i > (marker == count ? 2u : marker + 1u))
            bulla_cbor_fail(r, BULLA_E_VERSION_FORM);
        v->parts[i] = part;
    }
    v->count = count;
    v->release_count = marker;
    bulla_cbor_leave(r, behind);
}

static bool is_list_name(struct bulla_bytes text, const struct bulla_image *image)
{
    uint8_t name[BULLA_LIST_NAME_MAX];
    return bulla_bytes_equal(text, (struct bulla_bytes){name, bulla_list_name(image, name)});
}

static bool is_word(struct bulla_bytes bytes, const char *word, size_t len)
{
    return bytes.len == len && memcmp(bytes.data, word, len) == 0;
}

static uint32_t read_count(struct bulla_cbor *r, uint32_t least, uint32_t most)
{
    uint8_t found = bulla_cbor_peek(r);
    if (found != MAJOR_ARRAY && found != MAJOR_NONE)
        bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
    return bulla_cbor_array_of(r, least, most, BULLA_E_COMPONENTS_FORM);
}

static void expect_segment(struct bulla_cbor *r, struct bulla_bytes segment)
{
    if (!bulla_bytes_equal(bulla_cbor_bstr(r), segment))
        bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
}

/* X, then X with '#', which makes it the sector list's. App or factory, or a module by its name: no
 * path reaches bootloader, tables or keys. All but the first are modules. */
static void read_component(struct bulla_cbor *r, bool is_first, struct bulla_image *image)
{
    uint32_t segments = read_count(r, is_first ? 1 : 2, 2);
    image->component = bulla_cbor_bstr(r);
    image->name.len = 0;
    if (segments == 2) {
        if (!is_word(image->component, "module", 6))
            bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
        image->name = bulla_cbor_bstr(r);
        if (!bulla_is_module_name(image->name))
            bulla_cbor_fail(r, BULLA_E_MODULE_NAME);
    } else if (!is_word(image->component, "app", 3) && !is_word(image->component, "factory", 7)) {
        bulla_cbor_fail(r, BULLA_E_COMPONENT_UNKNOWN);
    }
    bulla_cbor_expect(r, MAJOR_ARRAY, segments + 1u, BULLA_E_COMPONENTS_FORM);
    expect_segment(r, image->component);
    if (segments == 2)
        expect_segment(r, image->name);
    expect_segment(r, (struct bulla_bytes){(const uint8_t *)"#", 1});
}

/* The pair's own component; no pair before it may have the same. */
static void read_new_component(struct bulla_cbor *r, struct walk *w, struct bulla_image *image)
{
    read_component(r, w->pair == 0, image);
    struct bulla_bytes name = image->name;
    struct bulla_cbor before = w->components;
    for (uint32_t i = 0; r->failed == BULLA_OK && i < w->pair; i++) {
        read_component(&before, i == 0, &w->other); /* which is not needed behind this place */
        if (bulla_bytes_equal(name, w->other.name))
            bulla_cbor_fail(r, BULLA_E_MODULE_REPEATED);
    }
}

/* A value of an image; whatever fails later, the caller gets none of it. */
static void read_image_value(struct bulla_cbor *r, struct place place, struct walk *w)
{
    struct bulla_image *image = w->pair == w->want ? &w->manifest->image : &w->other;
    uint8_t *to = (uint8_t *)image + place.arg;
    const uint8_t *from = NULL;
    size_t len = BULLA_DIGEST_SIZE;
    uint32_t size;
    switch (place.what) {
    case COMPONENT:
        read_new_component(r, w, image);
        break;
    case SIZE:
        size = bulla_cbor_uint32(r, BULLA_E_IMAGE_SIZE_FORM);
        if (size == 0)
            bulla_cbor_fail(r, BULLA_E_IMAGE_SIZE_FORM);
        memcpy(to, &size, sizeof(size));
        break;
    case LIST_SIZE:
        if (image->list_size != bulla_list_size(image->size))
            bulla_cbor_fail(r, BULLA_E_LIST_SIZE);
        break;
    case LIST_URI:
        read_component(&w->next, w->pair == 0, image);
        bulla_cbor_fail(r, w->next.failed);
        if (!is_list_name(bulla_cbor_tstr(r), image))
            bulla_cbor_fail(r, BULLA_E_LIST_URI);
        break;
    case URI:
        image->uri = bulla_cbor_tstr(r);
        bulla_cbor_fail(r, bulla_uri_check(image->uri));
        break;
    case ID: /* every image's */
        to = (uint8_t *)&w->manifest->image + place.arg;
        len = BULLA_UUID_SIZE;
        from = bulla_cbor_bytes(r, BULLA_UUID_SIZE, BULLA_E_PARAMETER_FORM);
        break;
    case DIGEST:
        from = bulla_digest_read(r);
        break;
    default: /* a kind of place without a case: nothing may pass it */
        bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_UNKNOWN);
    }
    if (from != NULL)
        memcpy(to, from, len);
}

/* What must be exactly as the template has it, and the manifest's own values. */
static void read_place(struct bulla_cbor *r, struct place place, struct walk *w)
{
    struct bulla_manifest *m = w->manifest;
    uint32_t count;
    const uint8_t *digest;
    switch (place.what) {
    case VERSION:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_MANIFEST_VERSION);
        break;
    case COMMAND:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case INDEX:
        bulla_cbor_expect_int(r, (int32_t)(2u * w->pair + place.arg), BULLA_E_COMMAND_UNEXPECTED);
        break;
    case PARAMETER:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case PAIRS:
        count = read_count(r, 2, 2u * BULLA_IMAGES_MAX);
        if (count % 2u != 0)
            bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
        m->images = count / 2u;
        w->components = *r;
        break;
    case ITEMS:
        count = place.arg * m->images + (place.arg & 8u) / 2u;
        bulla_cbor_expect(r, MAJOR_ARRAY, count, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case PARAMETERS:
        if (bulla_cbor_map(r) != place.arg)
            bulla_cbor_fail(r, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case REPORTING:
        if (bulla_cbor_uint(r) > REPORTING_POLICY_MAX)
            bulla_cbor_fail(r, BULLA_E_REPORTING_POLICY);
        break;
    case SEQUENCE:
        if (bulla_cbor_peek(r) != MAJOR_UINT)
            bulla_cbor_fail(r, BULLA_E_SEQUENCE_FORM);
        m->sequence = bulla_cbor_uint32(r, BULLA_E_SEQUENCE_FORM);
        break;
    case SET_VERSION:
        read_set_version(r, &m->version);
        break;
    case TEXT_DIGEST:
        m->has_text = true;
        digest = bulla_digest_read(r);
        if (digest != NULL)
            memcpy(m->text_digest, digest, BULLA_DIGEST_SIZE);
        break;
    default:
        read_image_value(r, place, w);
    }
}

/* Maps, byte strings and pairs; every other place is read_place's. */
static void read_manifest(struct bulla_cbor *r, struct walk *w)
{
    struct level levels[LEVELS_MAX], *level = levels;
    size_t each = 0;
    for (size_t i = 0; i < sizeof(template) / sizeof(template[0]) && r->failed == BULLA_OK; i++) {
        struct place place = template[i];
        switch (place.what) {
        case FIELDS:
            level->pairs = bulla_cbor_map(r);
            level->key = -1;
            level->taken = true;
            break;
        case FIELD:
        case OPTIONAL:
        case END_FIELDS:
            if (is_absent(r, level, place) && place.what == OPTIONAL)
                i++;
            break;
        case ENTER:
            level++;
            level->behind = bulla_cbor_enter(r);
            break;
        case LEAVE:
            bulla_cbor_leave(r, level->behind);
            level--;
            break;
        case EACH:
            each = i;
            w->pair = 0;
            w->next = w->components;
            break;
        case NEXT:
            w->pair++;
            if (w->pair < w->manifest->images)
                i = each;
            break;
        case FIRST:
        case FURTHER:
            if ((place.what == FIRST) != (w->pair == 0))
                i += place.arg;
            break;
        default:
            read_place(r, place, w);
        }
    }
}

static enum bulla_status decode(struct bulla_bytes manifest, uint32_t want,
                                struct bulla_manifest *out)
{
    struct bulla_cbor r;
    struct walk w;
    bulla_cbor_init(&r, manifest);
    memset(&w, 0, sizeof(w));
    memset(out, 0, sizeof(*out));
    w.manifest = out;
    w.want = want;
    read_manifest(&r, &w);
    if (bulla_cbor_finish(&r) == BULLA_OK && want >= out->images)
        r.failed = BULLA_E_COMPONENT_MISMATCH;
    if (r.failed != BULLA_OK)
        memset(out, 0, sizeof(*out));
    return r.failed;
}

enum bulla_status bulla_manifest_decode(struct bulla_bytes manifest, struct bulla_manifest *out)
{
    return decode(manifest, 0, out);
}

enum bulla_status bulla_manifest_image(struct bulla_bytes manifest, uint32_t index,
                                       struct bulla_image *out)
{
    struct bulla_manifest m;
    enum bulla_status status = decode(manifest, index, &m);
    *out = m.image;
    return status;
}
