/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_LAYOUT_TEXT_H
#define BULLA_CLI_LAYOUT_TEXT_H

/* A byte order mark says what a text is written in: UTF-16 and UTF-32 become UTF-8. */

#include "layout.h"

/* Moves *text and *len behind a mark of UTF-8, or to a copy in *owned (to be freed, NULL: none)
 * when the mark is another one. Without a mark nothing changes. */
bool layout_to_utf8(const char **text, size_t *len, char **owned, char why[LAYOUT_WHY_SIZE]);

#endif
