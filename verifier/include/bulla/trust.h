/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRUST_H
#define BULLA_TRUST_H

/* What a device or an auditor trusts: Ed25519 keys, a threshold, TLS pins and anchors.
 * docs/FORMAT.md, section "Trust store". */

#include "bulla/bytes.h"
#include "bulla/limits.h"
#include "bulla/status.h"

struct bulla_trust_key {
    const uint8_t *key; /* BULLA_KEY_SIZE bytes */
    uint8_t id[BULLA_KEY_ID_SIZE];
    struct bulla_bytes names; /* encoded array of component names; empty: every component */
};

/* Spans point into the store the struct was decoded from, which must outlive it. */
struct bulla_trust {
    uint32_t threshold; /* 1..key_count */
    uint32_t key_count;
    uint32_t pin_count;
    uint32_t anchor_count;
    const uint8_t *pins[BULLA_TRUST_PINS_MAX]; /* SHA-256 of a SubjectPublicKeyInfo, RFC 7469 */
    struct bulla_bytes anchors[BULLA_TRUST_ANCHORS_MAX]; /* DER certificates */
    struct bulla_trust_key keys[BULLA_TRUST_KEYS_MAX];
};

/* Decode and judge a store. Keys are checked as bulla_ed25519_key_check does. On failure *out
 * is empty (key_count 0): nothing is trusted. */
BULLA_MUST_CHECK enum bulla_status bulla_trust_decode(struct bulla_bytes store,
                                                      struct bulla_trust *out);

/* May this key sign for this component (its first segment)? BULLA_FACT_RIGHTS, else 0. */
BULLA_MUST_CHECK uint32_t bulla_trust_key_may(const struct bulla_trust_key *key,
                                              struct bulla_bytes component);

#endif
