/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-agent: what a running system needs. The choice at reset is bulla-boot's alone. */

#include "agent.h"

const char agent_name[] = "bulla-agent";

const char agent_help[] =
    "usage: bulla-agent [--config FILE] [--json] COMMAND\n"
    "Updates of a device that runs Linux; FILE, " AGENT_CONFIG_DEFAULT " by default, says where\n"
    "its flash is.\n"
    "  update [--retry] [--stay]\n"
    "                     install what the server has, if it is newer, and restart\n"
    "  confirm [--stay]   what runs for a trial works: keep it, once it proved so\n"
    "  alive              what runs did not crash\n"
    "  status             what runs and what boots next; writes nothing\n"
    "  provision IMAGE [--force]\n"
    "                     lay a flash image, made by bulla-device provision, into the map\n"
    "  dump FILE [--force]\n"
    "                     the map as a flash image, for bulla-verify flash\n"
    "  --retry            a release that failed its trial three times is tried again\n"
    "  --stay             do not run the restart command\n"
    "exit: 0 done or nothing newer, 1 judged and refused, 2 could not judge\n";

const struct agent_command agent_commands[] = {
    {"update", agent_update, NULL, "rs"},
    {"confirm", agent_confirm, NULL, "s"},
    {"alive", agent_alive, NULL, ""},
    {"status", agent_status, NULL, ""},
    {"provision", agent_provision, "IMAGE", "f"},
    {"dump", agent_dump, "FILE", "f"},
};
const size_t agent_command_count = sizeof(agent_commands) / sizeof(agent_commands[0]);
