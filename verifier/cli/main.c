/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-verify: the auditor's program. Finds the command and nothing else. */

#include <string.h>

#include "verify.h"

static const char help[] =
    "Usage: bulla-verify COMMAND [OPTIONS]\n"
    "Judges sealed releases and flash dumps offline, with the code that devices run.\n"
    "\n"
    "  envelope FILE... --trust T  judge envelopes, and the image one was made for\n"
    "  show FILE                   explain every field of an envelope, without a verdict\n"
    "  flash DUMP --trust T        what is installed, what boots next and why\n"
    "\n"
    "  --json                      JSON on stdout instead of text, one object a line\n"
    "  --help, --version           also after a command: bulla-verify envelope --help\n"
    "\n"
    "Exit codes: 0 accepted, 1 judged and refused, 2 could not judge.\n";

static const struct {
    const char *name;
    int (*run)(struct host_tool *tool, int argc, char **argv);
} commands[] = {
    {"envelope", verify_envelope},
    {"show", verify_show},
    {"flash", verify_flash},
};

/* The command is the first argument that is not --json, which may stand anywhere. */
static int command_index(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") != 0)
            return i;
    return 0;
}

/* The command's own arguments, with its name as argv[0] and what stood before it dropped. */
static int run_command(struct host_tool *tool, size_t command, int argc, char **argv, int at)
{
    return commands[command].run(tool, argc - at, argv + at);
}

int main(int argc, char **argv)
{
    struct host_tool tool;
    host_begin(&tool, "bulla-verify", argc, argv);
    int at = command_index(argc, argv);
    if (at == 0)
        return host_usage(&tool, "a command is expected: envelope, show or flash");
    if (strcmp(argv[at], "--help") == 0) {
        (void)fputs(help, stdout);
        return HOST_EXIT_OK;
    }
    if (strcmp(argv[at], "--version") == 0) {
        (void)puts("bulla-verify " BULLA_VERSION);
        return HOST_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[at], commands[i].name) == 0)
            return run_command(&tool, i, argc, argv, at);
    return host_usage(&tool, "'%s' is not a command: envelope, show or flash expected", argv[at]);
}
