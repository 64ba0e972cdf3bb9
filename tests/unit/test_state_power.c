/* SPDX-License-Identifier: Apache-2.0 */
/* The device state log on flash that loses power, fails and lies. One script of puts, which
 * compacts on its way; it is disturbed at every flash operation, and after power-on every record
 * must read as its old or its new content. What was in flight when it failed may be either; what
 * a put reported as done must be there. */

#include "check.h"

#include "bulla/limits.h"
#include "bulla/state.h"
#include "flash_sim.h"

#define PARTITION_OFFSET 0x1000u
#define PARTITION_SIZE   0x4000u
#define STEPS            64u
#define CONTENT_MAX      600u
#define KEYS             10u
/* Under a sanitizer every third step of the script: what it finds is not in their number. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 3u
#else
#define STRIDE 1u
#endif

struct content {
    size_t len;
    uint8_t bytes[CONTENT_MAX];
};

/* What the log must say: by key, and the events put so far. */
struct model {
    struct content newest[KEYS];
    uint32_t events;
};

struct step {
    uint32_t key; /* KEYS: an event */
    struct content content;
};

struct device {
    struct flash_sim sim;
    struct bulla_state state;
};

static const struct {
    enum bulla_record_kind kind;
    uint8_t slot;
} keys[KEYS] = {
    {BULLA_RECORD_TRUST, 0},   {BULLA_RECORD_IDENTITY, 0}, {BULLA_RECORD_CONFIRMED, 0},
    {BULLA_RECORD_FLOOR, 0},   {BULLA_RECORD_HEAD, 0},     {BULLA_RECORD_HEAD, 1},
    {BULLA_RECORD_HEAD, 0xff}, {BULLA_RECORD_TRIAL, 0},    {BULLA_RECORD_RUNNING, 0},
    {BULLA_RECORD_HEAD, 2},
};

static struct step script[STEPS];
/* The chip and the model before each step of an undisturbed run. */
static struct flash_sim before[STEPS + 1];
static struct model models[STEPS + 1];

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static enum bulla_status power_on(struct device *device)
{
    const struct bulla_partition partition = {.offset = PARTITION_OFFSET, .size = PARTITION_SIZE};

    flash_sim_power_on(&device->sim);
    return bulla_state_open(&device->state, flash_sim_flash(&device->sim), &partition);
}

static enum bulla_status put_step(struct device *device, const struct step *step, uint32_t events)
{
    const struct bulla_event_record event = {.what = 1, .value = events};

    if (step->key == KEYS)
        return bulla_state_put_event(&device->state, &event);
    return bulla_state_put(&device->state, keys[step->key].kind, keys[step->key].slot,
                           (struct bulla_bytes){step->content.bytes, step->content.len});
}

static void model_step(struct model *model, const struct step *step)
{
    if (step->key == KEYS)
        model->events++;
    else
        model->newest[step->key] = step->content;
}

static void write_script(void)
{
    uint32_t seed = 2026;

    for (uint32_t i = 0; i < STEPS; i++) {
        struct step *step = &script[i];

        step->key = i % 5 == 4 ? KEYS : random_next(&seed) % KEYS;
        step->content.len = i % 11 == 10 ? 0 : random_next(&seed) % CONTENT_MAX;
        for (size_t n = 0; n < step->content.len; n++)
            step->content.bytes[n] = (uint8_t)random_next(&seed);
    }
}

/* The undisturbed run, on flash of this unit. */
static bool run_script(uint32_t unit)
{
    const struct bulla_partition partition = {.offset = PARTITION_OFFSET, .size = PARTITION_SIZE};
    struct device device;
    char why[FLASH_SIM_WHY_SIZE];

    if (flash_sim_create(&device.sim, NULL, PARTITION_OFFSET + PARTITION_SIZE, why) != BULLA_OK)
        return false;
    device.sim.unit = unit;
    if (bulla_state_format(&device.state, flash_sim_flash(&device.sim), &partition) != BULLA_OK)
        return false;
    for (uint32_t i = 0; i <= STEPS; i++) {
        flash_sim_close(&before[i]);
        if (flash_sim_copy(&before[i], &device.sim, why) != BULLA_OK)
            return false;
        if (i < STEPS && put_step(&device, &script[i], models[i].events) != BULLA_OK)
            return false;
        if (i == STEPS)
            break;
        models[i + 1] = models[i];
        model_step(&models[i + 1], &script[i]);
    }
    /* the script must lead through compaction in both directions, or it shows nothing */
    bool twice = device.state.generation >= 3 && device.sim.violations == 0;
    flash_sim_close(&device.sim);
    return twice;
}

static int start_group(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i <= STEPS; i++)
        before[i].fd = -1;
    write_script();
    return run_script(1) ? 0 : -1;
}

static int end_group(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i <= STEPS; i++)
        flash_sim_close(&before[i]);
    return 0;
}

/* The device as it is before step i, powered on. */
static void restore(struct device *device, uint32_t i)
{
    char why[FLASH_SIM_WHY_SIZE];

    assert_status(flash_sim_copy(&device->sim, &before[i], why), BULLA_OK);
    assert_status(power_on(device), BULLA_OK);
}

static bool reads_as_either(struct device *device, uint32_t key, const struct content *old,
                            const struct content *new)
{
    uint8_t bytes[CONTENT_MAX];
    size_t len;

    assert_status(
        bulla_state_get(&device->state, keys[key].kind, keys[key].slot, bytes, sizeof(bytes), &len),
        BULLA_OK);
    return (len == old->len && memcmp(bytes, old->bytes, len) == 0) ||
           (len == new->len &&memcmp(bytes, new->bytes, len) == 0);
}

static bool events_read_as(struct device *device, uint32_t events)
{
    struct bulla_event_record event;
    bool found;

    const uint32_t ages[] = {0, 1, events - 1, events};

    for (size_t i = events == 0 ? 3 : 0; i < 4; i++) {
        uint32_t age = ages[i];

        assert_status(bulla_state_event(&device->state, age, &event, &found), BULLA_OK);
        if (found != (age < events && age < BULLA_STATE_EVENTS_KEPT) ||
            (found && event.value != events - 1 - age))
            return false;
    }
    return true;
}

/* Every record as in the old or in the new model, all of one kind and slot at once. */
static void expect_old_or_new(struct device *device, const struct model *old,
                              const struct model *new)
{
    for (uint32_t key = 0; key < KEYS; key++)
        assert_true(reads_as_either(device, key, &old->newest[key], &new->newest[key]));
    assert_true(events_read_as(device, old->events) || events_read_as(device, new->events));
}

static void expect_model(struct device *device, const struct model *model)
{
    expect_old_or_new(device, model, model);
}

static void expect_clean_flash(const struct device *device)
{
    assert_string_equal(device->sim.note, "");
    assert_int_equal(device->sim.violations, 0);
    assert_int_equal(device->sim.bytes_reprogrammed, 0);
}

/* After a cut in step i: what is there, and can the device go on? */
static void recover(struct device *device, uint32_t i, enum bulla_status reported)
{
    const struct model *old = reported == BULLA_OK ? &models[i + 1] : &models[i];

    assert_status(power_on(device), BULLA_OK);
    if (device->sim.unstable != NULL) /* else what is read is what is there */
        assert_status(bulla_state_settle(&device->state), BULLA_OK);
    expect_old_or_new(device, old, &models[i + 1]);
    /* events are numbered: put this one only if it is not there yet */
    if (script[i].key != KEYS || !events_read_as(device, models[i + 1].events))
        assert_status(put_step(device, &script[i], models[i].events), BULLA_OK);
    expect_model(device, &models[i + 1]);
    if (i + 1 < STEPS) {
        assert_status(put_step(device, &script[i + 1], models[i + 1].events), BULLA_OK);
        assert_status(power_on(device), BULLA_OK);
        expect_model(device, &models[i + 2]);
    }
    expect_clean_flash(device);
}

static uint32_t operations_of_step(uint32_t i)
{
    struct device device;

    restore(&device, i);
    assert_status(put_step(&device, &script[i], models[i].events), BULLA_OK);
    uint32_t operations = device.sim.operations;
    flash_sim_close(&device.sim);
    return operations;
}

/* Cut step i inside its operation k. Returns how many bytes the step programmed until then. */
static uint64_t cut_step(uint32_t i, uint32_t k, uint32_t cut_bytes, bool garbage)
{
    struct device device;

    restore(&device, i);
    device.sim.fault =
        (struct flash_sim_fault){.cut_at = k, .cut_bytes = cut_bytes, .cut_garbage = garbage};
    enum bulla_status status = put_step(&device, &script[i], models[i].events);
    uint64_t programmed = device.sim.bytes_programmed;
    assert_true(device.sim.dead);
    recover(&device, i, status);
    flash_sim_close(&device.sim);
    return programmed;
}

/* Every prefix of a program (once one more byte changes nothing it has been whole), in most steps
 * only some, and of an erase some. */
static void cut_operation(uint32_t i, uint32_t k)
{
    uint64_t programmed = cut_step(i, k, 0, false);

    for (uint32_t bytes = 1;; bytes += i % 8 == 0 ? 1 : bytes < 24 ? 5 : 29) {
        uint64_t more = cut_step(i, k, bytes, false);
        if (more == programmed)
            break;
        programmed = more;
    }
    cut_step(i, k, 16, false);
    cut_step(i, k, 2048, false);
    cut_step(i, k, 4096, false);
}

static void test_state_cut_at_every_operation_and_prefix_old_or_new(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < STEPS; i += STRIDE) {
        for (uint32_t k = operations_of_step(i); k > 0; k--)
            cut_operation(i, k);
    }
}

static void test_state_cut_leaving_garbage_old_or_new(void **unused)
{
    (void)unused;
    static const uint32_t lengths[] = {0, 1, 3, 4, 11, 12, 15, 16, 17, 100, 255, 2048, 4095};

    for (uint32_t i = 0; i < STEPS; i += 2 * STRIDE) {
        for (uint32_t k = operations_of_step(i); k > 0; k--) {
            for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
                cut_step(i, k, lengths[n], true);
        }
    }
}

/* ---- cells that a cut leaves neither old nor new ---- */

/* Which of the two is there? */
static const struct model *which(struct device *device, uint32_t i)
{
    const struct model *old = &models[i];
    const struct model *new = &models[i + 1];
    uint32_t key = script[i].key;

    expect_old_or_new(device, old, new);
    if (key == KEYS)
        return events_read_as(device, new->events) ? new : old;
    return reads_as_either(device, key, &new->newest[key], &new->newest[key]) ? new : old;
}

/* However often the state is opened, it is the old or the new one; and once settled it stays what
 * it was then (an event alone may still vanish). */
static void cut_unstable(uint32_t i, uint32_t k, uint32_t bytes, uint32_t seed)
{
    struct device device;

    restore(&device, i);
    device.sim.seed = seed;
    device.sim.fault =
        (struct flash_sim_fault){.cut_at = k, .cut_bytes = bytes, .cut_unstable = true};
    enum bulla_status status = put_step(&device, &script[i], models[i].events);
    assert_true(status != BULLA_OK || k == device.sim.operations);
    for (uint32_t time = 0; time < 3; time++) {
        assert_status(power_on(&device), BULLA_OK); /* what it reads may change even now */
    }
    if (seed % 2 == 0) {
        assert_status(bulla_state_settle(&device.state), BULLA_OK);
        const struct model *settled = which(&device, i);
        for (uint32_t time = 0; time < 4; time++) {
            assert_status(power_on(&device), BULLA_OK);
            assert_true(which(&device, i) == settled || script[i].key == KEYS);
        }
    }
    recover(&device, i, status);
    flash_sim_close(&device.sim);
}

static void test_state_cut_leaving_unstable_cells_settles(void **unused)
{
    (void)unused;
    static const uint32_t lengths[] = {0, 12, 16, 100, 4095};
    static const uint32_t units[] = {1, 16, 32};
    uint32_t seed = 0;

    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        assert_true(run_script(units[u]));
        for (uint32_t i = (uint32_t)u; i < STEPS; i += 3 * STRIDE) {
            for (uint32_t k = operations_of_step(i); k > 0; k--) {
                for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
                    cut_unstable(i, k, lengths[n], ++seed);
            }
        }
    }
    assert_true(run_script(1));
}

static void test_state_cut_with_large_program_units_old_or_new(void **unused)
{
    (void)unused;
    static const uint32_t lengths[] = {0, 1, 15, 16, 17, 31, 32, 100, 4095};
    static const uint32_t units[] = {4, 16, 32};

    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        assert_true(run_script(units[u]));
        for (uint32_t i = (uint32_t)u; i < STEPS; i += 4 * STRIDE) {
            for (uint32_t k = operations_of_step(i); k > 0; k--) {
                for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
                    cut_step(i, k, lengths[n], (n + k) % 2 == 0);
            }
        }
    }
    assert_true(run_script(1));
}

/* Cut step i, and cut its repetition too. */
static void cut_twice(uint32_t i, uint32_t k, uint32_t bytes, bool garbage)
{
    for (uint32_t again = 1;; again += again < 6 ? 1 : 2) {
        struct device device;

        restore(&device, i);
        device.sim.fault =
            (struct flash_sim_fault){.cut_at = k, .cut_bytes = bytes, .cut_garbage = garbage};
        enum bulla_status first = put_step(&device, &script[i], models[i].events);
        assert_status(power_on(&device), BULLA_OK);
        device.sim.fault = (struct flash_sim_fault){
            .cut_at = device.sim.operations + again, .cut_bytes = bytes, .cut_garbage = garbage};
        enum bulla_status second = first;
        if (script[i].key != KEYS || !events_read_as(&device, models[i + 1].events))
            second = put_step(&device, &script[i], models[i].events);
        bool cut = device.sim.dead;
        recover(&device, i, first == BULLA_OK ? first : second);
        flash_sim_close(&device.sim);
        if (!cut)
            return;
    }
}

static void test_state_cut_twice_in_a_row_old_or_new(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < STEPS; i += 3 * STRIDE) {
        uint32_t operations = operations_of_step(i);

        for (uint32_t k = 1; k <= operations; k += k < 6 ? 1 : 2) {
            cut_twice(i, k, 5, k % 3 == 0);
            cut_twice(i, k, 16, k % 2 == 0);
        }
    }
}

/* What is kept twice is written twice: cut anywhere, it is the old or the new value, and after a
 * success one copy may rot. */
static void test_state_cut_between_two_copies_old_or_new(void **unused)
{
    (void)unused;
    bool done = false;

    for (uint32_t k = 1; !done; k++) {
        for (uint32_t bytes = 0; bytes <= 48; bytes++) {
            struct device device;
            struct bulla_confirmed found;
            bool is_there;

            restore(&device, 0);
            assert_status(
                bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 7}),
                BULLA_OK);
            device.sim.fault =
                (struct flash_sim_fault){.cut_at = device.sim.operations + k, .cut_bytes = bytes};
            enum bulla_status status =
                bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 8});
            done = !device.sim.dead;
            assert_status(power_on(&device), BULLA_OK);
            assert_status(bulla_state_get_confirmed(&device.state, &found, &is_there), BULLA_OK);
            assert_true(is_there);
            assert_true(found.sequence == 8 || (found.sequence == 7 && status != BULLA_OK));
            assert_status(
                bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 9}),
                BULLA_OK);
            assert_status(power_on(&device), BULLA_OK);
            assert_status(bulla_state_get_confirmed(&device.state, &found, &is_there), BULLA_OK);
            assert_int_equal(found.sequence, 9);
            expect_clean_flash(&device);
            flash_sim_close(&device.sim);
        }
    }
}

static void test_state_cut_in_format_leaves_nothing_half_made(void **unused)
{
    (void)unused;
    const struct bulla_partition partition = {.offset = PARTITION_OFFSET, .size = PARTITION_SIZE};
    bool formatted = false;

    for (uint32_t k = 1; !formatted; k++) {
        struct device device;

        restore(&device, STEPS);
        device.sim.fault = (struct flash_sim_fault){.cut_at = k, .cut_bytes = 7};
        formatted =
            bulla_state_format(&device.state, flash_sim_flash(&device.sim), &partition) == BULLA_OK;
        enum bulla_status status = power_on(&device);
        if (formatted)
            assert_status(status, BULLA_OK);
        else if (status == BULLA_OK)
            expect_model(&device, &models[STEPS]);
        else
            assert_true(status == BULLA_E_STATE_DAMAGED || status == BULLA_E_STATE_EMPTY);
        flash_sim_close(&device.sim);
    }
}

/* ---- failures without a power cut ---- */

/* Operation k of step i fails, in truth carried out or not. In the same session the old content
 * is then put again: whatever the flash holds, that must be what is read after power-on. */
static void fail_step(uint32_t i, struct flash_sim_fault fault)
{
    struct device device;
    struct step undo = {.key = script[i].key};

    restore(&device, i);
    device.sim.fault = fault;
    enum bulla_status status = put_step(&device, &script[i], models[i].events);
    device.sim.fault = (struct flash_sim_fault){0};
    expect_old_or_new(&device, status == BULLA_OK ? &models[i + 1] : &models[i], &models[i + 1]);
    if (script[i].key != KEYS) {
        undo.content = models[i].newest[undo.key];
        assert_status(put_step(&device, &undo, 0), BULLA_OK);
        expect_model(&device, &models[i]);
        assert_status(power_on(&device), BULLA_OK);
        expect_model(&device, &models[i]);
        status = BULLA_E_FLASH_PROGRAM;
    }
    recover(&device, i, status);
    flash_sim_close(&device.sim);
}

static void test_state_failing_operation_is_never_built_upon(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t operations = operations_of_step(i);

        for (uint32_t k = 1; k <= operations; k++) {
            fail_step(i, (struct flash_sim_fault){.fail_at = k});
            fail_step(i, (struct flash_sim_fault){.fail_at = k, .fail_but_done = true});
        }
    }
}

/* Reads fail one after the other, in the put and already in the open. */
static void test_state_failing_read_is_reported_or_harmless(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < STEPS; i += 3 * STRIDE) {
        bool reached = true;

        for (uint32_t k = 1; reached; k += 1 + k / 16) {
            struct device device;

            restore(&device, i);
            device.sim.fault.fail_read_at = device.sim.reads + k;
            uint32_t last = device.sim.reads + k;
            enum bulla_status status = put_step(&device, &script[i], models[i].events);
            reached = device.sim.reads >= last;
            flash_sim_close(&device.sim);
            if (!reached)
                assert_status(status, BULLA_OK);
            fail_step(i, (struct flash_sim_fault){.fail_read_at = last});
        }
    }
}

static void test_state_failing_read_while_opening_is_reported(void **unused)
{
    (void)unused;
    const struct bulla_partition partition = {.offset = PARTITION_OFFSET, .size = PARTITION_SIZE};
    struct device device;

    restore(&device, STEPS);
    uint32_t reads = device.sim.reads;
    assert_true(reads > 50);
    for (uint32_t k = 1; k <= reads; k++) {
        device.sim.fault.fail_read_at = device.sim.reads + k;
        assert_status(bulla_state_open(&device.state, flash_sim_flash(&device.sim), &partition),
                      BULLA_E_FLASH_READ);
        assert_int_equal(device.state.half, 0);
    }
    flash_sim_close(&device.sim);
}

/* The flash stores one byte wrongly and reports success: the put says so, and after the next
 * power-on the old content or, where a header could be mended, the new one is there. Every byte
 * that the put programs, in appends and in compactions. */
static void lie_about(uint32_t i, uint32_t offset)
{
    struct device device;

    restore(&device, i);
    device.sim.fault = (struct flash_sim_fault){
        .lie_from = 1, .lie_offset = offset, .lie_mask = (uint8_t)(1u << (offset % 8))};
    uint8_t old = device.sim.bytes[offset];
    enum bulla_status status = put_step(&device, &script[i], models[i].events);
    bool lied = device.sim.bytes[offset] != old && status != BULLA_OK;
    if (lied)
        assert_status(status, BULLA_E_FLASH_READBACK);
    assert_status(power_on(&device), BULLA_OK);
    expect_old_or_new(&device, status == BULLA_OK ? &models[i + 1] : &models[i], &models[i + 1]);
    flash_sim_close(&device.sim);
}

static void test_state_flash_that_stores_otherwise_is_caught(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < STEPS; i++) {
        struct device device;

        restore(&device, i);
        assert_status(put_step(&device, &script[i], models[i].events), BULLA_OK);
        for (uint32_t offset = PARTITION_OFFSET; offset < device.sim.size; offset++) {
            /* what an undisturbed step leaves programmed */
            if (device.sim.bytes[offset] != before[i].bytes[offset] &&
                device.sim.bytes[offset] != 0xff)
                lie_about(i, offset);
        }
        flash_sim_close(&device.sim);
    }
}

/* As above, told by its result: an append whose byte is stored otherwise is not BULLA_OK. */
static void test_state_lie_in_append_is_a_readback_failure(void **unused)
{
    (void)unused;
    struct device device;

    for (uint32_t byte = 0; byte < 32; byte++) {
        restore(&device, 0);
        device.sim.fault = (struct flash_sim_fault){.lie_from = 1, .lie_mask = 0x80};
        device.sim.fault.lie_offset = PARTITION_OFFSET + device.state.active * device.state.half +
                                      device.state.end + device.state.unit +
                                      byte; /* behind the unit that is left free after an open */
        assert_status(bulla_state_put_floor(&device.state, 0x7fffffff), BULLA_E_FLASH_READBACK);
        assert_true(device.state.dirty);
        flash_sim_close(&device.sim);
    }
}

/* One bit is misread, once, at every read of a compaction in turn: no record is forgotten. */
static void test_state_misread_in_compaction_forgets_nothing(void **unused)
{
    (void)unused;
    uint32_t caught = 0;

    for (uint32_t i = 0; i < STEPS; i++) {
        bool reached = operations_of_step(i) > 20; /* the steps that compact */

        for (uint32_t k = 1; reached; k++) {
            struct device device;

            restore(&device, i);
            device.sim.fault.misread_at = device.sim.reads + k;
            uint32_t last = device.sim.reads + k;
            enum bulla_status status = put_step(&device, &script[i], models[i].events);
            reached = device.sim.reads >= last;
            caught += status == BULLA_E_FLASH_READ;
            recover(&device, i, status);
            flash_sim_close(&device.sim);
        }
    }
    assert_true(caught > 0);
}

static void test_state_worn_sector_never_costs_what_was_put(void **unused)
{
    (void)unused;
    for (uint32_t sector = 0; sector < 4; sector++) {
        for (int silently = 0; silently < 2; silently++) {
            struct device device;
            struct model model = models[0];
            bool failed = false;

            restore(&device, 0);
            device.sim.fault.worn = true;
            device.sim.fault.worn_silently = silently == 1;
            device.sim.fault.worn_sector = PARTITION_OFFSET + sector * BULLA_SECTOR_SIZE;
            for (uint32_t i = 0; i < 3 * STEPS; i++) {
                const struct step *step = &script[i % STEPS];
                enum bulla_status status = put_step(&device, step, model.events);
                if (status == BULLA_OK)
                    model_step(&model, step);
                else
                    failed = true;
                expect_model(&device, &model);
            }
            assert_true(failed); /* the worn sector was needed */
            assert_status(power_on(&device), BULLA_OK);
            expect_model(&device, &model);
            expect_clean_flash(&device);
            flash_sim_close(&device.sim);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_cut_at_every_operation_and_prefix_old_or_new),
        cmocka_unit_test(test_state_cut_leaving_garbage_old_or_new),
        cmocka_unit_test(test_state_cut_leaving_unstable_cells_settles),
        cmocka_unit_test(test_state_cut_with_large_program_units_old_or_new),
        cmocka_unit_test(test_state_cut_twice_in_a_row_old_or_new),
        cmocka_unit_test(test_state_cut_between_two_copies_old_or_new),
        cmocka_unit_test(test_state_cut_in_format_leaves_nothing_half_made),
        cmocka_unit_test(test_state_failing_operation_is_never_built_upon),
        cmocka_unit_test(test_state_failing_read_is_reported_or_harmless),
        cmocka_unit_test(test_state_failing_read_while_opening_is_reported),
        cmocka_unit_test(test_state_flash_that_stores_otherwise_is_caught),
        cmocka_unit_test(test_state_lie_in_append_is_a_readback_failure),
        cmocka_unit_test(test_state_misread_in_compaction_forgets_nothing),
        cmocka_unit_test(test_state_worn_sector_never_costs_what_was_put),
    };

    return cmocka_run_group_tests_name("state_power", tests, start_group, end_group);
}
