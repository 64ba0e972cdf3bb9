/* SPDX-License-Identifier: Apache-2.0 */
/* Whose signature is whose: for the report only. What counts was decided by
 * bulla_envelope_authenticate. */

#include <string.h>

#include "bulla/ed25519.h"
#include "verify.h"

#define ALG_ED25519 (-19)
#define ALG_EDDSA   (-8)

static bool verifies(const struct bulla_wrapper *wrapper, const struct bulla_block *block,
                     const struct bulla_trust_key *key)
{
    uint8_t tbs[BULLA_TBS_MAX];
    struct bulla_bytes message = {
        tbs, bulla_block_tbs(block->protected_header, wrapper->digest_bstr, tbs)};
    return block->signature.len == BULLA_SIGNATURE_SIZE &&
           bulla_ed25519_verify(key->key, block->signature.data, message) == BULLA_OK;
}

enum block_standing signer_of_block(const struct bulla_wrapper *wrapper, uint32_t index,
                                    const struct bulla_trust *trust, bool authenticated, int *key)
{
    const struct bulla_block *block = &wrapper->blocks[index];
    *key = -1;
    if (block->alg != ALG_ED25519 && block->alg != ALG_EDDSA)
        return BLOCK_FOREIGN;
    for (uint32_t i = 0; i < trust->key_count; i++) {
        struct bulla_bytes id = {trust->keys[i].id, BULLA_KEY_ID_SIZE};
        bool named = bulla_bytes_equal(block->kid, id);
        if (block->kid.len > 0 && !named)
            continue;
        bool valid = (named && authenticated) || verifies(wrapper, block, &trust->keys[i]);
        if (valid || named) {
            *key = (int)i;
            return valid ? BLOCK_VALID : BLOCK_INVALID;
        }
    }
    return block->kid.len > 0 ? BLOCK_FOREIGN : BLOCK_INVALID;
}

/* First block of this standing, 1-based; 0: none. */
static uint32_t first_block(const struct bulla_wrapper *wrapper, const struct bulla_trust *trust,
                            enum block_standing standing)
{
    for (uint32_t i = 0; i < wrapper->block_count; i++) {
        int key;
        if (signer_of_block(wrapper, i, trust, false, &key) == standing)
            return i + 1;
    }
    return 0;
}

static uint32_t count_blocks(const struct bulla_wrapper *wrapper, const struct bulla_trust *trust,
                             enum block_standing standing)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wrapper->block_count; i++) {
        int key;
        if (signer_of_block(wrapper, i, trust, false, &key) == standing)
            count++;
    }
    return count;
}

static void explain_unknown(const struct bulla_wrapper *wrapper, char *buf, size_t size)
{
    size_t used = (size_t)snprintf(buf, size, "no trusted key signed this; its blocks name");
    for (uint32_t i = 0; i < wrapper->block_count && used < size; i++) {
        char id[2 * BULLA_KEY_ID_SIZE + 1] = "no key";
        if (wrapper->blocks[i].kid.len == BULLA_KEY_ID_SIZE)
            host_hex(wrapper->blocks[i].kid, id);
        used += (size_t)snprintf(buf + used, size - used, "%s %s", i > 0 ? "," : "", id);
    }
}

void signers_explain(enum bulla_status status, struct bulla_bytes head,
                     const struct bulla_trust *trust, char *buf, size_t size)
{
    struct bulla_envelope envelope;
    struct bulla_wrapper wrapper;
    size_t need;
    if (bulla_envelope_split(head, &envelope, &need) != BULLA_OK ||
        bulla_wrapper_decode(envelope.wrapper, &wrapper) != BULLA_OK)
        return;
    if (status == BULLA_E_SIGNATURE_UNKNOWN_KEY)
        explain_unknown(&wrapper, buf, size);
    if (status == BULLA_E_SIGNATURE_INVALID)
        (void)snprintf(buf, size, "the signature of block %lu of %lu does not verify",
                       (unsigned long)first_block(&wrapper, trust, BLOCK_INVALID),
                       (unsigned long)wrapper.block_count);
    if (status == BULLA_E_THRESHOLD_NOT_MET)
        (void)snprintf(buf, size, "%lu trusted keys are needed, %lu signed",
                       (unsigned long)trust->threshold,
                       (unsigned long)count_blocks(&wrapper, trust, BLOCK_VALID));
}
