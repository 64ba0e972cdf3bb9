/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_OTADATA_H
#define BULLA_OTADATA_H

/* ESP-IDF's otadata: two 32-byte records, one at the start of each of two sectors. It selects a
 * slot; it proves nothing. This module decodes, encodes and chooses; boot.c and update.c decide
 * when a sector is rewritten. docs/FORMAT.md, "otadata" (esp-idf bootloader_common_loader.c,
 * bootloader_utility.c). */

#include "bulla/bytes.h"
#include "bulla/flash.h"
#include "bulla/partition.h"
#include "bulla/status.h"

#define BULLA_OTADATA_RECORD_SIZE 32u

enum bulla_ota_state {
    BULLA_OTA_NEW = 0,
    BULLA_OTA_PENDING_VERIFY = 1,
    BULLA_OTA_VALID = 2,
    BULLA_OTA_INVALID = 3,
    BULLA_OTA_ABORTED = 4,
};
#define BULLA_OTA_UNDEFINED 0xffffffffu
#define BULLA_OTA_SEQ_NONE  0xffffffffu

struct bulla_ota_record {
    uint32_t seq;
    uint8_t label[20]; /* carried along, never read */
    uint32_t state;    /* enum bulla_ota_state, or anything */
    uint32_t crc;
};
struct bulla_otadata {
    struct bulla_ota_record record[2];
};

uint32_t bulla_ota_crc(uint32_t seq);
struct bulla_ota_record bulla_ota_record_decode(const uint8_t bytes[BULLA_OTADATA_RECORD_SIZE]);
void bulla_ota_record_encode(const struct bulla_ota_record *record,
                             uint8_t bytes[BULLA_OTADATA_RECORD_SIZE]);

/* ESP-IDF's predicates (esp-formats.md 1.3). */
bool bulla_ota_is_invalid(const struct bulla_ota_record *record);
bool bulla_ota_is_valid(const struct bulla_ota_record *record);
int32_t bulla_ota_active(const struct bulla_otadata *otadata); /* 0, 1 or -1 */
/* (seq - 1) mod 2^32 mod count; count >= 1. */
uint32_t bulla_ota_slot_of(uint32_t seq, uint32_t count);
/* Smallest seq > current that means `slot`; BULLA_E_OTADATA_FULL when it would reach
 * 0xffffffff (weak spot W8). */
BULLA_MUST_CHECK enum bulla_status bulla_ota_next_seq(uint32_t current, uint32_t slot,
                                                      uint32_t count, uint32_t *seq);

/* What ESP-IDF's bootloader selects and what it would rewrite on the way (1.4 steps 0..3).
 * Pure: changes *otadata to what the records would be and sets *rewrites bit i for each sector
 * erased and written. Returns the slot, BULLA_SLOT_FACTORY (also for "try all"). `otadata`
 * NULL: the table has no such row. *initial: the bootloader will write sector 0 as
 * {slot it starts + 1, VALID} when that is an OTA slot. */
int32_t bulla_ota_idf_select(struct bulla_otadata *otadata, uint32_t slot_count, bool has_factory,
                             bool rollback, uint32_t *rewrites, bool *initial);

BULLA_MUST_CHECK enum bulla_status bulla_otadata_read(const struct bulla_flash *flash,
                                                      const struct bulla_partition *partition,
                                                      struct bulla_otadata *out);
/* Erase sector `index` and write the record (seq and crc recomputed), then read it back. */
BULLA_MUST_CHECK enum bulla_status bulla_otadata_write(const struct bulla_flash *flash,
                                                       const struct bulla_partition *partition,
                                                       uint32_t index,
                                                       const struct bulla_ota_record *record);
/* Erase sector `index`: that record is gone. */
BULLA_MUST_CHECK enum bulla_status bulla_otadata_drop(const struct bulla_flash *flash,
                                                      const struct bulla_partition *partition,
                                                      uint32_t index);

#endif
