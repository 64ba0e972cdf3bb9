/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_SEND_H
#define BULLA_CLI_SEND_H

/* The answering half of a serial line: files beneath one folder, block by block. It remembers
 * nothing between two requests but what it can work out again. */

#include <signal.h>
#include <sys/stat.h>

#include "coap_message.h"
#include "host.h"

#define SEND_WELL_KNOWN "/update.suit" /* what a device asks for when nothing was agreed on */

/* What a device can take: an image of 64 MiB, which has a list of half a MiB, in its envelope. */
#define SEND_FILE_MAX (65u << 20)

struct send_server {
    int folder;
    const char *first; /* file in it that answers to SEND_WELL_KNOWN; NULL: none but its own */
    bool alone;        /* besides `first` only what its manifest names is served */
    const volatile sig_atomic_t *stopped; /* NULL: nobody stops it */
    uint64_t requests;
    uint64_t bytes;   /* of files */
    uint64_t refused; /* requests answered with an error */
    /* private: of the file asked for last */
    struct stat info;
    bool has_digest; /* it may be served */
    uint8_t digest[BULLA_DIGEST_SIZE];
};

/* The answer to one message off the line; its length, 0 when there is none to give. */
size_t send_answer(struct send_server *server, struct bulla_bytes message, uint8_t *out,
                   size_t size);

/* ---- send_files.c ---- */

/* Can the manifest of `first` be read? */
bool send_has_release(const struct send_server *server);

/* `first`, an image that its manifest names, or the .md5 beside one. */
bool send_is_named(const struct send_server *server, const char *path);

/* A private key that somebody left there; true as well when that cannot be told. */
bool send_is_secret(int fd, uint64_t size);

#endif
