/* SPDX-License-Identifier: Apache-2.0 */
/* update: the client with this machine's sockets and clock. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "session.h"

#define WHY_SIZE 512u

struct download {
    struct device device;
    struct session session;
    uint8_t *workspace;
    size_t workspace_len;
};

static void show(void *ctx, uint32_t done, uint32_t total)
{
    (void)ctx;
    host_progress("update", done, total);
}

/* -1, or the exit code. */
static int parse_memory(struct host_tool *tool, const struct arguments *a, struct download *d)
{
    uint64_t memory = 0;

    if (a->memory != NULL &&
        (!host_parse_number(a->memory, UINT32_MAX, true, &memory) || memory < BULLA_WORKSPACE_MIN))
        return host_usage(tool, "--memory must be a size of at least 2K, found %s", a->memory);
    d->workspace_len = (size_t)memory;
    return -1;
}

/* Default: room for the list of the largest image that fits a slot, and for finding what moved. */
static enum bulla_status make_workspace(struct download *d)
{
    const struct bulla_layout *layout = &d->device.client.layout;

    if (d->workspace_len == 0) {
        uint32_t largest = 1;
        for (uint32_t i = 0; i < layout->slot_count; i++)
            largest = layout->slots[i].size > largest ? layout->slots[i].size : largest;
        d->workspace_len = bulla_update_workspace(largest);
    }
    d->workspace = malloc(d->workspace_len);
    return d->workspace != NULL ? BULLA_OK : BULLA_E_IO;
}

static enum bulla_status run(struct download *d, const struct arguments *arguments,
                             struct bulla_update_result *result)
{
    const struct bulla_progress progress = {.report = show};
    enum bulla_status status = session_begin(&d->session, &d->device.client.trust);
    if (status == BULLA_OK) {
        const struct bulla_update_options options = {
            .transport = &d->session.transport,
            .progress = &progress,
            .clock = &d->session.clock,
            .deadline_ms = d->session.deadline_ms,
            .workspace = d->workspace,
            .workspace_len = d->workspace_len,
            .retry = arguments->retry,
            .recovery = arguments->recovery,
        };
        status = bulla_client_update(&d->device.client, &d->session.url, &options, result);
    }
    session_end(&d->session);
    return status;
}

static void explain(const struct download *d, enum bulla_status status,
                    const struct bulla_update_result *result, char *why, size_t size)
{
    const char *sentence = bulla_status_sentence(status);

    if (status == BULLA_E_HTTP_STATUS)
        (void)snprintf(why, size, "server answered %u, expected 200", result->http_status);
    else if (status == BULLA_E_NET_RESOLVE || status == BULLA_E_NET_CONNECT)
        (void)snprintf(why, size, "%s port %u: %s", d->session.url.host,
                       (unsigned)d->session.url.port, sentence);
    else if (status == BULLA_E_TRIAL_PENDING)
        (void)snprintf(why, size, "%s runs unconfirmed: confirm or reject it first",
                       device_slot_name(&d->device, device_slot_of(d->device.client.running.slot)));
    else if (status == BULLA_E_NO_SLOT && d->device.client.layout.slot_count == 0)
        (void)snprintf(why, size,
                       "this layout has no OTA slot: the app can only be replaced by "
                       "provisioning anew");
    else
        host_explain(status, result->manifest_known ? &result->manifest : NULL,
                     &d->device.client.device, result->image_known ? &result->image : NULL, why,
                     size);
}

static void tell(struct host_tool *tool, const struct download *d,
                 const struct bulla_update_result *r)
{
    const char *label = device_slot_name(&d->device, r->slot);
    char version[64];

    if (r->manifest_known && tool->json) {
        json_object_set_new(tool->doc, "sequence", json_integer(r->sequence));
        json_object_set_new(
            tool->doc, "version",
            r->manifest.version.count > 0
                ? json_string(host_version_text(&r->manifest.version, version, sizeof(version)))
                : json_null());
    }
    if (tool->json) {
        json_object_set_new(tool->doc, "nothing_newer", json_boolean(r->nothing_newer));
        json_object_set_new(tool->doc, "slot",
                            r->slot != BULLA_SLOT_NONE ? json_string(label) : json_null());
        json_object_set_new(tool->doc, "sectors_written", json_integer(r->sectors_written));
        json_object_set_new(tool->doc, "sectors_copied", json_integer(r->sectors_copied));
        json_object_set_new(tool->doc, "sectors_kept", json_integer(r->sectors_kept));
        json_object_set_new(tool->doc, "retries", json_integer(r->retries));
    }
    if (r->nothing_newer)
        host_say(tool, "nothing newer: sequence %u is confirmed and runs", (unsigned)r->sequence);
    else if (r->slot != BULLA_SLOT_NONE)
        host_say(tool,
                 "sequence %u is installed in %s and boots next for a trial (%u sectors "
                 "written, %u of them from the running slot, %u kept)",
                 (unsigned)r->sequence, label, (unsigned)r->sectors_written,
                 (unsigned)r->sectors_copied, (unsigned)r->sectors_kept);
}

int device_update(struct host_tool *tool, const struct arguments *arguments)
{
    char why[WHY_SIZE] = "";
    struct bulla_update_result result = {.slot = BULLA_SLOT_NONE};
    struct download *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    int code = session_prepare(tool, "update", arguments->url, arguments, &d->session);
    if (code < 0)
        code = parse_memory(tool, arguments, d);
    if (code < 0) {
        enum bulla_status status = device_on(&d->device, arguments->flash, why);
        if (status == BULLA_OK) {
            status = make_workspace(d);
            if (status == BULLA_OK)
                status = run(d, arguments, &result);
            explain(d, status, &result, why, sizeof(why));
            tell(tool, d, &result);
        }
        code = device_end(tool, &d->device, status, status == BULLA_OK ? "" : why);
    }
    free(d->workspace);
    session_free(&d->session);
    free(d);
    return code;
}
