/* SPDX-License-Identifier: Apache-2.0 */
/* A whole envelope through the reader. As given: against the kit's keys. Then, when it has a head,
 * with the digests made right and signed anew, so that everything behind the signatures is reached.
 *
 * Holds: any cutting and both kinds of list keeping give the same answer; nothing that was not
 * signed by enough of the trusted is accepted, and no envelope is for a stranger's store; an
 * accepted envelope's prefixes, extensions and bit flips are refused; facts are those of OK. */

#include <stdlib.h>

#include "bulla/reader.h"
#include "fuzz.h"
#include "sign.h"

#define WORKSPACE 65536u

struct outcome {
    enum bulla_status status;
    uint32_t facts;
    uint32_t signers;
    uint64_t seen; /* of text, list and bundle, hashed */
    struct bulla_manifest manifest;
};

struct run {
    struct bulla_bytes all;
    struct bulla_reader reader;
    struct bulla_sectors sectors;
    enum bulla_status status;
    uint64_t seen;
    uint32_t last_event;
    size_t workspace_len;
    uint8_t head[BULLA_HEAD_MAX];
    uint8_t workspace[WORKSPACE];
    uint8_t chunk[BULLA_SECTOR_SIZE];
};

static void note(struct run *run, uint8_t kind, struct bulla_bytes bytes)
{
    run->seen = (run->seen ^ kind) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.len; i++)
        run->seen = (run->seen ^ bytes.data[i]) * UINT64_C(0x100000001b3);
}

static enum bulla_status load_group(struct run *run)
{
    struct bulla_list *list = &run->reader.list;
    uint32_t index = run->sectors.released / BULLA_SECTOR_SIZE / BULLA_GROUP_SECTORS;
    uint32_t offset, len;

    bulla_list_group_span(list, index, &offset, &len);
    FUZZ_CHECK(run->reader.list_offset + (uint64_t)offset + len <= run->all.len);
    return bulla_list_load_group(
        list, index, (struct bulla_bytes){run->all.data + run->reader.list_offset + offset, len});
}

static enum bulla_status take_bundle(struct run *run, struct bulla_bytes in)
{
    enum bulla_status status = BULLA_OK;
    struct bulla_bytes out;

    while (status == BULLA_OK && in.len > 0) {
        status = bulla_sectors_feed(&run->sectors, &in, &out);
        FUZZ_CHECK(status == BULLA_OK || out.len == 0);
        if (out.len > 0)
            note(run, 'b', out);
        if (status == BULLA_E_GROUP_NEEDED)
            status = load_group(run);
    }
    return status;
}

static enum bulla_status take_event(struct run *run, enum bulla_event event)
{
    struct bulla_reader *r = &run->reader;

    FUZZ_CHECK(event == BULLA_EVENT_TEXT || r->text.len == 0);
    FUZZ_CHECK(event == BULLA_EVENT_BUNDLE || r->bundled.len == 0);
    if (event == BULLA_EVENT_HEAD) {
        FUZZ_CHECK((r->facts & BULLA_FACT_SIGNED) != 0 && r->signers != 0);
        bulla_reader_workspace(r, run->workspace, run->workspace_len);
    }
    if (event == BULLA_EVENT_TEXT)
        note(run, 't', r->text);
    if (event == BULLA_EVENT_LIST) {
        FUZZ_CHECK(r->list.verified != 0 && (r->facts & BULLA_FACT_LIST) != 0);
        return bulla_sectors_init(&run->sectors, &r->list, run->chunk, sizeof(run->chunk));
    }
    return event == BULLA_EVENT_BUNDLE ? take_bundle(run, r->bundled) : BULLA_OK;
}

static bool take(void *ctx, struct bulla_bytes in)
{
    struct run *run = ctx;
    enum bulla_event event = BULLA_EVENT_MORE;

    do {
        size_t before = in.len;
        bool ended = event == BULLA_EVENT_END; /* and there is more */
        run->status = bulla_reader_feed(&run->reader, &in, &event);
        FUZZ_CHECK(in.len <= before && (!ended || run->status != BULLA_OK));
        FUZZ_CHECK(run->status == BULLA_OK || event == BULLA_EVENT_MORE);
        FUZZ_CHECK(run->status != BULLA_OK || event != BULLA_EVENT_MORE || in.len == 0);
        if (run->status == BULLA_OK)
            run->status = take_event(run, event);
    } while (run->status == BULLA_OK && event != BULLA_EVENT_MORE &&
             (event != BULLA_EVENT_END || in.len > 0));
    return run->status == BULLA_OK;
}

/* The first failure stays, and nothing is consumed or handed out any more. */
static void check_sticky(struct run *run)
{
    struct bulla_reader *r = &run->reader;
    struct bulla_bytes again = {run->all.data, run->all.len};
    enum bulla_event event;
    enum bulla_status failed = r->failed;

    if (failed == BULLA_OK)
        return;
    FUZZ_CHECK(bulla_reader_feed(r, &again, &event) == failed && again.len == run->all.len);
    FUZZ_CHECK(event == BULLA_EVENT_MORE && r->text.len == 0 && r->bundled.len == 0);
    FUZZ_CHECK(bulla_reader_finish(r) == failed);
}

static struct outcome judge(struct bulla_bytes in, const struct bulla_trust *trust,
                            const struct bulla_device *device, uint32_t way, size_t workspace_len)
{
    static struct run run;
    struct outcome out;

    run.all = in;
    run.seen = 0;
    run.workspace_len = workspace_len;
    uint32_t image = 0;
    do { /* once for each image */
        run.status = BULLA_OK;
        bulla_reader_init(&run.reader, trust, device, run.head);
        bulla_reader_want(&run.reader, image++);
        fuzz_feed(in, way, take, &run);
        if (run.status == BULLA_OK)
            run.status = bulla_reader_finish(&run.reader);
        if (run.status == BULLA_OK && run.reader.bundle_offset > 0)
            run.status = bulla_sectors_finish(&run.sectors);
        check_sticky(&run);
    } while (run.status == BULLA_OK && image < run.reader.manifest.images);
    memset(&out, 0, sizeof(out));
    out.status = run.status;
    if (out.status == BULLA_OK) {
        out.facts = run.reader.facts;
        out.signers = run.reader.signers;
        out.seen = run.seen;
        out.manifest = run.reader.manifest;
        /* spans point into run.head, which the next run fills again */
        FUZZ_CHECK(
            fuzz_inside(out.manifest.image.uri, (struct bulla_bytes){run.head, sizeof(run.head)}));
        note(&run, 'u', out.manifest.image.uri);
        note(&run, 'c', out.manifest.image.component);
        out.seen = run.seen;
    }
    return out;
}

/* ---- what an accepted envelope must be ---- */

static unsigned bits(uint32_t set)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 32; i++)
        count += set >> i & 1u;
    return count;
}

/* With another library and another Sig_structure: as many distinct keys as the threshold signed
 * the digest of these manifest bytes, and each of `signers` did. */
static void check_signed(const struct bulla_envelope *e, const struct bulla_trust *trust,
                         uint32_t signers)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_wrapper w;
    uint32_t holds = 0;

    FUZZ_CHECK(bulla_wrapper_decode(e->wrapper, &w) == BULLA_OK);
    fuzz_sha256(e->manifest_bstr, digest);
    FUZZ_CHECK(memcmp(digest, w.manifest_digest, sizeof(digest)) == 0);
    FUZZ_CHECK(memcmp(w.digest_bstr.data + 4, digest, sizeof(digest)) == 0);
    for (uint32_t b = 0; b < w.block_count; b++) {
        struct fuzz_out tbs = {NULL, 0, 0};
        if (w.blocks[b].signature.len != BULLA_SIGNATURE_SIZE)
            continue;
        fuzz_tbs(w.blocks[b].protected_header, w.digest_bstr, &tbs);
        uint32_t before = holds;
        for (uint32_t i = 0; i < trust->key_count && holds == before; i++) {
            if (fuzz_verify(trust->keys[i].key, (struct bulla_bytes){tbs.data, tbs.len},
                            w.blocks[b].signature.data))
                holds |= 1u << i;
        }
        fuzz_out_free(&tbs);
    }
    FUZZ_CHECK((signers & ~holds) == 0);
    FUZZ_CHECK(bits(signers) >= trust->threshold && signers != 0);
}

static void check_device(const struct bulla_device *d, const struct bulla_manifest *m)
{
    FUZZ_CHECK(!d->has_sequence || m->sequence > d->sequence ||
               (m->sequence == d->sequence && d->confirmed_digest != NULL));
    FUZZ_CHECK(!d->has_ids || (memcmp(d->vendor_id, m->image.vendor_id, BULLA_UUID_SIZE) == 0 &&
                               memcmp(d->class_id, m->image.class_id, BULLA_UUID_SIZE) == 0));
    FUZZ_CHECK(d->takes_modules || (m->images == 1 && m->image.name.len == 0));
    FUZZ_CHECK(!d->has_slot_size || m->image.name.len > 0 || m->image.size <= d->slot_size);
    FUZZ_CHECK(m->image.size >= 1);
}

/* Not even one bit may be wrong in what was signed, and not one byte may be missing or follow. */
static void check_neighbours(struct bulla_bytes in, const struct bulla_envelope *e,
                             const struct bulla_trust *trust, const struct bulla_device *device)
{
    struct fuzz_random random = fuzz_random(in, 77);
    size_t from = (size_t)(e->manifest_bstr.data - in.data), len = in.len;
    uint8_t *copy = malloc(in.len + 1);
    enum bulla_status expected = BULLA_OK; /* anything else */

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, in.data, in.len);
    switch (fuzz_below(&random, 3)) {
    case 0:
        copy[len++] = (uint8_t)fuzz_below(&random, 256);
        break;
    case 1:
        len = fuzz_below(&random, (uint32_t)len);
        expected = BULLA_E_ENVELOPE_TRUNCATED;
        break;
    default:
        copy[from + fuzz_below(&random, (uint32_t)(len - from))] ^=
            (uint8_t)(1u << fuzz_below(&random, 8));
        break;
    }
    enum bulla_status status =
        judge((struct bulla_bytes){copy, len}, trust, device, 0, WORKSPACE).status;
    FUZZ_CHECK(status != BULLA_OK && (expected == BULLA_OK || status == expected));
    free(copy);
}

static void check_head(struct bulla_bytes in, const struct bulla_envelope *e,
                       const struct bulla_trust *trust, const struct bulla_device *device,
                       enum bulla_status whole)
{
    struct bulla_envelope again = {.members = 0};
    struct bulla_manifest manifest;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers, facts;
    enum bulla_status status =
        bulla_head_judge((struct bulla_bytes){in.data, e->head_len}, trust, device, &again,
                         &manifest, digest, &signers, &facts);

    FUZZ_CHECK(status == BULLA_OK || (facts & BULLA_FACT_SIGNED) == 0);
    FUZZ_CHECK(whole != BULLA_OK || status == BULLA_OK);
    FUZZ_CHECK(status == BULLA_OK || status == whole);
}

/* One envelope, one store, one device. Closely: cut in one of the ways, its head alone, and an
 * accepted one with something wrong. */
static enum bulla_status check(struct bulla_bytes in, const struct bulla_trust *trust,
                               const struct bulla_device *device, bool closely)
{
    struct bulla_envelope e;
    size_t need;
    struct outcome whole = judge(in, trust, device, 0, WORKSPACE);
    bool headed = bulla_envelope_split(in, &e, &need) == BULLA_OK;

    if (closely) {
        struct fuzz_random random = fuzz_random(in, 9);
        uint32_t way = 1 + fuzz_below(&random, FUZZ_WAYS - 1);
        struct outcome cut =
            judge(in, trust, device, way, way == 2 ? BULLA_WORKSPACE_MIN : WORKSPACE);
        /* a list of more than 4 MiB does not fit the small one */
        bool fits = way != 2 || cut.status != BULLA_E_WORKSPACE_TOO_SMALL;
        FUZZ_CHECK(!fits || (cut.status == whole.status && cut.facts == whole.facts));
        FUZZ_CHECK(!fits || (cut.signers == whole.signers && cut.seen == whole.seen));
    }
    if (closely && headed && in.len > e.head_len)
        check_head(in, &e, trust, device, whole.status);
    if (whole.status != BULLA_OK)
        return whole.status;
    FUZZ_CHECK(headed && trust != fuzz_store(FUZZ_STORE_STRANGER));
    check_signed(&e, trust, whole.signers);
    check_device(device, &whole.manifest);
    FUZZ_CHECK((whole.facts & BULLA_FACT_SIGNED) != 0 && (whole.facts & BULLA_FACT_LIST) != 0);
    if (closely)
        check_neighbours(in, &e, trust, device);
    return BULLA_OK;
}

/* ---- devices that this envelope may be for ---- */

static void choose_device(const struct bulla_envelope *e, struct fuzz_random *random,
                          const uint8_t *digest, struct bulla_device *device)
{
    struct bulla_manifest m;
    static const uint8_t app[] = {'a', 'p', 'p'};

    memset(device, 0, sizeof(*device));
    device->takes_modules = fuzz_below(random, 4) > 0;
    if (bulla_manifest_decode(e->manifest, &m) != BULLA_OK || fuzz_below(random, 3) == 0)
        return;
    device->has_ids = fuzz_below(random, 2) == 0;
    memcpy(device->vendor_id, m.image.vendor_id, BULLA_UUID_SIZE);
    memcpy(device->class_id, m.image.class_id, BULLA_UUID_SIZE);
    device->class_id[15] ^= fuzz_below(random, 8) == 0;
    device->vendor_id[0] ^= fuzz_below(random, 8) == 0;
    device->has_sequence = fuzz_below(random, 2) == 0;
    device->sequence = m.sequence + fuzz_below(random, 3) - 1;
    device->confirmed_digest = fuzz_below(random, 2) == 0 ? digest : NULL;
    device->has_component = fuzz_below(random, 2) == 0;
    device->component = (struct bulla_bytes){app, sizeof(app)};
    device->has_slot_size = fuzz_below(random, 2) == 0;
    device->slot_size = m.image.size + fuzz_below(random, 8) - 1;
}

/* Signed by `set`: is that enough for the store, whoever may sign for what? */
static bool suffices(uint32_t set, unsigned store)
{
    if (store == FUZZ_STORE_STRANGER)
        return false;
    return store == 0 ? (set & 1u) != 0 : bits(store == 2 ? set & 3u : set) >= 2;
}

static bool is_about_signatures(enum bulla_status status)
{
    return status == BULLA_E_MANIFEST_DIGEST ||
           (status >= BULLA_E_BLOCK_COUNT && status <= BULLA_E_THRESHOLD_NOT_MET);
}

static void check_resealed(struct bulla_bytes in, const struct bulla_envelope *e)
{
    struct fuzz_random random = fuzz_random(in, 5);
    struct fuzz_out sealed = {NULL, 0, 0};
    struct bulla_device device;
    struct bulla_envelope again;
    size_t need;
    uint32_t set = fuzz_below(&random, 4) == 0 ? 1 + fuzz_below(&random, 7) : 7;
    uint32_t repair = fuzz_below(&random, 4) == 0 ? fuzz_below(&random, 8) : 7;
    bool with_kid = fuzz_below(&random, 4) > 0;
    unsigned store = fuzz_below(&random, FUZZ_STORES);
    uint8_t digest[BULLA_DIGEST_SIZE];

    fuzz_reseal(in, e, set, with_kid, repair, &sealed);
    struct bulla_bytes bytes = {sealed.data, sealed.len};
    if (bulla_envelope_split(bytes, &again, &need) == BULLA_OK) {
        fuzz_sha256(again.manifest_bstr, digest);
        digest[0] ^= fuzz_below(&random, 4) == 0;
        choose_device(&again, &random, digest, &device);
        enum bulla_status status = check(bytes, fuzz_store(store), &device, true);
        /* without a kid, a block of somebody who is not in the store refuses the envelope */
        bool all_known = store == 1 || (set & ~(store == 2 ? 3u : 1u)) == 0;
        if (with_kid || all_known)
            FUZZ_CHECK(is_about_signatures(status) == !suffices(set, store));
        FUZZ_CHECK(status != BULLA_OK || suffices(set, store));
    }
    fuzz_out_free(&sealed);
}

void fuzz_envelope(struct bulla_bytes in)
{
    static const struct bulla_device any = {.takes_modules = true};
    struct bulla_envelope e;
    size_t need = 0;
    enum bulla_status status = bulla_envelope_split(in, &e, &need);

    FUZZ_CHECK(need <= BULLA_HEAD_MAX || status != BULLA_E_ENVELOPE_TRUNCATED);
    FUZZ_CHECK(status != BULLA_E_ENVELOPE_TRUNCATED || need > in.len);
    for (unsigned i = 0; i < FUZZ_STORES; i++)
        (void)check(in, fuzz_store(i), &any, i == 0);
    if (status == BULLA_OK)
        check_resealed(in, &e);
}
