/* SPDX-License-Identifier: Apache-2.0 */
/* An update: the only file that drives transport and flash together. One attempt is a straight
 * line: envelope -> head judged -> list -> sectors -> whole image -> otadata. An attempt that the
 * network ended is simply made again: what flash holds with the right digest is not fetched twice,
 * and no other memory of the first attempt is trusted. */

#include "bulla/mem.h"
#include "parts.h"

#define BACK_OFF_MS 250u
#define MS_PER_S    1000u

struct update {
    struct bulla_client *client;
    const struct bulla_url *url;
    const struct bulla_update_options *options;
    struct bulla_update_result *result;
    struct bulla_install install;
    struct bulla_sectors sectors;
    bool stop;        /* the rest of the envelope is not wanted in this response */
    bool bundled;     /* the image lies in the envelope, to be fetched from it by parts */
    bool end_seen;    /* the response with the bundle's last byte ended there */
    bool has_release; /* an attempt came as far as a head; it was: */
    uint8_t release[BULLA_DIGEST_SIZE];
    uint32_t changes; /* how often another one was offered than before */
};

static void report(const struct update *u)
{
    const struct bulla_progress *progress = u->options->progress;

    if (progress != NULL)
        progress->report(progress->ctx, u->install.done, u->client->reader.manifest.image.size);
}

/* Bytes of the image from wherever they come: sector by sector into the slot. */
static enum bulla_status feed_image(struct update *u, struct bulla_bytes in)
{
    while (in.len > 0) {
        struct bulla_bytes sector;
        enum bulla_status status = bulla_sectors_feed(&u->sectors, &in, &sector);
        if (status == BULLA_OK && sector.len > 0) {
            status = bulla_install_take(&u->install, sector);
            if (status == BULLA_OK)
                report(u);
        }
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

/* ---- the envelope ---- */

/* A server that offers another release at each attempt always has something new to send. */
static void note_release(struct update *u)
{
    const uint8_t *digest = u->client->reader.manifest_digest;

    if (u->has_release && !bulla_digest_equal(u->release, digest)) {
        u->changes++;
        u->result->sectors_written = 0; /* those were the other one's */
    }
    memcpy(u->release, digest, sizeof(u->release));
    u->has_release = true;
}

/* Signed, decoded, allowed. Is it new, and has it failed too often? */
static enum bulla_status take_head(struct update *u)
{
    struct bulla_client *client = u->client;
    const struct bulla_reader *reader = &client->reader;
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_trial trial;
    bool found = false;
    enum bulla_status status = BULLA_OK;

    u->result->sequence = reader->manifest.sequence;
    note_release(u);
    /* signed, yet nowhere this device could go: that is the release's fault, not the caller's */
    if (bulla_url_resolve(u->url, reader->manifest.image.uri, &client->image_url) != BULLA_OK)
        return BULLA_E_URI_FORM;
    if (reader->same_as_confirmed) {
        /* confirmed, but does it run? After a fall-back it is installed once more */
        status = bulla_slot_claim(client, u->install.running, digest, &found);
        if (status != BULLA_OK)
            return status;
        if (found && bulla_digest_equal(digest, reader->manifest_digest)) {
            u->result->nothing_newer = u->stop = true;
            return BULLA_OK;
        }
    }
    status = bulla_state_get_trial(&client->state, &trial, &found);
    if (status != BULLA_OK)
        return status;
    if (found && trial.failed >= BULLA_TRIALS_MAX && !u->options->retry &&
        bulla_digest_equal(trial.manifest_digest, reader->manifest_digest))
        return BULLA_E_TRIAL_FAILED_BEFORE;
    bulla_reader_workspace(&client->reader, u->options->workspace, u->options->workspace_len);
    u->install.done = 0;
    u->install.facts = 0;
    u->install.judged = false;
    report(u);
    return BULLA_OK;
}

static enum bulla_status take_list(struct update *u)
{
    enum bulla_status status = bulla_install_begin(&u->install);
    if (status != BULLA_OK)
        return status;
    return bulla_sectors_init(&u->sectors, &u->client->reader.list, u->client->sector,
                              sizeof(u->client->sector));
}

static enum bulla_status take_event(struct update *u, enum bulla_event event)
{
    switch (event) {
    case BULLA_EVENT_HEAD:
        return take_head(u);
    case BULLA_EVENT_LIST:
        return take_list(u);
    case BULLA_EVENT_BUNDLE:
        if (u->client->reader.list.whole)
            return feed_image(u, u->client->reader.bundled);
        /* groups of the list must be fetched in between: this response cannot go on */
        u->bundled = u->stop = true;
        return BULLA_OK;
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

/* Grouped list: the digests of the next sector's group, again from the envelope. */
static enum bulla_status load_group(struct update *u, uint32_t sector)
{
    struct bulla_reader *reader = &u->client->reader;
    uint8_t *group = u->client->sector; /* between two sectors it is free */
    uint32_t index = sector / BULLA_GROUP_SECTORS;
    uint32_t offset = 0;
    uint32_t group_len = 0;

    bulla_list_group_span(&reader->list, index, &offset, &group_len);
    struct bulla_stretch s = {
        .transport = u->options->transport,
        .url = u->url,
        .from = (uint64_t)reader->list_offset + offset,
        .to = (uint64_t)reader->list_offset + offset + group_len,
    };
    enum bulla_status status = bulla_stretch_open(u->client, &s);
    uint32_t filled = 0;
    while (status == BULLA_OK && filled < group_len) {
        size_t len = 0;
        status = bulla_stretch_read(u->client, &s, group_len - filled, &len);
        if (status != BULLA_OK)
            return status;
        memcpy(group + filled, u->client->received, len);
        filled += (uint32_t)len;
    }
    if (status != BULLA_OK)
        return status;
    bulla_stretch_close(u->client, &s);
    return bulla_list_load_group(&reader->list, index, (struct bulla_bytes){group, group_len});
}

/* ---- the image ---- */

/* Does flash hold this sector already? (What lies behind the image's end is install.c's matter.) */
static enum bulla_status sector_is_there(struct update *u, uint32_t offset, uint32_t len,
                                         const uint8_t *expected, bool *there)
{
    struct bulla_client *client = u->client;
    uint8_t digest[BULLA_DIGEST_SIZE];
    struct bulla_sha256 hash;

    *there = false;
    bulla_sha256_init(&hash);
    for (uint32_t at = 0; at < len; at += BULLA_RECEIVE_SIZE) {
        uint32_t part = len - at < BULLA_RECEIVE_SIZE ? len - at : BULLA_RECEIVE_SIZE;
        enum bulla_status status = client->flash->read(
            client->flash->ctx, u->install.partition->offset + offset + at, client->received, part);
        if (status != BULLA_OK)
            return status;
        bulla_sha256_update(&hash, (struct bulla_bytes){client->received, part});
    }
    enum bulla_status status = bulla_sha256_finish(&hash, digest);
    *there = status == BULLA_OK && bulla_digest_equal(digest, expected);
    return status;
}

/* Take the sectors that need no download, up to `end`: through the same check as those that do. */
static enum bulla_status take_present(struct update *u, uint32_t end)
{
    struct bulla_client *client = u->client;

    while (u->sectors.released < end) {
        uint32_t offset = u->sectors.released;
        uint32_t len = end - offset < BULLA_SECTOR_SIZE ? end - offset : BULLA_SECTOR_SIZE;
        const uint8_t *expected =
            bulla_list_sector(&client->reader.list, offset / BULLA_SECTOR_SIZE);
        bool there = false;
        if (expected == NULL)
            return BULLA_E_GROUP_NEEDED;
        enum bulla_status status = sector_is_there(u, offset, len, expected, &there);
        if (status != BULLA_OK || !there)
            return status;
        for (uint32_t at = 0; at < len && status == BULLA_OK; at += BULLA_RECEIVE_SIZE) {
            uint32_t part = len - at < BULLA_RECEIVE_SIZE ? len - at : BULLA_RECEIVE_SIZE;
            status =
                client->flash->read(client->flash->ctx, u->install.partition->offset + offset + at,
                                    client->received, part);
            if (status == BULLA_OK)
                status = feed_image(u, (struct bulla_bytes){client->received, part});
        }
        if (status != BULLA_OK)
            return status;
    }
    return BULLA_OK;
}

/* The last byte of the bundle was read: the envelope ends with it, or is refused. */
static enum bulla_status end_bundle(struct update *u)
{
    size_t len = 0;
    enum bulla_status status = bulla_fetch_read(u->client, u->options->transport, 1, &len);
    if (status != BULLA_OK)
        return status;
    u->end_seen = true;
    return len > 0 ? BULLA_E_ENVELOPE_TRAILING : BULLA_OK;
}

/* Flash held the end of the bundle: its last byte is fetched all the same, to see what follows. */
static enum bulla_status fetch_end(struct update *u)
{
    size_t len = 0;
    uint64_t size = (uint64_t)u->client->reader.bundle_offset + u->install.size;
    struct bulla_stretch s = {
        .transport = u->options->transport,
        .url = u->url,
        .from = size - 1u,
        .to = size,
        .size = size,
    };
    enum bulla_status status = bulla_stretch_open(u->client, &s);
    if (status == BULLA_OK)
        status = bulla_stretch_read(u->client, &s, 1, &len);
    return status == BULLA_OK ? end_bundle(u) : status;
}

/* Fetch the image's bytes [released, end). base: where the image begins in its file. */
static enum bulla_status fetch(struct update *u, const struct bulla_url *url, uint64_t base,
                               uint32_t end)
{
    struct bulla_stretch s = {
        .transport = u->options->transport,
        .url = url,
        .from = base + u->sectors.released,
        .to = base + end,
        .size = base + u->install.size,
    };
    enum bulla_status status = bulla_stretch_open(u->client, &s);
    while (status == BULLA_OK && u->sectors.released < end) {
        size_t len = 0;
        uint64_t have = u->sectors.released + u->sectors.filled;
        status = bulla_stretch_read(u->client, &s, end - have, &len);
        if (status == BULLA_OK)
            status = feed_image(u, (struct bulla_bytes){u->client->received, len});
    }
    if (status != BULLA_OK)
        return status;
    if (u->bundled && end == u->install.size)
        return end_bundle(u);
    bulla_stretch_close(u->client, &s);
    return BULLA_OK;
}

static enum bulla_status fetch_image(struct update *u)
{
    struct bulla_client *client = u->client;
    const struct bulla_list *list = &client->reader.list;
    const struct bulla_url *url = u->url;
    uint32_t size = u->install.size;

    if (!u->bundled)
        url = &client->image_url;
    while (u->sectors.released < size) {
        uint32_t sector = u->sectors.released / BULLA_SECTOR_SIZE;
        uint32_t group_end = (sector / BULLA_GROUP_SECTORS + 1u) * BULLA_GROUP_SECTORS;
        uint32_t end = size;
        enum bulla_status status = BULLA_OK;
        if (!list->whole && group_end < list->count)
            end = group_end * BULLA_SECTOR_SIZE;
        if (bulla_list_sector(list, sector) == NULL)
            status = load_group(u, sector);
        if (status == BULLA_OK)
            status = take_present(u, end);
        if (status == BULLA_OK && u->sectors.released < end)
            status = fetch(u, url, u->bundled ? client->reader.bundle_offset : 0, end);
        if (status != BULLA_OK)
            return status;
    }
    return u->bundled && !u->end_seen ? fetch_end(u) : BULLA_OK;
}

/* ---- attempts ---- */

static enum bulla_status attempt(struct update *u)
{
    u->stop = u->bundled = u->end_seen = false;
    u->result->sectors_kept = 0;
    enum bulla_status status = read_envelope(u);
    if (status != BULLA_OK || u->result->nothing_newer)
        return status;
    if (u->bundled)
        u->options->transport->close(u->options->transport->ctx);
    if (u->sectors.released < u->install.size)
        status = fetch_image(u);
    if (status == BULLA_OK)
        status = bulla_sectors_finish(&u->sectors);
    if (status == BULLA_OK)
        status = bulla_install_finish(&u->install);
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

static enum bulla_status run(struct update *u)
{
    const struct bulla_transport *transport = u->options->transport;
    uint32_t idle = 0; /* retries in a row that brought nothing new of the same release */

    for (;;) {
        uint32_t before = u->result->sectors_written;
        uint32_t changes = u->changes;
        enum bulla_status status = attempt(u);
        transport->close(transport->ctx);
        if (status == BULLA_OK || u->options->clock == NULL || !may_pass(u, status))
            return status;
        if (u->changes == changes && u->result->sectors_written > before)
            idle = 0;
        if (idle == BULLA_RETRIES_MAX || u->changes > BULLA_RETRIES_MAX || !back_off(u, idle))
            return status;
        idle++;
        u->result->retries++;
    }
}

enum bulla_status bulla_client_target(struct bulla_client *client, int32_t *target)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t count = client->layout.slot_count;
    int32_t running = BULLA_SLOT_NONE;

    *target = BULLA_SLOT_NONE;
    enum bulla_status status = bulla_client_running(client, &running);
    if (status != BULLA_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        int32_t slot = (int32_t)((running >= 0 ? (uint32_t)running + 1u + i : i) % count);
        bool found = false;
        if (slot == running)
            continue;
        status = bulla_slot_claim(client, slot, digest, &found);
        if (status != BULLA_OK)
            return status;
        bool is_confirmed = found && client->has_confirmed &&
                            bulla_digest_equal(digest, client->confirmed.manifest_digest);
        if (*target == BULLA_SLOT_NONE || !is_confirmed)
            *target = slot;
        if (!is_confirmed)
            return BULLA_OK;
    }
    return *target == BULLA_SLOT_NONE ? BULLA_E_NO_SLOT : BULLA_OK;
}

enum bulla_status bulla_client_update(struct bulla_client *client, const struct bulla_url *url,
                                      const struct bulla_update_options *options,
                                      struct bulla_update_result *result)
{
    struct update u = {.client = client, .url = url, .options = options, .result = result};
    u.install.running = u.install.target = BULLA_SLOT_NONE;

    memset(result, 0, sizeof(*result));
    result->slot = result->target = BULLA_SLOT_NONE;
    result->has_confirmed = client->has_confirmed;
    result->confirmed = client->confirmed.sequence;
    if (client->state.damaged)
        return BULLA_E_STATE_DAMAGED; /* nothing could be recorded, and what is newer is unknown */
    if (bulla_client_in_trial(client))
        return BULLA_E_TRIAL_PENDING;
    enum bulla_status status = bulla_client_running(client, &u.install.running);
    if (status == BULLA_OK)
        status = bulla_client_target(client, &u.install.target);
    if (status != BULLA_OK)
        return status;
    result->target = u.install.target;
    u.install.client = client;
    u.install.result = result;
    bulla_client_device(client, u.install.target, false, &client->device);
    status = run(&u);
    /* decoded only once its signatures held, and told even if it is not for this device */
    result->manifest = client->reader.manifest;
    result->manifest_known = result->manifest.image.size != 0;
    result->http_status = client->response.status;
    if (status != BULLA_OK || result->nothing_newer)
        return status;
    result->slot = u.install.target;
    /* what an earlier attempt wrote was not there before */
    uint32_t count = client->reader.list.count;
    result->sectors_kept = result->sectors_written < count ? count - result->sectors_written : 0;
    return BULLA_OK;
}
