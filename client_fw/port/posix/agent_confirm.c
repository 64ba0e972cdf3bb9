/* SPDX-License-Identifier: Apache-2.0 */
/* confirm: keep what runs, once it proved itself; or give it up. alive: it ran long enough. */

#include <stdio.h>
#include <string.h>

#include "agent.h"

#define MS_PER_S    1000u
#define REACH_S_MIN 30u

/* UNKNOWN: flash could not be asked, and boot left no mark. */
enum trial { TRIAL_UNKNOWN, TRIAL_NO, TRIAL_YES };

struct proof {
    struct agent *agent;
    uint64_t until_ms;
    enum trial trial;
    bool is_healthy; /* the command said so, or there is none */
};

/* ---- one attempt ---- */

/* A server that hangs must not hold up the end. */
static uint64_t reach_timeout_s(const struct proof *proof)
{
    uint64_t now = agent_now_ms();
    uint64_t left = now < proof->until_ms ? (proof->until_ms - now) / MS_PER_S : 0;
    uint64_t most = proof->agent->config.timeout_s;

    left = left > REACH_S_MIN ? left : REACH_S_MIN;
    return left < most ? left : most;
}

static enum bulla_status reach(const struct proof *proof)
{
    struct agent *agent = proof->agent;
    enum bulla_status status = BULLA_OK;
    struct agent_net *net = agent_net_begin(agent, reach_timeout_s(proof), &status);

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
    return proof->agent->config.reach ? reach(proof) : BULLA_OK;
}

/* The health command runs while flash is closed: it may want to use it, too. Where flash cannot be
 * opened, what was known of the trial stays. */
static enum bulla_status ask(struct proof *proof)
{
    struct agent *agent = proof->agent;
    const struct agent_config *config = &agent->config;
    char why[AGENT_WHY_SIZE];
    enum bulla_status status = agent_open(agent, FLASH_POSIX_READ);

    proof->is_healthy = true;
    if (status != BULLA_OK)
        return status;
    proof->trial = bulla_client_in_trial(&agent->client) ? TRIAL_YES : TRIAL_NO;
    agent_close(agent);
    if (proof->trial == TRIAL_NO || config->health == NULL)
        return BULLA_OK;
    proof->is_healthy = agent_run(config->health, config->health_timeout_s, why);
    if (!proof->is_healthy)
        (void)snprintf(agent->why, sizeof(agent->why), "%s", why);
    return BULLA_OK;
}

static enum bulla_status attempt(struct proof *proof)
{
    struct agent *agent = proof->agent;
    const struct bulla_health health = {.check = check, .ctx = proof};
    char why[AGENT_WHY_SIZE];

    agent->why[0] = '\0';
    enum bulla_status status = ask(proof);
    if (status != BULLA_OK)
        return status;
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

/* What never proved itself, or could not be asked to, must not stay until somebody pulls the plug:
 * the reset ends its trial, and the boot takes the fall-back. */
static void give_up(struct agent *agent)
{
    bool is_last = agent->config.trial_boots == 1;
    char why[AGENT_WHY_SIZE];

    if (!agent_may_restart(agent)) {
        host_note(agent->tool, "not confirmed in time: the next reset %s",
                  is_last ? "takes the fall-back" : "uses up a boot of the trial");
        return;
    }
    host_note(agent->tool, "not confirmed in time: restarting, to %s",
              is_last ? "take the fall-back" : "use up a boot of the trial");
    if (!agent_restart(agent, why))
        host_note(agent->tool, "the restart failed: %s", why);
}

static void start(struct proof *proof)
{
    struct agent *agent = proof->agent;
    int32_t slot = BULLA_SLOT_NONE;

    proof->until_ms = agent_now_ms() + agent->config.confirm_within_s * MS_PER_S;
    if (agent_mark_read(agent, &slot))
        proof->trial = agent_mark_in_trial(agent) ? TRIAL_YES : TRIAL_NO;
}

static enum bulla_status prove(struct proof *proof)
{
    struct agent *agent = proof->agent;
    uint64_t pause = agent->config.confirm_every_s * MS_PER_S;
    enum bulla_status status = attempt(proof);

    while (status != BULLA_OK && proof->trial != TRIAL_NO &&
           agent_now_ms() + pause <= proof->until_ms) {
        agent_close(agent);
        host_note(agent->tool, "not confirmed yet: %s",
                  agent->why[0] != '\0' ? agent->why : bulla_status_sentence(status));
        agent_sleep_ms((uint32_t)pause);
        status = attempt(proof);
    }
    return status;
}

int agent_confirm(struct agent *agent)
{
    struct proof proof = {.agent = agent};

    start(&proof);
    enum bulla_status status = prove(&proof);
    if (status == BULLA_OK || status == BULLA_E_NO_TRIAL)
        agent_mark_end_trial(agent);
    if (status == BULLA_OK)
        tell(agent, proof.trial == TRIAL_YES);
    else if (proof.trial == TRIAL_YES)
        give_up(agent);
    if (status == BULLA_E_NO_TRIAL && proof.trial == TRIAL_NO) {
        host_say(agent->tool, "no trial: there is nothing to confirm");
        status = BULLA_OK;
    }
    return agent_end(agent, status);
}

/* An update has the flash for as long as it takes. Given up before, crashes of this start and of
 * later ones would add up to a loop. */
int agent_alive(struct agent *agent)
{
    uint64_t wait_ms = agent->config.timeout_s * MS_PER_S + AGENT_LOCK_WAIT_MS;
    enum bulla_status status = agent_open_within(agent, FLASH_POSIX_WRITE, (uint32_t)wait_ms);

    if (status == BULLA_OK)
        status = bulla_client_alive(&agent->client);
    return agent_end(agent, status);
}
