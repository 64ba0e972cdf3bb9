/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign publish: envelope and image as static files. Both are judged while they are copied
 * aside; then the image gets its name, then the envelope: whoever reads an envelope finds the
 * image it names. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign publish ENVELOPE IMAGE --to DIR [--trust FILE]...\n"
    "DIR is the directory a web server or CDN serves; it must exist. The envelope keeps its file\n"
    "name, the image goes where its signed URI points, relative to the envelope, and is written\n"
    "first: readers see the old release or the new one. Old images stay, for readers that still\n"
    "hold the old envelope; so every release needs a URI of its own (sign --uri app-1.4.2.bin).\n"
    "--trust FILE (a trust store or a public key; may be repeated) judges the signatures as a\n"
    "device does, before anything is laid out; without it they are not judged.\n"
    "An image whose URI is https://... or begins with / is checked but not laid out.\n"
    "Refused: an image that is not the signed one; another image under a URI in use; a sequence\n"
    "lower than the published envelope's, or equal with another manifest; another vendor, class\n"
    "or component under the same file name. Publishing twice is fine.\n";

struct publication {
    const char *envelope, *image, *dir;
    const struct bulla_trust *trust;  /* NULL: signatures are not judged */
    char *envelope_path, *image_path; /* image_path NULL: not laid out */
    int lock, envelope_fd, image_fd;
    uint32_t image_size;
    struct host_writer envelope_writer, image_writer;
    bool envelope_aside, image_aside; /* a writer is open */
    bool repair;                      /* the image there is damaged and may be replaced */
    size_t made;                      /* directories created for the image */
    enum publish_step step;
    struct walked walked;
    struct image_scan scan;
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
    static const struct bulla_device anybody = {.has_ids = false};
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
static enum bulla_status look_at_place(struct publication *p, bool *there, char why[WHY_SIZE])
{
    struct image_scan scan;
    char ignored[WHY_SIZE];
    uint32_t size = 0;
    int fd = -1;

    *there = false;
    enum bulla_status status = image_open(p->image_path, &fd, &size, why);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return BULLA_OK;
    if (status == BULLA_OK)
        status = image_scan(p->image_path, fd, size, NULL, NULL, &scan, why);
    if (fd >= 0)
        close(fd);
    if (status != BULLA_OK && !bulla_status_is_refusal(status))
        return status;
    *there =
        status == BULLA_OK && image_matches(&scan, &p->walked.manifest.image, ignored) == BULLA_OK;
    why[0] = '\0';
    if (*there)
        return BULLA_OK;
    p->repair = p->step == PUBLISH_SAME;
    if (p->repair)
        return BULLA_OK;
    snprintf(why, WHY_SIZE,
             "%s holds another image, which readers of published envelopes may still fetch: seal "
             "this release with a URI of its own (sign --uri)",
             p->image_path);
    return BULLA_E_IMAGE_DIGEST;
}

static enum bulla_status open_image_aside(struct publication *p, char why[WHY_SIZE])
{
    bool there = false;

    if (p->image_path == NULL)
        return BULLA_OK;
    size_t len = strlen(p->envelope_path);
    if (strncmp(p->image_path, p->envelope_path, len) == 0 &&
        (p->image_path[len] == '\0' || p->image_path[len] == '/')) {
        snprintf(why, WHY_SIZE, "the image's URI %s the envelope's own file name",
                 p->image_path[len] == '\0' ? "is" : "takes for a directory");
        return BULLA_E_URI_FORM;
    }
    enum bulla_status status = look_at_place(p, &there, why);
    if (status != BULLA_OK || there)
        return status;
    status = publish_make_parents(p->dir, p->image_path, &p->made, why);
    if (status != BULLA_OK)
        return status;
    if (host_writer_open(&p->image_writer, p->image_path, 0644) != BULLA_OK)
        return io_problem(p->image_path, why);
    p->image_aside = true;
    return BULLA_OK;
}

static enum bulla_status take_image(struct publication *p, char why[WHY_SIZE])
{
    enum bulla_status status = image_open(p->image, &p->image_fd, &p->image_size, why);

    if (status == BULLA_OK)
        status = publish_image_path(p->dir, p->walked.manifest.image.uri, &p->image_path, why);
    if (status == BULLA_OK)
        status = open_image_aside(p, why);
    if (status == BULLA_OK)
        status = image_scan(p->image, p->image_fd, p->image_size, NULL,
                            p->image_aside ? &p->image_writer : NULL, &p->scan, why);
    if (status == BULLA_OK)
        status = image_matches(&p->scan, &p->walked.manifest.image, why);
    if (status == BULLA_OK)
        status = image_judge(p->image, p->image_fd, &p->scan, BULLA_FORMAT_UNKNOWN, why);
    return status;
}

/* Image first, envelope last. */
static enum bulla_status give_names(struct publication *p, char why[WHY_SIZE])
{
    if (p->image_aside) {
        p->image_aside = false;
        if (host_writer_commit(&p->image_writer, p->repair) != BULLA_OK)
            return io_problem(p->image_path, why);
        p->made = 0;
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
    if (p->image_aside)
        host_writer_abort(&p->image_writer);
    if (p->image_path != NULL)
        publish_unmake(p->image_path, p->made);
    if (p->image_fd >= 0)
        close(p->image_fd);
    if (p->envelope_fd >= 0)
        close(p->envelope_fd);
    if (p->lock >= 0)
        close(p->lock);
    free(p->envelope_path);
    free(p->image_path);
}

static void report(struct host_tool *tool, const struct publication *p, bool image_written)
{
    const struct bulla_bytes uri = p->walked.manifest.image.uri;

    host_say(tool, "%s: %s", p->envelope_path,
             p->step == PUBLISH_SAME ? "was there already" : "published");
    if (p->image_path != NULL)
        host_say(tool, "%s: %s", p->image_path, image_written ? "published" : "was there already");
    else
        host_note(tool,
                  "the image is fetched from %.*s, which is not below %s: it was checked, "
                  "put it there yourself",
                  (int)uri.len, (const char *)uri.data, p->dir);
    if (p->trust == NULL)
        host_note(tool, "signatures were not judged: --trust FILE does that");
    if (!tool->json)
        return;
    host_member(tool, "envelope", p->envelope_path);
    if (p->image_path != NULL)
        host_member(tool, "image", p->image_path);
    else
        json_object_set_new(tool->doc, "image", json_null());
    json_object_set_new(tool->doc, "signatures_judged", json_boolean(p->trust != NULL));
    json_object_set_new(tool->doc, "sequence", json_integer(p->walked.manifest.sequence));
    json_object_set_new(tool->doc, "changed",
                        json_boolean(image_written || p->step != PUBLISH_SAME));
}

static int publish(struct host_tool *tool, struct publication *p)
{
    char why[WHY_SIZE] = "";
    enum bulla_status status = open_envelope(p, why);

    if (status == BULLA_OK)
        status = take_envelope(p, why);
    if (status == BULLA_OK)
        status = take_image(p, why);
    bool image_written = p->image_aside;
    if (status == BULLA_OK)
        status = give_names(p, why);
    if (status == BULLA_OK)
        report(tool, p, image_written);
    put_away(p);
    return cli_end(tool, status, status == BULLA_OK ? NULL : why);
}

static int publish_operands(struct host_tool *tool, const char *const operands[2], const char *dir,
                            const struct bulla_trust *trust)
{
    struct publication *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return host_end(tool, BULLA_E_IO, "no memory");
    p->envelope = operands[0];
    p->image = operands[1];
    p->dir = dir;
    p->trust = trust;
    p->lock = p->envelope_fd = p->image_fd = -1;
    int end = publish(tool, p);
    free(p);
    return end;
}

int cmd_publish(struct host_tool *tool, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL}, *dir = NULL;
    struct cli_list trust_paths = {{NULL}, 0};
    struct keys_trust trust = {0};
    char why[256];
    const struct cli_option options[] = {
        {"to", 0, &dir, NULL},
        {"trust", 0, NULL, &trust_paths},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 2};

    int end = cli_parse(tool, &command, argc, argv, operands);
    if (end >= 0)
        return end;
    if (dir == NULL)
        return host_usage(tool, "--to DIR is missing");
    if (trust_paths.count == 0)
        return publish_operands(tool, operands, dir, NULL);
    enum bulla_status status =
        keys_trust_load(trust_paths.items, trust_paths.count, 0, &trust, why);
    if (status != BULLA_OK)
        return cli_end(tool, bulla_status_is_refusal(status) ? BULLA_E_USAGE : status, why);
    end = publish_operands(tool, operands, dir, &trust.trust);
    keys_trust_free(&trust);
    return end;
}
