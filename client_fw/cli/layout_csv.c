/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV form of a partition table, by the rules of ESP-IDF's gen_esp32part.py 1.5: the same
 * bytes come out, the same tables are refused. Two things it does are not done: environment
 * variables are not expanded, and a name cut inside a character is refused. */

#include "layout.h"
#include "layout_text.h"
#include "layout_words.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_OFFSET (BULLA_PARTITION_TABLE_OFFSET + 0x1000)
#define NVS_WRITABLE 0x3000 /* a smaller one cannot be written, ESP-IDF insists on readonly */
#define LABEL_SIZE   16u
#define FIELDS       6u
#define NUMBER_MAX   (UINT64_C(1) << 40) /* anything larger is too large for every field */

/* ---- text ---- */

struct span {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_blank(s.text[0])) {
        s.text++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.text[s.len - 1]))
        s.len--;
    return s;
}

/* Cut what comes before `stop` off the front of *rest, `stop` too. */
static struct span cut(struct span *rest, char stop)
{
    const char *found = rest->len > 0 ? memchr(rest->text, stop, rest->len) : NULL;
    struct span front = {rest->text, found != NULL ? (size_t)(found - rest->text) : rest->len};
    size_t gone = front.len + (found != NULL ? 1 : 0);

    rest->text += gone;
    rest->len -= gone;
    return front;
}

/* The next line; LF, CR LF and CR end one. */
static struct span cut_line(struct span *rest)
{
    size_t len = 0;

    while (len < rest->len && rest->text[len] != '\n' && rest->text[len] != '\r')
        len++;

    struct span line = {rest->text, len};

    if (len + 1 < rest->len && rest->text[len] == '\r' && rest->text[len + 1] == '\n')
        len++;
    len += len < rest->len ? 1 : 0;
    rest->text += len;
    rest->len -= len;
    return line;
}

/* ---- numbers ---- */

static uint64_t times(uint64_t value, uint64_t factor)
{
    return value > NUMBER_MAX / factor ? NUMBER_MAX : value * factor;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Digits of `base` with single underscores between them. */
static bool read_digits(struct span s, int base, uint64_t *value)
{
    bool after_digit = false;

    *value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.text[i] == '_' && after_digit) {
            after_digit = false;
            continue;
        }

        int digit = digit_value(s.text[i]);

        if (digit >= base)
            return false;
        after_digit = true;
        *value = times(*value, (uint64_t)base) + (uint64_t)digit;
    }
    return after_digit;
}

/* Decimal, 0x, 0o or 0b; zeros in front of a decimal number would look octal to others. */
static bool read_unsigned(struct span s, uint64_t *value)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};

    for (size_t i = 0; i < 3 && s.len > 2 && s.text[0] == '0'; i++) {
        if ((s.text[1] | 0x20) != prefixes[i].letter)
            continue;

        size_t skip = s.text[2] == '_' ? 3 : 2;

        return read_digits((struct span){s.text + skip, s.len - skip}, prefixes[i].base, value);
    }
    return read_digits(s, 10, value) && (*value == 0 || s.text[0] != '0');
}

static uint64_t suffix_factor(char c)
{
    if (c == 'k' || c == 'K')
        return 1024;
    return c == 'm' || c == 'M' ? 1024 * 1024 : 0;
}

/* A whole number with any of the suffixes k and m behind it. */
static bool read_number(struct span s, int64_t *number)
{
    uint64_t factor = 1, value = 0;
    bool negative = false;

    s = trim(s);
    while (s.len > 0 && suffix_factor(s.text[s.len - 1]) != 0) {
        factor = times(factor, suffix_factor(s.text[s.len - 1]));
        s.len--;
        s = trim(s);
    }
    if (s.len > 0 && (s.text[0] == '-' || s.text[0] == '+')) {
        negative = s.text[0] == '-';
        s.text++;
        s.len--;
    }
    if (!read_unsigned(s, &value))
        return false;
    value = times(value, factor);
    *number = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* ---- one line ---- */

struct line {
    unsigned number;
    struct span field[FIELDS];
    struct bulla_partition row; /* offset and size come from below */
    bool offset_blank, name_cut;
    int64_t offset, size;
};

static bool refuse_field(const struct line *line, const char *what, struct span found,
                         const char *expected, char *why)
{
    char shown[LAYOUT_SHOWN_SIZE];

    layout_show(found.text, found.len, shown);
    return layout_refuse(why, "line %u: %s '%s' is not %s", line->number, what, shown, expected);
}

/* Where there is no word for it, a number will do. */
static bool read_byte(struct span s, uint8_t *value)
{
    int64_t number = 0;

    if (!read_number(s, &number) || number < 0 || number > 0xff)
        return false;
    *value = (uint8_t)number;
    return true;
}

static bool read_name(struct line *line, char *why)
{
    struct span name = line->field[0];

    line->name_cut = name.len > LABEL_SIZE;
    if (memchr(name.text, '\0', name.len) != NULL)
        return refuse_field(line, "name", name, "text", why);
    memcpy(line->row.label, name.text, line->name_cut ? LABEL_SIZE : name.len);
    if (!bulla_partition_label_is_text(line->row.label))
        return refuse_field(line, "name", name,
                            "printable UTF-8 whose first 16 bytes end with a character", why);
    return true;
}

static bool read_kind(struct line *line, char *why)
{
    struct span type = line->field[1], subtype = line->field[2];

    if (type.len == 0)
        return layout_refuse(why, "line %u: the type is empty", line->number);
    if (!layout_find_type(type.text, type.len, &line->row.type) &&
        !read_byte(type, &line->row.type))
        return refuse_field(line, "type", type,
                            "one of app, data, bootloader, partition_table or a number up to 255",
                            why);
    if (subtype.len == 0 && line->row.type == BULLA_TYPE_APP)
        return layout_refuse(why, "line %u: an app partition needs a subtype", line->number);
    if (subtype.len == 0) {
        line->row.subtype = LAYOUT_DATA_UNDEFINED;
        return true;
    }
    if (!layout_find_subtype(line->row.type, subtype.text, subtype.len, &line->row.subtype) &&
        !read_byte(subtype, &line->row.subtype))
        return refuse_field(line, "subtype", subtype,
                            "a subtype of this type or a number up to 255", why);
    return true;
}

static bool is_primary_table(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_PARTITION_TABLE && row->subtype == 0;
}

static bool read_place(struct line *line, char *why)
{
    struct span offset = line->field[3], size = line->field[4];

    if (line->row.type == BULLA_TYPE_BOOTLOADER)
        return layout_refuse(why,
                             "line %u: where the bootloader lies depends on the chip, a table for "
                             "every chip cannot say it",
                             line->number);
    line->offset_blank = offset.len == 0;
    if (is_primary_table(&line->row)) {
        line->offset_blank = false;
        line->offset = BULLA_PARTITION_TABLE_OFFSET;
    } else if (!line->offset_blank && !read_number(offset, &line->offset)) {
        return refuse_field(line, "offset", offset, "a number", why);
    }
    if (line->row.type == BULLA_TYPE_PARTITION_TABLE) {
        line->size = 0x1000;
        return true;
    }
    if (size.len == 0)
        return layout_refuse(why, "line %u: the size is empty", line->number);
    if (!read_number(size, &line->size))
        return refuse_field(line, "size", size, "a number, such as 0x6000, 24K or 1M", why);
    return true;
}

static bool read_flags(struct line *line, char *why)
{
    struct span rest = line->field[5];

    while (rest.len > 0) {
        struct span flag = cut(&rest, ':');

        if (flag.len == strlen("encrypted") && memcmp(flag.text, "encrypted", flag.len) == 0)
            line->row.flags |= LAYOUT_FLAG_ENCRYPTED;
        else if (flag.len == strlen("readonly") && memcmp(flag.text, "readonly", flag.len) == 0)
            line->row.flags |= LAYOUT_FLAG_READONLY;
        else if (flag.len > 0)
            return refuse_field(line, "flag", flag, "encrypted or readonly", why);
    }
    return true;
}

static bool read_line(struct span text, struct line *line, char *why)
{
    if (memchr(text.text, '$', text.len) != NULL)
        return layout_refuse(why, "line %u: variables ('$') are not expanded", line->number);
    for (unsigned i = 0; i < FIELDS; i++)
        line->field[i] = trim(cut(&text, ','));
    return read_name(line, why) && read_kind(line, why) && read_place(line, why) &&
           read_flags(line, why);
}

/* ---- the whole table ---- */

static int64_t alignment(const struct bulla_partition *row)
{
    return row->type == BULLA_TYPE_APP ? 0x10000 : 0x1000;
}

/* Offset and size of one row, given where the one before it ends. */
static bool settle(struct line *line, int64_t *end, bool first, char *why)
{
    int64_t unit = alignment(&line->row);

    if (is_primary_table(&line->row)) {
        line->row.offset = (uint32_t)line->offset;
        line->row.size = (uint32_t)line->size;
        return true;
    }
    if (line->offset_blank)
        line->offset = (*end + unit - 1) / unit * unit;
    else if (line->offset < *end)
        return layout_refuse(why, "line %u: offset %s0x%llx lies before 0x%llx, where %s ends",
                             line->number, line->offset < 0 ? "-" : "",
                             (unsigned long long)llabs(line->offset), (unsigned long long)*end,
                             first ? "the partition table" : "the previous partition");
    if (line->size < 0) /* the end address, written with a minus */
        line->size = -line->size - line->offset;
    if (line->size < 0 || line->size > UINT32_MAX || line->offset > UINT32_MAX)
        return layout_refuse(why,
                             "line %u: offset and size do not fit in 32 bits, or the end lies "
                             "before the offset",
                             line->number);
    *end = line->offset + line->size;
    line->row.offset = (uint32_t)line->offset;
    line->row.size = (uint32_t)line->size;
    return true;
}

static bool judge_line(const struct line *line, char *why)
{
    const struct bulla_partition *row = &line->row;
    bool data = row->type == BULLA_TYPE_DATA, readonly = (row->flags & LAYOUT_FLAG_READONLY) != 0;

    if (row->offset % alignment(row) != 0)
        return layout_refuse(why, "line %u: offset 0x%x is not a multiple of 0x%x", line->number,
                             (unsigned)row->offset, (unsigned)alignment(row));
    if (row->type == BULLA_TYPE_APP && row->size % 0x1000 != 0)
        return layout_refuse(why, "line %u: size 0x%x of an app is not a multiple of 0x1000",
                             line->number, (unsigned)row->size);
    if (data && readonly &&
        (row->subtype == BULLA_SUBTYPE_DATA_OTA || row->subtype == LAYOUT_DATA_COREDUMP))
        return layout_refuse(why, "line %u: this partition is written to, it cannot be readonly",
                             line->number);
    if (data && !readonly && row->subtype == LAYOUT_DATA_NVS && row->size < NVS_WRITABLE)
        return layout_refuse(why,
                             "line %u: nvs of 0x%x bytes is smaller than 0x%x and not readonly",
                             line->number, (unsigned)row->size, (unsigned)NVS_WRITABLE);
    if (data && row->size != 0x2000 &&
        (row->subtype == BULLA_SUBTYPE_DATA_OTA || row->subtype == LAYOUT_DATA_TEE_OTA))
        return layout_refuse(why, "line %u: otadata has 0x2000 bytes, not 0x%x", line->number,
                             (unsigned)row->size);
    return true;
}

static bool judge_pair(const struct line *a, const struct line *b, char *why)
{
    bool twins = a->row.type == b->row.type && a->row.subtype == b->row.subtype;
    bool once = is_primary_table(&a->row) ||
                (a->row.type == BULLA_TYPE_DATA && (a->row.subtype == BULLA_SUBTYPE_DATA_OTA ||
                                                    a->row.subtype == LAYOUT_DATA_TEE_OTA));

    /* gen_esp32part.py compares the names as written, the device what is left of them */
    if (strcmp(a->row.label, b->row.label) == 0)
        return layout_refuse(why, "line %u: line %u has the same name", b->number, a->number);
    if (twins && once)
        return layout_refuse(why, "line %u: line %u is the one partition of this kind", b->number,
                             a->number);
    return true;
}

static bool judge_lines(const struct line *lines, uint32_t count, char *why)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!judge_line(&lines[i], why))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (!judge_pair(&lines[j], &lines[i], why))
                return false;
    }
    return true;
}

static bool read_lines(struct span rest, struct line *lines, uint32_t *count, char *why)
{
    for (unsigned number = 1; rest.len > 0; number++) {
        struct span text = trim(cut_line(&rest));

        if (text.len == 0 || text.text[0] == '#')
            continue;
        if (*count == LAYOUT_ROWS_MAX)
            return layout_refuse(why, "line %u: a partition table holds %u rows", number,
                                 (unsigned)LAYOUT_ROWS_MAX);
        lines[*count].number = number;
        if (!read_line(text, &lines[*count], why))
            return false;
        (*count)++;
    }
    if (*count == 0)
        return layout_refuse(why, "the partition table has no rows");
    return true;
}

static bool read_table(struct span text, struct layout *out, char *why)
{
    struct line lines[LAYOUT_ROWS_MAX] = {{.number = 0}};
    int64_t end = FIRST_OFFSET;
    uint32_t count = 0;

    if (!read_lines(text, lines, &count, why))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!settle(&lines[i], &end, i == 0, why))
            return false;
    if (!judge_lines(lines, count, why))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        out->rows[i] = lines[i].row;
        out->name_cut[i] = lines[i].name_cut;
    }
    out->count = count;
    return true;
}

bool layout_from_csv(const char *text, size_t len, struct layout *out, char why[LAYOUT_WHY_SIZE])
{
    char *owned = NULL;
    struct span utf8 = {text, len};

    memset(out, 0, sizeof(*out));

    bool good = layout_to_utf8(&utf8.text, &utf8.len, &owned, why) && read_table(utf8, out, why);

    free(owned);
    return good;
}
