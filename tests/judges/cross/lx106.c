/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the judge on a bare lx106 core under QEMU. Debian's C library for it knows no files
 * there: these come by the simulator's calls (instruction "simcall"), which the emulator serves. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SIM_EXIT = 1,
    SIM_READ = 3,
    SIM_WRITE = 4,
    SIM_OPEN = 5,
    SIM_CLOSE = 6,
    SIM_SEEK = 19,
    SIM_ARGC = 1000,
    SIM_ARGV_SIZE = 1001,
    SIM_ARGV = 1002,
};

/* Flags of a Linux host, where the emulator hands them to: write, create, truncate. */
#define HOST_READ  0u
#define HOST_WRITE (01u | 0100u | 01000u)

int main(int argc, char *argv[]);
_Noreturn void start(void);
_Noreturn void _exit(int status);

static int sim(uint32_t call, uint32_t first, uint32_t second, uint32_t third)
{
    register uint32_t a2 __asm__("a2") = call;
    register uint32_t a3 __asm__("a3") = first;
    register uint32_t a4 __asm__("a4") = second;
    register uint32_t a5 __asm__("a5") = third;
    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return (int)a2;
}

int open(const char *path, int flags, ...)
{
    return sim(SIM_OPEN, (uint32_t)path, flags == O_RDONLY ? HOST_READ : HOST_WRITE, 0666);
}

ssize_t read(int file, void *buffer, size_t len)
{
    return sim(SIM_READ, (uint32_t)file, (uint32_t)buffer, len);
}

ssize_t write(int file, const void *bytes, size_t len)
{
    return sim(SIM_WRITE, (uint32_t)file, (uint32_t)bytes, len);
}

off_t lseek(int file, off_t offset, int whence)
{
    return sim(SIM_SEEK, (uint32_t)file, (uint32_t)offset, (uint32_t)whence);
}

int close(int file)
{
    return sim(SIM_CLOSE, (uint32_t)file, 0, 0);
}

_Noreturn void _exit(int status)
{
    for (;;)
        (void)sim(SIM_EXIT, (uint32_t)status, 0, 0);
}

static int put_error(char c, FILE *file)
{
    (void)file;
    return write(STDERR_FILENO, &c, 1) == 1 ? c : EOF;
}

/* The judge writes its verdicts to a file of its own; what else there is to say is an error. */
static FILE errors = FDEV_SETUP_STREAM(put_error, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdin = &errors;
FILE *const stdout = &errors;
FILE *const stderr = &errors;

__asm__(".section .text._start, \"ax\"\n"
        ".literal_position\n"
        ".global _start\n"
        "_start: movi a1, stack_top\n"
        "call0 start\n");

/* The emulator lays out the array of pointers and behind it the texts. */
_Noreturn void start(void)
{
    static char program[] = "judge", *arguments[512] = {program};
    int argc = 1 + sim(SIM_ARGC, 0, 0, 0);
    if (sim(SIM_ARGV_SIZE, 0, 0, 0) > (int)(sizeof(arguments) - sizeof(arguments[0])))
        _exit(2);
    (void)sim(SIM_ARGV, (uint32_t)(arguments + 1), 0, 0);
    exit(main(argc, arguments));
}
