/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_CONTROL_H
#define BULLA_CLI_CONTROL_H

/* What the commands share that select a slot or start one. */

#include "device.h"

/* ---- control.c ---- */

/* The slot of this label; else by its role: factory, ota_0, ota_1, ... BULLA_SLOT_NONE with the
 * labels there are in `why`. */
int32_t control_find(const struct device *device, const char *name, char *why, size_t size);

/* What runs is in its trial, for BULLA_E_TRIAL_PENDING. */
void control_explain_trial(struct device *device, char *why, size_t size);

/* A bootloader or a combined image was sealed: add what to do. */
void control_advise_extract(char *why, size_t size);

/* Why `update --factory` cannot be, for BULLA_E_NO_SLOT. */
void control_explain_factory(struct device *device, const struct arguments *arguments, char *why,
                             size_t size);

/* ---- commands.c ---- */

/* What a boot did: the label on stdout, place and reason on stderr, or members of `object`. */
void control_tell_boot(struct host_tool *tool, const struct device *device,
                       const struct bulla_boot_result *result, enum bulla_status status,
                       const char *why, json_t *object);

/* ---- restart.c ---- */

/* Check --restart and --countdown. -1, or the exit code. */
int restart_parse(struct host_tool *tool, const struct arguments *arguments);

/* End a command that may restart: as device_end, and where it was asked for and all went well,
 * count down, power off and boot. `wanted` false: nothing has changed, so nothing restarts. */
int restart_end(struct host_tool *tool, const struct arguments *arguments, struct device *device,
                enum bulla_status status, const char *why, bool wanted);

#endif
