/* SPDX-License-Identifier: Apache-2.0 */
/* What an update does not download: what came before the connection broke, what the slot holds
 * already, what the running slot holds anywhere. And that nothing of it is ever taken on trust. */

#include "check.h"

#include "bench.h"

#define SECTORS   80u /* as many as a slot has */
#define IMAGE_LEN ((size_t)SECTORS * BULLA_SECTOR_SIZE)

static struct bench bench;
static uint8_t old[IMAGE_LEN];
static uint8_t fresh[IMAGE_LEN];
static struct seal_buffer envelope;

/* Different in every sector, and from image to image. */
static void fill(uint8_t *image, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        image[i] = (uint8_t)(seed >> 24);
    }
    image[0] = 0x7f; /* raw */
}

static struct bulla_bytes whole(const uint8_t *image)
{
    return (struct bulla_bytes){image, IMAGE_LEN};
}

static int set_up(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    fill(old, sizeof(old), 1);
    fill(fresh, sizeof(fresh), 2);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_RAW, whole(old), 1);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    bench.has_clock = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(bench.unverified_writes, 0);
    assert_int_equal(bench.erases_while_named, 0);
    assert_int_equal(bench.sim.bytes_reprogrammed, 0);
    assert_int_equal(bench.sim.violations, 0);
    bench_close(&bench);
    seal_buffer_free(&envelope);
    return 0;
}

static void publish(const uint8_t *image, uint32_t sequence)
{
    seal_buffer_free(&envelope);
    bench_publish(&bench, whole(image), &(struct seal_options){.sequence = sequence}, &envelope);
}

static void assert_installed(const uint8_t *image)
{
    assert_memory_equal(bench.sim.bytes + bench_slot(&bench, 1), image, IMAGE_LEN);
    assert_int_equal(bench_read_record(&bench, 1).state, BULLA_OTA_NEW);
}

/* ---- a broken connection ---- */

static void test_resume_goes_on_behind_the_last_byte(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.server.last_from, 10 * BULLA_SECTOR_SIZE + 1234);
    assert_int_equal(bench.server.image_bytes, IMAGE_LEN);
    assert_int_equal(bench.server.gets, 3); /* envelope, image, the rest of it */
    assert_installed(fresh);
}

static void test_resume_without_etag_takes_the_sector_from_its_start(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.server.last_from, 10 * BULLA_SECTOR_SIZE);
    assert_int_equal(bench.server.image_bytes, IMAGE_LEN + 1234);
    assert_installed(fresh);
}

static void test_resume_from_a_server_without_ranges_skips_what_came(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, IMAGE_LEN);
        publish(fresh, 2 + i);
        bench.server.etag = i == 0 ? NULL : "\"one\"";
        bench.server.no_ranges = true;
        bench.server.cut_count = 1;
        bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
        assert_status(bench_update(&bench), BULLA_OK);
        assert_installed(fresh);
    }
}

static const char *etag_after_the_cut;

static void change_etag(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    if (done == 10 * BULLA_SECTOR_SIZE)
        b->server.etag = etag_after_the_cut;
}

/* The same bytes under another name, as from another machine behind one address. */
static void test_resume_with_another_etag_drops_the_partial_sector(void **state)
{
    static const char *const others[] = {"\"two\"", NULL};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, IMAGE_LEN);
        publish(fresh, 2 + (uint32_t)i);
        bench.server.etag = "\"one\"";
        bench.server.etag_ignored = i >= 2; /* it says 206 all the same */
        etag_after_the_cut = others[i % 2];
        bench.on_progress = change_etag;
        bench.server.cut_count = 1;
        bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
        assert_status(bench_update(&bench), BULLA_OK);
        assert_installed(fresh);
    }
}

static void replace_image(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    if (done == 10 * BULLA_SECTOR_SIZE)
        b->server.files[1].bytes = whole(old);
}

/* The image is another one after the cut, and its envelope is not. */
static void test_resume_with_another_image_is_refused(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.server.etag_ignored = true;
    bench.on_progress = replace_image;
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
    assert_status(bench_update(&bench), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(bench.server.gets, 4); /* the envelope was read once more, the image was not */
    assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
}

/* ... and what is refused is not hidden behind trouble with the network after it. */
static void test_resume_refusal_is_told_whatever_comes_after_it(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.server.etag_ignored = true;
    bench.on_progress = replace_image;
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
    bench.server.unavailable = UINT32_MAX;
    assert_status(bench_update(&bench), BULLA_E_SECTOR_DIGEST);
    assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
}

static void lose_image(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    b->server.files[1].path = done == 0 ? NULL : "/r/app.bin";
}

/* Two kinds of answer with one status code: the second one may pass. */
static void test_resume_missing_image_and_busy_server_are_two_things(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.on_progress = lose_image;
    bench.server.unavailable = 1;
    assert_status(bench_update(&bench), BULLA_E_HTTP_STATUS);
    assert_int_equal(bench.result.http_status, 404);
    assert_int_equal(bench.server.gets, 4); /* envelope, 404, 503, envelope: the same release */
}

/* Machines behind one name give one file different ETags, and no connection lives long. */
static void test_resume_from_machines_with_different_etags(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag_alternates = true;
    bench.server.record = BULLA_SECTOR_SIZE;
    bench.server.life = 24 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, IMAGE_LEN);
}

/* More members are declared than there are: refused on every way to the end of the bundle. */
static void test_resume_bundle_with_too_many_members_is_refused(void **state)
{
    (void)state;
    bench_publish(&bench, whole(fresh), &(struct seal_options){.sequence = 2, .bundle = true},
                  &envelope);
    envelope.data[2]++;
    for (uint32_t i = 0; i < 3; i++) {
        bench.workspace_len = i == 0 ? BULLA_WORKSPACE_MIN : sizeof(bench.workspace);
        bench.server.cut_any = i == 1;
        bench.server.cut_count = 1;
        bench.server.cut_after = envelope.len - 10 * BULLA_SECTOR_SIZE;
        assert_status(bench_update(&bench), BULLA_E_ENVELOPE_TRUNCATED);
        assert_int_equal(bench_read_record(&bench, 1).seq, BULLA_OTA_SEQ_NONE);
    }
}

static struct seal_buffer newer;
static uint8_t newest[IMAGE_LEN];

static void replace_release(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    if (done != 10 * BULLA_SECTOR_SIZE || b->server.files[0].bytes.data == newer.data)
        return;
    b->server.files[0].bytes = (struct bulla_bytes){newer.data, newer.len};
    b->server.files[1].bytes = whole(newest);
    b->sealed = whole(newest);
    b->server.etag = "\"two\"";
}

/* A newer release takes the place of the one half loaded: that one is installed. */
static void test_resume_newer_release_in_mid_download_is_installed(void **state)
{
    (void)state;
    fill(newest, sizeof(newest), 3);
    bench_publish(&bench, whole(newest), &(struct seal_options){.sequence = 3}, &newer);
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.on_progress = replace_release;
    bench.server.cut_count = 1;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE + 1234;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.result.sequence, 3);
    assert_installed(newest);
    seal_buffer_free(&newer);
}

static void test_resume_a_byte_at_a_time_is_given_up(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.server.cut_count = UINT32_MAX;
    bench.server.cut_after = 10 * BULLA_SECTOR_SIZE;
    assert_status(bench_update(&bench), BULLA_E_NET_CLOSED);
    assert_int_equal(bench.result.retries, BULLA_RETRIES_MAX);
}

/* No connection lives through one of the server's records. */
static void test_resume_short_answers_get_through_where_long_ones_do_not(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.etag = "\"one\"";
    bench.server.record = 16384;
    bench.server.life = 15000;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_in_range(bench.server.image_bytes, IMAGE_LEN, IMAGE_LEN + IMAGE_LEN / 10);
}

static void test_resume_bundle_goes_on_within_the_envelope(void **state)
{
    (void)state;
    bench_publish(&bench, whole(fresh), &(struct seal_options){.sequence = 2, .bundle = true},
                  &envelope);
    bench.server.files[1].path = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        memset(bench.sim.bytes + bench_slot(&bench, 1), 0xff, IMAGE_LEN);
        bench.server.etag = i == 0 ? "\"one\"" : NULL;
        bench.server.cut_any = true;
        bench.server.cut_count = 3;
        bench.server.cut_after = envelope.len - IMAGE_LEN + 10 * BULLA_SECTOR_SIZE + 1234;
        if (i == 0)
            bench.server.cut_count = 1;
        assert_status(bench_update(&bench), BULLA_OK);
        assert_installed(fresh);
    }
}

/* Cut behind the envelope's last byte: whether it ended there is not known, so it is read again. */
static void test_resume_envelope_whose_end_was_not_seen_is_read_again(void **state)
{
    (void)state;
    publish(fresh, 2);
    bench.server.cut_any = true;
    bench.server.cut_count = 1;
    bench.server.cut_after = envelope.len;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_int_equal(bench.server.gets, 3);
    assert_installed(fresh);
}

/* ---- what flash has ---- */

/* Every fifth sector of the new image is new, the others are the running one's. */
static void change_some(void)
{
    memcpy(fresh, old, sizeof(fresh));
    for (uint32_t i = 0; i < SECTORS; i += 5)
        fill(fresh + (size_t)i * BULLA_SECTOR_SIZE, BULLA_SECTOR_SIZE, 100 + i);
}

static void test_reuse_takes_equal_sectors_from_the_running_slot(void **state)
{
    (void)state;
    change_some();
    publish(fresh, 2);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, 16 * BULLA_SECTOR_SIZE);
    assert_int_equal(bench.server.gets, 1 + 16);
    assert_int_equal(bench.result.sectors_written, SECTORS);
    assert_int_equal(bench.result.sectors_copied, SECTORS - 16);
}

static void test_reuse_adjacent_missing_sectors_are_one_request(void **state)
{
    (void)state;
    memcpy(fresh, old, sizeof(fresh));
    fill(fresh + 7 * BULLA_SECTOR_SIZE, 5 * BULLA_SECTOR_SIZE, 100);
    publish(fresh, 2);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.gets, 2);
    assert_int_equal(bench.server.last_from, 7 * BULLA_SECTOR_SIZE);
    assert_int_equal(bench.server.last_to, 12 * BULLA_SECTOR_SIZE - 1);
}

static void test_reuse_finds_sectors_that_moved(void **state)
{
    (void)state;
    memcpy(fresh + 3 * BULLA_SECTOR_SIZE, old, sizeof(fresh) - 3 * BULLA_SECTOR_SIZE);
    fill(fresh, 3 * BULLA_SECTOR_SIZE, 100);
    publish(fresh, 2);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, 3 * BULLA_SECTOR_SIZE);
}

/* 2 KiB hold three groups' digests and one group; what is left is an index of 232 sectors. */
static void test_reuse_with_the_smallest_workspace(void **state)
{
    (void)state;
    memcpy(fresh + BULLA_SECTOR_SIZE, old, sizeof(fresh) - BULLA_SECTOR_SIZE);
    fill(fresh, BULLA_SECTOR_SIZE, 100);
    publish(fresh, 2);
    bench.workspace_len = BULLA_WORKSPACE_MIN - 1u;
    assert_status(bench_update(&bench), BULLA_E_WORKSPACE_TOO_SMALL);
    bench.workspace_len = BULLA_WORKSPACE_MIN;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, BULLA_SECTOR_SIZE);
}

/* Without room for an index only the same place is looked at. */
static void test_reuse_without_room_for_an_index(void **state)
{
    (void)state;
    change_some();
    publish(fresh, 2);
    bench.workspace_len = SECTORS * BULLA_DIGEST_SIZE;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, 16 * BULLA_SECTOR_SIZE);
}

/* What the running slot holds is taken for what it is now, not for what was once put there. */
static void test_reuse_of_a_damaged_running_slot_downloads_instead(void **state)
{
    (void)state;
    change_some();
    publish(fresh, 2);
    for (uint32_t i = 0; i < SECTORS; i++)
        bench.sim.bytes[bench_slot(&bench, 0) + i * BULLA_SECTOR_SIZE + 9] ^= 1;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.server.image_bytes, IMAGE_LEN);
    assert_int_equal(bench.result.sectors_copied, 0);
}

/* A sector that reads otherwise when it is taken than when it was found is downloaded. */
static void test_reuse_of_a_sector_that_reads_differently_downloads_it(void **state)
{
    uint32_t reads;

    (void)state;
    change_some();
    publish(fresh, 2);
    uint8_t *before = bench_snapshot(&bench);
    bench.sim.reads = 0;
    assert_status(bench_update(&bench), BULLA_OK);
    reads = bench.sim.reads;
    for (uint32_t at = 1; at < reads; at += 31) {
        memcpy(bench.sim.bytes, before, bench.sim.size);
        bench.sim.reads = 0;
        bench.sim.fault.misread_at = at;
        enum bulla_status status = bench_update(&bench);
        memset(&bench.sim.fault, 0, sizeof(bench.sim.fault));
        if (status != BULLA_OK) /* read elsewhere: told, and the next attempt works */
            assert_status(bench_update(&bench), BULLA_OK);
        assert_installed(fresh);
        assert_int_equal(bench.unverified_writes, 0);
    }
    free(before);
}

static void test_reuse_of_an_unchanged_image_writes_only_records(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    publish(fresh, 2);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_status(bench_confirm(&bench), BULLA_OK);
    publish(old, 3);
    bench.server.image_bytes = 0;
    bench.slot_erases = 0;
    assert_status(bench_update(&bench), BULLA_OK); /* slot 0 holds it since the beginning */
    assert_int_equal(bench.server.image_bytes, 0);
    assert_int_equal(bench.slot_erases, 0);
    assert_int_equal(bench.result.sectors_kept, SECTORS);
}

/* ---- block erase ---- */

static void test_resume_erases_blocks_only_of_what_is_replaced(void **state)
{
    (void)state;
    bench.sim.blocks = true;
    memcpy(fresh, old, sizeof(fresh));
    fill(fresh, 18 * BULLA_SECTOR_SIZE, 100);
    publish(fresh, 2);
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), fresh, sizeof(fresh));
    memset(bench.sim.bytes + bench_slot(&bench, 1), 0, 18 * BULLA_SECTOR_SIZE);
    assert_status(bench_update(&bench), BULLA_OK);
    assert_installed(fresh);
    assert_int_equal(bench.block_erases, 1);
    assert_int_equal(bench.slot_erases, 2);
    assert_int_equal(bench.result.sectors_written, 18);
}

/* ---- recovery ---- */

static void test_recovery_installs_where_nothing_boots(void **state)
{
    struct bulla_boot_result boot;

    (void)state;
    bench.sim.bytes[bench_slot(&bench, 0) + 5000] ^= 1;
    assert_status(bench_boot(&bench, &boot), BULLA_E_NOTHING_BOOTABLE);
    publish(fresh, 2);
    bench.recovery = true;
    assert_status(bench_update(&bench), BULLA_OK);
    assert_status(bench_boot(&bench, &boot), BULLA_OK);
    assert_int_equal(boot.slot, bench.result.slot);
    assert_true(boot.trial);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_resume_goes_on_behind_the_last_byte),
        TEST(test_resume_without_etag_takes_the_sector_from_its_start),
        TEST(test_resume_from_a_server_without_ranges_skips_what_came),
        TEST(test_resume_with_another_etag_drops_the_partial_sector),
        TEST(test_resume_with_another_image_is_refused),
        TEST(test_resume_refusal_is_told_whatever_comes_after_it),
        TEST(test_resume_missing_image_and_busy_server_are_two_things),
        TEST(test_resume_from_machines_with_different_etags),
        TEST(test_resume_bundle_with_too_many_members_is_refused),
        TEST(test_resume_newer_release_in_mid_download_is_installed),
        TEST(test_resume_a_byte_at_a_time_is_given_up),
        TEST(test_resume_short_answers_get_through_where_long_ones_do_not),
        TEST(test_resume_bundle_goes_on_within_the_envelope),
        TEST(test_resume_envelope_whose_end_was_not_seen_is_read_again),
        TEST(test_reuse_takes_equal_sectors_from_the_running_slot),
        TEST(test_reuse_adjacent_missing_sectors_are_one_request),
        TEST(test_reuse_finds_sectors_that_moved),
        TEST(test_reuse_with_the_smallest_workspace),
        TEST(test_reuse_without_room_for_an_index),
        TEST(test_reuse_of_a_damaged_running_slot_downloads_instead),
        TEST(test_reuse_of_a_sector_that_reads_differently_downloads_it),
        TEST(test_reuse_of_an_unchanged_image_writes_only_records),
        TEST(test_resume_erases_blocks_only_of_what_is_replaced),
        TEST(test_recovery_installs_where_nothing_boots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
