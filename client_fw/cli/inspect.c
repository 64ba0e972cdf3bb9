/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: what a flash image of any tool holds, and what it is good for. Reads only. */

#include "inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE     1024u
#define FLASH_UNKNOWN 0xfffff000u

void inspect_warn(struct inspection *i, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (i->warnings != NULL)
        json_array_append_new(i->warnings, json_string(text));
    else
        fprintf(stderr, "%s: warning: %s\n", i->tool->name, text);
}

/* ---- bootloader ---- */

static void tell_bootloader(struct inspection *i, uint32_t flash_size)
{
    const struct whole_image *boot = &i->boot;
    char idf[LAYOUT_SHOWN_SIZE];

    layout_show(boot->idf_version, strlen(boot->idf_version), idf);
    host_say(i->tool,
             "bootloader at 0x%" PRIx32 ": %" PRIu32 " bytes, checksum %s, SHA-256 %s, "
             "for %uM of flash%s%s",
             i->whole.boot_at + i->whole.delta, boot->len, boot->checksum_good ? "good" : "wrong",
             !boot->has_sha256   ? "none"
             : boot->sha256_good ? "good"
                                 : "wrong",
             (unsigned)(flash_size >> 20), boot->has_description ? ", ESP-IDF " : "",
             boot->has_description ? idf : "");
    if (boot->cut || !boot->checksum_good || (boot->has_sha256 && !boot->sha256_good))
        inspect_warn(i, "the bootloader is damaged: nothing would boot");
    if (i->tool->json)
        json_object_set_new(
            i->tool->doc, "bootloader",
            json_pack("{s:I, s:I, s:b, s:s, s:I, s:o, s:o}", "offset",
                      (json_int_t)i->whole.boot_at + i->whole.delta, "length",
                      (json_int_t)boot->len, "checksum_ok", boot->checksum_good, "sha256",
                      !boot->has_sha256   ? "none"
                      : boot->sha256_good ? "good"
                                          : "wrong",
                      "flash_size", (json_int_t)flash_size, "version",
                      boot->has_description ? json_integer(boot->version) : json_null(),
                      "idf_version", boot->has_description ? json_string(idf) : json_null()));
}

static void inspect_bootloader(struct inspection *i)
{
    const struct whole *w = &i->whole;

    if (i->tool->json)
        json_object_set_new(i->tool->doc, "bootloader", json_null());
    if (w->chip == NULL) {
        host_say(i->tool, "bootloader: none");
        return;
    }
    uint32_t room = BULLA_PARTITION_TABLE_OFFSET - w->chip->boot_offset;
    i->has_boot = true;
    if (w->table_at > w->boot_at)
        room = w->table_at - w->boot_at;
    whole_look(whole_span(w, w->boot_at + w->delta, room), &i->boot);
    tell_bootloader(i, whole_flash_size(i->boot.flash_nibble));
}

/* ---- table ---- */

static uint64_t end_of(const struct layout *layout)
{
    uint64_t end = 0;

    for (uint32_t k = 0; k < layout->count; k++) {
        uint64_t e = (uint64_t)layout->rows[k].offset + layout->rows[k].size;
        end = e > end ? e : end;
    }
    return end;
}

static void warn_of_table(struct inspection *i)
{
    char *text = NULL, *rest, *line, why[LAYOUT_WHY_SIZE];
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);

    if (layout_judge(&i->whole.layout, FLASH_UNKNOWN, why) != BULLA_OK)
        inspect_warn(i, "no device takes this table: %s", why);
    if (memory == NULL)
        return;
    (void)layout_print_warnings(memory, &i->whole.layout);
    if (fclose(memory) == 0)
        for (rest = text; (line = strsep(&rest, "\n")) != NULL;)
            if (line[0] != '\0')
                inspect_warn(i, "%s", line + strlen("warning: "));
    free(text);
}

static void inspect_table(struct inspection *i)
{
    uint64_t end = end_of(&i->whole.layout);
    uint32_t at = i->whole.table_at + i->whole.delta;
    uint32_t believed = i->has_boot ? whole_flash_size(i->boot.flash_nibble) : 0;

    host_say(i->tool, "partition table at 0x%" PRIx32 ":", at);
    if (!i->tool->json)
        layout_print_table(stdout, &i->whole.layout);
    if (i->tool->json) {
        json_object_set_new(i->tool->doc, "table_offset", json_integer(at));
        json_object_set_new(i->tool->doc, "table_end", json_integer((json_int_t)end));
    }
    if (at != BULLA_PARTITION_TABLE_OFFSET)
        inspect_warn(i,
                     "the partition table was moved to 0x%" PRIx32
                     "; devices of ours look for it at 0x8000",
                     at);
    if (believed != 0 && end > believed)
        inspect_warn(i,
                     "the table needs 0x%" PRIx64 " bytes of flash, the bootloader's header says "
                     "%uM: a bootloader that believes its header refuses the table",
                     end, (unsigned)(believed >> 20));
    warn_of_table(i);
}

/* ---- what it is good for ---- */

static void tell_purpose(struct inspection *i)
{
    const struct whole *w = &i->whole;
    uint32_t boot = w->chip != NULL ? w->chip->boot_offset : 0;
    char text[TEXT_SIZE];

    if (i->has_state && w->delta == 0)
        snprintf(text, sizeof(text),
                 "flash of a provisioned device%s: flash it whole at 0x0 of an erased chip; "
                 "`bulla-device status` tells more, updates are sealed apps",
                 i->has_boot ? "" : " without a bootloader, which must be flashed besides");
    else if (i->has_boot && i->apps > 0)
        snprintf(text, sizeof(text),
                 "combined flash image: flash it whole at 0x%" PRIx32
                 "; it is no update: for one take the app: bulla-sign extract %s -o app.bin",
                 w->delta, i->path);
    else if (i->has_boot)
        snprintf(text, sizeof(text),
                 "bootloader and partition table without an app that works: flash it at 0x%" PRIx32
                 " and the app beside it (table at 0x%" PRIx32 ", bootloader at 0x%" PRIx32 ")",
                 w->delta, w->table_at + w->delta, boot);
    else
        snprintf(text, sizeof(text),
                 "flash image without a bootloader: nothing boots until one is flashed besides%s",
                 i->apps > 0 ? "; for an update take the app with bulla-sign extract" : "");
    host_say(i->tool, "%s", text);
    if (i->tool->json)
        json_object_set_new(i->tool->doc, "purpose", json_string(text));
}

/* Not a flash image: what else it is, if that can be told. */
static int tell_other(struct inspection *i, enum bulla_status status, const char *why)
{
    struct bulla_image_facts facts;
    struct whole_image image;

    whole_look(i->whole.file, &image);
    if (image.kind != WHOLE_IMAGE || image.cut)
        return host_end(i->tool, status, "%s: %s", i->path, why);
    if (whole_judge_app(i->whole.file, &image, &facts) == BULLA_OK)
        return host_end(i->tool, status,
                        "%s is an app image and no flash image: `bulla-sign check` tells what is "
                        "in it, `bulla-sign sign` seals it as it is",
                        i->path);
    return host_end(i->tool, status,
                    "%s begins with an ESP image of %" PRIu32
                    " bytes, a bootloader perhaps, and %s",
                    i->path, image.len, why);
}

static int inspect(struct inspection *i, struct bulla_bytes file)
{
    char why[LAYOUT_WHY_SIZE];
    enum bulla_status status = whole_find(file, &i->whole, why);

    if (status != BULLA_OK)
        return tell_other(i, status, why);
    const char *chip = i->whole.chip != NULL ? i->whole.chip->name : "unknown";
    host_say(i->tool, "%s: %zu bytes, begins at flash offset 0x%" PRIx32 ", chip %s", i->path,
             file.len, i->whole.delta, chip);
    if (i->tool->json) {
        json_object_set_new(i->tool->doc, "size", json_integer((json_int_t)file.len));
        json_object_set_new(i->tool->doc, "offset", json_integer(i->whole.delta));
        json_object_set_new(i->tool->doc, "chip", json_string(chip));
        i->warnings = json_array();
        json_object_set_new(i->tool->doc, "warnings", i->warnings);
    }
    inspect_bootloader(i);
    inspect_table(i);
    inspect_partitions(i);
    inspect_otadata(i);
    inspect_state(i);
    tell_purpose(i);
    return host_end(i->tool, BULLA_OK, NULL);
}

int device_inspect(struct host_tool *tool, const struct arguments *arguments)
{
    struct inspection *i = calloc(1, sizeof(*i));
    struct host_buffer file = {NULL, 0};

    if (i == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    i->tool = tool;
    i->path = arguments->flash;
    int code;
    if (host_read_file(i->path, FLASH_SIM_SIZE_MAX, &file) != BULLA_OK)
        code = host_end(tool, BULLA_E_IO, "%s cannot be read: %s", i->path,
                        errno == EFBIG ? "larger than any flash" : strerror(errno));
    else
        code = inspect(i, (struct bulla_bytes){file.data, file.len});
    host_buffer_free(&file);
    free(i);
    return code;
}
