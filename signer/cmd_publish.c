/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign publish: envelope and images as static files. All are judged while they are copied
 * aside; then the images get their names, then the envelope: whoever reads an envelope finds the
 * images it names. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign publish ENVELOPE [IMAGE] [--module NAME=FILE]... --to DIR [--trust "
    "FILE]...\n"
    "DIR is the directory a web server or CDN serves; it must exist. The envelope keeps its file\n"
    "name, the image goes where its signed URI points, relative to the envelope, and is written\n"
    "first: readers see the old release or the new one. Old images stay, for readers that still\n"
    "hold the old envelope; so every release needs a URI of its own (sign --uri app-1.4.2.bin).\n"
    "IMAGE is the app's, --module each module's; all that the envelope names must be given.\n"
    "--trust FILE (a trust store or a public key; may be repeated) judges the signatures as a\n"
    "device does, before anything is laid out; without it they are not judged.\n"
    "An image whose URI is https://... or begins with / is checked but not laid out.\n"
    "Refused: an image that is not the signed one; another image under a URI in use; a sequence\n"
    "lower than the published envelope's, or equal with another manifest; another vendor, class\n"
    "or component under the same file name. Publishing twice is fine.\n";

/* One image on its way to the directory. */
struct piece {
    const struct bulla_image *image;
    const char *file;
    char *path; /* NULL: not laid out */
    int fd;
    uint32_t size;
    struct host_writer writer;
    bool aside;   /* the writer is open */
    bool written; /* it was */
    bool repair;  /* the image there is damaged and may be replaced */
    size_t made;  /* directories created for it */
    struct image_scan scan;
};

struct publication {
    const char *envelope, *image, *dir;
    const struct cli_list *modules;
    const struct bulla_trust *trust; /* NULL: signatures are not judged */
    char *envelope_path;
    int lock, envelope_fd;
    struct host_writer envelope_writer;
    bool envelope_aside;
    enum publish_step step;
    struct walked walked;
    struct piece pieces[BULLA_IMAGES_MAX];
};

static enum bulla_status io_problem(const char *path, char why[WHY_SIZE])
{
    snprintf(why, WHY_SIZE, "%s: %s", path, host_write_reason(errno));
    return BULLA_E_IO;
}

static enum bulla_status open_envelope(struct publication *p, char why[WHY_SIZE])
{
    const char *slash = strrchr(p->envelope, '/');
    struct stat info;

    p->lock = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->lock < 0)
        return io_problem(p->dir, why);
    /* one publisher at a time: the register is read and replaced as one step */
    if (flock(p->lock, LOCK_EX) != 0)
        return io_problem(p->dir, why);
    p->envelope_fd = open(p->envelope, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (p->envelope_fd < 0 || fstat(p->envelope_fd, &info) != 0)
        return io_problem(p->envelope, why);
    if (!S_ISREG(info.st_mode)) {
        snprintf(why, WHY_SIZE, "%s is not a regular file", p->envelope);
        return BULLA_E_IO;
    }
    if (asprintf(&p->envelope_path, "%s/%s", p->dir, slash != NULL ? slash + 1 : p->envelope) < 0) {
        p->envelope_path = NULL;
        return BULLA_E_IO;
    }
    return BULLA_OK;
}

static enum bulla_status feed_file(int fd, struct judge *judge)
{
    uint8_t block[4096];

    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BULLA_E_IO;
        if (n == 0)
            return judge_end(judge);
        enum bulla_status status = judge_feed(judge, (struct bulla_bytes){block, (size_t)n});
        if (status != BULLA_OK)
            return status;
    }
}

/* By the device's reader, over the copy that will get the name. */
static enum bulla_status judge_signatures(const struct publication *p, char why[WHY_SIZE])
{
    static const struct bulla_device anybody = {.takes_modules = true};
    struct judge judge;

    if (p->trust == NULL)
        return BULLA_OK;
    int fd = open(p->envelope_writer.aside, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io_problem(p->envelope_writer.aside, why);
    judge_begin_trust(&judge, p->trust, &anybody, NULL);
    enum bulla_status status = feed_file(fd, &judge);
    if (status == BULLA_E_IO)
        (void)io_problem(p->envelope_writer.aside, why);
    judge_free(&judge);
    close(fd);
    return status;
}

/* Copied aside and judged in one reading: what gets its name later is what was judged. */
static enum bulla_status take_envelope(struct publication *p, char why[WHY_SIZE])
{
    if (host_writer_open(&p->envelope_writer, p->envelope_path, 0644) != BULLA_OK)
        return io_problem(p->envelope_path, why);
    p->envelope_aside = true;
    enum bulla_status status = walk_envelope(p->envelope_fd, &p->envelope_writer, &p->walked, why);
    if (status == BULLA_OK)
        status = judge_signatures(p, why);
    if (status != BULLA_OK)
        return status;
    return publish_register(p->envelope_path, &p->walked, p->envelope_fd, &p->step, why);
}

/* Is there something under the image's name already, and is it this image? */
static enum bulla_status look_at_place(const struct publication *p, struct piece *piece,
                                       bool *there, char why[WHY_SIZE])
{
    struct image_scan scan;
    char ignored[WHY_SIZE];
    uint32_t size = 0;
    int fd = -1;

    *there = false;
    enum bulla_status status = image_open(piece->path, &fd, &size, why);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return BULLA_OK;
    if (status == BULLA_OK)
        status = image_scan(piece->path, fd, size, NULL, NULL, &scan, why);
    if (fd >= 0)
        close(fd);
    if (status != BULLA_OK && !bulla_status_is_refusal(status))
        return status;
    *there = status == BULLA_OK && image_matches(&scan, piece->image, ignored) == BULLA_OK;
    why[0] = '\0';
    if (*there)
        return BULLA_OK;
    piece->repair = p->step == PUBLISH_SAME;
    if (piece->repair)
        return BULLA_OK;
    snprintf(why, WHY_SIZE,
             "%s holds another image, which readers of published envelopes may still fetch: seal "
             "this release with a URI of its own (sign --uri, --module NAME=FILE@URI)",
             piece->path);
    return BULLA_E_IMAGE_DIGEST;
}

/* Another image of the same envelope goes to the same place, which is fine if it is the same one.
 */
static enum bulla_status look_at_others(const struct publication *p, const struct piece *piece,
                                        bool *there, char why[WHY_SIZE])
{
    for (const struct piece *other = p->pieces; other < piece; other++) {
        if (other->path == NULL || strcmp(other->path, piece->path) != 0)
            continue;
        *there = bulla_digest_equal(other->image->digest, piece->image->digest);
        if (*there)
            return BULLA_OK;
        snprintf(why, WHY_SIZE, "two images of the envelope are fetched from %s", piece->path);
        return BULLA_E_IMAGE_DIGEST;
    }
    return BULLA_OK;
}

static enum bulla_status open_image_aside(struct publication *p, struct piece *piece,
                                          char why[WHY_SIZE])
{
    bool there = false;

    if (piece->path == NULL)
        return BULLA_OK;
    size_t len = strlen(p->envelope_path);
    if (strncmp(piece->path, p->envelope_path, len) == 0 &&
        (piece->path[len] == '\0' || piece->path[len] == '/')) {
        snprintf(why, WHY_SIZE, "the image's URI %s the envelope's own file name",
                 piece->path[len] == '\0' ? "is" : "takes for a directory");
        return BULLA_E_URI_FORM;
    }
    enum bulla_status status = look_at_others(p, piece, &there, why);
    if (status == BULLA_OK && !there)
        status = look_at_place(p, piece, &there, why);
    if (status != BULLA_OK || there)
        return status;
    status = publish_make_parents(p->dir, piece->path, &piece->made, why);
    if (status != BULLA_OK)
        return status;
    if (host_writer_open(&piece->writer, piece->path, 0644) != BULLA_OK)
        return io_problem(piece->path, why);
    piece->aside = true;
    return BULLA_OK;
}

static enum bulla_status take_image(struct publication *p, struct piece *piece, char why[WHY_SIZE])
{
    enum bulla_status status = image_open(piece->file, &piece->fd, &piece->size, why);

    if (status == BULLA_OK)
        status = publish_image_path(p->dir, piece->image->uri, &piece->path, why);
    if (status == BULLA_OK)
        status = open_image_aside(p, piece, why);
    if (status == BULLA_OK)
        status = image_scan(piece->file, piece->fd, piece->size, NULL,
                            piece->aside ? &piece->writer : NULL, &piece->scan, why);
    if (status == BULLA_OK)
        status = image_matches(&piece->scan, piece->image, why);
    if (status == BULLA_OK && piece->image->name.len == 0)
        status = image_judge(piece->file, piece->fd, &piece->scan, BULLA_FORMAT_UNKNOWN, why);
    return status;
}

/* The file given for this image; NULL: none. */
static const char *file_for(const struct publication *p, const struct bulla_image *image)
{
    char name[BULLA_COMPONENT_NAME_MAX + 1u];

    if (image->name.len == 0)
        return p->image;
    for (size_t i = 0; i < p->modules->count; i++) {
        const char *file = host_named_file(p->modules->items[i], name);
        if (strlen(name) == image->name.len && memcmp(name, image->name.data, image->name.len) == 0)
            return file;
    }
    return NULL;
}

/* A file for each image of the envelope, and none besides. */
static enum bulla_status match_files(struct publication *p, char why[WHY_SIZE])
{
    size_t given = p->modules->count + (p->image != NULL ? 1u : 0u);

    for (uint32_t i = 0; i < p->walked.manifest.images; i++) {
        const struct bulla_image *image = &p->walked.images[i];
        p->pieces[i].image = image;
        p->pieces[i].file = file_for(p, image);
        if (p->pieces[i].file != NULL)
            continue;
        if (image->name.len == 0)
            snprintf(why, WHY_SIZE, "the envelope names an app: IMAGE is missing");
        else
            snprintf(why, WHY_SIZE, "the envelope names module %.*s: --module %.*s=FILE is missing",
                     (int)image->name.len, (const char *)image->name.data, (int)image->name.len,
                     (const char *)image->name.data);
        return BULLA_E_USAGE;
    }
    if (given == p->walked.manifest.images)
        return BULLA_OK;
    snprintf(why, WHY_SIZE, "%zu images given, the envelope names %u", given,
             (unsigned)p->walked.manifest.images);
    return BULLA_E_USAGE;
}

static enum bulla_status take_images(struct publication *p, char why[WHY_SIZE])
{
    enum bulla_status status = match_files(p, why);

    for (uint32_t i = 0; status == BULLA_OK && i < p->walked.manifest.images; i++)
        status = take_image(p, &p->pieces[i], why);
    return status;
}

/* Images first, envelope last. */
static enum bulla_status give_names(struct publication *p, char why[WHY_SIZE])
{
    for (uint32_t i = 0; i < p->walked.manifest.images; i++) {
        struct piece *piece = &p->pieces[i];
        if (!piece->aside)
            continue;
        piece->aside = false;
        if (host_writer_commit(&piece->writer, piece->repair) != BULLA_OK)
            return io_problem(piece->path, why);
        piece->made = 0;
        piece->written = true;
    }
    if (p->step == PUBLISH_SAME)
        return BULLA_OK;
    p->envelope_aside = false;
    if (host_writer_commit(&p->envelope_writer, true) != BULLA_OK)
        return io_problem(p->envelope_path, why);
    return BULLA_OK;
}

static void put_away(struct publication *p)
{
    if (p->envelope_aside)
        host_writer_abort(&p->envelope_writer);
    for (size_t i = BULLA_IMAGES_MAX; i-- > 0;) { /* directories of the later ones first */
        struct piece *piece = &p->pieces[i];
        if (piece->aside)
            host_writer_abort(&piece->writer);
        if (piece->path != NULL)
            publish_unmake(piece->path, piece->made);
        if (piece->fd >= 0)
            close(piece->fd);
        free(piece->path);
    }
    if (p->envelope_fd >= 0)
        close(p->envelope_fd);
    if (p->lock >= 0)
        close(p->lock);
    free(p->envelope_path);
}

static void report_piece(struct host_tool *tool, const struct publication *p,
                         const struct piece *piece, json_t *modules)
{
    const struct bulla_bytes uri = piece->image->uri, name = piece->image->name;
    json_t *path = piece->path != NULL ? json_string(piece->path) : json_null();

    if (piece->path != NULL)
        host_say(tool, "%s: %s", piece->path, piece->written ? "published" : "was there already");
    else
        host_note(tool,
                  "the image is fetched from %.*s, which is not below %s: it was checked, "
                  "put it there yourself",
                  (int)uri.len, (const char *)uri.data, p->dir);
    if (tool->json && name.len == 0)
        json_object_set(tool->doc, "image", path);
    else if (tool->json)
        json_array_append_new(modules, json_pack("{s:s%,s:O}", "name", (const char *)name.data,
                                                 name.len, "file", path));
    json_decref(path);
}

static void report(struct host_tool *tool, const struct publication *p)
{
    json_t *modules = json_array();
    bool changed = p->step != PUBLISH_SAME;

    host_say(tool, "%s: %s", p->envelope_path,
             p->step == PUBLISH_SAME ? "was there already" : "published");
    for (uint32_t i = 0; i < p->walked.manifest.images; i++) {
        changed = changed || p->pieces[i].written;
        report_piece(tool, p, &p->pieces[i], modules);
    }
    if (p->trust == NULL)
        host_note(tool, "signatures were not judged: --trust FILE does that");
    if (tool->json) {
        host_member(tool, "envelope", p->envelope_path);
        if (json_array_size(modules) > 0)
            json_object_set(tool->doc, "modules", modules);
        json_object_set_new(tool->doc, "signatures_judged", json_boolean(p->trust != NULL));
        json_object_set_new(tool->doc, "sequence", json_integer(p->walked.manifest.sequence));
        json_object_set_new(tool->doc, "changed", json_boolean(changed));
    }
    json_decref(modules);
}

static int publish(struct host_tool *tool, struct publication *p)
{
    char why[WHY_SIZE] = "";
    enum bulla_status status = open_envelope(p, why);

    if (status == BULLA_OK)
        status = take_envelope(p, why);
    if (status == BULLA_OK)
        status = take_images(p, why);
    if (status == BULLA_OK)
        status = give_names(p, why);
    if (status == BULLA_OK)
        report(tool, p);
    put_away(p);
    return cli_end(tool, status, status == BULLA_OK ? NULL : why);
}

static int publish_operands(struct host_tool *tool, const char *const operands[2],
                            const struct cli_list *modules, const char *dir,
                            const struct bulla_trust *trust)
{
    struct publication *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return host_end(tool, BULLA_E_IO, "no memory");
    p->envelope = operands[0];
    p->image = operands[1];
    p->modules = modules;
    p->dir = dir;
    p->trust = trust;
    p->lock = p->envelope_fd = -1;
    for (size_t i = 0; i < BULLA_IMAGES_MAX; i++)
        p->pieces[i].fd = -1;
    int end = publish(tool, p);
    free(p);
    return end;
}

int cmd_publish(struct host_tool *tool, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL}, *dir = NULL;
    struct cli_list trust_paths = {{NULL}, 0}, modules = {{NULL}, 0};
    struct keys_trust trust = {0};
    char why[256];
    const struct cli_option options[] = {
        {"to", 0, &dir, NULL},
        {"trust", 0, NULL, &trust_paths},
        {"module", 0, NULL, &modules},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 2};

    int end = cli_parse_some(tool, &command, 1, argc, argv, operands);
    if (end < 0)
        end = cli_check_modules(tool, &modules);
    if (end >= 0)
        return end;
    if (operands[1] == NULL && modules.count == 0)
        return host_usage(tool, "2 file names expected, 1 given");
    if (dir == NULL)
        return host_usage(tool, "--to DIR is missing");
    if (trust_paths.count == 0)
        return publish_operands(tool, operands, &modules, dir, NULL);
    enum bulla_status status =
        keys_trust_load(trust_paths.items, trust_paths.count, 0, &trust, why);
    if (status != BULLA_OK)
        return cli_end(tool, bulla_status_is_refusal(status) ? BULLA_E_USAGE : status, why);
    end = publish_operands(tool, operands, &modules, dir, &trust.trust);
    keys_trust_free(&trust);
    return end;
}
