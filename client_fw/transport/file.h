/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TRANSPORT_FILE_H
#define BULLA_TRANSPORT_FILE_H

/* struct bulla_transport over the files beneath one folder, for devices that have a file system: an
 * update from a card, a USB stick, a network drive. Nothing in the folder is trusted.
 *
 * URLs have no host: base {.path = "/app.suit"}, whose host is empty. A path leads to a regular
 * file beneath the folder, percent-decoded; symbolic links are not followed, so that none leads
 * out. */

#include "bulla/transport.h"

#define BULLA_FILE_WHY 320u

/* Private, but `why`. */
struct bulla_file_transport {
    int folder;
    int fd; /* -1: no body is being read */
    uint64_t offset;
    uint64_t end;
    char why[BULLA_FILE_WHY]; /* what was wrong when get or read failed */
};

/* BULLA_OK; BULLA_E_IO with errno when the folder cannot be opened. */
BULLA_MUST_CHECK enum bulla_status bulla_file_transport_init(struct bulla_file_transport *file,
                                                             const char *folder);
struct bulla_transport bulla_file_transport_view(struct bulla_file_transport *file);
void bulla_file_transport_free(struct bulla_file_transport *file);

/* Open a regular file beneath `folder` by the path of a URL. -1 with *status: BULLA_E_IO with
 * errno, BULLA_E_URL when it names no file. */
int bulla_file_open(int folder, const char *path, enum bulla_status *status);

/* The URL path of a file right in the folder, percent-encoded. False when it is too long. */
bool bulla_file_path(const char *name, char path[BULLA_PATH_MAX + 1u]);

#endif
