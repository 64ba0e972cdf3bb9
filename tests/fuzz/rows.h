/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FUZZ_ROWS_H
#define BULLA_FUZZ_ROWS_H

/* Two rows of a partition table, member by member: the struct has padding. */

#include <string.h>

#include "bulla/partition.h"

static inline bool fuzz_same_row(const struct bulla_partition *a, const struct bulla_partition *b)
{
    return a->type == b->type && a->subtype == b->subtype && a->offset == b->offset &&
           a->size == b->size && a->flags == b->flags &&
           memcmp(a->label, b->label, sizeof(a->label)) == 0;
}

#endif
