/* SPDX-License-Identifier: Apache-2.0 */
/* A partition table of any bytes: what is accepted lies inside the flash and behind the table, does
 * not overlap, and its slots have no gap. MD5 may give anything. */

#include "bulla/limits.h"
#include "bulla/partition.h"
#include "md5.h"
#include "proof.h"

void bulla_md5(struct bulla_bytes input, uint8_t digest[BULLA_MD5_SIZE])
{
    prove(input.len == 0 || __CPROVER_r_ok(input.data, input.len), "hashed rows may be read");
    for (unsigned i = 0; i < BULLA_MD5_SIZE; i++)
        digest[i] = nondet_u8();
}

static bool inside(const struct bulla_partition *p, uint32_t flash_size)
{
    return p->offset <= flash_size && p->size <= flash_size - p->offset;
}

static bool apart(const struct bulla_partition *a, const struct bulla_partition *b)
{
    return a->size == 0 || b->size == 0 || a->offset + (uint64_t)a->size <= b->offset ||
           b->offset + (uint64_t)b->size <= a->offset;
}

int main(void)
{
    struct bulla_bytes table = any_bytes(32 * ROWS);
    uint32_t flash_size = nondet_u32();
    struct bulla_layout *l = malloc(sizeof(*l));
    enum bulla_status status = bulla_layout_decode(table, flash_size, l);
    if (status != BULLA_OK) {
        prove(l->slot_count == 0 && l->otadata.size == 0 && l->factory.size == 0, "nothing");
        return 0;
    }
    prove(l->slot_count <= BULLA_SLOTS_MAX, "slots");
    prove(l->slot_count > 0 || l->factory.size > 0, "something that boots");
    prove(l->slot_count == 0 || l->otadata.size == 2 * BULLA_SECTOR_SIZE,
          "slots have their otadata");
    uint32_t i = nondet_u32(), j = nondet_u32();
    assume(i < l->slot_count);
    prove(l->slots[i].size > 0, "no gap");
    prove(inside(&l->slots[i], flash_size) && l->slots[i].offset >= 0x9000, "a slot in the flash");
    prove(l->slots[i].offset % 0x10000 == 0 && l->slots[i].size % 0x1000 == 0, "aligned");
    prove(apart(&l->slots[i], &l->otadata), "not where otadata is");
    prove(j >= i || apart(&l->slots[i], &l->slots[j]), "slots do not overlap");
    if (l->slot_count == ROWS - 2)
        reached("as many slots as there are rows");
    return 0;
}
