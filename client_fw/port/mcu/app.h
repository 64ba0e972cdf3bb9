/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_MCU_APP_H
#define BULLA_MCU_APP_H

/* What the files of the application share: the update client as firmware, that is, nothing but
 * itself. A product adds its own work beside it. */

#include "bulla/client.h"

/* Fed while something bounded is under way: a wait with an end, a sector, a handshake's step. */
#define APP_WATCHDOG_MS 8000u
/* How long a trial waits for its server before it gives up; patience=MS for tests. */
#define APP_PATIENCE_MS 60000u
#define APP_RETRY_MS    1000u
/* All of an update, retries included. */
#define APP_UPDATE_MS  600000u
#define APP_TRUST_SIZE 1024u
/* From one update to the next, without a host that ends it there. */
#define APP_PAUSE_MS 3600000u

/* ---- app_version.c, from the build's configuration ---- */

extern const char app_version[];
extern const char app_url[];

/* ---- app_link.c: the way to the server ---- */

/* The network interface; once. */
bool app_link_up(void);
/* HTTPS with the trust store's pins. Ends at `deadline_ms` from now. NULL: *status says why. */
const struct bulla_transport *app_link_open(const struct bulla_trust *trust, uint32_t deadline_ms,
                                            enum bulla_status *status);
/* Drop it and wipe it; also after a failed open. */
void app_link_close(void);
extern const struct bulla_clock app_clock;

/* ---- app_report.c: what it says, one event a line ---- */

void app_report_start(int32_t slot, bool trial);
void app_report_status(const char *what, enum bulla_status status);
void app_report_update(enum bulla_status status, const struct bulla_update_result *result,
                       uint64_t ms);
extern const struct bulla_progress app_progress;

#endif
