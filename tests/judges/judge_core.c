/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes with and without an image, trust stores, CBOR items. */

#include <stdlib.h>
#include <string.h>

#include "bulla/cbor.h"
#include "judge.h"

/* Whatever the reader found must be the same; what it keeps while reading may differ. */
static bool same_reading(enum bulla_status status, const struct bulla_reader *a,
                         const struct bulla_reader *b)
{
    if (a->failed != b->failed || a->signers != b->signers || a->facts != b->facts)
        return false;
    return status != BULLA_OK ||
           (a->manifest.sequence == b->manifest.sequence && a->offset == b->offset &&
            memcmp(a->manifest_digest, b->manifest_digest, BULLA_DIGEST_SIZE) == 0);
}

/* In pieces, with this much memory; `inside` where images are looked into. */
static enum bulla_status judge_once(const struct kit_case *c, struct kit_inside *inside,
                                    size_t step, size_t workspace_len, struct bulla_reader *r)
{
    return kit_judge_inside(&c->run, inside, c->envelope.data, c->envelope.len, step, workspace_len,
                            r);
}

static void judge_case(const char *part, const struct kit_case *c, struct kit_inside *inside)
{
    static const struct {
        size_t step;
        size_t workspace_len;
    } ways[] = {{1, KIT_WORKSPACE_LEAST}, {7, KIT_WORKSPACE}, {64, KIT_WORKSPACE_LEAST}};
    static struct bulla_reader whole, pieces;
    enum bulla_status status = judge_once(c, inside, SIZE_MAX, KIT_WORKSPACE, &whole);
    bool same = true;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        enum bulla_status again =
            judge_once(c, inside, ways[i].step, ways[i].workspace_len, &pieces);
        same = same && again == status && same_reading(status, &whole, &pieces);
    }
    if (same)
        judge_tell(part, c->name, status, "");
    else
        judge_tell_differs(part, c->name);
}

static void judge_cases(const char *kit, const char *part, struct kit_inside *inside)
{
    static struct kit_case c;
    char line[KIT_LINE], *cells[4];
    FILE *cases = kit_open(kit, part);
    while (kit_row(cases, line, cells, 4)) {
        kit_case_load(kit, part, cells, &c);
        judge_case(part, &c, inside);
        kit_end(&c);
    }
    (void)fclose(cases);
}

void judge_envelope(const char *kit)
{
    judge_cases(kit, "envelope", NULL);
}

void judge_bundle(const char *kit)
{
    static struct kit_inside inside;
    judge_cases(kit, "bundle", &inside);
}

void judge_trust(const char *kit)
{
    static struct bulla_trust trust;
    char line[KIT_LINE], *cells[1];
    FILE *cases = kit_open(kit, "trust");
    while (kit_row(cases, line, cells, 1)) {
        struct kit_file store = kit_load(kit, "trust", cells[0], ".cbor");
        judge_tell("trust", cells[0],
                   bulla_trust_decode((struct bulla_bytes){store.data, store.len}, &trust), "");
        free(store.data);
    }
    (void)fclose(cases);
}

/* One item of any shape, to the last byte. */
void judge_cbor(const char *kit)
{
    char line[KIT_LINE], *cells[1];
    FILE *cases = kit_open(kit, "cbor");
    while (kit_row(cases, line, cells, 1)) {
        struct kit_file item = kit_load(kit, "cbor", cells[0], ".cbor");
        struct bulla_cbor r;
        bulla_cbor_init(&r, (struct bulla_bytes){item.data, item.len});
        (void)bulla_cbor_skip(&r);
        judge_tell("cbor", cells[0], bulla_cbor_finish(&r), "");
        free(item.data);
    }
    (void)fclose(cases);
}
