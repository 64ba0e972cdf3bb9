/* SPDX-License-Identifier: Apache-2.0 */
/* Chips by the names that tools take. A device knows its chip by number and leaves this file out.
 */

#include "espimage_chips.h"

static bool same_text(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const struct bulla_chip *bulla_chip_by_name(const char *name)
{
    for (size_t i = 0; i < BULLA_CHIP_COUNT; i++)
        if (same_text(bulla_chips[i].name, name))
            return &bulla_chips[i];
    return NULL;
}
