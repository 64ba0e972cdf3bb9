/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope and its image, from open files to a verdict. The envelope goes through the reader in
 * blocks, so its size does not matter; the sector list is held whole, for the image comes after
 * it. The image is read once, with both checks of it side by side. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulla/transport.h"
#include "verify.h"

/* What an image alone can prove. */
#define IMAGE_FACTS                                                                                \
    ((uint32_t)BULLA_FACT_DIGEST | BULLA_FACT_FORMAT | BULLA_FACT_CHIP | BULLA_FACT_FLOOR |        \
     BULLA_FACT_STRUCTURE)

static enum bulla_status io_failed(const char *what, char why[VERIFY_WHY_MAX])
{
    (void)snprintf(why, VERIFY_WHY_MAX, "%s could not be read: %s", what, strerror(errno));
    return BULLA_E_IO;
}

/* Room for the text, then for the whole list of an image whose size is signed by now. */
static enum bulla_status give_workspace(struct judgement *j)
{
    uint64_t size = bulla_list_workspace_whole(j->reader.image.size);
    if (size < BULLA_WORKSPACE_MIN)
        size = BULLA_WORKSPACE_MIN;
    if (size > j->workspace_len) {
        free(j->workspace);
        j->workspace = size <= SIZE_MAX ? malloc((size_t)size) : NULL;
        j->workspace_len = j->workspace != NULL ? (size_t)size : 0;
    }
    if (j->workspace == NULL)
        return BULLA_E_IO;
    bulla_reader_workspace(&j->reader, j->workspace, j->workspace_len);
    j->authenticated = true;
    return BULLA_OK;
}

static enum bulla_status keep_text(struct judgement *j)
{
    j->text.data = malloc(j->reader.text.len > 0 ? j->reader.text.len : 1);
    if (j->text.data == NULL)
        return BULLA_E_IO;
    memcpy(j->text.data, j->reader.text.data, j->reader.text.len);
    j->text.len = j->reader.text.len;
    return BULLA_OK;
}

static enum bulla_status start_image(struct judgement *j)
{
    j->image_known = true;
    return image_check_init(&j->image, &j->reader.image, &j->device, &j->reader.list);
}

static enum bulla_status take_bundled(struct judgement *j)
{
    if (!j->bundled) {
        j->bundled = true;
        enum bulla_status status = start_image(j);
        if (status != BULLA_OK)
            return status;
    }
    enum bulla_status status = image_check_digest(&j->image, j->reader.bundled);
    return status == BULLA_OK ? image_check_sectors(&j->image, j->reader.bundled) : status;
}

/* The core judges the URI's form; whether a device could go there is its URL code's to say, so
 * that code is asked here too. */
static enum bulla_status check_uri(const struct judgement *j)
{
    static const char base[] = "https://device.invalid/app.suit";
    struct bulla_url url;
    enum bulla_status status =
        bulla_url_parse((struct bulla_bytes){(const uint8_t *)base, sizeof(base) - 1}, &url);
    if (status == BULLA_OK)
        status = bulla_url_resolve(&url, j->reader.image.uri, &url);
    return status == BULLA_OK ? BULLA_OK : BULLA_E_URI_FORM;
}

static enum bulla_status handle_event(struct judgement *j, enum bulla_event event)
{
    enum bulla_status status;
    switch (event) {
    case BULLA_EVENT_HEAD:
        status = check_uri(j);
        return status == BULLA_OK ? give_workspace(j) : status;
    case BULLA_EVENT_TEXT:
        return keep_text(j);
    case BULLA_EVENT_BUNDLE:
        return take_bundled(j);
    case BULLA_EVENT_MORE:
    case BULLA_EVENT_LIST:
    case BULLA_EVENT_END:
        break;
    }
    return BULLA_OK;
}

static enum bulla_status feed_block(struct judgement *j, struct bulla_bytes block)
{
    enum bulla_event event = BULLA_EVENT_MORE;
    do {
        enum bulla_status status = bulla_reader_feed(&j->reader, &block, &event);
        if (status == BULLA_OK)
            status = handle_event(j, event);
        if (status != BULLA_OK)
            return status;
    } while (block.len > 0 || (event != BULLA_EVENT_MORE && event != BULLA_EVENT_END));
    return BULLA_OK;
}

static enum bulla_status read_envelope(struct judgement *j, int fd, char why[VERIFY_WHY_MAX])
{
    uint8_t block[VERIFY_BLOCK];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_failed("the envelope", why);
        if (got == 0)
            break;
        j->envelope_size += (uint64_t)got;
        enum bulla_status status = feed_block(j, (struct bulla_bytes){block, (size_t)got});
        if (status != BULLA_OK)
            return status;
    }
    enum bulla_status status = bulla_reader_finish(&j->reader);
    if (status != BULLA_OK)
        return status;
    if (!j->bundled)
        return BULLA_OK;
    j->image_judged = true;
    return image_check_finish(&j->image, &j->facts);
}

static enum bulla_status judge_length(uint64_t found, uint32_t expected, char why[VERIFY_WHY_MAX])
{
    if (found == expected)
        return BULLA_OK;
    (void)snprintf(why, VERIFY_WHY_MAX, "manifest says %lu bytes, image has %s%llu",
                   (unsigned long)expected, found > expected ? "at least " : "",
                   (unsigned long long)found);
    return found < expected ? BULLA_E_IMAGE_TRUNCATED : BULLA_E_IMAGE_TRAILING;
}

/* Both checks side by side. One byte more than declared is asked for, so that a pipe, whose length
 * nobody knows before, cannot carry a tail past us. */
static enum bulla_status feed_image(struct judgement *j, int fd, char why[VERIFY_WHY_MAX])
{
    uint32_t size = j->reader.image.size;
    struct host_consumer consumers[] = {
        {.take = image_check_sectors, .ctx = &j->image},
        {.take = image_check_digest, .ctx = &j->image},
    };
    uint64_t total = 0;
    enum bulla_status status = host_feed(fd, (uint64_t)size + 1, consumers, 2, &total);
    if (status != BULLA_OK)
        return io_failed("the image", why);
    status = consumers[0].status;
    if (status == BULLA_OK || status == BULLA_E_IMAGE_TRAILING) {
        enum bulla_status length = judge_length(total, size, why);
        status = length != BULLA_OK ? length : status;
    }
    return status == BULLA_OK ? consumers[1].status : status;
}

static enum bulla_status read_image(struct judgement *j, int fd, char why[VERIFY_WHY_MAX])
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return io_failed("the image", why);
    enum bulla_status status = BULLA_OK;
    if (S_ISREG(about.st_mode))
        status = judge_length((uint64_t)about.st_size, j->reader.image.size, why);
    if (status != BULLA_OK)
        return status;
    status = start_image(j);
    if (status == BULLA_OK)
        status = feed_image(j, fd, why);
    if (status != BULLA_OK)
        return status;
    j->image_judged = true;
    return image_check_finish(&j->image, &j->facts);
}

/* Every step said yes; now every fact demanded must have been proved as well. */
static enum bulla_status decide(const struct judgement *j)
{
    uint32_t required = bulla_policy_required(&j->device);
    if (!j->image_judged)
        required &= ~IMAGE_FACTS;
    if (j->reader.image.name.len > 0)
        required &= ~(uint32_t)BULLA_FACTS_OF_APP;
    uint32_t facts = j->facts | j->reader.facts;
    return bulla_policy_verdict(facts, required) == BULLA_YES ? BULLA_OK : BULLA_E_NOT_JUDGED;
}

/* Words for a refusal, where there are better ones than the status' sentence. */
static void explain(const struct judgement *j, enum bulla_status status, char why[VERIFY_WHY_MAX])
{
    if (why[0] != '\0')
        return;
    if (!j->authenticated) {
        struct bulla_bytes head = {j->head, sizeof j->head};
        signers_explain(status, head, j->trust, why, VERIFY_WHY_MAX);
        if (why[0] != '\0')
            return;
    }
    uint32_t at = j->image.side.sectors.released;
    if (status == BULLA_E_SECTOR_DIGEST && j->image_known)
        (void)snprintf(why, VERIFY_WHY_MAX,
                       "sector %lu, from byte %lu of the image, is not the one that was signed",
                       (unsigned long)(at / BULLA_SECTOR_SIZE), (unsigned long)at);
    else
        (void)host_explain(status, &j->reader.manifest, &j->device,
                           j->image_known ? &j->image.side.structure.facts : NULL, why,
                           VERIFY_WHY_MAX);
}

static int file_for(const struct judgement_files *files, const struct bulla_image *image)
{
    if (files == NULL)
        return -1;
    if (image->name.len == 0)
        return files->image;
    for (uint32_t i = 0; i < files->module_count; i++) {
        if (bulla_bytes_equal(verify_text(files->modules[i].name), image->name))
            return files->modules[i].fd;
    }
    return -1;
}

/* Every file that was given belongs to an image of the manifest. */
static enum bulla_status match_files(const struct judgement *j, const struct judgement_files *files,
                                     char why[VERIFY_WHY_MAX])
{
    const struct bulla_manifest *m = &j->reader.manifest;
    struct bulla_image image;
    if (files->image >= 0 && m->image.name.len > 0) {
        (void)snprintf(why, VERIFY_WHY_MAX, "--image: the envelope has modules and no app");
        return BULLA_E_USAGE;
    }
    for (uint32_t f = 0; f < files->module_count; f++) {
        bool found = false;
        for (uint32_t i = 0; i < m->images; i++)
            found = found ||
                    (bulla_manifest_image(j->reader.envelope.manifest, i, &image) == BULLA_OK &&
                     bulla_bytes_equal(verify_text(files->modules[f].name), image.name));
        if (!found) {
            (void)snprintf(why, VERIFY_WHY_MAX, "--module %s: the envelope names no such module",
                           files->modules[f].name);
            return BULLA_E_USAGE;
        }
    }
    return BULLA_OK;
}

static void name_module(const struct bulla_image *image, enum bulla_status status,
                        char why[VERIFY_WHY_MAX])
{
    char detail[VERIFY_WHY_MAX - 64u];
    (void)snprintf(detail, sizeof detail, "%s",
                   why[0] != '\0' ? why : bulla_status_sentence(status));
    (void)snprintf(why, VERIFY_WHY_MAX, "module %.*s: %s", (int)image->name.len,
                   (const char *)image->name.data, detail);
}

/* One pass over the envelope, for one of its images, and that image if there is a file of it. */
static enum bulla_status pass(struct judgement *j, uint32_t want, int fd_envelope,
                              const struct judgement_files *files, char why[VERIFY_WHY_MAX])
{
    bulla_reader_init(&j->reader, j->trust, &j->device, j->head);
    bulla_reader_want(&j->reader, want);
    enum bulla_status status = read_envelope(j, fd_envelope, why);
    if (status == BULLA_OK && files != NULL && want == 0)
        status = match_files(j, files, why);
    int fd_image = status == BULLA_OK ? file_for(files, &j->reader.image) : -1;
    if (status == BULLA_OK && fd_image >= 0)
        status = read_image(j, fd_image, why);
    if (status == BULLA_OK)
        status = decide(j);
    if (status == BULLA_OK)
        return status;
    explain(j, status, why);
    if (j->reader.image.name.len > 0 && status != BULLA_E_USAGE)
        name_module(&j->reader.image, status, why);
    return status;
}

/* A further image has a pass of its own. */
static enum bulla_status further_pass(struct judgement *j, uint32_t index, int fd_envelope,
                                      const struct judgement_files *files, char why[VERIFY_WHY_MAX])
{
    struct bulla_image image;
    enum bulla_status status = bulla_manifest_image(j->reader.envelope.manifest, index, &image);
    if (status != BULLA_OK)
        return status;
    if (lseek(fd_envelope, 0, SEEK_SET) != 0) {
        (void)snprintf(why, VERIFY_WHY_MAX,
                       "an envelope of %lu images is read once for each: a file is needed",
                       (unsigned long)j->reader.manifest.images);
        return BULLA_E_NOT_JUDGED;
    }
    struct judgement *other = calloc(1, sizeof *other);
    if (other == NULL)
        return BULLA_E_IO;
    other->trust = j->trust;
    other->device = j->device;
    status = pass(other, index, fd_envelope, files, why);
    if (status == BULLA_OK && /* or each pass might have judged another one */
        !bulla_digest_equal(other->reader.manifest_digest, j->reader.manifest_digest)) {
        (void)snprintf(why, VERIFY_WHY_MAX, "the envelope changed while it was read");
        status = BULLA_E_IO;
    }
    if (status != BULLA_OK) /* the reader's verdict, whichever pass found it */
        j->reader.failed = other->reader.failed;
    j->judged |= (uint32_t)other->image_judged << index;
    judgement_free(other);
    free(other);
    return status;
}

enum bulla_status judgement_run(struct judgement *j, const struct bulla_trust *trust,
                                const struct bulla_device *device, int fd_envelope,
                                const struct judgement_files *files, char why[VERIFY_WHY_MAX])
{
    free(j->text.data);
    *j = (struct judgement){
        .workspace = j->workspace,
        .workspace_len = j->workspace_len,
        .trust = trust,
        .device = *device,
    };
    why[0] = '\0';
    enum bulla_status status = pass(j, 0, fd_envelope, files, why);
    j->judged = j->image_judged ? 1u : 0u;
    for (uint32_t i = 1; status == BULLA_OK && i < j->reader.manifest.images; i++)
        status = further_pass(j, i, fd_envelope, files, why);
    return status;
}

void judgement_free(struct judgement *j)
{
    free(j->workspace);
    free(j->text.data);
    *j = (struct judgement){.workspace = NULL};
}
