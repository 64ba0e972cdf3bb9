/* SPDX-License-Identifier: Apache-2.0 */
/* status of a flash without a state partition of ours: shown as ESP-IDF's bootloader sees it. No
 * envelope is stored there and nobody is trusted, so apps are judged by their own structure. */

#include <stdio.h>

#include "status.h"

/* Is there an app that a bootloader starts, by header, segments, checksum and SHA-256? */
static enum bulla_status judge(struct device *device, const struct bulla_partition *row,
                               struct bulla_installed *out)
{
    struct bulla_client *client = &device->client;
    struct bulla_espimage *image = &client->espimage;
    enum bulla_status status = BULLA_OK;

    bulla_espimage_init(image, row->size < BULLA_ESP_IMAGE_MAX ? row->size : BULLA_ESP_IMAGE_MAX);
    for (uint32_t at = 0; status == BULLA_OK && at < row->size && image->facts.image_len == 0;
         at += BULLA_SECTOR_SIZE) {
        uint32_t left = row->size - at;
        uint32_t len = left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
        status = client->flash->read(client->flash->ctx, row->offset + at, client->sector, len);
        if (status == BULLA_OK)
            status = bulla_espimage_feed(image, (struct bulla_bytes){client->sector, len});
        if (status == BULLA_OK && image->facts.format == BULLA_FORMAT_RAW)
            status = BULLA_E_IMAGE_MAGIC;
    }
    out->image = image->facts;
    if (image->facts.image_len != 0) /* what follows it in the slot is no part of it */
        return BULLA_OK;
    return status == BULLA_OK ? BULLA_E_IMAGE_TRUNCATED : status;
}

static void judge_slots(struct status_view *view)
{
    struct device *device = view->device;

    for (int32_t slot = BULLA_SLOT_FACTORY; slot < (int32_t)device->client.layout.slot_count;
         slot++) {
        const struct bulla_partition *row = bulla_layout_slot(&device->client.layout, slot);
        struct status_slot *s = status_slot(view, slot);
        if (row == NULL || row->size == 0)
            continue;
        s->exists = true;
        s->empty = device_is_blank(device, slot);
        s->status = judge(device, row, &s->installed);
        status_read_app(device, slot, &s->app);
    }
}

static bool loads(struct status_view *view, int32_t slot)
{
    const struct status_slot *s = status_slot(view, slot);

    return s->exists && s->status == BULLA_OK;
}

/* ESP-IDF's order: the choice, down to 0, factory, then upwards. States are not looked at. */
static int32_t choose(struct status_view *view, bool rollback, int32_t *first, bool *named)
{
    const struct bulla_client *client = &view->device->client;
    const struct bulla_layout *layout = &client->layout;
    struct bulla_otadata otadata = client->otadata;
    uint32_t rewrites = 0;
    bool initial = false;

    *first = bulla_ota_idf_select(layout->otadata.size != 0 ? &otadata : NULL, layout->slot_count,
                                  layout->factory.size != 0, rollback, &rewrites, &initial);
    *named = layout->otadata.size != 0 && bulla_ota_active(&otadata) >= 0;
    for (int32_t slot = *first; slot >= BULLA_SLOT_FACTORY; slot--) {
        if (loads(view, slot))
            return slot;
    }
    for (int32_t slot = *first + 1; slot < (int32_t)layout->slot_count; slot++) {
        if (loads(view, slot))
            return slot;
    }
    return BULLA_SLOT_NONE;
}

static void explain(struct status_view *view, int32_t first, bool named, int32_t without, char *why,
                    size_t size)
{
    const struct device *device = view->device;
    const struct bulla_otadata *otadata = &device->client.otadata;
    bool blank = otadata->record[0].seq == BULLA_OTA_SEQ_NONE &&
                 otadata->record[1].seq == BULLA_OTA_SEQ_NONE;
    const char *silence =
        blank ? "otadata has no record" : "neither otadata record selects a slot any more";
    bool is_wanted = bulla_layout_slot(&device->client.layout, first) != NULL;
    int used = 0;

    if (view->next == first && named)
        used = snprintf(why, size, "otadata names it");
    else if (view->next == first)
        used = snprintf(why, size, "%s, so it is %s", silence,
                        first == BULLA_SLOT_FACTORY ? "the factory app" : "the first slot");
    else if (is_wanted)
        used = snprintf(
            why, size, "ESP-IDF's bootloader tries %s first, which does not verify (%s)",
            device_slot_name(device, first), bulla_status_name(status_slot(view, first)->status));
    else
        used = snprintf(why, size, "%s, and it is the first slot that verifies", silence);
    if (view->next != without && used > 0 && (size_t)used < size)
        (void)snprintf(why + used, size - (size_t)used,
                       "; a bootloader without rollback boots %s instead",
                       device_slot_name(device, without));
}

static void tell_next(struct status_view *view)
{
    int32_t first = BULLA_SLOT_NONE;
    int32_t other = BULLA_SLOT_NONE;
    bool named = false;
    char why[STATUS_WHY_SIZE];
    int32_t without = choose(view, false, &other, &named);

    view->next = choose(view, true, &first, &named);
    if (view->next == BULLA_SLOT_NONE)
        (void)snprintf(why, sizeof(why), "no slot holds an app that verifies");
    else
        explain(view, first, named, without, why, sizeof(why));
    status_tell_next(view, why, false);
    status_set(view, "next_boot_without_rollback",
               without != BULLA_SLOT_NONE ? json_string(device_slot_name(view->device, without))
                                          : json_null());
}

void status_tell_bare(struct status_view *view)
{
    struct bulla_client *client = &view->device->client;
    const char *detail = "there is no bulla partition: this flash takes no signed updates";

    if (client->layout.otadata.size != 0 &&
        bulla_otadata_read(client->flash, &client->layout.otadata, &client->otadata) != BULLA_OK)
        host_note(view->tool, "otadata cannot be read");
    host_say(view->tool, "State partition missing: %s.", detail);
    host_say(view->tool,
             "What follows is how ESP-IDF's bootloader sees it; no signature is known. "
             "`bulla-device layout %s --flash-size %uM --add-state` makes a table with "
             "a state partition.",
             view->path, (unsigned)(client->flash->size >> 20));
    judge_slots(view);
    view->running = view->said_running ? view->running : BULLA_SLOT_NONE;
    status_tell_running(view, "What runs is not recorded on such a flash.");
    tell_next(view);
    status_set(view, "next_update", json_null());
    status_tell_slots(view);
    status_tell_areas(view);
    status_tell_table(view);
    status_tell_otadata(view);
    status_set(view, "sequence", json_null());
    status_set(view, "floor", json_null());
    status_set(view, "trial_boots", json_null());
    status_set(view, "crashes", json_null());
    status_set(view, "trial_failures", json_null());
    status_set(view, "state", json_null());
    status_set(view, "state_missing", json_string(detail));
    status_set(view, "events", json_array());
}
