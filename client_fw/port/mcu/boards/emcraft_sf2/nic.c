/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet MAC of the SmartFusion2, polled. Registers: Microsemi UG0331, "Ethernet MAC". */

#include "nic.h"

#include <stdatomic.h>

#include "phy.h"

#define EMAC 0x40041000u

#define CFG1      0x00u
#define CFG2      0x04u
#define FRAME_MAX 0x10u
#define MII_CFG   0x20u
#define MII_CMD   0x24u
#define MII_ADDR  0x28u
#define MII_STS   0x30u
#define MII_IND   0x34u
#define STA1      0x40u
#define STA2      0x44u
#define FIFO_CFG0 0x48u
#define TX_CTL    0x180u
#define TX_DESC   0x184u
#define TX_STATUS 0x188u
#define RX_CTL    0x18cu
#define RX_DESC   0x190u
#define RX_STATUS 0x194u
#define IRQ_MASK  0x198u

#define CFG1_RUN       0x05u
#define CFG2_100_FULL  0x7117u /* lengths checked, short frames padded, checksum appended */
#define MII_CFG_CLOCK  0x07u
#define MII_CMD_READ   0x01u
#define MII_IND_BUSY   0x01u
#define FIFO_CFG0_ALL  0x1f00u
#define ENABLE         0x01u
#define STATUS_ONE     0x01u /* written: one frame less in its count */
#define STATUS_TROUBLE 0x0eu
#define EMPTY          0x80000000u
#define LENGTH         0x7ffu
#define BUFFER         1536u
#define PATIENCE       1000000u /* turns; a frame takes 1.2 ms at 10 Mbit/s */

struct descriptor {
    volatile uint32_t address;
    volatile uint32_t size;
    volatile uint32_t next;
};

static struct descriptor received[NIC_RING];
static struct descriptor sent;
static bool is_held[NIC_RING];
static uint32_t next;
static _Alignas(4) uint8_t buffers[NIC_RING][BUFFER];

static volatile uint32_t *at(uint32_t offset)
{
    return (volatile uint32_t *)(EMAC + offset);
}

uint32_t phy_read(uint32_t address, uint32_t number)
{
    *at(MII_ADDR) = address << 8 | number;
    *at(MII_CMD) = 0;
    *at(MII_CMD) = MII_CMD_READ;
    for (uint32_t i = 0; i < PATIENCE && (*at(MII_IND) & MII_IND_BUSY) != 0; i++) {
    }
    return *at(MII_STS) & 0xffffu;
}

static void give_back(uint32_t i)
{
    is_held[i] = false;
    atomic_thread_fence(memory_order_seq_cst);
    received[i].size = EMPTY;
}

static void receive_from(uint32_t i)
{
    atomic_thread_fence(memory_order_seq_cst);
    *at(RX_STATUS) = STATUS_TROUBLE;
    *at(RX_DESC) = (uint32_t)&received[i];
    *at(RX_CTL) = ENABLE;
}

bool nic_init(const uint8_t mac[6])
{
    *at(CFG1) = 0; /* out of its reset */
    *at(IRQ_MASK) = 0;
    *at(CFG2) = CFG2_100_FULL;
    *at(FRAME_MAX) = NIC_FRAME_MAX;
    *at(MII_CFG) = MII_CFG_CLOCK;
    *at(FIFO_CFG0) = FIFO_CFG0_ALL;
    *at(STA1) = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    *at(STA2) = (uint32_t)mac[4] << 24 | (uint32_t)mac[5] << 16;
    for (uint32_t i = 0; i < NIC_RING; i++) {
        received[i].address = (uint32_t)buffers[i];
        received[i].next = (uint32_t)&received[(i + 1u) % NIC_RING];
        give_back(i);
    }
    next = 0;
    sent.size = EMPTY;
    sent.next = (uint32_t)&sent;
    *at(CFG1) = CFG1_RUN;
    receive_from(next);
    return phy_find();
}

/* Waits until the frame has left, so it needs no buffer of its own. */
bool nic_send(const uint8_t *frame, size_t len)
{
    sent.address = (uint32_t)frame;
    sent.size = (uint32_t)len;
    atomic_thread_fence(memory_order_seq_cst);
    *at(TX_STATUS) = STATUS_TROUBLE;
    *at(TX_DESC) = (uint32_t)&sent;
    *at(TX_CTL) = ENABLE;
    for (uint32_t i = 0; i < PATIENCE; i++) {
        if ((sent.size & EMPTY) != 0) {
            *at(TX_STATUS) = STATUS_ONE;
            return true;
        }
    }
    *at(TX_CTL) = 0;
    sent.size = EMPTY;
    return false;
}

const uint8_t *nic_receive(size_t *len)
{
    uint32_t i = next;
    uint32_t size = received[i].size;
    if ((size & EMPTY) == 0 && !is_held[i]) {
        atomic_thread_fence(memory_order_seq_cst);
        *at(RX_STATUS) = STATUS_ONE;
        is_held[i] = true;
        next = (i + 1u) % NIC_RING;
        *len = size & LENGTH;
        return buffers[i];
    }
    /* it stops for good at a ring that is full; everything before was handed out, so it stands here
     */
    if ((size & EMPTY) != 0 && (*at(RX_CTL) & ENABLE) == 0)
        receive_from(i);
    return NULL;
}

void nic_release(const uint8_t *frame)
{
    give_back((uint32_t)(frame - buffers[0]) / BUFFER);
}
