/* SPDX-License-Identifier: Apache-2.0 */
/* Small files around an envelope, fetched the way the envelope is: the JSON that leads to it and
 * the MD5 beside its image. */

#include <stdio.h>
#include <string.h>

#include "source.h"

#define SMALL_MAX 4096u

enum bulla_status source_fetch(struct source *s, const struct bulla_url *url, uint8_t *buffer,
                               size_t size, size_t *len)
{
    struct bulla_response *response = &s->client->response;
    const struct bulla_request request = {.url = url, .to = UINT64_MAX};
    const struct bulla_transport *t = &s->transport;
    size_t got = 1;

    *len = 0;
    enum bulla_status status = t->get(t->ctx, &request, response);
    while (status == BULLA_OK && got > 0 && *len < size) {
        status = t->read(t->ctx, buffer + *len, size - *len, &got);
        *len += status == BULLA_OK ? got : 0;
    }
    if (status == BULLA_OK && *len == size) {
        uint8_t more;
        status = t->read(t->ctx, &more, 1, &got);
        if (status == BULLA_OK && got > 0) {
            (void)snprintf(s->why, sizeof s->why, "%.200s has more than %zu bytes", url->path,
                           size);
            status = BULLA_E_IO;
        }
    }
    if (status != BULLA_OK || *len == size)
        t->close(t->ctx);
    return status;
}

/* The URI in the manifest, which those trusted signed: what the side file is called rests on it. */
static enum bulla_status find_image(struct source *s, struct bulla_url *image)
{
    struct bulla_client *client = s->client;
    struct bulla_envelope envelope;
    struct bulla_manifest manifest;
    size_t need = 0;
    enum bulla_status status = bulla_client_reach(client, &s->transport, &s->session.url);

    if (status == BULLA_OK)
        status = bulla_envelope_split((struct bulla_bytes){client->head, sizeof(client->head)},
                                      &envelope, &need);
    if (status == BULLA_OK)
        status = bulla_manifest_decode(envelope.manifest, &manifest);
    if (status != BULLA_OK)
        return status;
    if (manifest.images > 1) {
        (void)snprintf(s->why, sizeof s->why, "--md5 is for releases of one image, this one has %u",
                       (unsigned)manifest.images);
        return BULLA_E_USAGE;
    }
    return bulla_url_resolve(&s->session.url, manifest.image.uri, image);
}

/* IMAGE.md5 */
static enum bulla_status find_md5(struct source *s)
{
    static const char suffix[] = ".md5";
    uint8_t text[SMALL_MAX];
    struct bulla_url url;
    size_t len = 0;
    enum bulla_status status = find_image(s, &url);

    if (bulla_status_is_refusal(status)) { /* the update says so itself, and notes it */
        s->why[0] = '\0';
        return BULLA_OK;
    }
    if (status != BULLA_OK)
        return status;
    size_t at = strcspn(url.path, "?"); /* a query belongs to the image alone */
    if (at + sizeof suffix > sizeof url.path)
        return BULLA_E_URL;
    memcpy(url.path + at, suffix, sizeof suffix);
    status = source_fetch(s, &url, text, sizeof text, &len);
    if (status == BULLA_OK)
        return source_take_md5(s, (struct bulla_bytes){text, len});
    if (s->why[0] == '\0') {
        char reason[256];
        source_explain(s, status, s->client->response.status);
        (void)snprintf(reason, sizeof reason, "%.250s",
                       s->why[0] != '\0' ? s->why : bulla_status_sentence(status));
        /* files say their name themselves */
        bool is_named = strncmp(reason, url.path + 1, strlen(url.path + 1)) == 0;
        (void)snprintf(s->why, sizeof s->why, "--md5: %.200s%s%s", is_named ? "" : url.path + 1,
                       is_named ? "" : ": ", reason);
    }
    return status;
}

static enum bulla_status follow_json(struct source *s)
{
    uint8_t text[SMALL_MAX];
    size_t len = 0;
    enum bulla_status status = source_fetch(s, &s->session.url, text, sizeof text, &len);

    return status == BULLA_OK ? source_json(s, (struct bulla_bytes){text, len}) : status;
}

enum bulla_status source_find(struct source *s, struct bulla_client *client)
{
    enum bulla_status status = BULLA_OK;

    s->client = client;
    if (s->use_json)
        status = follow_json(s);
    if (status == BULLA_OK && s->use_md5)
        status = find_md5(s);
    return status;
}
