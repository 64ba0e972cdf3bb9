/* SPDX-License-Identifier: Apache-2.0 */
/* The device state log on a simulated flash, driven by the input: one byte says what to do next.
 * Records are put, the power fails within a put, the device starts again; later bits rot or foreign
 * bytes are laid over the log.
 *
 * Holds: as long as nothing rotted, what was put last is what is read, after any number of power
 * cuts the old content or the new one, and opening never fails; after any damage nothing is read
 * that does not fit, what is put then is read back, and no byte is programmed twice. */

#include <stdlib.h>

#include "bulla/state.h"
#include "flash_sim.h"
#include "fuzz.h"

#define CHIP      0x8000u
#define PARTITION 0x1000u
#define SIZE      0x4000u
#define KINDS     8u
#define SLOTS     3u
#define STEPS_MAX 32

struct content {
    bool there;
    uint16_t len;
    uint8_t seed;
};

struct device {
    struct flash_sim sim;
    const struct bulla_flash *flash;
    struct bulla_partition partition;
    struct bulla_state state;
    bool open;
    bool damaged; /* from now on only safety is checked */
    struct content newest[KINDS + 1][SLOTS];
    struct content cut; /* what a put that the power cut fell into would have written */
    uint8_t cut_kind;
    unsigned cut_slot;
};

static uint8_t slot_code(unsigned index)
{
    return index == 2 ? BULLA_STATE_SLOT_FACTORY : (uint8_t)index;
}

static bool is_twice(unsigned kind)
{
    return kind <= BULLA_RECORD_FLOOR;
}

static void fill(const struct content *c, uint8_t *bytes)
{
    for (unsigned i = 0; i < c->len; i++)
        bytes[i] = (uint8_t)(c->seed + i * 7u);
}

/* ---- reading ---- */

static bool read_is(struct device *d, unsigned kind, unsigned slot, const struct content *c)
{
    uint8_t *buffer = malloc(SIZE / 2), *expected = malloc(SIZE / 2);
    size_t len = 99;

    FUZZ_CHECK(buffer != NULL && expected != NULL);
    enum bulla_status status = bulla_state_get(&d->state, (enum bulla_record_kind)kind,
                                               slot_code(slot), buffer, SIZE / 2, &len);
    FUZZ_CHECK(status == BULLA_OK);
    fill(c, expected);
    bool same = len == (c->there ? c->len : 0u) && memcmp(buffer, expected, len) == 0;
    free(buffer);
    free(expected);
    return same;
}

static void check_all(struct device *d)
{
    for (unsigned kind = 1; kind <= KINDS; kind++)
        for (unsigned slot = 0; slot < SLOTS; slot++)
            FUZZ_CHECK(read_is(d, kind, slot, &d->newest[kind][slot]));
}

/* Whatever lies there: lengths fit, and asking twice gives one answer. */
static void check_safe(struct device *d)
{
    struct bulla_identity identity;
    struct bulla_confirmed confirmed;
    struct bulla_trial trial;
    struct bulla_running running;
    struct bulla_event_record event;
    uint32_t floor;
    bool found;

    for (unsigned kind = 1; kind <= KINDS + 1; kind++) {
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            uint8_t *buffer = malloc(300);
            size_t len, again;
            FUZZ_CHECK(buffer != NULL);
            enum bulla_status status = bulla_state_get(&d->state, (enum bulla_record_kind)kind,
                                                       slot_code(slot), buffer, 300, &len);
            FUZZ_CHECK(len <= 300 && (status == BULLA_OK || len == 0));
            FUZZ_CHECK(bulla_state_get(&d->state, (enum bulla_record_kind)kind, slot_code(slot),
                                       buffer, 300, &again) == status);
            FUZZ_CHECK(again == len);
            free(buffer);
        }
    }
    (void)!bulla_state_get_identity(&d->state, &identity, &found);
    (void)!bulla_state_get_confirmed(&d->state, &confirmed, &found);
    (void)!bulla_state_get_floor(&d->state, &floor);
    (void)!bulla_state_get_trial(&d->state, &trial, &found);
    (void)!bulla_state_get_running(&d->state, &running, &found);
    found = true;
    uint32_t events = 0;
    while (found && bulla_state_event(&d->state, events, &event, &found) == BULLA_OK && found)
        events++;
    FUZZ_CHECK(events <= BULLA_STATE_EVENTS_KEPT);
}

/* ---- steps ---- */

static void start(struct device *d)
{
    flash_sim_power_on(&d->sim);
    enum bulla_status status = bulla_state_open(&d->state, d->flash, &d->partition);
    d->open = status == BULLA_OK;
    if (d->damaged) {
        if (d->open)
            check_safe(d);
        return;
    }
    FUZZ_CHECK(d->open);
    if (d->cut_kind != 0) {
        struct content *old = &d->newest[d->cut_kind][d->cut_slot];
        if (!read_is(d, d->cut_kind, d->cut_slot, old))
            *old = d->cut;
        d->cut_kind = 0;
    }
    check_all(d);
}

static void put(struct device *d, struct bulla_bytes *in)
{
    uint8_t which = fuzz_u8(in);
    unsigned kind = 1u + which % KINDS;
    unsigned slot = is_twice(kind) ? 0 : which / KINDS % SLOTS;
    uint16_t most = kind == BULLA_RECORD_HEAD ? 2064 : kind == BULLA_RECORD_TRUST ? 1500 : 48;
    struct content c = {.there = true, .len = fuzz_u16(in) % most};

    c.seed = fuzz_u8(in);
    uint8_t *bytes = malloc(c.len + 1u);

    FUZZ_CHECK(bytes != NULL);
    fill(&c, bytes);
    struct bulla_bytes content = {bytes, c.len};
    enum bulla_status status =
        is_twice(kind)
            ? bulla_state_put_twice(&d->state, (enum bulla_record_kind)kind, content)
            : bulla_state_put(&d->state, (enum bulla_record_kind)kind, slot_code(slot), content);
    free(bytes);
    if (d->sim.dead)
        d->open = false;
    if (d->sim.dead && status != BULLA_OK) {
        d->cut = c;
        d->cut_kind = (uint8_t)kind;
        d->cut_slot = slot;
        return;
    }
    if (status == BULLA_OK) {
        /* the power may have failed later, while the other half was being put away */
        d->newest[kind][slot] = c;
        FUZZ_CHECK(d->sim.dead || read_is(d, kind, slot, &c));
    } else {
        FUZZ_CHECK(d->damaged || status == BULLA_E_STATE_FULL);
        /* of what is kept twice, the first copy may have found room */
        if (!d->damaged && is_twice(kind) && !read_is(d, kind, slot, &d->newest[kind][slot]))
            d->newest[kind][slot] = c;
    }
}

/* The power will fail in one of the next operations of the flash. */
static void order_cut(struct device *d, struct bulla_bytes *in)
{
    uint8_t how = fuzz_u8(in);

    d->sim.fault.cut_at = d->sim.operations + 1u + how % 32u;
    d->sim.fault.cut_garbage = (how & 0x20u) != 0;
    d->sim.fault.cut_bytes = (uint32_t)fuzz_u8(in) * ((how & 0x40u) != 0 ? 16u : 1u);
}

static void damage(struct device *d, struct bulla_bytes *in)
{
    uint32_t at = fuzz_u16(in) % SIZE;
    uint8_t mask = fuzz_u8(in);

    d->damaged = true;
    d->sim.bytes[PARTITION + at] ^= mask;
}

static void lay_over(struct device *d, struct bulla_bytes *in)
{
    uint32_t at = fuzz_u16(in) % SIZE;
    struct bulla_bytes bytes = fuzz_span(in, fuzz_u8(in));

    d->damaged = true;
    if (bytes.len > SIZE - at)
        bytes.len = SIZE - at;
    if (bytes.len > 0)
        memcpy(d->sim.bytes + PARTITION + at, bytes.data, bytes.len);
}

static void format(struct device *d)
{
    flash_sim_power_on(&d->sim);
    FUZZ_CHECK(bulla_state_format(&d->state, d->flash, &d->partition) == BULLA_OK);
    memset(d->newest, 0, sizeof(d->newest));
    d->cut_kind = 0;
    d->damaged = false;
    d->open = true;
}

static void step(struct device *d, struct bulla_bytes *in)
{
    uint8_t what = fuzz_u8(in) % 16u;

    if (what == 15) {
        format(d);
    } else if (what == 14) {
        lay_over(d, in);
        start(d);
    } else if (what == 13) {
        damage(d, in);
        start(d);
    } else if (what == 12 || !d->open) {
        start(d);
    } else if (what >= 10) {
        order_cut(d, in);
    } else {
        put(d, in);
    }
}

static bool is_blank(const struct device *d, uint32_t from, uint32_t to)
{
    return d->sim.bytes[from] == 0xff &&
           memcmp(d->sim.bytes + from, d->sim.bytes + from + 1, to - from - 1) == 0;
}

void fuzz_state(struct bulla_bytes in)
{
    char why[FLASH_SIM_WHY_SIZE];
    struct device *d = calloc(1, sizeof(*d));

    FUZZ_CHECK(d != NULL && flash_sim_create(&d->sim, NULL, CHIP, why) == BULLA_OK);
    d->flash = flash_sim_flash(&d->sim);
    d->partition = (struct bulla_partition){
        .type = BULLA_TYPE_BULLA, .offset = PARTITION, .size = SIZE, .label = "bulla"};
    FUZZ_CHECK(bulla_state_open(&d->state, d->flash, &d->partition) == BULLA_E_STATE_EMPTY);
    format(d);
    for (int i = 0; i < STEPS_MAX && in.len > 0; i++)
        step(d, &in);
    start(d);
    /* nothing outside of the partition was touched, nothing that NOR refuses was asked of it */
    FUZZ_CHECK(d->sim.violations == 0);
    FUZZ_CHECK(is_blank(d, 0, PARTITION) && is_blank(d, PARTITION + SIZE, CHIP));
    flash_sim_close(&d->sim);
    free(d);
}
