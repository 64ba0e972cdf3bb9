/* SPDX-License-Identifier: Apache-2.0 */
/* The vector kit through the reader: every case gets the status that cases.tsv names, however the
 * input is cut, and whether the sector list is held whole or in groups. */

#include "bulla/reader.h"
#include "check.h"

#define KIT BULLA_TEST_DIR "/vectors"

struct file {
    uint8_t *data;
    size_t len;
};

static struct file load(const char *directory, const char *name, const char *ending)
{
    char path[512];
    snprintf(path, sizeof(path), KIT "/%s/%s%s", directory, name, ending);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    /* exactly as long as the file, so that a sanitizer sees every byte read beyond it */
    struct file out = {malloc((size_t)size + (size == 0)), (size_t)size};
    assert_int_equal(fread(out.data, 1, out.len, f), out.len);
    fclose(f);
    return out;
}

struct run {
    const struct bulla_trust *trust;
    struct bulla_device device;
    uint8_t confirmed[BULLA_DIGEST_SIZE];
};

/* Feed in pieces of `step` bytes; bundled images go through the sectors as a device would. */
static enum bulla_status judge(const struct run *run, const uint8_t *data, size_t len, size_t step,
                               size_t workspace_len, struct bulla_reader *r)
{
    static uint8_t head[BULLA_HEAD_MAX], workspace[65536], chunk[BULLA_SECTOR_SIZE];
    struct bulla_sectors sectors = {.list = NULL};
    enum bulla_status status = BULLA_OK;
    enum bulla_event event = BULLA_EVENT_MORE;
    bulla_reader_init(r, run->trust, &run->device, head);
    for (size_t at = 0; at < len && status == BULLA_OK;) {
        size_t n = len - at < step ? len - at : step;
        struct bulla_bytes in = {data + at, n};
        at += n;
        do {
            status = bulla_reader_feed(r, &in, &event);
            if (event == BULLA_EVENT_HEAD)
                bulla_reader_workspace(r, workspace, workspace_len);
            if (event == BULLA_EVENT_LIST)
                status = bulla_sectors_init(&sectors, &r->list, chunk, sizeof(chunk));
            struct bulla_bytes image = r->bundled, out;
            while (status == BULLA_OK && event == BULLA_EVENT_BUNDLE && image.len > 0)
                status = bulla_sectors_feed(&sectors, &image, &out);
        } while (status == BULLA_OK && event != BULLA_EVENT_MORE &&
                 (event != BULLA_EVENT_END || in.len > 0));
    }
    if (status == BULLA_OK)
        status = bulla_reader_finish(r);
    if (status == BULLA_OK && r->bundle_offset > 0)
        status = bulla_sectors_finish(&sectors);
    return status;
}

/* "sequence=5,confirmed=same" and so on, as README.md of the kit explains. */
static void read_device(struct run *run, char *text, const struct file *envelope)
{
    static struct bulla_reader r;
    struct run plain = {.trust = run->trust};
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ",")) {
        if (strncmp(word, "sequence=", 9) == 0) {
            run->device.has_sequence = true;
            run->device.sequence = (uint32_t)strtoul(word + 9, NULL, 10);
        } else if (strncmp(word, "slot=", 5) == 0) {
            run->device.has_slot_size = true;
            run->device.slot_size = (uint32_t)strtoul(word + 5, NULL, 10);
        } else if (strcmp(word, "component=app") == 0) {
            run->device.has_component = true;
            run->device.component = (struct bulla_bytes){(const uint8_t *)"app", 3};
        } else if (strcmp(word, "ids=sensor") == 0) {
            struct file ids = load("envelope", "sensor", ".ids");
            run->device.has_ids = true;
            memcpy(run->device.vendor_id, ids.data, BULLA_UUID_SIZE);
            memcpy(run->device.class_id, ids.data + BULLA_UUID_SIZE, BULLA_UUID_SIZE);
            free(ids.data);
        } else if (strncmp(word, "confirmed=", 10) == 0) {
            if (strcmp(word + 10, "same") == 0)
                assert_status(
                    judge(&plain, envelope->data, envelope->len, envelope->len, 65536, &r),
                    BULLA_OK);
            memcpy(run->confirmed, r.manifest_digest, BULLA_DIGEST_SIZE);
            run->device.confirmed_digest = run->confirmed;
        } else {
            assert_string_equal(word, "-");
        }
    }
}

static char *cell(char **line)
{
    char *start = *line;
    size_t len = strcspn(start, "\t\n");
    *line = start + len + (start[len] != '\0');
    start[len] = '\0';
    return start;
}

static FILE *open_cases(const char *directory)
{
    char path[512], line[1024];
    snprintf(path, sizeof(path), KIT "/%s/cases.tsv", directory);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    return f;
}

struct vector {
    char name[1024];
    enum bulla_status expected;
    struct file envelope, store;
    struct bulla_trust trust;
    struct run run;
};

static enum bulla_status status_named(const char *name)
{
    for (int s = 0; s < (int)BULLA_STATUS_COUNT; s++) {
        if (strcmp(bulla_status_name((enum bulla_status)s), name) == 0)
            return (enum bulla_status)s;
    }
    fail_msg("no status is named %s", name);
    return BULLA_STATUS_COUNT;
}

static bool next_vector(FILE *cases, struct vector *v)
{
    char line[1024], *rest = line;
    if (fgets(line, sizeof(line), cases) == NULL)
        return false;
    memset(v, 0, sizeof(*v));
    snprintf(v->name, sizeof(v->name), "%s", cell(&rest));
    v->envelope = load("envelope", v->name, ".suit");
    v->store = load("envelope", cell(&rest), ".trust");
    assert_status(bulla_trust_decode((struct bulla_bytes){v->store.data, v->store.len}, &v->trust),
                  BULLA_OK);
    v->run.trust = &v->trust;
    read_device(&v->run, cell(&rest), &v->envelope);
    v->expected = status_named(cell(&rest));
    return true;
}

static void end_vector(struct vector *v)
{
    free(v->envelope.data);
    free(v->store.data);
}

static void test_vectors_every_case_has_its_status(void **state)
{
    (void)state;
    static const size_t steps[] = {SIZE_MAX, 1, 2, 7, 64, 4095};
    static struct bulla_reader r;
    struct vector v;
    FILE *cases = open_cases("envelope");
    int count = 0, failed = 0;
    for (; next_vector(cases, &v); count++) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            enum bulla_status got =
                judge(&v.run, v.envelope.data, v.envelope.len, steps[i], 65536, &r);
            if (got != v.expected) {
                print_error("%s in steps of %zu: %s, expected %s\n", v.name, steps[i],
                            bulla_status_name(got), bulla_status_name(v.expected));
                failed++;
                break;
            }
        }
        end_vector(&v);
    }
    fclose(cases);
    print_message("%d envelope vectors\n", count);
    assert_true(count >= 250);
    assert_int_equal(failed, 0);
}

static void test_vectors_prefix_is_never_accepted(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct vector v;
    FILE *cases = open_cases("envelope");
    while (next_vector(cases, &v)) {
        /* every prefix of the short ones, every 61st of bundles */
        size_t stride = v.envelope.len < 3000 ? 1 : 61;
        for (size_t len = 0; v.expected == BULLA_OK && len < v.envelope.len; len += stride) {
            uint8_t *copy = malloc(len + 1);
            memcpy(copy, v.envelope.data, len);
            enum bulla_status got = judge(&v.run, copy, len, SIZE_MAX, 65536, &r);
            free(copy);
            if (got != BULLA_E_ENVELOPE_TRUNCATED)
                fail_msg("%s cut to %zu bytes: %s", v.name, len, bulla_status_name(got));
        }
        end_vector(&v);
    }
    fclose(cases);
}

static void test_vectors_flipped_bit_is_refused(void **state)
{
    (void)state;
    static struct bulla_reader r;
    static const char *const names[] = {"good", "good-text", "good-bundle", "good-threshold"};
    struct vector v;
    FILE *cases = open_cases("envelope");
    while (next_vector(cases, &v)) {
        bool chosen = false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            chosen = chosen || strcmp(v.name, names[i]) == 0;
        size_t last = v.envelope.len < 900 ? v.envelope.len : 900;
        for (size_t bit = 0; chosen && bit < last * 8; bit++) {
            v.envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (judge(&v.run, v.envelope.data, v.envelope.len, SIZE_MAX, 65536, &r) == BULLA_OK)
                fail_msg("%s is accepted with bit %zu flipped", v.name, bit);
            v.envelope.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        end_vector(&v);
    }
    fclose(cases);
}

static void test_vectors_failure_is_sticky_and_empty(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct vector v;
    FILE *cases = open_cases("envelope");
    while (next_vector(cases, &v)) {
        enum bulla_status got = judge(&v.run, v.envelope.data, v.envelope.len, SIZE_MAX, 65536, &r);
        if (r.failed != BULLA_OK) {
            struct bulla_bytes in = {v.envelope.data, v.envelope.len};
            enum bulla_event event;
            assert_status(bulla_reader_feed(&r, &in, &event), got);
            assert_int_equal(event, BULLA_EVENT_MORE);
            assert_int_equal(r.bundled.len + r.text.len, 0);
            assert_int_equal(in.len, v.envelope.len);
        }
        end_vector(&v);
    }
    fclose(cases);
}

/* A stored head alone: what is judged in it has the same status as in the whole envelope. */
static void test_vectors_head_alone_is_judged_alike(void **state)
{
    (void)state;
    static struct bulla_reader r;
    struct vector v;
    FILE *cases = open_cases("envelope");
    int accepted = 0, refused = 0;
    while (next_vector(cases, &v)) {
        struct bulla_envelope envelope;
        struct bulla_manifest manifest;
        uint8_t digest[BULLA_DIGEST_SIZE];
        uint32_t signers, facts;
        size_t need;
        struct bulla_bytes all = {v.envelope.data, v.envelope.len};
        enum bulla_status whole = judge(&v.run, all.data, all.len, SIZE_MAX, 65536, &r);
        if (bulla_envelope_split(all, &envelope, &need) == BULLA_OK) {
            struct bulla_bytes head = {all.data, envelope.head_len};
            enum bulla_status got = bulla_head_judge(head, &v.trust, &v.run.device, &envelope,
                                                     &manifest, digest, &signers, &facts);
            /* the reader failed in the head, too, or it went on to text, list and image */
            if (r.state == 0)
                assert_status(got, whole);
            else
                assert_status(got, BULLA_OK);
            assert_int_equal((facts & BULLA_FACT_SIGNED) != 0, got == BULLA_OK);
            /* sizes that disagree are the manifest's fault, with or without the list */
            if (strcmp(v.name, "list-size-other") == 0 || strcmp(v.name, "image-size-other") == 0)
                assert_status(got, BULLA_E_LIST_SIZE);
            accepted += got == BULLA_OK;
            refused += got != BULLA_OK;
            if (got == BULLA_OK && head.len < all.len) {
                head.len++;
                assert_status(bulla_head_judge(head, &v.trust, &v.run.device, &envelope, &manifest,
                                               digest, &signers, &facts),
                              BULLA_E_ENVELOPE_TRAILING);
            }
        }
        end_vector(&v);
    }
    fclose(cases);
    assert_true(accepted > 50 && refused > 100);
}

static void test_vectors_head_with_two_members_is_refused(void **state)
{
    (void)state;
    struct bulla_envelope envelope;
    size_t need;
    struct file good = load("envelope", "good", ".suit");
    assert_int_equal(good.data[2], 0xa3);
    good.data[2] = 0xa2;
    assert_status(bulla_envelope_split((struct bulla_bytes){good.data, good.len}, &envelope, &need),
                  BULLA_E_ENVELOPE_MEMBER_MISSING);
    free(good.data);
}

static void test_vectors_every_trust_store_has_its_status(void **state)
{
    (void)state;
    char line[1024];
    FILE *cases = open_cases("trust");
    int count = 0;
    for (; fgets(line, sizeof(line), cases) != NULL; count++) {
        char *rest = line, *name = cell(&rest);
        struct file store = load("trust", name, ".cbor");
        struct bulla_trust trust;
        enum bulla_status expected = status_named(cell(&rest));
        enum bulla_status got =
            bulla_trust_decode((struct bulla_bytes){store.data, store.len}, &trust);
        if (got != expected)
            fail_msg("%s: %s, expected %s", name, bulla_status_name(got),
                     bulla_status_name(expected));
        assert_int_equal(trust.key_count > 0, got == BULLA_OK);
        free(store.data);
    }
    fclose(cases);
    assert_true(count >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_every_case_has_its_status),
        cmocka_unit_test(test_vectors_prefix_is_never_accepted),
        cmocka_unit_test(test_vectors_flipped_bit_is_refused),
        cmocka_unit_test(test_vectors_failure_is_sticky_and_empty),
        cmocka_unit_test(test_vectors_head_alone_is_judged_alike),
        cmocka_unit_test(test_vectors_head_with_two_members_is_refused),
        cmocka_unit_test(test_vectors_every_trust_store_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
