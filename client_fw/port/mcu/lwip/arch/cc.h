/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_LWIP_CC_H
#define BULLA_LWIP_CC_H

/* The compiler and the machine, for lwIP. */

#include <stdint.h>

#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_NOASSERT 1
#define LWIP_PLATFORM_ASSERT(x)
#define LWIP_TIMEVAL_PRIVATE 0
#define BYTE_ORDER           LITTLE_ENDIAN

uint32_t random_u32(void);
#define LWIP_RAND() random_u32()

#endif
