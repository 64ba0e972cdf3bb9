/* SPDX-License-Identifier: Apache-2.0 */
/* A release that works. */

#include "behaviour.h"

const char *behaviour(const char *url)
{
    return url;
}
