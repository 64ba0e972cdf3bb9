/* SPDX-License-Identifier: Apache-2.0 */
/* What a flash is made from: the files, each judged as far as it can be without a flash. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "layout_cmd.h"
#include "provision.h"
#include "whole.h"

#define CSV_SIZE_MAX 65536u
#define ENVELOPE_MAX (64u << 20)

static int read_input(struct host_tool *tool, const char *path, size_t max, struct host_buffer *out)
{
    if (host_read_file(path, max, out) == BULLA_OK)
        return -1;
    if (errno == EFBIG)
        return host_end(tool, BULLA_E_IO, "%s has more than %zu bytes", path, max);
    return host_end(tool, BULLA_E_IO, "%s cannot be read: %s", path, strerror(errno));
}

static int read_trust(struct host_tool *tool, struct factory *f)
{
    struct bulla_trust trust;
    const char *path = f->arguments->trust;
    int code = read_input(tool, path, BULLA_TRUST_SIZE_MAX, &f->trust);
    if (code >= 0)
        return code;
    enum bulla_status status =
        bulla_trust_decode((struct bulla_bytes){f->trust.data, f->trust.len}, &trust);
    if (status != BULLA_OK)
        return host_end(tool, BULLA_E_USAGE,
                        "%s is not a trust store as `bulla-key trust` makes them: %s", path,
                        bulla_status_sentence(status));
    /* what a device takes on trust is checked here for good: points of prime order, no published
     * test key, anchors that are certificates */
    char why[256];
    status = keys_trust_check(&trust, why);
    if (status != BULLA_OK)
        return host_end(tool, BULLA_E_USAGE, "%s: %s: %s", path, bulla_status_name(status), why);
    return -1;
}

/* A table without room for the state is not thrown away: the one with room is shown. */
static int offer_converted(struct host_tool *tool, struct factory *f)
{
    struct layout converted;
    char why[LAYOUT_WHY_SIZE];

    if (!layout_convert(&f->layout, f->flash_size, &converted, why))
        return host_end(tool, BULLA_E_PARTITION_NO_STATE,
                        "%s has no bulla partition (type 0x40, subtype 0x00, at least 16K), and "
                        "there is no room for one: %s",
                        f->arguments->layout, why);
    if (tool->json) {
        char *text = NULL;
        size_t len = 0;
        FILE *memory = open_memstream(&text, &len);
        if (memory != NULL) {
            layout_print_csv(memory, &converted);
            fclose(memory);
            json_object_set_new(tool->doc, "converted", json_string(text));
        }
        free(text);
    } else {
        layout_print_csv(stdout, &converted);
    }
    return host_end(tool, BULLA_E_PARTITION_NO_STATE,
                    "%s has no bulla partition (type 0x40, subtype 0x00, at least 16K) for the "
                    "device state; the table above has one",
                    f->arguments->layout);
}

static int read_csv(struct host_tool *tool, struct factory *f)
{
    struct host_buffer text = {NULL, 0};
    char why[LAYOUT_WHY_SIZE];
    const char *path = f->arguments->layout;
    int code = read_input(tool, path, CSV_SIZE_MAX, &text);
    if (code >= 0)
        return code;
    bool read = layout_from_csv((const char *)text.data, text.len, &f->layout, why);
    host_buffer_free(&text);
    if (!read || !layout_check(&f->layout, f->flash_size, why))
        return host_end(tool, BULLA_E_USAGE, "%s: %s", path, why);
    if (!layout_has_state(&f->layout))
        return offer_converted(tool, f);
    layout_tell_warnings(tool, &f->layout);
    return -1;
}

static int read_layout(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    struct layout_plan plan = {.kind = a->layout, .small = a->app_size == NULL};
    struct layout_notes notes;
    char why[LAYOUT_WHY_SIZE];

    if (!layout_is_kind(a->layout)) {
        if (a->app_size != NULL || a->fs_size != NULL || a->modules_size != NULL ||
            a->style != NULL)
            return host_usage(tool, "--app-size, --fs-size, --modules and --style are for the "
                                    "built-in layouts; a table as CSV has its own");
        return read_csv(tool, f);
    }
    int code = layout_take_plan(tool, a, &plan);
    if (code >= 0)
        return code;
    if (!layout_make(&plan, &f->layout, &notes, why))
        return host_usage(tool, "%s", why);
    layout_tell_notes(tool, &notes);
    return -1;
}

static const struct bulla_partition *state_row(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        if (layout->rows[i].type == BULLA_TYPE_BULLA && layout->rows[i].subtype == 0)
            return &layout->rows[i];
    }
    return NULL;
}

static uint32_t count_slots(const struct layout *layout)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < layout->count; i++)
        count += layout->rows[i].type == BULLA_TYPE_APP ||
                 (layout->rows[i].type == BULLA_TYPE_BULLA &&
                  (layout->rows[i].subtype & 0xf0) == BULLA_SUBTYPE_BANK_0);
    return count;
}

/* The directory of frozen modules, twice, takes less room than the head of a slot. */
static uint32_t count_directories(const struct layout *layout)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < layout->count; i++)
        count += layout->rows[i].type == BULLA_TYPE_BULLA &&
                 layout->rows[i].subtype == BULLA_SUBTYPE_MODULES;
    return count;
}

/* All that the state will ever hold must fit now: on a device in the field it would be too late. */
static int check_room(struct host_tool *tool, struct factory *f)
{
    const struct bulla_partition *row = state_row(&f->layout);
    uint32_t slots = count_slots(&f->layout);
    uint32_t room = row != NULL ? bulla_state_room(row) : 0;
    uint32_t heads = slots + count_directories(&f->layout);
    uint32_t need = bulla_state_footprint((uint32_t)f->trust.len, 1, heads);

    if (room == 0)
        return host_end(tool, BULLA_E_USAGE,
                        "the bulla partition must begin and end at multiples of %u bytes and have "
                        "at least %u",
                        BULLA_SECTOR_SIZE, BULLA_STATE_SIZE_MIN);
    if (need > room)
        return host_end(tool, BULLA_E_USAGE,
                        "the bulla partition is too small for this trust store and %u app slots: "
                        "a half of it must hold %u bytes and has %u",
                        (unsigned)slots, (unsigned)need, (unsigned)room);
    f->trust_twice = bulla_state_footprint((uint32_t)f->trust.len, 2, heads) <= room;
    return -1;
}

/* --force replaces a flash, never what it is made from. */
static int check_not_an_input(struct host_tool *tool, const struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *inputs[] = {a->app,         a->envelope,         a->trust,      a->layout,
                            a->factory_app, a->factory_envelope, a->bootloader, a->file_system};
    struct stat flash, input;

    if (stat(a->flash, &flash) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        if (inputs[i] != NULL && stat(inputs[i], &input) == 0 && input.st_dev == flash.st_dev &&
            input.st_ino == flash.st_ino)
            return host_usage(tool, "%s is the same file as %s, which the flash is made from",
                              a->flash, inputs[i]);
    }
    return -1;
}

static int read_piece(struct host_tool *tool, struct factory *f, const char *app,
                      const char *envelope)
{
    struct piece *piece = &f->pieces[f->piece_count];

    if (app == NULL)
        return -1;
    f->piece_count++;
    piece->app_path = app;
    piece->envelope_path = envelope;
    int code = read_input(tool, app, f->flash_size, &piece->app);
    if (code < 0 && envelope != NULL)
        code = read_input(tool, envelope, ENVELOPE_MAX, &piece->envelope);
    return code;
}

/* A stock bootloader believes the flash size in its own header, and refuses a table beyond it;
 * one larger than the chip stops ESP-IDF at its first look at the flash. */
static int judge_bootloader(struct host_tool *tool, struct factory *f)
{
    const char *path = f->arguments->bootloader;
    uint32_t room = BULLA_PARTITION_TABLE_OFFSET - f->chip->boot_offset, end = 0;
    struct whole_image image;

    whole_look((struct bulla_bytes){f->bootloader.data, f->bootloader.len}, &image);
    uint32_t believed = whole_flash_size(image.flash_nibble);
    for (uint32_t i = 0; i < f->layout.count; i++)
        if (f->layout.rows[i].offset + f->layout.rows[i].size > end)
            end = f->layout.rows[i].offset + f->layout.rows[i].size;
    if (image.kind != WHOLE_IMAGE || image.cut || !image.checksum_good ||
        (image.has_sha256 && !image.sha256_good))
        return host_end(tool,
                        image.kind == WHOLE_IMAGE ? BULLA_E_IMAGE_CHECKSUM : BULLA_E_IMAGE_MAGIC,
                        "%s is no whole bootloader image", path);
    if (image.chip_id != f->chip->id)
        return host_end(tool, BULLA_E_CHIP_MISMATCH, "%s is for chip id 0x%x, %s has 0x%x", path,
                        (unsigned)image.chip_id, f->chip->name, (unsigned)f->chip->id);
    if (f->bootloader.len > room)
        return host_end(tool, BULLA_E_PARTITION_OVERLAP,
                        "%s has %zu bytes, there are %u before the partition table", path,
                        f->bootloader.len, (unsigned)room);
    if (believed < end || believed > f->flash_size)
        return host_end(tool, BULLA_E_PARTITION_BOUNDS,
                        "%s was built for %uM of flash; the table ends at 0x%x, the flash has "
                        "0x%x bytes: build it for this flash size",
                        path, (unsigned)(believed >> 20), (unsigned)end, (unsigned)f->flash_size);
    return -1;
}

static int judge_file_system(struct host_tool *tool, struct factory *f)
{
    const char *path = f->arguments->file_system;
    uint32_t count = 0;

    for (uint32_t i = 0; i < f->layout.count; i++) {
        if (!layout_is_file_system(&f->layout.rows[i]))
            continue;
        f->file_system_row = f->layout.rows[i];
        count++;
    }
    if (count != 1)
        return host_usage(tool, "--fs needs a layout with one file system, this one has %u",
                          (unsigned)count);
    if (f->file_system.len > f->file_system_row.size)
        return host_end(tool, BULLA_E_PARTITION_BOUNDS, "%s has %zu bytes, '%s' has %u", path,
                        f->file_system.len, f->file_system_row.label,
                        (unsigned)f->file_system_row.size);
    return -1;
}

static int read_parts(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    int code = -1;

    if (a->bootloader != NULL) {
        code = read_input(tool, a->bootloader, f->flash_size, &f->bootloader);
        if (code < 0)
            code = judge_bootloader(tool, f);
    }
    if (code < 0 && a->file_system != NULL) {
        code = read_input(tool, a->file_system, f->flash_size, &f->file_system);
        if (code < 0)
            code = judge_file_system(tool, f);
    }
    return code;
}

int provision_read(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;

    if (!a->force && access(a->flash, F_OK) == 0)
        return host_end(tool, BULLA_E_IO, "%s exists; --force replaces it", a->flash);
    int code = read_layout(tool, f);
    if (code < 0)
        code = read_trust(tool, f);
    if (code < 0)
        code = read_piece(tool, f, a->app, a->envelope);
    if (code < 0)
        code = read_piece(tool, f, a->factory_app, a->factory_envelope);
    if (code < 0)
        code = read_parts(tool, f);
    if (code < 0)
        code = check_room(tool, f);
    if (code < 0)
        code = check_not_an_input(tool, f);
    return code < 0 ? provision_check_replaced(tool, f) : code;
}
