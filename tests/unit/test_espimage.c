/* SPDX-License-Identifier: Apache-2.0 */
/* The image checker against the fixtures with their tables, and against images made here from a
 * good one by changing one thing and sealing it again (checksum and SHA-256 recomputed), so that
 * each refusal has exactly one cause. */

#include "check.h"

#include "bulla/espimage.h"

#define FIXTURES BULLA_TEST_DIR "/fixtures/esp/"
#define GOOD     "app/se32_1.0.0.bin"
#define BIG      (160u * 1024u)

/* ---- files and images ---- */

struct image {
    uint8_t bytes[BIG];
    size_t len;
};

static void load(struct image *image, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", FIXTURES, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    image->len = fread(image->bytes, 1, sizeof image->bytes, file);
    assert_true(image->len > 0 && image->len < sizeof image->bytes);
    fclose(file);
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void sha256(const uint8_t *bytes, size_t len, uint8_t digest[32])
{
    struct bulla_sha256 hash;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){bytes, len});
    assert_status(bulla_sha256_finish(&hash, digest), BULLA_OK);
}

/* Checksum and SHA-256 behind the segments that the header counts; cuts what follows. */
static void seal(struct image *image)
{
    size_t at = 24;
    uint8_t checksum = 0xef;
    for (unsigned i = 0; i < image->bytes[1]; i++) {
        uint32_t len = get32(image->bytes + at + 4);
        at += 8;
        for (uint32_t k = 0; k < len; k++)
            checksum ^= image->bytes[at + k];
        at += len;
    }
    while (at % 16 != 15)
        image->bytes[at++] = 0;
    image->bytes[at++] = checksum;
    sha256(image->bytes, at, image->bytes + at);
    image->len = at + 32;
}

static void add_segment(struct image *image, uint32_t address, uint32_t len, uint8_t fill)
{
    size_t at = 24;
    for (unsigned i = 0; i < image->bytes[1]; i++)
        at += 8 + get32(image->bytes + at + 4);
    assert_true(at + 8 + len + 64 < sizeof image->bytes);
    put32(image->bytes + at, address);
    put32(image->bytes + at + 4, len);
    memset(image->bytes + at + 8, fill, len);
    image->bytes[1]++;
}

/* The good image's header and first segment only. */
static void load_stem(struct image *image)
{
    load(image, GOOD);
    image->bytes[1] = 1;
}

/* ---- judging ---- */

/* The bytes in pieces of `step` from a block of exactly their size, so that ASan sees a read past
 * the end. */
static enum bulla_status judge_in(struct bulla_espimage *s, const uint8_t *bytes, size_t len,
                                  size_t step)
{
    bulla_espimage_init(s, (uint32_t)len);
    enum bulla_status status = BULLA_OK;
    for (size_t at = 0; at < len && status == BULLA_OK; at += step) {
        size_t n = len - at < step ? len - at : step;
        uint8_t *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes + at, n);
        status = bulla_espimage_feed(s, (struct bulla_bytes){copy, n});
        free(copy);
    }
    enum bulla_status last = bulla_espimage_finish(s);
    if (status != BULLA_OK)
        assert_status(last, status); /* sticky */
    return last;
}

/* Whole and in small pieces: the verdict, and the facts of what is accepted, are the same. */
static enum bulla_status judge(const struct image *image, struct bulla_image_facts *facts)
{
    static const size_t steps[] = {1, 3, 16, 48, 333, 4096};
    struct bulla_espimage whole, parts;
    enum bulla_status status = judge_in(&whole, image->bytes, image->len, image->len);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_status(judge_in(&parts, image->bytes, image->len, steps[i]), status);
        assert_int_equal(parts.facts.format, whole.facts.format);
        if (status == BULLA_OK)
            assert_memory_equal(&parts.facts, &whole.facts, sizeof whole.facts);
    }
    *facts = whole.facts;
    return status;
}

static enum bulla_status verdict(const struct image *image)
{
    struct bulla_image_facts facts;
    return judge(image, &facts);
}

/* ---- the fixtures' tables ---- */

struct row {
    const char *file;
    enum bulla_image_format format;
    enum bulla_status status;
    const char *differs; /* why our verdict is not ESP-IDF's; NULL: it is the same */
};

#define ESP BULLA_FORMAT_ESP
#define RAW BULLA_FORMAT_RAW

static const struct row app_rows[] = {
    {"se32_1.0.0.bin", ESP, BULLA_OK, NULL},
    {"se32_1.1.0.bin", ESP, BULLA_OK, NULL},
    {"se32_1.2.0.bin", ESP, BULLA_OK, NULL},
    {"se32_other.bin", ESP, BULLA_OK, NULL},
    {"se32_nodigest.bin", ESP, BULLA_E_IMAGE_NO_SHA256,
     "ESP-IDF checks the SHA-256 only if there is one; we demand it"},
    {"sc3.bin", ESP, BULLA_OK, NULL},
    {"ss3.bin", ESP, BULLA_OK,
     "a sound image for another chip: policy.c compares the chip with the device's"},
    {"e32.bin", ESP, BULLA_OK, NULL},
    {"m_bad_checksum.bin", ESP, BULLA_E_IMAGE_CHECKSUM, NULL},
    {"m_bad_sha.bin", ESP, BULLA_E_IMAGE_SHA256, NULL},
    {"m_flipped_code_bit.bin", ESP, BULLA_E_IMAGE_SHA256, NULL},
    {"m_truncated_half.bin", ESP, BULLA_E_IMAGE_CUT, NULL},
    {"m_truncated_no_sha.bin", ESP, BULLA_E_IMAGE_CUT, NULL},
    {"m_chip_id_s3.bin", ESP, BULLA_E_IMAGE_SEGMENT_ADDRESS, NULL},
    {"m_magic_ea.bin", RAW, BULLA_OK,
     "not an ESP image but raw bytes: policy.c refuses it where ESP images are taken"},
    {"m_trailing_garbage.bin", ESP, BULLA_E_IMAGE_TAIL,
     "ESP-IDF ignores what follows the image; we sign no bytes nobody looks at"},
    {"m_segs_16.bin", ESP, BULLA_E_IMAGE_ENTRY,
     "its 16 segments hold no code, so the entry lies in none; ESP-IDF does not look"},
    {"m_segs_17.bin", ESP, BULLA_E_IMAGE_SEGMENT_COUNT, NULL},
    {"m_seg_len_unaligned.bin", ESP, BULLA_E_IMAGE_SEGMENT_LENGTH, NULL},
    {"m_no_appdesc_magic.bin", ESP, BULLA_E_IMAGE_NO_DESCRIPTOR,
     "ESP-IDF on the ESP32 does not look for the descriptor; it holds the floor"},
    {"m_min_rev_900.bin", ESP, BULLA_OK,
     "a sound image for a later revision: policy.c compares it with the device's"},
    {"m_all_ff.bin", RAW, BULLA_OK,
     "not an ESP image but raw bytes: policy.c refuses it where ESP images are taken"},
    {"m_dram_in_bootloader_data.bin", ESP, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER, NULL},
};
static const struct row combined_rows[] = {
    {"comb_esp32_from_1000.bin", ESP, BULLA_E_IMAGE_NOT_AN_APP, NULL},
    {"comb_c3_from_0.bin", ESP, BULLA_E_IMAGE_NOT_AN_APP, NULL},
};
static const struct row esp8266_rows[] = {
    {"a8266_v1-0x00000.bin", ESP, BULLA_E_IMAGE_CHIP_UNKNOWN, NULL},
    {"a8266_v1-0x10000.bin", RAW, BULLA_OK, NULL},
    {"a8266_v2.bin", RAW, BULLA_OK, NULL},
    {"a8266_inplace.bin", ESP, BULLA_E_IMAGE_CHIP_UNKNOWN, NULL},
};

static void check_row(const char *dir, const struct row *row, const char *size, const char *digest)
{
    static struct image image;
    char name[128];
    snprintf(name, sizeof name, "%s/%s", dir, row->file);
    load(&image, name);
    assert_int_equal(image.len, strtoul(size, NULL, 10));
    uint8_t found[32];
    char hex[65];
    sha256(image.bytes, image.len, found);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", found[i]);
    assert_string_equal(hex, digest);

    struct bulla_image_facts facts;
    enum bulla_status status = judge(&image, &facts);
    if (status != row->status || facts.format != row->format)
        fail_msg("%s: status is %s, expected %s; format %d", name, bulla_status_name(status),
                 bulla_status_name(row->status), (int)facts.format);
}

/* Every row of the file has a row here and the reverse; `idf`: the last column is ESP-IDF's
 * verdict, and where ours differs the row says why. */
static void check_table(const char *dir, const struct row *rows, size_t count, bool idf)
{
    char path[512], line[1024];
    snprintf(path, sizeof path, "%s%s/expected.tsv", FIXTURES, dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file)); /* column titles */
    size_t seen = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *save = NULL;
        const char *name = strtok_r(line, "\t\n", &save);
        const char *size = strtok_r(NULL, "\t\n", &save);
        const char *digest = strtok_r(NULL, "\t\n", &save);
        const char *said = strtok_r(NULL, "\n", &save);
        assert_non_null(said);
        const struct row *row = NULL;
        for (size_t i = 0; i < count; i++)
            if (strcmp(rows[i].file, name) == 0)
                row = &rows[i];
        if (row == NULL)
            fail_msg("%s/expected.tsv has a row without a verdict here: %s", dir, name);
        check_row(dir, row, size, digest);
        seen++;
        if (!idf)
            continue;
        bool theirs = strstr(said, "app-verify=ok") != NULL && strstr(said, "boot-load=ok") != NULL;
        bool ours = row->status == BULLA_OK;
        if ((theirs == ours) != (row->differs == NULL))
            fail_msg("%s: ESP-IDF says %s; the reason for a difference is %s", name, said,
                     row->differs == NULL ? "missing" : row->differs);
    }
    fclose(file);
    assert_int_equal(seen, count);
}

static void test_espimage_app_fixtures_have_their_verdicts(void **state)
{
    (void)state;
    check_table("app", app_rows, sizeof app_rows / sizeof app_rows[0], true);
}

static void test_espimage_combined_fixtures_are_not_apps(void **state)
{
    (void)state;
    check_table("combined", combined_rows, sizeof combined_rows / sizeof combined_rows[0], true);
}

static void test_espimage_esp8266_fixtures_are_refused_or_raw(void **state)
{
    (void)state;
    check_table("esp8266", esp8266_rows, sizeof esp8266_rows / sizeof esp8266_rows[0], false);
}

/* ---- facts and readiness ---- */

static void test_espimage_good_image_tells_its_facts(void **state)
{
    (void)state;
    static struct image image;
    struct bulla_image_facts facts;
    load(&image, "app/se32_1.2.0.bin");
    assert_status(judge(&image, &facts), BULLA_OK);
    assert_int_equal(facts.size, 448);
    assert_int_equal(facts.chip_id, 0);
    assert_int_equal(facts.min_revision, 0);
    assert_int_equal(facts.max_revision, 0xffff);
    assert_int_equal(facts.segment_count, 3);
    assert_int_equal(facts.entry, 0x40080000);
    assert_int_equal(facts.secure_version, 1);
    assert_int_equal(facts.image_len, 448);
    assert_int_equal(facts.signature_blocks, 0);
    assert_string_equal(facts.version, "1.2.0");
    assert_string_equal(facts.project, "fixture_esp32");
    assert_string_equal(facts.idf_version, "v5.5-fixture");
    assert_string_equal(facts.time, "12:34:56");
    assert_string_equal(facts.date, "Jan  2 2026");
}

static void test_espimage_texts_of_full_length_are_ended(void **state)
{
    (void)state;
    static struct image image;
    struct bulla_image_facts facts;
    load(&image, GOOD);
    memset(image.bytes + 0x30, 'v', 31);
    memset(image.bytes + 0x50, 'p', 32);
    memset(image.bytes + 0x70, 't', 16);
    memset(image.bytes + 0x80, 'd', 16);
    memset(image.bytes + 0x90, 'i', 32);
    seal(&image);
    assert_status(judge(&image, &facts), BULLA_OK);
    assert_int_equal(strlen(facts.version), 31);
    assert_int_equal(strlen(facts.project), 32);
    assert_int_equal(strlen(facts.time), 16);
    assert_int_equal(strlen(facts.date), 16);
    assert_int_equal(strlen(facts.idf_version), 32);
}

static void test_espimage_ready_comes_with_the_descriptor(void **state)
{
    (void)state;
    static struct image image;
    struct bulla_espimage s;
    load(&image, GOOD);
    bulla_espimage_init(&s, (uint32_t)image.len);
    for (size_t i = 0; i < 0xe0; i++) {
        assert_false(bulla_espimage_ready(&s));
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes + i, 1}), BULLA_OK);
    }
    assert_true(bulla_espimage_ready(&s));
    assert_int_equal(s.facts.format, BULLA_FORMAT_ESP);
    assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_TRUNCATED);
}

static void test_espimage_refused_header_is_never_ready(void **state)
{
    (void)state;
    static struct image image;
    struct bulla_espimage s;
    load(&image, "app/m_dram_in_bootloader_data.bin");
    put32(image.bytes + 0x18, 0x3fff0020); /* segment 0 over the bootloader, with descriptor */
    assert_status(judge_in(&s, image.bytes, image.len, image.len),
                  BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER);
    assert_false(bulla_espimage_ready(&s));
}

/* ---- ESP or raw ---- */

static void check_raw(const struct image *image, size_t ready_after)
{
    struct bulla_espimage s;
    struct bulla_image_facts facts;
    assert_status(judge(image, &facts), BULLA_OK);
    assert_int_equal(facts.format, BULLA_FORMAT_RAW);
    bulla_espimage_init(&s, (uint32_t)image->len);
    for (size_t i = 0; i < ready_after; i++) {
        assert_false(bulla_espimage_ready(&s));
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image->bytes + i, 1}), BULLA_OK);
    }
    assert_true(bulla_espimage_ready(&s));
}

static void test_espimage_other_first_byte_is_raw(void **state)
{
    (void)state;
    static struct image image;
    memset(image.bytes, 0x55, image.len = 5000);
    check_raw(&image, 1);
    image.len = 1;
    check_raw(&image, 1);
}

static void test_espimage_blank_beginning_is_raw_unless_an_image_follows(void **state)
{
    (void)state;
    static struct image image;
    memset(image.bytes, 0xff, sizeof image.bytes);
    for (size_t len = 1; len <= 4096; len += 4095) {
        image.len = len;
        check_raw(&image, len); /* all of it is 0xFF: decided at its end */
    }
    image.len = 9000;
    check_raw(&image, 4097);
    image.bytes[100] = 0xe9;
    check_raw(&image, 101);
    image.bytes[100] = 0xff;
    image.bytes[4095] = 0xe9;
    check_raw(&image, 4096);
    image.bytes[4095] = 0xff;
    image.bytes[4097] = 0xe9;
    check_raw(&image, 4097);
}

static void test_espimage_blank_sector_then_image_is_not_an_app(void **state)
{
    (void)state;
    static struct image image, app;
    struct bulla_image_facts facts;
    load(&app, "combined/comb_esp32_from_1000.bin");
    memset(image.bytes, 0xff, 4096);
    memcpy(image.bytes + 4096, app.bytes, app.len);
    image.len = 4096 + app.len;
    assert_status(judge(&image, &facts), BULLA_E_IMAGE_NOT_AN_APP);
    assert_int_equal(facts.format, BULLA_FORMAT_ESP);
    struct bulla_espimage s;
    bulla_espimage_init(&s, (uint32_t)image.len);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, 4096}), BULLA_OK);
    assert_false(bulla_espimage_ready(&s));
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes + 4096, 1}),
                  BULLA_E_IMAGE_NOT_AN_APP);
}

static void test_espimage_16_mib_is_the_limit_of_esp_images_only(void **state)
{
    (void)state;
    const uint8_t esp = 0xe9, raw = 0;
    struct bulla_espimage s;
    bulla_espimage_init(&s, BULLA_ESP_IMAGE_MAX);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){&esp, 1}), BULLA_OK);
    bulla_espimage_init(&s, BULLA_ESP_IMAGE_MAX + 1);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){&esp, 1}), BULLA_E_IMAGE_TOO_LARGE);
    bulla_espimage_init(&s, UINT32_MAX);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){&raw, 1}), BULLA_OK);
    assert_true(bulla_espimage_ready(&s));
}

/* ---- length, cuts, damage ---- */

static void test_espimage_empty_is_refused(void **state)
{
    (void)state;
    struct bulla_espimage s;
    bulla_espimage_init(&s, 0);
    assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_CUT);
    assert_false(bulla_espimage_ready(&s));
}

static void test_espimage_every_truncated_file_is_refused(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    for (size_t len = image.len; len-- > 0;) {
        image.len = len;
        struct bulla_espimage s;
        assert_status(judge_in(&s, image.bytes, len, len + 1), BULLA_E_IMAGE_CUT);
    }
}

static void test_espimage_every_truncated_stream_is_refused(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    for (size_t len = 0; len < image.len; len++) {
        struct bulla_espimage s;
        bulla_espimage_init(&s, (uint32_t)image.len);
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, len}), BULLA_OK);
        assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_TRUNCATED);
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes + len, 1}),
                      BULLA_E_IMAGE_TRUNCATED);
    }
}

static void test_espimage_byte_beyond_the_declared_size_is_refused(void **state)
{
    (void)state;
    static struct image image;
    static const char *const names[] = {GOOD, "app/m_magic_ea.bin", "app/m_all_ff.bin"};
    for (size_t i = 0; i < 3; i++) {
        load(&image, names[i]);
        struct bulla_espimage s;
        bulla_espimage_init(&s, (uint32_t)image.len);
        struct bulla_bytes more = {image.bytes, image.len + 1};
        assert_status(bulla_espimage_feed(&s, more), BULLA_E_IMAGE_TRAILING);
        assert_status(bulla_espimage_finish(&s), BULLA_E_IMAGE_TRAILING);
    }
}

static void test_espimage_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    for (size_t bit = 0; bit < 8 * image.len; bit++) {
        struct bulla_espimage s;
        image.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum bulla_status status = judge_in(&s, image.bytes, image.len, image.len);
        image.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bit < 8)
            assert_int_equal(s.facts.format, BULLA_FORMAT_RAW); /* no magic: no ESP image */
        else if (status == BULLA_OK)
            fail_msg("bit %zu may be flipped", bit);
    }
}

static void test_espimage_two_pieces_cut_anywhere_same_result(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    for (size_t cut = 0; cut <= image.len; cut++) {
        struct bulla_espimage s;
        bulla_espimage_init(&s, (uint32_t)image.len);
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, cut}), BULLA_OK);
        assert_status(
            bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes + cut, image.len - cut}),
            BULLA_OK);
        assert_status(bulla_espimage_finish(&s), BULLA_OK);
    }
}

/* ---- one field changed, sealed again ---- */

struct change {
    const char *what;
    size_t offset;
    uint8_t width; /* 1, 2 or 4 bytes, little-endian */
    uint32_t value;
    enum bulla_status status;
};

static void check_changes(const struct change *changes, size_t count)
{
    static struct image image;
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        load(&image, GOOD);
        for (unsigned k = 0; k < c->width; k++)
            image.bytes[c->offset + k] = (uint8_t)(c->value >> 8 * k);
        if (c->offset != 1) /* the segment count: nothing can be sealed */
            seal(&image);
        enum bulla_status status = verdict(&image);
        if (status != c->status)
            fail_msg("%s: status is %s, expected %s", c->what, bulla_status_name(status),
                     bulla_status_name(c->status));
    }
}
#define CHECK_CHANGES(changes) check_changes(changes, sizeof changes / sizeof changes[0])

static void test_espimage_changed_header_has_its_verdict(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"nothing", 2, 1, 2, BULLA_OK},
        {"no segments", 1, 1, 0, BULLA_E_IMAGE_SEGMENT_COUNT},
        {"17 segments", 1, 1, 17, BULLA_E_IMAGE_SEGMENT_COUNT},
        {"255 segments", 1, 1, 255, BULLA_E_IMAGE_SEGMENT_COUNT},
        {"chip id of nobody", 12, 2, 1, BULLA_E_IMAGE_CHIP_UNKNOWN},
        {"chip id none", 12, 2, 0xffff, BULLA_E_IMAGE_CHIP_UNKNOWN},
        {"chip id high byte", 12, 2, 0x0100, BULLA_E_IMAGE_CHIP_UNKNOWN},
        {"chip without known ranges", 12, 2, 0x20, BULLA_E_IMAGE_CHIP_UNKNOWN},
        {"min 3.1, max 3.0", 15, 4, 301 | 300 << 16, BULLA_E_IMAGE_REVISIONS},
        {"min 3.0, max 3.0", 15, 4, 300 | 300 << 16, BULLA_OK},
        {"min 3.0, max 0: no limit", 15, 4, 300, BULLA_OK},
        {"min 0xFFFF, max 0xFFFF", 15, 4, 0xffffffff, BULLA_OK},
        {"no digest", 23, 1, 0, BULLA_E_IMAGE_NO_SHA256},
        {"digest flag 2", 23, 1, 2, BULLA_E_IMAGE_NO_SHA256},
        {"entry 0", 4, 4, 0, BULLA_E_IMAGE_ENTRY},
        {"entry in DROM", 4, 4, 0x3f400020, BULLA_E_IMAGE_ENTRY},
        {"entry in DRAM", 4, 4, 0x3ffb0000, BULLA_E_IMAGE_ENTRY},
        {"entry before IRAM segment", 4, 4, 0x4007ffff, BULLA_E_IMAGE_ENTRY},
        {"entry in last byte", 4, 4, 0x40080003, BULLA_OK},
        {"entry behind IRAM segment", 4, 4, 0x40080004, BULLA_E_IMAGE_ENTRY},
        {"entry in the bootloader", 4, 4, 0x40078000, BULLA_E_IMAGE_ENTRY},
    };
    CHECK_CHANGES(changes);
}

static void test_espimage_changed_descriptor_has_its_verdict(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"secure version 32", 0x24, 4, 32, BULLA_OK},
        {"secure version 33", 0x24, 4, 33, BULLA_E_IMAGE_SECURE_VERSION},
        {"secure version 2^32-1", 0x24, 4, 0xffffffff, BULLA_E_IMAGE_SECURE_VERSION},
        {"secure version 2^24", 0x24, 4, 1u << 24, BULLA_E_IMAGE_SECURE_VERSION},
        {"magic off by one bit", 0x20, 4, 0xabcd5433, BULLA_E_IMAGE_NO_DESCRIPTOR},
        {"no magic", 0x20, 4, 0, BULLA_E_IMAGE_NO_DESCRIPTOR},
        {"bootloader magic without idf_ver", 0x20, 4, 0x50, BULLA_E_IMAGE_NO_DESCRIPTOR},
        {"page size of old images", 0xd4, 1, 0, BULLA_OK},
        {"page size of 32 KiB on a chip without", 0xd4, 1, 15, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {"page size of 2^255", 0xd4, 1, 255, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
    };
    CHECK_CHANGES(changes);
}

static void test_espimage_version_without_end_is_refused(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    memset(image.bytes + 0x30, 'v', 32);
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_VERSION_TEXT);
}

static void test_espimage_empty_version_is_accepted(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    memset(image.bytes + 0x30, 0, 64);
    seal(&image);
    assert_status(verdict(&image), BULLA_OK);
}

static void test_espimage_bootloader_descriptor_is_not_an_app(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    memset(image.bytes + 0x20, 0, 80);
    image.bytes[0x20] = 0x50;
    memcpy(image.bytes + 0x28, "v5.5", 4);
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
    image.bytes[0x29] = 7; /* not printable: some other data */
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_NO_DESCRIPTOR);
    memset(image.bytes + 0x28, 'x', 48); /* idf_ver without NUL, and what follows it */
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
}

/* ---- segments ---- */

/* headers of segments 0, 1 (32 bytes of DRAM), 2 (4 bytes of IRAM, the entry) */
enum { SEG0 = 0x18, SEG1 = 0x160, SEG2 = 0x188 };
static const struct change segment_changes[] = {
    {"segment 0 misplaced in its page", SEG0, 4, 0x3f400024, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
    {"segment 0 in another page", SEG0, 4, 0x3f410020, BULLA_OK},
    {"segment 0 before DROM", SEG0, 4, 0x3f3f0020, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"segment 0 past DROM", SEG0, 4, 0x3f800020, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"segment 0 in IROM", SEG0, 4, 0x400d0020, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"segment 0 in DRAM", SEG0, 4, 0x3ffb1020, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"segment 0 is padding", SEG0, 4, 0, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"segment 0 in bootloader data", SEG0, 4, 0x3fff0020, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"before DRAM", SEG1, 4, 0x3ffadffc, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"first of DRAM", SEG1, 4, 0x3ffae000, BULLA_OK},
    {"last of DRAM", SEG1, 4, 0x3fffffe0, BULLA_OK},
    {"over the end of DRAM", SEG1, 4, 0x3fffffe4, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"over the end of addresses", SEG1, 4, 0xfffffff0, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"last of the addresses", SEG1, 4, 0xffffffe0, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"peripherals", SEG1, 4, 0x3ff00000, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"lowest that is no padding", SEG1, 4, 0x10000000, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"highest padding", SEG1, 4, 0x0ffffffc, BULLA_OK},
    {"another chip's DRAM", SEG1, 4, 0x3fc90000, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"up to bootloader data", SEG1, 4, 0x3ffeffe0, BULLA_OK},
    {"into bootloader data", SEG1, 4, 0x3ffeffe4, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"end of bootloader data", SEG1, 4, 0x3fff5ffc, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"behind bootloader data", SEG1, 4, 0x3fff6000, BULLA_OK},
    {"up to the stack's reserve", SEG1, 4, 0x3ffdaf00, BULLA_OK},
    {"into the stack's reserve", SEG1, 4, 0x3ffdaf04, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"top of the stack", SEG1, 4, 0x3ffe3f1c, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"behind the stack", SEG1, 4, 0x3ffe3f20, BULLA_OK},
    {"loader", SEG1, 4, 0x40078000, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"end of loader", SEG1, 4, 0x4007fffc, BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER},
    {"IRAM, beside segment 2", SEG1, 4, 0x40080004, BULLA_OK},
    {"IRAM, over segment 2", SEG1, 4, 0x40080000, BULLA_E_IMAGE_SEGMENT_OVERLAP},
    {"last of IRAM", SEG1, 4, 0x400a9fe0, BULLA_OK},
    {"over the end of IRAM", SEG1, 4, 0x400a9fe4, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"IROM at its place in the page", SEG1, 4, 0x400d0168, BULLA_OK},
    {"IROM out of place", SEG1, 4, 0x400d0020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
    {"DROM beside segment 0", SEG1, 4, 0x3f400168, BULLA_OK},
    {"RTC fast, data bus", SEG1, 4, 0x3ff80000, BULLA_OK},
    {"RTC fast, code bus", SEG1, 4, 0x400c1fe0, BULLA_OK},
    {"RTC slow", SEG1, 4, 0x50001fe0, BULLA_OK},
    {"over the end of RTC slow", SEG1, 4, 0x50001fe4, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    {"16 MiB long", SEG1 + 4, 4, 16u << 20, BULLA_E_IMAGE_SEGMENT_LENGTH},
    {"2^32-4 long", SEG1 + 4, 4, 0xfffffffc, BULLA_E_IMAGE_SEGMENT_LENGTH},
    {"as long as fits no file", SEG2 + 4, 4, 1u << 20, BULLA_E_IMAGE_CUT},
};

static void test_espimage_changed_segment_has_its_verdict(void **state)
{
    (void)state;
    static struct image image;
    for (size_t i = 0; i < sizeof segment_changes / sizeof segment_changes[0]; i++) {
        const struct change *c = &segment_changes[i];
        load(&image, GOOD);
        put32(image.bytes + c->offset, c->value);
        if (c->offset != SEG1 + 4 && c->offset != SEG2 + 4)
            seal(&image);
        enum bulla_status status = verdict(&image);
        if (status != c->status)
            fail_msg("%s: status is %s, expected %s", c->what, bulla_status_name(status),
                     bulla_status_name(c->status));
    }
}

static void test_espimage_odd_segment_length_is_refused(void **state)
{
    (void)state;
    static struct image image;
    for (uint32_t len = 13; len <= 17; len++) {
        load(&image, GOOD);
        add_segment(&image, 0x3ffc0000, len, 0x11);
        seal(&image);
        assert_status(verdict(&image), len % 4 == 0 ? BULLA_OK : BULLA_E_IMAGE_SEGMENT_LENGTH);
    }
}

static void test_espimage_first_segment_shorter_than_descriptor_is_refused(void **state)
{
    (void)state;
    static struct image image;
    for (uint32_t len = 252; len <= 256; len += 4) {
        load_stem(&image);
        put32(image.bytes + 0x1c, len);
        add_segment(&image, 0x40080000, 4, 0);
        seal(&image);
        assert_status(verdict(&image), len == 256 ? BULLA_OK : BULLA_E_IMAGE_SEGMENT_LENGTH);
    }
}

static void test_espimage_entry_in_mapped_code_is_accepted(void **state)
{
    (void)state;
    static struct image image;
    load_stem(&image);
    add_segment(&image, 0x400d0168, 32, 0);
    put32(image.bytes + 4, 0x400d0170);
    seal(&image);
    assert_status(verdict(&image), BULLA_OK);
}

static void test_espimage_zero_length_segments_are_accepted(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    add_segment(&image, 0x3ffb0000, 0, 0); /* where segment 1 is */
    add_segment(&image, 0x3fff1000, 0, 0); /* in bootloader memory: loads nothing */
    add_segment(&image, 0x20000000, 0, 0); /* nowhere */
    add_segment(&image, 0x50000000, 0, 0);
    seal(&image);
    assert_status(verdict(&image), BULLA_OK);
    add_segment(&image, 0x400d0000, 0, 0); /* the bootloader checks its place all the same */
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_SEGMENT_ALIGNMENT);
}

static void test_espimage_zero_length_segment_holds_no_entry(void **state)
{
    (void)state;
    static struct image image;
    load_stem(&image);
    add_segment(&image, 0x40080000, 0, 0);
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_ENTRY);
}

static void test_espimage_16_segments_are_accepted_and_all_compared(void **state)
{
    (void)state;
    static struct image image;
    load(&image, GOOD);
    for (uint32_t i = 0; i < 13; i++)
        add_segment(&image, 0x3ffc0000 + 16 * i, 16, (uint8_t)i);
    seal(&image);
    assert_status(verdict(&image), BULLA_OK);

    for (uint32_t i = 0; i < 12; i++) { /* the last one over each of the others */
        load(&image, GOOD);
        for (uint32_t k = 0; k < 12; k++)
            add_segment(&image, 0x3ffc0000 + 16 * k, 16, 0);
        add_segment(&image, 0x3ffc0000 + 16 * i + 12, 4, 0);
        seal(&image);
        assert_status(verdict(&image), BULLA_E_IMAGE_SEGMENT_OVERLAP);
    }
    add_segment(&image, 0x3ffd0000, 16, 0);
    seal(&image);
    assert_status(verdict(&image), BULLA_E_IMAGE_SEGMENT_COUNT);
}

static void test_espimage_overlap_is_seen_through_both_buses(void **state)
{
    (void)state;
    static struct image image;
    /* ESP32: the word at code address 400A0000 is the one at data address 3FFFFFFC */
    static const struct {
        uint32_t data, code;
        enum bulla_status status;
    } cases[] = {
        {0x3ffffffc, 0x400a0000, BULLA_E_IMAGE_SEGMENT_OVERLAP}, {0x3ffffffc, 0x400a0004, BULLA_OK},
        {0x3ffffff8, 0x400a0004, BULLA_E_IMAGE_SEGMENT_OVERLAP}, {0x3ffffff8, 0x400a0000, BULLA_OK},
        {0x3fff8000, 0x400a7ffc, BULLA_E_IMAGE_SEGMENT_OVERLAP}, {0x3fff8000, 0x400a8000, BULLA_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_stem(&image);
        add_segment(&image, cases[i].data, 4, 0);
        add_segment(&image, cases[i].code, 4, 0);
        put32(image.bytes + 4, cases[i].code);
        seal(&image);
        assert_status(verdict(&image), cases[i].status);
    }
}

/* ---- chips ---- */

static void test_espimage_chips_are_those_of_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t id;
        uint32_t boot_offset;
        uint8_t fuse_width;
    } expected[] = {
        {"esp32", 0, 0x1000, 32},      {"esp32s2", 2, 0x1000, 16}, {"esp32c3", 5, 0, 16},
        {"esp32s3", 9, 0, 16},         {"esp32c2", 0x0c, 0, 4},    {"esp32c6", 0x0d, 0, 16},
        {"esp32h2", 0x10, 0, 16},      {"esp32c61", 0x14, 0, 16},  {"esp32c5", 0x17, 0x2000, 9},
        {"esp32p4", 0x12, 0x2000, 16},
    };
    size_t count = 0;
    for (uint32_t id = 0; id <= 0xffff; id++)
        if (bulla_chip_by_id((uint16_t)id) != NULL)
            count++;
    assert_int_equal(count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < count; i++) {
        const struct bulla_chip *chip = bulla_chip_by_id(expected[i].id);
        assert_non_null(chip);
        assert_ptr_equal(chip, bulla_chip_by_name(expected[i].name));
        assert_string_equal(chip->name, expected[i].name);
        assert_int_equal(chip->boot_offset, expected[i].boot_offset);
        assert_int_equal(chip->fuse_width, expected[i].fuse_width);
    }
    assert_null(bulla_chip_by_name(""));
    assert_null(bulla_chip_by_name("esp"));
    assert_null(bulla_chip_by_name("esp32c"));
    assert_null(bulla_chip_by_name("esp32c33"));
    assert_null(bulla_chip_by_name("ESP32"));
}

struct place {
    uint16_t chip;
    uint32_t drom; /* a good address for segment 0, less 0x20 */
    uint32_t code; /* a good address of loaded code */
    uint32_t address;
    uint32_t len;
    enum bulla_status status;
};

#define OVER BULLA_E_IMAGE_LOADS_OVER_BOOTLOADER
#define BAD  BULLA_E_IMAGE_SEGMENT_ADDRESS

static const struct place places[] = {
    /* S2: stack 3FFF570C..3FFFE70C, data 3FFE5000..3FFEAB00, loader 4004E000..40055000 */
    {2, 0x3f000000, 0x40020000, 0x4004e000 - 4, 4, BULLA_OK},
    {2, 0x3f000000, 0x40020000, 0x4004e000 - 4, 8, OVER},
    {2, 0x3f000000, 0x40020000, 0x40055000 - 4, 4, OVER},
    {2, 0x3f000000, 0x40020000, 0x3ffe5000, 4, OVER},
    {2, 0x3f000000, 0x40020000, 0x3ffeab00 - 4, 4, OVER},
    {2, 0x3f000000, 0x40020000, 0x3ffeab00, 4, BULLA_OK},
    {2, 0x3f000000, 0x40020000, 0x3fff570c - 4, 4, BULLA_OK},
    {2, 0x3f000000, 0x40020000, 0x3fff570c, 4, OVER},
    {2, 0x3f000000, 0x40020000, 0x3fffe70c, 4, BULLA_OK},
    {2, 0x3f000000, 0x40020000, 0x3ffde000, 4, OVER},          /* the loader, data bus */
    {2, 0x3f000000, 0x40020000, 0x40055000, 4, OVER},          /* data, code bus */
    {2, 0x3f000000, 0x40020000, 0x40070000, 0x2000, BULLA_OK}, /* RTC fast */
    /* S3: data 3FCE2700..3FCE7700, stack ..3FCEB710, loader 403CB700..403D2700 */
    {9, 0x3c000000, 0x40374000, 0x3fce2700, 4, OVER},
    {9, 0x3c000000, 0x40374000, 0x3fceb710 - 4, 4, OVER},
    {9, 0x3c000000, 0x40374000, 0x3fceb710, 4, BULLA_OK},
    {9, 0x3c000000, 0x40374000, 0x403cb700 - 4, 4, BULLA_OK},
    {9, 0x3c000000, 0x40374000, 0x403cb700, 4, OVER},
    {9, 0x3c000000, 0x40374000, 0x3fcdb700, 4, OVER},          /* the loader, data bus */
    {9, 0x3c000000, 0x40374000, 0x403d2700, 4, OVER},          /* data, code bus */
    {9, 0x3c000000, 0x40374000, 0x600fe000, 0x2000, BULLA_OK}, /* RTC */
    {9, 0x3c000000, 0x40374000, 0x600fdffc, 4, BAD},
    /* C3: data 3FCD5710..3FCDA710, stack ..3FCDE710, loader 403CE710..403D5710 */
    {5, 0x3c000000, 0x40380000, 0x3fcd5710, 4, OVER},
    {5, 0x3c000000, 0x40380000, 0x3fcde710 - 4, 4, OVER},
    {5, 0x3c000000, 0x40380000, 0x3fcde710, 4, BULLA_OK},
    {5, 0x3c000000, 0x40380000, 0x403ce710 - 4, 4, BULLA_OK},
    {5, 0x3c000000, 0x40380000, 0x403ce710, 4, OVER},
    {5, 0x3c000000, 0x40380000, 0x3fcce710, 4, OVER},
    {5, 0x3c000000, 0x40380000, 0x3fcce710 - 4, 4, BULLA_OK},
    {5, 0x3c000000, 0x40380000, 0x3fc80000, 4, BULLA_E_IMAGE_SEGMENT_OVERLAP}, /* the code */
    {5, 0x3c000000, 0x4037c000, 0x3fc80000, 4, BULLA_OK},
    {5, 0x3c000000, 0x40380000, 0x3ffb0000, 4, BAD},
    /* C2: data 3FCD5B70..3FCDAB70, stack ..3FCDEB70, loader 403AEB70..403B5B70; no RTC */
    {0x0c, 0x3c000000, 0x4037c000, 0x3fcd5b70, 4, OVER},
    {0x0c, 0x3c000000, 0x4037c000, 0x3fcdeb70, 4, BULLA_OK},
    {0x0c, 0x3c000000, 0x4037c000, 0x403aeb70, 4, OVER},
    {0x0c, 0x3c000000, 0x4037c000, 0x403aeb6c, 4, BULLA_OK},
    {0x0c, 0x3c000000, 0x4037c000, 0x50000000, 4, BAD},
    /* C6: loader 4086E610, data 40875610..4087A610, stack ..4087E610 */
    {0x0d, 0x42000000, 0x40800000, 0x4086e610 - 4, 4, BULLA_OK},
    {0x0d, 0x42000000, 0x40800000, 0x4086e610, 4, OVER},
    {0x0d, 0x42000000, 0x40800000, 0x4087e610 - 4, 4, OVER},
    {0x0d, 0x42000000, 0x40800000, 0x4087e610, 4, BULLA_OK},
    {0x0d, 0x42000000, 0x40800000, 0x50003ffc, 4, BULLA_OK},
    {0x0d, 0x43000000, 0x40800000, 0x40810000, 4, BAD}, /* segment 0 past 256 pages */
    /* H2: loader 4083EFD0, stack ..4084F380 */
    {0x10, 0x42000000, 0x40800000, 0x4083efd0 - 4, 4, BULLA_OK},
    {0x10, 0x42000000, 0x40800000, 0x4083efd0, 4, OVER},
    {0x10, 0x42000000, 0x40800000, 0x4084f380 - 4, 4, OVER},
    {0x10, 0x42000000, 0x40800000, 0x4084f380, 4, BULLA_OK},
    {0x10, 0x42000000, 0x40800000, 0x50001000, 4, BAD},
    /* C5: loader 4084E5A0, data ..4085A5A0 */
    {0x17, 0x42000000, 0x40800000, 0x4084e5a0 - 4, 4, BULLA_OK},
    {0x17, 0x42000000, 0x40800000, 0x4084e5a0, 4, OVER},
    {0x17, 0x42000000, 0x40800000, 0x4085a5a0 - 4, 4, OVER},
    {0x17, 0x43ff0000, 0x40800000, 0x40800010, 4, BULLA_OK},
    /* C61: loader 4083E670, data ..4084A670 */
    {0x14, 0x42000000, 0x40800000, 0x4083e670 - 4, 4, BULLA_OK},
    {0x14, 0x42000000, 0x40800000, 0x4083e670, 4, OVER},
    {0x14, 0x42000000, 0x40800000, 0x4084a670 - 4, 4, OVER},
    /* P4 */
    {0x12, 0x40000000, 0x4ff00000, 0x4ff9fffc, 4, BULLA_OK},
    {0x12, 0x40000000, 0x4ff00000, 0x4ffa0000, 4, BAD},
    {0x12, 0x4bff0000, 0x4ff00000, 0x50108000, 4, BULLA_OK},
};

static void test_espimage_other_chips_have_their_own_ranges(void **state)
{
    (void)state;
    static struct image image;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        load_stem(&image);
        image.bytes[12] = (uint8_t)p->chip;
        put32(image.bytes + 4, p->code);
        put32(image.bytes + 0x18, p->drom + 0x20);
        add_segment(&image, p->code, 4, 0);
        add_segment(&image, p->address, p->len, 0);
        seal(&image);
        enum bulla_status status = verdict(&image);
        if (status != p->status)
            fail_msg("chip %#x, %#x +%#x: status is %s, expected %s", p->chip, p->address, p->len,
                     bulla_status_name(status), bulla_status_name(p->status));
    }
}

struct range {
    uint16_t chip;
    char kind; /* mapped, loaded, forbidden */
    uint32_t start, end;
};

/* An image for the chip with one segment of interest; mapped ones at their place in the page. */
static enum bulla_status judge_segment_at(const struct range *range, uint32_t address, uint32_t len)
{
    /* a data address for segment 0, and a code address that touches no edge */
    static const uint32_t chips[][3] = {
        {0x00, 0x3f410020, 0x40080100}, {0x02, 0x3f010020, 0x40020100},
        {0x09, 0x3c010020, 0x40370100}, {0x05, 0x3c010020, 0x4037c100},
        {0x0c, 0x3c010020, 0x4037c100}, {0x0d, 0x42010020, 0x40800100},
        {0x10, 0x42010020, 0x40800100}, {0x17, 0x42010020, 0x40800100},
        {0x14, 0x42010020, 0x40800100}, {0x12, 0x40010020, 0x4ff00100},
    };
    static struct image image;
    load_stem(&image);
    image.bytes[12] = (uint8_t)range->chip;
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++)
        if (chips[i][0] == range->chip) {
            put32(image.bytes + 0x18, chips[i][1]);
            put32(image.bytes + 4, chips[i][2]);
            add_segment(&image, chips[i][2], 4, 0);
        }
    uint32_t data = 0x160 + 8 + 4 + 8 + 8; /* where it would begin behind an empty padding */
    add_segment(&image, 0, range->kind == 'm' ? (address - data) & 0xffff : 0, 0);
    add_segment(&image, address, len, 0);
    seal(&image);
    struct bulla_espimage s;
    return judge_in(&s, image.bytes, image.len, image.len);
}

static void check_range(const struct range *r)
{
    const enum bulla_status inside = r->kind == 'f' ? OVER : BULLA_OK;
    assert_status(judge_segment_at(r, r->start, 4), inside);
    assert_status(judge_segment_at(r, r->end - 4, 4), inside);
    if (r->kind == 'f') {
        assert_int_not_equal(judge_segment_at(r, r->start - 4, 4), OVER);
        assert_int_not_equal(judge_segment_at(r, r->end, 4), OVER);
    } else {
        assert_int_not_equal(judge_segment_at(r, r->start - 4, 8), BULLA_OK);
        assert_int_not_equal(judge_segment_at(r, r->end - 4, 8), BULLA_OK);
    }
}

static void test_espimage_every_range_ends_where_the_table_says(void **state)
{
    (void)state;
    static const struct range ranges[] = {
        {0x00, 'm', 0x3f400000, 0x3f800000}, {0x00, 'm', 0x400d0000, 0x40400000},
        {0x00, 'l', 0x3ffae000, 0x40000000}, {0x00, 'l', 0x40080000, 0x400aa000},
        {0x00, 'l', 0x3ff80000, 0x3ff82000}, {0x00, 'l', 0x400c0000, 0x400c2000},
        {0x00, 'l', 0x50000000, 0x50002000}, {0x00, 'f', 0x3fff0000, 0x3fff6000},
        {0x00, 'f', 0x40078000, 0x40080000}, {0x00, 'f', 0x3ffe3f20 - 36 * 1024, 0x3ffe3f20},
        {0x02, 'm', 0x3f000000, 0x3ff80000}, {0x02, 'm', 0x40080000, 0x40800000},
        {0x02, 'l', 0x3ffb0000, 0x40000000}, {0x02, 'l', 0x40020000, 0x40070000},
        {0x02, 'l', 0x3ff9e000, 0x3ffa0000}, {0x02, 'l', 0x40070000, 0x40072000},
        {0x02, 'l', 0x50000000, 0x50002000}, {0x02, 'f', 0x3ffde000, 0x3ffeab00},
        {0x02, 'f', 0x4004e000, 0x4005ab00}, {0x02, 'f', 0x3fffe70c - 36 * 1024, 0x3fffe70c},
        {0x09, 'm', 0x3c000000, 0x3e000000}, {0x09, 'm', 0x42000000, 0x44000000},
        {0x09, 'l', 0x3fc88000, 0x3fd00000}, {0x09, 'l', 0x40370000, 0x403e0000},
        {0x09, 'l', 0x600fe000, 0x60100000}, {0x09, 'l', 0x50000000, 0x50002000},
        {0x09, 'f', 0x3fcdb700, 0x3fceb710}, {0x09, 'f', 0x403cb700, 0x403db710},
        {0x05, 'm', 0x3c000000, 0x3c800000}, {0x05, 'm', 0x42000000, 0x42800000},
        {0x05, 'l', 0x3fc80000, 0x3fce0000}, {0x05, 'l', 0x4037c000, 0x403e0000},
        {0x05, 'l', 0x50000000, 0x50002000}, {0x05, 'f', 0x3fcce710, 0x3fcde710},
        {0x05, 'f', 0x403ce710, 0x403de710}, {0x0c, 'm', 0x3c000000, 0x3c400000},
        {0x0c, 'm', 0x42000000, 0x42400000}, {0x0c, 'l', 0x3fca0000, 0x3fce0000},
        {0x0c, 'l', 0x4037c000, 0x403c0000}, {0x0c, 'f', 0x3fcceb70, 0x3fcdeb70},
        {0x0c, 'f', 0x403aeb70, 0x403beb70}, {0x0d, 'm', 0x42000000, 0x43000000},
        {0x0d, 'l', 0x40800000, 0x40880000}, {0x0d, 'l', 0x50000000, 0x50004000},
        {0x0d, 'f', 0x4086e610, 0x4087e610}, {0x10, 'm', 0x42000000, 0x43000000},
        {0x10, 'l', 0x40800000, 0x40850000}, {0x10, 'l', 0x50000000, 0x50001000},
        {0x10, 'f', 0x4083efd0, 0x4084f380}, {0x17, 'm', 0x42000000, 0x44000000},
        {0x17, 'l', 0x40800000, 0x40860000}, {0x17, 'l', 0x50000000, 0x50004000},
        {0x17, 'f', 0x4084e5a0, 0x4085e5a0}, {0x14, 'm', 0x42000000, 0x44000000},
        {0x14, 'l', 0x40800000, 0x40860000}, {0x14, 'l', 0x50000000, 0x50004000},
        {0x14, 'f', 0x4083e670, 0x4084ea70}, {0x12, 'm', 0x40000000, 0x4c000000},
        {0x12, 'l', 0x4ff00000, 0x4ffa0000}, {0x12, 'l', 0x50108000, 0x50110000},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        check_range(&ranges[i]);
}

static void test_espimage_fuse_width_is_the_chips(void **state)
{
    (void)state;
    static struct image image;
    static const struct {
        const char *file;
        uint32_t width;
    } cases[] = {{"app/se32_1.0.0.bin", 32}, {"app/sc3.bin", 16}, {"app/ss3.bin", 16}};
    for (size_t i = 0; i < 3; i++) {
        load(&image, cases[i].file);
        put32(image.bytes + 0x24, cases[i].width);
        seal(&image);
        assert_status(verdict(&image), BULLA_OK);
        put32(image.bytes + 0x24, cases[i].width + 1);
        seal(&image);
        assert_status(verdict(&image), BULLA_E_IMAGE_SECURE_VERSION);
    }
}

static void test_espimage_page_size_of_the_descriptor_counts(void **state)
{
    (void)state;
    static struct image image;
    /* C6: 256 pages from 42000000; data of segment 0 at 0x20 in the file */
    static const struct {
        uint8_t log2;
        uint32_t address;
        enum bulla_status status;
    } cases[] = {
        {16, 0x42008020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {0, 0x42008020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {15, 0x42008020, BULLA_OK},
        {15, 0x42004020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {14, 0x42004020, BULLA_OK},
        {13, 0x42002020, BULLA_OK},
        {12, 0x42001020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {17, 0x42000020, BULLA_E_IMAGE_SEGMENT_ALIGNMENT},
        {16, 0x42800020, BULLA_OK},
        {15, 0x42800020, BULLA_E_IMAGE_SEGMENT_ADDRESS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_stem(&image);
        image.bytes[12] = 0x0d;
        image.bytes[0xd4] = cases[i].log2;
        put32(image.bytes + 0x18, cases[i].address);
        put32(image.bytes + 4, 0x40800000);
        add_segment(&image, 0x40800000, 4, 0);
        seal(&image);
        assert_status(verdict(&image), cases[i].status);
    }
}

/* ---- flash images ---- */

static void test_espimage_combined_images_are_refused_in_their_first_sector(void **state)
{
    (void)state;
    static struct image image;
    static const char *const names[] = {"combined/comb_esp32_from_1000.bin",
                                        "combined/comb_c3_from_0.bin"};
    for (size_t i = 0; i < 2; i++) {
        struct bulla_espimage s;
        load(&image, names[i]);
        bulla_espimage_init(&s, (uint32_t)image.len);
        assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, 4096}),
                      BULLA_E_IMAGE_NOT_AN_APP);
        assert_false(bulla_espimage_ready(&s));
    }
}

/* An app, 0xFF, a partition table at `at`, 0xFF up to `len`. */
static void make_flash(struct image *image, const char *app, size_t at, size_t len)
{
    static struct image table;
    load(image, app);
    memset(image->bytes + image->len, 0xff, sizeof image->bytes - image->len);
    load(&table, "partition/glenn20_ota.bin");
    memcpy(image->bytes + at, table.bytes, table.len);
    image->len = len;
}

static void test_espimage_partition_table_behind_an_app_is_not_an_app(void **state)
{
    (void)state;
    static struct image image;
    make_flash(&image, GOOD, 0x7000, 0x10000); /* from the bootloader on */
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
    make_flash(&image, GOOD, 0x8000, 0x10000);
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
    make_flash(&image, "app/sc3.bin", 0x8000, 0x8c00);
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
    make_flash(&image, "app/sc3.bin", 0x7000, 0x10000); /* not a place of the C3 */
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    make_flash(&image, GOOD, 0x6000, 0x10000);
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    make_flash(&image, GOOD, 0x8000, 0x8020); /* one row, no end */
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    make_flash(&image, GOOD, 0x8000, 0x10000);
    image.bytes[0x8021] = 0x51; /* second row is none */
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    make_flash(&image, GOOD, 0x8000, 0x10000);
    image.bytes[0x8001] = 0;
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
}

static void test_espimage_partition_table_without_md5_is_seen(void **state)
{
    (void)state;
    static struct image image, table;
    make_flash(&image, GOOD, 0x8000, 0x10000);
    load(&table, "partition_bin/no_md5.bin");
    memcpy(image.bytes + 0x8000, table.bytes, table.len);
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
}

static void test_espimage_partition_table_inside_an_app_is_not_an_app(void **state)
{
    (void)state;
    static struct image image, table;
    load(&table, "partition/glenn20_ota.bin");
    for (size_t at = 0x7000; at <= 0x9000; at += 0x1000) {
        load(&image, GOOD);
        add_segment(&image, 0, 0xc000, 0x5a); /* padding, as large apps have before their code */
        memcpy(image.bytes + at, table.bytes, table.len);
        seal(&image);
        assert_status(verdict(&image), at == 0x9000 ? BULLA_OK : BULLA_E_IMAGE_NOT_AN_APP);
    }
}

static void test_espimage_what_only_resembles_a_table_is_no_table(void **state)
{
    (void)state;
    static const struct {
        size_t start, len; /* of rows that begin AA 50 */
        uint8_t end[2];    /* what comes behind them */
        enum bulla_status status;
    } cases[] = {
        {0x8000, 0x40, {0xff, 0xff}, BULLA_E_IMAGE_NOT_AN_APP},
        {0x8000, 0x40, {0xeb, 0xeb}, BULLA_E_IMAGE_NOT_AN_APP},
        {0x8000, 0x40, {0xff, 0x00}, BULLA_OK},
        {0x8000, 0x40, {0xeb, 0xff}, BULLA_OK},
        {0x8000, 0x40, {0x00, 0x00}, BULLA_OK},
        {0x8000, 0, {0xff, 0xff}, BULLA_OK},
        {0x8000, 0, {0xeb, 0xeb}, BULLA_OK},
        {0x8000, 0xbe0, {0xff, 0xff}, BULLA_E_IMAGE_NOT_AN_APP},
        {0x8000, 0xc00, {0xff, 0xff}, BULLA_OK}, /* no table is that long */
        {0x7000, 0xbe0, {0xeb, 0xeb}, BULLA_E_IMAGE_NOT_AN_APP},
        {0x7000, 0xc00, {0xff, 0xff}, BULLA_OK},
        {0x7020, 0x40, {0xff, 0xff}, BULLA_OK}, /* not at its place */
    };
    static struct image image;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load(&image, GOOD);
        add_segment(&image, 0, 0xc000, 0x5a);
        size_t at = cases[i].start;
        for (; at < cases[i].start + cases[i].len; at += 32) {
            image.bytes[at] = 0xaa;
            image.bytes[at + 1] = 0x50;
        }
        memcpy(image.bytes + at, cases[i].end, 2);
        seal(&image);
        assert_status(verdict(&image), cases[i].status);
    }
}

static void test_espimage_other_tails_are_refused_at_once_when_large(void **state)
{
    (void)state;
    static struct image image;
    load(&image, "app/e32.bin"); /* ends behind every table: nothing to wait for */
    struct bulla_espimage s;
    bulla_espimage_init(&s, (uint32_t)image.len + 9000);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, image.len}),
                  BULLA_E_IMAGE_TAIL);
    load(&image, GOOD); /* ends before: refused where the last table could end */
    memset(image.bytes + image.len, 0xff, 0x9000);
    bulla_espimage_init(&s, 1u << 20);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes, 0x8bff}), BULLA_OK);
    assert_status(bulla_espimage_feed(&s, (struct bulla_bytes){image.bytes + 0x8bff, 1}),
                  BULLA_E_IMAGE_TAIL);
}

/* ---- Secure Boot v2 ---- */

static uint32_t crc32(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static void put_block(uint8_t *block, uint8_t version)
{
    for (size_t i = 0; i < 1196; i++)
        block[i] = (uint8_t)(i * 7 + version);
    block[0] = 0xe7;
    block[1] = version;
    put32(block + 1196, crc32(block, 1196));
    memset(block + 1200, 0, 16);
}

/* The good image, padded, and a sector of these blocks. Returns where the sector begins. */
static size_t make_signed(struct image *image, unsigned blocks)
{
    load(image, GOOD);
    memset(image->bytes + image->len, 0xff, 8192 - image->len);
    for (unsigned i = 0; i < blocks; i++)
        put_block(image->bytes + 4096 + 1216 * i, i % 2 == 0 ? 2 : 3);
    image->len = 8192;
    return 4096;
}

static void test_espimage_signature_sector_is_accepted_and_counted(void **state)
{
    (void)state;
    assert_int_equal(crc32((const uint8_t *)"123456789", 9), 0xcbf43926);
    static struct image image;
    struct bulla_image_facts facts;
    for (unsigned blocks = 1; blocks <= 3; blocks++) {
        make_signed(&image, blocks);
        assert_status(judge(&image, &facts), BULLA_OK);
        assert_int_equal(facts.signature_blocks, blocks);
        assert_int_equal(facts.image_len, 448);
        assert_int_equal(facts.size, 8192);
    }
}

static void test_espimage_signature_sector_behind_a_whole_sector_is_accepted(void **state)
{
    (void)state;
    static struct image image;
    struct bulla_image_facts facts;
    load(&image, GOOD);
    add_segment(&image, 0x3ffc0000, 4096 - 448 - 8, 1);
    seal(&image);
    assert_int_equal(image.len, 4096);
    assert_status(verdict(&image), BULLA_OK);
    memset(image.bytes + 4096, 0xff, 4096);
    put_block(image.bytes + 4096, 3);
    image.len = 8192;
    assert_status(judge(&image, &facts), BULLA_OK);
    assert_int_equal(facts.signature_blocks, 1);
}

static void test_espimage_damaged_signature_sector_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t at; /* in the sector */
        uint8_t value;
        bool reseal; /* recompute the first block's CRC */
    } cases[] = {
        {"magic", 0, 0xe6, true},
        {"no block at all", 0, 0xff, true},
        {"version 1", 1, 1, true},
        {"version 4", 1, 4, true},
        {"content", 600, 0xee, false},
        {"last byte of content", 1195, 0xee, false},
        {"CRC", 1196, 0xee, false},
        {"last byte of CRC", 1199, 0xee, false},
        {"padding of the block", 1200, 1, false},
        {"end of the block", 1215, 1, false},
        {"third block where the second should be", 1216, 0x00, false},
        {"rest", 1217, 0xe7, false},
        {"last byte", 4095, 0x00, false},
    };
    static struct image image;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t sector = make_signed(&image, 1);
        assert_int_not_equal(image.bytes[sector + cases[i].at], cases[i].value);
        image.bytes[sector + cases[i].at] = cases[i].value;
        if (cases[i].reseal)
            put32(image.bytes + sector + 1196, crc32(image.bytes + sector, 1196));
        enum bulla_status status = verdict(&image);
        if (status != BULLA_E_IMAGE_TAIL)
            fail_msg("%s: status is %s", cases[i].what, bulla_status_name(status));
    }
}

static void test_espimage_signature_sector_without_a_block_is_refused(void **state)
{
    (void)state;
    static struct image image;
    make_signed(&image, 0);
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
}

static void test_espimage_signature_blocks_with_a_gap_are_refused(void **state)
{
    (void)state;
    static struct image image;
    size_t sector = make_signed(&image, 3);
    memset(image.bytes + sector + 1216, 0xff, 1216);
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
}

static void test_espimage_beginning_of_a_fourth_block_is_refused(void **state)
{
    (void)state;
    static struct image image;
    size_t sector = make_signed(&image, 3);
    static uint8_t block[1216];
    put_block(block, 2);
    memcpy(image.bytes + sector + sizeof block * 3, block, 4096 - 3 * sizeof block);
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
}

static void test_espimage_damaged_tail_padding_is_refused(void **state)
{
    (void)state;
    static struct image image;
    static const size_t at[] = {448, 1000, 4095};
    for (size_t i = 0; i < 3; i++) {
        make_signed(&image, 1);
        image.bytes[at[i]] = 0;
        assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    }
}

static void test_espimage_tail_of_any_other_length_is_refused(void **state)
{
    (void)state;
    static struct image image;
    static const size_t lengths[] = {449, 464, 4096, 8191, 8193, 12288};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        make_signed(&image, 1);
        memset(image.bytes + 8192, 0xff, 8192);
        image.len = lengths[i];
        assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
    }
}

static void test_espimage_table_in_place_of_a_signature_is_not_an_app(void **state)
{
    (void)state;
    static struct image image, table;
    /* padded to 0x8000, then one sector: the length of a signed image */
    load(&image, GOOD);
    add_segment(&image, 0, 0x7000, 0);
    seal(&image);
    memset(image.bytes + image.len, 0xff, 0x9000 - image.len);
    load(&table, "partition/glenn20_ota.bin");
    memcpy(image.bytes + 0x8000, table.bytes, table.len);
    image.len = 0x9000;
    assert_status(verdict(&image), BULLA_E_IMAGE_NOT_AN_APP);
    memset(image.bytes + 0x8000, 0, 0x1000);
    assert_status(verdict(&image), BULLA_E_IMAGE_TAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_espimage_app_fixtures_have_their_verdicts),
        cmocka_unit_test(test_espimage_combined_fixtures_are_not_apps),
        cmocka_unit_test(test_espimage_esp8266_fixtures_are_refused_or_raw),
        cmocka_unit_test(test_espimage_good_image_tells_its_facts),
        cmocka_unit_test(test_espimage_texts_of_full_length_are_ended),
        cmocka_unit_test(test_espimage_ready_comes_with_the_descriptor),
        cmocka_unit_test(test_espimage_refused_header_is_never_ready),
        cmocka_unit_test(test_espimage_other_first_byte_is_raw),
        cmocka_unit_test(test_espimage_blank_beginning_is_raw_unless_an_image_follows),
        cmocka_unit_test(test_espimage_blank_sector_then_image_is_not_an_app),
        cmocka_unit_test(test_espimage_16_mib_is_the_limit_of_esp_images_only),
        cmocka_unit_test(test_espimage_empty_is_refused),
        cmocka_unit_test(test_espimage_every_truncated_file_is_refused),
        cmocka_unit_test(test_espimage_every_truncated_stream_is_refused),
        cmocka_unit_test(test_espimage_byte_beyond_the_declared_size_is_refused),
        cmocka_unit_test(test_espimage_every_flipped_bit_is_refused),
        cmocka_unit_test(test_espimage_two_pieces_cut_anywhere_same_result),
        cmocka_unit_test(test_espimage_changed_header_has_its_verdict),
        cmocka_unit_test(test_espimage_changed_descriptor_has_its_verdict),
        cmocka_unit_test(test_espimage_version_without_end_is_refused),
        cmocka_unit_test(test_espimage_empty_version_is_accepted),
        cmocka_unit_test(test_espimage_bootloader_descriptor_is_not_an_app),
        cmocka_unit_test(test_espimage_changed_segment_has_its_verdict),
        cmocka_unit_test(test_espimage_odd_segment_length_is_refused),
        cmocka_unit_test(test_espimage_first_segment_shorter_than_descriptor_is_refused),
        cmocka_unit_test(test_espimage_entry_in_mapped_code_is_accepted),
        cmocka_unit_test(test_espimage_zero_length_segments_are_accepted),
        cmocka_unit_test(test_espimage_zero_length_segment_holds_no_entry),
        cmocka_unit_test(test_espimage_16_segments_are_accepted_and_all_compared),
        cmocka_unit_test(test_espimage_overlap_is_seen_through_both_buses),
        cmocka_unit_test(test_espimage_chips_are_those_of_the_table),
        cmocka_unit_test(test_espimage_other_chips_have_their_own_ranges),
        cmocka_unit_test(test_espimage_every_range_ends_where_the_table_says),
        cmocka_unit_test(test_espimage_fuse_width_is_the_chips),
        cmocka_unit_test(test_espimage_page_size_of_the_descriptor_counts),
        cmocka_unit_test(test_espimage_combined_images_are_refused_in_their_first_sector),
        cmocka_unit_test(test_espimage_partition_table_behind_an_app_is_not_an_app),
        cmocka_unit_test(test_espimage_partition_table_without_md5_is_seen),
        cmocka_unit_test(test_espimage_partition_table_inside_an_app_is_not_an_app),
        cmocka_unit_test(test_espimage_what_only_resembles_a_table_is_no_table),
        cmocka_unit_test(test_espimage_other_tails_are_refused_at_once_when_large),
        cmocka_unit_test(test_espimage_signature_sector_is_accepted_and_counted),
        cmocka_unit_test(test_espimage_signature_sector_behind_a_whole_sector_is_accepted),
        cmocka_unit_test(test_espimage_damaged_signature_sector_is_refused),
        cmocka_unit_test(test_espimage_signature_sector_without_a_block_is_refused),
        cmocka_unit_test(test_espimage_signature_blocks_with_a_gap_are_refused),
        cmocka_unit_test(test_espimage_beginning_of_a_fourth_block_is_refused),
        cmocka_unit_test(test_espimage_damaged_tail_padding_is_refused),
        cmocka_unit_test(test_espimage_tail_of_any_other_length_is_refused),
        cmocka_unit_test(test_espimage_table_in_place_of_a_signature_is_not_an_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
