/* SPDX-License-Identifier: Apache-2.0 */
/* The device of the network tests. Its flash file was made by bulla-device provision, so that
 * nothing here lays out a device of its own. */

#include "bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mbedtls.h"
#include "net_posix.h"
#ifdef BULLA_NETWORK_CURL
#include "curl.h"
#endif

#define IMAGE_MAX 0x1000000u

const char *bed_transport_name(enum bed_transport kind)
{
    return kind == BED_CURL ? "curl" : "mbedtls";
}

bool bed_has_transport(enum bed_transport kind)
{
#ifdef BULLA_NETWORK_CURL
    (void)kind;
    return true;
#else
    return kind == BED_MBEDTLS;
#endif
}

/* ---- flash ---- */

static const struct bulla_flash *chip(struct bed *bed)
{
    return flash_sim_flash(&bed->sim);
}

static bool within(const struct bulla_partition *partition, uint32_t offset, size_t len)
{
    return partition != NULL && offset >= partition->offset &&
           offset - partition->offset <= partition->size &&
           len <= partition->size - (offset - partition->offset);
}

/* May an update change this at all? */
static bool may_change(const struct bed *bed, uint32_t offset, size_t len)
{
    const struct bulla_layout *layout = &bed->client.layout;

    return within(bulla_layout_slot(layout, bed->target), offset, len) ||
           within(&layout->otadata, offset, len) || within(&layout->state, offset, len);
}

static bool is_of_an_image(const struct bed *bed, uint32_t at, const void *bytes, size_t len)
{
    for (size_t i = 0; i < bed->image_count; i++) {
        struct bulla_bytes image = bed->images[i];
        if (at <= image.len && len <= image.len - at && memcmp(image.data + at, bytes, len) == 0)
            return true;
    }
    return false;
}

static enum bulla_status guard_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    return chip(ctx)->read(chip(ctx)->ctx, offset, buffer, len);
}

static enum bulla_status guard_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct bed *bed = ctx;
    const struct bulla_partition *slot = bulla_layout_slot(&bed->client.layout, bed->target);

    if (!may_change(bed, offset, len))
        bed->astray++;
    if (within(slot, offset, len) && !is_of_an_image(bed, offset - slot->offset, bytes, len))
        bed->unverified++;
    return chip(bed)->program(chip(bed)->ctx, offset, bytes, len);
}

static enum bulla_status guard_erase(void *ctx, uint32_t offset)
{
    struct bed *bed = ctx;

    if (!may_change(bed, offset, BULLA_SECTOR_SIZE))
        bed->astray++;
    return chip(bed)->erase_sector(chip(bed)->ctx, offset);
}

static enum bulla_status guard_erase_block(void *ctx, uint32_t offset)
{
    struct bed *bed = ctx;

    if (!may_change(bed, offset, BULLA_BLOCK_SIZE))
        bed->astray++;
    return chip(bed)->erase_block(chip(bed)->ctx, offset);
}

static enum bulla_status power_on(struct bed *bed)
{
    bed->sim.blocks = bed->blocks;
    bed->sim.unit = bed->unit;
    bed->guard = (struct bulla_flash){.read = guard_read,
                                      .program = guard_program,
                                      .erase_sector = guard_erase,
                                      .erase_block = bed->blocks ? guard_erase_block : NULL,
                                      .unit = bed->unit,
                                      .size = bed->sim.size,
                                      .ctx = bed};
    return bulla_client_open(&bed->client, &bed->guard, bed->trust_store, sizeof(bed->trust_store));
}

void bed_reset(struct bed *bed)
{
    char why[FLASH_SIM_WHY_SIZE];

    flash_sim_close(&bed->sim);
    if (flash_sim_copy(&bed->sim, &bed->origin, why) != BULLA_OK) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
    bed->unverified = bed->astray = 0;
}

bool bed_is_unchanged(const struct bed *bed)
{
    const struct bulla_partition *state = &bed->client.layout.state;
    uint32_t after = state->offset + state->size;

    return memcmp(bed->sim.bytes, bed->origin.bytes, state->offset) == 0 &&
           memcmp(bed->sim.bytes + after, bed->origin.bytes + after, bed->origin.size - after) == 0;
}

/* ---- loading ---- */

bool bed_load(struct bed *bed, const char *flash, char why[BED_WHY_SIZE])
{
    struct flash_sim file;
    char problem[FLASH_SIM_WHY_SIZE] = "";

    if (flash_sim_open(&file, flash, problem) != BULLA_OK) {
        (void)snprintf(why, BED_WHY_SIZE, "%.200s", problem);
        return false;
    }
    bool copied = flash_sim_copy(&bed->origin, &file, problem) == BULLA_OK &&
                  flash_sim_copy(&bed->sim, &file, problem) == BULLA_OK;
    flash_sim_close(&file);
    enum bulla_status status = copied ? power_on(bed) : BULLA_E_IO;
    if (status == BULLA_OK)
        status = bulla_client_running(&bed->client, &bed->running);
    if (status == BULLA_OK)
        status = bulla_client_target(&bed->client, &bed->target);
    (void)snprintf(why, BED_WHY_SIZE, "%s: %s %.150s", flash, bulla_status_name(status), problem);
    bed->workspace = malloc(bed->workspace_len);
    return status == BULLA_OK && bed->workspace != NULL;
}

bool bed_allow(struct bed *bed, const char *image, char why[BED_WHY_SIZE])
{
    uint8_t *data = malloc(IMAGE_MAX);
    FILE *in = fopen(image, "rb");
    size_t len = in != NULL && data != NULL ? fread(data, 1, IMAGE_MAX, in) : 0;

    if (in != NULL)
        (void)fclose(in);
    (void)snprintf(why, BED_WHY_SIZE, "%s cannot be read", image);
    if (len == 0 || bed->image_count == BED_IMAGES_MAX) {
        free(data);
        return false;
    }
    bed->images[bed->image_count++] = (struct bulla_bytes){data, len};
    return true;
}

void bed_free(struct bed *bed)
{
    flash_sim_close(&bed->sim);
    flash_sim_close(&bed->origin);
    for (size_t i = 0; i < bed->image_count; i++)
        free((void *)(uintptr_t)bed->images[i].data);
    free(bed->workspace);
}

/* ---- clock and transport ---- */

static uint64_t real_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint64_t clock_now(void *ctx)
{
    const struct bed *bed = ctx;

    return real_ms() + bed->slept_ms;
}

static void clock_sleep(void *ctx, uint32_t ms)
{
    struct bed *bed = ctx;

    bed->slept_ms += ms;
}

static uint32_t clock_random(void *ctx)
{
    struct bed *bed = ctx;

    bed->seed = bed->seed * 1664525u + 1013904223u;
    return bed->seed >> 8;
}

static enum bulla_status counted_get(void *ctx, const struct bulla_request *request,
                                     struct bulla_response *response)
{
    struct bed *bed = ctx;
    size_t len = strlen(request->url->path);

    bed->requests++;
    bed->in_envelope = len >= 5 && strcmp(request->url->path + len - 5, ".suit") == 0;
    return bed->below.get(bed->below.ctx, request, response);
}

static enum bulla_status counted_read(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bed *bed = ctx;
    enum bulla_status status = bed->below.read(bed->below.ctx, buffer, size, len);

    *(bed->in_envelope ? &bed->envelope_bytes : &bed->image_bytes) += *len;
    return status;
}

static void counted_close(void *ctx)
{
    struct bed *bed = ctx;

    bed->below.close(bed->below.ctx);
}

static enum bulla_status update_over(struct bed *bed, struct bulla_transport below)
{
    const struct bulla_clock clock = {
        .now_ms = clock_now, .sleep_ms = clock_sleep, .random = clock_random, .ctx = bed};
    const struct bulla_transport counted = {
        .get = counted_get, .read = counted_read, .close = counted_close, .ctx = bed};
    const struct bulla_update_options options = {
        .transport = &counted,
        .clock = &clock,
        .deadline_ms = clock_now(bed) + bed->deadline_ms,
        .workspace = bed->workspace,
        .workspace_len = bed->workspace_len,
    };

    bed->below = below;
    return bulla_client_update(&bed->client, &bed->url, &options, &bed->result);
}

static enum bulla_status update_mbedtls(struct bed *bed)
{
    static struct bulla_tls_transport tls;
    struct bulla_posix_net net;
    struct bulla_stream stream = bulla_posix_stream(&net);
    const struct bulla_tls_options options = {.deadline_ms = bed->deadline_ms,
                                              .progress_ms = bed->progress_ms,
                                              .has_clock = true,
                                              .max_fragment = bed->fragment};
    enum bulla_status status =
        bulla_tls_transport_init(&tls, &bed->client.trust, &stream, &options);

    if (status == BULLA_OK)
        status = update_over(bed, bulla_tls_transport_view(&tls));
    bulla_tls_transport_free(&tls);
    return status;
}

#ifdef BULLA_NETWORK_CURL
static enum bulla_status update_curl(struct bed *bed)
{
    static struct bulla_curl_transport curl;
    const struct bulla_curl_options options = {
        .deadline_ms = bed->deadline_ms, .progress_ms = bed->progress_ms, .has_clock = true};
    enum bulla_status status = bulla_curl_transport_init(&curl, &bed->client.trust, &options);

    if (status == BULLA_OK)
        status = update_over(bed, bulla_curl_transport_view(&curl));
    bulla_curl_transport_free(&curl);
    return status;
}
#else
static enum bulla_status update_curl(struct bed *bed)
{
    (void)bed;
    return BULLA_E_USAGE;
}
#endif

enum bulla_status bed_update(struct bed *bed)
{
    uint64_t began = real_ms();

    memset(&bed->result, 0, sizeof(bed->result));
    bed->slept_ms = bed->envelope_bytes = bed->image_bytes = 0;
    bed->requests = 0;
    enum bulla_status status = power_on(bed);
    if (status == BULLA_OK)
        status = bed->kind == BED_CURL ? update_curl(bed) : update_mbedtls(bed);
    bed->real_ms = (uint32_t)(real_ms() - began);
    return status;
}

/* ---- judging ---- */

static bool holds_an_image(const struct bed *bed, int32_t slot)
{
    const struct bulla_partition *partition = bulla_layout_slot(&bed->client.layout, slot);

    for (size_t i = 0; i < bed->image_count && partition != NULL; i++) {
        struct bulla_bytes image = bed->images[i];
        if (image.len <= partition->size &&
            memcmp(bed->sim.bytes + partition->offset, image.data, image.len) == 0)
            return true;
    }
    return false;
}

static bool holds_what_it_held(const struct bed *bed, int32_t slot)
{
    const struct bulla_partition *partition = bulla_layout_slot(&bed->client.layout, slot);

    return partition != NULL && memcmp(bed->sim.bytes + partition->offset,
                                       bed->origin.bytes + partition->offset, partition->size) == 0;
}

static const char *judge_boot(struct bed *bed, bool expect_new, char *booted)
{
    struct bulla_boot_result boot = {.verdict = BULLA_NO};
    enum bulla_status status = power_on(bed);

    if (status == BULLA_OK)
        status = bulla_client_boot(&bed->client, &boot);
    if (status != BULLA_OK || boot.verdict != BULLA_YES)
        return "nothing boots";
    if (boot.slot != bed->running && boot.slot != bed->target)
        return "another slot boots";
    *booted = boot.slot == bed->running ? 'o' : 'n';
    if (expect_new && boot.slot != bed->target)
        return "the update succeeded and the old image boots";
    if (!expect_new && boot.slot != bed->running)
        return "the update failed and another image boots";
    if (expect_new && !holds_an_image(bed, bed->target))
        return "the image that boots is not the one that was published";
    return NULL;
}

const char *bed_judge(struct bed *bed, enum bulla_status status, char *booted)
{
    bool installed = status == BULLA_OK && !bed->result.nothing_newer;

    *booted = '-';
    if (bed->unverified > 0)
        return "bytes were programmed that no image has there";
    if (bed->astray > 0)
        return "flash outside of target slot, otadata and state was changed";
    if (bed->sim.violations > 0)
        return "the flash refused an operation";
    if (!holds_what_it_held(bed, bed->running))
        return "the running slot was changed";
    return judge_boot(bed, installed, booted);
}
