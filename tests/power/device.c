/* SPDX-License-Identifier: Apache-2.0 */
/* A device in memory: a small chip, the client, and between them a guard that numbers every
 * operation, asks the sweep whether the power fails in it, and looks at what is written where (P6,
 * P8, P9). */

#include "power.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX 2000u /* of one power-on; the longest life needs a tenth */
#define READS_MAX      2000000u

/* ---- geometry ---- */

uint32_t device_slots(const struct kind *kind)
{
    return kind->layout == LAYOUT_THREE ? 3 : kind->layout == LAYOUT_BANK ? 1 : 2;
}

bool device_is_in_place(const struct kind *kind)
{
    return kind->layout == LAYOUT_BANKS || kind->layout == LAYOUT_BANK;
}

bool device_has_factory(const struct kind *kind)
{
    return kind->layout == LAYOUT_FACTORY || device_is_in_place(kind);
}

int32_t device_executed(const struct kind *kind, int32_t slot)
{
    return slot != BULLA_SLOT_NONE && device_is_in_place(kind) ? BULLA_SLOT_FACTORY : slot;
}

uint32_t device_slot_size(const struct kind *kind)
{
    return kind->kit == KIT_LARGE ? 0x50000u : 0x10000u;
}

uint32_t device_slot_offset(const struct kind *kind, int32_t slot)
{
    uint32_t place = (uint32_t)(device_has_factory(kind) ? slot + 1 : slot);

    return FIRST_SLOT + place * device_slot_size(kind);
}

uint32_t device_state_offset(const struct kind *kind)
{
    return device_slot_offset(kind, (int32_t)device_slots(kind));
}

uint32_t device_modules_offset(const struct kind *kind)
{
    return device_state_offset(kind) + STATE_SIZE;
}

int32_t device_slot_at(const struct kind *kind, uint32_t offset)
{
    if (offset < FIRST_SLOT || offset >= device_state_offset(kind))
        return BULLA_SLOT_NONE;
    int32_t place = (int32_t)((offset - FIRST_SLOT) / device_slot_size(kind));
    return device_has_factory(kind) ? place - 1 : place;
}

/* ---- looking at the chip ---- */

void device_break(struct device *device, const char *promise, const char *format, ...)
{
    va_list arguments;

    if (device->broken != NULL)
        return;
    device->broken = promise;
    va_start(arguments, format);
    vsnprintf(device->why, sizeof(device->why), format, arguments);
    va_end(arguments);
}

/* These bytes, in every bit that is stable. */
static bool holds(const struct flash_sim *sim, uint32_t at, const uint8_t *bytes, uint32_t len)
{
    if (memcmp(sim->bytes + at, bytes, len) == 0)
        return true;
    if (sim->unstable == NULL || sim->unstable_from >= at + len || sim->unstable_to <= at)
        return false;
    for (uint32_t i = 0; i < len; i++)
        if (((sim->bytes[at + i] ^ bytes[i]) & ~sim->unstable[at + i]) != 0)
            return false;
    return true;
}

int32_t device_release_in(const struct device *device, int32_t slot)
{
    if (slot == BULLA_SLOT_NONE || (slot < 0 && !device_has_factory(device->kind)))
        return NO_RELEASE;
    uint32_t at = device_slot_offset(device->kind, slot);

    for (int32_t i = 0; i < RELEASES; i++) {
        const struct release *release = &device->kind->releases->all[i];
        if (holds(&device->sim, at, release->image, release->size))
            return i;
    }
    return NO_RELEASE;
}

bool device_is_unstable(const struct device *device, uint32_t from, uint32_t to)
{
    const struct flash_sim *sim = &device->sim;

    for (uint32_t at = from > sim->unstable_from ? from : sim->unstable_from;
         sim->unstable != NULL && at < to && at < sim->unstable_to; at++)
        if (sim->unstable[at] != 0)
            return true;
    return false;
}

struct bulla_ota_record device_record(const struct device *device, uint32_t index)
{
    return bulla_ota_record_decode(device->sim.bytes + OTADATA + index * BULLA_SECTOR_SIZE);
}

void device_put_record(struct device *device, uint32_t index, uint32_t seq, uint32_t state)
{
    uint32_t at = OTADATA + index * BULLA_SECTOR_SIZE;
    struct bulla_ota_record record = {.seq = seq, .state = state, .crc = bulla_ota_crc(seq)};

    memset(record.label, 0xff, sizeof(record.label));
    memset(device->sim.bytes + at, 0xff, BULLA_SECTOR_SIZE);
    bulla_ota_record_encode(&record, device->sim.bytes + at);
    flash_sim_touch(&device->sim, at, BULLA_SECTOR_SIZE);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * 0x9e3779b97f4a7c15u;
    a ^= a >> 32;
    a *= 0xd6e8feb86659fd93u;
    return a ^ a >> 29;
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t lane[4] = {seed, seed ^ 0x1111, seed ^ 0x2222, seed ^ len};

    for (; len >= 32; at += 32, len -= 32) {
        uint64_t words[4];
        memcpy(words, at, sizeof(words));
        for (unsigned i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ words[i]) * 0x9e3779b97f4a7c15u;
            lane[i] ^= lane[i] >> 31;
        }
    }
    for (; len > 0; at++, len--)
        lane[len % 4] = (lane[len % 4] ^ *at) * 0x100000001b3u;
    return hash_mix(hash_mix(lane[0], lane[1]), hash_mix(lane[2], lane[3]));
}

uint64_t device_hash(struct device *device)
{
    const struct flash_sim *sim = &device->sim;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < sim->size / BULLA_SECTOR_SIZE; i++) {
        if (!device->hashed[i] || device->stamps[i] != sim->stamps[i]) {
            device->hashes[i] =
                hash_bytes(i, sim->bytes + i * BULLA_SECTOR_SIZE, BULLA_SECTOR_SIZE);
            device->stamps[i] = sim->stamps[i];
            device->hashed[i] = true;
        }
        sum += device->hashes[i];
    }
    if (sim->unstable != NULL && sim->unstable_from < sim->unstable_to)
        sum = hash_mix(hash_bytes(sim->unstable_from, sim->unstable + sim->unstable_from,
                                  sim->unstable_to - sim->unstable_from),
                       sum);
    return sum;
}

/* ---- the guard ---- */

static bool too_many(struct device *device, uint32_t *counter, uint32_t most)
{
    if (++*counter <= most)
        return false;
    device_break(device, "P9", "more than %u operations or %u reads in one power-on",
                 OPERATIONS_MAX, READS_MAX);
    device->sim.dead = true;
    return true;
}

static enum bulla_status guard_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct device *device = ctx;

    (void)too_many(device, &device->reads, READS_MAX);
    return device->sim.flash.read(device->sim.flash.ctx, offset, buffer, len);
}

/* The release that may be written there: the one being installed, or what a bank holds. */
static bool is_sealed_for(const struct device *device, int32_t slot, uint32_t at,
                          const uint8_t *bytes, size_t len)
{
    bool is_area = device_is_in_place(device->kind) && slot == BULLA_SLOT_FACTORY;

    for (int32_t i = -1; i < (int32_t)(is_area ? device_slots(device->kind) : 0); i++) {
        int32_t number = i < 0 ? device->installing : device_release_in(device, i);
        if (number < 0)
            continue;
        const struct release *release = &device->kind->releases->all[number];
        if (at + len <= release->size && memcmp(release->image + at, bytes, len) == 0)
            return true;
    }
    return false;
}

/* With a single bank an update replaces it while its release runs, elsewhere. */
static bool is_executed_from(const struct device *device, int32_t slot)
{
    return device->running != BULLA_SLOT_NONE &&
           (slot == device_executed(device->kind, device->running) ||
            (slot == device->running && device->kind->layout != LAYOUT_BANK));
}

/* Into a slot goes only what was sealed, at its place. */
static void judge_program(struct device *device, uint32_t offset, const uint8_t *bytes, size_t len)
{
    int32_t slot = device_slot_at(device->kind, offset);

    if (slot == BULLA_SLOT_NONE || device->trusted)
        return;
    uint32_t at = offset - device_slot_offset(device->kind, slot);
    if (is_executed_from(device, slot))
        device_break(device, "P6", "0x%x: program in the running slot %d", offset, slot);
    else if (!is_sealed_for(device, slot, at, bytes, len))
        device_break(device, "P6", "0x%x: %zu bytes that were not sealed go into slot %d", offset,
                     len, slot);
}

/* Does this slot hold the confirmed release, and could another one have been taken? */
static bool is_needless(const struct device *device, int32_t slot)
{
    if (device_is_in_place(device->kind))
        return false;
    int32_t release = device_release_in(device, slot);
    uint32_t others = device_slots(device->kind) - (device->running >= 0 ? 1u : 0u);

    return release != NO_RELEASE && device->facts.sequence != 0 && others > 1 &&
           device->kind->releases->all[release].sequence == device->facts.sequence;
}

/* In place: of what is executed and the banks, one always holds something whole, that no cut has
 * left weak. */
static void judge_only_copy(struct device *device, uint32_t offset, int32_t slot)
{
    const struct kind *kind = device->kind;
    uint32_t area = device_slot_offset(kind, BULLA_SLOT_FACTORY);
    bool is_whole = slot != BULLA_SLOT_FACTORY && kind->layout != LAYOUT_BANK;

    for (int32_t i = 0; slot == BULLA_SLOT_FACTORY && i < (int32_t)device_slots(kind); i++)
        is_whole = is_whole || device_release_in(device, i) != NO_RELEASE;
    if (slot != BULLA_SLOT_FACTORY && kind->layout == LAYOUT_BANK) {
        int32_t release = device_release_in(device, BULLA_SLOT_FACTORY);
        is_whole = release != NO_RELEASE &&
                   !device_is_unstable(device, area, area + kind->releases->all[release].size);
    }
    if (!is_whole && device->installing != 0) /* the factory has nothing to keep */
        device_break(device, "P6", "0x%x: erase of the only copy, slot %d", offset, slot);
}

static void judge_erase(struct device *device, uint32_t offset)
{
    int32_t slot = device_slot_at(device->kind, offset);

    if (slot == BULLA_SLOT_NONE || device->trusted)
        return;
    if (device_is_in_place(device->kind))
        judge_only_copy(device, offset, slot);
    if (is_executed_from(device, slot))
        device_break(device, "P6", "0x%x: erase in the running slot %d", offset, slot);
    /* RULE "unstable": it may have forgotten which release is confirmed */
    if (!device->facts.suspect && is_needless(device, slot))
        device_break(device, "P6", "0x%x: erase of the confirmed release in slot %d", offset, slot);
    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record record = device_record(device, i);
        if (bulla_ota_is_valid(&record) &&
            (int32_t)bulla_ota_slot_of(record.seq, device_slots(device->kind)) == slot)
            device_break(device, "P6", "0x%x: erase in slot %d, which record %u selects", offset,
                         slot, i);
    }
}

static void begin(struct device *device, enum operation_kind kind, uint32_t offset,
                  const uint8_t *bytes, size_t len)
{
    if (device->sim.dead || too_many(device, &device->operations, OPERATIONS_MAX))
        return; /* the chip refuses it */
    const struct operation operation = {.kind = kind,
                                        .number = ++device->numbered,
                                        .offset = offset,
                                        .bytes = bytes,
                                        .len = (uint32_t)len};
    if (device->told)
        printf("%*s%4u %s 0x%05x %u\n", (int)device->depth * 4 + 4, "", operation.number,
               kind == OPERATION_PROGRAM ? "program" : "erase", offset, operation.len);
    if (device->on_operation != NULL)
        device->on_operation(device, &operation);
}

static enum bulla_status guard_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct device *device = ctx;

    judge_program(device, offset, bytes, len);
    modules_judge_program(device, offset, bytes, len);
    begin(device, OPERATION_PROGRAM, offset, bytes, len);
    return device->sim.flash.program(device->sim.flash.ctx, offset, bytes, len);
}

static enum bulla_status guard_erase(void *ctx, uint32_t offset)
{
    struct device *device = ctx;

    judge_erase(device, offset);
    begin(device, OPERATION_ERASE, offset, NULL, BULLA_SECTOR_SIZE);
    return device->sim.flash.erase_sector(device->sim.flash.ctx, offset);
}

static enum bulla_status guard_erase_block(void *ctx, uint32_t offset)
{
    struct device *device = ctx;

    for (uint32_t at = 0; at < BULLA_BLOCK_SIZE; at += BULLA_SECTOR_SIZE)
        judge_erase(device, offset + at);
    begin(device, OPERATION_ERASE_BLOCK, offset, NULL, BULLA_BLOCK_SIZE);
    return device->sim.flash.erase_block(device->sim.flash.ctx, offset);
}

/* ---- making devices ---- */

void device_make(struct device *device, const struct kind *kind)
{
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t size = device_modules_offset(kind) + (kind->kit == KIT_MODULES ? AREA_SIZE : 0);

    memset(device, 0, sizeof(*device));
    device->kind = kind;
    device->running = device->facts.slot = BULLA_SLOT_NONE;
    device->running_release = device->installing = NO_RELEASE;
    if (flash_sim_create(&device->sim, NULL, size, why) != BULLA_OK) {
        fprintf(stderr, "bulla-power: %s\n", why);
        abort();
    }
    device->sim.unit = kind->unit;
    device->sim.blocks = kind->blocks;
    (void)flash_sim_flash(&device->sim);
    device->guard = (struct bulla_flash){.read = guard_read,
                                         .program = guard_program,
                                         .erase_sector = guard_erase,
                                         .erase_block = kind->blocks ? guard_erase_block : NULL,
                                         .unit = kind->unit,
                                         .size = size,
                                         .ctx = device};
}

void device_free(struct device *device)
{
    flash_sim_close(&device->sim);
}

void device_power_on(struct device *device)
{
    flash_sim_power_on(&device->sim);
    device->sim.fault = device->lasting;
    device->operations = device->reads = 0;
    device->running = BULLA_SLOT_NONE;
    device->running_release = device->installing = NO_RELEASE;
}

void device_copy(struct device *to, const struct device *from)
{
    if (flash_sim_restore(&to->sim, &from->sim) != BULLA_OK) {
        fprintf(stderr, "bulla-power: %s\n", to->sim.note);
        abort();
    }
    to->facts = from->facts;
    to->depth = from->depth;
    to->broken = NULL;
    to->unsettled = false;
    to->on_operation = NULL;
    to->trusted = false;
    to->numbered = 0;
    memset(&to->lasting, 0, sizeof(to->lasting));
    device_power_on(to);
    to->running = from->running;
    to->running_release = from->running_release;
    to->installing = from->installing;
}
