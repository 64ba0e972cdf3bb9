/* SPDX-License-Identifier: Apache-2.0 */
/* Files over CoAP: which blocks to ask for, what an answer must look like, and the seam. */

#include "coap_parts.h"

#include "bulla/mem.h"

/* ---- the request ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 0x20) - 'a' + 10; /* paths were judged: it is one */
}

/* Segments of the path and arguments of the query, percent-decoded (RFC 7252 6.4). */
static void put_path(struct bulla_coap_writer *w, const char *path)
{
    uint32_t number = BULLA_COAP_URI_PATH;
    uint8_t segment[BULLA_COAP_SEGMENT_MAX];

    while (*path != '\0') {
        size_t len = 0;
        path++; /* the separator */
        /* '?' ends the path; further ones are data of the query */
        bool in_path = number == BULLA_COAP_URI_PATH;
        while (*path != '\0' && *path != (in_path ? '/' : '&') && !(in_path && *path == '?')) {
            if (len == sizeof(segment)) {
                w->full = true;
                return;
            }
            bool escaped = path[0] == '%' && path[1] != '\0' && path[2] != '\0';
            segment[len++] =
                (uint8_t)(escaped ? hex_value(path[1]) << 4 | hex_value(path[2]) : path[0]);
            path += escaped ? 3 : 1;
        }
        bulla_coap_put(w, number, (struct bulla_bytes){segment, len});
        if (*path == '?')
            number = BULLA_COAP_URI_QUERY;
    }
}

/* GET of the block with the byte at coap->offset. */
static enum bulla_status write_request(struct bulla_coap_transport *coap)
{
    struct bulla_coap_writer w;
    uint64_t number = coap->offset >> (coap->szx + 4u);
    uint8_t token[4];

    if (number >= 1u << 20)
        return BULLA_E_HTTP_RANGE; /* Block2 ends at 1 GiB */
    coap->id++;
    coap->token++;
    bulla_coap_put_token(coap->token, token);
    bulla_coap_begin(&w, coap->request, sizeof(coap->request), BULLA_COAP_CON, BULLA_COAP_GET,
                     coap->id, (struct bulla_bytes){token, sizeof(token)});
    put_path(&w, coap->path);
    const struct bulla_coap_block block = {.number = (uint32_t)number, .szx = coap->szx};
    bulla_coap_put_block(&w, &block);
    bulla_coap_put_uint(&w, BULLA_COAP_SIZE2, 0); /* tell me the size */
    coap->request_len = w.len;
    return w.full ? BULLA_E_URL : BULLA_OK;
}

/* ---- the answer ---- */

struct facts {
    bool has_block;
    struct bulla_coap_block block;
    bool has_size;
    uint32_t size;
    uint32_t max_age;
    struct bulla_bytes etag;
};

/* What an answer says beside its payload. False for an option that must be understood and is not.
 */
static bool read_options(const struct bulla_coap_message *m, struct facts *f)
{
    struct bulla_coap_cursor c = {.left = m->options};

    memset(f, 0, sizeof(*f));
    while (bulla_coap_next(&c)) {
        if (c.number == BULLA_COAP_BLOCK2) {
            if (f->has_block || !bulla_coap_block(c.value, &f->block))
                return false;
            f->has_block = true;
        } else if (c.number == BULLA_COAP_ETAG) {
            if (c.value.len == 0 || c.value.len > BULLA_COAP_ETAG_MAX || f->etag.len > 0)
                return false;
            f->etag = c.value;
        } else if (c.number == BULLA_COAP_SIZE2) {
            f->has_size = bulla_coap_uint(c.value, &f->size);
        } else if (c.number == BULLA_COAP_MAX_AGE) {
            (void)bulla_coap_uint(c.value, &f->max_age);
        } else if ((c.number & 1u) != 0) {
            return false; /* critical, RFC 7252 5.4.1 */
        }
    }
    return true;
}

/* Does the block lie where it was asked for, and is it as long as it must be? */
static bool fits(const struct bulla_coap_transport *coap, const struct bulla_coap_message *m,
                 const struct facts *f)
{
    if (!f->has_block)
        return coap->offset >> (coap->szx + 4u) == 0;
    size_t size = (size_t)1 << (f->block.szx + 4u);
    uint64_t asked = coap->offset >> (coap->szx + 4u) << (coap->szx + 4u);

    /* a sender may answer with smaller blocks than it was asked for: they begin at the same byte */
    return f->block.szx <= coap->szx && (uint64_t)f->block.number << (f->block.szx + 4u) == asked &&
           (f->block.more ? m->payload.len == size : m->payload.len <= size);
}

/* Fetch the block with the byte at coap->offset. With smaller blocks than asked for it takes
 * another exchange. */
static enum bulla_status fetch_block(struct bulla_coap_transport *coap,
                                     struct bulla_coap_message *answer, struct facts *f)
{
    for (;;) {
        enum bulla_status status = write_request(coap);
        if (status == BULLA_OK)
            status = bulla_coap_exchange(coap, answer);
        if (status != BULLA_OK)
            return status;
        bool readable = read_options(answer, f);
        if (answer->code != BULLA_COAP_CONTENT)
            return BULLA_E_HTTP_STATUS;
        if (!readable || !fits(coap, answer, f))
            return BULLA_E_COAP_MALFORMED;
        bulla_coap_count_progress(coap, answer->payload.len);
        uint64_t start = coap->offset >> (coap->szx + 4u) << (coap->szx + 4u);
        if (f->has_block)
            coap->szx = f->block.szx;
        coap->more = f->has_block && f->block.more;
        coap->block = answer->payload;
        uint64_t skip = coap->offset - start;
        if (skip < coap->block.len || !coap->more) {
            if (skip > coap->block.len)
                return BULLA_E_HTTP_RANGE; /* the file ends before */
            if (skip > 0)                  /* an empty block has no place */
                coap->block.data += skip;
            coap->block.len -= (size_t)skip;
            return BULLA_OK;
        }
    }
}

/* ---- the seam ---- */

/* A strong ETag as HTTP writes it. */
static void write_etag(const struct bulla_coap_transport *coap, char out[BULLA_ETAG_MAX + 1u])
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;

    out[0] = '\0';
    if (coap->etag_len == 0)
        return;
    out[len++] = '"';
    for (size_t i = 0; i < coap->etag_len; i++) {
        out[len++] = digits[coap->etag[i] >> 4];
        out[len++] = digits[coap->etag[i] & 15u];
    }
    out[len++] = '"';
    out[len] = '\0';
}

static bool same_etag(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

static void keep_etag(struct bulla_coap_transport *coap, const struct facts *f)
{
    coap->etag_len = f->etag.len;
    if (f->etag.len > 0)
        memcpy(coap->etag, f->etag.data, f->etag.len);
}

static enum bulla_status keep_path(struct bulla_coap_transport *coap, const struct bulla_url *url)
{
    size_t len = 0;

    while (url->path[len] != '\0')
        len++;
    /* a host would have to be reached by other means than this line */
    if (url->host[0] != '\0' || url->path[0] != '/' || len > BULLA_COAP_PATH_MAX)
        return BULLA_E_URL;
    memcpy(coap->path, url->path, len + 1u);
    return BULLA_OK;
}

/* The first block; of the whole file, if it is not the one that If-Range names. */
static enum bulla_status begin_body(struct bulla_coap_transport *coap, const char *etag,
                                    struct bulla_coap_message *answer, struct facts *f)
{
    char found[BULLA_ETAG_MAX + 1u];
    enum bulla_status status = fetch_block(coap, answer, f);

    if (status != BULLA_OK)
        return status;
    keep_etag(coap, f);
    write_etag(coap, found);
    if (etag == NULL || same_etag(etag, found))
        return BULLA_OK;
    coap->offset = 0;
    coap->end = UINT64_MAX;
    status = fetch_block(coap, answer, f);
    if (status == BULLA_OK)
        keep_etag(coap, f);
    return status;
}

/* The code as the same number HTTP has: 4.04 is 404. */
static enum bulla_status refuse(const struct bulla_coap_transport *coap,
                                const struct bulla_coap_message *answer, const struct facts *f,
                                struct bulla_response *response)
{
    response->status = (uint16_t)((answer->code >> 5) * 100u + (answer->code & 31u));
    if (coap->offset > 0 && answer->code == BULLA_COAP_BAD_REQUEST)
        response->status = 416; /* a block behind the end, RFC 7959 2.3 */
    response->retry_after = f->max_age;
    return BULLA_E_HTTP_STATUS;
}

static enum bulla_status get(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response)
{
    struct bulla_coap_transport *coap = ctx;
    struct bulla_coap_message answer = {0};
    struct facts f = {0};
    bool ranged = request->from != 0 || request->to != UINT64_MAX;

    memset(response, 0, sizeof(*response));
    coap->reading = false;
    coap->block = (struct bulla_bytes){NULL, 0};
    coap->szx = BULLA_COAP_SZX_MAX;
    coap->offset = request->from;
    coap->end = request->to == UINT64_MAX ? UINT64_MAX : request->to + 1u;
    bulla_coap_begin_progress(coap);
    enum bulla_status status = keep_path(coap, request->url);
    if (status == BULLA_OK)
        status = begin_body(coap, ranged ? request->etag : NULL, &answer, &f);
    coap->left_at = bulla_coap_now_ms(coap);
    if (status == BULLA_E_HTTP_STATUS)
        return refuse(coap, &answer, &f, response);
    if (status != BULLA_OK)
        return status;
    ranged = ranged && (coap->offset != 0 || coap->end != UINT64_MAX);
    response->status = ranged ? 206 : 200;
    response->from = coap->offset;
    response->has_total = f.has_size || !coap->more;
    response->total = coap->more ? f.size : coap->offset + coap->block.len;
    response->has_length = response->has_total && response->total >= coap->offset;
    if (response->has_length)
        response->length =
            (coap->end < response->total ? coap->end : response->total) - coap->offset;
    write_etag(coap, response->etag);
    coap->reading = true;
    return BULLA_OK;
}

/* The next block of the same file. */
static enum bulla_status next_block(struct bulla_coap_transport *coap)
{
    struct bulla_coap_message answer = {0};
    struct facts f = {0};
    enum bulla_status status = fetch_block(coap, &answer, &f);

    /* it vanished, or another file has its name now: the caller asks anew */
    if (status == BULLA_E_HTTP_STATUS ||
        (status == BULLA_OK &&
         !bulla_bytes_equal(f.etag, (struct bulla_bytes){coap->etag, coap->etag_len})))
        return BULLA_E_NET_CLOSED;
    return status;
}

static enum bulla_status read_body(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bulla_coap_transport *coap = ctx;
    enum bulla_status status = BULLA_OK;

    *len = 0;
    if (size == 0)
        return BULLA_E_USAGE;
    if (!coap->reading)
        return BULLA_E_NET_CLOSED;
    if (coap->offset == coap->end || (coap->block.len == 0 && !coap->more))
        return BULLA_OK;
    bulla_coap_resume_progress(coap);
    if (coap->block.len == 0)
        status = next_block(coap);
    coap->left_at = bulla_coap_now_ms(coap);
    if (status != BULLA_OK) {
        coap->reading = false;
        return status;
    }
    uint64_t wanted = coap->end - coap->offset;
    *len = coap->block.len < size ? coap->block.len : size;
    *len = *len < wanted ? *len : (size_t)wanted;
    if (*len == 0)
        return BULLA_OK; /* an empty last block */
    memcpy(buffer, coap->block.data, *len);
    coap->block.data += *len;
    coap->block.len -= *len;
    coap->offset += *len;
    return BULLA_OK;
}

/* The body is not wanted any more. The line stays open: there is nobody to say goodbye to, and
 * opening a UART again resets some boards. */
static void close_transport(void *ctx)
{
    struct bulla_coap_transport *coap = ctx;

    coap->reading = false;
}

void bulla_coap_transport_init(struct bulla_coap_transport *coap, const struct bulla_stream *line,
                               const struct bulla_coap_transport_options *options)
{
    uint8_t seed[6] = {0};

    memset(coap, 0, sizeof(*coap));
    coap->line = line;
    coap->progress_ms = options->progress_ms > 0 ? options->progress_ms : BULLA_COAP_PROGRESS_MS;
    coap->response_ms = options->response_ms > 0 ? options->response_ms : BULLA_COAP_RESPONSE_MS;
    coap->deadline = bulla_coap_now_ms(coap) +
                     (options->deadline_ms > 0 ? options->deadline_ms : BULLA_COAP_DEADLINE_MS);
    /* an answer to an earlier power-on's question must not look like one to ours; without
     * randomness that is less unlikely, not wrong: the content is judged in any case */
    (void)!line->random(line->ctx, seed, sizeof(seed));
    coap->id = (uint16_t)(seed[0] << 8 | seed[1]);
    coap->token = (uint32_t)seed[2] << 24 | (uint32_t)seed[3] << 16 | (uint32_t)seed[4] << 8 |
                  (uint32_t)seed[5];
}

struct bulla_transport bulla_coap_transport_view(struct bulla_coap_transport *coap)
{
    return (struct bulla_transport){
        .get = get, .read = read_body, .close = close_transport, .ctx = coap};
}

void bulla_coap_transport_free(struct bulla_coap_transport *coap)
{
    bulla_coap_drop_line(coap);
    memset(coap, 0, sizeof(*coap));
}
