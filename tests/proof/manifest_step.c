/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of place of the manifest's template from any state of the reader, and the template
 * itself: byte strings are entered and left in pairs, never deeper than there are levels, and every
 * value has its room in the struct. By induction a manifest of any bytes and length is decoded in
 * bounds. */

#include "manifest.c"
#include "proof.h"

#define PLACES (sizeof(template) / sizeof(template[0]))

enum bulla_status bulla_uri_check(struct bulla_bytes uri)
{
    prove(uri.len == 0 || __CPROVER_r_ok(uri.data, uri.len), "the URI may be read");
    return nondet_bool() ? BULLA_OK : BULLA_E_URI_FORM;
}

uint32_t bulla_list_size(uint32_t image_size)
{
    (void)image_size;
    return nondet_u32();
}

static size_t value_size(uint8_t what)
{
    switch (what) {
    case SIZE:
        return sizeof(uint32_t);
    case ID:
        return BULLA_UUID_SIZE;
    case DIGEST:
    case TEXT_DIGEST:
        return BULLA_DIGEST_SIZE;
    default:
        return 0;
    }
}

/* Concrete: nothing here is arbitrary. */
static void prove_template(void)
{
    unsigned depth = 0, fields = 0;
    for (size_t i = 0; i < PLACES; i++) {
        struct place p = template[i];
        if (p.what == ENTER)
            depth++;
        prove(depth < LEVELS_MAX, "never deeper than there are levels");
        if (p.what == LEAVE)
            prove(depth > 0, "left only what was entered");
        if (p.what == LEAVE)
            depth--;
        if (p.what == FIELDS)
            fields |= 1u << depth;
        if (p.what == ENTER)
            fields &= ~(1u << depth);
        if (p.what == FIELD || p.what == OPTIONAL || p.what == END_FIELDS)
            prove(fields >> depth & 1u, "a field only in a map that was begun");
        if (p.what == OPTIONAL)
            prove(i + 1 < PLACES && template[i + 1].what > NAME, "what is skipped is one value");
        prove(value_size(p.what) == 0 ||
                  p.arg + value_size(p.what) <= sizeof(struct bulla_manifest),
              "a value has its room");
    }
    prove(depth == 0, "everything is left");
}

int main(void)
{
    prove_template();
    struct bulla_bytes in = any_bytes(N);
    struct bulla_cbor r = {in, nondet_bool() ? BULLA_OK : BULLA_E_CBOR_TYPE, 0};
    struct level level;
    struct bulla_manifest *m = malloc(sizeof(*m));
    struct place place = {KIND, nondet_u8()};
    bool is_in_template = false;
    for (size_t i = 0; i < PLACES; i++)
        is_in_template =
            is_in_template || (template[i].what == KIND && template[i].arg == place.arg);
    assume(is_in_template);
    level.taken = nondet_bool();
    assume(level.key >= -1 && level.key <= KEY_MAX);
    /* a component read before: none, or one of the two words */
    size_t len = nondet_size();
    assume(len == 0 || len == 3 || len == 7);
    m->image.component = (struct bulla_bytes){malloc(len), len};
    enum bulla_status before = r.failed;
    switch (KIND) {
    case FIELD:
    case OPTIONAL:
    case END_FIELDS:
        if (!is_absent(&r, &level, place) && r.failed == BULLA_OK)
            prove(level.taken && level.key == place.arg, "the pair is the template's");
        prove(r.failed != BULLA_OK || (level.key >= -1 && level.key <= KEY_MAX), "keys in range");
        break;
    default:
        read_place(&r, place, m);
        if (r.failed == BULLA_OK && KIND == NAME)
            prove(m->image.component.len == 3 || m->image.component.len == 7, "app or factory");
        if (r.failed == BULLA_OK && KIND == SET_VERSION)
            prove(m->version.count >= 1 && m->version.count <= BULLA_VERSION_PARTS_MAX, "parts");
    }
    if (r.failed == BULLA_OK)
        reached("a place is read");
    prove(before == BULLA_OK || r.failed == before, "a failure stays");
    prove(is_within(r.left, in), "the rest lies in the input");
    return 0;
}
