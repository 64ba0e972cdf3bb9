/* SPDX-License-Identifier: Apache-2.0 */
/* The 32 bytes of a record, both ways, and what its checksum covers: every record, any checksum. */

#include "bulla/otadata.h"
#include "crc32.h"
#include "proof.h"

static uint8_t covered[4];
static uint32_t crc;

uint32_t bulla_crc32(uint32_t seed, struct bulla_bytes bytes)
{
    prove(seed == 0xffffffff && bytes.len == 4, "the checksum is over four bytes");
    for (int i = 0; i < 4; i++)
        covered[i] = bytes.data[i];
    return crc;
}

int main(void)
{
    uint8_t bytes[32], again[32];
    crc = nondet_u32();
    struct bulla_ota_record r = bulla_ota_record_decode(bytes);
    bulla_ota_record_encode(&r, again);
    for (int i = 0; i < 32; i++)
        prove(again[i] == bytes[i], "decoded and encoded: the same bytes");
    prove(r.seq == (bytes[0] | bytes[1] * 0x100u | bytes[2] * 0x10000u | bytes[3] * 0x1000000u),
          "little-endian on any machine");
    prove(bulla_ota_crc(r.seq) == crc, "the checksum as it is");
    for (int i = 0; i < 4; i++)
        prove(covered[i] == bytes[i], "over the bytes of seq as they lie on flash");
    prove(bulla_ota_is_valid(&r) ==
              (r.crc == crc && r.seq != 0xffffffff && r.state != 3 && r.state != 4),
          "valid by the definition");
    if (bulla_ota_is_valid(&r))
        reached("a valid record");
}
