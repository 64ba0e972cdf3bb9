/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-key trust: builds a store. bulla-key show: tells what is in one. */

#include <cbor.h>
#include <errno.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "bulla_key.h"
#include "pem.h"

#define NAMES_SIZE (1u + BULLA_TRUST_NAMES_MAX * (2u + BULLA_COMPONENT_NAME_MAX))

/* What the store's spans point at while it is built. */
struct parts {
    struct bulla_trust trust;
    uint8_t keys[BULLA_TRUST_KEYS_MAX][BULLA_KEY_SIZE];
    uint8_t names[BULLA_TRUST_KEYS_MAX][NAMES_SIZE];
    uint8_t pins[BULLA_TRUST_PINS_MAX][BULLA_DIGEST_SIZE];
    uint8_t anchors[BULLA_TRUST_ANCHORS_MAX][BULLA_TRUST_ANCHOR_SIZE_MAX];
};

/* The component list of FILE.pub:app,factory; NULL when there is none. A slash after the last
 * colon means that the colon belongs to the path. */
static const char *component_list(const char *spec)
{
    const char *colon = strrchr(spec, ':');
    return colon == NULL || strchr(colon, '/') != NULL ? NULL : colon + 1;
}

/* One more name, encoded; false when it is no component name. */
static bool put_name(const char *name, size_t len, uint8_t names[NAMES_SIZE], size_t *used)
{
    if (len == 0 || len > BULLA_COMPONENT_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    }
    size_t head = cbor_encode_bytestring_start(len, names + *used, NAMES_SIZE - *used);
    if (head == 0 || len > NAMES_SIZE - *used - head)
        return false;
    memcpy(names + *used + head, name, len);
    *used += head + len;
    return true;
}

/* "app,factory" into an encoded array; false with why. Repeats are the decoder's to refuse. */
static bool encode_names(struct host_tool *tool, const char *list, uint8_t names[NAMES_SIZE],
                         struct bulla_bytes *out, char why[256])
{
    size_t used = 1;
    uint8_t count = 0;

    for (const char *p = list;; p++) {
        size_t len = strcspn(p, ",");
        if (count == BULLA_TRUST_NAMES_MAX || !put_name(p, len, names, &used)) {
            (void)snprintf(why, 256,
                           "expected 1 to %u component names of 1 to %u printable characters, "
                           "found %.100s",
                           BULLA_TRUST_NAMES_MAX, BULLA_COMPONENT_NAME_MAX, list);
            return false;
        }
        count++;
        if (!(len == 3 && memcmp(p, "app", 3) == 0) &&
            !(len == 7 && memcmp(p, "factory", 7) == 0) &&
            !(len == 6 && memcmp(p, "module", 6) == 0))
            host_note(tool,
                      "component %.*s is neither app nor factory nor module: no release can be "
                      "for it",
                      (int)len, p);
        p += len;
        if (*p == '\0')
            break;
    }
    names[0] = (uint8_t)(0x80u + count);
    *out = (struct bulla_bytes){names, used};
    return true;
}

static enum bulla_status refuse_overwriting(const char *input, const char *output, char why[256])
{
    if (!host_same_file(input, output))
        return BULLA_OK;
    return keys_refuse(why, BULLA_E_USAGE, "-o %.100s would overwrite %.100s, which is read",
                       output, input);
}

static enum bulla_status add_key(struct host_tool *tool, const char *spec, const char *output,
                                 struct parts *parts, char why[256])
{
    struct bulla_trust *trust = &parts->trust;
    uint32_t i = trust->key_count;
    struct bulla_trust_key *key = &trust->keys[i];
    const char *list = component_list(spec);
    char *path = list == NULL ? strdup(spec) : strndup(spec, (size_t)(list - spec) - 1);

    if (path == NULL)
        return keys_refuse(why, BULLA_E_IO, "out of memory");
    enum bulla_status status = refuse_overwriting(path, output, why);
    if (status == BULLA_OK)
        status = keys_public_load(path, parts->keys[i], why);
    free(path);
    if (status != BULLA_OK)
        return status;
    for (uint32_t j = 0; j < i; j++) {
        if (bulla_digest_equal(parts->keys[i], parts->keys[j]))
            return keys_refuse(why, BULLA_E_USAGE, "the key of %.100s is given twice", spec);
    }
    key->key = parts->keys[i];
    keys_id(key->key, key->id);
    if (list != NULL && !encode_names(tool, list, parts->names[i], &key->names, why))
        return BULLA_E_USAGE;
    trust->key_count++;
    return BULLA_OK;
}

static enum bulla_status add_pin(const char *text, struct parts *parts, char why[256])
{
    struct bulla_trust *trust = &parts->trust;
    uint8_t *pin = parts->pins[trust->pin_count];

    if (!keys_pin_parse(text, pin))
        return keys_refuse(why, BULLA_E_USAGE,
                           "expected a pin as \"bulla-key pin\" prints it (sha256//BASE64), found "
                           "%.100s",
                           text);
    for (uint32_t i = 0; i < trust->pin_count; i++) {
        if (bulla_digest_equal(trust->pins[i], pin))
            return keys_refuse(why, BULLA_E_USAGE, "pin %.100s is given twice", text);
    }
    trust->pins[trust->pin_count++] = pin;
    return BULLA_OK;
}

/* Parses and notes what a person should know; the DER is stored as it came. */
static enum bulla_status judge_anchor(struct host_tool *tool, const char *path,
                                      struct bulla_bytes der, char why[256])
{
    const unsigned char *p = der.data;
    X509 *certificate = der.len > 0 ? d2i_X509(NULL, &p, (long)der.len) : NULL;
    bool whole = certificate != NULL && p == der.data + der.len;

    if (whole && X509_check_ca(certificate) == 0)
        host_note(tool,
                  "%s is not a CA certificate: only a server that shows exactly this one "
                  "can be trusted through it, if at all",
                  path);
    X509_free(certificate);
    if (!whole)
        return keys_refuse(why, BULLA_E_USAGE, "%.100s: expected one X.509 certificate, PEM or DER",
                           path);
    if (der.len > BULLA_TRUST_ANCHOR_SIZE_MAX)
        return keys_refuse(why, BULLA_E_USAGE,
                           "%.100s: an anchor has at most %u bytes, this one has %zu", path,
                           BULLA_TRUST_ANCHOR_SIZE_MAX, der.len);
    return BULLA_OK;
}

static enum bulla_status keep_anchor(struct host_tool *tool, const char *path,
                                     struct bulla_bytes der, struct parts *parts, char why[256])
{
    struct bulla_trust *trust = &parts->trust;

    enum bulla_status status = judge_anchor(tool, path, der, why);
    if (status != BULLA_OK)
        return status;
    for (uint32_t i = 0; i < trust->anchor_count; i++) {
        if (bulla_bytes_equal(trust->anchors[i], der))
            return keys_refuse(why, BULLA_E_USAGE, "anchor %.100s is given twice", path);
    }
    uint8_t *kept = parts->anchors[trust->anchor_count];
    memcpy(kept, der.data, der.len);
    trust->anchors[trust->anchor_count++] = (struct bulla_bytes){kept, der.len};
    return BULLA_OK;
}

static enum bulla_status add_anchor(struct host_tool *tool, const char *path, struct parts *parts,
                                    char why[256])
{
    struct host_buffer file;
    struct keys_pem block;
    enum bulla_status status;

    if (host_read_file(path, KEYS_FILE_MAX, &file) != BULLA_OK)
        return keys_cannot_read(why, path);
    struct bulla_bytes content = {file.data, file.len};
    if (!keys_is_pem(content)) {
        status = keep_anchor(tool, path, content, parts, why);
    } else if (!keys_pem_first(content, &block)) {
        status = keys_refuse(why, BULLA_E_USAGE, "%.100s: the PEM block is broken", path);
    } else {
        if (block.more || strcmp(block.name, "CERTIFICATE") != 0)
            status = keys_refuse(why, BULLA_E_USAGE, "%.100s: expected one CERTIFICATE, found %s",
                                 path, block.more ? "more in it" : "something else");
        else
            status =
                keep_anchor(tool, path, (struct bulla_bytes){block.data, block.len}, parts, why);
        keys_pem_free(&block);
    }
    host_buffer_free(&file);
    return status;
}

/* Keys that may sign for a component of this name. */
static uint32_t signers_for(const struct bulla_trust *trust, const char *name)
{
    struct bulla_bytes component = {(const uint8_t *)name, strlen(name)};
    uint32_t count = 0;

    for (uint32_t i = 0; i < trust->key_count; i++)
        count += bulla_trust_key_may(&trust->keys[i], component) ? 1 : 0;
    return count;
}

/* A threshold that the keys reach only together, each for another component, lets no release
 * through at all. */
static enum bulla_status judge_threshold(const struct bulla_trust *trust, char why[256])
{
    uint32_t app = signers_for(trust, "app"), factory = signers_for(trust, "factory");
    uint32_t modules = signers_for(trust, "module");

    if (trust->threshold > trust->key_count)
        return keys_refuse(why, BULLA_E_USAGE, "the threshold is %u signatures, there %s %u key%s",
                           (unsigned)trust->threshold, trust->key_count == 1 ? "is" : "are",
                           (unsigned)trust->key_count, trust->key_count == 1 ? "" : "s");
    if (trust->threshold > app && trust->threshold > factory && trust->threshold > modules)
        return keys_refuse(why, BULLA_E_USAGE,
                           "the threshold is %u signatures, but %u keys may sign for app, %u for "
                           "factory and %u for module",
                           (unsigned)trust->threshold, (unsigned)app, (unsigned)factory,
                           (unsigned)modules);
    return BULLA_OK;
}

static enum bulla_status collect(struct host_tool *tool, const struct arguments *args,
                                 struct parts *parts, char why[256])
{
    enum bulla_status status = BULLA_OK;

    for (uint32_t i = 0; status == BULLA_OK && i < args->key_count; i++)
        status = add_key(tool, args->keys[i], args->output, parts, why);
    for (uint32_t i = 0; status == BULLA_OK && i < args->pin_count; i++)
        status = add_pin(args->pins[i], parts, why);
    for (uint32_t i = 0; status == BULLA_OK && i < args->anchor_count; i++) {
        status = refuse_overwriting(args->anchors[i], args->output, why);
        if (status == BULLA_OK)
            status = add_anchor(tool, args->anchors[i], parts, why);
    }
    if (status != BULLA_OK)
        return status;
    parts->trust.threshold = args->threshold > 0 ? args->threshold : 1;
    return judge_threshold(&parts->trust, why);
}

static void note_servers(struct host_tool *tool, const struct bulla_trust *trust)
{
    if (trust->pin_count == 1)
        host_note(tool, "one pin only: should that server key be lost, no device can be reached; "
                        "add the pin of a backup key that is kept off-line");
    if (trust->pin_count == 0 && trust->anchor_count == 0)
        host_note(tool, "neither pin nor anchor: a device with this store trusts no server and "
                        "cannot download");
}

/* keys_trust_encode decodes what it made with the device's own code before it comes here. */
static int write_store(struct host_tool *tool, const struct arguments *args,
                       const struct bulla_trust *trust)
{
    struct host_buffer encoded;

    enum bulla_status status = keys_trust_encode(trust, &encoded);
    if (status != BULLA_OK)
        return host_end(tool, bulla_status_is_refusal(status) ? BULLA_E_USAGE : status,
                        "the store would be refused: %s", bulla_status_sentence(status));
    status =
        host_write_file(args->output, (struct bulla_bytes){encoded.data, encoded.len}, 0644, true);
    int error = errno;
    size_t size = encoded.len;
    host_buffer_free(&encoded);
    if (status != BULLA_OK)
        return host_end(tool, status, "cannot write %s: %s", args->output,
                        host_write_reason(error));
    note_servers(tool, trust);
    if (!describe_trust(tool, trust))
        return host_end(tool, BULLA_E_IO, "out of memory");
    host_say(tool, "size: %zu bytes", size);
    if (tool->json)
        (void)json_object_set_new(tool->doc, "size", json_integer((json_int_t)size));
    return host_end(tool, BULLA_OK, NULL);
}

int run_trust(struct host_tool *tool, const struct arguments *args)
{
    char why[256];
    int code;

    if (args->output == NULL)
        return host_usage(tool, "trust: expected -o FILE");
    if (args->key_count == 0)
        return host_usage(tool, "trust: expected at least one --key FILE.pub");
    struct parts *parts = calloc(1, sizeof *parts);
    if (parts == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    enum bulla_status status = collect(tool, args, parts, why);
    if (status == BULLA_OK)
        code = write_store(tool, args, &parts->trust);
    else
        code = end_unusable(tool, status, why);
    free(parts);
    return code;
}

int run_show(struct host_tool *tool, const struct arguments *args)
{
    struct keys_trust trust;
    char why[256];
    int code;

    enum bulla_status status = keys_trust_load(&args->operand, 1, 0, &trust, why);
    if (status != BULLA_OK)
        return end_unusable(tool, status, why);
    const struct host_buffer *file = &trust.files[0];
    bool pem = keys_is_pem((struct bulla_bytes){file->data, file->len});
    host_say(tool, "%s", pem ? "PEM public key" : "trust store, version 1");
    if (tool->json)
        (void)json_object_set_new(tool->doc, "form", json_string(pem ? "pem" : "store"));
    if (describe_trust(tool, &trust.trust))
        code = host_end(tool, BULLA_OK, NULL);
    else
        code = host_end(tool, BULLA_E_IO, "out of memory");
    keys_trust_free(&trust);
    return code;
}
