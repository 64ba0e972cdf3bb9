/* SPDX-License-Identifier: Apache-2.0 */
/* The partition table as a device judges it: ESP-IDF's own files and verdicts, and every rule
 * that is ours alone. */

#include "check.h"

#include "bulla/limits.h"
#include "bulla/partition.h"
#include "fixture.h"
#include "md5.h"

#define MIB 0x100000u

struct table {
    uint8_t bytes[BULLA_PARTITION_TABLE_SIZE];
    uint32_t rows;
};

static struct bulla_bytes bytes_of(const struct table *t)
{
    return (struct bulla_bytes){t->bytes, sizeof(t->bytes)};
}

static struct bulla_partition row(uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size,
                                  const char *label)
{
    struct bulla_partition p = {.type = type, .subtype = subtype, .offset = offset, .size = size};

    snprintf(p.label, sizeof(p.label), "%.16s", label);
    return p;
}

static void add(struct table *t, struct bulla_partition p)
{
    bulla_partition_row_encode(&p, t->bytes + t->rows++ * BULLA_PARTITION_ROW_SIZE);
}

static void add_md5(struct table *t)
{
    uint32_t len = t->rows * BULLA_PARTITION_ROW_SIZE;

    bulla_partition_md5_row((struct bulla_bytes){t->bytes, len}, t->bytes + len);
    t->rows++;
}

static void blank(struct table *t)
{
    memset(t->bytes, 0xff, sizeof(t->bytes));
    t->rows = 0;
}

/* nvs, otadata, ota_0, ota_1 and the state: what the tests below disturb. */
static struct table good(void)
{
    struct table t;

    blank(&t);
    add(&t, row(1, 2, 0x9000, 0x4000, "nvs"));
    add(&t, row(1, 0, 0xd000, 0x2000, "otadata"));
    add(&t, row(0, 0x10, 0x10000, 0x180000, "ota_0"));
    add(&t, row(0, 0x11, 0x190000, 0x180000, "ota_1"));
    add(&t, row(0x40, 0, 0x3f0000, 0x10000, "bulla"));
    return t;
}

/* The verdict; nothing is left in the layout of a table that is refused. */
static enum bulla_status judge(const struct table *t, uint32_t flash_size)
{
    struct bulla_layout layout, empty;
    enum bulla_status st = bulla_layout_decode(bytes_of(t), flash_size, &layout);

    memset(&empty, 0, sizeof(empty));
    if (st != BULLA_OK)
        assert_memory_equal(&layout, &empty, sizeof(empty));
    return st;
}

/* Row `index` of the good table in another form; the verdict on a 4 MiB flash. */
static enum bulla_status judge_changed(uint32_t index, struct bulla_partition p)
{
    struct table t = good();

    bulla_partition_row_encode(&p, t.bytes + index * BULLA_PARTITION_ROW_SIZE);
    return judge(&t, 4 * MIB);
}

static enum bulla_status judge_added(struct bulla_partition p)
{
    struct table t = good();

    add(&t, p);
    return judge(&t, 4 * MIB);
}

/* ---- ESP-IDF's files ---- */

static void test_partition_esp_idf_tables_get_the_bootloaders_verdict(void **state)
{
    size_t len = 0;
    char *text = fixture_read("fixtures/esp/partition", "expected.tsv", &len), *rest = text, *c[7];
    unsigned judged = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 7));
    while (fixture_row(&rest, c, 7)) {
        char name[64];
        bool fits16 = strstr(c[4], "bootloader=accept") != NULL;
        bool fits4 = strstr(c[5], "bootloader=accept") != NULL;
        struct bulla_layout layout;

        if (c[2][0] != '0')
            continue;
        snprintf(name, sizeof(name), "%.*s.bin", (int)(strlen(c[0]) - 4), c[0]);

        uint8_t *bytes = (uint8_t *)fixture_read("fixtures/esp/partition", name, &len);
        struct bulla_bytes table = {bytes, len};

        assert_int_equal(len, BULLA_PARTITION_TABLE_SIZE);
        assert_true(fits16);
        assert_status(bulla_layout_decode(table, 16 * MIB, &layout), BULLA_OK);
        assert_status(bulla_layout_decode(table, 4 * MIB, &layout),
                      fits4 ? BULLA_OK : BULLA_E_PARTITION_BOUNDS);
        free(bytes);
        judged++;
    }
    assert_int_equal(judged, 8);
    free(text);
}

static void test_partition_damaged_esp_idf_tables_get_our_verdict(void **state)
{
    static const struct {
        const char *file;
        enum bulla_status alone;    /* the file's bytes and nothing behind them */
        enum bulla_status in_flash; /* in a sector otherwise erased */
    } known[] = {
        {"md5_mismatch_entry.bin", BULLA_E_PARTITION_MD5, BULLA_E_PARTITION_MD5},
        {"bad_magic_row1.bin", BULLA_E_PARTITION_MAGIC, BULLA_E_PARTITION_MAGIC},
        {"no_end_marker.bin", BULLA_E_PARTITION_END, BULLA_OK},
        {"no_md5.bin", BULLA_OK, BULLA_OK},
        {"truncated_33.bin", BULLA_E_PARTITION_END, BULLA_E_PARTITION_MAGIC},
        {"empty_ff.bin", BULLA_E_PARTITION_MAGIC, BULLA_E_PARTITION_MAGIC},
    };
    size_t len = 0, count = sizeof(known) / sizeof(known[0]), rows = 0;
    char *text = fixture_read("fixtures/esp/partition_bin", "expected.tsv", &len);
    char *rest = text, *c[4];

    (void)state;
    assert_true(fixture_row(&rest, c, 4));
    for (; fixture_row(&rest, c, 4); rows++) {
        bool idf_accepts = strstr(c[3], "bootloader=accept") != NULL;
        size_t i = 0;
        struct table t;
        struct bulla_layout layout;

        while (i < count && strcmp(known[i].file, c[0]) != 0)
            i++;
        assert_true(i < count);

        uint8_t *bytes = (uint8_t *)fixture_read("fixtures/esp/partition_bin", c[0], &len);

        assert_status(bulla_layout_decode((struct bulla_bytes){bytes, len}, 16 * MIB, &layout),
                      known[i].alone);
        assert_int_equal(known[i].alone == BULLA_OK, c[1][0] == '0'); /* as gen_esp32part.py */
        blank(&t);
        memcpy(t.bytes, bytes, len);
        assert_status(judge(&t, 16 * MIB), known[i].in_flash);
        assert_int_equal(known[i].in_flash == BULLA_OK, idf_accepts); /* as the bootloader */
        free(bytes);
    }
    assert_int_equal(rows, count);
    free(text);
}

static void test_partition_seed_layout_has_its_slots(void **state)
{
    struct bulla_layout layout;
    size_t len = 0;
    uint8_t *bytes = (uint8_t *)fixture_read("fixtures/esp/partition", "lobo_3p.bin", &len);

    (void)state;
    assert_status(bulla_layout_decode((struct bulla_bytes){bytes, len}, 16 * MIB, &layout),
                  BULLA_OK);
    assert_int_equal(layout.slot_count, 2);
    assert_int_equal(layout.slots[0].offset, 0x1c0000);
    assert_int_equal(layout.slots[1].offset, 0x370000);
    assert_int_equal(layout.slots[1].size, 0x1b0000);
    assert_int_equal(layout.factory.offset, 0x10000);
    assert_int_equal(layout.otadata.offset, 0xd000);
    assert_int_equal(layout.state.size, 0); /* not ours yet: understood, the state is missing */
    assert_int_equal(bulla_layout_find(&layout, "MicroPython"), BULLA_SLOT_FACTORY);
    assert_int_equal(bulla_layout_find(&layout, "MicroPython_2"), 1);
    assert_int_equal(bulla_layout_find(&layout, "internalfs"), BULLA_SLOT_NONE);
    assert_int_equal(bulla_layout_find(&layout, "MicroPython_"), BULLA_SLOT_NONE);
    assert_ptr_equal(bulla_layout_slot(&layout, 1), &layout.slots[1]);
    assert_ptr_equal(bulla_layout_slot(&layout, BULLA_SLOT_FACTORY), &layout.factory);
    assert_null(bulla_layout_slot(&layout, 2));
    assert_null(bulla_layout_slot(&layout, BULLA_SLOT_NONE));
    free(bytes);
}

/* ---- the end and the MD5 ---- */

static void test_partition_every_prefix_without_end_is_refused(void **state)
{
    struct table t = good();
    struct bulla_layout layout;

    (void)state;
    add_md5(&t);
    for (size_t len = 0; len < sizeof(t.bytes); len++) {
        bool whole = len >= (t.rows + 1) * BULLA_PARTITION_ROW_SIZE;
        uint8_t *cut = malloc(len + 1); /* its own block, so that a sanitizer sees a step too far */

        memcpy(cut, t.bytes, len);
        assert_status(bulla_layout_decode((struct bulla_bytes){cut, len}, 4 * MIB, &layout),
                      whole ? BULLA_OK : BULLA_E_PARTITION_END);
        free(cut);
    }
}

static void test_partition_every_flipped_bit_is_refused(void **state)
{
    struct table whole = good();
    unsigned accepted = 0;

    (void)state;
    add_md5(&whole);
    for (uint32_t i = 0; i < (whole.rows + 1) * BULLA_PARTITION_ROW_SIZE * 8; i++) {
        uint32_t byte = i / 8, in_md5 = byte - (whole.rows - 1) * BULLA_PARTITION_ROW_SIZE;
        struct table t = whole;

        t.bytes[byte] ^= (uint8_t)(1u << i % 8);
        if (judge(&t, 4 * MIB) != BULLA_OK)
            continue;
        accepted++;
        assert_in_range(in_md5, 2, 15); /* the MD5 row's filling, which ESP-IDF does not read */
    }
    assert_int_equal(accepted, 14 * 8);
}

static void test_partition_torn_end_row_is_no_end(void **state)
{
    struct table t = good();

    (void)state;
    t.bytes[t.rows * BULLA_PARTITION_ROW_SIZE + 31] = 0; /* ESP-IDF's bootloader looks at 4 bytes */
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_MAGIC);
}

static void test_partition_two_md5_rows_are_refused(void **state)
{
    struct table t = good();

    (void)state;
    add_md5(&t);
    add_md5(&t);
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_MD5);
}

static void test_partition_row_behind_the_md5_is_refused(void **state)
{
    struct table t = good();

    (void)state;
    add_md5(&t);
    add(&t, row(1, 0x81, 0x310000, 0x10000, "unseen"));
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_MD5);
}

static void test_partition_rows_behind_the_end_are_not_read(void **state)
{
    struct table t = good();

    (void)state;
    add_md5(&t);
    t.rows++; /* the end */
    add(&t, row(0, 0x12, 0x9000, 0xffffffff, "nonsense"));
    assert_status(judge(&t, 4 * MIB), BULLA_OK);
}

/* `rows` rows of 4 KiB after a factory app. */
static struct table many(uint32_t rows)
{
    struct table t;
    char label[17];

    blank(&t);
    add(&t, row(0, 0, 0x10000, 0x10000, "factory"));
    while (t.rows < rows) {
        snprintf(label, sizeof(label), "p%u", (unsigned)t.rows);
        add(&t, row(1, 6, 0x20000 + t.rows * 0x1000, 0x1000, label));
    }
    return t;
}

static void test_partition_table_filled_to_its_last_row_is_accepted(void **state)
{
    struct table plain = many(95), summed = many(94);

    (void)state;
    assert_status(judge(&plain, 4 * MIB), BULLA_OK);
    add_md5(&summed);
    assert_status(judge(&summed, 4 * MIB), BULLA_OK);
}

static void test_partition_table_without_room_for_an_end_is_refused(void **state)
{
    struct table plain = many(96), summed = many(95);
    uint8_t sector[BULLA_SECTOR_SIZE];
    struct bulla_layout layout;

    (void)state;
    assert_status(judge(&plain, 4 * MIB), BULLA_E_PARTITION_END);
    add_md5(&summed);
    assert_status(judge(&summed, 4 * MIB), BULLA_E_PARTITION_END);

    /* nor is the end looked for in the signature's part of the sector */
    memset(sector, 0xff, sizeof(sector));
    memcpy(sector, plain.bytes, sizeof(plain.bytes));
    assert_status(
        bulla_layout_decode((struct bulla_bytes){sector, sizeof(sector)}, 4 * MIB, &layout),
        BULLA_E_PARTITION_END);
}

static void test_partition_table_of_nothing_but_an_md5_has_no_slots(void **state)
{
    struct table t;

    (void)state;
    blank(&t);
    add_md5(&t);
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_SLOTS);
}

/* ---- where partitions lie ---- */

static void test_partition_order_of_rows_does_not_matter(void **state)
{
    struct table t;
    struct bulla_layout layout;

    (void)state;
    blank(&t);
    add(&t, row(0x40, 0, 0x3f0000, 0x10000, "bulla"));
    add(&t, row(0, 0x11, 0x190000, 0x180000, "ota_1"));
    add(&t, row(0, 0x10, 0x10000, 0x180000, "ota_0"));
    add(&t, row(1, 0, 0xd000, 0x2000, "otadata"));
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_int_equal(layout.slot_count, 2);
    assert_int_equal(layout.slots[0].offset, 0x10000);
    assert_int_equal(layout.slots[1].offset, 0x190000);
    assert_int_equal(layout.state.offset, 0x3f0000);
}

static void test_partition_outside_the_flash_is_refused(void **state)
{
    struct table t = good();

    (void)state;
    assert_status(judge(&t, 4 * MIB), BULLA_OK);
    assert_status(judge(&t, 4 * MIB - 1), BULLA_E_PARTITION_BOUNDS);
    assert_status(judge_changed(3, row(0, 0x11, 0x190000, 0x271000, "ota_1")),
                  BULLA_E_PARTITION_BOUNDS);
    assert_status(judge_changed(3, row(0, 0x11, 0x500000, 0x1000, "ota_1")),
                  BULLA_E_PARTITION_BOUNDS);
}

static void test_partition_whose_end_wraps_is_refused(void **state)
{
    struct table t = good();

    (void)state;
    assert_status(judge_changed(0, row(1, 2, 0x9000, 0xffffffff, "nvs")), BULLA_E_PARTITION_BOUNDS);
    assert_status(judge_changed(0, row(1, 2, 0xfffff000, 0x2000, "nvs")), BULLA_E_PARTITION_BOUNDS);
    add(&t, row(1, 2, 0xffff0000, 0x20000, "wrapped"));
    assert_status(judge(&t, 0xffffffff), BULLA_E_PARTITION_BOUNDS);
}

static void test_partition_app_without_room_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(3, row(0, 0x11, 0x190000, 0, "ota_1")), BULLA_E_PARTITION_BOUNDS);
}

static void test_partition_overlap_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(3, row(0, 0x11, 0x180000, 0x180000, "ota_1")),
                  BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_changed(3, row(0, 0x11, 0x10000, 0x180000, "ota_1")),
                  BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(1, 0x81, 0x30f000, 0x1000, "inside")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(1, 0x81, 0x30f000, 0x2000, "across")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(1, 0x81, 0x310000, 0xe0000, "beside")), BULLA_OK);
}

static void test_partition_over_the_table_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(0, row(1, 2, 0x8000, 0x4000, "nvs")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_changed(0, row(1, 2, 0x7000, 0x1000, "nvs")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_changed(0, row(1, 2, 0, 0x1000, "nvs")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(2, 0, 0x1000, 0x7001, "boot")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(3, 0, 0x8000, 0x1001, "table")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(3, 0, 0x7000, 0x1000, "table")), BULLA_E_PARTITION_OVERLAP);
    assert_status(judge_added(row(2, 1, 0x1000, 0x7000, "boot")), BULLA_E_PARTITION_OVERLAP);
}

static void test_partition_rows_for_bootloader_and_table_are_accepted(void **state)
{
    (void)state;
    assert_status(judge_added(row(2, 0, 0x1000, 0x7000, "boot")), BULLA_OK);
    assert_status(judge_added(row(3, 0, 0x8000, 0x1000, "table")), BULLA_OK);
}

static void test_partition_not_aligned_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(3, row(0, 0x11, 0x191000, 0x10000, "ota_1")),
                  BULLA_E_PARTITION_ALIGNMENT);
    assert_status(judge_changed(3, row(0, 0x11, 0x190000, 0x10200, "ota_1")),
                  BULLA_E_PARTITION_ALIGNMENT);
    assert_status(judge_changed(0, row(1, 2, 0x9004, 0x1000, "nvs")), BULLA_E_PARTITION_ALIGNMENT);
    assert_status(judge_changed(4, row(0x40, 0, 0x3f0800, 0x8000, "bulla")),
                  BULLA_E_PARTITION_ALIGNMENT);
    assert_status(judge_changed(0, row(1, 2, 0x9000, 0x3001, "nvs")), BULLA_OK);
}

/* ---- names and roles ---- */

static void test_partition_name_twice_is_refused(void **state)
{
    (void)state;
    assert_status(judge_added(row(1, 0x81, 0x310000, 0x1000, "nvs")), BULLA_E_PARTITION_DUPLICATE);
    assert_status(judge_added(row(1, 0x81, 0x310000, 0x1000, "nvs2")), BULLA_OK);
    assert_status(judge_added(row(1, 0x81, 0x310000, 0x1000, "")), BULLA_OK);
}

static void test_partition_names_of_sixteen_bytes_are_told_apart(void **state)
{
    struct table t = good();

    (void)state;
    add(&t, row(1, 0x81, 0x310000, 0x1000, "sixteen_bytes_16"));
    add(&t, row(1, 0x81, 0x311000, 0x1000, "sixteen_bytes_1x"));
    assert_status(judge(&t, 4 * MIB), BULLA_OK);
    add(&t, row(1, 0x81, 0x312000, 0x1000, "sixteen_bytes_16"));
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_DUPLICATE);
}

static void test_partition_sixteen_byte_label_is_read_whole(void **state)
{
    struct table t = good();
    struct bulla_partition p = row(0, 0x11, 0x190000, 0x180000, "sixteen_bytes_16");
    struct bulla_layout layout;

    (void)state;
    p.flags = 0x80000001;
    bulla_partition_row_encode(&p, t.bytes + 3 * BULLA_PARTITION_ROW_SIZE);
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_string_equal(layout.slots[1].label, "sixteen_bytes_16");
    assert_int_equal(layout.slots[1].flags, 0x80000001);
    assert_int_equal(bulla_layout_find(&layout, "sixteen_bytes_16"), 1);
    assert_int_equal(bulla_layout_find(&layout, "sixteen_bytes_16+"), BULLA_SLOT_NONE);
    assert_int_equal(bulla_layout_find(&layout, "sixteen_bytes_1"), BULLA_SLOT_NONE);
}

static void test_partition_bytes_behind_the_labels_nul_are_dropped(void **state)
{
    struct table t = good();
    struct bulla_partition p;
    bool end = true;

    (void)state;
    t.bytes[12 + 4] = 'x';
    assert_status(bulla_partition_row(bytes_of(&t), 0, &p, &end), BULLA_OK);
    assert_false(end);
    assert_memory_equal(p.label, "nvs\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
}

static void test_partition_label_that_cannot_be_shown_is_refused(void **state)
{
    static const char *const bad[] = {
        "a\nb",
        "\x1b[2J",
        "a\x7f",
        "\xc2\x85", /* controls */
        "\xe2\x80\xae",
        "\xe2\x81\xa6",
        "\xe2\x80\xa8", /* direction, line */
        "\xff",
        "\xc0\x80",
        "\xe0\x80\x80",
        "\x80", /* not UTF-8 */
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xc3",
        "\xc3(",
        "123456789012345\xc3", /* cut inside a character */
    };
    static const char *const fine[] = {
        "", " ", "f\xc3\xbcr", "\xe2\x82\xac", "\xf0\x9f\x93\xa6", "12345678901234\xc3\xbc"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_status(judge_added(row(1, 0x81, 0x310000, 0x1000, bad[i])), BULLA_E_PARTITION_LABEL);
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        assert_status(judge_added(row(1, 0x81, 0x310000, 0x1000, fine[i])), BULLA_OK);
}

static void test_partition_role_twice_is_refused(void **state)
{
    (void)state;
    assert_status(judge_added(row(0, 0x11, 0x310000, 0x1000, "again")),
                  BULLA_E_PARTITION_DUPLICATE);
    assert_status(judge_added(row(0x40, 0, 0x310000, 0x4000, "again")),
                  BULLA_E_PARTITION_DUPLICATE);
    assert_status(judge_added(row(1, 2, 0x310000, 0x4000, "nvs of another")), BULLA_OK);
}

static void test_partition_otadata_missing_or_misshapen_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(1, row(1, 0, 0xd000, 0x1000, "otadata")),
                  BULLA_E_PARTITION_OTADATA);
    assert_status(judge_changed(1, row(1, 0, 0xd000, 0x3000, "otadata")),
                  BULLA_E_PARTITION_OTADATA);
    assert_status(judge_changed(1, row(1, 1, 0xd000, 0x2000, "otadata")),
                  BULLA_E_PARTITION_OTADATA);
    assert_status(judge_added(row(1, 0, 0x310000, 0x2000, "otadata2")), BULLA_E_PARTITION_OTADATA);
}

static void test_partition_gap_in_the_slots_is_refused(void **state)
{
    (void)state;
    assert_status(judge_changed(3, row(0, 0x12, 0x190000, 0x180000, "ota_2")),
                  BULLA_E_PARTITION_SLOTS);
    assert_status(judge_changed(2, row(0, 0x1f, 0x10000, 0x180000, "ota_15")),
                  BULLA_E_PARTITION_SLOTS);
    assert_status(judge_added(row(0, 0x12, 0x310000, 0x10000, "ota_2")), BULLA_OK);
}

static void test_partition_sixteen_slots_are_accepted(void **state)
{
    struct table t;
    struct bulla_layout layout;
    char label[17];

    (void)state;
    blank(&t);
    add(&t, row(1, 0, 0xd000, 0x2000, "otadata"));
    for (uint32_t i = 0; i < 16; i++) {
        snprintf(label, sizeof(label), "ota_%u", (unsigned)i);
        add(&t, row(0, (uint8_t)(0x10 + i), 0x10000 * (i + 1), 0x10000, label));
    }
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_int_equal(layout.slot_count, 16);
    assert_int_equal(bulla_layout_find(&layout, "ota_15"), 15);
}

static void test_partition_factory_alone_is_accepted(void **state)
{
    struct table t;
    struct bulla_layout layout;

    (void)state;
    blank(&t);
    add(&t, row(0, 0, 0x10000, 0x180000, "factory"));
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_int_equal(layout.slot_count, 0);
    assert_int_equal(layout.otadata.size, 0);
    assert_null(bulla_layout_slot(&layout, 0));
    assert_non_null(bulla_layout_slot(&layout, BULLA_SLOT_FACTORY));
}

static void test_partition_table_without_an_app_is_refused(void **state)
{
    struct table t;

    (void)state;
    blank(&t);
    add(&t, row(1, 2, 0x9000, 0x4000, "nvs"));
    add(&t, row(0, 0x20, 0x10000, 0x10000, "test"));
    assert_status(judge(&t, 4 * MIB), BULLA_E_PARTITION_SLOTS);
}

static void test_partition_small_custom_partition_is_not_the_state(void **state)
{
    struct table t = good();
    struct bulla_partition other = row(0x40, 0, 0x3f0000, 0x3000, "bulla");
    struct bulla_layout layout;

    (void)state;
    bulla_partition_row_encode(&other, t.bytes + 4 * BULLA_PARTITION_ROW_SIZE);
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_int_equal(layout.state.size, 0);
    add(&t, row(0x40, 0, 0x3e0000, 0x4000, "any label"));
    add(&t, row(0x40, 1, 0x3d0000, 0x10000, "other subtype"));
    assert_status(bulla_layout_decode(bytes_of(&t), 4 * MIB, &layout), BULLA_OK);
    assert_string_equal(layout.state.label, "any label");
}

/* ---- MD5 ---- */

static void test_partition_md5_is_rfc_1321s(void **state)
{
    static const struct {
        const char *text;
        const char *digest;
    } known[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t digest[BULLA_MD5_SIZE];
        char hex[2 * BULLA_MD5_SIZE + 1];

        bulla_md5((struct bulla_bytes){(const uint8_t *)known[i].text, strlen(known[i].text)},
                  digest);
        for (unsigned k = 0; k < BULLA_MD5_SIZE; k++)
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        assert_string_equal(hex, known[i].digest);
    }
}

/* The padding begins in the same block or in one more: lengths around the turn, 'a' repeated
 * (digests by openssl md5). */
static void test_partition_md5_padding_turns_at_56_bytes(void **state)
{
    static const struct {
        size_t len;
        uint8_t first[4];
    } known[] = {
        {55, {0xef, 0x17, 0x72, 0xb6}},  {56, {0x3b, 0x0c, 0x8a, 0xc7}},
        {57, {0x65, 0x2b, 0x90, 0x6d}},  {63, {0xb0, 0x65, 0x21, 0xf3}},
        {64, {0x01, 0x48, 0x42, 0xd4}},  {65, {0xc7, 0x43, 0xa4, 0x5e}},
        {119, {0x8a, 0x7b, 0xd0, 0x73}}, {120, {0x5f, 0x61, 0xc0, 0xcc}},
        {121, {0xf6, 0xac, 0xfc, 0xa2}}, {128, {0xe5, 0x10, 0x68, 0x3b}},
    };
    uint8_t text[128], digest[BULLA_MD5_SIZE];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        bulla_md5((struct bulla_bytes){text, known[i].len}, digest);
        assert_memory_equal(digest, known[i].first, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition_esp_idf_tables_get_the_bootloaders_verdict),
        cmocka_unit_test(test_partition_damaged_esp_idf_tables_get_our_verdict),
        cmocka_unit_test(test_partition_seed_layout_has_its_slots),
        cmocka_unit_test(test_partition_every_prefix_without_end_is_refused),
        cmocka_unit_test(test_partition_every_flipped_bit_is_refused),
        cmocka_unit_test(test_partition_torn_end_row_is_no_end),
        cmocka_unit_test(test_partition_two_md5_rows_are_refused),
        cmocka_unit_test(test_partition_row_behind_the_md5_is_refused),
        cmocka_unit_test(test_partition_rows_behind_the_end_are_not_read),
        cmocka_unit_test(test_partition_table_filled_to_its_last_row_is_accepted),
        cmocka_unit_test(test_partition_table_without_room_for_an_end_is_refused),
        cmocka_unit_test(test_partition_table_of_nothing_but_an_md5_has_no_slots),
        cmocka_unit_test(test_partition_order_of_rows_does_not_matter),
        cmocka_unit_test(test_partition_outside_the_flash_is_refused),
        cmocka_unit_test(test_partition_whose_end_wraps_is_refused),
        cmocka_unit_test(test_partition_app_without_room_is_refused),
        cmocka_unit_test(test_partition_overlap_is_refused),
        cmocka_unit_test(test_partition_over_the_table_is_refused),
        cmocka_unit_test(test_partition_rows_for_bootloader_and_table_are_accepted),
        cmocka_unit_test(test_partition_not_aligned_is_refused),
        cmocka_unit_test(test_partition_name_twice_is_refused),
        cmocka_unit_test(test_partition_names_of_sixteen_bytes_are_told_apart),
        cmocka_unit_test(test_partition_sixteen_byte_label_is_read_whole),
        cmocka_unit_test(test_partition_bytes_behind_the_labels_nul_are_dropped),
        cmocka_unit_test(test_partition_label_that_cannot_be_shown_is_refused),
        cmocka_unit_test(test_partition_role_twice_is_refused),
        cmocka_unit_test(test_partition_otadata_missing_or_misshapen_is_refused),
        cmocka_unit_test(test_partition_gap_in_the_slots_is_refused),
        cmocka_unit_test(test_partition_sixteen_slots_are_accepted),
        cmocka_unit_test(test_partition_factory_alone_is_accepted),
        cmocka_unit_test(test_partition_table_without_an_app_is_refused),
        cmocka_unit_test(test_partition_small_custom_partition_is_not_the_state),
        cmocka_unit_test(test_partition_md5_is_rfc_1321s),
        cmocka_unit_test(test_partition_md5_padding_turns_at_56_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
