/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FLASH_SIM_PARTS_H
#define BULLA_FLASH_SIM_PARTS_H

/* What flash_sim.c (the chip at work) and flash_file.c (chips made, copied, opened, saved) need of
 * each other. */

#include "flash_sim.h"

/* Bring a changed range to the file, when there is one. */
BULLA_MUST_CHECK bool flash_sim_write_through(struct flash_sim *sim, uint32_t offset, size_t len);

/* Room for the marks of programmed units (unit > 1) and of unstable bits. False: no memory. */
BULLA_MUST_CHECK bool flash_sim_need_programmed(struct flash_sim *sim);
BULLA_MUST_CHECK bool flash_sim_need_unstable(struct flash_sim *sim);

/* Bytes of `programmed` that belong to one sector. */
static inline uint32_t flash_sim_marks(uint32_t unit)
{
    return BULLA_SECTOR_SIZE / unit / 8u;
}

#endif
