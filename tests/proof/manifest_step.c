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
        return BULLA_DIGEST_SIZE;
    default:
        return 0;
    }
}

/* Concrete: nothing here is arbitrary. What is done for each pair, or for some, begins and ends in
 * one byte string, so that however often it is done the levels are the same. */
static void prove_template(void)
{
    unsigned depth = 0, fields = 0, each = 0;
    bool in_each = false;
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
            prove(i + 1 < PLACES && template[i + 1].what >= SEQUENCE,
                  "what is skipped is one value");
        if (p.what == EACH) {
            prove(!in_each, "no pairs within pairs");
            in_each = true;
            each = depth;
        } else if (p.what == NEXT) {
            prove(in_each && each == depth, "the next pair is where the first began");
            in_each = false;
        } else if (p.what > LIST_SIZE || p.what == INDEX || p.what == FIRST || p.what == FURTHER) {
            prove(in_each || (p.what >= SEQUENCE && p.what < COMPONENT),
                  "an image's places are a pair's");
        }
        if (p.what == FIRST || p.what == FURTHER)
            prove(p.arg <= PLACES - 1 - i, "what is skipped is there");
        for (size_t k = 1; (p.what == FIRST || p.what == FURTHER) && k <= p.arg; k++)
            prove(template[i + k].what >= VERSION, "what is skipped opens and ends nothing");
        prove(value_size(p.what) == 0 || p.arg + value_size(p.what) <= sizeof(struct bulla_image),
              "a value has its room");
    }
    prove(depth == 0 && !in_each, "everything is left");
}

/* Where components are read again: anywhere in the input, with any failure. */
static struct bulla_cbor any_cursor(struct bulla_bytes in)
{
    struct bulla_cbor cursor = {in, nondet_bool() ? BULLA_OK : BULLA_E_CBOR_TYPE, 0};
    size_t behind = nondet_size();
    assume(behind <= in.len);
    cursor.left.data += behind;
    cursor.left.len -= behind;
    return cursor;
}

int main(void)
{
    prove_template();
    struct bulla_bytes in = any_bytes(N);
    struct bulla_cbor r = {in, nondet_bool() ? BULLA_OK : BULLA_E_CBOR_TYPE, 0};
    struct level level;
    struct bulla_manifest *m = malloc(sizeof(*m));
    struct walk *w = malloc(sizeof(*w));
    struct place place = {KIND, nondet_u8()};
    bool is_in_template = false;
    for (size_t i = 0; i < PLACES; i++)
        is_in_template =
            is_in_template || (template[i].what == KIND && template[i].arg == place.arg);
    assume(is_in_template);
    level.taken = nondet_bool();
    assume(level.key >= -1 && level.key <= KEY_MAX);
    w->manifest = m;
    w->components = any_cursor(in);
    w->next = any_cursor(in);
    /* each of the pairs before is read by the same step again: one stands for all */
    assume(w->pair <= (KIND == COMPONENT ? 1 : 7) && m->images <= BULLA_IMAGES_MAX);
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
        read_place(&r, place, w);
        if (r.failed == BULLA_OK && KIND == COMPONENT && w->pair == w->want) {
            size_t len = m->image.component.len;
            prove(len == 3 || len == 7 || len == 6, "app, factory or module");
            prove((len == 6) == (m->image.name.len > 0), "a module has a name, nobody else");
            prove(m->image.name.len <= BULLA_COMPONENT_NAME_MAX, "which has its room");
        }
        if (r.failed == BULLA_OK && KIND == PAIRS)
            prove(m->images >= 1 && m->images <= BULLA_IMAGES_MAX, "one to eight images");
        if (r.failed == BULLA_OK && KIND == SET_VERSION)
            prove(m->version.count >= 1 && m->version.count <= BULLA_VERSION_PARTS_MAX, "parts");
    }
    if (r.failed == BULLA_OK)
        reached("a place is read");
    prove(before == BULLA_OK || r.failed == before, "a failure stays");
    prove(is_within(r.left, in), "the rest lies in the input");
    return 0;
}
