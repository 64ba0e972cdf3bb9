/* SPDX-License-Identifier: Apache-2.0 */
/* One option table a command, read with getopt_long: every option once unless it is a list, the
 * demanded number of operands, --help and --version everywhere. */

#include <getopt.h>
#include <string.h>

#include "signer.h"

#define OPTIONS_MAX  16
#define CODE_HELP    0x1000
#define CODE_JSON    0x1001
#define CODE_VERSION 0x1002
#define CODE_OPTION  0x2000 /* + index into the command's table */

/* The command's table in getopt's two forms. */
struct forms {
    struct option longs[OPTIONS_MAX + 4];
    char shorts[2 * OPTIONS_MAX + 3];
};

static void build_forms(const struct cli_option *options, struct forms *forms)
{
    size_t longs = 0, shorts = 0;
    bool own_version = false;

    memset(forms, 0, sizeof(*forms));
    forms->shorts[shorts++] = ':'; /* a missing argument is told apart */
    forms->shorts[shorts++] = 'h';
    for (size_t i = 0; options[i].name != NULL && i < OPTIONS_MAX; i++) {
        own_version = own_version || strcmp(options[i].name, "version") == 0;
        forms->longs[longs++] =
            (struct option){options[i].name, required_argument, NULL, CODE_OPTION + (int)i};
        if (options[i].letter != 0) {
            forms->shorts[shorts++] = options[i].letter;
            forms->shorts[shorts++] = ':';
        }
    }
    forms->longs[longs++] = (struct option){"help", no_argument, NULL, CODE_HELP};
    forms->longs[longs++] = (struct option){"json", no_argument, NULL, CODE_JSON};
    if (!own_version)
        forms->longs[longs] = (struct option){"version", no_argument, NULL, CODE_VERSION};
}

static const struct cli_option *find_option(const struct cli_option *options, int code)
{
    if (code >= CODE_OPTION)
        return &options[code - CODE_OPTION];
    for (size_t i = 0; options[i].name != NULL; i++)
        if (options[i].letter != 0 && options[i].letter == code)
            return &options[i];
    return NULL;
}

/* -1, or the exit code of a usage error. */
static int keep(struct host_tool *tool, const struct cli_option *option, const char *argument)
{
    if (option->list != NULL) {
        if (option->list->count == CLI_LIST_MAX)
            return host_usage(tool, "--%s is given more than %u times", option->name, CLI_LIST_MAX);
        option->list->items[option->list->count++] = argument;
        return -1;
    }
    if (*option->value != NULL)
        return host_usage(tool, "--%s is given twice", option->name);
    *option->value = argument;
    return -1;
}

static int one_option(struct host_tool *tool, const struct cli_command *command, int code,
                      char **argv)
{
    if (code == 'h' || code == CODE_HELP)
        return host_tell(tool, "help", command->help);
    if (code == CODE_VERSION)
        return host_tell(tool, "version", VERSION_LINE);
    if (code == CODE_JSON)
        return -1;
    if (code == ':')
        return host_usage(tool, "%s needs an argument", argv[optind - 1]);

    const struct cli_option *option = find_option(command->options, code);
    if (option == NULL)
        return host_usage(tool, "unknown option %s", argv[optind - 1]);
    return keep(tool, option, optarg);
}

int cli_parse(struct host_tool *tool, const struct cli_command *command, int argc, char **argv,
              const char **operands)
{
    return cli_parse_some(tool, command, command->operand_count, argc, argv, operands);
}

int cli_parse_some(struct host_tool *tool, const struct cli_command *command, size_t least,
                   int argc, char **argv, const char **operands)
{
    struct forms forms;
    int code;

    build_forms(command->options, &forms);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((code = getopt_long(argc, argv, forms.shorts, forms.longs, NULL)) != -1) {
        int end = one_option(tool, command, code, argv);
        if (end >= 0)
            return end;
    }
    size_t given = (size_t)(argc - optind);
    if (given < least || given > command->operand_count)
        return host_usage(tool, "%zu file name%s expected, %zu given", command->operand_count,
                          command->operand_count == 1 ? "" : "s", given);
    for (size_t i = 0; i < command->operand_count; i++)
        operands[i] = i < given ? argv[(size_t)optind + i] : NULL;
    return -1;
}

bool cli_format(const char *text, enum bulla_image_format *format)
{
    *format = BULLA_FORMAT_UNKNOWN;
    if (text == NULL)
        return true;
    if (strcmp(text, "esp") == 0)
        *format = BULLA_FORMAT_ESP;
    else if (strcmp(text, "raw") == 0)
        *format = BULLA_FORMAT_RAW;
    return *format != BULLA_FORMAT_UNKNOWN;
}

int cli_keep_input(struct host_tool *tool, const char *out, const char *input)
{
    if (out == NULL || input == NULL || !host_same_file(out, input))
        return -1;
    return host_usage(tool, "-o %s would overwrite %s, which is read", out, input);
}

int cli_keep_inputs(struct host_tool *tool, const char *out, const struct cli_list *inputs)
{
    int end = -1;

    for (size_t i = 0; end < 0 && i < inputs->count; i++)
        end = cli_keep_input(tool, out, inputs->items[i]);
    return end;
}

int cli_end(struct host_tool *tool, enum bulla_status status, const char *why)
{
    if (why == NULL || why[0] == '\0')
        return host_end(tool, status, NULL);
    return host_end(tool, status, "%s", why);
}

int cli_check_modules(struct host_tool *tool, const struct cli_list *modules)
{
    char name[BULLA_COMPONENT_NAME_MAX + 1u], other[BULLA_COMPONENT_NAME_MAX + 1u];

    for (size_t i = 0; i < modules->count; i++) {
        if (host_named_file(modules->items[i], name) == NULL)
            return host_usage(tool, "--module %s: expected NAME=FILE", modules->items[i]);
        for (size_t k = 0; k < i; k++) {
            (void)host_named_file(modules->items[k], other);
            if (strcmp(name, other) == 0)
                return host_usage(tool, "--module %s is given twice", name);
        }
    }
    return -1;
}
