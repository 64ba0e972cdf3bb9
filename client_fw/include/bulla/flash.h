/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FLASH_H
#define BULLA_FLASH_H

/* The flash seam: NOR, erased to 0xFF, programs only clear bits. Offsets are bytes from the
 * start of the chip. The core never programs a byte twice between erases, never crosses the end,
 * and erases whole sectors only. */

#include "bulla/bytes.h"
#include "bulla/status.h"

#define BULLA_BLOCK_SIZE     0x10000u
#define BULLA_FLASH_UNIT_MAX 32u

struct bulla_flash {
    /* BULLA_OK or BULLA_E_FLASH_READ. */
    enum bulla_status (*read)(void *ctx, uint32_t offset, void *buffer, size_t len);
    /* Any length, from a multiple of `unit` on; the port fills the last unit up with 0xFF. Returns
     * when the bytes are down. BULLA_E_FLASH_PROGRAM. */
    enum bulla_status (*program)(void *ctx, uint32_t offset, const void *bytes, size_t len);
    /* One sector of BULLA_SECTOR_SIZE bytes. BULLA_E_FLASH_ERASE. */
    enum bulla_status (*erase_sector)(void *ctx, uint32_t offset);
    /* NULL: the chip has none. BULLA_BLOCK_SIZE bytes at a multiple of it, like so many sectors
     * but faster. BULLA_E_FLASH_ERASE. */
    enum bulla_status (*erase_block)(void *ctx, uint32_t offset);
    /* NULL: the port maps nothing. Where these bytes lie in memory; valid until they are erased or
     * programmed, NULL if just these cannot be mapped. */
    const uint8_t *(*map)(void *ctx, uint32_t offset, size_t len);
    /* Smallest program: a power of two up to BULLA_FLASH_UNIT_MAX; 0 is 1. The core never programs
     * a unit twice between erases, whatever is in it. */
    uint32_t unit;
    uint32_t size; /* of the chip */
    void *ctx;
};

#endif
