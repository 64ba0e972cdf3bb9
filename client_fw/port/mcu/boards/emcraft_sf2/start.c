/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions on emcraft_sf2, of stage 0 and of the application. Faults are stage 0's, also
 * those of the application: its table and its handlers in the eNVM stay in use. The names of the
 * symbols are those of the linker scripts. */

#include <stdint.h>

#define INTERRUPTS   32
#define FRAME_PC     6
#define FRAME_SIZE   32u
#define TLS_OF_BLOCK 8u /* AAPCS: the thread's data lie behind two words */

extern uint8_t stack_top[];
extern uint32_t data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_load[];
extern uint8_t ram_start[], ram_end[], tls_start[];

int main(void);
_Noreturn void trap_end(uint32_t exception, uint32_t pc); /* board.c */
_Noreturn void start(void);
_Noreturn void trap(const uint32_t *frame);
void handler(void);
void *__aeabi_read_tp(void);

/* The stack may be what failed: then there is no frame. */
void trap(const uint32_t *frame)
{
    uintptr_t at = (uintptr_t)frame;
    uint32_t exception;

    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    if (at >= (uintptr_t)ram_start && at <= (uintptr_t)ram_end - FRAME_SIZE)
        trap_end(exception, frame[FRAME_PC]);
    trap_end(exception, 0);
}

/* None of them returns: each ends in a reset. */
__attribute__((naked)) void handler(void)
{
    __asm__ volatile("mrs r0, msp\n"
                     "ldr r1, =stack_top\n"
                     "mov sp, r1\n"
                     "b trap\n");
}

#define TWO   handler, handler
#define EIGHT TWO, TWO, TWO, TWO

/* All that there is of a table in the application. */
__attribute__((section(".vectors"), used, aligned(256))) static const struct {
    uint8_t *stack;
    void (*start)(void);
} vectors = {stack_top, start};

/* What follows it in stage 0: the core's exceptions, the interrupts. app.ld leaves it out. */
__attribute__((section(".handlers"), used)) static void (*const handlers[14 + INTERRUPTS])(void) = {
    TWO, TWO, TWO, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT};

void start(void)
{
    const uint32_t *from = data_load;

    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    (void)main();
    for (;;)
        __asm__ volatile("wfi");
}

void *__aeabi_read_tp(void)
{
    return (void *)((uintptr_t)tls_start - TLS_OF_BLOCK);
}
