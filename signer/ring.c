/* SPDX-License-Identifier: Apache-2.0 */
/* The signing keys of one run: loaded, checked to be distinct, used, wiped. Private keys stay
 * opaque here; keys/keyfile.c alone touches them. */

#include <string.h>

#include "signer.h"

/* Whatever is wrong with a key file, nothing was judged yet: exit 2. */
static int refuse_key(struct host_tool *tool, const char *path, enum bulla_status status,
                      const char *why)
{
    if (bulla_status_is_refusal(status))
        status = BULLA_E_USAGE;
    const char *named = strstr(why, path); /* most reasons begin with the file */
    if (named != NULL && named[strlen(path)] == ':')
        return host_end(tool, status, "%s", why);
    return host_end(tool, status, "%s: %s", path, why);
}

int ring_load(struct host_tool *tool, const struct cli_list *paths, const char *passphrase_file,
              struct key_ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    if (paths->count == 0)
        return host_usage(tool, "--key is missing");
    if (paths->count > BULLA_BLOCKS_MAX)
        return host_usage(tool, "at most %u keys can sign, %zu given", BULLA_BLOCKS_MAX,
                          paths->count);
    for (size_t i = 0; i < paths->count; i++) {
        char why[WHY_SIZE] = "";
        const char *path = paths->items[i];
        enum bulla_status status =
            keys_private_load(path, passphrase_file, &ring->keys[ring->count], why);
        if (status != BULLA_OK)
            return refuse_key(tool, path, status, why);
        if (keys_private_exposed(path))
            host_note(tool, "others than the owner may read or change %s", path);
        uint8_t *public_key = ring->public_keys[ring->count];
        keys_private_public(ring->keys[ring->count], public_key);
        ring->count++;
        if (keys_is_test_key(public_key))
            return host_usage(
                tool, "%s: trust-test-key: a published test key, anybody can sign with it", path);
        for (uint32_t k = 0; k + 1 < ring->count; k++)
            if (bulla_digest_equal(ring->public_keys[k], public_key))
                return host_usage(tool, "%s is the same key as %s", path, paths->items[k]);
    }
    return -1;
}

void ring_free(struct key_ring *ring)
{
    for (uint32_t i = 0; i < ring->count; i++)
        keys_private_free(ring->keys[i]);
    ring->count = 0;
}

enum bulla_status ring_sign(const struct key_ring *ring, struct bulla_bytes digest_bstr,
                            struct signature *signatures)
{
    uint8_t header[8], tbs[BULLA_TBS_MAX];
    struct bulla_bytes protected_header = {header, encode_protected(header, sizeof(header))};
    size_t len = bulla_block_tbs(protected_header, digest_bstr, tbs);

    for (uint32_t i = 0; i < ring->count; i++) {
        keys_id(ring->public_keys[i], signatures[i].kid);
        enum bulla_status status =
            keys_private_sign(ring->keys[i], (struct bulla_bytes){tbs, len}, signatures[i].bytes);
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

void ring_trust(const struct key_ring *ring, struct bulla_trust *trust)
{
    memset(trust, 0, sizeof(*trust));
    trust->threshold = ring->count;
    trust->key_count = ring->count;
    for (uint32_t i = 0; i < ring->count; i++) {
        trust->keys[i].key = ring->public_keys[i];
        keys_id(ring->public_keys[i], trust->keys[i].id);
    }
}

void ring_report(struct host_tool *tool, const struct key_ring *ring)
{
    json_t *list = tool->json ? json_array() : NULL;

    for (uint32_t i = 0; i < ring->count; i++) {
        uint8_t id[BULLA_KEY_ID_SIZE];
        char text[2 * BULLA_KEY_ID_SIZE + 1];
        keys_id(ring->public_keys[i], id);
        host_hex((struct bulla_bytes){id, sizeof(id)}, text);
        host_say(tool, "  %-15s %s", "signed by", text);
        if (list != NULL)
            json_array_append_new(list, json_string(text));
    }
    if (list != NULL)
        json_object_set_new(tool->doc, "keys", list);
}
