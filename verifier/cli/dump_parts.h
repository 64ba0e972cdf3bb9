/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMP_PARTS_H
#define DUMP_PARTS_H

/* What dump.c (containers) and dump_value.c (lines and single values) share. */

#include "dump.h"
#include "item.h"
#include "suit_names.h"

#define DUMP_NAME_MAX 128u
#define DUMP_HEX_MAX  64u /* longer byte strings are shown by their beginning */

struct dump {
    struct host_tool *tool;
    json_t *fields;
    unsigned depth;           /* indentation */
    unsigned nested;          /* levels of items, byte strings included */
    size_t within;            /* length of the byte string that the next line's item fills */
    enum bulla_status failed; /* the bytes made no sense any more */
};

/* One line "name: value", indented; the value is ours, and escaped. */
void dump_line(struct dump *d, const char *name, const char *value, ...) HOST_PRINTF(3, 4);
/* The same with text from the envelope, of any length. */
void dump_text(struct dump *d, const char *name, struct bulla_bytes text);
/* A line that says why nothing more can be shown. */
void dump_stop(struct dump *d, const char *name, enum bulla_status why, const char *value);

/* "2 manifest", with what our profile has no place for marked. */
void dump_name(enum suit_shape shape, int64_t number, char name[DUMP_NAME_MAX]);
/* Is it an integer within int64, and which? */
bool dump_is_integer(const struct item *item);
int64_t dump_integer(const struct item *item);

void dump_number(struct dump *d, const struct item *item, const char *name, enum suit_shape shape);
void dump_bytes(struct dump *d, struct bulla_bytes bytes, const char *name, enum suit_shape shape);
void dump_simple(struct dump *d, const struct item *item, const char *name);

#endif
