/* SPDX-License-Identifier: Apache-2.0 */
/* Confirm only what is healthy, and the check that fits every device: an app that cannot reach its
 * update server must not be kept, for nothing could ever replace it. */

#include "bulla/mem.h"
#include "parts.h"

enum bulla_status bulla_client_confirm_when(struct bulla_client *client,
                                            const struct bulla_health *health)
{
    struct bulla_running running;

    if (!bulla_boot_started(client, &running) || !running.trial)
        return bulla_client_confirm(client);
    enum bulla_status status = health->check(health->ctx);
    if (status == BULLA_OK)
        return bulla_client_confirm(client);
    bulla_client_note_once(client, BULLA_DID_NOT_CONFIRM, bulla_running_slot(&running), status, 0);
    return status;
}

/* Bytes of the response into client->head until the head is whole. */
static enum bulla_status read_head(struct bulla_client *client,
                                   const struct bulla_transport *transport,
                                   struct bulla_envelope *envelope)
{
    size_t filled = 0;
    size_t need = 0;

    for (;;) {
        size_t len = 0;
        enum bulla_status status =
            bulla_fetch_read(client, transport, (uint32_t)(sizeof(client->head) - filled), &len);
        if (status != BULLA_OK)
            return status;
        memcpy(client->head + filled, client->received, len);
        filled += len;
        status = bulla_envelope_split((struct bulla_bytes){client->head, filled}, envelope, &need);
        if (status != BULLA_E_ENVELOPE_TRUNCATED || len == 0)
            return status; /* whole, refused for good, or all there is */
        if (filled == sizeof(client->head))
            return BULLA_E_ENVELOPE_TOO_LARGE;
    }
}

enum bulla_status bulla_client_reach(struct bulla_client *client,
                                     const struct bulla_transport *transport,
                                     const struct bulla_url *url)
{
    struct bulla_envelope envelope;
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint32_t signers = 0;
    uint32_t facts = 0;
    enum bulla_status status = bulla_fetch_whole(client, transport, url);

    if (status == BULLA_OK)
        status = read_head(client, transport, &envelope);
    transport->close(transport->ctx); /* the rest of the envelope is not wanted */
    if (status == BULLA_OK)
        status = bulla_envelope_authenticate(&envelope, &client->trust, &signers, digest, &facts);
    if (status == BULLA_OK && (facts & BULLA_FACT_SIGNED) == 0)
        status = BULLA_E_NOT_JUDGED;
    return status;
}

enum bulla_status bulla_reach_check(void *reach)
{
    const struct bulla_reach *r = reach;

    return bulla_client_reach(r->client, r->transport, r->url);
}
