/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_PHY_H
#define BULLA_MCU_PHY_H

/* The transceiver behind a NIC, by the registers that all of them have (IEEE 802.3, clause 22). */

#include <stdbool.h>
#include <stdint.h>

/* Look for the address that the board wired it to. False: nobody answers. */
bool phy_find(void);

/* ---- nic.c ---- */

/* One register, 0xffff where nobody answers. */
uint32_t phy_read(uint32_t address, uint32_t number);

#endif
