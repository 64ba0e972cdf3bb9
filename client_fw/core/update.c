/* SPDX-License-Identifier: Apache-2.0 */
/* An update. One attempt is a straight line: envelope -> head judged -> list -> sectors -> whole
 * image -> otadata. An envelope of several images is read once for each of them, and selected when
 * the last one is there. Where the network ended it, it goes on: in the same call behind the last
 * byte that came, after a reset from the envelope. No note of an earlier attempt is ever trusted:
 * what flash holds with the right digest is not fetched again. */

#include "bulla/mem.h"
#include "parts.h"

#define BACK_OFF_MS 250u
#define MS_PER_S    1000u
/* Less than this is not worth a further attempt: a server that sends a byte and hangs up would
 * never be given up. */
#define PROGRESS_MIN 1024u

struct update {
    struct bulla_client *client;
    const struct bulla_url *url;
    const struct bulla_update_options *options;
    struct bulla_update_result *result;
    struct bulla_payload payload;
    bool stop;      /* the rest of the envelope is not wanted in this response */
    bool listed;    /* the list is verified, and where the image lies is known */
    bool fetching;  /* further requests follow the envelope's */
    bool alone;     /* it has modules and no app */
    uint32_t image; /* the one that is being fetched: its place in the manifest */
    bool over;      /* another release came instead of the next image's: from the first one on */
    struct bulla_install app; /* how far the app's image is, while its modules come */
    uint32_t sectors;         /* of the images before this one */
    bool has_release;         /* an attempt came as far as a head; it was: */
    uint8_t release[BULLA_DIGEST_SIZE];
    uint32_t changes;        /* how often another one was offered than before */
    enum bulla_status doubt; /* what came is not this release's: has another one taken its place? */
    bool certain;            /* no: the same one is offered again */
    uint16_t doubt_http;     /* the status of that answer */
    uint32_t reached_at_idle; /* payload.reached when a retry last brought something new */
};

/* ---- the envelope ---- */

/* A server that offers another release at each attempt always has something new to send. */
static void note_release(struct update *u)
{
    const uint8_t *digest = u->client->reader.manifest_digest;

    if (u->has_release && !bulla_digest_equal(u->release, digest)) {
        u->changes++;
        u->result->sectors_written = u->result->sectors_copied = 0; /* those were the other one's */
        u->payload.reached = u->reached_at_idle = 0;
        u->image = u->sectors = 0;
        u->doubt = BULLA_OK;
    }
    memcpy(u->release, digest, sizeof(u->release));
    u->has_release = true;
}

/* Is what came before confirmed once more, and in use? */
static enum bulla_status is_in_use(struct update *u, bool *in_use)
{
    struct bulla_client *client = u->client;
    uint8_t digest[BULLA_DIGEST_SIZE];

    if (u->alone) {
        *in_use = bulla_modules_hold(client, BULLA_SLOT_NONE);
        return BULLA_OK;
    }
    /* confirmed, but does it run? After a fall-back it is installed once more */
    enum bulla_status status = bulla_slot_claim(client, u->payload.install.running, digest, in_use);
    *in_use = *in_use && bulla_digest_equal(digest, client->reader.manifest_digest) &&
              (client->reader.manifest.images == 1 ||
               bulla_modules_hold(client, u->payload.install.running));
    return status;
}

/* Is there a place for all of it? */
static enum bulla_status judge_room(const struct update *u)
{
    const struct bulla_manifest *manifest = &u->client->reader.manifest;
    int32_t target = u->payload.install.target;

    if (!u->alone && target == BULLA_SLOT_NONE)
        return BULLA_E_NO_SLOT;
    return u->alone || manifest->images > 1 ? bulla_modules_plan(u->client, target) : BULLA_OK;
}

/* Signed, decoded, allowed. Is it new, and is there room? */
static enum bulla_status take_head(struct update *u)
{
    struct bulla_client *client = u->client;
    const struct bulla_reader *reader = &client->reader;
    const struct bulla_approval *approval = u->options->approval;
    bool in_use = false;
    enum bulla_status status = BULLA_OK;

    u->result->sequence = reader->manifest.sequence;
    u->alone = reader->manifest.image.name.len > 0;
    note_release(u);
    u->certain = u->doubt != BULLA_OK;
    if (u->certain)
        return u->doubt;
    u->over = u->stop = u->image != reader->want;
    if (u->over)
        return BULLA_OK;
    /* signed, yet nowhere this device could go: that is the release's fault, not the caller's */
    if (bulla_url_resolve(u->url, reader->image.uri, &client->judged_url) != BULLA_OK)
        return BULLA_E_URI_FORM;
    /* also where there is nothing newer: another release may be meant */
    if (u->image == 0 && approval != NULL && approval->head != NULL)
        status = approval->head(approval->ctx, &reader->manifest);
    if (status == BULLA_OK && reader->same_as_confirmed && u->image == 0)
        status = is_in_use(u, &in_use);
    if (status == BULLA_OK && in_use) {
        status = u->alone ? bulla_modules_approve(client, approval)
                          : bulla_install_approve(&u->payload.install);
        u->result->nothing_newer = u->stop = status == BULLA_OK;
    }
    if (status != BULLA_OK || in_use)
        return status;
    if (!u->alone && !u->options->retry)
        status = bulla_client_judge_trials(client, reader->manifest_digest);
    if (status == BULLA_OK)
        status = judge_room(u);
    if (status != BULLA_OK)
        return status;
    bulla_reader_workspace(&client->reader, u->options->workspace, u->options->workspace_len);
    if (u->options->progress != NULL)
        u->options->progress->report(u->options->progress->ctx, 0, reader->image.size);
    return BULLA_OK;
}

/* The image lies in the envelope, from here on. */
static enum bulla_status take_bundle(struct update *u)
{
    struct bulla_reader *reader = &u->client->reader;

    if (reader->bundle_offset > UINT32_MAX - reader->image.size)
        return BULLA_E_IMAGE_TOO_LARGE; /* its end could not be asked for */
    if (!u->payload.bundled) {
        u->payload.bundled = u->listed = true;
        u->payload.base = reader->bundle_offset;
        bulla_payload_etag(&u->payload);
    }
    if (reader->list.whole)
        return bulla_payload_feed(&u->payload, reader->bundled);
    /* groups of the list must be fetched in between: this response cannot go on */
    u->stop = true;
    return BULLA_OK;
}

static enum bulla_status take_event(struct update *u, enum bulla_event event)
{
    switch (event) {
    case BULLA_EVENT_HEAD:
        return take_head(u);
    case BULLA_EVENT_LIST:
        return bulla_payload_begin(&u->payload);
    case BULLA_EVENT_BUNDLE:
        return take_bundle(u);
    case BULLA_EVENT_MORE:
    case BULLA_EVENT_TEXT:
    case BULLA_EVENT_END:
        return BULLA_OK;
    }
    return BULLA_E_NOT_JUDGED;
}

static enum bulla_status feed_envelope(struct update *u, struct bulla_bytes in)
{
    enum bulla_event event = BULLA_EVENT_MORE;

    do {
        enum bulla_status status = bulla_reader_feed(&u->client->reader, &in, &event);
        if (status == BULLA_OK)
            status = take_event(u, event);
        if (status != BULLA_OK || u->stop)
            return status;
    } while (in.len > 0 || (event != BULLA_EVENT_MORE && event != BULLA_EVENT_END));
    return BULLA_OK;
}

static enum bulla_status read_envelope(struct update *u)
{
    struct bulla_client *client = u->client;
    bulla_reader_init(&client->reader, &client->trust, &client->device, client->head);
    bulla_reader_want(&client->reader, u->image);
    enum bulla_status status = bulla_fetch_whole(client, u->options->transport, u->url);
    if (status != BULLA_OK)
        return status;
    for (;;) {
        size_t len = 0;
        status = bulla_fetch_read(client, u->options->transport, sizeof(client->received), &len);
        if (status != BULLA_OK)
            return status;
        if (len == 0)
            return bulla_reader_finish(&client->reader);
        status = feed_envelope(u, (struct bulla_bytes){client->received, len});
        if (status != BULLA_OK || u->stop)
            return status;
    }
}

/* ---- attempts ---- */

/* The list of the image at hand. */
static enum bulla_status read_list(struct update *u)
{
    enum bulla_status status = BULLA_OK;

    do {
        u->stop = u->fetching = u->over = false;
        u->result->sectors_kept = 0;
        status = read_envelope(u);
        if (status == BULLA_E_COMPONENT_MISMATCH && u->image > 0) {
            /* what is offered now has no such image: it is another release */
            u->image = u->sectors = 0;
            u->over = u->stop = true;
            u->changes++;
            status = BULLA_OK;
        }
        if (status != BULLA_OK || u->result->nothing_newer)
            return status;
        if (u->stop)
            u->options->transport->close(u->options->transport->ctx);
        else
            u->listed = u->payload.end_seen = true; /* the response ended with the envelope */
    } while (u->over && u->changes <= BULLA_RETRIES_MAX);
    return u->over ? BULLA_E_LIST_DIGEST : BULLA_OK;
}

/* The image at hand is on flash: the next one, or the end. */
static enum bulla_status end_image(struct update *u, bool *all)
{
    struct bulla_install *install = &u->payload.install;
    const struct bulla_reader *reader = &u->client->reader;
    uint32_t demanded = bulla_policy_required(&u->client->device) &
                        ~(uint32_t)(BULLA_FACTS_OF_APP | BULLA_FACT_DIGEST);

    *all = u->image + 1u >= reader->manifest.images;
    if (reader->manifest.images > 1 || u->alone) {
        /* of each image's own reading; what is left out is asked of flash at the end */
        if (bulla_policy_verdict(reader->facts, demanded) != BULLA_YES)
            return BULLA_E_NOT_JUDGED;
        if (u->image == 0)
            u->app = *install;
        install = &u->app;
    }
    if (*all)
        return u->alone ? bulla_modules_finish(install) : bulla_install_finish(install);
    u->sectors += reader->list.count;
    u->image++;
    u->listed = false;
    u->payload.reached = u->reached_at_idle = 0;
    return BULLA_OK;
}

/* From the envelope on; or, when only the image's connection broke, from where it did. */
static enum bulla_status attempt(struct update *u)
{
    bool all = false;
    enum bulla_status status = BULLA_OK;

    while (status == BULLA_OK && !all) {
        if (!u->listed)
            status = read_list(u);
        if (status != BULLA_OK || u->result->nothing_newer)
            return status;
        u->fetching = true;
        status = bulla_payload_fetch(&u->payload);
        if (status == BULLA_OK)
            status = bulla_sectors_finish(&u->payload.sectors);
        if (status == BULLA_OK)
            status = end_image(u, &all);
    }
    return status;
}

/* The network failed in a way that passes. Not: a stall, which has cost its 15 s already. */
static bool may_pass(const struct update *u, enum bulla_status status)
{
    uint16_t code = u->client->response.status;

    if (status == BULLA_E_HTTP_STATUS)
        return code == 429 || code == 500 || code == 502 || code == 503 || code == 504;
    return status == BULLA_E_NET_RESOLVE || status == BULLA_E_NET_CONNECT ||
           status == BULLA_E_NET_CLOSED;
}

/* What came for the image does not fit the envelope read before. That is what it looks like when a
 * new release is published in between; read the envelope again, and the same one is refused. */
static bool may_be_replaced(const struct update *u, enum bulla_status status)
{
    uint16_t code = u->client->response.status;

    if (!u->fetching)
        return false;
    if (status == BULLA_E_HTTP_STATUS)
        return code == 404 || code == 410 || code == 416;
    return status == BULLA_E_SECTOR_DIGEST || status == BULLA_E_LIST_DIGEST ||
           status == BULLA_E_IMAGE_TRUNCATED || status == BULLA_E_HTTP_LENGTH ||
           status == BULLA_E_HTTP_RANGE || status == BULLA_E_ENVELOPE_TRAILING;
}

/* Wait before retry number `retry` (from 0); false when the deadline comes first. */
static bool back_off(const struct update *u, uint32_t retry)
{
    const struct bulla_clock *clock = u->options->clock;
    uint32_t base = BACK_OFF_MS << retry;
    uint64_t wait = base + clock->random(clock->ctx) % base;
    uint64_t asked = (uint64_t)u->client->response.retry_after * MS_PER_S;
    uint64_t now = clock->now_ms(clock->ctx);

    if (asked > wait)
        wait = asked;
    if (now >= u->options->deadline_ms || wait >= u->options->deadline_ms - now ||
        wait > UINT32_MAX)
        return false;
    clock->sleep_ms(clock->ctx, (uint32_t)wait);
    return true;
}

/* Has the image grown since a retry last brought something? What is fetched again is nothing new.
 */
static bool brought_something(struct update *u)
{
    if (u->payload.reached - u->reached_at_idle < PROGRESS_MIN)
        return false;
    u->reached_at_idle = u->payload.reached;
    return true;
}

/* What the update ends with. Content that was refused is not hidden behind trouble with the network
 * after it. */
static enum bulla_status end(const struct update *u, enum bulla_status status)
{
    bool doubted =
        u->certain || (bulla_status_is_refusal(u->doubt) && !bulla_status_is_refusal(status));

    u->result->http_status = doubted ? u->doubt_http : u->client->response.status;
    return doubted ? u->doubt : status;
}

static enum bulla_status run(struct update *u)
{
    const struct bulla_transport *transport = u->options->transport;
    uint32_t idle = 0; /* retries in a row that brought nothing new of the same release */

    for (;;) {
        enum bulla_status status = attempt(u);
        transport->close(transport->ctx);
        if (status == BULLA_OK)
            return BULLA_OK;
        if (u->certain || u->options->clock == NULL)
            return end(u, status);
        if (may_be_replaced(u, status)) {
            u->doubt = status;
            u->doubt_http = u->client->response.status;
            u->listed = false;
        } else if (!may_pass(u, status)) {
            return end(u, status);
        }
        /* TLS records come whole or not at all, and a short answer is a short record: a connection
         * that never lives through a long one still brings a sector */
        if (brought_something(u))
            idle = 0;
        else if (u->fetching)
            u->payload.window = 1;
        if (idle == BULLA_RETRIES_MAX || u->changes > BULLA_RETRIES_MAX || !back_off(u, idle))
            return end(u, status);
        idle++;
        u->result->retries++;
    }
}

enum bulla_status bulla_client_update(struct bulla_client *client, const struct bulla_url *url,
                                      const struct bulla_update_options *options,
                                      struct bulla_update_result *result)
{
    struct update u = {.client = client, .url = url, .options = options, .result = result};
    struct bulla_install *install = &u.payload.install;
    install->running = install->target = BULLA_SLOT_NONE;

    memset(result, 0, sizeof(*result));
    result->slot = result->target = BULLA_SLOT_NONE;
    result->has_confirmed = client->has_confirmed;
    result->confirmed = client->confirmed.sequence;
    if (client->state.damaged)
        return BULLA_E_STATE_DAMAGED; /* nothing could be recorded, and what is newer is unknown */
    if (!options->recovery && bulla_client_in_trial(client))
        return BULLA_E_TRIAL_PENDING;
    enum bulla_status status =
        options->recovery ? BULLA_OK : bulla_client_running(client, &install->running);
    if (status == BULLA_OK)
        status = options->factory ? bulla_target_factory(client, install->running, &install->target)
                                  : bulla_target_choose(client, install->running, &install->target);
    if (status == BULLA_E_NO_SLOT && client->takes_modules && !options->factory)
        status = BULLA_OK; /* modules alone need none */
    if (status != BULLA_OK)
        return status;
    if (client->layout.in_place && install->target == install->running)
        install->running = BULLA_SLOT_FACTORY; /* it goes on from where it is executed */
    result->target = install->target;
    install->client = client;
    install->approval = options->approval;
    install->result = result;
    u.payload.transport = options->transport;
    u.payload.progress = options->progress;
    u.payload.envelope_url = url;
    u.payload.workspace = options->workspace;
    u.payload.workspace_len = options->workspace_len;
    bulla_client_device(client, install->target, false, &client->device);
    client->device.has_slot_size = install->target != BULLA_SLOT_NONE;
    status = run(&u);
    /* decoded only once its signatures held, and told even if it is not for this device */
    result->manifest = client->reader.manifest;
    result->manifest_known = result->manifest.image.size != 0;
    if (status != BULLA_OK)
        bulla_client_note_once(client, BULLA_DID_FAIL_UPDATE, install->target, status,
                               result->sequence);
    if (status != BULLA_OK || result->nothing_newer)
        return status;
    result->slot = u.alone ? BULLA_SLOT_NONE : install->target;
    /* what an earlier attempt wrote was not there before */
    uint32_t count = u.sectors + client->reader.list.count;
    result->sectors_kept = result->sectors_written < count ? count - result->sectors_written : 0;
    return BULLA_OK;
}
