/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen modules that somebody wrote into the flash of a device: under a release, and alone. */

#include "check.h"

#include "bench.h"
#include "bulla/modules.h"
#include "fixture.h"
#include "scenes.h"

#define MODULE_SIZE 5000u

static struct bench bench, bench_before;
static uint8_t *flash_before;
static uint8_t genuine[MODULE_SIZE], evil[MODULE_SIZE];
static struct bulla_modules modules;

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

/* ---- acts ---- */

/* ota_1 holds the release with the module. */
static int act_boot(void *ctx, bool *yes)
{
    struct bulla_boot_result result = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};

    (void)ctx;
    restore();
    enum bulla_status status = bench_boot(&bench, &result);
    *yes = status == BULLA_OK && result.verdict == BULLA_YES && result.slot == 1;
    return (int)status;
}

static int act_find(void *ctx, bool *yes)
{
    struct bulla_module found = {.bytes = NULL};
    enum bulla_status opened = BULLA_E_NOT_JUDGED;
    enum bulla_status status = BULLA_E_NOT_JUDGED;

    (void)ctx;
    restore();
    memset(&modules, 0, sizeof(modules));
    if (bench_open(&bench) == BULLA_OK)
        opened = bulla_modules_open(&modules, &bench.client);
    if (opened == BULLA_OK)
        status = bulla_modules_find(&modules, "lib", &found);
    *yes = status == BULLA_OK && found.bytes != NULL && found.size == MODULE_SIZE;
    return (int)status;
}

/* ---- set-ups ---- */

struct modules_scene {
    const char *name;
    enum scene_kind kind;
    bool alone;
    void (*spoil)(void);
};

static uint8_t *module_on_flash(void)
{
    return bench.sim.bytes + BENCH_MODULES + BULLA_SECTOR_SIZE;
}

static void spoil_bytes(void)
{
    memcpy(module_on_flash(), evil, MODULE_SIZE);
}

static void spoil_directory(void)
{
    uint8_t none[36] = {0};

    spoil_bytes(); /* a directory of before that is read by a fault does no harm where they are */
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put_twice(&bench.client.state, BULLA_RECORD_MODULES,
                                        (struct bulla_bytes){none, sizeof(none)}),
                  BULLA_OK);
}

/* Module, envelope and directory, all of them by somebody else's key. */
static void spoil_all(void)
{
    const struct seal_image image = {"lib", "/r/lib", {evil, MODULE_SIZE}};
    const struct seal_key ours = bench.key;
    struct seal_buffer envelope, trust;

    seal_key_make(&bench.key);
    seal_trust(&bench.key, &trust);
    assert_status(bench_open(&bench), BULLA_OK);
    assert_status(bulla_state_put_twice(&bench.client.state, BULLA_RECORD_TRUST,
                                        (struct bulla_bytes){trust.data, trust.len}),
                  BULLA_OK);
    seal_buffer_free(&trust);
    bench_publish_images(&bench, &image, 1, 9, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    seal_buffer_free(&envelope);
    bench.key = ours;
    seal_trust(&ours, &trust);
    assert_status(bulla_state_put_twice(&bench.client.state, BULLA_RECORD_TRUST,
                                        (struct bulla_bytes){trust.data, trust.len}),
                  BULLA_OK);
    seal_buffer_free(&trust);
}

static void install(bool alone)
{
    size_t len = 0;
    uint8_t *next = (uint8_t *)fixture_read("fixtures/esp/app", "se32_1.1.0.bin", &len);
    const struct seal_image images[] = {{NULL, "/r/app.bin", {next, len}},
                                        {"lib", "/r/lib", {genuine, MODULE_SIZE}}};
    struct seal_buffer envelope;
    struct bulla_boot_result result = {.verdict = BULLA_NO};

    bench_publish_images(&bench, images + (alone ? 1 : 0), alone ? 1 : 2, 2, &envelope);
    assert_status(bench_update(&bench), BULLA_OK);
    seal_buffer_free(&envelope);
    free(next);
    if (alone)
        return;
    assert_status(bench_boot(&bench, &result), BULLA_OK);
    assert_status(bench_confirm(&bench), BULLA_OK);
}

static void set_up(struct scene *scene)
{
    const struct modules_scene *m = scene->about;
    size_t len = 0;
    uint8_t *first = (uint8_t *)fixture_read("fixtures/esp/app", "se32_1.0.0.bin", &len);
    struct bulla_boot_result result = {.verdict = BULLA_NO};

    memset(genuine, 0x5a, sizeof(genuine));
    memset(evil, 0x66, sizeof(evil));
    bench_provision(&bench, BENCH_TWO, BULLA_FORMAT_ESP, (struct bulla_bytes){first, len}, 1);
    bench_add_modules(&bench, 16);
    assert_status(bench_boot(&bench, &result), BULLA_OK);
    install(m->alone);
    if (m->spoil != NULL)
        m->spoil();
    free(first);
    remember();
    scene->run = (struct skip_scene){.act = m->alone ? act_find : act_boot};
}

static const struct modules_scene scenes_all[] = {
    {"good release", SCENE_GOOD, false, NULL},
    {"good, alone", SCENE_GOOD, true, NULL},
    {"release with other bytes", SCENE_BAD, false, spoil_bytes},
    {"release whose modules are not there", SCENE_BAD, false, spoil_directory},
    {"alone, other bytes", SCENE_BAD, true, spoil_bytes},
    {"alone, by an unknown key", SCENE_BAD, true, spoil_all},
};

size_t scenes_of_modules(struct scene *scenes, size_t count, size_t most)
{
    for (size_t i = 0; i < sizeof(scenes_all) / sizeof(scenes_all[0]) && count < most; i++) {
        const struct modules_scene *m = &scenes_all[i];
        scenes[count] = (struct scene){.kind = m->kind, .set_up = set_up, .about = m};
        (void)snprintf(scenes[count].name, sizeof(scenes[count].name), "modules: %s", m->name);
        count++;
    }
    return count;
}
