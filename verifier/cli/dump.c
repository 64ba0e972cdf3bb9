/* SPDX-License-Identifier: Apache-2.0 */
/* The annotated dump. It walks whatever CBOR there is and names what it knows; it judges nothing
 * but whether the bytes are CBOR. Every loop and every level is bounded by the bytes at hand
 * and NESTED_MAX, whatever a head declares. */

#include "dump.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dump_parts.h"

#define NESTED_MAX   64u
#define TAG_ENVELOPE 107u
#define TAG_MANIFEST 1070u
#define DIGEST_ALG   (-16)

static void show_item(struct dump *d, struct bulla_bytes *left, const char *name,
                      enum suit_shape shape, bool wrapped);

/* ---- containers ---- */

/* Is there an element number `index` in this container? Takes the break of an indefinite one. */
static bool has_more(struct dump *d, struct bulla_bytes *left, const struct item *container,
                     uint64_t index)
{
    if (d->failed != BULLA_OK)
        return false;
    if (!container->indefinite)
        return index < container->number;
    struct bulla_bytes ahead = *left;
    struct item item;
    item_read(&ahead, &item);
    if (item.kind == ITEM_BREAK)
        *left = ahead;
    return item.kind != ITEM_BREAK;
}

static void count_line(struct dump *d, const char *name, const struct item *item, const char *what)
{
    if (item->indefinite)
        dump_line(d, name, "%s of indefinite length [outside the profile]", what);
    else
        dump_line(d, name, "%s of %" PRIu64, what, item->number);
}

/* Content of a byte string that should be CBOR of this shape. What is wrong in it stays in it. */
static void show_content(struct dump *d, struct bulla_bytes content, const char *name,
                         enum suit_shape shape)
{
    d->within = content.len;
    show_item(d, &content, name, shape, false);
    if (d->failed != BULLA_OK)
        d->failed = d->failed == BULLA_E_CBOR_DEPTH ? d->failed : BULLA_OK;
    else if (content.len > 0)
        dump_line(d, name, "(%zu more bytes follow in this byte string)", content.len);
}

/* How an element of an array of this shape is to be read. */
static struct suit_name element_of(enum suit_shape shape, uint64_t index, char name[DUMP_NAME_MAX])
{
    static const struct suit_name block[] = {
        {0, "protected", SHAPE_HEADERS, true, true},
        {1, "unprotected", SHAPE_HEADERS, false, true},
        {2, "payload", SHAPE_ANY, false, true},
        {3, "signature", SHAPE_ANY, false, true},
    };
    static const struct suit_name list[] = {
        {0, "digest algorithm", SHAPE_ALGORITHM, false, true},
        {1, "chunk size", SHAPE_ANY, false, true},
        {2, "image size", SHAPE_ANY, false, true},
        {3, "sector digests", SHAPE_ANY, false, true},
    };
    if (shape == SHAPE_BLOCK && index < 4)
        return block[index];
    if (shape == SHAPE_LIST && index < 4)
        return list[index];
    struct suit_name element = {0, name, SHAPE_ANY, false, true};
    (void)snprintf(name, DUMP_NAME_MAX, "%" PRIu64, index);
    if (shape == SHAPE_WRAPPER) {
        element.wrapped = true;
        element.shape = index == 0 ? SHAPE_DIGEST : SHAPE_BLOCK;
        (void)snprintf(name, DUMP_NAME_MAX, index == 0 ? "digest" : "block %" PRIu64, index);
    }
    if (shape == SHAPE_TRY_EACH) {
        element.wrapped = true;
        element.shape = SHAPE_SEQUENCE;
    }
    return element;
}

static void show_array(struct dump *d, struct bulla_bytes *left, const struct item *array,
                       enum suit_shape shape)
{
    d->depth++;
    for (uint64_t i = 0; has_more(d, left, array, i); i++) {
        char name[DUMP_NAME_MAX];
        struct suit_name element = element_of(shape, i, name);
        show_item(d, left, element.name, element.shape, element.wrapped);
    }
    d->depth--;
}

/* A command and its argument. */
static void show_command(struct dump *d, struct bulla_bytes *left, int64_t number,
                         bool has_argument)
{
    char name[DUMP_NAME_MAX];
    const struct suit_name *known = suit_name_of(SHAPE_SEQUENCE, number);
    dump_name(SHAPE_SEQUENCE, number, name);
    if (has_argument)
        show_item(d, left, name, known != NULL ? known->shape : SHAPE_ANY,
                  known != NULL && known->wrapped);
    else
        dump_line(d, name, "(without its argument)");
}

/* A command sequence is one flat array: number, argument, number, argument. */
static void show_sequence(struct dump *d, struct bulla_bytes *left, const struct item *array)
{
    uint64_t i = 0;
    d->depth++;
    while (has_more(d, left, array, i)) {
        struct bulla_bytes ahead = *left;
        struct item command;
        item_read(&ahead, &command);
        i++;
        if (!dump_is_integer(&command)) {
            show_item(d, left, "not a command", SHAPE_ANY, false);
            continue;
        }
        *left = ahead;
        bool has_argument = has_more(d, left, array, i);
        show_command(d, left, dump_integer(&command), has_argument);
        if (!has_argument)
            break; /* an indefinite array's end has been taken */
        i++;
    }
    d->depth--;
}

/* One member of a map whose keys are numbers with names. */
static void show_numbered(struct dump *d, struct bulla_bytes *left, enum suit_shape shape,
                          int64_t key)
{
    char name[DUMP_NAME_MAX];
    if (shape == SHAPE_MULTIPLE || shape == SHAPE_ANY) {
        (void)snprintf(name, sizeof name, "%" PRId64, key);
        show_item(d, left, name, shape == SHAPE_MULTIPLE ? SHAPE_PARAMETERS : SHAPE_ANY, false);
        return;
    }
    const struct suit_name *known = suit_name_of(shape, key);
    dump_name(shape, key, name);
    show_item(d, left, name, known != NULL ? known->shape : SHAPE_ANY,
              known != NULL && known->wrapped);
}

/* A payload that looks like our sector list, [-16, ...4 items], is shown as one. */
static bool is_list(struct bulla_bytes left)
{
    struct item item;
    item_read(&left, &item);
    struct bulla_bytes content = item.bytes;
    if (item.kind != ITEM_BYTES || item.indefinite)
        return false;
    item_read(&content, &item);
    if (item.kind != ITEM_ARRAY || item.number != 4)
        return false;
    item_read(&content, &item);
    return dump_is_integer(&item) && dump_integer(&item) == DIGEST_ALG;
}

static void show_named(struct dump *d, struct bulla_bytes *left, enum suit_shape shape,
                       struct bulla_bytes key)
{
    char name[DUMP_NAME_MAX];
    char *escaped =
        host_escape((struct bulla_bytes){key.data, key.len < 64 ? key.len : (size_t)64});
    bool list = shape == SHAPE_ENVELOPE && key.len > 0 && key.data[0] == '#' && is_list(*left);
    (void)snprintf(name, sizeof name, "%s\"%s\"%s",
                   shape != SHAPE_ENVELOPE ? ""
                   : list                  ? "sector list "
                                           : "integrated payload ",
                   escaped != NULL ? escaped : "", key.len > 64 ? "..." : "");
    free(escaped);
    enum suit_shape value = list ? SHAPE_LIST : SHAPE_ANY;
    show_item(d, left, name, shape == SHAPE_TEXT ? SHAPE_TEXT_LANGUAGE : value, list);
}

static void show_map(struct dump *d, struct bulla_bytes *left, const struct item *map,
                     enum suit_shape shape)
{
    d->depth++;
    for (uint64_t i = 0; has_more(d, left, map, i); i++) {
        struct bulla_bytes ahead = *left;
        struct item key;
        item_read(&ahead, &key);
        if (dump_is_integer(&key)) {
            *left = ahead;
            show_numbered(d, left, shape, dump_integer(&key));
        } else if (key.kind == ITEM_TEXT && !key.indefinite) {
            *left = ahead;
            show_named(d, left, shape, key.bytes);
        } else {
            show_item(d, left, "key", SHAPE_ANY, false);
            if (d->failed == BULLA_OK)
                show_item(d, left, "value", SHAPE_ANY, false);
        }
    }
    d->depth--;
}

/* [alg, digest] on one line; false when it is something else. */
static bool show_digest(struct dump *d, struct bulla_bytes *left, const struct item *array,
                        const char *name)
{
    struct bulla_bytes ahead = *left;
    struct item alg;
    struct item digest;
    item_read(&ahead, &alg);
    item_read(&ahead, &digest);
    if (array->indefinite || array->number != 2 || !dump_is_integer(&alg) ||
        digest.kind != ITEM_BYTES || digest.indefinite || digest.bytes.len > DUMP_HEX_MAX)
        return false;
    char hex[2 * DUMP_HEX_MAX + 1];
    host_hex(digest.bytes, hex);
    const struct suit_name *known = suit_name_of(SHAPE_ALGORITHM, dump_integer(&alg));
    dump_line(d, name, "%s (%" PRId64 ") %s", known != NULL ? known->name : "unknown algorithm",
              dump_integer(&alg), hex);
    *left = ahead;
    return true;
}

/* [1, 4, 2, -1, 1] as 1.4.2-rc1; false when it is something else. */
static bool show_version(struct dump *d, struct bulla_bytes *left, const struct item *array,
                         const char *name)
{
    struct bulla_bytes ahead = *left;
    struct bulla_version version = {.count = 0};
    char text[64];
    if (array->indefinite || array->number == 0 || array->number > BULLA_VERSION_PARTS_MAX)
        return false;
    for (; version.count < array->number; version.count++) {
        struct item part;
        item_read(&ahead, &part);
        if (!dump_is_integer(&part) || dump_integer(&part) < -3)
            return false;
        version.parts[version.count] = dump_integer(&part);
        if (version.release_count == version.count && dump_integer(&part) >= 0)
            version.release_count++;
    }
    dump_line(d, name, "%s", host_version_text(&version, text, sizeof text));
    *left = ahead;
    return true;
}

static void show_array_item(struct dump *d, struct bulla_bytes *left, const struct item *item,
                            const char *name, enum suit_shape shape)
{
    if (shape == SHAPE_DIGEST && show_digest(d, left, item, name))
        return;
    if (shape == SHAPE_VERSION && show_version(d, left, item, name))
        return;
    count_line(d, name, item, shape == SHAPE_SEQUENCE ? "sequence" : "array");
    if (shape == SHAPE_SEQUENCE)
        show_sequence(d, left, item);
    else
        show_array(d, left, item, shape);
}

static void show_tag(struct dump *d, struct bulla_bytes *left, uint64_t tag, const char *name,
                     enum suit_shape shape)
{
    const char *meaning = tag == TAG_ENVELOPE   ? " (SUIT envelope)"
                          : tag == TAG_MANIFEST ? " (SUIT manifest)"
                          : tag == 18           ? " (COSE_Sign1)"
                          : tag == 98           ? " (COSE_Sign) [outside the profile]"
                          : tag == 17           ? " (COSE_Mac0) [outside the profile]"
                          : tag == 97           ? " (COSE_Mac) [outside the profile]"
                                                : " [outside the profile]";
    dump_line(d, name, "tag %" PRIu64 "%s", tag, meaning);
    d->depth++;
    show_item(d, left, "tagged", shape, false);
    d->depth--;
}

static void show_string(struct dump *d, struct bulla_bytes *left, const struct item *item,
                        const char *name, enum suit_shape shape, bool wrapped)
{
    if (item->indefinite) {
        count_line(d, name, item, item->kind == ITEM_TEXT ? "text" : "byte string");
        show_array(d, left, item, SHAPE_ANY);
    } else if (item->kind == ITEM_TEXT) {
        dump_text(d, name, item->bytes);
    } else if (wrapped && item->bytes.len > 0) {
        show_content(d, item->bytes, name, shape);
    } else {
        dump_bytes(d, item->bytes, name, shape);
    }
}

static void show_kind(struct dump *d, struct bulla_bytes *left, const struct item *item,
                      const char *name, enum suit_shape shape, bool wrapped)
{
    switch (item->kind) {
    case ITEM_NONE:
    case ITEM_CUT:
        dump_stop(d, name, BULLA_E_CBOR_TRUNCATED, "the bytes end here");
        break;
    case ITEM_BAD:
    case ITEM_BREAK:
        dump_stop(d, name, BULLA_E_CBOR_RESERVED, "not CBOR from here on");
        break;
    case ITEM_UINT:
    case ITEM_NEGINT:
        dump_number(d, item, name, shape);
        break;
    case ITEM_BYTES:
    case ITEM_TEXT:
        show_string(d, left, item, name, shape, wrapped);
        break;
    case ITEM_ARRAY: /* where a byte string belongs, an array is the digest of a severed part */
        show_array_item(d, left, item, name, wrapped ? SHAPE_DIGEST : shape);
        break;
    case ITEM_MAP:
        count_line(d, name, item, "map");
        show_map(d, left, item, shape);
        break;
    case ITEM_TAG:
        show_tag(d, left, item->number, name, shape);
        break;
    case ITEM_FALSE:
    case ITEM_TRUE:
    case ITEM_NULL:
    case ITEM_UNDEFINED:
    case ITEM_FLOAT:
        dump_simple(d, item, name);
        break;
    }
}

static void show_item(struct dump *d, struct bulla_bytes *left, const char *name,
                      enum suit_shape shape, bool wrapped)
{
    if (d->nested == NESTED_MAX) {
        dump_stop(d, name, BULLA_E_CBOR_DEPTH, "nested too deeply to be shown");
        return;
    }
    struct item item;
    item_read(left, &item);
    d->nested++;
    show_kind(d, left, &item, name, shape, wrapped);
    d->nested--;
}

/* An envelope with or without its tag (other protocols carry it bare), or a bare manifest. */
static enum suit_shape top_shape(struct bulla_bytes bytes)
{
    struct item item;
    item_read(&bytes, &item);
    if (item.kind == ITEM_TAG)
        return item.number == TAG_ENVELOPE   ? SHAPE_ENVELOPE
               : item.number == TAG_MANIFEST ? SHAPE_MANIFEST
                                             : SHAPE_ANY;
    if (item.kind != ITEM_MAP)
        return SHAPE_ANY;
    item_read(&bytes, &item);
    return dump_is_integer(&item) && (dump_integer(&item) == 2 || dump_integer(&item) == 3)
               ? SHAPE_ENVELOPE
               : SHAPE_ANY;
}

enum bulla_status dump_suit(struct host_tool *tool, struct bulla_bytes bytes)
{
    enum suit_shape shape = top_shape(bytes);
    if (shape == SHAPE_ANY)
        return BULLA_E_ENVELOPE_NOT_SUIT;
    struct dump d = {.tool = tool, .fields = json_array(), .failed = BULLA_OK};
    show_item(&d, &bytes, shape == SHAPE_ENVELOPE ? "envelope" : "manifest", shape, false);
    if (d.failed == BULLA_OK && bytes.len > 0)
        dump_line(&d, "trailing", "%zu bytes follow the end [outside the profile]", bytes.len);
    if (tool->json)
        (void)json_object_set(tool->doc, "fields", d.fields);
    json_decref(d.fields);
    return d.failed;
}
