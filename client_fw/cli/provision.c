/* SPDX-License-Identifier: Apache-2.0 */
/* provision: the flash of a new device, built in memory, judged there by the code that the device
 * itself runs, and written as a file at the end or not at all. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "layout_cmd.h"
#include "provision.h"
#include "whole.h"

#define REVISION_MAX 65535u

/* ---- what the command line says ---- */

static const char *missing(const struct arguments *a)
{
    if (a->layout == NULL)
        return "layout";
    if (a->flash_size == NULL)
        return "flash-size";
    if (a->app == NULL)
        return "app";
    if (a->trust == NULL)
        return "trust";
    if (a->vendor == NULL)
        return "vendor";
    return a->class_name == NULL ? "class" : NULL;
}

/* Vendor and class become ids. -1, or the exit code. */
static int take_names(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *problem = host_id_name_problem(a->vendor);

    if (problem != NULL)
        return host_usage(tool, "--vendor %s: %s", a->vendor, problem);
    problem = host_id_name_problem(a->class_name);
    if (problem != NULL)
        return host_usage(tool, "--class %s: %s", a->class_name, problem);
    host_vendor_id(a->vendor, f->identity.vendor_id);
    host_class_id(f->identity.vendor_id, a->class_name, f->identity.class_id);
    return -1;
}

static int take_chip(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const struct bulla_chip *chip = bulla_chip_by_name(a->chip != NULL ? a->chip : "esp32");
    uint64_t revision = 0;

    if (chip == NULL)
        return host_usage(tool, "--chip must be the name of an ESP chip like esp32c3, found %s",
                          a->chip);
    if (a->chip_revision != NULL &&
        !host_parse_number(a->chip_revision, REVISION_MAX, false, &revision))
        return host_usage(tool, "--chip-revision must be major * 100 + minor, found %s",
                          a->chip_revision);
    f->chip = chip;
    f->identity.chip_id = chip->id;
    f->identity.chip_revision = (uint16_t)revision;
    return -1;
}

static int take_arguments(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *option = missing(a);
    uint64_t size = 0;

    if (option != NULL)
        return host_usage(tool, "provision needs --%s", option);
    if (!host_parse_number(a->flash_size, FLASH_SIM_SIZE_MAX, true, &size) || size == 0 ||
        size % BULLA_SECTOR_SIZE != 0)
        return host_usage(tool,
                          "--flash-size must be a size like 4M, at most 256M and whole sectors of "
                          "4096 bytes, found %s",
                          a->flash_size);
    f->flash_size = (uint32_t)size;
    if (a->format != NULL && strcmp(a->format, "esp") != 0 && strcmp(a->format, "raw") != 0)
        return host_usage(tool, "--format must be esp or raw, found %s", a->format);
    if (a->otadata != NULL && strcmp(a->otadata, "blank") != 0 && strcmp(a->otadata, "set") != 0)
        return host_usage(tool, "--otadata must be blank or set, found %s", a->otadata);
    f->otadata_set = a->otadata != NULL && strcmp(a->otadata, "set") == 0;
    if (a->factory_envelope != NULL && a->factory_app == NULL)
        return host_usage(tool, "--factory-envelope needs --factory-app");
    if (a->erase && !a->force)
        return host_usage(tool, "--erase goes with --force: both replace an existing flash");
    bool raw = a->format != NULL && strcmp(a->format, "raw") == 0;
    if (raw && (a->envelope == NULL || (a->factory_app != NULL && a->factory_envelope == NULL)))
        return host_usage(tool, "a raw app needs --envelope: nothing in it could be checked at "
                                "boot");
    f->identity.format = raw ? BULLA_FORMAT_RAW : BULLA_FORMAT_ESP;
    int code = take_names(tool, f);
    return code >= 0 ? code : take_chip(tool, f);
}

/* ---- the report ---- */

static int refuse(struct host_tool *tool, struct factory *f, enum bulla_status status)
{
    const struct piece *piece = f->judged;
    char text[FACTORY_WHY_SIZE];

    if (f->why[0] != '\0' || piece == NULL)
        return host_end(tool, status, "%s",
                        f->why[0] != '\0' ? f->why : bulla_status_sentence(status));
    host_explain(status, f->manifest_known ? &f->client.reader.manifest : NULL, &f->client.device,
                 &piece->installed.image, text, sizeof(text));
    if (status == BULLA_E_IMAGE_NOT_AN_APP)
        return host_end(tool, status,
                        "%s; `bulla-sign extract` cuts the app out of a combined flash image",
                        text);
    return host_end(tool, status, "%s", text);
}

static void tell_piece(struct host_tool *tool, const struct factory *f, const struct piece *piece)
{
    const char *flash = f->arguments->flash;
    const char *label = bulla_layout_slot(&f->client.layout, piece->slot)->label;
    unsigned floor = (unsigned)piece->installed.image.secure_version;

    if (piece->installed.sealed)
        host_say(tool, "%s: app in %s, sealed with sequence %u, floor %u", flash, label,
                 (unsigned)piece->installed.sequence, floor);
    else
        host_say(tool, "%s: app in %s, not sealed, floor %u", flash, label, floor);
}

static int finish(struct host_tool *tool, struct factory *f)
{
    const struct bulla_layout *layout = &f->client.layout;
    const struct piece *first = provision_first(f);

    if (tool->json) {
        json_object_set_new(tool->doc, "slot",
                            json_string(bulla_layout_slot(layout, first->slot)->label));
        json_object_set_new(tool->doc, "sealed", json_boolean(first->installed.sealed));
        json_object_set_new(tool->doc, "sequence",
                            first->installed.sealed ? json_integer(first->installed.sequence)
                                                    : json_null());
        json_object_set_new(tool->doc, "floor",
                            json_integer(first->installed.image.secure_version));
    }
    if (f->lost[0] != '\0')
        host_note(tool, "the %s that was there is replaced; lost: %s", f->arguments->flash,
                  f->lost);
    for (uint32_t i = 0; i < f->piece_count; i++)
        tell_piece(tool, f, &f->pieces[i]);
    if (f->piece_count > 1)
        host_say(tool, "%s: %s boots first", f->arguments->flash,
                 bulla_layout_slot(layout, first->slot)->label);
    if (layout->slot_count < 2 && (layout->slot_count == 0 || layout->factory.size == 0))
        host_note(tool, "this layout has no slot to update into");
    return host_end(tool, BULLA_OK, NULL);
}

static void release(struct factory *f)
{
    flash_sim_close(&f->sim);
    host_buffer_free(&f->trust);
    host_buffer_free(&f->bootloader);
    host_buffer_free(&f->file_system);
    for (uint32_t i = 0; i < FACTORY_PIECES; i++) {
        host_buffer_free(&f->pieces[i].app);
        host_buffer_free(&f->pieces[i].envelope);
    }
    free(f);
}

int device_provision(struct host_tool *tool, const struct arguments *arguments)
{
    struct factory *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    f->arguments = arguments;
    f->sim.fd = -1;
    int code = take_arguments(tool, f);
    if (code < 0)
        code = provision_read(tool, f);
    if (code < 0) {
        enum bulla_status status = provision_build(f);
        if (status == BULLA_OK)
            status = flash_sim_save(&f->sim, arguments->flash, arguments->force, f->why);
        code = status == BULLA_OK ? finish(tool, f) : refuse(tool, f, status);
    }
    release(f);
    return code;
}
