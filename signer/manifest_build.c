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

static int read_uri(struct host_tool *tool, const struct release_words *words,
                    struct release *release)
{
    if (words->uri == NULL && !uri_of_file(words->image, release->uri))
        return host_usage(tool, "no URI can be made of the name %s: give one with --uri",
                          words->image);
    if (words->uri != NULL) {
        size_t len = strlen(words->uri);
        if (len > BULLA_URI_MAX)
            return host_usage(tool, "--uri has %zu bytes, expected at most %u", len, BULLA_URI_MAX);
        memcpy(release->uri, words->uri, len + 1);
    }
    if (!uri_is_usable((struct bulla_bytes){(const uint8_t *)release->uri, strlen(release->uri)}))
        return host_usage(
            tool,
            "uri-form: '%s' is no image URI: expected a relative path, an absolute path or https "
            "with a usable host and port, without . and .. segments, fragment, blank or control",
            words->uri != NULL ? words->uri : release->uri);
    return -1;
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
    release->component = words->component != NULL ? words->component : "app";
    if (strcmp(release->component, "app") != 0 && strcmp(release->component, "factory") != 0)
        return host_usage(tool, "--component %s: expected app or factory", release->component);
    int end = read_ids(tool, words, release);
    if (end < 0)
        end = read_numbers(tool, words, release);
    if (end < 0)
        end = read_uri(tool, words, release);
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

enum bulla_status manifest_build(const struct release *release, const struct image_scan *scan,
                                 struct bulla_manifest *manifest)
{
    struct bulla_image *image = &manifest->image;
    const uint8_t *component = (const uint8_t *)release->component;
    const uint8_t *uri = (const uint8_t *)release->uri;

    memset(manifest, 0, sizeof(*manifest));
    manifest->sequence = release->sequence;
    manifest->version = release->version;
    image->component = (struct bulla_bytes){component, strlen(release->component)};
    image->uri = (struct bulla_bytes){uri, strlen(release->uri)};
    image->size = scan->facts.size;
    image->list_size = (uint32_t)bulla_list_size(scan->facts.size);
    memcpy(image->vendor_id, release->vendor_id, BULLA_UUID_SIZE);
    memcpy(image->class_id, release->class_id, BULLA_UUID_SIZE);
    memcpy(image->digest, scan->digest, BULLA_DIGEST_SIZE);
    memcpy(image->list_digest, scan->list_digest, BULLA_DIGEST_SIZE);
    if (release->text_len == 0)
        return BULLA_OK;
    manifest->has_text = true;
    return digest_text(release, manifest->text_digest);
}
