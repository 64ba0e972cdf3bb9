/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_RECORDS_H
#define BULLA_TEST_RECORDS_H

/* Which of a server's bytes are TLS handshake, and how many records of data there are. */

#include "proxy.h"

#define RECORD_HEADER_SIZE 5u

/* Where a stream of TLS records stands; zeros at its beginning. */
struct records {
    uint8_t header[RECORD_HEADER_SIZE];
    uint32_t header_len; /* one more than there are: the body is being read */
    uint32_t left;       /* of the body */
};

/* Sort the next bytes by the records they lie in. */
void records_count(struct records *r, const uint8_t *bytes, size_t len,
                   struct proxy_counts *counts);

#endif
