/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables on the host, against gen_esp32part.py's files and rules; the layouts of our
 * own against the seeds' offsets; and what a device says of each. */

#include "check.h"

#include "fixture.h"
#include "layout.h"

#define MIB     0x100000u
#define CSV_MAX 8192u

static char why[LAYOUT_WHY_SIZE];

static bool from_csv(const char *text, struct layout *out)
{
    why[0] = '\0';
    return layout_from_csv(text, strlen(text), out, why);
}

static void assert_refused(const char *csv, const char *because)
{
    struct layout layout;

    if (from_csv(csv, &layout))
        fail_msg("accepted: %s", csv);
    assert_int_equal(layout.count, 0);
    if (strstr(why, because) == NULL)
        fail_msg("%s: the reason is \"%s\", expected \"%s\"", csv, why, because);
}

static struct bulla_partition one(const char *csv)
{
    struct layout layout;

    if (!from_csv(csv, &layout))
        fail_msg("%s: %s", csv, why);
    assert_int_equal(layout.count, 1);
    return layout.rows[0];
}

static void assert_row(const struct bulla_partition *row, uint8_t type, uint8_t subtype,
                       uint32_t offset, uint32_t size, const char *label)
{
    assert_string_equal(row->label, label);
    assert_int_equal(row->type, type);
    assert_int_equal(row->subtype, subtype);
    assert_int_equal(row->offset, offset);
    assert_int_equal(row->size, size);
}

static void assert_same(const struct layout *a, const struct layout *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct bulla_partition *row = &b->rows[i];

        assert_row(&a->rows[i], row->type, row->subtype, row->offset, row->size, row->label);
        assert_int_equal(a->rows[i].flags, row->flags);
    }
}

static void print_csv(const struct layout *layout, char text[CSV_MAX])
{
    FILE *out = fmemopen(text, CSV_MAX, "w");

    layout_print_csv(out, layout);
    fclose(out);
}

/* ---- gen_esp32part.py's files ---- */

/* Why each refused fixture is refused, in our words. */
static const char *reason(const char *file)
{
    static const char *const reasons[][2] = {
        {"bad_app_align.csv", "line 2: offset 0x11000 is not a multiple of 0x10000"},
        {"bad_overlap.csv", "line 2: offset 0xe000 lies before 0xf000"},
        {"bad_two_otadata.csv", "line 3: line 2 is the one partition of this kind"},
        {"bad_otadata_size.csv", "line 2: otadata has 0x2000 bytes, not 0x1000"},
        {"bad_dup_name.csv", "line 3: line 2 has the same name"},
        {"bad_no_size.csv", "line 1: the size is empty"},
        {"bad_unknown_subtype.csv", "line 1: subtype 'ota_16' is not"},
        {"bad_bad_number.csv", "line 1: size '24KB' is not a number"},
        {"bad_app_size.csv", "line 2: size 0x100200 of an app is not a multiple of 0x1000"},
        {"bad_below_table.csv", "line 1: offset 0x8000 lies before 0x9000, where the partition "
                                "table ends"},
        {"bad_unknown_flag.csv", "line 1: flag 'signed' is not encrypted or readonly"},
        {"bad_unknown_type.csv", "line 1: type 'dat' is not one of app, data"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reasons[i][0], file) == 0)
            return reasons[i][1];
    fail_msg("no reason is known for %s", file);
    return NULL;
}

/* The .bin beside the CSV byte for byte, there and back, and the rows as the tool prints them. */
static void assert_same_as_tool(const char *file, const struct layout *layout, const char *rows)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    char name[64], text[CSV_MAX], found[CSV_MAX] = "", *rest = text, *line;
    struct layout again;
    size_t len = 0;

    snprintf(name, sizeof(name), "%.*s.bin", (int)(strlen(file) - 4), file);

    char *expected = fixture_read("fixtures/esp/partition", name, &len);

    assert_int_equal(len, sizeof(table));
    assert_true(layout_encode(layout, table, why));
    assert_memory_equal(table, expected, sizeof(table));
    assert_status(layout_decode((struct bulla_bytes){table, sizeof(table)}, &again, why), BULLA_OK);
    assert_int_equal(again.count, layout->count);
    assert_same(&again, layout, layout->count);
    free(expected);

    print_csv(&again, text);
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (found[0] != '\0')
            strcat(found, " ; ");
        strcat(found, line);
    }
    assert_string_equal(found, rows);
}

static void test_layout_every_csv_fixture_as_gen_esp32part(void **state)
{
    size_t len = 0;
    char *text = fixture_read("fixtures/esp/partition", "expected.tsv", &len), *rest = text, *c[7];
    unsigned accepted = 0, refused = 0;

    (void)state;
    assert_true(fixture_row(&rest, c, 7));
    while (fixture_row(&rest, c, 7)) {
        char *csv = fixture_read("fixtures/esp/partition", c[0], &len);
        struct layout layout;

        if (c[2][0] == '0') {
            if (!layout_from_csv(csv, len, &layout, why))
                fail_msg("%s: %s", c[0], why);
            assert_same_as_tool(c[0], &layout, c[6]);
            accepted++;
        } else {
            assert_refused(csv, reason(c[0]));
            refused++;
        }
        free(csv);
    }
    assert_int_equal(accepted, 8);
    assert_int_equal(refused, 12);
    free(text);
}

static void test_layout_every_binary_fixture_gets_its_verdict(void **state)
{
    /* gen_esp32part.py's exit code decides, but for its uncaught exception, a refusal here */
    static const struct {
        const char *file;
        enum bulla_status verdict;
        const char *because;
    } known[] = {
        {"md5_mismatch_entry.bin", BULLA_E_PARTITION_MD5, "row 6: "},
        {"bad_magic_row1.bin", BULLA_E_PARTITION_MAGIC, "row 1: "},
        {"no_end_marker.bin", BULLA_E_PARTITION_END, "row "},
        {"no_md5.bin", BULLA_OK, ""},
        {"truncated_33.bin", BULLA_E_PARTITION_END, "row 1: "},
        {"empty_ff.bin", BULLA_E_PARTITION_MAGIC, "row 0: "},
    };
    size_t len = 0, count = sizeof(known) / sizeof(known[0]), rows = 0;
    char *text = fixture_read("fixtures/esp/partition_bin", "expected.tsv", &len);
    char *rest = text, *c[4];

    (void)state;
    assert_true(fixture_row(&rest, c, 4));
    for (; fixture_row(&rest, c, 4); rows++) {
        struct layout layout;
        size_t i = 0;

        while (i < count && strcmp(known[i].file, c[0]) != 0)
            i++;
        assert_true(i < count);

        uint8_t *bytes = (uint8_t *)fixture_read("fixtures/esp/partition_bin", c[0], &len);

        why[0] = '\0';
        assert_status(layout_decode((struct bulla_bytes){bytes, len}, &layout, why),
                      known[i].verdict);
        assert_non_null(strstr(why, known[i].because));
        assert_int_equal(known[i].verdict == BULLA_OK, c[1][0] == '0');
        assert_int_equal(known[i].verdict == BULLA_OK, layout.count > 0);
        free(bytes);
    }
    assert_int_equal(rows, count);
    free(text);
}

/* ---- CSV ---- */

static void test_layout_numbers_are_pythons(void **state)
{
    static const struct {
        const char *text;
        uint32_t size;
    } good[] = {
        {"24576", 24576},     {"0x6000", 0x6000},  {"0X6A00", 0x6a00},
        {"0o60000", 24576},   {"0b11", 3},         {"0B101k", 5 * 1024},
        {"24K", 24576},       {"24k", 24576},      {"1M", MIB},
        {"2m", 2 * MIB},      {"0x10k", 0x4000},   {"1kk", MIB},
        {"24 K", 24576},      {"+24K", 24576},     {"6_000", 6000},
        {"0x_60_00", 0x6000}, {"0x6000 ", 0x6000}, {"0xffffffff", 0xffffffff},
    };
    static const char *const bad[] = {
        "036864", "24KB", "0x",  "K",   "abc", "0xg", "1__0", "_1",   "1_", "--1", "1.5M", "0x-10",
        "0b12",   "0o8",  "- 1", "1K2", "''",  "1e6", "0x 1", "00x1", "k1", "+",   "\x01",
    };
    char csv[128];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(csv, sizeof(csv), "d, data, fat, 0x9000, %s,", good[i].text);
        assert_int_equal(one(csv).size, good[i].size);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(csv, sizeof(csv), "d, data, fat, 0x9000, %s,", bad[i]);
        assert_refused(csv, "line 1: size '");
        snprintf(csv, sizeof(csv), "d, data, fat, %s, 0x1000,", bad[i]);
        assert_refused(csv, "line 1: offset '");
    }
    assert_int_equal(one("d, data, fat, 0x9000, 00,").size, 0);
}

static void test_layout_numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_refused("d, data, fat, 0x9000, 0x100000000,", "do not fit in 32 bits");
    assert_refused("d, data, fat, 0x100000000, 0x1000,", "do not fit in 32 bits");
    assert_refused("d, data, fat, 0x9000, 99999999999999999999999999999999M,", "do not fit");
    assert_refused("d, data, fat, 0x9000, 1kkkkkkkkkkkkkkkkkkk,", "do not fit");
    assert_refused("d, data, fat, -0x9000, 0x1000,", "offset -0x9000 lies before 0x9000");
    assert_refused("d, data, fat, -99999999999999999999999M, 0x1000,", "lies before 0x9000");
    assert_refused("d, data, fat, 0x9000, -0x8000,", "the end lies before");
    assert_refused("d, 256, 0, 0x9000, 0x1000,", "type '256'");
    assert_refused("d, -1, 0, 0x9000, 0x1000,", "type '-1'");
    assert_refused("d, data, 0x100, 0x9000, 0x1000,", "subtype '0x100'");
    assert_refused("d, 0x40, -1, 0x9000, 0x1000,", "subtype '-1'");
}

static void test_layout_negative_size_is_the_end(void **state)
{
    struct bulla_partition row = one("d, data, fat, 0x9000, -1M,");

    (void)state;
    assert_int_equal(row.size, MIB - 0x9000);
    assert_int_equal(one("d, data, fat, 0x9000, -0x9000,").size, 0);
}

static void test_layout_blank_offsets_follow_and_are_aligned(void **state)
{
    struct layout layout;

    (void)state;
    assert_true(from_csv("nvs,data,nvs,,0x4001,\n"
                         "phy,data,phy,,0x1000,\n"
                         "app,app,factory,,64K,\n"
                         "late,data,fat,0x40000,1,\n"
                         "vfs,data,fat,,64K,\n",
                         &layout));
    assert_int_equal(layout.rows[0].offset, 0x9000);
    assert_int_equal(layout.rows[1].offset, 0xe000);
    assert_int_equal(layout.rows[2].offset, 0x10000);
    assert_int_equal(layout.rows[3].offset, 0x40000);
    assert_int_equal(layout.rows[4].offset, 0x41000);
}

static void test_layout_types_and_subtypes_by_word_or_number(void **state)
{
    struct bulla_partition row = one("x, 0x40, 7, 0x9000, 4K,");

    (void)state;
    assert_row(&row, 0x40, 7, 0x9000, 0x1000, "x");
    row = one("x, Data, LittleFS, 0x9000, 4K,");
    assert_row(&row, 1, 0x83, 0x9000, 0x1000, "x");
    row = one("x, 1, spiffs, 0x9000, 4K,");
    assert_row(&row, 1, 0x82, 0x9000, 0x1000, "x");
    row = one("x, app, ota_15, 0x10000, 4K,");
    assert_row(&row, 0, 0x1f, 0x10000, 0x1000, "x");
    row = one("x, app, test, 0x10000, 4K,");
    assert_row(&row, 0, 0x20, 0x10000, 0x1000, "x");
    row = one("x, data, , 0x9000, 4K,");
    assert_row(&row, 1, 6, 0x9000, 0x1000, "x");
    row = one("x, 0x40, , 0x9000, 4K");
    assert_row(&row, 0x40, 6, 0x9000, 0x1000, "x");
    row = one("x, data, nvs_keys, 0x9000, 4K, encrypted, surplus, columns");
    assert_row(&row, 1, 4, 0x9000, 0x1000, "x");
    assert_int_equal(row.flags, 1);
}

static void test_layout_missing_type_and_subtype_are_refused(void **state)
{
    (void)state;
    assert_refused("x, , nvs, 0x9000, 4K,", "line 1: the type is empty");
    assert_refused("x", "line 1: the type is empty");
    assert_refused("x, app, , 0x10000, 4K,", "line 1: an app partition needs a subtype");
    assert_refused("x, data, factory, 0x9000, 4K,", "subtype 'factory'");
    assert_refused("x, 0x40, fat, 0x9000, 4K,", "subtype 'fat'");
    assert_refused("x, appk, factory, 0x10000, 4K,", "type 'appk'");
    assert_refused("x, app, factorym, 0x10000, 4K,", "subtype 'factorym'");
}

static void test_layout_flags_are_two(void **state)
{
    (void)state;
    assert_int_equal(one("x, data, fat, 0x9000, 4K, readonly").flags, 2);
    assert_int_equal(one("x, data, fat, 0x9000, 4K, encrypted:readonly").flags, 3);
    assert_int_equal(one("x, data, fat, 0x9000, 4K, :readonly::").flags, 2);
    assert_refused("x, data, fat, 0x9000, 4K, Readonly", "flag 'Readonly'");
    assert_refused("x, data, fat, 0x9000, 4K, encrypted : readonly", "flag 'encrypted '");
    assert_refused("x, data, fat, 0x9000, 4K, 1", "flag '1'");
}

static void test_layout_data_rules_are_esp_idfs(void **state)
{
    (void)state;
    assert_refused("n, data, nvs, 0x9000, 0x2000,", "smaller than 0x3000 and not readonly");
    assert_int_equal(one("n, data, nvs, 0x9000, 0x2000, readonly").size, 0x2000);
    assert_refused("o, data, ota, 0x9000, 0x2000, readonly", "it cannot be readonly");
    assert_refused("c, data, coredump, 0x9000, 64K, readonly", "it cannot be readonly");
    assert_refused("t, data, tee_ota, 0x9000, 0x1000,", "otadata has 0x2000 bytes");
    assert_refused("t, data, tee_ota, 0x9000, 8K,\nu, data, tee_ota, , 8K,",
                   "line 2: line 1 is the one partition of this kind");
    assert_refused("x, data, fat, 0x9100, 4K,", "offset 0x9100 is not a multiple of 0x1000");
    assert_refused("x, 0x40, 0, 0x9004, 4K,", "offset 0x9004 is not a multiple of 0x1000");
}

static void test_layout_descending_offsets_are_refused(void **state)
{
    (void)state;
    assert_refused("a, data, fat, 0x20000, 4K,\nb, data, fat, 0x10000, 4K,",
                   "line 2: offset 0x10000 lies before 0x21000, where the previous partition ends");
}

static void test_layout_rows_of_bootloader_and_table(void **state)
{
    struct layout layout;

    (void)state;
    assert_refused("b, bootloader, primary, N/A, N/A,", "where the bootloader lies");
    assert_true(from_csv("t, partition_table, primary, N/A, N/A,\n"
                         "n, data, nvs, , 16K,",
                         &layout));
    assert_row(&layout.rows[0], 3, 0, 0x8000, 0x1000, "t");
    assert_row(&layout.rows[1], 1, 2, 0x9000, 0x4000, "n");
    assert_true(from_csv("t, partition_table, ota, , N/A,", &layout));
    assert_row(&layout.rows[0], 3, 1, 0x9000, 0x1000, "t");
    assert_refused("t, partition_table, primary, , ,\nu, partition_table, primary, , ,",
                   "line 2: line 1 is the one partition of this kind");
}

static void test_layout_variables_are_refused(void **state)
{
    (void)state;
    assert_refused("$NAME, data, fat, 0x9000, 4K,", "variables ('$') are not expanded");
    assert_refused("x, data, fat, 0x9000, ${SIZE},", "variables ('$') are not expanded");
    assert_int_equal(one("# costs $5\nx, data, fat, 0x9000, 4K,").size, 0x1000);
}

static void test_layout_names_are_labels(void **state)
{
    struct layout layout;

    (void)state;
    assert_true(from_csv("sixteen_bytes_16, data, fat, 0x9000, 4K,", &layout));
    assert_string_equal(layout.rows[0].label, "sixteen_bytes_16");
    assert_false(layout.name_cut[0]);
    assert_true(from_csv("seventeen_bytes_17, data, fat, 0x9000, 4K,", &layout));
    assert_string_equal(layout.rows[0].label, "seventeen_bytes_");
    assert_true(layout.name_cut[0]);
    assert_true(from_csv(", data, fat, 0x9000, 4K,", &layout));
    assert_string_equal(layout.rows[0].label, "");
    assert_true(from_csv("14_and_this:__\xc3\xbc, data, fat, 0x9000, 4K,", &layout));
    assert_refused("fifteen_bytes15\xc3\xbc, data, fat, 0x9000, 4K,", "name 'fifteen_bytes15\\xc3");
    assert_refused("a\x1b[2J, data, fat, 0x9000, 4K,", "name 'a\\x1b[2J' is not printable");
    assert_refused("seventeen_bytes_17, data, fat, 0x9000, 4K,\nseventeen_bytes_18,data,fat,,4K,",
                   "line 2: line 1 has the same name");
}

static void test_layout_nul_in_a_name_is_refused(void **state)
{
    static const char csv[] = "a\0b, data, fat, 0x9000, 4K,";
    struct layout layout;

    (void)state;
    assert_false(layout_from_csv(csv, sizeof(csv) - 1, &layout, why));
    assert_non_null(strstr(why, "name 'a\\x00b' is not text"));
}

static void test_layout_nul_for_a_suffix_is_refused(void **state)
{
    static const char csv[] = "a, data, fat, 0x9000, 4\0";
    struct layout layout;

    (void)state;
    assert_false(layout_from_csv(csv, sizeof(csv) - 1, &layout, why));
    assert_non_null(strstr(why, "size '4\\x00' is not a number"));
}

static void test_layout_without_rows_is_refused(void **state)
{
    (void)state;
    assert_refused("", "has no rows");
    assert_refused("\n \n# nothing\r\n", "has no rows");
}

static void test_layout_line_endings_and_comments(void **state)
{
    static const char *const texts[] = {
        "#c\r\n\r\nx, data, fat, 0x9000, 4K,\r\n  # d\r\ny, data, fat, , 4K",
        "#c\n\nx, data, fat, 0x9000, 4K,\n  # d\ny, data, fat, , 4K\n\n",
        "#c\r\rx, data, fat, 0x9000, 4K,\r  # d\ry, data, fat, , 4K",
        "\xef\xbb\xbf#c\n\nx, data, fat, 0x9000, 4K,\n#d\ny, data, fat, , 4K\n",
    };
    struct layout layout;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(from_csv(texts[i], &layout));
        assert_int_equal(layout.count, 2);
        assert_row(&layout.rows[0], 1, 0x81, 0x9000, 0x1000, "x");
        assert_row(&layout.rows[1], 1, 0x81, 0xa000, 0x1000, "y");
    }
    assert_refused("#c\r\n\r\n\r\nx, data", "line 4: ");
}

/* ASCII and two characters beyond it in UTF-16 or UTF-32. */
static size_t encode_text(const char *ascii, unsigned unit, bool big, uint8_t *out)
{
    uint32_t text[128] = {0xfeff, 0xfc};
    size_t count = 2, len = 0;

    if (unit == 2) {
        text[count++] = 0xd83d; /* U+1F4E6 */
        text[count++] = 0xdce6;
    } else {
        text[count++] = 0x1f4e6;
    }
    while (*ascii != '\0')
        text[count++] = (uint8_t)*ascii++;
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < unit; k++)
            out[len++] = (uint8_t)(text[i] >> 8 * (big ? unit - 1 - k : k));
    return len;
}

static void test_layout_wide_encodings_are_read(void **state)
{
    uint8_t bytes[512];
    struct layout layout;

    (void)state;
    for (unsigned unit = 2; unit <= 4; unit += 2) {
        for (unsigned big = 0; big < 2; big++) {
            size_t len = encode_text("x, data, fat, 0x9000, 4K,\n", unit, big == 1, bytes);

            if (!layout_from_csv((const char *)bytes, len, &layout, why))
                fail_msg("UTF-%u: %s", 8 * unit, why);
            assert_row(&layout.rows[0], 1, 0x81, 0x9000, 0x1000, "\xc3\xbc\xf0\x9f\x93\xa6x");
            assert_false(layout_from_csv((const char *)bytes, len - 1, &layout, why));
            assert_non_null(strstr(why, "the text begins as UTF-"));
        }
    }
}

static void test_layout_wide_text_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {
        {"\xff\xfe\x3d\xd8x\0", 6},          /* the first half of a pair, another character */
        {"\xff\xfe\xe6\xdcx\0", 6},          /* the second half alone */
        {"\xff\xfe\x3d\xd8", 4},             /* the first half at the end */
        {"\xff\xfe\0\0\0\0\x11\0", 8},       /* U+110000 */
        {"\xff\xfe\0\0\0\xd8\0\0", 8},       /* U+D800 */
        {"\xff\xfe\0\0\xff\xff\xff\xff", 8}, /* nothing that UTF-8 could carry */
    };
    struct layout layout;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(layout_from_csv(bad[i].text, bad[i].len, &layout, why));
        assert_non_null(strstr(why, "the text begins as UTF-"));
    }
}

static void test_layout_every_prefix_is_read_or_refused_with_a_reason(void **state)
{
    size_t len = 0;
    char *csv = fixture_read("fixtures/esp/partition", "lobo_3p.csv", &len);
    struct layout layout;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        char *text = malloc(cut + 1);

        memcpy(text, csv, cut);
        why[0] = '\0';
        if (!layout_from_csv(text, cut, &layout, why))
            assert_true(why[0] != '\0' && layout.count == 0);
        free(text);
    }
    free(csv);
}

static void test_layout_holds_94_rows_with_md5(void **state)
{
    char csv[CSV_MAX] = "";
    struct layout layout;
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < 94; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "p%u, data, fat, , 4K,\n", i);
    assert_true(from_csv(csv, &layout));
    assert_int_equal(layout.count, 94);
    assert_true(layout_encode(&layout, table, why));
    assert_status(layout_decode((struct bulla_bytes){table, sizeof(table)}, &layout, why),
                  BULLA_OK);
    snprintf(csv + len, sizeof(csv) - len, "p94, data, fat, , 4K,\n");
    assert_refused(csv, "line 95: a partition table holds 94 rows");
}

static void test_layout_95_rows_without_md5_are_read_but_not_written(void **state)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct layout layout = {.count = 0};

    (void)state;
    memset(table, 0xff, sizeof(table));
    for (uint32_t i = 0; i < 95; i++) {
        struct bulla_partition row = {.type = 1, .subtype = 6, .offset = 0x9000 + i * 0x1000};

        bulla_partition_row_encode(&row, table + i * BULLA_PARTITION_ROW_SIZE);
    }
    assert_status(layout_decode((struct bulla_bytes){table, sizeof(table)}, &layout, why),
                  BULLA_OK);
    assert_int_equal(layout.count, 95);
    assert_false(layout_encode(&layout, table, why));
    assert_string_equal(why, "a partition table with MD5 holds 94 rows, this one has 95");
    assert_false(layout_check(&layout, 4 * MIB, why));
}

/* ---- printing ---- */

static void test_layout_prints_what_it_reads(void **state)
{
    static const char csv[] = "# Name, Type, SubType, Offset, Size, Flags\n"
                              "nvs,data,nvs,0x9000,16K,encrypted\n"
                              "a,0,factory,0x10000,1M,\n"
                              "odd,64,7,0x110000,0x201,encrypted:readonly\n";
    static const char printed[] = "# Name, Type, SubType, Offset, Size, Flags\n"
                                  "nvs,data,nvs,0x9000,16K,encrypted\n"
                                  "a,app,factory,0x10000,1M,\n"
                                  "odd,64,7,0x110000,0x201,encrypted:readonly\n";
    struct layout layout;
    char text[CSV_MAX];

    (void)state;
    assert_true(from_csv(csv, &layout));
    print_csv(&layout, text);
    assert_string_equal(text, printed);
}

static void test_layout_names_that_csv_cannot_carry_are_escaped(void **state)
{
    struct layout layout = {.count = 2};
    char text[CSV_MAX];

    (void)state;
    snprintf(layout.rows[0].label, 17, "#a,b $c ");
    snprintf(layout.rows[1].label, 17, " f\xc3\xbcr #1");
    print_csv(&layout, text);
    assert_string_equal(text, "# Name, Type, SubType, Offset, Size, Flags\n"
                              "\\x23a\\x2cb \\x24c\\x20,app,factory,0x0,0M,\n"
                              "\\x20f\xc3\xbcr #1,app,factory,0x0,0M,\n");
}

static void test_layout_text_of_others_is_shown_escaped_and_cut(void **state)
{
    char shown[LAYOUT_SHOWN_SIZE], text[200];

    (void)state;
    layout_show("a\n\\\xff", 4, shown);
    assert_string_equal(shown, "a\\x0a\\x5c\\xff");
    memset(text, '\n', sizeof(text));
    layout_show(text, sizeof(text), shown);
    assert_true(strlen(shown) < LAYOUT_SHOWN_SIZE);
    assert_string_equal(shown + strlen(shown) - 7, "\\x0a...");
}

static void test_layout_oddities_are_warned_of(void **state)
{
    static const struct {
        const char *csv;
        const char *warning;
    } known[] = {
        {"seventeen_bytes_17, data, fat, 0x9000, 4K,", "cut to 16 bytes"},
        {", data, fat, 0x9000, 4K,", "has no name"},
        {"x, data, fat, 0x9000, 0,", "has no room"},
        {"app, data, fat, 0x9000, 4K,", "is called like a type"},
        {"nvs, data, fat, 0x9000, 4K,", "is called like a type"},
        {"x, app, factory, 0x10000, 4K, readonly", "readonly app"},
        {"x, data, ota, 0x9000, 8K,", "otadata and no OTA slot"},
        {"x, app, ota_0, 0x10000, 64K,", "one OTA slot only"},
        {"ota, data, ota, 0x9000, 8K,\na, app, ota_0, , 64K,\nb, app, ota_1, , 64K,", NULL},
        {"ota, data, ota, 0x9000, 8K,\nf, app, factory, , 64K,\nb, 64, 0x10, , 64K,", NULL},
        {"a, data, fat, 0x9000, 4K,\nb, data, fat, , 4K,", "the same type and subtype as 'a'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[CSV_MAX] = "";
        FILE *out = fmemopen(text, sizeof(text), "w");
        struct layout layout;

        assert_true(from_csv(known[i].csv, &layout));
        assert_int_equal(layout_print_warnings(out, &layout), known[i].warning != NULL ? 1 : 0);
        fclose(out);
        if (known[i].warning != NULL)
            assert_non_null(strstr(text, known[i].warning));
    }
}

/* ---- what a device says ---- */

static void assert_device_refuses(const char *csv, uint32_t flash_size, const char *because)
{
    struct layout layout;

    if (!from_csv(csv, &layout))
        fail_msg("%s: %s", csv, why);
    assert_false(layout_check(&layout, flash_size, why));
    if (strstr(why, because) == NULL)
        fail_msg("%s: the reason is \"%s\", expected \"%s\"", csv, why, because);
}

static void test_layout_tables_no_device_takes_are_refused_by_name(void **state)
{
    (void)state;
    assert_device_refuses("f, app, factory, 0x10000, 1M,\nv, data, fat, , 4M,", 4 * MIB,
                          "partition 'v' (0x110000, size 0x400000)");
    assert_device_refuses("f, app, factory, 0x10000, 1M,\ng, app, factory, , 1M,", 4 * MIB,
                          "partition 'f' (0x10000, size 0x100000) and 'g' (0x110000, size "
                          "0x100000): two partitions have one name, or one role");
    assert_device_refuses("o, data, ota, 0x9000, 8K,\na, app, ota_0, , 1M,\nb, app, ota_2, , 1M,",
                          4 * MIB, "ota_1 is missing");
    assert_device_refuses("a, app, ota_0, , 1M,\nb, app, ota_1, , 1M,", 4 * MIB,
                          "otadata is missing");
    assert_device_refuses("v, data, fat, , 1M,", 4 * MIB, "there is no factory app");
    assert_device_refuses("f, app, factory, 0x10000, 0,", 4 * MIB,
                          "partition 'f' (0x10000, size 0x0)");
    assert_device_refuses("f, app, factory, 0x10000, 1M,\na, data, fat, 0xfffff000, 0xfffff000,",
                          16 * MIB, "partition 'a' (0xfffff000, size 0xfffff000)");
}

static void test_layout_binary_overlap_names_both(void **state)
{
    struct layout layout;

    (void)state;
    assert_true(from_csv("f, app, factory, 0x10000, 1M,\nv, data, fat, , 1M,", &layout));
    layout.rows[1].offset = 0x100000;
    assert_false(layout_check(&layout, 4 * MIB, why));
    assert_non_null(strstr(why, "partition 'f' (0x10000, size 0x100000) and 'v' (0x100000,"));
    layout.rows[1].label[0] = '\n';
    assert_false(layout_check(&layout, 4 * MIB, why));
    assert_null(strchr(why, '\n'));
    layout.rows[1].offset = 0x110000;
    assert_false(layout_check(&layout, 4 * MIB, why));
    assert_non_null(strstr(why, "partition '\\x0a' (0x110000, size 0x100000): a partition label"));
}

/* ---- layouts of our own ---- */

static struct layout generate(const char *kind, uint32_t flash_size, uint32_t app_size)
{
    struct layout layout;

    if (!layout_generate(kind, flash_size, app_size, &layout, why))
        fail_msg("%s: %s", kind, why);
    return layout;
}

static void test_layout_two_on_4m_has_the_seeds_offsets(void **state)
{
    struct layout layout = generate("two", 4 * MIB, 0);

    (void)state;
    assert_int_equal(layout.count, 7);
    assert_row(&layout.rows[0], 1, 2, 0x9000, 0x4000, "nvs");
    assert_row(&layout.rows[1], 1, 0, 0xd000, 0x2000, "otadata");
    assert_row(&layout.rows[2], 1, 1, 0xf000, 0x1000, "phy_init");
    assert_row(&layout.rows[3], 0, 0x10, 0x10000, 0x180000, "ota_0");
    assert_row(&layout.rows[4], 0, 0x11, 0x190000, 0x180000, "ota_1");
    assert_row(&layout.rows[5], 1, 0x81, 0x310000, 0xe0000, "vfs");
    assert_row(&layout.rows[6], 0x40, 0, 0x3f0000, 0x10000, "bulla");
}

static void test_layout_three_on_16m_has_the_seeds_offsets(void **state)
{
    struct layout layout = generate("three", 16 * MIB, 0);

    (void)state;
    assert_int_equal(layout.count, 8);
    assert_row(&layout.rows[3], 0, 0, 0x10000, 0x1b0000, "factory");
    assert_row(&layout.rows[4], 0, 0x10, 0x1c0000, 0x1b0000, "ota_0");
    assert_row(&layout.rows[5], 0, 0x11, 0x370000, 0x1b0000, "ota_1");
    assert_row(&layout.rows[6], 1, 0x81, 0x520000, 0xad0000, "vfs");
    assert_row(&layout.rows[7], 0x40, 0, 0xff0000, 0x10000, "bulla");
}

static void test_layout_single_has_no_otadata(void **state)
{
    struct layout layout = generate("single", 4 * MIB, MIB);

    (void)state;
    assert_int_equal(layout.count, 5);
    assert_row(&layout.rows[0], 1, 2, 0x9000, 0x6000, "nvs");
    assert_row(&layout.rows[1], 1, 1, 0xf000, 0x1000, "phy_init");
    assert_row(&layout.rows[2], 0, 0, 0x10000, 0x100000, "factory");
    assert_row(&layout.rows[3], 1, 0x81, 0x110000, 0x2e0000, "vfs");
    assert_row(&layout.rows[4], 0x40, 0, 0x3f0000, 0x10000, "bulla");
}

static void test_layout_every_kind_and_size_is_what_devices_and_esp_idf_take(void **state)
{
    static const char *const kinds[] = {"single", "two", "three"};
    unsigned made = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t size = 2 * MIB; size <= 16 * MIB; size *= 2) {
            struct layout layout, again;
            char text[CSV_MAX];

            if (!layout_generate(kinds[i], size, 0, &layout, why))
                continue;
            made++;
            if (!layout_check(&layout, size, why))
                fail_msg("%s on 0x%x: %s", kinds[i], (unsigned)size, why);
            assert_true(layout_has_state(&layout));
            print_csv(&layout, text);
            assert_true(from_csv(text, &again)); /* gen_esp32part.py's rules */
            assert_int_equal(again.count, layout.count);
            assert_same(&again, &layout, layout.count);
        }
    }
    assert_int_equal(made, 10);
}

static void test_layout_apps_may_leave_nothing_to_the_file_system(void **state)
{
    struct layout layout = generate("two", 2 * MIB, 0xf0000);

    (void)state;
    assert_int_equal(layout.count, 6);
    assert_row(&layout.rows[4], 0, 0x11, 0x100000, 0xf0000, "ota_1");
    assert_row(&layout.rows[5], 0x40, 0, 0x1f0000, 0x10000, "bulla");
    assert_true(layout_check(&layout, 2 * MIB, why));
}

static void test_layout_that_cannot_be_made_is_refused(void **state)
{
    static const struct {
        const char *kind;
        uint32_t flash_size, app_size;
        const char *because;
    } bad[] = {
        {"four", 4 * MIB, 0, "one of single, two, three, in-place, not 'four'"},
        {"", 4 * MIB, 0, "not ''"},
        {"two", 3 * MIB, 0, "one of 2M, 4M, 8M, 16M, not 0x300000"},
        {"two", 0, 0, "not 0x0"},
        {"three", 4 * MIB, 0,
         "layout three needs a flash larger than 4M (8M or 16M), this one has 4M"},
        {"three", 4 * MIB, MIB, "larger than 4M"},
        {"two", 4 * MIB, 1000 * 1024, "a multiple of 64K"},
        {"two", 16 * MIB, 0xffff0000, "at most 16M"},
        {"two", 4 * MIB, 2 * MIB, "room for 2 app partitions of at most 1984K, not 2048K"},
        {"single", 2 * MIB, 0x1f0000, "room for 1 app partition of at most 1920K, not 1984K"},
    };
    struct layout layout;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(
            layout_generate(bad[i].kind, bad[i].flash_size, bad[i].app_size, &layout, why));
        assert_int_equal(layout.count, 0);
        if (strstr(why, bad[i].because) == NULL)
            fail_msg("the reason is \"%s\", expected \"%s\"", why, bad[i].because);
    }
}

static void assert_made(const struct layout_plan *plan, const char *file, uint32_t count)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    struct layout_notes notes;
    struct layout layout;
    size_t len = 0;
    char *expected = fixture_read("fixtures/esp/partition", file, &len);

    if (!layout_make(plan, &layout, &notes, why))
        fail_msg("%s: %s", file, why);
    assert_int_equal(notes.count, 0);
    assert_int_equal(layout.count, count);
    assert_true(layout_encode(&layout, table, why));
    assert_int_equal(len, sizeof(table));
    assert_memory_equal(table, expected, sizeof(table));
    free(expected);
}

static void test_layout_tables_in_the_field_are_made_byte_for_byte(void **state)
{
    const struct layout_plan one = {.kind = "single",
                                    .style = "lobo",
                                    .flash_size = 4 * MIB,
                                    .fs_given = true,
                                    .fs_size = MIB,
                                    .no_state = true};
    const struct layout_plan two = {.style = "lobo", .flash_size = 4 * MIB, .no_state = true};
    const struct layout_plan three = {.style = "lobo",
                                      .flash_size = 16 * MIB,
                                      .fs_given = true,
                                      .fs_size = 8 * MIB,
                                      .no_state = true};
    const struct layout_plan ota = {.flash_size = 4 * MIB, .no_state = true};
    const struct layout_plan ota_16m = {.kind = "two", .flash_size = 16 * MIB, .no_state = true};

    (void)state;
    assert_made(&one, "lobo_1p.bin", 4);
    assert_made(&two, "lobo_2p.bin", 6);
    assert_made(&three, "lobo_3p.bin", 7);
    assert_made(&ota, "glenn20_ota.bin", 6);
    assert_made(&ota_16m, "seed003_16m.bin", 6);
}

static void test_layout_what_is_made_otherwise_than_asked_is_noted(void **state)
{
    struct layout_plan plan = {.flash_size = 4 * MIB,
                               .app_size = MIB,
                               .firmware_size = MIB + 1,
                               .fs_given = true,
                               .fs_size = 3 * MIB};
    struct layout_notes notes;
    struct layout layout;

    (void)state;
    assert_true(layout_make(&plan, &layout, &notes, why));
    assert_int_equal(notes.count, 2);
    assert_non_null(strstr(notes.text[0], "enlarged from 1024K to 1088K"));
    assert_non_null(strstr(notes.text[1], "lowered from 3145728 to 1835008 bytes"));
    assert_row(&layout.rows[4], 0, 0x11, 0x120000, 0x110000, "ota_1");
    assert_row(&layout.rows[5], 1, 0x81, 0x230000, 0x1c0000, "vfs");

    plan = (struct layout_plan){.kind = "in-place", .flash_size = 4 * MIB};
    assert_true(layout_make(&plan, &layout, &notes, why));
    assert_int_equal(notes.count, 1);
    assert_non_null(strstr(notes.text[0], "one bank only"));
    assert_row(&layout.rows[4], 0x40, 0x10, 0x190000, 0x180000, "bank_0");

    plan = (struct layout_plan){.flash_size = 4 * MIB, .firmware_size = 0xffffffff};
    assert_false(layout_make(&plan, &layout, &notes, why));
    assert_non_null(strstr(why, "an app has at most 16M"));
    plan = (struct layout_plan){.flash_size = 4 * MIB, .modules_size = 0xffff0000};
    assert_false(layout_make(&plan, &layout, &notes, why));
    assert_non_null(strstr(why, "inside the flash"));
}

static uint32_t differences(const struct layout *was, const struct layout *is, char text[CSV_MAX])
{
    FILE *out = fmemopen(text, CSV_MAX, "w");
    uint32_t count = layout_print_differences(out, was, is);

    fclose(out);
    return count;
}

static void test_layout_differences_are_named(void **state)
{
    struct layout was = generate("two", 4 * MIB, 0), is = was;
    char text[CSV_MAX] = "";

    (void)state;
    assert_int_equal(differences(&was, &is, text), 0);
    is.rows[5] = was.rows[6]; /* the order of rows is no difference */
    is.rows[6] = was.rows[5];
    assert_int_equal(differences(&was, &is, text), 0);
    is = generate("two", 4 * MIB, MIB);
    is.rows[0].flags = 1;
    snprintf(is.rows[2].label, sizeof(is.rows[2].label), "a\nb");
    assert_int_equal(differences(&was, &is, text), 6);
    assert_non_null(strstr(text, "'nvs' has flags 0x1 instead of 0x0\n"));
    assert_non_null(strstr(text, "'phy_init' (0xf000, size 0x1000) is gone\n"));
    assert_non_null(strstr(text, "'a\\x0ab' (0xf000, size 0x1000) is new\n"));
    assert_non_null(strstr(text, "'ota_0' at 0x10000 has size 0x100000 instead of 0x180000\n"));
    assert_non_null(strstr(text, "'ota_1' moves from 0x190000 (size 0x180000) to 0x110000"));
}

/* ---- conversion ---- */

static struct layout fixture_layout(const char *name)
{
    size_t len = 0;
    char *csv = fixture_read("fixtures/esp/partition", name, &len);
    struct layout layout;

    assert_true(layout_from_csv(csv, len, &layout, why));
    free(csv);
    return layout;
}

static void test_layout_seed_tables_convert_by_shortening_the_file_system(void **state)
{
    static const struct {
        const char *file;
        uint32_t flash_size, vfs_at, vfs_size;
    } known[] = {
        {"lobo_2p.csv", 4 * MIB, 0x370000, 0x80000},
        {"glenn20_ota.csv", 4 * MIB, 0x310000, 0xe0000},
        {"seed003_16m.csv", 16 * MIB, 0x310000, 0xce0000},
        {"negative_size.csv", 4 * MIB, 0x200000, 0x1f0000},
        /* free room behind the file system: it stays as it is */
        {"lobo_1p.csv", 4 * MIB, 0x110000, 0x100000},
        {"lobo_3p.csv", 16 * MIB, 0x520000, 0x800000},
        {"glenn20_ota.csv", 8 * MIB, 0x310000, 0xf0000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct layout before = fixture_layout(known[i].file), after;
        uint32_t last = before.count;

        assert_false(layout_has_state(&before));
        assert_true(layout_convert(&before, known[i].flash_size, &after, why));
        assert_int_equal(after.count, last + 1);
        assert_row(&after.rows[last], 0x40, 0, known[i].flash_size - 0x10000, 0x10000, "bulla");
        assert_int_equal(after.rows[last - 1].offset, known[i].vfs_at);
        assert_int_equal(after.rows[last - 1].size, known[i].vfs_size);
        assert_same(&after, &before, last - 1);
        assert_true(layout_check(&after, known[i].flash_size, why));
    }
}

static void test_layout_with_state_converts_to_itself(void **state)
{
    struct layout before = generate("two", 4 * MIB, 0), after;

    (void)state;
    assert_true(layout_convert(&before, 4 * MIB, &after, why));
    assert_int_equal(after.count, before.count);
    assert_same(&after, &before, before.count);
}

static void test_layout_without_room_for_the_state_is_not_converted(void **state)
{
    static const struct {
        const char *csv;
        const char *because;
    } bad[] = {
        {"f, app, factory, 0x10000, -2M,", "'f' (0x10000, size 0x1f0000) is no file system"},
        {"f, app, factory, 0x10000, -0x1f0000,\nv, data, fat, , -2M,", "nothing would be left"},
        {"f, app, factory, 0x10000, 64K,\nn, data, nvs, , -2M,", "is no file system"},
        {"bulla, app, factory, 0x10000, 1M,", "two partitions have one name"},
        {"f, app, factory, 0x10000, 4M,", "outside the flash"},
        {"v, data, fat, 0x10000, 1M,", "there is no factory app"},
    };
    struct layout before, after;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(from_csv(bad[i].csv, &before));
        assert_false(layout_convert(&before, 2 * MIB, &after, why));
        assert_int_equal(after.count, 0);
        if (strstr(why, bad[i].because) == NULL)
            fail_msg("%s: the reason is \"%s\"", bad[i].csv, why);
    }
}

static void test_layout_full_table_is_not_converted(void **state)
{
    char csv[CSV_MAX] = "f, app, factory, 0x10000, 64K,\n";
    size_t len = strlen(csv);
    struct layout before, after;

    (void)state;
    for (unsigned i = 0; i < 93; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "p%u, data, fat, , 4K,\n", i);
    assert_true(from_csv(csv, &before));
    assert_false(layout_convert(&before, 4 * MIB, &after, why));
    assert_non_null(strstr(why, "no row left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_every_csv_fixture_as_gen_esp32part),
        cmocka_unit_test(test_layout_every_binary_fixture_gets_its_verdict),
        cmocka_unit_test(test_layout_numbers_are_pythons),
        cmocka_unit_test(test_layout_numbers_out_of_range_are_refused),
        cmocka_unit_test(test_layout_negative_size_is_the_end),
        cmocka_unit_test(test_layout_blank_offsets_follow_and_are_aligned),
        cmocka_unit_test(test_layout_types_and_subtypes_by_word_or_number),
        cmocka_unit_test(test_layout_missing_type_and_subtype_are_refused),
        cmocka_unit_test(test_layout_flags_are_two),
        cmocka_unit_test(test_layout_data_rules_are_esp_idfs),
        cmocka_unit_test(test_layout_descending_offsets_are_refused),
        cmocka_unit_test(test_layout_rows_of_bootloader_and_table),
        cmocka_unit_test(test_layout_variables_are_refused),
        cmocka_unit_test(test_layout_names_are_labels),
        cmocka_unit_test(test_layout_nul_in_a_name_is_refused),
        cmocka_unit_test(test_layout_nul_for_a_suffix_is_refused),
        cmocka_unit_test(test_layout_without_rows_is_refused),
        cmocka_unit_test(test_layout_line_endings_and_comments),
        cmocka_unit_test(test_layout_wide_encodings_are_read),
        cmocka_unit_test(test_layout_wide_text_that_is_none_is_refused),
        cmocka_unit_test(test_layout_every_prefix_is_read_or_refused_with_a_reason),
        cmocka_unit_test(test_layout_holds_94_rows_with_md5),
        cmocka_unit_test(test_layout_95_rows_without_md5_are_read_but_not_written),
        cmocka_unit_test(test_layout_prints_what_it_reads),
        cmocka_unit_test(test_layout_names_that_csv_cannot_carry_are_escaped),
        cmocka_unit_test(test_layout_text_of_others_is_shown_escaped_and_cut),
        cmocka_unit_test(test_layout_oddities_are_warned_of),
        cmocka_unit_test(test_layout_tables_no_device_takes_are_refused_by_name),
        cmocka_unit_test(test_layout_binary_overlap_names_both),
        cmocka_unit_test(test_layout_two_on_4m_has_the_seeds_offsets),
        cmocka_unit_test(test_layout_three_on_16m_has_the_seeds_offsets),
        cmocka_unit_test(test_layout_single_has_no_otadata),
        cmocka_unit_test(test_layout_every_kind_and_size_is_what_devices_and_esp_idf_take),
        cmocka_unit_test(test_layout_apps_may_leave_nothing_to_the_file_system),
        cmocka_unit_test(test_layout_that_cannot_be_made_is_refused),
        cmocka_unit_test(test_layout_tables_in_the_field_are_made_byte_for_byte),
        cmocka_unit_test(test_layout_what_is_made_otherwise_than_asked_is_noted),
        cmocka_unit_test(test_layout_differences_are_named),
        cmocka_unit_test(test_layout_seed_tables_convert_by_shortening_the_file_system),
        cmocka_unit_test(test_layout_with_state_converts_to_itself),
        cmocka_unit_test(test_layout_without_room_for_the_state_is_not_converted),
        cmocka_unit_test(test_layout_full_table_is_not_converted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
