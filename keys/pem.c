/* SPDX-License-Identifier: Apache-2.0 */
/* PEM blocks out of texts, leniently about line ends and line lengths and what stands before
 * the block, strictly about the block itself and about there being another. */

#include "pem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <string.h>

#define BEGIN_MARK "-----BEGIN"
#define END_MARK   "-----END"
#define DASHES     5u

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

static const uint8_t *find(struct bulla_bytes text, const char *mark)
{
    return memmem(text.data, text.len, mark, strlen(mark));
}

static struct bulla_bytes rest_from(struct bulla_bytes text, const uint8_t *at)
{
    return (struct bulla_bytes){at, text.len - (size_t)(at - text.data)};
}

static bool begins_line(struct bulla_bytes text, const uint8_t *at)
{
    return at == text.data || at[-1] == '\n';
}

static bool is_body(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '\r' || c == '\n';
}

/* What a person takes for the first block is what OpenSSL reads: its mark begins a line, that
 * line is armour and nothing else, and base64 follows up to the END line. OpenSSL alone would
 * skip a block that is not quite one, and read on past lines that it does not understand. */
static bool first_is_plain(struct bulla_bytes text)
{
    const uint8_t *begin = find(text, BEGIN_MARK);

    if (begin == NULL || !begins_line(text, begin))
        return false;
    struct bulla_bytes armour = rest_from(text, begin);
    const uint8_t *body = memchr(armour.data, '\n', armour.len);
    if (body == NULL)
        return false;
    size_t line = (size_t)(body - begin);
    while (line > 0 && (begin[line - 1] == '\r' || begin[line - 1] == ' '))
        line--;
    if (line < 2 * DASHES || memcmp(begin + line - DASHES, BEGIN_MARK, DASHES) != 0)
        return false;
    const uint8_t *end = find(rest_from(text, body), END_MARK);
    if (end == NULL || !begins_line(text, end))
        return false;
    for (; body < end; body++) {
        if (!is_body(*body))
            return false;
    }
    return true;
}

/* Does any other block begin, be it broken, indented or behind other text? */
static bool begins_again(struct bulla_bytes text)
{
    const uint8_t *first = find(text, BEGIN_MARK);

    return first != NULL && find(rest_from(text, first + 1), BEGIN_MARK) != NULL;
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
    bool found = first_is_plain(text) && read_block(bio, out);
    if (found)
        out->more = begins_again(text);
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
    return content.len > 0 &&
           memmem(content.data, content.len, BEGIN_MARK, strlen(BEGIN_MARK)) != NULL;
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
