/* SPDX-License-Identifier: Apache-2.0 */
/* Where inside an operation the power fails, and what it leaves of what it did not reach. "Before
 * operation k" and "after operation k - 1" are one moment and made once: only the first operation
 * has a before. */

#include "power.h"

#define SHORT_PROGRAM 512u /* records and otadata: torn at every byte */
#define COMPACTION    24u  /* a step with more operations copies the log: many of one sort */

const char *const way_names[WAYS] = {"before", "torn", "garbage", "unstable", "after"};

/* A few of each, for what is combined with other cuts. */
static bool is_coarse(const struct operation *o, enum way way, uint32_t n)
{
    if (o->kind != OPERATION_PROGRAM)
        return way == WAY_CLEAN ? n == o->len / 2 : n == 0;
    return n == o->len / 2 || (way == WAY_CLEAN && n + 1 == o->len);
}

static bool in_erase(const struct operation *o, enum level level, enum way way, uint32_t n)
{
    static const uint32_t some[] = {1, 32, 64, 256, 1024, 2048, 3072, 4064, 4095};
    uint32_t step = o->len / (level == LEVEL_LONG ? 64u : 8u);

    if (n % step == 0)
        return level == LEVEL_LONG || way == WAY_CLEAN || n == 0 || n == o->len / 2;
    for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        if (n == some[i])
            return true;
    return false;
}

static bool in_program(const struct operation *o, enum level level, enum way way, uint32_t n)
{
    bool is_edge = n < 2 || n + 2 > o->len || n % 1024 == 0 || n % 1024 == 255;

    if (o->len > SHORT_PROGRAM)
        return level == LEVEL_LONG ? way == WAY_CLEAN || n % 16 == 0 || is_edge
                                   : is_edge && (way == WAY_CLEAN || n % 2 == 0);
    return level == LEVEL_LONG || way == WAY_CLEAN || o->offset < FIRST_SLOT || is_edge ||
           n % 32 == (way == WAY_GARBAGE ? 8 : 19);
}

static bool is_wanted(const struct operation *o, enum level level, uint32_t depth,
                      const struct kind *kind, enum way way, uint32_t n)
{
    if (n == 0 && way == WAY_CLEAN)
        return false; /* nothing happened: the moment before */
    if (level == LEVEL_QUICK)
        return is_coarse(o, way, n) && (o->number + n + way) % 17 == 0;
    if (depth > 1)
        return is_coarse(o, way, n);
    /* what is torn within a byte-wise chip is not torn anew for the others */
    bool is_other_chip = kind->unit > 1 || kind->blocks;
    bool is_of_many = kind->kit == KIT_LARGE && device_slot_at(kind, o->offset) != BULLA_SLOT_NONE;
    if ((is_other_chip && (level != LEVEL_LONG || n % BULLA_FLASH_UNIT_MAX != 0 || n > 256)) ||
        ((is_of_many || (o->number > COMPACTION && depth == 1)) && level != LEVEL_LONG))
        return is_coarse(o, way, n);
    return o->kind == OPERATION_PROGRAM ? in_program(o, level, way, n) : in_erase(o, level, way, n);
}

bool cuts_next(const struct operation *operation, enum level level, uint32_t depth,
               const struct kind *kind, uint32_t *index, struct cut *cut)
{
    uint32_t len = operation->len;

    cut->operation = operation->number;
    for (;;) {
        uint32_t i = (*index)++;
        cut->bytes = i % len;
        cut->way = (enum way)(WAY_CLEAN + i / len);
        if (level != LEVEL_LONG && i == 3 * len && operation->number > COMPACTION &&
            operation->number % 4 != 0)
            return false;
        if (i >= 3 * len) { /* the last two */
            cut->way = i == 3 * len ? WAY_AFTER : WAY_BEFORE;
            cut->bytes = i == 3 * len ? len : 0;
            return i == 3 * len || (i == 3 * len + 1 && depth == 1 && operation->number == 1);
        }
        if (is_wanted(operation, level, depth, kind, cut->way, cut->bytes))
            return true;
    }
}
