/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_NIC_H
#define BULLA_MCU_NIC_H

/* An Ethernet controller, polled. boards/<name>/nic.c implements it, and phy.c nic_link. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_FRAME_MAX 1518u /* with a checksum, which some NICs leave on it */
#define NIC_RING      5u    /* frames that may be received and not yet released */

bool nic_init(const uint8_t mac[6]);
bool nic_link(void);
/* Send one frame; false: there is no room just now. The bytes may be reused on return. */
bool nic_send(const uint8_t *frame, size_t len);
/* The next frame received, or NULL. What is longer than NIC_FRAME_MAX is not looked at. It stays
 * valid until nic_release of the same pointer; frames may be released in any order. */
const uint8_t *nic_receive(size_t *len);
void nic_release(const uint8_t *frame);

#endif
