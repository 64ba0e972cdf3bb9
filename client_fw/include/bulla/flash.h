/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FLASH_H
#define BULLA_FLASH_H

/* The flash seam: NOR, erased to 0xFF, programs only clear bits. Offsets are bytes from the
 * start of the chip. The core never programs a byte twice between erases except from 0xFF,
 * never crosses the end, and erases whole sectors only. */

#include "bulla/bytes.h"
#include "bulla/status.h"

struct bulla_flash {
    /* BULLA_OK or BULLA_E_FLASH_READ. */
    enum bulla_status (*read)(void *ctx, uint32_t offset, void *buffer, size_t len);
    /* Any offset and length; returns when the bytes are down. BULLA_E_FLASH_PROGRAM. */
    enum bulla_status (*program)(void *ctx, uint32_t offset, const void *bytes, size_t len);
    /* One sector of BULLA_SECTOR_SIZE bytes. BULLA_E_FLASH_ERASE. */
    enum bulla_status (*erase_sector)(void *ctx, uint32_t offset);
    uint32_t size; /* of the chip */
    void *ctx;
};

#endif
