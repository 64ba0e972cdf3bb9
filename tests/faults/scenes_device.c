/* SPDX-License-Identifier: Apache-2.0 */
/* A device on the bench: what a hostile server sends it, and what somebody wrote into its flash.
 * ota_0 holds the confirmed release; every scene wants another image to be selected or to run. */

#include "check.h"

#include <sodium.h>

#include "bench.h"
#include "fixture.h"
#include "scenes.h"

#define IMAGE_SIZE 16384u
#define BULK       13000u /* bytes, all alike: the second and third sector are the same */
#define BULK_AT    0x3ffc0000u

#define HEADER_SIZE     24u
#define MIN_REVISION_AT 15u

struct image {
    uint8_t bytes[IMAGE_SIZE];
    size_t len;
};

static struct bench bench, bench_before;
static uint8_t *flash_before;
static int32_t wanted; /* the slot that the attacker wants to see selected or running */
static struct image release, evil;
static struct seal_buffer envelope, forged;
static struct seal_key attacker;

/* ---- images ---- */

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static struct bulla_bytes bytes_of(const struct image *image)
{
    return (struct bulla_bytes){image->bytes, image->len};
}

static size_t segments_end(const struct image *image)
{
    size_t at = HEADER_SIZE;

    for (unsigned i = 0; i < image->bytes[1]; i++)
        at += 8 + load32(image->bytes + at + 4);
    return at;
}

/* Checksum and SHA-256 anew: the structure of what this leaves is sound. */
static void finish_image(struct image *image)
{
    size_t at = HEADER_SIZE, end = segments_end(image);
    uint8_t checksum = 0xef;

    for (unsigned i = 0; i < image->bytes[1]; i++) {
        uint32_t len = load32(image->bytes + at + 4);
        for (uint32_t k = 0; k < len; k++)
            checksum ^= image->bytes[at + 8 + k];
        at += 8 + len;
    }
    while (end % 16 != 15)
        image->bytes[end++] = 0;
    image->bytes[end++] = checksum;
    crypto_hash_sha256(image->bytes + end, image->bytes, end);
    image->len = end + 32;
}

static void make_image(struct image *image, const char *name, uint8_t fill)
{
    size_t len;
    char *bytes = fixture_read("fixtures/esp/app", name, &len);

    memset(image, 0, sizeof(*image));
    memcpy(image->bytes, bytes, len);
    free(bytes);
    size_t at = segments_end(image);
    store32(image->bytes + at, BULK_AT);
    store32(image->bytes + at + 4, BULK);
    memset(image->bytes + at + 8, fill, BULK);
    image->bytes[1]++;
    finish_image(image);
}

/* ---- envelopes ---- */

static void publish(const struct image *image, const struct seal_options *how)
{
    bench_publish(&bench, bytes_of(image), how, &envelope);
}

static void serve(const struct seal_buffer *with, const struct image *image)
{
    bench.server.files[0] = (struct bench_file){"/r/app.suit", {with->data, with->len}};
    bench.server.files[1] = (struct bench_file){"/r/app.bin", bytes_of(image)};
}

/* An envelope of `image` by the attacker's key, everything else as the release has it. */
static void forge(const struct image *image, uint32_t sequence)
{
    const struct seal_options how = {
        .sequence = sequence, .vendor_id = bench.vendor_id, .class_id = bench.class_id};

    seal_envelope(bytes_of(image), &how, &attacker, &forged);
}

/* The forged envelope with the key id of the key that is trusted. */
static void claim_key(void)
{
    uint8_t own[32], trusted[32];

    crypto_hash_sha256(own, attacker.public_key, sizeof(attacker.public_key));
    crypto_hash_sha256(trusted, bench.key.public_key, sizeof(bench.key.public_key));
    for (size_t i = 0; i + BULLA_KEY_ID_SIZE <= forged.len; i++) {
        if (memcmp(forged.data + i, own, BULLA_KEY_ID_SIZE) == 0) {
            memcpy(forged.data + i, trusted, BULLA_KEY_ID_SIZE);
            return;
        }
    }
    fail_msg("no key id in the envelope");
}

/* The forged envelope with the wrapper of the genuine one; both are equally long. */
static void graft_wrapper(void)
{
    size_t len = 3u + envelope.data[5]; /* tag, map head, key; then a head of two bytes */

    assert_int_equal(envelope.data[4], 0x58);
    assert_memory_equal(envelope.data, forged.data, 6);
    memcpy(forged.data + 3, envelope.data + 3, len);
}

/* ---- acts ---- */

static void remember(void)
{
    free(flash_before);
    flash_before = bench_snapshot(&bench);
    bench_before = bench;
}

static void restore(void)
{
    uint8_t *bytes = bench.sim.bytes;

    bench = bench_before;
    bench.sim.bytes = bytes;
    memcpy(bytes, flash_before, bench.sim.size);
}

/* The slot that otadata selects, read without the product's code. */
static int32_t selected(void)
{
    int32_t slot = BULLA_SLOT_NONE;
    uint32_t highest = 0;

    for (uint32_t i = 0; i < 2; i++) {
        const uint8_t *at = bench.sim.bytes + BENCH_OTADATA + i * BULLA_SECTOR_SIZE;
        uint32_t seq = load32(at), state = load32(at + 24);
        if (seq == 0xffffffffu || seq <= highest || state == BULLA_OTA_INVALID ||
            state == BULLA_OTA_ABORTED)
            continue;
        highest = seq;
        slot = (int32_t)((seq - 1u) % 2u);
    }
    return slot;
}

static bool holds(int32_t slot, const struct image *image)
{
    return memcmp(bench.sim.bytes + bench_slot(&bench, slot), image->bytes, image->len) == 0;
}

static int act_update(void *ctx, bool *yes)
{
    (void)ctx;
    restore();
    enum bulla_status status = bench_update(&bench);
    *yes = selected() == wanted;
    return (int)status;
}

/* Where the first attempt was genuine, it may also be that which was installed. */
static int act_second_attempt(void *ctx, bool *yes)
{
    int status = act_update(ctx, yes);

    *yes = *yes && !holds(wanted, &release);
    return status;
}

static int act_boot(void *ctx, bool *yes)
{
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};

    (void)ctx;
    restore();
    enum bulla_status status = bench_boot(&bench, &result);
    *yes = status == BULLA_OK && result.verdict == BULLA_YES && result.slot == wanted;
    return (int)status * 16 + (result.verdict == BULLA_YES ? (int)result.slot & 7 : 8);
}

static int act_set_boot(void *ctx, bool *yes)
{
    (void)ctx;
    restore();
    enum bulla_status status = bench_set_boot(&bench, wanted);
    *yes = selected() == wanted;
    return (int)status;
}

/* ---- set-ups ---- */

static void provision(uint32_t sequence, bool is_secure)
{
    static struct image first;

    make_image(&first, is_secure ? "se32_1.2.0.bin" : "se32_1.0.0.bin", 1); /* version 1, or 0 */
    make_image(&release, "se32_1.1.0.bin", 2);
    evil = release;
    evil.bytes[segments_end(&evil) - 700] ^= 0x40; /* in the last sector */
    finish_image(&evil);
    seal_key_make(&attacker);
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, bytes_of(&first), sequence);
    wanted = 1;
}

/* One set-up of an update: what it publishes and what the server makes of it. */
struct update_scene {
    const char *name;
    enum scene_kind kind;
    struct seal_options how; /* sequence 0: 2 */
    bool other_class;
    uint32_t floor;
    uint32_t min_revision;
    bool raw;
    bool bundle;
    size_t workspace_len;          /* 0: all */
    void (*spoil)(struct scene *); /* the last word */
};

static void spoil_image_last(struct scene *scene)
{
    (void)scene;
    serve(&envelope, &evil);
}

static void spoil_image_first(struct scene *scene)
{
    (void)scene;
    evil = release;
    evil.bytes[300] ^= 1;
    serve(&envelope, &evil);
}

static void spoil_bundle(struct scene *scene)
{
    (void)scene;
    envelope.data[envelope.len - 400] ^= 1;
}

static void spoil_signature(struct scene *scene)
{
    size_t end = 4u + 2u + envelope.data[5]; /* the signature ends the wrapper */

    (void)scene;
    envelope.data[end - 40] ^= 1;
}

static void spoil_unknown_key(struct scene *scene)
{
    (void)scene;
    forge(&evil, 2);
    serve(&forged, &evil);
}

static void spoil_claimed_key(struct scene *scene)
{
    (void)scene;
    forge(&evil, 2);
    claim_key();
    serve(&forged, &evil);
}

static void spoil_manifest(struct scene *scene)
{
    (void)scene;
    forge(&evil, 2);
    graft_wrapper();
    serve(&forged, &evil);
}

/* The genuine head, behind it the list of another image. */
static void spoil_list(struct scene *scene)
{
    (void)scene;
    forge(&evil, 2);
    size_t head = seal_head_len(&envelope);
    assert_int_equal(forged.len, envelope.len);
    memcpy(forged.data, envelope.data, head);
    serve(&forged, &evil);
}

/* The other image lies in the slot already, under the genuine head. */
static void spoil_slot(struct scene *scene)
{
    struct bulla_state *state = &bench.client.state;

    (void)scene;
    memcpy(bench.sim.bytes + bench_slot(&bench, 1), evil.bytes, evil.len);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put(state, BULLA_RECORD_HEAD, 1,
                                  (struct bulla_bytes){envelope.data, seal_head_len(&envelope)}),
                  BULLA_OK);
    serve(&envelope, &evil);
}

/* The connection breaks, and the second attempt meets something else. */
static void swap_files(struct bench *b, uint32_t done, uint32_t total)
{
    (void)total;
    if (done == BULLA_SECTOR_SIZE && b->server.cut_count > 0)
        serve(&forged, &evil);
}

static void spoil_second_attempt(struct scene *scene)
{
    forge(&evil, 2);
    claim_key();
    if (strstr(scene->name, "wrapper") != NULL)
        graft_wrapper();
    bench.has_clock = true;
    bench.server.cut_count = 1;
    bench.server.cut_after = 6000;
    bench.on_progress = swap_files;
    scene->run.act = act_second_attempt;
}

static void set_up_update(struct scene *scene)
{
    const struct update_scene *u = scene->about;
    struct seal_options how = u->how;
    static uint8_t other[BULLA_UUID_SIZE] = {1};
    struct bulla_boot_result result = {.verdict = BULLA_NO};

    provision(3, true);
    assert_status(bench_boot(&bench, &result), BULLA_OK);
    how.sequence = how.sequence == 0 ? 4 : how.sequence;
    if (u->other_class)
        how.class_id = other;
    how.bundle = u->bundle;
    if (u->min_revision != 0) {
        release.bytes[MIN_REVISION_AT] = (uint8_t)u->min_revision;
        release.bytes[MIN_REVISION_AT + 1] = (uint8_t)(u->min_revision >> 8);
        finish_image(&release);
    }
    if (u->raw)
        release.bytes[0] = 'B';
    if (u->floor != 0)
        assert_status(bulla_state_put_floor(&bench.client.state, u->floor), BULLA_OK);
    publish(&release, &how);
    if (u->workspace_len != 0)
        bench.workspace_len = u->workspace_len;
    scene->run = (struct skip_scene){.act = act_update};
    if (u->spoil != NULL)
        u->spoil(scene);
    remember();
}

static const struct update_scene updates[] = {
    {.name = "good", .kind = SCENE_GOOD},
    {.name = "good bundle", .kind = SCENE_GOOD, .bundle = true},
    {.name = "last sector changed", .kind = SCENE_BAD, .spoil = spoil_image_last},
    {.name = "first sector changed", .kind = SCENE_BAD, .spoil = spoil_image_first},
    {.name = "bundle changed", .kind = SCENE_BAD, .bundle = true, .spoil = spoil_bundle},
    {.name = "signature changed", .kind = SCENE_BAD, .spoil = spoil_signature},
    {.name = "by an unknown key", .kind = SCENE_BAD, .spoil = spoil_unknown_key},
    {.name = "by a key that claims to be ours", .kind = SCENE_BAD, .spoil = spoil_claimed_key},
    {.name = "other manifest under our wrapper", .kind = SCENE_BAD, .spoil = spoil_manifest},
    {.name = "other list under our head", .kind = SCENE_BAD, .spoil = spoil_list},
    {.name = "other image in the slot already", .kind = SCENE_BAD, .spoil = spoil_slot},
    {.name = "forged at the second attempt", .kind = SCENE_BAD, .spoil = spoil_second_attempt},
    {.name = "forged under our wrapper at the second attempt",
     .kind = SCENE_BAD,
     .spoil = spoil_second_attempt},
    {.name = "older sequence", .kind = SCENE_BAD, .how = {.sequence = 2}},
    {.name = "confirmed sequence of another release", .kind = SCENE_BAD, .how = {.sequence = 3}},
    {.name = "other class", .kind = SCENE_BAD, .other_class = true},
    {.name = "other component", .kind = SCENE_BAD, .how = {.component = "factory"}},
    {.name = "below the floor", .kind = SCENE_BAD, .floor = 1},
    {.name = "for a later chip revision", .kind = SCENE_BAD, .min_revision = 900},
    {.name = "raw image", .kind = SCENE_BAD, .raw = true},
};

/* Flash contents to boot from. */
struct boot_scene {
    const char *name;
    enum scene_kind kind;
    bool unconfirmed; /* the release in ota_1 has its trial before it */
    void (*spoil)(void);
    int (*act)(void *ctx, bool *yes);
};

static void write_slot(int32_t slot, const struct image *image)
{
    memset(bench.sim.bytes + bench_slot(&bench, slot), 0xff, IMAGE_SIZE);
    memcpy(bench.sim.bytes + bench_slot(&bench, slot), image->bytes, image->len);
}

static void write_head(const struct seal_buffer *of)
{
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put(&bench.client.state, BULLA_RECORD_HEAD, 1,
                                  (struct bulla_bytes){of->data, seal_head_len(of)}),
                  BULLA_OK);
}

static void spoil_flash(void)
{
    write_slot(1, &evil);
}

static void spoil_flash_bit(void)
{
    bench.sim.bytes[bench_slot(&bench, 1) + 2u * BULLA_SECTOR_SIZE + 77u] ^= 1;
}

static void spoil_head(void)
{
    write_slot(1, &evil);
    forge(&evil, 4);
    claim_key();
    write_head(&forged);
}

static void spoil_head_under_wrapper(void)
{
    write_slot(1, &evil);
    forge(&evil, 4);
    graft_wrapper();
    write_head(&forged);
}

static void spoil_class(void)
{
    static uint8_t other[BULLA_UUID_SIZE] = {1};
    const struct seal_options how = {
        .sequence = 5, .vendor_id = bench.vendor_id, .class_id = other};

    write_slot(1, &evil); /* under the head that was there before it is none of ours either */
    seal_envelope(bytes_of(&evil), &how, &bench.key, &forged);
    write_head(&forged);
}

static void spoil_floor(void)
{
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put_floor(&bench.client.state, 1), BULLA_OK);
}

static void spoil_everything(void)
{
    write_slot(1, &evil);
    write_slot(0, &evil);
}

static void set_up_boot(struct scene *scene)
{
    const struct boot_scene *b = scene->about;
    struct bulla_boot_result result = {.verdict = BULLA_NO};

    provision(3, b->act != act_set_boot); /* to confirm ota_0 again must not raise the floor */
    assert_status(bench_boot(&bench, &result), BULLA_OK);
    publish(&release, &(struct seal_options){.sequence = 4});
    assert_status(bench_update(&bench), BULLA_OK);
    if (!b->unconfirmed) {
        assert_status(bench_boot(&bench, &result), BULLA_OK);
        assert_status(bench_confirm(&bench), BULLA_OK);
    }
    if (b->act == act_set_boot) {
        assert_status(bench_set_boot(&bench, 0), BULLA_OK);
        assert_status(bench_boot(&bench, &result), BULLA_OK);
        assert_status(bench_confirm(&bench), BULLA_OK);
    }
    if (b->spoil != NULL)
        b->spoil();
    remember();
    scene->run = (struct skip_scene){.act = b->act};
}

static const struct boot_scene boots[] = {
    {"good", SCENE_GOOD, false, NULL, act_boot},
    {"good trial", SCENE_GOOD, true, NULL, act_boot},
    {"good set-boot", SCENE_GOOD, false, NULL, act_set_boot},
    {"other image over the confirmed one", SCENE_BAD, false, spoil_flash, act_boot},
    {"other image over the trial", SCENE_BAD, true, spoil_flash, act_boot},
    {"one bit changed", SCENE_BAD, false, spoil_flash_bit, act_boot},
    {"other image and a head by a key that claims to be ours", SCENE_BAD, false, spoil_head,
     act_boot},
    {"other image and manifest under our wrapper", SCENE_BAD, false, spoil_head_under_wrapper,
     act_boot},
    {"head for another class", SCENE_BAD, false, spoil_class, act_boot},
    {"below the floor", SCENE_BAD, false, spoil_floor, act_boot},
    {"other image in both slots", SCENE_BAD, false, spoil_everything, act_boot},
    {"set-boot of another image", SCENE_BAD, false, spoil_flash, act_set_boot},
    {"set-boot of a head by a key that claims to be ours", SCENE_BAD, false, spoil_head,
     act_set_boot},
    {"set-boot below the floor", SCENE_BAD, false, spoil_floor, act_set_boot},
};

size_t scenes_of_device(struct scene *scenes, size_t count, size_t most)
{
    for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]) && count < most; i++) {
        scenes[count] =
            (struct scene){.kind = updates[i].kind, .set_up = set_up_update, .about = &updates[i]};
        (void)snprintf(scenes[count].name, sizeof(scenes[count].name), "update: %s",
                       updates[i].name);
        count++;
    }
    for (size_t i = 0; i < sizeof(boots) / sizeof(boots[0]) && count < most; i++) {
        scenes[count] =
            (struct scene){.kind = boots[i].kind, .set_up = set_up_boot, .about = &boots[i]};
        (void)snprintf(scenes[count].name, sizeof(scenes[count].name), "boot: %s", boots[i].name);
        count++;
    }
    return count;
}
