/* SPDX-License-Identifier: Apache-2.0 */
/* Read one HTTP/1.1 answer, cut anywhere. Nothing the server sends is repaired: what RFC 9112
 * allows a lenient recipient to guess is refused, because two readers that guess differently
 * see two different messages. States and transitions: docs/DESIGN.md, "HTTP". */

#include "bulla/http.h"
#include "bulla/mem.h"

/* Fields with a meaning here. Every other field is checked for form and dropped. */
enum field {
    FIELD_OTHER,
    FIELD_CONNECTION,
    FIELD_CONTENT_ENCODING,
    FIELD_CONTENT_LENGTH,
    FIELD_CONTENT_RANGE,
    FIELD_ETAG,
    FIELD_LOCATION,
    FIELD_RETRY_AFTER,
    FIELD_TRANSFER_ENCODING,
    FIELD_COUNT,
};

static const char field_names[FIELD_COUNT][18] = {
    [FIELD_CONNECTION] = "connection",
    [FIELD_CONTENT_ENCODING] = "content-encoding",
    [FIELD_CONTENT_LENGTH] = "content-length",
    [FIELD_CONTENT_RANGE] = "content-range",
    [FIELD_ETAG] = "etag",
    [FIELD_LOCATION] = "location",
    [FIELD_RETRY_AFTER] = "retry-after",
    [FIELD_TRANSFER_ENCODING] = "transfer-encoding",
};

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_token_char(char c)
{
    if (is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'))
        return true;
    for (const char *allowed = "!#$%&'*+-.^_`|~"; *allowed != '\0'; allowed++)
        if (c == *allowed)
            return true;
    return false;
}

/* What may stand in a field value or reason: HTAB, blank, visible, 0x80..0xFF. */
static bool is_text_char(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7F);
}

static bool equal_lower(const char *text, size_t len, const char *lower)
{
    size_t i = 0;
    while (i < len && lower[i] != '\0' && to_lower(text[i]) == lower[i])
        i++;
    return i == len && lower[i] == '\0';
}

/* ---- values ---- */

/* Where the value of the field being read goes; what does not fit is counted, not stored. */
static char *value_place(struct bulla_http *http, size_t *size)
{
    *size = 0;
    if (http->field == FIELD_OTHER)
        return NULL;
    if (http->field == FIELD_ETAG) {
        *size = BULLA_ETAG_MAX;
        return http->response.etag;
    }
    if (http->field == FIELD_LOCATION) {
        *size = BULLA_HTTP_LOCATION_MAX;
        return http->location;
    }
    *size = BULLA_HTTP_VALUE_MAX;
    return http->value;
}

static void put(struct bulla_http *http, char c)
{
    size_t size;
    char *place = value_place(http, &size);
    if (http->position < size)
        place[http->position] = c;
    http->position++;
}

/* Digits up to the first other character; advances *at. */
static bool read_number(const char *text, size_t len, size_t *at, uint64_t *out)
{
    uint64_t value = 0;
    size_t start = *at;
    for (; *at < len && is_digit(text[*at]); (*at)++) {
        uint64_t digit = (uint64_t)(text[*at] - '0');
        if (value > UINT64_MAX / 10u || (value == UINT64_MAX / 10u && digit > UINT64_MAX % 10u))
            return false;
        value = value * 10u + digit;
    }
    *out = value;
    return *at > start;
}

static bool read_char(const char *text, size_t len, size_t *at, char expected)
{
    if (*at == len || text[*at] != expected)
        return false;
    (*at)++;
    return true;
}

/* "bytes a-b/total" with a <= b < total. Kept only for a 206; elsewhere it has no meaning. */
static void read_content_range(struct bulla_http *http, const char *text, size_t len)
{
    struct bulla_response *response = &http->response;
    size_t at = sizeof "bytes " - 1;
    http->has_range =
        len > at && equal_lower(text, at, "bytes ") &&
        read_number(text, len, &at, &response->from) && read_char(text, len, &at, '-') &&
        read_number(text, len, &at, &http->range_to) && read_char(text, len, &at, '/') &&
        read_number(text, len, &at, &response->total) && at == len &&
        response->from <= http->range_to && http->range_to < response->total;
}

/* Seconds, capped; a date or anything else counts as no advice. */
static uint32_t read_seconds(const char *text, size_t len)
{
    uint32_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]))
            return 0;
        value = value * 10u + (uint32_t)(text[i] - '0');
        if (value > BULLA_HTTP_RETRY_MAX)
            value = BULLA_HTTP_RETRY_MAX;
    }
    return value;
}

/* Is "close" one of the tokens of a comma list? */
static bool has_close(const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && text[i] != ',')
            continue;
        size_t end = i;
        while (start < end && text[start] == ' ')
            start++;
        while (end > start && text[end - 1] == ' ')
            end--;
        if (equal_lower(text + start, end - start, "close"))
            return true;
        start = i + 1;
    }
    return false;
}

/* A quoted string without W/: fit for If-Range. */
static bool is_strong_etag(const char *text, size_t len)
{
    if (len < 2 || len > BULLA_ETAG_MAX || text[0] != '"' || text[len - 1] != '"')
        return false;
    for (size_t i = 1; i < len - 1; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c <= 0x20 || c == '"' || c == 0x7F)
            return false;
    }
    return true;
}

/* ---- status line and fields ---- */

static enum bulla_status status_line_char(struct bulla_http *http, char c)
{
    static const char form[] = "HTTP/1.v ddd ";
    char expected = form[http->position];
    if (expected == 'd') {
        if (!is_digit(c))
            return BULLA_E_HTTP_MALFORMED;
        http->response.status = (uint16_t)(http->response.status * 10 + (c - '0'));
    } else if (expected == 'v') {
        if (c != '0' && c != '1')
            return BULLA_E_HTTP_MALFORMED;
        http->http_1_0 = c == '0';
        http->keep_alive = c == '1';
    } else if (c != expected) {
        return BULLA_E_HTTP_MALFORMED;
    }
    http->position++;
    if (http->position == sizeof form - 1)
        http->state = BULLA_HTTP_REASON;
    return BULLA_OK;
}

static enum bulla_status name_char(struct bulla_http *http, char c)
{
    if (!is_token_char(c))
        return BULLA_E_HTTP_MALFORMED; /* folding, blank before the colon, no colon */
    if (http->position < BULLA_HTTP_VALUE_MAX)
        http->value[http->position] = to_lower(c);
    http->position++;
    return BULLA_OK;
}

static enum bulla_status line_start(struct bulla_http *http, char c)
{
    if (c == '\r') {
        http->state = BULLA_HTTP_HEADER_END;
        return BULLA_OK;
    }
    if (http->field_count == BULLA_HTTP_FIELDS_MAX)
        return BULLA_E_HTTP_HEADER_TOO_LARGE;
    http->field_count++;
    http->position = 0;
    http->state = BULLA_HTTP_NAME;
    return name_char(http, c);
}

/* The colon: which field is it? Two lengths, ranges, codings are two messages: refused. */
static enum bulla_status name_end(struct bulla_http *http)
{
    http->field = FIELD_OTHER;
    for (uint32_t i = FIELD_OTHER + 1; i < FIELD_COUNT && !http->in_trailer; i++)
        if (http->position <= BULLA_HTTP_VALUE_MAX &&
            equal_lower(http->value, http->position, field_names[i]))
            http->field = i;
    http->position = 0;
    http->blanks = 0;
    http->state = BULLA_HTTP_VALUE;
    if (http->field == FIELD_OTHER || http->field == FIELD_CONNECTION)
        return BULLA_OK;
    if ((http->seen & 1u << http->field) != 0)
        return BULLA_E_HTTP_MALFORMED;
    http->seen |= 1u << http->field;
    return BULLA_OK;
}

static enum bulla_status read_length(struct bulla_http *http, const char *text, size_t len)
{
    size_t at = 0;
    if (!read_number(text, len, &at, &http->content_length) || at != len)
        return BULLA_E_HTTP_MALFORMED;
    http->response.has_length = true;
    return BULLA_OK;
}

/* The value is whole, blanks around it gone. */
static enum bulla_status value_end(struct bulla_http *http)
{
    size_t size;
    char *text = value_place(http, &size);
    size_t len = http->position;
    bool fits = len <= size;
    http->state = BULLA_HTTP_LINE_END;

    switch ((enum field)http->field) {
    case FIELD_CONNECTION:
        if (!fits || has_close(text, len))
            http->keep_alive = false;
        break;
    case FIELD_CONTENT_ENCODING:
        http->has_content_coding = !fits || !equal_lower(text, len, "identity");
        break;
    case FIELD_CONTENT_LENGTH:
        return fits ? read_length(http, text, len) : BULLA_E_HTTP_MALFORMED;
    case FIELD_CONTENT_RANGE:
        if (fits)
            read_content_range(http, text, len);
        break;
    case FIELD_ETAG:
        text[fits && is_strong_etag(text, len) ? len : 0] = '\0';
        break;
    case FIELD_LOCATION:
        http->location_len = fits ? len : 0;
        text[http->location_len] = '\0';
        break;
    case FIELD_RETRY_AFTER:
        http->response.retry_after = fits ? read_seconds(text, len) : 0;
        break;
    case FIELD_TRANSFER_ENCODING:
        http->has_transfer_coding = true;
        return fits && equal_lower(text, len, "chunked") ? BULLA_OK : BULLA_E_HTTP_CODING;
    case FIELD_OTHER:
    case FIELD_COUNT:
        break;
    }
    return BULLA_OK;
}

static enum bulla_status value_char(struct bulla_http *http, uint8_t c)
{
    if (c == '\r')
        return value_end(http);
    if (!is_text_char(c))
        return BULLA_E_HTTP_MALFORMED;
    if (c == ' ' || c == '\t') {
        http->blanks += http->position > 0;
        return BULLA_OK;
    }
    for (; http->blanks > 0; http->blanks--)
        put(http, ' ');
    put(http, (char)c);
    return BULLA_OK;
}

/* ---- the header as a whole ---- */

/* Forget an interim answer; the budget of bytes and fields goes on. */
static enum bulla_status next_message(struct bulla_http *http)
{
    if (http->interim_count == BULLA_HTTP_INTERIM_MAX)
        return BULLA_E_HTTP_MALFORMED;
    http->interim_count++;
    http->state = BULLA_HTTP_STATUS_LINE;
    http->position = 0;
    http->seen = 0;
    http->has_transfer_coding = http->has_content_coding = http->has_range = false;
    http->location_len = 0;
    memset(&http->response, 0, sizeof http->response);
    return BULLA_OK;
}

/* A 206 must be exactly the part that was asked for, or bytes would land in the wrong place. */
static enum bulla_status judge_range(struct bulla_http *http)
{
    struct bulla_response *response = &http->response;
    bool was_asked = http->wanted_from != 0 || http->wanted_to != UINT64_MAX;
    if (!was_asked || !http->has_range || response->from != http->wanted_from)
        return BULLA_E_HTTP_RANGE;
    uint64_t last = response->total - 1;
    uint64_t to = http->wanted_to < last ? http->wanted_to : last;
    uint64_t length = http->range_to - response->from + 1;
    if (http->range_to != to || (response->has_length && http->content_length != length))
        return BULLA_E_HTTP_RANGE;
    /* without a length of its own the connection ends the message: fine, but only once */
    if (!response->has_length && !http->has_transfer_coding)
        http->keep_alive = false;
    response->has_length = response->has_total = true;
    response->length = length;
    return BULLA_OK;
}

/* Any other answer describes the whole of something. */
static void judge_whole(struct bulla_http *http)
{
    struct bulla_response *response = &http->response;
    response->from = 0;
    response->has_total = response->has_length;
    response->length = response->total = response->has_length ? http->content_length : 0;
}

static void begin_body(struct bulla_http *http)
{
    const struct bulla_response *response = &http->response;
    http->position = 0;
    http->left = 0;
    if (response->status == 204 || response->status == 304) {
        http->state = BULLA_HTTP_COMPLETE;
    } else if (http->has_transfer_coding) {
        http->state = BULLA_HTTP_CHUNK_SIZE;
    } else if (response->has_length) {
        http->left = response->length;
        http->state = http->left > 0 ? BULLA_HTTP_BODY_LENGTH : BULLA_HTTP_COMPLETE;
    } else {
        http->keep_alive = false;
        http->state = BULLA_HTTP_BODY_CLOSE;
    }
}

static enum bulla_status header_end(struct bulla_http *http)
{
    uint16_t status = http->response.status;
    if (status < 100 || status > 599 || status == 101)
        return BULLA_E_HTTP_MALFORMED;
    if (status < 200)
        return next_message(http);
    /* request smuggling lives here: a message has one framing */
    if (http->has_transfer_coding && (http->response.has_length || http->http_1_0))
        return BULLA_E_HTTP_MALFORMED;
    if (http->has_content_coding && (status == 200 || status == 206))
        return BULLA_E_HTTP_CODING;
    if (status != 429 && status != 503)
        http->response.retry_after = 0;
    if (status == 206) {
        enum bulla_status judged = judge_range(http);
        if (judged != BULLA_OK)
            return judged;
    } else {
        judge_whole(http);
    }
    begin_body(http);
    return BULLA_OK;
}

/* ---- chunks ---- */

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum bulla_status chunk_size_char(struct bulla_http *http, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (http->position == 16) /* digits of 64 bits */
            return BULLA_E_HTTP_MALFORMED;
        http->left = http->left << 4 | (uint64_t)digit;
        http->position++;
        return BULLA_OK;
    }
    if (http->position == 0 || (c != ';' && c != '\r'))
        return BULLA_E_HTTP_MALFORMED;
    http->position = 1; /* the semicolon counts */
    http->state = c == ';' ? BULLA_HTTP_CHUNK_EXTENSION : BULLA_HTTP_CHUNK_SIZE_END;
    return BULLA_OK;
}

static enum bulla_status chunk_extension_char(struct bulla_http *http, uint8_t c)
{
    if (c == '\r') {
        http->state = BULLA_HTTP_CHUNK_SIZE_END;
        return BULLA_OK;
    }
    if (!is_text_char(c) || http->position == BULLA_HTTP_CHUNK_EXT)
        return BULLA_E_HTTP_MALFORMED;
    http->position++;
    return BULLA_OK;
}

static enum bulla_status chunk_begin(struct bulla_http *http)
{
    uint64_t limit = http->response.has_length ? http->response.length : UINT64_MAX;
    if (http->left > limit - http->body_size)
        return BULLA_E_HTTP_RANGE;
    http->body_size += http->left;
    http->state = BULLA_HTTP_CHUNK_DATA;
    if (http->left > 0)
        return BULLA_OK;
    if (http->response.has_length && http->body_size != limit)
        return BULLA_E_HTTP_RANGE;
    http->in_trailer = true;
    http->state = BULLA_HTTP_LINE_START;
    return BULLA_OK;
}

/* ---- the machine ---- */

static enum bulla_status expect(struct bulla_http *http, uint8_t c, uint8_t expected,
                                enum bulla_http_state next)
{
    if (c != expected)
        return BULLA_E_HTTP_MALFORMED;
    http->state = next;
    http->position = 0;
    return BULLA_OK;
}

static bool in_header(const struct bulla_http *http)
{
    return http->state <= BULLA_HTTP_HEADER_END;
}

static enum bulla_status step(struct bulla_http *http, uint8_t c)
{
    if (in_header(http) && ++http->header_size > BULLA_HTTP_HEADER_MAX)
        return BULLA_E_HTTP_HEADER_TOO_LARGE;

    switch (http->state) {
    case BULLA_HTTP_STATUS_LINE:
        return status_line_char(http, (char)c);
    case BULLA_HTTP_REASON:
        if (c == '\r')
            http->state = BULLA_HTTP_LINE_END;
        return c == '\r' || is_text_char(c) ? BULLA_OK : BULLA_E_HTTP_MALFORMED;
    case BULLA_HTTP_LINE_END:
        return expect(http, c, '\n', BULLA_HTTP_LINE_START);
    case BULLA_HTTP_LINE_START:
        return line_start(http, (char)c);
    case BULLA_HTTP_NAME:
        return c == ':' ? name_end(http) : name_char(http, (char)c);
    case BULLA_HTTP_VALUE:
        return value_char(http, c);
    case BULLA_HTTP_HEADER_END:
        if (c != '\n')
            return BULLA_E_HTTP_MALFORMED;
        if (!http->in_trailer)
            return header_end(http);
        http->state = BULLA_HTTP_COMPLETE;
        return BULLA_OK;
    case BULLA_HTTP_CHUNK_SIZE:
        return chunk_size_char(http, (char)c);
    case BULLA_HTTP_CHUNK_EXTENSION:
        return chunk_extension_char(http, c);
    case BULLA_HTTP_CHUNK_SIZE_END:
        return c == '\n' ? chunk_begin(http) : BULLA_E_HTTP_MALFORMED;
    case BULLA_HTTP_CHUNK_END_CR:
        return expect(http, c, '\r', BULLA_HTTP_CHUNK_END_LF);
    case BULLA_HTTP_CHUNK_END_LF:
        return expect(http, c, '\n', BULLA_HTTP_CHUNK_SIZE);
    case BULLA_HTTP_BODY_LENGTH:
    case BULLA_HTTP_BODY_CLOSE:
    case BULLA_HTTP_CHUNK_DATA:
    case BULLA_HTTP_COMPLETE:
        break;
    }
    return BULLA_E_HTTP_MALFORMED; /* body states take spans, not characters */
}

/* As much body as there is in *in. */
static struct bulla_bytes take_body(struct bulla_http *http, struct bulla_bytes *in)
{
    struct bulla_bytes body = *in;
    if (http->state != BULLA_HTTP_BODY_CLOSE) {
        if (body.len > http->left)
            body.len = (size_t)http->left;
        http->left -= body.len;
        if (http->left == 0)
            http->state = http->state == BULLA_HTTP_CHUNK_DATA ? BULLA_HTTP_CHUNK_END_CR
                                                               : BULLA_HTTP_COMPLETE;
    }
    in->data += body.len;
    in->len -= body.len;
    return body;
}

void bulla_http_init(struct bulla_http *http, const struct bulla_request *request,
                     char location[BULLA_HTTP_LOCATION_MAX + 1u])
{
    memset(http, 0, sizeof *http);
    http->wanted_from = request->from;
    http->wanted_to = request->to;
    http->location = location;
    location[0] = '\0';
}

enum bulla_status bulla_http_feed(struct bulla_http *http, struct bulla_bytes *in,
                                  struct bulla_bytes *body)
{
    *body = (struct bulla_bytes){0};
    while (http->failed == BULLA_OK && in->len > 0 && http->state != BULLA_HTTP_COMPLETE) {
        if (http->state == BULLA_HTTP_BODY_LENGTH || http->state == BULLA_HTTP_BODY_CLOSE ||
            http->state == BULLA_HTTP_CHUNK_DATA) {
            *body = take_body(http, in);
            return BULLA_OK;
        }
        uint8_t c = in->data[0];
        in->data++;
        in->len--;
        bool was_done = bulla_http_header_done(http);
        http->failed = step(http, c);
        if (http->failed != BULLA_OK)
            memset(&http->response, 0, sizeof http->response);
        if (bulla_http_header_done(http) != was_done)
            break;
    }
    return http->failed;
}

enum bulla_status bulla_http_eof(struct bulla_http *http, bool clean)
{
    if (http->failed != BULLA_OK)
        return http->failed;
    if (clean && http->state == BULLA_HTTP_BODY_CLOSE)
        http->state = BULLA_HTTP_COMPLETE;
    if (http->state != BULLA_HTTP_COMPLETE)
        http->failed = BULLA_E_NET_CLOSED;
    return http->failed;
}

bool bulla_http_header_done(const struct bulla_http *http)
{
    return http->failed == BULLA_OK && (http->in_trailer || !in_header(http));
}

bool bulla_http_complete(const struct bulla_http *http)
{
    return http->failed == BULLA_OK && http->state == BULLA_HTTP_COMPLETE;
}
