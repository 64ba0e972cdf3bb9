/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_KEYS_H
#define BULLA_KEYS_H

/* Key files and trust stores on the host. keyfile.c is the only file that touches a private
 * key; it wipes it on every path. */

#include "bulla/trust.h"
#include "host.h"

/* A private key, opaque; freed (and wiped) with keys_private_free. */
struct keys_private;

/* PKCS#8 PEM, encrypted or not, as openssl writes it; Ed25519 only. passphrase_file: NULL, or a
 * file whose first line is the passphrase. On failure `why` (256 bytes) says what was expected
 * and found. */
BULLA_MUST_CHECK enum bulla_status keys_private_load(const char *path, const char *passphrase_file,
                                                     struct keys_private **out, char why[256]);
void keys_private_free(struct keys_private *key);
/* May others than the owner read or change the file? Worth a note, not a refusal. */
BULLA_MUST_CHECK bool keys_private_exposed(const char *path);
/* Derived from the private key, never taken from outside. */
void keys_private_public(const struct keys_private *key, uint8_t public_key[32]);
/* Signs, then verifies what it signed before returning it. */
BULLA_MUST_CHECK enum bulla_status keys_private_sign(const struct keys_private *key,
                                                     struct bulla_bytes message,
                                                     uint8_t signature[64]);
/* NAME.pem (0600, never overwritten) and NAME.pub. */
BULLA_MUST_CHECK enum bulla_status keys_generate(const char *name, const char *passphrase_file,
                                                 char why[256]);
/* First 8 bytes of SHA-256(raw public key). */
void keys_id(const uint8_t public_key[32], uint8_t id[BULLA_KEY_ID_SIZE]);

/* A PEM SubjectPublicKeyInfo, exactly one Ed25519 key, a point of prime order, not a published
 * test key. BULLA_E_IO, BULLA_E_USAGE, BULLA_E_TRUST_KEY_INVALID or BULLA_E_TRUST_TEST_KEY; a
 * program ends with exit 2 for any of them. */
BULLA_MUST_CHECK enum bulla_status keys_public_load(const char *path, uint8_t public_key[32],
                                                    char why[256]);

/* [L]A is the identity and A is not of small order: prime order (RFC 8032 5.1). */
BULLA_MUST_CHECK bool keys_prime_order(const uint8_t public_key[32]);

/* One trust store made of one or more files, each a PEM public key or a CBOR store; united as
 * rulings say: threshold is the highest of the stores' and min_threshold (0: none), a repeated
 * key keeps only the components that every mention allows. Owns its memory. */
struct keys_trust {
    struct bulla_trust trust;
    struct host_buffer *files;
    size_t file_count;
    uint8_t (*pem_keys)[32];
    struct host_buffer encoded; /* names of keys mentioned more than once */
};
/* BULLA_E_IO or BULLA_E_USAGE (exit 2) with `why`; one bad file stops all. A key for which no
 * component is left stays, with the empty array (0x80) as its names. */
BULLA_MUST_CHECK enum bulla_status keys_trust_load(const char *const *paths, size_t count,
                                                   uint32_t min_threshold, struct keys_trust *out,
                                                   char why[256]);
void keys_trust_free(struct keys_trust *trust);

/* Every host program checks this whenever it reads a store: prime order of each key, no
 * published test key, anchors parse as X.509. keys_trust_load has done it. */
BULLA_MUST_CHECK enum bulla_status keys_trust_check(const struct bulla_trust *trust, char why[256]);

/* A key whose private half is published (RFC 8032 7.1). Never true in a build with
 * BULLA_ALLOW_TEST_KEYS. */
BULLA_MUST_CHECK bool keys_is_test_key(const uint8_t public_key[32]);

/* Encode a store deterministically (libcbor) and decode it again: what a device would refuse is
 * not returned but its status. `out` is malloc'ed. */
BULLA_MUST_CHECK enum bulla_status keys_trust_encode(const struct bulla_trust *trust,
                                                     struct host_buffer *out);

/* SHA-256 of the SubjectPublicKeyInfo of a certificate file (PEM or DER; of several certificates
 * the first, the leaf) or of a PEM public key (a backup key has no certificate yet). */
BULLA_MUST_CHECK enum bulla_status keys_pin_of_file(const char *path, uint8_t pin[32],
                                                    char why[256]);
/* The same of one DER certificate. BULLA_E_USAGE when it is none. */
BULLA_MUST_CHECK enum bulla_status keys_pin_of_certificate(struct bulla_bytes der, uint8_t pin[32]);
/* "sha256//BASE64" both ways (RFC 7469, curl's form). */
BULLA_MUST_CHECK bool keys_pin_parse(const char *text, uint8_t pin[32]);
void keys_pin_text(const uint8_t pin[32], char out[64]);

#endif
