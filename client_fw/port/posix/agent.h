/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POSIX_AGENT_H
#define BULLA_POSIX_AGENT_H

/* What the files of bulla-agent and bulla-boot share: its configuration, and the client on this
 * device's flash. One run of the program is one command; nothing stays in memory between two. */

#include "bulla/client.h"
#include "flash_posix.h"
#include "host.h"

#define AGENT_CONFIG_DEFAULT "/etc/bulla/agent.conf"
#define AGENT_RUN_FOLDER     "/run/bulla"
#define AGENT_WHY_SIZE       640u

/* ---- config.c ---- */

/* README.md has the keys. Strings point into `text`; NULL: the key is not there. */
struct agent_config {
    struct flash_posix flash;
    const char *url;
    uint64_t timeout_s;
    const char *client_certificate;
    const char *client_key;
    bool check_dates;
    const char *restart; /* commands are words between blanks, no shell */
    const char *health;
    uint64_t health_timeout_s;
    bool reach;
    uint64_t confirm_within_s;
    uint64_t confirm_every_s;
    uint64_t trial_boots;
    uint64_t crashes_max;
    const char *run_folder;
    char *text; /* of the file, cut into strings */
};

/* BULLA_OK, or BULLA_E_IO and BULLA_E_USAGE with a sentence. agent_config_free is due anyway. */
BULLA_MUST_CHECK enum bulla_status agent_config_read(struct agent_config *config, const char *path,
                                                     char why[AGENT_WHY_SIZE]);
void agent_config_free(struct agent_config *config);

/* ---- agent.c ---- */

struct agent {
    struct host_tool *tool;
    struct agent_config config;
    struct bulla_client client;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    char why[AGENT_WHY_SIZE]; /* says more than a status, or is empty */
    const char *operand;      /* IMAGE or FILE */
    bool force;
    bool retry;
    bool crashed;
    bool stay; /* no restart command */
};

/* Another command, such as a timer's, is waited for so long. */
#define AGENT_LOCK_WAIT_MS 5000u

/* Open flash and client; agent_close is due in any case. */
BULLA_MUST_CHECK enum bulla_status agent_open(struct agent *agent, enum flash_posix_mode mode);
/* The same with another time to wait for whoever uses the flash. */
BULLA_MUST_CHECK enum bulla_status agent_open_within(struct agent *agent,
                                                     enum flash_posix_mode mode, uint32_t wait_ms);
void agent_close(struct agent *agent);

/* End the command. The reason is agent->why, else the flash's note if flash failed, else the
 * status' sentence. */
int agent_end(struct agent *agent, enum bulla_status status);

const char *agent_label(const struct agent *agent, int32_t slot);
/* Member of the JSON object; nothing without --json. */
void agent_set(struct agent *agent, const char *key, json_t *value);
/* Wait, for as long as it takes. */
void agent_sleep_ms(uint32_t ms);
uint64_t agent_now_ms(void);

/* ---- agent_net.c ---- */

/* The configured server. Must not move between begin and end. */
struct agent_net;

/* For so many seconds. NULL with a sentence in agent->why: *status says what it is. */
struct agent_net *agent_net_begin(struct agent *agent, uint64_t timeout_s,
                                  enum bulla_status *status);
const struct bulla_transport *agent_net_transport(const struct agent_net *net);
const struct bulla_url *agent_net_url(const struct agent_net *net);
const struct bulla_clock *agent_net_clock(const struct agent_net *net);
uint64_t agent_net_deadline_ms(const struct agent_net *net);
void agent_net_end(struct agent_net *net);
/* What the server had to do with it, into agent->why. */
void agent_net_explain(struct agent *agent, const struct agent_net *net, enum bulla_status status,
                       uint16_t http_status);

/* ---- command.c ---- */

/* Run it and wait; what it prints goes to stderr. After the time it is killed, with those of its
 * children that stayed in its process group. True: it ended with 0, and nothing else counts as
 * that. Otherwise `why` says how it ended. */
bool agent_run(const char *command, uint64_t timeout_s, char why[AGENT_WHY_SIZE]);
/* Is there a restart command that may be run? */
bool agent_may_restart(const struct agent *agent);
/* Run it. Flash is closed before: the system that goes down may want to look at it. */
bool agent_restart(struct agent *agent, char why[AGENT_WHY_SIZE]);

/* ---- mark.c ---- */

/* Did boot choose a slot since this kernel started? Then *slot is the one that runs. */
bool agent_mark_read(const struct agent *agent, int32_t *slot);
bool agent_mark_in_trial(const struct agent *agent);
bool agent_mark_write(const struct agent *agent, int32_t slot, bool trial);
void agent_mark_end_trial(const struct agent *agent);

/* ---- commands_agent.c for bulla-agent, commands_boot.c for bulla-boot ---- */

struct agent_command {
    const char *name;
    int (*run)(struct agent *agent);
    const char *operand; /* NULL: none */
    const char *options; /* letters */
};
extern const char agent_name[];
extern const char agent_help[];
extern const struct agent_command agent_commands[];
extern const size_t agent_command_count;

/* ---- the commands ---- */

int agent_update(struct agent *agent);
int agent_confirm(struct agent *agent);
int agent_alive(struct agent *agent);
int agent_boot(struct agent *agent);
int agent_status(struct agent *agent);
int agent_provision(struct agent *agent);
int agent_dump(struct agent *agent);

#endif
