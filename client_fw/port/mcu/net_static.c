/* SPDX-License-Identifier: Apache-2.0 */
/* The address that QEMU's user network has for its first guest. */

#include "net_parts.h"

void net_take_address(struct netif *interface)
{
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 2, 15);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 2, 2);
    netif_set_addr(interface, &address, &mask, &gateway);
}
