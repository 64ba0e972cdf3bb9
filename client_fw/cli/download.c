/* SPDX-License-Identifier: Apache-2.0 */
/* update: the client with a source on this machine, and its clock. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "source.h"

#define WHY_SIZE SOURCE_WHY

struct download {
    struct device device;
    struct source source;
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
        uint32_t largest = layout->factory.size > 0 ? layout->factory.size : 1;
        for (uint32_t i = 0; i < layout->slot_count; i++)
            largest = layout->slots[i].size > largest ? layout->slots[i].size : largest;
        if (layout->modules.size > largest)
            largest = layout->modules.size;
        d->workspace_len = bulla_update_workspace(largest);
    }
    d->workspace = malloc(d->workspace_len);
    return d->workspace != NULL ? BULLA_OK : BULLA_E_IO;
}

/* A line is silent until somebody starts the sender: whoever looks on must know what is awaited. */
static void tell_waiting(struct host_tool *tool, const struct source *s)
{
    if (s->kind == SOURCE_SERIAL && isatty(STDERR_FILENO) == 1)
        host_note(tool, "asking bulla-send on %s, at %u baud", s->name, (unsigned)s->uart.baud);
}

static enum bulla_status run(struct download *d, const struct arguments *arguments,
                             struct bulla_update_result *result)
{
    const struct bulla_progress progress = {.report = show};
    struct session *session = &d->source.session;
    enum bulla_status status = source_begin(&d->source, &d->device.client.trust);
    if (status == BULLA_OK)
        status = source_find(&d->source, &d->device.client);
    result->http_status = d->device.client.response.status;
    if (status == BULLA_OK) {
        const struct bulla_update_options options = {
            .transport = &d->source.transport,
            .progress = &progress,
            .clock = &session->clock,
            .deadline_ms = session->deadline_ms,
            .workspace = d->workspace,
            .workspace_len = d->workspace_len,
            .retry = arguments->retry,
            .recovery = arguments->recovery,
            .factory = arguments->factory,
            .approval = &d->source.approval,
        };
        status = bulla_client_update(&d->device.client, &session->url, &options, result);
    }
    source_explain(&d->source, status, result->http_status);
    source_end(&d->source);
    return status;
}

static void explain(struct download *d, const struct arguments *arguments, enum bulla_status status,
                    const struct bulla_update_result *result, char *why, size_t size)
{
    if (d->source.why[0] != '\0')
        (void)snprintf(why, size, "%s", d->source.why);
    else if (status == BULLA_E_TRIAL_PENDING)
        control_explain_trial(&d->device, why, size);
    else if (status == BULLA_E_NO_SLOT && arguments->factory)
        control_explain_factory(&d->device, arguments, why, size);
    else if (arguments->factory && bulla_status_is_refusal(status) &&
             result->target == BULLA_SLOT_NONE)
        (void)snprintf(why, size,
                       "what runs, %s, does not verify any more, and the factory app is what boots "
                       "instead: `boot`, then `update` without --factory",
                       device_running_name(&d->device));
    else if (status == BULLA_E_NO_SLOT && d->device.client.layout.slot_count == 0)
        (void)snprintf(why, size,
                       "this layout has no OTA slot: the app can only be replaced by "
                       "provisioning anew");
    else if (d->device.client.layout.in_place && bulla_status_is_refusal(status) &&
             result->target == BULLA_SLOT_NONE)
        (void)snprintf(why, size,
                       "what is executed does not verify, and its bank is the only whole copy: "
                       "`boot` copies it again, then update");
    else if (arguments->modules_alone && status == BULLA_E_COMPONENT_MISMATCH)
        (void)snprintf(why, size, "the envelope brings an app: `update` installs it");
    else if (status == BULLA_E_SEQUENCE_TOO_OLD && result->manifest_known &&
             result->manifest.image.name.len > 0)
        (void)snprintf(why, size, "the modules have sequence %u, the newest that came alone %u",
                       (unsigned)result->manifest.sequence,
                       (unsigned)d->device.client.modules_sequence);
    else
        host_explain(status, result->manifest_known ? &result->manifest : NULL,
                     &d->device.client.device, result->image_known ? &result->image : NULL, why,
                     size);
    if (status == BULLA_E_IMAGE_NOT_AN_APP)
        control_advise_extract(why, size);
}

/* A device that cannot boot believes what its state says runs, and asks for nothing newer. */
static void hint_at_recovery(struct host_tool *tool, struct download *d)
{
    struct bulla_boot_result next = {.verdict = BULLA_NO, .slot = BULLA_SLOT_NONE};

    if (bulla_client_predict(&d->device.client, &next) == BULLA_E_NOTHING_BOOTABLE)
        host_note(tool, "but no slot verifies, so nothing boots: `update --recovery` installs the "
                        "release again");
}

/* Of modules that came alone; false: there was an app. */
static bool tell_modules(struct host_tool *tool, const struct download *d,
                         const struct bulla_update_result *r)
{
    if (!r->manifest_known || r->manifest.image.name.len == 0)
        return false;
    if (r->nothing_newer)
        host_say(tool, "nothing newer: the modules of sequence %u are there",
                 (unsigned)r->sequence);
    else if (d->device.client.has_modules && d->device.client.modules_sequence == r->sequence)
        host_say(tool,
                 "%u module%s of sequence %u may be used now (%u sectors written, %u of them from "
                 "the area, %u kept)",
                 (unsigned)r->manifest.images, r->manifest.images == 1 ? "" : "s",
                 (unsigned)r->sequence, (unsigned)r->sectors_written, (unsigned)r->sectors_copied,
                 (unsigned)r->sectors_kept);
    return true;
}

static void tell(struct host_tool *tool, struct download *d, const struct bulla_update_result *r)
{
    const char *label = device_slot_name(&d->device, r->slot);
    char digest[2 * BULLA_DIGEST_SIZE + 1];
    char version[64];

    if (r->manifest_known && tool->json) {
        host_hex((struct bulla_bytes){r->manifest.image.digest, BULLA_DIGEST_SIZE}, digest);
        json_object_set_new(tool->doc, "image_size", json_integer(r->manifest.image.size));
        json_object_set_new(tool->doc, "image_sha256", json_string(digest));
        json_object_set_new(tool->doc, "sequence", json_integer(r->sequence));
        json_object_set_new(
            tool->doc, "modules",
            json_integer(r->manifest.images - (r->manifest.image.name.len > 0 ? 0 : 1)));
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
        if (d->source.kind == SOURCE_SERIAL)
            json_object_set_new(tool->doc, "requests_repeated", json_integer(d->source.repeated));
    }
    if (tell_modules(tool, d, r))
        return;
    if (r->nothing_newer)
        host_say(tool, "nothing newer: sequence %u is confirmed and runs", (unsigned)r->sequence);
    else if (r->slot == BULLA_SLOT_FACTORY)
        host_say(tool,
                 "sequence %u is installed in %s, the factory app; what runs stays selected, "
                 "`set-boot %s` selects it (%u sectors written, %u kept)",
                 (unsigned)r->sequence, label, label, (unsigned)r->sectors_written,
                 (unsigned)r->sectors_kept);
    else if (r->slot != BULLA_SLOT_NONE)
        host_say(tool,
                 "sequence %u is installed in %s and boots next for a trial (%u sectors "
                 "written, %u of them from the running slot, %u kept)",
                 (unsigned)r->sequence, label, (unsigned)r->sectors_written,
                 (unsigned)r->sectors_copied, (unsigned)r->sectors_kept);
    if (r->nothing_newer)
        hint_at_recovery(tool, d);
}

int device_update(struct host_tool *tool, const struct arguments *arguments)
{
    char why[WHY_SIZE] = "";
    struct bulla_update_result result = {.slot = BULLA_SLOT_NONE};
    struct download *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    int code = source_prepare(tool, arguments, &d->source);
    d->source.modules_alone = arguments->modules_alone;
    if (code < 0)
        code = parse_memory(tool, arguments, d);
    if (code < 0)
        code = restart_parse(tool, arguments);
    if (code < 0) {
        enum bulla_status status = device_on(&d->device, arguments->flash, why);
        if (status == BULLA_OK) {
            status = make_workspace(d);
            tell_waiting(tool, &d->source);
            if (status == BULLA_OK)
                status = run(d, arguments, &result);
            explain(d, arguments, status, &result, why, sizeof(why));
            tell(tool, d, &result);
        }
        code = restart_end(tool, arguments, &d->device, status, status == BULLA_OK ? "" : why,
                           !result.nothing_newer);
    }
    free(d->workspace);
    source_free(&d->source);
    free(d);
    return code;
}
