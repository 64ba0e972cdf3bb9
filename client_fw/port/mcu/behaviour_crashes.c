/* SPDX-License-Identifier: Apache-2.0 */
/* A release that never comes as far as its network: an exception that nobody handles. */

#include "behaviour.h"

const char *behaviour(const char *url)
{
    (void)url;
    __builtin_trap();
}
