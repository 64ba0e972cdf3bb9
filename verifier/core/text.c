/* SPDX-License-Identifier: Apache-2.0 */
/* The severed text, which is for people: its form is judged, its words are not. */

#include "bulla/manifest.h"
#include "cbor_head.h"

/* {+ (1..4): tstr} */
static void read_texts(struct bulla_cbor *r)
{
    struct bulla_bytes previous = {NULL, 0};
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs < 1 || pairs > 4)
        bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        uint64_t key = bulla_cbor_uint(r);
        bulla_cbor_key_end(r, start, &previous);
        if (key < 1 || key > 4)
            bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
        (void)bulla_cbor_tstr(r);
    }
}

/* {+ lang: texts}; *previous is the last language. */
static void read_languages(struct bulla_cbor *r, void *previous)
{
    uint32_t pairs = bulla_cbor_map(r);
    if (pairs < 1)
        bulla_cbor_fail(r, BULLA_E_TEXT_FORM);
    for (; r->failed == BULLA_OK && pairs > 0; pairs--) {
        const uint8_t *start = r->left.data;
        (void)bulla_cbor_tstr(r);
        bulla_cbor_key_end(r, start, previous);
        read_texts(r);
    }
}

enum bulla_status bulla_text_check(struct bulla_bytes text)
{
    struct bulla_bytes previous;
    return bulla_cbor_decode(text, &previous, sizeof(previous), read_languages);
}
