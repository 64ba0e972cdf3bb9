/* SPDX-License-Identifier: Apache-2.0 */
/* The memory functions for proofs that are about places, not about contents: both sides must be
 * accessible and apart, two strings compare in any way, nothing is copied. What such a harness
 * claims may not rest on copied bytes. */

#include "proof.h"

int memcmp(const void *a, const void *b, size_t n)
{
    prove(n == 0 || (__CPROVER_r_ok(a, n) && __CPROVER_r_ok(b, n)), "memcmp reads what is there");
    return nondet_i32();
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    prove(n == 0 || (__CPROVER_w_ok(to, n) && __CPROVER_r_ok(from, n)),
          "memcpy stays within both objects");
    prove(n == 0 || __CPROVER_POINTER_OBJECT(to) != __CPROVER_POINTER_OBJECT(from) ||
              (const char *)from >= (const char *)to + n ||
              (const char *)to >= (const char *)from + n,
          "memcpy between places that do not overlap");
    return to;
}
