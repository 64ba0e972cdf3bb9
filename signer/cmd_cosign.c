/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign cosign: one more signature over the digest that others signed. Nothing is signed
 * that a device would not accept but for the signers, and nothing but the wrapper changes. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulla/ed25519.h"
#include "signer.h"

#define COPY_ROOM 65536u

static const char help[] =
    "usage: bulla-sign cosign ENVELOPE --key K.pem [--key ...] [--passphrase-file F] [-o "
    "OUT.suit]\n"
    "Adds a signature after those that are there. Before signing, form, manifest digest, text,\n"
    "sector list and a bundled image are checked; other signatures cannot be: that needs a trust\n"
    "store. Default: in place, written aside and renamed. At most 8 signatures, 2048 bytes with\n"
    "the manifest.\n";

/* The two heads: what is written, and what is shown to the judge, who trusts our keys only and
 * could not judge a block of others that names no key. */
struct heads {
    uint8_t final[BULLA_HEAD_MAX + 16u], probe[BULLA_HEAD_MAX + 16u];
    size_t final_len, probe_len;
    uint32_t block_count;
};

/* A block of ours is told by its key id; one without, by its signature. */
static bool signed_by(const struct walked *w, const struct bulla_block *block,
                      const uint8_t public_key[BULLA_KEY_SIZE])
{
    uint8_t id[BULLA_KEY_ID_SIZE], tbs[BULLA_TBS_MAX];

    keys_id(public_key, id);
    if (block->kid.len > 0)
        return bulla_bytes_equal(block->kid, (struct bulla_bytes){id, sizeof(id)});
    size_t len = bulla_block_tbs(block->protected_header, w->wrapper.digest_bstr, tbs);
    return block->signature.len == BULLA_SIGNATURE_SIZE &&
           bulla_ed25519_verify(public_key, block->signature.data,
                                (struct bulla_bytes){tbs, len}) == BULLA_OK;
}

static enum bulla_status refuse_repeated(const struct walked *w, const struct key_ring *ring,
                                         char why[WHY_SIZE])
{
    for (uint32_t k = 0; k < ring->count; k++) {
        for (uint32_t b = 0; b < w->wrapper.block_count; b++) {
            if (!signed_by(w, &w->wrapper.blocks[b], ring->public_keys[k]))
                continue;
            uint8_t id[BULLA_KEY_ID_SIZE];
            char text[2 * BULLA_KEY_ID_SIZE + 1];
            keys_id(ring->public_keys[k], id);
            host_hex((struct bulla_bytes){id, sizeof(id)}, text);
            snprintf(why, WHY_SIZE, "signature %u is of key %s already", (unsigned)b + 1, text);
            return BULLA_E_SIGNATURE_KEY_REPEATED;
        }
    }
    return BULLA_OK;
}

static size_t build_head(const struct walked *w, struct bulla_bytes kept, uint32_t kept_count,
                         const struct signature *signatures, uint32_t count, uint8_t *out,
                         size_t size)
{
    uint8_t wrapper[BULLA_SIGNED_MAX];
    size_t len = encode_wrapper(w->wrapper.digest_bstr, kept, kept_count, signatures, count,
                                wrapper, sizeof(wrapper));

    if (len == 0)
        return 0;
    return encode_head(w->envelope.members, (struct bulla_bytes){wrapper, len},
                       w->envelope.manifest, out, size);
}

static enum bulla_status sign_heads(const struct walked *w, const struct key_ring *ring,
                                    struct heads *heads, char why[WHY_SIZE])
{
    struct signature signatures[BULLA_BLOCKS_MAX];
    struct bulla_bytes kept = {w->wrapper.digest_bstr.data + w->wrapper.digest_bstr.len, 0};
    struct bulla_bytes none = {NULL, 0};
    struct bulla_envelope ignored;
    size_t need;

    heads->block_count = w->wrapper.block_count + ring->count;
    if (heads->block_count > BULLA_BLOCKS_MAX) {
        snprintf(why, WHY_SIZE, "at most %u signatures, %u there and %u to add", BULLA_BLOCKS_MAX,
                 (unsigned)w->wrapper.block_count, (unsigned)ring->count);
        return BULLA_E_BLOCK_COUNT;
    }
    enum bulla_status status = ring_sign(ring, w->wrapper.digest_bstr, signatures);
    if (status != BULLA_OK)
        return status;
    /* the blocks lie behind the digest, to the wrapper's end */
    kept.len = (size_t)(w->envelope.wrapper.data + w->envelope.wrapper.len - kept.data);
    heads->final_len = build_head(w, kept, w->wrapper.block_count, signatures, ring->count,
                                  heads->final, sizeof(heads->final));
    heads->probe_len =
        build_head(w, none, 0, signatures, ring->count, heads->probe, sizeof(heads->probe));
    if (heads->final_len == 0 || heads->probe_len == 0)
        return BULLA_E_ENVELOPE_TOO_LARGE;
    return bulla_envelope_split((struct bulla_bytes){heads->final, heads->final_len}, &ignored,
                                &need);
}

/* What follows the head: as it is, and past the judge on its way. `digest` is of what was read
 * here; the judge's verdict waits for judge_end. A file that grew is read up to one block more. */
static enum bulla_status copy_rest(int fd, const struct walked *walked, struct host_writer *w,
                                   struct judge *judge, uint8_t digest[BULLA_DIGEST_SIZE])
{
    uint64_t offset = walked->envelope.head_len;
    uint8_t block[COPY_ROOM];
    struct bulla_sha256 hash;

    bulla_sha256_init(&hash);
    while (offset <= walked->size) {
        ssize_t n = pread(fd, block, sizeof(block), (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BULLA_E_IO;
        if (n == 0)
            break;
        struct bulla_bytes bytes = {block, (size_t)n};
        bulla_sha256_update(&hash, bytes);
        (void)!judge_feed(judge, bytes);
        if (host_writer_write(w, bytes) != BULLA_OK)
            return BULLA_E_IO;
        offset += (uint64_t)n;
    }
    return bulla_sha256_finish(&hash, digest);
}

/* The copy is what walk_envelope judged, a bundled image included, and the reader takes it. */
static enum bulla_status copy_judged(int fd, const struct walked *w, struct host_writer *writer,
                                     struct judge *judge, const char *out, char why[WHY_SIZE])
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    enum bulla_status status = copy_rest(fd, w, writer, judge, digest);

    if (status == BULLA_E_IO)
        snprintf(why, WHY_SIZE, "%s: %s", out, strerror(errno));
    if (status != BULLA_OK)
        return status;
    if (!bulla_digest_equal(digest, w->tail_digest)) {
        snprintf(why, WHY_SIZE, "the envelope changed while it was read");
        return BULLA_E_IO;
    }
    return judge_end(judge);
}

static enum bulla_status write_cosigned(int fd, const struct walked *w, const struct key_ring *ring,
                                        const struct heads *heads, const char *out, mode_t mode,
                                        char why[WHY_SIZE])
{
    static const struct bulla_device anybody = {.takes_modules = true};
    struct host_writer writer;
    struct judge judge;

    if (host_writer_open(&writer, out, mode) != BULLA_OK) {
        snprintf(why, WHY_SIZE, "%s: %s", out, strerror(errno));
        return BULLA_E_IO;
    }
    judge_begin(&judge, ring, &anybody, NULL);
    enum bulla_status status =
        judge_feed(&judge, (struct bulla_bytes){heads->probe, heads->probe_len});
    if (status == BULLA_OK) {
        status = host_writer_write(&writer, (struct bulla_bytes){heads->final, heads->final_len});
        if (status != BULLA_OK)
            snprintf(why, WHY_SIZE, "%s: %s", out, strerror(errno));
    }
    if (status == BULLA_OK)
        status = copy_judged(fd, w, &writer, &judge, out, why);
    judge_free(&judge);
    if (status != BULLA_OK) {
        host_writer_abort(&writer);
        return status;
    }
    status = host_writer_commit(&writer, true);
    if (status != BULLA_OK)
        snprintf(why, WHY_SIZE, "%s: %s", out, host_write_reason(errno));
    return status;
}

static int cosign(struct host_tool *tool, int fd, const struct key_ring *ring, const char *out,
                  mode_t mode)
{
    struct walked w;
    struct heads heads;
    char why[WHY_SIZE];
    enum bulla_status status = walk_envelope(fd, NULL, &w, why);

    if (status == BULLA_OK)
        status = refuse_repeated(&w, ring, why);
    if (status == BULLA_OK)
        status = sign_heads(&w, ring, &heads, why);
    if (status == BULLA_OK)
        status = write_cosigned(fd, &w, ring, &heads, out, mode, why);
    if (status != BULLA_OK)
        return cli_end(tool, status, why);

    char digest[2 * BULLA_DIGEST_SIZE + 1];
    host_hex((struct bulla_bytes){w.manifest_digest, BULLA_DIGEST_SIZE}, digest);
    host_say(tool, "%s now has %u signatures", out, (unsigned)heads.block_count);
    host_say(tool, "  %-15s %s", "manifest digest", digest);
    if (tool->json) {
        host_member(tool, "output", out);
        json_object_set_new(tool->doc, "signatures", json_integer(heads.block_count));
        json_object_set_new(tool->doc, "sequence", json_integer(w.manifest.sequence));
        json_object_set_new(tool->doc, "manifest_digest", json_string(digest));
    }
    ring_report(tool, ring);
    return host_end(tool, BULLA_OK, NULL);
}

/* Take the lock, then see whether the name still leads to this file: who held it before has
 * given the name to a new one. */
static enum bulla_status lock_envelope(const char *path, int *fd)
{
    struct stat held, named;

    for (;;) {
        if (flock(*fd, LOCK_EX) != 0) {
            if (errno == EINTR)
                continue;
            return BULLA_E_IO;
        }
        if (fstat(*fd, &held) != 0 || stat(path, &named) != 0)
            return BULLA_E_IO;
        if (held.st_dev == named.st_dev && held.st_ino == named.st_ino)
            return BULLA_OK;
        close(*fd);
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (*fd < 0)
            return BULLA_E_IO;
    }
}

/* Open a regular file; -1, or the exit code after the reason was told. In place: one cosigner at
 * a time, from reading to the new name, or the last one drops the others' signatures. */
static int open_envelope(struct host_tool *tool, const char *path, bool in_place, int *fd,
                         mode_t *mode)
{
    struct stat info;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || (in_place && lock_envelope(path, fd) != BULLA_OK) || fstat(*fd, &info) != 0)
        return host_end(tool, BULLA_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return host_end(tool, BULLA_E_IO, "%s is not a regular file", path);
    *mode = info.st_mode & 0777;
    return -1;
}

int cmd_cosign(struct host_tool *tool, int argc, char **argv)
{
    const char *path = NULL, *out = NULL, *passphrase_file = NULL;
    struct cli_list key_paths = {{NULL}, 0};
    const struct cli_option options[] = {
        {"key", 0, NULL, &key_paths},
        {"passphrase-file", 0, &passphrase_file, NULL},
        {"output", 'o', &out, NULL},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 1};
    struct key_ring ring;
    mode_t mode = 0644;
    int fd = -1;

    int end = cli_parse(tool, &command, argc, argv, &path);
    if (end >= 0)
        return end;
    if (out == NULL)
        out = path;
    end = cli_keep_inputs(tool, out, &key_paths);
    if (end < 0)
        end = cli_keep_input(tool, out, passphrase_file);
    if (end >= 0)
        return end;
    end = ring_load(tool, &key_paths, passphrase_file, &ring);
    if (end < 0)
        end = open_envelope(tool, path, out == path || host_same_file(out, path), &fd, &mode);
    if (end < 0)
        end = cosign(tool, fd, &ring, out, mode);
    ring_free(&ring);
    if (fd >= 0)
        close(fd);
    return end;
}
