/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-16 and UTF-32 to UTF-8, for CSV files as editors on other systems save them. */

#include "layout_text.h"

#include <stdlib.h>
#include <string.h>

struct span {
    const char *text;
    size_t len;
};

struct encoding {
    const char *mark;
    uint8_t mark_len;
    uint8_t unit; /* bytes */
    bool big_endian;
};

/* UTF-32's little-endian mark begins with UTF-16's, so it is asked for first. */
static struct encoding find_encoding(struct span text)
{
    static const struct encoding known[] = {{"\xff\xfe\0\0", 4, 4, false},
                                            {"\0\0\xfe\xff", 4, 4, true},
                                            {"\xff\xfe", 2, 2, false},
                                            {"\xfe\xff", 2, 2, true},
                                            {"\xef\xbb\xbf", 3, 1, false}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (text.len >= known[i].mark_len &&
            memcmp(text.text, known[i].mark, known[i].mark_len) == 0)
            return known[i];
    return (struct encoding){"", 0, 1, false};
}

static uint32_t cut_unit(struct span *rest, struct encoding e)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < e.unit; i++) {
        unsigned char byte = (unsigned char)rest->text[e.big_endian ? i : e.unit - 1u - i];

        value = value << 8 | byte;
    }
    rest->text += e.unit;
    rest->len -= e.unit;
    return value;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }

    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(c | (0xf00u >> len & 0xffu));
    return len;
}

/* One character, of one unit or of a UTF-16 pair; above 0x10ffff when it is none. */
static uint32_t cut_character(struct span *rest, struct encoding e)
{
    uint32_t c = cut_unit(rest, e);

    if (e.unit == 2 && c >= 0xd800 && c < 0xdc00 && rest->len >= 2) {
        uint32_t low = cut_unit(rest, e);

        return low >= 0xdc00 && low < 0xe000 ? 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00)
                                             : UINT32_MAX;
    }
    return c >= 0xd800 && c < 0xe000 ? UINT32_MAX : c;
}

/* `in` as UTF-8 in `out`, twice as long: 2 bytes become 3 at most, 4 become 4. False when the
 * last unit is cut off or something is no character. */
static bool recode(struct span in, struct encoding e, char *out, size_t *out_len)
{
    *out_len = 0;
    while (in.len >= e.unit) {
        uint32_t c = cut_character(&in, e);

        if (c > 0x10ffff)
            return false;
        *out_len += put_utf8(c, out + *out_len);
    }
    return in.len == 0;
}

bool layout_to_utf8(const char **text, size_t *len, char **owned, char why[LAYOUT_WHY_SIZE])
{
    struct encoding e = find_encoding((struct span){*text, *len});
    struct span in = {*text + e.mark_len, *len - e.mark_len};

    *owned = NULL;
    if (e.unit > 1) {
        *owned = malloc(in.len * 2 + 1);
        if (*owned == NULL)
            return layout_refuse(why, "no memory for %zu bytes of text", in.len);
        if (!recode(in, e, *owned, &in.len))
            return layout_refuse(why, "the text begins as UTF-%u and is not", e.unit * 8u);
        in.text = *owned;
    }
    *text = in.text;
    *len = in.len;
    return true;
}
