/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the emulator's host on sifive_u. Only machine mode makes them; what the application may
 * ask for is decided here, because the host knows no bounds: it reads and writes any memory, any
 * file, and runs commands. Here it is six calls about the application's own RAM, and one file. The
 * host gets copies of what was looked at: nothing changes in between. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "semihosting.h"
#include "trap.h"

#define WORDS_MAX 3u

extern const uint8_t ram_start[], ram_end[]; /* of stage 0, and of the application */

static int32_t host(uint32_t operation, uint32_t *parameters);

/* Uncompressed and within one page: the three instructions are the call. */
__attribute__((naked, aligned(16), noinline)) static int32_t host(uint32_t operation,
                                                                  uint32_t *parameters)
{
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop\n"
                     "ret\n" ::"r"(operation),
                     "r"(parameters));
}

/* From either mode: trap_call answers. */
__attribute__((naked)) int32_t semihosting_call(uint32_t operation, void *parameters)
{
    __asm__ volatile("ecall\n"
                     "ret\n" ::"r"(operation),
                     "r"(parameters));
}

static bool is_its_ram(uintptr_t at, size_t len)
{
    return at >= (uintptr_t)ram_start && at <= (uintptr_t)ram_end && len <= (uintptr_t)ram_end - at;
}

static size_t words_of(uint32_t operation)
{
    switch (operation) {
    case SYS_CLOSE:
        return 1;
    case SYS_GET_CMDLINE:
    case SYS_EXIT_EXTENDED:
        return 2;
    case SYS_OPEN:
    case SYS_READ:
        return 3;
    default:
        return 0;
    }
}

/* Which file it names is not asked: there is one. */
static int32_t open_random(void)
{
    static const char name[] = SEMIHOSTING_RANDOM;
    uint32_t words[] = {(uint32_t)(uintptr_t)name, SEMIHOSTING_BINARY, sizeof(name) - 1};

    return host(SYS_OPEN, words);
}

static int32_t call_of_user(uint32_t operation, const uint32_t *parameters)
{
    uint32_t words[WORDS_MAX];
    size_t size = words_of(operation) * sizeof(words[0]);

    if (operation == SYS_CLOCK)
        return host(operation, NULL);
    if (size == 0 || (uintptr_t)parameters % sizeof(words[0]) != 0 ||
        !is_its_ram((uintptr_t)parameters, size))
        return -1;
    memcpy(words, parameters, size);
    if (operation == SYS_OPEN)
        return open_random();
    if ((operation == SYS_READ && !is_its_ram(words[1], words[2])) ||
        (operation == SYS_GET_CMDLINE && !is_its_ram(words[0], words[1])))
        return -1;
    return host(operation, words);
}

int32_t trap_call(uint32_t operation, uint32_t *parameters, uint32_t cause)
{
    return cause == TRAP_CALL_OF_USER ? call_of_user(operation, parameters)
                                      : host(operation, parameters);
}
