/* SPDX-License-Identifier: Apache-2.0 */
/* The next sequence number: above the current one, for the slot asked for, the least such, never
 * the number that means "no record"; or refused. Every current number, a given count of slots. */

#include "bulla/otadata.h"
#include "crc32.h"
#include "proof.h"

uint32_t bulla_crc32(uint32_t seed, struct bulla_bytes bytes)
{
    (void)seed;
    (void)bytes;
    return nondet_u32();
}

int main(void)
{
    uint32_t current = nondet_u32(), slot = nondet_u32(), count = COUNT, seq = 0;
    enum bulla_status status = bulla_ota_next_seq(current, slot, count, &seq);
    prove((status == BULLA_E_PARTITION_SLOTS) == (slot >= count), "only a slot there is");
    if (slot >= count)
        return 0;
    prove(bulla_ota_slot_of(nondet_u32(), count) < count, "a slot there is");
    prove(status == BULLA_OK || status == BULLA_E_OTADATA_FULL, "or the numbers are used up");
    if (status == BULLA_OK) {
        prove(seq > current && seq < 0xffffffff, "above the current one");
        prove(seq - current <= count, "the least such");
        prove(bulla_ota_slot_of(seq, count) == slot, "it means the slot");
        if (seq == 0xfffffffe)
            reached("the last number");
    } else {
        prove(seq == 0xffffffff && current >= 0xffffffffu - count, "refused only at the end");
        reached("used up");
    }
    return 0;
}
