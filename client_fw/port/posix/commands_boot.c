/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-boot: what an initial RAM disk needs, without a network. */

#include "agent.h"

const char agent_name[] = "bulla-boot";

const char agent_help[] =
    "usage: bulla-boot [--config FILE] [--json] COMMAND\n"
    "Which slot starts: for an initial RAM disk, without a network.\n"
    "FILE, " AGENT_CONFIG_DEFAULT " by default, is the same.\n"
    "  boot [--crashed]   once for each reset: choose the slot; prints PATH START SIZE LABEL\n"
    "  status             what runs and what boots next; writes nothing\n"
    "  --crashed          the reset came from a watchdog or a panic\n"
    "exit: 0 done, 1 judged and refused, 2 could not judge\n";

const struct agent_command agent_commands[] = {
    {"boot", agent_boot, NULL, "x"},
    {"status", agent_status, NULL, ""},
};
const size_t agent_command_count = sizeof(agent_commands) / sizeof(agent_commands[0]);
