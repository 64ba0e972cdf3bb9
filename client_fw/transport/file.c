/* SPDX-License-Identifier: Apache-2.0 */
/* GET for files: any stretch of any regular file beneath a folder. */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 0x20) - 'a' + 10; /* paths were judged: it is one */
}

/* One segment, percent-decoded. NULL when it is not the name of a file. */
static const char *next_segment(const char *path, char name[BULLA_PATH_MAX + 1u])
{
    size_t len = 0;

    while (*path != '\0' && *path != '/' && *path != '?') {
        bool escaped = path[0] == '%' && path[1] != '\0' && path[2] != '\0';
        char c = path[0];
        if (escaped) {
            unsigned code = (unsigned)hex_value(path[1]) << 4 | (unsigned)hex_value(path[2]);
            c = (char)code;
        }
        if (c == '/' || c == '\0' || len == BULLA_PATH_MAX)
            return NULL;
        name[len++] = c;
        path += escaped ? 3 : 1;
    }
    name[len] = '\0';
    if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return NULL;
    return path;
}

static int fail(enum bulla_status *status, enum bulla_status why, int error, int fd)
{
    if (fd >= 0)
        (void)close(fd);
    *status = why;
    errno = error;
    return -1;
}

static int require_file(int fd, enum bulla_status *status)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return fail(status, BULLA_E_IO, errno, fd);
    if (!S_ISREG(info.st_mode))
        return fail(status, BULLA_E_IO, S_ISDIR(info.st_mode) ? EISDIR : EINVAL, fd);
    return fd;
}

/* Step by step down: no name on the way leads anywhere but further down. */
int bulla_file_open(int folder, const char *path, enum bulla_status *status)
{
    char name[BULLA_PATH_MAX + 1u];
    int at = -1;

    for (;;) {
        path = *path == '/' ? next_segment(path + 1, name) : NULL;
        if (path == NULL)
            return fail(status, BULLA_E_URL, EINVAL, at);
        bool last = *path != '/';
        /* not blocking: opening a pipe must not wait before it is refused */
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK : O_DIRECTORY);
        int next = openat(at >= 0 ? at : folder, name, flags);
        int error = errno;
        if (at >= 0)
            (void)close(at);
        if (next < 0)
            return fail(status, BULLA_E_IO, error, -1);
        if (last)
            return require_file(next, status);
        at = next;
    }
}

bool bulla_file_path(const char *name, char path[BULLA_PATH_MAX + 1u])
{
    static const char plain[] = "-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    path[len++] = '/';
    for (; *name != '\0'; name++) {
        uint8_t c = (uint8_t)*name;
        bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                        strchr(plain, c) != NULL;
        if (len + 3 > BULLA_PATH_MAX)
            return false;
        if (!is_plain) {
            path[len++] = '%';
            path[len++] = digits[c >> 4];
        }
        path[len++] = is_plain ? (char)c : digits[c & 15u];
    }
    path[len] = '\0';
    return true;
}

/* ---- the seam ---- */

static void close_file(void *ctx)
{
    struct bulla_file_transport *file = ctx;

    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}

static enum bulla_status open_file(struct bulla_file_transport *file, const struct bulla_url *url)
{
    enum bulla_status status = BULLA_OK;

    close_file(file);
    if (url->host[0] != '\0') {
        (void)snprintf(file->why, sizeof file->why,
                       "the image is at https://%.200s:%u, which files do not lead to: update with "
                       "--url, or from a bundle",
                       url->host, (unsigned)url->port);
        return BULLA_E_URL;
    }
    file->fd = bulla_file_open(file->folder, url->path, &status);
    if (file->fd >= 0)
        return BULLA_OK;
    const char *reason = errno == EISDIR || errno == EINVAL ? "it is not a regular file"
                         : errno == ELOOP                   ? "symbolic links are not followed"
                                                            : strerror(errno);
    (void)snprintf(file->why, sizeof file->why, "%.200s: %s", url->path + 1, reason);
    return status;
}

/* Of this very content: another file under the name, or a change, is another one. */
static void write_etag(const struct stat *info, char out[BULLA_ETAG_MAX + 1u])
{
    (void)snprintf(out, BULLA_ETAG_MAX + 1u, "\"%llx-%llx-%llx-%lx\"",
                   (unsigned long long)info->st_ino, (unsigned long long)info->st_size,
                   (unsigned long long)info->st_mtim.tv_sec, (unsigned long)info->st_mtim.tv_nsec);
}

static enum bulla_status get(void *ctx, const struct bulla_request *request,
                             struct bulla_response *response)
{
    struct bulla_file_transport *file = ctx;
    struct stat info;
    bool ranged = request->from != 0 || request->to != UINT64_MAX;

    memset(response, 0, sizeof *response);
    enum bulla_status status = open_file(file, request->url);
    if (status != BULLA_OK)
        return status;
    if (fstat(file->fd, &info) != 0) {
        (void)snprintf(file->why, sizeof file->why, "%s", strerror(errno));
        close_file(file);
        return BULLA_E_IO;
    }
    uint64_t size = (uint64_t)info.st_size;
    write_etag(&info, response->etag);
    if (request->etag != NULL && strcmp(request->etag, response->etag) != 0)
        ranged = false; /* If-Range: another file comes whole */
    if (ranged && request->from >= size) {
        close_file(file);
        response->status = 416;
        (void)snprintf(file->why, sizeof file->why, "%.200s ends after %llu bytes",
                       request->url->path + 1, (unsigned long long)size);
        return BULLA_E_HTTP_STATUS;
    }
    file->offset = ranged ? request->from : 0;
    file->end = ranged && request->to < size ? request->to + 1u : size;
    response->status = ranged ? 206 : 200;
    response->from = file->offset;
    response->has_length = response->has_total = true;
    response->length = file->end - file->offset;
    response->total = size;
    return BULLA_OK;
}

static enum bulla_status read_file(void *ctx, uint8_t *buffer, size_t size, size_t *len)
{
    struct bulla_file_transport *file = ctx;
    ssize_t n;

    *len = 0;
    if (size == 0)
        return BULLA_E_USAGE;
    if (file->fd < 0)
        return BULLA_E_NET_CLOSED;
    if (size > file->end - file->offset)
        size = (size_t)(file->end - file->offset);
    do {
        n = pread(file->fd, buffer, size, (off_t)file->offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && size > 0)) {
        (void)snprintf(file->why, sizeof file->why, "reading: %s",
                       n < 0 ? strerror(errno) : "the file became shorter");
        close_file(file);
        return BULLA_E_IO;
    }
    file->offset += (uint64_t)n;
    *len = (size_t)n;
    return BULLA_OK;
}

enum bulla_status bulla_file_transport_init(struct bulla_file_transport *file, const char *folder)
{
    memset(file, 0, sizeof *file);
    file->fd = -1;
    file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return file->folder >= 0 ? BULLA_OK : BULLA_E_IO;
}

struct bulla_transport bulla_file_transport_view(struct bulla_file_transport *file)
{
    return (struct bulla_transport){
        .get = get, .read = read_file, .close = close_file, .ctx = file};
}

void bulla_file_transport_free(struct bulla_file_transport *file)
{
    close_file(file);
    if (file->folder >= 0)
        (void)close(file->folder);
    file->folder = -1;
}
