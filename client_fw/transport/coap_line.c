/* SPDX-License-Identifier: Apache-2.0 */
/* One CoAP exchange at a time over a line that loses and damages bytes, and the clock over all of
 * it. A request is repeated until its answer comes or the time without progress is over; what
 * carries another token is of an exchange that is past. */

#include "coap_parts.h"

/* ---- time ---- */

uint64_t bulla_coap_now_ms(const struct bulla_coap_transport *coap)
{
    return coap->line->now_ms(coap->line->ctx);
}

void bulla_coap_begin_progress(struct bulla_coap_transport *coap)
{
    uint64_t until = bulla_coap_now_ms(coap) + coap->progress_ms;

    coap->progress_size = 0;
    coap->until = until < coap->deadline ? until : coap->deadline;
}

void bulla_coap_count_progress(struct bulla_coap_transport *coap, size_t len)
{
    if (len < BULLA_COAP_PROGRESS_SIZE - coap->progress_size)
        coap->progress_size += (uint32_t)len;
    else
        bulla_coap_begin_progress(coap);
}

/* Time that the caller spent between two calls is not the sender's fault. */
void bulla_coap_resume_progress(struct bulla_coap_transport *coap)
{
    uint64_t until = coap->until + (bulla_coap_now_ms(coap) - coap->left_at);

    coap->until = until < coap->deadline ? until : coap->deadline;
}

static enum bulla_status time_status(const struct bulla_coap_transport *coap)
{
    uint64_t now = bulla_coap_now_ms(coap);

    if (now >= coap->deadline)
        return BULLA_E_NET_DEADLINE;
    return now >= coap->until ? BULLA_E_NET_STALLED : BULLA_OK;
}

/* ---- the line ---- */

void bulla_coap_drop_line(struct bulla_coap_transport *coap)
{
    if (coap->is_open)
        coap->line->close(coap->line->ctx);
    coap->is_open = false;
    coap->rest = (struct bulla_bytes){NULL, 0};
}

static enum bulla_status open_line(struct bulla_coap_transport *coap)
{
    if (coap->is_open)
        return BULLA_OK;
    enum bulla_status status = coap->line->connect(coap->line->ctx, "", 0, coap->until);
    coap->is_open = status == BULLA_OK;
    bulla_slipmux_read_init(&coap->frames, coap->frame, sizeof(coap->frame));
    return status;
}

static enum bulla_status send_message(struct bulla_coap_transport *coap, struct bulla_bytes message)
{
    struct bulla_slipmux_writer writer;
    uint8_t out[BULLA_COAP_HELD];
    size_t len;

    bulla_slipmux_write_init(&writer, message);
    while ((len = bulla_slipmux_write(&writer, out, sizeof(out))) > 0) {
        for (size_t at = 0; at < len;) {
            size_t sent = 0;
            enum bulla_status status =
                coap->line->send(coap->line->ctx, out + at, len - at, coap->until, &sent);
            if (status != BULLA_OK)
                return status;
            at += sent;
        }
    }
    return BULLA_OK;
}

static enum bulla_status send_request(struct bulla_coap_transport *coap)
{
    coap->sent_at = bulla_coap_now_ms(coap);
    return send_message(coap, (struct bulla_bytes){coap->request, coap->request_len});
}

/* An empty message: ACK or RST of what came. */
static enum bulla_status send_empty(struct bulla_coap_transport *coap, enum bulla_coap_type type,
                                    uint16_t id)
{
    uint8_t message[8];
    struct bulla_coap_writer w;

    bulla_coap_begin(&w, message, sizeof(message), type, BULLA_COAP_EMPTY, id,
                     (struct bulla_bytes){NULL, 0});
    return send_message(coap, (struct bulla_bytes){message, w.len});
}

/* ---- one exchange ---- */

void bulla_coap_put_token(uint32_t token, uint8_t out[4])
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(token >> 8 * (3 - i));
}

static bool is_response(uint8_t code)
{
    return code >> 5 >= 2;
}

/* Is this the answer? What else a peer may say is answered as RFC 7252 4.2 asks. */
static enum bulla_status judge_message(struct bulla_coap_transport *coap,
                                       const struct bulla_coap_message *m, bool *answered)
{
    uint8_t token[4];

    bulla_coap_put_token(coap->token, token);
    bool ours = is_response(m->code) &&
                bulla_bytes_equal(m->token, (struct bulla_bytes){token, sizeof(token)});
    switch (m->type) {
    case BULLA_COAP_ACK:
        if (m->id != coap->id)
            return BULLA_OK;
        coap->acknowledged = true; /* the response may come on its own, later */
        *answered = ours;
        return BULLA_OK;
    case BULLA_COAP_RST:
        return m->id == coap->id ? BULLA_E_NET_CLOSED : BULLA_OK;
    case BULLA_COAP_CON:
        *answered = ours;
        return send_empty(coap, ours ? BULLA_COAP_ACK : BULLA_COAP_RST, m->id);
    case BULLA_COAP_NON:
        *answered = ours;
        return BULLA_OK;
    }
    return BULLA_OK;
}

/* Bytes of the line up to the answer, or until `until`: BULLA_E_NET_STALLED. */
static enum bulla_status await(struct bulla_coap_transport *coap, uint64_t until,
                               struct bulla_coap_message *answer)
{
    for (;;) {
        if (coap->rest.len == 0) {
            size_t len = 0;
            if (bulla_coap_now_ms(coap) >= until)
                return BULLA_E_NET_STALLED; /* also while noise keeps coming */
            enum bulla_status status =
                coap->line->recv(coap->line->ctx, coap->held, sizeof(coap->held), until, &len);
            if (status == BULLA_OK && len == 0)
                status = BULLA_E_NET_CLOSED;
            if (status != BULLA_OK)
                return status;
            coap->rest = (struct bulla_bytes){coap->held, len};
        }
        struct bulla_bytes message;
        uint8_t byte = coap->rest.data[0];
        coap->rest.data++;
        coap->rest.len--;
        enum bulla_frame frame = bulla_slipmux_read(&coap->frames, byte, &message);
        /* it may have been the answer: there is no need to wait long for another one */
        uint64_t early = coap->sent_at + BULLA_COAP_EARLY_MS;
        if (frame == BULLA_FRAME_DAMAGED && !coap->acknowledged && early < until)
            until = early;
        if (frame != BULLA_FRAME_MESSAGE || !bulla_coap_decode(message, answer))
            continue;
        bool answered = false;
        enum bulla_status status = judge_message(coap, answer, &answered);
        if (status != BULLA_OK || answered)
            return status;
    }
}

enum bulla_status bulla_coap_exchange(struct bulla_coap_transport *coap,
                                      struct bulla_coap_message *answer)
{
    uint64_t wait = coap->response_ms;
    enum bulla_status status = open_line(coap);

    coap->acknowledged = false;
    for (;;) {
        if (status == BULLA_OK)
            status = time_status(coap);
        if (status == BULLA_OK)
            status = send_request(coap);
        if (status != BULLA_OK)
            break;
        uint64_t until = bulla_coap_now_ms(coap) + wait;
        status = await(coap, until < coap->until ? until : coap->until, answer);
        if (status == BULLA_E_NET_STALLED && coap->acknowledged)
            status = await(coap, coap->until, answer);
        if (status != BULLA_E_NET_STALLED)
            break;
        status = BULLA_OK; /* unless the time is over */
        coap->repeated++;
        wait =
            wait + wait / 2 < BULLA_COAP_RESPONSE_MAX ? wait + wait / 2 : BULLA_COAP_RESPONSE_MAX;
    }
    if (status == BULLA_E_NET_CLOSED)
        bulla_coap_drop_line(coap);
    if (status == BULLA_E_NET_STALLED && bulla_coap_now_ms(coap) >= coap->deadline)
        status = BULLA_E_NET_DEADLINE;
    return status;
}
