/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CORE_DIGEST_H
#define BULLA_CORE_DIGEST_H

/* SUIT_Digest [-16, bstr32], as it stands in the wrapper, in parameters and in the manifest. */

#include "bulla/cbor.h"

/* The 32 bytes, within the input of *r, or NULL with r->failed set. */
const uint8_t *bulla_digest_read(struct bulla_cbor *r);

/* The same inside a byte string whose only content it is. */
const uint8_t *bulla_digest_read_bstr(struct bulla_cbor *r);

#endif
