/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_KEPT_H
#define BULLA_MCU_KEPT_H

/* Memory that a reset does not clear: the last 256 bytes of the RAM, which no start code touches.
 * Stage 0 sorts it out at each reset; with the power off it is whatever the cells came up with. The
 * application can write all of it, so stage 0 believes no more than a reason. */

#include <stdint.h>

#include "board.h"

#define KEPT_MAGIC 0x6b657074u

struct kept {
    /* For the next reset, from board_restart; anything else in them means that the power was off.
     */
    uint32_t magic;
    uint32_t next;     /* enum board_reset */
    uint32_t not_next; /* its complement */
    /* KEPT_MAGIC: stage 0 had done its part, so what went wrong then is the release's. */
    uint32_t charged;

    /* Of this reset, from stage 0. */
    uint32_t boots;    /* since power-on, this one included */
    int32_t slot;      /* started */
    uint32_t trial;    /* it runs unconfirmed */
    uint32_t sequence; /* of its manifest */

    /* Of nor_cut.c. */
    uint32_t operations; /* programs and erases of the NOR since power-on */
    uint32_t cut;        /* the power was cut already, for as long as the emulator runs */
};

extern struct kept kept; /* the linker script knows where */

#endif
