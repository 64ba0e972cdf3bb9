/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-sign sign: an app, an app with its modules or modules alone, one release, one envelope. The
 * envelope is judged by the device's own reader before a file of it exists. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"

static const char help[] =
    "usage: bulla-sign sign [IMAGE] [--module NAME=FILE]... --key K.pem [--key ...]\n"
    "                  --vendor DOMAIN --class NAME --sequence N --version V [options] -o "
    "OUT.suit\n"
    "  --module NAME=FILE    a frozen module, raw bytes, installed with the app or, without "
    "IMAGE,\n"
    "                        alone; all or nothing. At most 8 images. NAME=FILE@URI says where\n"
    "                        devices fetch it (default: modules/ and the file's name)\n"
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
        {"module", 0, NULL, &o->words.modules},
        {"text", 0, &o->words.text, NULL},
        {"format", 0, &o->format, NULL},
        {"output", 'o', &o->out, NULL},
        {NULL, 0, NULL, NULL},
    };
    const struct cli_command command = {help, options, 1};

    memset(o, 0, sizeof(*o));
    int end = cli_parse_some(tool, &command, 0, argc, argv, &o->words.image);
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

static void report_images(struct host_tool *tool, const struct sealed *s)
{
    json_t *array = tool->json ? json_array() : NULL;

    for (uint32_t i = 0; i < s->manifest.images; i++) {
        const struct bulla_image *image = &s->facts[i];
        if (image->name.len == 0)
            continue;
        host_say(tool, "  %-15s %.*s from %.*s, %" PRIu32 " bytes", "module", (int)image->name.len,
                 (const char *)image->name.data, (int)image->uri.len, (const char *)image->uri.data,
                 image->size);
        if (array == NULL)
            continue;
        json_t *object = json_object();
        json_object_set_new(object, "name",
                            json_stringn((const char *)image->name.data, image->name.len));
        json_object_set_new(object, "uri",
                            json_stringn((const char *)image->uri.data, image->uri.len));
        json_object_set_new(object, "size", json_integer(image->size));
        json_array_append_new(array, object);
    }
    if (array != NULL && json_array_size(array) > 0)
        json_object_set(tool->doc, "modules", array);
    json_decref(array);
}

static void report(struct host_tool *tool, const struct sign_options *o, const struct sealed *s,
                   const struct key_ring *ring)
{
    char digest[2 * BULLA_DIGEST_SIZE + 1], version[64], vendor[37], class_id[37];
    const struct bulla_image *image = &s->facts[0];

    host_hex((struct bulla_bytes){s->digest, BULLA_DIGEST_SIZE}, digest);
    host_version_text(&s->manifest.version, version, sizeof(version));
    host_uuid_text(image->vendor_id, vendor);
    host_uuid_text(image->class_id, class_id);
    host_say(tool, "sealed %s, %zu bytes", o->out, s->size);
    host_say(tool, "  %-15s %s, sequence %" PRIu32, "release", version, s->manifest.sequence);
    if (image->name.len == 0)
        host_say(tool, "  %-15s %.*s from %.*s", "component", (int)image->component.len,
                 (const char *)image->component.data, (int)image->uri.len,
                 (const char *)image->uri.data);
    host_say(tool, "  %-15s %s", "vendor id", vendor);
    host_say(tool, "  %-15s %s", "class id", class_id);
    host_say(tool, "  %-15s %s", "manifest digest", digest);
    if (tool->json) {
        host_member(tool, "output", o->out);
        json_object_set_new(tool->doc, "output_size", json_integer((json_int_t)s->size));
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
    if (image->name.len == 0)
        image_report(tool, &s->images[0].scan);
    report_images(tool, s);
    ring_report(tool, ring);
}

/* Read once: digests of all sectors and of the whole. An app is judged besides. */
static enum bulla_status take_image(struct sealed_image *image, bool is_app,
                                    enum bulla_image_format demanded, char why[WHY_SIZE])
{
    enum bulla_status status = image_open(image->path, &image->fd, &image->size, why);

    if (status != BULLA_OK)
        return status;
    image->digests_len = (size_t)image_sectors(image->size) * BULLA_DIGEST_SIZE;
    image->digests = malloc(image->digests_len);
    if (image->digests == NULL) {
        snprintf(why, WHY_SIZE, "no memory for %zu bytes of sector digests", image->digests_len);
        return BULLA_E_IO;
    }
    status =
        image_scan(image->path, image->fd, image->size, image->digests, NULL, &image->scan, why);
    if (status == BULLA_OK && is_app)
        status = image_judge(image->path, image->fd, &image->scan, demanded, why);
    return status;
}

/* Everything after the options and keys are known to be good. `s` is the caller's for its size. */
static int seal(struct host_tool *tool, const struct sign_options *o,
                enum bulla_image_format demanded, const struct release *release,
                const struct key_ring *ring, struct sealed *s)
{
    const struct image_scan *scans[BULLA_IMAGES_MAX];
    bool has_app = release->component != NULL;
    uint32_t count = release->module_count + (has_app ? 1u : 0u);
    enum bulla_status status = BULLA_OK;
    char why[WHY_SIZE] = "";

    for (uint32_t i = 0; status == BULLA_OK && i < count; i++) {
        struct sealed_image *image = &s->images[i];
        bool is_app = has_app && i == 0;
        image->path = is_app ? o->words.image : release->modules[has_app ? i - 1 : i].file;
        scans[i] = &image->scan;
        status = take_image(image, is_app, demanded, why);
    }
    if (status == BULLA_OK)
        status = manifest_build(release, scans, &s->manifest, s->facts);
    if (status == BULLA_OK)
        status = seal_encode(ring, release, s, why);
    if (status == BULLA_OK)
        status = seal_judge(ring, s, why);
    if (status != BULLA_OK)
        return cli_end(tool, status, why);
    status = seal_write(s, o->out);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s: %s", o->out, host_write_reason(errno));
    report(tool, o, s, ring);
    if (has_app && demanded == BULLA_FORMAT_UNKNOWN &&
        s->images[0].scan.facts.format == BULLA_FORMAT_RAW)
        host_note(
            tool,
            "%s is no ESP image: sealed as raw, for device classes that take raw images; those "
            "of ESP devices refuse it (--format raw says that this is meant, --format esp "
            "refuses it here)",
            o->words.image);
    return host_end(tool, BULLA_OK, NULL);
}

static int seal_files(struct host_tool *tool, const struct sign_options *o,
                      enum bulla_image_format demanded, const struct release *release,
                      const struct key_ring *ring)
{
    struct sealed *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return host_end(tool, BULLA_E_IO, "no memory");
    for (uint32_t i = 0; i < BULLA_IMAGES_MAX; i++)
        s->images[i].fd = -1;
    int code = seal(tool, o, demanded, release, ring, s);
    for (uint32_t i = 0; i < BULLA_IMAGES_MAX; i++) {
        free(s->images[i].digests);
        if (s->images[i].fd >= 0)
            close(s->images[i].fd);
    }
    free(s);
    return code;
}

/* No file that is read is written over. */
static int keep_modules(struct host_tool *tool, const char *out, const struct release *release)
{
    int end = -1;

    for (uint32_t i = 0; end < 0 && i < release->module_count; i++)
        end = cli_keep_input(tool, out, release->modules[i].file);
    return end;
}

int cmd_sign(struct host_tool *tool, int argc, char **argv)
{
    enum bulla_image_format demanded;
    struct sign_options o;
    struct key_ring ring;
    struct release *release;

    int end = parse(tool, argc, argv, &o);
    if (end >= 0)
        return end;
    if (!cli_format(o.format, &demanded))
        return host_usage(tool, "--format %s: expected esp or raw", o.format);
    if (o.format != NULL && o.words.image == NULL)
        return host_usage(tool, "--format is the app's, and no IMAGE is given");
    release = malloc(sizeof(*release));
    if (release == NULL)
        return host_end(tool, BULLA_E_IO, "no memory");
    end = release_read(tool, &o.words, release);
    if (end < 0)
        end = keep_modules(tool, o.out, release);
    if (end < 0) {
        end = ring_load(tool, &o.keys, o.passphrase_file, &ring);
        if (end < 0)
            end = seal_files(tool, &o, demanded, release, &ring);
        ring_free(&ring);
    }
    free(release);
    return end;
}
