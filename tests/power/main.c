/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-power: options. */

#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: bulla-power [--quick | --long] [--jobs N] [--scenario NAME] [--seed S] [--strict]\n"
    "       bulla-power --replay LINE [--strict] | --wear | --list\n";

static int list(void)
{
    for (uint32_t i = 0; i < scenario_count; i++)
        printf("%-26s %s\n", scenarios[i].name, scenarios[i].life);
    return 0;
}

static uint32_t number(const char *text)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);

    if (text[0] == '\0' || *end != '\0' || value > UINT32_MAX) {
        fprintf(stderr, "bulla-power: %s is no number\n", text);
        exit(2);
    }
    return (uint32_t)value;
}

static bool is_scenario(const char *name)
{
    for (uint32_t i = 0; i < scenario_count; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return true;
    return false;
}

/* True: it was one that takes a value. */
static bool take_value(struct options *options, const char *name, const char *value)
{
    struct path path;

    if (strcmp(name, "--jobs") == 0)
        options->jobs = number(value);
    else if (strcmp(name, "--seed") == 0)
        options->seed = number(value);
    else if (strcmp(name, "--scenario") == 0 && is_scenario(value))
        options->scenario = value;
    else if (strcmp(name, "--replay") == 0 && path_parse(value, &path, &options->seed))
        options->replay = value;
    else
        return false;
    return true;
}

static bool parse(int argc, char **argv, struct options *options, const char **command)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            options->level = LEVEL_QUICK;
        else if (strcmp(argv[i], "--long") == 0)
            options->level = LEVEL_LONG;
        else if (strcmp(argv[i], "--strict") == 0)
            options->strict = true;
        else if (strcmp(argv[i], "--list") == 0 || strcmp(argv[i], "--wear") == 0)
            *command = argv[i];
        else if (i + 1 < argc && take_value(options, argv[i], argv[i + 1]))
            i++;
        else
            return false;
    }
    return options->jobs > 0;
}

int main(int argc, char **argv)
{
    static struct releases releases[KITS];
    struct options options = {.level = LEVEL_DEFAULT, .seed = 1};
    const char *command = "";
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    options.jobs = processors > 0 ? (uint32_t)processors : 1;
    if (!parse(argc, argv, &options, &command)) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(command, "--list") == 0)
        return list();
    for (uint32_t kit = 0; kit < KITS; kit++)
        releases_make(&releases[kit], (enum kit)kit, options.seed);
    int code = strcmp(command, "--wear") == 0 ? wear_print(releases)
               : options.replay != NULL       ? workers_replay(&options, releases)
                                              : workers_run(&options, releases);
    for (uint32_t kit = 0; kit < KITS; kit++)
        releases_free(&releases[kit]);
    return code;
}
