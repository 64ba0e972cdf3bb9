/* SPDX-License-Identifier: Apache-2.0 */
/* confirm: what runs is kept, on the condition that the update server can be reached if one is
 * named. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "session.h"

#define WHY_SIZE 512u

struct confirmation {
    struct device device;
    struct session session;
    bool asked; /* the server was asked: its answer is what the status tells */
};

static enum bulla_status ask(void *ctx)
{
    struct confirmation *c = ctx;
    enum bulla_status status = session_begin(&c->session, &c->device.client.trust);

    c->asked = true;
    if (status == BULLA_OK)
        status = bulla_client_reach(&c->device.client, &c->session.transport, &c->session.url);
    session_end(&c->session);
    return status;
}

static void explain(const struct confirmation *c, enum bulla_status status, char *why, size_t size)
{
    const struct session *s = &c->session;
    const struct bulla_client *client = &c->device.client;

    if (status == BULLA_E_NO_TRIAL && client->has_running &&
        device_is_rejected(&c->device, device_slot_of(client->running.slot)))
        (void)snprintf(why, size, "%s was rejected and runs until the next reset: boot first",
                       device_running_name(&c->device));
    if (status == BULLA_OK || !c->asked)
        return;
    if (status == BULLA_E_HTTP_STATUS)
        (void)snprintf(why, size, "not confirmed: %s port %u answered %u, expected 200",
                       s->url.host, (unsigned)s->url.port, (unsigned)client->response.status);
    else
        (void)snprintf(why, size, "not confirmed: %s port %u: %s", s->url.host,
                       (unsigned)s->url.port, bulla_status_sentence(status));
}

static void tell(struct host_tool *tool, const struct confirmation *c, bool was_trial)
{
    const struct bulla_client *client = &c->device.client;
    const char *label = device_running_name(&c->device);

    if (client->has_confirmed)
        host_say(tool, "%s %s; sequence %u, floor %u", label,
                 was_trial ? "is confirmed" : "was confirmed before",
                 (unsigned)client->confirmed.sequence, (unsigned)client->floor);
    else
        host_say(tool, "%s was confirmed before", label);
    if (!tool->json)
        return;
    json_object_set_new(tool->doc, "slot", json_string(label));
    json_object_set_new(tool->doc, "sequence",
                        client->has_confirmed ? json_integer(client->confirmed.sequence)
                                              : json_null());
    json_object_set_new(tool->doc, "floor", json_integer(client->floor));
}

/* -1, or the exit code. */
static int prepare(struct host_tool *tool, const struct arguments *a, struct confirmation *c)
{
    if (a->reach != NULL)
        return session_prepare(tool, "confirm", a->reach, a, &c->session);
    if (a->client_cert != NULL || a->client_key != NULL || a->timeout != NULL ||
        a->transport != NULL || a->auth_file != NULL || a->headers[0] != NULL)
        return host_usage(tool, "--client-cert, --client-key, --timeout, --transport, "
                                "--auth-file and --header need --reach https://HOST/PATH");
    return -1;
}

int device_confirm(struct host_tool *tool, const struct arguments *arguments)
{
    char why[WHY_SIZE] = "";
    struct confirmation *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    int code = prepare(tool, arguments, c);
    if (code < 0) {
        const struct bulla_health health = {.check = ask, .ctx = c};
        enum bulla_status status = device_on(&c->device, arguments->flash, why);
        if (status == BULLA_OK) {
            bool was_trial = bulla_client_in_trial(&c->device.client);
            status = arguments->reach != NULL
                         ? bulla_client_confirm_when(&c->device.client, &health)
                         : bulla_client_confirm(&c->device.client);
            explain(c, status, why, sizeof(why));
            if (status == BULLA_OK)
                tell(tool, c, was_trial);
        }
        code = device_end(tool, &c->device, status, why);
    }
    session_free(&c->session);
    free(c);
    return code;
}
