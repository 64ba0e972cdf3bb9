/* SPDX-License-Identifier: Apache-2.0 */
/* Two partition tables compared: what would be looked for in another place than where it lies. */

#include "layout.h"
#include "layout_words.h"

#include <string.h>

/* A partition is known by its kind and its label together. */
static const struct bulla_partition *find(const struct layout *layout,
                                          const struct bulla_partition *row)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->rows[i].type == row->type && layout->rows[i].subtype == row->subtype &&
            strcmp(layout->rows[i].label, row->label) == 0)
            return &layout->rows[i];
    return NULL;
}

static uint32_t compare(FILE *out, const struct bulla_partition *was,
                        const struct bulla_partition *is)
{
    const struct bulla_partition *known = was != NULL ? was : is;
    char name[LAYOUT_SHOWN_SIZE];

    layout_show(known->label, strlen(known->label), name);
    if (was == NULL || is == NULL)
        fprintf(out, "'%s' (0x%x, size 0x%x) is %s\n", name, (unsigned)known->offset,
                (unsigned)known->size, was == NULL ? "new" : "gone");
    else if (was->offset != is->offset)
        fprintf(out, "'%s' moves from 0x%x (size 0x%x) to 0x%x (size 0x%x)\n", name,
                (unsigned)was->offset, (unsigned)was->size, (unsigned)is->offset,
                (unsigned)is->size);
    else if (was->size != is->size)
        fprintf(out, "'%s' at 0x%x has size 0x%x instead of 0x%x\n", name, (unsigned)is->offset,
                (unsigned)is->size, (unsigned)was->size);
    else if (was->flags != is->flags)
        fprintf(out, "'%s' has flags 0x%x instead of 0x%x\n", name, (unsigned)is->flags,
                (unsigned)was->flags);
    else
        return 0;
    return 1;
}

uint32_t layout_print_differences(FILE *out, const struct layout *flashed,
                                  const struct layout *wanted)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < flashed->count; i++)
        count += compare(out, &flashed->rows[i], find(wanted, &flashed->rows[i]));
    for (uint32_t i = 0; i < wanted->count; i++)
        if (find(flashed, &wanted->rows[i]) == NULL)
            count += compare(out, NULL, &wanted->rows[i]);
    return count;
}
