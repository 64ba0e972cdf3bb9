/* SPDX-License-Identifier: Apache-2.0 */
/* A device's life as a line of words, one a power-on, and living it undisturbed: every word must
 * end as it says. What may be demanded after a cut inside of one is found by living it twice. */

#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 900u /* more than a log has room for */

/* ---- words ---- */

static const struct {
    const char *word;
    enum verb verb;
} words[] = {
    {"provision", VERB_PROVISION}, {"boot", VERB_BOOT},         {"stock-boot", VERB_STOCK_BOOT},
    {"update", VERB_UPDATE},       {"confirm", VERB_CONFIRM},   {"reject", VERB_REJECT},
    {"set-boot", VERB_SET_BOOT},   {"damage", VERB_DAMAGE},     {"fill", VERB_FILL},
    {"numbers", VERB_NUMBERS},     {"wipe-otadata", VERB_WIPE}, {"add", VERB_ADD},
    {"delete", VERB_DELETE},
};

static void die(const char *what, const char *text)
{
    fprintf(stderr, "bulla-power: %s: %s\n", what, text);
    exit(2);
}

static enum bulla_status status_named(const char *name)
{
    for (int i = 0; i < 400; i++) {
        const char *is = bulla_status_name((enum bulla_status)i);
        if (is != NULL && strcmp(is, name) == 0)
            return (enum bulla_status)i;
    }
    die("no status has this name", name);
    return BULLA_OK;
}

/* word[:argument[/dropped after so many bytes]][!status]; slots are 0, 1, 2 or f, stored plus 1 */
static struct step parse_step(const char *text)
{
    struct step step = {.verb = VERB_BOOT, .expected = BULLA_OK};
    char word[sizeof(step.text)];

    snprintf(step.text, sizeof(step.text), "%s", text);
    snprintf(word, sizeof(word), "%s", text);
    char *status = strchr(word, '!');
    if (status != NULL) {
        *status = '\0';
        step.expected = status_named(status + 1);
    }
    char *argument = strchr(word, ':');
    if (argument != NULL) {
        *argument = '\0';
        char *drop = strchr(argument + 1, '/');
        step.drop_after = drop != NULL ? (uint32_t)strtoul(drop + 1, NULL, 10) : 0;
        step.argument = argument[1] == 'f' ? 0 : (uint32_t)strtoul(argument + 1, NULL, 10);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, word) != 0)
            continue;
        step.verb = words[i].verb;
        if (argument != NULL && argument[1] != 'f' &&
            (step.verb == VERB_SET_BOOT || step.verb == VERB_DAMAGE))
            step.argument++;
        return step;
    }
    die("no such word in a life", word);
    return step;
}

uint32_t life_parse(const struct scenario *scenario, struct step steps[STEPS_MAX])
{
    char life[600];
    uint32_t count = 0;
    char *rest = life;

    snprintf(life, sizeof(life), "%s", scenario->life);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (count == STEPS_MAX)
            die("too long a life", scenario->name);
        steps[count++] = parse_step(word);
    }
    return count;
}

bool life_is_power_on(const struct step *step)
{
    return step->verb != VERB_DAMAGE && step->verb != VERB_FILL && step->verb != VERB_NUMBERS &&
           step->verb != VERB_WIPE;
}

/* ---- by hand ---- */

static enum bulla_status damage(struct device *device, int32_t slot)
{
    uint32_t at = device_slot_offset(device->kind, slot) + 700;

    device->sim.bytes[at] ^= 0x10;
    flash_sim_touch(&device->sim, at, 1);
    device->facts.damaged |= 1u << (slot & 31);
    return BULLA_OK;
}

/* Events that the log takes before it is compacted; at most so many are put. */
static uint32_t put_events(struct device *device, uint32_t most)
{
    const struct bulla_event_record event = {.what = BULLA_DID_REPAIR, .value = most};
    const struct bulla_state *state = &device->client.state;
    uint32_t count = 0;

    if (device_open(device) != BULLA_OK)
        return 0;
    /* the first put may write the last record once more, or compact what a cut has left */
    for (uint32_t active = state->active; count < most && state->active == active; count++)
        if (bulla_state_put_event(&device->client.state, &event) != BULLA_OK)
            return 0;
    return count;
}

/* Room for `left` more events: soon the log will be compacted. */
static enum bulla_status fill(struct device *device, struct device *scratch, uint32_t left)
{
    device_copy(scratch, device);
    uint32_t count = put_events(scratch, EVENTS_MAX);

    if (count == 0 || count == EVENTS_MAX)
        return BULLA_E_STATE_FULL;
    count = count > left + 1 ? count - 1 - left : 0;
    return put_events(device, count) == count ? BULLA_OK : BULLA_E_STATE_FULL;
}

/* The largest number up to `top` that means the same slot. */
static uint32_t like(uint32_t top, uint32_t seq, uint32_t count)
{
    while (bulla_ota_slot_of(top, count) != bulla_ota_slot_of(seq, count))
        top--;
    return top;
}

/* The same records in the same order, under the last numbers there are, less `below`. */
static enum bulla_status near_the_end(struct device *device, uint32_t below)
{
    uint32_t count = device_slots(device->kind);
    uint32_t top = BULLA_OTA_SEQ_NONE - 1 - below;
    struct bulla_otadata otadata = {{device_record(device, 0), device_record(device, 1)}};
    uint32_t newest = otadata.record[1].seq != BULLA_OTA_SEQ_NONE &&
                      (otadata.record[0].seq == BULLA_OTA_SEQ_NONE ||
                       otadata.record[1].seq > otadata.record[0].seq);

    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t i = pass == 0 ? newest : 1 - newest;
        struct bulla_ota_record *record = &otadata.record[i];
        if (record->seq == BULLA_OTA_SEQ_NONE)
            continue;
        top = like(top, record->seq, count);
        device_put_record(device, i, top--, record->state);
    }
    return BULLA_OK;
}

/* As tools that flash over a cable do. */
static enum bulla_status wipe_otadata(struct device *device)
{
    memset(device->sim.bytes + OTADATA, 0xff, 2 * BULLA_SECTOR_SIZE);
    flash_sim_touch(&device->sim, OTADATA, 2 * BULLA_SECTOR_SIZE);
    return BULLA_OK;
}

/* ---- doing ---- */

enum bulla_status life_do(struct device *device, struct device *scratch, const struct step *step)
{
    int32_t slot = (int32_t)step->argument - 1;

    switch (step->verb) {
    case VERB_PROVISION:
        return device_provision(device);
    case VERB_BOOT:
        return device_boot(device);
    case VERB_STOCK_BOOT:
        return device_stock_boot(device, true) == BULLA_SLOT_NONE ? BULLA_E_NOTHING_BOOTABLE
                                                                  : BULLA_OK;
    case VERB_UPDATE:
        return device_update(device, (int32_t)step->argument, step->drop_after, false);
    case VERB_CONFIRM:
        return device_confirm(device);
    case VERB_REJECT:
        return device_reject(device);
    case VERB_SET_BOOT:
        return device_set_boot(device, slot);
    case VERB_ADD:
        return device_add(device, step->argument);
    case VERB_DELETE:
        return device_delete(device, step->argument);
    case VERB_DAMAGE:
        return damage(device, slot);
    case VERB_FILL:
        return fill(device, scratch, step->argument);
    case VERB_NUMBERS:
        return near_the_end(device, step->argument);
    case VERB_WIPE:
        return wipe_otadata(device);
    }
    return BULLA_E_NOT_JUDGED;
}

/* What a boot would start now. */
static int32_t next_release(const struct device *device, struct device *scratch)
{
    device_copy(scratch, device);
    return device_boot(scratch) == BULLA_OK ? scratch->running_release : NO_RELEASE;
}

static uint64_t modules_now(const struct device *device, struct device *scratch)
{
    if (device->kind->kit != KIT_MODULES)
        return 0;
    device_copy(scratch, device);
    return modules_alone(scratch);
}

static uint32_t bit_of(int32_t release)
{
    return release >= 0 ? 1u << release : 0;
}

static int32_t goal_of(const struct device *after, const struct step *step, int32_t before,
                       int32_t next)
{
    switch (step->verb) {
    case VERB_UPDATE:
        return step->expected == BULLA_E_TRIAL_FAILED_BEFORE ? before : (int32_t)step->argument;
    case VERB_BOOT:
    case VERB_STOCK_BOOT:
        return after->running_release;
    case VERB_CONFIRM:
        return before;
    case VERB_PROVISION:
        return 0;
    case VERB_REJECT:
    case VERB_SET_BOOT:
    case VERB_ADD:
    case VERB_DELETE:
    case VERB_DAMAGE:
    case VERB_FILL:
    case VERB_NUMBERS:
    case VERB_WIPE:
        break;
    }
    return next;
}

/* What is remembered of this step for all later ones. */
static void remember(struct device *device, const struct step *step)
{
    struct facts *facts = &device->facts;

    if (!life_is_power_on(step) || step->verb == VERB_STOCK_BOOT)
        return;
    if (device->client.has_confirmed && device->client.confirmed.sequence > facts->sequence)
        facts->sequence = device->client.confirmed.sequence;
    if (device->client.floor > facts->floor)
        facts->floor = device->client.floor;
}

bool life_step(struct device *device, struct device *scratch, const struct step *step, bool facts)
{
    int32_t before = device->running_release;
    int32_t first = facts ? next_release(device, scratch) : NO_RELEASE;
    uint64_t alone = facts ? modules_now(device, scratch) : 0;

    device->operations = device->reads = device->numbered = 0;
    device->facts.verb = step->verb;
    device->facts.slot = (int32_t)step->argument - 1;
    device->facts.before = before;
    device->facts.in_trial = device->boot.trial;
    enum bulla_status status = life_do(device, scratch, step);
    if (status != step->expected)
        device_break(device, "life", "%s ends with %s", step->text, bulla_status_name(status));
    if (device->sim.violations > 0 || device->sim.bytes_reprogrammed > 0)
        device_break(device, "P8", "%s: %s", step->text, device->sim.note);
    remember(device, step);
    if (facts) {
        int32_t last = next_release(device, scratch);
        device->facts.goal = goal_of(device, step, before, last);
        device->facts.alone[0] = alone;
        device->facts.alone[1] = modules_now(device, scratch);
        device->facts.allowed = bit_of(first) | bit_of(last) | bit_of(device->running_release);
    }
    return device->broken == NULL;
}
