/* SPDX-License-Identifier: Apache-2.0 */
/* The application: the update client and nothing else. In its trial it proves that it still reaches
 * its server, and confirms; else it asks for something newer, and restarts into that. */

#include "app.h"

#include <string.h>

#include "behaviour.h"
#include "board.h"
#include "host.h"
#include "kept.h"
#include "measure.h"
#include "nor.h"
#include "print.h"
#include "random.h"

enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_TROUBLE = 2 };

static struct bulla_flash flash;
static struct bulla_client client;
static struct bulla_url url;
static struct bulla_update_result result;
static uint8_t trust_store[APP_TRUST_SIZE];
static uint8_t workspace[BULLA_WORKSPACE_MIN];

static enum bulla_status open_client(const char *address)
{
    enum bulla_status status = nor_open(&flash);
    if (status == BULLA_OK)
        status = bulla_client_open(&client, &flash, trust_store, sizeof(trust_store));
    if (status != BULLA_OK)
        return status;
    client.executing = kept.slot;
    return bulla_url_parse((struct bulla_bytes){(const uint8_t *)address, strlen(address)}, &url);
}

/* One look at the server, and confirmed if it is there. */
static enum bulla_status try_confirm(uint32_t deadline_ms)
{
    enum bulla_status status;
    struct bulla_reach reach = {.client = &client, .url = &url};
    const struct bulla_health health = {.check = bulla_reach_check, .ctx = &reach};

    reach.transport = app_link_open(&client.trust, deadline_ms, &status);
    if (reach.transport != NULL)
        status = bulla_client_confirm_when(&client, &health);
    app_link_close();
    return status;
}

/* A network may need a while to come back after a restart; a server may be away. The trial has one
 * boot, so what was not confirmed here falls back. */
static enum bulla_status prove(void)
{
    uint32_t patience_ms = APP_PATIENCE_MS;

    (void)host_number("patience", &patience_ms);
    uint64_t until = board_now_ms() + patience_ms;
    for (;;) {
        uint64_t now = board_now_ms();
        enum bulla_status status = try_confirm(now < until ? (uint32_t)(until - now) : 1u);
        if (status == BULLA_OK || board_now_ms() + APP_RETRY_MS >= until)
            return status;
        app_report_status("not yet confirmed", status);
        app_clock.sleep_ms(app_clock.ctx, APP_RETRY_MS);
    }
}

/* A slot may have more room than stage 0 has for what it loads from there. */
static enum bulla_status judge_size(void *ctx, const struct bulla_manifest *manifest)
{
    (void)ctx;
    return manifest->image.size <= board_app_size ? BULLA_OK : BULLA_E_SLOT_TOO_SMALL;
}

static enum bulla_status fetch(const struct bulla_update_options *options)
{
    measure_update_begin();
    enum bulla_status status = bulla_client_update(&client, &url, options, &result);
    measure_update_end(status == BULLA_OK && !result.nothing_newer ? result.manifest.image.size
                                                                   : 0);
    return status;
}

static enum bulla_status update(void)
{
    static const struct bulla_approval approval = {.head = judge_size};
    struct bulla_update_options options = {
        .progress = &app_progress,
        .clock = &app_clock,
        .deadline_ms = board_now_ms() + APP_UPDATE_MS,
        .workspace = workspace,
        .workspace_len = sizeof(workspace),
        .approval = &approval,
    };
    uint64_t begin = board_now_ms();
    enum bulla_status status;

    memset(&result, 0, sizeof(result));
    result.slot = BULLA_SLOT_NONE;
    options.transport = app_link_open(&client.trust, APP_UPDATE_MS, &status);
    if (options.transport != NULL)
        status = fetch(&options);
    app_link_close();
    app_report_update(status, &result, board_now_ms() - begin);
    return status;
}

/* Emulated, the machine ends here; a board that stands alone goes on. */
static void end(enum bulla_status status)
{
    measure_end();
    nor_report();
    board_watchdog(APP_WATCHDOG_MS);
    if (status == BULLA_OK)
        host_end(EXIT_DONE);
    else
        host_end(bulla_status_is_refusal(status) ? EXIT_REFUSED : EXIT_TROUBLE);
}

static _Noreturn void restart(void)
{
    measure_end();
    board_restart(BOARD_RESTART);
}

static void pass_trial(void)
{
    enum bulla_status status = prove();

    app_report_status(status == BULLA_OK ? "confirmed" : "not confirmed", status);
    if (status != BULLA_OK)
        restart();
}

static enum bulla_status begin(void)
{
    const char *asked = host_value("url");
    uint8_t probe;

    app_report_start(kept.slot, kept.trial != 0);
    enum bulla_status status = open_client(behaviour(asked != NULL ? asked : app_url));
    if (status != BULLA_OK)
        return status;
    status = random_fill(&probe, sizeof(probe));
    if (status != BULLA_OK)
        app_report_status("no random numbers, so no TLS", status);
    else if (!app_link_up())
        status = BULLA_E_NET_CONNECT;
    return status;
}

/* Whatever was missing may be there after a restart. */
static _Noreturn void give_up(enum bulla_status status)
{
    app_report_status("cannot begin", status);
    if (kept.trial != 0)
        restart();
    end(status);
    for (uint64_t until = board_now_ms() + APP_PATIENCE_MS; board_now_ms() < until;)
        board_watchdog(APP_WATCHDOG_MS);
    restart();
}

int main(void)
{
    board_init();
    board_watchdog(APP_WATCHDOG_MS);
    measure_begin();
    enum bulla_status status = begin();
    if (status != BULLA_OK)
        give_up(status);
    measure_crypto(&client, kept.slot);
    if (bulla_client_in_trial(&client))
        pass_trial();
    for (;;) {
        status = update();
        /* it did all that it is for, so it does not crash in a loop */
        enum bulla_status alive = bulla_client_alive(&client);
        if (alive != BULLA_OK)
            app_report_status("alive", alive);
        if (status == BULLA_OK && !result.nothing_newer)
            restart();
        end(status);
        app_clock.sleep_ms(app_clock.ctx, APP_PAUSE_MS);
    }
}
