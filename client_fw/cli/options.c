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
};
#define VALUE_COUNT (sizeof(values) / sizeof(values[0]))

static bool takes(const struct command *command, const char *name)
{
    char word[32];

    (void)snprintf(word, sizeof(word), " %s ", name);
    return strstr(command->options, word) != NULL;
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

    if (*place != NULL)
        return host_usage(tool, "--%s is given twice", values[index].name);
    *place = text;
    return -1;
}

static int take_operands(struct host_tool *tool, const struct command *command, int count,
                         char **operands, struct arguments *out)
{
    if (count < 1)
        return host_usage(tool, "%s needs the FLASH file", command->name);
    if (count < command->operands)
        return host_usage(tool, "%s needs the NAME of a slot", command->name);
    if (count > command->operands)
        return host_usage(tool, "%s takes %d operand%s, found %d", command->name, command->operands,
                          command->operands == 1 ? "" : "s", count);
    out->flash = operands[0];
    out->name = command->operands > 1 ? operands[1] : NULL;
    return -1;
}

int arguments_parse(struct host_tool *tool, const struct command *command, int argc, char **argv,
                    struct arguments *out)
{
    struct option options[VALUE_COUNT + FLAG_COUNT + 3];
    int code;

    memset(out, 0, sizeof(*out));
    build(command, options);
    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
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
        if (code >= CODE_VALUES) {
            int ended = keep(tool, out, (size_t)(code - CODE_VALUES), optarg);
            if (ended >= 0)
                return ended;
        }
    }
    return take_operands(tool, command, argc - optind, argv + optind, out);
}
