/* SPDX-License-Identifier: Apache-2.0 */
/* A serial line of a POSIX host behind struct bulla_stream. */

#include "uart_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "wait_posix.h"

static const struct {
    uint32_t baud;
    speed_t speed;
} speeds[] = {
    {1200, B1200},       {2400, B2400},       {4800, B4800},       {9600, B9600},
    {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
    {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},
    {921600, B921600},   {1000000, B1000000}, {1500000, B1500000}, {2000000, B2000000},
    {3000000, B3000000}, {4000000, B4000000},
};
#define SPEED_COUNT (sizeof(speeds) / sizeof(speeds[0]))

static size_t find_speed(uint32_t baud)
{
    size_t i = 0;

    while (i < SPEED_COUNT && speeds[i].baud != baud)
        i++;
    return i;
}

bool bulla_posix_uart_has_baud(uint32_t baud)
{
    return find_speed(baud) < SPEED_COUNT;
}

const char *bulla_posix_uart_reason(const struct bulla_posix_uart *uart)
{
    if (uart->error == EWOULDBLOCK)
        return "another program uses it";
    return uart->error == ENOTTY ? "it is no serial line" : strerror(uart->error);
}

static void close_line(void *ctx)
{
    struct bulla_posix_uart *uart = ctx;

    if (uart->fd >= 0)
        (void)close(uart->fd);
    uart->fd = -1;
}

/* No bytes are changed on the way, no modem lines are waited for, and the lines that reset some
 * boards stay as they are when the program ends. */
static bool make_raw(int fd, uint32_t baud)
{
    struct termios mode;
    size_t speed = find_speed(baud);

    if (speed == SPEED_COUNT || tcgetattr(fd, &mode) != 0)
        return false;
    cfmakeraw(&mode);
    mode.c_cflag |= CLOCAL | CREAD;
    mode.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL | CSTOPB);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return cfsetispeed(&mode, speeds[speed].speed) == 0 &&
           cfsetospeed(&mode, speeds[speed].speed) == 0 && tcsetattr(fd, TCSANOW, &mode) == 0 &&
           tcflush(fd, TCIFLUSH) == 0;
}

static enum bulla_status open_line(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    struct bulla_posix_uart *uart = ctx;

    (void)host;
    (void)port;
    (void)until;
    close_line(uart);
    uart->fd = open(uart->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (uart->fd >= 0 && flock(uart->fd, LOCK_EX | LOCK_NB) == 0 && make_raw(uart->fd, uart->baud))
        return BULLA_OK;
    uart->error = errno;
    close_line(uart);
    return BULLA_E_NET_CONNECT;
}

static enum bulla_status send_bytes(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                    size_t *sent)
{
    const struct bulla_posix_uart *uart = ctx;

    *sent = 0;
    for (;;) {
        ssize_t n = write(uart->fd, bytes, len);
        if (n > 0) {
            *sent = (size_t)n;
            return BULLA_OK;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return BULLA_E_NET_CLOSED;
        enum bulla_status status = bulla_posix_wait_for(uart->fd, POLLOUT, until);
        if (status != BULLA_OK)
            return status;
    }
}

static enum bulla_status receive_bytes(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                       size_t *len)
{
    const struct bulla_posix_uart *uart = ctx;

    *len = 0;
    for (;;) {
        ssize_t n = read(uart->fd, buffer, size);
        if (n > 0) {
            *len = (size_t)n;
            return BULLA_OK;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return BULLA_E_NET_CLOSED; /* the adapter was pulled out */
        enum bulla_status status = bulla_posix_wait_for(uart->fd, POLLIN, until);
        if (status != BULLA_OK)
            return status;
    }
}

static enum bulla_status random_bytes(void *ctx, uint8_t *buffer, size_t len)
{
    (void)ctx;
    return getrandom(buffer, len, 0) == (ssize_t)len ? BULLA_OK : BULLA_E_CRYPTO;
}

struct bulla_stream bulla_posix_uart_stream(struct bulla_posix_uart *uart)
{
    uart->fd = -1;
    uart->error = 0;
    return (struct bulla_stream){
        .connect = open_line,
        .send = send_bytes,
        .recv = receive_bytes,
        .close = close_line,
        .now_ms = bulla_posix_now_ms,
        .random = random_bytes,
        .ctx = uart,
    };
}
