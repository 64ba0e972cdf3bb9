/* SPDX-License-Identifier: Apache-2.0 */
/* SiFive FU540 as QEMU's sifive_u has it, hart 0: an E31, RV32IMAC with machine and user mode.
 * Registers: SiFive FU540-C000 manual. */

#include "board.h"

#include "host.h"
#include "reset.h"
#include "trap.h"

#define UART       0x10010000u
#define UART_TX    0x00u
#define UART_TXCTL 0x08u
#define UART_DIV   0x18u
#define UART_FULL  0x80000000u
#define UART_POLLS 1000000u /* more than a character takes by far */

#define SPI        0x10040000u
#define SPI_SCKDIV 0x00u
#define SPI_CSID   0x10u
#define SPI_CSMODE 0x18u
#define SPI_FMT    0x40u
#define SPI_TX     0x48u
#define SPI_RX     0x4cu
#define SPI_FCTRL  0x60u
#define SPI_EMPTY  0x80000000u

#define CLINT_MTIMECMP 0x02004000u
#define CLINT_MTIME    0x0200bff8u
#define TICKS_PER_MS   1000u

#define GPIO           0x10060000u
#define GPIO_OUTPUT_EN 0x08u
#define GPIO_OUTPUT    0x0cu
#define GPIO_INVERT    0x40u
#define GPIO_RESET_PIN (1u << 10)
#define RESET_MS       100u

#define CAUSE_TIMER      0x80000007u
#define MSTATUS_MPP      0x1800u
#define MCOUNTEREN_COUNT 0x4u /* instructions */

/* As the linker scripts have them. */
#define CODE     0x80040000u
#define CODE_END 0x80070000u
#define RAM      0x80080000u
#define RAM_SIZE 0x10000u

#define DEVICES      0x10000000u
#define DEVICES_SIZE 0x1000000u
#define CLINT        0x02000000u
#define CLINT_SIZE   0x10000u

#define PMP_RX 0x0du /* up to the address, from that of the entry before */
#define PMP_RW 0x1bu /* a power of two */

const char board_name[] = "sifive_u";
const uint32_t board_nor_size = 0x1000000u;
uint8_t *const board_app = (uint8_t *)CODE;
const uint32_t board_app_size = CODE_END - CODE;

static uint64_t start; /* ticks */

static volatile uint32_t *at(uint32_t address)
{
    return (volatile uint32_t *)address;
}

static uint64_t ticks(void)
{
    uint32_t high;
    uint32_t low;

    do {
        high = *at(CLINT_MTIME + 4);
        low = *at(CLINT_MTIME);
    } while (high != *at(CLINT_MTIME + 4));
    return (uint64_t)high << 32 | low;
}

void board_init(void)
{
    start = ticks();
    *at(UART + UART_DIV) = 4340; /* 115,200 of 500 MHz */
    *at(UART + UART_TXCTL) = 1;
    *at(SPI + SPI_FCTRL) = 0; /* nothing mapped: commands only */
    *at(SPI + SPI_SCKDIV) = 3;
    *at(SPI + SPI_CSID) = 0;
    *at(SPI + SPI_FMT) = 0x80000; /* one line, 8 bits */
    *at(SPI + SPI_CSMODE) = 0;
}

/* A low pin is the reset, and each of these writes can be what makes it low, whatever the
 * application left in the others. One at a time: a second request would reset stage 0. */
void board_reset_now(void)
{
    static const uint32_t writes[][2] = {
        {GPIO_OUTPUT_EN, GPIO_RESET_PIN}, {GPIO_OUTPUT, 0}, {GPIO_INVERT, 0}};

    __asm__ volatile("fence" ::: "memory");
    for (uint32_t i = 0;; i = (i + 1) % (sizeof(writes) / sizeof(writes[0]))) {
        uint64_t next = ticks() + RESET_MS * TICKS_PER_MS;
        *at(GPIO + writes[i][0]) = writes[i][1];
        while (ticks() < next) {
        }
    }
}

/* The watchdog is the timer's interrupt, which in user mode nobody can keep off; the timer itself
 * the application can set. A real part has one with a clock and a reset line of its own, which once
 * started cannot be stopped. */
void trap_end(uint32_t cause, uint32_t pc, uint32_t value)
{
    const struct reset_trap trap = {
        .fed_late = cause == CAUSE_TIMER, .pc = pc, .cause = cause, .value = value};

    reset_after(&trap);
}

/* What there is no room for in time is lost: a line that nobody takes from must not hold up a
 * reset. */
void board_put(char c)
{
    for (uint32_t i = 0; i < UART_POLLS && (*at(UART + UART_TX) & UART_FULL) != 0; i++) {
    }
    *at(UART + UART_TX) = (uint8_t)c;
}

uint64_t board_now_ms(void)
{
    return (ticks() - start) / TICKS_PER_MS;
}

uint64_t board_instructions(void)
{
    uint32_t high;
    uint32_t low;
    uint32_t again;

    do
        __asm__ volatile("rdinstreth %0\n rdinstret %1\n rdinstreth %2"
                         : "=r"(high), "=r"(low), "=r"(again));
    while (high != again);
    return (uint64_t)high << 32 | low;
}

static uint8_t spi_byte(uint8_t out)
{
    uint32_t in;

    *at(SPI + SPI_TX) = out;
    do
        in = *at(SPI + SPI_RX);
    while ((in & SPI_EMPTY) != 0);
    return (uint8_t)in;
}

void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len)
{
    *at(SPI + SPI_CSMODE) = 2; /* hold */
    for (size_t i = 0; i < command_len; i++)
        (void)spi_byte(command[i]);
    for (size_t i = 0; i < len; i++)
        (void)spi_byte(bytes[i]);
    for (size_t i = 0; i < in_len; i++)
        in[i] = spi_byte(0);
    *at(SPI + SPI_CSMODE) = 0;
}

/* The FU540 has no generator; the host's stands in for the one of a part that has. */
bool board_random(uint8_t *bytes, size_t len)
{
    return host_random(bytes, len);
}

void board_watchdog(uint32_t ms)
{
    uint64_t when = ms == 0 ? UINT64_MAX : ticks() + (uint64_t)ms * TICKS_PER_MS;

    *at(CLINT_MTIMECMP + 4) = UINT32_MAX; /* never in between */
    *at(CLINT_MTIMECMP) = (uint32_t)when;
    *at(CLINT_MTIMECMP + 4) = (uint32_t)(when >> 32);
}

static uint32_t power_of_two(uint32_t base, uint32_t size)
{
    return base >> 2 | ((size >> 3) - 1u);
}

/* What the processor lets user mode have: code, RAM, timer and devices. It binds the processor
 * only: a device with DMA, such as the network's, writes wherever the application tells it to,
 * machine mode's memory included. The next reset puts stage 0 back; in a product that needs a
 * protection unit for bus masters, or stage 0 in ROM. Not locked: the emulator would keep it over a
 * reset. */
static void protect(void)
{
    __asm__ volatile("csrw pmpaddr0, %0" ::"r"(CODE >> 2));
    __asm__ volatile("csrw pmpaddr1, %0" ::"r"(CODE_END >> 2));
    __asm__ volatile("csrw pmpaddr2, %0" ::"r"(power_of_two(RAM, RAM_SIZE)));
    __asm__ volatile("csrw pmpaddr3, %0" ::"r"(power_of_two(CLINT, CLINT_SIZE)));
    __asm__ volatile("csrw pmpaddr4, %0" ::"r"(power_of_two(DEVICES, DEVICES_SIZE)));
    __asm__ volatile("csrw pmpcfg0, %0" ::"r"(PMP_RX << 8 | PMP_RW << 16 | PMP_RW << 24));
    __asm__ volatile("csrw pmpcfg1, %0" ::"r"(PMP_RW));
}

void board_start(const uint8_t *image)
{
    protect();
    __asm__ volatile("csrw mcounteren, %0" ::"r"(MCOUNTEREN_COUNT));
    __asm__ volatile("csrc mstatus, %0" ::"r"(MSTATUS_MPP));
    __asm__ volatile("fence rw, rw\n"
                     "fence.i\n"
                     "csrw mepc, %0\n"
                     "mret" ::"r"(image)
                     : "memory");
    __builtin_unreachable();
}
