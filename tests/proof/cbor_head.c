/* SPDX-License-Identifier: Apache-2.0 */
/* A head is read exactly as RFC 8949 section 3 and 4.2.1 say: for every major type asked for and
 * all bytes, the value, or the one right reason; and the cursor lies behind it. */

#include "cbor_head.h"
#include "proof.h"

static enum bulla_status definition(struct bulla_bytes in, uint8_t major, uint64_t *value)
{
    if (in.len == 0)
        return BULLA_E_CBOR_TRUNCATED;
    uint8_t info = in.data[0] & 0x1f;
    size_t width = info < 24 ? 0 : (size_t)1 << (info - 24);
    bool has_argument = info >= 24 && info <= 27 && in.data[0] >> 5 != MAJOR_SIMPLE;
    *value = info;
    if (has_argument) {
        uint64_t least = info == 24 ? 24 : info == 25 ? 0x100 : info == 26 ? 0x10000 : 0x100000000;
        if (in.len < 1 + width)
            return BULLA_E_CBOR_TRUNCATED;
        *value = 0;
        for (size_t i = 0; i < 8; i++)
            if (i < width)
                *value = *value * 256 + in.data[1 + i];
        if (*value < least)
            return BULLA_E_CBOR_NOT_SHORTEST;
    }
    if (info > 27)
        return info == 31 ? BULLA_E_CBOR_INDEFINITE : BULLA_E_CBOR_RESERVED;
    return in.data[0] >> 5 == major ? BULLA_OK : BULLA_E_CBOR_TYPE;
}

int main(void)
{
    struct bulla_bytes in = any_bytes(10);
    uint8_t major = nondet_u8();
    assume(major <= 7);
    struct bulla_cbor r;
    bulla_cbor_init(&r, in);
    uint64_t expected = 0, got = bulla_cbor_head(&r, major);
    enum bulla_status status = definition(in, major, &expected);
    prove(r.failed == status, "the verdict is the definition's");
    prove(got == (status == BULLA_OK ? expected : 0), "the value is the definition's");
    if (status == BULLA_OK) {
        uint8_t info = in.data[0] & 0x1f;
        size_t len = major == MAJOR_SIMPLE || info < 24 ? 1 : 1 + ((size_t)1 << (info - 24));
        prove(r.left.data == in.data + len && r.left.len == in.len - len,
              "exactly the head is taken");
        if (expected > UINT32_MAX)
            reached("a value of eight bytes");
    }
    if (status == BULLA_E_CBOR_NOT_SHORTEST)
        reached("a longer form");
}
