/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one answer (RFC 7252, RFC 7959): GET of a block of a file. */

#include "send.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bulla/crypto.h"
#include "file.h"

#define BLOCK_MAX 1024u

struct wish {
    char path[BULLA_PATH_MAX + 1u]; /* of a URL, percent-encoded */
    bool is_known;                  /* it names something that may be served */
    struct bulla_coap_block block;
};

/* One more segment. Hidden files are nobody's business. */
static void add_segment(struct wish *w, struct bulla_bytes value)
{
    char name[BULLA_COAP_SEGMENT_MAX + 1u];
    char encoded[BULLA_PATH_MAX + 1u];
    size_t at = strlen(w->path);

    if (value.len == 0 || value.len > BULLA_COAP_SEGMENT_MAX || value.data[0] == '.' ||
        memchr(value.data, '\0', value.len) != NULL) {
        w->is_known = false;
        return;
    }
    memcpy(name, value.data, value.len);
    name[value.len] = '\0';
    if (!bulla_file_path(name, encoded) || strlen(encoded) > BULLA_PATH_MAX - at)
        w->is_known = false;
    else
        memcpy(w->path + at, encoded, strlen(encoded) + 1);
}

/* 0, or the code to refuse with. */
static uint8_t read_wish(const struct bulla_coap_message *m, struct wish *w)
{
    struct bulla_coap_cursor c = {.left = m->options};

    *w = (struct wish){.is_known = true, .block = {.szx = BULLA_COAP_SZX_MAX}};
    while (bulla_coap_next(&c)) {
        if (c.number == BULLA_COAP_URI_PATH)
            add_segment(w, c.value);
        else if (c.number == BULLA_COAP_BLOCK2 && !bulla_coap_block(c.value, &w->block))
            return BULLA_COAP_BAD_REQUEST; /* RFC 7959 2.2: size exponent 7 */
        /* a line has one host, and files take no query */
        bool is_known = c.number == BULLA_COAP_URI_PATH || c.number == BULLA_COAP_BLOCK2 ||
                        c.number == BULLA_COAP_URI_HOST || c.number == BULLA_COAP_URI_PORT ||
                        c.number == BULLA_COAP_URI_QUERY;
        if (!is_known && (c.number & 1u) != 0)
            return BULLA_COAP_BAD_OPTION; /* critical */
    }
    return w->is_known && w->path[0] != '\0' ? 0 : BULLA_COAP_NOT_FOUND;
}

static bool is_stopped(const struct send_server *s)
{
    return s->stopped != NULL && *s->stopped;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* May it be served? With the SHA-256 of the whole file, worked out when it is asked for first and
 * when it changed. */
static bool find_digest(struct send_server *s, int fd, const struct stat *info)
{
    uint8_t block[16384];
    struct bulla_sha256 hash;
    ssize_t n = -1;

    if (s->has_digest && same_file(&s->info, info))
        return true;
    s->has_digest = false;
    if (info->st_size > (off_t)SEND_FILE_MAX || send_is_secret(fd, (uint64_t)info->st_size))
        return false;
    bulla_sha256_init(&hash);
    for (off_t at = 0; !is_stopped(s) && (n = pread(fd, block, sizeof(block), at)) > 0; at += n)
        bulla_sha256_update(&hash, (struct bulla_bytes){block, (size_t)n});
    s->has_digest = n == 0 && bulla_sha256_finish(&hash, s->digest) == BULLA_OK;
    s->info = *info;
    return s->has_digest;
}

static int open_file(const struct send_server *s, const char *path)
{
    char first[BULLA_PATH_MAX + 1u];
    enum bulla_status status;

    if (s->alone && !send_is_named(s, path))
        return -1;
    if (s->first != NULL && strcmp(path, SEND_WELL_KNOWN) == 0 && bulla_file_path(s->first, first))
        path = first;
    return bulla_file_open(s->folder, path, &status);
}

/* 0, or the code to refuse with. */
static uint8_t put_block(struct send_server *s, int fd, const struct wish *w,
                         struct bulla_coap_writer *out)
{
    uint8_t payload[BLOCK_MAX];
    struct bulla_coap_block block = w->block;
    uint64_t from = (uint64_t)block.number << (block.szx + 4u);
    size_t size = (size_t)1 << (block.szx + 4u);
    struct stat info;

    if (fstat(fd, &info) != 0 || !find_digest(s, fd, &info))
        return BULLA_COAP_NOT_FOUND;
    uint64_t total = (uint64_t)info.st_size;
    if (from > 0 && from >= total)
        return BULLA_COAP_BAD_REQUEST;
    ssize_t n = pread(fd, payload, size, (off_t)from);
    if (n < 0)
        return BULLA_COAP_INTERNAL_ERROR;
    block.more = from + (uint64_t)n < total;
    if (block.more && (size_t)n < size)
        return BULLA_COAP_INTERNAL_ERROR; /* it became shorter just now */
    bulla_coap_put(out, BULLA_COAP_ETAG, (struct bulla_bytes){s->digest, BULLA_COAP_ETAG_MAX});
    bulla_coap_put_block(out, &block);
    if (total <= UINT32_MAX)
        bulla_coap_put_uint(out, BULLA_COAP_SIZE2, (uint32_t)total);
    bulla_coap_put_payload(out, (struct bulla_bytes){payload, (size_t)n});
    s->bytes += (uint64_t)n;
    host_progress(w->path + 1, from + (uint64_t)n, total);
    return out->full ? BULLA_COAP_INTERNAL_ERROR : 0;
}

static void begin(const struct bulla_coap_message *m, uint8_t code, struct bulla_coap_writer *w,
                  uint8_t *out, size_t size)
{
    enum bulla_coap_type type = m->type == BULLA_COAP_CON ? BULLA_COAP_ACK : BULLA_COAP_NON;

    bulla_coap_begin(w, out, size, type, code, m->id, m->token);
}

static size_t answer_request(struct send_server *s, const struct bulla_coap_message *m,
                             uint8_t *out, size_t size)
{
    struct bulla_coap_writer w;
    struct wish wish;
    uint8_t refusal =
        m->code == BULLA_COAP_GET ? read_wish(m, &wish) : BULLA_COAP_METHOD_NOT_ALLOWED;

    s->requests++;
    if (refusal == 0) {
        int fd = open_file(s, wish.path);
        begin(m, BULLA_COAP_CONTENT, &w, out, size);
        refusal = fd >= 0 ? put_block(s, fd, &wish, &w) : BULLA_COAP_NOT_FOUND;
        if (fd >= 0)
            close(fd);
    }
    if (refusal != 0) {
        s->refused++;
        begin(m, refusal, &w, out, size);
    }
    return w.full ? 0 : w.len;
}

size_t send_answer(struct send_server *s, struct bulla_bytes message, uint8_t *out, size_t size)
{
    struct bulla_coap_message m;
    struct bulla_coap_writer w;

    if (!bulla_coap_decode(message, &m) || m.type == BULLA_COAP_ACK || m.type == BULLA_COAP_RST)
        return 0;
    if (m.code != BULLA_COAP_EMPTY && m.code >> 5 == 0)
        return answer_request(s, &m, out, size);
    if (m.type != BULLA_COAP_CON)
        return 0;
    /* a ping, or an answer that nobody here asked for */
    bulla_coap_begin(&w, out, size, BULLA_COAP_RST, BULLA_COAP_EMPTY, m.id,
                     (struct bulla_bytes){NULL, 0});
    return w.len;
}
