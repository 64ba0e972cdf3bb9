/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign sign: one image, one release, one envelope. The envelope is judged by the device's
 * own reader before a file of it exists. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign sign IMAGE --key K.pem [--key ...] --vendor DOMAIN --class NAME\n"
    "                  --sequence N --version V [options] -o OUT.suit\n"
    "  --key K.pem           signing key (PKCS#8); repeat for a threshold, at most 8\n"
    "  --passphrase-file F   first line opens the encrypted keys\n"
    "  --vendor DOMAIN       vendor id = UUIDv5(DNS, DOMAIN)\n"
    "  --class NAME          class id = UUIDv5(vendor id, NAME)\n"
    "  --sequence N          0..4294967295, higher than that of every release before\n"
    "  --version V           for people: 1.4.2, 1.4.2-rc1\n"
    "  --component C         app (default) or factory\n"
    "  --uri U               where devices fetch the image, relative to the envelope\n"
    "                        (default: the image's file name)\n"
    "  --text TEXT           description, signed, shown by auditors\n"
    "  --format esp|raw      demand this format; default: what the first byte says\n"
    "  -o OUT.suit           written aside and renamed, only when a device would accept it\n";

struct sign_options {
    struct release_words words;
    struct cli_list keys;
    const char *passphrase_file, *format, *out;
};

/* An envelope ready to be written: everything before the sector digests, and the digests. */
struct sealed {
    struct bulla_manifest manifest;
    uint8_t digest[BULLA_DIGEST_SIZE]; /* of the manifest */
    uint8_t prefix[BULLA_HEAD_MAX + BULLA_TEXT_MAX + 2 * MEMBER_HEAD_ROOM];
    size_t prefix_len;
    uint8_t *digests;
    size_t digests_len;
};

static int parse(struct host_tool *tool, int argc, char **argv, struct sign_options *o)
{
    const struct cli_option options[] = {
        {"key", 0, NULL, &o->keys},
        {"passphrase-file", 0, &o->passphrase_file, NULL},
        {"vendor", 0, &o->words.vendor, NULL},
        {"class", 0, &o->words.class_name, NULL},
        {"sequence", 0, &o->words.sequence, NULL},
        {"version", 0, &o->words.version, NULL},
        {"component", 0, &o->words.component, NULL},
        {"uri", 0, &o->words.uri, NULL},
        {"text", 0, &o->words.text, NULL},
        {"format", 0, &o->format, NULL},
        {"output", 'o', &o->out, NULL},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 1};

    memset(o, 0, sizeof(*o));
    int end = cli_parse(tool, &command, argc, argv, &o->words.image);
    if (end < 0 && o->out == NULL)
        return host_usage(tool, "-o OUT.suit is missing");
    if (end < 0)
        end = cli_keep_input(tool, o->out, o->words.image);
    if (end < 0)
        end = cli_keep_inputs(tool, o->out, &o->keys);
    if (end < 0)
        end = cli_keep_input(tool, o->out, o->passphrase_file);
    return end;
}

static enum bulla_status encode_and_sign(const struct key_ring *ring, const struct release *release,
                                         struct sealed *s)
{
    uint8_t manifest[MANIFEST_ROOM], member[MANIFEST_ROOM + 9], wrapper[BULLA_SIGNED_MAX];
    uint8_t digest_bstr[DIGEST_BSTR_SIZE];
    struct signature signatures[BULLA_BLOCKS_MAX];
    struct bulla_sha256 hash;
    size_t len = encode_manifest(&s->manifest, manifest, sizeof(manifest));
    struct bulla_bytes content = {manifest, len};

    if (len == 0)
        return BULLA_E_ENVELOPE_TOO_LARGE;
    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash,
                        (struct bulla_bytes){member, encode_bstr(content, member, sizeof(member))});
    enum bulla_status status = bulla_sha256_finish(&hash, s->digest);
    if (status != BULLA_OK)
        return status;
    struct bulla_bytes signed_digest = {digest_bstr, encode_digest(s->digest, digest_bstr)};
    status = ring_sign(ring, signed_digest, signatures);
    if (status != BULLA_OK)
        return status;

    const struct bulla_image *image = &s->manifest.image;
    uint8_t *at = s->prefix;
    size_t room = sizeof(s->prefix);
    size_t wrapper_len = encode_wrapper(signed_digest, (struct bulla_bytes){NULL, 0}, 0, signatures,
                                        ring->count, wrapper, sizeof(wrapper));
    size_t n = encode_head(3u + (release->text_len > 0 ? 1u : 0u),
                           (struct bulla_bytes){wrapper, wrapper_len}, content, at, room);
    if (wrapper_len == 0 || n == 0)
        return BULLA_E_ENVELOPE_TOO_LARGE;
    if (release->text_len > 0)
        n += encode_text_member((struct bulla_bytes){release->text, release->text_len}, at + n,
                                room - n);
    n += encode_payload_head("#", image->component, image->list_size, at + n, room - n);
    n += encode_list_head(image->size, at + n);
    s->prefix_len = n;
    return BULLA_OK;
}

/* What the reader understood is what was meant. */
static bool same_facts(const struct bulla_manifest *a, const struct bulla_manifest *b)
{
    return a->sequence == b->sequence && a->image.size == b->image.size &&
           a->image.list_size == b->image.list_size && a->has_text == b->has_text &&
           bulla_bytes_equal(a->image.component, b->image.component) &&
           bulla_bytes_equal(a->image.uri, b->image.uri) &&
           memcmp(a->image.vendor_id, b->image.vendor_id, BULLA_UUID_SIZE) == 0 &&
           memcmp(a->image.class_id, b->image.class_id, BULLA_UUID_SIZE) == 0 &&
           bulla_digest_equal(a->image.digest, b->image.digest) &&
           bulla_digest_equal(a->image.list_digest, b->image.list_digest) &&
           bulla_digest_equal(a->text_digest, b->text_digest) &&
           memcmp(&a->version, &b->version, sizeof(a->version)) == 0;
}

/* The device this release is made for. */
static struct bulla_device meant_device(const struct bulla_manifest *manifest,
                                        enum bulla_image_format format)
{
    struct bulla_device device = {.has_ids = true, .has_component = true, .has_format = true};

    memcpy(device.vendor_id, manifest->image.vendor_id, BULLA_UUID_SIZE);
    memcpy(device.class_id, manifest->image.class_id, BULLA_UUID_SIZE);
    device.component = manifest->image.component;
    device.format = format;
    return device;
}

/* What was proved of the image while it was read, on top of what the reader proved. */
static enum bulla_status judge_image(const struct judge *judge, const struct image_scan *scan,
                                     uint32_t *facts)
{
    if (scan->structure != BULLA_OK)
        return scan->structure;
    if (!bulla_digest_equal(judge->reader.manifest.image.digest, scan->digest))
        return BULLA_E_IMAGE_DIGEST;
    *facts = judge->reader.facts | BULLA_FACT_STRUCTURE | BULLA_FACT_DIGEST;
    return bulla_policy_image(&judge->device, &scan->facts, facts);
}

static enum bulla_status judge_sealed(const struct key_ring *ring, const struct sealed *s,
                                      const struct image_scan *scan, char why[WHY_SIZE])
{
    struct bulla_device device = meant_device(&s->manifest, scan->facts.format);
    uint32_t facts = 0;
    struct judge judge;

    judge_begin(&judge, ring, &device, s->digests);
    enum bulla_status status = judge_feed(&judge, (struct bulla_bytes){s->prefix, s->prefix_len});
    if (status == BULLA_OK)
        status = judge_feed(&judge, (struct bulla_bytes){s->digests, s->digests_len});
    if (status == BULLA_OK)
        status = judge_end(&judge);
    if (status == BULLA_OK)
        status = judge_image(&judge, scan, &facts);
    bool agreed = same_facts(&judge.reader.manifest, &s->manifest) &&
                  bulla_policy_verdict(facts, bulla_policy_required(&device)) == BULLA_YES;
    if (status == BULLA_OK && !agreed) {
        snprintf(why, WHY_SIZE,
                 "the envelope's reader does not find what was written; nothing was kept");
        status = BULLA_E_NOT_JUDGED;
    }
    judge_free(&judge);
    return status;
}

static enum bulla_status write_sealed(const struct sealed *s, const char *path)
{
    struct host_writer w;
    enum bulla_status status = host_writer_open(&w, path, 0644);

    if (status != BULLA_OK)
        return status;
    status = host_writer_write(&w, (struct bulla_bytes){s->prefix, s->prefix_len});
    if (status == BULLA_OK)
        status = host_writer_write(&w, (struct bulla_bytes){s->digests, s->digests_len});
    if (status == BULLA_OK)
        return host_writer_commit(&w, true);
    host_writer_abort(&w);
    return status;
}

static void report(struct host_tool *tool, const struct sign_options *o, const struct sealed *s,
                   const struct key_ring *ring, const struct image_scan *scan)
{
    char digest[2 * BULLA_DIGEST_SIZE + 1], version[64], vendor[37], class_id[37];
    const struct bulla_image *image = &s->manifest.image;

    host_hex((struct bulla_bytes){s->digest, BULLA_DIGEST_SIZE}, digest);
    host_version_text(&s->manifest.version, version, sizeof(version));
    host_uuid_text(image->vendor_id, vendor);
    host_uuid_text(image->class_id, class_id);
    host_say(tool, "sealed %s, %zu bytes", o->out, s->prefix_len + s->digests_len);
    host_say(tool, "  %-15s %s, sequence %" PRIu32, "release", version, s->manifest.sequence);
    host_say(tool, "  %-15s %.*s from %.*s", "component", (int)image->component.len,
             (const char *)image->component.data, (int)image->uri.len,
             (const char *)image->uri.data);
    host_say(tool, "  %-15s %s", "vendor id", vendor);
    host_say(tool, "  %-15s %s", "class id", class_id);
    host_say(tool, "  %-15s %s", "manifest digest", digest);
    if (tool->json) {
        host_member(tool, "output", o->out);
        json_object_set_new(tool->doc, "output_size",
                            json_integer((json_int_t)(s->prefix_len + s->digests_len)));
        json_object_set_new(tool->doc, "sequence", json_integer(s->manifest.sequence));
        json_object_set_new(tool->doc, "version", json_string(version));
        json_object_set_new(
            tool->doc, "component",
            json_stringn((const char *)image->component.data, image->component.len));
        json_object_set_new(tool->doc, "uri",
                            json_stringn((const char *)image->uri.data, image->uri.len));
        json_object_set_new(tool->doc, "vendor_id", json_string(vendor));
        json_object_set_new(tool->doc, "class_id", json_string(class_id));
        json_object_set_new(tool->doc, "manifest_digest", json_string(digest));
    }
    image_report(tool, scan);
    ring_report(tool, ring);
}

/* Everything after the options and keys are known to be good. `s` is the caller's for its size. */
static int seal(struct host_tool *tool, const struct sign_options *o,
                enum bulla_image_format demanded, const struct release *release,
                const struct key_ring *ring, int fd, uint32_t size, struct sealed *s)
{
    struct image_scan scan;
    char why[WHY_SIZE];

    s->digests_len = (size_t)image_sectors(size) * BULLA_DIGEST_SIZE;
    s->digests = malloc(s->digests_len);
    if (s->digests == NULL)
        return host_end(tool, BULLA_E_IO, "no memory for %zu bytes of sector digests",
                        s->digests_len);
    enum bulla_status status = image_scan(o->words.image, fd, size, s->digests, NULL, &scan, why);
    if (status == BULLA_OK)
        status = image_judge(o->words.image, fd, &scan, demanded, why);
    if (status == BULLA_OK)
        status = manifest_build(release, &scan, &s->manifest);
    if (status == BULLA_OK)
        status = encode_and_sign(ring, release, s);
    if (status == BULLA_OK)
        status = judge_sealed(ring, s, &scan, why);
    if (status != BULLA_OK)
        return cli_end(tool, status, why);
    status = write_sealed(s, o->out);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s: %s", o->out, host_write_reason(errno));
    report(tool, o, s, ring, &scan);
    if (demanded == BULLA_FORMAT_UNKNOWN && scan.facts.format == BULLA_FORMAT_RAW)
        host_note(tool,
                  "%s is no ESP image: sealed as raw, for device classes that take raw images "
                  "(--format raw says that this is meant)",
                  o->words.image);
    return host_end(tool, BULLA_OK, NULL);
}

static int seal_file(struct host_tool *tool, const struct sign_options *o,
                     enum bulla_image_format demanded, const struct release *release,
                     const struct key_ring *ring)
{
    char why[WHY_SIZE];
    uint32_t size = 0;
    int fd = -1, code;
    enum bulla_status status = image_open(o->words.image, &fd, &size, why);
    struct sealed *s = calloc(1, sizeof(*s));

    if (status != BULLA_OK)
        code = cli_end(tool, status, why);
    else if (s == NULL)
        code = host_end(tool, BULLA_E_IO, "no memory");
    else
        code = seal(tool, o, demanded, release, ring, fd, size, s);
    if (s != NULL)
        free(s->digests);
    free(s);
    if (fd >= 0)
        close(fd);
    return code;
}

int cmd_sign(struct host_tool *tool, int argc, char **argv)
{
    enum bulla_image_format demanded;
    struct sign_options o;
    struct release release;
    struct key_ring ring;

    int end = parse(tool, argc, argv, &o);
    if (end >= 0)
        return end;
    if (!cli_format(o.format, &demanded))
        return host_usage(tool, "--format %s: expected esp or raw", o.format);
    end = release_read(tool, &o.words, &release);
    if (end >= 0)
        return end;
    end = ring_load(tool, &o.keys, o.passphrase_file, &ring);
    if (end < 0)
        end = seal_file(tool, &o, demanded, &release, &ring);
    ring_free(&ring);
    return end;
}
