/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP on the board's NIC: one interface, its link, its time. What comes in is not copied: lwIP
 * gets the frame where the NIC put it, and the NIC has it back when the last byte was read. */

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <string.h>

#include "board.h"
#include "net_parts.h"
#include "nic.h"
#include "tls_heap.h"

#define MTU          1500u
#define LINK_LOOK_MS 100u

/* Locally administered. A product has one of its own for each device. */
static const uint8_t mac[ETH_HWADDR_LEN] = {0x02, 'b', 'u', 'l', 'l', 'a'};

struct frame {
    struct pbuf_custom custom; /* first: lwIP hands this back */
    const uint8_t *bytes;      /* NULL: free */
};

static struct netif interface;
static struct frame frames[NIC_RING];
static uint64_t look_at;

void (*net_waits)(void);

uint32_t sys_now(void)
{
    return (uint32_t)board_now_ms();
}

static void frame_free(struct pbuf *pbuf)
{
    struct frame *frame = (struct frame *)(void *)pbuf;
    nic_release(frame->bytes);
    frame->bytes = NULL;
}

/* There are as many as the NIC has buffers. */
static struct frame *frame_take(const uint8_t *bytes)
{
    struct frame *frame = frames;
    while (frame->bytes != NULL)
        frame++;
    frame->bytes = bytes;
    frame->custom.custom_free_function = frame_free;
    return frame;
}

static bool receive_one(void)
{
    size_t len;
    const uint8_t *bytes = nic_receive(&len);
    if (bytes == NULL)
        return false;
    if (len > NIC_FRAME_MAX) {
        nic_release(bytes);
        return true;
    }
    struct pbuf *pbuf =
        pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_REF, &frame_take(bytes)->custom,
                            (void *)(uintptr_t)bytes, NIC_FRAME_MAX);
    if (interface.input(pbuf, &interface) != ERR_OK)
        (void)pbuf_free(pbuf);
    return true;
}

/* net.c writes so that every segment is in one piece, and everything else is. */
static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    if (pbuf->next != NULL)
        return ERR_BUF;
    return nic_send(pbuf->payload, pbuf->len) ? ERR_OK : ERR_MEM;
}

static err_t set_up(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = MTU;
    netif->hwaddr_len = sizeof(mac);
    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void look_at_link(void)
{
    uint64_t now = board_now_ms();
    if (now < look_at)
        return;
    look_at = now + LINK_LOOK_MS;
    if (nic_link())
        netif_set_link_up(&interface);
    else
        netif_set_link_down(&interface);
}

bool net_start(void)
{
    tls_heap_init();
    if (!nic_init(mac))
        return false;
    lwip_init();
    (void)netif_add_noaddr(&interface, NULL, set_up, ethernet_input);
    netif_set_default(&interface);
    netif_set_up(&interface);
    look_at_link();
    net_take_address(&interface);
    return true;
}

bool net_is_ready(void)
{
    return netif_is_link_up(&interface) && !ip4_addr_isany_val(*netif_ip4_addr(&interface));
}

void net_poll(void)
{
    look_at_link();
    for (uint32_t i = 0; i < NIC_RING && receive_one(); i++) {
    }
    sys_check_timeouts();
}

bool net_turn(uint64_t until)
{
    if (board_now_ms() >= until)
        return false;
    if (net_waits != NULL)
        net_waits();
    net_poll();
    return true;
}
