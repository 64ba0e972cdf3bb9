/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_CBOR_HEAD_H
#define BULLA_CORE_CBOR_HEAD_H

/* One item head, for decoders of the core that name major types. */

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

#define SIMPLE_NULL 22u

/* The argument of the next head, which must be of this major type (else BULLA_E_CBOR_TYPE); of a
 * simple value or float the low five bits, and what follows them is not read. */
uint64_t bulla_cbor_head(struct bulla_cbor *r, uint8_t major);

/* The next head must be exactly this; `why` is noted when it is well-formed but another one. */
void bulla_cbor_expect(struct bulla_cbor *r, uint8_t major, uint32_t value, enum bulla_status why);

#endif
