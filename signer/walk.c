/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope judged as far as that goes without a trust store: whoever adds a signature or
 * publishes looks at everything but signatures first. The steps and their order are those of
 * verifier/core/reader.c, each check is the core's own. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulla/cbor.h"
#include "signer.h"

#define SOURCE_ROOM           65536u
#define MEMBER_TEXT           23u
#define MEMBERS_BESIDES_LISTS 4u /* wrapper, manifest, text, a bundled image */
#define MAJOR_UINT            0u
#define MAJOR_TSTR            3u

/* The file as it passes by, once, from its start. */
struct source {
    int fd;
    struct host_writer *sink;
    uint64_t offset; /* bytes read from fd */
    size_t used, filled;
    bool ended;
    bool behind_head; /* from now on every byte read belongs to the tail */
    struct bulla_sha256 tail;
    uint8_t buffer[SOURCE_ROOM];
};

/* Read until `want` (at most SOURCE_ROOM) bytes wait in the buffer or the file ends. */
static enum bulla_status fill(struct source *s, size_t want)
{
    if (s->filled - s->used >= want)
        return BULLA_OK;
    memmove(s->buffer, s->buffer + s->used, s->filled - s->used);
    s->filled -= s->used;
    s->used = 0;
    while (!s->ended && s->filled < want) {
        ssize_t n = pread(s->fd, s->buffer + s->filled, SOURCE_ROOM - s->filled, (off_t)s->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BULLA_E_IO;
        s->ended = n == 0;
        if (n > 0 && s->sink != NULL) {
            enum bulla_status status =
                host_writer_write(s->sink, (struct bulla_bytes){s->buffer + s->filled, (size_t)n});
            if (status != BULLA_OK)
                return status;
        }
        if (s->behind_head)
            bulla_sha256_update(&s->tail, (struct bulla_bytes){s->buffer + s->filled, (size_t)n});
        s->filled += (size_t)n;
        s->offset += (uint64_t)n;
    }
    return BULLA_OK;
}

static struct bulla_bytes waiting(const struct source *s)
{
    return (struct bulla_bytes){s->buffer + s->used, s->filled - s->used};
}

/* The next block of a member that has `left` bytes more; empty at the end of the file. */
static enum bulla_status take_block(struct source *s, uint64_t left, struct bulla_bytes *block)
{
    enum bulla_status status = fill(s, left < SOURCE_ROOM ? (size_t)left : SOURCE_ROOM);

    *block = waiting(s);
    if (block->len > left)
        block->len = (size_t)left;
    s->used += block->len;
    return status;
}

static enum bulla_status read_head(struct source *s, struct walked *w)
{
    struct bulla_sha256 hash;
    size_t need;
    enum bulla_status status = fill(s, BULLA_HEAD_MAX);

    if (status != BULLA_OK)
        return status;
    struct bulla_bytes head = waiting(s);
    if (head.len > BULLA_HEAD_MAX)
        head.len = BULLA_HEAD_MAX;
    memcpy(w->head, head.data, head.len);
    head.data = w->head;
    status = bulla_envelope_split(head, &w->envelope, &need);
    if (status != BULLA_OK)
        return status;
    s->used += w->envelope.head_len;
    s->behind_head = true;
    bulla_sha256_init(&s->tail);
    bulla_sha256_update(&s->tail, waiting(s));
    status = bulla_wrapper_decode(w->envelope.wrapper, &w->wrapper);
    if (status != BULLA_OK)
        return status;

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, w->envelope.manifest_bstr);
    status = bulla_sha256_finish(&hash, w->manifest_digest);
    if (status != BULLA_OK)
        return status;
    if (!bulla_digest_equal(w->manifest_digest, w->wrapper.manifest_digest))
        return BULLA_E_MANIFEST_DIGEST;
    status = bulla_manifest_decode(w->envelope.manifest, &w->manifest);
    if (status == BULLA_OK && w->envelope.members > MEMBERS_BESIDES_LISTS + w->manifest.images)
        status = BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    for (uint32_t i = 0; status == BULLA_OK && i < w->manifest.images; i++)
        status = bulla_manifest_image(w->envelope.manifest, i, &w->images[i]);
    return status;
}

static enum bulla_status read_text(struct source *s, const struct walked *w, uint64_t len,
                                   struct bulla_bytes bstr_head)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 hash;
    struct bulla_bytes text;

    if (!w->manifest.has_text)
        return BULLA_E_TEXT_UNSIGNED;
    if (len > BULLA_TEXT_MAX)
        return BULLA_E_TEXT_TOO_LARGE;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, bstr_head);
    enum bulla_status status = take_block(s, len, &text);
    if (status != BULLA_OK)
        return status;
    if (text.len < len)
        return BULLA_E_ENVELOPE_TRUNCATED;
    bulla_sha256_update(&hash, text);
    status = bulla_sha256_finish(&hash, digest);
    if (status == BULLA_OK && !bulla_digest_equal(digest, w->manifest.text_digest))
        status = BULLA_E_TEXT_DIGEST;
    return status == BULLA_OK ? bulla_text_check(text) : status;
}

static enum bulla_status stream_list(struct source *s, struct bulla_list *list, uint64_t left)
{
    struct bulla_bytes block;

    for (; left > 0; left -= block.len) {
        enum bulla_status status = take_block(s, left, &block);
        if (status == BULLA_OK && block.len == 0)
            status = BULLA_E_ENVELOPE_TRUNCATED;
        if (status == BULLA_OK)
            status = bulla_list_feed(list, block);
        if (status != BULLA_OK)
            return status;
    }
    return bulla_list_finish(list);
}

static enum bulla_status read_list(struct source *s, const struct bulla_image *image, uint64_t len)
{
    struct bulla_list list;
    struct bulla_list_hashes hashes;

    if (len != image->list_size)
        return BULLA_E_LIST_SIZE;
    size_t room = bulla_list_workspace_min(image->size);
    uint8_t *workspace = malloc(room);
    if (workspace == NULL)
        return BULLA_E_IO;
    enum bulla_status status = bulla_list_init(&list, &hashes, image, workspace, room);
    if (status == BULLA_OK)
        status = stream_list(s, &list, len);
    free(workspace);
    return status;
}

/* A bundled image is the one the manifest names, and one that a device would take. */
static enum bulla_status read_bundle(struct source *s, struct walked *w, uint64_t left,
                                     char why[WHY_SIZE])
{
    const struct bulla_image *image = &w->manifest.image;
    struct image_stream stream;
    struct image_scan scan;
    struct bulla_bytes block;

    if (left != image->size)
        return left < image->size ? BULLA_E_IMAGE_TRUNCATED : BULLA_E_IMAGE_TRAILING;
    image_stream_init(&stream, image->size, NULL);
    for (; left > 0; left -= block.len) {
        enum bulla_status status = take_block(s, left, &block);
        if (status == BULLA_OK && block.len == 0)
            status = BULLA_E_ENVELOPE_TRUNCATED;
        if (status != BULLA_OK)
            return status;
        image_stream_feed(&stream, block);
    }
    enum bulla_status status = image_stream_finish(&stream, &scan);
    if (status == BULLA_OK)
        status = image_matches(&scan, image, why);
    w->bundled = status == BULLA_OK;
    return status == BULLA_OK && image->name.len == 0 ? scan.structure : status;
}

/* Key and length of the next member. */
struct member {
    bool text;
    uint8_t key[BULLA_URI_MAX];
    size_t key_len;
    uint8_t bstr_head[9];
    size_t bstr_head_len;
    uint64_t len;
};

static enum bulla_status read_member_head(struct source *s, struct member *m)
{
    struct bulla_bytes key = {NULL, 0};
    struct bulla_cbor c;
    enum bulla_status status = fill(s, MEMBER_HEAD_ROOM);

    if (status != BULLA_OK)
        return status;
    bulla_cbor_init(&c, waiting(s));
    m->text = bulla_cbor_peek(&c) == MAJOR_UINT;
    if (m->text)
        bulla_cbor_expect_int(&c, MEMBER_TEXT, BULLA_E_ENVELOPE_MEMBER_UNKNOWN);
    else if (bulla_cbor_peek(&c) == MAJOR_TSTR)
        key = bulla_cbor_tstr(&c);
    else
        bulla_cbor_fail(&c, waiting(s).len == 0 ? BULLA_E_ENVELOPE_TRUNCATED
                                                : BULLA_E_ENVELOPE_MEMBER_UNKNOWN);
    struct bulla_bytes head = c.left;
    m->len = bulla_cbor_bstr_head(&c);
    head.len -= c.left.len;
    if (c.failed == BULLA_E_CBOR_TRUNCATED)
        return s->ended ? BULLA_E_ENVELOPE_TRUNCATED : BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    if (c.failed != BULLA_OK)
        return c.failed;
    if (key.len > sizeof(m->key) || head.len > sizeof(m->bstr_head))
        return BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    if (key.len > 0)
        memcpy(m->key, key.data, key.len);
    memcpy(m->bstr_head, head.data, head.len);
    m->key_len = key.len;
    m->bstr_head_len = head.len;
    s->used += waiting(s).len - c.left.len;
    return BULLA_OK;
}

/* The member's key among the lists' names: whose list it is (the number of images: nobody's), and
 * how many of them come before it: shorter ones, then bytewise. */
static uint32_t find_list(const struct walked *w, const struct member *m, uint32_t *place)
{
    uint32_t found = w->manifest.images;

    *place = 0;
    for (uint32_t i = 0; i < w->manifest.images; i++) {
        uint8_t name[BULLA_LIST_NAME_MAX];
        size_t len = bulla_list_name(&w->images[i], name);
        int order = len != m->key_len ? (len < m->key_len ? -1 : 1) : memcmp(name, m->key, len);
        if (order < 0)
            ++*place;
        if (order == 0)
            found = i;
    }
    return found;
}

/* Where among the members the walk is. */
struct stand {
    bool text_due;
    bool first; /* no member was read yet */
    uint32_t lists;
    uint32_t next; /* the first list, in their order, that may still come */
};

static enum bulla_status read_text_member(struct source *s, const struct walked *w,
                                          const struct member *m, struct stand *at)
{
    if (at->next > 0)
        return BULLA_E_CBOR_KEY_ORDER;
    if (!at->first && !at->text_due)
        return BULLA_E_CBOR_KEY_REPEATED;
    at->text_due = false;
    return read_text(s, w, m->len, (struct bulla_bytes){m->bstr_head, m->bstr_head_len});
}

static enum bulla_status read_text_keyed(struct source *s, struct walked *w, const struct member *m,
                                         struct stand *at, char why[WHY_SIZE])
{
    uint32_t place, index = find_list(w, m, &place);
    struct bulla_bytes key = {m->key, m->key_len};

    if (index < w->manifest.images) {
        if (place < at->next)
            return place + 1 == at->next ? BULLA_E_CBOR_KEY_REPEATED : BULLA_E_CBOR_KEY_ORDER;
        if (at->text_due)
            return BULLA_E_TEXT_MISSING;
        at->next = place + 1;
        at->lists++;
        return read_list(s, &w->images[index], m->len);
    }
    if (w->manifest.images > 1 || !bulla_bytes_equal(key, w->manifest.image.uri))
        return BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    if (at->lists == 0 || w->bundled)
        return w->bundled ? BULLA_E_CBOR_KEY_REPEATED : BULLA_E_ENVELOPE_MEMBER_MISSING;
    return place == 0 ? BULLA_E_CBOR_KEY_ORDER : read_bundle(s, w, m->len, why);
}

/* What comes where: the text if the manifest names one, the lists, perhaps the only image. */
static enum bulla_status read_members(struct source *s, struct walked *w, char why[WHY_SIZE])
{
    struct stand at = {.text_due = w->manifest.has_text, .first = true};

    for (uint32_t i = 2; i < w->envelope.members; i++, at.first = false) {
        struct member m;
        enum bulla_status status = read_member_head(s, &m);
        if (status == BULLA_OK)
            status = m.text ? read_text_member(s, w, &m, &at) : read_text_keyed(s, w, &m, &at, why);
        if (status != BULLA_OK)
            return status;
    }
    return at.lists == w->manifest.images ? BULLA_OK : BULLA_E_ENVELOPE_MEMBER_MISSING;
}

enum bulla_status walk_envelope(int fd, struct host_writer *sink, struct walked *out,
                                char why[WHY_SIZE])
{
    why[0] = '\0';
    memset(out, 0, sizeof(*out));
    struct source *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return BULLA_E_IO;
    s->fd = fd;
    s->sink = sink;
    enum bulla_status status = read_head(s, out);
    if (status == BULLA_OK)
        status = read_members(s, out, why);
    if (status == BULLA_OK)
        status = fill(s, 1);
    if (status == BULLA_OK && waiting(s).len > 0)
        status = BULLA_E_ENVELOPE_TRAILING;
    if (status == BULLA_OK)
        status = bulla_sha256_finish(&s->tail, out->tail_digest);
    out->size = s->offset;
    if (status == BULLA_E_IO && why[0] == '\0')
        snprintf(why, WHY_SIZE, "reading or copying the envelope: %s", strerror(errno));
    free(s);
    return status;
}
