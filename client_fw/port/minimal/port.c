/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest whole port: SPI NOR with 3-byte addresses, updates over a UART, boot, confirm. */

#include "port.h"

#include "coap.h"

static struct bulla_client client;
static struct bulla_coap_transport coap;
static uint8_t trust_store[1024], workspace[BULLA_WORKSPACE_MIN];
static const struct bulla_url url = {.path = "/update.suit"};

static void spi(uint8_t code, uint32_t at, const uint8_t *out, size_t out_len, uint8_t *in,
                size_t in_len)
{
    const uint8_t command[] = {code, (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at};
    board_spi(command, sizeof(command), out, out_len, in, in_len);
}

static bool flash_is_idle(void)
{
    uint64_t until = board_now_ms(NULL) + 4000; /* ten times what a sector's erase takes */
    uint8_t status = 1;
    while ((status & 1u) != 0 && board_now_ms(NULL) < until)
        board_spi(&(const uint8_t){0x05}, 1, NULL, 0, &status, 1);
    return (status & 1u) == 0;
}

static bool flash_change(uint8_t code, uint32_t at, const uint8_t *bytes, size_t len)
{
    board_spi(&(const uint8_t){0x06}, 1, NULL, 0, NULL, 0);
    spi(code, at, bytes, len, NULL, 0);
    return flash_is_idle(); /* the bytes are down */
}

static enum bulla_status flash_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    (void)ctx;
    spi(0x03, offset, NULL, 0, buffer, len);
    return BULLA_OK;
}

static enum bulla_status flash_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    (void)ctx;
    for (size_t done = 0, take; done < len; done += take) {
        uint32_t at = offset + (uint32_t)done;
        size_t room = 256 - at % 256; /* behind it a chip goes on at the page's start */
        take = len - done < room ? len - done : room;
        if (!flash_change(0x02, at, (const uint8_t *)bytes + done, take))
            return BULLA_E_FLASH_PROGRAM;
    }
    return BULLA_OK;
}

static enum bulla_status flash_erase(void *ctx, uint32_t offset)
{
    (void)ctx;
    return flash_change(0x20, offset, NULL, 0) ? BULLA_OK : BULLA_E_FLASH_ERASE;
}

static enum bulla_status line_open(void *ctx, const char *host, uint16_t port, uint64_t until)
{
    (void)ctx, (void)host, (void)port, (void)until;
    return BULLA_OK;
}

static void line_close(void *ctx)
{
    (void)ctx;
}

static enum bulla_status line_send(void *ctx, const uint8_t *bytes, size_t len, uint64_t until,
                                   size_t *sent)
{
    (void)ctx, (void)until; /* 64 bytes at most: 6 ms at 115200 baud */
    board_send(bytes, len);
    *sent = len;
    return BULLA_OK;
}

static enum bulla_status line_receive(void *ctx, uint8_t *buffer, size_t size, uint64_t until,
                                      size_t *len)
{
    (void)ctx;
    for (*len = 0; *len == 0 && board_now_ms(NULL) < until; *len = board_receive(buffer, size))
        board_feed_watchdog();
    return *len > 0 ? BULLA_OK : BULLA_E_NET_STALLED;
}

static struct bulla_transport open_line(void)
{
    static const struct bulla_stream line = {.connect = line_open,
                                             .send = line_send,
                                             .recv = line_receive,
                                             .close = line_close,
                                             .now_ms = board_now_ms,
                                             .random = board_random};
    bulla_coap_transport_init(&coap, &line, &(struct bulla_coap_transport_options){0});
    return bulla_coap_transport_view(&coap);
}

static enum bulla_status open_client(void)
{
    static struct bulla_flash flash = {
        .read = flash_read, .program = flash_program, .erase_sector = flash_erase};
    flash.size = board_flash_size;
    if (!flash_is_idle()) /* a reset does not end what the chip was told before */
        return BULLA_E_FLASH_READ;
    return bulla_client_open(&client, &flash, trust_store, sizeof(trust_store));
}

bool port_start(bool crashed, uint32_t *offset)
{
    const struct bulla_reset reset = {crashed, 1, BULLA_CRASHES_MAX};
    struct bulla_boot_result boot = {.verdict = BULLA_NO};
    if (open_client() != BULLA_OK || bulla_client_boot_after(&client, &reset, &boot) != BULLA_OK ||
        boot.verdict != BULLA_YES)
        return false;
    *offset = bulla_layout_slot(&client.layout, boot.slot)->offset;
    return true;
}

enum bulla_status port_update(bool *restart)
{
    static struct bulla_update_result done;
    const struct bulla_transport transport = open_line();
    const struct bulla_update_options options = {
        .transport = &transport, .workspace = workspace, .workspace_len = sizeof(workspace)};
    enum bulla_status status = open_client();
    if (status == BULLA_OK)
        status = bulla_client_update(&client, &url, &options, &done);
    *restart = status == BULLA_OK && !done.nothing_newer;
    return status;
}

enum bulla_status port_keep(void)
{
    const struct bulla_transport transport = open_line();
    struct bulla_reach reach = {&client, &transport, &url};
    const struct bulla_health health = {bulla_reach_check, &reach};
    enum bulla_status status = open_client();
    if (status != BULLA_OK)
        return status;
    return bulla_client_in_trial(&client) ? bulla_client_confirm_when(&client, &health)
                                          : bulla_client_alive(&client);
}
