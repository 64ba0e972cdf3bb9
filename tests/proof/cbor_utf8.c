/* SPDX-License-Identifier: Apache-2.0 */
/* Text is accepted exactly when it is UTF-8 by the table of RFC 3629 section 4. */

#include "bulla/cbor.h"
#include "proof.h"

static bool between(uint8_t c, uint8_t low, uint8_t high)
{
    return c >= low && c <= high;
}

/* Bytes of the character at `at`, by the ABNF; 0: none. */
static size_t character(const uint8_t *t, size_t left)
{
    if (t[0] <= 0x7f)
        return 1;
    if (left >= 2 && between(t[0], 0xc2, 0xdf) && between(t[1], 0x80, 0xbf))
        return 2;
    if (left >= 3 && between(t[2], 0x80, 0xbf) &&
        ((t[0] == 0xe0 && between(t[1], 0xa0, 0xbf)) ||
         (between(t[0], 0xe1, 0xec) && between(t[1], 0x80, 0xbf)) ||
         (t[0] == 0xed && between(t[1], 0x80, 0x9f)) ||
         (between(t[0], 0xee, 0xef) && between(t[1], 0x80, 0xbf))))
        return 3;
    if (left >= 4 && between(t[2], 0x80, 0xbf) && between(t[3], 0x80, 0xbf) &&
        ((t[0] == 0xf0 && between(t[1], 0x90, 0xbf)) ||
         (between(t[0], 0xf1, 0xf3) && between(t[1], 0x80, 0xbf)) ||
         (t[0] == 0xf4 && between(t[1], 0x80, 0x8f))))
        return 4;
    return 0;
}

int main(void)
{
    uint8_t bytes[1 + N];
    uint8_t len = nondet_u8();
    assume(len <= N);
    bytes[0] = (uint8_t)(0x60u + len);
    bool good = true;
    for (size_t at = 0; at < len && good;) {
        size_t taken = character(bytes + 1 + at, len - at);
        good = taken > 0;
        at += taken;
    }
    struct bulla_cbor r;
    bulla_cbor_init(&r, (struct bulla_bytes){bytes, 1u + len});
    struct bulla_bytes text = bulla_cbor_tstr(&r);
    prove((r.failed == BULLA_OK) == good, "accepted exactly when it is UTF-8");
    prove(text.len == (good ? len : 0), "the whole text or nothing");
    prove(good || r.failed == BULLA_E_CBOR_UTF8, "the reason is the encoding");
    if (good && len >= 4 && bytes[1] >= 0xf0)
        reached("a character of four bytes");
    if (!good)
        reached("no UTF-8");
}
