/* SPDX-License-Identifier: Apache-2.0 */
/* The image held against its list: one feed from any state that keeps the
 * invariant. By induction no byte leaves before its sector's digest matched, none is left out, and
 * nothing is written outside of the workspace. */

#include "bulla/sectors.h"
#include "crypto_any.h"
#include "proof.h"

static struct bulla_image image;
static struct bulla_list list;
static uint8_t *store, chunk[BULLA_SECTOR_SIZE];

static uint32_t want(const struct bulla_sectors *s)
{
    uint32_t left = image.size - s->released;
    return left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
}

static bool holds(const struct bulla_sectors *s)
{
    return s->list == &list && s->chunk == chunk && s->released <= image.size &&
           (s->released % BULLA_SECTOR_SIZE == 0 || s->released == image.size) &&
           (s->filled == 0 || s->filled < want(s) || s->failed != BULLA_OK) &&
           s->filled <= BULLA_SECTOR_SIZE;
}

int main(void)
{
    struct bulla_sectors s;
    struct bulla_bytes in = any_bytes(N), rest = in, out;
    __CPROVER_havoc_object(&image);
    list.image = &image;
    assume(image.size <= SECTORS * BULLA_SECTOR_SIZE);
    list.whole = nondet_bool();
    list.verified = nondet_bool() ? BULLA_FACT_LIST : 0;
    list.count = image.size / BULLA_SECTOR_SIZE + (image.size % BULLA_SECTOR_SIZE != 0);
    list.store = store = malloc(32u * (SECTORS + 32u));
    __CPROVER_havoc_object(store);
    s.list = &list;
    s.chunk = chunk;
    assume(holds(&s));
    struct bulla_sectors before = s;
    uint32_t index = s.released / BULLA_SECTOR_SIZE, groups = (list.count + 31u) / 32u;
    const uint8_t *expected = store + 32u * (list.whole ? index : groups + index % 32u);
    enum bulla_status status = bulla_sectors_feed(&s, &rest, &out);
    uint32_t taken = (uint32_t)(in.len - rest.len);
    prove(status == BULLA_E_GROUP_NEEDED || s.failed == status, "the status is kept");
    prove(before.failed == BULLA_OK || status == before.failed, "a failure stays");
    prove(holds(&s), "the invariant holds again");
    prove(rest.data == in.data + taken && rest.len <= in.len, "the input is used from its start");
    if (out.len > 0) {
        prove(out.data == chunk && out.len == want(&before), "a whole sector, or the last one");
        prove(s.released == before.released + out.len && s.filled == 0, "counted");
        prove(before.filled + taken == out.len, "of the bytes that came");
        bool same = crypto_log.finish_ok && crypto_log.hashed.data == chunk &&
                    crypto_log.hashed.len == out.len;
        for (int i = 0; i < 32; i++)
            same = same && crypto_log.digest[i] == expected[i];
        prove(same, "hashed whole, and it is the digest of this very sector");
        reached("a sector leaves");
    } else {
        prove(out.data == NULL && s.released == before.released, "nothing leaves");
    }
    if (status == BULLA_OK && out.len == 0)
        prove(s.filled == before.filled + taken && (taken > 0 || in.len == 0), "progress");
    prove(bulla_sectors_finish(&s) != BULLA_OK || s.released == image.size, "the end is the end");
    if (status == BULLA_E_IMAGE_TRAILING)
        reached("one byte more");
    return 0;
}
