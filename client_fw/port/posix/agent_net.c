/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the configured server: libcurl, this system's clock and randomness. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent.h"
#include "curl.h"

#define CREDENTIAL_MAX 65536u
#define MS_PER_S       1000u
#define NS_PER_MS      1000000u

struct agent_net {
    struct bulla_url url;
    struct bulla_clock clock;
    uint64_t deadline_ms;
    struct bulla_curl_transport curl;
    struct bulla_transport transport;
};

/* ---- clock ---- */

uint64_t agent_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / NS_PER_MS;
}

void agent_sleep_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / MS_PER_S, .tv_nsec = (long)(ms % MS_PER_S * NS_PER_MS)};

    while (nanosleep(&left, &left) != 0) {
    }
}

static uint64_t now(void *ctx)
{
    (void)ctx;
    return agent_now_ms();
}

static void pause_for(void *ctx, uint32_t ms)
{
    (void)ctx;
    agent_sleep_ms(ms);
}

/* It only spreads retries: without randomness they simply are not spread. */
static uint32_t any_number(void *ctx)
{
    uint32_t number = 0;

    (void)ctx;
    return getrandom(&number, sizeof(number), 0) == (ssize_t)sizeof(number) ? number : 0;
}

/* ---- begin and end ---- */

/* PEM with its closing NUL, as the transport wants it. */
static enum bulla_status read_pem(struct agent *agent, const char *path, struct host_buffer *out)
{
    if (path == NULL)
        return BULLA_OK;
    enum bulla_status status = host_read_file(path, CREDENTIAL_MAX, out);
    uint8_t *longer = status == BULLA_OK ? realloc(out->data, out->len + 1) : NULL;
    if (longer == NULL) {
        (void)snprintf(agent->why, sizeof(agent->why), "%.300s cannot be read", path);
        return BULLA_E_IO;
    }
    longer[out->len] = '\0';
    out->data = longer;
    out->len++;
    return BULLA_OK;
}

static void forget(struct host_buffer *secret)
{
    if (secret->data != NULL)
        explicit_bzero(secret->data, secret->len);
    host_buffer_free(secret);
}

static enum bulla_status parse_url(struct agent *agent, struct bulla_url *url)
{
    const char *text = agent->config.url;

    if (text != NULL &&
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)text, strlen(text)}, url) == BULLA_OK)
        return BULLA_OK;
    (void)snprintf(agent->why, sizeof(agent->why),
                   "the configuration needs url = https://HOST[:PORT]/PATH, found %.300s",
                   text != NULL ? text : "none");
    return BULLA_E_URL;
}

static enum bulla_status begin(struct agent *agent, uint64_t timeout_s, struct agent_net *net)
{
    const struct agent_config *config = &agent->config;
    struct host_buffer certificate = {0};
    struct host_buffer key = {0};
    enum bulla_status status = parse_url(agent, &net->url);

    if (status == BULLA_OK)
        status = read_pem(agent, config->client_certificate, &certificate);
    if (status == BULLA_OK)
        status = read_pem(agent, config->client_key, &key);
    const struct bulla_curl_options options = {
        .deadline_ms = (uint32_t)(timeout_s * MS_PER_S),
        .has_clock = config->check_dates,
        .client_certificate = {certificate.data, certificate.len},
        .client_key = {key.data, key.len},
    };
    if (status == BULLA_OK) {
        status = bulla_curl_transport_init(&net->curl, &agent->client.trust, &options);
        if (status != BULLA_OK)
            bulla_curl_transport_free(&net->curl);
    }
    forget(&certificate);
    forget(&key);
    return status;
}

struct agent_net *agent_net_begin(struct agent *agent, uint64_t timeout_s,
                                  enum bulla_status *status)
{
    struct agent_net *net = calloc(1, sizeof(*net));

    *status = net != NULL ? begin(agent, timeout_s, net) : BULLA_E_IO;
    if (*status != BULLA_OK) {
        free(net);
        return NULL;
    }
    net->transport = bulla_curl_transport_view(&net->curl);
    net->clock = (struct bulla_clock){.now_ms = now, .sleep_ms = pause_for, .random = any_number};
    net->deadline_ms = agent_now_ms() + timeout_s * MS_PER_S;
    return net;
}

void agent_net_end(struct agent_net *net)
{
    if (net != NULL)
        bulla_curl_transport_free(&net->curl);
    free(net);
}

/* ---- asking ---- */

const struct bulla_transport *agent_net_transport(const struct agent_net *net)
{
    return &net->transport;
}

const struct bulla_url *agent_net_url(const struct agent_net *net)
{
    return &net->url;
}

const struct bulla_clock *agent_net_clock(const struct agent_net *net)
{
    return &net->clock;
}

uint64_t agent_net_deadline_ms(const struct agent_net *net)
{
    return net->deadline_ms;
}

void agent_net_explain(struct agent *agent, const struct agent_net *net, enum bulla_status status,
                       uint16_t http_status)
{
    if (status == BULLA_E_HTTP_STATUS)
        (void)snprintf(agent->why, sizeof(agent->why), "%s port %u answered %u, expected 200",
                       net->url.host, (unsigned)net->url.port, (unsigned)http_status);
    else if (status == BULLA_E_NET_RESOLVE || status == BULLA_E_NET_CONNECT)
        (void)snprintf(agent->why, sizeof(agent->why), "%s port %u: %s", net->url.host,
                       (unsigned)net->url.port, bulla_status_sentence(status));
}
