/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_UART_POSIX_H
#define BULLA_UART_POSIX_H

/* struct bulla_stream on a serial line of a POSIX host: a UART, a USB adapter or a pty, raw, eight
 * data bits, no parity, no flow control.
 *
 *     struct bulla_posix_uart uart = {.path = "/dev/ttyUSB0", .baud = 115200};
 *     struct bulla_stream line = bulla_posix_uart_stream(&uart);
 *
 * connect opens the device and ignores host and port. One program at a time uses a line: it is
 * locked (flock), as terminal programs do too. */

#include "bulla/stream.h"

#define BULLA_UART_BAUD_DEFAULT 115200u

struct bulla_posix_uart {
    const char *path;
    uint32_t baud;
    int fd;    /* -1: closed */
    int error; /* errno of an open that failed */
};

/* Rates that a POSIX host can be asked for: 1200 to 4000000. */
bool bulla_posix_uart_has_baud(uint32_t baud);

/* Why connect failed, in words. */
const char *bulla_posix_uart_reason(const struct bulla_posix_uart *uart);

/* A closed stream over *uart, which must outlive it. */
struct bulla_stream bulla_posix_uart_stream(struct bulla_posix_uart *uart);

#endif
