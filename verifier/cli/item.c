/* SPDX-License-Identifier: Apache-2.0 */
/* libcbor's stream decoder, turned from push into pull. It allocates nothing. It takes the
 * tags 6 to 20 for unassigned, COSE_Sign1 (18) among them; those one-byte heads are read here. */

#include "item.h"

#include <cbor.h>

static void set(void *ctx, enum item_kind kind, uint64_t number)
{
    struct item *item = (struct item *)ctx;
    item->kind = kind;
    item->number = number;
}

static void set_string(void *ctx, enum item_kind kind, cbor_data data, size_t len)
{
    struct item *item = (struct item *)ctx;
    item->kind = kind;
    item->bytes = (struct bulla_bytes){data, len};
}

static void set_indefinite(void *ctx, enum item_kind kind)
{
    set(ctx, kind, 0);
    ((struct item *)ctx)->indefinite = true;
}

static void set_real(void *ctx, double value)
{
    set(ctx, ITEM_FLOAT, 0);
    ((struct item *)ctx)->real = value;
}

static void on_uint8(void *ctx, uint8_t n)
{
    set(ctx, ITEM_UINT, n);
}
static void on_uint16(void *ctx, uint16_t n)
{
    set(ctx, ITEM_UINT, n);
}
static void on_uint32(void *ctx, uint32_t n)
{
    set(ctx, ITEM_UINT, n);
}
static void on_uint64(void *ctx, uint64_t n)
{
    set(ctx, ITEM_UINT, n);
}
static void on_negint8(void *ctx, uint8_t n)
{
    set(ctx, ITEM_NEGINT, n);
}
static void on_negint16(void *ctx, uint16_t n)
{
    set(ctx, ITEM_NEGINT, n);
}
static void on_negint32(void *ctx, uint32_t n)
{
    set(ctx, ITEM_NEGINT, n);
}
static void on_negint64(void *ctx, uint64_t n)
{
    set(ctx, ITEM_NEGINT, n);
}
static void on_bytes(void *ctx, cbor_data data, size_t len)
{
    set_string(ctx, ITEM_BYTES, data, len);
}
static void on_text(void *ctx, cbor_data data, size_t len)
{
    set_string(ctx, ITEM_TEXT, data, len);
}
static void on_bytes_start(void *ctx)
{
    set_indefinite(ctx, ITEM_BYTES);
}
static void on_text_start(void *ctx)
{
    set_indefinite(ctx, ITEM_TEXT);
}
static void on_array(void *ctx, size_t count)
{
    set(ctx, ITEM_ARRAY, count);
}
static void on_array_start(void *ctx)
{
    set_indefinite(ctx, ITEM_ARRAY);
}
static void on_map(void *ctx, size_t count)
{
    set(ctx, ITEM_MAP, count);
}
static void on_map_start(void *ctx)
{
    set_indefinite(ctx, ITEM_MAP);
}
static void on_tag(void *ctx, uint64_t n)
{
    set(ctx, ITEM_TAG, n);
}
static void on_float(void *ctx, float value)
{
    set_real(ctx, (double)value);
}
static void on_double(void *ctx, double value)
{
    set_real(ctx, value);
}
static void on_undefined(void *ctx)
{
    set(ctx, ITEM_UNDEFINED, 0);
}
static void on_null(void *ctx)
{
    set(ctx, ITEM_NULL, 0);
}
static void on_bool(void *ctx, bool value)
{
    set(ctx, value ? ITEM_TRUE : ITEM_FALSE, 0);
}
static void on_break(void *ctx)
{
    set(ctx, ITEM_BREAK, 0);
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .byte_string_start = on_bytes_start,
    .string = on_text,
    .string_start = on_text_start,
    .array_start = on_array,
    .indef_array_start = on_array_start,
    .map_start = on_map,
    .indef_map_start = on_map_start,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_undefined,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_break,
};

#define TAG_HEAD         0xc0u
#define TAG_REFUSED_FROM 0xc6u
#define TAG_REFUSED_TO   0xd4u

void item_read(struct bulla_bytes *left, struct item *out)
{
    *out = (struct item){.kind = ITEM_NONE};
    if (left->len == 0)
        return;
    uint8_t first = left->data[0];
    if (first >= TAG_REFUSED_FROM && first <= TAG_REFUSED_TO) {
        set(out, ITEM_TAG, first - TAG_HEAD);
        left->data++;
        left->len--;
        return;
    }
    struct cbor_decoder_result result = cbor_stream_decode(left->data, left->len, &callbacks, out);
    if (result.status == CBOR_DECODER_FINISHED && out->kind != ITEM_NONE) {
        left->data += result.read;
        left->len -= result.read;
        return;
    }
    *out = (struct item){.kind = result.status == CBOR_DECODER_NEDATA ? ITEM_CUT : ITEM_BAD};
}
