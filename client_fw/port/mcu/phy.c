/* SPDX-License-Identifier: Apache-2.0 */
/* Which address the PHY has, and whether there is a link. */

#include "phy.h"

#include "nic.h"

#define STATUS      1u
#define ID          2u
#define STATUS_LINK 0x04u
#define ADDRESSES   32u
#define NOBODY      0xffffu

static uint32_t phy;

bool phy_find(void)
{
    phy = 0;
    while (phy < ADDRESSES && phy_read(phy, ID) == NOBODY)
        phy++;
    return phy < ADDRESSES;
}

/* It remembers that the link was away until it is read once: what is now comes second. */
bool nic_link(void)
{
    (void)phy_read(phy, STATUS);
    return (phy_read(phy, STATUS) & STATUS_LINK) != 0;
}
