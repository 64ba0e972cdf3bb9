/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_NOR_H
#define BULLA_MCU_NOR_H

/* The board's SPI NOR as the flash seam of the client. */

#include "bulla/flash.h"

/* Finds the chip, whatever a reset of the processor alone has left it in. BULLA_E_FLASH_READ: none
 * answers, or it is smaller than board_nor_size or none that 3-byte addresses reach. */
BULLA_MUST_CHECK enum bulla_status nor_open(struct bulla_flash *flash);

/* ---- nor_whole.c, or nor_cut.c in a build for tests: the power goes off in one operation ---- */

/* One page program or erase of `len` bytes comes; returns how many of them it gets to do. Less than
 * all of an erase is none of it. */
size_t nor_begin(size_t len);
/* It is done; does not return when it was the last. */
void nor_end(void);
/* Before a regular end: prints how many there were since power-on, if they are counted. */
void nor_report(void);

#endif
