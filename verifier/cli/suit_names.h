/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUIT_NAMES_H
#define SUIT_NAMES_H

/* What the numbers of SUIT and COSE mean, ours and those our profile leaves out: names for the
 * generic dump. draft-ietf-suit-manifest, -update-management, -trust-domains,
 * -firmware-encryption; RFC 9052. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to read a value. */
enum suit_shape {
    SHAPE_ANY,
    SHAPE_ENVELOPE,
    SHAPE_WRAPPER,
    SHAPE_BLOCK,
    SHAPE_HEADERS,
    SHAPE_ALGORITHM,
    SHAPE_DIGEST,
    SHAPE_MANIFEST,
    SHAPE_COMMON,
    SHAPE_COMPONENTS,
    SHAPE_SEQUENCE,
    SHAPE_TRY_EACH,
    SHAPE_PARAMETERS,
    SHAPE_MULTIPLE, /* {component index: parameters} */
    SHAPE_POLICY,
    SHAPE_UUID,
    SHAPE_VERSION,
    SHAPE_TEXT,
    SHAPE_TEXT_LANGUAGE,
    SHAPE_LIST,
};

struct suit_name {
    int64_t number;
    const char *name;
    enum suit_shape shape; /* of its value, or of a command's argument */
    bool wrapped;          /* the value is a byte string holding that */
    bool ours;             /* in our profile */
};

/* The name of `number` among the keys of a map of this shape, or among the commands of
 * SHAPE_SEQUENCE, or the algorithms of SHAPE_ALGORITHM; NULL when it has none. */
const struct suit_name *suit_name_of(enum suit_shape shape, int64_t number);

#endif
