/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the tools read as keys: a PEM public key, a private key (plain or encrypted), a trust
 * file of either kind, a certificate to pin. The input is the file's content, read through a file
 * in memory; the passphrase is "fuzz".
 *
 * Holds: whoever refuses says why and hands out nothing; a private key that loads signs what its
 * own public key verifies; a public key file that loads is a trust file of that one key; text in
 * front of the block changes nothing. */

#include <fcntl.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bulla/ed25519.h"
#include "fuzz.h"
#include "pem.h"

#define ROUNDS_MAX 20000 /* of PBKDF2: more only takes time */

struct memory_file {
    int fd;
    char path[32];
};

static struct memory_file file_of(struct bulla_bytes content)
{
    struct memory_file file = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};

    FUZZ_CHECK(file.fd >= 0);
    FUZZ_CHECK(content.len == 0 ||
               write(file.fd, content.data, content.len) == (ssize_t)content.len);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    return file;
}

static void check_why(const char why[256])
{
    FUZZ_CHECK(memchr(why, '\0', 256) != NULL && why[0] != '\0');
}

/* Rounds of PBKDF2 that an encrypted key asks for; INT64_MAX: it is not PBES2 with PBKDF2. */
static int64_t rounds_of(const X509_SIG *encrypted)
{
    const X509_ALGOR *algorithm = NULL;
    PBKDF2PARAM *kdf = NULL;
    int64_t rounds = INT64_MAX;

    X509_SIG_get0(encrypted, &algorithm, NULL);
    PBE2PARAM *pbes2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
    if (pbes2 != NULL)
        kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), pbes2->keyfunc->parameter);
    if (kdf == NULL || ASN1_INTEGER_get_int64(&rounds, kdf->iter) != 1)
        rounds = INT64_MAX;
    PBKDF2PARAM_free(kdf);
    PBE2PARAM_free(pbes2);
    return rounds;
}

/* An encrypted key may ask for as much work as its owner likes. Only those that ask for little, or
 * that OpenSSL cannot read, are decrypted here. */
static bool is_quick(struct bulla_bytes in)
{
    struct keys_pem block;
    X509_SIG *encrypted = NULL;

    if (!keys_pem_first(in, &block))
        return true;
    const unsigned char *p = block.data;
    if (strcmp(block.name, "ENCRYPTED PRIVATE KEY") == 0)
        encrypted = d2i_X509_SIG(NULL, &p, (long)block.len);
    bool quick = encrypted == NULL || rounds_of(encrypted) <= ROUNDS_MAX;
    X509_SIG_free(encrypted);
    ERR_clear_error();
    keys_pem_free(&block);
    return quick;
}

static void check_private(const char *path, const char *passphrase)
{
    static const uint8_t message[] = {'m'};
    struct keys_private *key = NULL;
    char why[256] = "";
    enum bulla_status status = keys_private_load(path, passphrase, &key, why);

    FUZZ_CHECK((status == BULLA_OK) == (key != NULL));
    if (status != BULLA_OK) {
        check_why(why);
        FUZZ_CHECK(status == BULLA_E_USAGE || status == BULLA_E_IO);
        return;
    }
    uint8_t public_key[32], signature[64];
    struct bulla_bytes bytes = {message, sizeof(message)};
    keys_private_public(key, public_key);
    FUZZ_CHECK(keys_private_sign(key, bytes, signature) == BULLA_OK);
    FUZZ_CHECK(bulla_ed25519_verify(public_key, signature, bytes) == BULLA_OK);
    FUZZ_CHECK(keys_prime_order(public_key));
    keys_private_free(key);
}

static unsigned count(struct bulla_bytes in, const char *word)
{
    unsigned found = 0;

    for (size_t i = 0; i + strlen(word) <= in.len; i++)
        found += memcmp(in.data + i, word, strlen(word)) == 0;
    return found;
}

static void check_public(struct bulla_bytes in, const char *path)
{
    uint8_t key[32], again[32], pin[32];
    char why[256] = "";
    enum bulla_status status = keys_public_load(path, key, why);

    FUZZ_CHECK(keys_public_of_pem(in, path, again, why) == status);
    FUZZ_CHECK(memcmp(key, again, sizeof(key)) == 0);
    if (status != BULLA_OK) {
        check_why(why);
        FUZZ_CHECK(fuzz_is_zero(key, sizeof(key)));
        return;
    }
    FUZZ_CHECK(keys_prime_order(key) && !keys_is_test_key(key));
    FUZZ_CHECK(count(in, "-----BEGIN") == 1 && count(in, "PRIVATE KEY-----") == 0);
    FUZZ_CHECK(keys_pin_of_file(path, pin, why) == BULLA_OK);
}

static void check_trust(const char *path)
{
    const char *const twice[] = {path, path};
    struct keys_trust trust, united;
    char why[256] = "";
    enum bulla_status status = keys_trust_load(twice, 1, 0, &trust, why);
    uint8_t key[32];

    if (status != BULLA_OK) {
        check_why(why);
        FUZZ_CHECK(status == BULLA_E_USAGE || status == BULLA_E_IO);
        FUZZ_CHECK(trust.trust.key_count == 0 && trust.files == NULL);
        FUZZ_CHECK(keys_public_load(path, key, why) != BULLA_OK);
        return;
    }
    FUZZ_CHECK(trust.trust.key_count >= 1 && trust.trust.threshold >= 1);
    FUZZ_CHECK(trust.trust.threshold <= trust.trust.key_count);
    FUZZ_CHECK(keys_trust_check(&trust.trust, why) == BULLA_OK);
    if (keys_public_load(path, key, why) == BULLA_OK)
        FUZZ_CHECK(trust.trust.key_count == 1 && memcmp(trust.trust.keys[0].key, key, 32) == 0);
    /* a file mentioned twice adds nothing */
    FUZZ_CHECK(keys_trust_load(twice, 2, 0, &united, why) == BULLA_OK);
    FUZZ_CHECK(united.trust.key_count == trust.trust.key_count);
    FUZZ_CHECK(united.trust.threshold == trust.trust.threshold);
    keys_trust_free(&united);
    keys_trust_free(&trust);
}

static void check_pin(struct bulla_bytes in, const char *path)
{
    uint8_t pin[32], again[32];
    char why[256] = "", text[64];

    if (keys_pin_of_file(path, pin, why) == BULLA_OK) {
        keys_pin_text(pin, text);
        FUZZ_CHECK(keys_pin_parse(text, again) && memcmp(pin, again, 32) == 0);
    } else {
        check_why(why);
        FUZZ_CHECK(fuzz_is_zero(pin, sizeof(pin)));
    }
    char *as_text = calloc(1, in.len + 1);
    FUZZ_CHECK(as_text != NULL);
    if (in.len > 0)
        memcpy(as_text, in.data, in.len);
    if (keys_pin_parse(as_text, pin)) {
        keys_pin_text(pin, text);
        FUZZ_CHECK(strcmp(text, as_text) == 0);
    }
    free(as_text);
}

static void check_block(struct bulla_bytes in)
{
    struct keys_pem block;

    if (!keys_pem_first(in, &block)) {
        FUZZ_CHECK(block.data == NULL && block.name == NULL && block.len == 0);
        return;
    }
    FUZZ_CHECK(block.name != NULL && strlen(block.name) < in.len && block.len < in.len);
    keys_pem_free(&block);
}

void fuzz_keyfile(struct bulla_bytes in)
{
    static const uint8_t secret[] = {'f', 'u', 'z', 'z', '\n'};
    struct memory_file file = file_of(in);
    struct memory_file passphrase = file_of((struct bulla_bytes){secret, sizeof(secret)});

    check_block(in);
    check_public(in, file.path);
    if (is_quick(in))
        check_private(file.path, passphrase.path);
    check_private(file.path, NULL);
    check_trust(file.path);
    check_pin(in, file.path);
    close(file.fd);
    close(passphrase.fd);
}
