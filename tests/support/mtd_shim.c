/* SPDX-License-Identifier: Apache-2.0 */
/* A file as MTD: mtd_shim.h. */

#include "mtd_shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR      4096u
#define SECTORS_MAX 4096u

struct shim_fault shim_fault;

static bool unlocked[SECTORS_MAX];
static unsigned operations;

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

/* ---- which file ---- */

static bool is_ours(const struct stat64 *found)
{
    struct stat64 ours;
    const char *path = getenv("BULLA_MTD_FILE");

    return path != NULL && NEXT(stat64)(path, &ours) == 0 && ours.st_dev == found->st_dev &&
           ours.st_ino == found->st_ino;
}

static bool is_mtd(int fd)
{
    struct stat64 found;

    return NEXT(fstat64)(fd, &found) == 0 && is_ours(&found);
}

static int disguise(int result, struct stat64 *out)
{
    if (result != 0 || !is_ours(out))
        return result;
    out->st_mode = S_IFCHR | 0600;
    out->st_rdev = makedev(90, 0);
    out->st_size = 0;
    return result;
}

int stat64(const char *path, struct stat64 *out)
{
    return disguise(NEXT(stat64)(path, out), out);
}

int fstat64(int fd, struct stat64 *out)
{
    return disguise(NEXT(fstat64)(fd, out), out);
}

/* ---- the chip ---- */

static void note(const char *what, uint64_t at, uint64_t len)
{
    const char *path = getenv("BULLA_MTD_LOG");
    FILE *log = path != NULL ? fopen(path, "a") : NULL;

    if (log == NULL)
        return;
    (void)fprintf(log, "%s 0x%llx %llu\n", what, (unsigned long long)at, (unsigned long long)len);
    (void)fclose(log);
}

static bool is_locked(uint64_t at, uint64_t len)
{
    if (setting("BULLA_MTD_LOCKED", 0) == 0)
        return false;
    for (uint64_t i = at / SECTOR; i < SECTORS_MAX && i * SECTOR < at + len; i++) {
        if (!unlocked[i])
            return true;
    }
    return false;
}

static ssize_t store(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    return NEXT(pwrite64)(fd, bytes, len, (off64_t)at);
}

/* The bytes, or half of them and then nothing any more. */
static ssize_t operate(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    operations++;
    if (operations == setting("BULLA_MTD_KILL_AT", 0)) {
        (void)store(fd, bytes, len / 2, at);
        (void)raise(SIGKILL);
    }
    return store(fd, bytes, len, at);
}

static int erase(int fd, const struct erase_info_user *range)
{
    uint8_t blank[SECTOR];
    unsigned size = setting("BULLA_MTD_ERASE", SECTOR);

    if (range->start % size != 0 || range->length % size != 0 || range->length == 0) {
        note("violation: erase", range->start, range->length);
        errno = EINVAL;
        return -1;
    }
    if (is_locked(range->start, range->length)) {
        errno = EROFS;
        return -1;
    }
    memset(blank, 0xff, sizeof(blank));
    note("erase", range->start, range->length);
    for (uint32_t done = 0; done < range->length; done += SECTOR) {
        if (operate(fd, blank, SECTOR, range->start + done) != SECTOR)
            return -1;
    }
    return 0;
}

static int unlock(const struct erase_info_user *range, uint64_t size)
{
    if (range->start != 0 || range->length != size) {
        errno = EINVAL;
        return -1;
    }
    note("unlock", range->start, range->length);
    for (uint64_t i = range->start / SECTOR;
         i < SECTORS_MAX && i * SECTOR < (uint64_t)range->start + range->length; i++)
        unlocked[i] = true;
    return 0;
}

static int tell(int fd, struct mtd_info_user *info)
{
    struct stat64 found;

    if (NEXT(fstat64)(fd, &found) != 0)
        return -1;
    *info = (struct mtd_info_user){
        .type = (uint8_t)setting("BULLA_MTD_TYPE", MTD_NORFLASH),
        .flags = setting("BULLA_MTD_FLAGS", MTD_CAP_NORFLASH),
        .size = (uint32_t)found.st_size,
        .erasesize = setting("BULLA_MTD_ERASE", SECTOR),
        .writesize = setting("BULLA_MTD_UNIT", 1),
    };
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    struct mtd_info_user info;
    va_list arguments;

    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!is_mtd(fd))
        return NEXT(ioctl)(fd, request, argument);
    switch (request) {
    case MEMGETINFO:
        return tell(fd, argument);
    case MEMERASE:
        return erase(fd, argument);
    case MEMUNLOCK:
        return tell(fd, &info) == 0 ? unlock(argument, info.size) : -1;
    case MEMISLOCKED:
        if (getenv("BULLA_MTD_LOCKED") != NULL) {
            const struct erase_info_user *range = argument;
            return is_locked(range->start, range->length) ? 1 : 0;
        }
        errno = EOPNOTSUPP;
        return -1;
    default:
        errno = ENOTTY;
        return -1;
    }
}

/* ---- reading and writing ---- */

static bool fails(void)
{
    if (shim_fault.error_in == 0 || --shim_fault.error_in != 0)
        return false;
    errno = shim_fault.error;
    return true;
}

static size_t limited(size_t len)
{
    return shim_fault.most != 0 && len > shim_fault.most ? shim_fault.most : len;
}

ssize_t pread64(int fd, void *buffer, size_t len, off64_t at)
{
    return fails() ? -1 : NEXT(pread64)(fd, buffer, limited(len), at);
}

/* 1 bits stay what they were. */
static ssize_t program(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    uint8_t cells[SECTOR];
    bool sets = false;

    if (len > sizeof(cells))
        len = sizeof(cells);
    if (NEXT(pread64)(fd, cells, len, (off64_t)at) != (ssize_t)len)
        return -1;
    for (size_t i = 0; i < len; i++) {
        sets = sets || (bytes[i] & (uint8_t)~cells[i]) != 0;
        cells[i] &= bytes[i];
    }
    note(sets ? "violation: program" : "program", at, len);
    return operate(fd, cells, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    unsigned unit = setting("BULLA_MTD_UNIT", 1);

    shim_fault.calls++;
    if (fails()) {
        if (shim_fault.late)
            (void)NEXT(pwrite64)(fd, bytes, len, at);
        errno = shim_fault.error;
        return -1;
    }
    if (!is_mtd(fd))
        return NEXT(pwrite64)(fd, bytes, limited(len), at);
    len = limited(len);
    if ((uint64_t)at % unit != 0 || len % unit != 0) {
        note("violation: unit", (uint64_t)at, len);
        errno = EINVAL;
        return -1;
    }
    if (is_locked((uint64_t)at, len)) {
        errno = EROFS;
        return -1;
    }
    return program(fd, bytes, len, (uint64_t)at);
}

/* ---- the kernel's memory ---- */

int posix_fadvise64(int fd, off64_t at, off64_t len, int advice)
{
    if (advice == POSIX_FADV_DONTNEED) {
        shim_fault.forgot_at = (uint64_t)at;
        shim_fault.forgot_len = (uint64_t)len;
    }
    return NEXT(posix_fadvise64)(fd, at, len, advice);
}

long sysconf(int name)
{
    if (name == _SC_PAGESIZE && shim_fault.page != 0)
        return shim_fault.page;
    return NEXT(sysconf)(name);
}
