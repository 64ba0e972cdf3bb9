/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz.h promises. */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define HASHED 4096u

void fuzz_violated(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* FNV-1a: any byte changes all later choices. Of a long input the ends do. */
struct fuzz_random fuzz_random(struct bulla_bytes in, uint32_t salt)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ salt ^ (uint64_t)in.len << 32;
    size_t skip = in.len > 2 * HASHED ? in.len - 2 * HASHED : 0;

    for (size_t i = 0; i < in.len; i += i + 1 == HASHED ? 1 + skip : 1)
        hash = (hash ^ in.data[i]) * UINT64_C(0x100000001b3);
    return (struct fuzz_random){hash | 1u};
}

/* xorshift64 */
uint32_t fuzz_below(struct fuzz_random *random, uint32_t limit)
{
    uint64_t x = random->state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return (uint32_t)(x >> 32) % limit;
}

uint8_t *fuzz_copy(struct bulla_bytes bytes)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);

    if (copy == NULL)
        abort();
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

/* Long inputs in longer pieces: at most some 600 of them, so that no input takes long. */
void fuzz_feed(struct bulla_bytes in, uint32_t way,
               bool (*take)(void *ctx, struct bulla_bytes piece), void *ctx)
{
    static const uint32_t longest[FUZZ_WAYS] = {0, 1, 9, 700};
    struct fuzz_random random = fuzz_random(in, way);
    bool more = true;

    for (size_t at = 0; more && at < in.len;) {
        size_t len = way == 0 ? in.len : 1 + fuzz_below(&random, longest[way]) + in.len / 600;
        struct bulla_bytes piece = {in.data + at, len < in.len - at ? len : in.len - at};
        uint8_t *copy = fuzz_copy(piece);

        at += piece.len;
        more = take(ctx, (struct bulla_bytes){copy, piece.len});
        free(copy);
    }
}

struct bulla_bytes fuzz_span(struct bulla_bytes *in, size_t len)
{
    struct bulla_bytes span = {in->data, len < in->len ? len : in->len};

    if (span.len > 0)
        in->data += span.len;
    in->len -= span.len;
    return span;
}

uint8_t fuzz_u8(struct bulla_bytes *in)
{
    struct bulla_bytes byte = fuzz_span(in, 1);

    return byte.len == 1 ? byte.data[0] : 0;
}

uint16_t fuzz_u16(struct bulla_bytes *in)
{
    uint32_t low = fuzz_u8(in);

    return (uint16_t)(low | (uint32_t)fuzz_u8(in) << 8);
}

uint32_t fuzz_u32(struct bulla_bytes *in)
{
    uint32_t low = fuzz_u16(in);

    return low | (uint32_t)fuzz_u16(in) << 16;
}
