/* SPDX-License-Identifier: Apache-2.0 */
/* otadata against ESP-IDF: every row of the fixture tables goes through our predicates, choice
 * and sector writes. The bootloader's load order and the app-side calls, which Bulla replaces
 * by its own, are modelled here on top of them. */

#include "check.h"

#include "bulla/limits.h"
#include "bulla/otadata.h"
#include "fixture.h"

#define FOLDER     "fixtures/esp/otadata"
#define FLASH_SIZE 0x10000u
#define OTADATA_AT 0xd000u
#define NOTHING    (-100)

static const struct bulla_partition otadata_row = {
    .type = BULLA_TYPE_DATA, .offset = OTADATA_AT, .size = 0x2000, .label = "otadata"};

/* ---- a flash in RAM ---- */

struct ram {
    uint8_t bytes[FLASH_SIZE];
    unsigned erases[2]; /* of the two otadata sectors */
    unsigned programs;
    unsigned operations, fail_at; /* the fail_at-th operation fails, 0: none */
    bool lies;                    /* programs and erases nothing, says it did */
    struct bulla_flash flash;
};

static bool fails(struct ram *ram)
{
    return ++ram->operations == ram->fail_at;
}

static enum bulla_status ram_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct ram *ram = ctx;

    if (fails(ram))
        return BULLA_E_FLASH_READ;
    assert_true(offset <= FLASH_SIZE && len <= FLASH_SIZE - offset);
    memcpy(buffer, ram->bytes + offset, len);
    return BULLA_OK;
}

static enum bulla_status ram_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct ram *ram = ctx;

    if (fails(ram))
        return BULLA_E_FLASH_PROGRAM;
    assert_true(offset <= FLASH_SIZE && len <= FLASH_SIZE - offset);
    ram->programs++;
    for (size_t i = 0; i < len && !ram->lies; i++) {
        assert_int_equal(ram->bytes[offset + i], 0xff);
        ram->bytes[offset + i] &= ((const uint8_t *)bytes)[i];
    }
    return BULLA_OK;
}

static enum bulla_status ram_erase(void *ctx, uint32_t offset)
{
    struct ram *ram = ctx;

    if (fails(ram))
        return BULLA_E_FLASH_ERASE;
    assert_int_equal(offset % BULLA_SECTOR_SIZE, 0);
    assert_in_range(offset, OTADATA_AT, OTADATA_AT + 0x1fff);
    ram->erases[(offset - OTADATA_AT) / BULLA_SECTOR_SIZE]++;
    if (!ram->lies)
        memset(ram->bytes + offset, 0xff, BULLA_SECTOR_SIZE);
    return BULLA_OK;
}

static void ram_init(struct ram *ram)
{
    memset(ram, 0, sizeof(*ram));
    memset(ram->bytes, 0xff, sizeof(ram->bytes));
    ram->flash = (struct bulla_flash){.read = ram_read,
                                      .program = ram_program,
                                      .erase_sector = ram_erase,
                                      .size = FLASH_SIZE,
                                      .ctx = ram};
}

static void ram_load(struct ram *ram, const char *name)
{
    size_t len = 0;
    char *bytes = fixture_read(FOLDER, name, &len);

    ram_init(ram);
    assert_int_equal(len, 0x2000);
    memcpy(ram->bytes + OTADATA_AT, bytes, len);
    free(bytes);
}

static struct bulla_otadata ram_otadata(struct ram *ram)
{
    struct bulla_otadata otadata;

    assert_status(bulla_otadata_read(&ram->flash, &otadata_row, &otadata), BULLA_OK);
    return otadata;
}

static struct bulla_ota_record make(uint32_t seq, uint32_t state)
{
    struct bulla_ota_record record = {.seq = seq, .state = state, .crc = bulla_ota_crc(seq)};

    memset(record.label, 0xff, sizeof(record.label));
    return record;
}

/* Six columns: seq, state and crc of both records. */
static void assert_records(struct ram *ram, char *columns[])
{
    struct bulla_otadata otadata = ram_otadata(ram);

    for (unsigned i = 0; i < 2; i++) {
        const struct bulla_ota_record *record = &otadata.record[i];
        const char *crc = record->crc == bulla_ota_crc(record->seq) ? "ok" : "bad";

        assert_int_equal(record->seq, strtoul(columns[3 * i], NULL, 0));
        assert_int_equal(record->state, strtoul(columns[3 * i + 1], NULL, 0));
        assert_string_equal(crc, columns[3 * i + 2]);
    }
}

static void assert_erases(const struct ram *ram, const char *column)
{
    char found[16];

    snprintf(found, sizeof(found), "%u,%u", ram->erases[0], ram->erases[1]);
    assert_string_equal(found, column);
}

/* ---- model of ESP-IDF's bootloader, from the selection on ---- */

static bool loads(const char *bootable, int32_t slot)
{
    return strchr(bootable, slot == BULLA_SLOT_FACTORY ? 'F' : '0' + (char)slot) != NULL;
}

static int32_t load(const char *bootable, int32_t first, uint32_t count)
{
    for (int32_t slot = first; slot >= BULLA_SLOT_FACTORY; slot--)
        if (loads(bootable, slot))
            return slot;
    for (int32_t slot = first + 1; slot < (int32_t)count; slot++)
        if (loads(bootable, slot))
            return slot;
    return NOTHING;
}

/* Erase and write as it is: the bootloader does not mend the crc of a record it ages. */
static void rewrite(struct ram *ram, unsigned index, const struct bulla_ota_record *record)
{
    uint32_t offset = OTADATA_AT + index * BULLA_SECTOR_SIZE;
    uint8_t bytes[BULLA_OTADATA_RECORD_SIZE];

    bulla_ota_record_encode(record, bytes);
    assert_status(ram_erase(ram, offset), BULLA_OK);
    assert_status(ram_program(ram, offset, bytes, sizeof(bytes)), BULLA_OK);
}

static int32_t boot(struct ram *ram, bool rollback, uint32_t count, bool factory,
                    const char *bootable, int32_t *selected)
{
    struct bulla_otadata otadata = ram_otadata(ram);
    uint32_t rewrites = 0;
    bool initial = false;

    *selected = bulla_ota_idf_select(&otadata, count, factory, rollback, &rewrites, &initial);
    for (unsigned i = 0; i < 2; i++)
        if ((rewrites >> i & 1u) != 0)
            rewrite(ram, i, &otadata.record[i]);

    int32_t slot = load(bootable, *selected, count);

    if (initial && slot >= 0) {
        struct bulla_ota_record record = make((uint32_t)slot + 1, BULLA_OTA_VALID);

        assert_status(bulla_otadata_write(&ram->flash, &otadata_row, 0, &record), BULLA_OK);
    }
    return slot;
}

static void test_otadata_every_fixture_boots_as_esp_idf_does(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_boot.tsv", &len), *rest = text, *c[14];
    unsigned rows = 0;
    struct ram ram;

    (void)state;
    assert_true(fixture_row(&rest, c, 14)); /* heading */
    for (; fixture_row(&rest, c, 14); rows++) {
        int32_t selected = NOTHING;

        ram_load(&ram, c[0]);

        int32_t slot =
            boot(&ram, c[1][0] == '1', (uint32_t)atol(c[2]), c[3][0] == '1', c[4], &selected);

        assert_int_equal(selected, atol(c[5]));
        assert_int_equal(slot, atol(c[6]));
        assert_erases(&ram, c[7]);
        assert_records(&ram, c + 8);
    }
    assert_int_equal(rows, 300);
    free(text);
}

/* ---- model of the app-side calls of esp_ota_ops.c ---- */

struct device {
    struct ram *ram;
    bool rollback, factory;
    uint32_t count;
    bool old; /* release/v5.5 and before */
};

static void write_record(struct device *d, unsigned index, uint32_t seq, uint32_t record_state)
{
    struct bulla_otadata otadata = ram_otadata(d->ram);
    struct bulla_ota_record record = otadata.record[index]; /* the label is carried along */

    record.seq = seq;
    record.state = record_state;
    assert_status(bulla_otadata_write(&d->ram->flash, &otadata_row, index, &record), BULLA_OK);
}

static uint32_t set_boot_partition(struct device *d, uint32_t slot)
{
    struct bulla_otadata otadata = ram_otadata(d->ram);
    uint32_t fresh = d->rollback ? BULLA_OTA_NEW : BULLA_OTA_UNDEFINED;
    int32_t active = bulla_ota_active(&otadata);

    if (active < 0) {
        write_record(d, 0, slot + 1, fresh);
        return 0;
    }

    uint32_t seq = otadata.record[active].seq;
    unsigned other = active == 0 ? 1 : 0;

    if (bulla_ota_slot_of(seq, d->count) == slot) {
        write_record(d, d->old ? other : (unsigned)active, seq, fresh);
        return 0;
    }
    assert_status(bulla_ota_next_seq(seq, slot, d->count, &seq), BULLA_OK);
    write_record(d, other, seq, fresh);
    return 0;
}

static uint32_t mark_valid(struct device *d)
{
    struct bulla_otadata otadata = ram_otadata(d->ram);
    int32_t active = bulla_ota_active(&otadata);

    if (active < 0)
        return 0xffffffff;
    if (otadata.record[active].state != BULLA_OTA_VALID)
        write_record(d, (unsigned)active, otadata.record[active].seq, BULLA_OTA_VALID);
    return 0;
}

static uint32_t mark_invalid(struct device *d)
{
    struct bulla_otadata otadata = ram_otadata(d->ram);
    int32_t active = bulla_ota_active(&otadata);

    if (active < 0)
        return 0xffffffff;
    if (!bulla_ota_is_valid(&otadata.record[active == 0 ? 1 : 0]) && !d->factory)
        return 0x1505;
    write_record(d, (unsigned)active, otadata.record[active].seq, BULLA_OTA_INVALID);
    return 0;
}

static uint32_t call(struct device *d, const char *operation)
{
    const char *slot = strstr(operation, "set_boot_partition(ota_");

    if (slot != NULL)
        return set_boot_partition(d, (uint32_t)atol(slot + strlen("set_boot_partition(ota_")));
    if (strstr(operation, "mark_app_valid") != NULL)
        return mark_valid(d);
    if (strstr(operation, "mark_app_invalid") != NULL)
        return mark_invalid(d);
    fail_msg("unknown operation %s", operation);
    return 0;
}

static void test_otadata_every_fixture_changes_as_esp_idf_changes_it(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_ops.tsv", &len), *rest = text, *c[14];
    unsigned rows = 0;
    struct ram ram;

    (void)state;
    assert_true(fixture_row(&rest, c, 14));
    for (; fixture_row(&rest, c, 14); rows++) {
        struct device d = {&ram, c[1][0] == '1', c[3][0] == '1', (uint32_t)atol(c[2]), false};

        ram_load(&ram, c[0]);
        assert_int_equal(call(&d, c[5]), strtoul(c[6], NULL, 0));
        assert_erases(&ram, c[7]);
        assert_records(&ram, c + 8);
    }
    assert_int_equal(rows, 390);
    free(text);
}

static void test_otadata_every_fixture_changes_as_old_esp_idf_changes_it(void **state)
{
    size_t len = 0;
    char *text = fixture_read(FOLDER, "expected_ops_idf_v5.5_and_older.tsv", &len);
    char *rest = text, *c[12];
    unsigned rows = 0;
    struct ram ram;

    (void)state;
    assert_true(fixture_row(&rest, c, 12));
    for (; fixture_row(&rest, c, 12); rows++) {
        struct device d = {&ram, c[1][0] == '1', false, (uint32_t)atol(c[2]), true};

        ram_load(&ram, c[0]);
        assert_int_equal(call(&d, c[3]), strtoul(c[4], NULL, 0));
        assert_erases(&ram, c[5]);
        assert_records(&ram, c + 6);
    }
    assert_int_equal(rows, 56);
    free(text);
}

/* ---- the record ---- */

static void test_otadata_crc_is_esp_idfs(void **state)
{
    static const uint32_t known[][2] = {
        {0, 0xffffffff},         {1, 0x4743989a},          {2, 0x55f63774},
        {3, 0xed4a5011},         {4, 0x709d68a8},          {5, 0xc8210fcd},
        {6, 0xda94a023},         {7, 0x6228c746},          {16, 0xafe6a860},
        {17, 0x175acf05},        {255, 0x21faf90e},        {256, 0xfe3d95c8},
        {65536, 0xe6e4cebe},     {0x7fffffff, 0xccfc5c3c}, {0xfffffffe, 0x99f8b879},
        {0xffffffff, 0x2144df1c}};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(bulla_ota_crc(known[i][0]), known[i][1]);
}

static void test_otadata_record_bytes_are_little_endian_and_whole(void **state)
{
    static const uint8_t bytes[BULLA_OTADATA_RECORD_SIZE] = {
        0x04, 0x03, 0x02, 0x01, 'a', 'b', 'c', 'd', 'e',  'f',  'g',  'h',  'i',  'j',  'k',  'l',
        'm',  'n',  'o',  'p',  'q', 'r', 's', 't', 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21};
    struct bulla_ota_record record = bulla_ota_record_decode(bytes);
    uint8_t again[BULLA_OTADATA_RECORD_SIZE] = {0};

    (void)state;
    assert_int_equal(record.seq, 0x01020304);
    assert_memory_equal(record.label, "abcdefghijklmnopqrst", 20);
    assert_int_equal(record.state, 0x11121314);
    assert_int_equal(record.crc, 0x21222324);
    bulla_ota_record_encode(&record, again);
    assert_memory_equal(again, bytes, sizeof(bytes));
}

static void test_otadata_only_known_bad_states_are_invalid(void **state)
{
    static const struct {
        uint32_t record_state;
        bool invalid;
    } known[] = {{BULLA_OTA_NEW, false},       {BULLA_OTA_PENDING_VERIFY, false},
                 {BULLA_OTA_VALID, false},     {BULLA_OTA_INVALID, true},
                 {BULLA_OTA_ABORTED, true},    {5, false},
                 {BULLA_OTA_UNDEFINED, false}, {0xffffff02, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct bulla_ota_record record = make(1, known[i].record_state);

        assert_int_equal(bulla_ota_is_invalid(&record), known[i].invalid);
        assert_int_equal(bulla_ota_is_valid(&record), !known[i].invalid);
        record.crc ^= 1;
        assert_int_equal(bulla_ota_is_invalid(&record), known[i].invalid);
        assert_false(bulla_ota_is_valid(&record));
    }
}

static void test_otadata_sequence_all_ones_is_no_record_even_with_crc(void **state)
{
    struct bulla_ota_record record = make(0xffffffff, BULLA_OTA_VALID);

    (void)state;
    assert_true(bulla_ota_is_invalid(&record));
    assert_false(bulla_ota_is_valid(&record));
}

static void test_otadata_active_is_the_larger_unsigned_sequence(void **state)
{
    struct bulla_otadata otadata = {{make(0x80000001, BULLA_OTA_VALID), make(2, BULLA_OTA_VALID)}};

    (void)state;
    assert_int_equal(bulla_ota_active(&otadata), 0);
    otadata.record[1] = make(0xfffffffe, BULLA_OTA_NEW);
    assert_int_equal(bulla_ota_active(&otadata), 1);
    otadata.record[0] = otadata.record[1];
    assert_int_equal(bulla_ota_active(&otadata), 0); /* equal: sector 0 */
    otadata.record[0].state = BULLA_OTA_ABORTED;
    assert_int_equal(bulla_ota_active(&otadata), 1);
    otadata.record[1].crc ^= 0x100;
    assert_int_equal(bulla_ota_active(&otadata), -1);
}

static void test_otadata_sequence_zero_means_the_slot_esp_idf_takes(void **state)
{
    (void)state;
    assert_int_equal(bulla_ota_slot_of(0, 1), 0);
    assert_int_equal(bulla_ota_slot_of(0, 2), 1);
    assert_int_equal(bulla_ota_slot_of(0, 3), 0);
    assert_int_equal(bulla_ota_slot_of(0, 16), 15);
    assert_int_equal(bulla_ota_slot_of(1, 2), 0);
    assert_int_equal(bulla_ota_slot_of(0xfffffffe, 2), 1);
}

/* ---- the next sequence ---- */

static void test_otadata_next_sequence_is_the_smallest_that_means_the_slot(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 16; count++) {
        for (uint32_t slot = 0; slot < count; slot++) {
            for (uint32_t current = 0; current < 40; current++) {
                uint32_t seq = 0, expected = current + 1;

                while (bulla_ota_slot_of(expected, count) != slot)
                    expected++;
                assert_status(bulla_ota_next_seq(current, slot, count, &seq), BULLA_OK);
                assert_int_equal(seq, expected);
            }
        }
    }
}

static void test_otadata_next_sequence_at_the_end_is_refused(void **state)
{
    uint32_t seq = 1;

    (void)state;
    assert_status(bulla_ota_next_seq(0xfffffffe, 0, 2, &seq), BULLA_E_OTADATA_FULL);
    assert_int_equal(seq, BULLA_OTA_SEQ_NONE);
    assert_status(bulla_ota_next_seq(0xfffffffe, 1, 2, &seq), BULLA_E_OTADATA_FULL);
    assert_status(bulla_ota_next_seq(0xffffffff, 0, 2, &seq), BULLA_E_OTADATA_FULL);
    assert_status(bulla_ota_next_seq(0xfffffffd, 0, 2, &seq), BULLA_E_OTADATA_FULL);
    assert_status(bulla_ota_next_seq(0xfffffff0, 0, 16, &seq), BULLA_OK);
    assert_int_equal(seq, 0xfffffff1);
    assert_status(bulla_ota_next_seq(0xfffffff1, 0, 16, &seq), BULLA_E_OTADATA_FULL);
    assert_status(bulla_ota_next_seq(0xfffffffd, 1, 2, &seq), BULLA_OK);
    assert_int_equal(seq, 0xfffffffe);
}

static void test_otadata_next_sequence_of_a_slot_that_is_not_there_is_refused(void **state)
{
    uint32_t seq = 1;

    (void)state;
    assert_status(bulla_ota_next_seq(1, 2, 2, &seq), BULLA_E_PARTITION_SLOTS);
    assert_status(bulla_ota_next_seq(1, 0, 0, &seq), BULLA_E_PARTITION_SLOTS);
    assert_int_equal(seq, BULLA_OTA_SEQ_NONE);
}

/* ---- the choice, where the fixtures have no row ---- */

struct choice {
    struct bulla_ota_record s0, s1;
    uint32_t count;
    bool factory, rollback;
    int32_t slot;
    uint32_t rewrites;
    bool initial;
};

static void assert_choice(const struct choice *c)
{
    struct bulla_otadata otadata = {{c->s0, c->s1}};
    uint32_t rewrites = 99;
    bool initial = !c->initial;

    assert_int_equal(
        bulla_ota_idf_select(&otadata, c->count, c->factory, c->rollback, &rewrites, &initial),
        c->slot);
    assert_int_equal(rewrites, c->rewrites);
    assert_int_equal(initial, c->initial);
}

static struct bulla_ota_record broken(uint32_t seq, uint32_t record_state)
{
    struct bulla_ota_record record = make(seq, record_state);

    record.crc ^= 0x80000000;
    return record;
}

static void test_otadata_both_erased_or_both_torn_select_as_esp_idf_does(void **state)
{
    struct bulla_ota_record blank = broken(0xffffffff, 0xffffffff);
    struct bulla_ota_record torn = broken(1, BULLA_OTA_VALID), zero = {.seq = 0};
    struct choice cases[] = {
        {blank, blank, 2, false, true, 0, 0, true},
        {blank, blank, 2, true, true, BULLA_SLOT_FACTORY, 0, false},
        /* a bad crc is not noticed by "invalid": no slot is found, nothing is repaired */
        {torn, torn, 2, false, true, BULLA_SLOT_FACTORY, 0, false},
        {torn, torn, 2, true, true, BULLA_SLOT_FACTORY, 0, false},
        {torn, blank, 2, false, true, BULLA_SLOT_FACTORY, 0, false},
        {zero, zero, 2, false, true, BULLA_SLOT_FACTORY, 0, false},
        {torn, make(2, BULLA_OTA_ABORTED), 2, false, true, BULLA_SLOT_FACTORY, 0, false},
        /* aborted and torn is invalid and initial at once */
        {broken(1, BULLA_OTA_ABORTED), blank, 2, false, true, 0, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_choice(&cases[i]);
}

static void test_otadata_sequence_zero_and_all_ones_select_as_esp_idf_does(void **state)
{
    struct choice cases[] = {
        {make(0, BULLA_OTA_VALID), make(0xffffffff, BULLA_OTA_VALID), 2, true, true, 1, 0, false},
        {make(0, BULLA_OTA_NEW), make(1, BULLA_OTA_ABORTED), 3, true, true, 0, 1, false},
        {make(0xffffffff, BULLA_OTA_VALID), make(0xffffffff, BULLA_OTA_NEW), 2, false, true, 0, 0,
         true},
        {make(0xfffffffe, BULLA_OTA_VALID), make(1, BULLA_OTA_VALID), 2, false, true, 1, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_choice(&cases[i]);
}

static void test_otadata_bad_states_everywhere_still_select_slot_zero(void **state)
{
    struct choice cases[] = {
        {make(1, BULLA_OTA_ABORTED), make(2, BULLA_OTA_ABORTED), 2, false, true, 0, 0, false},
        {make(1, BULLA_OTA_INVALID), broken(0xffffffff, 0xffffffff), 2, false, false, 0, 0, false},
        {make(1, BULLA_OTA_ABORTED), make(2, BULLA_OTA_ABORTED), 2, true, true, -1, 0, false},
        {make(4, BULLA_OTA_VALID), make(4, BULLA_OTA_ABORTED), 2, false, true, 1, 0, false},
        {make(1, BULLA_OTA_PENDING_VERIFY), make(2, BULLA_OTA_PENDING_VERIFY), 2, false, true, 0, 3,
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_choice(&cases[i]);
}

static void test_otadata_without_slots_selects_factory_or_the_first(void **state)
{
    struct bulla_ota_record good = make(2, BULLA_OTA_VALID), blank = broken(0xffffffff, 0xffffffff);
    struct choice cases[] = {
        {good, blank, 0, true, true, BULLA_SLOT_FACTORY, 0, false},
        {good, blank, 0, false, true, 0, 0, false},
        {blank, blank, 0, false, true, 0, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_choice(&cases[i]);
}

static void test_otadata_without_otadata_row_selects_factory(void **state)
{
    uint32_t rewrites = 99;
    bool initial = true;

    (void)state;
    assert_int_equal(bulla_ota_idf_select(NULL, 2, false, true, &rewrites, &initial),
                     BULLA_SLOT_FACTORY);
    assert_int_equal(rewrites, 0);
    assert_false(initial);
}

static void test_otadata_trial_not_confirmed_over_two_resets_falls_back(void **state)
{
    struct ram ram;
    int32_t selected = NOTHING;

    (void)state;
    ram_load(&ram, "s0_1valid_s1_2new.bin");
    assert_int_equal(boot(&ram, true, 2, false, "01", &selected), 1);
    assert_int_equal(ram_otadata(&ram).record[1].state, BULLA_OTA_PENDING_VERIFY);
    assert_int_equal(boot(&ram, true, 2, false, "01", &selected), 0);
    assert_int_equal(ram_otadata(&ram).record[1].state, BULLA_OTA_ABORTED);
    assert_int_equal(boot(&ram, true, 2, false, "01", &selected), 0);
}

static void test_otadata_ageing_a_record_keeps_label_and_crc(void **state)
{
    struct bulla_otadata otadata = {
        {make(1, BULLA_OTA_VALID), broken(2, BULLA_OTA_PENDING_VERIFY)}};
    struct bulla_ota_record expected = otadata.record[1];
    uint32_t rewrites = 0;
    bool initial = false;

    (void)state;
    otadata.record[1].label[3] = expected.label[3] = 'x';
    expected.state = BULLA_OTA_ABORTED;
    assert_int_equal(bulla_ota_idf_select(&otadata, 2, false, true, &rewrites, &initial), 0);
    assert_int_equal(rewrites, 2);
    assert_memory_equal(&otadata.record[1], &expected, sizeof(expected));
}

/* ---- sectors ---- */

static void test_otadata_write_replaces_one_sector_and_mends_the_crc(void **state)
{
    struct bulla_ota_record record = broken(7, BULLA_OTA_NEW);
    uint8_t before[BULLA_SECTOR_SIZE], expected[BULLA_SECTOR_SIZE];
    struct ram ram;

    (void)state;
    ram_load(&ram, "s0_1valid_s1_2valid.bin");
    memset(ram.bytes + OTADATA_AT + 0x1040, 0, 16); /* leftovers in the sector */
    memcpy(before, ram.bytes + OTADATA_AT, sizeof(before));
    memcpy(record.label, "kept", 4);
    assert_status(bulla_otadata_write(&ram.flash, &otadata_row, 1, &record), BULLA_OK);

    record.crc = 0x6228c746;
    memset(expected, 0xff, sizeof(expected));
    bulla_ota_record_encode(&record, expected);
    assert_memory_equal(ram.bytes + OTADATA_AT, before, sizeof(before));
    assert_memory_equal(ram.bytes + OTADATA_AT + 0x1000, expected, sizeof(expected));
    assert_int_equal(ram.erases[0], 0);
    assert_int_equal(ram.erases[1], 1);
    assert_int_equal(ram.programs, 1);
}

static void test_otadata_drop_leaves_no_record(void **state)
{
    struct ram ram;

    (void)state;
    ram_load(&ram, "s0_1valid_s1_2valid.bin");
    assert_status(bulla_otadata_drop(&ram.flash, &otadata_row, 0), BULLA_OK);

    struct bulla_otadata otadata = ram_otadata(&ram);

    assert_int_equal(otadata.record[0].seq, BULLA_OTA_SEQ_NONE);
    assert_int_equal(otadata.record[1].seq, 2);
    assert_int_equal(bulla_ota_active(&otadata), 1);
}

static void test_otadata_flash_that_lies_is_found_out(void **state)
{
    struct bulla_ota_record record = make(3, BULLA_OTA_NEW);
    struct ram ram;

    (void)state;
    ram_load(&ram, "s0_1valid_s1_2valid.bin");
    ram.lies = true;
    assert_status(bulla_otadata_write(&ram.flash, &otadata_row, 0, &record),
                  BULLA_E_FLASH_READBACK);
    assert_status(bulla_otadata_drop(&ram.flash, &otadata_row, 0), BULLA_E_FLASH_READBACK);
}

static void test_otadata_every_flash_failure_is_reported(void **state)
{
    static const enum bulla_status writes[] = {BULLA_E_FLASH_ERASE, BULLA_E_FLASH_PROGRAM,
                                               BULLA_E_FLASH_READ};
    static const enum bulla_status drops[] = {BULLA_E_FLASH_ERASE, BULLA_E_FLASH_READ};
    struct bulla_ota_record record = make(3, BULLA_OTA_NEW);
    struct bulla_otadata otadata;
    struct ram ram;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        ram_load(&ram, "s0_1valid_s1_2valid.bin");
        ram.fail_at = i + 1;
        assert_status(bulla_otadata_write(&ram.flash, &otadata_row, 0, &record), writes[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        ram_load(&ram, "s0_1valid_s1_2valid.bin");
        ram.fail_at = i + 1;
        assert_status(bulla_otadata_drop(&ram.flash, &otadata_row, 0), drops[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        ram_load(&ram, "s0_1valid_s1_2valid.bin");
        ram.fail_at = i + 1;
        otadata = (struct bulla_otadata){{make(1, BULLA_OTA_VALID), make(2, BULLA_OTA_VALID)}};
        assert_status(bulla_otadata_read(&ram.flash, &otadata_row, &otadata), BULLA_E_FLASH_READ);
        assert_int_equal(bulla_ota_active(&otadata), -1); /* nothing half-read is left */
    }
}

static void test_otadata_sector_outside_the_partition_is_not_touched(void **state)
{
    struct bulla_partition small = otadata_row;
    struct bulla_ota_record record = make(3, BULLA_OTA_NEW);
    struct bulla_otadata otadata;
    struct ram ram;

    (void)state;
    small.size = 0x1000;
    ram_init(&ram);
    assert_status(bulla_otadata_write(&ram.flash, &otadata_row, 2, &record),
                  BULLA_E_PARTITION_OTADATA);
    assert_status(bulla_otadata_drop(&ram.flash, &otadata_row, 2), BULLA_E_PARTITION_OTADATA);
    assert_status(bulla_otadata_write(&ram.flash, &small, 0, &record), BULLA_E_PARTITION_OTADATA);
    assert_status(bulla_otadata_drop(&ram.flash, &small, 1), BULLA_E_PARTITION_OTADATA);
    assert_status(bulla_otadata_read(&ram.flash, &small, &otadata), BULLA_E_PARTITION_OTADATA);
    assert_int_equal(ram.operations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_otadata_every_fixture_boots_as_esp_idf_does),
        cmocka_unit_test(test_otadata_every_fixture_changes_as_esp_idf_changes_it),
        cmocka_unit_test(test_otadata_every_fixture_changes_as_old_esp_idf_changes_it),
        cmocka_unit_test(test_otadata_crc_is_esp_idfs),
        cmocka_unit_test(test_otadata_record_bytes_are_little_endian_and_whole),
        cmocka_unit_test(test_otadata_only_known_bad_states_are_invalid),
        cmocka_unit_test(test_otadata_sequence_all_ones_is_no_record_even_with_crc),
        cmocka_unit_test(test_otadata_active_is_the_larger_unsigned_sequence),
        cmocka_unit_test(test_otadata_sequence_zero_means_the_slot_esp_idf_takes),
        cmocka_unit_test(test_otadata_next_sequence_is_the_smallest_that_means_the_slot),
        cmocka_unit_test(test_otadata_next_sequence_at_the_end_is_refused),
        cmocka_unit_test(test_otadata_next_sequence_of_a_slot_that_is_not_there_is_refused),
        cmocka_unit_test(test_otadata_both_erased_or_both_torn_select_as_esp_idf_does),
        cmocka_unit_test(test_otadata_sequence_zero_and_all_ones_select_as_esp_idf_does),
        cmocka_unit_test(test_otadata_bad_states_everywhere_still_select_slot_zero),
        cmocka_unit_test(test_otadata_without_slots_selects_factory_or_the_first),
        cmocka_unit_test(test_otadata_without_otadata_row_selects_factory),
        cmocka_unit_test(test_otadata_trial_not_confirmed_over_two_resets_falls_back),
        cmocka_unit_test(test_otadata_ageing_a_record_keeps_label_and_crc),
        cmocka_unit_test(test_otadata_write_replaces_one_sector_and_mends_the_crc),
        cmocka_unit_test(test_otadata_drop_leaves_no_record),
        cmocka_unit_test(test_otadata_flash_that_lies_is_found_out),
        cmocka_unit_test(test_otadata_every_flash_failure_is_reported),
        cmocka_unit_test(test_otadata_sector_outside_the_partition_is_not_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
