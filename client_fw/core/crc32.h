/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_CRC32_H
#define BULLA_CORE_CRC32_H

/* CRC-32 (reflected polynomial 0xedb88320). Finds accidents of flash, never attackers.
 *
 * The shift register starts at ~seed and its complement is returned, as in zlib's crc32() and
 * the ESP32 ROM's esp_rom_crc32_le(). Therefore:
 *   - seed 0 gives the ordinary CRC-32 ("123456789" -> 0xcbf43926);
 *   - the result of one part is the seed of the next;
 *   - seed 0xffffffff starts the register at 0: the checksum ESP-IDF puts over ota_seq. */

#include "bulla/bytes.h"

uint32_t bulla_crc32(uint32_t seed, struct bulla_bytes bytes);

#endif
