/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_DEVICE_H
#define BULLA_CLI_DEVICE_H

/* What the commands of bulla-device share. Every command is one power-on of the device whose
 * whole flash is one file. */

#include "bulla/client.h"
#include "flash_sim.h"
#include "host.h"

#define HEADERS_MAX 8u

/* Arguments of all commands; an option of another command is a usage error. */
struct arguments {
    const char *flash;
    const char *name;   /* second operand of set-boot and modules */
    const char *module; /* third one of modules */
    const char *layout;
    const char *flash_size;
    const char *app;
    const char *envelope;
    const char *trust;
    const char *vendor;
    const char *class_name;
    const char *format;
    const char *chip;
    const char *chip_revision;
    const char *url;
    const char *client_cert;
    const char *client_key;
    const char *timeout;
    const char *memory;
    const char *reset;
    const char *trial_boots;
    const char *crashes;
    const char *reach;
    const char *transport;
    const char *output;
    const char *app_size;
    const char *fs_size;
    const char *modules_size;
    const char *firmware;
    const char *style;
    const char *against;
    const char *otadata;
    const char *factory_app;
    const char *factory_envelope;
    const char *bootloader;
    const char *file_system;
    bool single;
    bool two;
    bool three;
    bool in_place;
    bool no_state;
    bool add_state;
    bool erase;
    bool force;
    bool retry;
    bool recovery;
    const char *running;
    const char *countdown;
    const char *from;
    const char *serial;
    const char *baud;
    const char *path;
    const char *sha256;
    const char *length;
    const char *auth_file;
    const char *headers[HEADERS_MAX]; /* --header, in their order */
    bool md5;
    bool factory;
    bool restart;
    bool cancel;
    bool modules_alone; /* modules add: an app is refused */
};

struct command {
    const char *name;
    int (*run)(struct host_tool *tool, const struct arguments *arguments);
    const char *options; /* names of those it takes, each between blanks */
    int operands;        /* -1: at most one */
    const char *help;
};

/* ---- options.c ---- */

/* -1: go on; else the exit code to end with. */
int arguments_parse(struct host_tool *tool, const struct command *command, int argc, char **argv,
                    struct arguments *out);

/* ---- device.c ---- */

struct device {
    struct flash_sim sim;
    struct bulla_client client;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
};

/* Power on. On failure `why` says more than the status; device_off is allowed in any case. */
enum bulla_status device_on(struct device *device, const char *path, char why[FLASH_SIM_WHY_SIZE]);
void device_off(struct device *device);

/* A slot as the records of the device state name it, and back. */
uint8_t device_slot_code(int32_t slot);
int32_t device_slot_of(uint8_t code);

/* Label of a slot, fit to be printed; "nothing" for BULLA_SLOT_NONE. */
const char *device_slot_name(const struct device *device, int32_t slot);

/* Where a slot's app is executed: the slot itself, or with a layout in place the app's partition.
 */
const struct bulla_partition *device_executed(const struct device *device, int32_t slot);

/* "running from partition at 370000, type 11 [MicroPython_2]": offset and subtype in hexadecimal,
 * as LoBo's MicroPython greets its user. */
#define DEVICE_PLACE_SIZE 128u
const char *device_place(const struct device *device, int32_t slot, char *buf, size_t size);

/* Nothing was ever written at the start of this slot. */
bool device_is_blank(const struct device *device, int32_t slot);

/* What the running slot is called, for the commands that speak for it. */
const char *device_running_name(const struct device *device);
/* Does it run as a trial that was rejected? It goes on until the next reset. */
bool device_is_rejected(const struct device *device, int32_t slot);

/* Why the choice fell on it, in a few words, nothing having been refused before. */
const char *device_choice_reason(const struct bulla_boot_result *result);

/* Why this slot boots, in one sentence without a full stop. */
const char *device_boot_reason(const struct device *device, const struct bulla_boot_result *result,
                               enum bulla_status status, char *buf, size_t size);

/* End a command that spoke to the device: "" for `why` means the status' sentence. */
int device_end(struct host_tool *tool, struct device *device, enum bulla_status status,
               const char *why);

/* ---- the commands ---- */

int device_provision(struct host_tool *tool, const struct arguments *arguments); /* provision.c */
int device_layout(struct host_tool *tool, const struct arguments *arguments);    /* layout_cmd.c */
int device_inspect(struct host_tool *tool, const struct arguments *arguments);   /* inspect.c */
int device_modules(struct host_tool *tool, const struct arguments *arguments);   /* modules.c */
int device_update(struct host_tool *tool, const struct arguments *arguments);    /* download.c */
int device_status(struct host_tool *tool, const struct arguments *arguments);    /* status.c */
int device_confirm(struct host_tool *tool, const struct arguments *arguments);   /* confirm.c */
int device_boot(struct host_tool *tool, const struct arguments *arguments);      /* commands.c */
int device_alive(struct host_tool *tool, const struct arguments *arguments);
int device_reject(struct host_tool *tool, const struct arguments *arguments);
int device_set_boot(struct host_tool *tool, const struct arguments *arguments); /* control.c */
int device_rollback(struct host_tool *tool, const struct arguments *arguments);

#endif
