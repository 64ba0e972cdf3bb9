/* SPDX-License-Identifier: Apache-2.0 */
/* No fuses: the floor is the device state's alone. */

#include "bulla_esp.h"

uint32_t bulla_esp_floor(void)
{
    return 0;
}

enum bulla_status bulla_esp_raise_floor(uint32_t floor)
{
    (void)floor;
    return BULLA_OK;
}
