/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest, matched item by item against the template of docs/FORMAT.md. What the profile
 * leaves free (numbers, digests, the URI, reporting policies) is stored or bounded; everything
 * else must be exactly what stands there. The first difference in wire order is the reason. */

#include "bulla/manifest.h"

#include "bulla/cbor.h"
#include "bulla/mem.h"
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

/* A map whose keys are small integers, each read by its own function, in ascending order. */
struct field {
    int8_t key;
    bool mandatory;
    void (*read)(struct bulla_cbor *r, struct bulla_manifest *m);
};

static void read_fields(struct bulla_cbor *r, const struct field *fields, size_t count,
                        struct bulla_manifest *m)
{
    struct bulla_bytes previous = {NULL, 0};
    size_t i = 0;
    uint32_t pairs = bulla_cbor_map(r);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        int64_t key = bulla_cbor_int(r);
        bulla_cbor_key_order(r, &previous,
                             (struct bulla_bytes){start, (size_t)(r->left.data - start)});
        for (; i < count && fields[i].key < key; i++) {
            if (fields[i].mandatory)
                bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_MISSING);
        }
        if (i == count || fields[i].key != key)
            bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_UNKNOWN);
        if (r->failed == BULLA_OK)
            fields[i++].read(r, m);
    }
    for (; i < count; i++) {
        if (fields[i].mandatory)
            bulla_cbor_fail(r, BULLA_E_MANIFEST_FIELD_MISSING);
    }
}

/* clang-format off: one command or parameter a line, as the format's pages print them */
/* What may stand at one place of a command sequence. */
enum what {
    ITEMS,     /* an array of `arg` items */
    COMMAND,   /* exactly this integer: a command number or a component index */
    PARAMS,    /* a map of `arg` pairs, after OVERRIDE_PARAMETERS */
    KEY,       /* exactly this integer: a parameter number */
    REPORTING, /* a reporting policy: bounded, otherwise ignored */
    ID,        /* from here on: a value that is stored, at offset `arg` of struct bulla_image */
    DIGEST,
    SIZE,
    LIST_URI, /* compared, not stored */
    URI,
};

struct place {
    uint8_t what;
    uint8_t arg;
};

#define AT(member) offsetof(struct bulla_image, member)

static const struct place shared_sequence[] = {
    {ITEMS, 12},
    {COMMAND, SET_COMPONENT_INDEX},
    {COMMAND, INDEX_IMAGE},
    {COMMAND, OVERRIDE_PARAMETERS},
    {PARAMS, 4},
    {KEY, PARAMETER_VENDOR_ID},
    {ID, AT(vendor_id)},
    {KEY, PARAMETER_CLASS_ID},
    {ID, AT(class_id)},
    {KEY, PARAMETER_IMAGE_DIGEST},
    {DIGEST, AT(digest)},
    {KEY, PARAMETER_IMAGE_SIZE},
    {SIZE, AT(size)},
    {COMMAND, VENDOR_IDENTIFIER},
    {REPORTING, 0},
    {COMMAND, CLASS_IDENTIFIER},
    {REPORTING, 0},
    {COMMAND, SET_COMPONENT_INDEX},
    {COMMAND, INDEX_LIST},
    {COMMAND, OVERRIDE_PARAMETERS},
    {PARAMS, 2},
    {KEY, PARAMETER_IMAGE_DIGEST},
    {DIGEST, AT(list_digest)},
    {KEY, PARAMETER_IMAGE_SIZE},
    {SIZE, AT(list_size)},
};

static const struct place install_sequence[] = {
    {ITEMS, 16},
    {COMMAND, SET_COMPONENT_INDEX},
    {COMMAND, INDEX_LIST},
    {COMMAND, OVERRIDE_PARAMETERS},
    {PARAMS, 1},
    {KEY, PARAMETER_URI},
    {LIST_URI, 0},
    {COMMAND, FETCH},
    {REPORTING, 0},
    {COMMAND, IMAGE_MATCH},
    {REPORTING, 0},
    {COMMAND, SET_COMPONENT_INDEX},
    {COMMAND, INDEX_IMAGE},
    {COMMAND, OVERRIDE_PARAMETERS},
    {PARAMS, 1},
    {KEY, PARAMETER_URI},
    {URI, AT(uri)},
    {COMMAND, FETCH},
    {REPORTING, 0},
    {COMMAND, IMAGE_MATCH},
    {REPORTING, 0},
};

static const struct place validate_sequence[] = {
    {ITEMS, 4},     {COMMAND, SET_COMPONENT_INDEX}, {COMMAND, INDEX_IMAGE}, {COMMAND, IMAGE_MATCH},
    {REPORTING, 0},
};
/* clang-format on */

static void read_size(struct bulla_cbor *r, uint32_t *to)
{
    uint64_t size = bulla_cbor_uint(r);
    if (size < 1 || size > UINT32_MAX)
        bulla_cbor_fail(r, BULLA_E_IMAGE_SIZE_FORM);
    *to = (uint32_t)size;
}

static void read_list_uri(struct bulla_cbor *r, struct bulla_bytes component)
{
    struct bulla_bytes uri = bulla_cbor_tstr(r);
    if (r->failed == BULLA_OK && (uri.len != component.len + 1u || uri.data[0] != '#' ||
                                  memcmp(uri.data + 1, component.data, component.len) != 0))
        bulla_cbor_fail(r, BULLA_E_LIST_URI);
}

static void read_place(struct bulla_cbor *r, struct place place, struct bulla_image *image)
{
    uint8_t *to = (uint8_t *)image + place.arg;
    const uint8_t *from;
    switch ((enum what)place.what) {
    case ITEMS:
        bulla_cbor_expect_array(r, place.arg, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case COMMAND:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_COMMAND_UNEXPECTED);
        break;
    case PARAMS:
        if (bulla_cbor_map(r) != place.arg)
            bulla_cbor_fail(r, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case KEY:
        bulla_cbor_expect_int(r, place.arg, BULLA_E_PARAMETER_UNEXPECTED);
        break;
    case REPORTING:
        if (bulla_cbor_uint(r) > REPORTING_POLICY_MAX)
            bulla_cbor_fail(r, BULLA_E_REPORTING_POLICY);
        break;
    case ID:
        from = bulla_cbor_bytes(r, BULLA_UUID_SIZE, BULLA_E_PARAMETER_FORM);
        if (from != NULL)
            memcpy(to, from, BULLA_UUID_SIZE);
        break;
    case DIGEST:
        from = bulla_digest_read_bstr(r);
        if (from != NULL)
            memcpy(to, from, BULLA_DIGEST_SIZE);
        break;
    case SIZE:
        read_size(r, (uint32_t *)(void *)to);
        break;
    case LIST_URI:
        read_list_uri(r, image->component);
        break;
    case URI:
        image->uri = bulla_cbor_tstr(r);
        if (r->failed == BULLA_OK)
            bulla_cbor_fail(r, bulla_uri_check(image->uri));
        break;
    }
}

/* bstr .cbor sequence, matched place by place. */
static void read_sequence(struct bulla_cbor *r, const struct place *places, size_t count,
                          struct bulla_image *image)
{
    struct bulla_cbor inner = bulla_cbor_enter(r);
    for (size_t i = 0; i < count; i++)
        read_place(&inner, places[i], image);
    bulla_cbor_leave(r, &inner);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void read_version_field(struct bulla_cbor *r, struct bulla_manifest *m)
{
    (void)m;
    bulla_cbor_expect_int(r, 1, BULLA_E_MANIFEST_VERSION);
}

static void read_sequence_number(struct bulla_cbor *r, struct bulla_manifest *m)
{
    if (bulla_cbor_peek(r) != 0)
        bulla_cbor_fail(r, BULLA_E_SEQUENCE_FORM);
    uint64_t sequence = bulla_cbor_uint(r);
    if (sequence > UINT32_MAX)
        bulla_cbor_fail(r, BULLA_E_SEQUENCE_FORM);
    m->sequence = (uint32_t)sequence;
}

/* [ X, X '#' ] with X = ['app'] or ['factory']: no path reaches bootloader, tables or keys. */
static void read_components(struct bulla_cbor *r, struct bulla_manifest *m)
{
    static const uint8_t words[] = "appfactory#";
    const struct bulla_bytes app = {words, 3}, factory = {words + 3, 7},
                             hash_sign = {words + 10, 1};
    bulla_cbor_expect_array(r, 2, BULLA_E_COMPONENTS_FORM);
    bulla_cbor_expect_array(r, 1, BULLA_E_COMPONENTS_FORM);
    struct bulla_bytes name = bulla_cbor_bstr(r);
    if (!bulla_bytes_equal(name, app) && !bulla_bytes_equal(name, factory))
        bulla_cbor_fail(r, BULLA_E_COMPONENT_UNKNOWN);
    bulla_cbor_expect_array(r, 2, BULLA_E_COMPONENTS_FORM);
    if (!bulla_bytes_equal(bulla_cbor_bstr(r), name) ||
        !bulla_bytes_equal(bulla_cbor_bstr(r), hash_sign))
        bulla_cbor_fail(r, BULLA_E_COMPONENTS_FORM);
    m->image.component = name;
}

static void read_shared(struct bulla_cbor *r, struct bulla_manifest *m)
{
    read_sequence(r, shared_sequence, COUNT_OF(shared_sequence), &m->image);
    if (r->failed == BULLA_OK && m->image.list_size != bulla_list_size(m->image.size))
        bulla_cbor_fail(r, BULLA_E_LIST_SIZE);
}

static void read_common(struct bulla_cbor *r, struct bulla_manifest *m)
{
    static const struct field fields[] = {
        {2, true, read_components},
        {4, true, read_shared},
    };
    struct bulla_cbor inner = bulla_cbor_enter(r);
    read_fields(&inner, fields, COUNT_OF(fields), m);
    bulla_cbor_leave(r, &inner);
}

/* Up to three release numbers, then one of -1 rc, -2 beta, -3 alpha, then one number. */
static void read_set_version(struct bulla_cbor *r, struct bulla_manifest *m)
{
    struct bulla_version *v = &m->version;
    struct bulla_cbor inner = bulla_cbor_enter(r);
    uint32_t count = bulla_cbor_array(&inner);
    uint32_t marker = count; /* where the pre-release marker stands */
    if (count < 1 || count > BULLA_VERSION_PARTS_MAX)
        bulla_cbor_fail(&inner, BULLA_E_VERSION_FORM);
    for (uint32_t i = 0; inner.failed == BULLA_OK && i < count; i++) {
        int64_t part = bulla_cbor_int(&inner);
        bool first_marker = part < 0 && marker == count;
        if (first_marker)
            marker = i;
        if (part < -3 || part > (int64_t)UINT32_MAX || (part < 0 && !first_marker) || marker == 0 ||
            (i >= 3 && marker == count) || i > marker + 1u)
            bulla_cbor_fail(&inner, BULLA_E_VERSION_FORM);
        v->parts[i] = part;
    }
    v->count = count;
    v->release_count = marker;
    bulla_cbor_leave(r, &inner);
}

static void read_validate(struct bulla_cbor *r, struct bulla_manifest *m)
{
    read_sequence(r, validate_sequence, COUNT_OF(validate_sequence), &m->image);
}

static void read_install(struct bulla_cbor *r, struct bulla_manifest *m)
{
    read_sequence(r, install_sequence, COUNT_OF(install_sequence), &m->image);
}

/* Text is always severed: its digest stands here, the text in the envelope. */
static void read_text(struct bulla_cbor *r, struct bulla_manifest *m)
{
    const uint8_t *digest = bulla_digest_read(r);
    if (digest == NULL)
        return;
    memcpy(m->text_digest, digest, BULLA_DIGEST_SIZE);
    m->has_text = true;
}

enum bulla_status bulla_manifest_decode(struct bulla_bytes manifest, struct bulla_manifest *out)
{
    static const struct field fields[] = {
        {1, true, read_version_field}, {2, true, read_sequence_number}, {3, true, read_common},
        {6, false, read_set_version},  {7, true, read_validate},        {20, true, read_install},
        {23, false, read_text},
    };
    struct bulla_cbor r;
    memset(out, 0, sizeof(*out));
    bulla_cbor_init(&r, manifest);
    read_fields(&r, fields, COUNT_OF(fields), out);
    enum bulla_status status = bulla_cbor_finish(&r);
    if (status != BULLA_OK)
        memset(out, 0, sizeof(*out));
    return status;
}

uint64_t bulla_list_size(uint32_t image_size)
{
    uint64_t digests = ((uint64_t)image_size + BULLA_SECTOR_SIZE - 1u) / BULLA_SECTOR_SIZE;
    uint64_t bytes = digests * BULLA_DIGEST_SIZE;
    uint64_t size_head = image_size < 24u ? 1 : image_size < 256u ? 2 : image_size < 65536u ? 3 : 5;
    uint64_t bytes_head = bytes < 256u ? 2 : bytes < 65536u ? 3 : 5;
    return 1u + 1u + 3u + size_head + bytes_head + bytes;
}

static void read_texts(struct bulla_cbor *r)
{
    struct bulla_bytes previous = {NULL, 0};
    uint32_t pairs = bulla_cbor_map(r);
    if (r->failed == BULLA_OK && (pairs < 1 || pairs > 4))
        bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        uint64_t key = bulla_cbor_uint(r);
        bulla_cbor_key_order(r, &previous,
                             (struct bulla_bytes){start, (size_t)(r->left.data - start)});
        if (key < 1 || key > 4)
            bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
        (void)bulla_cbor_tstr(r);
    }
}

enum bulla_status bulla_text_check(struct bulla_bytes text)
{
    struct bulla_cbor r;
    struct bulla_bytes previous = {NULL, 0};
    bulla_cbor_init(&r, text);
    uint32_t languages = bulla_cbor_map(&r);
    if (r.failed == BULLA_OK && languages < 1)
        bulla_cbor_fail(&r, BULLA_E_TEXT_FORM);
    for (; r.failed == BULLA_OK && languages > 0; languages--) {
        const uint8_t *start = r.left.data;
        (void)bulla_cbor_tstr(&r);
        bulla_cbor_key_order(&r, &previous,
                             (struct bulla_bytes){start, (size_t)(r.left.data - start)});
        read_texts(&r);
    }
    return bulla_cbor_finish(&r);
}
