/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_BYTES_H
#define BULLA_BYTES_H

/* A length beside a pointer, and the two things everybody does with it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BULLA_MUST_CHECK __attribute__((warn_unused_result))
#else
#define BULLA_MUST_CHECK
#endif

/* Borrowed bytes. Empty: len 0, data may be NULL. Never owns what it points at. */
struct bulla_bytes {
    const uint8_t *data;
    size_t len;
};

/* Equal length and content. Looks at every byte before it answers: digests, pins and key ids
 * are compared with this and nothing else. */
BULLA_MUST_CHECK bool bulla_bytes_equal(struct bulla_bytes a, struct bulla_bytes b);

/* The proof of a comparison: `fact` when all len bytes are equal, else 0. Compare the result with
 * the fact: what a call that never happened leaves in a register is anything else. */
BULLA_MUST_CHECK uint32_t bulla_prove_equal(const uint8_t *a, const uint8_t *b, size_t len,
                                            uint32_t fact);

/* As bulla_bytes_equal, for two digests of 32 bytes. */
BULLA_MUST_CHECK bool bulla_digest_equal(const uint8_t a[32], const uint8_t b[32]);

#endif
