/* SPDX-License-Identifier: Apache-2.0 */
/* NOR flash in memory and in a file; what it refuses and how it fails, flash_sim.h. This file
 * plays the chip; writing whole chip files aside is at its end. */

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

/* ---- the chip ---- */

static bool inside(const struct flash_sim *sim, uint32_t offset, size_t len)
{
    return offset <= sim->size && len <= sim->size - offset;
}

static enum bulla_status refuse(struct flash_sim *sim, enum bulla_status status, const char *what,
                                uint32_t offset, size_t len)
{
    sim->violations++;
    snprintf(sim->note, sizeof(sim->note), "%s: %zu bytes at 0x%x of a chip of 0x%x", what, len,
             (unsigned)offset, (unsigned)sim->size);
    return status;
}

/* Bring a changed range to the file. A chip whose file cannot follow is dead: what the two hold
 * must not come apart. */
static bool write_through(struct flash_sim *sim, uint32_t offset, size_t len)
{
    size_t done = 0;

    while (sim->fd >= 0 && done < len) {
        ssize_t n = pwrite(sim->fd, sim->bytes + offset + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            snprintf(sim->note, sizeof(sim->note), "flash file: %s", strerror(errno));
            sim->dead = true;
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* xorshift: the same garbage for the same operation, so that a failing sweep can be repeated. */
static uint8_t garbage(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return (uint8_t)(*seed >> 11);
}

static uint32_t garbage_seed(uint32_t operation)
{
    return (operation * 2654435761u) | 1u;
}

static enum bulla_status sim_read(void *ctx, uint32_t offset, void *buffer, size_t len)
{
    struct flash_sim *sim = ctx;

    if (sim->dead)
        return BULLA_E_FLASH_READ;
    if (!inside(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_READ, "read outside of the chip", offset, len);
    sim->reads++;
    if (sim->reads == sim->fault.fail_read_at)
        return BULLA_E_FLASH_READ;
    if (len > 0)
        memcpy(buffer, sim->bytes + offset, len);
    if (len > 0 && sim->reads == sim->fault.misread_at)
        *(uint8_t *)buffer ^= 1;
    return BULLA_OK;
}

/* True when some bit would have to rise. */
static bool sets_bits(const uint8_t *old, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((bytes[i] & (uint8_t)~old[i]) != 0)
            return true;
    }
    return false;
}

static void burn(struct flash_sim *sim, uint32_t offset, const uint8_t *bytes, size_t len, bool cut)
{
    size_t arrive = cut && sim->fault.cut_bytes < len ? sim->fault.cut_bytes : len;
    uint32_t seed = garbage_seed(sim->operations);

    for (size_t i = 0; i < len; i++) {
        uint8_t *cell = sim->bytes + offset + i;

        if (i >= arrive && !(cut && sim->fault.cut_garbage))
            break;
        sim->bytes_programmed++;
        sim->bytes_reprogrammed += *cell != 0xff;
        *cell &= i < arrive ? bytes[i] : (uint8_t)(bytes[i] | garbage(&seed));
    }
    if (sim->fault.lie_from != 0 && sim->operations >= sim->fault.lie_from &&
        sim->fault.lie_offset >= offset && sim->fault.lie_offset - offset < len)
        sim->bytes[sim->fault.lie_offset] ^= sim->fault.lie_mask;
}

static enum bulla_status say_read_only(struct flash_sim *sim, enum bulla_status status)
{
    snprintf(sim->note, sizeof(sim->note), "flash file: may only be read");
    return status;
}

static enum bulla_status sim_program(void *ctx, uint32_t offset, const void *bytes, size_t len)
{
    struct flash_sim *sim = ctx;

    if (sim->dead)
        return BULLA_E_FLASH_PROGRAM;
    if (!inside(sim, offset, len))
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program outside of the chip", offset, len);
    if (sets_bits(sim->bytes + offset, bytes, len))
        return refuse(sim, BULLA_E_FLASH_PROGRAM, "program of bits that are not erased", offset,
                      len);
    if (sim->read_only)
        return say_read_only(sim, BULLA_E_FLASH_PROGRAM);
    sim->operations++;
    bool cut = sim->operations == sim->fault.cut_at;
    bool fail = sim->operations == sim->fault.fail_at;
    if (fail && !sim->fault.fail_but_done)
        return BULLA_E_FLASH_PROGRAM;
    burn(sim, offset, bytes, len, cut);
    bool written = write_through(sim, offset, len);
    if (cut)
        sim->dead = true;
    return !written || cut || fail ? BULLA_E_FLASH_PROGRAM : BULLA_OK;
}

static void wipe(struct flash_sim *sim, uint32_t offset, bool cut)
{
    uint32_t done =
        cut && sim->fault.cut_bytes < BULLA_SECTOR_SIZE ? sim->fault.cut_bytes : BULLA_SECTOR_SIZE;
    uint32_t seed = garbage_seed(sim->operations);

    memset(sim->bytes + offset, 0xff, done);
    for (uint32_t i = done; cut && sim->fault.cut_garbage && i < BULLA_SECTOR_SIZE; i++)
        sim->bytes[offset + i] = garbage(&seed);
    sim->sectors_erased++;
    sim->wear[offset / BULLA_SECTOR_SIZE]++;
}

static enum bulla_status sim_erase_sector(void *ctx, uint32_t offset)
{
    struct flash_sim *sim = ctx;

    if (sim->dead)
        return BULLA_E_FLASH_ERASE;
    if (offset % BULLA_SECTOR_SIZE != 0 || !inside(sim, offset, BULLA_SECTOR_SIZE))
        return refuse(sim, BULLA_E_FLASH_ERASE, "erase of what is not one whole sector", offset,
                      BULLA_SECTOR_SIZE);
    if (sim->read_only)
        return say_read_only(sim, BULLA_E_FLASH_ERASE);
    sim->operations++;
    bool cut = sim->operations == sim->fault.cut_at;
    bool fail = sim->operations == sim->fault.fail_at;
    if (sim->fault.worn && offset == sim->fault.worn_sector)
        return sim->fault.worn_silently ? BULLA_OK : BULLA_E_FLASH_ERASE;
    if (fail && !sim->fault.fail_but_done)
        return BULLA_E_FLASH_ERASE;
    wipe(sim, offset, cut);
    bool written = write_through(sim, offset, BULLA_SECTOR_SIZE);
    if (cut)
        sim->dead = true;
    return !written || cut || fail ? BULLA_E_FLASH_ERASE : BULLA_OK;
}

const struct bulla_flash *flash_sim_flash(struct flash_sim *sim)
{
    sim->flash = (struct bulla_flash){.read = sim_read,
                                      .program = sim_program,
                                      .erase_sector = sim_erase_sector,
                                      .size = sim->size,
                                      .ctx = sim};
    return &sim->flash;
}

void flash_sim_power_on(struct flash_sim *sim)
{
    sim->dead = false;
    sim->fault = (struct flash_sim_fault){0};
}

void flash_sim_close(struct flash_sim *sim)
{
    free(sim->bytes);
    free(sim->wear);
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
    if (sim->bytes == NULL || sim->wear == NULL) {
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
    if (!allocate(sim, (uint64_t)here.st_size, why))
        return BULLA_E_IO;
    if (!read_whole(fd, sim->bytes, sim->size)) {
        status = say_errno(path, "cannot be read", why);
        flash_sim_close(sim);
    }
    return status;
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

enum bulla_status flash_sim_copy(struct flash_sim *sim, const struct flash_sim *source,
                                 char why[FLASH_SIM_WHY_SIZE])
{
    if (!allocate(sim, source->size, why))
        return BULLA_E_IO;
    memcpy(sim->bytes, source->bytes, sim->size);
    return BULLA_OK;
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
