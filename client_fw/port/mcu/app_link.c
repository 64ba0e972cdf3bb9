/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the server: network, HTTPS over it, waiting. The watchdog is fed here while something
 * is waited for that has an end; nothing feeds it by a timer. */

#include "app.h"
#include "board.h"
#include "mbedtls.h"
#include "measure.h"
#include "net.h"
#include "random.h"

/* The smaller of the two record buffers: what either side may send at once. */
#define RECORD_MAX 2048u

static struct bulla_stream stream;
static struct bulla_tls_transport tls;
static struct bulla_transport transport;

static void wait_turn(void)
{
    board_watchdog(APP_WATCHDOG_MS);
    measure_wait();
}

bool app_link_up(void)
{
    net_waits = wait_turn;
    if (!net_start())
        return false;
    stream = net_stream();
    return true;
}

const struct bulla_transport *app_link_open(const struct bulla_trust *trust, uint32_t deadline_ms,
                                            enum bulla_status *status)
{
    const struct bulla_tls_options options = {
        .deadline_ms = deadline_ms,
        .max_fragment = RECORD_MAX,
    };

    *status = bulla_tls_transport_init(&tls, trust, &stream, &options);
    transport = bulla_tls_transport_view(&tls);
    return *status == BULLA_OK ? &transport : NULL;
}

void app_link_close(void)
{
    transport.close(transport.ctx);
    bulla_tls_transport_free(&tls);
}

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    return board_now_ms();
}

static void sleep_ms(void *ctx, uint32_t ms)
{
    uint64_t until = board_now_ms() + ms;

    (void)ctx;
    while (board_now_ms() < until) {
        wait_turn();
        net_poll();
    }
}

static uint32_t spread(void *ctx)
{
    (void)ctx;
    return random_u32();
}

const struct bulla_clock app_clock = {.now_ms = now_ms, .sleep_ms = sleep_ms, .random = spread};
