/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLOCK_H
#define BULLA_CLOCK_H

/* The clock seam: only what waiting between two attempts needs. A device without it makes one
 * attempt per call and takes up the download the next time. */

#include "bulla/bytes.h"

struct bulla_clock {
    uint64_t (*now_ms)(void *ctx); /* never goes back; its start means nothing */
    void (*sleep_ms)(void *ctx, uint32_t ms);
    uint32_t (*random)(void *ctx); /* spreads a fleet's retries; need not be secret */
    void *ctx;
};

#endif
