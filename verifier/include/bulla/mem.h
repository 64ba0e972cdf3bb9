/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MEM_H
#define BULLA_MEM_H

/* The three functions the core takes from its surroundings. A freestanding compiler has no
 * <string.h>, yet calls these itself (GCC manual, "Language Standards"). */

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
