/* SPDX-License-Identifier: Apache-2.0 */
/* ESP-IDF's otadata: the 32-byte record, the bootloader's choice between the two, and the only
 * three ways to touch the sectors. Which sector may be touched when is not decided here. */

#include "bulla/otadata.h"

#include "bulla/limits.h"
#include "crc32.h"

#include "bulla/mem.h"

#define SEQ_AT   0u
#define LABEL_AT 4u
#define STATE_AT 24u
#define CRC_AT   28u

static uint32_t read32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void write32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

/* Over the four bytes of seq alone: state and label are not covered, so a flipped state is
 * trusted by every ESP-IDF bootloader. That is why otadata selects a slot and proves nothing. */
uint32_t bulla_ota_crc(uint32_t seq)
{
    uint8_t bytes[4];

    write32(bytes, seq);
    return bulla_crc32(0xffffffffu, (struct bulla_bytes){bytes, sizeof(bytes)});
}

struct bulla_ota_record bulla_ota_record_decode(const uint8_t bytes[BULLA_OTADATA_RECORD_SIZE])
{
    struct bulla_ota_record record = {
        .seq = read32(bytes + SEQ_AT),
        .state = read32(bytes + STATE_AT),
        .crc = read32(bytes + CRC_AT),
    };

    memcpy(record.label, bytes + LABEL_AT, sizeof(record.label));
    return record;
}

void bulla_ota_record_encode(const struct bulla_ota_record *record,
                             uint8_t bytes[BULLA_OTADATA_RECORD_SIZE])
{
    write32(bytes + SEQ_AT, record->seq);
    memcpy(bytes + LABEL_AT, record->label, sizeof(record->label));
    write32(bytes + STATE_AT, record->state);
    write32(bytes + CRC_AT, record->crc);
}

bool bulla_ota_is_invalid(const struct bulla_ota_record *record)
{
    return record->seq == BULLA_OTA_SEQ_NONE || record->state == BULLA_OTA_INVALID ||
           record->state == BULLA_OTA_ABORTED;
}

bool bulla_ota_is_valid(const struct bulla_ota_record *record)
{
    return !bulla_ota_is_invalid(record) && record->crc == bulla_ota_crc(record->seq);
}

int32_t bulla_ota_active(const struct bulla_otadata *otadata)
{
    bool valid0 = bulla_ota_is_valid(&otadata->record[0]);
    bool valid1 = bulla_ota_is_valid(&otadata->record[1]);

    if (valid0 && valid1)
        return otadata->record[1].seq > otadata->record[0].seq ? 1 : 0;
    if (valid0)
        return 0;
    return valid1 ? 1 : -1;
}

uint32_t bulla_ota_slot_of(uint32_t seq, uint32_t count)
{
    return (seq - 1u) % count; /* seq 0 wraps to 2^32 - 1, as in ESP-IDF */
}

enum bulla_status bulla_ota_next_seq(uint32_t current, uint32_t slot, uint32_t count, uint32_t *seq)
{
    *seq = BULLA_OTA_SEQ_NONE;
    if (count == 0 || slot >= count)
        return BULLA_E_PARTITION_SLOTS;

    /* seq - 1 is the first number >= current that leaves `slot` over */
    uint32_t step = (slot + count - current % count) % count;
    uint64_t next = (uint64_t)current + step + 1;

    if (next >= BULLA_OTA_SEQ_NONE)
        return BULLA_E_OTADATA_FULL;
    *seq = (uint32_t)next;
    return BULLA_OK;
}

/* Never written, or not whole: what ESP-IDF takes for the chip's first boot. */
static bool is_initial(const struct bulla_ota_record *record)
{
    return record->seq == BULLA_OTA_SEQ_NONE || record->crc != bulla_ota_crc(record->seq);
}

int32_t bulla_ota_idf_select(struct bulla_otadata *otadata, uint32_t slot_count, bool has_factory,
                             bool rollback, uint32_t *rewrites, bool *initial)
{
    *rewrites = 0;
    *initial = false;
    if (otadata == NULL)
        return BULLA_SLOT_FACTORY;

    struct bulla_ota_record *record = otadata->record;

    for (unsigned i = 0; rollback && i < 2; i++) {
        if (record[i].state == BULLA_OTA_PENDING_VERIFY) {
            record[i].state = BULLA_OTA_ABORTED; /* its trial ended without a confirmation */
            *rewrites |= 1u << i;
        }
    }
    if (slot_count == 0 || (bulla_ota_is_invalid(&record[0]) && bulla_ota_is_invalid(&record[1]))) {
        if (has_factory)
            return BULLA_SLOT_FACTORY;
        *initial = is_initial(&record[0]) && is_initial(&record[1]);
        return 0;
    }

    int32_t active = bulla_ota_active(otadata);

    if (active < 0)
        return BULLA_SLOT_FACTORY;
    if (rollback && record[active].state == BULLA_OTA_NEW) {
        record[active].state = BULLA_OTA_PENDING_VERIFY;
        *rewrites |= 1u << active;
    }
    return (int32_t)bulla_ota_slot_of(record[active].seq, slot_count);
}

/* Impossible for a partition that bulla_layout_decode let through; flash is never touched on
 * the strength of that alone. */
static bool sector_exists(const struct bulla_partition *partition, uint32_t index)
{
    return index < 2 && partition->size >= 2 * BULLA_SECTOR_SIZE;
}

static uint32_t sector_at(const struct bulla_partition *partition, uint32_t index)
{
    return partition->offset + index * BULLA_SECTOR_SIZE;
}

enum bulla_status bulla_otadata_read(const struct bulla_flash *flash,
                                     const struct bulla_partition *partition,
                                     struct bulla_otadata *out)
{
    uint8_t bytes[2][BULLA_OTADATA_RECORD_SIZE];

    memset(out, 0xff, sizeof(*out)); /* two records that are not there */
    for (uint32_t i = 0; i < 2; i++) {
        if (!sector_exists(partition, i))
            return BULLA_E_PARTITION_OTADATA;

        enum bulla_status st =
            flash->read(flash->ctx, sector_at(partition, i), bytes[i], sizeof(bytes[i]));

        if (st != BULLA_OK)
            return st;
    }
    for (unsigned i = 0; i < 2; i++)
        out->record[i] = bulla_ota_record_decode(bytes[i]);
    return BULLA_OK;
}

/* Is this what the start of the sector holds now? */
static enum bulla_status read_back(const struct bulla_flash *flash, uint32_t offset,
                                   const uint8_t expected[BULLA_OTADATA_RECORD_SIZE])
{
    uint8_t found[BULLA_OTADATA_RECORD_SIZE];
    enum bulla_status st = flash->read(flash->ctx, offset, found, sizeof(found));

    if (st != BULLA_OK)
        return st;
    return memcmp(found, expected, sizeof(found)) == 0 ? BULLA_OK : BULLA_E_FLASH_READBACK;
}

enum bulla_status bulla_otadata_write(const struct bulla_flash *flash,
                                      const struct bulla_partition *partition, uint32_t index,
                                      const struct bulla_ota_record *record)
{
    struct bulla_ota_record whole = *record;
    uint8_t bytes[BULLA_OTADATA_RECORD_SIZE];

    whole.crc = bulla_ota_crc(whole.seq);
    bulla_ota_record_encode(&whole, bytes);
    if (!sector_exists(partition, index))
        return BULLA_E_PARTITION_OTADATA;

    uint32_t offset = sector_at(partition, index);
    enum bulla_status st = flash->erase_sector(flash->ctx, offset);

    if (st == BULLA_OK)
        st = flash->program(flash->ctx, offset, bytes, sizeof(bytes));
    if (st == BULLA_OK)
        st = read_back(flash, offset, bytes);
    return st;
}

enum bulla_status bulla_otadata_drop(const struct bulla_flash *flash,
                                     const struct bulla_partition *partition, uint32_t index)
{
    uint8_t erased[BULLA_OTADATA_RECORD_SIZE];

    memset(erased, 0xff, sizeof(erased));
    if (!sector_exists(partition, index))
        return BULLA_E_PARTITION_OTADATA;

    uint32_t offset = sector_at(partition, index);
    enum bulla_status st = flash->erase_sector(flash->ctx, offset);

    return st == BULLA_OK ? read_back(flash, offset, erased) : st;
}
