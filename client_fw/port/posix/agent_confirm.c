/* SPDX-License-Identifier: Apache-2.0 */
/* confirm: keep what runs, once it proved itself; or give it up. alive: it ran long enough. */

#include <stdio.h>
#include <string.h>

#include "agent.h"

#define MS_PER_S          1000u
#define RESTART_TIMEOUT_S 60u

struct proof {
    struct agent *agent;
    bool is_healthy; /* the command said so, or there is none */
};

/* ---- one attempt ---- */

static enum bulla_status reach(struct agent *agent)
{
    enum bulla_status status = BULLA_OK;
    struct agent_net *net = agent_net_begin(agent, &status);

    if (net == NULL)
        return status;
    status = bulla_client_reach(&agent->client, agent_net_transport(net), agent_net_url(net));
    agent_net_explain(agent, net, status, agent->client.response.status);
    agent_net_end(net);
    return status;
}

/* What the command said, then whether the next release can still be had. */
static enum bulla_status check(void *ctx)
{
    const struct proof *proof = ctx;

    if (!proof->is_healthy)
        return BULLA_E_UNHEALTHY;
    return proof->agent->config.reach ? reach(proof->agent) : BULLA_OK;
}

/* The health command runs while flash is closed: it may want to use it, too. Where flash cannot be
 * opened, *trial stays what was known before. */
static enum bulla_status ask(struct agent *agent, bool *trial, bool *is_healthy)
{
    const struct agent_config *config = &agent->config;
    char why[AGENT_WHY_SIZE];
    enum bulla_status status = agent_open(agent, FLASH_POSIX_READ);

    *is_healthy = true;
    if (status != BULLA_OK)
        return status;
    *trial = bulla_client_in_trial(&agent->client);
    agent_close(agent);
    if (!*trial || config->health == NULL)
        return BULLA_OK;
    *is_healthy = agent_run(config->health, config->health_timeout_s, why);
    if (!*is_healthy)
        (void)snprintf(agent->why, sizeof(agent->why), "%s", why);
    return BULLA_OK;
}

static enum bulla_status attempt(struct agent *agent, bool *trial)
{
    struct proof proof = {.agent = agent};
    const struct bulla_health health = {.check = check, .ctx = &proof};

    agent->why[0] = '\0';
    enum bulla_status status = ask(agent, trial, &proof.is_healthy);
    if (status != BULLA_OK)
        return status;
    char why[AGENT_WHY_SIZE];
    memcpy(why, agent->why, sizeof(why));
    status = agent_open(agent, FLASH_POSIX_WRITE);
    if (status != BULLA_OK)
        return status;
    memcpy(agent->why, why, sizeof(why));
    return bulla_client_confirm_when(&agent->client, &health);
}

/* ---- until it is confirmed, or the time is over ---- */

static void tell(struct agent *agent, bool trial)
{
    const struct bulla_client *client = &agent->client;
    int32_t slot = BULLA_SLOT_NONE;

    if (bulla_client_running(&agent->client, &slot) != BULLA_OK)
        slot = BULLA_SLOT_NONE;
    host_say(agent->tool, "%s %s; sequence %u, floor %u", agent_label(agent, slot),
             trial ? "is confirmed" : "was confirmed before", (unsigned)client->confirmed.sequence,
             (unsigned)client->floor);
    agent_set(agent, "slot", json_string(agent_label(agent, slot)));
    agent_set(agent, "sequence", json_integer(client->confirmed.sequence));
    agent_set(agent, "floor", json_integer(client->floor));
}

/* What never proved itself must not stay until somebody pulls the plug: the reset ends its trial,
 * and the boot takes the fall-back. */
static void give_up(struct agent *agent)
{
    char why[AGENT_WHY_SIZE];

    agent_close(agent);
    if (agent->config.restart == NULL || agent->stay) {
        host_note(agent->tool, "not confirmed in time: the next reset takes the fall-back");
        return;
    }
    host_note(agent->tool, "not confirmed in time: restarting, to take the fall-back");
    if (!agent_run(agent->config.restart, RESTART_TIMEOUT_S, why))
        host_note(agent->tool, "the restart failed: %s", why);
}

int agent_confirm(struct agent *agent)
{
    const struct agent_config *config = &agent->config;
    uint64_t until = agent_now_ms() + config->confirm_within_s * MS_PER_S;
    uint64_t pause = config->confirm_every_s * MS_PER_S;
    bool trial = false;
    enum bulla_status status = attempt(agent, &trial);

    while (status != BULLA_OK && trial && agent_now_ms() + pause <= until) {
        agent_close(agent);
        host_note(agent->tool, "not confirmed yet: %s",
                  agent->why[0] != '\0' ? agent->why : bulla_status_sentence(status));
        agent_sleep_ms((uint32_t)pause);
        status = attempt(agent, &trial);
    }
    if (status == BULLA_OK)
        tell(agent, trial);
    else if (trial)
        give_up(agent);
    return agent_end(agent, status);
}

int agent_alive(struct agent *agent)
{
    enum bulla_status status = agent_open(agent, FLASH_POSIX_WRITE);

    if (status == BULLA_OK)
        status = bulla_client_alive(&agent->client);
    return agent_end(agent, status);
}
