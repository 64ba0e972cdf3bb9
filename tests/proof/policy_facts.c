/* SPDX-License-Identifier: Apache-2.0 */
/* A fact about manifest or image is told only when it holds, by a second writing of each rule; a
 * refusal adds none. Any device, trust store, manifest, image. */

#include "bulla/policy.h"
#include "proof.h"

static bool may[BULLA_TRUST_KEYS_MAX], may_modules[BULLA_TRUST_KEYS_MAX];
static struct bulla_trust trust;

uint32_t bulla_trust_key_may(const struct bulla_trust_key *key, struct bulla_bytes component)
{
    /* the first component has at most 3 bytes here, "module" has 6 */
    const bool *rights = component.len == 6 ? may_modules : may;
    return rights[key - trust.keys] ? BULLA_FACT_RIGHTS : 0;
}

static bool same(const uint8_t *a, const uint8_t *b, unsigned len)
{
    bool equal = true;
    for (unsigned i = 0; i < len; i++)
        equal = equal && a[i] == b[i];
    return equal;
}

/* Sequence and digest that the manifest is held against, if there are any. */
static bool is_newer(const struct bulla_device *d, const struct bulla_manifest *m, bool apart,
                     const uint8_t *digest)
{
    uint32_t sequence = apart ? d->modules_sequence : d->sequence;
    const uint8_t *same_as = apart ? d->modules_digest : d->confirmed_digest;
    return m->sequence > sequence ||
           (m->sequence == sequence && same_as != NULL && same(same_as, digest, 32));
}

static void judge_manifest(const struct bulla_device *d, const struct bulla_manifest *m)
{
    static const uint8_t module[] = {'m', 'o', 'd', 'u', 'l', 'e'};
    uint8_t digest[32];
    uint32_t signers = nondet_u32(), before = nondet_u32(), facts = before, rights = 0;
    bool alone = m->image.name.len > 0, apart = alone && d->counts_modules;
    bool counted = apart ? d->modules_digest != NULL : d->has_sequence;
    for (uint32_t i = 0; i < BULLA_TRUST_KEYS_MAX; i++)
        rights += i < trust.key_count && (signers >> i & 1u) && (alone ? may_modules : may)[i] &&
                  (m->images == 1 || may_modules[i]);
    enum bulla_status status = bulla_policy_manifest(d, &trust, signers, digest, m, &facts);
    uint32_t added = facts & ~before;
    prove((facts & before) == before, "no fact is taken back");
    prove(status == BULLA_OK || facts == before, "a refusal adds no fact");
    if (status != BULLA_OK)
        return;
    reached("a manifest is allowed");
    prove(!counted || is_newer(d, m, apart, digest),
          "sequence: newer, or the confirmed release itself");
    prove(!d->has_ids || (same(d->vendor_id, m->image.vendor_id, 16) &&
                          same(d->class_id, m->image.class_id, 16)),
          "ids");
    const struct bulla_bytes *theirs = &m->image.component;
    prove(!d->has_component ||
              (alone ? theirs->len == 6 && same(module, theirs->data, 6)
                     : theirs->len == d->component.len && same(d->component.data, theirs->data, 3)),
          "component");
    prove(d->takes_modules || (m->images == 1 && !alone), "modules only where they are taken");
    prove(rights >= trust.threshold && rights >= 1, "rights of enough signers");
    prove(!d->has_slot_size || alone || m->image.size <= d->slot_size, "size");
    uint32_t known = (counted || apart ? BULLA_FACT_SEQUENCE : 0u) |
                     (d->has_ids ? BULLA_FACT_VENDOR | BULLA_FACT_CLASS : 0u) |
                     (d->has_component ? BULLA_FACT_COMPONENT : 0u) | BULLA_FACT_RIGHTS |
                     (d->has_slot_size ? BULLA_FACT_SIZE : 0u);
    prove((added & ~known) == 0, "no fact that was not judged");
    prove((facts & known) == known, "every fact that was judged");
}

static void judge_image(const struct bulla_device *d, const struct bulla_image_facts *image)
{
    uint32_t before = nondet_u32(), facts = before;
    enum bulla_status status = bulla_policy_image(d, image, &facts);
    prove((facts & before) == before, "no fact is taken back");
    prove(status == BULLA_OK || facts == before, "a refusal adds no fact");
    if (status != BULLA_OK)
        return;
    reached("an image is allowed");
    bool raw = image->format == BULLA_FORMAT_RAW;
    bool open_end = image->max_revision == 0 || image->max_revision == 0xffff;
    prove(!d->has_format || image->format == d->format, "format");
    prove(!d->has_chip || raw ||
              (image->chip_id == d->chip_id && image->min_revision <= d->chip_revision &&
               (open_end || d->chip_revision <= image->max_revision)),
          "chip");
    prove(!d->has_floor || image->secure_version >= d->floor, "floor");
    uint32_t known = (d->has_format ? BULLA_FACT_FORMAT : 0u) |
                     (d->has_chip ? BULLA_FACT_CHIP : 0u) | (d->has_floor ? BULLA_FACT_FLOOR : 0u);
    prove((facts & ~before & ~known) == 0 && (facts & known) == known, "these facts and no other");
}

int main(void)
{
    static uint8_t confirmed[32], apart[32], ours[3], theirs[6];
    struct bulla_device d;
    struct bulla_manifest m;
    struct bulla_image_facts image;
    __CPROVER_havoc_object(confirmed);
    __CPROVER_havoc_object(apart);
    __CPROVER_havoc_object(ours);
    __CPROVER_havoc_object(theirs);
    __CPROVER_havoc_object(may);
    __CPROVER_havoc_object(may_modules);
    d.confirmed_digest = nondet_bool() ? confirmed : NULL;
    d.component = (struct bulla_bytes){ours, 3};
    d.modules_digest = nondet_bool() ? apart : NULL;
    d.takes_modules = nondet_bool(), d.counts_modules = nondet_bool();
    bool alone = nondet_bool();
    m.image.component = (struct bulla_bytes){theirs, alone ? 6 : nondet_bool() ? 3 : 2};
    m.image.name = (struct bulla_bytes){theirs, alone ? 1 : 0};
    assume(m.images >= 1 && m.images <= BULLA_IMAGES_MAX);
    d.has_ids = nondet_bool(), d.has_component = nondet_bool(), d.has_sequence = nondet_bool();
    d.has_slot_size = nondet_bool(), d.has_format = nondet_bool(), d.has_chip = nondet_bool();
    d.has_floor = nondet_bool();
    for (int i = 0; i < BULLA_TRUST_KEYS_MAX; i++)
        may[i] = nondet_bool(), may_modules[i] = nondet_bool();
    trust.threshold = nondet_u32();
    trust.key_count = nondet_u32();
    assume(trust.key_count <= BULLA_TRUST_KEYS_MAX);
    judge_manifest(&d, &m);
    judge_image(&d, &image);
}
