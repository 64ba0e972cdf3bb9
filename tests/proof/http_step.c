/* SPDX-License-Identifier: Apache-2.0 */
/* One byte, or one stretch of body, in any state of the HTTP reader that keeps the invariant, which
 * holds again behind it. By induction an answer of any length, cut anywhere, stays within the
 * buffers and the limits. A value that ends here has at most VALUE bytes, or does not fit. */

#include "bulla/http.h"
#include "proof.h"

static char location[BULLA_HTTP_LOCATION_MAX + 1u];

static bool holds(const struct bulla_http *h)
{
    const struct bulla_response *response = &h->response;
    bool in_header = h->state <= BULLA_HTTP_HEADER_END;
    if (h->state > BULLA_HTTP_COMPLETE || h->location != location || h->field > 8 ||
        h->location_len > BULLA_HTTP_LOCATION_MAX)
        return false;
    if (h->failed != BULLA_OK)
        return response->status == 0;
    if (h->header_size > BULLA_HTTP_HEADER_MAX || h->field_count > BULLA_HTTP_FIELDS_MAX ||
        h->interim_count > BULLA_HTTP_INTERIM_MAX)
        return false;
    if (in_header && !h->in_trailer && h->body_size != 0)
        return false;
    if ((!in_header || h->in_trailer) && response->has_length && h->body_size > response->length)
        return false;
    switch (h->state) {
    case BULLA_HTTP_STATUS_LINE:
        return !h->in_trailer && h->position < 13 && response->status <= 999 &&
               (h->position > 11 || response->status <= 99) &&
               (h->position > 10 || response->status <= 9) &&
               (h->position > 9 || response->status == 0);
    case BULLA_HTTP_NAME:
        return h->position <= h->header_size;
    case BULLA_HTTP_VALUE:
        return (!h->in_trailer || h->field == 0) && h->blanks <= h->header_size &&
               h->position <= h->header_size - h->blanks;
    case BULLA_HTTP_BODY_LENGTH:
    case BULLA_HTTP_CHUNK_DATA:
        return h->left > 0 && !h->in_trailer;
    case BULLA_HTTP_CHUNK_SIZE:
        return h->position <= 16 && !h->in_trailer;
    case BULLA_HTTP_CHUNK_EXTENSION:
        return h->position <= BULLA_HTTP_CHUNK_EXT && !h->in_trailer;
    case BULLA_HTTP_REASON:
    case BULLA_HTTP_BODY_CLOSE:
    case BULLA_HTTP_CHUNK_SIZE_END:
    case BULLA_HTTP_CHUNK_END_CR:
    case BULLA_HTTP_CHUNK_END_LF:
        return !h->in_trailer;
    default:
        return true;
    }
}

int main(void)
{
    struct bulla_http h;
    h.location = location;
    h.keep_alive = nondet_bool(), h.in_trailer = nondet_bool(), h.http_1_0 = nondet_bool();
    h.has_transfer_coding = nondet_bool(), h.has_content_coding = nondet_bool();
    h.has_range = nondet_bool();
    h.response.has_length = nondet_bool(), h.response.has_total = nondet_bool();
    h.state = STATE;
#ifdef FIELD
    h.field = FIELD;
#endif
    assume(holds(&h));
    uint8_t byte = nondet_u8();
    if (h.state == BULLA_HTTP_VALUE) {
        bool ends = byte == '\r'; /* the value is read: that takes a loop, unless it does not fit */
        assume(h.blanks <= BLANKS);
        assume(!ends || h.position <= VALUE || h.position > BULLA_HTTP_LOCATION_MAX);
    }
    struct bulla_http before = h;
    struct bulla_bytes in = {&byte, 1}, rest = in, body;
    enum bulla_status status = bulla_http_feed(&h, &rest, &body);
    prove(holds(&h), "the invariant holds again");
    prove(status == h.failed && (before.failed == BULLA_OK || status == before.failed),
          "a failure stays");
    prove(body.len == 0 || (body.data == in.data && status == BULLA_OK),
          "body bytes are the input's");
    prove(rest.len == in.len || rest.len + 1 == in.len, "at most what was given is taken");
    prove(before.left >= h.left || body.len == 0, "a body shrinks");
    if (status == BULLA_OK && (rest.len == 0 || h.state == BULLA_HTTP_COMPLETE))
        reached("a byte is taken");
    return 0;
}
