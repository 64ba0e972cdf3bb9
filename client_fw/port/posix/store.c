/* SPDX-License-Identifier: Apache-2.0 */
/* Files and block devices as flash, where an erase writes 0xFF and a program clears bits; and what
 * all stores have in common: opening, locking, reading. */

#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bulla/limits.h"

#define LOCK_STEP_MS 20u
#define NS_PER_MS    1000000L

bool posix_store_fail(struct posix_store *store, const char *what)
{
    store->error = errno;
    store->what = what;
    return false;
}

/* ---- opening ---- */

static bool say(const char *path, const char *what, char why[POSIX_WHY_SIZE])
{
    (void)snprintf(why, POSIX_WHY_SIZE, "%.300s %s: %s", path, what, strerror(errno));
    return false;
}

/* For this program and others of its kind; and udev, which locks whole disks while it probes them.
 */
static bool lock(const struct posix_store *store, bool write, uint32_t wait_ms,
                 char why[POSIX_WHY_SIZE])
{
    const struct timespec step = {.tv_nsec = LOCK_STEP_MS * NS_PER_MS};
    int how = (write ? LOCK_EX : LOCK_SH) | LOCK_NB;

    for (uint32_t waited = 0; flock(store->fd, how) != 0; waited += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return say(store->path, "cannot be locked", why);
        if (waited >= wait_ms) {
            (void)snprintf(why, POSIX_WHY_SIZE, "%.300s is in use by another program", store->path);
            return false;
        }
        (void)nanosleep(&step, NULL);
    }
    return true;
}

static bool is_for_readers(int error)
{
    return error == EBUSY || error == EROFS || error == EACCES || error == EPERM;
}

/* O_EXCL on a block device asks the kernel whether anybody mounted or claimed it: a slot that is
 * mounted is never written. */
static int open_path(struct posix_store *store, mode_t mode, bool write)
{
    /* O_NONBLOCK: a pipe put in its place must not hold the program up */
    int flags = O_CLOEXEC | O_NONBLOCK;
    int to_write = O_RDWR | O_DSYNC | (S_ISBLK(mode) ? O_EXCL : 0);
    int fd = write ? open(store->path, flags | to_write) : -1;

    store->read_only = write && fd < 0 ? errno : 0;
    if (write && (fd >= 0 || !is_for_readers(store->read_only)))
        return fd;
    if (!write)
        store->read_only = EROFS;
    return open(store->path, flags | O_RDONLY);
}

static bool examine_block(struct posix_store *store, char why[POSIX_WHY_SIZE])
{
    uint64_t size = 0;

    if (ioctl(store->fd, BLKGETSIZE64, &size) != 0)
        return say(store->path, "does not tell its size", why);
    store->kind = POSIX_STORE_BLOCK;
    store->size = size;
    return true;
}

/* Devices are what their number says, wherever their names lie. */
static void identify(const struct stat *found, uint64_t *device, uint64_t *inode)
{
    bool is_device = S_ISBLK(found->st_mode) || S_ISCHR(found->st_mode);

    *device = is_device ? found->st_rdev : found->st_dev;
    *inode = is_device ? 0 : found->st_ino;
}

bool posix_store_is(const struct posix_store *store, const char *path)
{
    struct stat found, open;
    uint64_t device;
    uint64_t inode;

    if (stat(path, &found) != 0 || fstat(store->fd, &open) != 0 ||
        (found.st_mode & S_IFMT) != (open.st_mode & S_IFMT))
        return false;
    identify(&found, &device, &inode);
    return store->device == device && store->inode == inode;
}

static bool examine(struct posix_store *store, const struct stat *before, char why[POSIX_WHY_SIZE])
{
    struct stat found;

    if (fstat(store->fd, &found) != 0)
        return say(store->path, "cannot be examined", why);
    if (found.st_ino != before->st_ino || found.st_dev != before->st_dev) {
        (void)snprintf(why, POSIX_WHY_SIZE, "%.300s was replaced just now", store->path);
        return false;
    }
    identify(&found, &store->device, &store->inode);
    store->unit = 1;
    if (S_ISCHR(found.st_mode))
        return posix_mtd_examine(store, why);
    if (S_ISBLK(found.st_mode))
        return examine_block(store, why);
    if (!S_ISREG(found.st_mode)) {
        (void)snprintf(why, POSIX_WHY_SIZE,
                       "%.300s is neither a file nor a block device nor an MTD character device",
                       store->path);
        return false;
    }
    store->kind = POSIX_STORE_FILE;
    store->size = (uint64_t)found.st_size;
    return true;
}

/* Whoever can open it can lock it, and then no trial is ever confirmed. */
static bool judge_rights(const struct posix_store *store, const struct stat *found,
                         char why[POSIX_WHY_SIZE])
{
    if ((found->st_mode & (S_IROTH | S_IWOTH)) == 0)
        return true;
    (void)snprintf(why, POSIX_WHY_SIZE, "%.300s may be opened by everybody: chmod o=", store->path);
    return false;
}

bool posix_store_open(struct posix_store *store, const char *path, bool write, uint32_t wait_ms,
                      char why[POSIX_WHY_SIZE])
{
    struct stat before;

    *store = (struct posix_store){.path = path, .fd = -1};
    if (stat(path, &before) != 0)
        return say(path, "cannot be found", why);
    store->fd = open_path(store, before.st_mode, write);
    if (store->fd < 0)
        return say(path, "cannot be opened", why);
    if (examine(store, &before, why) && judge_rights(store, &before, why) &&
        lock(store, write, wait_ms, why))
        return true;
    posix_store_close(store);
    return false;
}

void posix_store_close(struct posix_store *store)
{
    if (store->fd >= 0)
        (void)close(store->fd); /* also ends the lock */
    store->fd = -1;
}

/* ---- access ---- */

bool posix_store_read(struct posix_store *store, uint64_t at, void *buffer, size_t len)
{
    uint8_t *to = buffer;

    while (len > 0) {
        ssize_t n = pread(store->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENODATA; /* it became shorter since it was opened */
        if (n <= 0)
            return posix_store_fail(store, "cannot be read");
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool posix_store_write_all(int fd, uint64_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return false;
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* The kernel forgets only whole pages, and those have up to 64 KiB. */
static void forget(const struct posix_store *store, uint64_t at, size_t len)
{
    long asked = sysconf(_SC_PAGESIZE);
    uint64_t page = asked > 0 ? (uint64_t)asked : BULLA_SECTOR_SIZE;
    uint64_t from = at - at % page;
    uint64_t to = (at + len + page - 1) / page * page;

    (void)posix_fadvise(store->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_DONTNEED);
}

/* O_DSYNC brought the bytes to the medium. The core reads back what it wrote, and that shall come
 * from there, not from what the kernel remembers: it is asked to forget these pages. After a write
 * that failed, too: they have bytes then that the medium does not have. */
static bool write_down(struct posix_store *store, uint64_t at, const void *bytes, size_t len)
{
    bool ok = posix_store_write_all(store->fd, at, bytes, len);
    int error = errno;

    forget(store, at, len);
    errno = error;
    return ok;
}

static bool may_write(struct posix_store *store)
{
    if (store->read_only == 0)
        return true;
    errno = store->read_only;
    return posix_store_fail(store, "is open for reading only");
}

/* As NOR does it: what is 0 stays 0. Whoever programs twice sees it in the read-back. */
static bool program_some(struct posix_store *store, uint64_t at, const uint8_t *bytes, size_t len)
{
    uint8_t cells[BULLA_SECTOR_SIZE];

    if (!posix_store_read(store, at, cells, len))
        return false;
    for (size_t i = 0; i < len; i++)
        cells[i] &= bytes[i];
    return write_down(store, at, cells, len) || posix_store_fail(store, "cannot be written");
}

bool posix_store_program(struct posix_store *store, uint64_t at, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    if (!may_write(store))
        return false;
    if (store->kind == POSIX_STORE_MTD)
        return posix_mtd_program(store, at, bytes, len);
    while (len > 0) {
        size_t some = len < BULLA_SECTOR_SIZE ? len : BULLA_SECTOR_SIZE;
        if (!program_some(store, at, from, some))
            return false;
        at += some;
        from += some;
        len -= some;
    }
    return true;
}

bool posix_store_erase(struct posix_store *store, uint64_t at, size_t len)
{
    uint8_t blank[BULLA_SECTOR_SIZE];

    if (!may_write(store))
        return false;
    if (store->kind == POSIX_STORE_MTD)
        return posix_mtd_erase(store, at, len);
    memset(blank, 0xff, sizeof(blank));
    for (; len > 0; at += sizeof(blank), len -= sizeof(blank)) {
        if (!write_down(store, at, blank, sizeof(blank)))
            return posix_store_fail(store, "cannot be erased");
    }
    return true;
}
