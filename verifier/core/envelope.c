/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a SUIT envelope: split it, take the wrapper apart, find out who signed it. Nothing
 * here looks inside the manifest: that is decoded only after its signatures held. */

#include "bulla/envelope.h"

#include "bulla/ed25519.h"
#include "bulla/mem.h"
#include "cbor_head.h"
#include "digest.h"

#define SUIT_ENVELOPE_TAG 107
#define MEMBER_WRAPPER    2
#define MEMBER_MANIFEST   3
#define MEMBERS_MIN       3u  /* wrapper, manifest, sector list */
#define MEMBERS_MAX       11u /* and text, and seven lists more or a bundled image */
#define COSE_SIGN1_TAG    18
#define HEADER_ALG        1
#define HEADER_KID        4
#define ALG_ED25519       (-19) /* RFC 9864 */
#define ALG_EDDSA         (-8)  /* RFC 8152; still written by libraries in the field */
#define SUIT_DIGEST_SIZE  36u   /* [-16, bstr32], encoded */

/* Content of a byte string member, and with its head. Its declared length is held against what the
 * head may still take before anybody waits for that many bytes. */
static struct bulla_bytes read_member(struct bulla_cbor *r, int32_t key, uint32_t *budget,
                                      struct bulla_bytes *with_head)
{
    bulla_cbor_expect_int(r, key, BULLA_E_ENVELOPE_MEMBER_MISSING);
    *with_head = r->left;
    uint64_t len = bulla_cbor_bstr_head(r);
    if (len > *budget)
        bulla_cbor_fail(r, BULLA_E_ENVELOPE_TOO_LARGE);
    *budget -= (uint32_t)len;
    struct bulla_bytes content = {bulla_cbor_take(r, len), (size_t)len};
    with_head->len -= r->left.len;
    return content;
}

enum bulla_status bulla_envelope_split(struct bulla_bytes in, struct bulla_envelope *out,
                                       size_t *need)
{
    struct bulla_envelope e;
    struct bulla_cbor r;
    uint32_t budget = BULLA_SIGNED_MAX;
    bulla_cbor_init(&r, in);
    bulla_cbor_expect(&r, MAJOR_TAG, SUIT_ENVELOPE_TAG, BULLA_E_ENVELOPE_NOT_SUIT);
    e.members = bulla_cbor_map(&r);
    if (e.members < MEMBERS_MIN)
        bulla_cbor_fail(&r, BULLA_E_ENVELOPE_MEMBER_MISSING);
    if (e.members > MEMBERS_MAX)
        bulla_cbor_fail(&r, BULLA_E_ENVELOPE_MEMBER_UNKNOWN);
    e.wrapper = read_member(&r, MEMBER_WRAPPER, &budget, &e.manifest_bstr);
    e.manifest = read_member(&r, MEMBER_MANIFEST, &budget, &e.manifest_bstr);
    e.head_len = in.len - r.left.len;
    *need = e.head_len;
    if (r.failed == BULLA_E_CBOR_TRUNCATED) {
        *need = in.len + (size_t)r.missing; /* bounded: read_member held it against the budget */
        return BULLA_E_ENVELOPE_TRUNCATED;
    }
    if (r.failed == BULLA_OK)
        *out = e;
    return r.failed;
}

/* {1: alg} */
static void read_protected(struct bulla_cbor *r, struct bulla_block *block)
{
    size_t behind = bulla_cbor_enter(r);
    block->protected_header = r->left;
    if (r->left.len == 0 || bulla_cbor_map(r) != 1)
        bulla_cbor_fail(r, BULLA_E_BLOCK_PROTECTED);
    bulla_cbor_expect_int(r, HEADER_ALG, BULLA_E_BLOCK_PROTECTED);
    block->alg = bulla_cbor_int(r);
    bulla_cbor_leave(r, behind);
}

/* {? 4: kid} */
static void read_unprotected(struct bulla_cbor *r, struct bulla_bytes *kid)
{
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs > 1)
        bulla_cbor_fail(r, BULLA_E_BLOCK_UNPROTECTED);
    if (pairs != 1)
        return;
    bulla_cbor_expect_int(r, HEADER_KID, BULLA_E_BLOCK_UNPROTECTED);
    kid->data = bulla_cbor_bytes(r, BULLA_KEY_ID_SIZE, BULLA_E_BLOCK_UNPROTECTED);
    kid->len = BULLA_KEY_ID_SIZE;
}

static void read_block(struct bulla_cbor *r, struct bulla_block *block)
{
    size_t behind = bulla_cbor_enter(r);
    if (r->left.len == 0)
        bulla_cbor_fail(r, BULLA_E_BLOCK_FORM);
    bulla_cbor_expect(r, MAJOR_TAG, COSE_SIGN1_TAG, BULLA_E_BLOCK_FORM);
    bulla_cbor_expect(r, MAJOR_ARRAY, 4, BULLA_E_BLOCK_FORM);
    read_protected(r, block);
    read_unprotected(r, &block->kid);
    if (bulla_cbor_peek(r) != MAJOR_SIMPLE)
        bulla_cbor_fail(r, BULLA_E_BLOCK_PAYLOAD);
    if (bulla_cbor_head(r, MAJOR_SIMPLE) != SIMPLE_NULL)
        bulla_cbor_fail(r, BULLA_E_CBOR_TYPE);
    block->signature = bulla_cbor_bstr(r);
    bulla_cbor_leave(r, behind);
}

static void read_wrapper(struct bulla_cbor *r, void *out)
{
    struct bulla_wrapper *w = out;
    uint32_t items = bulla_cbor_array_of(r, 2, BULLA_BLOCKS_MAX + 1u, BULLA_E_BLOCK_COUNT);
    size_t behind = bulla_cbor_enter(r);
    w->digest_bstr = r->left;
    w->manifest_digest = bulla_digest_read(r);
    bulla_cbor_leave(r, behind);
    for (w->block_count = 0; w->block_count + 1u < items; w->block_count++)
        read_block(r, &w->blocks[w->block_count]);
}

enum bulla_status bulla_wrapper_decode(struct bulla_bytes wrapper, struct bulla_wrapper *out)
{
    return bulla_cbor_decode(wrapper, out, sizeof(*out), read_wrapper);
}

size_t bulla_block_tbs(struct bulla_bytes protected_header, struct bulla_bytes digest_bstr,
                       uint8_t out[BULLA_TBS_MAX])
{
    /* ["Signature1", protected, external_aad '', payload]. A SUIT_Digest has 36 bytes and {1: alg}
     * at most 11, so the heads of the two byte strings are known: 1 and 2 bytes. */
    static const uint8_t start[] = "\x84\x6aSignature1\x40";
    static const uint8_t middle[] = "\x40\x58\x24";
    size_t start_len = sizeof(start) - 1u, middle_len = sizeof(middle) - 1u;
    size_t digest_at = start_len + protected_header.len + middle_len;
    if (digest_bstr.len != SUIT_DIGEST_SIZE || digest_at + SUIT_DIGEST_SIZE > BULLA_TBS_MAX)
        return 0;
    memcpy(out, start, start_len);
    out[start_len - 1u] = (uint8_t)(start[start_len - 1u] + protected_header.len);
    memcpy(out + start_len, protected_header.data, protected_header.len);
    memcpy(out + digest_at - middle_len, middle, middle_len);
    memcpy(out + digest_at, digest_bstr.data, SUIT_DIGEST_SIZE);
    return digest_at + SUIT_DIGEST_SIZE;
}

/* Which trusted key made this block: *signer is its bit, 0 when the block belongs to another
 * authority. A kid selects exactly one key; without one, every key is tried. */
static enum bulla_status judge_block(const struct bulla_wrapper *w, const struct bulla_block *block,
                                     const struct bulla_trust *trust, uint32_t *signer)
{
    if (block->alg != ALG_ED25519 && block->alg != ALG_EDDSA)
        return BULLA_OK;

    uint8_t tbs[BULLA_TBS_MAX] = {0}; /* nothing of an earlier envelope */
    struct bulla_bytes message = {tbs,
                                  bulla_block_tbs(block->protected_header, w->digest_bstr, tbs)};
    enum bulla_status status = BULLA_OK;
    for (uint32_t i = 0; i < trust->key_count; i++) {
        const struct bulla_trust_key *key = &trust->keys[i];
        struct bulla_bytes id = {key->id, BULLA_KEY_ID_SIZE};
        if (block->kid.len > 0 && !bulla_bytes_equal(block->kid, id))
            continue;
        if (block->signature.len != BULLA_SIGNATURE_SIZE)
            return BULLA_E_SIGNATURE_FORM;
        status = BULLA_E_SIGNATURE_INVALID;
        if (bulla_ed25519_holds(key->key, block->signature.data, message, &status) == BULLA_YES) {
            *signer = 1u << i;
            return BULLA_OK;
        }
        if (block->kid.len > 0 || status == BULLA_E_CRYPTO)
            break;
    }
    return status;
}

static uint32_t count_bits(uint32_t set)
{
    uint32_t count = 0;
    for (; set != 0; set &= set - 1u)
        count++;
    return count;
}

static enum bulla_status judge_blocks(const struct bulla_wrapper *w,
                                      const struct bulla_trust *trust, uint32_t *signers)
{
    for (uint32_t i = 0; i < w->block_count; i++) {
        uint32_t signer = 0;
        enum bulla_status status = judge_block(w, &w->blocks[i], trust, &signer);
        if (status != BULLA_OK)
            return status;
        if ((*signers & signer) != 0)
            return BULLA_E_SIGNATURE_KEY_REPEATED;
        *signers |= signer;
    }
    if (*signers == 0)
        return BULLA_E_SIGNATURE_UNKNOWN_KEY;
    if (trust->threshold < 1 || count_bits(*signers) < trust->threshold)
        return BULLA_E_THRESHOLD_NOT_MET;
    return BULLA_OK;
}

enum bulla_status bulla_envelope_authenticate(const struct bulla_envelope *envelope,
                                              const struct bulla_trust *trust, uint32_t *signers,
                                              uint8_t manifest_digest[BULLA_DIGEST_SIZE],
                                              uint32_t *facts)
{
    struct bulla_wrapper w;
    uint32_t found = 0;
    *signers = 0;
    memset(manifest_digest, 0, BULLA_DIGEST_SIZE);
    enum bulla_status status = bulla_wrapper_decode(envelope->wrapper, &w);
    if (status == BULLA_OK)
        status = judge_blocks(&w, trust, &found);
    if (status == BULLA_OK)
        status = bulla_digest_of(envelope->manifest_bstr, manifest_digest);
    if (status != BULLA_OK)
        return status;
    if (bulla_prove_equal(manifest_digest, w.manifest_digest, BULLA_DIGEST_SIZE,
                          BULLA_FACT_SIGNED) != BULLA_FACT_SIGNED) {
        memset(manifest_digest, 0, BULLA_DIGEST_SIZE);
        return BULLA_E_MANIFEST_DIGEST;
    }
    *signers = found;
    *facts |= BULLA_FACT_SIGNED;
    return BULLA_OK;
}
