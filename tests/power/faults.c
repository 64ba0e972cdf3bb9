/* SPDX-License-Identifier: Apache-2.0 */
/* What flash does besides losing its power: operations that fail, sectors that cannot be erased any
 * more, cells that store something else, reads that are wrong once. The command may end as it
 * likes; the promises hold afterwards, as far as README.md says. */

#include "power.h"

#include <string.h>

enum fault {
    FAULT_NONE,
    FAULT_FAILS,
    FAULT_FAILS_BUT_DONE,
    FAULT_LIES,
    FAULT_WORN,
    FAULT_WORN_SILENTLY,
    FAULT_READ_FAILS,
    FAULT_MISREAD,
    FAULT_NOISE,
    FAULTS,
};

const char *const fault_names[] = {"none",          "fails",      "fails-but-done", "lies", "worn",
                                   "worn-silently", "read-fails", "misread",        "noise"};
const uint32_t fault_name_count = FAULTS;

struct log {
    struct operation operation[256];
    uint32_t count;
    uint32_t reads;
};

static void note(struct device *device, const struct operation *operation)
{
    struct log *log = device->log;

    if (log->count < sizeof(log->operation) / sizeof(log->operation[0]))
        log->operation[log->count++] = *operation;
}

/* Order the fault. False: it makes no sense for this operation. */
static bool order(struct device *device, const struct log *log, enum fault fault, uint32_t at)
{
    struct flash_sim_fault *f = &device->sim.fault;
    const struct operation *o =
        at >= 1 && at <= log->count ? &log->operation[at - 1] : &log->operation[0];
    bool is_program = o->kind == OPERATION_PROGRAM;

    switch (fault) {
    case FAULT_FAILS:
    case FAULT_FAILS_BUT_DONE:
        f->fail_at = at;
        f->fail_but_done = fault == FAULT_FAILS_BUT_DONE;
        return at <= log->count;
    case FAULT_LIES:
        f->lie_from = at;
        f->lie_offset = o->offset + o->len / 2;
        f->lie_mask = 0x04;
        return at <= log->count && is_program;
    case FAULT_WORN:
    case FAULT_WORN_SILENTLY:
        f->worn = true;
        f->worn_silently = fault == FAULT_WORN_SILENTLY;
        f->worn_sector = o->offset;
        return at <= log->count && !is_program;
    case FAULT_READ_FAILS:
        f->fail_read_at = at;
        return true;
    case FAULT_MISREAD:
        f->misread_at = at;
        return true;
    case FAULT_NOISE:
        f->noise_every = at;
        return true;
    case FAULT_NONE:
    case FAULTS:
        break;
    }
    return false;
}

/* A sector that is worn out may be one that is needed: then nothing is repaired, yet what is
 * confirmed boots. Everything else passes, and the device goes on. */
static void look_after(struct device *device, bool lasting)
{
    if (lasting)
        (void)promise_choice(device);
    else if (promise_boot(device))
        (void)promise_settle(device);
}

/* The command with the fault, then the power-on after it. */
static void suffer(struct sweep *sweep, const struct step *step, const struct device *before,
                   const struct log *log, enum fault fault, uint32_t at)
{
    struct device *device = sweep->device[1];
    bool lasting = fault == FAULT_WORN || fault == FAULT_WORN_SILENTLY;

    device_copy(device, before);
    if (!order(device, log, fault, at))
        return;
    sweep->path->depth = 0;
    sweep->path->fault = fault;
    sweep->path->fault_at = at;
    sweep->counts->faults++;
    sweep->counts->boots++;
    const struct flash_sim_fault ordered = device->sim.fault;
    (void)!life_do(device, sweep->scratch, step);
    if (step->verb == VERB_BOOT && device->running != BULLA_SLOT_NONE &&
        device->running_release == NO_RELEASE)
        device_break(device, "P1", "slot %d boots, which holds nothing that was sealed",
                     device->running);
    /* a sector that was not erased, though the chip says so, takes no program */
    if (device->sim.violations > 0 && fault != FAULT_WORN_SILENTLY && fault != FAULT_LIES)
        device_break(device, "P8", "%s", device->sim.note);
    device->sim.violations = 0;
    device->facts.faulted = true;
    device->facts.misled = fault == FAULT_NOISE;
    if (lasting)
        device->lasting = ordered;
    if (device->broken == NULL)
        look_after(device, lasting);
    sweep_report(sweep, device);
    sweep->path->fault = FAULT_NONE;
}

void faults_step(struct sweep *sweep, const struct step *step, const struct device *before)
{
    struct device *device = sweep->device[1];
    struct log log = {.count = 0};
    const struct path *replay = sweep->replay;

    if (step->verb == VERB_PROVISION || step->verb == VERB_STOCK_BOOT || sweep->kind.unit > 1 ||
        sweep->kind.blocks || sweep->options->level == LEVEL_QUICK)
        return;
    device_copy(device, before);
    device->log = &log;
    device->on_operation = note;
    (void)!life_do(device, sweep->scratch, step);
    uint32_t reads = device->reads;
    uint32_t stride = reads / (sweep->options->level == LEVEL_LONG ? 300u : 6u) + 1;
    uint32_t few = sweep->options->level == LEVEL_LONG ? 1 : log.count / 16u + 1;
    for (enum fault fault = FAULT_FAILS; fault < FAULTS; fault++) {
        bool of_read = fault == FAULT_READ_FAILS || fault == FAULT_MISREAD;
        uint32_t last = fault == FAULT_NOISE ? 60 : of_read ? reads : log.count;
        uint32_t by = fault == FAULT_NOISE ? 19 : of_read ? stride : few;
        for (uint32_t at = fault == FAULT_NOISE ? 3 : 1; at <= last && !sweep_stopped(sweep);
             at += by) {
            if (replay == NULL || (replay->fault == fault && replay->fault_at == at))
                suffer(sweep, step, before, &log, fault, at);
        }
    }
}
