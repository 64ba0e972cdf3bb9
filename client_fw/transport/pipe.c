/* SPDX-License-Identifier: Apache-2.0 */
/* GET for what comes once: a request further on reads up to there, one further back is refused. */

#include "pipe.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void begin_progress(struct bulla_pipe_transport *pipe)
{
    uint64_t until = now_ms() + BULLA_PIPE_PROGRESS_MS;

    pipe->progress_size = 0;
    pipe->until = until < pipe->deadline ? until : pipe->deadline;
}

/* Until there is something to read, or the end. */
static enum bulla_status wait_for(const struct bulla_pipe_transport *pipe)
{
    for (;;) {
        uint64_t now = now_ms();
        if (now >= pipe->until)
            return now >= pipe->deadline ? BULLA_E_NET_DEADLINE : BULLA_E_NET_STALLED;
        uint64_t left = pipe->until - now;
        struct pollfd entry = {.fd = pipe->fd, .events = POLLIN};
        int ready = poll(&entry, 1, left < INT_MAX ? (int)left : INT_MAX);
        if (ready > 0)
            return BULLA_OK;
        if (ready < 0 && errno != EINTR)
            return BULLA_E_IO;
    }
}

static enum bulla_status take(struct bulla_pipe_transport *pipe, uint8_t *buffer, size_t size,
                              size_t *len)
{
    ssize_t n;

    *len = 0;
    do {
        enum bulla_status status = wait_for(pipe);
        if (status != BULLA_OK)
            return status;
        n = read(pipe->fd, buffer, size);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0) {
        (void)snprintf(pipe->why, sizeof pipe->why, "standard input: %s", strerror(errno));
        return BULLA_E_IO;
    }
    pipe->offset += (uint64_t)n;
    *len = (size_t)n;
    pipe->progress_size += (uint32_t)n;
    if (pipe->progress_size >= BULLA_PIPE_PROGRESS_SIZE)
        begin_progress(pipe);
    return BULLA_OK;
}

/* Read on to the place that is wanted. */
static enum bulla_status skip_to(struct bulla_pipe_transport *pipe, uint64_t from)
{
    uint8_t buffer[1024];

    while (pipe->offset < from) {
        uint64_t left = from - pipe->offset;
        size_t len = 0;
        enum bulla_status status =
            take(pipe, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer, &len);
        if (status != BULLA_OK)
            return status;
        if (len == 0)
            return BULLA_E_NET_CLOSED; /* it ended before */
    }
    return BULLA_OK;
}

static enum bulla_status get(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response)
{
    struct bulla_pipe_transport *pipe = ctx;
    bool ranged = request->from != 0 || request->to != UINT64_MAX;

    memset(response, 0, sizeof *response);
    pipe->reading = false;
    if (request->url->host[0] != '\0' || strcmp(request->url->path, pipe->url->path) != 0) {
        (void)snprintf(
            pipe->why, sizeof pipe->why,
            "standard input has one file, and this envelope names another, %.100s%.200s: "
            "bulla-sign bundle makes one file of envelope and image",
            request->url->host, request->url->path);
        return BULLA_E_URL;
    }
    if (request->from < pipe->offset) {
        (void)snprintf(pipe->why, sizeof pipe->why,
                       "standard input was read up to byte %llu and cannot go back to %llu: start "
                       "again, with --memory large enough for the whole sector list",
                       (unsigned long long)pipe->offset, (unsigned long long)request->from);
        return BULLA_E_IO;
    }
    begin_progress(pipe);
    enum bulla_status status = skip_to(pipe, request->from);
    pipe->left_at = now_ms();
    if (status != BULLA_OK)
        return status;
    pipe->end = request->to == UINT64_MAX ? UINT64_MAX : request->to + 1u;
    pipe->reading = true;
    response->status = ranged ? 206 : 200;
    response->from = request->from;
    response->has_length = pipe->end != UINT64_MAX;
    response->length = response->has_length ? pipe->end - request->from : 0;
    return BULLA_OK;
}

static enum bulla_status read_body(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bulla_pipe_transport *pipe = ctx;
    uint64_t left = pipe->end - pipe->offset;

    *len = 0;
    if (size == 0)
        return BULLA_E_USAGE;
    if (!pipe->reading)
        return BULLA_E_NET_CLOSED;
    if (left == 0)
        return BULLA_OK;
    /* time that the caller spent between two calls is not the sender's fault */
    pipe->until += now_ms() - pipe->left_at;
    if (pipe->until > pipe->deadline)
        pipe->until = pipe->deadline;
    enum bulla_status status = take(pipe, buffer, left < size ? (size_t)left : size, len);
    pipe->left_at = now_ms();
    return status;
}

static void stop_reading(void *ctx)
{
    struct bulla_pipe_transport *pipe = ctx;

    pipe->reading = false;
}

void bulla_pipe_transport_init(struct bulla_pipe_transport *pipe, int fd,
                               const struct bulla_url *url, uint32_t deadline_ms)
{
    *pipe = (struct bulla_pipe_transport){.fd = fd, .url = url, .deadline = now_ms() + deadline_ms};
}

struct bulla_transport bulla_pipe_transport_view(struct bulla_pipe_transport *pipe)
{
    return (struct bulla_transport){
        .get = get, .read = read_body, .close = stop_reading, .ctx = pipe};
}
