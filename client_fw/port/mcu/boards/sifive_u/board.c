/* SPDX-License-Identifier: Apache-2.0 */
/* SiFive FU540 as QEMU's sifive_u has it, hart 0: an E31, RV32IMAC with machine and user mode.
 * Registers: SiFive FU540-C000 manual. */

#include "board.h"

#include "kept.h"
#include "print.h"
#include "semihost.h"

#define UART       0x10010000u
#define UART_TX    0x00u
#define UART_TXCTL 0x08u
#define UART_DIV   0x18u
#define UART_FULL  0x80000000u

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
#define GPIO_RESET_PIN (1u << 10)

#define CAUSE_TIMER      0x80000007u
#define MIE_TIMER        0x80u
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

_Noreturn void board_trap(uint32_t cause, uint32_t pc, uint32_t value); /* start.S */

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

enum board_reset board_reset_cause(void)
{
    return (enum board_reset)kept.cause;
}

void board_restart(enum board_reset cause)
{
    kept.magic = KEPT_MAGIC;
    kept.next = (uint32_t)cause;
    kept.not_next = ~(uint32_t)cause;
    __asm__ volatile("fence" ::: "memory");
    *at(GPIO + GPIO_OUTPUT_EN) = GPIO_RESET_PIN; /* low as after each reset, and that is active */
    for (;;) {
    }
}

/* The watchdog is the timer's interrupt, which in user mode nobody can keep off; the timer itself
 * the application can set. A real part has one with a clock and a reset line of its own, which once
 * started cannot be stopped. */
void board_trap(uint32_t cause, uint32_t pc, uint32_t value)
{
    bool fed_late = cause == CAUSE_TIMER;

    print_text(fed_late ? "board: watchdog, pc " : "board: fault, pc ");
    print_hex(pc, 8);
    if (!fed_late) {
        print_text(", cause ");
        print_u32(cause);
        print_text(", value ");
        print_hex(value, 8);
    }
    print_text("\n");
    board_restart(fed_late ? BOARD_WATCHDOG : BOARD_FAULT);
}

void board_put(char c)
{
    while ((*at(UART + UART_TX) & UART_FULL) != 0) {
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
    return semihost_random(bytes, len);
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

/* What user mode has; the rest of the addresses is not there for it. Not locked: the emulator would
 * keep it over a reset. */
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

void board_start(const uint8_t *image, uint32_t size)
{
    (void)size;
    protect();
    __asm__ volatile("csrw mcounteren, %0" ::"r"(MCOUNTEREN_COUNT));
    __asm__ volatile("csrs mie, %0" ::"r"(MIE_TIMER));
    __asm__ volatile("csrc mstatus, %0" ::"r"(MSTATUS_MPP));
    __asm__ volatile("fence rw, rw\n"
                     "fence.i\n"
                     "csrw mepc, %0\n"
                     "mret" ::"r"(image)
                     : "memory");
    __builtin_unreachable();
}
