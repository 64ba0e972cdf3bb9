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

#define INDEX_IMAGE          0
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
    VERSION,    /* exactly the integer `arg`, like the two below; they differ in the reason told */
    COMMAND,    /* a command number or a component index */
    PARAMETER,  /* a parameter number */
    ITEMS,      /* an array of `arg` items */
    SEGMENTS,   /* likewise */
    PARAMETERS, /* a map of `arg` pairs */
    REPORTING,  /* a reporting policy: bounded, otherwise ignored */
    SAME_NAME,  /* the component's name again */
    LIST_MARK,  /* '#', which makes it the sector list's */
    LIST_URI,   /* both in one text, "#app" */
    LIST_SIZE,  /* nothing: the two sizes are compared */
    NAME,       /* from here on: a value that is stored, most at offset `arg` of the manifest */
    SEQUENCE,
    ID,
    DIGEST,
    SIZE,
    URI,
    SET_VERSION,
    TEXT_DIGEST,
};

struct place {
    uint8_t what;
    uint8_t arg;
};

#define KEY_MAX 254 /* stands for every key above the fields' */
#define NO_KEY  255 /* above that: a field that is never there */

#define AT(member) offsetof(struct bulla_manifest, member)

/* The whole manifest, laid out as the format's pages print it. */
/* clang-format off */
static const struct place template[] = {
    {FIELDS, 0},
    {FIELD, 1}, {VERSION, 1},
    {FIELD, 2}, {SEQUENCE, AT(sequence)},

    {FIELD, 3}, {ENTER, 0}, {FIELDS, 0}, /* common */
        {FIELD, 2}, {SEGMENTS, 2}, /* components [X], [X, '#'] */
            {SEGMENTS, 1}, {NAME, AT(image.component)},
            {SEGMENTS, 2}, {SAME_NAME, 0}, {LIST_MARK, 0},
        {FIELD, 4}, {ENTER, 0}, {ITEMS, 12}, /* shared sequence */
            {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_IMAGE},
            {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 4},
                {PARAMETER, PARAMETER_VENDOR_ID}, {ID, AT(image.vendor_id)},
                {PARAMETER, PARAMETER_CLASS_ID}, {ID, AT(image.class_id)},
                {PARAMETER, PARAMETER_IMAGE_DIGEST},
                    {ENTER, 0}, {DIGEST, AT(image.digest)}, {LEAVE, 0},
                {PARAMETER, PARAMETER_IMAGE_SIZE}, {SIZE, AT(image.size)},
            {COMMAND, VENDOR_IDENTIFIER}, {REPORTING, 0},
            {COMMAND, CLASS_IDENTIFIER}, {REPORTING, 0},
            {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_LIST},
            {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 2},
                {PARAMETER, PARAMETER_IMAGE_DIGEST},
                    {ENTER, 0}, {DIGEST, AT(image.list_digest)}, {LEAVE, 0},
                {PARAMETER, PARAMETER_IMAGE_SIZE}, {SIZE, AT(image.list_size)},
        {LEAVE, 0}, {LIST_SIZE, 0},
    {END_FIELDS, NO_KEY}, {LEAVE, 0},

    {OPTIONAL, 6}, {SET_VERSION, AT(version)},

    {FIELD, 7}, {ENTER, 0}, {ITEMS, 4}, /* validate */
        {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_IMAGE},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
    {LEAVE, 0},

    {FIELD, 20}, {ENTER, 0}, {ITEMS, 16}, /* install */
        {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_LIST},
        {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 1},
            {PARAMETER, PARAMETER_URI}, {LIST_URI, 0},
        {COMMAND, FETCH}, {REPORTING, 0},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
        {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_IMAGE},
        {COMMAND, OVERRIDE_PARAMETERS}, {PARAMETERS, 1},
            {PARAMETER, PARAMETER_URI}, {URI, AT(image.uri)},
        {COMMAND, FETCH}, {REPORTING, 0},
        {COMMAND, IMAGE_MATCH}, {REPORTING, 0},
    {LEAVE, 0},

    {OPTIONAL, 23}, {TEXT_DIGEST, AT(text_digest)}, /* always severed: the text is a member */
    {END_FIELDS, NO_KEY},
};
/* clang-format on */

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

bool bulla_is_list_name(struct bulla_bytes text, struct bulla_bytes component)
{
    return text.len == component.len + 1u && text.data[0] == '#' &&
           memcmp(text.data + 1, component.data, component.len) == 0;
}

static bool is_word(struct bulla_bytes bytes, const char *word, size_t len)
{
    return bytes.len == len && memcmp(bytes.data, word, len) == 0;
}

/* A value that is stored; whatever fails later, the caller gets none of it. */
static void read_value(struct bulla_cbor *r, struct place place, struct bulla_manifest *m)
{
    uint8_t *to = (uint8_t *)m + place.arg;
    const uint8_t *from = NULL;
    size_t len = BULLA_DIGEST_SIZE;
    uint32_t size;
    switch (place.what) {
    case NAME: /* app or factory: no path reaches bootloader, tables or keys */
        m->image.component = bulla_cbor_bstr(r);
        if (!is_word(m->image.component, "app", 3) && !is_word(m->image.component, "factory", 7))
            bulla_cbor_fail(r, BULLA_E_COMPONENT_UNKNOWN);
        break;
    case SEQUENCE:
        if (bulla_cbor_peek(r) != MAJOR_UINT)
            bulla_cbor_fail(r, BULLA_E_SEQUENCE_FORM);
        m->sequence = bulla_cbor_uint32(r, BULLA_E_SEQUENCE_FORM);
        break;
    case SIZE:
        size = bulla_cbor_uint32(r, BULLA_E_IMAGE_SIZE_FORM);
        if (size == 0)
            bulla_cbor_fail(r, BULLA_E_IMAGE_SIZE_FORM);
        memcpy(to, &size, sizeof(size));
        break;
    case URI:
        m->image.uri = bulla_cbor_tstr(r);
        bulla_cbor_fail(r, bulla_uri_check(m->image.uri));
        break;
    case SET_VERSION:
        read_set_version(r, &m->version);
        break;
    case ID:
        len = BULLA_UUID_SIZE;
        from = bulla_cbor_bytes(r, BULLA_UUID_SIZE, BULLA_E_PARAMETER_FORM);
        break;
    case TEXT_DIGEST:
        m->has_text = true;
        from = bulla_digest_read(r);
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

/* What must be exactly as the template has it; the other kinds of place are values. */
static void read_place(struct bulla_cbor *r, struct place place, struct bulla_manifest *m)
{
    switch (place.what) {
    case VERSION:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_MANIFEST_VERSION);
        break;
    case COMMAND:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case PARAMETER:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case ITEMS:
        bulla_cbor_expect(r, MAJOR_ARRAY, place.arg, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case SEGMENTS:
        bulla_cbor_expect(r, MAJOR_ARRAY, place.arg, BULLA_E_COMPONENTS_FORM);
        break;
    case PARAMETERS:
        if (bulla_cbor_map(r) != place.arg)
            bulla_cbor_fail(r, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case REPORTING:
        if (bulla_cbor_uint(r) > REPORTING_POLICY_MAX)
            bulla_cbor_fail(r, BULLA_E_REPORTING_POLICY);
        break;
    case SAME_NAME:
        if (!bulla_bytes_equal(bulla_cbor_bstr(r), m->image.component))
            bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
        break;
    case LIST_MARK:
        if (!is_word(bulla_cbor_bstr(r), "#", 1))
            bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
        break;
    case LIST_URI:
        if (!bulla_is_list_name(bulla_cbor_tstr(r), m->image.component))
            bulla_cbor_fail(r, BULLA_E_LIST_URI);
        break;
    case LIST_SIZE:
        if (m->image.list_size != bulla_list_size(m->image.size))
            bulla_cbor_fail(r, BULLA_E_LIST_SIZE);
        break;
    default:
        read_value(r, place, m);
    }
}

static void read_manifest(struct bulla_cbor *r, void *manifest)
{
    struct level levels[LEVELS_MAX], *level = levels;
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
        default:
            read_place(r, place, manifest);
        }
    }
}

enum bulla_status bulla_manifest_decode(struct bulla_bytes manifest, struct bulla_manifest *out)
{
    return bulla_cbor_decode(manifest, out, sizeof(*out), read_manifest);
}

/* {+ (1..4): tstr} */
static void read_texts(struct bulla_cbor *r)
{
    struct bulla_bytes previous = {NULL, 0};
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs < 1 || pairs > 4)
        bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        uint64_t key = bulla_cbor_uint(r);
        bulla_cbor_key_end(r, start, &previous);
        if (key < 1 || key > 4)
            bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
        (void)bulla_cbor_tstr(r);
    }
}

/* {+ lang: texts}; *previous is the last language. */
static void read_languages(struct bulla_cbor *r, void *previous)
{
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs < 1)
        bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        (void)bulla_cbor_tstr(r);
        bulla_cbor_key_end(r, start, previous);
        read_texts(r);
    }
}

enum bulla_status bulla_text_check(struct bulla_bytes text)
{
    struct bulla_bytes previous;
    return bulla_cbor_decode(text, &previous, sizeof(previous), read_languages);
}
