/* SPDX-License-Identifier: Apache-2.0 */
/* Where a release's files go under a web root, and whether they may: the published envelope is
 * the register of what was released before. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 0x20) - 'a' + 10; /* bulla_uri_check saw to it that it is one */
}

/* Percent-decoded up to the query; false when an encoded slash would make a path of a name. */
static bool decode_path(struct bulla_bytes uri, char out[BULLA_URI_MAX + 1u])
{
    size_t len = 0;

    for (size_t i = 0; i < uri.len && uri.data[i] != '?' && len < BULLA_URI_MAX; i++) {
        uint8_t c = uri.data[i];
        if (c == '%' && i + 2 < uri.len) {
            c = (uint8_t)(hex_value(uri.data[i + 1]) << 4 | hex_value(uri.data[i + 2]));
            i += 2;
            if (c == '/' || c == '\0')
                return false;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}

/* Non-empty segments, none of them . or ..: the file stays below the directory. */
static bool names_a_file(const char *path)
{
    for (const char *p = path;; p++) {
        size_t len = strcspn(p, "/");
        if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += len;
        if (*p == '\0')
            return true;
    }
}

enum bulla_status publish_image_path(const char *dir, struct bulla_bytes uri, char **path,
                                     char why[WHY_SIZE])
{
    char relative[BULLA_URI_MAX + 1u];

    *path = NULL;
    bool elsewhere = uri.len > 0 && uri.data[0] == '/';
    if (uri.len >= 6 && strncasecmp((const char *)uri.data, "https:", 6) == 0)
        elsewhere = true;
    if (elsewhere)
        return BULLA_OK;
    if (!decode_path(uri, relative) || !names_a_file(relative)) {
        snprintf(why, WHY_SIZE, "the image URI '%.*s' names no file below the directory",
                 (int)uri.len, (const char *)uri.data);
        return BULLA_E_URI_FORM;
    }
    return asprintf(path, "%s/%s", dir, relative) < 0 ? BULLA_E_IO : BULLA_OK;
}

static bool same_content(int a, int b)
{
    uint8_t block_a[4096], block_b[4096];

    for (off_t offset = 0;;) {
        ssize_t n = pread(a, block_a, sizeof(block_a), offset);
        ssize_t m = pread(b, block_b, sizeof(block_b), offset);
        if (n < 0 || n != m || memcmp(block_a, block_b, (size_t)n) != 0)
            return false;
        if (n == 0)
            return true;
        offset += n;
    }
}

/* Is every signature of the published envelope in the fresh one? */
static bool keeps_signatures(const struct bulla_wrapper *published,
                             const struct bulla_wrapper *fresh)
{
    for (uint32_t p = 0; p < published->block_count; p++) {
        bool found = false;
        for (uint32_t f = 0; f < fresh->block_count; f++)
            found = found ||
                    bulla_bytes_equal(published->blocks[p].signature, fresh->blocks[f].signature);
        if (!found)
            return false;
    }
    return true;
}

static bool same_id(const uint8_t a[BULLA_UUID_SIZE], const uint8_t b[BULLA_UUID_SIZE])
{
    return memcmp(a, b, BULLA_UUID_SIZE) == 0;
}

static enum bulla_status compare_release(const char *path, const struct walked *published,
                                         const struct walked *fresh, char why[WHY_SIZE])
{
    const struct bulla_manifest *old = &published->manifest, *new = &fresh->manifest;
    bool vendor = same_id(old->image.vendor_id, new->image.vendor_id);

    if (!vendor || !same_id(old->image.class_id, new->image.class_id) ||
        !bulla_bytes_equal(old->image.component, new->image.component)) {
        snprintf(why, WHY_SIZE,
                 "%s serves another vendor, device class or component: publish under another "
                 "file name",
                 path);
        if (!vendor)
            return BULLA_E_VENDOR_MISMATCH;
        return same_id(old->image.class_id, new->image.class_id) ? BULLA_E_COMPONENT_MISMATCH
                                                                 : BULLA_E_CLASS_MISMATCH;
    }
    if (new->sequence < old->sequence) {
        snprintf(why, WHY_SIZE, "the envelope has sequence %" PRIu32 ", %s has %" PRIu32,
                 new->sequence, path, old->sequence);
        return BULLA_E_SEQUENCE_TOO_OLD;
    }
    if (new->sequence > old->sequence)
        return BULLA_OK;
    /* the same release with signatures added is fine; another one under its number is not */
    if (!bulla_digest_equal(published->manifest_digest, fresh->manifest_digest)) {
        snprintf(why, WHY_SIZE, "%s has sequence %" PRIu32 " too, with another manifest", path,
                 old->sequence);
        return BULLA_E_SEQUENCE_CONFLICT;
    }
    if (!keeps_signatures(&published->wrapper, &fresh->wrapper)) {
        snprintf(why, WHY_SIZE, "%s has a signature that the envelope lacks", path);
        return BULLA_E_SEQUENCE_CONFLICT;
    }
    return BULLA_OK;
}

enum bulla_status publish_register(const char *path, const struct walked *fresh, int fresh_fd,
                                   enum publish_step *step, char why[WHY_SIZE])
{
    struct walked published;
    char reason[WHY_SIZE];

    *step = PUBLISH_NEW;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return BULLA_OK;
    if (fd < 0) {
        snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
        return BULLA_E_IO;
    }
    enum bulla_status status = walk_envelope(fd, NULL, &published, reason);
    if (status != BULLA_OK)
        snprintf(why, WHY_SIZE,
                 "%s, which would be replaced, is no sound envelope (%s): move it away", path,
                 bulla_status_sentence(status));
    else if (same_content(fd, fresh_fd))
        *step = PUBLISH_SAME;
    else
        status = compare_release(path, &published, fresh, why);
    close(fd);
    return status;
}

/* A new name must survive a power cut. */
static void sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = parent != NULL ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        (void)fsync(fd); /* a file system that cannot is no reason to refuse */
        close(fd);
    }
    free(parent);
}

enum bulla_status publish_make_parents(const char *dir, const char *path, size_t *made,
                                       char why[WHY_SIZE])
{
    char *part = strdup(path);

    *made = 0;
    if (part == NULL)
        return BULLA_E_IO;
    for (char *slash = strchr(part + strlen(dir) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) == 0) {
            sync_parent(part);
            if (*made == 0)
                *made = strlen(part);
        } else if (errno != EEXIST) {
            snprintf(why, WHY_SIZE, "%s: %s", part, strerror(errno));
            publish_unmake(path, *made);
            free(part);
            return BULLA_E_IO;
        }
        *slash = '/';
    }
    free(part);
    return BULLA_OK;
}

void publish_unmake(const char *path, size_t made)
{
    char *part = made > 0 ? strdup(path) : NULL;
    char *slash;

    while (part != NULL && (slash = strrchr(part, '/')) != NULL && (size_t)(slash - part) >= made) {
        *slash = '\0';
        (void)rmdir(part); /* not empty: somebody else uses it by now */
    }
    free(part);
}
