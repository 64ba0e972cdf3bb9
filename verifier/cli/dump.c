/* SPDX-License-Identifier: Apache-2.0 */
/* The annotated dump. It walks whatever CBOR there is and names what it knows; it judges nothing
 * but whether the bytes are CBOR. Every loop and every level is bounded by the bytes at hand
 * and NESTED_MAX, whatever a head declares. */

#include "dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "item.h"
#include "suit_names.h"

#define NESTED_MAX     64u
#define LINE_MAX_CHARS 512u
#define NAME_MAX_CHARS 128u
#define HEX_WHOLE      64u /* a signature is shown whole */
#define HEX_BEGIN      16u
#define TEXT_SHOWN     2048u
#define TAG_ENVELOPE   107u
#define TAG_MANIFEST   1070u
#define DIGEST_ALG     (-16)

struct dump {
    struct host_tool *tool;
    json_t *fields;
    unsigned depth;           /* indentation */
    unsigned nested;          /* levels of items, byte strings included */
    size_t within;            /* length of the byte string that the next line's item fills */
    enum bulla_status failed; /* the bytes made no sense any more */
};

static void show_item(struct dump *d, struct bulla_bytes *left, const char *name,
                      enum suit_shape shape, bool wrapped);

/* The next line, for people indented, with the length of the byte string around the item. */
static void put(struct dump *d, const char *name, const char *value)
{
    char within[32] = "";
    if (d->within > 0)
        (void)snprintf(within, sizeof within, "<%zu bytes> ", d->within);
    d->within = 0;
    if (d->tool->json)
        (void)json_array_append_new(d->fields,
                                    json_pack("{s:I, s:s, s:s+}", "depth", (json_int_t)d->depth,
                                              "name", name, "value", within, value));
    else
        host_say(d->tool, "%*s%s: %s%s", (int)(2 * d->depth), "", name, within, value);
}

HOST_PRINTF(3, 4)
static void line(struct dump *d, const char *name, const char *value, ...)
{
    char text[LINE_MAX_CHARS];
    va_list args;
    va_start(args, value);
    (void)vsnprintf(text, sizeof text, value, args);
    va_end(args);
    put(d, name, text);
}

/* A line whose value is text from the envelope, of any length. */
static void text_line(struct dump *d, const char *name, struct bulla_bytes text)
{
    size_t len = text.len;
    text.len = len < TEXT_SHOWN ? len : TEXT_SHOWN;
    char *escaped = host_escape(text);
    put(d, name, escaped != NULL ? escaped : "(out of memory)");
    free(escaped);
    if (len > TEXT_SHOWN)
        line(d, name, "(%zu bytes, the first %u shown)", len, TEXT_SHOWN);
}

static void stop(struct dump *d, const char *name, enum bulla_status why, const char *value)
{
    line(d, name, "(%s)", value);
    d->failed = why;
}

/* "2 manifest", with what our profile has no place for marked. */
static void name_number(enum suit_shape shape, int64_t number, char name[NAME_MAX_CHARS])
{
    const struct suit_name *known = suit_name_of(shape, number);
    (void)snprintf(name, NAME_MAX_CHARS, "%" PRId64 " %s%s", number,
                   known != NULL ? known->name : "unknown",
                   known != NULL && known->ours ? "" : " [outside the profile]");
}

static bool is_integer(const struct item *item)
{
    return (item->kind == ITEM_UINT || item->kind == ITEM_NEGINT) && item->number <= INT64_MAX;
}

static int64_t integer_of(const struct item *item)
{
    return item->kind == ITEM_UINT ? (int64_t)item->number : -1 - (int64_t)item->number;
}

/* ---- single values ---- */

static void show_policy(struct dump *d, const char *name, uint64_t policy)
{
    static const char *const bits[] = {"record success", "record failure", "sysinfo success",
                                       "sysinfo failure"};
    char text[NAME_MAX_CHARS] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if ((policy >> i & 1u) != 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     bits[i]);
    line(d, name, "%" PRIu64 " (%s)", policy, used > 0 ? text : "report nothing");
}

static void show_number(struct dump *d, const struct item *item, const char *name,
                        enum suit_shape shape)
{
    if (!is_integer(item)) {
        line(d, name, "%s%" PRIu64, item->kind == ITEM_UINT ? "" : "-1 - ", item->number);
        return;
    }
    int64_t number = integer_of(item);
    if (shape == SHAPE_POLICY && number >= 0) {
        show_policy(d, name, (uint64_t)number);
        return;
    }
    const struct suit_name *known =
        shape == SHAPE_ALGORITHM ? suit_name_of(SHAPE_ALGORITHM, number) : NULL;
    if (known != NULL)
        line(d, name, "%" PRId64 " (%s)%s", number, known->name,
             known->ours ? "" : " [outside the profile]");
    else
        line(d, name, "%" PRId64, number);
}

static bool is_printable(struct bulla_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e || bytes.data[i] == '\\')
            return false;
    return bytes.len > 0;
}

static void show_bytes(struct dump *d, struct bulla_bytes bytes, const char *name,
                       enum suit_shape shape)
{
    char hex[2 * HEX_WHOLE + 1];
    if (shape == SHAPE_UUID && bytes.len == BULLA_UUID_SIZE) {
        host_uuid_text(bytes.data, hex);
        line(d, name, "%s", hex);
        return;
    }
    bool whole = bytes.len <= HEX_WHOLE;
    host_hex((struct bulla_bytes){bytes.data, whole ? bytes.len : HEX_BEGIN}, hex);
    if (whole && bytes.len <= BULLA_COMPONENT_NAME_MAX && is_printable(bytes))
        line(d, name, "h'%s' = '%.*s'", hex, (int)bytes.len, (const char *)bytes.data);
    else if (whole)
        line(d, name, "h'%s' (%zu bytes)", hex, bytes.len);
    else
        line(d, name, "%zu bytes, beginning h'%s'", bytes.len, hex);
}

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
        line(d, name, "%s of indefinite length [outside the profile]", what);
    else
        line(d, name, "%s of %" PRIu64, what, item->number);
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
        line(d, name, "(%zu more bytes follow in this byte string)", content.len);
}

/* How an element of an array of this shape is to be read. */
static struct suit_name element_of(enum suit_shape shape, uint64_t index, char name[NAME_MAX_CHARS])
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
    (void)snprintf(name, NAME_MAX_CHARS, "%" PRIu64, index);
    if (shape == SHAPE_WRAPPER) {
        element.wrapped = true;
        element.shape = index == 0 ? SHAPE_DIGEST : SHAPE_BLOCK;
        (void)snprintf(name, NAME_MAX_CHARS, index == 0 ? "digest" : "block %" PRIu64, index);
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
        char name[NAME_MAX_CHARS];
        struct suit_name element = element_of(shape, i, name);
        show_item(d, left, element.name, element.shape, element.wrapped);
    }
    d->depth--;
}

/* A command sequence is one flat array: number, argument, number, argument. */
static void show_sequence(struct dump *d, struct bulla_bytes *left, const struct item *array)
{
    d->depth++;
    for (uint64_t i = 0; has_more(d, left, array, i); i += 2) {
        struct bulla_bytes ahead = *left;
        struct item command;
        item_read(&ahead, &command);
        if (!is_integer(&command)) {
            show_item(d, left, "not a command", SHAPE_ANY, false);
            i--;
            continue;
        }
        *left = ahead;
        char name[NAME_MAX_CHARS];
        name_number(SHAPE_SEQUENCE, integer_of(&command), name);
        const struct suit_name *known = suit_name_of(SHAPE_SEQUENCE, integer_of(&command));
        if (!has_more(d, left, array, i + 1)) {
            line(d, name, "(without its argument)");
            break;
        }
        show_item(d, left, name, known != NULL ? known->shape : SHAPE_ANY,
                  known != NULL && known->wrapped);
    }
    d->depth--;
}

/* One member of a map whose keys are numbers with names. */
static void show_numbered(struct dump *d, struct bulla_bytes *left, enum suit_shape shape,
                          int64_t key)
{
    char name[NAME_MAX_CHARS];
    if (shape == SHAPE_MULTIPLE || shape == SHAPE_ANY) {
        (void)snprintf(name, sizeof name, "%" PRId64, key);
        show_item(d, left, name, shape == SHAPE_MULTIPLE ? SHAPE_PARAMETERS : SHAPE_ANY, false);
        return;
    }
    const struct suit_name *known = suit_name_of(shape, key);
    name_number(shape, key, name);
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
    return is_integer(&item) && integer_of(&item) == DIGEST_ALG;
}

static void show_named(struct dump *d, struct bulla_bytes *left, enum suit_shape shape,
                       struct bulla_bytes key)
{
    char name[NAME_MAX_CHARS];
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
        if (is_integer(&key)) {
            *left = ahead;
            show_numbered(d, left, shape, integer_of(&key));
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
    if (array->indefinite || array->number != 2 || !is_integer(&alg) || digest.kind != ITEM_BYTES ||
        digest.indefinite || digest.bytes.len > HEX_WHOLE)
        return false;
    char hex[2 * HEX_WHOLE + 1];
    host_hex(digest.bytes, hex);
    const struct suit_name *known = suit_name_of(SHAPE_ALGORITHM, integer_of(&alg));
    line(d, name, "%s (%" PRId64 ") %s", known != NULL ? known->name : "unknown algorithm",
         integer_of(&alg), hex);
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
        if (!is_integer(&part) || integer_of(&part) < -3)
            return false;
        version.parts[version.count] = integer_of(&part);
        if (version.release_count == version.count && integer_of(&part) >= 0)
            version.release_count++;
    }
    line(d, name, "%s", host_version_text(&version, text, sizeof text));
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
    line(d, name, "tag %" PRIu64 "%s", tag, meaning);
    d->depth++;
    show_item(d, left, "tagged", shape, false);
    d->depth--;
}

static void show_simple(struct dump *d, const struct item *item, const char *name)
{
    if (item->kind == ITEM_FLOAT)
        line(d, name, "%g", item->real);
    else if (item->kind == ITEM_NULL)
        line(d, name, "null");
    else if (item->kind == ITEM_UNDEFINED)
        line(d, name, "undefined");
    else
        line(d, name, "%s", item->kind == ITEM_TRUE ? "true" : "false");
}

static void show_string(struct dump *d, struct bulla_bytes *left, const struct item *item,
                        const char *name, enum suit_shape shape, bool wrapped)
{
    if (item->indefinite) {
        count_line(d, name, item, item->kind == ITEM_TEXT ? "text" : "byte string");
        show_array(d, left, item, SHAPE_ANY);
    } else if (item->kind == ITEM_TEXT) {
        text_line(d, name, item->bytes);
    } else if (wrapped && item->bytes.len > 0) {
        show_content(d, item->bytes, name, shape);
    } else {
        show_bytes(d, item->bytes, name, shape);
    }
}

static void show_kind(struct dump *d, struct bulla_bytes *left, const struct item *item,
                      const char *name, enum suit_shape shape, bool wrapped)
{
    switch (item->kind) {
    case ITEM_NONE:
    case ITEM_CUT:
        stop(d, name, BULLA_E_CBOR_TRUNCATED, "the bytes end here");
        break;
    case ITEM_BAD:
    case ITEM_BREAK:
        stop(d, name, BULLA_E_CBOR_RESERVED, "not CBOR from here on");
        break;
    case ITEM_UINT:
    case ITEM_NEGINT:
        show_number(d, item, name, shape);
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
        show_simple(d, item, name);
        break;
    }
}

static void show_item(struct dump *d, struct bulla_bytes *left, const char *name,
                      enum suit_shape shape, bool wrapped)
{
    if (d->nested == NESTED_MAX) {
        stop(d, name, BULLA_E_CBOR_DEPTH, "nested too deeply to be shown");
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
    return is_integer(&item) && (integer_of(&item) == 2 || integer_of(&item) == 3) ? SHAPE_ENVELOPE
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
        line(&d, "trailing", "%zu bytes follow the end [outside the profile]", bytes.len);
    if (tool->json)
        (void)json_object_set(tool->doc, "fields", d.fields);
    json_decref(d.fields);
    return d.failed;
}
