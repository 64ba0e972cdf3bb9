/* SPDX-License-Identifier: Apache-2.0 */
/* CoAP messages, read and written. Every read is bounded by what is left of the message. */

#include "coap_message.h"

#include "bulla/mem.h"

#define VERSION_1      1u
#define HEADER_SIZE    4u
#define PAYLOAD_MARKER 0xFFu
#define ONE_BYTE       13u /* extended option delta or length, RFC 7252 3.1 */
#define TWO_BYTES      14u
#define NUMBER_MAX     0xFFFFu

static struct bulla_bytes behind(struct bulla_bytes in, size_t n)
{
    return (struct bulla_bytes){in.data + n, in.len - n};
}

/* Delta or length of an option: a nibble, and what extends it. */
static bool take_extended(struct bulla_bytes *in, uint32_t nibble, uint32_t *value)
{
    *value = nibble;
    if (nibble == ONE_BYTE && in->len >= 1) {
        *value = in->data[0] + 13u;
        *in = behind(*in, 1);
        return true;
    }
    if (nibble == TWO_BYTES && in->len >= 2) {
        *value = ((uint32_t)in->data[0] << 8 | in->data[1]) + 269u;
        *in = behind(*in, 2);
        return true;
    }
    return nibble < ONE_BYTE; /* 15 is reserved */
}

static bool take_option(struct bulla_coap_cursor *c)
{
    uint8_t head = c->left.data[0];
    struct bulla_bytes in = behind(c->left, 1);
    uint32_t delta = 0;
    uint32_t len = 0;

    if (!take_extended(&in, head >> 4, &delta) || !take_extended(&in, head & 15u, &len) ||
        len > in.len || delta > NUMBER_MAX - c->number)
        return false;
    c->number += delta;
    c->value = (struct bulla_bytes){in.data, len};
    c->left = behind(in, len);
    return true;
}

bool bulla_coap_next(struct bulla_coap_cursor *cursor)
{
    return cursor->left.len > 0 && take_option(cursor);
}

bool bulla_coap_decode(struct bulla_bytes in, struct bulla_coap_message *out)
{
    memset(out, 0, sizeof(*out));
    if (in.len < HEADER_SIZE || in.data[0] >> 6 != VERSION_1)
        return false;
    size_t token_len = in.data[0] & 15u;
    out->type = (enum bulla_coap_type)(in.data[0] >> 4 & 3u);
    out->code = in.data[1];
    out->id = (uint16_t)(in.data[2] << 8 | in.data[3]);
    in = behind(in, HEADER_SIZE);
    if (token_len > BULLA_COAP_TOKEN_MAX || token_len > in.len)
        return false;
    out->token = (struct bulla_bytes){in.data, token_len};
    in = behind(in, token_len);
    if (out->code == BULLA_COAP_EMPTY)
        return token_len == 0 && in.len == 0;

    struct bulla_coap_cursor c = {.left = in};
    while (c.left.len > 0 && c.left.data[0] != PAYLOAD_MARKER)
        if (!take_option(&c))
            return false;
    out->options = (struct bulla_bytes){in.data, in.len - c.left.len};
    if (c.left.len == 1)
        return false; /* a marker, and no payload */
    if (c.left.len > 0)
        out->payload = behind(c.left, 1);
    return true;
}

bool bulla_coap_uint(struct bulla_bytes value, uint32_t *out)
{
    *out = 0;
    if (value.len > sizeof(*out))
        return false;
    for (size_t i = 0; i < value.len; i++)
        *out = *out << 8 | value.data[i];
    return true;
}

bool bulla_coap_block(struct bulla_bytes value, struct bulla_coap_block *out)
{
    uint32_t bits = 0;

    if (value.len > 3 || !bulla_coap_uint(value, &bits) || (bits & 7u) > BULLA_COAP_SZX_MAX)
        return false;
    *out = (struct bulla_coap_block){
        .number = bits >> 4, .more = (bits & 8u) != 0, .szx = (uint8_t)(bits & 7u)};
    return true;
}

/* ---- writing ---- */

static void add(struct bulla_coap_writer *w, struct bulla_bytes bytes)
{
    if (w->full || bytes.len > w->size - w->len) {
        w->full = true;
        return;
    }
    if (bytes.len > 0)
        memcpy(w->data + w->len, bytes.data, bytes.len);
    w->len += bytes.len;
}

void bulla_coap_begin(struct bulla_coap_writer *w, uint8_t *data, size_t size,
                      enum bulla_coap_type type, uint8_t code, uint16_t id,
                      struct bulla_bytes token)
{
    const uint8_t header[HEADER_SIZE] = {
        (uint8_t)(VERSION_1 << 6 | (unsigned)type << 4 | (unsigned)token.len),
        code,
        (uint8_t)(id >> 8),
        (uint8_t)id,
    };

    *w = (struct bulla_coap_writer){.data = data, .size = size};
    w->full = token.len > BULLA_COAP_TOKEN_MAX;
    add(w, (struct bulla_bytes){header, sizeof(header)});
    add(w, token);
}

static uint32_t nibble(uint32_t value)
{
    if (value < 13u)
        return value;
    return value < 269u ? ONE_BYTE : TWO_BYTES;
}

static size_t extend(uint32_t value, uint8_t *out)
{
    if (value < 13u)
        return 0;
    if (value < 269u) {
        out[0] = (uint8_t)(value - 13u);
        return 1;
    }
    out[0] = (uint8_t)((value - 269u) >> 8);
    out[1] = (uint8_t)(value - 269u);
    return 2;
}

void bulla_coap_put(struct bulla_coap_writer *w, uint32_t number, struct bulla_bytes value)
{
    uint8_t head[5];
    size_t len = 1;

    if (number < w->number || number > NUMBER_MAX || value.len > NUMBER_MAX) {
        w->full = true;
        return;
    }
    uint32_t delta = number - w->number;
    head[0] = (uint8_t)(nibble(delta) << 4 | nibble((uint32_t)value.len));
    len += extend(delta, head + len);
    len += extend((uint32_t)value.len, head + len);
    add(w, (struct bulla_bytes){head, len});
    add(w, value);
    w->number = number;
}

/* Without leading zeros; 0 is empty. */
void bulla_coap_put_uint(struct bulla_coap_writer *w, uint32_t number, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    size_t at = 0;

    while (at < sizeof(bytes) && bytes[at] == 0)
        at++;
    bulla_coap_put(w, number, (struct bulla_bytes){bytes + at, sizeof(bytes) - at});
}

void bulla_coap_put_block(struct bulla_coap_writer *w, const struct bulla_coap_block *block)
{
    if (block->number >= 1u << 20)
        w->full = true; /* the option ends there */
    else
        bulla_coap_put_uint(w, BULLA_COAP_BLOCK2,
                            block->number << 4 | (block->more ? 8u : 0u) | block->szx);
}

void bulla_coap_put_payload(struct bulla_coap_writer *w, struct bulla_bytes payload)
{
    static const uint8_t marker = PAYLOAD_MARKER;

    if (payload.len == 0)
        return;
    add(w, (struct bulla_bytes){&marker, 1});
    add(w, payload);
}
