/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_KEYS_PEM_H
#define BULLA_KEYS_PEM_H

/* Internal to the library: PEM blocks (RFC 7468) and sentences about what was wrong. */

#include "keys.h"

/* Key files, certificates and stores are small; anything larger is a mistake. */
#define KEYS_FILE_MAX ((size_t)64 * 1024)

struct keys_pem {
    char *name; /* "PUBLIC KEY" */
    uint8_t *data;
    size_t len;
    bool more; /* "-----BEGIN" occurs again, in whatever form */
};

/* The first block of a text. False when there is none, or it is broken, holds anything but base64
 * or has the headers of old OpenSSL formats. What it held is wiped by keys_pem_free. */
BULLA_MUST_CHECK bool keys_pem_first(struct bulla_bytes text, struct keys_pem *out);
void keys_pem_free(struct keys_pem *block);

/* A text with "-----BEGIN" in it. Trust stores are not texts: their second byte is 1. */
BULLA_MUST_CHECK bool keys_is_pem(struct bulla_bytes content);

/* One Ed25519 public key and nothing else; `path` is for the sentence. */
BULLA_MUST_CHECK enum bulla_status keys_public_of_pem(struct bulla_bytes text, const char *path,
                                                      uint8_t public_key[32], char why[256]);

/* Writes the sentence, clears OpenSSL's error queue, returns the status. Cut paths with %.100s. */
enum bulla_status keys_refuse(char why[256], enum bulla_status status, const char *sentence, ...)
    HOST_PRINTF(3, 4);

/* "cannot read PATH: reason" from errno. */
enum bulla_status keys_cannot_read(char why[256], const char *path);

#endif
