/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CBOR_H
#define BULLA_CBOR_H

/* A strict reader for deterministic CBOR (RFC 8949 4.2.1): definite lengths, shortest heads,
 * nothing reserved. It has one bounds check, in bulla_cbor_take.
 *
 * The first failure is sticky: after it every call returns zero, an empty span or false and
 * changes nothing, so a decoder reads a whole structure and asks once. No value may be *used*
 * before bulla_cbor_finish (or a look at .failed) said BULLA_OK. Arguments stay 64 bit until
 * they are compared with what is left, so that 32-bit and 64-bit builds agree. */

#include "bulla/bytes.h"
#include "bulla/status.h"

struct bulla_cbor {
    struct bulla_bytes left;  /* not yet read */
    enum bulla_status failed; /* first failure, sticky */
    uint64_t missing;         /* BULLA_E_CBOR_TRUNCATED: bytes that were wanted and not there */
};

void bulla_cbor_init(struct bulla_cbor *r, struct bulla_bytes in);

/* The next n bytes, or NULL and BULLA_E_CBOR_TRUNCATED. */
const uint8_t *bulla_cbor_take(struct bulla_cbor *r, uint64_t n);

/* Note a failure of the caller's own (kept only if it is the first). */
void bulla_cbor_fail(struct bulla_cbor *r, enum bulla_status why);

/* Major type of the next item without reading it: 0..7, or 8 when nothing is left. */
uint8_t bulla_cbor_peek(const struct bulla_cbor *r);

uint64_t bulla_cbor_uint(struct bulla_cbor *r);           /* major 0 */
int64_t bulla_cbor_int(struct bulla_cbor *r);             /* major 0 or 1, within int64 */
struct bulla_bytes bulla_cbor_bstr(struct bulla_cbor *r); /* content of a byte string */
uint64_t bulla_cbor_bstr_head(struct bulla_cbor *r);      /* its length; the content comes next */
struct bulla_bytes bulla_cbor_tstr(struct bulla_cbor *r); /* content, checked as UTF-8 (RFC 3629) */
uint32_t bulla_cbor_array(struct bulla_cbor *r);          /* items; 2^32-1 stands for more */
uint32_t bulla_cbor_map(struct bulla_cbor *r);            /* pairs; likewise */

/* The same with a range (of 32 bits; of items); `why` is noted for what lies outside. */
uint32_t bulla_cbor_uint32(struct bulla_cbor *r, enum bulla_status why);
uint32_t bulla_cbor_array_of(struct bulla_cbor *r, uint32_t least, uint32_t most,
                             enum bulla_status why);

/* A byte string of exactly len bytes, or NULL; `why` is noted for another length. */
const uint8_t *bulla_cbor_bytes(struct bulla_cbor *r, uint32_t len, enum bulla_status why);

/* bstr .cbor: read on inside the next byte string; leave, with what enter returned (the bytes
 * behind it), when its content must be used up. */
size_t bulla_cbor_enter(struct bulla_cbor *r);
void bulla_cbor_leave(struct bulla_cbor *r, size_t behind);

/* The next item must be exactly this; `why` is noted when it is well-formed but another one. */
void bulla_cbor_expect_int(struct bulla_cbor *r, int32_t value, enum bulla_status why);

/* Keys of one map must come in bytewise order of their encoding, each once: call behind each key
 * with the place where it started; *previous starts empty. */
void bulla_cbor_key_end(struct bulla_cbor *r, const uint8_t *start, struct bulla_bytes *previous);

/* The same for a key that bulla_cbor_skip returned. */
void bulla_cbor_key_order(struct bulla_cbor *r, struct bulla_bytes *previous,
                          struct bulla_bytes key);

/* Read one item of any shape, whole, checking determinism (floats shortest too), UTF-8 and
 * depth <= BULLA_CBOR_DEPTH_MAX. Returns its encoded bytes. */
struct bulla_bytes bulla_cbor_skip(struct bulla_cbor *r);

/* BULLA_OK when nothing failed and nothing is left; BULLA_E_CBOR_TRAILING for leftovers. */
BULLA_MUST_CHECK enum bulla_status bulla_cbor_finish(struct bulla_cbor *r);

/* Decode the whole of `in`, one structure: *out (out_len bytes) starts as zeros, and is zeros again
 * unless this returns BULLA_OK. `read` does the work. */
BULLA_MUST_CHECK enum bulla_status bulla_cbor_decode(struct bulla_bytes in, void *out,
                                                     size_t out_len,
                                                     void (*read)(struct bulla_cbor *r, void *out));

#endif
