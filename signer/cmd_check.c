/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign check: what a device would say of an image, before anything is signed. */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign check IMAGE [--slot-size N] [--format esp|raw]\n"
    "  --slot-size N      bytes, K and M allowed: the smallest slot it must fit\n"
    "  --format esp|raw   demand this format; default: what the first byte says\n"
    "ESP8266 images (version 1, version 2, MicroPython's single file) are recognized and checked\n"
    "completely; only version 2, a raw image, can be sealed.\n";

static enum bulla_status judge_size(const struct image_scan *scan, uint64_t slot_size,
                                    char why[WHY_SIZE])
{
    if (slot_size == 0 || scan->facts.size <= slot_size)
        return BULLA_OK;
    snprintf(why, WHY_SIZE, "image has %" PRIu32 " bytes, slot has %" PRIu64, scan->facts.size,
             slot_size);
    return BULLA_E_SLOT_TOO_SMALL;
}

static int check(struct host_tool *tool, const char *path, int fd, uint32_t size,
                 uint64_t slot_size, enum bulla_image_format demanded)
{
    struct image_scan scan;
    struct esp8266 small;
    char why[WHY_SIZE];
    enum bulla_status status = image_scan(path, fd, size, NULL, NULL, &scan, why);

    if (status == BULLA_OK) {
        status = esp8266_look(fd, &scan, &small);
        if (status != BULLA_OK)
            snprintf(why, WHY_SIZE, "%s cannot be read again", path);
    }
    if (status != BULLA_OK)
        return cli_end(tool, status, why);
    host_say(tool, "%s", path);
    if (small.kind != ESP8266_NONE)
        esp8266_report(tool, &scan, &small);
    else
        image_report(tool, &scan);
    /* the order of a device: it compares the size before it fetches a byte */
    status = judge_size(&scan, slot_size, why);
    if (status == BULLA_OK)
        status = image_judge(path, fd, &scan, demanded, why);
    /* who demands raw bytes is not asked what they are */
    if (small.kind != ESP8266_NONE && demanded != BULLA_FORMAT_RAW &&
        status != BULLA_E_IMAGE_FORMAT && status != BULLA_E_SLOT_TOO_SMALL)
        status = esp8266_verdict(&small, status, why);
    if (status == BULLA_OK)
        host_say(tool, "  %-15s %s", "verdict",
                 scan.facts.format == BULLA_FORMAT_ESP ? "an app image that devices accept"
                                                       : "a raw image: only its bytes count");
    return cli_end(tool, status, why);
}

int cmd_check(struct host_tool *tool, int argc, char **argv)
{
    const char *path = NULL, *slot_text = NULL, *format_text = NULL;
    const struct cli_option options[] = {
        {"slot-size", 0, &slot_text, NULL},
        {"format", 0, &format_text, NULL},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 1};
    enum bulla_image_format demanded;
    uint64_t slot_size = 0;
    uint32_t size = 0;
    char why[WHY_SIZE];
    int fd = -1;

    int end = cli_parse(tool, &command, argc, argv, &path);
    if (end >= 0)
        return end;
    if (slot_text != NULL &&
        (!host_parse_number(slot_text, UINT32_MAX, true, &slot_size) || slot_size == 0))
        return host_usage(tool, "--slot-size %s: expected 1 to 4294967295, K and M allowed",
                          slot_text);
    if (!cli_format(format_text, &demanded))
        return host_usage(tool, "--format %s: expected esp or raw", format_text);
    enum bulla_status status = image_open(path, &fd, &size, why);
    end = status == BULLA_OK ? check(tool, path, fd, size, slot_size, demanded)
                             : cli_end(tool, status, why);
    if (fd >= 0)
        close(fd);
    return end;
}
