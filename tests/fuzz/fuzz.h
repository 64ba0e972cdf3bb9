/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_FUZZ_H
#define BULLA_FUZZ_H

/* What the fuzz targets share: one function a target, a check that stops the run, choices that
 * follow from the input alone, and the input given in pieces. README.md explains. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bulla/bytes.h"
#include "bulla/status.h"

/* Each judges `in` with public functions and checks what must hold for any bytes. */
void fuzz_boot(struct bulla_bytes in);
void fuzz_cbor(struct bulla_bytes in);
void fuzz_envelope(struct bulla_bytes in);
void fuzz_espimage(struct bulla_bytes in);
void fuzz_http(struct bulla_bytes in);
void fuzz_keyfile(struct bulla_bytes in);
void fuzz_layout(struct bulla_bytes in);
void fuzz_manifest(struct bulla_bytes in);
void fuzz_otadata(struct bulla_bytes in);
void fuzz_partition(struct bulla_bytes in);
void fuzz_sectors(struct bulla_bytes in);
void fuzz_state(struct bulla_bytes in);
void fuzz_trust(struct bulla_bytes in);
void fuzz_url(struct bulla_bytes in);
void fuzz_wrapper(struct bulla_bytes in);

/* Holds in every build type, unlike assert. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_violated(#condition, __FILE__, __LINE__);                                         \
    } while (0)
_Noreturn void fuzz_violated(const char *condition, const char *file, int line);

/* Choices made from the input's content: the same input always runs the same way, and a file of
 * the vector kit is an input as it stands. */
struct fuzz_random {
    uint64_t state;
};
struct fuzz_random fuzz_random(struct bulla_bytes in, uint32_t salt);
uint32_t fuzz_below(struct fuzz_random *random, uint32_t limit); /* 0..limit-1; limit >= 1 */

/* Call take with `in` cut into pieces, each in memory of exactly its length, until it returns
 * false. Way 0 is one piece; other ways cut each in their own way. */
#define FUZZ_WAYS 4u
void fuzz_feed(struct bulla_bytes in, uint32_t way,
               bool (*take)(void *ctx, struct bulla_bytes piece), void *ctx);

/* Reads an input that is made of fields: what is missing reads as 0. */
uint8_t fuzz_u8(struct bulla_bytes *in);
uint16_t fuzz_u16(struct bulla_bytes *in);
uint32_t fuzz_u32(struct bulla_bytes *in);
struct bulla_bytes fuzz_span(struct bulla_bytes *in, size_t len); /* at most what is left */

/* Memory of exactly this length, never NULL; free() it. */
uint8_t *fuzz_copy(struct bulla_bytes bytes);

static inline bool fuzz_inside(struct bulla_bytes part, struct bulla_bytes whole)
{
    return part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
                             (size_t)(part.data - whole.data) <= whole.len - part.len);
}

static inline bool fuzz_is_zero(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= p[i];
    return any == 0;
}

#endif
