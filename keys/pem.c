/* SPDX-License-Identifier: Apache-2.0 */
/* PEM blocks out of texts, leniently about line ends and line lengths and what stands before
 * the block, strictly about there being something after it. */

#include "pem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <string.h>

/* Secure: OpenSSL then wipes its own buffers too, whatever the block turns out to hold. */
static bool read_block(BIO *bio, struct keys_pem *out)
{
    char *header = NULL;
    unsigned char *data = NULL;
    long len = 0;

    if (PEM_read_bio_ex(bio, &out->name, &header, &data, &len, PEM_FLAG_SECURE) != 1)
        return false;
    bool plain = header == NULL || header[0] == '\0';
    OPENSSL_secure_free(header);
    out->data = data;
    out->len = (size_t)len;
    return plain;
}

/* Is there anything else that begins as a block does? */
static bool another_follows(BIO *bio)
{
    struct keys_pem next = {0};

    ERR_clear_error();
    bool whole = read_block(bio, &next);
    keys_pem_free(&next);
    bool none = !whole && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return !none;
}

bool keys_pem_first(struct bulla_bytes text, struct keys_pem *out)
{
    static const uint8_t byte_order_mark[3] = {0xef, 0xbb, 0xbf};

    *out = (struct keys_pem){0};
    if (text.len >= 3 && memcmp(text.data, byte_order_mark, 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }
    if (text.len == 0 || text.len > KEYS_FILE_MAX)
        return false;
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    if (bio == NULL)
        return false;
    bool found = read_block(bio, out);
    if (found)
        out->more = another_follows(bio);
    else
        keys_pem_free(out);
    BIO_free(bio);
    ERR_clear_error();
    return found;
}

void keys_pem_free(struct keys_pem *block)
{
    OPENSSL_secure_free(block->name);
    OPENSSL_secure_clear_free(block->data, block->len);
    *block = (struct keys_pem){0};
}

bool keys_is_pem(struct bulla_bytes content)
{
    for (size_t i = 0; i < content.len; i++) {
        uint8_t c = content.data[i];
        if (c < 0x20 && (c < '\t' || c > '\r') && c != 0x1b)
            return false;
    }
    return content.len > 0 && memmem(content.data, content.len, "-----BEGIN", 10) != NULL;
}

enum bulla_status keys_refuse(char why[256], enum bulla_status status, const char *sentence, ...)
{
    va_list args;

    va_start(args, sentence);
    (void)vsnprintf(why, 256, sentence, args);
    va_end(args);
    ERR_clear_error();
    return status;
}

enum bulla_status keys_cannot_read(char why[256], const char *path)
{
    return keys_refuse(why, BULLA_E_IO, "cannot read %.100s: %s", path, strerror(errno));
}
