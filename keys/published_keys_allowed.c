/* SPDX-License-Identifier: Apache-2.0 */
/* For builds that run with published test keys on purpose (BULLA_ALLOW_TEST_KEYS): none is
 * refused. Never part of a release; published_keys.c is. */

#include "keys.h"

bool keys_is_test_key(const uint8_t public_key[32])
{
    (void)public_key;
    return false;
}
