/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_KEYFILES_H
#define BULLA_TEST_KEYFILES_H

/* For tests of keys/: a directory of their own, bytes from hex, and key files made by hand. */

#include "check.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "host.h"

static int enter_directory(void **state)
{
    char *path = strdup("/tmp/bulla-test-XXXXXX");
    *state = path;
    return mkdtemp(path) != NULL && chdir(path) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    free(*state);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

#define in_directory(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

static size_t from_hex(const char *hex, uint8_t *out, size_t room)
{
    size_t len = strlen(hex) / 2;
    assert_true(len <= room);
    for (size_t i = 0; i < len; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

static void write_text(const char *path, const char *text)
{
    (void)unlink(path); /* private keys are never overwritten */
    assert_status(host_write_file(path, (struct bulla_bytes){(const uint8_t *)text, strlen(text)},
                                  0600, true),
                  BULLA_OK);
}

/* One PEM block with the given label around DER bytes; lines of `width` characters. */
static void pem_text(const char *label, const uint8_t *der, size_t len, int width, char out[2048])
{
    unsigned char base64[1024];
    int base64_len = EVP_EncodeBlock(base64, der, (int)len);
    int used = snprintf(out, 2048, "-----BEGIN %s-----\n", label);
    for (int i = 0; i < base64_len; i += width)
        used += snprintf(out + used, (size_t)(2048 - used), "%.*s\n",
                         base64_len - i < width ? base64_len - i : width, (const char *)base64 + i);
    (void)snprintf(out + used, (size_t)(2048 - used), "-----END %s-----\n", label);
}

static void public_pem_text(const uint8_t key[32], char out[2048])
{
    uint8_t der[44];
    (void)from_hex("302a300506032b6570032100", der, sizeof der);
    memcpy(der + 12, key, 32);
    pem_text("PUBLIC KEY", der, sizeof der, 64, out);
}

/* Public key of the seed {n, n, ..., n}. */
static void public_of_seed(uint8_t n, uint8_t key[32])
{
    uint8_t seed[32];
    size_t len = 32;
    memset(seed, n, sizeof seed);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, key, &len), 1);
    EVP_PKEY_free(pkey);
}

#endif
