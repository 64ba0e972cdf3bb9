/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the judge on a bare Cortex-M3: vectors, arguments, exit status, all by semihosting
 * (Arm, "Semihosting for AArch32 and AArch64"). Files and output are newlib's. */

#include <stdint.h>
#include <stdlib.h>

#define SYS_GET_CMDLINE              0x15
#define SYS_EXIT_EXTENDED            0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ADP_STOPPED_INTERNAL_ERROR   0x20024u
#define ARGUMENTS_MAX                4

extern uint8_t stack_top[]; /* m3.ld */
extern void initialise_monitor_handles(void);
int main(int argc, char *argv[]);
_Noreturn void reset(void);
_Noreturn void fault(void);

static int semihost(int operation, void *parameters)
{
    register int r0 __asm__("r0") = operation;
    register void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static _Noreturn void stop(uint32_t reason, uint32_t status)
{
    uint32_t parameters[2] = {reason, status};
    for (;;)
        (void)semihost(SYS_EXIT_EXTENDED, parameters);
}

/* newlib's own forgets the status. */
_Noreturn void _exit(int status);
_Noreturn void _exit(int status)
{
    stop(ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status);
}

/* A crash must not pass for a verdict: the emulator ends with a status of its own. */
_Noreturn void fault(void)
{
    stop(ADP_STOPPED_INTERNAL_ERROR, 3);
}

/* Blanks separate arguments, so no argument may hold one. */
static int split(char *line, char *argv[])
{
    int argc = 0;
    while (*line != '\0' && argc < ARGUMENTS_MAX) {
        argv[argc++] = line;
        while (*line != ' ' && *line != '\0')
            line++;
        if (*line == ' ')
            *line++ = '\0';
    }
    return argc;
}

_Noreturn void reset(void)
{
    static char line[256];
    static char *argv[ARGUMENTS_MAX + 1];
    struct {
        char *text;
        uint32_t size;
    } command = {line, sizeof(line)};
    initialise_monitor_handles();
    if (semihost(SYS_GET_CMDLINE, &command) != 0)
        fault();
    exit(main(split(line, argv), argv));
}

/* Initial stack, reset, and every exception of the core up to SysTick. */
__attribute__((section(".vectors"), used)) static const struct {
    uint8_t *stack;
    void (*handlers[15])(void);
} vectors = {stack_top,
             {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
              fault, fault, fault}};
