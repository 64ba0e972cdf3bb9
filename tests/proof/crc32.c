/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 against its definition bit by bit: a byte behind any state of the register, so by
 * induction any bytes; and a text may be cut anywhere. */

#include "crc32.h"
#include "proof.h"

static uint32_t definition(uint32_t seed, uint8_t byte)
{
    uint32_t reg = ~seed;
    for (int i = 0; i < 8; i++) {
        uint32_t bit = (reg ^ (uint32_t)(byte >> i)) & 1u;
        reg = reg >> 1 ^ (bit ? 0xedb88320u : 0);
    }
    return ~reg;
}

int main(void)
{
    uint8_t bytes[2];
    uint32_t seed = nondet_u32();
    uint32_t one = bulla_crc32(seed, (struct bulla_bytes){bytes, 1});
    prove(one == definition(seed, bytes[0]), "one byte");
    prove(bulla_crc32(seed, (struct bulla_bytes){bytes, 0}) == seed, "no byte");
    uint32_t two = bulla_crc32(seed, (struct bulla_bytes){bytes, 2});
    prove(two == bulla_crc32(one, (struct bulla_bytes){bytes + 1, 1}), "cut in two");
    if (seed == 0 && bytes[0] == '1' && one == 0x83dcefb7)
        reached("the CRC-32 of 1");
}
