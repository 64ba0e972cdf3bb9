/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_INSPECT_H
#define BULLA_CLI_INSPECT_H

/* The parts of `inspect`: each tells what it finds, for people and for the JSON object, and warns
 * of what would not work. */

#include "device.h"
#include "whole.h"

struct inspection {
    struct host_tool *tool;
    const char *path;
    struct whole whole;
    bool has_boot;
    struct whole_image boot;
    uint32_t apps;    /* that a device would take */
    bool has_state;   /* of a provisioned device */
    json_t *warnings; /* NULL without --json */
};

/* One sentence without a full stop. */
void inspect_warn(struct inspection *i, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void inspect_partitions(struct inspection *i);
void inspect_otadata(struct inspection *i);
void inspect_state(struct inspection *i);

#endif
