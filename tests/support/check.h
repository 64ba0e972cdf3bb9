/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_CHECK_H
#define BULLA_TEST_CHECK_H

/* cmocka with what it needs before it, and an assertion that prints status names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bulla/status.h"

#define assert_status(actual, expected)                                                            \
    do {                                                                                           \
        enum bulla_status actual_ = (actual), expected_ = (expected);                              \
        if (actual_ != expected_)                                                                  \
            fail_msg("status is %s, expected %s", bulla_status_name(actual_),                      \
                     bulla_status_name(expected_));                                                \
    } while (0)

#endif
