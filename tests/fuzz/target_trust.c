/* SPDX-License-Identifier: Apache-2.0 */
/* A trust store as a device decodes it.
 *
 * Holds: *out is zero on failure; what is accepted is within the limits, has spans inside, distinct
 * usable keys, and encodes (with libcbor) to the very same bytes; no prefix and no extension of it
 * is a store too. */

#include <stdlib.h>

#include "bulla/ed25519.h"
#include "fuzz.h"
#include "keys.h"
#include "sign.h"

static void check_keys(struct bulla_bytes in, const struct bulla_trust *t)
{
    static const uint8_t app[] = {'a', 'p', 'p'};

    for (uint32_t i = 0; i < t->key_count; i++) {
        const struct bulla_trust_key *key = &t->keys[i];
        uint8_t digest[BULLA_DIGEST_SIZE];
        FUZZ_CHECK(fuzz_inside((struct bulla_bytes){key->key, BULLA_KEY_SIZE}, in));
        FUZZ_CHECK(fuzz_inside(key->names, in));
        FUZZ_CHECK(bulla_ed25519_key_check(key->key) == BULLA_OK);
        fuzz_sha256((struct bulla_bytes){key->key, BULLA_KEY_SIZE}, digest);
        FUZZ_CHECK(memcmp(digest, key->id, BULLA_KEY_ID_SIZE) == 0);
        FUZZ_CHECK(key->names.len > 0 || bulla_trust_key_may(key, (struct bulla_bytes){app, 3}));
        FUZZ_CHECK(key->names.len == 0 || !bulla_trust_key_may(key, (struct bulla_bytes){app, 0}));
        for (uint32_t j = 0; j < i; j++)
            FUZZ_CHECK(memcmp(key->key, t->keys[j].key, BULLA_KEY_SIZE) != 0);
    }
}

static void check_store(struct bulla_bytes in, const struct bulla_trust *t)
{
    FUZZ_CHECK(t->key_count >= 1 && t->key_count <= BULLA_TRUST_KEYS_MAX);
    FUZZ_CHECK(t->threshold >= 1 && t->threshold <= t->key_count);
    FUZZ_CHECK(t->pin_count <= BULLA_TRUST_PINS_MAX && t->anchor_count <= BULLA_TRUST_ANCHORS_MAX);
    FUZZ_CHECK(in.len <= BULLA_TRUST_SIZE_MAX);
    check_keys(in, t);
    for (uint32_t i = 0; i < t->pin_count; i++)
        FUZZ_CHECK(fuzz_inside((struct bulla_bytes){t->pins[i], BULLA_DIGEST_SIZE}, in));
    for (uint32_t i = 0; i < t->anchor_count; i++)
        FUZZ_CHECK(fuzz_inside(t->anchors[i], in) &&
                   t->anchors[i].len <= BULLA_TRUST_ANCHOR_SIZE_MAX);
}

static void check_encoding(struct bulla_bytes in, const struct bulla_trust *t)
{
    struct host_buffer made;

    FUZZ_CHECK(keys_trust_encode(t, &made) == BULLA_OK);
    FUZZ_CHECK(made.len == in.len && memcmp(made.data, in.data, in.len) == 0);
    host_buffer_free(&made);
}

static void check_neighbours(struct bulla_bytes in)
{
    struct fuzz_random random = fuzz_random(in, 1);
    struct bulla_trust t;
    uint8_t *longer = malloc(in.len + 1);

    FUZZ_CHECK(longer != NULL);
    memcpy(longer, in.data, in.len);
    longer[in.len] = (uint8_t)fuzz_below(&random, 256);
    FUZZ_CHECK(bulla_trust_decode((struct bulla_bytes){longer, in.len + 1}, &t) != BULLA_OK);
    FUZZ_CHECK(t.key_count == 0);
    free(longer);
    struct bulla_bytes part = {in.data, fuzz_below(&random, (uint32_t)in.len)};
    uint8_t *copy = fuzz_copy(part);
    part.data = copy;
    FUZZ_CHECK(bulla_trust_decode(part, &t) != BULLA_OK && t.key_count == 0);
    free(copy);
}

void fuzz_trust(struct bulla_bytes in)
{
    struct bulla_trust t, again;
    char why[256] = "";

    memset(&t, 0xa5, sizeof(t));
    enum bulla_status status = bulla_trust_decode(in, &t);
    FUZZ_CHECK(bulla_trust_decode(in, &again) == status);
    FUZZ_CHECK(memcmp(&t, &again, sizeof(t)) == 0);
    if (status != BULLA_OK) {
        FUZZ_CHECK(fuzz_is_zero(&t, sizeof(t)));
        return;
    }
    check_store(in, &t);
    check_encoding(in, &t);
    check_neighbours(in);
    status = keys_trust_check(&t, why); /* what hosts ask besides */
    FUZZ_CHECK((status == BULLA_OK) == (why[0] == '\0'));
}
