/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_DOCUMENT_H
#define BULLA_TEST_DOCUMENT_H

/* Reads a Markdown document of ours: sections (## Title), tables, hex dumps. Include after
 * check.h. Everything that is not there fails the test that asks for it. */

#include <ctype.h>
#include <stdbool.h>

#define DOCUMENT_CELLS 5
#define DOCUMENT_CELL  256

/* The text of a section, up to the next one; to be freed. */
static inline char *document_section(const char *text, const char *title)
{
    char heading[80];
    snprintf(heading, sizeof(heading), "\n## %s\n", title);
    const char *start = strstr(text, heading);
    if (start == NULL)
        fail_msg("there is no section '%s'", title);
    start += strlen(heading);
    const char *end = strstr(start, "\n## ");
    return end != NULL ? strndup(start, (size_t)(end - start) + 1) : strdup(start);
}

/* The first row's beginning of the table whose first column has this title. */
static inline const char *document_table(const char *section, const char *column)
{
    char heading[80];
    snprintf(heading, sizeof(heading), "\n| %s |", column);
    const char *at = strstr(section, heading);
    if (at == NULL)
        fail_msg("there is no table with the column '%s'", column);
    at = strchr(at + 1, '\n');
    at = at != NULL ? strchr(at + 1, '\n') : NULL; /* behind the dashes */
    if (at == NULL)
        fail_msg("the table with the column '%s' has no rows", column);
    return at + 1;
}

/* The next row's cells, trimmed; missing ones are empty. False at the table's end. */
static inline bool document_row(const char **at, char cells[DOCUMENT_CELLS][DOCUMENT_CELL])
{
    const char *p = *at;
    memset(cells, 0, (size_t)DOCUMENT_CELLS * DOCUMENT_CELL);
    if (*p != '|')
        return false;
    for (int i = 0; i < DOCUMENT_CELLS && *p == '|' && p[1] != '\n' && p[1] != '\0'; i++) {
        size_t len = strcspn(++p, "|\n");
        const char *cell = p;
        p += len;
        while (len > 0 && cell[0] == ' ') {
            cell++;
            len--;
        }
        while (len > 0 && cell[len - 1] == ' ')
            len--;
        assert_true(len < DOCUMENT_CELL);
        memcpy(cells[i], cell, len);
    }
    p += strcspn(p, "\n");
    *at = p + (*p == '\n');
    return true;
}

/* A number as documents write them; nothing may follow it. */
static inline uint32_t document_number(const char *cell)
{
    char *end = NULL;
    unsigned long value = strtoul(cell, &end, strncmp(cell, "0x", 2) == 0 ? 16 : 10);
    if (end == cell || *end != '\0')
        fail_msg("'%s' is not a number", cell);
    return (uint32_t)value;
}

/* Bytes of the block that begins "```hex NAME". In a line the bytes end at three blanks or at
 * anything that is no byte: what follows is a comment. */
static inline size_t document_hex(const char *section, const char *name, uint8_t *out, size_t size)
{
    char fence[80];
    size_t len = 0;
    snprintf(fence, sizeof(fence), "```hex %s\n", name);
    const char *line = strstr(section, fence);
    if (line == NULL)
        fail_msg("there is no hex dump '%s'", name);
    for (line += strlen(fence); strncmp(line, "```", 3) != 0; line += strcspn(line, "\n") + 1) {
        const char *p = line + strspn(line, " ");
        while (isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1])) {
            char digits[3] = {p[0], p[1], '\0'};
            assert_true(len < size);
            out[len++] = (uint8_t)strtoul(digits, NULL, 16);
            p += 2;
            size_t blanks = strspn(p, " ");
            if (blanks > 2)
                break;
            p += blanks;
        }
    }
    return len;
}

#endif
