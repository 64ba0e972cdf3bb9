/* SPDX-License-Identifier: Apache-2.0 */
/* The authentication wrapper: taken apart, and judged against the kit's keys; then once more with
 * the signatures of its blocks made right, so that counting and key choice are reached. An input
 * that is a whole envelope is opened first.
 *
 * Holds: the answer is that of a second implementation of the rules (docs/FORMAT.md "Signatures")
 * with another library's verification; outputs are empty on failure; spans lie inside. */

#include <stdlib.h>

#include "bulla/ed25519.h"
#include "bulla/envelope.h"
#include "bulla/policy.h"
#include "fuzz.h"
#include "sign.h"

static bool is_ours(const struct bulla_block *block)
{
    return block->alg == -19 || block->alg == -8;
}

static void check_parts(struct bulla_bytes in, const struct bulla_wrapper *w)
{
    FUZZ_CHECK(w->block_count >= 1 && w->block_count <= BULLA_BLOCKS_MAX);
    FUZZ_CHECK(fuzz_inside(w->digest_bstr, in) && w->digest_bstr.len == 36);
    FUZZ_CHECK(w->manifest_digest == w->digest_bstr.data + 4);
    for (uint32_t i = 0; i < w->block_count; i++) {
        const struct bulla_block *b = &w->blocks[i];
        uint8_t tbs[BULLA_TBS_MAX];
        struct fuzz_out model = {NULL, 0, 0};
        FUZZ_CHECK(fuzz_inside(b->protected_header, in) && fuzz_inside(b->signature, in));
        FUZZ_CHECK(fuzz_inside(b->kid, in) && (b->kid.len == 0 || b->kid.len == BULLA_KEY_ID_SIZE));
        size_t len = bulla_block_tbs(b->protected_header, w->digest_bstr, tbs);
        fuzz_tbs(b->protected_header, w->digest_bstr, &model);
        FUZZ_CHECK(len == 0 || (len == model.len && memcmp(tbs, model.data, len) == 0));
        FUZZ_CHECK(len > 0 || b->protected_header.len > 11);
        fuzz_out_free(&model);
    }
}

/* ---- the rules again ---- */

/* Index of the key that made the block, key_count for none, -1 when the block refuses all. */
static int32_t model_block(const struct bulla_wrapper *w, const struct bulla_block *b,
                           const struct bulla_trust *trust)
{
    struct fuzz_out tbs = {NULL, 0, 0};
    bool tried = false;
    int32_t found = (int32_t)trust->key_count;

    if (!is_ours(b))
        return found;
    fuzz_tbs(b->protected_header, w->digest_bstr, &tbs);
    for (uint32_t i = 0; i < trust->key_count && found == (int32_t)trust->key_count; i++) {
        const struct bulla_trust_key *key = &trust->keys[i];
        if (b->kid.len > 0 && memcmp(b->kid.data, key->id, BULLA_KEY_ID_SIZE) != 0)
            continue;
        tried = true;
        if (b->signature.len == BULLA_SIGNATURE_SIZE &&
            fuzz_verify(key->key, (struct bulla_bytes){tbs.data, tbs.len}, b->signature.data))
            found = (int32_t)i;
    }
    fuzz_out_free(&tbs);
    return tried && found == (int32_t)trust->key_count ? -1 : found;
}

/* The set of signers when the wrapper is good, 0 when it is not. */
static uint32_t model_signers(const struct bulla_wrapper *w, const struct bulla_trust *trust)
{
    uint32_t set = 0, count = 0;

    for (uint32_t i = 0; i < w->block_count; i++) {
        int32_t key = model_block(w, &w->blocks[i], trust);
        if (key < 0)
            return 0;
        if (key == (int32_t)trust->key_count)
            continue;
        if ((set >> key & 1u) != 0)
            return 0;
        set |= 1u << key;
        count++;
    }
    return count >= trust->threshold ? set : 0;
}

static void check_judged(struct bulla_bytes wrapper, struct bulla_bytes manifest_bstr,
                         const struct bulla_trust *trust)
{
    struct bulla_envelope e = {.wrapper = wrapper, .manifest_bstr = manifest_bstr};
    struct bulla_wrapper w;
    uint8_t digest[BULLA_DIGEST_SIZE], expected[BULLA_DIGEST_SIZE];
    uint32_t signers, set = 0, facts = 0;
    enum bulla_status status = bulla_envelope_authenticate(&e, trust, &signers, digest, &facts);

    fuzz_sha256(manifest_bstr, expected);
    if (bulla_wrapper_decode(wrapper, &w) == BULLA_OK)
        set = model_signers(&w, trust);
    if (set != 0 && memcmp(w.manifest_digest, expected, sizeof(expected)) != 0)
        set = 0;
    FUZZ_CHECK((status == BULLA_OK) == (set != 0));
    FUZZ_CHECK(signers == set && facts == (set != 0 ? (uint32_t)BULLA_FACT_SIGNED : 0u));
    if (status == BULLA_OK)
        FUZZ_CHECK(memcmp(digest, expected, sizeof(digest)) == 0);
    else
        FUZZ_CHECK(fuzz_is_zero(digest, sizeof(digest)));
}

/* ---- making it right ---- */

static const struct fuzz_signer *signer_of(const struct bulla_block *b, struct fuzz_random *random)
{
    for (unsigned i = 0; b->kid.len > 0 && i < FUZZ_SIGNERS; i++) {
        if (memcmp(b->kid.data, fuzz_signer(i)->id, BULLA_KEY_ID_SIZE) == 0)
            return fuzz_signer(i);
    }
    return fuzz_signer(fuzz_below(random, FUZZ_SIGNERS));
}

/* Digest and signatures where they stand; now and then one is left wrong. */
static void make_right(uint8_t *copy, size_t len, struct bulla_bytes manifest_bstr)
{
    struct bulla_bytes in = {copy, len};
    struct fuzz_random random = fuzz_random(in, 3);
    struct bulla_wrapper w;

    if (bulla_wrapper_decode(in, &w) != BULLA_OK)
        return;
    if (fuzz_below(&random, 16) > 0)
        fuzz_sha256(manifest_bstr, copy + (w.manifest_digest - copy));
    for (uint32_t i = 0; i < w.block_count; i++) {
        struct bulla_block *b = &w.blocks[i];
        struct fuzz_out tbs = {NULL, 0, 0};
        if (b->signature.len != BULLA_SIGNATURE_SIZE || fuzz_below(&random, 16) == 0)
            continue;
        fuzz_tbs(b->protected_header, w.digest_bstr, &tbs);
        fuzz_sign(signer_of(b, &random), (struct bulla_bytes){tbs.data, tbs.len},
                  copy + (b->signature.data - copy));
        fuzz_out_free(&tbs);
    }
}

void fuzz_wrapper(struct bulla_bytes in)
{
    static const uint8_t stand_in[] = {0x43, 'a', 'n', 'y'};
    struct bulla_bytes wrapper = in, manifest_bstr = {stand_in, sizeof(stand_in)};
    struct bulla_envelope e;
    struct bulla_wrapper w, again;
    size_t need;

    if (bulla_envelope_split(in, &e, &need) == BULLA_OK) {
        wrapper = e.wrapper;
        manifest_bstr = e.manifest_bstr;
    }
    uint8_t *copy = fuzz_copy(wrapper);
    wrapper.data = copy;
    if (bulla_wrapper_decode(wrapper, &w) == BULLA_OK) {
        check_parts(wrapper, &w);
        FUZZ_CHECK(bulla_wrapper_decode(wrapper, &again) == BULLA_OK);
        FUZZ_CHECK(memcmp(&w, &again, sizeof(w)) == 0);
    } else {
        FUZZ_CHECK(fuzz_is_zero(&w, sizeof(w)));
    }
    check_judged(wrapper, manifest_bstr, fuzz_store(1));
    check_judged(wrapper, manifest_bstr, fuzz_store(FUZZ_STORE_STRANGER));
    make_right(copy, wrapper.len, manifest_bstr);
    for (unsigned i = 0; i < FUZZ_STORE_STRANGER; i++)
        check_judged(wrapper, manifest_bstr, fuzz_store(i));
    free(copy);
}
