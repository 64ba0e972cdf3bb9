/* SPDX-License-Identifier: Apache-2.0 */
/* How long a library takes to verify the signatures that envelopes.py wrote down, and nothing else:
 * what no verifier of envelopes can be faster than.
 *
 * Usage: verify_rate openssl|libsodium FILE. Prints processor seconds and the number of
 * signatures; exit 1 when one of them does not verify. */

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_SIZE       32u
#define SIGNATURE_SIZE 64u
#define MESSAGE_SIZE   55u
#define RECORD_SIZE    (SIGNATURE_SIZE + MESSAGE_SIZE)

static bool by_libsodium(const unsigned char *record, const unsigned char *key)
{
    return crypto_sign_verify_detached(record, record + SIGNATURE_SIZE, MESSAGE_SIZE, key) == 0;
}

/* The key is made once: what a program that verifies many does. */
static bool by_openssl(const unsigned char *record, const unsigned char *key)
{
    static EVP_PKEY *pkey;
    if (pkey == NULL)
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool valid =
        ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
        EVP_DigestVerify(ctx, record, SIGNATURE_SIZE, record + SIGNATURE_SIZE, MESSAGE_SIZE) == 1;
    EVP_MD_CTX_free(ctx);
    return valid;
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned char *read_all(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    long size = ftell(file);
    unsigned char *bytes = size > 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    *len = bytes != NULL ? fread(bytes, 1, (size_t)size, file) : 0;
    (void)fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    size_t len = 0;
    unsigned char *bytes = argc == 3 ? read_all(argv[2], &len) : NULL;
    if (bytes == NULL || len < KEY_SIZE || sodium_init() < 0)
        return 2;
    size_t count = (len - KEY_SIZE) / RECORD_SIZE;
    bool openssl = strcmp(argv[1], "openssl") == 0;
    double start = seconds();
    for (size_t i = 0; i < count; i++) {
        const unsigned char *record = bytes + KEY_SIZE + i * RECORD_SIZE;
        if (!(openssl ? by_openssl(record, bytes) : by_libsodium(record, bytes)))
            return 1;
    }
    printf("%.6f %zu\n", seconds() - start, count);
    free(bytes);
    return 0;
}
