/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV form of a partition table.
 *
 * Holds: *out is empty and `why` a sentence on failure; an accepted table encodes, decodes to the
 * same rows, prints as CSV that reads back the same, and can be converted to one with a place for
 * the device state wherever one is refused for no other reason. */

#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "layout.h"
#include "rows.h"

static void check_sentence(const char *why)
{
    size_t len = strnlen(why, LAYOUT_WHY_SIZE);

    FUZZ_CHECK(len > 0 && len < LAYOUT_WHY_SIZE);
    for (size_t i = 0; i < len; i++)
        FUZZ_CHECK((unsigned char)why[i] >= 0x20 && (unsigned char)why[i] < 0x7f);
}

static bool same_rows(const struct layout *a, const struct layout *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!fuzz_same_row(&a->rows[i], &b->rows[i]))
            return false;
    }
    return true;
}

/* What is left of the names in the table still tells the partitions apart. */
static void check_names(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        FUZZ_CHECK(bulla_partition_label_is_text(layout->rows[i].label));
        for (uint32_t j = 0; j < i; j++)
            FUZZ_CHECK(strcmp(layout->rows[i].label, layout->rows[j].label) != 0);
    }
}

static void check_binary(const struct layout *layout)
{
    uint8_t *table = malloc(BULLA_PARTITION_TABLE_SIZE);
    struct layout *again = malloc(sizeof(*again));
    char why[LAYOUT_WHY_SIZE] = "";

    FUZZ_CHECK(table != NULL && again != NULL);
    FUZZ_CHECK(layout_encode(layout, table, why));
    struct bulla_bytes bytes = {table, BULLA_PARTITION_TABLE_SIZE};
    /* the device's decoder also minds what CSV tools do not, such as flags: only agreement counts
     */
    if (layout_decode(bytes, again, why) == BULLA_OK)
        FUZZ_CHECK(same_rows(layout, again));
    else
        check_sentence(why);
    free(table);
    free(again);
}

static void check_print(const struct layout *layout)
{
    char *text = NULL, why[LAYOUT_WHY_SIZE] = "";
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct layout *again = malloc(sizeof(*again));

    FUZZ_CHECK(out != NULL && again != NULL);
    layout_print_csv(out, layout);
    fclose(out);
    bool carried = strstr(text, "\\x") == NULL; /* names that a line can carry */
    if (layout_from_csv(text, len, again, why))
        FUZZ_CHECK(!carried || same_rows(layout, again));
    free(text);
    text = NULL;
    out = open_memstream(&text, &len);
    FUZZ_CHECK(out != NULL);
    (void)layout_print_warnings(out, layout);
    fclose(out);
    free(text);
    free(again);
}

static void check_device(const struct layout *layout, uint32_t flash_size)
{
    char why[LAYOUT_WHY_SIZE] = "";
    struct layout *converted = malloc(sizeof(*converted));

    FUZZ_CHECK(converted != NULL);
    bool good = layout_check(layout, flash_size, why);
    if (!good)
        check_sentence(why);
    why[0] = '\0';
    if (layout_convert(layout, flash_size, converted, why)) {
        FUZZ_CHECK(layout_has_state(converted));
        FUZZ_CHECK(!good || layout_check(converted, flash_size, why));
    } else {
        check_sentence(why);
        FUZZ_CHECK(fuzz_is_zero(converted, sizeof(*converted)));
    }
    free(converted);
}

void fuzz_layout(struct bulla_bytes in)
{
    static const uint32_t sizes[] = {0x200000, 0x400000, 0x1000000};
    char why[LAYOUT_WHY_SIZE] = "";
    struct layout *layout = malloc(sizeof(*layout));
    uint8_t *copy = fuzz_copy(in);

    FUZZ_CHECK(layout != NULL);
    memset(layout, 0xa5, sizeof(*layout));
    if (layout_from_csv((const char *)copy, in.len, layout, why)) {
        FUZZ_CHECK(layout->count >= 1 && layout->count <= LAYOUT_ROWS_MAX);
        check_names(layout);
        check_binary(layout);
        check_print(layout);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            check_device(layout, sizes[i]);
    } else {
        check_sentence(why);
        FUZZ_CHECK(fuzz_is_zero(layout, sizeof(*layout)));
    }
    free(copy);
    free(layout);
}
