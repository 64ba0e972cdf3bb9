/* SPDX-License-Identifier: Apache-2.0 */
/* client_fw/port/esp-idf/examples/update as a program of the host. One run is one start: a model of
 * the stock bootloader (tests/support/stock.h) chooses the slot, app_main runs until it restarts,
 * has nothing more to do, or has told WORD, where it dies. KEPT is a file for what a reset keeps:
 * fuses, and the memory. Every slot has this same code; what differs between releases is the image
 * alone. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulla/partition.h"
#include "esp_efuse.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "fakes.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "stock.h"

#define TRUST_SIZE      83 /* one key, one pin */
#define LOOKED_TWICE_MS (6u * 3600u * 1000u)
#define WAITED_LONG_MS  (24u * 3600u * 1000u)
#define DESCRIPTOR_AT   32u /* behind the image's header and that of its first segment */

/* what EMBED_FILES makes */
uint8_t trust_blob[TRUST_SIZE] __asm__("_binary_trust_cbor_start");
__asm__(".globl _binary_trust_cbor_end\n"
        ".set _binary_trust_cbor_end, _binary_trust_cbor_start + 83\n");

extern char memory_begin[] __asm__("__start_rtc_noinit");
extern char memory_end[] __asm__("__stop_rtc_noinit");

void app_main(void);

const char *test_url;
static const char *kept;
static const char *last_word = "";
static struct flash_sim sim;
static struct bulla_layout layout;

static void stop(const char *what)
{
    printf("%s\n", what);
    fprintf(stderr, "waited %llu\n", (unsigned long long)fakes.delayed_ms);
    fflush(stdout);
    FILE *file = fopen(kept, "wb");
    if (file == NULL || fwrite(&fakes.fuses, sizeof(fakes.fuses), 1, file) != 1 ||
        fwrite(memory_begin, (size_t)(memory_end - memory_begin), 1, file) != 1 ||
        fclose(file) != 0)
        exit(2);
    exit(0);
}

static void restart(void)
{
    stop("restarts");
}

void test_esp_error_check(esp_err_t err)
{
    if (err != ESP_OK)
        stop("panics");
}

void test_esp_log(const char *tag, const char *format, ...)
{
    char line[256];
    va_list list;

    (void)tag;
    va_start(list, format);
    vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    puts(line);
    if (last_word[0] != '\0' && strncmp(line, last_word, strlen(last_word)) == 0)
        stop("dies");
    if (fakes.delayed_ms > LOOKED_TWICE_MS)
        stop("goes on"); /* which a device does for ever */
}

esp_err_t nvs_flash_init(void)
{
    return ESP_OK;
}

esp_err_t esp_netif_init(void)
{
    return ESP_OK;
}

esp_err_t esp_event_loop_create_default(void)
{
    return ESP_OK;
}

/* With BULLA_TEST_NETWORK=mute there is a network that never gives an address. */
esp_err_t example_connect(void)
{
    const char *network = getenv("BULLA_TEST_NETWORK");

    if (network == NULL || strcmp(network, "mute") != 0)
        return ESP_OK;
    while (fakes.delayed_ms < WAITED_LONG_MS)
        vTaskDelay(pdMS_TO_TICKS(1000));
    stop("waits");
    return ESP_FAIL;
}

/* ---- the bootloader ---- */

static bool loads(void *ctx, int32_t slot)
{
    const struct bulla_partition *at = bulla_layout_slot(&layout, slot);

    (void)ctx;
    return at != NULL && stock_image_loads(flash_sim_flash(&sim), at->offset, at->size, 0);
}

/* What the bootloader reads of a slot before it has looked at the rest of the image. */
static bool describe(int32_t slot, esp_app_desc_t *out)
{
    const struct bulla_partition *at = bulla_layout_slot(&layout, slot);
    const struct bulla_flash *flash = flash_sim_flash(&sim);

    return at != NULL &&
           flash->read(flash->ctx, at->offset + DESCRIPTOR_AT, out, sizeof(*out)) == BULLA_OK &&
           out->magic_word == 0xabcd5432u;
}

static bool allowed(void *ctx, int32_t slot)
{
    esp_app_desc_t app;

    (void)ctx;
    return describe(slot, &app) && app.secure_version >= fakes.fuses;
}

static void burn(void *ctx, int32_t slot)
{
    esp_app_desc_t app;

    (void)ctx;
    if (describe(slot, &app))
        (void)esp_efuse_update_secure_version(app.secure_version);
}

static bool note_running(const struct stock *stock, int32_t slot)
{
    uint32_t state = STOCK_UNDEFINED;

    fakes_run_from(bulla_layout_slot(&layout, slot)->offset, slot);
    fakes.pending = stock_state_of(stock, slot, &state) == STOCK_OK && state == STOCK_PENDING;
    return describe(slot, &fakes.app);
}

static bool boot(void)
{
    const struct bulla_bytes table = {sim.bytes + BULLA_PARTITION_TABLE_OFFSET,
                                      BULLA_PARTITION_TABLE_SIZE};

    if (bulla_layout_decode(table, sim.size, &layout) != BULLA_OK)
        return false;
    const struct stock stock = {.flash = flash_sim_flash(&sim),
                                .otadata = layout.otadata.offset,
                                .slot_count = layout.slot_count,
                                .has_factory = layout.factory.size != 0,
                                .rollback = true,
                                .loads = loads,
                                .allowed = allowed,
                                .burn = burn};
    int32_t slot = stock_boot(&stock);
    if (slot == STOCK_NONE || !note_running(&stock, slot))
        return false;
    printf("starts %s\n", bulla_layout_slot(&layout, slot)->label);
    return true;
}

static bool read_trust(const char *path)
{
    FILE *file = fopen(path, "rb");
    bool whole =
        file != NULL && fread(trust_blob, 1, TRUST_SIZE, file) == TRUST_SIZE && fgetc(file) == EOF;

    if (file != NULL)
        fclose(file);
    return whole;
}

static void read_kept(void)
{
    FILE *file = fopen(kept, "rb");

    fakes_lose_power();
    if (file == NULL)
        return;
    if (fread(&fakes.fuses, sizeof(fakes.fuses), 1, file) != 1 ||
        fread(memory_begin, (size_t)(memory_end - memory_begin), 1, file) != 1)
        exit(2);
    fclose(file);
}

int main(int argc, char **argv)
{
    char why[FLASH_SIM_WHY_SIZE] = "";

    if (argc < 6 || !read_trust(argv[3]) || flash_sim_open(&sim, argv[1], why) != BULLA_OK) {
        fprintf(stderr, "device FLASH KEPT TRUST URL REASON [WORD] %s\n", why);
        return 2;
    }
    kept = argv[2];
    last_word = argc > 6 ? argv[6] : "";
    test_url = argv[4];
    fakes.sim = &sim;
    fakes_restart = restart;
    read_kept();
    fakes.reset_reason = (int)strtol(argv[5], NULL, 10);
    if (!boot())
        stop("does not start");
    app_main();
    stop("ends");
}
