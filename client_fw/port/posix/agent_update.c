/* SPDX-License-Identifier: Apache-2.0 */
/* update: fetch, verify and install what the server has, then restart. */

#include <stdio.h>
#include <stdlib.h>

#include "agent.h"

static void show(void *ctx, uint32_t done, uint32_t total)
{
    (void)ctx;
    host_progress("update", done, total);
}

/* Nothing is fetched twice with this much, whatever fits a slot. */
static size_t workspace_size(const struct bulla_layout *layout)
{
    uint32_t largest = layout->modules.size;

    for (uint32_t i = 0; i < layout->slot_count; i++)
        largest = layout->slots[i].size > largest ? layout->slots[i].size : largest;
    return bulla_update_workspace(largest > 0 ? largest : 1);
}

static void explain(struct agent *agent, const struct agent_net *net, enum bulla_status status,
                    const struct bulla_update_result *result)
{
    if (agent->why[0] != '\0' || status == BULLA_E_FLASH_READ || status == BULLA_E_FLASH_PROGRAM ||
        status == BULLA_E_FLASH_ERASE)
        return;
    if (net != NULL)
        agent_net_explain(agent, net, status, result->http_status);
    if (agent->why[0] == '\0')
        (void)host_explain(status, result->manifest_known ? &result->manifest : NULL,
                           &agent->client.device, result->image_known ? &result->image : NULL,
                           agent->why, sizeof(agent->why));
}

static void tell(struct agent *agent, const struct bulla_update_result *r)
{
    const char *label = agent_label(agent, r->slot);
    bool installed = r->slot != BULLA_SLOT_NONE;

    agent_set(agent, "nothing_newer", json_boolean(r->nothing_newer));
    agent_set(agent, "slot", installed ? json_string(label) : json_null());
    agent_set(agent, "sequence", r->sequence != 0 ? json_integer(r->sequence) : json_null());
    agent_set(agent, "sectors_written", json_integer(r->sectors_written));
    agent_set(agent, "sectors_copied", json_integer(r->sectors_copied));
    agent_set(agent, "sectors_kept", json_integer(r->sectors_kept));
    agent_set(agent, "retries", json_integer(r->retries));
    if (r->nothing_newer)
        host_say(agent->tool, "nothing newer: sequence %u is confirmed and runs",
                 (unsigned)r->sequence);
    else if (installed)
        host_say(agent->tool,
                 "sequence %u is installed in %s and boots next for a trial (%u sectors written, "
                 "%u of them from the running slot, %u kept)",
                 (unsigned)r->sequence, label, (unsigned)r->sectors_written,
                 (unsigned)r->sectors_copied, (unsigned)r->sectors_kept);
}

static enum bulla_status run(struct agent *agent, struct bulla_update_result *result)
{
    const struct bulla_progress progress = {.report = show};
    size_t size = workspace_size(&agent->client.layout);
    uint8_t *workspace = malloc(size);
    enum bulla_status status = BULLA_E_IO;
    struct agent_net *net =
        workspace != NULL ? agent_net_begin(agent, agent->config.timeout_s, &status) : NULL;

    if (net != NULL) {
        const struct bulla_update_options options = {
            .transport = agent_net_transport(net),
            .progress = &progress,
            .clock = agent_net_clock(net),
            .deadline_ms = agent_net_deadline_ms(net),
            .workspace = workspace,
            .workspace_len = size,
            .retry = agent->retry,
        };
        status = bulla_client_update(&agent->client, agent_net_url(net), &options, result);
    }
    if (status != BULLA_OK)
        explain(agent, net, status, result);
    agent_net_end(net);
    free(workspace);
    return status;
}

static enum bulla_status restart(struct agent *agent)
{
    char why[AGENT_WHY_SIZE];

    host_progress_end();
    if (!agent_may_restart(agent) || agent_restart(agent, why))
        return BULLA_OK;
    (void)snprintf(agent->why, sizeof(agent->why), "installed, but the restart failed: %.500s",
                   why);
    return BULLA_E_IO;
}

int agent_update(struct agent *agent)
{
    struct bulla_update_result result = {.slot = BULLA_SLOT_NONE};
    enum bulla_status status = agent_open(agent, FLASH_POSIX_WRITE);

    if (status == BULLA_OK) {
        status = run(agent, &result);
        tell(agent, &result);
    }
    if (status == BULLA_OK && result.slot != BULLA_SLOT_NONE)
        status = restart(agent);
    return agent_end(agent, status);
}
