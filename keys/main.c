/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-key: makes keys, shows their ids and pins, builds trust stores. This file is the argument
 * table and the dispatch; what a command does is in its cmd_*.c. */

#include <getopt.h>
#include <string.h>

#include "bulla_key.h"

#define CONNECT_TIMEOUT_DEFAULT 15u
#define CONNECT_TIMEOUT_MAX     600u

#define COMMON_OPTIONS                                                                             \
    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},                            \
        {"version", no_argument, NULL, 'V'},                                                       \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

static const struct option common_options[] = {COMMON_OPTIONS};
static const struct option generate_options[] = {
    {"passphrase-file", required_argument, NULL, 'f'},
    COMMON_OPTIONS,
};
static const struct option pin_options[] = {
    {"connect-timeout", required_argument, NULL, 't'},
    COMMON_OPTIONS,
};
static const struct option trust_options[] = {
    {"key", required_argument, NULL, 'k'},    {"pin", required_argument, NULL, 'p'},
    {"anchor", required_argument, NULL, 'a'}, {"threshold", required_argument, NULL, 'm'},
    {"output", required_argument, NULL, 'o'}, COMMON_OPTIONS,
};

static const char help[] =
    "usage: bulla-key COMMAND ...\n"
    "\n"
    "  generate NAME [--passphrase-file F]   make NAME.pem (private, mode 0600, PKCS#8) and\n"
    "                                        NAME.pub; neither is ever overwritten\n"
    "  id FILE.pub                           key id: 16 hex digits\n"
    "  pin CERT.pem | KEY.pub                pin of the public key, as curl takes it:\n"
    "                                        sha256//BASE64\n"
    "  pin https://HOST[:PORT] [--connect-timeout S]\n"
    "                                        the same of what that server shows now\n"
    "  trust --key FILE.pub[:COMPONENT,...] [--key ...] [--threshold M] [--pin P]...\n"
    "        [--anchor CA.pem]... -o FILE    build a trust store for devices\n"
    "  show FILE                             every field of a trust store or public key\n"
    "\n"
    "  --json      one JSON object on standard output\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 2 not done (usage, unusable file, network).\n";

static const struct command {
    const char *name;
    const char *operand; /* NULL: takes none */
    const char *short_options;
    const struct option *options;
    int (*run)(struct host_tool *tool, const struct arguments *args);
} commands[] = {
    {"generate", "NAME", ":", generate_options, run_generate},
    {"id", "FILE.pub", ":", common_options, run_id},
    {"pin", "CERT.pem or https://HOST", ":", pin_options, run_pin},
    {"trust", NULL, ":o:", trust_options, run_trust},
    {"show", "FILE", ":", common_options, run_show},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int tell_about(struct host_tool *tool, int option)
{
    if (option == 'h')
        return host_tell(tool, "help", help);
    return host_tell(tool, "version", "bulla-key " BULLA_VERSION "\n");
}

/* What getopt_long stumbled over. A short option may stand inside a cluster, which getopt has
 * not passed yet: then only its letter is known. */
static int refuse_option(struct host_tool *tool, char **argv)
{
    const char *last = argv[optind - 1];

    if (optopt != 0 && strchr(last, '=') == NULL)
        return host_usage(tool, "unknown option -%c", optopt);
    return host_usage(tool, "unknown option %s", last);
}

static bool append(const char **list, uint32_t *count, uint32_t max, const char *value)
{
    if (*count == max)
        return false;
    list[(*count)++] = value;
    return true;
}

static bool take_number(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t number;

    if (!host_parse_number(text, max, false, &number) || number == 0)
        return false;
    *out = (uint32_t)number;
    return true;
}

/* NULL, or what the option expects. */
static const char *take_option(struct arguments *args, int option, const char *value)
{
    switch (option) {
    case 'f':
        args->passphrase_file = value;
        return NULL;
    case 'o':
        args->output = value;
        return NULL;
    case 't':
        return take_number(value, CONNECT_TIMEOUT_MAX, &args->connect_timeout)
                   ? NULL
                   : "--connect-timeout takes 1 to 600 seconds";
    case 'm':
        return take_number(value, BULLA_TRUST_KEYS_MAX, &args->threshold)
                   ? NULL
                   : "--threshold takes a number from 1 to 16";
    case 'k':
        return append(args->keys, &args->key_count, BULLA_TRUST_KEYS_MAX, value)
                   ? NULL
                   : "a trust store holds at most 16 keys";
    case 'p':
        return append(args->pins, &args->pin_count, BULLA_TRUST_PINS_MAX, value)
                   ? NULL
                   : "a trust store holds at most 4 pins";
    case 'a':
        return append(args->anchors, &args->anchor_count, BULLA_TRUST_ANCHORS_MAX, value)
                   ? NULL
                   : "a trust store holds at most 4 anchors";
    default:
        return NULL; /* --json: host_begin saw it */
    }
}

static int run_command(struct host_tool *tool, const struct command *command, int argc, char **argv)
{
    struct arguments args = {.connect_timeout = CONNECT_TIMEOUT_DEFAULT};
    int option;

    optind = 0; /* glibc: start anew */
    while ((option = getopt_long(argc, argv, command->short_options, command->options, NULL)) !=
           -1) {
        if (option == 'h' || option == 'V')
            return tell_about(tool, option);
        if (option == ':')
            return host_usage(tool, "%s needs a value", argv[optind - 1]);
        if (option == '?')
            return refuse_option(tool, argv);
        const char *problem = take_option(&args, option, optarg);
        if (problem != NULL)
            return host_usage(tool, "%s, found %s", problem, optarg);
    }
    int expected = command->operand != NULL ? 1 : 0;
    if (argc - optind < expected)
        return host_usage(tool, "%s: expected %s", command->name, command->operand);
    if (argc - optind > expected)
        return host_usage(tool, "%s: unexpected argument %s", command->name,
                          argv[optind + expected]);
    args.operand = expected == 1 ? argv[optind] : NULL;
    return command->run(tool, &args);
}

int main(int argc, char **argv)
{
    struct host_tool tool;
    int option;

    host_begin(&tool, "bulla-key", argc, argv);
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", common_options, NULL)) != -1) {
        if (option == 'h' || option == 'V')
            return tell_about(&tool, option);
        if (option == '?')
            return refuse_option(&tool, argv);
    }
    if (optind >= argc)
        return host_usage(&tool, "expected a command: generate, id, pin, trust or show");
    const struct command *command = find_command(argv[optind]);
    if (command == NULL)
        return host_usage(&tool, "expected generate, id, pin, trust or show, found %s",
                          argv[optind]);
    return run_command(&tool, command, argc - optind, argv + optind);
}
