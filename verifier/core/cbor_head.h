/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_CBOR_HEAD_H
#define BULLA_CORE_CBOR_HEAD_H

/* One item head, for cbor.c and cbor_skip.c only. */

#include "bulla/cbor.h"

enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BSTR = 2,
    MAJOR_TSTR = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
    MAJOR_NONE = 8,
};

struct cbor_head {
    uint8_t major;
    uint8_t info; /* low five bits of the first byte */
    uint64_t value;
};

/* The next head; major MAJOR_NONE after a failure. */
struct cbor_head bulla_cbor_next(struct bulla_cbor *r);

#endif
