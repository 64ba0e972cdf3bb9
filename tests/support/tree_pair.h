/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_PAIR_H
#define TREE_PAIR_H

/* A case of the vector kit with its trust store as both readings have it. Include after check.h. */

#include "kit.h"
#include "tree_reading.h"

#define KIT BULLA_TEST_DIR "/vectors"

struct pair {
    struct kit_case first;
    struct tree_trust second;
};

static inline bool next_pair(FILE *cases, struct pair *pair)
{
    const char *why;
    if (!kit_next(KIT, cases, &pair->first))
        return false;
    memset(&pair->second, 0, sizeof(pair->second));
    if (!tree_trust_add(&pair->second,
                        (struct bulla_bytes){pair->first.store.data, pair->first.store.len}, &why))
        fail_msg("%s: the trust store: %s", pair->first.name, why);
    return true;
}

static inline void end_pair(struct pair *pair)
{
    tree_trust_free(&pair->second);
    kit_end(&pair->first);
}

static inline void load_pair(const char *name, FILE **cases, struct pair *pair)
{
    *cases = kit_open(KIT, "envelope");
    while (next_pair(*cases, pair)) {
        if (strcmp(pair->first.name, name) == 0)
            return;
        end_pair(pair);
    }
    fail_msg("no case %s", name);
}

/* The same numbers in every run. */
static inline uint32_t dice(void)
{
    static uint64_t seed = 1;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

#endif
