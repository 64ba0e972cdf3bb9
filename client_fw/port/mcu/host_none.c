/* SPDX-License-Identifier: Apache-2.0 */
/* A board that stands alone: nobody tells it anything. */

#include "host.h"

void host_end(int status)
{
    (void)status;
}

const char *host_value(const char *key)
{
    (void)key;
    return NULL;
}

bool host_number(const char *key, uint32_t *value)
{
    (void)key;
    (void)value;
    return false;
}

bool host_random(uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return false;
}
