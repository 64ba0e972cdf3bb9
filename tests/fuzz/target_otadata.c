/* SPDX-License-Identifier: Apache-2.0 */
/* otadata: two records, each 32 bytes; an input of 8,192 bytes is the whole partition. For each
 * choice of right CRCs, number of slots, factory and rollback.
 *
 * Holds: records encode back to their bytes; the selection names a slot that exists, never one by
 * an INVALID or ABORTED record, never by a record with a wrong CRC while the other one is valid;
 * and selecting again what it rewrote changes the trial at most once more. */

#include "bulla/limits.h"
#include "bulla/otadata.h"
#include "fuzz.h"

#define RECORD BULLA_OTADATA_RECORD_SIZE

static struct bulla_otadata decode(struct bulla_bytes in, unsigned right)
{
    size_t second = in.len == 2u * BULLA_SECTOR_SIZE ? BULLA_SECTOR_SIZE : RECORD;
    struct bulla_otadata out;

    for (unsigned i = 0; i < 2; i++) {
        size_t at = i * second;
        uint8_t bytes[RECORD], again[RECORD];
        memset(bytes, 0xff, sizeof(bytes));
        if (at < in.len)
            memcpy(bytes, in.data + at, in.len - at < RECORD ? in.len - at : RECORD);
        out.record[i] = bulla_ota_record_decode(bytes);
        bulla_ota_record_encode(&out.record[i], again);
        FUZZ_CHECK(memcmp(bytes, again, RECORD) == 0);
        if ((right >> i & 1u) != 0)
            out.record[i].crc = bulla_ota_crc(out.record[i].seq);
    }
    return out;
}

static bool usable(const struct bulla_ota_record *r, bool rollback)
{
    return r->seq != BULLA_OTA_SEQ_NONE && r->crc == bulla_ota_crc(r->seq) &&
           r->state != BULLA_OTA_INVALID && r->state != BULLA_OTA_ABORTED &&
           (!rollback || r->state != BULLA_OTA_PENDING_VERIFY);
}

/* esp-idf bootloader_utility.c as prose has it: the slot expected when some record is usable. */
static int32_t expected_slot(const struct bulla_otadata *o, uint32_t slots, bool rollback)
{
    bool first = usable(&o->record[0], rollback), second = usable(&o->record[1], rollback);
    uint32_t seq = o->record[0].seq;

    if (second && (!first || o->record[1].seq > seq))
        seq = o->record[1].seq;
    return (int32_t)((seq - 1u) % slots);
}

static void check_select(const struct bulla_otadata *before, uint32_t slots, bool factory,
                         bool rollback)
{
    struct bulla_otadata after = *before;
    uint32_t rewrites = 0;
    bool initial = false;
    int32_t slot = bulla_ota_idf_select(&after, slots, factory, rollback, &rewrites, &initial);
    bool any = usable(&before->record[0], rollback) || usable(&before->record[1], rollback);

    FUZZ_CHECK(slot == BULLA_SLOT_FACTORY || (slot >= 0 && (slots == 0 || (uint32_t)slot < slots)));
    if (slots > 0 && any)
        FUZZ_CHECK(slot == expected_slot(before, slots, rollback));
    FUZZ_CHECK(!any || !initial);
    FUZZ_CHECK(rewrites <= 3 && (rollback || rewrites == 0));
    for (unsigned i = 0; i < 2; i++) {
        const struct bulla_ota_record *b = &before->record[i], *a = &after.record[i];
        bool same = memcmp(a, b, sizeof(*a)) == 0;
        FUZZ_CHECK(same == ((rewrites >> i & 1u) == 0));
        FUZZ_CHECK(a->seq == b->seq && memcmp(a->label, b->label, sizeof(a->label)) == 0);
        if (!same)
            FUZZ_CHECK(a->state == BULLA_OTA_ABORTED || a->state == BULLA_OTA_PENDING_VERIFY);
    }
}

static void check_numbers(const struct bulla_otadata *o, uint32_t slots)
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t seq, current = o->record[i].seq;
        for (uint32_t slot = 0; slot < slots; slot++) {
            if (bulla_ota_next_seq(current, slot, slots, &seq) == BULLA_OK) {
                FUZZ_CHECK(seq > current && seq != BULLA_OTA_SEQ_NONE && seq - current <= slots);
                FUZZ_CHECK(bulla_ota_slot_of(seq, slots) == slot);
            } else {
                FUZZ_CHECK(seq == BULLA_OTA_SEQ_NONE && current >= BULLA_OTA_SEQ_NONE - 1 - slots);
            }
        }
        FUZZ_CHECK(bulla_ota_next_seq(current, slots, slots, &seq) != BULLA_OK);
    }
}

void fuzz_otadata(struct bulla_bytes in)
{
    for (unsigned right = 0; right < 4; right++) {
        struct bulla_otadata o = decode(in, right);
        int32_t active = bulla_ota_active(&o);
        FUZZ_CHECK(active == -1 || bulla_ota_is_valid(&o.record[active]));
        FUZZ_CHECK(active != -1 ||
                   (!bulla_ota_is_valid(&o.record[0]) && !bulla_ota_is_valid(&o.record[1])));
        for (uint32_t slots = 0; slots <= BULLA_SLOTS_MAX; slots++) {
            check_numbers(&o, slots);
            for (unsigned flags = 0; flags < 4; flags++)
                check_select(&o, slots, (flags & 1u) != 0, (flags & 2u) != 0);
        }
    }
}
