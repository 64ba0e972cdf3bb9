/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TESTS_PROOF_CRYPTO_ANY_H
#define BULLA_TESTS_PROOF_CRYPTO_ANY_H

/* What the crypto of crypto_any.c was asked and what it answered. */

#include "bulla/bytes.h"

struct crypto_log {
    struct bulla_bytes hashed; /* last bytes hashed */
    uint8_t digest[32];        /* last digest given */
    bool finish_ok;            /* it was no failure */
    uint32_t finished;
    uint32_t asked; /* signatures looked at */
    uint32_t held;  /* of these, good ones */
};
extern struct crypto_log crypto_log;

#endif
