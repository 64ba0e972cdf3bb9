/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_STATUS_H
#define BULLA_CLI_STATUS_H

/* What the files of `status` share. Each tells its part as text and as members of the JSON object;
 * none writes to flash. docs/OPERATIONS.md, "Status", has the members. */

#include "device.h"
#include "layout.h"

#define STATUS_WHY_SIZE 512u

/* What the app in a slot says of itself, escaped by whoever shows it. */
struct status_app {
    bool found;
    char project[BULLA_ESP_TEXT_MAX];
    char version[BULLA_ESP_TEXT_MAX];
};

/* What a slot holds. */
struct status_slot {
    bool exists;
    bool empty;
    enum bulla_status status; /* may it boot */
    struct bulla_installed installed;
    struct status_app app;
};

struct status_view {
    struct host_tool *tool;
    struct device *device;
    const char *path;
    struct layout layout; /* rows of the table; count 0: it could not be read */
    int32_t running;      /* BULLA_SLOT_NONE: not known */
    bool said_running;    /* by --running, so by the device itself */
    bool trial;           /* it runs as one */
    bool rejected;        /* and was rejected: the next reset ends it */
    int32_t next;         /* slot that boots next, BULLA_SLOT_NONE: none */
    struct status_slot slots[BULLA_SLOTS_MAX + 1u]; /* factory, ota_0, ... */
};

/* ---- status.c ---- */

/* Member of the object; nothing but a release without --json. */
void status_set(struct status_view *view, const char *key, json_t *value);

/* A string of untrusted bytes, escaped; null for an empty one. */
json_t *status_text(const char *text);

struct status_slot *status_slot(struct status_view *view, int32_t slot);

/* All slots, once view->slots is filled. */
void status_tell_slots(struct status_view *view);

/* The slot that runs: place, app, release. BULLA_SLOT_NONE: `instead` is the sentence. */
void status_tell_running(struct status_view *view, const char *instead);

/* What boots next and why; `trial`: for a trial. BULLA_SLOT_NONE: nothing can. */
void status_tell_next(struct status_view *view, const char *why, bool trial);

/* ---- status_flash.c ---- */

void status_read_app(const struct device *device, int32_t slot, struct status_app *app);

/* {label, type, subtype, offset, size} and the numbers of type and subtype. */
json_t *status_row_json(const struct bulla_partition *row);
json_t *status_slot_json(const struct device *device, int32_t slot);

void status_read_table(struct status_view *view);
void status_tell_table(struct status_view *view);
void status_tell_areas(struct status_view *view); /* file systems, modules */

/* ---- status_otadata.c ---- */

/* Both records, and what must have happened for them to look so. After view->next is known. */
void status_tell_otadata(struct status_view *view);

/* ---- status_state.c ---- */

/* Counters, trials, health of the state partition, events. */
void status_tell_state(struct status_view *view);

/* ---- status_bare.c: a flash without a state partition of ours ---- */

void status_tell_bare(struct status_view *view);

#endif
