/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed: the wrapper's digest and its COSE_Sign1 blocks, judged one after the other.
 * docs/FORMAT.md, "Signatures". */

#include <string.h>

#include "tree_parts.h"

#define ALG_SHA256    (-16)
#define COSE_SIGN1    0xd2u /* tag 18; libcbor 0.8 refuses to read it */
#define ALG_IS_OURS_1 18u   /* -19 */
#define ALG_IS_OURS_2 7u    /* -8 */

struct block {
    struct tree_number alg;
    struct bulla_bytes protected_header;
    struct bulla_bytes kid;
    bool has_kid;
    struct bulla_bytes signature;
};

bool tree_read_digest(struct bulla_bytes encoded, uint8_t out[BULLA_DIGEST_SIZE])
{
    cbor_item_t *root = tree_load(encoded);
    struct bulla_bytes digest = tree_bytes(tree_at(root, 1));
    struct tree_echo e = tree_echo_of(encoded);
    echo_array(&e, 2);
    echo_negative(&e, ALG_SHA256);
    echo_bytes(&e, digest);
    bool read = digest.len == BULLA_DIGEST_SIZE && echo_whole(&e);
    if (read)
        memcpy(out, digest.data, BULLA_DIGEST_SIZE);
    tree_free(root);
    return read;
}

/* {1: alg} */
static bool read_protected(struct bulla_bytes header, struct tree_number *alg)
{
    cbor_item_t *root = tree_load(header);
    struct tree_echo e = tree_echo_of(header);
    *alg = tree_integer(tree_member(root, 1));
    echo_map(&e, 1);
    echo_uint(&e, 1);
    echo_integer(&e, *alg);
    /* COSE's algorithms are numbers of int64 */
    bool read = echo_whole(&e) && alg->argument <= INT64_MAX;
    tree_free(root);
    return read;
}

/* What follows the tag: [bstr {1: alg}, {? 4: kid}, nil, bstr]. Spans point into `root`. */
static bool read_block(const cbor_item_t *root, struct bulla_bytes untagged, struct block *block)
{
    const cbor_item_t *unprotected = tree_at(root, 1);
    struct tree_echo e = tree_echo_of(untagged);
    block->protected_header = tree_bytes(tree_at(root, 0));
    block->has_kid = tree_count(unprotected) > 0;
    block->kid = tree_bytes(tree_member(unprotected, 4));
    block->signature = tree_bytes(tree_at(root, 3));
    echo_array(&e, 4);
    echo_bytes(&e, block->protected_header);
    echo_map(&e, block->has_kid ? 1 : 0);
    if (block->has_kid) {
        echo_uint(&e, 4);
        echo_bytes(&e, block->kid);
    }
    echo_null(&e);
    echo_bytes(&e, block->signature);
    return echo_whole(&e) && (!block->has_kid || block->kid.len == BULLA_KEY_ID_SIZE) &&
           read_protected(block->protected_header, &block->alg);
}

static bool push(cbor_item_t *array, cbor_item_t *item)
{
    return item != NULL && cbor_array_push(array, cbor_move(item));
}

/* Sig_structure of RFC 9052 4.4, built as a tree. Returns the bytes written, 0 for none. */
static size_t signed_bytes(const struct block *block, struct bulla_bytes digest, uint8_t *out,
                           size_t size)
{
    cbor_item_t *array = cbor_new_definite_array(4);
    if (array == NULL)
        return 0;
    bool built = push(array, cbor_build_string("Signature1")) &&
                 push(array, cbor_build_bytestring(block->protected_header.data,
                                                   block->protected_header.len)) &&
                 push(array, cbor_build_bytestring((const unsigned char *)"", 0)) &&
                 push(array, cbor_build_bytestring(digest.data, digest.len));
    size_t len = built ? cbor_serialize(array, out, size) : 0;
    cbor_decref(&array);
    return len;
}

static bool is_ours(struct tree_number alg)
{
    return alg.negative && (alg.argument == ALG_IS_OURS_1 || alg.argument == ALG_IS_OURS_2);
}

static const char not_verified[] = "a block of a trusted key, or without key id, does not verify";

/* Set the signer's bit. False: this block refuses the envelope. */
static bool judge_block(const struct block *block, struct bulla_bytes digest,
                        const struct tree_trust *trust, enum tree_effort effort,
                        struct tree_reading *out)
{
    uint8_t message[128];
    size_t len = is_ours(block->alg) ? signed_bytes(block, digest, message, sizeof message) : 0;
    bool named = false;
    for (uint32_t i = 0; i < trust->key_count && is_ours(block->alg); i++) {
        const struct tree_key *key = &trust->keys[i];
        struct bulla_bytes id = {key->id, BULLA_KEY_ID_SIZE};
        if (block->has_kid && !tree_same(block->kid, id))
            continue;
        named = true;
        if (len == 0 ||
            !tree_signature_holds(key, block->signature, (struct bulla_bytes){message, len},
                                  block->has_kid ? effort : TREE_EVERYTHING))
            continue;
        if ((out->signers & 1u << i) != 0)
            return tree_refuse(out, TREE_AUTHENTICATION, "one key signed twice");
        out->signers |= 1u << i;
        return true;
    }
    /* another authority's block counts for nothing and against nothing */
    if (is_ours(block->alg) && (named || !block->has_kid))
        return tree_refuse(out, TREE_AUTHENTICATION, not_verified);
    return true;
}

static bool take_block(struct bulla_bytes encoded, struct bulla_bytes digest,
                       const struct tree_trust *trust, enum tree_effort effort,
                       struct tree_reading *out)
{
    struct block block = {.has_kid = false};
    if (encoded.len < 1 || encoded.data[0] != COSE_SIGN1)
        return tree_refuse(out, TREE_AUTHENTICATION, "a signature block is not COSE_Sign1");
    struct bulla_bytes untagged = {encoded.data + 1, encoded.len - 1};
    cbor_item_t *root = tree_load(untagged);
    bool taken = root != NULL && read_block(root, untagged, &block);
    if (!taken)
        tree_refuse(out, TREE_AUTHENTICATION,
                    "a signature block has another shape than the profile");
    taken = taken && judge_block(&block, digest, trust, effort, out);
    if (taken) {
        uint32_t i = out->block_count++;
        out->block_has_kid[i] = block.has_kid;
        if (block.has_kid)
            memcpy(out->kids[i], block.kid.data, BULLA_KEY_ID_SIZE);
    }
    tree_free(root);
    return taken;
}

static uint32_t count_bits(uint32_t bits)
{
    uint32_t count = 0;
    for (; bits != 0; bits >>= 1)
        count += bits & 1u;
    return count;
}

static bool judge_items(const cbor_item_t *root, struct bulla_bytes wrapper,
                        const struct tree_trust *trust, enum tree_effort effort,
                        struct tree_reading *out)
{
    size_t count = tree_count(root);
    struct bulla_bytes digest = tree_bytes(tree_at(root, 0));
    struct tree_echo e = tree_echo_of(wrapper);
    if (count < 2 || count > BULLA_BLOCKS_MAX + 1u)
        return tree_refuse(out, TREE_AUTHENTICATION, "the wrapper does not hold 1 to 8 blocks");
    echo_array(&e, count);
    for (size_t i = 0; i < count; i++)
        echo_bytes(&e, tree_bytes(tree_at(root, i)));
    if (!echo_whole(&e))
        return tree_refuse(out, TREE_AUTHENTICATION, "the wrapper is not an array of byte strings");
    if (!tree_read_digest(digest, out->manifest_digest))
        return tree_refuse(out, TREE_AUTHENTICATION, "the wrapper's digest is not [-16, 32 bytes]");
    for (size_t i = 1; i < count; i++) {
        if (!take_block(tree_bytes(tree_at(root, i)), digest, trust, effort, out))
            return false;
    }
    if (out->signers == 0 || count_bits(out->signers) < trust->threshold)
        return tree_refuse(out, TREE_AUTHENTICATION, "fewer trusted keys signed than are needed");
    return true;
}

bool tree_wrapper_judge(struct bulla_bytes wrapper, struct bulla_bytes manifest,
                        const struct tree_trust *trust, enum tree_effort effort,
                        struct tree_reading *out)
{
    cbor_item_t *root = tree_load(wrapper);
    bool judged = root != NULL ? judge_items(root, wrapper, trust, effort, out)
                               : tree_refuse(out, TREE_AUTHENTICATION, "the wrapper is not CBOR");
    tree_free(root);
    if (judged && !tree_has_digest(manifest, true, out->manifest_digest))
        return tree_refuse(out, TREE_AUTHENTICATION, "the manifest is not the one that was signed");
    return judged;
}
