/* SPDX-License-Identifier: Apache-2.0 */
/* Slipmux frames, byte by byte. */

#include "slipmux.h"

#define END        0xC0u
#define ESC        0xDBu
#define ESC_END    0xDCu
#define ESC_ESC    0xDDu
#define COAP       0xA9u
#define DIAGNOSTIC 0x0Au
#define FCS_INIT   0xFFFFu
#define FCS_GOOD   0xF0B8u /* over a frame and its own FCS */
#define FCS_SIZE   2u

/* RFC 1662 appendix C, without its table */
static uint16_t add_fcs(uint16_t fcs, uint8_t byte)
{
    uint32_t value = (uint32_t)fcs ^ byte;

    for (unsigned bit = 0; bit < 8; bit++)
        value = (value & 1u) != 0 ? value >> 1 ^ 0x8408u : value >> 1;
    return (uint16_t)value;
}

void bulla_slipmux_read_init(struct bulla_slipmux_reader *r, uint8_t *buffer, size_t size)
{
    *r = (struct bulla_slipmux_reader){.buffer = buffer, .size = size};
}

static enum bulla_frame end_frame(struct bulla_slipmux_reader *r, struct bulla_bytes *message)
{
    size_t len = r->len;
    bool damaged = r->damaged || r->escaped;
    uint16_t fcs = FCS_INIT;

    r->len = 0;
    r->damaged = r->escaped = false;
    if (len == 0 && !damaged)
        return BULLA_FRAME_NONE; /* between the END of one and that of the next */
    if (len > 0 && r->buffer[0] == DIAGNOSTIC)
        return BULLA_FRAME_NONE;
    for (size_t i = 0; i < len; i++)
        fcs = add_fcs(fcs, r->buffer[i]);
    if (damaged || len < BULLA_SLIPMUX_OVERHEAD || r->buffer[0] != COAP || fcs != FCS_GOOD)
        return BULLA_FRAME_DAMAGED;
    *message = (struct bulla_bytes){r->buffer + 1, len - BULLA_SLIPMUX_OVERHEAD};
    return BULLA_FRAME_MESSAGE;
}

enum bulla_frame bulla_slipmux_read(struct bulla_slipmux_reader *r, uint8_t byte,
                                    struct bulla_bytes *message)
{
    *message = (struct bulla_bytes){NULL, 0};
    if (byte == END)
        return end_frame(r, message);
    if (r->escaped) {
        r->escaped = false;
        r->damaged = r->damaged || (byte != ESC_END && byte != ESC_ESC);
        byte = byte == ESC_END ? END : ESC;
    } else if (byte == ESC) {
        r->escaped = true;
        return BULLA_FRAME_NONE;
    }
    if (r->len == r->size)
        r->damaged = true; /* no message is that long */
    else
        r->buffer[r->len++] = byte;
    return BULLA_FRAME_NONE;
}

void bulla_slipmux_write_init(struct bulla_slipmux_writer *w, struct bulla_bytes message)
{
    *w = (struct bulla_slipmux_writer){.message = message, .fcs = FCS_INIT};
}

/* What stands at this place of the frame, between its two ENDs. */
static uint8_t byte_at(struct bulla_slipmux_writer *w, size_t at)
{
    if (at <= w->message.len) {
        uint8_t byte = at == 0 ? COAP : w->message.data[at - 1];
        w->fcs = add_fcs(w->fcs, byte);
        return byte;
    }
    /* ones' complement, low byte first */
    uint16_t fcs = (uint16_t)~w->fcs;
    return (uint8_t)(at == w->message.len + 1 ? fcs : fcs >> 8);
}

size_t bulla_slipmux_write(struct bulla_slipmux_writer *w, uint8_t *out, size_t size)
{
    size_t last = w->message.len + FCS_SIZE + 2u; /* the closing END */
    size_t len = 0;

    for (; w->at <= last && size - len >= 2; w->at++) {
        if (w->at == 0 || w->at == last) {
            out[len++] = END; /* the first one ends whatever noise came before */
            continue;
        }
        uint8_t byte = byte_at(w, w->at - 1);
        bool escape = byte == END || byte == ESC;
        if (escape)
            out[len++] = ESC;
        out[len++] = !escape ? byte : byte == END ? ESC_END : ESC_ESC;
    }
    return len;
}
