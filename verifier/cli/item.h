/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ITEM_H
#define ITEM_H

/* CBOR one head at a time, read by libcbor and not by our core: whoever is shown an envelope sees
 * what a second, tolerant reader makes of it, indefinite lengths and long forms included. */

#include "bulla/bytes.h"

enum item_kind {
    ITEM_NONE, /* the bytes ended where an item should begin */
    ITEM_CUT,  /* the bytes ended inside it */
    ITEM_BAD,  /* not CBOR */
    ITEM_UINT,
    ITEM_NEGINT, /* -1 - number */
    ITEM_BYTES,
    ITEM_TEXT,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_TAG,
    ITEM_FALSE,
    ITEM_TRUE,
    ITEM_NULL,
    ITEM_UNDEFINED,
    ITEM_FLOAT,
    ITEM_BREAK,
};

struct item {
    enum item_kind kind;
    bool indefinite; /* bytes, text, array, map: items follow up to a break */
    uint64_t number; /* value, tag, or count of items or pairs */
    double real;
    struct bulla_bytes bytes; /* content of a definite string */
};

/* Read one head, with a definite string's content, and advance. Nothing is taken when kind is
 * NONE, CUT or BAD. */
void item_read(struct bulla_bytes *left, struct item *out);

#endif
