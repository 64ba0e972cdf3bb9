/* SPDX-License-Identifier: Apache-2.0 */
/* A trust store as bytes: `{1: 1, 2: threshold, 3: keys, 4: pins, 5: anchors}`, deterministic,
 * every member always there. docs/FORMAT.md, section "Trust store". */

#include <cbor.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

#define ALG_ED25519_ARGUMENT 18u /* -19 as CBOR has it: -1 - 18 */

struct sink {
    uint8_t *data;
    size_t len;
    size_t room;
    bool full; /* sticky */
};

/* What one of libcbor's encoders wrote at the end; 0: there was no room. */
static void advance(struct sink *s, size_t written)
{
    s->len += written;
    s->room -= written;
    if (written == 0)
        s->full = true;
}

static void put_uint(struct sink *s, uint64_t value)
{
    advance(s, cbor_encode_uint(value, s->data + s->len, s->room));
}

static void put_array(struct sink *s, size_t count)
{
    advance(s, cbor_encode_array_start(count, s->data + s->len, s->room));
}

static void put_raw(struct sink *s, struct bulla_bytes bytes)
{
    if (bytes.len > s->room) {
        s->full = true;
        return;
    }
    if (bytes.len > 0)
        memcpy(s->data + s->len, bytes.data, bytes.len);
    s->len += bytes.len;
    s->room -= bytes.len;
}

static void put_bstr(struct sink *s, struct bulla_bytes bytes)
{
    advance(s, cbor_encode_bytestring_start(bytes.len, s->data + s->len, s->room));
    put_raw(s, bytes);
}

static void put_key(struct sink *s, const struct bulla_trust_key *key)
{
    bool named = key->names.len > 0;

    advance(s, cbor_encode_map_start(named ? 3 : 2, s->data + s->len, s->room));
    put_uint(s, 1);
    advance(s, cbor_encode_negint(ALG_ED25519_ARGUMENT, s->data + s->len, s->room));
    put_uint(s, 2);
    put_bstr(s, (struct bulla_bytes){key->key, BULLA_KEY_SIZE});
    if (named) {
        put_uint(s, 3);
        put_raw(s, key->names);
    }
}

static void put_store(struct sink *s, const struct bulla_trust *trust)
{
    advance(s, cbor_encode_map_start(5, s->data + s->len, s->room));
    put_uint(s, 1);
    put_uint(s, 1);
    put_uint(s, 2);
    put_uint(s, trust->threshold);
    put_uint(s, 3);
    put_array(s, trust->key_count);
    for (uint32_t i = 0; i < trust->key_count; i++)
        put_key(s, &trust->keys[i]);
    put_uint(s, 4);
    put_array(s, trust->pin_count);
    for (uint32_t i = 0; i < trust->pin_count; i++)
        put_bstr(s, (struct bulla_bytes){trust->pins[i], BULLA_DIGEST_SIZE});
    put_uint(s, 5);
    put_array(s, trust->anchor_count);
    for (uint32_t i = 0; i < trust->anchor_count; i++)
        put_bstr(s, trust->anchors[i]);
}

enum bulla_status keys_trust_encode(const struct bulla_trust *trust, struct host_buffer *out)
{
    struct sink s = {.data = malloc(BULLA_TRUST_SIZE_MAX), .room = BULLA_TRUST_SIZE_MAX};
    struct bulla_trust again;

    *out = (struct host_buffer){0};
    if (s.data == NULL)
        return BULLA_E_IO;
    put_store(&s, trust);
    /* What a device would refuse is not handed out. */
    enum bulla_status status =
        s.full ? BULLA_E_TRUST_FORM
               : bulla_trust_decode((struct bulla_bytes){s.data, s.len}, &again);
    if (status != BULLA_OK) {
        free(s.data);
        return status;
    }
    *out = (struct host_buffer){s.data, s.len};
    return BULLA_OK;
}
