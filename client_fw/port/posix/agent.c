/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bulla-agent and bulla-boot, and opening the device. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"

/* ---- the device ---- */

const char *agent_label(const struct agent *agent, int32_t slot)
{
    const struct bulla_partition *row = bulla_layout_slot(&agent->client.layout, slot);

    return row != NULL ? row->label : "nothing";
}

void agent_set(struct agent *agent, const char *key, json_t *value)
{
    if (agent->tool->json)
        json_object_set_new(agent->tool->doc, key, value);
    else
        json_decref(value);
}

/* Each partition that the client uses lies in one area: a slot has one path then. */
static enum bulla_status judge_map(struct agent *agent)
{
    const struct bulla_layout *layout = &agent->client.layout;
    const struct bulla_partition *rows[BULLA_SLOTS_MAX + 4u] = {&layout->otadata, &layout->state,
                                                                &layout->factory, &layout->modules};

    for (uint32_t i = 0; i < layout->slot_count; i++)
        rows[4 + i] = &layout->slots[i];
    for (uint32_t i = 0; i < 4 + layout->slot_count; i++) {
        if (rows[i]->size == 0 ||
            flash_posix_find(&agent->config.flash, rows[i]->offset, rows[i]->size) != NULL)
            continue;
        (void)snprintf(agent->why, sizeof(agent->why),
                       "partition %s (0x%x, 0x%x bytes) does not lie in one area of the map",
                       rows[i]->label, (unsigned)rows[i]->offset, (unsigned)rows[i]->size);
        return BULLA_E_USAGE;
    }
    return BULLA_OK;
}

/* What the mark says is being executed, and an update never goes there. In place it is the area,
 * whichever bank it came from. */
static void set_executing(struct agent *agent)
{
    int32_t slot = BULLA_SLOT_NONE;

    if (!agent->client.layout.in_place && agent_mark_read(agent, &slot) &&
        bulla_layout_slot(&agent->client.layout, slot) != NULL)
        agent->client.executing = slot;
}

enum bulla_status agent_open(struct agent *agent, enum flash_posix_mode mode)
{
    return agent_open_within(agent, mode, AGENT_LOCK_WAIT_MS);
}

enum bulla_status agent_open_within(struct agent *agent, enum flash_posix_mode mode,
                                    uint32_t wait_ms)
{
    struct flash_posix *flash = &agent->config.flash;
    enum bulla_status status = flash_posix_open(flash, mode, wait_ms, agent->why);

    if (status != BULLA_OK)
        return status;
    agent->why[0] = '\0';
    status = bulla_client_open(&agent->client, flash_posix_flash(flash), agent->trust_store,
                               sizeof(agent->trust_store));
    if (status == BULLA_E_PARTITION_MAGIC)
        (void)snprintf(agent->why, sizeof(agent->why),
                       "no partition table at 0x8000 of the map: provision the device first");
    if (status == BULLA_OK)
        set_executing(agent);
    return status == BULLA_OK ? judge_map(agent) : status;
}

void agent_close(struct agent *agent)
{
    flash_posix_close(&agent->config.flash);
}

int agent_end(struct agent *agent, enum bulla_status status)
{
    const char *note = flash_posix_note(&agent->config.flash);
    bool is_flash = status == BULLA_E_FLASH_READ || status == BULLA_E_FLASH_PROGRAM ||
                    status == BULLA_E_FLASH_ERASE;

    agent_close(agent);
    if (status != BULLA_OK && agent->why[0] != '\0')
        return host_end(agent->tool, status, "%s", agent->why);
    if (is_flash && note[0] != '\0')
        return host_end(agent->tool, status, "%s", note);
    return host_end(agent->tool, status, NULL);
}

/* ---- the command line ---- */

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {"json", no_argument, NULL, 'j'},
    {"config", required_argument, NULL, 'c'},
    {"retry", no_argument, NULL, 'r'},
    {"stay", no_argument, NULL, 's'},
    {"force", no_argument, NULL, 'f'},
    {"crashed", no_argument, NULL, 'x'},
    {NULL, 0, NULL, 0},
};

struct line {
    const char *config;
    char given[8]; /* letters of options that only some commands take */
};

static int tell_version(struct host_tool *tool)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s %s\n", agent_name, BULLA_VERSION);
    return host_tell(tool, "version", text);
}

/* -1: go on; else the exit code. */
static int take_options(struct host_tool *tool, int argc, char **argv, struct line *line)
{
    size_t given = 0;
    int code;

    while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (code == 'h')
            return host_tell(tool, "help", agent_help);
        if (code == 'v')
            return tell_version(tool);
        if (code == ':')
            return host_usage(tool, "option %s needs a value", argv[optind - 1]);
        if (code == '?')
            return host_usage(tool, "there is no option %s", argv[optind - 1]);
        if (code == 'c')
            line->config = optarg;
        else if (code != 'j' && strchr(line->given, code) == NULL &&
                 given + 1 < sizeof(line->given))
            line->given[given++] = (char)code;
    }
    return -1;
}

static const struct agent_command *find(const char *name)
{
    for (size_t i = 0; i < agent_command_count; i++) {
        if (strcmp(agent_commands[i].name, name) == 0)
            return &agent_commands[i];
    }
    return NULL;
}

/* -1: go on; else the exit code. */
static int judge_line(struct host_tool *tool, const struct line *line, int count, char **words)
{
    const struct agent_command *command = count > 0 ? find(words[0]) : NULL;

    if (count == 0)
        return host_usage(tool, "a command is missing");
    if (command == NULL)
        return host_usage(tool, "unknown command %s", words[0]);
    if (strspn(line->given, command->options) != strlen(line->given))
        return host_usage(tool, "%s does not take one of these options", command->name);
    if (count - 1 == (command->operand != NULL ? 1 : 0))
        return -1;
    return command->operand != NULL
               ? host_usage(tool, "%s needs one %s", command->name, command->operand)
               : host_usage(tool, "%s takes no operand, found %s", command->name, words[1]);
}

static int run(struct host_tool *tool, const struct line *line, int count, char **words)
{
    struct agent *agent = calloc(1, sizeof(*agent));

    if (agent == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    agent->tool = tool;
    agent->operand = count > 1 ? words[1] : NULL;
    agent->retry = strchr(line->given, 'r') != NULL;
    agent->stay = strchr(line->given, 's') != NULL;
    agent->force = strchr(line->given, 'f') != NULL;
    agent->crashed = strchr(line->given, 'x') != NULL;
    enum bulla_status status = agent_config_read(&agent->config, line->config, agent->why);
    int code = status == BULLA_OK ? find(words[0])->run(agent) : agent_end(agent, status);
    agent_config_free(&agent->config);
    free(agent);
    return code;
}

int main(int argc, char **argv)
{
    struct host_tool tool;
    struct line line = {.config = AGENT_CONFIG_DEFAULT};

    host_begin(&tool, agent_name, argc, argv);
    int code = take_options(&tool, argc, argv, &line);
    if (code < 0)
        code = judge_line(&tool, &line, argc - optind, argv + optind);
    return code >= 0 ? code : run(&tool, &line, argc - optind, argv + optind);
}
