/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables for people: CSV as gen_esp32part.py prints it, and warnings. */

#include "layout.h"
#include "layout_words.h"

#include <string.h>

/* A comma would begin a new column, '$' a variable; blanks at the ends and a '#' in front would
 * be lost. Labels are text already, so anything beyond ASCII can stay. */
static bool csv_can_carry(const char *label, size_t i)
{
    bool end = i == 0 || label[i + 1] == '\0';

    return label[i] != ',' && label[i] != '$' && !(i == 0 && label[i] == '#') &&
           !(end && label[i] == ' ');
}

static void print_name(FILE *out, const char *label)
{
    for (size_t i = 0; label[i] != '\0'; i++) {
        if (csv_can_carry(label, i))
            fputc(label[i], out);
        else
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)label[i]);
    }
}

static void print_word(FILE *out, const char *word, uint8_t number)
{
    if (word != NULL)
        fprintf(out, ",%s", word);
    else
        fprintf(out, ",%u", (unsigned)number);
}

static void print_size(FILE *out, uint32_t size)
{
    if (size % 0x100000 == 0)
        fprintf(out, ",%uM", (unsigned)(size / 0x100000));
    else if (size % 0x400 == 0)
        fprintf(out, ",%uK", (unsigned)(size / 0x400));
    else
        fprintf(out, ",0x%x", (unsigned)size);
}

void layout_print_csv(FILE *out, const struct layout *layout)
{
    fprintf(out, "# Name, Type, SubType, Offset, Size, Flags\n");
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];
        bool encrypted = (row->flags & LAYOUT_FLAG_ENCRYPTED) != 0;
        bool readonly = (row->flags & LAYOUT_FLAG_READONLY) != 0;

        print_name(out, row->label);
        print_word(out, layout_type_word(row->type), row->type);
        print_word(out, layout_subtype_word(row->type, row->subtype), row->subtype);
        fprintf(out, ",0x%x", (unsigned)row->offset);
        print_size(out, row->size);
        fprintf(out, ",%s%s%s\n", encrypted ? "encrypted" : "", encrypted && readonly ? ":" : "",
                readonly ? "readonly" : "");
    }
}

#define NAME_COLUMN 10

/* 1572864 as "1,572,864". */
static const char *grouped(uint32_t number, char buf[16])
{
    char digits[11];
    int len = snprintf(digits, sizeof(digits), "%u", (unsigned)number), out = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf[out++] = ',';
        buf[out++] = digits[i];
    }
    buf[out] = '\0';
    return buf;
}

static const char *word_or_number(const char *word, uint8_t number, char buf[8])
{
    if (word != NULL)
        return word;
    snprintf(buf, 8, "0x%02x", (unsigned)number);
    return buf;
}

void layout_print_table(FILE *out, const struct layout *layout)
{
    int width = NAME_COLUMN;

    for (uint32_t i = 0; i < layout->count; i++) {
        char name[LAYOUT_SHOWN_SIZE];

        layout_show(layout->rows[i].label, strlen(layout->rows[i].label), name);
        width = (int)strlen(name) > width ? (int)strlen(name) : width;
    }
    fprintf(out, "# %-*s %-8s %-10s %8s %10s (bytes)\n", width, "Name", "Type", "SubType", "Offset",
            "Size");
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];
        char name[LAYOUT_SHOWN_SIZE], type[8], subtype[8], size[16];

        layout_show(row->label, strlen(row->label), name);
        fprintf(out, "  %-*s %-8s %-10s %#8x %#10x %10s\n", width, name,
                word_or_number(layout_type_word(row->type), row->type, type),
                word_or_number(layout_subtype_word(row->type, row->subtype), row->subtype, subtype),
                (unsigned)row->offset, (unsigned)row->size, grouped(row->size, size));
    }
}

/* ---- warnings ---- */

static uint32_t warn(FILE *out, const struct bulla_partition *row, bool wrong, const char *what)
{
    char name[LAYOUT_SHOWN_SIZE];

    if (!wrong)
        return 0;
    layout_show(row->label, strlen(row->label), name);
    fprintf(out, "warning: partition '%s' (0x%x) %s\n", name, (unsigned)row->offset, what);
    return 1;
}

static uint32_t warn_row(FILE *out, const struct bulla_partition *row, bool name_cut)
{
    bool readonly = (row->flags & LAYOUT_FLAG_READONLY) != 0;
    bool unknown = (row->flags & ~(LAYOUT_FLAG_ENCRYPTED | LAYOUT_FLAG_READONLY)) != 0;

    return warn(out, row, name_cut, "has a longer name than fits, it was cut to 16 bytes") +
           warn(out, row, row->label[0] == '\0', "has no name") +
           warn(out, row, row->size == 0, "has no room") +
           warn(out, row, layout_name_misleads(row), "is called like a type that it is not of") +
           warn(out, row, readonly && row->type == BULLA_TYPE_APP,
                "is a readonly app, which no update can replace") +
           warn(out, row, unknown, "has flags that are not known");
}

/* Two apps or two otadata of one kind no device takes; two of other data are found by label only.
 */
static uint32_t warn_repeated(FILE *out, const struct layout *layout, uint32_t i)
{
    const struct bulla_partition *row = &layout->rows[i];
    char first[LAYOUT_SHOWN_SIZE], what[LAYOUT_SHOWN_SIZE + 80];

    for (uint32_t j = 0; j < i && row->type != BULLA_TYPE_APP; j++) {
        const struct bulla_partition *earlier = &layout->rows[j];

        if (earlier->type != row->type || earlier->subtype != row->subtype)
            continue;
        layout_show(earlier->label, strlen(earlier->label), first);
        snprintf(what, sizeof(what),
                 "has the same type and subtype as '%s': who asks by kind finds "
                 "only the first",
                 first);
        return warn(out, row, true, what);
    }
    return 0;
}

uint32_t layout_print_warnings(FILE *out, const struct layout *layout)
{
    uint32_t warnings = 0, slots = 0, banks = 0;
    bool otadata = false;

    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];

        warnings += warn_row(out, row, layout->name_cut[i]) + warn_repeated(out, layout, i);
        if (row->type == BULLA_TYPE_APP && (row->subtype & 0xf0) == BULLA_SUBTYPE_OTA_0)
            slots++;
        if (row->type == BULLA_TYPE_BULLA && (row->subtype & 0xf0) == BULLA_SUBTYPE_BANK_0)
            banks++;
        if (row->type == BULLA_TYPE_DATA && row->subtype == BULLA_SUBTYPE_DATA_OTA)
            otadata = true;
    }
    if (slots == 0 && banks == 0 && otadata) {
        fprintf(out, "warning: there is otadata and no OTA slot for it to choose\n");
        warnings++;
    }
    if (slots == 1) {
        fprintf(out, "warning: there is one OTA slot only, it cannot be updated while it runs\n");
        warnings++;
    }
    return warnings;
}
