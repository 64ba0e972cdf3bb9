/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that touches a private key. Every buffer that held one, or a passphrase, is
 * wiped on every path; the EVP_PKEY wipes itself when freed. */

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulla/ed25519.h"
#include "pem.h"

#define SEED_SIZE 32u
/* PBKDF2-HMAC-SHA256 rounds for passphrases; OpenSSL's default of 2048 is from 2000. */
#define PBKDF2_ROUNDS 600000
#define PBKDF2_SALT   16

struct keys_private {
    EVP_PKEY *pkey;
    uint8_t public_key[BULLA_KEY_SIZE];
};

struct passphrase {
    char text[1024];
    size_t len;
};

/* Up to the buffer's end or the file's; pipes are fine. False with errno. */
static bool read_some(const char *path, struct passphrase *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    out->len = 0;
    if (fd < 0)
        return false;
    while (out->len < sizeof out->text && n != 0) {
        n = read(fd, out->text + out->len, sizeof out->text - out->len);
        if (n < 0 && errno != EINTR)
            break;
        out->len += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    close(fd);
    errno = error;
    return n >= 0;
}

/* First line, without its end (LF or CRLF). */
static enum bulla_status read_passphrase(const char *path, struct passphrase *out, char why[256])
{
    if (!read_some(path, out))
        return keys_cannot_read(why, path);
    const char *end = memchr(out->text, '\n', out->len);
    if (end == NULL && out->len == sizeof out->text)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: expected a passphrase of at most 1023 bytes in the first line",
                           path);
    if (end != NULL)
        out->len = (size_t)(end - out->text);
    if (out->len > 0 && out->text[out->len - 1] == '\r')
        out->len--;
    if (out->len == 0)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: the first line, the passphrase, is empty",
                           path);
    if (memchr(out->text, '\0', out->len) != NULL)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: expected text in the first line, found a zero byte", path);
    return BULLA_OK;
}

/* PKCS#8 (RFC 5958): algorithm Ed25519 without parameters, and CurvePrivateKey, an OCTET STRING
 * of 32 bytes (RFC 8410). A public key that may stand beside it is not looked at. */
static enum bulla_status seed_of_pkcs8(const PKCS8_PRIV_KEY_INFO *p8, const char *path,
                                       uint8_t seed[SEED_SIZE], char why[256])
{
    const ASN1_OBJECT *oid = NULL;
    const X509_ALGOR *algorithm = NULL;
    const unsigned char *octets = NULL;
    int len = 0;
    int parameters = V_ASN1_UNDEF;

    if (PKCS8_pkey_get0(&oid, &octets, &len, &algorithm, p8) != 1)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: the private key cannot be read", path);
    if (OBJ_obj2nid(oid) != NID_ED25519)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: expected an Ed25519 key, found %s", path,
                           OBJ_nid2ln(OBJ_obj2nid(oid)));
    X509_ALGOR_get0(NULL, &parameters, NULL, algorithm);
    if (parameters != V_ASN1_UNDEF || len != (int)SEED_SIZE + 2 || octets[0] != 0x04 ||
        octets[1] != SEED_SIZE)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: the Ed25519 key is not encoded as RFC 8410 prescribes", path);
    memcpy(seed, octets + 2, SEED_SIZE);
    return BULLA_OK;
}

static enum bulla_status seed_of_plain(const struct keys_pem *block, const char *path,
                                       uint8_t seed[SEED_SIZE], char why[256])
{
    const unsigned char *p = block->data;
    enum bulla_status status;
    PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)block->len);

    if (p8 == NULL || p != block->data + block->len)
        status = keys_refuse(why, BULLA_E_USAGE, "%.100s: expected one PKCS#8 private key", path);
    else
        status = seed_of_pkcs8(p8, path, seed, why);
    PKCS8_PRIV_KEY_INFO_free(p8); /* wipes the key */
    return status;
}

static enum bulla_status seed_of_encrypted(const struct keys_pem *block, const char *path,
                                           const char *passphrase_file, uint8_t seed[SEED_SIZE],
                                           char why[256])
{
    struct passphrase passphrase;
    const unsigned char *p = block->data;

    if (passphrase_file == NULL)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: the key is encrypted and no passphrase file was given", path);
    enum bulla_status status = read_passphrase(passphrase_file, &passphrase, why);
    if (status == BULLA_OK) {
        X509_SIG *encrypted = d2i_X509_SIG(NULL, &p, (long)block->len);
        PKCS8_PRIV_KEY_INFO *p8 = NULL;
        if (encrypted != NULL && p == block->data + block->len)
            p8 = PKCS8_decrypt(encrypted, passphrase.text, (int)passphrase.len);
        if (p8 == NULL)
            status = keys_refuse(why, BULLA_E_USAGE,
                                 "%.100s: cannot be decrypted: another passphrase, or not a PBES2 "
                                 "file that this OpenSSL knows",
                                 path);
        else
            status = seed_of_pkcs8(p8, path, seed, why);
        PKCS8_PRIV_KEY_INFO_free(p8);
        X509_SIG_free(encrypted);
    }
    OPENSSL_cleanse(&passphrase, sizeof passphrase);
    return status;
}

static enum bulla_status seed_of_text(struct bulla_bytes text, const char *path,
                                      const char *passphrase_file, uint8_t seed[SEED_SIZE],
                                      char why[256])
{
    struct keys_pem block;
    enum bulla_status status;

    if (!keys_is_pem(text))
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: expected a PEM private key, found %zu bytes without "
                           "-----BEGIN",
                           path, text.len);
    if (!keys_pem_first(text, &block))
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: the PEM block is broken", path);
    if (block.more)
        status = keys_refuse(why, BULLA_E_USAGE,
                             "%.100s: expected one private key, found more in it", path);
    else if (strcmp(block.name, "PRIVATE KEY") == 0)
        status = seed_of_plain(&block, path, seed, why);
    else if (strcmp(block.name, "ENCRYPTED PRIVATE KEY") == 0)
        status = seed_of_encrypted(&block, path, passphrase_file, seed, why);
    else
        status = keys_refuse(why, BULLA_E_USAGE, "%.100s: expected PRIVATE KEY, found %.40s", path,
                             block.name);
    keys_pem_free(&block);
    return status;
}

/* Takes the pkey over. NULL on failure. */
static struct keys_private *private_of_pkey(EVP_PKEY *pkey)
{
    struct keys_private *key = calloc(1, sizeof *key);
    size_t len = BULLA_KEY_SIZE;

    if (key != NULL && pkey != NULL &&
        EVP_PKEY_get_raw_public_key(pkey, key->public_key, &len) == 1 && len == BULLA_KEY_SIZE) {
        key->pkey = pkey;
        return key;
    }
    free(key);
    EVP_PKEY_free(pkey);
    return NULL;
}

enum bulla_status keys_private_load(const char *path, const char *passphrase_file,
                                    struct keys_private **out, char why[256])
{
    uint8_t seed[SEED_SIZE];
    struct host_buffer file;

    *out = NULL;
    if (host_read_file(path, KEYS_FILE_MAX, &file) != BULLA_OK)
        return keys_cannot_read(why, path);
    enum bulla_status status =
        seed_of_text((struct bulla_bytes){file.data, file.len}, path, passphrase_file, seed, why);
    host_buffer_free(&file); /* wipes it */
    if (status == BULLA_OK) {
        *out = private_of_pkey(
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed));
        if (*out == NULL)
            status = keys_refuse(why, BULLA_E_CRYPTO, "%.100s: OpenSSL cannot use the key", path);
    }
    OPENSSL_cleanse(seed, sizeof seed);
    return status;
}

void keys_private_free(struct keys_private *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

void keys_private_public(const struct keys_private *key, uint8_t public_key[32])
{
    memcpy(public_key, key->public_key, BULLA_KEY_SIZE);
}

bool keys_private_exposed(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

/* Ed25519 nonces are derived, so a fault while signing can give the key away: a signature that
 * does not verify never leaves this function. */
enum bulla_status keys_private_sign(const struct keys_private *key, struct bulla_bytes message,
                                    uint8_t signature[64])
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = message.len > 0 ? message.data : nothing;
    uint8_t made[BULLA_SIGNATURE_SIZE];
    size_t len = sizeof made;
    enum bulla_status status = BULLA_E_CRYPTO;

    memset(signature, 0, BULLA_SIGNATURE_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
        EVP_DigestSign(ctx, made, &len, data, message.len) == 1 && len == sizeof made &&
        bulla_ed25519_verify(key->public_key, made, message) == BULLA_OK) {
        memcpy(signature, made, sizeof made);
        status = BULLA_OK;
    }
    EVP_MD_CTX_free(ctx);
    OPENSSL_cleanse(made, sizeof made);
    return status;
}

/* PBES2: PBKDF2-HMAC-SHA256 and AES-256-CBC, which every OpenSSL since 1.1 reads. */
static bool write_encrypted(BIO *bio, PKCS8_PRIV_KEY_INFO *p8, const struct passphrase *passphrase)
{
    unsigned char salt[PBKDF2_SALT];
    X509_SIG *encrypted = NULL;

    if (RAND_bytes(salt, sizeof salt) == 1)
        encrypted = PKCS8_encrypt(NID_hmacWithSHA256, EVP_aes_256_cbc(), passphrase->text,
                                  (int)passphrase->len, salt, (int)sizeof salt, PBKDF2_ROUNDS, p8);
    bool written = encrypted != NULL && PEM_write_bio_PKCS8(bio, encrypted) == 1;
    X509_SIG_free(encrypted);
    return written;
}

/* Private PEM into a buffer that wipes itself (secmem); passphrase NULL: not encrypted. */
static BIO *private_pem(const EVP_PKEY *pkey, const struct passphrase *passphrase)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
    bool written = false;

    if (bio != NULL && p8 != NULL)
        written = passphrase != NULL ? write_encrypted(bio, p8, passphrase)
                                     : PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, p8) == 1;
    PKCS8_PRIV_KEY_INFO_free(p8);
    if (written)
        return bio;
    BIO_free(bio);
    return NULL;
}

static BIO *public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1)
        return bio;
    BIO_free(bio);
    return NULL;
}

/* A new file, complete but not yet named. */
static enum bulla_status write_aside(struct host_writer *w, const char *path, unsigned mode,
                                     BIO *content)
{
    char *data = NULL;
    long len = BIO_get_mem_data(content, &data);

    enum bulla_status status = host_writer_open(w, path, mode);
    if (status != BULLA_OK)
        return status;
    status = host_writer_write(w, (struct bulla_bytes){(const uint8_t *)data, (size_t)len});
    if (status != BULLA_OK)
        host_writer_abort(w);
    return status;
}

/* Both files or none. */
static enum bulla_status write_pair(const char *private_path, BIO *private_text,
                                    const char *public_path, BIO *public_text, char why[256])
{
    struct host_writer private_file;
    struct host_writer public_file;

    if (write_aside(&private_file, private_path, 0600, private_text) != BULLA_OK)
        return keys_refuse(why, BULLA_E_IO, "cannot write %.100s: %s", private_path,
                           strerror(errno));
    if (write_aside(&public_file, public_path, 0644, public_text) != BULLA_OK) {
        host_writer_abort(&private_file);
        return keys_refuse(why, BULLA_E_IO, "cannot write %.100s: %s", public_path,
                           strerror(errno));
    }
    if (host_writer_commit(&private_file, false) != BULLA_OK) {
        host_writer_abort(&public_file);
        return keys_refuse(why, BULLA_E_IO, "cannot write %.100s: %s", private_path,
                           strerror(errno));
    }
    if (host_writer_commit(&public_file, false) != BULLA_OK) {
        int error = errno;
        (void)unlink(private_path); /* created above, and by nobody else */
        return keys_refuse(why, BULLA_E_IO, "cannot write %.100s: %s", public_path,
                           strerror(error));
    }
    return BULLA_OK;
}

static enum bulla_status generate_pair(const char *private_path, const char *public_path,
                                       const struct passphrase *passphrase, char why[256])
{
    enum bulla_status status;
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *private_text = pkey != NULL ? private_pem(pkey, passphrase) : NULL;
    BIO *public_text = pkey != NULL ? public_pem(pkey) : NULL;

    if (private_text == NULL || public_text == NULL)
        status = keys_refuse(why, BULLA_E_CRYPTO, "OpenSSL cannot make an Ed25519 key");
    else
        status = write_pair(private_path, private_text, public_path, public_text, why);
    BIO_free(private_text);
    BIO_free(public_text);
    EVP_PKEY_free(pkey);
    return status;
}

/* A name that exists, even as a dangling link, is in use. */
static bool in_use(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Checked early so that nothing is asked or made in vain; the writers check again when it counts.
 */
static enum bulla_status check_names(const char *name, const char *private_path,
                                     const char *public_path, char why[256])
{
    size_t len = strlen(name);

    if (len == 0 || name[len - 1] == '/')
        return keys_refuse(why, BULLA_E_USAGE, "expected a name for the key, found \"%.100s\"",
                           name);
    if (in_use(private_path) || in_use(public_path))
        return keys_refuse(why, BULLA_E_USAGE, "%.100s exists already; keys are never overwritten",
                           in_use(private_path) ? private_path : public_path);
    return BULLA_OK;
}

static enum bulla_status generate_named(const char *name, const char *private_path,
                                        const char *public_path, const char *passphrase_file,
                                        char why[256])
{
    struct passphrase passphrase = {.len = 0};

    enum bulla_status status = check_names(name, private_path, public_path, why);
    if (status != BULLA_OK)
        return status;
    if (passphrase_file != NULL)
        status = read_passphrase(passphrase_file, &passphrase, why);
    if (status == BULLA_OK)
        status = generate_pair(private_path, public_path,
                               passphrase_file != NULL ? &passphrase : NULL, why);
    OPENSSL_cleanse(&passphrase, sizeof passphrase);
    return status;
}

enum bulla_status keys_generate(const char *name, const char *passphrase_file, char why[256])
{
    char *private_path = NULL;
    char *public_path = NULL;
    enum bulla_status status;

    bool named = asprintf(&private_path, "%s.pem", name) >= 0;
    if (!named)
        private_path = NULL; /* asprintf leaves it undefined */
    if (named && asprintf(&public_path, "%s.pub", name) < 0) {
        public_path = NULL;
        named = false;
    }
    if (named)
        status = generate_named(name, private_path, public_path, passphrase_file, why);
    else
        status = keys_refuse(why, BULLA_E_IO, "out of memory");
    free(private_path);
    free(public_path);
    return status;
}
