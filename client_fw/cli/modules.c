/* SPDX-License-Identifier: Apache-2.0 */
/* modules: what lies in the area of frozen modules, and out of it again. How modules come in is
 * update's part. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulla/modules.h"
#include "device.h"

#define WHY_SIZE 512u

/* What a subcommand works with. */
struct job {
    struct host_tool *tool;
    const struct arguments *arguments;
    struct device device;
    struct bulla_modules modules;
    char why[WHY_SIZE];
};

/* ---- ls ---- */

static void show(struct job *job, const struct bulla_module *m, json_t *list)
{
    char digest[2 * BULLA_DIGEST_SIZE + 1];
    const char *from = m->alone ? "alone" : device_slot_name(&job->device, m->slot);

    host_hex((struct bulla_bytes){m->digest, sizeof(m->digest)}, digest);
    host_say(job->tool, "%-32s %9u  0x%06x  %10u  %-16s  %-8s  %.16s", m->name, (unsigned)m->size,
             (unsigned)m->offset, (unsigned)m->sequence, from, bulla_module_state_name(m->state),
             digest);
    if (list != NULL)
        json_array_append_new(list, json_pack("{s:s,s:i,s:i,s:I,s:s,s:b,s:s,s:s}", "name", m->name,
                                              "size", (int)m->size, "offset", (int)m->offset,
                                              "sequence", (json_int_t)m->sequence, "from", from,
                                              "alone", m->alone, "state",
                                              bulla_module_state_name(m->state), "sha256", digest));
}

static void show_area(struct job *job)
{
    const struct bulla_client *client = &job->device.client;
    const struct bulla_directory *directory = &job->modules.directory;
    const struct bulla_partition *area = &client->layout.modules;
    uint32_t used = 0;

    for (uint32_t i = 0; i < directory->count; i++)
        used += directory->packs[i].sectors * BULLA_SECTOR_SIZE;
    host_say(job->tool, "%u of %u bytes at 0x%x are taken, by %u of at most %u packs",
             (unsigned)used, (unsigned)area->size, (unsigned)area->offset,
             (unsigned)directory->count, BULLA_PACKS_MAX);
    if (!job->tool->json)
        return;
    json_object_set_new(job->tool->doc, "area",
                        json_pack("{s:i,s:i,s:i,s:i}", "offset", (int)area->offset, "size",
                                  (int)area->size, "used", (int)used, "packs",
                                  (int)directory->count));
    json_object_set_new(job->tool->doc, "newest_alone",
                        client->has_modules ? json_integer(client->modules_sequence) : json_null());
}

static enum bulla_status list(struct job *job)
{
    json_t *array = job->tool->json ? json_array() : NULL;
    struct bulla_module each;
    uint32_t cursor = 0;
    bool more = true;
    enum bulla_status status = bulla_modules_open(&job->modules, &job->device.client);

    if (status == BULLA_OK)
        host_say(job->tool, "%-32s %9s  %8s  %10s  %-16s  %-8s  %s", "name", "size", "offset",
                 "sequence", "from", "state", "sha256");
    while (status == BULLA_OK && more) {
        status = bulla_modules_next(&job->modules, &cursor, &each, &more);
        if (status == BULLA_OK && more)
            show(job, &each, array);
    }
    if (status == BULLA_OK)
        show_area(job);
    if (array != NULL)
        json_object_set_new(job->tool->doc, "modules", array);
    return status;
}

/* ---- del, reset, cat ---- */

static void tell_name(struct job *job)
{
    if (job->tool->json)
        host_member(job->tool, "module", job->arguments->module);
}

static enum bulla_status unknown(struct job *job)
{
    (void)snprintf(job->why, sizeof(job->why), "there is no module %.64s", job->arguments->module);
    return BULLA_E_MODULE_UNKNOWN;
}

static enum bulla_status delete (struct job *job) {
    const char *name = job->arguments->module; struct bulla_module left;
    enum bulla_status status = bulla_modules_delete(&job->device.client, name);

    tell_name(job);
    if (status == BULLA_E_MODULE_UNKNOWN) return unknown(job);
    if (status == BULLA_E_MODULE_IN_USE)(void)
        snprintf(job->why, sizeof(job->why),
                 "%.64s belongs to a release that runs or may run again; a release without "
                 "it removes it",
                 name);
    if (status != BULLA_OK) return status;
    host_say(job->tool, "%s is deleted", name);
    if (bulla_modules_open(&job->modules, &job->device.client) == BULLA_OK &&
        bulla_modules_find(&job->modules, name, &left) == BULLA_OK)
        host_note(job->tool, "the one that came with the app (sequence %u) is found now",
                  (unsigned)left.sequence);
    return BULLA_OK;
}

static enum bulla_status reset(struct job *job)
{
    enum bulla_status status = bulla_modules_reset(&job->device.client);

    if (status == BULLA_OK)
        host_say(job->tool, "all modules that came alone are deleted");
    return status;
}

static enum bulla_status copy_out(struct job *job)
{
    struct bulla_module found;
    const char *path = job->arguments->output;
    enum bulla_status status = bulla_modules_open(&job->modules, &job->device.client);

    tell_name(job);
    if (status == BULLA_OK)
        status = bulla_modules_find(&job->modules, job->arguments->module, &found);
    if (status == BULLA_E_MODULE_UNKNOWN)
        return unknown(job);
    if (status == BULLA_OK && found.bytes == NULL)
        status = BULLA_E_FLASH_READ;
    if (status != BULLA_OK)
        return status;
    status = host_write_file(path, (struct bulla_bytes){found.bytes, found.size}, 0666, true);
    if (status != BULLA_OK)
        (void)snprintf(job->why, sizeof(job->why), "%.256s cannot be written: %s", path,
                       host_write_reason(errno));
    else
        host_say(job->tool, "%s: %u bytes are in %s", found.name, (unsigned)found.size, path);
    return status;
}

/* ---- the command ---- */

static const struct {
    const char *name;
    enum bulla_status (*run)(struct job *job);
    bool takes_module;
} verbs[] = {
    {"ls", list, false},
    {"del", delete, true},
    {"reset", reset, false},
    {"cat", copy_out, true},
};

static int run(struct host_tool *tool, const struct arguments *arguments,
               enum bulla_status (*verb)(struct job *job))
{
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    job->tool = tool;
    job->arguments = arguments;
    enum bulla_status status = device_on(&job->device, arguments->flash, job->why);
    if (status == BULLA_OK)
        status = verb(job);
    if (status == BULLA_E_MODULES_NOT_TAKEN)
        (void)snprintf(job->why, sizeof(job->why),
                       "the partition table has no modules area (`layout --modules SIZE` makes "
                       "one)");
    int code = device_end(tool, &job->device, status, job->why);
    free(job);
    return code;
}

static bool names_source(const struct arguments *a)
{
    return a->url != NULL || a->from != NULL || a->serial != NULL || a->sha256 != NULL ||
           a->length != NULL || a->timeout != NULL || a->memory != NULL || a->transport != NULL ||
           a->client_cert != NULL || a->client_key != NULL || a->auth_file != NULL ||
           a->headers[0] != NULL || a->baud != NULL || a->path != NULL;
}

int device_modules(struct host_tool *tool, const struct arguments *arguments)
{
    const char *verb = arguments->name;
    bool is_cat = strcmp(verb, "cat") == 0;
    bool is_add = strcmp(verb, "add") == 0;

    if (is_cat != (arguments->output != NULL))
        return host_usage(tool,
                          is_cat ? "modules cat needs -o FILE" : "--output is for modules cat");
    if (!is_add && names_source(arguments))
        return host_usage(tool, "a source of modules is for modules add");
    if (is_add) {
        struct arguments sourced = *arguments;
        sourced.modules_alone = true;
        if (arguments->module != NULL)
            return host_usage(tool, "modules add takes the names from the envelope, found %s",
                              arguments->module);
        return device_update(tool, &sourced);
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i].name) != 0)
            continue;
        if (verbs[i].takes_module != (arguments->module != NULL))
            return host_usage(tool, "modules %s %s", verb,
                              verbs[i].takes_module ? "needs the NAME of a module"
                                                    : "takes no NAME");
        return run(tool, arguments, verbs[i].run);
    }
    return host_usage(tool, "modules knows ls, add, del, reset and cat, found %s", verb);
}
