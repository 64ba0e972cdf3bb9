/* SPDX-License-Identifier: Apache-2.0 */
/* A release that runs, but asks where nobody answers: nothing could ever replace it. */

#include "behaviour.h"

const char *behaviour(const char *url)
{
    (void)url;
    return "https://10.0.2.2/app.suit";
}
