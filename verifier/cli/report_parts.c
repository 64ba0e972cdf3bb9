/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a report that repeat: modules and texts. */

#include <stdlib.h>

#include "bulla/cbor.h"
#include "verify.h"

/* ---- modules ---- */

/* One module, of which all is told that is known of it. */
static void say_module(const struct host_tool *tool, const struct bulla_image *image, bool judged)
{
    char hex[2 * BULLA_DIGEST_SIZE + 1];
    report_text(tool, "module", image->name);
    report_text(tool, "  uri", image->uri);
    report_line(tool, "  size", "%lu bytes%s", (unsigned long)image->size,
                judged ? ", every byte as signed" : "");
    host_hex((struct bulla_bytes){image->digest, sizeof image->digest}, hex);
    report_line(tool, "  sha-256", "%s", hex);
}

static json_t *module_json(const struct bulla_image *image, bool judged)
{
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:I, s:o, s:b}", "name", report_text_json(image->name), "uri",
        report_text_json(image->uri), "size", (json_int_t)image->size, "sha256",
        report_hex_json((struct bulla_bytes){image->digest, sizeof image->digest}), "list_size",
        (json_int_t)image->list_size, "list_sha256",
        report_hex_json((struct bulla_bytes){image->list_digest, sizeof image->list_digest}),
        "judged", judged);
}

void report_modules(struct host_tool *tool, const struct judgement *j)
{
    json_t *modules = json_array();
    struct bulla_image image;
    for (uint32_t i = 0; i < j->reader.manifest.images; i++) {
        bool judged = (j->judged >> i & 1u) != 0;
        if (bulla_manifest_image(j->reader.envelope.manifest, i, &image) != BULLA_OK ||
            image.name.len == 0)
            continue;
        say_module(tool, &image, judged);
        (void)json_array_append_new(modules, module_json(&image, judged));
    }
    if (tool->json && json_array_size(modules) > 0)
        (void)json_object_set(tool->doc, "modules", modules);
    json_decref(modules);
}

/* ---- text member: checked by the reader, {language: {1..4: text}} ---- */

static const char *const text_names[] = {"", "manifest-description", "update-description",
                                         "json-source", "yaml-source"};

static const char *text_name(uint64_t key)
{
    return key < sizeof text_names / sizeof text_names[0] ? text_names[key] : "";
}

void report_languages(const struct host_tool *tool, const struct judgement *j, json_t *languages)
{
    struct bulla_cbor r;
    bulla_cbor_init(&r, (struct bulla_bytes){j->text.data, j->text.len});
    for (uint64_t left = bulla_cbor_map(&r); left > 0 && r.failed == BULLA_OK; left--) {
        char *language = host_escape(bulla_cbor_tstr(&r));
        json_t *texts = json_object();
        for (uint64_t n = bulla_cbor_map(&r); n > 0 && r.failed == BULLA_OK; n--) {
            const char *name = text_name(bulla_cbor_uint(&r));
            char *text = host_escape(bulla_cbor_tstr(&r));
            if (text != NULL && language != NULL)
                host_say(tool, "  %-14s [%s] %s: %s", "text", language, name, text);
            (void)json_object_set_new(texts, name, text != NULL ? json_string(text) : NULL);
            free(text);
        }
        (void)json_object_set_new(languages, language != NULL ? language : "", texts);
        free(language);
    }
}
