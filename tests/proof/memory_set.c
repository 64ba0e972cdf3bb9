/* SPDX-License-Identifier: Apache-2.0 */
/* memset as the standard has it, in one step: a loop over bytes would have to be unwound. */

#include "proof.h"

void __CPROVER_array_replace(const void *to, const void *from);
void __CPROVER_array_set(const void *to, ...);

void *memset(void *to, int value, size_t n)
{
    prove(__CPROVER_w_ok(to, n), "memset stays within the object");
    if (n > 0) {
        unsigned char copy[n];
        __CPROVER_array_set(copy, (unsigned char)value);
        __CPROVER_array_replace((unsigned char *)to, copy);
    }
    return to;
}
