/* SPDX-License-Identifier: Apache-2.0 */
/* What a device can be told to do; each command opens the client anew, as after a power-on. */

#include "power.h"

#include <stdio.h>
#include <string.h>

#include "stock.h"

enum bulla_status device_open(struct device *device)
{
    enum bulla_status status = bulla_client_open(&device->client, &device->guard,
                                                 device->trust_store, sizeof(device->trust_store));

    /* where the app finds itself; a port knows it from the program counter, but not in place */
    if (device->running != BULLA_SLOT_NONE && !device_is_in_place(device->kind))
        device->client.executing = device->running;
    return status;
}

static enum bulla_status tell(const struct device *device, const char *command,
                              enum bulla_status status)
{
    struct bulla_ota_record record[] = {device_record(device, 0), device_record(device, 1)};

    if (device->told)
        printf("%*s%s: %s, slot %d runs (release %d%s), records %u/%u %u/%u\n",
               (int)device->depth * 4 + 2, "", command, bulla_status_name(status), device->running,
               device->running_release, device->boot.trial ? ", trial" : "", record[0].seq,
               record[0].state, record[1].seq, record[1].state);
    return status;
}

/* A trial that is pending when the device is reset has failed. */
static void count_ended(struct device *device)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct bulla_ota_record record = device_record(device, i);
        int32_t release = device_release_in(
            device, (int32_t)bulla_ota_slot_of(record.seq, device_slots(device->kind)));
        if (release >= 0 && bulla_ota_is_valid(&record) && record.state == BULLA_OTA_PENDING_VERIFY)
            device->facts.tried[release]++;
    }
}

enum bulla_status device_boot(struct device *device)
{
    device->running = BULLA_SLOT_NONE;
    device->running_release = device->installing = NO_RELEASE;
    memset(&device->boot, 0, sizeof(device->boot));
    count_ended(device);
    enum bulla_status status = device_open(device);
    if (status == BULLA_OK)
        status = bulla_client_boot(&device->client, &device->boot);
    if (status == BULLA_OK && device->boot.verdict == BULLA_YES) {
        device->running = device->boot.slot;
        device->running_release =
            device_release_in(device, device_executed(device->kind, device->running));
    }
    return tell(device, "boot", status);
}

/* What the server has was laid out; the connection drops after so many bytes of the app. */
static enum bulla_status fetch(struct device *device, uint32_t drop_after, bool retry)
{
    static const char url[] = "https://updates.example/r/app.suit";
    struct bulla_url where;
    const struct bulla_update_options options = {
        .transport = &device->transport,
        .workspace = device->workspace,
        .workspace_len = sizeof(device->workspace),
        .retry = retry,
    };

    device->server.cut_after = drop_after;
    device->server.cut_count = drop_after != 0 ? 1 : 0;
    bench_transport(&device->server, &device->transport);
    enum bulla_status status =
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)url, sizeof(url) - 1}, &where);
    if (status == BULLA_OK)
        status = device_open(device);
    if (status == BULLA_OK)
        status = bulla_client_update(&device->client, &where, &options, &device->result);
    return status;
}

enum bulla_status device_update(struct device *device, int32_t release, uint32_t drop_after,
                                bool retry)
{
    const struct release *r = &device->kind->releases->all[release];
    const struct seal_buffer *envelope = device->kind->bundle ? &r->bundle : &r->envelope;

    memset(&device->server, 0, sizeof(device->server));
    device->server.files[0] = (struct bench_file){"/r/app.suit", {envelope->data, envelope->len}};
    device->server.files[1] = (struct bench_file){"/r/app.bin", {r->image, r->size}};
    modules_serve(device, &r->modules);
    device->installing = release;
    return tell(device, "update", fetch(device, drop_after, retry));
}

enum bulla_status device_fetch(struct device *device, const struct sealed_modules *modules)
{
    memset(&device->server, 0, sizeof(device->server));
    modules_serve(device, modules);
    return tell(device, "add", fetch(device, 0, false));
}

enum bulla_status device_confirm(struct device *device)
{
    enum bulla_status status = device_open(device);

    if (status == BULLA_OK)
        status = bulla_client_confirm(&device->client);
    return tell(device, "confirm", status);
}

enum bulla_status device_reject(struct device *device)
{
    enum bulla_status status = device_open(device);

    if (status == BULLA_OK)
        status = bulla_client_reject(&device->client);
    if (status == BULLA_OK && device->running_release >= 0)
        device->facts.tried[device->running_release]++;
    return tell(device, "reject", status);
}

enum bulla_status device_set_boot(struct device *device, int32_t slot)
{
    enum bulla_status status = device_open(device);

    if (status == BULLA_OK)
        status = bulla_client_set_boot(&device->client, slot);
    return tell(device, "set_boot", status);
}

static bool stock_loads(void *ctx, int32_t slot)
{
    struct device *device = ctx;
    const struct kind *kind = device->kind;

    if (device_release_in(device, slot) != NO_RELEASE)
        return true; /* whole */
    return kind->kit == KIT_ESP && stock_image_loads(&device->guard, device_slot_offset(kind, slot),
                                                     device_slot_size(kind), 0);
}

int32_t device_stock_boot(struct device *device, bool rollback)
{
    const struct stock stock = {
        .flash = &device->guard,
        .otadata = OTADATA,
        /* banks are data to it */
        .slot_count = device_is_in_place(device->kind) ? 0 : device_slots(device->kind),
        .has_factory = device_has_factory(device->kind),
        .rollback = rollback,
        .loads = stock_loads,
        .ctx = device,
    };

    device->trusted = true;
    device->running = stock_boot(&stock);
    device->trusted = false;
    device->running_release = device_release_in(device, device->running);
    (void)tell(device, rollback ? "stock boot, rollback" : "stock boot", BULLA_OK);
    return device->running;
}
