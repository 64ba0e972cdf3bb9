/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing and dropping a record on a flash whose every operation may fail or lie: only the
 * sector meant is touched, only within the partition, and success means that it was read back. */

#include "bulla/limits.h"
#include "bulla/otadata.h"
#include "proof.h"

static struct bulla_partition partition;
static uint32_t sector; /* the one meant */
static bool any_sector; /* reading may look at both */
static unsigned erased, programmed;
static uint8_t found[32]; /* what was read last */

static void check(uint32_t offset, size_t len, bool writes)
{
    uint32_t first = partition.offset;
    prove(partition.size >= 0x2000, "never on the strength of a bad table");
    prove(len <= BULLA_SECTOR_SIZE, "within a sector");
    prove(offset == first + sector * BULLA_SECTOR_SIZE ||
              (any_sector && !writes && (offset == first || offset == first + BULLA_SECTOR_SIZE)),
          "only the sector meant");
}

static enum bulla_status flash_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    (void)ctx;
    check(offset, len, false);
    prove(len == 32, "one record");
    for (int i = 0; i < 32; i++)
        ((uint8_t *)buffer)[i] = found[i] = nondet_u8();
    return nondet_bool() ? BULLA_OK : BULLA_E_FLASH_READ;
}

static enum bulla_status flash_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    check(offset, len, true);
    prove(erased == 1, "programmed only after the erase");
    programmed++;
    return nondet_bool() ? BULLA_OK : BULLA_E_FLASH_PROGRAM;
}

static enum bulla_status flash_erase(void *ctx, uint32_t offset)
{
    (void)ctx;
    check(offset, BULLA_SECTOR_SIZE, true);
    erased++;
    return nondet_bool() ? BULLA_OK : BULLA_E_FLASH_ERASE;
}

int main(void)
{
    struct bulla_flash flash = {.read = flash_read,
                                .program = flash_program,
                                .erase_sector = flash_erase,
                                .size = nondet_u32()};
    struct bulla_ota_record record;
    struct bulla_otadata o;
    uint32_t index = nondet_u32();
    partition.offset = nondet_u32();
    partition.size = nondet_u32();
    assume(partition.offset % BULLA_SECTOR_SIZE == 0);
    assume(partition.size <= UINT32_MAX - partition.offset);
    sector = index;
    enum bulla_status status = bulla_otadata_write(&flash, &partition, index, &record);
    if (status == BULLA_OK) {
        struct bulla_ota_record kept = bulla_ota_record_decode(found);
        prove(erased == 1 && programmed == 1, "erased and programmed once");
        prove(index < 2, "one of the two sectors");
        prove(kept.seq == record.seq && kept.state == record.state, "the record is on flash");
        prove(kept.crc == bulla_ota_crc(record.seq), "with its checksum");
        reached("written");
    }
    erased = programmed = 0;
    status = bulla_otadata_drop(&flash, &partition, index);
    if (status == BULLA_OK) {
        prove(erased == 1 && programmed == 0 && index < 2, "erased, nothing else");
        for (int i = 0; i < 32; i++)
            prove(found[i] == 0xff, "the record is gone");
        reached("dropped");
    }
    any_sector = true;
    erased = programmed = 0;
    status = bulla_otadata_read(&flash, &partition, &o);
    prove(erased == 0 && programmed == 0, "reading writes nothing");
    if (status == BULLA_OK)
        reached("read");
    else
        prove(!bulla_ota_is_valid(&o.record[0]) && !bulla_ota_is_valid(&o.record[1]),
              "what could not be read is no record");
}
