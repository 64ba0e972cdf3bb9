/* SPDX-License-Identifier: Apache-2.0 */
/* One step of one life: at each of its flash operations, and in each way, the power fails on a copy
 * of the device, and what follows is held against the promises. What follows has operations of its
 * own, at which the power fails again. */

#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS_MAX 8u /* a worker tells no more than that */

static struct device *new_device(const struct kind *kind, struct sweep *sweep)
{
    struct device *device = malloc(sizeof(*device));

    if (device == NULL)
        abort();
    device_make(device, kind);
    device->sweep = sweep;
    device->told = sweep->replay != NULL;
    return device;
}

static void drop_device(struct device *device)
{
    device_free(device);
    free(device);
}

bool sweep_stopped(const struct sweep *sweep)
{
    return shared_stopped(sweep->shared);
}

void sweep_report(struct sweep *sweep, struct device *device)
{
    char line[400];

    if (device->broken == NULL)
        return;
    sweep->counts->failures++;
    if (sweep->reported++ < REPORTS_MAX) {
        path_print(sweep->path, sweep->options->seed, line, sizeof(line));
        printf("BROKEN %s: %s\n  bulla-power --replay '%s'\n", device->broken, device->why, line);
        fflush(stdout);
    }
    device->broken = NULL;
    if (sweep->options->level == LEVEL_QUICK)
        shared_stop(sweep->shared);
}

/* ---- after a cut ---- */

static uint64_t facts_key(const struct device *device)
{
    const struct facts *f = &device->facts;
    const struct kind *k = device->kind;
    const uint32_t words[] = {(uint32_t)f->verb,
                              (uint32_t)f->slot,
                              (uint32_t)f->goal,
                              (uint32_t)f->before,
                              f->allowed,
                              f->sequence,
                              f->floor,
                              k->unit,
                              k->blocks,
                              k->bundle,
                              k->kit,
                              k->unsealed,
                              f->suspect};

    uint64_t key = hash_bytes(1, words, sizeof(words));
    key = hash_mix(hash_mix(key, f->alone[0]), f->alone[1]);
    return hash_bytes(key, f->tried, sizeof(f->tried));
}

/* Has this very state been looked at, by whichever worker, with the same to be demanded of it? */
static bool is_new(struct sweep *sweep, struct device *device, uint64_t purpose)
{
    uint64_t key = hash_mix(hash_mix(device_hash(device), facts_key(device)), purpose);

    return sweep->replay != NULL || shared_first(sweep->shared, key);
}

/* An interrupted provisioning: nothing runs, or the one app there is; done again it works. */
static void recover_provisioning(struct device *device)
{
    if (device_boot(device) == BULLA_OK && device->running_release != 0)
        device_break(device, "P1", "slot %d boots half provisioned", device->running);
    device_power_on(device);
    enum bulla_status status = device_provision(device);
    if (status != BULLA_OK)
        device_break(device, "P5", "provisioning again: %s", bulla_status_name(status));
    if (device->broken == NULL)
        (void)promise_boot(device);
}

static void recover_rest(struct sweep *sweep, struct device *device)
{
    const struct device *cut = sweep->cut[device->depth];

    sweep->counts->boots += 4;
    if (!promise_boot(device))
        return;
    for (uint32_t rollback = 0; rollback < 2 && !device->facts.suspect; rollback++) {
        if (!promise_stock(sweep->scratch, cut, device, rollback == 1)) {
            device_break(device, sweep->scratch->broken, "rollback %s: %s",
                         rollback == 1 ? "on" : "off", sweep->scratch->why);
            return;
        }
    }
    (void)promise_settle(device);
}

void sweep_recover(struct sweep *sweep, struct device *device, bool deeper)
{
    if (!is_new(sweep, device, deeper ? 2 : 1))
        return;
    sweep->counts->states++;
    device_copy(sweep->cut[device->depth], device);
    device->on_operation = deeper ? sweep_explore : NULL;
    if (device->facts.verb == VERB_PROVISION)
        recover_provisioning(device);
    else
        recover_rest(sweep, device);
    device->on_operation = NULL;
    sweep->path->depth = device->depth;
    if (device->broken == NULL && !device->unsettled && is_new(sweep, device, 3)) {
        sweep->counts->boots += 2;
        (void)promise_goes_on(device);
    }
    sweep->counts->unsettled += device->unsettled;
    sweep_report(sweep, device);
}

/* ---- a cut ---- */

static uint64_t cut_key(struct device *device, const struct operation *o, const struct cut *cut)
{
    const uint32_t words[] = {(uint32_t)o->kind, o->offset, o->len, (uint32_t)cut->way, cut->bytes};
    uint64_t key = hash_bytes(device_hash(device), words, sizeof(words));

    return o->bytes != NULL ? hash_bytes(key, o->bytes, o->len) : key;
}

/* The operation is done on a copy, whose power fails in it. */
static bool lose_power(const struct sweep *sweep, struct device *child, const struct device *device,
                       const struct operation *o, const struct cut *cut)
{
    const struct bulla_flash *flash = &child->sim.flash;

    device_copy(child, device);
    child->depth = device->depth + 1;
    bool is_state = o->offset >= device_state_offset(child->kind) &&
                    o->offset < device_modules_offset(child->kind);
    child->facts.suspect = device->facts.suspect ||
                           (cut->way == WAY_UNSTABLE && !(is_state && sweep->options->strict));
    child->sim.operations = device->sim.operations;
    child->sim.fault = (struct flash_sim_fault){
        .cut_at = child->sim.operations + 1,
        .cut_bytes = cut->bytes,
        .cut_garbage = cut->way == WAY_GARBAGE,
        .cut_unstable = cut->way == WAY_UNSTABLE,
    };
    if (o->kind == OPERATION_PROGRAM)
        (void)!flash->program(flash->ctx, o->offset, o->bytes, o->len);
    else if (o->kind == OPERATION_ERASE)
        (void)!flash->erase_sector(flash->ctx, o->offset);
    else
        (void)!flash->erase_block(flash->ctx, o->offset);
    return child->sim.dead;
}

/* Which of the states after a cut have their recovery cut as well. */
static bool goes_deeper(const struct sweep *sweep, uint32_t depth, const struct cut *cut,
                        uint64_t key)
{
    static const uint32_t one_in[3][DEPTH_MAX + 1] = {
        {0, 5000, 5000, 1}, {0, 2500, 3000, 1}, {0, 60, 150, 1}};
    static const uint32_t one_whole_in[3] = {400, 250, 1};
    bool is_whole = cut->way == WAY_AFTER || cut->way == WAY_BEFORE;
    uint64_t chance = hash_mix(key, sweep->options->seed);

    if (sweep->replay != NULL)
        return depth < sweep->replay->depth;
    if (depth >= DEPTH_MAX || sweep->kind.unit > 1 || sweep->kind.blocks)
        return false;
    if (depth == 1 && is_whole)
        return chance % one_whole_in[sweep->options->level] == 0;
    return chance % one_in[sweep->options->level][depth] == 0;
}

static void cut_once(struct sweep *sweep, struct device *device, const struct operation *o,
                     const struct cut *cut)
{
    uint32_t depth = device->depth + 1;
    struct device *child = sweep->device[depth];
    uint64_t key = cut_key(device, o, cut);

    if (!lose_power(sweep, child, device, o, cut)) {
        sweep->counts->not_cut++;
        device_break(child, "sweep", "the power did not fail: %s", child->sim.note);
        sweep_report(sweep, child);
        return;
    }
    if (shared_first(sweep->shared, key))
        sweep->counts->cuts[depth]++;
    else
        sweep->counts->repeated++;
    sweep->path->cut[depth] = *cut;
    sweep->path->depth = depth;
    device_power_on(child);
    sweep_recover(sweep, child, goes_deeper(sweep, depth, cut, key));
}

static bool is_replayed(const struct sweep *sweep, uint32_t depth, const struct cut *cut)
{
    const struct cut *wanted = &sweep->replay->cut[depth];

    return cut->operation == wanted->operation && cut->way == wanted->way &&
           cut->bytes == wanted->bytes;
}

void sweep_explore(struct device *device, const struct operation *operation)
{
    struct sweep *sweep = device->sweep;
    uint32_t depth = device->depth + 1;
    uint32_t index = 0;
    enum level level = sweep->replay != NULL ? LEVEL_LONG : sweep->options->level;
    struct cut cut;

    if (sweep->replay != NULL && sweep->replay->depth < depth)
        return;
    while (!sweep_stopped(sweep) && device->broken == NULL &&
           cuts_next(operation, level, depth, &sweep->kind, &index, &cut)) {
        if (sweep->replay == NULL || is_replayed(sweep, depth, &cut))
            cut_once(sweep, device, operation, &cut);
    }
}

/* ---- a job ---- */

static void open_kind(struct sweep *sweep, const struct job *job)
{
    sweep->scenario = &scenarios[job->scenario];
    sweep->kind = sweep->scenario->kind;
    sweep->kind.unit = job->unit;
    sweep->kind.blocks = job->blocks;
    sweep->kind.releases = &sweep->releases[sweep->kind.kit];
    *sweep->path = (struct path){
        .scenario = job->scenario, .unit = job->unit, .blocks = job->blocks, .step = job->step};
    for (uint32_t i = 0; i <= DEPTH_MAX; i++) {
        sweep->device[i] = new_device(&sweep->kind, sweep);
        sweep->cut[i] = new_device(&sweep->kind, sweep);
    }
    sweep->scratch = new_device(&sweep->kind, sweep);
}

static void close_kind(struct sweep *sweep)
{
    for (uint32_t i = 0; i <= DEPTH_MAX; i++) {
        drop_device(sweep->device[i]);
        drop_device(sweep->cut[i]);
    }
    drop_device(sweep->scratch);
}

/* The step once more, now with the power failing. */
static void cut_step(struct sweep *sweep, const struct step *step, struct device *before,
                     const struct device *after)
{
    struct device *device = sweep->device[0];
    struct facts facts = after->facts;

    facts.sequence = before->facts.sequence;
    facts.floor = before->facts.floor;
    memcpy(facts.tried, before->facts.tried, sizeof(facts.tried));
    before->facts = facts;
    device_copy(device, before);
    if (sweep->replay == NULL || sweep->replay->fault == 0) {
        device->on_operation = sweep_explore;
        enum bulla_status status = life_do(device, sweep->scratch, step);
        if (status != step->expected)
            device_break(device, "life", "%s ends with %s", step->text, bulla_status_name(status));
        device->on_operation = NULL;
        sweep->path->depth = 0;
        sweep->counts->power_ons++;
        sweep->counts->operations += device->numbered;
        sweep_report(sweep, device);
    }
    faults_step(sweep, step, before);
}

void sweep_job(struct sweep *sweep, const struct job *job)
{
    struct step steps[STEPS_MAX];
    uint32_t count = life_parse(&scenarios[job->scenario], steps);

    open_kind(sweep, job);
    struct device *life = new_device(&sweep->kind, sweep);
    struct device *before = new_device(&sweep->kind, sweep);
    bool good = true;
    for (uint32_t i = 0; good && i < count && (job->step == ALL_STEPS || i <= job->step); i++) {
        bool is_cut = life_is_power_on(&steps[i]) && (job->step == ALL_STEPS || job->step == i);
        sweep->path->step = i;
        device_copy(before, life);
        before->boot = life->boot;
        good = life_step(life, sweep->scratch, &steps[i], is_cut);
        if (good && is_cut)
            cut_step(sweep, &steps[i], before, life);
    }
    if (!good)
        sweep_report(sweep, life);
    drop_device(life);
    drop_device(before);
    close_kind(sweep);
}
