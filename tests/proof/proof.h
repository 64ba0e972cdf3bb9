/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TESTS_PROOF_H
#define BULLA_TESTS_PROOF_H

/* What every harness uses: arbitrary values, assumptions, claims. Only CBMC compiles this. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulla/bytes.h"
#include "bulla/mem.h"
#include "bulla/status.h"

/* CBMC returns any value at all from a function of this name. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);
int32_t nondet_i32(void);
int64_t nondet_i64(void);
enum bulla_status nondet_status(void);
void *malloc(size_t size);

void __CPROVER_assume(__CPROVER_bool holds);
void __CPROVER_assert(__CPROVER_bool holds, const char *what);
void __CPROVER_havoc_object(void *object);

#define assume(holds)      __CPROVER_assume(holds)
#define prove(holds, what) __CPROVER_assert(holds, what)

/* The runner builds each harness a second time with PROVE_REACH: then every place marked so must be
 * found reachable, or the proof before it was one about nothing. */
#ifdef PROVE_REACH
#define reached(what) __CPROVER_assert(0, "reached: " what)
#undef prove
#define prove(holds, what) ((void)(holds))
#else
#define reached(what) ((void)0)
#endif

/* Any bytes, at most `most`, that end where their memory ends: one byte more is outside of it. */
static inline struct bulla_bytes any_bytes(size_t most)
{
    size_t len = nondet_size();
    assume(len <= most);
    uint8_t *memory = malloc(most);
    __CPROVER_havoc_object(memory);
    return (struct bulla_bytes){memory + (most - len), len};
}

/* Does `inner` lie within `outer`? */
static inline bool is_within(struct bulla_bytes inner, struct bulla_bytes outer)
{
    return __CPROVER_POINTER_OBJECT(inner.data) == __CPROVER_POINTER_OBJECT(outer.data) &&
           inner.data >= outer.data && inner.len <= outer.len &&
           (size_t)(inner.data - outer.data) <= outer.len - inner.len;
}

#endif
