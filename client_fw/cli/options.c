/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table of options for all commands, each option once, unknown or misplaced
 * ones refused. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "device.h"

#define CODE_HELP   1
#define CODE_JSON   2
#define CODE_FLAGS  0x80
#define CODE_VALUES 0x100

static const struct {
    const char *name;
    size_t at; /* of the bool in struct arguments */
} flags[] = {
    {"force", offsetof(struct arguments, force)},
    {"retry", offsetof(struct arguments, retry)},
    {"recovery", offsetof(struct arguments, recovery)},
    {"md5", offsetof(struct arguments, md5)},
    {"factory", offsetof(struct arguments, factory)},
    {"restart", offsetof(struct arguments, restart)},
    {"cancel", offsetof(struct arguments, cancel)},
    {"single", offsetof(struct arguments, single)},
    {"two", offsetof(struct arguments, two)},
    {"three", offsetof(struct arguments, three)},
    {"in-place", offsetof(struct arguments, in_place)},
    {"no-state", offsetof(struct arguments, no_state)},
    {"add-state", offsetof(struct arguments, add_state)},
    {"erase", offsetof(struct arguments, erase)},
};
#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

static const struct {
    const char *name;
    size_t at; /* of the const char * in struct arguments */
} values[] = {
    {"layout", offsetof(struct arguments, layout)},
    {"flash-size", offsetof(struct arguments, flash_size)},
    {"app", offsetof(struct arguments, app)},
    {"envelope", offsetof(struct arguments, envelope)},
    {"trust", offsetof(struct arguments, trust)},
    {"vendor", offsetof(struct arguments, vendor)},
    {"class", offsetof(struct arguments, class_name)},
    {"format", offsetof(struct arguments, format)},
    {"chip", offsetof(struct arguments, chip)},
    {"chip-revision", offsetof(struct arguments, chip_revision)},
    {"url", offsetof(struct arguments, url)},
    {"client-cert", offsetof(struct arguments, client_cert)},
    {"client-key", offsetof(struct arguments, client_key)},
    {"timeout", offsetof(struct arguments, timeout)},
    {"memory", offsetof(struct arguments, memory)},
    {"reset", offsetof(struct arguments, reset)},
    {"trial-boots", offsetof(struct arguments, trial_boots)},
    {"crashes", offsetof(struct arguments, crashes)},
    {"reach", offsetof(struct arguments, reach)},
    {"transport", offsetof(struct arguments, transport)},
    {"from", offsetof(struct arguments, from)},
    {"serial", offsetof(struct arguments, serial)},
    {"baud", offsetof(struct arguments, baud)},
    {"path", offsetof(struct arguments, path)},
    {"sha256", offsetof(struct arguments, sha256)},
    {"length", offsetof(struct arguments, length)},
    {"auth-file", offsetof(struct arguments, auth_file)},
    {"header", offsetof(struct arguments, headers)},
    {"running", offsetof(struct arguments, running)},
    {"countdown", offsetof(struct arguments, countdown)},
    {"output", offsetof(struct arguments, output)},
    {"app-size", offsetof(struct arguments, app_size)},
    {"fs-size", offsetof(struct arguments, fs_size)},
    {"modules", offsetof(struct arguments, modules_size)},
    {"firmware", offsetof(struct arguments, firmware)},
    {"style", offsetof(struct arguments, style)},
    {"against", offsetof(struct arguments, against)},
    {"otadata", offsetof(struct arguments, otadata)},
    {"factory-app", offsetof(struct arguments, factory_app)},
    {"factory-envelope", offsetof(struct arguments, factory_envelope)},
    {"bootloader", offsetof(struct arguments, bootloader)},
    {"fs", offsetof(struct arguments, file_system)},
};
#define VALUE_COUNT (sizeof(values) / sizeof(values[0]))

static bool takes(const struct command *command, const char *name)
{
    char word[32];

    (void)snprintf(word, sizeof(word), " %s ", name);
    return strstr(command->options, word) != NULL;
}

static size_t find_value(const char *name)
{
    size_t i = 0;

    while (i + 1 < VALUE_COUNT && strcmp(values[i].name, name) != 0)
        i++;
    return i;
}

static void build(const struct command *command,
                  struct option options[VALUE_COUNT + FLAG_COUNT + 3])
{
    size_t n = 0;

    options[n++] = (struct option){"help", no_argument, NULL, CODE_HELP};
    options[n++] = (struct option){"json", no_argument, NULL, CODE_JSON};
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (takes(command, flags[i].name))
            options[n++] = (struct option){flags[i].name, no_argument, NULL, CODE_FLAGS + (int)i};
    }
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        if (takes(command, values[i].name))
            options[n++] =
                (struct option){values[i].name, required_argument, NULL, CODE_VALUES + (int)i};
    }
    options[n] = (struct option){NULL, 0, NULL, 0};
}

/* -1, or the exit code of a usage error. */
static int keep(struct host_tool *tool, struct arguments *out, size_t index, const char *text)
{
    const char **place = (const char **)(void *)((char *)out + values[index].at);

    if (place == out->headers) { /* these may be repeated: their places follow each other */
        while (*place != NULL && place < out->headers + HEADERS_MAX - 1)
            place++;
        if (*place != NULL)
            return host_usage(tool, "--header is given more than %u times", HEADERS_MAX);
    }
    if (*place != NULL)
        return host_usage(tool, "--%s is given twice", values[index].name);
    *place = text;
    return -1;
}

static int take_operands(struct host_tool *tool, const struct command *command, int count,
                         char **operands, struct arguments *out)
{
    int least = command->operands > 2 ? 2 : command->operands; /* a third one may be missing */

    if (count < 1 && command->operands < 0)
        return -1;
    if (count < 1)
        return host_usage(tool, "%s needs the %s file", command->name,
                          strcmp(command->name, "inspect") == 0 ? "IMAGE" : "FLASH");
    if (count > 1 && command->operands < 0)
        return host_usage(tool, "%s takes one FILE at most, found %d", command->name, count);
    if (count < least)
        return host_usage(tool, "%s needs %s", command->name,
                          least < command->operands ? "ls, add, del, reset or cat"
                                                    : "the NAME of a slot");
    if (command->operands > 0 && count > command->operands)
        return host_usage(tool, "%s takes %d operand%s, found %d", command->name, command->operands,
                          command->operands == 1 ? "" : "s", count);
    out->flash = operands[0];
    out->name = command->operands > 1 ? operands[1] : NULL;
    out->module = command->operands > 2 && count > 2 ? operands[2] : NULL;
    return -1;
}

int arguments_parse(struct host_tool *tool, const struct command *command, int argc, char **argv,
                    struct arguments *out)
{
    struct option options[VALUE_COUNT + FLAG_COUNT + 3];
    int code;

    memset(out, 0, sizeof(*out));
    build(command, options);
    /* -o is --output, where there is one */
    const char *letters = takes(command, "output") ? ":ho:" : ":h";
    while ((code = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (code == CODE_HELP || code == 'h') {
            fputs(command->help, stdout);
            return HOST_EXIT_OK;
        }
        if (code == '?')
            return host_usage(tool, "%s does not know the option %s", command->name,
                              argv[optind - 1]);
        if (code == ':')
            return host_usage(tool, "option %s needs a value", argv[optind - 1]);
        if (code >= CODE_FLAGS && code < CODE_VALUES)
            *(bool *)((char *)out + flags[code - CODE_FLAGS].at) = true;
        if (code == 'o' || code >= CODE_VALUES) {
            size_t index = code == 'o' ? find_value("output") : (size_t)(code - CODE_VALUES);
            int ended = keep(tool, out, index, optarg);
            if (ended >= 0)
                return ended;
        }
    }
    return take_operands(tool, command, argc - optind, argv + optind, out);
}
