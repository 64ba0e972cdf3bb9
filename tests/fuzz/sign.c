/* SPDX-License-Identifier: Apache-2.0 */
/* What sign.h promises, with libsodium. */

#include "sign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "bulla/cbor.h"

#define UINT  0u
#define BSTR  2u
#define TSTR  3u
#define ARRAY 4u
#define MAP   5u
#define TAG   6u

static struct fuzz_signer signers[FUZZ_SIGNERS + 1]; /* the last one is the stranger */
static struct bulla_trust stores[FUZZ_STORES];

static void add_key(struct bulla_trust *store, const struct fuzz_signer *signer, const char *names)
{
    struct bulla_trust_key *key = &store->keys[store->key_count++];

    key->key = signer->public_key;
    memcpy(key->id, signer->id, sizeof(key->id));
    key->names = (struct bulla_bytes){(const uint8_t *)names, names != NULL ? strlen(names) : 0};
}

/* TEST-ONLY: the names are those of tests/vectors/generate.py. */
static void make_keys(void)
{
    static const char *const names[] = {"vector key a", "vector key b", "vector key c",
                                        "never signs"};

    for (unsigned i = 0; i <= FUZZ_SIGNERS; i++) {
        uint8_t seed[32], digest[32];
        fuzz_sha256((struct bulla_bytes){(const uint8_t *)names[i], strlen(names[i])}, seed);
        crypto_sign_seed_keypair(signers[i].public_key, signers[i].secret, seed);
        fuzz_sha256((struct bulla_bytes){signers[i].public_key, BULLA_KEY_SIZE}, digest);
        memcpy(signers[i].id, digest, sizeof(signers[i].id));
    }
}

static void make_once(void)
{
    static bool made;

    if (made)
        return;
    if (sodium_init() < 0)
        abort();
    make_keys();
    for (unsigned i = 0; i < FUZZ_STORES; i++)
        stores[i].threshold = i == 1 || i == 2 ? 2 : 1;
    add_key(&stores[0], &signers[0], NULL);
    for (unsigned i = 0; i < FUZZ_SIGNERS; i++)
        add_key(&stores[1], &signers[i], NULL);
    add_key(&stores[2], &signers[0],
            "\x81\x43"
            "app");
    add_key(&stores[2], &signers[1],
            "\x82\x47"
            "factory"
            "\x43"
            "app");
    add_key(&stores[FUZZ_STORE_STRANGER], &signers[FUZZ_SIGNERS], NULL);
    made = true;
}

const struct fuzz_signer *fuzz_signer(unsigned index)
{
    make_once();
    return &signers[index];
}

const struct bulla_trust *fuzz_store(unsigned index)
{
    make_once();
    return &stores[index];
}

/* ---- writing ---- */

void fuzz_put(struct fuzz_out *out, struct bulla_bytes bytes)
{
    if (bytes.len > out->size - out->len) {
        out->size = 2 * (out->len + bytes.len) + 256;
        out->data = realloc(out->data, out->size);
        if (out->data == NULL)
            abort();
    }
    if (bytes.len > 0)
        memcpy(out->data + out->len, bytes.data, bytes.len);
    out->len += bytes.len;
}

static void put_text(struct fuzz_out *out, const char *text)
{
    fuzz_put(out, (struct bulla_bytes){(const uint8_t *)text, strlen(text)});
}

void fuzz_put_head(struct fuzz_out *out, unsigned major, uint64_t value)
{
    uint8_t bytes[9];
    unsigned info = value < 24         ? 0
                    : value < 0x100    ? 24
                    : value < 0x10000  ? 25
                    : value >> 32 == 0 ? 26
                                       : 27;
    size_t width = info == 0 ? 0 : (size_t)1 << (info - 24);

    bytes[0] = (uint8_t)(major << 5 | (info == 0 ? value : info));
    for (size_t i = 0; i < width; i++)
        bytes[1 + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    fuzz_put(out, (struct bulla_bytes){bytes, 1 + width});
}

void fuzz_put_bstr(struct fuzz_out *out, struct bulla_bytes bytes)
{
    fuzz_put_head(out, BSTR, bytes.len);
    fuzz_put(out, bytes);
}

void fuzz_out_free(struct fuzz_out *out)
{
    free(out->data);
    *out = (struct fuzz_out){NULL, 0, 0};
}

static struct bulla_bytes written(const struct fuzz_out *out)
{
    return (struct bulla_bytes){out->data, out->len};
}

/* ---- signing ---- */

void fuzz_sha256(struct bulla_bytes bytes, uint8_t digest[BULLA_DIGEST_SIZE])
{
    crypto_hash_sha256(digest, bytes.data, bytes.len);
}

void fuzz_tbs(struct bulla_bytes protected_header, struct bulla_bytes digest_bstr,
              struct fuzz_out *out)
{
    fuzz_put_head(out, ARRAY, 4);
    fuzz_put_head(out, TSTR, 10);
    put_text(out, "Signature1");
    fuzz_put_bstr(out, protected_header);
    fuzz_put_head(out, BSTR, 0);
    fuzz_put_bstr(out, digest_bstr);
}

void fuzz_sign(const struct fuzz_signer *signer, struct bulla_bytes message,
               uint8_t signature[BULLA_SIGNATURE_SIZE])
{
    crypto_sign_detached(signature, NULL, message.data, message.len, signer->secret);
}

bool fuzz_verify(const uint8_t key[BULLA_KEY_SIZE], struct bulla_bytes message,
                 const uint8_t signature[BULLA_SIGNATURE_SIZE])
{
    return crypto_sign_verify_detached(signature, message.data, message.len, key) == 0;
}

static void put_block(struct fuzz_out *out, struct bulla_bytes digest_bstr,
                      const struct fuzz_signer *signer, bool with_kid)
{
    static const uint8_t header[] = {0xa1, 0x01, 0x32}; /* {1: -19} */
    struct bulla_bytes protected_header = {header, sizeof(header)};
    struct fuzz_out tbs = {NULL, 0, 0}, block = {NULL, 0, 0};
    uint8_t signature[BULLA_SIGNATURE_SIZE];

    fuzz_tbs(protected_header, digest_bstr, &tbs);
    fuzz_sign(signer, written(&tbs), signature);
    fuzz_put_head(&block, TAG, 18);
    fuzz_put_head(&block, ARRAY, 4);
    fuzz_put_bstr(&block, protected_header);
    fuzz_put_head(&block, MAP, with_kid ? 1 : 0);
    if (with_kid) {
        fuzz_put_head(&block, UINT, 4);
        fuzz_put_bstr(&block, (struct bulla_bytes){signer->id, BULLA_KEY_ID_SIZE});
    }
    put_text(&block, "\xf6");
    fuzz_put_bstr(&block, (struct bulla_bytes){signature, sizeof(signature)});
    fuzz_put_bstr(out, written(&block));
    fuzz_out_free(&tbs);
    fuzz_out_free(&block);
}

void fuzz_put_wrapper(struct fuzz_out *out, struct bulla_bytes manifest_bstr, uint32_t set,
                      bool with_kid)
{
    uint8_t digest[36] = {0x82, 0x2f, 0x58, 0x20}; /* [-16, bstr32] */
    struct bulla_bytes digest_bstr = {digest, sizeof(digest)};
    uint64_t blocks = 0;

    make_once();
    fuzz_sha256(manifest_bstr, digest + 4);
    for (unsigned i = 0; i < FUZZ_SIGNERS; i++)
        blocks += set >> i & 1u;
    fuzz_put_head(out, ARRAY, 1 + blocks);
    fuzz_put_bstr(out, digest_bstr);
    for (unsigned i = 0; i < FUZZ_SIGNERS; i++) {
        if ((set >> i & 1u) != 0)
            put_block(out, digest_bstr, &signers[i], with_kid);
    }
}

/* ---- new seals ---- */

/* The members behind the manifest, as far as they can be read. */
struct members {
    struct bulla_bytes text; /* byte string with its head */
    struct bulla_bytes list; /* contents */
    struct bulla_bytes image;
};

static void find_members(struct bulla_bytes rest, struct members *out)
{
    struct bulla_cbor r;

    bulla_cbor_init(&r, rest);
    while (r.failed == BULLA_OK && r.left.len > 0) {
        struct bulla_bytes key = {NULL, 0};
        bool is_text = bulla_cbor_peek(&r) == UINT;
        if (is_text)
            (void)bulla_cbor_uint(&r);
        else
            key = bulla_cbor_tstr(&r);
        struct bulla_bytes item = r.left;
        struct bulla_bytes content = bulla_cbor_bstr(&r);
        if (r.failed != BULLA_OK)
            return;
        item.len -= r.left.len;
        if (is_text)
            out->text = item;
        else if (key.len > 0 && key.data[0] == '#')
            out->list = content;
        else
            out->image = content;
    }
}

/* Occurrence `index` of [-16, bstr32] in the manifest: image, list, text; NULL: not there. */
static uint8_t *digest_in(uint8_t *manifest, size_t len, unsigned index)
{
    static const uint8_t mark[] = {0x82, 0x2f, 0x58, 0x20};

    for (size_t i = 0; i + sizeof(mark) + BULLA_DIGEST_SIZE <= len; i++) {
        if (memcmp(manifest + i, mark, sizeof(mark)) == 0 && index-- == 0)
            return manifest + i + sizeof(mark);
    }
    return NULL;
}

static void put_digest(uint8_t *manifest, size_t len, unsigned index, struct bulla_bytes of)
{
    uint8_t *at = digest_in(manifest, len, index);

    if (at != NULL)
        fuzz_sha256(of, at);
}

/* The digests of the bundle's sectors, at the end of the list. */
static void put_sectors(uint8_t *list, size_t list_len, struct bulla_bytes image)
{
    size_t count = (image.len + BULLA_SECTOR_SIZE - 1) / BULLA_SECTOR_SIZE;

    if (list_len < count * BULLA_DIGEST_SIZE)
        return;
    uint8_t *digest = list + list_len - count * BULLA_DIGEST_SIZE;
    for (size_t at = 0; at < image.len; at += BULLA_SECTOR_SIZE, digest += BULLA_DIGEST_SIZE) {
        size_t left = image.len - at;
        fuzz_sha256((struct bulla_bytes){image.data + at,
                                         left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE},
                    digest);
    }
}

void fuzz_reseal(struct bulla_bytes in, const struct bulla_envelope *envelope, uint32_t set,
                 bool with_kid, uint32_t repair, struct fuzz_out *out)
{
    struct bulla_bytes rest = {in.data + envelope->head_len, in.len - envelope->head_len};
    struct fuzz_out wrapper = {NULL, 0, 0}, manifest_bstr = {NULL, 0, 0};
    uint8_t *manifest = fuzz_copy(envelope->manifest), *behind = fuzz_copy(rest);
    size_t manifest_len = envelope->manifest.len;
    struct members m = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

    find_members((struct bulla_bytes){behind, rest.len}, &m);
    if ((repair & FUZZ_REPAIR_IMAGE) != 0 && m.image.len > 0 && m.list.len > 0) {
        put_digest(manifest, manifest_len, 0, m.image);
        put_sectors(behind + (m.list.data - behind), m.list.len, m.image);
    }
    if ((repair & FUZZ_REPAIR_LIST) != 0 && m.list.len >= BULLA_DIGEST_SIZE) {
        uint8_t *image = digest_in(manifest, manifest_len, 0);
        if (image != NULL && m.list.len < 2 * BULLA_DIGEST_SIZE)
            memcpy(image, m.list.data + m.list.len - BULLA_DIGEST_SIZE, BULLA_DIGEST_SIZE);
        put_digest(manifest, manifest_len, 1, m.list);
    }
    if ((repair & FUZZ_REPAIR_TEXT) != 0 && m.text.len > 0)
        put_digest(manifest, manifest_len, 2, m.text);
    fuzz_put_bstr(&manifest_bstr, (struct bulla_bytes){manifest, manifest_len});
    fuzz_put_wrapper(&wrapper, written(&manifest_bstr), set, with_kid);
    fuzz_put_head(out, TAG, 107);
    fuzz_put_head(out, MAP, envelope->members);
    fuzz_put_head(out, UINT, 2);
    fuzz_put_bstr(out, written(&wrapper));
    fuzz_put_head(out, UINT, 3);
    fuzz_put(out, written(&manifest_bstr));
    fuzz_put(out, (struct bulla_bytes){behind, rest.len});
    fuzz_out_free(&wrapper);
    fuzz_out_free(&manifest_bstr);
    free(manifest);
    free(behind);
}
