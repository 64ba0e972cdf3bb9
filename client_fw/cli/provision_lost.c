/* SPDX-License-Identifier: Apache-2.0 */
/* What --force replaces: said when it is lost, and refused when nobody can tell what it is. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "layout_cmd.h"
#include "provision.h"
#include "whole.h"

static bool is_blank(struct bulla_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != 0xff)
            return false;
    return true;
}

static void add(struct factory *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct factory *f, const char *format, ...)
{
    size_t at = strlen(f->lost);
    va_list args;

    va_start(args, format);
    vsnprintf(f->lost + at, sizeof(f->lost) - at, format, args);
    va_end(args);
}

static void find_state(struct factory *f, struct whole *flashed)
{
    const struct bulla_partition *row = whole_state_row(&flashed->layout);
    struct bulla_confirmed confirmed;
    struct whole_state s;
    uint32_t floor = 0;
    bool found = false;

    if (row == NULL || whole_open_state(flashed, row, &s) != BULLA_OK ||
        bulla_state_get_confirmed(&s.state, &confirmed, &found) != BULLA_OK ||
        bulla_state_get_floor(&s.state, &floor) != BULLA_OK)
        return;
    if (found)
        add(f, "its device state (confirmed sequence %" PRIu32 ", floor %" PRIu32 ")",
            confirmed.sequence, floor);
    else
        add(f, "its device state (no sequence confirmed, floor %" PRIu32 ")", floor);
}

/* Apps and what selects them are replaced by the same: the rest is data. */
static bool holds_data(const struct bulla_partition *row)
{
    if (row->type == BULLA_TYPE_APP || bulla_partition_is_state(row))
        return false;
    if (row->type == BULLA_TYPE_DATA)
        return row->subtype != BULLA_SUBTYPE_DATA_OTA;
    return row->type != BULLA_TYPE_BULLA || (row->subtype & 0xf0) != BULLA_SUBTYPE_BANK_0;
}

static void find_data(struct factory *f, const struct whole *flashed)
{
    const char *before = f->lost[0] != '\0' ? ", what was in " : "what was in ";

    for (uint32_t i = 0; i < flashed->layout.count; i++) {
        const struct bulla_partition *row = &flashed->layout.rows[i];
        char name[LAYOUT_SHOWN_SIZE];
        if (!holds_data(row) || is_blank(whole_span(flashed, row->offset, row->size)))
            continue;
        layout_show(row->label, strlen(row->label), name);
        add(f, "%s'%s'", before, name);
        before = ", ";
    }
}

static int judge_unknown(struct host_tool *tool, const struct factory *f, const char *why)
{
    const char *path = f->arguments->flash;

    if (!f->arguments->erase)
        return host_end(tool, BULLA_E_PARTITION_CHANGED,
                        "%s is not blank, and what is in it cannot be told (%s): it would be lost. "
                        "Save it, then say --erase",
                        path, why);
    host_note(tool, "the table on %s could not be read: erase the whole flash before writing",
              path);
    return -1;
}

int provision_check_replaced(struct host_tool *tool, struct factory *f)
{
    const char *path = f->arguments->flash;
    struct host_buffer file = {NULL, 0};
    struct stat info;
    struct whole flashed;
    char why[LAYOUT_WHY_SIZE];

    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return -1; /* nothing to lose, or nothing that will be replaced: saving says so */
    if (host_read_file(path, FLASH_SIM_SIZE_MAX, &file) != BULLA_OK)
        return errno == EFBIG ? judge_unknown(tool, f, "it is larger than any flash") : -1;
    struct bulla_bytes bytes = {file.data, file.len};
    int code = -1;
    if (whole_find(bytes, &flashed, why) == BULLA_OK) {
        code = layout_compare(tool, path, &flashed.layout, &f->layout, f->arguments->erase);
        find_state(f, &flashed);
        find_data(f, &flashed);
    } else if (!is_blank(bytes)) {
        code = judge_unknown(tool, f, why);
    }
    host_buffer_free(&file);
    return code;
}
