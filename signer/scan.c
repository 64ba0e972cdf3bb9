/* SPDX-License-Identifier: Apache-2.0 */
/* An image, read once: whole digest, sector digests with the list they make, and the structure a
 * device would find, side by side. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer.h"

uint32_t image_sectors(uint32_t size)
{
    return size / BULLA_SECTOR_SIZE + (size % BULLA_SECTOR_SIZE != 0 ? 1u : 0u);
}

/* Whole digest and structure on one thread: the structure of a large image, which is raw, costs
 * nothing, and two threads share two processors better than three. */
static enum bulla_status take_whole(void *ctx, struct bulla_bytes block)
{
    struct image_stream *s = ctx;

    bulla_sha256_update(&s->whole, block);
    /* a refusal is kept by the struct and told at the end; the digest is wanted all the same */
    (void)!bulla_espimage_feed(&s->structure, block);
    return BULLA_OK;
}

static enum bulla_status take_write(void *ctx, struct bulla_bytes block)
{
    return host_writer_write(ctx, block);
}

static enum bulla_status end_sector(struct sector_stream *s)
{
    uint8_t digest[BULLA_DIGEST_SIZE];

    /* more than the declared size: nothing is written past the caller's digests */
    if (s->count == s->limit)
        return BULLA_E_IMAGE_TRAILING;
    enum bulla_status status = bulla_sha256_finish(&s->sector, digest);
    if (status != BULLA_OK)
        return status;
    bulla_sha256_update(&s->list, (struct bulla_bytes){digest, sizeof(digest)});
    if (s->digests != NULL)
        memcpy(s->digests + (size_t)s->count * BULLA_DIGEST_SIZE, digest, sizeof(digest));
    bulla_sha256_init(&s->sector);
    s->filled = 0;
    s->count++;
    return BULLA_OK;
}

static enum bulla_status take_sectors(void *ctx, struct bulla_bytes block)
{
    struct sector_stream *s = ctx;

    while (block.len > 0) {
        size_t room = BULLA_SECTOR_SIZE - s->filled;
        size_t n = block.len < room ? block.len : room;
        bulla_sha256_update(&s->sector, (struct bulla_bytes){block.data, n});
        block.data += n;
        block.len -= n;
        s->filled += (uint32_t)n;
        if (s->filled == BULLA_SECTOR_SIZE) {
            enum bulla_status status = end_sector(s);
            if (status != BULLA_OK)
                return status;
        }
    }
    return BULLA_OK;
}

void image_stream_init(struct image_stream *s, uint32_t size, uint8_t *digests)
{
    uint8_t head[BULLA_LIST_HEAD_MAX];

    memset(s, 0, sizeof(*s));
    s->size = size;
    bulla_sha256_init(&s->whole);
    bulla_sha256_init(&s->sectors.sector);
    bulla_sha256_init(&s->sectors.list);
    bulla_sha256_update(&s->sectors.list, (struct bulla_bytes){head, encode_list_head(size, head)});
    s->sectors.limit = image_sectors(size);
    s->sectors.digests = digests;
    bulla_espimage_init(&s->structure, size);
}

void image_stream_consumers(struct image_stream *s, struct host_consumer *consumers)
{
    consumers[0] = (struct host_consumer){take_whole, s, BULLA_OK};
    consumers[1] = (struct host_consumer){take_sectors, &s->sectors, BULLA_OK};
}

void image_stream_feed(struct image_stream *s, struct bulla_bytes block)
{
    /* failures show at the end: too many sectors by their count */
    (void)!take_whole(s, block);
    (void)!take_sectors(&s->sectors, block);
}

enum bulla_status image_stream_finish(struct image_stream *s, struct image_scan *out)
{
    enum bulla_status status = BULLA_OK;

    memset(out, 0, sizeof(*out));
    if (s->sectors.filled > 0)
        status = end_sector(&s->sectors);
    if (status == BULLA_E_CRYPTO)
        return status;
    if (status != BULLA_OK || s->sectors.count != s->sectors.limit)
        return BULLA_E_IO;
    out->structure = bulla_espimage_finish(&s->structure);
    out->facts = s->structure.facts;
    out->facts.size = s->size;
    status = bulla_sha256_finish(&s->whole, out->digest);
    if (status != BULLA_OK)
        return status;
    return bulla_sha256_finish(&s->sectors.list, out->list_digest);
}

enum bulla_status image_open(const char *path, int *fd, uint32_t *size, char why[WHY_SIZE])
{
    struct stat info;

    why[0] = '\0';
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    if (*fd < 0 || fstat(*fd, &info) != 0) {
        snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
        return BULLA_E_IO;
    }
    if (!S_ISREG(info.st_mode)) {
        snprintf(why, WHY_SIZE, "%s is not a regular file", path);
        return BULLA_E_IO;
    }
    if (info.st_size == 0) {
        snprintf(why, WHY_SIZE, "%s is empty, expected an image of 1 to 2^32-1 bytes", path);
        return BULLA_E_IMAGE_SIZE_FORM;
    }
    if ((uint64_t)info.st_size > UINT32_MAX) {
        snprintf(why, WHY_SIZE, "%s has %" PRIu64 " bytes, expected at most 2^32-1", path,
                 (uint64_t)info.st_size);
        return BULLA_E_IMAGE_SIZE_FORM;
    }
    *size = (uint32_t)info.st_size;
    return BULLA_OK;
}

static enum bulla_status scan_from_here(const char *path, int fd, uint64_t limit,
                                        struct image_stream *stream, struct host_writer *sink,
                                        struct image_scan *out, char why[WHY_SIZE])
{
    struct host_consumer consumers[IMAGE_CONSUMERS + 1];
    uint64_t total = 0;

    why[0] = '\0';
    image_stream_consumers(stream, consumers);
    consumers[IMAGE_CONSUMERS] = (struct host_consumer){take_write, sink, BULLA_OK};
    enum bulla_status status =
        host_feed(fd, limit, consumers, IMAGE_CONSUMERS + (sink != NULL ? 1u : 0u), &total);
    if (status != BULLA_OK) {
        snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
        return status;
    }
    if (consumers[IMAGE_CONSUMERS].status != BULLA_OK) {
        snprintf(why, WHY_SIZE, "the copy of %s could not be written", path);
        return consumers[IMAGE_CONSUMERS].status;
    }
    if (total != stream->size) {
        snprintf(why, WHY_SIZE, "%s changed while it was read", path);
        return BULLA_E_IO;
    }
    return image_stream_finish(stream, out);
}

enum bulla_status image_scan(const char *path, int fd, uint32_t size, uint8_t *digests,
                             struct host_writer *sink, struct image_scan *out, char why[WHY_SIZE])
{
    struct image_stream stream;

    image_stream_init(&stream, size, digests);
    /* one byte beyond the size seen at opening tells a file that grows meanwhile */
    return scan_from_here(path, fd, (uint64_t)size + 1, &stream, sink, out, why);
}

enum bulla_status image_scan_part(const char *path, int fd, uint32_t offset, uint32_t size,
                                  struct host_writer *sink, struct image_scan *out,
                                  char why[WHY_SIZE])
{
    struct image_stream stream;

    if (lseek(fd, (off_t)offset, SEEK_SET) < 0) {
        snprintf(why, WHY_SIZE, "%s: %s", path, strerror(errno));
        return BULLA_E_IO;
    }
    image_stream_init(&stream, size, NULL);
    return scan_from_here(path, fd, size, &stream, sink, out, why);
}

static const char *format_name(enum bulla_image_format format)
{
    return format == BULLA_FORMAT_ESP ? "an ESP image" : "a raw image";
}

/* What to do when the file is the whole flash instead of the app in it. */
static bool explain_combined(const char *path, int fd, uint32_t size, char why[WHY_SIZE])
{
    struct flash_image flash;
    char ignored[WHY_SIZE];

    if (flash_image_find(fd, size, &flash, ignored) != BULLA_OK)
        return false;
    snprintf(why, WHY_SIZE,
             "%s is a combined flash image: its first byte is flash 0x%" PRIx32
             ", the partition table lies at file offset 0x%" PRIx32 ", the app '%s' at 0x%" PRIx32
             "; cut the app out first: bulla-sign extract %s -o app.bin",
             path, flash.delta, flash.table_offset, flash.label, flash.app_offset, path);
    return true;
}

enum bulla_status image_judge(const char *path, int fd, const struct image_scan *scan,
                              enum bulla_image_format demanded, char why[WHY_SIZE])
{
    why[0] = '\0';
    if (demanded != BULLA_FORMAT_UNKNOWN && demanded != scan->facts.format) {
        snprintf(why, WHY_SIZE, "expected %s, %s is %s", format_name(demanded), path,
                 format_name(scan->facts.format));
        return BULLA_E_IMAGE_FORMAT;
    }
    if (scan->structure != BULLA_OK && !(scan->facts.format == BULLA_FORMAT_ESP &&
                                         explain_combined(path, fd, scan->facts.size, why)))
        host_explain(scan->structure, NULL, NULL, &scan->facts, why, WHY_SIZE);
    return scan->structure;
}

enum bulla_status image_matches(const struct image_scan *scan, const struct bulla_image *image,
                                char why[WHY_SIZE])
{
    char expected[2 * BULLA_DIGEST_SIZE + 1], found[2 * BULLA_DIGEST_SIZE + 1];

    why[0] = '\0';
    if (scan->facts.size != image->size) {
        snprintf(why, WHY_SIZE,
                 "the manifest names an image of %" PRIu32 " bytes, this one has %" PRIu32,
                 image->size, scan->facts.size);
        return scan->facts.size < image->size ? BULLA_E_IMAGE_TRUNCATED : BULLA_E_IMAGE_TRAILING;
    }
    if (!bulla_digest_equal(scan->digest, image->digest)) {
        host_hex((struct bulla_bytes){image->digest, BULLA_DIGEST_SIZE}, expected);
        host_hex((struct bulla_bytes){scan->digest, BULLA_DIGEST_SIZE}, found);
        snprintf(why, WHY_SIZE, "the manifest names an image with SHA-256 %s, this one has %s",
                 expected, found);
        return BULLA_E_IMAGE_DIGEST;
    }
    if (!bulla_digest_equal(scan->list_digest, image->list_digest)) {
        snprintf(why, WHY_SIZE, "the signed sector list is not the list of this image's sectors");
        return BULLA_E_SECTOR_DIGEST;
    }
    return BULLA_OK;
}

static void report_text(struct host_tool *tool, json_t *object, const char *key, const char *label,
                        const char *text)
{
    char *shown = host_escape((struct bulla_bytes){(const uint8_t *)text, strlen(text)});

    if (shown == NULL)
        return;
    if (object != NULL)
        json_object_set_new(object, key, json_string(shown));
    host_say(tool, "  %-15s %s", label, shown);
    free(shown);
}

static void report_number(struct host_tool *tool, json_t *object, const char *key,
                          const char *label, uint64_t number)
{
    if (object != NULL)
        json_object_set_new(object, key, json_integer((json_int_t)number));
    host_say(tool, "  %-15s %" PRIu64, label, number);
}

static void report_esp(struct host_tool *tool, json_t *object,
                       const struct bulla_image_facts *facts)
{
    const struct bulla_chip *chip = bulla_chip_by_id(facts->chip_id);

    report_text(tool, object, "chip", "chip", chip != NULL ? chip->name : "unknown");
    report_text(tool, object, "project", "project", facts->project);
    report_text(tool, object, "version", "version", facts->version);
    report_text(tool, object, "idf_version", "ESP-IDF", facts->idf_version);
    report_number(tool, object, "secure_version", "secure version", facts->secure_version);
    report_number(tool, object, "min_revision", "min revision", facts->min_revision);
    report_number(tool, object, "max_revision", "max revision", facts->max_revision);
    report_number(tool, object, "segments", "segments", facts->segment_count);
    report_number(tool, object, "signature_blocks", "secure boot", facts->signature_blocks);
}

void image_report(struct host_tool *tool, const struct image_scan *scan)
{
    char digest[2 * BULLA_DIGEST_SIZE + 1];
    json_t *object = tool->json ? json_object() : NULL;
    bool esp = scan->facts.format == BULLA_FORMAT_ESP;

    host_hex((struct bulla_bytes){scan->digest, BULLA_DIGEST_SIZE}, digest);
    report_text(tool, object, "format", "format", esp ? "esp" : "raw");
    report_number(tool, object, "size", "size", scan->facts.size);
    report_text(tool, object, "sha256", "SHA-256", digest);
    if (esp)
        report_esp(tool, object, &scan->facts);
    if (object != NULL)
        json_object_set_new(tool->doc, "image", object);
}
