/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_LAYOUT_CMD_H
#define BULLA_CLI_LAYOUT_CMD_H

/* What `layout` and `provision` share beside the tables themselves. The int results: -1 to go on,
 * else the exit code after the reason was told. */

#include "device.h"
#include "layout.h"

int layout_take_size(struct host_tool *tool, const char *option, const char *text, uint32_t *size);

/* --flash-size, --app-size, --fs-size, --modules, --style. */
int layout_take_plan(struct host_tool *tool, const struct arguments *arguments,
                     struct layout_plan *plan);

/* As notes, and as "warnings" of the JSON object. */
void layout_tell_warnings(struct host_tool *tool, const struct layout *layout);
void layout_tell_notes(struct host_tool *tool, const struct layout_notes *notes);

/* Refuses a table other than the flashed one, unless --erase was said. */
int layout_compare(struct host_tool *tool, const char *path, const struct layout *flashed,
                   const struct layout *wanted, bool erase);

#endif
