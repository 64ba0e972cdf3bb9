/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope as a stream: one state machine that device, signer and auditor all run. It owns the
 * order of checks; each check is another file's. */

#include "bulla/reader.h"

#include "bulla/mem.h"
#include "cbor_head.h"
#include "digest.h"

/* HEAD -> MEMBER -> (TEXT | LIST | OTHER | BUNDLE -> MEMBER)* -> DONE; one line a transition below.
 */
enum {
    STATE_HEAD,
    STATE_MEMBER,
    STATE_TEXT,
    STATE_LIST,
    STATE_OTHER, /* the list of an image that is not wanted */
    STATE_BUNDLE,
    STATE_DONE,
};

#define MEMBER_TEXT           23
#define MEMBERS_OF_HEAD       2u
#define MEMBERS_BESIDES_LISTS 4u /* and text and a bundled image */
#define BSTR_HEAD_MAX         9u

void bulla_reader_init(struct bulla_reader *r, const struct bulla_trust *trust,
                       const struct bulla_device *device, uint8_t *head)
{
    memset(r, 0, sizeof(*r));
    r->trust = trust;
    r->device = device;
    r->head = head;
    r->need = 1;
    r->state = STATE_HEAD;
}

void bulla_reader_want(struct bulla_reader *r, uint32_t index)
{
    r->want = index;
}

void bulla_reader_workspace(struct bulla_reader *r, uint8_t *workspace, size_t workspace_len)
{
    r->workspace = workspace;
    r->workspace_len = workspace_len;
}

/* Take up to n bytes off the input. */
static struct bulla_bytes consume(struct bulla_reader *r, struct bulla_bytes *in, uint32_t n)
{
    struct bulla_bytes span = {in->data, in->len < n ? in->len : n};
    if (span.len == 0)
        return span; /* in->data may be NULL */
    in->data += span.len;
    in->len -= span.len;
    r->offset += (uint32_t)span.len;
    return span;
}

/* Copy towards `need` bytes of buffer; true when they are there. */
static bool gather(struct bulla_reader *r, struct bulla_bytes *in, uint8_t *buffer)
{
    struct bulla_bytes span = consume(r, in, (uint32_t)(r->need - r->filled));
    if (span.len > 0)
        memcpy(buffer + r->filled, span.data, span.len);
    r->filled += span.len;
    return r->filled == r->need;
}

/* Signatures, then the manifest, then the device's own demands: in this order. */
static enum bulla_status
judge_head(const struct bulla_envelope *envelope, const struct bulla_trust *trust,
           const struct bulla_device *device, struct bulla_manifest *manifest,
           uint8_t manifest_digest[BULLA_DIGEST_SIZE], uint32_t *signers, uint32_t *facts)
{
    *facts = 0;
    enum bulla_status status =
        bulla_envelope_authenticate(envelope, trust, signers, manifest_digest, facts);
    if (status == BULLA_OK)
        status = bulla_manifest_decode(envelope->manifest, manifest);
    if (status == BULLA_OK && envelope->members > MEMBERS_BESIDES_LISTS + manifest->images)
        status = BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    if (status == BULLA_OK)
        status = bulla_policy_manifest(device, trust, *signers, manifest_digest, manifest, facts);
    if (status != BULLA_OK)
        *facts = 0;
    return status;
}

/* Whatever comes next is gathered from its first byte on. */
static void enter(struct bulla_reader *r, uint8_t state, uint32_t need)
{
    r->filled = 0;
    r->need = need;
    r->state = state;
}

static enum bulla_status read_head(struct bulla_reader *r, struct bulla_bytes *in,
                                   enum bulla_event *event)
{
    enum bulla_status status = BULLA_E_ENVELOPE_TRUNCATED;
    while (status == BULLA_E_ENVELOPE_TRUNCATED) {
        if (!gather(r, in, r->head))
            return BULLA_OK;
        status =
            bulla_envelope_split((struct bulla_bytes){r->head, r->filled}, &r->envelope, &r->need);
        if (r->need > BULLA_HEAD_MAX)
            return BULLA_E_ENVELOPE_TOO_LARGE;
    }
    if (status == BULLA_OK)
        status = judge_head(&r->envelope, r->trust, r->device, &r->manifest, r->manifest_digest,
                            &r->signers, &r->facts);
    if (status == BULLA_OK)
        status = bulla_manifest_image(r->envelope.manifest, r->want, &r->image);
    if (status != BULLA_OK)
        return status;
    uint32_t confirmed = 0;
    const uint8_t *digest = NULL;
    r->same_as_confirmed = bulla_policy_counted(r->device, &r->manifest, &confirmed, &digest) &&
                           r->manifest.sequence == confirmed;
    r->members_left = (uint8_t)(r->envelope.members - MEMBERS_OF_HEAD);
    enter(r, STATE_MEMBER, 1);
    *event = BULLA_EVENT_HEAD;
    return BULLA_OK;
}

/* The digest covers the byte string's head too. */
static enum bulla_status begin_text(struct bulla_reader *r, struct bulla_bytes bstr_head,
                                    uint64_t len)
{
    uint8_t head[BSTR_HEAD_MAX];
    if (r->text_seen)
        return BULLA_E_CBOR_KEY_REPEATED;
    if (r->list_next > 0)
        return BULLA_E_CBOR_KEY_ORDER;
    if (!r->manifest.has_text)
        return BULLA_E_TEXT_UNSIGNED;
    if (len > BULLA_TEXT_MAX)
        return BULLA_E_TEXT_TOO_LARGE;
    if (r->workspace_len < BULLA_TEXT_MAX)
        return BULLA_E_WORKSPACE_TOO_SMALL;
    r->text_seen = true;
    memcpy(head, bstr_head.data, bstr_head.len); /* the hash takes the key's place */
    bulla_sha256_init(&r->text_hash);
    bulla_sha256_update(&r->text_hash, (struct bulla_bytes){head, bstr_head.len});
    enter(r, STATE_TEXT, (uint32_t)len);
    return BULLA_OK;
}

/* A text key among the sector lists' names. */
struct found {
    uint32_t index; /* of the image whose list it names; the number of images: of none */
    uint32_t size;  /* of that list */
    uint32_t place; /* lists whose names come before it: shorter ones, then bytewise */
};

static enum bulla_status find_list(const struct bulla_reader *r, struct bulla_bytes key,
                                   struct found *found)
{
    *found = (struct found){r->manifest.images, 0, 0};
    for (uint32_t i = 0; i < r->manifest.images; i++) {
        struct bulla_image image;
        uint8_t name[BULLA_LIST_NAME_MAX];
        enum bulla_status status = bulla_manifest_image(r->envelope.manifest, i, &image);
        if (status != BULLA_OK)
            return status;
        size_t len = bulla_list_name(&image, name);
        int order = len != key.len ? (len < key.len ? -1 : 1) : memcmp(name, key.data, len);
        if (order < 0)
            found->place++;
        if (order == 0) {
            found->index = i;
            found->size = image.list_size;
        }
    }
    return BULLA_OK;
}

static enum bulla_status begin_list(struct bulla_reader *r, const struct found *found, uint64_t len)
{
    if (found->place < r->list_next)
        return found->place + 1u == r->list_next ? BULLA_E_CBOR_KEY_REPEATED
                                                 : BULLA_E_CBOR_KEY_ORDER;
    if (r->manifest.has_text && !r->text_seen)
        return BULLA_E_TEXT_MISSING;
    if (len != found->size)
        return BULLA_E_LIST_SIZE;
    r->lists++;
    r->list_next = (uint8_t)(found->place + 1u);
    r->member_left = (uint32_t)len;
    enter(r, found->index == r->want ? STATE_LIST : STATE_OTHER, 0);
    if (r->state == STATE_OTHER)
        return BULLA_OK;
    r->list_offset = r->offset;
    return bulla_list_init(&r->list, &r->list_hashes, &r->image, r->workspace, r->workspace_len);
}

/* The image itself, the only one, under exactly its URI, which must sort after "#X". */
static enum bulla_status begin_bundle(struct bulla_reader *r, const struct found *found,
                                      uint64_t len)
{
    if (r->bundle_seen)
        return BULLA_E_CBOR_KEY_REPEATED;
    if (r->lists == 0)
        return BULLA_E_ENVELOPE_MEMBER_MISSING;
    if (found->place == 0)
        return BULLA_E_CBOR_KEY_ORDER;
    if (len != r->manifest.image.size)
        return len < r->manifest.image.size ? BULLA_E_IMAGE_TRUNCATED : BULLA_E_IMAGE_TRAILING;
    r->bundle_seen = true;
    r->member_left = (uint32_t)len;
    r->bundle_offset = r->offset;
    enter(r, STATE_BUNDLE, 0);
    return BULLA_OK;
}

/* Key and byte string head of one member, gathered in r->key. */
static enum bulla_status begin_member(struct bulla_reader *r)
{
    struct bulla_cbor c;
    struct bulla_bytes key = {NULL, 0};
    bool is_text = false;
    bulla_cbor_init(&c, (struct bulla_bytes){r->key, r->filled});
    uint8_t major = bulla_cbor_peek(&c);
    if (major == MAJOR_TSTR)
        key = bulla_cbor_tstr(&c);
    else if (major == MAJOR_UINT)
        is_text = bulla_cbor_uint(&c) == MEMBER_TEXT;
    else
        bulla_cbor_fail(&c, BULLA_E_ENVELOPE_MEMBER_UNKNOWN);
    struct found found = {0};
    if (c.failed == BULLA_OK && !is_text)
        bulla_cbor_fail(&c, find_list(r, key, &found));
    bool is_list = found.index < r->manifest.images;
    bool is_bundle = r->manifest.images == 1 && bulla_bytes_equal(key, r->manifest.image.uri);
    if (c.failed == BULLA_OK && !is_text && !is_list && !is_bundle)
        return BULLA_E_ENVELOPE_MEMBER_UNKNOWN;
    struct bulla_bytes bstr_head = c.left;
    uint64_t len = bulla_cbor_bstr_head(&c);
    bstr_head.len -= c.left.len;
    if (c.failed == BULLA_E_CBOR_TRUNCATED) {
        if (c.missing > sizeof(r->key) - r->filled)
            return BULLA_E_ENVELOPE_MEMBER_UNKNOWN; /* a key longer than any URI */
        r->need = r->filled + (size_t)c.missing;
        return BULLA_OK;
    }
    if (c.failed != BULLA_OK)
        return c.failed;
    if (is_text)
        return begin_text(r, bstr_head, len);
    return is_list ? begin_list(r, &found, len) : begin_bundle(r, &found, len);
}

static enum bulla_status read_member(struct bulla_reader *r, struct bulla_bytes *in,
                                     enum bulla_event *event)
{
    if (r->members_left == 0) {
        if (r->lists < r->manifest.images) /* which come after the text */
            return BULLA_E_ENVELOPE_MEMBER_MISSING;
        r->state = STATE_DONE;
        *event = BULLA_EVENT_END;
        return BULLA_OK;
    }
    return gather(r, in, r->key) ? begin_member(r) : BULLA_OK;
}

static void end_member(struct bulla_reader *r)
{
    r->members_left--;
    enter(r, STATE_MEMBER, 1);
}

static enum bulla_status read_text(struct bulla_reader *r, struct bulla_bytes *in,
                                   enum bulla_event *event)
{
    if (!gather(r, in, r->workspace))
        return BULLA_OK;
    struct bulla_bytes text = {r->workspace, r->filled};
    bulla_sha256_update(&r->text_hash, text);
    uint32_t proved = bulla_digest_end(&r->text_hash, r->manifest.text_digest, BULLA_YES);
    if (proved != BULLA_YES)
        return bulla_digest_why(proved, BULLA_E_TEXT_DIGEST);
    enum bulla_status status = bulla_text_check(text);
    if (status != BULLA_OK)
        return status;
    r->text = text;
    *event = BULLA_EVENT_TEXT;
    end_member(r);
    return BULLA_OK;
}

static enum bulla_status read_list(struct bulla_reader *r, struct bulla_bytes span,
                                   enum bulla_event *event)
{
    enum bulla_status status = bulla_list_feed(&r->list, span);
    if (status != BULLA_OK || r->member_left > 0)
        return status;
    status = bulla_list_finish(&r->list);
    if (status != BULLA_OK)
        return status;
    r->facts |= r->list.verified;
    *event = BULLA_EVENT_LIST;
    return BULLA_OK;
}

/* Lists and bundle are passed on as they come. */
static enum bulla_status pass_content(struct bulla_reader *r, struct bulla_bytes *in,
                                      enum bulla_event *event)
{
    enum bulla_status status = BULLA_OK;
    struct bulla_bytes span = consume(r, in, r->member_left);
    r->member_left -= (uint32_t)span.len;
    if (r->state == STATE_LIST) {
        status = read_list(r, span, event);
    } else if (r->state == STATE_BUNDLE && span.len > 0) {
        r->bundled = span;
        *event = BULLA_EVENT_BUNDLE;
    }
    if (r->member_left == 0)
        end_member(r);
    return status;
}

static enum bulla_status step(struct bulla_reader *r, struct bulla_bytes *in,
                              enum bulla_event *event)
{
    switch (r->state) {
    case STATE_HEAD:
        return read_head(r, in, event);
    case STATE_MEMBER:
        return read_member(r, in, event);
    case STATE_TEXT:
        return read_text(r, in, event);
    case STATE_LIST:
    case STATE_OTHER:
    case STATE_BUNDLE:
        return pass_content(r, in, event);
    default:
        *event = BULLA_EVENT_END;
        return in->len > 0 ? BULLA_E_ENVELOPE_TRAILING : BULLA_OK;
    }
}

enum bulla_status bulla_reader_feed(struct bulla_reader *r, struct bulla_bytes *in,
                                    enum bulla_event *event)
{
    *event = BULLA_EVENT_MORE;
    r->text = r->bundled = (struct bulla_bytes){NULL, 0};
    while (r->failed == BULLA_OK && *event == BULLA_EVENT_MORE) {
        uint32_t state = r->state;
        size_t left = in->len;
        r->failed = step(r, in, event);
        if (r->state == state && in->len == left)
            break; /* nothing moved: more input is needed */
    }
    if (r->failed != BULLA_OK)
        *event = BULLA_EVENT_MORE;
    return r->failed;
}

enum bulla_status bulla_reader_finish(struct bulla_reader *r)
{
    struct bulla_bytes nothing = {NULL, 0};
    enum bulla_event event;
    enum bulla_status status = bulla_reader_feed(r, &nothing, &event);
    if (status != BULLA_OK)
        return status;
    return event == BULLA_EVENT_END ? BULLA_OK : BULLA_E_ENVELOPE_TRUNCATED;
}

enum bulla_status bulla_head_judge(struct bulla_bytes head, const struct bulla_trust *trust,
                                   const struct bulla_device *device,
                                   struct bulla_envelope *envelope, struct bulla_manifest *manifest,
                                   uint8_t manifest_digest[BULLA_DIGEST_SIZE], uint32_t *signers,
                                   uint32_t *facts)
{
    size_t need;
    *facts = 0;
    *signers = 0;
    enum bulla_status status = bulla_envelope_split(head, envelope, &need);
    if (status != BULLA_OK)
        return status;
    if (envelope->head_len != head.len)
        return BULLA_E_ENVELOPE_TRAILING;
    return judge_head(envelope, trust, device, manifest, manifest_digest, signers, facts);
}
