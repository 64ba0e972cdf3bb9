/* SPDX-License-Identifier: Apache-2.0 */
/* What an app calls: open, update, keep. */

#include <esp_ota_ops.h>
#include <string.h>

#include "bulla_esp.h"

#ifndef CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
#error "a bootloader without rollback never ends a trial: CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE"
#endif
#ifdef CONFIG_MBEDTLS_HARDWARE_SHA
#error                                                                                             \
    "hashes are copied and dropped, which the engine does not allow: CONFIG_MBEDTLS_HARDWARE_SHA=n"
#endif

/* ---- open ---- */

int32_t bulla_esp_slot_at(const struct bulla_layout *layout, uint32_t address)
{
    if (layout->factory.size != 0 && layout->factory.offset == address)
        return BULLA_SLOT_FACTORY;
    for (uint32_t i = 0; i < layout->slot_count; i++)
        if (layout->slots[i].offset == address)
            return (int32_t)i;
    return BULLA_SLOT_NONE;
}

/* The program counter knows what runs, whatever the bootloader did. */
static enum bulla_status note_executing(struct bulla_client *client)
{
    const esp_partition_t *running = esp_ota_get_running_partition();

    client->executing =
        running == NULL ? BULLA_SLOT_NONE : bulla_esp_slot_at(&client->layout, running->address);
    return client->executing == BULLA_SLOT_NONE ? BULLA_E_SLOT_UNKNOWN : BULLA_OK;
}

enum bulla_status bulla_esp_open(struct bulla_esp *esp)
{
    uint32_t fuses = bulla_esp_floor();
    enum bulla_status status = bulla_esp_flash(&esp->flash);

    if (status == BULLA_OK)
        status = bulla_client_open(&esp->client, &esp->flash, esp->trust_store,
                                   sizeof(esp->trust_store));
    if (status == BULLA_OK)
        status = note_executing(&esp->client);
    if (status == BULLA_OK && fuses > esp->client.floor)
        esp->client.floor = fuses; /* a state of old that was written back does not lower it */
    return status;
}

/* ---- transport ---- */

static enum bulla_status open_transport(struct bulla_esp *esp, const char *url,
                                        struct bulla_transport *out)
{
    const struct bulla_tls_options options = {.max_fragment = CONFIG_BULLA_TLS_FRAGMENT};
    enum bulla_status status =
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)url, strlen(url)}, &esp->url);

    if (status != BULLA_OK)
        return status;
    esp->stream = bulla_esp_stream(&esp->net);
    status = bulla_tls_transport_init(&esp->tls, &esp->client.trust, &esp->stream, &options);
    if (status == BULLA_OK)
        *out = bulla_tls_transport_view(&esp->tls);
    else
        bulla_tls_transport_free(&esp->tls);
    return status;
}

/* ---- update, keep ---- */

enum bulla_status bulla_esp_update(struct bulla_esp *esp, const char *url)
{
    struct bulla_transport transport;
    const struct bulla_update_options options = {
        .transport = &transport,
        .clock = bulla_esp_clock(),
        .deadline_ms = bulla_esp_clock()->now_ms(NULL) + (uint64_t)CONFIG_BULLA_DEADLINE_S * 1000u,
        .workspace = esp->workspace,
        .workspace_len = sizeof(esp->workspace),
    };

    memset(&esp->result, 0, sizeof(esp->result));
    enum bulla_status status = open_transport(esp, url, &transport);
    if (status != BULLA_OK)
        return status;
    status = bulla_client_update(&esp->client, &esp->url, &options, &esp->result);
    bulla_tls_transport_free(&esp->tls);
    return status;
}

static enum bulla_status confirm(struct bulla_esp *esp, const char *url)
{
    struct bulla_transport transport;
    struct bulla_reach reach = {.client = &esp->client, .transport = &transport, .url = &esp->url};
    const struct bulla_health health = {.check = bulla_reach_check, .ctx = &reach};
    enum bulla_status status = open_transport(esp, url, &transport);

    if (status != BULLA_OK)
        return status;
    status = bulla_client_confirm_when(&esp->client, &health);
    bulla_tls_transport_free(&esp->tls);
    return status;
}

enum bulla_status bulla_esp_keep(struct bulla_esp *esp, const char *url)
{
    enum bulla_status status = BULLA_OK;

    if (bulla_client_in_trial(&esp->client))
        status = confirm(esp, url);
    /* only now: fuses that were raised before would leave nothing to fall back to */
    if (status != BULLA_OK)
        return status;
    bulla_esp_end_guard();
    return bulla_esp_raise_floor(esp->client.floor);
}
