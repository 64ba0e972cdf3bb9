/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_MATRIX_H
#define BULLA_TEST_MATRIX_H

/* What the files of bulla-network share. */

#include "bed.h"
#include "proxy.h"

struct job {
    struct bed bed;
    struct proxy *proxy;
    uint32_t step;       /* cuts: every so manieth byte position; */
    uint32_t slow_count; /* positions of each row that takes real time */
    uint32_t drops;
    uint32_t per_drop; /* bytes allowed to be received twice or in vain */
    uint32_t storms;   /* updates with several cuts at random */
    uint32_t seed;
    uint32_t random; /* state of job_random */
};

/* One update with these faults, within a time that a watchdog enforces. */
enum bulla_status job_update(struct job *job, const struct proxy_fault *faults, size_t count,
                             bool repeat);

/* The same numbers for the same seed. */
uint32_t job_random(struct job *job);

/* Every row of the fault matrix, as a table. True: all as it must be. */
bool matrix_cuts(struct job *job);

/* One update under many drops, and where its bytes went. */
bool matrix_drops(struct job *job);

#endif
