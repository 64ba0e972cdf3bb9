/* SPDX-License-Identifier: Apache-2.0 */
/* Updates on a chip in memory: what is written, in which order, and what is not. The guard of the
 * bench looks at every program and erase; each test asks it at the end. */

#include "check.h"

#include "bench.h"
#include "fixture.h"

static struct bench bench;
static struct bulla_bytes old, middle, next, large, other_chip;

static struct bulla_bytes load(const char *name)
{
    struct bulla_bytes image = {NULL, 0};

    image.data = (const uint8_t *)fixture_read("fixtures/esp/app", name, &image.len);
    return image;
}

static int load_all(void **state)
{
    (void)state;
    old = load("se32_1.0.0.bin");
    middle = load("se32_1.1.0.bin");
    next = load("se32_1.2.0.bin");
    large = load("e32.bin");
    other_chip = load("sc3.bin");
    return 0;
}

static int free_all(void **state)
{
    struct bulla_bytes *all[] = {&old, &middle, &next, &large, &other_chip};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free((void *)(uintptr_t)all[i]->data);
    return 0;
}

static int set_up(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    return 0;
}

/* Whatever a test was about: nothing unverified, nothing named while erased, nothing reprogrammed.
 */
static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    assert_int_equal(bench.sim.bytes_reprogrammed, 0);
    assert_int_equal(bench.sim.violations, 0);
    bench_close(&bench);
    return 0;
}

static void assert_installed(int32_t slot, struct bulla_bytes image)
{
    const uint8_t *at = bench.sim.bytes + bench_slot(&bench, slot);

    assert_memory_equal(at, image.data, image.len);
    for (size_t i = image.len; i % BULLA_SECTOR_SIZE != 0; i++)
        assert_int_equal(at[i], 0xff);
}

static void assert_record(uint32_t sector, uint32_t seq, uint32_t state)
{
    struct bulla_ota_record record = bench_read_record(&bench, sector);

    assert_int_equal(record.seq, seq);
    assert_int_equal(record.state, state);
    assert_int_equal(record.crc, bulla_ota_crc(seq));
}

/* Update, boot and confirm this release: the whole way works. */
static void assert_device_can_update(struct bulla_bytes image, uint32_t sequence, int32_t slot)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;

    memset(&bench.server, 0, sizeof(bench.server));
    bench_publish(&bench, image, &(struct seal_options){.sequence = sequence}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, slot);
    assert_true(boot.trial);
    assert_status(bench_confirm(&bench), BULLA_OK);
    assert_int_equal(bench.client.confirmed.sequence, sequence);
    seal_buffer_free(&envelope);
}

/* ---- what works ---- */

static void test_update_small_image_is_installed_and_new(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.slot, 1);
    assert_installed(1, middle);
    assert_installed(0, old);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_NEW);
    assert_int_equal(bench.result.sectors_written, 1);
    seal_buffer_free(&envelope);
}

static void test_update_large_image_in_any_pieces_is_installed(void **state)
{
    static const size_t pieces[] = {0, 1, 7, 1000};
    struct seal_buffer envelope;

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        bench.server.piece = pieces[i];
        bench_publish(&bench, large,
                      &(struct seal_options){.sequence = 2 + (uint32_t)i, .text = true}, &envelope);
        memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, BENCH_SLOT_SIZE);
        assert_status(bench_update(&bench), BULLA_OK);
        assert_installed(1, large);
        assert_int_equal(bench.result.sectors_written, 17);
        seal_buffer_free(&envelope);
    }
}

static void test_update_bundled_image_needs_one_request(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2, .bundle = true}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(1, large);
    assert_int_equal(bench.server.gets, 1);
    seal_buffer_free(&envelope);
}

static void test_update_without_length_is_installed(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench.server.no_length = true;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(1, large);
    seal_buffer_free(&envelope);
}

/* A raw image of so many bytes, different in every sector; to be freed. */
static uint8_t *raw_image(size_t len)
{
    uint8_t *image = malloc(len);

    assert_non_null(image);
    for (size_t i = 0; i < len; i++)
        image[i] = (uint8_t)(i / BULLA_SECTOR_SIZE * 31 + i * 7 + 1);
    return image;
}

static void restart_raw(struct bulla_bytes app)
{
    struct bulla_boot_result boot;

    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, app, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
}

/* 2 KiB of workspace, 80 sectors: their digests come again, a group at a time. */
static void install_grouped(bool bundle, bool no_ranges)
{
    uint8_t *bytes = raw_image(BENCH_SLOT_SIZE - 100);
    struct bulla_bytes image = {bytes, BENCH_SLOT_SIZE - 100};
    struct seal_buffer envelope;

    restart_raw((struct bulla_bytes){bytes, 1000});
    bench.workspace_len = BULLA_WORKSPACE_MIN;
    bench.server.no_ranges = no_ranges;
    bench_publish(&bench, image, &(struct seal_options){.sequence = 2, .bundle = bundle},
                  &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_written, 80);
    assert_installed(1, image);
    seal_buffer_free(&envelope);
    free(bytes);
}

static void test_update_list_in_groups_is_installed(void **state)
{
    (void)state;
    install_grouped(false, false);
    install_grouped(false, true);
}

static void test_update_list_in_groups_from_a_bundle_is_installed(void **state)
{
    (void)state;
    install_grouped(true, false);
    install_grouped(true, true);
}

/* The envelope is another one when its list is asked for again. */
static void test_update_list_changed_between_groups_is_refused(void **state)
{
    uint8_t *bytes = raw_image(BENCH_SLOT_SIZE);
    struct seal_buffer envelope;
    struct seal_buffer other;

    (void)state;
    restart_raw((struct bulla_bytes){bytes, 1000});
    bench.workspace_len = BULLA_WORKSPACE_MIN;
    bench_publish(&bench, (struct bulla_bytes){bytes, BENCH_SLOT_SIZE},
                  &(struct seal_options){.sequence = 2}, &envelope);
    other = envelope;
    other.data = malloc(envelope.len);
    memcpy(other.data, envelope.data, envelope.len);
    other.data[envelope.len - 1] ^= 1; /* in the last group's digests */
    bench.server.later = (struct bulla_bytes){other.data, other.len};
    assert_status(bench_update(&bench), BULLA_E_LIST_DIGEST);
    assert_int_equal(bench.result.sectors_written, 64);
    assert_record(0, 1, BULLA_OTA_VALID);
    seal_buffer_free(&envelope);
    seal_buffer_free(&other);
    free(bytes);
}

static void test_update_bundle_with_trailing_byte_is_refused(void **state)
{
    uint8_t *bytes = raw_image(BENCH_SLOT_SIZE);
    struct seal_buffer envelope;

    (void)state;
    restart_raw((struct bulla_bytes){bytes, 1000});
    bench.workspace_len = BULLA_WORKSPACE_MIN;
    bench.server.no_length = true;
    bench_publish(&bench, (struct bulla_bytes){bytes, BENCH_SLOT_SIZE},
                  &(struct seal_options){.sequence = 2, .bundle = true}, &envelope);
    envelope.data = realloc(envelope.data, envelope.len + 1);
    envelope.data[envelope.len] = 0;
    bench.server.files[0].bytes = (struct bulla_bytes){envelope.data, envelope.len + 1};
    assert_status(bench_update(&bench), BULLA_E_ENVELOPE_TRAILING);
    assert_record(0, 1, BULLA_OTA_VALID);
    bench.workspace_len = sizeof(bench.workspace);
    assert_status(bench_update(&bench), BULLA_E_ENVELOPE_TRAILING);
    seal_buffer_free(&envelope);
    free(bytes);
}

/* Also when flash holds the whole bundle, or its end, and none of it would have to come. */
static void test_update_bundle_on_flash_with_trailing_byte_is_refused(void **state)
{
    uint8_t *bytes = raw_image(BENCH_SLOT_SIZE);
    struct seal_buffer envelope;

    (void)state;
    restart_raw((struct bulla_bytes){bytes, 1000});
    bench.workspace_len = BULLA_WORKSPACE_MIN;
    bench.server.no_length = true;
    bench_publish(&bench, (struct bulla_bytes){bytes, BENCH_SLOT_SIZE},
                  &(struct seal_options){.sequence = 2, .bundle = true}, &envelope);
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), bytes, BENCH_SLOT_SIZE);
    envelope.data = realloc(envelope.data, envelope.len + 1);
    envelope.data[envelope.len] = 0;
    bench.server.files[0].bytes = (struct bulla_bytes){envelope.data, envelope.len + 1};
    assert_status(bench_update(&bench), BULLA_E_ENVELOPE_TRAILING);
    assert_record(0, 1, BULLA_OTA_VALID);
    memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, 3 * BULLA_SECTOR_SIZE);
    assert_status(bench_update(&bench), BULLA_E_ENVELOPE_TRAILING);
    assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
    bench.server.files[0].bytes.len--;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_kept, 80);
    assert_record(1, 2, BULLA_OTA_NEW);
    seal_buffer_free(&envelope);
    free(bytes);
}

/* 4096 times 0xff first: what kind of image it is shows in the second sector only. */
static void test_update_image_beginning_blank_is_judged_before_the_first_erase(void **state)
{
    uint8_t *bytes = raw_image(3 * BULLA_SECTOR_SIZE);
    struct bulla_bytes image = {bytes, 3 * BULLA_SECTOR_SIZE};
    struct seal_buffer envelope;

    (void)state;
    memset(bytes, 0xff, BULLA_SECTOR_SIZE);
    bytes[BULLA_SECTOR_SIZE] = 0x55;
    bench_publish(&bench, image, &(struct seal_options){.sequence = 2}, &envelope);
    memset(bench.sim.bytes + bench_slot(&bench, 1), 0, BENCH_SLOT_SIZE);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_update(&bench), BULLA_E_IMAGE_FORMAT);
    assert_true(bench_same_but_events(&bench, before));
    seal_buffer_free(&envelope);
    free(before);

    struct bulla_boot_result boot;
    uint8_t *app = raw_image(100);
    restart_raw((struct bulla_bytes){app, 100});
    memset(bench.sim.bytes + bench_slot(&bench, 1), 0, BENCH_SLOT_SIZE);
    bench_publish(&bench, image, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(1, image);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    seal_buffer_free(&envelope);
    free(app);
    free(bytes);
}

static void test_update_twice_without_boot_keeps_the_running_slot(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    seal_buffer_free(&envelope);
    bench_publish(&bench, large, &(struct seal_options){.sequence = 3}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    seal_buffer_free(&envelope);
    assert_installed(0, old);
    assert_installed(1, large);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_record(1, 2, BULLA_OTA_NEW);
}

/* A device that never booted: the app it came with is what runs, and stays. */
static void test_update_before_any_boot_keeps_the_first_app(void **state)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;

    (void)state;
    bench_close(&bench);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, old, 1);
    for (uint32_t sequence = 2; sequence < 4; sequence++) {
        bench_publish(&bench, sequence == 2 ? middle : large,
                      &(struct seal_options){.sequence = sequence}, &envelope);
        assert_status(bench_update(&bench), BULLA_OK);
        assert_int_equal(bench.result.slot, 1);
        assert_record(0, 1, BULLA_OTA_VALID);
        assert_record(1, 2, BULLA_OTA_NEW);
        seal_buffer_free(&envelope);
    }
    assert_installed(0, old);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
}

static void test_update_leftovers_behind_the_image_are_erased(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), middle.data, middle.len);
    memset(bench.sim.bytes + bench_slot(&bench, 1) + middle.len, 0x5a, 100);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(1, middle);
    seal_buffer_free(&envelope);
}

static void test_update_same_release_again_writes_nothing(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    uint32_t erases = bench.slot_erases;
    uint64_t fetched = bench.server.image_bytes;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_kept, 17);
    assert_int_equal(bench.result.sectors_written, 0);
    assert_int_equal(bench.slot_erases, erases);
    assert_int_equal(bench.server.image_bytes, fetched);
    seal_buffer_free(&envelope);
}

static void test_update_confirmed_release_is_nothing_newer(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    assert_device_can_update(middle, 2, 1);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_true(bench.result.nothing_newer);
    assert_int_equal(bench.result.slot, BULLA_SLOT_NONE);
    assert_true(bench_same(&bench, before));
    free(before);
    seal_buffer_free(&envelope);
}

/* ---- what is refused, and changes nothing ---- */

static void assert_refused(enum bulla_status expected)
{
    uint8_t *before = bench_snapshot(&bench);

    assert_status(bench_update(&bench), expected);
    assert_int_equal(bench.result.slot, BULLA_SLOT_NONE);
    assert_true(bench_same_but_events(&bench, before));
    free(before);
}

/* ---- what the caller demands besides ---- */

struct asked {
    enum bulla_status answers[2]; /* of head and image */
    uint32_t heads, images;
    uint32_t offset, size;
};

static enum bulla_status ask_head(void *ctx, const struct bulla_manifest *manifest)
{
    struct asked *asked = ctx;

    asked->heads++;
    assert_int_equal(manifest->sequence, 2);
    return asked->answers[0];
}

static enum bulla_status ask_image(void *ctx, const struct bulla_partition *where, uint32_t size)
{
    struct asked *asked = ctx;

    asked->images++;
    asked->offset = where->offset;
    asked->size = size;
    return asked->answers[1];
}

static void test_update_nothing_newer_is_no_answer_to_who_meant_another(void **state)
{
    struct asked asked = {.answers = {BULLA_E_IMAGE_NOT_EXPECTED, BULLA_OK}};
    const struct bulla_approval approval = {.head = ask_head, .image = ask_image, .ctx = &asked};
    struct seal_buffer envelope;

    (void)state;
    assert_device_can_update(middle, 2, 1);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    bench.approval = &approval;
    assert_refused(BULLA_E_IMAGE_NOT_EXPECTED);
    assert_false(bench.result.nothing_newer);
    assert_int_equal(asked.images, 0);

    asked.answers[0] = BULLA_OK;
    asked.answers[1] = BULLA_E_IMAGE_MD5;
    assert_refused(BULLA_E_IMAGE_MD5);
    assert_false(bench.result.nothing_newer);
    assert_int_equal(asked.offset, bench_slot(&bench, 1)); /* of what runs */
    assert_int_equal(asked.size, middle.len);

    asked.answers[1] = BULLA_OK;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_true(bench.result.nothing_newer);
    assert_int_equal(asked.heads, 3);
    assert_int_equal(asked.images, 2);
    bench.approval = NULL;
    seal_buffer_free(&envelope);
}

/* Also when it was installed, and selected, before anything was demanded. */
static void test_update_refused_image_never_runs_as_fallback(void **state)
{
    struct asked asked = {.answers = {BULLA_OK, BULLA_E_IMAGE_MD5}};
    const struct bulla_approval approval = {.head = ask_head, .image = ask_image, .ctx = &asked};
    struct bulla_boot_result boot;
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    for (uint32_t i = 0; i < 2; i++) {
        bench.approval = NULL;
        if (i == 1)
            assert_status(bench_update(&bench), BULLA_OK);
        bench.approval = &approval;
        assert_status(bench_update(&bench), BULLA_E_IMAGE_MD5);
        assert_int_equal(bench.result.slot, BULLA_SLOT_NONE);
        assert_int_equal(asked.offset, bench_slot(&bench, 1));
        bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
        assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
        bench.sim.bytes[bench_slot(&bench, 0) + 300] ^= 1;
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, 0);
        assert_false(boot.trial);
    }
    /* all of it but the first sector is there still */
    bench.approval = NULL;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_written, 1);
    seal_buffer_free(&envelope);
}

static void refuse_release(struct bulla_bytes image, const struct seal_options *how,
                           enum bulla_status expected)
{
    struct seal_buffer envelope;

    bench_publish(&bench, image, how, &envelope);
    assert_refused(expected);
    seal_buffer_free(&envelope);
}

static void test_update_older_and_conflicting_sequence_is_refused(void **state)
{
    (void)state;
    assert_device_can_update(middle, 5, 1);
    refuse_release(large, &(struct seal_options){.sequence = 4}, BULLA_E_SEQUENCE_TOO_OLD);
    refuse_release(large, &(struct seal_options){.sequence = 5}, BULLA_E_SEQUENCE_CONFLICT);
    assert_device_can_update(large, 6, 0);
}

static void test_update_for_another_device_is_refused(void **state)
{
    static const uint8_t strange[BULLA_UUID_SIZE] = {9};

    (void)state;
    refuse_release(middle, &(struct seal_options){.sequence = 2, .vendor_id = strange},
                   BULLA_E_VENDOR_MISMATCH);
    refuse_release(middle, &(struct seal_options){.sequence = 2, .class_id = strange},
                   BULLA_E_CLASS_MISMATCH);
    refuse_release(middle, &(struct seal_options){.sequence = 2, .component = "factory"},
                   BULLA_E_COMPONENT_MISMATCH);
    refuse_release(other_chip, &(struct seal_options){.sequence = 2}, BULLA_E_CHIP_MISMATCH);
    assert_device_can_update(middle, 2, 1);
}

static void test_update_larger_than_the_slot_is_refused(void **state)
{
    uint8_t *bytes = raw_image(BENCH_SLOT_SIZE + 1);

    (void)state;
    refuse_release((struct bulla_bytes){bytes, BENCH_SLOT_SIZE + 1},
                   &(struct seal_options){.sequence = 2}, BULLA_E_SLOT_TOO_SMALL);
    free(bytes);
    assert_device_can_update(middle, 2, 1);
}

static void test_update_below_the_floor_is_refused(void **state)
{
    (void)state;
    assert_device_can_update(next, 2, 1);
    assert_int_equal(bench.client.floor, 1);
    refuse_release(middle, &(struct seal_options){.sequence = 3}, BULLA_E_SECURE_VERSION_TOO_OLD);
}

static void test_update_by_a_stranger_is_refused(void **state)
{
    struct seal_key own = bench.key;
    struct seal_buffer envelope;

    (void)state;
    seal_key_make(&bench.key);
    refuse_release(middle, &(struct seal_options){.sequence = 2}, BULLA_E_SIGNATURE_UNKNOWN_KEY);
    bench.key = own;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    envelope.data[100] ^= 4; /* in the signature */
    assert_refused(BULLA_E_SIGNATURE_INVALID);
    seal_buffer_free(&envelope);
    assert_device_can_update(middle, 2, 1);
}

static void test_update_envelope_with_wrong_end_is_refused(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    envelope.data = realloc(envelope.data, envelope.len + 1);
    envelope.data[envelope.len] = 0;
    bench.server.files[0].bytes = (struct bulla_bytes){envelope.data, envelope.len + 1};
    assert_refused(BULLA_E_ENVELOPE_TRAILING);
    for (size_t len = 0; len < envelope.len; len += 13) {
        bench.server.files[0].bytes.len = len;
        assert_refused(BULLA_E_ENVELOPE_TRUNCATED);
    }
    seal_buffer_free(&envelope);
    assert_device_can_update(middle, 2, 1);
}

static void test_update_declared_length_is_held_against_the_manifest(void **state)
{
    struct seal_buffer envelope;
    uint8_t *longer = malloc(large.len + 1);

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    memcpy(longer, large.data, large.len);
    longer[large.len] = 0;
    bench.server.files[1].bytes = (struct bulla_bytes){longer, large.len + 1};
    assert_refused(BULLA_E_HTTP_LENGTH);
    bench.server.files[1].bytes.len = large.len - 1;
    assert_refused(BULLA_E_HTTP_LENGTH);
    assert_int_equal(bench.server.image_bytes, 0); /* before the first body byte */
    seal_buffer_free(&envelope);
    free(longer);
    assert_device_can_update(large, 2, 1);
}

static void test_update_wrong_sector_stops_there_and_slot_never_boots(void **state)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;
    uint8_t *bent = malloc(large.len);

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    memcpy(bent, large.data, large.len);
    bent[9 * BULLA_SECTOR_SIZE + 17] ^= 1;
    bench.server.files[1].bytes.data = bent;
    assert_status(bench_update(&bench), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(bench.result.sectors_written, 9);
    assert_record(0, 1, BULLA_OTA_VALID);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    bool sealed;
    struct bulla_image_facts image;
    assert_status(bulla_slot_verify(&bench.client, 1, &sealed, &image), BULLA_E_IMAGE_DIGEST);
    assert_true(sealed);
    seal_buffer_free(&envelope);
    free(bent);
    assert_device_can_update(large, 2, 1);
    assert_int_equal(bench.result.sectors_kept, 9);
}

static void test_update_first_sector_wrong_changes_nothing(void **state)
{
    struct seal_buffer envelope;
    uint8_t *bent = malloc(middle.len);

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    memcpy(bent, middle.data, middle.len);
    bent[middle.len - 1] ^= 1;
    bench.server.files[1].bytes.data = bent;
    assert_refused(BULLA_E_SECTOR_DIGEST);
    seal_buffer_free(&envelope);
    free(bent);
}

static void test_update_during_trial_is_refused(void **state)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_refused(BULLA_E_TRIAL_PENDING);
    assert_status(bench_reject(&bench), BULLA_OK);
    assert_refused(BULLA_E_TRIAL_PENDING);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 0);
    seal_buffer_free(&envelope);
    assert_device_can_update(large, 3, 1);
}

static void test_update_without_slot_is_refused(void **state)
{
    struct seal_buffer envelope;
    struct bulla_boot_result boot;

    (void)state;
    bench_close(&bench);
    bench_provision(&bench, BENCH_SINGLE, BULLA_FORMAT_ESP, old, 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, BULLA_SLOT_FACTORY);
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_refused(BULLA_E_NO_SLOT);
    assert_int_equal(bench.server.gets, 0);
    seal_buffer_free(&envelope);
}

/* ---- flash that fails ---- */

static void test_update_flash_that_lies_is_found_by_reading_back(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.sim.fault.lie_from = 1;
    bench.sim.fault.lie_offset = bench_slot(&bench, 1) + 3 * BULLA_SECTOR_SIZE + 100;
    bench.sim.fault.lie_mask = 0x40;
    assert_status(bench_update(&bench), BULLA_E_FLASH_READBACK);
    assert_record(0, 1, BULLA_OTA_VALID);
    memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
    seal_buffer_free(&envelope);
    assert_device_can_update(large, 2, 1);
}

/* After the last sector was read back, another one changes. */
static void spoil(struct bench *b, uint32_t done, uint32_t total)
{
    if (done == total)
        b->sim.bytes[bench_slot(b, 1) + 5 * BULLA_SECTOR_SIZE] ^= 1;
}

static void test_update_whole_image_is_read_again_before_it_is_selected(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.on_progress = spoil;
    assert_status(bench_update(&bench), BULLA_E_IMAGE_DIGEST);
    assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
    bench.on_progress = NULL;
    seal_buffer_free(&envelope);
    assert_device_can_update(large, 2, 1);
}

/* Any program or erase fails once in turn: the update says so, the device goes on. */
static void test_update_any_flash_failure_is_told_and_survived(void **state)
{
    struct seal_buffer envelope;
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];

    (void)state;
    bench_publish(&bench, middle, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (uint32_t at = 1;; at++) {
        struct bulla_boot_result boot;
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.fail_at = at;
        enum bulla_status status = bench_update(&bench);
        bool reached = bench.sim.operations >= at;
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        if (!reached)
            break;
        /* only the event at the very end may fail unnoticed */
        if (status == BULLA_OK)
            assert_record(1, 2, BULLA_OTA_NEW);
        assert_status(bench_boot(&bench, &boot), BULLA_OK);
        assert_int_equal(boot.slot, status == BULLA_OK ? 1 : 0);
    }
    flash_sim_close(&base);
    seal_buffer_free(&envelope);
}

/* ---- interrupted downloads ---- */

static void test_update_cut_download_goes_on_where_it_was(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 50;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_int_equal(bench.result.sectors_written, 10);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.server.last_from, 10 * BULLA_SECTOR_SIZE);
    assert_int_equal(bench.result.sectors_written, 7);
    assert_int_equal(bench.result.sectors_kept, 10);
    assert_installed(1, large);
    seal_buffer_free(&envelope);
}

static void test_update_server_without_ranges_resumes_in_the_right_place(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.no_ranges = true;
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 50;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sectors_kept, 10);
    assert_installed(1, large);
    seal_buffer_free(&envelope);
}

static void test_update_part_from_the_wrong_place_or_file_is_refused(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    bench.server.from_error = BULLA_SECTOR_SIZE;
    uint8_t *before = bench_snapshot(&bench);
    assert_status(bench_update(&bench), BULLA_E_HTTP_RANGE);
    bench.server.from_error = 0;
    bench.server.total_error = 1;
    assert_status(bench_update(&bench), BULLA_E_HTTP_LENGTH);
    assert_true(bench_same_but_events(&bench, before));
    bench.server.total_error = 0;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(1, large);
    free(before);
    seal_buffer_free(&envelope);
}

static void test_update_retries_while_something_new_comes(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench.has_clock = true;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.cut_count = 2;
    bench.server.cut_after = 5 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.retries, 2);
    assert_int_equal(bench.result.sectors_written, 17);
    assert_int_equal(bench.result.sectors_kept, 0);
    assert_in_range(bench.slept_ms, 500, 4000);
    seal_buffer_free(&envelope);
}

static void test_update_gives_up_after_three_idle_retries(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench.has_clock = true;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.cut_count = 100;
    bench.server.cut_after = 100;
    assert_refused(BULLA_E_NET_CLOSED);
    assert_int_equal(bench.result.retries, BULLA_RETRIES_MAX);
    assert_in_range(bench.slept_ms, 1750, 15000);
    seal_buffer_free(&envelope);
    bench.server.status = 404;
    assert_refused(BULLA_E_HTTP_STATUS);
    assert_int_equal(bench.result.retries, 0);
    bench.server.status = 503;
    assert_refused(BULLA_E_HTTP_STATUS);
    assert_int_equal(bench.result.retries, BULLA_RETRIES_MAX);
}

/* Two releases that the server offers in turns, each for `turn` attempts. */
static struct {
    struct bulla_bytes image[2];
    struct seal_buffer envelope[2];
    uint32_t turn;
    uint32_t attempts;
    bool grows;
} offers;

static void offer(struct bench *b)
{
    uint32_t i = offers.attempts / offers.turn % 2;

    b->server.files[0].bytes =
        (struct bulla_bytes){offers.envelope[i].data, offers.envelope[i].len};
}

/* A head was taken: its image follows. Just before the connection is cut, the release then due
 * takes its place. */
static void alternate(struct bench *b, uint32_t done, uint32_t total)
{
    if (done == 0)
        b->sealed = offers.image[offers.image[0].len == total ? 0 : 1];
    if (done == 0 && offers.grows) /* each attempt brings more than the one before */
        b->server.cut_after = (2 + offers.attempts % 6) * BULLA_SECTOR_SIZE;
    if (done != b->server.cut_after)
        return;
    offers.attempts++;
    uint32_t i = offers.attempts / offers.turn % 2;
    b->server.files[1].bytes = offers.image[i];
    offer(b);
}

static void assert_alternation_ends(uint32_t turn, uint32_t retries)
{
    offers.turn = turn;
    offers.attempts = 0;
    offer(&bench);
    bench.server.files[1].bytes = offers.image[0];
    offers.grows = true;
    bench.server.cut_count = UINT32_MAX;
    memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, BENCH_SLOT_SIZE);
    bench.slept_ms = 0;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_in_range(bench.result.retries, 1, retries);
}

static void test_update_server_that_changes_the_release_each_time_is_given_up(void **state)
{
    uint8_t *bytes[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t len = (10 - i) * BULLA_SECTOR_SIZE;
        bytes[i] = raw_image(len);
        for (size_t at = 0; at < len; at += BULLA_SECTOR_SIZE)
            bytes[i][at + 100] = (uint8_t)(0x80 + i);
    }
    restart_raw((struct bulla_bytes){bytes[0], 1000});
    for (size_t i = 0; i < 2; i++) {
        offers.image[i] = (struct bulla_bytes){bytes[i], (10 - i) * BULLA_SECTOR_SIZE};
        bench_publish(&bench, offers.image[i], &(struct seal_options){.sequence = 2 + (uint32_t)i},
                      &offers.envelope[i]);
    }
    bench.has_clock = true;
    bench.on_progress = alternate;
    /* a drop, then an image that does not fit: two retries for each release */
    assert_alternation_ends(1, 2 * (BULLA_RETRIES_MAX + 1));
    assert_alternation_ends(2, 4 * (BULLA_RETRIES_MAX + 1));
    for (size_t i = 0; i < 2; i++) {
        seal_buffer_free(&offers.envelope[i]);
        free(bytes[i]);
    }
}

/* A long release is cut, a shorter one comes at the retry: its sectors are counted, not both's. */
static void test_update_counts_the_sectors_of_the_release_that_was_installed(void **state)
{
    (void)state;
    offers.image[0] = large;
    offers.image[1] = middle;
    for (size_t i = 0; i < 2; i++)
        bench_publish(&bench, offers.image[i], &(struct seal_options){.sequence = 2 + (uint32_t)i},
                      &offers.envelope[i]);
    offers.turn = 1;
    offers.attempts = 0;
    offers.grows = false;
    offer(&bench);
    bench.server.files[1].bytes = offers.image[0];
    bench.has_clock = true;
    bench.on_progress = alternate;
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sequence, 3);
    assert_int_equal(bench.result.retries, 2); /* the drop, and the image that does not fit */
    assert_int_equal(bench.result.sectors_written, 1);
    assert_int_equal(bench.result.sectors_kept, 0);
    assert_installed(1, middle);
    for (size_t i = 0; i < 2; i++)
        seal_buffer_free(&offers.envelope[i]);
}

/* Another release appears after the cut: what the slot holds of the first one is overwritten. */
static void test_update_newer_release_after_a_cut_is_installed_instead(void **state)
{
    struct seal_buffer envelope;

    (void)state;
    bench_publish(&bench, large, &(struct seal_options){.sequence = 2}, &envelope);
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    seal_buffer_free(&envelope);
    assert_device_can_update(middle, 3, 1);
    assert_installed(1, middle);
}

/* ---- power ---- */

/* Runs update, boot and confirm until something fails; true when confirm said yes. */
static bool live(struct bench *b)
{
    struct bulla_boot_result boot;

    return bench_update(b) == BULLA_OK && bench_boot(b, &boot) == BULLA_OK && boot.slot == 1 &&
           bench_confirm(b) == BULLA_OK;
}

/* After the cut: something sealed runs, what was confirmed stays, and the update can be finished.
 */
static void assert_survived(struct bench *b, bool confirmed)
{
    struct bulla_boot_result boot;
    bool sealed;
    struct bulla_image_facts image;

    flash_sim_power_on(&b->sim);
    assert_status(bench_boot(b, &boot), BULLA_OK);
    assert_true(boot.slot == 0 || boot.slot == 1);
    assert_status(bulla_slot_verify(&b->client, boot.slot, &sealed, &image), BULLA_OK);
    assert_true(sealed);
    assert_true(b->client.has_confirmed);
    assert_in_range(b->client.confirmed.sequence, 1, 2);
    if (confirmed) {
        assert_int_equal(boot.slot, 1);
        assert_false(boot.trial);
        assert_int_equal(b->client.confirmed.sequence, 2);
    }
    if (b->client.confirmed.sequence == 2) {
        assert_int_equal(boot.slot, 1);
        assert_int_equal(b->client.floor, 1);
    }
    assert_int_equal(b->unverified_writes, 0);
    assert_int_equal(b->erases_while_named, 0);

    if (boot.slot == 0) {
        assert_status(bench_update(b), BULLA_OK);
        assert_status(bench_boot(b, &boot), BULLA_OK);
    }
    assert_int_equal(boot.slot, 1);
    assert_status(bench_confirm(b), BULLA_OK);
    assert_int_equal(b->client.confirmed.sequence, 2);
    assert_int_equal(b->client.floor, 1);
    assert_status(bench_boot(b, &boot), BULLA_OK);
    assert_int_equal(boot.slot, 1);
    assert_false(boot.trial);
}

static void cut_everywhere(uint32_t cut_bytes, bool garbage)
{
    struct seal_buffer envelope;
    struct flash_sim base;
    char why[FLASH_SIM_WHY_SIZE];
    uint32_t at = 1;

    bench_publish(&bench, next, &(struct seal_options){.sequence = 2}, &envelope);
    assert_status(flash_sim_copy(&base, &bench.sim, why), BULLA_OK);
    for (bool ended = false; !ended; at++) {
        flash_sim_close(&bench.sim);
        assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
        bench.sim.fault.cut_at = at;
        bench.sim.fault.cut_bytes = cut_bytes;
        bench.sim.fault.cut_garbage = garbage;
        bool confirmed = live(&bench);
        ended = !bench.sim.dead;
        assert_survived(&bench, confirmed);
    }
    assert_in_range(at, 12, 200); /* the cuts did reach into all of it */
    flash_sim_close(&bench.sim);
    assert_status(flash_sim_copy(&bench.sim, &base, why), BULLA_OK);
    flash_sim_close(&base);
    seal_buffer_free(&envelope);
}

static void test_update_power_cut_before_any_operation_is_survived(void **state)
{
    (void)state;
    cut_everywhere(0, false);
}

static void test_update_power_cut_inside_any_operation_is_survived(void **state)
{
    static const uint32_t bytes[] = {1, 4, 8, 24, 28, 31, 32, 300, 2048, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        cut_everywhere(bytes[i], false);
        cut_everywhere(bytes[i], true);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_small_image_is_installed_and_new),
        TEST(test_update_large_image_in_any_pieces_is_installed),
        TEST(test_update_bundled_image_needs_one_request),
        TEST(test_update_without_length_is_installed),
        TEST(test_update_list_in_groups_is_installed),
        TEST(test_update_list_in_groups_from_a_bundle_is_installed),
        TEST(test_update_list_changed_between_groups_is_refused),
        TEST(test_update_bundle_with_trailing_byte_is_refused),
        TEST(test_update_bundle_on_flash_with_trailing_byte_is_refused),
        TEST(test_update_image_beginning_blank_is_judged_before_the_first_erase),
        TEST(test_update_twice_without_boot_keeps_the_running_slot),
        TEST(test_update_before_any_boot_keeps_the_first_app),
        TEST(test_update_leftovers_behind_the_image_are_erased),
        TEST(test_update_same_release_again_writes_nothing),
        TEST(test_update_confirmed_release_is_nothing_newer),
        TEST(test_update_nothing_newer_is_no_answer_to_who_meant_another),
        TEST(test_update_refused_image_never_runs_as_fallback),
        TEST(test_update_older_and_conflicting_sequence_is_refused),
        TEST(test_update_for_another_device_is_refused),
        TEST(test_update_larger_than_the_slot_is_refused),
        TEST(test_update_below_the_floor_is_refused),
        TEST(test_update_by_a_stranger_is_refused),
        TEST(test_update_envelope_with_wrong_end_is_refused),
        TEST(test_update_declared_length_is_held_against_the_manifest),
        TEST(test_update_wrong_sector_stops_there_and_slot_never_boots),
        TEST(test_update_first_sector_wrong_changes_nothing),
        TEST(test_update_during_trial_is_refused),
        TEST(test_update_without_slot_is_refused),
        TEST(test_update_flash_that_lies_is_found_by_reading_back),
        TEST(test_update_whole_image_is_read_again_before_it_is_selected),
        TEST(test_update_any_flash_failure_is_told_and_survived),
        TEST(test_update_cut_download_goes_on_where_it_was),
        TEST(test_update_server_without_ranges_resumes_in_the_right_place),
        TEST(test_update_part_from_the_wrong_place_or_file_is_refused),
        TEST(test_update_retries_while_something_new_comes),
        TEST(test_update_gives_up_after_three_idle_retries),
        TEST(test_update_server_that_changes_the_release_each_time_is_given_up),
        TEST(test_update_counts_the_sectors_of_the_release_that_was_installed),
        TEST(test_update_newer_release_after_a_cut_is_installed_instead),
        TEST(test_update_power_cut_before_any_operation_is_survived),
        TEST(test_update_power_cut_inside_any_operation_is_survived),
    };

    return cmocka_run_group_tests(tests, load_all, free_all);
}
