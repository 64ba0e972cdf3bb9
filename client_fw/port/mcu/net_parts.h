/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_NET_PARTS_H
#define BULLA_MCU_NET_PARTS_H

/* What the files of the network share. */

#include "net.h"

#include <lwip/netif.h>
#include <stdbool.h>

/* ---- net_link.c ---- */

/* One turn of a wait: false when its time is over. */
bool net_turn(uint64_t until);
/* The link is up and there is an address. */
bool net_is_ready(void);

/* ---- net_static.c or net_dhcp.c ---- */

void net_take_address(struct netif *interface);

/* ---- net_dns.c or net_dns_none.c ---- */

/* BULLA_E_NET_RESOLVE: there is no such host, or nobody to ask. */
enum bulla_status net_resolve(const char *name, ip4_addr_t *address, uint64_t until);

#endif
