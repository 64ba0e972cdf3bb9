/* SPDX-License-Identifier: Apache-2.0 */
/* What a command needs that speaks to a server: address, credentials, this machine's sockets and
 * clock, and one of two transports made of them. */

#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TIMEOUT_DEFAULT_S 1800u
#define TIMEOUT_MAX_S     604800u
#define CREDENTIAL_MAX    65536u
#define MS_PER_S          1000u
#define NS_PER_MS         1000000

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

/* -1, or the exit code. */
static int choose_transport(struct host_tool *tool, const char *name, struct session *s)
{
    s->use_curl = name != NULL && strcmp(name, "curl") == 0;
    if (name == NULL || s->use_curl || strcmp(name, "mbedtls") == 0)
        return -1;
    return host_usage(tool, "--transport must be mbedtls or curl, found %s", name);
}

int session_prepare_time(struct host_tool *tool, const struct arguments *a, struct session *s)
{
    s->stream = bulla_posix_stream(&s->net);
    s->timeout_s = TIMEOUT_DEFAULT_S;
    if (a->timeout != NULL &&
        (!host_parse_number(a->timeout, TIMEOUT_MAX_S, false, &s->timeout_s) || s->timeout_s == 0))
        return host_usage(tool, "--timeout must be 1 to %u seconds, found %s", TIMEOUT_MAX_S,
                          a->timeout);
    return -1;
}

int session_prepare(struct host_tool *tool, const char *command, const char *url,
                    const struct arguments *a, struct session *s)
{
    if (url == NULL)
        return host_usage(tool, "%s needs --url https://HOST/PATH", command);
    int code = session_prepare_time(tool, a, s);
    if (code >= 0)
        return code;
    if (bulla_url_parse((struct bulla_bytes){(const uint8_t *)url, strlen(url)}, &s->url) !=
        BULLA_OK)
        return host_end(tool, BULLA_E_URL,
                        "a server is named by https://HOST[:PORT]/PATH without user and fragment, "
                        "found %s%s",
                        url,
                        strncasecmp(url, "http://", 7) == 0
                            ? ": without TLS anybody on the way could hold updates back unseen"
                            : "");
    s->asked = s->url;
    if ((a->client_cert == NULL) != (a->client_key == NULL))
        return host_usage(tool, "--client-cert and --client-key go together");
    code = choose_transport(tool, a->transport, s);
    if (code < 0)
        code = session_fields(tool, a, &s->fields);
    if (code < 0)
        code = read_pem(tool, a->client_cert, &s->certificate);
    return code >= 0 ? code : read_pem(tool, a->client_key, &s->key);
}

/* NULL: none are sent. */
static const struct bulla_http_extra *extra_fields(struct session *s)
{
    s->extra =
        (struct bulla_http_extra){.host = s->asked.host, .port = s->asked.port, .lines = s->fields};
    return s->fields != NULL ? &s->extra : NULL;
}

static enum bulla_status begin_mbedtls(struct session *s, const struct bulla_trust *trust)
{
    const struct bulla_tls_options options = {
        .deadline_ms = (uint32_t)(s->timeout_s * MS_PER_S),
        .has_clock = true,
        .max_fragment = BULLA_SECTOR_SIZE, /* a record that is cut costs no more than a sector */
        .client_certificate = {s->certificate.data, s->certificate.len},
        .client_key = {s->key.data, s->key.len},
        .extra = extra_fields(s),
    };

    s->transport = bulla_tls_transport_view(&s->tls);
    return bulla_tls_transport_init(&s->tls, trust, &s->stream, &options);
}

static enum bulla_status begin_curl(struct session *s, const struct bulla_trust *trust)
{
    const struct bulla_curl_options options = {
        .deadline_ms = (uint32_t)(s->timeout_s * MS_PER_S),
        .has_clock = true,
        .client_certificate = {s->certificate.data, s->certificate.len},
        .client_key = {s->key.data, s->key.len},
        .extra = extra_fields(s),
    };

    s->transport = bulla_curl_transport_view(&s->curl);
    return bulla_curl_transport_init(&s->curl, trust, &options);
}

void session_begin_time(struct session *s)
{
    s->clock = (struct bulla_clock){
        .now_ms = now, .sleep_ms = pause_for, .random = any_number, .ctx = &s->stream};
    s->deadline_ms = now(&s->stream) + s->timeout_s * MS_PER_S;
}

enum bulla_status session_begin(struct session *s, const struct bulla_trust *trust)
{
    session_begin_time(s);
    s->has_transport = true;
    return s->use_curl ? begin_curl(s, trust) : begin_mbedtls(s, trust);
}

void session_end(struct session *s)
{
    if (s->has_transport && s->use_curl)
        bulla_curl_transport_free(&s->curl);
    else if (s->has_transport)
        bulla_tls_transport_free(&s->tls);
    s->has_transport = false;
}

void session_free(struct session *s)
{
    host_buffer_free(&s->certificate);
    host_buffer_free(&s->key);
    if (s->fields != NULL)
        explicit_bzero(s->fields, strlen(s->fields)); /* a password may be among them */
    free(s->fields);
    s->fields = NULL;
}
