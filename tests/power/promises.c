/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after every power cut, README.md "Promises". Whoever finds one broken says so in
 * device->broken; nothing here knows which cut it was. */

#include "power.h"

#include <string.h>

#define ROUNDS_MAX 8
#define TRIES_MAX  16

static const struct release *release_of(const struct device *device, int32_t release)
{
    return &device->kind->releases->all[release];
}

static bool is_area_worn(const struct device *device)
{
    return device_is_in_place(device->kind) && device->lasting.worn &&
           device_slot_at(device->kind, device->lasting.worn_sector) == BULLA_SLOT_FACTORY;
}

/* P1: what runs was written to its end. Cells that a cut left weak may read right today. */
static void check_area(struct device *device)
{
    uint32_t area = device_slot_offset(device->kind, BULLA_SLOT_FACTORY);

    if (device->broken != NULL || !device_is_in_place(device->kind) ||
        device->running_release == NO_RELEASE)
        return;
    if (device_is_unstable(device, area, area + release_of(device, device->running_release)->size))
        device_break(device, "P1", "release %d is executed from cells that a cut left unstable",
                     device->running_release);
}

/* P1 and P4: what runs. */
static void check_choice(struct device *device, enum bulla_status status)
{
    const struct facts *facts = &device->facts;
    int32_t release = device->running_release;

    if (device->unsettled)
        return;
    if (status != BULLA_OK || device->boot.verdict != BULLA_YES) {
        /* RULE "worn area": there is no other place to execute from */
        if (!is_area_worn(device))
            device_break(device, "P1", "nothing boots: %s", bulla_status_name(status));
        return;
    }
    if (release == NO_RELEASE) {
        device_break(device, "P1", "slot %d boots, which holds nothing that was sealed",
                     device->running);
        return;
    }
    /* RULE "noise": a boot that is told wrong bytes again and again gives up a slot that is good,
     * for good. What it starts instead was sealed as well, and sequence and floor stay. */
    if ((facts->allowed >> release & 1) != 0 || facts->suspect || facts->misled ||
        is_area_worn(device))
        return;
    bool lost = release_of(device, release)->sequence < facts->sequence;
    device_break(device, lost ? "P4" : "P1",
                 "release %d boots from slot %d, allowed are those in 0x%x, confirmed is %u",
                 release, device->running, facts->allowed, facts->sequence);
}

/* P2: what must never step back. */
static void check_counters(struct device *device)
{
    struct facts *facts = &device->facts;
    const struct bulla_client *client = &device->client;
    uint32_t sequence = client->has_confirmed ? client->confirmed.sequence : 0;

    if (facts->suspect)
        return;
    if (sequence < facts->sequence)
        device_break(device, "P2", "confirmed is %u and was %u", sequence, facts->sequence);
    if (client->floor < facts->floor)
        device_break(device, "P2", "the floor is %u and was %u", client->floor, facts->floor);
    facts->sequence = sequence;
    facts->floor = client->floor;
}

/* P3: what otadata selects can boot, and the first choice is what runs. */
static void check_records(struct device *device)
{
    const struct kind *kind = device->kind;
    struct bulla_otadata otadata = {{device_record(device, 0), device_record(device, 1)}};
    int32_t active = bulla_ota_active(&otadata);

    for (uint32_t i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &otadata.record[i];
        int32_t slot = (int32_t)bulla_ota_slot_of(record->seq, device_slots(kind));
        /* RULE "damaged": the idle record of a slot that was damaged by hand stays until the slot
         * is asked for; no cut may bring that about */
        bool by_hand = (int32_t)i != active && (device->facts.damaged >> slot & 1) != 0;
        if (bulla_ota_is_valid(record) && !by_hand && device_release_in(device, slot) == NO_RELEASE)
            device_break(device, "P3",
                         "record %u (%u, state %u) selects slot %d, which cannot boot", i,
                         record->seq, record->state, slot);
    }
    int32_t first =
        active < 0 ? BULLA_SLOT_FACTORY
                   : (int32_t)bulla_ota_slot_of(otadata.record[active].seq, device_slots(kind));
    /* RULE "one bank": a trial that ended goes on, there is nothing else */
    bool is_last_resort =
        device->boot.last_resort && (device->facts.misled || kind->layout == LAYOUT_BANK);
    if (first != device->running && !is_last_resort)
        device_break(device, "P3", "otadata selects slot %d, slot %d runs", first, device->running);
}

static void check_chip(struct device *device)
{
    if (device->sim.violations > 0)
        device_break(device, "P8", "%s", device->sim.note);
}

/* RULE "unstable": of a chip with cells that read anew at each read (a cut can leave such ones)
 * only this is demanded: what boots was sealed, nothing unsealed is written, and commands that fail
 * or forget do so for a while. What happened to read whole once is believed; nobody can tell. */
static bool may_pass(struct device *device, enum bulla_status status, uint32_t *tries)
{
    bool is_of_reads = status == BULLA_E_FLASH_READ || status == BULLA_E_FLASH_READBACK ||
                       status == BULLA_E_TRIAL_PENDING || status == BULLA_E_STATE_DAMAGED ||
                       status == BULLA_E_NOTHING_BOOTABLE || status == BULLA_E_IMAGE_DIGEST ||
                       status == BULLA_E_MODULE_DIGEST;

    if (!is_of_reads || !device->facts.suspect)
        return false;
    device->unsettled = ++*tries >= TRIES_MAX;
    return !device->unsettled;
}

static enum bulla_status boot_somehow(struct device *device)
{
    enum bulla_status status = BULLA_OK;
    uint32_t tries = 0;

    do {
        device_power_on(device);
        status = device_boot(device);
    } while (may_pass(device, status, &tries));
    return status;
}

bool promise_boot(struct device *device)
{
    check_choice(device, boot_somehow(device));
    check_area(device);
    if (device->broken == NULL) {
        check_counters(device);
        check_chip(device);
    }
    if (device->broken == NULL && !device->facts.suspect)
        check_records(device);
    modules_check(device);
    return device->broken == NULL && !device->unsettled;
}

bool promise_choice(struct device *device)
{
    check_choice(device, boot_somehow(device));
    return device->broken == NULL;
}

/* ---- P5: going on ---- */

/* A command once more, as often as RULE "unstable" wants it. */
static enum bulla_status insist(struct device *device, enum verb verb, int32_t argument, bool retry)
{
    enum bulla_status status = BULLA_OK;
    uint32_t tries = 0;

    do {
        if (tries > 0 && !promise_boot(device))
            return status;
        device->operations = device->reads = 0;
        status = verb == VERB_CONFIRM  ? device_confirm(device)
                 : verb == VERB_REJECT ? device_reject(device)
                 : verb == VERB_UPDATE ? device_update(device, argument, 0, retry)
                 : verb == VERB_ADD    ? device_add(device, (uint32_t)argument)
                 : verb == VERB_DELETE ? device_delete(device, (uint32_t)argument)
                                       : device_set_boot(device, argument);
    } while (may_pass(device, status, &tries));
    return status;
}

static bool confirm(struct device *device, int32_t release)
{
    enum bulla_status status = insist(device, VERB_CONFIRM, 0, false);

    if (device->unsettled)
        return false;
    if (status == BULLA_E_NO_TRIAL && device->facts.suspect)
        return promise_boot(device);
    if (status != BULLA_OK) {
        device_break(device, "P5", "confirm of release %d: %s", release, bulla_status_name(status));
        return false;
    }
    device->facts.allowed = 1u << release;
    if (release_of(device, release)->sequence > device->facts.sequence)
        device->facts.sequence = release_of(device, release)->sequence;
    if (release_of(device, release)->secure_version > device->facts.floor)
        device->facts.floor = release_of(device, release)->secure_version;
    return promise_boot(device);
}

/* Choose a release that is older than the confirmed one, and so cannot be installed any more. */
static bool choose(struct device *device, int32_t release)
{
    int32_t slot = (int32_t)device_slots(device->kind) - 1;

    while (slot >= 0 && device_release_in(device, slot) != release)
        slot--;
    device->facts.allowed |= 1u << release;
    enum bulla_status status = insist(device, VERB_SET_BOOT, slot, false);
    if (device->unsettled)
        return false;
    if (status != BULLA_OK) {
        device_break(device, "P5", "set-boot to release %d: %s", release,
                     bulla_status_name(status));
        return false;
    }
    return promise_boot(device);
}

static bool update(struct device *device, int32_t release)
{
    /* RULE "faulted": a trial that could not be marked never ran, and yet counts as failed */
    bool is_excused = device->facts.suspect || device->facts.faulted;

    device->facts.allowed |= 1u << release; /* from its commit on, which a cut may follow */
    enum bulla_status status = insist(device, VERB_UPDATE, release, false);

    if (status == BULLA_E_TRIAL_FAILED_BEFORE &&
        (device->facts.tried[release] >= BULLA_TRIALS_MAX || is_excused))
        status = insist(device, VERB_UPDATE, release, true);
    if (device->unsettled)
        return false;
    if (status != BULLA_OK || device->result.nothing_newer) {
        device_break(device, "P5", "update to release %d again: %s%s", release,
                     bulla_status_name(status),
                     device->result.nothing_newer ? ", nothing newer" : "");
        return false;
    }
    return promise_boot(device);
}

/* What runs and is no trial was confirmed: no older one may be installed. */
static void check_confirmed(struct device *device, int32_t release)
{
    const struct release *r = release_of(device, release);
    bool is_sealed = !(device->kind->unsealed && release == 0);

    if (is_sealed && !device->facts.suspect &&
        (!device->client.has_confirmed || device->client.confirmed.sequence < r->sequence))
        device_break(device, "P5", "release %d runs as confirmed, but its sequence is not",
                     release);
    if (!device->facts.suspect && device->client.floor < r->secure_version && is_sealed)
        device_break(device, "P5", "release %d runs as confirmed, but its floor is not", release);
}

/* Bring this release to run, confirmed. */
static bool reach(struct device *device, int32_t release)
{
    for (int i = 0; i < ROUNDS_MAX && device->broken == NULL && !device->unsettled; i++) {
        bool is_last_resort = device->boot.last_resort && device->kind->layout == LAYOUT_BANK;
        if (device->running_release == release && !device->boot.trial && !is_last_resort) {
            check_confirmed(device, release);
            return device->broken == NULL;
        }
        if (device->running_release == release) {
            if (!confirm(device, release))
                return false;
            if (device->boot.trial && !device->facts.suspect)
                device_break(device, "P4", "release %d is a trial after its confirmation", release);
            return device->broken == NULL;
        }
        bool is_older = release_of(device, release)->sequence < device->facts.sequence;
        if (device->boot.trial ? !promise_boot(device)
            : is_older         ? !choose(device, release)
                               : !update(device, release))
            return false;
    }
    if (!device->unsettled && !device->facts.suspect)
        device_break(device, "P5", "release %d does not come to run in %d rounds", release,
                     ROUNDS_MAX);
    device->unsettled = device->facts.suspect;
    return false;
}

/* The same command again, and the boot after it, until what it asks for runs. */
static bool command_again(struct device *device, enum verb verb)
{
    const struct facts *facts = &device->facts;
    const char *name = verb == VERB_REJECT ? "reject" : "set-boot";

    for (int i = 0; i < (facts->suspect ? ROUNDS_MAX : 1); i++) {
        if (device->running_release == facts->goal ||
            (verb == VERB_REJECT && device->running_release != facts->before))
            return true;
        enum bulla_status status = insist(device, verb, facts->slot, false);
        if (device->unsettled)
            return false;
        if (status != BULLA_OK)
            device_break(device, "P5", "%s again: %s", name, bulla_status_name(status));
        if (device->broken != NULL || !promise_boot(device))
            return false;
    }
    if (device->running_release != facts->goal)
        device_break(device, "P5", "release %d runs after %s", device->running_release, name);
    return device->broken == NULL;
}

/* Adding or deleting once more leads to what it would have led to. */
static bool modules_again(struct device *device)
{
    struct facts *facts = &device->facts;

    if (facts->alone[0] == facts->alone[1]) /* it was refused, or did nothing */
        return true;
    enum bulla_status status = insist(device, facts->verb, facts->slot + 1, false);
    if (device->unsettled)
        return false;
    bool is_done = facts->verb == VERB_DELETE &&
                   (status == BULLA_E_MODULE_UNKNOWN || status == BULLA_E_MODULE_IN_USE);
    if (status != BULLA_OK && !is_done) {
        device_break(device, "P5", "%s again: %s", facts->verb == VERB_ADD ? "add" : "delete",
                     bulla_status_name(status));
        return false;
    }
    facts->alone[0] = facts->alone[1];
    return promise_boot(device);
}

bool promise_settle(struct device *device)
{
    switch (device->facts.verb) {
    case VERB_ADD:
    case VERB_DELETE:
        return modules_again(device);
    case VERB_REJECT:
    case VERB_SET_BOOT:
        return command_again(device, device->facts.verb);
    case VERB_PROVISION:
    case VERB_BOOT:
    case VERB_STOCK_BOOT:
    case VERB_UPDATE:
    case VERB_CONFIRM:
    case VERB_DAMAGE:
    case VERB_FILL:
    case VERB_NUMBERS:
    case VERB_WIPE:
        break;
    }
    return device->facts.goal == NO_RELEASE || reach(device, device->facts.goal);
}

bool promise_goes_on(struct device *device)
{
    return reach(device, RELEASES - 1);
}

/* ---- P7: ESP-IDF's bootloader ---- */

/* RULE "no rollback": a bootloader without it does not know that trials end. It starts what a whole
 * record in NEW or PENDING_VERIFY selects, again and again. */
static bool is_on_trial(const struct device *device, int32_t slot)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record record = device_record(device, i);
        if (bulla_ota_is_valid(&record) &&
            (record.state == BULLA_OTA_NEW || record.state == BULLA_OTA_PENDING_VERIFY) &&
            (int32_t)bulla_ota_slot_of(record.seq, device_slots(device->kind)) == slot)
            return true;
    }
    return false;
}

bool promise_stock(struct device *copy, const struct device *cut, const struct device *after,
                   bool rollback)
{
    device_copy(copy, cut);
    int32_t slot = device_stock_boot(copy, rollback);
    int32_t release = copy->running_release;

    /* it knows no banks: it starts what is executed, or nothing while that is being written */
    if (device_is_in_place(copy->kind) && slot == BULLA_SLOT_NONE)
        return promise_boot(copy);
    if (slot == BULLA_SLOT_NONE || release == NO_RELEASE)
        device_break(copy, "P7", "the stock bootloader starts %s, slot %d",
                     slot == BULLA_SLOT_NONE ? "nothing" : "what was not sealed", slot);
    else if (!device_is_in_place(copy->kind) && release != after->running_release &&
             (copy->facts.allowed >> release & 1) == 0 && (rollback || !is_on_trial(copy, slot)))
        device_break(copy, "P7", "the stock bootloader starts release %d from slot %d, ours %d",
                     release, slot, after->running_release);
    if (copy->broken != NULL)
        return false;
    copy->facts.allowed |= 1u << release;
    return promise_boot(copy);
}
