/* SPDX-License-Identifier: Apache-2.0 */
/* NOR flash at work: what it refuses, how it fails and what a power cut leaves, flash_sim.h. How
 * chips are made, opened and saved is flash_file.c's part. */

#include "flash_sim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulla/limits.h"
#include "flash_sim_parts.h"

static bool inside(const struct flash_sim *sim, uint32_t offset, size_t len)
{
    return offset <= sim->size && len <= sim->size - offset;
}

static uint32_t unit_of(const struct flash_sim *sim)
{
    return sim->unit > 1 ? sim->unit : 1;
}

static enum bulla_status refuse(struct flash_sim *sim, enum bulla_status status, const char *what,
                                uint32_t offset, size_t len)
{
    sim->violations++;
    snprintf(sim->note, sizeof(sim->note), "%s: %zu bytes at 0x%x of a chip of 0x%x", what, len,
             (unsigned)offset, (unsigned)sim->size);
    return status;
}

static enum bulla_status say(struct flash_sim *sim, enum bulla_status status, const char *what)
{
    snprintf(sim->note, sizeof(sim->note), "%s", what);
    return status;
}

/* A chip whose file cannot follow is dead: what the two hold must not come apart. */
bool flash_sim_write_through(struct flash_sim *sim, uint32_t offset, size_t len)
{
    size_t done = 0;

    while (sim->fd >= 0 && done < len) {
        ssize_t n = pwrite(sim->fd, sim->bytes + offset + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            snprintf(sim->note, sizeof(sim->note), "flash file: %s", strerror(errno));
            sim->dead = true;
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* ---- marks ---- */

static void stamp(struct flash_sim *sim, uint32_t offset, size_t len, bool blank)
{
    static atomic_uint_least64_t last; /* 0 is a blank sector, on any chip */

    for (uint32_t i = offset / BULLA_SECTOR_SIZE;
         len > 0 && i <= (offset + len - 1) / BULLA_SECTOR_SIZE; i++)
        sim->stamps[i] = blank ? 0 : atomic_fetch_add(&last, 1) + 1;
}

void flash_sim_touch(struct flash_sim *sim, uint32_t offset, uint32_t len)
{
    stamp(sim, offset, len, false);
}

bool flash_sim_need_programmed(struct flash_sim *sim)
{
    if (sim->programmed == NULL && unit_of(sim) > 1)
        sim->programmed = calloc(sim->size / BULLA_SECTOR_SIZE, flash_sim_marks(sim->unit));
    return sim->programmed != NULL || unit_of(sim) == 1;
}

bool flash_sim_need_unstable(struct flash_sim *sim)
{
    if (sim->unstable == NULL) {
        sim->unstable = calloc(sim->size, 1);
        sim->unstable_from = sim->size;
        sim->unstable_to = 0;
    }
    return sim->unstable != NULL;
}

/* All units that [offset, offset + len) has a part in. */
static void mark_units(struct flash_sim *sim, uint32_t offset, size_t len, bool programmed)
{
    if (sim->programmed == NULL || len == 0)
        return;
    for (uint32_t i = offset / sim->unit; i <= (offset + len - 1) / sim->unit; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);
        sim->programmed[i / 8] =
            (uint8_t)(programmed ? sim->programmed[i / 8] | bit : sim->programmed[i / 8] & ~bit);
    }
}

static bool is_blank(const struct flash_sim *sim, uint32_t offset, size_t len)
{
    const uint8_t *bytes = sim->bytes + offset;

    return len == 0 || (bytes[0] == 0xff && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* A chip from a file does not know what was programmed with 0xff. */
static bool is_used(const struct flash_sim *sim, uint32_t offset, size_t len)
{
    uint32_t unit = sim->unit;

    for (uint32_t i = offset / unit; len > 0 && i <= (offset + len - 1) / unit; i++) {
        if ((sim->programmed[i / 8] >> i % 8 & 1) != 0 || !is_blank(sim, i * unit, unit))
            return true;
    }
    return false;
}

static void make_unstable(struct flash_sim *sim, uint32_t at, uint8_t bits)
{
    sim->unstable[at] |= bits;
    if (at < sim->unstable_from)
        sim->unstable_from = at;
    if (at >= sim->unstable_to)
        sim->unstable_to = at + 1;
}

/* ---- chance, the same for the same operation, so that a failing sweep can be repeated ---- */

/* xorshift */
static uint8_t garbage(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (uint8_t)(*state >> 11);
}

static uint32_t garbage_seed(const struct flash_sim *sim, uint32_t number)
{
    return ((number + sim->seed * 40503u) * 2654435761u) | 1u;
}

/* ---- read ---- */

/* What an unstable bit reads as is drawn for each read: all of them as erased, all as programmed,
 * each its own way, or nearly all as erased. */
static void read_unstable(const struct flash_sim *sim, uint32_t offset, uint8_t *buffer, size_t len)
{
    uint32_t state = garbage_seed(sim, sim->reads);
    uint32_t way = garbage(&state) % 4u;

    for (size_t i = 0; i < len; i++) {
        uint8_t bits = sim->unstable[offset + i];
        uint8_t ones = way == 0 ? 0xff : way == 1 ? 0 : garbage(&state);
        if (way == 3)
            ones |= (uint8_t)(garbage(&state) | garbage(&state) | garbage(&state));
        buffer[i] = (uint8_t)((buffer[i] & ~bits) | (ones & bits));
    }
}

static enum bulla_status sim_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct flash_sim *sim = ctx;
    uint8_t *bytes = buffer;

    if (sim->dead)
        return BULLA_E_FLASH_READ;
    if (!inside(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_READ, "read outside of the chip", offset, len);
    sim->reads++;
    if (sim->reads == sim->fault.fail_read_at)
        return BULLA_E_FLASH_READ;
    if (len == 0)
        return BULLA_OK;
    memcpy(bytes, sim->bytes + offset, len);
    if (sim->unstable != NULL && offset < sim->unstable_to && offset + len > sim->unstable_from)
        read_unstable(sim, offset, bytes, len);
    if (sim->reads == sim->fault.misread_at)
        bytes[0] ^= 1;
    if (sim->fault.noise_every != 0 && sim->reads % sim->fault.noise_every == 0) {
        uint32_t bit = garbage_seed(sim, sim->reads) >> 4;
        bytes[bit / 8 % len] ^= (uint8_t)(1u << bit % 8);
    }
    return BULLA_OK;
}

/* ---- program ---- */

static uint8_t unstable_bits(const struct flash_sim *sim, uint32_t at)
{
    return sim->unstable != NULL ? sim->unstable[at] : 0;
}

/* True when some bit would have to rise. */
static bool sets_bits(const struct flash_sim *sim, uint32_t offset, const uint8_t *bytes,
                      size_t len)
{
    if (is_blank(sim, offset, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        uint32_t at = offset + (uint32_t)i;
        if ((bytes[i] & (uint8_t)~sim->bytes[at] & (uint8_t)~unstable_bits(sim, at)) != 0)
            return true;
    }
    return false;
}

static void burn_byte(struct flash_sim *sim, uint32_t at, uint8_t byte)
{
    uint8_t bits = unstable_bits(sim, at);

    sim->bytes_programmed++;
    sim->bytes_reprogrammed += sim->bytes[at] != 0xff || bits != 0;
    sim->bytes[at] &= byte;
    if (bits != 0)
        sim->unstable[at] &= byte;
}

static void burn_bytes(struct flash_sim *sim, uint32_t offset, const uint8_t *bytes, size_t len)
{
    if (len > 0 && sim->unstable == NULL && is_blank(sim, offset, len)) { /* the usual: fast */
        memcpy(sim->bytes + offset, bytes, len);
        sim->bytes_programmed += len;
        return;
    }
    for (size_t i = 0; i < len; i++)
        burn_byte(sim, offset + (uint32_t)i, bytes[i]);
}

/* Behind the place that the power cut has reached. */
static void burn_rest(struct flash_sim *sim, uint32_t at, const uint8_t *bytes, size_t len)
{
    uint32_t state = garbage_seed(sim, sim->operations);

    for (uint32_t i = 0; i < len; i++) {
        uint8_t ones = sim->bytes[at + i] | unstable_bits(sim, at + i);
        uint8_t clears = ones & (uint8_t)~bytes[i];

        burn_byte(sim, at + i, bytes[i] | garbage(&state));
        if (sim->fault.cut_unstable && clears != 0)
            make_unstable(sim, at + i, clears);
    }
}

static void burn(struct flash_sim *sim, uint32_t offset, const uint8_t *bytes, size_t len, bool cut)
{
    const struct flash_sim_fault *fault = &sim->fault;
    size_t arrive = cut && fault->cut_bytes < len ? fault->cut_bytes : len;
    bool all = arrive == len || fault->cut_garbage || fault->cut_unstable;

    burn_bytes(sim, offset, bytes, arrive);
    if (all)
        burn_rest(sim, offset + (uint32_t)arrive, bytes + arrive, len - arrive);
    mark_units(sim, offset, all ? len : arrive, true);
    if (fault->lie_from != 0 && sim->operations >= fault->lie_from && fault->lie_offset >= offset &&
        fault->lie_offset - offset < len)
        sim->bytes[fault->lie_offset] ^= fault->lie_mask;
    stamp(sim, offset, len, false);
}

static enum bulla_status check_program(struct flash_sim *sim, uint32_t offset, const uint8_t *bytes,
                                       size_t len)
{
    if (sim->dead)
        return BULLA_E_FLASH_PROGRAM;
    if (!inside(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program outside of the chip", offset, len);
    if (!flash_sim_need_programmed(sim) ||
        (sim->fault.cut_unstable && !flash_sim_need_unstable(sim)))
        return say(sim, BULLA_E_FLASH_PROGRAM, "not enough memory");
    if (offset % unit_of(sim) != 0)
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program that begins inside a unit", offset, len);
    if (sim->programmed != NULL && is_used(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program of a unit that is programmed", offset,
                      len);
    if (sets_bits(sim, offset, bytes, len))
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program of bits that are not erased", offset,
                      len);
    return sim->read_only ? say(sim, BULLA_E_FLASH_PROGRAM, "flash file: may only be read")
                          : BULLA_OK;
}

static enum bulla_status sim_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct flash_sim *sim = ctx;
    enum bulla_status status = check_program(sim, offset, bytes, len);

    if (status != BULLA_OK)
        return status;
    sim->operations++;
    bool cut = sim->operations == sim->fault.cut_at;
    bool fail = sim->operations == sim->fault.fail_at;
    if (fail && !sim->fault.fail_but_done)
        return BULLA_E_FLASH_PROGRAM;
    burn(sim, offset, bytes, len, cut);
    bool written = flash_sim_write_through(sim, offset, len);
    if (cut)
        sim->dead = true;
    return !written || cut || fail ? BULLA_E_FLASH_PROGRAM : BULLA_OK;
}

/* ---- erase ---- */

/* Behind the place that the power cut has reached, in one sector. */
static void wipe_rest(struct flash_sim *sim, uint32_t from, uint32_t len)
{
    const struct flash_sim_fault *fault = &sim->fault;
    uint32_t state = garbage_seed(sim, sim->operations + from / BULLA_SECTOR_SIZE);

    if (!fault->cut_garbage && !fault->cut_unstable)
        return;
    for (uint32_t at = from; at < from + len; at++) {
        uint8_t rises = (uint8_t)(~sim->bytes[at] | unstable_bits(sim, at));

        sim->bytes[at] =
            fault->cut_unstable ? (uint8_t)(sim->bytes[at] | garbage(&state)) : garbage(&state);
        if (fault->cut_unstable && rises != 0)
            make_unstable(sim, at, rises);
        else if (sim->unstable != NULL)
            sim->unstable[at] = 0;
    }
    mark_units(sim, from, len, true); /* weak cells, whatever they read */
}

/* One sector, of which `done` bytes become blank before the power fails. */
static void wipe(struct flash_sim *sim, uint32_t offset, uint32_t done)
{
    if (done > 0) {
        memset(sim->bytes + offset, 0xff, done);
        if (sim->unstable != NULL)
            memset(sim->unstable + offset, 0, done);
        mark_units(sim, offset, done / unit_of(sim) * unit_of(sim), false);
    }
    if (done < BULLA_SECTOR_SIZE)
        wipe_rest(sim, offset + done, BULLA_SECTOR_SIZE - done);
    stamp(sim, offset, BULLA_SECTOR_SIZE, done == BULLA_SECTOR_SIZE);
    sim->sectors_erased++;
    sim->wear[offset / BULLA_SECTOR_SIZE]++;
}

static enum bulla_status check_erase(struct flash_sim *sim, uint32_t offset, uint32_t len)
{
    if (sim->dead)
        return BULLA_E_FLASH_ERASE;
    if (offset % len != 0 || !inside(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_ERASE,
                      len == BULLA_SECTOR_SIZE ? "erase of what is not one whole sector"
                                               : "erase of what is not one whole block",
                      offset, len);
    if (sim->fault.cut_unstable && !flash_sim_need_unstable(sim))
        return say(sim, BULLA_E_FLASH_ERASE, "not enough memory");
    return sim->read_only ? say(sim, BULLA_E_FLASH_ERASE, "flash file: may only be read")
                          : BULLA_OK;
}

static enum bulla_status erase(struct flash_sim *sim, uint32_t offset, uint32_t len)
{
    enum bulla_status status = check_erase(sim, offset, len);
    bool worn = false;

    if (status != BULLA_OK)
        return status;
    sim->operations++;
    bool cut = sim->operations == sim->fault.cut_at;
    bool fail = sim->operations == sim->fault.fail_at;
    if (fail && !sim->fault.fail_but_done)
        return BULLA_E_FLASH_ERASE;
    uint32_t reach = cut && sim->fault.cut_bytes < len ? sim->fault.cut_bytes : len;
    for (uint32_t at = 0; at < len; at += BULLA_SECTOR_SIZE) {
        uint32_t left = reach > at ? reach - at : 0;

        if (sim->fault.worn && offset + at == sim->fault.worn_sector)
            worn = true;
        else
            wipe(sim, offset + at, left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE);
    }
    bool written = flash_sim_write_through(sim, offset, len);
    if (cut)
        sim->dead = true;
    worn = worn && !sim->fault.worn_silently;
    return !written || cut || fail || worn ? BULLA_E_FLASH_ERASE : BULLA_OK;
}

static enum bulla_status sim_erase_sector(void *ctx, uint32_t offset)
{
    return erase(ctx, offset, BULLA_SECTOR_SIZE);
}

static enum bulla_status sim_erase_block(void *ctx, uint32_t offset)
{
    return erase(ctx, offset, BULLA_BLOCK_SIZE);
}

static const uint8_t *sim_map(void *ctx, uint32_t offset, size_t len)
{
    const struct flash_sim *sim = ctx;

    return sim->dead || offset > sim->size || len > sim->size - offset ? NULL : sim->bytes + offset;
}

/* ---- power ---- */

const struct bulla_flash *flash_sim_flash(struct flash_sim *sim)
{
    sim->flash = (struct bulla_flash){.read = sim_read,
                                      .program = sim_program,
                                      .erase_sector = sim_erase_sector,
                                      .erase_block = sim->blocks ? sim_erase_block : NULL,
                                      .map = sim_map,
                                      .unit = sim->unit,
                                      .size = sim->size,
                                      .ctx = sim};
    return &sim->flash;
}

void flash_sim_power_on(struct flash_sim *sim)
{
    sim->dead = false;
    sim->fault = (struct flash_sim_fault){0};
}
