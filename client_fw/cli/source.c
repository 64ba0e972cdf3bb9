/* SPDX-License-Identifier: Apache-2.0 */
/* Which source the command line names, and the transport for it. */

#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS_PER_S       1000u
#define BITS_PER_BYTE  10u   /* start and stop bit with them */
#define EXCHANGE_BYTES 2400u /* a block and its request, every byte escaped */
#define RESPONSE_SLACK 150u  /* ms for whoever answers */

/* ---- the command line ---- */

static int prepare_serial(struct host_tool *tool, const struct arguments *a, struct source *s)
{
    const char *path = a->path != NULL ? a->path : "update.suit";
    uint64_t baud = BULLA_UART_BAUD_DEFAULT;
    const struct bulla_url root = {.path = "/"};

    s->kind = SOURCE_SERIAL;
    s->name = a->serial;
    if (a->baud != NULL && (!host_parse_number(a->baud, UINT32_MAX, false, &baud) ||
                            !bulla_posix_uart_has_baud((uint32_t)baud)))
        return host_usage(tool, "--baud must be a rate such as 9600, 115200 or 921600, found %s",
                          a->baud);
    s->uart = (struct bulla_posix_uart){.path = a->serial, .baud = (uint32_t)baud, .fd = -1};
    struct bulla_bytes uri = {(const uint8_t *)path, strlen(path)};
    if (bulla_url_resolve(&root, uri, &s->session.url) != BULLA_OK ||
        s->session.url.host[0] != '\0')
        return host_usage(
            tool, "--path must be the path of a file that bulla-send serves, found %s", path);
    return -1;
}

static int prepare_kind(struct host_tool *tool, const struct arguments *a, struct source *s)
{
    int count = (a->url != NULL) + (a->from != NULL) + (a->serial != NULL);

    if (count != 1)
        return host_usage(tool, "update needs one of --url https://HOST/PATH, --from FILE and "
                                "--serial DEVICE");
    if (a->serial == NULL && (a->baud != NULL || a->path != NULL))
        return host_usage(tool, "--baud and --path go with --serial");
    if (a->url != NULL) {
        s->kind = SOURCE_SERVER;
        s->name = a->url;
        return session_prepare(tool, "update", a->url, a, &s->session);
    }
    if (a->client_cert != NULL || a->client_key != NULL || a->transport != NULL ||
        a->auth_file != NULL || a->headers[0] != NULL)
        return host_usage(tool, "--client-cert, --client-key, --transport, --auth-file and "
                                "--header go with --url");
    int code = session_prepare_time(tool, a, &s->session);
    if (code >= 0)
        return code;
    return a->serial != NULL ? prepare_serial(tool, a, s) : source_files(tool, a->from, s);
}

static int prepare_demands(struct host_tool *tool, const struct arguments *a, struct source *s)
{
    struct demand *d = &s->by_hand;

    d->digest_from = a->sha256 != NULL ? "--sha256" : NULL;
    d->length_from = a->length != NULL ? "--length" : NULL;
    if (a->sha256 != NULL && !source_digest(a->sha256, d->digest))
        return host_usage(tool, "--sha256 must be 64 hexadecimal digits, found %s", a->sha256);
    if (a->length != NULL &&
        (!host_parse_number(a->length, UINT32_MAX, false, &d->length) || d->length == 0))
        return host_usage(tool, "--length must be a number of bytes, found %s", a->length);
    s->use_md5 = a->md5;
    if (a->md5 && s->kind == SOURCE_STDIN)
        return host_usage(tool, "--md5 needs a file beside the image: standard input has one file");
    s->approval = (struct bulla_approval){
        .head = source_approve_head, .image = a->md5 ? source_approve_image : NULL, .ctx = s};
    return -1;
}

/* A path in .json, the query left out. */
static bool is_json(const struct bulla_url *url)
{
    size_t len = strcspn(url->path, "?");

    return len > 5 && strncmp(url->path + len - 5, ".json", 5) == 0;
}

int source_prepare(struct host_tool *tool, const struct arguments *a, struct source *s)
{
    s->file.folder = s->file.fd = -1;
    s->uart.fd = -1;
    int code = prepare_kind(tool, a, s);
    if (code < 0)
        code = prepare_demands(tool, a, s);
    s->use_json = code < 0 && s->kind != SOURCE_STDIN && is_json(&s->session.url);
    return code;
}

/* ---- ready to be asked ---- */

static enum bulla_status begin_serial(struct source *s)
{
    const struct bulla_coap_transport_options options = {
        .deadline_ms = (uint32_t)(s->session.timeout_s * MS_PER_S),
        .response_ms = RESPONSE_SLACK + EXCHANGE_BYTES * BITS_PER_BYTE * MS_PER_S / s->uart.baud,
    };

    s->line = bulla_posix_uart_stream(&s->uart);
    bulla_coap_transport_init(&s->coap, &s->line, &options);
    s->transport = bulla_coap_transport_view(&s->coap);
    /* a device that is none is not worth a second attempt */
    enum bulla_status status = s->line.connect(s->line.ctx, "", 0, 0);
    s->line.close(s->line.ctx);
    return status;
}

enum bulla_status source_begin(struct source *s, const struct bulla_trust *trust)
{
    enum bulla_status status = BULLA_OK;

    session_begin_time(&s->session);
    switch (s->kind) {
    case SOURCE_SERVER:
        status = session_begin(&s->session, trust);
        s->transport = s->session.transport;
        return status;
    case SOURCE_FILES:
        status = bulla_file_transport_init(&s->file, s->folder);
        s->transport = bulla_file_transport_view(&s->file);
        return status;
    case SOURCE_STDIN:
        bulla_pipe_transport_init(&s->pipe, STDIN_FILENO, &s->session.url,
                                  (uint32_t)(s->session.timeout_s * MS_PER_S));
        s->transport = bulla_pipe_transport_view(&s->pipe);
        return BULLA_OK;
    case SOURCE_SERIAL:
        return begin_serial(s);
    }
    return BULLA_E_USAGE;
}

void source_end(struct source *s)
{
    if (s->kind == SOURCE_SERVER)
        session_end(&s->session);
    else if (s->kind == SOURCE_FILES)
        bulla_file_transport_free(&s->file);
    else if (s->kind == SOURCE_SERIAL && s->coap.line != NULL) {
        s->repeated = s->coap.repeated;
        bulla_coap_transport_free(&s->coap);
    }
}

void source_free(struct source *s)
{
    session_free(&s->session);
    free(s->folder);
    s->folder = NULL;
}

/* ---- words ---- */

static bool is_from_files(enum bulla_status status)
{
    return status == BULLA_E_IO || status == BULLA_E_URL || status == BULLA_E_HTTP_STATUS;
}

/* An image or module that is not there: who wants it, and where it was looked for. */
static void explain_wanted(struct source *s, const char *own)
{
    struct bulla_url image;
    bool is_known =
        s->client != NULL &&
        bulla_url_resolve(&s->session.url, s->client->reader.image.uri, &image) == BULLA_OK;

    if (s->kind == SOURCE_FILES && is_known &&
        strncmp(own, image.path + 1, strlen(image.path + 1)) == 0)
        (void)snprintf(s->why, sizeof s->why, "%.200s; %.150s names it, beneath %.200s", own,
                       s->session.url.path + 1, s->folder);
    else
        (void)snprintf(s->why, sizeof s->why, "%s", own);
}

/* It ends too early. False: where bytes come from a server or a line, the status says enough. */
static bool explain_cut(struct source *s)
{
    bool is_stdin = s->kind == SOURCE_STDIN;
    uint64_t size = is_stdin ? s->pipe.offset : s->file.end;
    const char *name = is_stdin ? "standard input" : s->session.url.path + 1;

    if (!is_stdin && s->kind != SOURCE_FILES)
        return false;
    if (size == 0)
        (void)snprintf(s->why, sizeof s->why, "%.200s is empty, expected an envelope", name);
    else
        (void)snprintf(s->why, sizeof s->why,
                       "%.200s ends after %llu bytes, before the envelope does: copy it again; "
                       "sectors that are on flash already are kept",
                       name, (unsigned long long)size);
    return true;
}

void source_explain(struct source *s, enum bulla_status status, uint16_t http_status)
{
    const char *sentence = bulla_status_sentence(status);
    const char *own = s->kind == SOURCE_FILES ? s->file.why : s->pipe.why;

    if (s->why[0] != '\0' || (status == BULLA_E_ENVELOPE_TRUNCATED && explain_cut(s)))
        return;
    if ((s->kind == SOURCE_FILES || s->kind == SOURCE_STDIN) && is_from_files(status))
        explain_wanted(s, own);
    else if (s->kind == SOURCE_FILES && status == BULLA_E_HTTP_LENGTH)
        (void)snprintf(s->why, sizeof s->why,
                       "the image file has another size than the manifest says");
    else if (s->kind == SOURCE_SERIAL && status == BULLA_E_HTTP_STATUS)
        (void)snprintf(s->why, sizeof s->why, "bulla-send answered %u.%02u, expected 2.05",
                       http_status / 100u, http_status % 100u);
    else if (s->kind == SOURCE_SERIAL && status == BULLA_E_NET_CONNECT)
        (void)snprintf(s->why, sizeof s->why, "%s: %s", s->name, bulla_posix_uart_reason(&s->uart));
    else if (s->kind == SOURCE_SERIAL &&
             (status == BULLA_E_NET_STALLED || status == BULLA_E_NET_DEADLINE))
        (void)snprintf(s->why, sizeof s->why,
                       "%s: %s: does bulla-send run at its other end, at %u baud?", s->name,
                       status == BULLA_E_NET_STALLED ? "nothing came for 15 s"
                                                     : "not done within --timeout",
                       (unsigned)s->uart.baud);
    else if (status == BULLA_E_ENVELOPE_NOT_SUIT)
        (void)snprintf(s->why, sizeof s->why,
                       "%.200s is no envelope: name the .suit beside the image, or seal the image "
                       "first (bulla-sign sign)",
                       s->name);
    else if (s->kind == SOURCE_SERVER && status == BULLA_E_HTTP_STATUS)
        (void)snprintf(s->why, sizeof s->why, "server answered %u, expected 200", http_status);
    else if (s->kind == SOURCE_SERVER &&
             (status == BULLA_E_NET_RESOLVE || status == BULLA_E_NET_CONNECT))
        (void)snprintf(s->why, sizeof s->why, "%s port %u: %s", s->session.url.host,
                       (unsigned)s->session.url.port, sentence);
}
