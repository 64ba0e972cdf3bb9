/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers narrowed: every argument of 64 bits comes out as itself or is refused. The word size of
 * the machine plays no part. */

#include "cbor_head.h"
#include "proof.h"

static struct bulla_cbor over(uint8_t bytes[9], uint8_t major, uint64_t value)
{
    struct bulla_cbor r;
    unsigned width = value < 24            ? 0
                     : value < 0x100       ? 1
                     : value < 0x10000     ? 2
                     : value <= UINT32_MAX ? 4
                                           : 8;
    static const uint8_t info[9] = {0, 24, 25, 0, 26, 0, 0, 0, 27};
    bytes[0] = (uint8_t)(major << 5 | (width == 0 ? value : info[width]));
    for (unsigned i = 0; i < 8; i++)
        if (i < width)
            bytes[1 + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    bulla_cbor_init(&r, (struct bulla_bytes){bytes, 1 + width});
    return r;
}

int main(void)
{
    uint8_t bytes[9];
    uint64_t value = nondet_u64();
    struct bulla_cbor r = over(bytes, MAJOR_UINT, value);
    int64_t number = bulla_cbor_int(&r);
    prove((r.failed == BULLA_OK) == (value <= INT64_MAX), "positive: within int64 or refused");
    prove(number == (r.failed == BULLA_OK ? (int64_t)value : 0), "positive: itself");

    r = over(bytes, MAJOR_NEGATIVE, value);
    number = bulla_cbor_int(&r);
    prove((r.failed == BULLA_OK) == (value <= INT64_MAX), "negative: within int64 or refused");
    prove(number == (r.failed == BULLA_OK ? -1 - (int64_t)value : 0), "negative: itself");
    if (r.failed == BULLA_OK && number == INT64_MIN)
        reached("the least integer");

    r = over(bytes, MAJOR_UINT, value);
    uint32_t small = bulla_cbor_uint32(&r, BULLA_E_LIST_FORM);
    prove((r.failed == BULLA_OK) == (value <= UINT32_MAX), "32 bits or refused");
    prove(r.failed != BULLA_OK || small == value, "32 bits: itself");

    r = over(bytes, MAJOR_ARRAY, value);
    uint32_t count = bulla_cbor_array(&r);
    prove(r.failed == BULLA_OK && count == (value < UINT32_MAX ? value : UINT32_MAX),
          "items, saturated");

    r = over(bytes, MAJOR_UINT, value);
    int32_t wanted = nondet_i32();
    bulla_cbor_expect_int(&r, wanted, BULLA_E_LIST_FORM);
    prove((r.failed == BULLA_OK) == (wanted >= 0 && value == (uint32_t)wanted),
          "exactly that number");

    r = over(bytes, MAJOR_BSTR, value);
    struct bulla_bytes none = bulla_cbor_bstr(&r);
    prove((r.failed == BULLA_OK) == (value == 0), "a length that is not there");
    prove(none.len == 0, "no string");
    prove(r.failed == BULLA_OK || (r.failed == BULLA_E_CBOR_TRUNCATED && r.missing == value),
          "all that is missing is told, also what a 32-bit size cannot hold");
    if (value > UINT32_MAX)
        reached("a length of more than 32 bits");
}
