/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_KEY_PROGRAM_H
#define BULLA_KEY_PROGRAM_H

/* Inside bulla-key: what main.c reads from the command line, and one function a command. */

#include "keys.h"

/* Strings point into argv. */
struct arguments {
    const char *operand; /* NAME, FILE or https://HOST */
    const char *passphrase_file;
    const char *output;
    uint32_t threshold;       /* 0: not given */
    uint32_t connect_timeout; /* seconds */
    uint32_t key_count;
    const char *keys[BULLA_TRUST_KEYS_MAX]; /* FILE.pub[:component,component] */
    uint32_t pin_count;
    const char *pins[BULLA_TRUST_PINS_MAX];
    uint32_t anchor_count;
    const char *anchors[BULLA_TRUST_ANCHORS_MAX];
};

/* Each reports through host_end and returns the exit code. */
int run_generate(struct host_tool *tool, const struct arguments *args);
int run_id(struct host_tool *tool, const struct arguments *args);
int run_pin(struct host_tool *tool, const struct arguments *args);
int run_trust(struct host_tool *tool, const struct arguments *args);
int run_show(struct host_tool *tool, const struct arguments *args);

/* Every field of a store, as lines or as JSON members. False on no memory. */
BULLA_MUST_CHECK bool describe_trust(struct host_tool *tool, const struct bulla_trust *trust);

/* A file that cannot be used ends with exit 2 whatever is wrong with it: nothing was judged. */
int end_unusable(struct host_tool *tool, enum bulla_status status, const char *why);

/* The certificate that a server shows, in DER. Identity is not and cannot be checked here. All
 * of it ends within `timeout` seconds, except that resolving a name has the resolver's own
 * limit. `host` is a name or an address, without brackets. */
BULLA_MUST_CHECK enum bulla_status fetch_certificate(const char *host, const char *port,
                                                     uint32_t timeout, struct host_buffer *der,
                                                     char why[256]);

#endif
