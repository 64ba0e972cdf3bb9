/* SPDX-License-Identifier: Apache-2.0 */
/* Pins as RFC 7469 and curl have them: SHA-256 of a SubjectPublicKeyInfo, "sha256//BASE64". */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "bulla/crypto.h"
#include "pem.h"

#define PIN_PREFIX     "sha256//"
#define PIN_BASE64_LEN 44u /* of 32 bytes, with one '=' */

static enum bulla_status digest_of(struct bulla_bytes spki, uint8_t pin[32])
{
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, spki);
    return bulla_sha256_finish(&hash, pin);
}

enum bulla_status keys_pin_of_certificate(struct bulla_bytes der, uint8_t pin[32])
{
    const unsigned char *p = der.data;
    unsigned char *spki = NULL;
    enum bulla_status status = BULLA_E_USAGE;

    memset(pin, 0, 32);
    if (der.len > KEYS_FILE_MAX)
        return BULLA_E_USAGE;
    X509 *certificate = d2i_X509(NULL, &p, (long)der.len);
    if (certificate == NULL || p != der.data + der.len) {
        X509_free(certificate);
        return BULLA_E_USAGE;
    }
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    if (len > 0)
        status = digest_of((struct bulla_bytes){spki, (size_t)len}, pin);
    OPENSSL_free(spki);
    X509_free(certificate);
    return status;
}

/* A bare public key of any algorithm: the backup key that has no certificate yet. */
static enum bulla_status pin_of_public_key(struct bulla_bytes der, uint8_t pin[32])
{
    const unsigned char *p = der.data;
    X509_PUBKEY *spki = d2i_X509_PUBKEY(NULL, &p, (long)der.len);
    bool whole = spki != NULL && p == der.data + der.len;

    X509_PUBKEY_free(spki);
    return whole ? digest_of(der, pin) : BULLA_E_USAGE;
}

static enum bulla_status pin_of_pem(struct bulla_bytes text, uint8_t pin[32])
{
    struct keys_pem block;
    enum bulla_status status = BULLA_E_USAGE;

    if (!keys_pem_first(text, &block))
        return BULLA_E_USAGE;
    struct bulla_bytes der = {block.data, block.len};
    if (strcmp(block.name, "CERTIFICATE") == 0)
        status = keys_pin_of_certificate(der, pin);
    else if (strcmp(block.name, "PUBLIC KEY") == 0)
        status = pin_of_public_key(der, pin);
    keys_pem_free(&block);
    return status;
}

enum bulla_status keys_pin_of_file(const char *path, uint8_t pin[32], char why[256])
{
    struct host_buffer file;

    memset(pin, 0, 32);
    if (host_read_file(path, KEYS_FILE_MAX, &file) != BULLA_OK)
        return keys_cannot_read(why, path);
    struct bulla_bytes content = {file.data, file.len};
    enum bulla_status status =
        keys_is_pem(content) ? pin_of_pem(content, pin) : keys_pin_of_certificate(content, pin);
    host_buffer_free(&file);
    if (status == BULLA_OK)
        return BULLA_OK;
    memset(pin, 0, 32);
    return keys_refuse(why, status,
                       "%.100s: expected a certificate (PEM or DER) or a PEM public key", path);
}

bool keys_pin_parse(const char *text, uint8_t pin[32])
{
    uint8_t decoded[33]; /* EVP_DecodeBlock writes the padding as a zero byte */
    char again[64];

    if (strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) != 0 ||
        strlen(text) != strlen(PIN_PREFIX) + PIN_BASE64_LEN ||
        EVP_DecodeBlock(decoded, (const unsigned char *)text + strlen(PIN_PREFIX),
                        (int)PIN_BASE64_LEN) != (int)sizeof decoded)
        return false;
    keys_pin_text(decoded, again); /* one spelling: no stray bits, no other padding */
    if (strcmp(text, again) != 0)
        return false;
    memcpy(pin, decoded, 32);
    return true;
}

void keys_pin_text(const uint8_t pin[32], char out[64])
{
    memcpy(out, PIN_PREFIX, strlen(PIN_PREFIX));
    (void)EVP_EncodeBlock((unsigned char *)out + strlen(PIN_PREFIX), pin, 32);
}
