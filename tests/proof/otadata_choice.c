/* SPDX-License-Identifier: Apache-2.0 */
/* The choice between the two otadata records, over every seq, state and crc of both and a given
 * number of slots. The CRC is replaced by any function of seq (whether it is the right one is
 * otadata_crc's question), so validity takes every combination. */

#include "bulla/otadata.h"
#include "crc32.h"
#include "proof.h"

static uint32_t crc_seq[2], crc_value[2];

/* Some function: equal numbers have equal checksums. */
uint32_t bulla_crc32(uint32_t seed, struct bulla_bytes bytes)
{
    uint32_t seq = (uint32_t)bytes.data[0] | (uint32_t)bytes.data[1] << 8 |
                   (uint32_t)bytes.data[2] << 16 | (uint32_t)bytes.data[3] << 24;
    prove(seed == 0xffffffff && bytes.len == 4, "over the four bytes of seq");
    return seq == crc_seq[0] ? crc_value[0] : crc_value[1];
}

static bool invalid(const struct bulla_ota_record *r)
{
    return r->seq == 0xffffffff || r->state == 3 || r->state == 4;
}

static bool crc_good(const struct bulla_ota_record *r)
{
    return r->crc == (r->seq == crc_seq[0] ? crc_value[0] : crc_value[1]);
}

static bool valid(const struct bulla_ota_record *r)
{
    return !invalid(r) && crc_good(r);
}

static void prove_active(const struct bulla_otadata *o)
{
    const struct bulla_ota_record *r = o->record;
    bool valid0 = valid(&r[0]), valid1 = valid(&r[1]);
    int32_t active = bulla_ota_active(o);
    prove(active >= -1 && active <= 1, "0, 1 or -1");
    prove((active >= 0) == (valid0 || valid1), "one is chosen exactly when one is valid");
    prove(active < 0 || valid(&r[active]), "never a record that is invalid");
    if (valid0 && valid1) {
        prove(r[active].seq >= r[1 - active].seq, "the higher number wins, also near 2^32");
        prove(r[0].seq != r[1].seq || active == 0, "equal numbers: the first");
        if (r[0].seq > 0xfffffff0)
            reached("both valid near 2^32");
    }
}

/* What ESP-IDF's bootloader does, from its description: states first, then the choice. */
static void prove_select(const struct bulla_otadata *before)
{
    struct bulla_otadata o = *before;
    struct bulla_ota_record *r = o.record;
    uint32_t count = COUNT, rewrites = nondet_u32();
    bool factory = nondet_bool(), rollback = nondet_bool(), initial = nondet_bool();
    int32_t slot = bulla_ota_idf_select(&o, count, factory, rollback, &rewrites, &initial);
    prove(slot >= -1 && (slot <= 0 || (uint32_t)slot < count), "a slot of the table, or factory");
    for (int i = 0; i < 2; i++) {
        const struct bulla_ota_record *b = &before->record[i];
        bool changed = r[i].state != b->state;
        prove(r[i].seq == b->seq && r[i].crc == b->crc, "only a state is ever changed");
        prove(changed == ((rewrites >> i & 1u) != 0), "what is changed is said to be rewritten");
        prove(!changed || (rollback && ((b->state == 1 && r[i].state == 4) ||
                                        (b->state == 0 && r[i].state == 1))),
              "only a pending trial is aborted, only a new release becomes pending");
    }
    prove(rewrites <= 3, "two sectors");
    bool pending0 = rollback && before->record[0].state == 1;
    bool pending1 = rollback && before->record[1].state == 1;
    bool valid0 = valid(&before->record[0]) && !pending0;
    bool valid1 = valid(&before->record[1]) && !pending1;
    if (count > 0 && (valid0 || valid1)) {
        int32_t by = !valid0 ? 1 : !valid1 ? 0 : r[1].seq > r[0].seq ? 1 : 0;
        prove(slot == (int32_t)((r[by].seq - 1u) % count),
              "never a slot whose record is invalid while a valid one exists");
#if COUNT > 0
        if (by == 1)
            reached("the second record names the slot");
#endif
    } else {
        prove(slot <= 0 && (!factory || slot == -1), "none: the factory app, or the first slot");
        prove(slot == -1 || !initial || !factory, "initial only without a factory app");
    }
}

int main(void)
{
    struct bulla_otadata o;
    crc_seq[0] = nondet_u32();
    crc_value[0] = nondet_u32(), crc_value[1] = nondet_u32();
    assume(crc_seq[0] == o.record[0].seq);
    prove_active(&o);
    prove_select(&o);
}
