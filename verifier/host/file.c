/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files in, and files out: written aside, synced, then given their name in one step,
 * so that readers see the old file or the new one and a failure leaves nothing behind. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

#define PRIVATE_KEY_WITHIN 64u /* the armour of a PEM private key begins in these bytes */

/* Cleans up without losing the reason. */
static enum bulla_status close_failed(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
    return BULLA_E_IO;
}

/* Reads until the end or until `room` bytes are there. */
static bool read_up_to(int fd, uint8_t *data, size_t room, size_t *len)
{
    *len = 0;
    while (*len < room) {
        ssize_t n = read(fd, data + *len, room - *len);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            *len += (size_t)n;
    }
    return true;
}

/* Size of a regular file of at most max bytes; false with errno otherwise. */
static bool regular_size(int fd, size_t max, size_t *size)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return false;
    }
    if ((uint64_t)st.st_size > max || max == SIZE_MAX) {
        errno = EFBIG;
        return false;
    }
    *size = (size_t)st.st_size;
    return true;
}

enum bulla_status host_read_file(const char *path, size_t max, struct host_buffer *out)
{
    struct host_buffer buffer = {0};
    size_t size;

    *out = buffer;
    /* O_NONBLOCK: opening a pipe nobody writes to must not hang before it is refused */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return BULLA_E_IO;
    if (!regular_size(fd, max, &size))
        return close_failed(fd);
    /* One byte more than the size: notices a file that grows, and ends the text with a NUL. The
     * buffer is never reallocated: no copy of a secret stays behind. */
    buffer.data = calloc(1, size + 1);
    if (buffer.data == NULL)
        return close_failed(fd);
    bool read_ok = read_up_to(fd, buffer.data, size + 1, &buffer.len);
    if (read_ok && buffer.len > size)
        errno = EBUSY;
    if (!read_ok || buffer.len > size) {
        int error = errno;
        host_buffer_free(&buffer);
        errno = error;
        return close_failed(fd);
    }
    close(fd);
    *out = buffer;
    return BULLA_OK;
}

void host_buffer_free(struct host_buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->len); /* it may have been a key */
    free(buffer->data);
    *buffer = (struct host_buffer){0};
}

/* Length of the directory part with its slash; 0 for a bare name. */
static size_t directory_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* DIRECTORY/.bulla-16HEX.tmp */
static char *aside_name(const char *path)
{
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    char *name = NULL;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return NULL;
    host_hex((struct bulla_bytes){random, sizeof random}, hex);
    if (asprintf(&name, "%.*s.bulla-%s.tmp", (int)directory_len(path), path, hex) < 0)
        return NULL;
    return name;
}

/* Renaming over a device or a directory is never what was meant. */
static bool may_be_replaced(const char *path)
{
    struct stat st;

    if (path[0] == '\0' || path[directory_len(path)] == '\0') {
        errno = path[0] == '\0' ? ENOENT : EISDIR;
        return false;
    }
    if (stat(path, &st) != 0)
        return true; /* whatever is wrong with the directory, creating the file will tell */
    if (S_ISREG(st.st_mode))
        return true;
    errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    return false;
}

enum bulla_status host_writer_open(struct host_writer *w, const char *path, unsigned mode)
{
    *w = (struct host_writer){.fd = -1};
    if (!may_be_replaced(path))
        return BULLA_E_IO;
    w->path = strdup(path);
    w->aside = aside_name(path);
    if (w->path != NULL && w->aside != NULL)
        w->fd = open(w->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    if (w->fd >= 0)
        return BULLA_OK;

    int error = errno;
    free(w->path);
    free(w->aside);
    *w = (struct host_writer){.fd = -1};
    errno = error;
    return BULLA_E_IO;
}

enum bulla_status host_writer_write(struct host_writer *w, struct bulla_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(w->fd, bytes.data, bytes.len);
        if (n < 0 && errno != EINTR)
            return BULLA_E_IO;
        if (n > 0) {
            bytes.data += (size_t)n;
            bytes.len -= (size_t)n;
        }
    }
    return BULLA_OK;
}

/* Names the file unless the name is taken. Where a file system cannot rename so, a hard link
 * does the same. */
static bool name_exclusively(const char *aside, const char *path)
{
    if (renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    if (link(aside, path) != 0)
        return false;
    (void)unlink(aside);
    return true;
}

/* The new name must survive a power cut too. */
static bool sync_directory(const char *path)
{
    size_t len = directory_len(path);
    char *directory = len == 0 ? strdup(".") : strndup(path, len);

    if (directory == NULL)
        return false;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return errno == EACCES; /* a directory one may write but not read cannot be synced */
    bool synced = fsync(fd) == 0 || errno == EINVAL; /* EINVAL: this file system cannot */
    int error = errno;
    close(fd);
    errno = error;
    return synced;
}

/* A key lost to a mistyped output path is lost for good. A file that cannot be read is judged
 * by the directory's permissions alone, as rename does. */
static bool holds_private_key(const char *path)
{
    uint8_t start[PRIVATE_KEY_WITHIN];
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return false;
    bool found = read_up_to(fd, start, sizeof start, &len) &&
                 memmem(start, len, "PRIVATE KEY", strlen("PRIVATE KEY")) != NULL;
    explicit_bzero(start, sizeof start);
    close(fd);
    return found;
}

static bool name_over(const char *aside, const char *path)
{
    if (holds_private_key(path)) {
        errno = EKEYREJECTED;
        return false;
    }
    return rename(aside, path) == 0;
}

const char *host_write_reason(int error)
{
    return error == EKEYREJECTED ? "holds a private key, which is never overwritten"
                                 : strerror(error);
}

bool host_same_file(const char *a, const char *b)
{
    struct stat st_a, st_b;

    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
           st_a.st_ino == st_b.st_ino;
}

enum bulla_status host_writer_commit(struct host_writer *w, bool replace)
{
    bool named = false;

    if (fsync(w->fd) == 0)
        named = replace ? name_over(w->aside, w->path) : name_exclusively(w->aside, w->path);
    if (!named) {
        host_writer_abort(w);
        return BULLA_E_IO;
    }
    bool synced = sync_directory(w->path);
    int error = errno;
    if (!synced && !replace)
        (void)unlink(w->path); /* ours: the name was free a moment ago */
    close(w->fd);
    free(w->path);
    free(w->aside);
    *w = (struct host_writer){.fd = -1};
    errno = error;
    return synced ? BULLA_OK : BULLA_E_IO;
}

void host_writer_abort(struct host_writer *w)
{
    int error = errno;

    if (w->fd >= 0) {
        close(w->fd);
        (void)unlink(w->aside);
    }
    free(w->path);
    free(w->aside);
    *w = (struct host_writer){.fd = -1};
    errno = error;
}

enum bulla_status host_write_file(const char *path, struct bulla_bytes bytes, unsigned mode,
                                  bool replace)
{
    struct host_writer w;

    enum bulla_status status = host_writer_open(&w, path, mode);
    if (status != BULLA_OK)
        return status;
    status = host_writer_write(&w, bytes);
    if (status != BULLA_OK) {
        host_writer_abort(&w);
        return status;
    }
    return host_writer_commit(&w, replace);
}
