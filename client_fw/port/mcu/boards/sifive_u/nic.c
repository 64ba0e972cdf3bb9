/* SPDX-License-Identifier: Apache-2.0 */
/* Cadence GEM of the FU540, polled, with descriptors of 32-bit addresses. Frames begin two bytes
 * into their buffers, so that what follows the Ethernet header is aligned. Registers: Zynq-7000
 * technical reference manual, UG585, appendix B.18. */

#include "nic.h"

#include <stdatomic.h>

#include "phy.h"

#define GEM 0x10090000u

#define NWCTRL    0x00u
#define NWCFG     0x04u
#define NWSTATUS  0x08u
#define DMACFG    0x10u
#define TXSTATUS  0x14u
#define RXQBASE   0x18u
#define TXQBASE   0x1cu
#define RXSTATUS  0x20u
#define IDR       0x2cu
#define PHYMNTNC  0x34u
#define SPADDR1LO 0x88u
#define SPADDR1HI 0x8cu

#define NWCTRL_RX         0x04u
#define NWCTRL_TX         0x08u
#define NWCTRL_MDIO       0x10u
#define NWCTRL_TX_START   0x200u
#define NWCTRL_RUN        (NWCTRL_RX | NWCTRL_TX | NWCTRL_MDIO)
#define NWCFG_100_FULL    0x03u
#define NWCFG_OFFSET_2    (2u << 14)
#define NWCFG_STRIP_FCS   (1u << 17)
#define NWCFG_MDC_96      (5u << 18)
#define NWSTATUS_PHY_IDLE 0x04u
#define DMACFG_BUFFERS    ((BUFFER / 64u) << 16 | 0x700u | 0x10u) /* all of its FIFOs */
#define PHY_READ          0x60020000u

/* received, in the first word and in the second */
#define RX_USED   0x1u
#define RX_WRAP   0x2u
#define RX_WHOLE  0xc000u /* begins and ends in this buffer */
#define RX_LENGTH 0x1fffu
/* sent, in the second word */
#define TX_USED 0x80000000u
#define TX_WRAP 0x40000000u
#define TX_LAST 0x8000u

#define OFFSET   2u
#define BUFFER   1536u    /* multiples of 64 */
#define PATIENCE 1000000u /* turns; a frame takes 1.2 ms at 10 Mbit/s */

struct descriptor {
    volatile uint32_t address;
    volatile uint32_t control;
};

static struct descriptor received[NIC_RING];
static struct descriptor sent;
static bool is_held[NIC_RING];
static uint32_t next;
static _Alignas(4) uint8_t buffers[NIC_RING][BUFFER];

static volatile uint32_t *at(uint32_t offset)
{
    return (volatile uint32_t *)(GEM + offset);
}

uint32_t phy_read(uint32_t address, uint32_t number)
{
    *at(PHYMNTNC) = PHY_READ | address << 23 | number << 18;
    for (uint32_t i = 0; i < PATIENCE && (*at(NWSTATUS) & NWSTATUS_PHY_IDLE) == 0; i++) {
    }
    return *at(PHYMNTNC) & 0xffffu;
}

static void give_back(uint32_t i)
{
    uint32_t wrap = i + 1u == NIC_RING ? RX_WRAP : 0;
    is_held[i] = false;
    received[i].control = 0;
    atomic_thread_fence(memory_order_seq_cst);
    received[i].address = (uint32_t)buffers[i] | wrap;
}

bool nic_init(const uint8_t mac[6])
{
    *at(NWCTRL) = 0;
    *at(IDR) = UINT32_MAX;
    *at(RXSTATUS) = UINT32_MAX;
    *at(TXSTATUS) = UINT32_MAX;
    *at(NWCFG) = NWCFG_100_FULL | NWCFG_OFFSET_2 | NWCFG_STRIP_FCS | NWCFG_MDC_96;
    *at(DMACFG) = DMACFG_BUFFERS;
    *at(SPADDR1LO) =
        (uint32_t)mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24;
    *at(SPADDR1HI) = (uint32_t)mac[4] | (uint32_t)mac[5] << 8;
    for (uint32_t i = 0; i < NIC_RING; i++)
        give_back(i);
    next = 0;
    sent.control = TX_USED | TX_WRAP;
    *at(RXQBASE) = (uint32_t)received;
    *at(TXQBASE) = (uint32_t)&sent;
    atomic_thread_fence(memory_order_seq_cst);
    *at(NWCTRL) = NWCTRL_RUN;
    return phy_find();
}

/* Waits until the frame has left, so it needs no buffer of its own. */
bool nic_send(const uint8_t *frame, size_t len)
{
    sent.address = (uint32_t)frame;
    sent.control = (uint32_t)len | TX_LAST | TX_WRAP;
    atomic_thread_fence(memory_order_seq_cst);
    *at(NWCTRL) = NWCTRL_RUN | NWCTRL_TX_START;
    for (uint32_t i = 0; i < PATIENCE; i++)
        if ((sent.control & TX_USED) != 0)
            return true;
    *at(NWCTRL) = NWCTRL_RUN & ~NWCTRL_TX; /* forgets it, and begins at its first descriptor */
    sent.control = TX_USED | TX_WRAP;
    *at(NWCTRL) = NWCTRL_RUN;
    return false;
}

const uint8_t *nic_receive(size_t *len)
{
    while ((received[next].address & RX_USED) != 0 && !is_held[next]) {
        uint32_t i = next;
        uint32_t control = received[i].control;
        next = (i + 1u) % NIC_RING;
        atomic_thread_fence(memory_order_seq_cst);
        if ((control & RX_WHOLE) == RX_WHOLE) {
            is_held[i] = true;
            *len = control & RX_LENGTH;
            return buffers[i] + OFFSET;
        }
        give_back(i);
    }
    *at(RXSTATUS) = *at(RXSTATUS);
    return NULL;
}

/* A ring that was full goes on when reception is enabled again. */
void nic_release(const uint8_t *frame)
{
    give_back((uint32_t)(frame - buffers[0]) / BUFFER);
    atomic_thread_fence(memory_order_seq_cst);
    *at(NWCTRL) = NWCTRL_RUN;
}
