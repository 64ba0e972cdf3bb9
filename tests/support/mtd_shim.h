/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_MTD_SHIM_H
#define BULLA_TEST_MTD_SHIM_H

/* A regular file that answers as an MTD character device with NOR behind it does: linked into a
 * test, or preloaded (LD_PRELOAD) into a program. It takes the place of stat, fstat, ioctl, pread,
 * pwrite, posix_fadvise and sysconf; everything but that file goes on to the C library. Told by the
 * environment:
 *
 *     BULLA_MTD_FILE       the file
 *     BULLA_MTD_TYPE       3 (NOR); BULLA_MTD_ERASE 4096; BULLA_MTD_UNIT 1; BULLA_MTD_FLAGS 0xc00
 *     BULLA_MTD_LOCKED     1: every sector is locked when the process begins
 *     BULLA_MTD_LOG        a file that gets one line for each operation
 *     BULLA_MTD_KILL_AT    SIGKILL half-way through operation N, counted from 1
 *
 * Programs clear bits and cannot set them, locked sectors and unaligned erases are refused. Of what
 * is locked only all can be unlocked, as most chips behind SPI do it: a hole between locked sectors
 * is EINVAL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For tests that it is linked into: what pread and pwrite do wrong, on every file. */
struct shim_fault {
    size_t most;       /* at most so many bytes at once; 0: all */
    int error;         /* errno of a call that fails ... */
    unsigned error_in; /* ... so many calls from now on; 0: none does */
    unsigned calls;    /* of pwrite since the test set it to 0 */
    bool late;         /* a pwrite that fails reached the page cache before */
    long page;         /* size of a page of this machine; 0: the true one */
    /* what the kernel was asked last to forget */
    uint64_t forgot_at, forgot_len;
};
extern struct shim_fault shim_fault;

#endif
