/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_ARCH_CC_H
#define TEST_ARCH_CC_H

#include <sys/time.h>

#endif
