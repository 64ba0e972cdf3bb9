/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of the sector list for every image size of 32 bits: as in unbounded arithmetic. */

#include "bulla/sectors.h"
#include "proof.h"

static uint64_t head(uint64_t argument)
{
    return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : 5;
}

int main(void)
{
    uint32_t size = nondet_u32();
    uint64_t count = ((uint64_t)size + 4095) / 4096, groups = (count + 31) / 32;
    uint64_t expected = 1 + 1 + 3 + head(size) + head(count * 32) + count * 32;
    prove(bulla_list_size(size) == expected, "length of the list");
    prove(expected - count * 32 <= BULLA_LIST_HEAD_MAX, "its head fits");
    uint64_t whole = count * 32 < 2048 ? 2048 : count * 32;
    uint64_t least = groups * 32 + 1024 < 2048 ? 2048 : groups * 32 + 1024;
    prove(bulla_list_workspace_whole(size) == whole, "workspace, whole");
    prove(bulla_list_workspace_min(size) == least, "workspace, grouped");
    if (size == 0xffffffff)
        reached("the largest image");
}
