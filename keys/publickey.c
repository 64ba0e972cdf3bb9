/* SPDX-License-Identifier: Apache-2.0 */
/* Public key files: a SubjectPublicKeyInfo in PEM, taken only when it is one Ed25519 key that
 * belongs in a trust store. */

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>

#include "bulla/crypto.h"
#include "bulla/ed25519.h"
#include "pem.h"

/* RFC 8410: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING }. The only DER there is for a key:
 * comparing beats parsing. */
static const uint8_t spki_head[12] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

void keys_id(const uint8_t public_key[32], uint8_t id[BULLA_KEY_ID_SIZE])
{
    struct bulla_sha256 hash;
    uint8_t digest[BULLA_DIGEST_SIZE];

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){public_key, BULLA_KEY_SIZE});
    /* a failed hash leaves zeros: an id that names no key */
    (void)!bulla_sha256_finish(&hash, digest);
    memcpy(id, digest, BULLA_KEY_ID_SIZE);
}

/* Says what else the SubjectPublicKeyInfo is. */
static enum bulla_status refuse_spki(const struct keys_pem *block, const char *path, char why[256])
{
    const unsigned char *p = block->data;
    ASN1_OBJECT *algorithm = NULL;
    X509_PUBKEY *spki = d2i_X509_PUBKEY(NULL, &p, (long)block->len);
    size_t used = (size_t)(p - block->data);
    enum bulla_status status;

    if (spki != NULL)
        (void)X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, spki);
    if (spki == NULL)
        status = keys_refuse(why, BULLA_E_USAGE,
                             "%.100s: expected an Ed25519 public key of 44 bytes, found %zu bytes "
                             "that are no public key",
                             path, block->len);
    else if (OBJ_obj2nid(algorithm) != NID_ED25519)
        status = keys_refuse(why, BULLA_E_USAGE, "%.100s: expected an Ed25519 key, found %s", path,
                             OBJ_nid2ln(OBJ_obj2nid(algorithm)));
    else if (used != block->len)
        status = keys_refuse(why, BULLA_E_USAGE, "%.100s: %zu bytes follow the public key", path,
                             block->len - used);
    else
        status = keys_refuse(why, BULLA_E_USAGE,
                             "%.100s: the Ed25519 key is not encoded as RFC 8410 prescribes", path);
    X509_PUBKEY_free(spki);
    return status;
}

/* Canonical, of prime order, and not a key whose private half everybody has. */
static enum bulla_status judge_point(const uint8_t key[32], const char *path, char why[256])
{
    if (bulla_ed25519_key_check(key) != BULLA_OK || !keys_prime_order(key))
        return keys_refuse(why, BULLA_E_TRUST_KEY_INVALID,
                           "%.100s: trust-key-invalid: the key is not a canonical point of prime "
                           "order",
                           path);
    if (keys_is_test_key(key))
        return keys_refuse(
            why, BULLA_E_TRUST_TEST_KEY,
            "%.100s: trust-test-key: a published test key, its private key is public", path);
    return BULLA_OK;
}

static enum bulla_status key_of_block(const struct keys_pem *block, const char *path,
                                      uint8_t public_key[32], char why[256])
{
    if (strstr(block->name, "PRIVATE KEY") != NULL)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: expected a public key, found a private one; keep it where it "
                           "belongs and give its .pub file",
                           path);
    if (strcmp(block->name, "PUBLIC KEY") != 0)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: expected PUBLIC KEY, found %.40s", path,
                           block->name);
    if (block->more)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: expected one public key, found more in it",
                           path);
    if (block->len != sizeof spki_head + BULLA_KEY_SIZE ||
        memcmp(block->data, spki_head, sizeof spki_head) != 0)
        return refuse_spki(block, path, why);

    const uint8_t *key = block->data + sizeof spki_head;
    enum bulla_status status = judge_point(key, path, why);
    if (status == BULLA_OK)
        memcpy(public_key, key, BULLA_KEY_SIZE);
    return status;
}

enum bulla_status keys_public_of_pem(struct bulla_bytes text, const char *path,
                                     uint8_t public_key[32], char why[256])
{
    struct keys_pem block;

    memset(public_key, 0, BULLA_KEY_SIZE);
    if (!keys_is_pem(text))
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: expected a PEM public key, found %zu bytes without "
                           "-----BEGIN",
                           path, text.len);
    if (!keys_pem_first(text, &block))
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: the PEM block is broken", path);
    enum bulla_status status = key_of_block(&block, path, public_key, why);
    keys_pem_free(&block);
    return status;
}

enum bulla_status keys_public_load(const char *path, uint8_t public_key[32], char why[256])
{
    struct host_buffer file;

    memset(public_key, 0, BULLA_KEY_SIZE);
    if (host_read_file(path, KEYS_FILE_MAX, &file) != BULLA_OK)
        return keys_cannot_read(why, path);
    enum bulla_status status =
        keys_public_of_pem((struct bulla_bytes){file.data, file.len}, path, public_key, why);
    host_buffer_free(&file);
    return status;
}
