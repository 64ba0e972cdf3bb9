/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files and stretches of files over the transport seam. A server that does no ranges answers
 * with the file from its start: what comes before the stretch is thrown away, never misplaced. */

#include "bulla/mem.h"
#include "parts.h"

#define HTTP_OK      200u
#define HTTP_PARTIAL 206u

static enum bulla_status get(struct bulla_client *client, const struct bulla_transport *transport,
                             const struct bulla_request *request)
{
    memset(&client->response, 0, sizeof(client->response));
    return transport->get(transport->ctx, request, &client->response);
}

enum bulla_status bulla_fetch_whole(struct bulla_client *client,
                                    const struct bulla_transport *transport,
                                    const struct bulla_url *url)
{
    const struct bulla_request request = {.url = url, .to = UINT64_MAX};
    enum bulla_status status = get(client, transport, &request);

    /* a part was not asked for */
    return status == BULLA_OK && client->response.status != HTTP_OK ? BULLA_E_HTTP_RANGE : status;
}

enum bulla_status bulla_fetch_read(struct bulla_client *client,
                                   const struct bulla_transport *transport, uint32_t want,
                                   size_t *len)
{
    size_t size = want < sizeof(client->received) ? want : sizeof(client->received);

    *len = 0;
    enum bulla_status status = transport->read(transport->ctx, client->received, size, len);
    return status == BULLA_OK && *len > size ? BULLA_E_HTTP_MALFORMED : status;
}

enum bulla_status bulla_stretch_open(struct bulla_client *client, struct bulla_stretch *s)
{
    const struct bulla_response *response = &client->response;
    bool to_the_end = s->to == s->size;
    uint32_t expected = s->size;
    const struct bulla_request request = {
        .url = s->uri != NULL ? &client->asked_url : s->url,
        .from = s->from,
        .to = to_the_end ? UINT64_MAX : s->to - 1u,
        .etag = s->etag,
    };
    enum bulla_status status = BULLA_OK;
    if (s->uri != NULL)
        status = bulla_url_resolve(s->url, *s->uri, &client->asked_url);
    if (status == BULLA_OK)
        status = get(client, s->transport, &request);
    if (status != BULLA_OK)
        return status;
    s->skip = s->from;
    if (response->status == HTTP_PARTIAL) {
        if (response->from != s->from || (s->from == 0 && to_the_end))
            return BULLA_E_HTTP_RANGE;
        if (s->size != 0 && response->has_total && response->total != s->size)
            return BULLA_E_HTTP_LENGTH;
        s->skip = 0;
        expected = s->to - s->from;
    }
    if (expected != 0 && response->has_length && response->length != expected)
        return BULLA_E_HTTP_LENGTH;
    return BULLA_OK;
}

bool bulla_stretch_is_whole(const struct bulla_client *client)
{
    return client->response.status == HTTP_OK;
}

enum bulla_status bulla_stretch_read(struct bulla_client *client, struct bulla_stretch *s,
                                     uint32_t want, size_t *len)
{
    while (s->skip > 0) {
        enum bulla_status status = bulla_fetch_read(client, s->transport, s->skip, len);
        if (status != BULLA_OK)
            return status;
        if (*len == 0)
            return BULLA_E_IMAGE_TRUNCATED;
        s->skip -= (uint32_t)*len;
    }
    enum bulla_status status = bulla_fetch_read(client, s->transport, want, len);
    return status == BULLA_OK && *len == 0 ? BULLA_E_IMAGE_TRUNCATED : status;
}

void bulla_stretch_close(struct bulla_client *client, const struct bulla_stretch *s)
{
    size_t len = 0;

    /* after the last byte of a file nothing more is read */
    if (client->response.status != HTTP_PARTIAL || s->to == s->size ||
        bulla_fetch_read(client, s->transport, 1, &len) != BULLA_OK || len != 0)
        s->transport->close(s->transport->ctx);
}
