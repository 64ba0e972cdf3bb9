/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says of a release, checked before any image is read; and with what the
 * image says, the manifest. */

#include <string.h>

#include "bulla/transport.h"
#include "signer.h"

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

/* The image's file name as a relative URI (RFC 3986 2.1). false: longer than a URI may be. */
static bool uri_of_file(const char *path, char uri[BULLA_URI_MAX + 1u])
{
    static const char hex[] = "0123456789ABCDEF";
    const char *slash = strrchr(path, '/');
    size_t len = 0;

    for (const char *p = slash != NULL ? slash + 1 : path; *p != '\0'; p++) {
        if (len + (unreserved(*p) ? 1u : 3u) > BULLA_URI_MAX)
            return false;
        if (unreserved(*p)) {
            uri[len++] = *p;
            continue;
        }
        uri[len++] = '%';
        uri[len++] = hex[(unsigned char)*p >> 4];
        uri[len++] = hex[(unsigned char)*p & 15];
    }
    uri[len] = '\0';
    return len > 0;
}

/* In the format's form, and one that a device can follow from wherever the envelope is. */
static bool uri_is_usable(struct bulla_bytes uri)
{
    static const char envelope[] = "https://device.invalid/a";
    struct bulla_url base, url;

    return bulla_uri_check(uri) == BULLA_OK &&
           bulla_url_parse((struct bulla_bytes){(const uint8_t *)envelope, sizeof(envelope) - 1},
                           &base) == BULLA_OK &&
           bulla_url_resolve(&base, uri, &url) == BULLA_OK;
}

/* `given`, or `prefix` and the file's name. `option` is whose it is, for messages. */
static int read_uri(struct host_tool *tool, const char *option, const char *given,
                    const char *prefix, const char *file, char uri[BULLA_URI_MAX + 1u])
{
    char name[BULLA_URI_MAX + 1u];

    if (given == NULL) {
        if (!uri_of_file(file, name) || strlen(prefix) + strlen(name) > BULLA_URI_MAX)
            return host_usage(tool, "no URI can be made of the name %s: give one with %s", file,
                              option);
        memcpy(uri, prefix, strlen(prefix));
        memcpy(uri + strlen(prefix), name, strlen(name) + 1);
    } else if (strlen(given) > BULLA_URI_MAX) {
        return host_usage(tool, "%s has %zu bytes, expected at most %u", option, strlen(given),
                          BULLA_URI_MAX);
    } else {
        memcpy(uri, given, strlen(given) + 1);
    }
    if (!uri_is_usable((struct bulla_bytes){(const uint8_t *)uri, strlen(uri)}))
        return host_usage(
            tool,
            "uri-form: '%s' is no image URI: expected a relative path, an absolute path or https "
            "with a usable host and port, without . and .. segments, fragment, blank or control",
            uri);
    return -1;
}

/* NAME=FILE, NAME=FILE@URI: the last @ parts them. */
static int read_module(struct host_tool *tool, const char *argument, struct release_module *module)
{
    const char *file = host_named_file(argument, module->name);
    if (file == NULL)
        return host_usage(tool,
                          "--module %s: expected NAME=FILE or NAME=FILE@URI, NAME being 1 to %u of "
                          "A-Z a-z 0-9 _ . - without a dot in front",
                          argument, BULLA_COMPONENT_NAME_MAX);
    const char *at = strrchr(file, '@');
    size_t len = at != NULL ? (size_t)(at - file) : strlen(file);
    if (len == 0 || len >= sizeof(module->file))
        return host_usage(tool, "--module %s: the file's name is %s", argument,
                          len == 0 ? "missing" : "too long");
    memcpy(module->file, file, len);
    module->file[len] = '\0';
    return read_uri(tool, "--module NAME=FILE@URI", at != NULL ? at + 1 : NULL, "modules/",
                    module->file, module->uri);
}

static int read_modules(struct host_tool *tool, const struct release_words *words,
                        struct release *release)
{
    size_t most = words->image != NULL ? BULLA_IMAGES_MAX - 1u : BULLA_IMAGES_MAX;

    if (words->modules.count > most)
        return host_usage(tool, "%zu modules, at most %zu fit an envelope%s", words->modules.count,
                          most, words->image != NULL ? " beside the app" : "");
    for (size_t i = 0; i < words->modules.count; i++) {
        struct release_module *module = &release->modules[i];
        int end = read_module(tool, words->modules.items[i], module);
        if (end >= 0)
            return end;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(release->modules[k].name, module->name) == 0)
                return host_usage(tool, "--module %s is given twice", module->name);
        }
        release->module_count++;
    }
    return -1;
}

/* The app's part. Modules alone have none. */
static int read_app(struct host_tool *tool, const struct release_words *words,
                    struct release *release)
{
    if (words->image == NULL && words->modules.count == 0)
        return host_usage(tool, "an IMAGE or a --module is missing");
    if (words->image == NULL && (words->component != NULL || words->uri != NULL))
        return host_usage(tool, "%s is the app's, and no IMAGE is given",
                          words->uri != NULL ? "--uri" : "--component");
    if (words->image == NULL)
        return -1;
    release->component = words->component != NULL ? words->component : "app";
    if (strcmp(release->component, "app") != 0 && strcmp(release->component, "factory") != 0)
        return host_usage(tool, "--component %s: expected app or factory", release->component);
    return read_uri(tool, "--uri", words->uri, "", words->image, release->uri);
}

static int read_text(struct host_tool *tool, const char *text, struct release *release)
{
    if (text == NULL)
        return -1;
    release->text_len = encode_text(text, release->text, sizeof(release->text));
    if (release->text_len == 0)
        return host_usage(tool, "--text has %zu bytes, which makes more than %u", strlen(text),
                          BULLA_TEXT_MAX);
    if (bulla_text_check((struct bulla_bytes){release->text, release->text_len}) != BULLA_OK)
        return host_usage(tool, "--text is not UTF-8");
    return -1;
}

static int read_ids(struct host_tool *tool, const struct release_words *words,
                    struct release *release)
{
    if (words->vendor == NULL || words->class_name == NULL)
        return host_usage(tool, "%s is missing", words->vendor == NULL ? "--vendor" : "--class");
    const char *problem = host_id_name_problem(words->vendor);
    if (problem != NULL)
        return host_usage(tool, "--vendor '%s': %s", words->vendor, problem);
    problem = host_id_name_problem(words->class_name);
    if (problem != NULL)
        return host_usage(tool, "--class '%s': %s", words->class_name, problem);
    host_vendor_id(words->vendor, release->vendor_id);
    host_class_id(release->vendor_id, words->class_name, release->class_id);
    return -1;
}

static int read_numbers(struct host_tool *tool, const struct release_words *words,
                        struct release *release)
{
    uint64_t sequence = 0;

    if (words->sequence == NULL || words->version == NULL)
        return host_usage(tool, "%s is missing",
                          words->sequence == NULL ? "--sequence" : "--version");
    if (!host_parse_number(words->sequence, UINT32_MAX, false, &sequence))
        return host_usage(tool, "--sequence %s: expected a decimal number up to 4294967295",
                          words->sequence);
    if (!host_version_parse(words->version, &release->version))
        return host_usage(tool,
                          "--version %s: expected 1 to 3 numbers and perhaps -alpha, -beta or -rc "
                          "with a number, such as 1.4.2-rc1",
                          words->version);
    release->sequence = (uint32_t)sequence;
    return -1;
}

int release_read(struct host_tool *tool, const struct release_words *words, struct release *release)
{
    memset(release, 0, sizeof(*release));
    int end = read_ids(tool, words, release);
    if (end < 0)
        end = read_numbers(tool, words, release);
    if (end < 0)
        end = read_app(tool, words, release);
    if (end < 0)
        end = read_modules(tool, words, release);
    if (end < 0)
        end = read_text(tool, words->text, release);
    if (end < 0 && release->sequence == UINT32_MAX)
        host_note(tool,
                  "sequence 4294967295 is the last one: no later release can replace this one");
    return end;
}

/* Over the envelope member's byte string with its head (docs/FORMAT.md, "Text"). */
static enum bulla_status digest_text(const struct release *release,
                                     uint8_t digest[BULLA_DIGEST_SIZE])
{
    uint8_t member[BULLA_TEXT_MAX + 9u];
    struct bulla_sha256 hash;
    size_t len =
        encode_bstr((struct bulla_bytes){release->text, release->text_len}, member, sizeof(member));

    bulla_sha256_init(&hash);
    bulla_sha256_update(&hash, (struct bulla_bytes){member, len});
    return bulla_sha256_finish(&hash, digest);
}

static struct bulla_bytes bytes_of(const char *text)
{
    return (struct bulla_bytes){(const uint8_t *)text, strlen(text)};
}

static void build_image(const struct release *release, const struct image_scan *scan,
                        struct bulla_image *image)
{
    image->size = scan->facts.size;
    image->list_size = (uint32_t)bulla_list_size(scan->facts.size);
    memcpy(image->vendor_id, release->vendor_id, BULLA_UUID_SIZE);
    memcpy(image->class_id, release->class_id, BULLA_UUID_SIZE);
    memcpy(image->digest, scan->digest, BULLA_DIGEST_SIZE);
    memcpy(image->list_digest, scan->list_digest, BULLA_DIGEST_SIZE);
}

enum bulla_status manifest_build(const struct release *release,
                                 const struct image_scan *const *scans,
                                 struct bulla_manifest *manifest, struct bulla_image *images)
{
    uint32_t count = 0;

    memset(manifest, 0, sizeof(*manifest));
    memset(images, 0, BULLA_IMAGES_MAX * sizeof(*images));
    manifest->sequence = release->sequence;
    manifest->version = release->version;
    if (release->component != NULL) {
        images[0].component = bytes_of(release->component);
        images[0].uri = bytes_of(release->uri);
        build_image(release, scans[0], &images[count++]);
    }
    for (uint32_t i = 0; i < release->module_count; i++, count++) {
        images[count].component = bytes_of("module");
        images[count].name = bytes_of(release->modules[i].name);
        images[count].uri = bytes_of(release->modules[i].uri);
        build_image(release, scans[count], &images[count]);
    }
    manifest->images = count;
    manifest->image = images[0];
    if (release->text_len == 0)
        return BULLA_OK;
    manifest->has_text = true;
    return digest_text(release, manifest->text_digest);
}
