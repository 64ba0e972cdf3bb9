/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated chips: making, copying and restoring them in memory, opening and saving them in files.
 * What a chip does is flash_sim.c's part. */

#include "flash_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulla/limits.h"
#include "flash_sim_parts.h"

void flash_sim_close(struct flash_sim *sim)
{
    free(sim->bytes);
    free(sim->wear);
    free(sim->stamps);
    free(sim->programmed);
    free(sim->unstable);
    if (sim->fd >= 0)
        close(sim->fd); /* also ends the lock */
    *sim = (struct flash_sim){.fd = -1};
}

/* ---- making and opening chips ---- */

/* Bytes and wear for a chip of this size; why is filled on failure. */
static bool allocate(struct flash_sim *sim, uint64_t size, char why[FLASH_SIM_WHY_SIZE])
{
    *sim = (struct flash_sim){.fd = -1};
    if (size == 0 || size % BULLA_SECTOR_SIZE != 0 || size > FLASH_SIM_SIZE_MAX) {
        snprintf(why, FLASH_SIM_WHY_SIZE,
                 "a flash chip has a multiple of %u bytes, at most %u, not %llu", BULLA_SECTOR_SIZE,
                 FLASH_SIM_SIZE_MAX, (unsigned long long)size);
        return false;
    }
    sim->size = (uint32_t)size;
    sim->bytes = malloc(sim->size);
    sim->wear = calloc(sim->size / BULLA_SECTOR_SIZE, sizeof(*sim->wear));
    sim->stamps = calloc(sim->size / BULLA_SECTOR_SIZE, sizeof(*sim->stamps));
    if (sim->bytes == NULL || sim->wear == NULL || sim->stamps == NULL) {
        snprintf(why, FLASH_SIM_WHY_SIZE, "not enough memory for a chip of %u bytes",
                 (unsigned)sim->size);
        flash_sim_close(sim);
        return false;
    }
    memset(sim->bytes, 0xff, sim->size);
    return true;
}

static enum bulla_status say_errno(const char *path, const char *what, char *why)
{
    snprintf(why, FLASH_SIM_WHY_SIZE, "%s: %s: %s", path, what, strerror(errno));
    return BULLA_E_IO;
}

/* This process alone may use the chip in fd. */
static enum bulla_status lock(int fd, const char *path, char *why)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return BULLA_OK;
    if (errno != EWOULDBLOCK)
        return say_errno(path, "cannot be locked", why);
    snprintf(why, FLASH_SIM_WHY_SIZE, "%s: in use by another command", path);
    return BULLA_E_IO;
}

static bool read_whole(int fd, uint8_t *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, bytes + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Lock, judge and load the open file. The path is looked up again under the lock: a chip saved
 * over it in between has replaced the file that is locked here. */
static enum bulla_status load(struct flash_sim *sim, int fd, const char *path, char *why)
{
    struct stat here, there;
    enum bulla_status status = lock(fd, path, why);

    if (status != BULLA_OK)
        return status;
    if (fstat(fd, &here) != 0 || stat(path, &there) != 0)
        return say_errno(path, "cannot be examined", why);
    if (here.st_ino != there.st_ino || here.st_dev != there.st_dev) {
        snprintf(why, FLASH_SIM_WHY_SIZE, "%s: replaced by another command just now", path);
        return BULLA_E_IO;
    }
    if (!S_ISREG(here.st_mode)) {
        snprintf(why, FLASH_SIM_WHY_SIZE, "%s: a flash chip is a regular file", path);
        return BULLA_E_IO;
    }
    char reason[FLASH_SIM_WHY_SIZE];
    if (!allocate(sim, (uint64_t)here.st_size, reason)) {
        (void)snprintf(why, FLASH_SIM_WHY_SIZE, "%.100s: %.150s", path, reason);
        return BULLA_E_IO;
    }
    if (!read_whole(fd, sim->bytes, sim->size)) {
        status = say_errno(path, "cannot be read", why);
        flash_sim_close(sim);
        return status;
    }
    flash_sim_touch(sim, 0, sim->size);
    return BULLA_OK;
}

enum bulla_status flash_sim_open(struct flash_sim *sim, const char *path,
                                 char why[FLASH_SIM_WHY_SIZE])
{
    *sim = (struct flash_sim){.fd = -1};

    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    bool read_only = fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM);
    if (read_only)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return say_errno(path, "cannot be opened", why);
    enum bulla_status status = load(sim, fd, path, why);
    if (status != BULLA_OK) {
        close(fd);
        return status;
    }
    sim->fd = fd;
    sim->read_only = read_only;
    return BULLA_OK;
}

enum bulla_status flash_sim_create(struct flash_sim *sim, const char *path, uint32_t size,
                                   char why[FLASH_SIM_WHY_SIZE])
{
    if (!allocate(sim, size, why))
        return BULLA_E_IO;
    if (path == NULL)
        return BULLA_OK;
    enum bulla_status status = flash_sim_save(sim, path, false, why);
    flash_sim_close(sim);
    return status != BULLA_OK ? status : flash_sim_open(sim, path, why);
}

/* ---- copies ---- */

static void copy_marks(uint8_t *to, const uint8_t *from, uint32_t sector, uint32_t size)
{
    if (to != NULL && from != NULL)
        memcpy(to + sector * size, from + sector * size, size);
    else if (to != NULL)
        memset(to + sector * size, 0, size);
}

static bool copy_sector(struct flash_sim *sim, const struct flash_sim *from, uint32_t sector)
{
    uint32_t offset = sector * BULLA_SECTOR_SIZE;

    memcpy(sim->bytes + offset, from->bytes + offset, BULLA_SECTOR_SIZE);
    if (sim->unit > 1)
        copy_marks(sim->programmed, from->programmed, sector, flash_sim_marks(sim->unit));
    copy_marks(sim->unstable, from->unstable, sector, BULLA_SECTOR_SIZE);
    sim->stamps[sector] = from->stamps[sector];
    return flash_sim_write_through(sim, offset, BULLA_SECTOR_SIZE);
}

/* Marks as the snapshot has them: of its unit, and there where it has some. */
static bool prepare_marks(struct flash_sim *sim, const struct flash_sim *snapshot)
{
    if (sim->unit != snapshot->unit) {
        free(sim->programmed);
        sim->programmed = NULL;
        sim->unit = snapshot->unit;
    }
    if (snapshot->programmed != NULL && !flash_sim_need_programmed(sim))
        return false;
    return snapshot->unstable == NULL || flash_sim_need_unstable(sim);
}

static enum bulla_status stay_dead(struct flash_sim *sim, const char *what)
{
    sim->dead = true;
    snprintf(sim->note, sizeof(sim->note), "%s", what);
    return BULLA_E_IO;
}

enum bulla_status flash_sim_restore(struct flash_sim *sim, const struct flash_sim *snapshot)
{
    uint32_t sectors = sim->size / BULLA_SECTOR_SIZE;
    bool all = sim->unit != snapshot->unit;

    if (sim->size != snapshot->size)
        return stay_dead(sim, "the snapshot is of a chip of another size");
    if (!prepare_marks(sim, snapshot))
        return stay_dead(sim, "not enough memory");
    for (uint32_t i = 0; i < sectors; i++) {
        if ((all || sim->stamps[i] != snapshot->stamps[i]) && !copy_sector(sim, snapshot, i))
            return BULLA_E_IO;
    }
    if (sim->unstable != NULL) {
        sim->unstable_from = snapshot->unstable != NULL ? snapshot->unstable_from : sim->size;
        sim->unstable_to = snapshot->unstable != NULL ? snapshot->unstable_to : 0;
    }
    sim->blocks = snapshot->blocks;
    sim->reads = sim->operations = sim->violations = 0;
    sim->bytes_programmed = sim->sectors_erased = sim->bytes_reprogrammed = 0;
    memset(sim->wear, 0, sectors * sizeof(*sim->wear));
    sim->note[0] = 0;
    flash_sim_power_on(sim);
    return BULLA_OK;
}

enum bulla_status flash_sim_copy(struct flash_sim *sim, const struct flash_sim *source,
                                 char why[FLASH_SIM_WHY_SIZE])
{
    if (!allocate(sim, source->size, why))
        return BULLA_E_IO;
    memcpy(sim->bytes, source->bytes, sim->size); /* with what was changed by hand */
    sim->seed = source->seed;
    if (flash_sim_restore(sim, source) == BULLA_OK)
        return BULLA_OK;
    snprintf(why, FLASH_SIM_WHY_SIZE, "%s", sim->note);
    flash_sim_close(sim);
    return BULLA_E_IO;
}

/* ---- saving aside ---- */

static bool write_whole(int fd, const uint8_t *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return fsync(fd) == 0;
}

/* link() refuses an existing name, rename() replaces it: each in one step. */
static bool publish(const char *aside, const char *path, bool replace)
{
    if (replace)
        return rename(aside, path) == 0;
    if (link(aside, path) != 0)
        return false;
    (void)unlink(aside);
    return true;
}

static enum bulla_status save_aside(const struct flash_sim *sim, const char *aside,
                                    const char *path, bool replace, char *why)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0)
        return say_errno(aside, "cannot be created", why);
    bool written = write_whole(fd, sim->bytes, sim->size);
    written = close(fd) == 0 && written;
    if (written && publish(aside, path, replace))
        return BULLA_OK;
    if (written && errno == EEXIST)
        snprintf(why, FLASH_SIM_WHY_SIZE, "%s: exists already", path);
    else
        (void)say_errno(path, "cannot be written", why);
    (void)unlink(aside);
    return BULLA_E_IO;
}

static enum bulla_status say_not_regular(const char *path, char *why)
{
    snprintf(why, FLASH_SIM_WHY_SIZE, "%s: only a regular file is replaced, and this is none",
             path);
    return BULLA_E_IO;
}

/* The chip that is about to be replaced must be a file and not in use; *held keeps it so until it
 * is. Judged before it is opened (of a device that alone may have effects) and after. */
static enum bulla_status hold_old(const char *path, int *held, char *why)
{
    struct stat old;

    if (lstat(path, &old) != 0)
        return errno == ENOENT ? BULLA_OK : say_errno(path, "cannot be examined", why);
    if (!S_ISREG(old.st_mode))
        return say_not_regular(path, why);
    *held = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (*held < 0)
        return say_errno(path, "cannot be opened", why);
    enum bulla_status status = fstat(*held, &old) == 0 && S_ISREG(old.st_mode)
                                   ? lock(*held, path, why)
                                   : say_not_regular(path, why);
    if (status != BULLA_OK)
        close(*held);
    return status;
}

enum bulla_status flash_sim_save(const struct flash_sim *sim, const char *path, bool replace,
                                 char why[FLASH_SIM_WHY_SIZE])
{
    int held = -1;
    size_t room = strlen(path) + 32;
    char *aside = malloc(room);

    if (aside == NULL)
        return say_errno(path, "cannot be written", why);
    snprintf(aside, room, "%s.new-%ld", path, (long)getpid());

    enum bulla_status status = replace ? hold_old(path, &held, why) : BULLA_OK;
    if (status == BULLA_OK) {
        status = save_aside(sim, aside, path, replace, why);
        if (held >= 0)
            close(held);
    }
    free(aside);
    return status;
}
