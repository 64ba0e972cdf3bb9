/* SPDX-License-Identifier: Apache-2.0 */
/* What an update costs the flash: bytes erased and programmed in the slot, against the image's, and
 * what otadata and the device state take beside. */

#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum place { PLACE_SLOT, PLACE_OTADATA, PLACE_STATE, PLACES };

struct cost {
    uint64_t erased[PLACES];
    uint64_t programmed[PLACES];
};

static void take(struct device *device, const struct operation *operation)
{
    struct cost *cost = device->log;
    enum place place = device_slot_at(device->kind, operation->offset) != BULLA_SLOT_NONE
                           ? PLACE_SLOT
                       : operation->offset >= device_state_offset(device->kind) ? PLACE_STATE
                                                                                : PLACE_OTADATA;

    if (operation->kind == OPERATION_PROGRAM)
        cost->programmed[place] += operation->len;
    else
        cost->erased[place] += operation->len;
}

/* The update alone, then the boots and the confirmation that end it. */
static bool measure(struct device *device, int32_t release, bool confirm, const char *what)
{
    struct cost cost = {{0}, {0}};
    double size = device->kind->releases->all[release].size;

    device->log = &cost;
    device->on_operation = take;
    device->operations = device->reads = 0;
    enum bulla_status status = device_update(device, release, 0, false);
    double erased = (double)cost.erased[PLACE_SLOT] / size;
    double programmed = (double)cost.programmed[PLACE_SLOT] / size;
    if (status == BULLA_OK)
        status = device_boot(device);
    if (status == BULLA_OK)
        status = confirm ? device_confirm(device) : device_boot(device);
    printf("%-44s %6.3f %10.3f %8llu %10llu %8llu %10llu\n", what, erased, programmed,
           (unsigned long long)cost.erased[PLACE_OTADATA],
           (unsigned long long)cost.programmed[PLACE_OTADATA],
           (unsigned long long)cost.erased[PLACE_STATE],
           (unsigned long long)cost.programmed[PLACE_STATE]);
    device->on_operation = NULL;
    if (status != BULLA_OK)
        printf("BROKEN %s: %s\n", what, bulla_status_name(status));
    if (erased > 1.02 || programmed > 1.02)
        printf("BROKEN %s: more than 1.02 of the image\n", what);
    return status == BULLA_OK && erased <= 1.02 && programmed <= 1.02;
}

/* Release 1 and 2 have no sector in common with what was before; 3 is 1 in all but every tenth. */
static void make_images(struct releases *r)
{
    static const uint32_t tenth = 10 * BULLA_SECTOR_SIZE;

    for (uint32_t i = 1; i <= 3; i++) {
        for (uint32_t at = 0; at < r->all[i].size; at++)
            r->all[i].image[at] = (uint8_t)(r->all[0].image[at] ^
                                            (i == 3 && at % tenth >= BULLA_SECTOR_SIZE ? 1 : i));
        releases_seal(r, i);
    }
}

static bool measure_all(const struct kind *kind)
{
    struct device *device = malloc(sizeof(*device));

    if (device == NULL)
        abort();
    device_make(device, kind);
    bool good = device_provision(device) == BULLA_OK && device_boot(device) == BULLA_OK;
    if (!good)
        printf("BROKEN provisioning: %s\n", device->sim.note);
    good = good && measure(device, 1, true, "another image into a blank slot") &&
           measure(device, 2, true, "another image over an older one") &&
           measure(device, 3, false, "a tenth differs from what the slot holds") &&
           measure(device, 3, true, "the slot holds it already, trial failed");
    device_free(device);
    free(device);
    return good;
}

int wear_print(struct releases *releases)
{
    struct kind kind = {
        .layout = LAYOUT_TWO, .kit = KIT_LARGE, .unit = 1, .releases = &releases[KIT_LARGE]};

    make_images(&releases[KIT_LARGE]);
    printf(
        "an image of %u bytes; slot: bytes of flash for each byte of the image, otadata and state: "
        "bytes for update, boots and confirm\n",
        releases[KIT_LARGE].all[0].size);
    printf("%-44s %6s %10s %8s %10s %8s %10s\n", "", "slot", "", "otadata", "", "state", "");
    printf("%-44s %6s %10s %8s %10s %8s %10s\n", "update", "erased", "programmed", "erased",
           "programmed", "erased", "programmed");
    bool good = measure_all(&kind);
    kind.blocks = true;
    kind.unit = 32;
    printf("with block erase and units of 32 bytes\n");
    return measure_all(&kind) && good ? 0 : 1;
}
