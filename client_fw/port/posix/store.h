/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_POSIX_STORE_H
#define BULLA_POSIX_STORE_H

/* One place where a Linux device keeps bytes that the client takes for flash: a regular file, a
 * block device, or an MTD character device over NOR. Private to this port; flash_posix.h is the
 * seam. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSIX_WHY_SIZE 512u

enum posix_store_kind { POSIX_STORE_FILE, POSIX_STORE_BLOCK, POSIX_STORE_MTD };

struct posix_store {
    const char *path;
    int fd; /* -1: not open */
    enum posix_store_kind kind;
    uint64_t device; /* with inode: what it is, whichever path led to it */
    uint64_t inode;
    uint64_t size;
    uint32_t unit;    /* smallest program, 1 for all but NOR with ECC */
    int read_only;    /* errno of the open for writing that failed; 0: it may be written */
    int error;        /* errno of the access that failed last */
    const char *what; /* what it tried: "cannot be erased" */
};

/* Open and lock it, waiting for another program that has it at most `wait_ms`. With `write` for
 * this process alone; what may only be read then (a mounted block device, a read-only file system)
 * is opened for reading. False, with a sentence in `why`: nothing is open. */
bool posix_store_open(struct posix_store *store, const char *path, bool write, uint32_t wait_ms,
                      char why[POSIX_WHY_SIZE]);
void posix_store_close(struct posix_store *store);

/* Does the path lead to this open store? */
bool posix_store_is(const struct posix_store *store, const char *path);

/* Is this block device a partition of that one, or a loop device over it? */
bool posix_store_within(const struct posix_store *inner, const struct posix_store *outer);

/* All return when it is done, on the medium; false with `error` and `what` set. Within `size`;
 * erase in whole sectors. */
bool posix_store_read(struct posix_store *store, uint64_t at, void *buffer, size_t len);
bool posix_store_program(struct posix_store *store, uint64_t at, const void *bytes, size_t len);
bool posix_store_erase(struct posix_store *store, uint64_t at, size_t len);

/* Both leave `error` and `what` alone. */
bool posix_store_write_all(int fd, uint64_t at, const void *bytes, size_t len);
bool posix_store_fail(struct posix_store *store, const char *what);

/* ---- store_mtd.c ---- */

/* Size, unit and erase of an open character device. False with `why`: no NOR that will do. */
bool posix_mtd_examine(struct posix_store *store, char why[POSIX_WHY_SIZE]);
bool posix_mtd_program(struct posix_store *store, uint64_t at, const void *bytes, size_t len);
bool posix_mtd_erase(struct posix_store *store, uint64_t at, size_t len);

#endif
