/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-fetch: a transport on its own, for tests against real and hostile servers.
 *
 *     bulla-fetch --trust STORE [--transport mbedtls|curl] [options] URL...
 *
 * All URLs go through one transport. One line each on stdout:
 *     STATUS http=N from=N length=N|- total=N|- retry=N etag=TEXT bytes=N
 * Exit code 0, 1 or 2 by the first status that is not ok; the rest is not fetched. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curl.h"
#include "mbedtls.h"
#include "net_posix.h"

struct file {
    uint8_t *data;
    size_t len;
};

struct job {
    struct bulla_tls_options options;
    struct bulla_request request;
    struct file trust;
    size_t buffer_size;
    unsigned pause_ms; /* between reads, as a device that erases flash */
    size_t stop_after; /* body bytes, then the body is left unread */
    FILE *out;
    bool use_curl;
};

/* One of the two. */
struct transports {
    struct bulla_posix_net net;
    struct bulla_stream stream;
    struct bulla_tls_transport tls;
    struct bulla_curl_transport curl;
};

static void die(const char *what)
{
    perror(what);
    exit(3);
}

/* With a NUL behind it, counted when `text`: Mbed TLS reads PEM so. */
static struct file read_file(const char *path, bool text)
{
    FILE *in = fopen(path, "rb");
    struct file file = {.data = calloc(1, 65537)};
    if (in == NULL || file.data == NULL)
        die(path);
    file.len = fread(file.data, 1, 65536, in);
    (void)fclose(in);
    file.len += text;
    return file;
}

static struct bulla_bytes span(struct file file)
{
    return (struct bulla_bytes){file.data, file.len};
}

static enum bulla_status read_body(const struct bulla_transport *transport, const struct job *job,
                                   size_t *total)
{
    uint8_t *buffer = malloc(job->buffer_size);
    enum bulla_status status;
    size_t len;
    if (buffer == NULL)
        die("buffer");
    do {
        if (job->pause_ms > 0)
            (void)usleep(job->pause_ms * 1000u);
        status = transport->read(transport->ctx, buffer, job->buffer_size, &len);
        *total += len;
        if (len > 0 && job->out != NULL && fwrite(buffer, 1, len, job->out) != len)
            die("write");
    } while (status == BULLA_OK && len > 0 && *total < job->stop_after);
    free(buffer);
    return status;
}

static enum bulla_status fetch(const struct bulla_transport *transport, const char *text,
                               struct job *job)
{
    struct bulla_url url;
    struct bulla_response r = {0};
    size_t total = 0;
    enum bulla_status status =
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)text, strlen(text)}, &url);
    job->request.url = &url;
    if (status == BULLA_OK)
        status = transport->get(transport->ctx, &job->request, &r);
    if (status == BULLA_OK)
        status = read_body(transport, job, &total);
    printf("%s http=%u from=%llu", bulla_status_name(status), r.status, (unsigned long long)r.from);
    if (r.has_length)
        printf(" length=%llu", (unsigned long long)r.length);
    if (r.has_total)
        printf(" total=%llu", (unsigned long long)r.total);
    printf(" retry=%u etag=%s bytes=%zu\n", r.retry_after, r.etag, total);
    (void)fflush(stdout);
    return status;
}

static void set_option(struct job *job, const char *name, const char *value)
{
    if (strcmp(name, "trust") == 0)
        job->trust = read_file(value, false);
    else if (strcmp(name, "from") == 0)
        job->request.from = strtoull(value, NULL, 10);
    else if (strcmp(name, "to") == 0)
        job->request.to = strtoull(value, NULL, 10);
    else if (strcmp(name, "etag") == 0)
        job->request.etag = value;
    else if (strcmp(name, "buffer") == 0)
        job->buffer_size = strtoul(value, NULL, 10);
    else if (strcmp(name, "pause") == 0)
        job->pause_ms = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "stop-after") == 0)
        job->stop_after = strtoul(value, NULL, 10);
    else if (strcmp(name, "progress") == 0)
        job->options.progress_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "deadline") == 0)
        job->options.deadline_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "max-fragment") == 0)
        job->options.max_fragment = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "certificate") == 0)
        job->options.client_certificate = span(read_file(value, true));
    else if (strcmp(name, "key") == 0)
        job->options.client_key = span(read_file(value, true));
    else if (strcmp(name, "no-clock") == 0)
        job->options.has_clock = false;
    else if (strcmp(name, "transport") == 0)
        job->use_curl = strcmp(value, "curl") == 0;
    else if (strcmp(name, "output") == 0 && (job->out = fopen(value, "wb")) == NULL)
        die(value);
}

static void parse(struct job *job, int argc, char **argv)
{
    static const struct option names[] = {{"trust", 1, NULL, 0},       {"from", 1, NULL, 0},
                                          {"to", 1, NULL, 0},          {"etag", 1, NULL, 0},
                                          {"buffer", 1, NULL, 0},      {"pause", 1, NULL, 0},
                                          {"stop-after", 1, NULL, 0},  {"progress", 1, NULL, 0},
                                          {"deadline", 1, NULL, 0},    {"max-fragment", 1, NULL, 0},
                                          {"certificate", 1, NULL, 0}, {"key", 1, NULL, 0},
                                          {"no-clock", 0, NULL, 0},    {"output", 1, NULL, 0},
                                          {"transport", 1, NULL, 0},   {NULL, 0, NULL, 0}};
    int index;
    int c;
    while ((c = getopt_long(argc, argv, "", names, &index)) != -1) {
        if (c != 0)
            exit(3);
        set_option(job, names[index].name, optarg);
    }
}

static enum bulla_status begin(struct transports *all, const struct job *job,
                               const struct bulla_trust *trust, struct bulla_transport *out)
{
    const struct bulla_curl_options options = {
        .deadline_ms = job->options.deadline_ms,
        .progress_ms = job->options.progress_ms,
        .has_clock = job->options.has_clock,
        .client_certificate = job->options.client_certificate,
        .client_key = job->options.client_key,
    };
    enum bulla_status status;
    if (job->use_curl) {
        status = bulla_curl_transport_init(&all->curl, trust, &options);
        *out = bulla_curl_transport_view(&all->curl);
    } else {
        all->stream = bulla_posix_stream(&all->net);
        status = bulla_tls_transport_init(&all->tls, trust, &all->stream, &job->options);
        *out = bulla_tls_transport_view(&all->tls);
    }
    return status;
}

static void end(struct transports *all, const struct job *job)
{
    if (job->use_curl)
        bulla_curl_transport_free(&all->curl);
    else
        bulla_tls_transport_free(&all->tls);
}

int main(int argc, char **argv)
{
    static struct transports all;
    struct bulla_trust trust;
    struct bulla_transport transport;
    struct job job = {.options = {.has_clock = true},
                      .request = {.to = UINT64_MAX},
                      .buffer_size = 16384,
                      .stop_after = SIZE_MAX};
    parse(&job, argc, argv);
    enum bulla_status status = bulla_trust_decode(span(job.trust), &trust);
    if (status != BULLA_OK) {
        fprintf(stderr, "trust store: %s\n", bulla_status_name(status));
        return 3;
    }
    status = begin(&all, &job, &trust, &transport);
    if (status != BULLA_OK)
        printf("%s\n", bulla_status_name(status));
    for (int i = optind; i < argc && status == BULLA_OK; i++)
        status = fetch(&transport, argv[i], &job);
    end(&all, &job);
    if (job.out != NULL && fclose(job.out) != 0)
        die("output");
    free((void *)(uintptr_t)job.options.client_certificate.data);
    free((void *)(uintptr_t)job.options.client_key.data);
    free(job.trust.data);
    if (status == BULLA_OK)
        return 0;
    return bulla_status_is_refusal(status) ? 1 : 2;
}
