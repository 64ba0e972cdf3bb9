/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy and memcmp as the standard has them. */

#include "proof.h"

void __CPROVER_array_copy(const void *to, const void *from);
void __CPROVER_array_replace(const void *to, const void *from);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    prove(__CPROVER_w_ok(to, n) && __CPROVER_r_ok(from, n), "memcpy stays within both objects");
    prove(__CPROVER_POINTER_OBJECT(to) != __CPROVER_POINTER_OBJECT(from) ||
              (const char *)from >= (const char *)to + n ||
              (const char *)to >= (const char *)from + n,
          "memcpy between places that do not overlap");
    if (n > 0) {
        char copy[n];
        __CPROVER_array_copy(copy, (const char *)from);
        __CPROVER_array_replace((char *)to, copy);
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < n; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}
