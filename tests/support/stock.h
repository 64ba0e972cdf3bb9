/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_STOCK_H
#define BULLA_TEST_STOCK_H

/* An unmodified ESP-IDF as a second opinion: its second-stage bootloader, and the calls by which
 * an app changes otadata (esp_ota_ops.c). It shares no code with the client, has its own CRC and
 * its own rules, and writes as ESP-IDF writes: erase the sector, program 32 bytes, read nothing
 * back. The test app and flash encryption are not modelled. */

#include "bulla/flash.h"

#define STOCK_FACTORY (-1)
#define STOCK_NONE    (-100) /* nothing starts: the chip resets for ever */

#define STOCK_NEW       0u
#define STOCK_PENDING   1u
#define STOCK_VALID     2u
#define STOCK_INVALID   3u
#define STOCK_ABORTED   4u
#define STOCK_UNDEFINED 0xffffffffu

/* ESP-IDF's numbers */
#define STOCK_OK                     0u
#define STOCK_FAIL                   0xffffffffu
#define STOCK_E_INVALID_ARG          0x102u
#define STOCK_E_NOT_FOUND            0x105u
#define STOCK_E_CONFLICT             0x1501u
#define STOCK_E_VALIDATE_FAILED      0x1503u
#define STOCK_E_ROLLBACK_FAILED      0x1505u
#define STOCK_E_ROLLBACK_INVALID_NOW 0x1506u

struct stock {
    const struct bulla_flash *flash;
    uint32_t otadata;    /* offset of the partition; 0: the table has none */
    uint32_t slot_count; /* ota_0, ota_1 ... */
    bool has_factory;
    bool rollback;                          /* built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE */
    bool (*loads)(void *ctx, int32_t slot); /* does the image in this slot load? */
    /* Built with CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK; both NULL: without. Is the secure version of
     * what lies in this slot not below the fuses; and raise them to it. */
    bool (*allowed)(void *ctx, int32_t slot);
    void (*burn)(void *ctx, int32_t slot);
    void *ctx;
};

struct stock_record {
    uint32_t seq;
    uint8_t label[20];
    uint32_t state;
    uint32_t crc;
};

/* ---- the bootloader ---- */

/* The index it would start, before any image is looked at; writes PENDING_VERIFY and ABORTED.
 * STOCK_FACTORY without a factory app: try all slots. STOCK_NONE: otadata cannot be read.
 * *initial: otadata was never written. */
int32_t stock_select(const struct stock *stock, bool *initial);

/* One reset: the slot started, STOCK_FACTORY or STOCK_NONE. */
int32_t stock_boot(const struct stock *stock);

/* What its image check looks at, address ranges and revisions aside: header, segments, checksum,
 * appended SHA-256. For `loads` of devices with ESP images. */
bool stock_image_loads(const struct bulla_flash *flash, uint32_t offset, uint32_t size,
                       uint16_t chip_id);

/* ---- the app ---- */

uint32_t stock_crc(uint32_t seq);
bool stock_read(const struct stock *stock, struct stock_record record[2]);

/* esp_ota_begin, what it does to otadata from release v5.5 on (before that: nothing). */
uint32_t stock_begin(const struct stock *stock, int32_t running, int32_t slot);
/* esp_ota_set_boot_partition; `old` as up to release v5.5. */
uint32_t stock_set_boot(const struct stock *stock, int32_t slot, bool old);
/* esp_ota_mark_app_valid_cancel_rollback */
uint32_t stock_mark_valid(const struct stock *stock);
/* esp_ota_mark_app_invalid_rollback, without the reset. */
uint32_t stock_mark_invalid(const struct stock *stock);
/* esp_ota_get_state_partition */
uint32_t stock_state_of(const struct stock *stock, int32_t slot, uint32_t *state);

#endif
