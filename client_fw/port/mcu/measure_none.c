/* SPDX-License-Identifier: Apache-2.0 */
/* A release measures nothing. */

#include "measure.h"

void measure_begin(void)
{
}

void measure_crypto(struct bulla_client *client, int32_t slot)
{
    (void)client;
    (void)slot;
}

void measure_update_begin(void)
{
}

void measure_update_head(void)
{
}

void measure_update_end(uint32_t size)
{
    (void)size;
}

void measure_wait(void)
{
}

void measure_end(void)
{
}
