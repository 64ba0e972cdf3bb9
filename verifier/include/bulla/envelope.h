/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_ENVELOPE_H
#define BULLA_ENVELOPE_H

/* The head of a SUIT envelope: tag 107, the authentication wrapper, the manifest; and who
 * signed it. What follows the manifest (text, sector list, a bundled image) is reader.h's.
 * draft-ietf-suit-manifest 5.2, 5.3; RFC 9052; docs/FORMAT.md, section "Envelope". */

#include "bulla/bytes.h"
#include "bulla/limits.h"
#include "bulla/status.h"
#include "bulla/trust.h"

struct bulla_envelope {
    struct bulla_bytes wrapper;       /* content of member 2 */
    struct bulla_bytes manifest;      /* content of member 3 */
    struct bulla_bytes manifest_bstr; /* member 3 with its head: what the digest covers */
    uint32_t members;                 /* pairs of the envelope map, 3..11 */
    size_t head_len;                  /* bytes from the tag to the manifest's end */
};

/* Find the head at the start of `in`. BULLA_E_ENVELOPE_TRUNCATED: more bytes are needed, and
 * *need is a length known to be necessary (never more than the head itself has, and at most
 * BULLA_HEAD_MAX). Other errors: refused. *out is filled only on BULLA_OK. */
BULLA_MUST_CHECK enum bulla_status bulla_envelope_split(struct bulla_bytes in,
                                                        struct bulla_envelope *out, size_t *need);

/* One COSE_Sign1 block, as it lies in the wrapper. */
struct bulla_block {
    int64_t alg;                         /* -19 and -8 are ours */
    struct bulla_bytes protected_header; /* content of the byte string, signed as received */
    struct bulla_bytes kid;              /* empty or 8 bytes */
    struct bulla_bytes signature;
};

/* The wrapper taken apart, nothing verified yet. */
struct bulla_wrapper {
    struct bulla_bytes digest_bstr; /* content of the first byte string: the SUIT_Digest signed */
    const uint8_t *manifest_digest; /* the 32 bytes in it */
    uint32_t block_count;           /* 1..BULLA_BLOCKS_MAX */
    struct bulla_block blocks[BULLA_BLOCKS_MAX];
};

BULLA_MUST_CHECK enum bulla_status bulla_wrapper_decode(struct bulla_bytes wrapper,
                                                        struct bulla_wrapper *out);

/* COSE Sig_structure over this block's protected header and the SUIT_Digest: 55 bytes for the
 * profile (docs/FORMAT.md). Returns the length written; signer and verifier share it. */
#define BULLA_TBS_MAX 64u
size_t bulla_block_tbs(struct bulla_bytes protected_header, struct bulla_bytes digest_bstr,
                       uint8_t out[BULLA_TBS_MAX]);

/* Verify: every block of a trusted key must hold, no key may appear twice, the number of
 * distinct keys must reach the threshold, and the manifest must have the digest they signed.
 * *signers gets bit i for trust->keys[i]; 0 unless BULLA_OK, and so is manifest_digest, computed
 * from the manifest. BULLA_FACT_SIGNED is added to *facts. */
BULLA_MUST_CHECK enum bulla_status
bulla_envelope_authenticate(const struct bulla_envelope *envelope, const struct bulla_trust *trust,
                            uint32_t *signers, uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                            uint32_t *facts);

#endif
