/* SPDX-License-Identifier: Apache-2.0 */
/* Emcraft's SmartFusion2 module as QEMU's emcraft-sf2 has it: Cortex-M3, 256 KiB of eNVM, 64 KiB of
 * eSRAM, DDR. Registers: Microsemi UG0331 (microcontroller subsystem), Arm DDI 0403 (ARMv7-M). */

#include "board.h"

#include "host.h"
#include "reset.h"

#define UART        0x40000000u
#define UART_DATA   0x00u
#define UART_LCR    0x0cu
#define UART_LSR    0x14u
#define LCR_8N1     0x03u
#define LCR_DIVISOR 0x80u
#define LSR_ROOM    0x20u
#define UART_POLLS  1000000u /* more than a character takes by far */

#define SPI         0x40001000u
#define SPI_CONTROL 0x00u
#define SPI_DFSIZE  0x04u
#define SPI_STATUS  0x08u
#define SPI_RX      0x10u
#define SPI_TX      0x14u
#define SPI_SELECT  0x1cu
#define SPI_ENABLE  (1u << 0 | 1u << 1)   /* as the master */
#define SPI_HOLD    (1u << 26 | 1u << 29) /* select for all frames; deep FIFO */
#define SPI_FRAMES  8                     /* where their number is */
#define RX_EMPTY    (1u << 6)

/* The first timer runs free and tells the time, the second is the watchdog. */
#define TIMER        0x40004000u
#define TIMER_VALUE  0x00u
#define TIMER_LOAD   0x04u
#define TIMER_CTRL   0x0cu
#define TIMER_CLEAR  0x10u
#define TIMER_NEXT   0x18u
#define TIMER_RUN    (1u << 0)
#define TIMER_ONCE   (1u << 0 | 1u << 1 | 1u << 2) /* and an interrupt */
#define TICKS_PER_MS 100000u /* as QEMU clocks it, whatever the core's clock */
#define TIMER_IRQ    15u

#define SYSTICK_CTRL  0xe000e010u
#define SYSTICK_LOAD  0xe000e014u
#define SYSTICK_VALUE 0xe000e018u
#define SYSTICK_RUN   5u       /* by the core's clock, no interrupt */
#define SYSTICK_10_MS 1420000u /* of 142 MHz */
#define NVIC_ENABLE   0xe000e100u
#define SCB_AIRCR     0xe000ed0cu
#define AIRCR_RESET   0x05fa0004u
#define SCB_CFSR      0xe000ed28u
#define MPU_CTRL      0xe000ed94u
#define MPU_REGION    0xe000ed98u
#define MPU_BASE      0xe000ed9cu
#define MPU_ATTRIBUTE 0xe000eda0u

#define DDR       0xa0000000u
#define CODE_SIZE 0x20000u
#define ESRAM     0x20000000u
#define ENVM      0x00000000u

/* Attributes of an MPU region: 2^(size + 1) bytes. */
#define MPU_SIZE(size) ((size) << 1 | 1u)
#define MPU_RO         (6u << 24 | 0x20000u) /* normal memory, write-through */
#define MPU_RW         (3u << 24 | 0x20000u)
#define MPU_NONE       0x20000u
#define MPU_XN         (1u << 28)

const char board_name[] = "emcraft_sf2";
const uint32_t board_nor_size = 0x1000000u;
uint8_t *const board_app = (uint8_t *)DDR;
const uint32_t board_app_size = CODE_SIZE;

static uint64_t now; /* ticks */
static uint32_t seen;

_Noreturn void trap_end(uint32_t exception, uint32_t pc); /* start.c */

static volatile uint32_t *at(uint32_t address)
{
    return (volatile uint32_t *)address;
}

void board_init(void)
{
    *at(UART + UART_LCR) = LCR_DIVISOR | LCR_8N1;
    *at(UART + UART_DATA) = 38; /* 115,200 of 71 MHz */
    *at(UART + UART_LCR) = LCR_8N1;
    *at(SPI + SPI_DFSIZE) = 8;
    *at(SPI + SPI_SELECT) = 1;
    *at(TIMER + TIMER_LOAD) = UINT32_MAX;
    *at(TIMER + TIMER_CTRL) = TIMER_RUN;
    /* nobody reads it: without a timer that runs out now and then, the emulator's network sleeps
     * for a second where a connection begins */
    *at(SYSTICK_LOAD) = SYSTICK_10_MS;
    *at(SYSTICK_VALUE) = 0;
    *at(SYSTICK_CTRL) = SYSTICK_RUN;
    now = 0;
    seen = *at(TIMER + TIMER_VALUE);
}

void board_reset_now(void)
{
    __asm__ volatile("dsb" ::: "memory");
    *at(SCB_AIRCR) = AIRCR_RESET;
    for (;;) {
    }
}

/* The watchdog is a timer's interrupt: it does not end code that keeps interrupts off or has moved
 * the vectors. A real part has one with a clock and a reset line of its own, and once started it
 * cannot be stopped. */
void trap_end(uint32_t exception, uint32_t pc)
{
    const struct reset_trap trap = {.fed_late = exception == 16u + TIMER_IRQ,
                                    .pc = pc,
                                    .cause = exception,
                                    .value = *at(SCB_CFSR)};

    reset_after(&trap);
}

/* What there is no room for in time is lost: a line that nobody takes from must not hold up a
 * reset. */
void board_put(char c)
{
    for (uint32_t i = 0; i < UART_POLLS && (*at(UART + UART_LSR) & LSR_ROOM) == 0; i++) {
    }
    *at(UART + UART_DATA) = (uint8_t)c;
}

/* The timer counts down through 32 bits in 42 s: somebody asks more often than that. */
static uint64_t ticks(void)
{
    uint32_t value = *at(TIMER + TIMER_VALUE);

    now += seen - value;
    seen = value;
    return now;
}

uint64_t board_now_ms(void)
{
    return ticks() / TICKS_PER_MS;
}

/* The core counts none. Under -icount shift=0 one is a nanosecond, and a tick is 10 of them. */
uint64_t board_instructions(void)
{
    return ticks() * 10u;
}

static uint8_t spi_byte(uint8_t out)
{
    *at(SPI + SPI_TX) = out;
    while ((*at(SPI + SPI_STATUS) & RX_EMPTY) != 0) {
    }
    return (uint8_t)*at(SPI + SPI_RX);
}

/* The controller selects the chip from the first frame to the last; it counts 16 bits of them. */
void board_spi(const uint8_t *command, size_t command_len, const uint8_t *bytes, size_t len,
               uint8_t *in, size_t in_len)
{
    uint32_t frames = (uint32_t)(command_len + len + in_len);

    *at(SPI + SPI_CONTROL) = SPI_ENABLE | SPI_HOLD | frames << SPI_FRAMES;
    for (size_t i = 0; i < command_len; i++)
        (void)spi_byte(command[i]);
    for (size_t i = 0; i < len; i++)
        (void)spi_byte(bytes[i]);
    for (size_t i = 0; i < in_len; i++)
        in[i] = spi_byte(0);
}

/* The small parts of the family have no generator; the host's stands in for the one of a part that
 * has. */
bool board_random(uint8_t *bytes, size_t len)
{
    return host_random(bytes, len);
}

void board_watchdog(uint32_t ms)
{
    const uint32_t longest = UINT32_MAX / TICKS_PER_MS;
    const uint32_t timer = TIMER + TIMER_NEXT;

    *at(timer + TIMER_CTRL) = 0;
    *at(timer + TIMER_CLEAR) = 1;
    if (ms == 0)
        return;
    *at(timer + TIMER_LOAD) = (ms < longest ? ms : longest) * TICKS_PER_MS;
    *at(timer + TIMER_CTRL) = TIMER_ONCE;
    *at(NVIC_ENABLE) = 1u << TIMER_IRQ; /* priority 0, as after each reset */
}

static void region(uint32_t number, uint32_t base, uint32_t attribute)
{
    *at(MPU_REGION) = number;
    *at(MPU_BASE) = base;
    *at(MPU_ATTRIBUTE) = attribute;
}

/* Once this is done, code that is executed is not written, what can be written is not executed, and
 * the rest of the DDR is not there; devices have the default map, which does not execute them. That
 * ends accidents, each by a fault whose handler lies in the eNVM. It does not bind code that wants
 * out: the application is privileged and can switch it off, and a device with DMA never asks. */
static void protect(void)
{
    region(0, DDR, MPU_NONE | MPU_XN | MPU_SIZE(28u)); /* 512 MiB */
    region(1, DDR, MPU_RO | MPU_SIZE(16u));            /* 128 KiB, over the one before */
    region(2, ESRAM, MPU_RW | MPU_XN | MPU_SIZE(28u)); /* 512 MiB: what follows it is not there */
    region(3, ENVM, MPU_RO | MPU_SIZE(17u));           /* 256 KiB */
    *at(MPU_CTRL) = 7; /* on, in faults as well; what no region covers: the default map */
    __asm__ volatile("dsb\n isb" ::: "memory");
}

void board_start(const uint8_t *image)
{
    const uint32_t *vectors = (const uint32_t *)(const void *)image; /* these two of them */

    __asm__ volatile("dsb" ::: "memory");
    protect();
    __asm__ volatile("msr msp, %0\n"
                     "bx %1\n" ::"r"(vectors[0]),
                     "r"(vectors[1]));
    __builtin_unreachable();
}
