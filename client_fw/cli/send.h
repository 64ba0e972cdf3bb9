/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_SEND_H
#define BULLA_CLI_SEND_H

/* The answering half of a serial line: files beneath one folder, block by block. It remembers
 * nothing between two requests but what it can work out again. */

#include <sys/stat.h>

#include "coap_message.h"
#include "host.h"

#define SEND_WELL_KNOWN "/update.suit" /* what a device asks for when nothing was agreed on */

struct send_server {
    int folder;
    const char *first; /* file in it that answers to SEND_WELL_KNOWN; NULL: none but its own */
    uint64_t requests;
    uint64_t bytes;   /* of files */
    uint64_t refused; /* requests answered with an error */
    /* private: the digest of the file asked for last */
    struct stat info;
    bool has_digest;
    uint8_t digest[BULLA_DIGEST_SIZE];
};

/* The answer to one message off the line; its length, 0 when there is none to give. */
size_t send_answer(struct send_server *server, struct bulla_bytes message, uint8_t *out,
                   size_t size);

#endif
