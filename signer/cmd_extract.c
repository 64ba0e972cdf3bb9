/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign extract: cut the app out of a combined flash image, exactly and checked. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign extract FLASH_IMAGE -o APP [--partition NAME]\n"
    "FLASH_IMAGE holds bootloader, partition table and app, from flash offset 0 or from the\n"
    "bootloader's offset. The app is the slot that otadata in the file selects, else factory,\n"
    "else ota_0; it is cut where its own structure ends, Secure Boot signature included.\n"
    "  --partition NAME   the app in the partition of this label instead\n";

/* The image ends where its structure says; what follows is neither read nor judged. */
static enum bulla_status copy_app(const char *path, int fd, const struct flash_image *flash,
                                  uint32_t size, struct host_writer *w, struct image_scan *scan,
                                  char why[WHY_SIZE])
{
    enum bulla_status status = image_scan_part(path, fd, flash->app_offset, size, w, scan, why);

    if (status != BULLA_OK)
        return status;
    if (scan->facts.format != BULLA_FORMAT_ESP) {
        snprintf(why, WHY_SIZE, "expected an app image (0xE9) at file offset 0x%" PRIx32 " ('%s')",
                 flash->app_offset, flash->label);
        return BULLA_E_IMAGE_MAGIC;
    }
    if (scan->structure != BULLA_OK)
        snprintf(why, WHY_SIZE, "the app '%s' at file offset 0x%" PRIx32 " is damaged: %s",
                 flash->label, flash->app_offset, bulla_status_sentence(scan->structure));
    return scan->structure;
}

static int extract(struct host_tool *tool, const char *path, int fd, uint32_t file_size,
                   const char *partition, const char *out)
{
    struct flash_image flash;
    struct image_scan scan;
    struct host_writer w;
    uint32_t size = 0;
    char why[WHY_SIZE];
    enum bulla_status status = flash_image_find_named(fd, file_size, partition, &flash, why);

    if (status == BULLA_OK)
        status = flash_image_app_size(fd, &flash, &size);
    if (status != BULLA_OK)
        return cli_end(tool, status, why);
    if (host_writer_open(&w, out, 0644) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s: %s", out, host_write_reason(errno));
    status = copy_app(path, fd, &flash, size, &w, &scan, why);
    if (status != BULLA_OK) {
        host_writer_abort(&w);
        return cli_end(tool, status, why);
    }
    if (host_writer_commit(&w, true) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s: %s", out, host_write_reason(errno));

    host_say(tool, "%s: app '%s' from file offset 0x%" PRIx32, out, flash.label, flash.app_offset);
    if (tool->json) {
        char *label =
            host_escape((struct bulla_bytes){(const uint8_t *)flash.label, strlen(flash.label)});
        host_member(tool, "output", out);
        json_object_set_new(tool->doc, "partition", json_string(label != NULL ? label : ""));
        json_object_set_new(tool->doc, "offset", json_integer(flash.app_offset));
        free(label);
    }
    image_report(tool, &scan);
    return host_end(tool, BULLA_OK, NULL);
}

int cmd_extract(struct host_tool *tool, int argc, char **argv)
{
    const char *path = NULL, *out = NULL, *partition = NULL;
    const struct cli_option options[] = {
        {"output", 'o', &out, NULL},
        {"partition", 0, &partition, NULL},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 1};
    uint32_t size = 0;
    char why[WHY_SIZE];
    int fd = -1;

    int end = cli_parse(tool, &command, argc, argv, &path);
    if (end >= 0)
        return end;
    if (out == NULL)
        return host_usage(tool, "-o APP is missing");
    end = cli_keep_input(tool, out, path);
    if (end >= 0)
        return end;
    enum bulla_status status = image_open(path, &fd, &size, why);
    end = status == BULLA_OK ? extract(tool, path, fd, size, partition, out)
                             : cli_end(tool, status, why);
    if (fd >= 0)
        close(fd);
    return end;
}
