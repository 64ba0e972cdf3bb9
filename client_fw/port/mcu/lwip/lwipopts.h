/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_LWIPOPTS_H
#define BULLA_LWIPOPTS_H

/* lwIP for one TCP connection of a client over IPv4, and as little memory as that takes. DHCP and
 * DNS are set by the build. */

#include "nic.h"

#define NO_SYS                    1
#define SYS_LIGHTWEIGHT_PROT      0
#define LWIP_NETCONN              0
#define LWIP_SOCKET               0
#define LWIP_RAW                  0
#define LWIP_ICMP                 0
#define IP_REASSEMBLY             0
#define IP_FRAG                   0
#define LWIP_UDP                  (LWIP_DHCP || LWIP_DNS)
#define LWIP_STATS                0
#define LWIP_NETIF_LOOPBACK       0
#define LWIP_HAVE_LOOPIF          0
#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define ETH_PAD_SIZE              0
#define ARP_TABLE_SIZE            3
#define ARP_QUEUEING              0
#define LWIP_NETIF_HOSTNAME       0

/* What comes in stays where the NIC put it (net.c), so there is no pool. */
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_POOL_SIZE           0

/* What goes out: one segment with its headers, and acknowledgements and ARP beside it. */
#define MEM_ALIGNMENT    4
#define MEM_SIZE         2304
#define TCP_MSS          1460
#define TCP_SND_BUF      TCP_MSS
#define TCP_SND_QUEUELEN 4

/* One frame of the ring is left for ARP and what else is on the wire. */
#define TCP_WND ((NIC_RING - 1u) * TCP_MSS)

#define TCP_QUEUE_OOSEQ                0
#define LWIP_TCP_SACK_OUT              0
#define LWIP_TCP_KEEPALIVE             0
#define TCP_LISTEN_BACKLOG             0
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* TCP_SND_BUF: a request fits into one segment */

#define MEMP_NUM_TCP_PCB        1 /* closed by abort: none waits */
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define MEMP_NUM_TCP_SEG        TCP_SND_QUEUELEN
#define MEMP_NUM_PBUF           4
#define MEMP_NUM_UDP_PCB        (LWIP_DHCP + LWIP_DNS)
#define MEMP_NUM_REASSDATA      0

/* Where a connection begins cannot be guessed (RFC 6056, RFC 6528). */
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1
#define LWIP_HOOK_FILENAME                 "net_hooks.h"

#endif
