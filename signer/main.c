/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign: the table of its commands, and dispatch. */

#include <string.h>

#include "signer.h"

static const struct {
    const char *name;
    int (*run)(struct host_tool *tool, int argc, char **argv);
} commands[] = {
    {"sign", cmd_sign},     {"check", cmd_check},     {"extract", cmd_extract},
    {"cosign", cmd_cosign}, {"publish", cmd_publish},
};

static const char help[] =
    "usage: bulla-sign COMMAND ...\n"
    "  sign IMAGE     seal an image: manifest, signatures and sector list in one envelope\n"
    "  check IMAGE    what a device would say of this image, before anything is signed\n"
    "  extract FILE   cut the app out of a combined flash image\n"
    "  cosign FILE    add a signature to an envelope\n"
    "  publish FILE IMAGE --to DIR\n"
    "                 lay out envelope and image as static files, atomically\n"
    "`bulla-sign COMMAND --help` tells the options; --json makes every answer one JSON object.\n"
    "exit: 0 done, 1 judged and refused, 2 could not judge (usage, files, keys)\n";

int main(int argc, char **argv)
{
    struct host_tool tool;

    host_begin(&tool, "bulla-sign", argc, argv);
    /* --json may stand before the command, too */
    int first = argc > 1 && strcmp(argv[1], "--json") == 0 ? 2 : 1;
    if (first >= argc)
        return host_usage(&tool, "a command is missing");
    if (strcmp(argv[first], "--help") == 0 || strcmp(argv[first], "-h") == 0) {
        fputs(help, stdout);
        return HOST_EXIT_OK;
    }
    if (strcmp(argv[first], "--version") == 0) {
        puts("bulla-sign " BULLA_VERSION);
        return HOST_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[first], commands[i].name) == 0)
            return commands[i].run(&tool, argc - first, argv + first);
    return host_usage(&tool, "unknown command %s", argv[first]);
}
