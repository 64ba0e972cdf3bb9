/* SPDX-License-Identifier: Apache-2.0 */
/* The image of an accepted envelope, sector by sector into the slot: what flash has is taken from
 * there, of the rest each run of missing sectors is one request. Where it stands is known from what
 * the sectors released, in memory: after a dropped connection it goes on there. */

#include "bulla/mem.h"
#include "parts.h"

#define WINDOW_MAX 1024u /* sectors */

/* Nothing was given out of the current sector: expect it from its first byte. */
static enum bulla_status restart_sector(struct bulla_payload *p)
{
    uint32_t released = p->sectors.released;
    struct bulla_client *client = p->install.client;
    enum bulla_status status = bulla_sectors_init(&p->sectors, &client->reader.list, client->sector,
                                                  sizeof(client->sector));

    p->sectors.released = released;
    return status;
}

enum bulla_status bulla_payload_begin(struct bulla_payload *p)
{
    struct bulla_client *client = p->install.client;
    const struct bulla_list *list = &client->reader.list;
    uint32_t groups = (list->count + BULLA_GROUP_SECTORS - 1u) / BULLA_GROUP_SECTORS;
    size_t used = list->whole ? (size_t)list->count * BULLA_DIGEST_SIZE
                              : (size_t)groups * BULLA_DIGEST_SIZE + BULLA_GROUP_SIZE;
    enum bulla_status status = bulla_install_begin(&p->install);
    if (status != BULLA_OK)
        return status;
    p->base = 0;
    p->bundled = p->end_seen = false;
    p->missing_until = 0;
    p->etag[0] = '\0';
    p->sectors.released = 0;
    bool is_module = p->install.partition == &p->install.place;
    bulla_reuse_init(&p->reuse, p->install.partition,
                     is_module ? &client->layout.modules
                               : bulla_layout_slot(&client->layout, p->install.running),
                     p->workspace + used, p->workspace_len - used);
    return restart_sector(p);
}

static void note_reached(struct bulla_payload *p)
{
    uint32_t reached = p->sectors.released + p->sectors.filled;

    if (reached > p->reached)
        p->reached = reached;
}

enum bulla_status bulla_payload_feed(struct bulla_payload *p, struct bulla_bytes in)
{
    while (in.len > 0) {
        struct bulla_bytes sector;
        enum bulla_status status = bulla_sectors_feed(&p->sectors, &in, &sector);
        if (status == BULLA_OK && sector.len > 0) {
            status = bulla_install_take(&p->install, sector);
            if (status == BULLA_OK && p->progress != NULL)
                p->progress->report(p->progress->ctx, p->install.done, p->install.size);
        }
        if (status != BULLA_OK)
            return status;
    }
    note_reached(p);
    return BULLA_OK;
}

void bulla_payload_etag(struct bulla_payload *p)
{
    memcpy(p->etag, p->install.client->response.etag, BULLA_ETAG_MAX);
    p->etag[BULLA_ETAG_MAX] = '\0';
}

static bool same_text(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] != '\0' && a[i] == b[i])
        i++;
    return a[i] == b[i];
}

/* Bytes of the sector at this offset of the image. */
static uint32_t sector_len(const struct bulla_payload *p, uint32_t offset)
{
    uint32_t left = p->install.size - offset;

    return left < BULLA_SECTOR_SIZE ? left : BULLA_SECTOR_SIZE;
}

static enum bulla_status find_sector(struct bulla_payload *p, uint32_t offset, uint32_t *at,
                                     bool *found)
{
    struct bulla_client *client = p->install.client;
    const uint8_t *expected = bulla_list_sector(&client->reader.list, offset / BULLA_SECTOR_SIZE);

    *found = false;
    if (expected == NULL)
        return BULLA_E_GROUP_NEEDED;
    return bulla_reuse_find(client, &p->reuse, offset, sector_len(p, offset), expected, at, found);
}

/* One sector from elsewhere on flash, through the same check as downloaded bytes. If it reads
 * otherwise now than a moment ago it is fetched. */
static enum bulla_status take_sector(struct bulla_payload *p, uint32_t at)
{
    struct bulla_client *client = p->install.client;
    uint32_t offset = p->sectors.released;
    uint32_t len = sector_len(p, offset);
    uint32_t written = p->install.result->sectors_written;
    enum bulla_status status = BULLA_OK;

    for (uint32_t done = 0; done < len && status == BULLA_OK; done += BULLA_RECEIVE_SIZE) {
        uint32_t part = len - done < BULLA_RECEIVE_SIZE ? len - done : BULLA_RECEIVE_SIZE;
        status = client->flash->read(client->flash->ctx, at + done, client->received, part);
        if (status == BULLA_OK)
            status = bulla_payload_feed(p, (struct bulla_bytes){client->received, part});
    }
    if (status == BULLA_E_SECTOR_DIGEST) {
        p->missing_until = offset + len;
        return restart_sector(p);
    }
    p->install.result->sectors_copied += p->install.result->sectors_written - written;
    return status;
}

/* Take the sectors that need no download, up to `end`, and find the run of those that do. */
static enum bulla_status take_present(struct bulla_payload *p, uint32_t end)
{
    enum bulla_status status = BULLA_OK;

    if (p->sectors.filled > 0 && p->missing_until <= p->sectors.released)
        p->missing_until = p->sectors.released + sector_len(p, p->sectors.released);
    while (status == BULLA_OK && p->sectors.released < end &&
           p->sectors.released >= p->missing_until) {
        uint32_t at = 0;
        bool found = false;
        status = find_sector(p, p->sectors.released, &at, &found);
        if (status != BULLA_OK)
            return status;
        if (found)
            status = take_sector(p, at);
        else
            p->missing_until = p->sectors.released + sector_len(p, p->sectors.released);
    }
    bool found = false;
    while (status == BULLA_OK && p->missing_until < end && p->missing_until > p->sectors.released) {
        uint32_t at = 0;
        status = find_sector(p, p->missing_until, &at, &found);
        if (status != BULLA_OK || found)
            return status;
        p->missing_until += sector_len(p, p->missing_until);
    }
    return status;
}

/* ---- the network ---- */

/* Grouped list: the digests of the next sector's group, again from the envelope. */
static enum bulla_status load_group(struct bulla_payload *p, uint32_t sector)
{
    struct bulla_client *client = p->install.client;
    struct bulla_reader *reader = &client->reader;
    uint8_t *group = client->sector; /* between two sectors it is free */
    uint32_t index = sector / BULLA_GROUP_SECTORS;
    uint32_t offset = 0;
    uint32_t group_len = 0;

    bulla_list_group_span(&reader->list, index, &offset, &group_len);
    struct bulla_stretch s = {
        .transport = p->transport,
        .url = p->envelope_url,
        .from = reader->list_offset + offset,
        .to = reader->list_offset + offset + group_len,
    };
    enum bulla_status status = bulla_stretch_open(client, &s);
    uint32_t filled = 0;
    while (status == BULLA_OK && filled < group_len) {
        size_t len = 0;
        status = bulla_stretch_read(client, &s, group_len - filled, &len);
        if (status != BULLA_OK)
            return status;
        memcpy(group + filled, client->received, len);
        filled += (uint32_t)len;
    }
    if (status != BULLA_OK)
        return status;
    bulla_stretch_close(client, &s);
    return bulla_list_load_group(&reader->list, index, (struct bulla_bytes){group, group_len});
}

/* The last byte of the bundle was read: the envelope ends with it, or is refused. */
static enum bulla_status end_bundle(struct bulla_payload *p)
{
    size_t len = 0;
    enum bulla_status status = bulla_fetch_read(p->install.client, p->transport, 1, &len);
    if (status != BULLA_OK)
        return status;
    p->end_seen = true;
    if (len > 0)
        return BULLA_E_ENVELOPE_TRAILING;
    /* the reader did not see the end: nothing sorts behind the bundle, so it is the last member */
    return p->install.client->reader.members_left > 1 ? BULLA_E_ENVELOPE_TRUNCATED : BULLA_OK;
}

/* From the next byte of the image that is not here, up to `end`. */
static struct bulla_stretch stretch_to(struct bulla_payload *p, uint32_t end)
{
    return (struct bulla_stretch){
        .transport = p->transport,
        .url = p->envelope_url,
        .uri = p->bundled ? NULL : &p->install.client->reader.image.uri,
        .from = p->base + p->sectors.released + p->sectors.filled,
        .to = p->base + end,
        .size = p->base + p->install.size,
        .etag = p->sectors.filled > 0 && p->etag[0] != '\0' ? p->etag : NULL,
    };
}

/* Flash held the end of the bundle: its last byte is fetched all the same, to see what follows. */
static enum bulla_status fetch_end(struct bulla_payload *p)
{
    size_t len = 0;
    struct bulla_stretch s = stretch_to(p, p->install.size);
    s.from = s.to - 1u;
    enum bulla_status status = bulla_stretch_open(p->install.client, &s);
    if (status == BULLA_OK)
        status = bulla_stretch_read(p->install.client, &s, 1, &len);
    return status == BULLA_OK ? end_bundle(p) : status;
}

/* Ask for the image up to `end`. The first part of a sector is kept only if the answer is the same
 * file by its ETag; of any other file the sector is taken from its start. */
static enum bulla_status open_run(struct bulla_payload *p, uint32_t end, struct bulla_stretch *s)
{
    struct bulla_client *client = p->install.client;
    enum bulla_status status = BULLA_OK;

    if (p->sectors.filled > 0 && p->etag[0] == '\0')
        status = restart_sector(p);
    *s = stretch_to(p, end);
    if (status == BULLA_OK)
        status = bulla_stretch_open(client, s);
    if (status == BULLA_OK && p->sectors.filled > 0 && !same_text(client->response.etag, p->etag)) {
        status = restart_sector(p);
        p->transport->close(p->transport->ctx);
        *s = stretch_to(p, end);
        s->etag = NULL;
        if (status == BULLA_OK)
            status = bulla_stretch_open(client, s);
    }
    if (status == BULLA_OK)
        bulla_payload_etag(p);
    return status;
}

/* Fetch [released + filled, end); all up to `limit` if the server sends the whole file anyway. */
static enum bulla_status fetch_run(struct bulla_payload *p, uint32_t end, uint32_t limit)
{
    struct bulla_client *client = p->install.client;
    struct bulla_stretch s;
    enum bulla_status status = open_run(p, end, &s);

    if (status == BULLA_OK && bulla_stretch_is_whole(client))
        s.to = p->base + (end = limit);
    p->install.replaced_until = end;
    while (status == BULLA_OK && p->sectors.released < end) {
        size_t len = 0;
        uint32_t have = p->sectors.released + p->sectors.filled;
        status = bulla_stretch_read(client, &s, end - have, &len);
        if (status == BULLA_OK)
            status = bulla_payload_feed(p, (struct bulla_bytes){client->received, len});
    }
    if (status != BULLA_OK)
        return status;
    p->window = p->window > WINDOW_MAX ? 0 : 2u * p->window;
    if (p->bundled && end == p->install.size)
        return end_bundle(p);
    bulla_stretch_close(client, &s);
    return BULLA_OK;
}

/* How far one request shall go. */
static uint32_t run_end(const struct bulla_payload *p, uint32_t limit)
{
    uint32_t end = p->missing_until < limit ? p->missing_until : limit;

    if (p->window != 0 && end - p->sectors.released > p->window * BULLA_SECTOR_SIZE)
        end = p->sectors.released + p->window * BULLA_SECTOR_SIZE;
    return end;
}

enum bulla_status bulla_payload_fetch(struct bulla_payload *p)
{
    const struct bulla_list *list = &p->install.client->reader.list;
    uint32_t size = p->install.size;

    while (p->sectors.released < size) {
        uint32_t sector = p->sectors.released / BULLA_SECTOR_SIZE;
        uint32_t group_end = (sector / BULLA_GROUP_SECTORS + 1u) * BULLA_GROUP_SECTORS;
        uint32_t limit = size;
        enum bulla_status status = BULLA_OK;
        if (!list->whole && group_end < list->count)
            limit = group_end * BULLA_SECTOR_SIZE;
        if (bulla_list_sector(list, sector) == NULL)
            status = load_group(p, sector);
        if (status == BULLA_OK)
            status = take_present(p, limit);
        if (status == BULLA_OK && p->sectors.released < limit)
            status = fetch_run(p, run_end(p, limit), limit);
        if (status != BULLA_OK)
            return status;
    }
    return p->bundled && !p->end_seen ? fetch_end(p) : BULLA_OK;
}
