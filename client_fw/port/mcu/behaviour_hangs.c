/* SPDX-License-Identifier: Apache-2.0 */
/* A release that never comes as far as its network: an endless loop, which the watchdog ends. */

#include "behaviour.h"

const char *behaviour(const char *url)
{
    (void)url;
    for (;;)
        continue;
}
