/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_PORT_MINIMAL_H
#define BULLA_PORT_MINIMAL_H

#include "bulla/client.h"

/* What the board brings. One SPI transfer: the flash chip is selected from first to last byte,
 * command and bytes go out, then in_len bytes come in; and the watchdog is fed. The UART: send
 * returns when all is on its way, receive never waits. Time never goes back. A board without a good
 * generator of random bytes says BULLA_E_CRYPTO: no harm on a line, no TLS. */
extern const uint32_t board_flash_size;
void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len);
void board_send(const uint8_t *bytes, size_t len);
size_t board_receive(uint8_t *buffer, size_t size);
void board_feed_watchdog(void);
uint64_t board_now_ms(void *unused);
enum bulla_status board_random(void *unused, uint8_t *buffer, size_t len);

/* What it gets. From the boot stage, at each reset: may an app be started, and where does it lie?
 * From the app: is there something newer (*restart: it is installed); I have run for longer than a
 * crash loop would, keep me if the next update could be had. */
bool port_start(bool crashed, uint32_t *offset);
enum bulla_status port_update(bool *restart);
enum bulla_status port_keep(void);

#endif
