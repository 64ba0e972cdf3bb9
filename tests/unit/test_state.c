/* SPDX-License-Identifier: Apache-2.0 */
/* The device state log while the power stays on: what goes in comes out, compaction, fullness,
 * damage and hostile content. Power cuts: test_state_power.c. */

#include "check.h"

#include "bulla/limits.h"
#include "bulla/state.h"
#include "flash_sim.h"

#define PARTITION_OFFSET 0x3000u

/* One chip with the state partition in its middle, so that writes outside of it are seen. */
struct device {
    struct flash_sim sim;
    struct bulla_partition partition;
    struct bulla_state state;
};

static void start(struct device *device, uint32_t size)
{
    char why[FLASH_SIM_WHY_SIZE];

    memset(device, 0, sizeof(*device));
    device->partition = (struct bulla_partition){.offset = PARTITION_OFFSET, .size = size};
    assert_status(
        flash_sim_create(&device->sim, NULL, PARTITION_OFFSET + size + BULLA_SECTOR_SIZE, why),
        BULLA_OK);
}

static enum bulla_status reopen(struct device *device)
{
    return bulla_state_open(&device->state, flash_sim_flash(&device->sim), &device->partition);
}

static void format(struct device *device, uint32_t size)
{
    start(device, size);
    assert_status(
        bulla_state_format(&device->state, flash_sim_flash(&device->sim), &device->partition),
        BULLA_OK);
}

/* Nothing was done to the chip that real flash minds, and nothing outside of the partition. */
static void finish(struct device *device)
{
    uint32_t end = device->partition.offset + device->partition.size;

    assert_string_equal(device->sim.note, "");
    assert_int_equal(device->sim.violations, 0);
    assert_int_equal(device->sim.bytes_reprogrammed, 0);
    for (uint32_t i = 0; i < device->sim.size; i++) {
        if (i < PARTITION_OFFSET || i >= end)
            assert_int_equal(device->sim.bytes[i], 0xff);
    }
    flash_sim_close(&device->sim);
}

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)random_next(&seed);
}

static enum bulla_status put(struct device *device, enum bulla_record_kind kind, uint8_t slot,
                             const void *bytes, size_t len)
{
    return bulla_state_put(&device->state, kind, slot, (struct bulla_bytes){bytes, len});
}

/* 32 bytes of the log, of a kind that is kept once. */
static enum bulla_status put_small(struct device *device, uint32_t value)
{
    return put(device, BULLA_RECORD_TRIAL, 0, &value, sizeof(value));
}

static void expect(struct device *device, enum bulla_record_kind kind, uint8_t slot,
                   const void *bytes, size_t len)
{
    static uint8_t found[0x10000];
    size_t found_len = 99;

    assert_status(bulla_state_get(&device->state, kind, slot, found, sizeof(found), &found_len),
                  BULLA_OK);
    assert_int_equal(found_len, len);
    if (len > 0)
        assert_memory_equal(found, bytes, len);
}

static uint8_t *half_bytes(struct device *device, uint32_t index)
{
    return device->sim.bytes + device->state.offset + index * device->state.half;
}

static uint8_t *active_bytes(struct device *device)
{
    return half_bytes(device, device->state.active);
}

/* ---- contents ---- */

static void test_state_put_then_reopen_returns_content(void **unused)
{
    (void)unused;
    static const size_t lengths[] = {1, 15, 16, 17, 255, 256, 257, 512, 2064};
    struct device device;
    uint8_t bytes[2064];

    format(&device, 0x10000);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        fill(bytes, lengths[i], (uint32_t)i);
        assert_status(put(&device, BULLA_RECORD_HEAD, (uint8_t)i, bytes, lengths[i]), BULLA_OK);
    }
    assert_status(reopen(&device), BULLA_OK);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        fill(bytes, lengths[i], (uint32_t)i);
        expect(&device, BULLA_RECORD_HEAD, (uint8_t)i, bytes, lengths[i]);
    }
    finish(&device);
}

static void test_state_content_of_erased_looking_bytes_survives(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t bytes[300];

    memset(bytes, 0xff, sizeof(bytes));
    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, bytes, sizeof(bytes)), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);
    assert_false(device.state.dirty);
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, "next", 4), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);
    expect(&device, BULLA_RECORD_HEAD, 0, bytes, sizeof(bytes));
    expect(&device, BULLA_RECORD_HEAD, 1, "next", 4);
    finish(&device);
}

static void test_state_newest_record_of_kind_and_slot_wins(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, "old", 3), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, "other", 5), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, "newer", 5), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_HEAD, BULLA_STATE_SLOT_FACTORY, "f", 1), BULLA_OK);
    for (int pass = 0; pass < 2; pass++) {
        expect(&device, BULLA_RECORD_HEAD, 0, "newer", 5);
        expect(&device, BULLA_RECORD_HEAD, 1, "other", 5);
        expect(&device, BULLA_RECORD_HEAD, BULLA_STATE_SLOT_FACTORY, "f", 1);
        expect(&device, BULLA_RECORD_HEAD, 2, NULL, 0);
        expect(&device, BULLA_RECORD_TRUST, 0, NULL, 0);
        assert_status(reopen(&device), BULLA_OK);
    }
    finish(&device);
}

static void test_state_empty_head_hides_the_one_before(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, "sealed", 6), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, NULL, 0), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);
    expect(&device, BULLA_RECORD_HEAD, 1, NULL, 0);
    finish(&device);
}

static void test_state_get_into_small_buffer_is_refused(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t buffer[6];
    size_t len = 99;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, "sevenby", 7), BULLA_OK);
    assert_status(
        bulla_state_get(&device.state, BULLA_RECORD_TRUST, 0, buffer, sizeof(buffer), &len),
        BULLA_E_WORKSPACE_TOO_SMALL);
    assert_int_equal(len, 0);
    finish(&device);
}

static void test_state_identical_content_writes_nothing(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t bytes[200];

    fill(bytes, sizeof(bytes), 1);
    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes)), BULLA_OK);
    uint32_t operations = device.sim.operations;
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes)), BULLA_OK);
    assert_int_equal(device.sim.operations, operations);
    bytes[199] ^= 1;
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes)), BULLA_OK);
    assert_true(device.sim.operations > operations);
    operations = device.sim.operations;
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, 100), BULLA_OK);
    assert_true(device.sim.operations > operations);
    expect(&device, BULLA_RECORD_TRUST, 0, bytes, 100);
    finish(&device);
}

static void test_state_typed_records_come_back(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_identity identity = {.format = 1, .chip_id = 0x1234, .chip_revision = 399}, id;
    struct bulla_confirmed confirmed = {.sequence = 0x89abcdef}, co;
    struct bulla_trial trial = {.failed = 3}, tr;
    struct bulla_running running = {.slot = 0xff, .trial = true, .ota_seq = 0xfffffffe}, ru;
    uint32_t floor;
    bool found;

    fill(identity.vendor_id, 16, 1);
    fill(identity.class_id, 16, 2);
    fill(confirmed.manifest_digest, 32, 3);
    fill(trial.manifest_digest, 32, 4);
    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(bulla_state_put_identity(&device.state, &identity), BULLA_OK);
    assert_status(bulla_state_put_confirmed(&device.state, &confirmed), BULLA_OK);
    assert_status(bulla_state_put_trial(&device.state, &trial), BULLA_OK);
    assert_status(bulla_state_put_running(&device.state, &running), BULLA_OK);
    assert_status(bulla_state_put_floor(&device.state, 0x01020304), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);

    assert_status(bulla_state_get_identity(&device.state, &id, &found), BULLA_OK);
    assert_true(found);
    assert_memory_equal(id.vendor_id, identity.vendor_id, 16);
    assert_memory_equal(id.class_id, identity.class_id, 16);
    assert_int_equal(id.format, 1);
    assert_int_equal(id.chip_id, 0x1234);
    assert_int_equal(id.chip_revision, 399);
    assert_status(bulla_state_get_confirmed(&device.state, &co, &found), BULLA_OK);
    assert_true(found && co.sequence == 0x89abcdef);
    assert_memory_equal(co.manifest_digest, confirmed.manifest_digest, 32);
    assert_status(bulla_state_get_trial(&device.state, &tr, &found), BULLA_OK);
    assert_true(found && tr.failed == 3);
    assert_memory_equal(tr.manifest_digest, trial.manifest_digest, 32);
    assert_status(bulla_state_get_running(&device.state, &ru, &found), BULLA_OK);
    assert_true(found && ru.slot == 0xff && ru.trial && ru.ota_seq == 0xfffffffe);
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
    assert_int_equal(floor, 0x01020304);
    finish(&device);
}

static void test_state_typed_records_absent_are_not_found(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_identity identity;
    struct bulla_confirmed confirmed;
    struct bulla_trial trial;
    struct bulla_running running;
    struct bulla_event_record event;
    uint32_t floor = 7;
    bool found = true;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(bulla_state_get_identity(&device.state, &identity, &found), BULLA_OK);
    assert_false(found);
    found = true;
    assert_status(bulla_state_get_confirmed(&device.state, &confirmed, &found), BULLA_OK);
    assert_false(found);
    found = true;
    assert_status(bulla_state_get_trial(&device.state, &trial, &found), BULLA_OK);
    assert_false(found);
    found = true;
    assert_status(bulla_state_get_running(&device.state, &running, &found), BULLA_OK);
    assert_false(found);
    found = true;
    assert_status(bulla_state_event(&device.state, 0, &event, &found), BULLA_OK);
    assert_false(found);
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
    assert_int_equal(floor, 0);
    finish(&device);
}

static void test_state_typed_record_of_other_length_is_damage(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_confirmed confirmed;
    struct bulla_running running;
    uint32_t floor = 7;
    bool found = true;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_FLOOR, 0, "abc", 3), BULLA_OK);
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_E_STATE_DAMAGED);
    assert_int_equal(floor, 0);
    assert_status(put(&device, BULLA_RECORD_FLOOR, 0, "", 0), BULLA_OK);
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_E_STATE_DAMAGED);
    assert_status(put(&device, BULLA_RECORD_CONFIRMED, 0, device.sim.bytes, 37), BULLA_OK);
    assert_status(bulla_state_get_confirmed(&device.state, &confirmed, &found),
                  BULLA_E_STATE_DAMAGED);
    assert_false(found);
    assert_status(put(&device, BULLA_RECORD_RUNNING, 0, "\0\2\0\0\0\0", 6), BULLA_OK);
    assert_status(bulla_state_get_running(&device.state, &running, &found), BULLA_E_STATE_DAMAGED);
    assert_false(found);
    finish(&device);
}

/* The bytes that docs/FORMAT.md shows. */
static void test_state_bytes_are_those_of_the_format(void **unused)
{
    (void)unused;
    static const uint8_t expected[] = {0x62, 0x73, 0x74, 0x32, 0x10, 0x20, 0x00, 0x00, 0x01, 0x00,
                                       0x00, 0x00, 0x6e, 0xa2, 0xa3, 0x2c, 0x04, 0x00, 0x04, 0x00,
                                       0x01, 0x00, 0x00, 0x00, 0x06, 0xa4, 0x51, 0xe9, 0x32, 0x8d,
                                       0x5b, 0xa7, 0x04, 0x03, 0x02, 0x01, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct device device;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(bulla_state_put_floor(&device.state, 0x01020304), BULLA_OK);
    assert_memory_equal(device.sim.bytes + PARTITION_OFFSET, expected, sizeof(expected));
    finish(&device);
}

/* ---- events ---- */

static void test_state_events_are_told_newest_first_and_thirty_two(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_event_record event;
    bool found;

    format(&device, BULLA_STATE_SIZE_MIN);
    uint32_t generation = device.state.generation;
    for (uint32_t i = 0; i < 2000; i++) {
        event = (struct bulla_event_record){.what = (uint8_t)(i % 8 + 1),
                                            .slot = (uint8_t)(i % 2),
                                            .status = (uint16_t)(i * 3),
                                            .value = i};
        for (int twice = 0; twice < 2; twice++) {
            assert_status(bulla_state_put_event(&device.state, &event), BULLA_OK);
            if (device.state.generation != generation)                 /* just compacted */
                assert_int_equal(device.state.end, 16 + 32 * 32 + 16); /* and a SEAL */
            generation = device.state.generation;
        }
        uint32_t told = (i + 1) * 2 < 32 ? (i + 1) * 2 : 32;
        assert_status(bulla_state_event(&device.state, told - 1, &event, &found), BULLA_OK);
        assert_true(found);
        assert_int_equal(event.value, i + 1 - told / 2);
        assert_int_equal(event.status, (uint16_t)(event.value * 3));
        assert_status(bulla_state_event(&device.state, told, &event, &found), BULLA_OK);
        assert_false(found);
    }
    assert_true(device.state.generation > 10);
    finish(&device);
}

static void test_state_event_of_other_length_is_damage(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_event_record event;
    bool found = true;

    format(&device, BULLA_STATE_SIZE_MIN);
    assert_status(put(&device, BULLA_RECORD_EVENT, 0, "1234567", 7), BULLA_OK);
    assert_status(bulla_state_event(&device.state, 0, &event, &found), BULLA_E_STATE_DAMAGED);
    assert_false(found);
    finish(&device);
}

/* ---- compaction ---- */

/* Thousands of puts of all sizes, compared with a plain table after each. */
static void compact_often(uint32_t size, size_t longest, uint32_t puts)
{
    struct device device;
    static uint8_t model[4][2100];
    size_t lengths[4] = {0};
    uint32_t seed = size;

    format(&device, size);
    for (uint32_t i = 0; i < puts; i++) {
        uint32_t slot = random_next(&seed) % 4;

        lengths[slot] = random_next(&seed) % (longest + 1);
        fill(model[slot], lengths[slot], i);
        assert_status(put(&device, BULLA_RECORD_HEAD, (uint8_t)slot, model[slot], lengths[slot]),
                      BULLA_OK);
        if (i % 7 == 0)
            assert_status(reopen(&device), BULLA_OK);
        assert_false(device.state.dirty);
        for (uint8_t s = 0; s < 4; s++)
            expect(&device, BULLA_RECORD_HEAD, s, model[s], lengths[s]);
    }
    assert_true(device.state.generation > 100);
    finish(&device);
}

static void test_state_compacted_thousands_of_times_keeps_all(void **unused)
{
    (void)unused;
    compact_often(0x4000, 1580, 3000);
    compact_often(0x10000, 2064, 4000);
}

static void test_state_partition_of_odd_sectors_uses_even_part(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x5000);
    assert_int_equal(device.state.half, 0x2000);
    finish(&device);
    format(&device, 0x100000);
    assert_int_equal(device.state.half, BULLA_STATE_HALF_MAX);
    finish(&device);
}

static void test_state_compaction_spreads_wear_evenly(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    for (uint32_t i = 0; i < 20000; i++)
        assert_status(put_small(&device, i), BULLA_OK);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t wear = device.sim.wear[PARTITION_OFFSET / BULLA_SECTOR_SIZE + i];
        /* 255 puts a compaction; the first sector of a half is erased twice a round */
        assert_in_range(wear, 39, i % 2 == 0 ? 80 : 41);
    }
    finish(&device);
}

static void test_state_unknown_kind_survives_compaction(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    assert_status(put(&device, (enum bulla_record_kind)200, 9, "later firmware", 14), BULLA_OK);
    for (uint32_t i = 0; i < 1000; i++)
        assert_status(bulla_state_put_floor(&device.state, i), BULLA_OK);
    assert_true(device.state.generation > 3);
    expect(&device, (enum bulla_record_kind)200, 9, "later firmware", 14);
    finish(&device);
}

static void test_state_compacted_half_leaves_no_second_header(void **unused)
{
    (void)unused;
    struct device device;
    uint32_t generation;

    format(&device, 0x4000);
    generation = device.state.generation;
    for (uint32_t i = 0; device.state.generation == generation; i++)
        assert_status(put_small(&device, i), BULLA_OK);
    assert_false(device.state.stale);
    active_bytes(&device)[9] ^= 0x11;
    assert_status(reopen(&device), BULLA_E_STATE_DAMAGED);
    finish(&device);
}

/* The power fails just before the outdated header would have been taken away. */
static void test_state_header_left_by_a_cut_is_taken_by_the_next_put(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    while (device.state.half - device.state.end >= 32 + 64)
        assert_status(put_small(&device, device.state.counter), BULLA_OK);
    /* two erases, the live record being replaced: record header, content, half header, SEAL, cut */
    device.sim.fault.cut_at = device.sim.operations + 7;
    assert_status(put_small(&device, 0), BULLA_OK);
    assert_true(device.sim.dead);
    flash_sim_power_on(&device.sim);
    assert_status(reopen(&device), BULLA_OK);
    assert_int_equal(device.state.generation, 2);
    assert_memory_equal(half_bytes(&device, 0), "bst2", 4);
    assert_status(put_small(&device, 1), BULLA_OK);
    assert_int_equal(device.state.generation, 2);
    assert_memory_equal(half_bytes(&device, 0), "\xff\xff\xff\xff", 4);
    finish(&device);
}

/* ---- full ---- */

static void test_state_full_leaves_everything_as_it_was(void **unused)
{
    (void)unused;
    struct device device;
    static uint8_t bytes[0x10000];
    uint8_t *before;

    format(&device, 0x4000);
    fill(bytes, sizeof(bytes), 5);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes, 4376), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, bytes, 2064), BULLA_OK);
    before = malloc(device.sim.size);
    assert_non_null(before);
    memcpy(before, device.sim.bytes, device.sim.size);
    /* 0x2000 - (16 + 704 of small records, 8 events among them, + 80) - (16 + 4384) - (16 + 2064)
     * = 912 */
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, bytes, 897), BULLA_E_STATE_FULL);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes, 6001), BULLA_E_STATE_FULL);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes, 0xffff), BULLA_E_STATE_FULL);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes, 0x10000), BULLA_E_STATE_FULL);
    assert_memory_equal(before, device.sim.bytes, device.sim.size);
    free(before);
    assert_status(put(&device, BULLA_RECORD_HEAD, 1, bytes, 896), BULLA_OK);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes + 1, 4384), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);
    expect(&device, (enum bulla_record_kind)200, 0, bytes + 1, 4384);
    expect(&device, BULLA_RECORD_HEAD, 0, bytes, 2064);
    expect(&device, BULLA_RECORD_HEAD, 1, bytes, 896);
    finish(&device);
}

static void test_state_largest_trust_store_and_heads_fit_64k(void **unused)
{
    (void)unused;
    struct device device;
    static uint8_t bytes[BULLA_TRUST_SIZE_MAX];
    uint8_t head[BULLA_HEAD_MAX + 8];

    format(&device, 0x10000);
    fill(bytes, sizeof(bytes), 1);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes)), BULLA_OK);
    for (uint32_t round = 0; round < 20; round++) {
        fill(head, sizeof(head), round);
        for (uint8_t slot = 0; slot < 8; slot++)
            assert_status(put(&device, BULLA_RECORD_HEAD, slot, head + slot, BULLA_HEAD_MAX),
                          BULLA_OK);
        assert_status(reopen(&device), BULLA_OK);
        expect(&device, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes));
        expect(&device, BULLA_RECORD_HEAD, 7, head + 7, BULLA_HEAD_MAX);
    }
    assert_status(put(&device, BULLA_RECORD_HEAD, 8, head, BULLA_HEAD_MAX), BULLA_E_STATE_FULL);
    finish(&device);
}

static void test_state_partition_small_or_crooked_is_refused(void **unused)
{
    (void)unused;
    struct device device;

    start(&device, 0x4000);
    device.partition.size = 0x3000;
    assert_status(reopen(&device), BULLA_E_STATE_FULL);
    device.partition.size = 0x4800;
    assert_status(reopen(&device), BULLA_E_STATE_FULL);
    device.partition.size = 0;
    assert_status(reopen(&device), BULLA_E_STATE_FULL);
    device.partition = (struct bulla_partition){.offset = 0x3800, .size = 0x4000};
    assert_status(reopen(&device), BULLA_E_STATE_FULL);
    device.partition = (struct bulla_partition){.offset = 0x5000, .size = 0x4000};
    assert_status(reopen(&device), BULLA_E_PARTITION_BOUNDS);
    device.partition = (struct bulla_partition){.offset = 0xfffff000, .size = 0x4000};
    assert_status(reopen(&device), BULLA_E_PARTITION_BOUNDS);
    assert_status(
        bulla_state_format(&device.state, flash_sim_flash(&device.sim), &device.partition),
        BULLA_E_PARTITION_BOUNDS);
    assert_int_equal(device.sim.operations, 0);
    assert_status(put(&device, BULLA_RECORD_FLOOR, 0, "1234", 4), BULLA_E_STATE_EMPTY);
    device.partition = (struct bulla_partition){.offset = PARTITION_OFFSET, .size = 0x4000};
    finish(&device);
}

/* ---- damage ---- */

static void test_state_content_misread_after_its_check_is_not_returned(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t buffer[7];
    size_t len;

    format(&device, 0x4000);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, "content", 7), BULLA_OK);
    uint32_t reads = device.sim.reads;
    expect(&device, BULLA_RECORD_TRUST, 0, "content", 7);
    device.sim.fault.misread_at = device.sim.reads + (device.sim.reads - reads);
    assert_status(
        bulla_state_get(&device.state, BULLA_RECORD_TRUST, 0, buffer, sizeof(buffer), &len),
        BULLA_E_FLASH_READ);
    assert_int_equal(len, 0);
    finish(&device);
}

static void test_state_blank_partition_is_empty(void **unused)
{
    (void)unused;
    struct device device;

    start(&device, 0x4000);
    assert_status(reopen(&device), BULLA_E_STATE_EMPTY);
    device.sim.bytes[PARTITION_OFFSET + 0x3fff] = 0xfe;
    assert_status(reopen(&device), BULLA_E_STATE_DAMAGED);
    device.sim.bytes[PARTITION_OFFSET + 0x3fff] = 0xff;
    device.sim.bytes[PARTITION_OFFSET] = 0;
    assert_status(reopen(&device), BULLA_E_STATE_DAMAGED);
    finish(&device);
}

static void test_state_every_bit_flip_in_half_header_is_mended(void **unused)
{
    (void)unused;
    struct device device;
    uint32_t floor;

    format(&device, 0x4000);
    assert_status(bulla_state_put_floor(&device.state, 5), BULLA_OK);
    for (uint32_t bit = 0; bit < 128; bit++) {
        device.sim.bytes[PARTITION_OFFSET + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_status(reopen(&device), BULLA_OK);
        assert_true(device.state.dirty);
        assert_int_equal(device.state.generation, 1);
        assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
        assert_int_equal(floor, 5);
        device.sim.bytes[PARTITION_OFFSET + (bit + 9) % 128 / 8] ^= (uint8_t)(1u << (bit + 9) % 8);
        assert_status(reopen(&device), BULLA_E_STATE_DAMAGED);
        device.sim.bytes[PARTITION_OFFSET + (bit + 9) % 128 / 8] ^= (uint8_t)(1u << (bit + 9) % 8);
        device.sim.bytes[PARTITION_OFFSET + bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    device.sim.bytes[PARTITION_OFFSET + 9] ^= 0x10;
    assert_status(reopen(&device), BULLA_OK);
    assert_status(bulla_state_put_floor(&device.state, 6), BULLA_OK);
    assert_int_equal(device.state.active, 1);
    assert_status(reopen(&device), BULLA_OK);
    assert_false(device.state.dirty);
    finish(&device);
}

static enum bulla_status get_head(struct device *device, size_t *len, bool *found)
{
    static uint8_t head[BULLA_HEAD_MAX];

    return bulla_state_get_head(&device->state, 0, head, sizeof(head), len, found);
}

/* Three records; each bit of the middle one flips in turn. In its header the bit is mended; with
 * its content the head of the slot is lost, and the older one, which said "not sealed", does not
 * come back, not after the next put has cleaned the log either. */
static void test_state_every_bit_flip_is_mended_or_loses_that_head_alone(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t middle[40];
    uint32_t in_header = 8 * 16;

    fill(middle, sizeof(middle), 3);
    format(&device, 0x4000);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, NULL, 0), BULLA_OK);
    uint32_t at = device.state.end;
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, middle, sizeof(middle)), BULLA_OK);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, "behind", 6), BULLA_OK);
    for (uint32_t bit = 0; bit < in_header + 8 * sizeof(middle); bit++) {
        struct device copy = device;
        char why[FLASH_SIM_WHY_SIZE];
        size_t len;
        bool found;

        assert_status(flash_sim_copy(&copy.sim, &device.sim, why), BULLA_OK);
        copy.sim.bytes[PARTITION_OFFSET + at + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_status(reopen(&copy), BULLA_OK);
        assert_true(copy.state.dirty);
        for (int pass = 0; pass < 2; pass++) {
            enum bulla_status lost = pass == 0 ? BULLA_E_STATE_DAMAGED : BULLA_OK;
            if (bit < in_header)
                expect(&copy, BULLA_RECORD_HEAD, 0, middle, sizeof(middle));
            else
                assert_status(get_head(&copy, &len, &found), lost);
            assert_true(bit < in_header || !found);
            expect(&copy, BULLA_RECORD_TRUST, 0, "behind", 6);
            assert_status(bulla_state_put_floor(&copy.state, 1), BULLA_OK);
            assert_status(reopen(&copy), BULLA_OK);
            assert_false(copy.state.dirty);
        }
        assert_status(put(&copy, BULLA_RECORD_HEAD, 0, middle, sizeof(middle)), BULLA_OK);
        expect(&copy, BULLA_RECORD_HEAD, 0, middle, sizeof(middle));
        finish(&copy);
    }
    finish(&device);
}

/* A power cut tears the last record: it was never there, and the one before stands. */
static void test_state_torn_last_record_leaves_the_one_before(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, "older", 5), BULLA_OK);
    uint32_t at = device.state.end;
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, "newer", 5), BULLA_OK);
    active_bytes(&device)[at + 16] ^= 1;
    assert_status(reopen(&device), BULLA_OK);
    expect(&device, BULLA_RECORD_HEAD, 0, "older", 5);
    finish(&device);
}

/* Trust store, identity, sequence and floor: a bit that rots in one copy changes nothing, at once
 * and after a compaction. */
static void test_state_every_bit_flip_in_what_is_kept_twice_changes_nothing(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_confirmed confirmed;
    bool found;

    format(&device, 0x4000);
    assert_status(
        bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 3}),
        BULLA_OK);
    uint32_t at = device.state.end;
    assert_status(
        bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 4}),
        BULLA_OK);
    uint32_t end = device.state.end;
    assert_status(put_small(&device, 1), BULLA_OK);
    for (uint32_t bit = 8 * at; bit < 8 * end; bit++) {
        struct device copy = device;
        char why[FLASH_SIM_WHY_SIZE];

        assert_status(flash_sim_copy(&copy.sim, &device.sim, why), BULLA_OK);
        active_bytes(&copy)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        for (uint32_t pass = 0; pass < 2; pass++) {
            assert_status(reopen(&copy), BULLA_OK);
            assert_false(copy.state.damaged);
            assert_status(bulla_state_get_confirmed(&copy.state, &confirmed, &found), BULLA_OK);
            assert_int_equal(confirmed.sequence, 4);
            assert_status(put_small(&copy, 2 + pass), BULLA_OK);
        }
        finish(&copy);
    }
    finish(&device);
}

/* Both copies rotted: the older value does not win, and nothing can make it forgotten. */
static void test_state_loss_of_both_copies_is_damage_and_read_only(void **unused)
{
    (void)unused;
    struct device device;
    struct bulla_confirmed confirmed;
    bool found;

    format(&device, 0x4000);
    assert_status(
        bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 3}),
        BULLA_OK);
    uint32_t at = device.state.end;
    assert_status(
        bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){.sequence = 4}),
        BULLA_OK);
    assert_status(put_small(&device, 1), BULLA_OK);
    active_bytes(&device)[at + 16] ^= 1;
    active_bytes(&device)[at + 64 + 16] ^= 1;
    assert_status(reopen(&device), BULLA_OK);
    assert_true(device.state.damaged);
    assert_status(bulla_state_get_confirmed(&device.state, &confirmed, &found),
                  BULLA_E_STATE_DAMAGED);
    assert_false(found);
    uint32_t operations = device.sim.operations;
    assert_status(put_small(&device, 2), BULLA_E_STATE_DAMAGED);
    assert_status(bulla_state_put_confirmed(&device.state, &confirmed), BULLA_E_STATE_DAMAGED);
    assert_int_equal(device.sim.operations, operations);
    finish(&device);
}

/* What the footprint promises: after the heads, every small record can be written, in any order and
 * number; and a head that would break the promise is refused. */
static void test_state_footprint_holds_all_a_device_needs(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t bytes[2353];
    struct bulla_identity identity = {.format = 1};

    fill(bytes, sizeof(bytes), 9);
    format(&device, BULLA_STATE_SIZE_MIN);
    assert_int_equal(bulla_state_room(&device.partition), 0x2000);
    assert_int_equal(bulla_state_footprint(2352, 1, 2), 0x2000);
    assert_true(bulla_state_footprint(2353, 1, 2) > 0x2000);
    assert_status(put(&device, BULLA_RECORD_TRUST, 0, bytes, 2352), BULLA_OK);
    assert_status(bulla_state_put_identity(&device.state, &identity), BULLA_OK);
    for (uint32_t i = 0; i < 300; i++) {
        struct bulla_confirmed confirmed = {.sequence = i};
        struct bulla_trial trial = {.failed = (uint8_t)i};
        struct bulla_running running = {.ota_seq = i};
        struct bulla_event_record event = {.what = 1, .value = i};

        bytes[0] = (uint8_t)i;
        assert_status(put(&device, BULLA_RECORD_HEAD, i % 2, bytes, BULLA_HEAD_MAX), BULLA_OK);
        assert_status(bulla_state_put_confirmed(&device.state, &confirmed), BULLA_OK);
        assert_status(bulla_state_put_floor(&device.state, i), BULLA_OK);
        assert_status(bulla_state_put_trial(&device.state, &trial), BULLA_OK);
        assert_status(bulla_state_put_running(&device.state, &running), BULLA_OK);
        assert_status(bulla_state_put_event(&device.state, &event), BULLA_OK);
    }
    uint32_t operations = device.sim.operations;
    assert_status(put(&device, BULLA_RECORD_HEAD, 2, bytes, 2000), BULLA_E_STATE_FULL);
    assert_int_equal(device.sim.operations, operations);
    finish(&device);
}

/* A state that was made when fewer events were kept, and is full: old events go, nothing else. */
static void test_state_that_is_tight_keeps_fewer_events(void **unused)
{
    (void)unused;
    struct device device;
    static uint8_t bytes[8192];
    struct bulla_event_record event = {.what = 1};
    bool found = false;

    fill(bytes, sizeof(bytes), 3);
    format(&device, 0x4000);
    assert_status(put(&device, (enum bulla_record_kind)200, 0, bytes, 7000), BULLA_OK);
    for (uint32_t i = 0; i < 200; i++) {
        event.value = i;
        assert_status(bulla_state_put_event(&device.state, &event), BULLA_OK);
        assert_status(bulla_state_put_floor(&device.state, i), BULLA_OK);
    }
    assert_status(bulla_state_event(&device.state, 7, &event, &found), BULLA_OK);
    assert_true(found);
    assert_int_equal(event.value, 192);
    assert_status(bulla_state_event(&device.state, BULLA_STATE_EVENTS_KEPT - 1, &event, &found),
                  BULLA_OK);
    assert_false(found);
    expect(&device, (enum bulla_record_kind)200, 0, bytes, 7000);
    finish(&device);
}

/* Junk in the last unit, and the other half's header could not be erased: nothing is programmed
 * behind the half, which here is the end of the chip. */
static void test_state_without_room_for_a_seal_is_compacted(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    device.sim.fault.worn = true;
    device.sim.fault.worn_sector = device.partition.offset;
    while (device.state.generation == 1)
        assert_status(put_small(&device, device.state.counter), BULLA_OK);
    flash_sim_power_on(&device.sim);
    active_bytes(&device)[device.state.half - 1] = 0x7f;
    assert_status(reopen(&device), BULLA_OK);
    assert_int_equal(device.state.active, 1);
    assert_true(device.state.stale);
    assert_status(put_small(&device, 7), BULLA_OK);
    assert_int_equal(device.sim.violations, 0);
    assert_int_equal(device.state.active, 0);
    finish(&device);
}

static void test_state_junk_behind_the_end_is_never_programmed_over(void **unused)
{
    (void)unused;
    static const uint32_t places[] = {0, 1, 15, 16, 17, 100, 1000, 0x1f00};
    struct device device;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        format(&device, 0x4000);
        assert_status(put(&device, BULLA_RECORD_TRUST, 0, "trust", 5), BULLA_OK);
        active_bytes(&device)[device.state.end + places[i]] = 0x7f;
        assert_status(reopen(&device), BULLA_OK);
        assert_true(device.state.dirty);
        assert_status(bulla_state_put_floor(&device.state, 9), BULLA_OK);
        assert_false(device.state.dirty);
        assert_int_equal(device.state.active, 1);
        expect(&device, BULLA_RECORD_TRUST, 0, "trust", 5);
        finish(&device);
    }
}

/* A record that announces more than the half holds, with right CRCs: of 0xff bytes, such as lie in
 * the other half. */
static void test_state_record_longer_than_its_half_is_none(void **unused)
{
    (void)unused;
    struct device device;
    struct device donor;
    uint8_t bytes[600];

    memset(bytes, 0xff, sizeof(bytes));
    format(&device, 0x4000);
    format(&donor, 0x4000);
    assert_status(put(&donor, BULLA_RECORD_TRUST, 0, bytes, sizeof(bytes)), BULLA_OK);
    memcpy(device.sim.bytes + PARTITION_OFFSET + 0x2000 - 16,
           donor.sim.bytes + PARTITION_OFFSET + 16, 16);
    assert_status(reopen(&device), BULLA_OK);
    assert_true(device.state.dirty);
    expect(&device, BULLA_RECORD_TRUST, 0, NULL, 0);
    assert_status(bulla_state_put_floor(&device.state, 9), BULLA_OK);
    finish(&donor);
    finish(&device);
}

static void test_state_record_of_another_generation_is_none(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    uint32_t at = device.state.end;
    assert_status(put(&device, BULLA_RECORD_FLOOR, 0, "\x4d\0\0", 4), BULLA_OK);
    uint8_t old[32];
    memcpy(old, active_bytes(&device) + at, sizeof(old));
    uint32_t old_counter = device.state.counter;
    assert_status(
        bulla_state_format(&device.state, flash_sim_flash(&device.sim), &device.partition),
        BULLA_OK);
    device.state.dirty = true; /* forces the next put into a new generation */
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, "x", 1), BULLA_OK);
    assert_int_equal(device.state.counter, old_counter + 1); /* a SEAL */
    memcpy(active_bytes(&device) + 16, old, sizeof(old));
    assert_status(reopen(&device), BULLA_OK);
    expect(&device, BULLA_RECORD_FLOOR, 0, NULL, 0);
    finish(&device);
}

/* A rotten header exposes its content to the search for records: a copy of an older one in it must
 * not come back to life. */
static void test_state_older_record_within_content_is_none(void **unused)
{
    (void)unused;
    struct device device;
    uint8_t older[32];
    uint32_t floor;

    format(&device, 0x4000);
    uint32_t at = device.state.end;
    assert_status(bulla_state_put_floor(&device.state, 1), BULLA_OK);
    memcpy(older, active_bytes(&device) + at, sizeof(older));
    assert_status(bulla_state_put_floor(&device.state, 2), BULLA_OK);
    at = device.state.end;
    assert_status(put(&device, BULLA_RECORD_HEAD, 0, older, sizeof(older)), BULLA_OK);
    active_bytes(&device)[at + 3] ^= 0x03;
    assert_status(reopen(&device), BULLA_OK);
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
    assert_int_equal(floor, 2);
    finish(&device);
}

/* Whatever lies in the partition: no crash, no hang, and what opens can be written to. */
static void use_hostile(struct device *device, uint32_t seed)
{
    uint8_t buffer[64];
    size_t len;
    struct bulla_event_record event;
    bool found;

    if (reopen(device) != BULLA_OK)
        return;
    for (uint32_t kind = 0; kind < 10; kind++)
        (void)!bulla_state_get(&device->state, (enum bulla_record_kind)kind, 0, buffer,
                               sizeof(buffer), &len);
    (void)!bulla_state_event(&device->state, 3, &event, &found);
    enum bulla_status status = bulla_state_put_floor(&device->state, seed);
    if (status == BULLA_E_STATE_FULL || device->state.damaged)
        return;
    assert_status(status, BULLA_OK);
    assert_status(reopen(device), BULLA_OK);
    uint32_t floor;
    assert_status(bulla_state_get_floor(&device->state, &floor), BULLA_OK);
    assert_int_equal(floor, seed);
}

static void test_state_random_partition_never_opens(void **unused)
{
    (void)unused;
    struct device device;

    start(&device, 0x4000);
    for (uint32_t seed = 1; seed <= 200; seed++) {
        fill(device.sim.bytes + PARTITION_OFFSET, 0x4000, seed);
        assert_status(reopen(&device), BULLA_E_STATE_DAMAGED);
    }
    finish(&device);
}

static void test_state_log_with_random_damage_is_survived(void **unused)
{
    (void)unused;
    struct device good;
    uint8_t bytes[700];
    uint32_t seed = 1;

    format(&good, 0x4000);
    for (uint32_t i = 0; i < 40; i++) {
        fill(bytes, sizeof(bytes), i);
        assert_status(put(&good, (enum bulla_record_kind)(i % 9), (uint8_t)(i % 2), bytes,
                          random_next(&seed) % 400),
                      BULLA_OK);
    }
    for (uint32_t round = 0; round < 3000; round++) {
        struct device device = good;
        char why[FLASH_SIM_WHY_SIZE];

        assert_status(flash_sim_copy(&device.sim, &good.sim, why), BULLA_OK);
        for (uint32_t hits = 1u << (round % 12); hits > 0; hits--)
            device.sim.bytes[PARTITION_OFFSET + 16 + random_next(&seed) % 0x3ff0] =
                (uint8_t)random_next(&seed);
        use_hostile(&device, round);
        finish(&device);
    }
    finish(&good);
}

/* A whole header with the highest counter: nothing may follow it, and nothing may be lost. */
static void test_state_exhausted_counter_is_full_not_wrapped(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    device.state.counter = 0xfffffffa;
    assert_status(bulla_state_put_floor(&device.state, 5), BULLA_OK);
    assert_status(reopen(&device), BULLA_OK);
    assert_status(bulla_state_put_floor(&device.state, 6), BULLA_E_STATE_FULL);
    uint32_t floor;
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
    assert_int_equal(floor, 5);
    finish(&device);
}

static void test_state_exhausted_generation_is_full_not_wrapped(void **unused)
{
    (void)unused;
    struct device device;

    format(&device, 0x4000);
    device.state.generation = 0xfffffffe;
    device.state.dirty = true;
    assert_status(bulla_state_put_floor(&device.state, 5), BULLA_OK);
    assert_int_equal(device.state.generation, 0xffffffff);
    device.state.dirty = true;
    assert_status(bulla_state_put_floor(&device.state, 6), BULLA_E_STATE_FULL);
    assert_status(reopen(&device), BULLA_OK);
    uint32_t floor;
    assert_status(bulla_state_get_floor(&device.state, &floor), BULLA_OK);
    assert_int_equal(floor, 5);
    finish(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_put_then_reopen_returns_content),
        cmocka_unit_test(test_state_content_of_erased_looking_bytes_survives),
        cmocka_unit_test(test_state_newest_record_of_kind_and_slot_wins),
        cmocka_unit_test(test_state_empty_head_hides_the_one_before),
        cmocka_unit_test(test_state_get_into_small_buffer_is_refused),
        cmocka_unit_test(test_state_identical_content_writes_nothing),
        cmocka_unit_test(test_state_typed_records_come_back),
        cmocka_unit_test(test_state_typed_records_absent_are_not_found),
        cmocka_unit_test(test_state_typed_record_of_other_length_is_damage),
        cmocka_unit_test(test_state_bytes_are_those_of_the_format),
        cmocka_unit_test(test_state_events_are_told_newest_first_and_thirty_two),
        cmocka_unit_test(test_state_event_of_other_length_is_damage),
        cmocka_unit_test(test_state_compacted_thousands_of_times_keeps_all),
        cmocka_unit_test(test_state_partition_of_odd_sectors_uses_even_part),
        cmocka_unit_test(test_state_compaction_spreads_wear_evenly),
        cmocka_unit_test(test_state_unknown_kind_survives_compaction),
        cmocka_unit_test(test_state_compacted_half_leaves_no_second_header),
        cmocka_unit_test(test_state_header_left_by_a_cut_is_taken_by_the_next_put),
        cmocka_unit_test(test_state_content_misread_after_its_check_is_not_returned),
        cmocka_unit_test(test_state_full_leaves_everything_as_it_was),
        cmocka_unit_test(test_state_largest_trust_store_and_heads_fit_64k),
        cmocka_unit_test(test_state_partition_small_or_crooked_is_refused),
        cmocka_unit_test(test_state_blank_partition_is_empty),
        cmocka_unit_test(test_state_every_bit_flip_in_half_header_is_mended),
        cmocka_unit_test(test_state_every_bit_flip_is_mended_or_loses_that_head_alone),
        cmocka_unit_test(test_state_torn_last_record_leaves_the_one_before),
        cmocka_unit_test(test_state_every_bit_flip_in_what_is_kept_twice_changes_nothing),
        cmocka_unit_test(test_state_loss_of_both_copies_is_damage_and_read_only),
        cmocka_unit_test(test_state_footprint_holds_all_a_device_needs),
        cmocka_unit_test(test_state_that_is_tight_keeps_fewer_events),
        cmocka_unit_test(test_state_without_room_for_a_seal_is_compacted),
        cmocka_unit_test(test_state_junk_behind_the_end_is_never_programmed_over),
        cmocka_unit_test(test_state_record_longer_than_its_half_is_none),
        cmocka_unit_test(test_state_record_of_another_generation_is_none),
        cmocka_unit_test(test_state_older_record_within_content_is_none),
        cmocka_unit_test(test_state_random_partition_never_opens),
        cmocka_unit_test(test_state_log_with_random_damage_is_survived),
        cmocka_unit_test(test_state_exhausted_counter_is_full_not_wrapped),
        cmocka_unit_test(test_state_exhausted_generation_is_full_not_wrapped),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
