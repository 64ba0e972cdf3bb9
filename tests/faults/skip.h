/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_SKIP_H
#define BULLA_TEST_SKIP_H

/* Skip one call while the product's code runs: at each moment at which a call is about to be made,
 * copies of the process go on without making it. The code is that of the product, compiled as it
 * is; nothing in its source knows of this. x86-64 Linux. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands in the register of the result when the call was not made. */
enum skip_left {
    SKIP_ZERO,
    SKIP_STALE, /* whatever was there */
    SKIP_ONE,
    SKIP_LEFTS,
};

/* What became of a run without the call. */
enum skip_outcome {
    SKIP_RIGHT,   /* the same answer as with it */
    SKIP_REFUSED, /* another answer, but no */
    SKIP_CRASHED,
    SKIP_HUNG,
    SKIP_ADMITTED, /* yes */
    SKIP_OUTCOMES,
};

struct skip_site {
    uint8_t *at;
    uint8_t len;
    char kind; /* c call, t call by jump, j conditional jump */
    char function[48];
    char target[48];
    /* counted by all processes */
    uint32_t instances;
    uint32_t outcome[SKIP_LEFTS][SKIP_OUTCOMES];
};

struct skip_plan {
    bool jumps;         /* conditional jumps in place of calls: not taken */
    uint32_t instances; /* of one site in one scene; 0: all */
    bool every_left;    /* also SKIP_STALE and SKIP_ONE */
    bool uncounted;     /* only `admitted` is told */
    void (*admitted)(const struct skip_site *site, uint32_t instance, enum skip_left left);
};

/* Read the list that sites.py made of this program. False, with a sentence on stderr. */
bool skip_load(const char *path);
struct skip_site *skip_sites(size_t *count);

/* What an attacker tries. */
struct skip_scene {
    /* Called with all calls made, right before: what it leaves on the stack `act` finds. NULL:
     * none. */
    void (*prime)(void *ctx);
    /* Returns its answer and, in *yes, whether it was one that admits. Called twice, must not
     * remember. */
    int (*act)(void *ctx, bool *yes);
    void *ctx;
};

/* Run the scene. Returns the answer with all calls made; outcomes without one of them are counted
 * in the sites. */
int skip_run(const struct skip_plan *plan, const struct skip_scene *scene, bool *yes);

#endif
