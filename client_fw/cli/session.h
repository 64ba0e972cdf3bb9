/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_SESSION_H
#define BULLA_CLI_SESSION_H

/* A command's way to a server. The struct must not move between begin and end. */

#include "curl.h"
#include "device.h"
#include "mbedtls.h"
#include "net_posix.h"

struct session {
    struct bulla_url url;
    struct bulla_transport transport; /* from begin to end */
    struct bulla_clock clock;
    uint64_t deadline_ms; /* of clock */
    uint64_t timeout_s;

    /* private */
    struct bulla_posix_net net;
    struct bulla_stream stream;
    struct bulla_tls_transport tls;
    struct bulla_curl_transport curl;
    bool use_curl;
    bool has_transport;
    struct host_buffer certificate;
    struct host_buffer key;
    struct bulla_url asked; /* the URL of the command line: the server that gets the fields */
    struct bulla_http_extra extra;
    char *fields; /* NULL: none */
};

/* Everything that can be wrong on the command line of `command`. -1, or the exit code. */
int session_prepare(struct host_tool *tool, const char *command, const char *url,
                    const struct arguments *arguments, struct session *session);

/* Only the time that everything may take, for what is no server. -1, or the exit code. */
int session_prepare_time(struct host_tool *tool, const struct arguments *arguments,
                         struct session *session);

/* The clock runs. session_begin does it, too. */
void session_begin_time(struct session *session);

/* A transport for this trust store, which must outlive it. session_end is due in any case. */
enum bulla_status session_begin(struct session *session, const struct bulla_trust *trust);
void session_end(struct session *session);

/* After session_prepare, whatever it returned. */
void session_free(struct session *session);

/* session_fields.c: --auth-file and --header as lines of a request, NULL when there are none. -1,
 * or the exit code. */
int session_fields(struct host_tool *tool, const struct arguments *arguments, char **lines);

#endif
