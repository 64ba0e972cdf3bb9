/* SPDX-License-Identifier: Apache-2.0 */
/* docs/FORMAT.md against the code: every limit, status, record and offset that the document tells
 * is the one the headers and the encoders have, and nothing that they have is left out. */

#include "check.h"

#include "bulla/cbor.h"
#include "bulla/client.h"
#include "bulla/envelope.h"
#include "bulla/espimage.h"
#include "bulla/limits.h"
#include "bulla/otadata.h"
#include "bulla/partition.h"
#include "bulla/state.h"
#include "bulla/trust.h"
#include "document.h"
#include "espimage_chips.h"
#include "fixture.h"
#include "flash_sim.h"

typedef char cells[DOCUMENT_CELLS][DOCUMENT_CELL];

/* A section of the document; to be freed. */
static char *section_of_format(const char *title)
{
    size_t len = 0;
    char *text = fixture_read("../docs", "FORMAT.md", &len);
    char *section = document_section(text, title);
    free(text);
    return section;
}

/* ---- limits ---- */

#define LIMIT(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct {
    const char *name;
    uint32_t value;
} limits[] = {
    LIMIT(BULLA_DIGEST_SIZE),
    LIMIT(BULLA_KEY_SIZE),
    LIMIT(BULLA_SIGNATURE_SIZE),
    LIMIT(BULLA_KEY_ID_SIZE),
    LIMIT(BULLA_UUID_SIZE),
    LIMIT(BULLA_BLOCKS_MAX),
    LIMIT(BULLA_SIGNED_MAX),
    LIMIT(BULLA_HEAD_MAX),
    LIMIT(BULLA_URI_MAX),
    LIMIT(BULLA_TEXT_MAX),
    LIMIT(BULLA_CBOR_DEPTH_MAX),
    LIMIT(BULLA_COMPONENT_NAME_MAX),
    LIMIT(BULLA_IMAGES_MAX),
    LIMIT(BULLA_LIST_NAME_MAX),
    LIMIT(BULLA_VERSION_PARTS_MAX),
    LIMIT(BULLA_SECTOR_SIZE),
    LIMIT(BULLA_GROUP_SECTORS),
    LIMIT(BULLA_GROUP_SIZE),
    LIMIT(BULLA_LIST_HEAD_MAX),
    LIMIT(BULLA_WORKSPACE_MIN),
    LIMIT(BULLA_ESP_IMAGE_MAX),
    LIMIT(BULLA_ESP_SEGMENTS_MAX),
    LIMIT(BULLA_TRUST_KEYS_MAX),
    LIMIT(BULLA_TRUST_NAMES_MAX),
    LIMIT(BULLA_TRUST_PINS_MAX),
    LIMIT(BULLA_TRUST_ANCHORS_MAX),
    LIMIT(BULLA_TRUST_ANCHOR_SIZE_MAX),
    LIMIT(BULLA_TRUST_SIZE_MAX),
};
#define LIMIT_COUNT (sizeof(limits) / sizeof(limits[0]))

static void test_format_limits_of_the_document_have_the_headers_values(void **state)
{
    (void)state;
    char *section = section_of_format("Limits");
    const char *at = document_table(section, "limit");
    cells row;
    size_t i = 0;
    for (; document_row(&at, row); i++) {
        assert_true(i < LIMIT_COUNT);
        assert_string_equal(row[0], limits[i].name);
        assert_int_equal(document_number(row[1]), limits[i].value);
    }
    assert_int_equal(i, LIMIT_COUNT);
    free(section);
}

/* The list above is the header's: the compiler gives the values, the text the names. */
static void test_format_limits_of_the_header_are_all_in_the_document(void **state)
{
    (void)state;
    static const char define[] = "\n#define BULLA_";
    size_t len = 0, count = 0;
    char *header = fixture_read("../verifier/include/bulla", "limits.h", &len);
    for (const char *p = header; (p = strstr(p, define)) != NULL;) {
        p += strlen("\n#define ");
        size_t name = strcspn(p, " \n");
        if (p[name] == '\n') /* the include guard */
            continue;
        assert_true(count < LIMIT_COUNT);
        assert_int_equal(name, strlen(limits[count].name));
        assert_memory_equal(p, limits[count].name, name);
        count++;
    }
    assert_int_equal(count, LIMIT_COUNT);
    free(header);
}

/* ---- status codes ---- */

static void test_format_status_table_is_the_codes(void **state)
{
    (void)state;
    char *section = section_of_format("Status codes");
    const char *at = document_table(section, "group");
    cells row;
    int i = 0;
    for (; document_row(&at, row); i++) {
        enum bulla_status status = (enum bulla_status)i;
        assert_true(i < BULLA_STATUS_COUNT);
        assert_string_equal(row[1], bulla_status_name(status));
        assert_string_equal(row[3], bulla_status_sentence(status));
        uint32_t exit_code = status == BULLA_OK ? 0 : bulla_status_is_refusal(status) ? 1 : 2;
        assert_int_equal(document_number(row[2]), exit_code);
    }
    assert_int_equal(i, BULLA_STATUS_COUNT);
    free(section);
}

/* BULLA_E_TLS_PIN is called tls-pin. */
static void name_of_enumerator(const char *line, char *name, size_t size)
{
    static const char start[] = "BULLA_E_";
    size_t len = 0;
    assert_memory_equal(line, start, strlen(start));
    for (const char *p = line + strlen(start); *p == '_' || isalnum((unsigned char)*p); p++) {
        assert_true(len + 1 < size);
        name[len++] = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    }
    name[len] = '\0';
}

/* One line of the enum: a comment opens a group, an enumerator must be the next row, in it. */
static void check_enum_line(const char *line, char *group, size_t size, const char **at, int *count)
{
    char name[64];
    cells row;
    line += strspn(line, " ");
    if (strncmp(line, "/* ", 3) == 0)
        snprintf(group, size, "%s", line + 3);
    if (strncmp(line, "BULLA_E_", 8) != 0)
        return;
    name_of_enumerator(line, name, sizeof(name));
    assert_true(document_row(at, row));
    assert_string_equal(row[1], name);
    if (row[0][0] == '\0' || strstr(group, row[0]) == NULL)
        fail_msg("%s is in the group '%s', the header says '%s'", name, row[0], group);
    (*count)++;
}

static void test_format_status_groups_are_the_headers(void **state)
{
    (void)state;
    size_t len = 0;
    int count = 1; /* BULLA_OK is the first row */
    char *header = fixture_read("../verifier/include/bulla", "status.h", &len);
    char *section = section_of_format("Status codes"), *save = NULL, group[128] = "";
    const char *at = document_table(section, "group");
    cells row;
    assert_true(document_row(&at, row));
    char *end = strstr(header, "BULLA_STATUS_COUNT");
    assert_non_null(end);
    *end = '\0';
    for (char *line = strtok_r(header, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (strstr(line, "BULLA_E_NOT_JUDGED. ") == NULL) /* the comment on top */
            check_enum_line(line, group, sizeof(group), &at, &count);
    }
    assert_int_equal(count, BULLA_STATUS_COUNT);
    free(section);
    free(header);
}

/* ---- enumerations: number and name ---- */

/* Every "PREFIXname = number," of the header in its order is the next row. Returns the rows that
 * follow. */
static const char *check_enum(const char *header_name, const char *prefix, const char *at)
{
    size_t len = 0, count = 0, prefix_len = strlen(prefix);
    char *header = fixture_read("../client_fw/include/bulla", header_name, &len);
    for (const char *p = header; (p = strstr(p, prefix)) != NULL; p++) {
        size_t name_len = strcspn(p, " ,\n") - prefix_len;
        const char *name = p + prefix_len;
        char *end = NULL;
        if (strncmp(name + name_len, " = ", 3) != 0)
            continue;
        unsigned long value = strtoul(name + name_len + 3, &end, 0);
        if (*end != ',')
            continue;
        cells row;
        assert_true(document_row(&at, row));
        assert_int_equal(document_number(row[0]), value);
        assert_int_equal(strlen(row[1]), name_len);
        assert_memory_equal(row[1], name, name_len);
        count++;
    }
    assert_true(count > 0);
    free(header);
    return at;
}

static void check_no_more_rows(const char *at)
{
    cells row;
    if (document_row(&at, row))
        fail_msg("the document has %s %s, the header has not", row[0], row[1]);
}

static void test_format_record_kinds_are_the_headers(void **state)
{
    (void)state;
    char *section = section_of_format("Device state");
    check_no_more_rows(check_enum("state.h", "BULLA_RECORD_", document_table(section, "kind")));
    free(section);
}

static void test_format_events_are_the_headers(void **state)
{
    (void)state;
    char *section = section_of_format("Device state");
    check_no_more_rows(check_enum("client.h", "BULLA_DID_", document_table(section, "event")));
    free(section);
}

static void test_format_otadata_states_are_the_headers(void **state)
{
    (void)state;
    cells row;
    char *section = section_of_format("otadata");
    const char *at = check_enum("otadata.h", "BULLA_OTA_", document_table(section, "state"));
    assert_true(document_row(&at, row));
    assert_int_equal(document_number(row[0]), BULLA_OTA_UNDEFINED);
    assert_string_equal(row[1], "UNDEFINED");
    check_no_more_rows(at);
    free(section);
}

/* Does ESP-IDF's choice take a record of this state, as the column "selected" says? */
static void test_format_otadata_states_are_selected_as_told(void **state)
{
    (void)state;
    cells row;
    char *section = section_of_format("otadata");
    const char *at = document_table(section, "state");
    while (document_row(&at, row)) {
        struct bulla_otadata otadata;
        uint32_t rewrites = 0;
        bool initial = false;
        memset(&otadata, 0xff, sizeof(otadata));
        otadata.record[1].seq = 2;
        otadata.record[1].crc = bulla_ota_crc(2);
        otadata.record[1].state = document_number(row[0]);
        int32_t slot = bulla_ota_idf_select(&otadata, 2, true, true, &rewrites, &initial);
        assert_int_equal(slot, strncmp(row[2], "yes", 3) == 0 ? 1 : BULLA_SLOT_FACTORY);
        bool becomes = strstr(row[2], "becomes") != NULL;
        assert_int_equal(rewrites, becomes ? 2 : 0);
    }
    free(section);
}

/* ---- records on flash ---- */

/* A field, and the bytes that an encoder wrote for it. */
struct field {
    const char *name;
    const char *bytes;
};

/* Rows offset, size, field: without a gap, `total` bytes, the fields in this order, each at its
 * place in `encoded` (NULL: that is not looked at). */
static void check_fields(const char *section, const char *column, const struct field *fields,
                         size_t count, uint32_t total, const uint8_t *encoded)
{
    const char *at = document_table(section, column);
    uint32_t offset = 0;
    size_t i = 0;
    cells row;
    for (; document_row(&at, row); i++) {
        assert_int_equal(document_number(row[0]), offset);
        if (row[1][0] == '\0') /* content of any length ends a record */
            break;
        uint32_t size = document_number(row[1]);
        if (i < count) {
            assert_memory_equal(row[2], fields[i].name, strlen(fields[i].name));
            assert_memory_equal(encoded + offset, fields[i].bytes, size);
        }
        offset += size;
    }
    assert_int_equal(offset, total);
    assert_true(i >= count);
}

static void test_format_otadata_record_is_what_is_encoded(void **state)
{
    (void)state;
    static const struct field fields[] = {
        {"seq", "\x01\x02\x03\x04"},
        {"label", "abcdefghijklmnopqrst"},
        {"state", "\x05\x06\x07\x08"},
        {"crc", "\x09\x0a\x0b\x0c"},
    };
    struct bulla_ota_record record = {.seq = 0x04030201, .state = 0x08070605, .crc = 0x0c0b0a09};
    uint8_t bytes[BULLA_OTADATA_RECORD_SIZE];
    memcpy(record.label, fields[1].bytes, sizeof(record.label));
    bulla_ota_record_encode(&record, bytes);
    char *section = section_of_format("otadata");
    check_fields(section, "record offset", fields, 4, sizeof(bytes), bytes);
    free(section);
}

static void test_format_otadata_crcs_are_computed_so(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {0, 1, 2, 16, 0xffffffffu};
    size_t found = 0;
    cells row;
    char *section = section_of_format("otadata");
    const char *at = document_table(section, "seq");
    while (document_row(&at, row)) {
        uint32_t seq = document_number(row[0]);
        assert_int_equal(document_number(row[1]), bulla_ota_crc(seq));
        if (found < sizeof(wanted) / sizeof(wanted[0]) && seq == wanted[found])
            found++;
    }
    assert_int_equal(found, sizeof(wanted) / sizeof(wanted[0]));
    free(section);
}

static void test_format_partition_row_is_what_is_encoded(void **state)
{
    (void)state;
    static const struct field fields[] = {
        {"magic", "\xaa\x50"},         {"type", "\x40"},
        {"subtype", "\x23"},           {"offset", "\x00\x10\x3f\x00"},
        {"size", "\x00\x00\x01\x00"},  {"label", "sixteen_bytes_16"},
        {"flags", "\x01\x00\x00\x00"},
    };
    struct bulla_partition p = {
        .type = 0x40, .subtype = 0x23, .offset = 0x3f1000, .size = 0x10000, .flags = 1};
    uint8_t row[BULLA_PARTITION_ROW_SIZE];
    snprintf(p.label, sizeof(p.label), "%s", fields[5].bytes);
    bulla_partition_row_encode(&p, row);
    char *section = section_of_format("Partition table");
    check_fields(section, "row offset", fields, 7, sizeof(row), row);
    free(section);
}

/* ---- device state ---- */

struct device {
    struct flash_sim sim;
    struct bulla_state state;
};

static void device_start(struct device *device)
{
    char why[FLASH_SIM_WHY_SIZE];
    const struct bulla_partition partition = {.offset = 0, .size = BULLA_STATE_SIZE_MIN};
    assert_status(flash_sim_create(&device->sim, NULL, BULLA_STATE_SIZE_MIN, why), BULLA_OK);
    assert_status(bulla_state_format(&device->state, flash_sim_flash(&device->sim), &partition),
                  BULLA_OK);
}

static void test_format_state_bytes_are_those_on_flash(void **state)
{
    (void)state;
    static struct device device;
    uint8_t expected[64];
    char *section = section_of_format("Device state");
    size_t len = document_hex(section, "state", expected, sizeof(expected));
    device_start(&device);
    assert_status(bulla_state_put_floor(&device.state, 0x01020304), BULLA_OK);
    assert_int_equal(len, 48);
    assert_memory_equal(device.sim.bytes, expected, len);

    static const struct field half[] = {{"magic", "bst2"}, {"bytes of a half", "\x10\x20\0\0"}};
    static const struct field record[] = {
        {"kind", "\x04"}, {"slot", "\0"}, {"length", "\x04\0"}, {"counter", "\x01\0\0\0"}};
    check_fields(section, "header offset", half, 2, 16, expected);
    check_fields(section, "log offset", record, 4, 16, expected + 16);
    flash_sim_close(&device.sim);
    free(section);
}

static void test_format_state_record_lengths_are_those_on_flash(void **state)
{
    (void)state;
    static struct device device;
    device_start(&device);
    assert_status(bulla_state_put_identity(&device.state, &(struct bulla_identity){.format = 1}),
                  BULLA_OK);
    assert_status(bulla_state_put_confirmed(&device.state, &(struct bulla_confirmed){0}), BULLA_OK);
    assert_status(bulla_state_put_floor(&device.state, 0), BULLA_OK);
    assert_status(bulla_state_put_trial(&device.state, &(struct bulla_trial){.failed = 0}),
                  BULLA_OK);
    assert_status(bulla_state_put_running(&device.state, &(struct bulla_running){.slot = 0}),
                  BULLA_OK);
    assert_status(bulla_state_put_event(&device.state, &(struct bulla_event_record){.what = 1}),
                  BULLA_OK);
    assert_status(bulla_state_put_boots(&device.state, &(struct bulla_boots){.trial = 1}),
                  BULLA_OK);
    char *section = section_of_format("Device state");
    const char *at = document_table(section, "kind");
    cells row;
    while (document_row(&at, row)) {
        uint8_t content[64];
        size_t len = 0;
        enum bulla_record_kind kind = (enum bulla_record_kind)document_number(row[0]);
        assert_status(bulla_state_get(&device.state, kind, 0, content, sizeof(content), &len),
                      BULLA_OK);
        bool any =
            kind == BULLA_RECORD_TRUST || kind == BULLA_RECORD_HEAD || kind == BULLA_RECORD_MODULES;
        assert_int_equal(strcmp(row[2], "any") == 0, any);
        if (!any)
            assert_int_equal(len, document_number(row[2]));
    }
    flash_sim_close(&device.sim);
    free(section);
}

/* ---- trust store, envelope ---- */

static void test_format_trust_store_members_are_those_of_the_dump(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct bulla_trust trust;
    struct bulla_cbor r;
    cells row;
    char *section = section_of_format("Trust store");
    struct bulla_bytes store = {bytes, document_hex(section, "trust", bytes, sizeof(bytes))};
    assert_status(bulla_trust_decode(store, &trust), BULLA_OK);
    assert_int_equal(trust.threshold, 2);
    assert_int_equal(trust.key_count, 2);
    assert_int_equal(trust.pin_count, 1);
    assert_int_equal(trust.anchor_count, 1);

    const char *at = document_table(section, "member");
    bulla_cbor_init(&r, store);
    for (uint32_t members = bulla_cbor_map(&r); members > 0; members--) {
        assert_true(document_row(&at, row));
        assert_int_equal(document_number(row[0]), bulla_cbor_uint(&r));
        (void)bulla_cbor_skip(&r);
    }
    assert_status(bulla_cbor_finish(&r), BULLA_OK);
    check_no_more_rows(at);
    free(section);
}

static void test_format_envelope_dump_is_the_vector(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t len = 0;
    char *section = section_of_format("Envelope");
    char *vector = fixture_read("vectors/envelope", "good-one-sector.suit", &len);
    assert_int_equal(document_hex(section, "good-one-sector.suit", bytes, sizeof(bytes)), len);
    assert_memory_equal(bytes, vector, len);
    free(vector);
    free(section);
}

static void test_format_signed_bytes_are_those_of_the_vector(void **state)
{
    (void)state;
    uint8_t told[BULLA_TBS_MAX], signed_bytes[BULLA_TBS_MAX];
    size_t len = 0, need = 0;
    struct bulla_envelope envelope;
    struct bulla_wrapper wrapper;
    char *section = section_of_format("Signatures");
    char *vector = fixture_read("vectors/envelope", "good-one-sector.suit", &len);
    struct bulla_bytes in = {(const uint8_t *)vector, len};
    assert_status(bulla_envelope_split(in, &envelope, &need), BULLA_OK);
    assert_status(bulla_wrapper_decode(envelope.wrapper, &wrapper), BULLA_OK);
    size_t count =
        bulla_block_tbs(wrapper.blocks[0].protected_header, wrapper.digest_bstr, signed_bytes);
    assert_int_equal(count, 55);
    assert_int_equal(document_hex(section, "tbs", told, sizeof(told)), count);
    assert_memory_equal(told, signed_bytes, count);
    free(vector);
    free(section);
}

/* ---- chips ---- */

static void test_format_chips_are_those_known(void **state)
{
    (void)state;
    char *section = section_of_format("Chips");
    const char *at = document_table(section, "chip");
    cells row;
    for (uint32_t id = 0; id <= UINT16_MAX; id++) {
        const struct bulla_chip *chip = bulla_chip_by_id((uint16_t)id);
        if (chip == NULL)
            continue;
        assert_true(document_row(&at, row)); /* by id */
        assert_string_equal(row[0], chip->name);
        assert_int_equal(document_number(row[1]), id);
        assert_int_equal(document_number(row[2]), chip->boot_offset);
        assert_int_equal(document_number(row[3]), chip->fuse_width);
        assert_string_equal(row[4], chip->page_choice ? "yes" : "no");
    }
    check_no_more_rows(at);
    free(section);
}

static unsigned flags_of(const char *kind)
{
    static const struct {
        const char *kind;
        unsigned flags;
    } kinds[] = {
        {"data", BULLA_REGION_DROM},
        {"code", BULLA_REGION_IROM},
        {"data and code", BULLA_REGION_MAPPED},
        {"load", BULLA_REGION_DATA},
        {"load code", BULLA_REGION_IRAM},
        {"load code and data", BULLA_REGION_IRAM | BULLA_REGION_DATA},
        {"bootloader", BULLA_REGION_BOOT},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].flags;
    fail_msg("'%s' is no kind of region", kind);
    return 0;
}

static bool touches(const struct bulla_chip *chip, uint32_t address)
{
    return bulla_chip_touches_bootloader(chip, (struct bulla_segment){address, 4});
}

/* The region is there, and ends where the row says. */
static void check_region(const struct bulla_chip *chip, uint32_t from, uint32_t to, unsigned flags)
{
    if (flags == BULLA_REGION_BOOT) {
        assert_true(touches(chip, from) && touches(chip, to - 4));
        assert_false(touches(chip, from - 4) || touches(chip, to));
        return;
    }
    struct bulla_segment whole = {from, to - from};
    struct bulla_segment below = {from - 4, to - from + 4}, above = {from, to - from + 4};
    unsigned found = bulla_chip_region(chip, whole, 0x10000) & ~BULLA_REGION_PAGED;
    assert_int_equal(found, flags);
    assert_int_equal(bulla_chip_region(chip, below, 0x10000), 0);
    assert_int_equal(bulla_chip_region(chip, above, 0x10000), 0);
}

static void test_format_regions_are_those_known(void **state)
{
    (void)state;
    char *section = section_of_format("Chips");
    const char *at = document_table(section, "in chip");
    uint32_t counts[UINT8_MAX] = {0};
    cells row;
    while (document_row(&at, row)) {
        const struct bulla_chip *chip = bulla_chip_by_name(row[0]);
        assert_non_null(chip);
        check_region(chip, document_number(row[1]), document_number(row[2]), flags_of(row[3]));
        counts[chip->id]++;
    }
    for (uint16_t id = 0; id < UINT8_MAX; id++) {
        const struct bulla_chip *chip = bulla_chip_by_id(id);
        assert_int_equal(counts[id], chip != NULL ? chip->region_count : 0);
    }
    free(section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_limits_of_the_document_have_the_headers_values),
        cmocka_unit_test(test_format_limits_of_the_header_are_all_in_the_document),
        cmocka_unit_test(test_format_status_table_is_the_codes),
        cmocka_unit_test(test_format_status_groups_are_the_headers),
        cmocka_unit_test(test_format_record_kinds_are_the_headers),
        cmocka_unit_test(test_format_events_are_the_headers),
        cmocka_unit_test(test_format_otadata_states_are_the_headers),
        cmocka_unit_test(test_format_otadata_states_are_selected_as_told),
        cmocka_unit_test(test_format_otadata_record_is_what_is_encoded),
        cmocka_unit_test(test_format_otadata_crcs_are_computed_so),
        cmocka_unit_test(test_format_partition_row_is_what_is_encoded),
        cmocka_unit_test(test_format_state_bytes_are_those_on_flash),
        cmocka_unit_test(test_format_state_record_lengths_are_those_on_flash),
        cmocka_unit_test(test_format_trust_store_members_are_those_of_the_dump),
        cmocka_unit_test(test_format_envelope_dump_is_the_vector),
        cmocka_unit_test(test_format_signed_bytes_are_those_of_the_vector),
        cmocka_unit_test(test_format_chips_are_those_known),
        cmocka_unit_test(test_format_regions_are_those_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
