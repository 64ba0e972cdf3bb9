/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_COAP_H
#define BULLA_TRANSPORT_COAP_H

/* struct bulla_transport over a serial line: CoAP (RFC 7252) with block-wise transfer (RFC 7959) in
 * Slipmux frames. One confirmable GET at a time, blocks of 1024 bytes, so that any place of a file
 * can be asked for and an update goes on where it was.
 *
 *     struct bulla_coap_transport coap;
 *     bulla_coap_transport_init(&coap, &line, &options);
 *     struct bulla_transport transport = bulla_coap_transport_view(&coap);
 *     ... transport.get, transport.read ...
 *     bulla_coap_transport_free(&coap);
 *
 * URLs have no host: base {.path = "/update.suit"}, whose host is empty. The line knows who is at
 * its other end by the cable alone; nothing that comes over it is trusted, everything goes through
 * the signatures. `line` is the seam TLS uses too: connect opens the UART (host "" and port 0),
 * send and recv move raw bytes. Needs no heap. */

#include "bulla/stream.h"
#include "bulla/transport.h"
#include "coap_message.h"
#include "slipmux.h"

#define BULLA_COAP_DEADLINE_MS   1800000u /* of everything, when options say 0 */
#define BULLA_COAP_PROGRESS_MS   15000u
#define BULLA_COAP_PROGRESS_SIZE 1024u /* bytes that must come in each such time */
#define BULLA_COAP_RESPONSE_MS   500u  /* before a request is sent again: 115200 baud */
#define BULLA_COAP_RESPONSE_MAX  4000u
#define BULLA_COAP_EARLY_MS      20u /* a damaged answer is asked for again, not more often */
#define BULLA_COAP_REQUEST_MAX   640u
#define BULLA_COAP_PATH_MAX      511u
#define BULLA_COAP_HELD          64u

struct bulla_coap_transport_options {
    uint32_t deadline_ms; /* total, counted from init; 0: BULLA_COAP_DEADLINE_MS */
    uint32_t progress_ms; /* 0: BULLA_COAP_PROGRESS_MS */
    /* Time for a request, a block of 1024 bytes and the sender between them; 0:
     * BULLA_COAP_RESPONSE_MS. Slower lines need more. */
    uint32_t response_ms;
};

/* Private. */
struct bulla_coap_transport {
    const struct bulla_stream *line;
    uint32_t progress_ms;
    uint32_t response_ms;
    uint64_t deadline;
    uint64_t until;         /* end of the time in which progress must be seen */
    uint64_t left_at;       /* when the last call returned: the caller's own time is free */
    uint32_t progress_size; /* bytes since that time began */

    bool is_open;
    uint16_t id;    /* of the last request */
    uint32_t token; /* the same */
    bool acknowledged;
    uint64_t sent_at;

    char path[BULLA_COAP_PATH_MAX + 1u];
    bool reading;    /* a body is being read */
    bool more;       /* the sender has more behind the block that is held */
    uint64_t offset; /* of the next byte that the caller gets */
    uint64_t end;    /* of what the caller wants */
    uint8_t szx;
    uint8_t etag[BULLA_COAP_ETAG_MAX];
    size_t etag_len;
    struct bulla_bytes block; /* what is left of it, in `frame` */
    uint32_t repeated;        /* requests sent again, for whoever wants to tell */

    uint8_t held[BULLA_COAP_HELD]; /* off the line, not yet looked at */
    struct bulla_bytes rest;
    struct bulla_slipmux_reader frames;
    uint8_t frame[BULLA_COAP_MESSAGE_MAX + BULLA_SLIPMUX_OVERHEAD];
    uint8_t request[BULLA_COAP_REQUEST_MAX];
    size_t request_len;
};

/* Nothing is sent yet. `line` must outlive it. */
void bulla_coap_transport_init(struct bulla_coap_transport *coap, const struct bulla_stream *line,
                               const struct bulla_coap_transport_options *options);

/* The seam of bulla/transport.h; valid while *coap is. */
struct bulla_transport bulla_coap_transport_view(struct bulla_coap_transport *coap);

/* Closes the line. */
void bulla_coap_transport_free(struct bulla_coap_transport *coap);

#endif
