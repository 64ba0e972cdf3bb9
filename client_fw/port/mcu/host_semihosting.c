/* SPDX-License-Identifier: Apache-2.0 */
/* Command line, exit status and random bytes of the emulator's host. */

#include "host.h"

#include <string.h>

#include "semihosting.h"

#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

#define DRAIN_CENTISECONDS 3

static char line[512]; /* words, each ended by a zero; two zeros end it */

void host_end(int status)
{
    uint32_t parameters[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
    int32_t start = semihosting_call(SYS_CLOCK, NULL);
    int32_t now = start;

    /* The emulator writes to the NOR's file behind our back and forgets it at an exit. The clock
     * is the time that its processor threads had: all of them get their share meanwhile. */
    while (now >= 0 && now - start < DRAIN_CENTISECONDS)
        now = semihosting_call(SYS_CLOCK, NULL);
    for (;;)
        (void)semihosting_call(SYS_EXIT_EXTENDED, parameters);
}

static void read_line(void)
{
    struct {
        char *text;
        uint32_t size;
    } parameters = {line, sizeof(line) - 1}; /* the end's second zero stays */

    if (line[0] != '\0')
        return;
    if (semihosting_call(SYS_GET_CMDLINE, &parameters) != 0)
        memset(line, 0, sizeof(line));
    for (size_t i = 0; i < sizeof(line); i++) {
        if (line[i] == ' ')
            line[i] = '\0';
    }
}

const char *host_value(const char *key)
{
    size_t len = strlen(key);

    read_line();
    for (const char *word = line; *word != '\0'; word += strlen(word) + 1) {
        if (strncmp(word, key, len) == 0 && word[len] == '=')
            return word + len + 1;
    }
    return NULL;
}

bool host_number(const char *key, uint32_t *value)
{
    const char *text = host_value(key);
    uint32_t number = 0;

    if (text == NULL || *text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number > (UINT32_MAX - 9u) / 10u)
            return false;
        number = number * 10u + (uint32_t)(*text - '0');
    }
    if (*text != '\0')
        return false;
    *value = number;
    return true;
}

bool host_random(uint8_t *bytes, size_t len)
{
    static const char name[] = SEMIHOSTING_RANDOM;
    const uint32_t name_len = sizeof(name) - 1;
    uint32_t open[3] = {(uint32_t)(uintptr_t)name, SEMIHOSTING_BINARY, name_len};
    int32_t file = semihosting_call(SYS_OPEN, open);

    if (file < 0)
        return false;
    uint32_t parameters[3] = {(uint32_t)file, (uint32_t)(uintptr_t)bytes, (uint32_t)len};
    int32_t left = semihosting_call(SYS_READ, parameters);
    (void)semihosting_call(SYS_CLOSE, parameters);
    return left == 0;
}
