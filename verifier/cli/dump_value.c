/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the annotated dump, and values that stand on one line. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "dump_parts.h"

#define LINE_MAX_CHARS 512u
#define HEX_BEGIN      16u
#define TEXT_SHOWN     2048u

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

void dump_line(struct dump *d, const char *name, const char *value, ...)
{
    char text[LINE_MAX_CHARS];
    va_list args;
    va_start(args, value);
    (void)vsnprintf(text, sizeof text, value, args);
    va_end(args);
    put(d, name, text);
}

/* A line whose value is text from the envelope, of any length. */
void dump_text(struct dump *d, const char *name, struct bulla_bytes text)
{
    size_t len = text.len;
    text.len = len < TEXT_SHOWN ? len : TEXT_SHOWN;
    char *escaped = host_escape(text);
    put(d, name, escaped != NULL ? escaped : "(out of memory)");
    free(escaped);
    if (len > TEXT_SHOWN)
        dump_line(d, name, "(%zu bytes, the first %u shown)", len, TEXT_SHOWN);
}

void dump_stop(struct dump *d, const char *name, enum bulla_status why, const char *value)
{
    dump_line(d, name, "(%s)", value);
    d->failed = why;
}

/* "2 manifest", with what our profile has no place for marked. */
void dump_name(enum suit_shape shape, int64_t number, char name[DUMP_NAME_MAX])
{
    const struct suit_name *known = suit_name_of(shape, number);
    (void)snprintf(name, DUMP_NAME_MAX, "%" PRId64 " %s%s", number,
                   known != NULL ? known->name : "unknown",
                   known != NULL && known->ours ? "" : " [outside the profile]");
}

bool dump_is_integer(const struct item *item)
{
    return (item->kind == ITEM_UINT || item->kind == ITEM_NEGINT) && item->number <= INT64_MAX;
}

int64_t dump_integer(const struct item *item)
{
    return item->kind == ITEM_UINT ? (int64_t)item->number : -1 - (int64_t)item->number;
}

/* ---- single values ---- */

static void show_policy(struct dump *d, const char *name, uint64_t policy)
{
    static const char *const bits[] = {"record success", "record failure", "sysinfo success",
                                       "sysinfo failure"};
    char text[DUMP_NAME_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if ((policy >> i & 1u) != 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     bits[i]);
    dump_line(d, name, "%" PRIu64 " (%s)", policy, used > 0 ? text : "report nothing");
}

void dump_number(struct dump *d, const struct item *item, const char *name, enum suit_shape shape)
{
    if (!dump_is_integer(item)) {
        dump_line(d, name, "%s%" PRIu64, item->kind == ITEM_UINT ? "" : "-1 - ", item->number);
        return;
    }
    int64_t number = dump_integer(item);
    if (shape == SHAPE_POLICY && number >= 0) {
        show_policy(d, name, (uint64_t)number);
        return;
    }
    const struct suit_name *known =
        shape == SHAPE_ALGORITHM ? suit_name_of(SHAPE_ALGORITHM, number) : NULL;
    if (known != NULL)
        dump_line(d, name, "%" PRId64 " (%s)%s", number, known->name,
                  known->ours ? "" : " [outside the profile]");
    else
        dump_line(d, name, "%" PRId64, number);
}

static bool is_printable(struct bulla_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e || bytes.data[i] == '\\')
            return false;
    return bytes.len > 0;
}

void dump_bytes(struct dump *d, struct bulla_bytes bytes, const char *name, enum suit_shape shape)
{
    char hex[2 * DUMP_HEX_MAX + 1];
    if (shape == SHAPE_UUID && bytes.len == BULLA_UUID_SIZE) {
        host_uuid_text(bytes.data, hex);
        dump_line(d, name, "%s", hex);
        return;
    }
    bool whole = bytes.len <= DUMP_HEX_MAX;
    host_hex((struct bulla_bytes){bytes.data, whole ? bytes.len : HEX_BEGIN}, hex);
    if (whole && bytes.len <= BULLA_COMPONENT_NAME_MAX && is_printable(bytes))
        dump_line(d, name, "h'%s' = '%.*s'", hex, (int)bytes.len, (const char *)bytes.data);
    else if (whole)
        dump_line(d, name, "h'%s' (%zu bytes)", hex, bytes.len);
    else
        dump_line(d, name, "%zu bytes, beginning h'%s'", bytes.len, hex);
}

void dump_simple(struct dump *d, const struct item *item, const char *name)
{
    if (item->kind == ITEM_FLOAT)
        dump_line(d, name, "%g", item->real);
    else if (item->kind == ITEM_NULL)
        dump_line(d, name, "null");
    else if (item->kind == ITEM_UNDEFINED)
        dump_line(d, name, "undefined");
    else
        dump_line(d, name, "%s", item->kind == ITEM_TRUE ? "true" : "false");
}
