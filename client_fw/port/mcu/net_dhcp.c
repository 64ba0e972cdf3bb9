/* SPDX-License-Identifier: Apache-2.0 */
/* The address comes by DHCP, and with it the name server. */

#include <lwip/dhcp.h>

#include "net_parts.h"

static struct dhcp lease;

void net_take_address(struct netif *interface)
{
    dhcp_set_struct(interface, &lease);
    (void)dhcp_start(interface);
}
