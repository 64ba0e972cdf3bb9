/* SPDX-License-Identifier: Apache-2.0 */
/* update: the client with this machine's sockets and clock. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "mbedtls.h"
#include "net_posix.h"

#define WHY_SIZE          512u
#define TIMEOUT_DEFAULT_S 1800u
#define TIMEOUT_MAX_S     604800u
#define CREDENTIAL_MAX    65536u
#define MS_PER_S          1000u
#define NS_PER_MS         1000000

struct session {
    struct device device;
    struct bulla_posix_net net;
    struct bulla_stream stream;
    struct bulla_tls_transport tls;
    struct bulla_url url;
    struct host_buffer certificate;
    struct host_buffer key;
    uint8_t *workspace;
    size_t workspace_len;
    uint64_t timeout_s;
};

static uint64_t now(void *ctx)
{
    const struct bulla_stream *stream = ctx;

    return stream->now_ms(stream->ctx);
}

static void pause_for(void *ctx, uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / MS_PER_S, .tv_nsec = (long)(ms % MS_PER_S) * NS_PER_MS};

    (void)ctx;
    while (nanosleep(&left, &left) != 0) {
    }
}

static uint32_t any_number(void *ctx)
{
    const struct bulla_stream *stream = ctx;
    uint8_t bytes[4] = {0};

    /* it only spreads retries: without randomness they simply are not spread */
    if (stream->random(stream->ctx, bytes, sizeof(bytes)) != BULLA_OK)
        return 0;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void show(void *ctx, uint32_t done, uint32_t total)
{
    (void)ctx;
    host_progress("update", done, total);
}

/* A PEM file with its closing NUL, as the TLS library wants it. -1, or the exit code. */
static int read_pem(struct host_tool *tool, const char *path, struct host_buffer *out)
{
    if (path == NULL)
        return -1;
    enum bulla_status status = host_read_file(path, CREDENTIAL_MAX, out);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s cannot be read", path);
    uint8_t *longer = realloc(out->data, out->len + 1);
    if (longer == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    longer[out->len] = '\0';
    out->data = longer;
    out->len++;
    return -1;
}

/* Everything that can be wrong on the command line. -1, or the exit code. */
static int prepare(struct host_tool *tool, const struct arguments *a, struct session *s)
{
    uint64_t memory = 0;

    s->timeout_s = TIMEOUT_DEFAULT_S;
    if (a->url == NULL)
        return host_usage(tool, "update needs --url https://HOST/PATH");
    if (bulla_url_parse((struct bulla_bytes){(const uint8_t *)a->url, strlen(a->url)}, &s->url) !=
        BULLA_OK)
        return host_end(tool, BULLA_E_URL,
                        "--url must be https://HOST[:PORT]/PATH without user and fragment, "
                        "found %s",
                        a->url);
    if ((a->client_cert == NULL) != (a->client_key == NULL))
        return host_usage(tool, "--client-cert and --client-key go together");
    if (a->timeout != NULL &&
        (!host_parse_number(a->timeout, TIMEOUT_MAX_S, false, &s->timeout_s) || s->timeout_s == 0))
        return host_usage(tool, "--timeout must be 1 to %u seconds, found %s", TIMEOUT_MAX_S,
                          a->timeout);
    if (a->memory != NULL &&
        (!host_parse_number(a->memory, UINT32_MAX, true, &memory) || memory < BULLA_WORKSPACE_MIN))
        return host_usage(tool, "--memory must be a size of at least 2K, found %s", a->memory);
    s->workspace_len = (size_t)memory;
    int code = read_pem(tool, a->client_cert, &s->certificate);
    return code >= 0 ? code : read_pem(tool, a->client_key, &s->key);
}

/* Default: room for the list of the largest image that fits a slot. */
static enum bulla_status make_workspace(struct session *s)
{
    const struct bulla_layout *layout = &s->device.client.layout;

    if (s->workspace_len == 0) {
        uint32_t largest = 1;
        for (uint32_t i = 0; i < layout->slot_count; i++)
            largest = layout->slots[i].size > largest ? layout->slots[i].size : largest;
        uint64_t whole = bulla_list_workspace_whole(largest);
        s->workspace_len = whole < BULLA_WORKSPACE_MIN ? BULLA_WORKSPACE_MIN : (size_t)whole;
    }
    s->workspace = malloc(s->workspace_len);
    return s->workspace != NULL ? BULLA_OK : BULLA_E_IO;
}

static enum bulla_status run(struct session *s, bool retry, struct bulla_update_result *result)
{
    const struct bulla_tls_options tls_options = {
        .deadline_ms = (uint32_t)(s->timeout_s * MS_PER_S),
        .has_clock = true,
        .client_certificate = {s->certificate.data, s->certificate.len},
        .client_key = {s->key.data, s->key.len},
    };
    const struct bulla_clock clock = {
        .now_ms = now, .sleep_ms = pause_for, .random = any_number, .ctx = &s->stream};
    const struct bulla_progress progress = {.report = show};
    uint64_t began = now(&s->stream);
    enum bulla_status status =
        bulla_tls_transport_init(&s->tls, &s->device.client.trust, &s->stream, &tls_options);
    if (status == BULLA_OK) {
        struct bulla_transport transport = bulla_tls_transport_view(&s->tls);
        const struct bulla_update_options options = {
            .transport = &transport,
            .progress = &progress,
            .clock = &clock,
            .deadline_ms = began + s->timeout_s * MS_PER_S,
            .workspace = s->workspace,
            .workspace_len = s->workspace_len,
            .retry = retry,
        };
        status = bulla_client_update(&s->device.client, &s->url, &options, result);
    }
    bulla_tls_transport_free(&s->tls);
    return status;
}

static void explain(const struct session *s, enum bulla_status status,
                    const struct bulla_update_result *result, char *why, size_t size)
{
    const char *sentence = bulla_status_sentence(status);

    if (status == BULLA_E_HTTP_STATUS)
        (void)snprintf(why, size, "server answered %u, expected 200", result->http_status);
    else if (status == BULLA_E_NET_RESOLVE || status == BULLA_E_NET_CONNECT)
        (void)snprintf(why, size, "%s port %u: %s", s->url.host, (unsigned)s->url.port, sentence);
    else if (status == BULLA_E_TRIAL_PENDING)
        (void)snprintf(why, size, "%s runs unconfirmed: confirm or reject it first",
                       device_slot_name(&s->device, device_slot_of(s->device.client.running.slot)));
    else if (status == BULLA_E_NO_SLOT && s->device.client.layout.slot_count == 0)
        (void)snprintf(why, size,
                       "this layout has no OTA slot: the app can only be replaced by "
                       "provisioning anew");
    else
        host_explain(status, result->manifest_known ? &result->manifest : NULL,
                     &s->device.client.device, result->image_known ? &result->image : NULL, why,
                     size);
}

static void tell(struct host_tool *tool, const struct session *s,
                 const struct bulla_update_result *r)
{
    const char *label = device_slot_name(&s->device, r->slot);
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
        json_object_set_new(tool->doc, "sectors_kept", json_integer(r->sectors_kept));
        json_object_set_new(tool->doc, "retries", json_integer(r->retries));
    }
    if (r->nothing_newer)
        host_say(tool, "nothing newer: sequence %u is confirmed and runs", (unsigned)r->sequence);
    else if (r->slot != BULLA_SLOT_NONE)
        host_say(tool,
                 "sequence %u is installed in %s and boots next for a trial (%u sectors "
                 "written, %u kept)",
                 (unsigned)r->sequence, label, (unsigned)r->sectors_written,
                 (unsigned)r->sectors_kept);
}

int device_update(struct host_tool *tool, const struct arguments *arguments)
{
    char why[WHY_SIZE] = "";
    struct bulla_update_result result = {.slot = BULLA_SLOT_NONE};
    struct session *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    s->stream = bulla_posix_stream(&s->net);
    int code = prepare(tool, arguments, s);
    if (code < 0) {
        enum bulla_status status = device_on(&s->device, arguments->flash, why);
        if (status == BULLA_OK) {
            status = make_workspace(s);
            if (status == BULLA_OK)
                status = run(s, arguments->retry, &result);
            explain(s, status, &result, why, sizeof(why));
            tell(tool, s, &result);
        }
        code = device_end(tool, &s->device, status, status == BULLA_OK ? "" : why);
    }
    free(s->workspace);
    host_buffer_free(&s->certificate);
    host_buffer_free(&s->key);
    free(s);
    return code;
}
