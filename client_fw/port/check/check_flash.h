/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_PORT_CHECK_FLASH_H
#define BULLA_PORT_CHECK_FLASH_H

/* Does a flash driver keep the promises of bulla/flash.h? To be run on the board, on sectors whose
 * content is lost. It finds what drivers get wrong, not chips that wear out, and cuts no power.
 * What lies outside of the chip is not touched: a driver that wraps around there would erase its
 * start. No heap, no C library. */

#include "bulla/flash.h"
#include "bulla/limits.h"

#define BULLA_CHECK_SECTORS 3u /* at least: the second one is worked on, the others are watched */

enum bulla_flash_fault {
    BULLA_FLASH_SOUND = 0,
    BULLA_FLASH_GEOMETRY,  /* size, unit, or the sectors to be used make no sense; nothing was done
                            */
    BULLA_FLASH_FAILED,    /* a call reported an error: which one, in `status` */
    BULLA_FLASH_NOT_BLANK, /* an erased sector has other bytes than 0xff */
    BULLA_FLASH_PROGRAM,   /* a whole sector in one program does not read back: page ends, often */
    BULLA_FLASH_ODD,       /* odd buffers, offsets or lengths read or program other bytes */
    BULLA_FLASH_UNIT,      /* what the port fills the last unit up with is not 0xff */
    BULLA_FLASH_BITS,      /* a second program of a byte set bits: something erases in secret */
    BULLA_FLASH_NEIGHBOUR, /* a sector beside it changed */
    BULLA_FLASH_ALIAS, /* the same bytes are found at another offset: chip or address too small */
    BULLA_FLASH_BLOCK, /* erase_block is not 16 erased sectors, or more */
    BULLA_FLASH_MAP,   /* map shows other bytes than read */
};

struct bulla_flash_report {
    enum bulla_flash_fault fault;
    enum bulla_status status;
    uint32_t offset; /* of the first byte that is wrong, or of the call that failed */
};

/* The `sectors` sectors from `offset` on are erased and programmed, and are blank at the end if all
 * is well. With erase_block, 18 sectors of which one begins a block after the first are needed for
 * it to be tried. `buffer` has BULLA_SECTOR_SIZE bytes. True: sound. */
BULLA_MUST_CHECK bool bulla_port_check_flash(const struct bulla_flash *flash, uint32_t offset,
                                             uint32_t sectors, uint8_t *buffer,
                                             struct bulla_flash_report *report);

#endif
