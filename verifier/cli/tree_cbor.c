/* SPDX-License-Identifier: Apache-2.0 */
/* libcbor's tree, kept on a short lead, and the way back: the bytes that a value should have.
 *
 * libcbor 0.8 allocates what an array or map announces, believes what follows an item not to be
 * there, takes any width of an integer, and refuses the tags 6 to 20. So its stream decoder, which
 * allocates nothing, first counts what is announced against what is there, and the encodings are
 * compared afterwards, which leaves one of them. */

#include <string.h>

#include "tree_parts.h"

/* More items than 2,048 bytes of manifest or text, or the largest trust store, can hold. */
#define ITEMS_MAX 2048u

struct scan {
    uint64_t announced; /* items that arrays, maps and tags promise */
    bool refused;
};

static void announce(struct scan *scan, uint64_t count)
{
    if (count > ITEMS_MAX)
        scan->refused = true;
    else
        scan->announced += count;
}

static void on_array(void *ctx, size_t count)
{
    announce(ctx, count);
}

static void on_map(void *ctx, size_t count)
{
    announce(ctx, count);
    announce(ctx, count);
}

static void on_tag(void *ctx, uint64_t number)
{
    (void)number;
    announce(ctx, 1);
}

static void refuse_item(void *ctx)
{
    ((struct scan *)ctx)->refused = true;
}

static void refuse_bool(void *ctx, bool value)
{
    (void)value;
    refuse_item(ctx);
}

static void refuse_float(void *ctx, float value)
{
    (void)value;
    refuse_item(ctx);
}

static void refuse_double(void *ctx, double value)
{
    (void)value;
    refuse_item(ctx);
}

/* Exactly one item, all of it, and of the kinds that the format has? */
static bool scan_holds(struct bulla_bytes in)
{
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    struct scan scan = {.announced = 1};
    uint64_t items = 0;

    callbacks.array_start = on_array;
    callbacks.map_start = on_map;
    callbacks.tag = on_tag;
    callbacks.byte_string_start = refuse_item;
    callbacks.string_start = refuse_item;
    callbacks.indef_array_start = refuse_item;
    callbacks.indef_map_start = refuse_item;
    callbacks.indef_break = refuse_item;
    callbacks.undefined = refuse_item;
    callbacks.boolean = refuse_bool;
    callbacks.float2 = refuse_float;
    callbacks.float4 = refuse_float;
    callbacks.float8 = refuse_double;
    while (in.len > 0 && items < ITEMS_MAX) {
        struct cbor_decoder_result result = cbor_stream_decode(in.data, in.len, &callbacks, &scan);
        if (result.status != CBOR_DECODER_FINISHED || scan.refused)
            return false;
        in.data += result.read;
        in.len -= result.read;
        items++;
    }
    return in.len == 0 && items == scan.announced;
}

cbor_item_t *tree_load(struct bulla_bytes in)
{
    struct cbor_load_result result;

    if (!scan_holds(in))
        return NULL;
    cbor_item_t *root = cbor_load(in.data, in.len, &result);
    if (root != NULL && result.read != in.len)
        tree_free(root);
    return root != NULL && result.read == in.len ? root : NULL;
}

void tree_free(cbor_item_t *root)
{
    if (root != NULL)
        cbor_decref(&root);
}

cbor_item_t *tree_at(const cbor_item_t *array, size_t index)
{
    if (array == NULL || !cbor_isa_array(array) || index >= cbor_array_size(array))
        return NULL;
    return cbor_array_handle(array)[index];
}

cbor_item_t *tree_tagged(const cbor_item_t *tag)
{
    return tag != NULL && cbor_isa_tag(tag) ? cbor_move(cbor_tag_item(tag)) : NULL;
}

cbor_item_t *tree_member(const cbor_item_t *map, uint64_t key)
{
    if (map == NULL || !cbor_isa_map(map))
        return NULL;
    for (size_t i = 0; i < cbor_map_size(map); i++) {
        const struct cbor_pair *pair = &cbor_map_handle(map)[i];
        if (cbor_isa_uint(pair->key) && cbor_get_int(pair->key) == key)
            return pair->value;
    }
    return NULL;
}

cbor_item_t *tree_member_named(const cbor_item_t *map, struct bulla_bytes key)
{
    if (map == NULL || !cbor_isa_map(map))
        return NULL;
    for (size_t i = 0; i < cbor_map_size(map); i++) {
        const struct cbor_pair *pair = &cbor_map_handle(map)[i];
        if (cbor_isa_string(pair->key) && tree_same(tree_text(pair->key), key))
            return pair->value;
    }
    return NULL;
}

size_t tree_count(const cbor_item_t *container)
{
    if (container == NULL)
        return 0;
    if (cbor_isa_array(container))
        return cbor_array_size(container);
    return cbor_isa_map(container) ? cbor_map_size(container) : 0;
}

struct tree_number tree_integer(const cbor_item_t *item)
{
    if (item == NULL || !cbor_is_int(item))
        return (struct tree_number){.found = false};
    return (struct tree_number){
        .found = true, .negative = cbor_isa_negint(item), .argument = cbor_get_int(item)};
}

struct bulla_bytes tree_bytes(const cbor_item_t *item)
{
    if (item == NULL || !cbor_isa_bytestring(item))
        return (struct bulla_bytes){NULL, 0};
    return (struct bulla_bytes){cbor_bytestring_handle(item), cbor_bytestring_length(item)};
}

/* What is not UTF-8 libcbor 0.8 does not load; a version that does counts no code points in it. */
struct bulla_bytes tree_text(const cbor_item_t *item)
{
    if (item == NULL || !cbor_isa_string(item) || cbor_string_codepoint_count(item) == 0)
        return (struct bulla_bytes){NULL, 0};
    return (struct bulla_bytes){cbor_string_handle(item), cbor_string_length(item)};
}

bool tree_uint32(const cbor_item_t *item, uint32_t *out)
{
    struct tree_number n = tree_integer(item);
    bool fits = n.found && !n.negative && n.argument <= UINT32_MAX;
    *out = fits ? (uint32_t)n.argument : 0;
    return fits;
}

bool tree_same(struct bulla_bytes a, struct bulla_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

struct bulla_bytes tree_string(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, strlen(text)};
}

struct tree_echo tree_echo_of(struct bulla_bytes received)
{
    return (struct tree_echo){.left = received};
}

static void echo_raw(struct tree_echo *e, const uint8_t *data, size_t len)
{
    if (e->differs || len > e->left.len || (len > 0 && memcmp(e->left.data, data, len) != 0)) {
        e->differs = true;
        return;
    }
    e->left.data += len;
    e->left.len -= len;
}

/* libcbor's encoders write the shortest head. */
#define HEAD_MAX 9u

void echo_integer(struct tree_echo *e, struct tree_number number)
{
    uint8_t head[HEAD_MAX];
    size_t len = number.negative ? cbor_encode_negint(number.argument, head, sizeof head)
                                 : cbor_encode_uint(number.argument, head, sizeof head);
    e->differs = e->differs || !number.found;
    echo_raw(e, head, len);
}

void echo_uint(struct tree_echo *e, uint64_t value)
{
    echo_integer(e, (struct tree_number){.found = true, .argument = value});
}

void echo_negative(struct tree_echo *e, int64_t value)
{
    echo_integer(e, (struct tree_number){
                        .found = true, .negative = true, .argument = (uint64_t)(-1 - value)});
}

void echo_bytes(struct tree_echo *e, struct bulla_bytes content)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_bytestring_start(content.len, head, sizeof head));
    echo_raw(e, content.data, content.len);
}

void echo_text(struct tree_echo *e, struct bulla_bytes content)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_string_start(content.len, head, sizeof head));
    echo_raw(e, content.data, content.len);
}

void echo_array(struct tree_echo *e, size_t count)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_array_start(count, head, sizeof head));
}

void echo_map(struct tree_echo *e, size_t count)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_map_start(count, head, sizeof head));
}

void echo_tag(struct tree_echo *e, uint64_t number)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_tag(number, head, sizeof head));
}

void echo_null(struct tree_echo *e)
{
    uint8_t head[HEAD_MAX];
    echo_raw(e, head, cbor_encode_null(head, sizeof head));
}

bool echo_whole(const struct tree_echo *e)
{
    return !e->differs && e->left.len == 0;
}
