/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FUZZ_SIGN_H
#define BULLA_FUZZ_SIGN_H

/* The TEST-ONLY keys of the vector kit, trust stores of them, and new seals for envelopes that were
 * changed: without them every changed byte would end at the signature. */

#include "bulla/envelope.h"
#include "bulla/trust.h"

#include "fuzz.h"

struct fuzz_signer {
    uint8_t public_key[BULLA_KEY_SIZE];
    uint8_t secret[64];
    uint8_t id[BULLA_KEY_ID_SIZE];
};
#define FUZZ_SIGNERS 3u
const struct fuzz_signer *fuzz_signer(unsigned index);

/* 0: a; 1: two of a, b, c; 2: a for app, b for app and factory, both needed; 3: a key whose private
 * half nobody has. */
#define FUZZ_STORES         4u
#define FUZZ_STORE_STRANGER 3u
const struct bulla_trust *fuzz_store(unsigned index);

/* Bytes being written. */
struct fuzz_out {
    uint8_t *data;
    size_t len;
    size_t size;
};
void fuzz_put(struct fuzz_out *out, struct bulla_bytes bytes);
void fuzz_put_head(struct fuzz_out *out, unsigned major, uint64_t value);
void fuzz_put_bstr(struct fuzz_out *out, struct bulla_bytes bytes);
void fuzz_out_free(struct fuzz_out *out);

void fuzz_sha256(struct bulla_bytes bytes, uint8_t digest[BULLA_DIGEST_SIZE]);
/* The Sig_structure of RFC 9052 4.4, written out: shares nothing with bulla_block_tbs. */
void fuzz_tbs(struct bulla_bytes protected_header, struct bulla_bytes digest_bstr,
              struct fuzz_out *out);
void fuzz_sign(const struct fuzz_signer *signer, struct bulla_bytes message,
               uint8_t signature[BULLA_SIGNATURE_SIZE]);
bool fuzz_verify(const uint8_t key[BULLA_KEY_SIZE], struct bulla_bytes message,
                 const uint8_t signature[BULLA_SIGNATURE_SIZE]);

/* A wrapper for this manifest (its byte string with the head), signed by the signers in `set`. */
void fuzz_put_wrapper(struct fuzz_out *out, struct bulla_bytes manifest_bstr, uint32_t set,
                      bool with_kid);

/* The envelope with new signatures by `set`, and with the digests that its manifest states of text,
 * list and bundle made right where a bit of `repair` says so. */
#define FUZZ_REPAIR_TEXT  1u
#define FUZZ_REPAIR_LIST  2u
#define FUZZ_REPAIR_IMAGE 4u
void fuzz_reseal(struct bulla_bytes in, const struct bulla_envelope *envelope, uint32_t set,
                 bool with_kid, uint32_t repair, struct fuzz_out *out);

#endif
