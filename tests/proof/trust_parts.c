/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a trust store from any state of the reader: a key, with any number of keys before
 * it, and its names. Keys are read one behind the other by this function, so any number of them is.
 */

#include "bulla/limits.h"
#include "proof.h"

/* the code knows these only as numbers */
#undef BULLA_TRUST_KEYS_MAX
#undef BULLA_TRUST_NAMES_MAX
#define BULLA_TRUST_KEYS_MAX  2u
#define BULLA_TRUST_NAMES_MAX 2u

#include "trust.c"

enum bulla_status bulla_ed25519_key_check(const uint8_t key[BULLA_KEY_SIZE])
{
    prove(__CPROVER_r_ok(key, BULLA_KEY_SIZE), "the key may be read");
    return nondet_bool() ? BULLA_OK : BULLA_E_TRUST_KEY_INVALID;
}

enum bulla_status bulla_digest_of(struct bulla_bytes bytes, uint8_t digest[BULLA_DIGEST_SIZE])
{
    prove(__CPROVER_r_ok(bytes.data, bytes.len) && __CPROVER_w_ok(digest, 32), "hashed in bounds");
    return nondet_bool() ? BULLA_OK : BULLA_E_CRYPTO;
}

int main(void)
{
    static uint8_t other[BULLA_KEY_SIZE];
    static struct bulla_trust trust;
    struct bulla_bytes in = any_bytes(N);
    struct bulla_cbor r = {in, nondet_bool() ? BULLA_OK : BULLA_E_CBOR_TYPE, 0};
    for (uint32_t i = 0; i < BULLA_TRUST_KEYS_MAX; i++)
        trust.keys[i].key = other;
    trust.key_count = KEYS;
    enum bulla_status before = r.failed;
    read_key(&r, &trust);
    prove(before == BULLA_OK || r.failed == before, "a failure stays");
    prove(is_within(r.left, in), "the rest lies in the input");
    prove(trust.key_count <= KEYS + 1, "one key at most");
    if (r.failed != BULLA_OK)
        return 0;
    const struct bulla_trust_key *key = &trust.keys[KEYS];
    prove(trust.key_count == KEYS + 1, "one key");
    prove(is_within((struct bulla_bytes){key->key, BULLA_KEY_SIZE}, in), "it lies in the store");
    prove(key->names.len == 0 || is_within(key->names, in), "and so do its names");
    if (key->names.len > 0)
        reached("a key with names");
    return 0;
}
