/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign: the table of its commands, and dispatch. */

#include <getopt.h>
#include <string.h>

#include "signer.h"

static const struct {
    const char *name;
    int (*run)(struct host_tool *tool, int argc, char **argv);
} commands[] = {
    {"sign", cmd_sign},     {"check", cmd_check},     {"extract", cmd_extract},
    {"cosign", cmd_cosign}, {"publish", cmd_publish}, {"bundle", cmd_bundle},
};

static const char help[] =
    "usage: bulla-sign COMMAND ...\n"
    "  sign IMAGE     seal an image: manifest, signatures and sector list in one envelope\n"
    "  check IMAGE    what a device would say of this image, before anything is signed\n"
    "  extract FILE   cut the app out of a combined flash image\n"
    "  cosign FILE    add a signature to an envelope\n"
    "  publish FILE IMAGE --to DIR\n"
    "                 lay out envelope and image as static files, atomically\n"
    "  bundle FILE IMAGE -o BUNDLE\n"
    "                 envelope and image as one file\n"
    "`bulla-sign COMMAND --help` tells the options; --json makes every answer one JSON object.\n"
    "exit: 0 done, 1 judged and refused, 2 could not judge (usage, files, keys)\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, /* host_begin's; may stand before the command, too */
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct host_tool tool;
    int option;

    host_begin(&tool, "bulla-sign", argc, argv);
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        if (option == 'h')
            return host_tell(&tool, "help", help);
        if (option == 'V')
            return host_tell(&tool, "version", VERSION_LINE);
        if (option == '?')
            return host_usage(&tool, "unknown option %s", argv[optind - 1]);
    }
    int first = optind;
    if (first >= argc)
        return host_usage(&tool, "a command is missing");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[first], commands[i].name) == 0)
            return commands[i].run(&tool, argc - first, argv + first);
    return host_usage(&tool, "unknown command %s", argv[first]);
}
