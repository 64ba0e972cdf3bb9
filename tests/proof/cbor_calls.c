/* SPDX-License-Identifier: Apache-2.0 */
/* Any sequence of public calls on any bytes: nothing outside of them is touched, a failure stays
 * and moves nothing, and what is handed out lies in the input. */
#include "bulla/cbor.h"
#include "proof.h"

#define INPUT_MAX N

static struct bulla_bytes input;

static void check_span(const struct bulla_cbor *r, struct bulla_bytes span)
{
    if (r->failed != BULLA_OK)
        prove(span.data == NULL && span.len == 0, "nothing is handed out after a failure");
    else
        prove(is_within(span, input), "a string lies in the input");
}

static void call(struct bulla_cbor *r)
{
    const uint8_t *start = r->left.data, *at;
    struct bulla_bytes previous = {NULL, 0};
    size_t behind;
    uint32_t low, high, len;
    switch (nondet_u8() % 13) {
    case 0:
        prove(bulla_cbor_uint(r) == 0 || r->failed == BULLA_OK, "zero after a failure");
        break;
    case 1:
        prove(bulla_cbor_int(r) == 0 || r->failed == BULLA_OK, "zero after a failure");
        break;
    case 2:
        check_span(r, bulla_cbor_bstr(r));
        break;
    case 3:
        prove(bulla_cbor_bstr_head(r) == 0 || r->failed == BULLA_OK, "zero after a failure");
        break;
    case 5:
        prove(bulla_cbor_array(r) == 0 || r->failed == BULLA_OK, "zero after a failure");
        break;
    case 6:
        prove(bulla_cbor_map(r) == 0 || r->failed == BULLA_OK, "zero after a failure");
        break;
    case 7:
        (void)bulla_cbor_uint32(r, BULLA_E_LIST_FORM);
        break;
    case 8:
        low = nondet_u32(), high = nondet_u32();
        len = bulla_cbor_array_of(r, low, high, BULLA_E_LIST_FORM);
        prove(r->failed == BULLA_OK ? len >= low && len <= high : len == 0,
              "count within the range");
        break;
    case 9:
        len = nondet_u32();
        at = bulla_cbor_bytes(r, len, BULLA_E_LIST_FORM);
        check_span(r, (struct bulla_bytes){at, at != NULL ? len : 0});
        break;
    case 10:
        behind = bulla_cbor_enter(r);
        (void)bulla_cbor_uint(r);
        bulla_cbor_leave(r, behind);
        break;
    case 11:
        bulla_cbor_expect_int(r, nondet_i32(), BULLA_E_LIST_FORM);
        break;
    case 12:
        (void)bulla_cbor_bstr(r);
        bulla_cbor_key_end(r, start, &previous);
        (void)bulla_cbor_uint(r);
        bulla_cbor_key_end(r, start, &previous);
        break;
    default:
        prove(bulla_cbor_peek(r) <= 8, "a major type, or none");
    }
}

int main(void)
{
    struct bulla_cbor r;
    input = any_bytes(INPUT_MAX);
    bulla_cbor_init(&r, input);
    for (int i = 0; i < CALLS; i++) {
        struct bulla_cbor before = r;
        call(&r);
        prove(is_within(r.left, input), "the rest lies in the input");
        if (before.failed != BULLA_OK)
            prove(r.failed == before.failed && r.left.data == before.left.data &&
                      r.left.len == before.left.len,
                  "a failure stays and moves nothing");
    }
    if (bulla_cbor_finish(&r) == BULLA_OK) {
        prove(r.left.len == 0, "finished: nothing is left");
        reached("well-formed to the end");
    }
}
