/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen modules in the sweep: what releases and packs bring, the commands, and promise P10. */

#include "bulla/modules.h"

#include <stdio.h>
#include <string.h>

#include "power.h"

static const char *const uris[MODULES_MAX] = {"/r/m0", "/r/m1"};

/* ---- what is sealed ---- */

static void add(struct sealed_modules *m, const char *name, uint32_t size, uint32_t seed)
{
    uint32_t i = m->count++;
    uint32_t state = seed * 2654435761u | 1u;

    m->names[i] = name;
    m->size[i] = size;
    for (uint32_t at = 0; at < size; at++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        m->bytes[i][at] = (uint8_t)(state >> 11);
    }
}

void modules_seal(const struct releases *r, const struct release *release, uint32_t sequence,
                  struct sealed_modules *m)
{
    const struct seal_options how = {
        .sequence = sequence, .vendor_id = r->vendor_id, .class_id = r->class_id};
    struct seal_image images[MODULES_MAX + 1];
    size_t count = 0;

    if (release != NULL)
        images[count++] = (struct seal_image){NULL, "app.bin", {release->image, release->size}};
    for (uint32_t i = 0; i < m->count; i++)
        images[count++] = (struct seal_image){m->names[i], uris[i], {m->bytes[i], m->size[i]}};
    seal_buffer_free(&m->envelope);
    seal_images(images, count, &how, &r->key, &m->envelope);
}

/* Every release but the first has modules, of which one keeps its name. */
void modules_of_release(uint32_t number, struct sealed_modules *m)
{
    if (number == 0)
        return;
    add(m, "m", number % 2 == 1 ? 5000 : 700, 300 + number);
    if (number % 3 == 0)
        add(m, "extra", 300, 330 + number);
}

/* Packs alone: a name that all have, one of the releases', one of their own. */
void modules_of_packs(struct releases *r)
{
    static const char *const second[PACKS] = {NULL, "m", "y", "y"};

    for (uint32_t i = 0; i < PACKS; i++) {
        struct sealed_modules *m = &r->packs[i];
        add(m, i == 2 ? "z" : "x", 400 + i * 1500, 400 + i);
        if (second[i] != NULL)
            add(m, second[i], 200, 430 + i);
        modules_seal(r, NULL, 10 + i, m);
    }
}

/* ---- commands ---- */

void modules_serve(struct device *device, const struct sealed_modules *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        device->server.files[2 + i] = (struct bench_file){uris[i], {m->bytes[i], m->size[i]}};
    if (m->count > 0)
        device->server.files[0] =
            (struct bench_file){"/r/app.suit", {m->envelope.data, m->envelope.len}};
}

enum bulla_status device_add(struct device *device, uint32_t pack)
{
    return device_fetch(device, &device->kind->releases->packs[pack]);
}

static const char *const deleted[] = {"x", "y", "z", "m"};

enum bulla_status device_delete(struct device *device, uint32_t name)
{
    enum bulla_status status = device_open(device);

    if (status == BULLA_OK)
        status = name < sizeof(deleted) / sizeof(deleted[0])
                     ? bulla_modules_delete(&device->client, deleted[name])
                     : bulla_modules_reset(&device->client);
    if (device->told)
        printf("%*sdelete %u: %s\n", (int)device->depth * 4 + 2, "", name,
               bulla_status_name(status));
    return status;
}

/* ---- P10 ---- */

static bool is_one_of(const struct sealed_modules *m, const struct device *device,
                      const struct bulla_module *found)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (strcmp(m->names[i], found->name) == 0 && m->size[i] == found->size &&
            memcmp(m->bytes[i], device->sim.bytes + found->offset, found->size) == 0)
            return true;
    }
    return false;
}

static bool was_sealed(const struct device *device, const struct bulla_module *found)
{
    const struct releases *r = device->kind->releases;

    if (found->alone) {
        for (uint32_t i = 0; i < PACKS; i++) {
            if (is_one_of(&r->packs[i], device, found))
                return true;
        }
        return false;
    }
    for (uint32_t i = 0; i < RELEASES; i++) {
        if (is_one_of(&r->all[i].modules, device, found))
            return true;
    }
    return false;
}

struct view {
    uint64_t alone;  /* what came alone, in any order */
    uint32_t of_app; /* modules of what runs */
    uint32_t unfit;
};

/* Look at every module as an app would. False: nobody can tell (cells that read anew). */
static bool look(struct device *device, struct view *view)
{
    struct bulla_modules modules;
    struct bulla_module each;
    uint32_t cursor = 0;
    bool more = true;

    *view = (struct view){.alone = 1};
    enum bulla_status status = device_open(device);
    if (status == BULLA_OK)
        status = bulla_modules_open(&modules, &device->client);
    while (status == BULLA_OK && more) {
        status = bulla_modules_next(&modules, &cursor, &each, &more);
        if (status != BULLA_OK || !more)
            break;
        view->unfit += each.state == BULLA_MODULE_UNFIT ? 1 : 0;
        if (each.state == BULLA_MODULE_WAITING || each.state == BULLA_MODULE_UNFIT)
            continue;
        if (!was_sealed(device, &each))
            device_break(device, "P10", "a lookup of %s gives what was not sealed", each.name);
        if (each.alone)
            view->alone += hash_bytes(each.sequence, each.name, sizeof(each.name));
        else
            view->of_app++;
    }
    return status == BULLA_OK;
}

uint64_t modules_alone(struct device *device)
{
    struct view view;

    return look(device, &view) ? view.alone : 0;
}

/* Whoever runs has its modules, and what came alone is what it was, or all of what was to come. */
void modules_check(struct device *device)
{
    struct facts *facts = &device->facts;
    struct view view;

    if (device->kind->kit != KIT_MODULES || device->broken != NULL ||
        device->running_release == NO_RELEASE || device->unsettled)
        return;
    uint32_t expected = device->kind->releases->all[device->running_release].modules.count;
    bool is_known = look(device, &view);
    /* RULES "unstable", "noise" and "worn area" */
    if (facts->suspect || facts->misled || device->lasting.worn || device->broken != NULL)
        return;
    if (!is_known)
        device_break(device, "P10", "the modules cannot be looked at");
    else if (view.unfit > 0)
        device_break(device, "P10", "%u modules do not verify", view.unfit);
    else if (view.of_app != expected)
        device_break(device, "P10", "release %d runs with %u of %u modules",
                     device->running_release, view.of_app, expected);
    else if (view.alone != facts->alone[0] && view.alone != facts->alone[1])
        device_break(device, "P10", "of the modules that came alone some are others");
}

/* Into the area goes what was sealed, from the start of a sector. */
void modules_judge_program(struct device *device, uint32_t offset, const uint8_t *bytes, size_t len)
{
    const struct releases *r = device->kind->releases;
    uint32_t area = device_modules_offset(device->kind);

    if (device->kind->kit != KIT_MODULES || offset < area || device->trusted)
        return;
    for (uint32_t i = 0; i < RELEASES + PACKS; i++) {
        const struct sealed_modules *m =
            i < RELEASES ? &r->all[i].modules : &r->packs[i - RELEASES];
        if (m->count > 0 && len <= m->envelope.len && memcmp(m->envelope.data, bytes, len) == 0)
            return;
        for (uint32_t k = 0; k < m->count; k++) {
            for (uint32_t at = 0; at + len <= m->size[k]; at += BULLA_SECTOR_SIZE) {
                if (memcmp(m->bytes[k] + at, bytes, len) == 0)
                    return;
            }
        }
    }
    device_break(device, "P10", "0x%x: %zu bytes that were not sealed go into the area", offset,
                 len);
}
