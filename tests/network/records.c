/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of TLS 1.2 from outside: type, version, length, body. */

#include "records.h"

#define APPLICATION_DATA 23u

void records_count(struct records *r, const uint8_t *bytes, size_t len, struct proxy_counts *counts)
{
    while (len > 0) {
        size_t take = 1;
        if (r->left > 0) {
            take = r->left < len ? r->left : len;
            r->left -= (uint32_t)take;
        } else {
            r->header[r->header_len++] = *bytes;
        }
        if (r->header[0] != APPLICATION_DATA)
            counts->handshake += take;
        else if (r->header_len == 1)
            counts->records++;
        if (r->header_len == RECORD_HEADER_SIZE) {
            r->left = (uint32_t)r->header[3] << 8 | r->header[4];
            r->header_len = RECORD_HEADER_SIZE + 1u;
        }
        if (r->header_len > RECORD_HEADER_SIZE && r->left == 0)
            r->header_len = 0;
        bytes += take;
        len -= take;
    }
}
