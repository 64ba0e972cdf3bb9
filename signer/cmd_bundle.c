/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign bundle: an envelope and its image in one file, for cards, pipes and serial lines. What
 * was signed stays as it is; the image becomes the member that its URI names. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

#define COPY_ROOM 65536u

static const char help[] =
    "usage: bulla-sign bundle ENVELOPE IMAGE -o FILE [--trust FILE]...\n"
    "Writes envelope and image as one file: the same signed manifest, with the image integrated\n"
    "under exactly its URI. Nothing is signed again. FILE is judged by the device's reader before\n"
    "it gets its name. An ENVELOPE that is a bundle already is copied.\n"
    "--trust FILE (a trust store or a public key; may be repeated) judges the signatures as a\n"
    "device does; without it they are not judged.\n"
    "Refused: an image that is not the signed one; a URI that sorts before the sector list's name\n"
    "(seal with a longer --uri); an envelope with more than one image.\n";

struct bundling {
    const char *envelope, *image, *out;
    const struct bulla_trust *trust; /* NULL: signatures are not judged */
    int envelope_fd, image_fd;
    uint32_t image_size;
    bool was_bundle;
    struct walked walked;
    struct image_scan scan;
    struct host_writer writer;
};

static enum bulla_status io_problem(const char *path, char why[WHY_SIZE])
{
    snprintf(why, WHY_SIZE, "%s: %s", path, host_write_reason(errno));
    return BULLA_E_IO;
}

static enum bulla_status open_envelope(struct bundling *b, char why[WHY_SIZE])
{
    struct stat info;

    b->envelope_fd = open(b->envelope, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (b->envelope_fd < 0 || fstat(b->envelope_fd, &info) != 0)
        return io_problem(b->envelope, why);
    if (S_ISREG(info.st_mode))
        return BULLA_OK;
    snprintf(why, WHY_SIZE, "%s is not a regular file", b->envelope);
    return BULLA_E_IO;
}

/* Envelope and image, each judged on its own, and whether they belong together. */
static enum bulla_status judge_inputs(struct bundling *b, char why[WHY_SIZE])
{
    enum bulla_status status = walk_envelope(b->envelope_fd, NULL, &b->walked, why);

    b->was_bundle = b->walked.bundled;
    if (status == BULLA_OK && b->walked.manifest.images > 1) {
        snprintf(why, WHY_SIZE,
                 "the envelope has %u images: only one image can lie in its envelope",
                 (unsigned)b->walked.manifest.images);
        return BULLA_E_COMPONENTS_FORM;
    }
    if (status == BULLA_OK)
        status = image_open(b->image, &b->image_fd, &b->image_size, why);
    if (status == BULLA_OK)
        status = image_scan(b->image, b->image_fd, b->image_size, NULL, NULL, &b->scan, why);
    if (status == BULLA_OK)
        status = image_matches(&b->scan, &b->walked.manifest.image, why);
    if (status == BULLA_OK && b->walked.manifest.image.name.len == 0)
        status = image_judge(b->image, b->image_fd, &b->scan, BULLA_FORMAT_UNKNOWN, why);
    return status;
}

/* Text keys: shorter first, then bytewise. */
static enum bulla_status judge_order(const struct bundling *b, char why[WHY_SIZE])
{
    const struct bulla_image *image = &b->walked.manifest.image;
    uint8_t name[BULLA_LIST_NAME_MAX];
    size_t len = bulla_list_name(image, name);

    if (b->was_bundle || image->uri.len > len ||
        (image->uri.len == len && memcmp(image->uri.data, name, len) > 0))
        return BULLA_OK;
    snprintf(why, WHY_SIZE,
             "the image's URI '%.*s' sorts before '%.*s', so the image has no place in this "
             "envelope: seal with a longer --uri",
             (int)image->uri.len, (const char *)image->uri.data, (int)len, (const char *)name);
    return BULLA_E_CBOR_KEY_ORDER;
}

/* `size` bytes of fd from `offset` on. */
static enum bulla_status copy(struct host_writer *w, int fd, uint64_t offset, uint64_t size)
{
    uint8_t block[COPY_ROOM];

    while (size > 0) {
        ssize_t n =
            pread(fd, block, size < sizeof(block) ? (size_t)size : sizeof(block), (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EBUSY; /* it became shorter while it was read */
        if (n <= 0)
            return BULLA_E_IO;
        if (host_writer_write(w, (struct bulla_bytes){block, (size_t)n}) != BULLA_OK)
            return BULLA_E_IO;
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return BULLA_OK;
}

static enum bulla_status write_bundle(struct bundling *b, char why[WHY_SIZE])
{
    const struct bulla_envelope *envelope = &b->walked.envelope;
    const uint64_t head_len = envelope->head_len;
    uint8_t head[BULLA_HEAD_MAX + 16u];
    uint8_t key[MEMBER_HEAD_ROOM];
    size_t len = encode_head(envelope->members + (b->was_bundle ? 0u : 1u), envelope->wrapper,
                             envelope->manifest, head, sizeof(head));
    size_t key_len =
        encode_payload_head("", b->walked.manifest.image.uri, b->image_size, key, sizeof(key));

    if (len == 0 || key_len == 0)
        return BULLA_E_ENVELOPE_TOO_LARGE;
    enum bulla_status status = host_writer_write(&b->writer, (struct bulla_bytes){head, len});
    if (status == BULLA_OK)
        status = copy(&b->writer, b->envelope_fd, head_len, b->walked.size - head_len);
    if (status == BULLA_OK && !b->was_bundle)
        status = host_writer_write(&b->writer, (struct bulla_bytes){key, key_len});
    if (status == BULLA_OK && !b->was_bundle)
        status = copy(&b->writer, b->image_fd, 0, b->image_size);
    return status == BULLA_OK ? status : io_problem(b->out, why);
}

/* By the device's reader, if there is somebody to trust. */
static enum bulla_status judge_signatures(const struct bundling *b, int fd)
{
    static const struct bulla_device anybody = {.takes_modules = true};
    uint8_t block[COPY_ROOM];
    struct judge judge;
    enum bulla_status status = BULLA_OK;

    judge_begin_trust(&judge, b->trust, &anybody, NULL);
    for (off_t offset = 0; status == BULLA_OK;) {
        ssize_t n = pread(fd, block, sizeof(block), offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = BULLA_E_IO;
        if (n <= 0)
            break;
        status = judge_feed(&judge, (struct bulla_bytes){block, (size_t)n});
        offset += n;
    }
    if (status == BULLA_OK)
        status = judge_end(&judge);
    judge_free(&judge);
    return status;
}

/* What will get the name: the same manifest, and a bundle. */
static enum bulla_status judge_result(const struct bundling *b, char why[WHY_SIZE])
{
    struct walked result;
    int fd = open(b->writer.aside, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return io_problem(b->writer.aside, why);
    enum bulla_status status = walk_envelope(fd, NULL, &result, why);
    if (status == BULLA_OK &&
        (!result.bundled || !bulla_digest_equal(result.manifest_digest, b->walked.manifest_digest)))
        status = BULLA_E_NOT_JUDGED;
    if (status == BULLA_OK && b->trust != NULL)
        status = judge_signatures(b, fd);
    close(fd);
    return status;
}

static void report(struct host_tool *tool, const struct bundling *b)
{
    const struct bulla_bytes uri = b->walked.manifest.image.uri;

    host_say(tool, "%s: %s, sequence %u with %.*s (%u bytes)", b->out,
             b->was_bundle ? "was a bundle already and is copied" : "bundled",
             (unsigned)b->walked.manifest.sequence, (int)uri.len, (const char *)uri.data,
             (unsigned)b->image_size);
    if (b->trust == NULL)
        host_note(tool, "signatures were not judged: --trust FILE does that");
    if (!tool->json)
        return;
    host_member(tool, "output", b->out);
    json_object_set_new(tool->doc, "sequence", json_integer(b->walked.manifest.sequence));
    json_object_set_new(tool->doc, "signatures_judged", json_boolean(b->trust != NULL));
    json_object_set_new(tool->doc, "was_bundle", json_boolean(b->was_bundle));
}

static enum bulla_status bundle(struct bundling *b, char why[WHY_SIZE])
{
    enum bulla_status status = open_envelope(b, why);

    if (status == BULLA_OK)
        status = judge_inputs(b, why);
    if (status == BULLA_OK)
        status = judge_order(b, why);
    if (status != BULLA_OK)
        return status;
    if (host_writer_open(&b->writer, b->out, 0644) != BULLA_OK)
        return io_problem(b->out, why);
    status = write_bundle(b, why);
    if (status == BULLA_OK)
        status = judge_result(b, why);
    if (status != BULLA_OK) {
        host_writer_abort(&b->writer);
        return status;
    }
    return host_writer_commit(&b->writer, true) == BULLA_OK ? BULLA_OK : io_problem(b->out, why);
}

static int run(struct host_tool *tool, struct bundling *b)
{
    char why[WHY_SIZE] = "";
    enum bulla_status status = bundle(b, why);
    if (b->envelope_fd >= 0)
        close(b->envelope_fd);
    if (b->image_fd >= 0)
        close(b->image_fd);
    if (status == BULLA_OK)
        report(tool, b);
    return cli_end(tool, status, status == BULLA_OK ? NULL : why);
}

int cmd_bundle(struct host_tool *tool, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL}, *out = NULL;
    struct cli_list trust_paths = {{NULL}, 0};
    struct keys_trust trust = {0};
    char why[256];
    const struct cli_option options[] = {
        {"output", 'o', &out, NULL},
        {"trust", 0, NULL, &trust_paths},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 2};

    int end = cli_parse(tool, &command, argc, argv, operands);
    if (end >= 0)
        return end;
    if (out == NULL)
        return host_usage(tool, "-o FILE is missing");
    struct bundling b = {.envelope = operands[0],
                         .image = operands[1],
                         .out = out,
                         .envelope_fd = -1,
                         .image_fd = -1};
    end = cli_keep_input(tool, out, b.envelope);
    if (end < 0)
        end = cli_keep_input(tool, out, b.image);
    if (end < 0)
        end = cli_keep_inputs(tool, out, &trust_paths);
    if (end >= 0)
        return end;
    if (trust_paths.count == 0)
        return run(tool, &b);
    enum bulla_status status =
        keys_trust_load(trust_paths.items, trust_paths.count, 0, &trust, why);
    if (status != BULLA_OK)
        return cli_end(tool, bulla_status_is_refusal(status) ? BULLA_E_USAGE : status, why);
    b.trust = &trust.trust;
    end = run(tool, &b);
    keys_trust_free(&trust);
    return end;
}
