/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON file of micropython-esp32-ota: {"firmware": URI, "sha": HEX, "length": BYTES}. It leads
 * to the envelope and makes demands; it vouches for nothing. */

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "source.h"

static enum bulla_status refuse(struct source *s, const char *reason)
{
    (void)snprintf(s->why, sizeof s->why, "%s: %s", s->json_name, reason);
    return BULLA_E_IO;
}

static void keep_name(struct source *s)
{
    const char *path = s->session.url.path;
    size_t end = strcspn(path, "?");
    size_t start = end;

    while (start > 0 && path[start - 1] != '/')
        start--;
    (void)snprintf(s->json_name, sizeof s->json_name, "%.*s", (int)(end - start), path + start);
}

/* "" and 0 are that tool's defaults and mean that nothing is demanded. */
static enum bulla_status read_demand(struct source *s, json_t *sha, json_t *length)
{
    struct demand *d = &s->by_json;

    if (sha != NULL && !json_is_string(sha))
        return refuse(s, "\"sha\" is no text");
    if (sha != NULL && json_string_length(sha) > 0) {
        if (!source_digest(json_string_value(sha), d->digest))
            return refuse(s, "\"sha\" is not 64 hexadecimal digits");
        d->digest_from = s->json_name;
    }
    if (length != NULL && (!json_is_integer(length) || json_integer_value(length) < 0))
        return refuse(s, "\"length\" is no number of bytes");
    d->length = length != NULL ? (uint64_t)json_integer_value(length) : 0;
    d->length_from = d->length > 0 ? s->json_name : NULL;
    return BULLA_OK;
}

/* The firmware's name with .suit in the place of its suffix, without its query. */
static bool envelope_name(const char *firmware, char out[BULLA_PATH_MAX + 1u])
{
    size_t len = strcspn(firmware, "?");
    size_t dot = len;

    while (dot > 0 && firmware[dot] != '.' && firmware[dot - 1] != '/')
        dot--;
    if (firmware[dot] != '.' || dot == 0 || firmware[dot - 1] == '/')
        dot = len;
    return snprintf(out, BULLA_PATH_MAX + 1u, "%.*s.suit", (int)dot, firmware) <=
           (int)BULLA_PATH_MAX;
}

static enum bulla_status find_envelope(struct source *s, json_t *firmware, json_t *envelope)
{
    char name[BULLA_PATH_MAX + 1u];
    struct bulla_url url;

    if (!json_is_string(firmware) || json_string_length(firmware) == 0)
        return refuse(s, "\"firmware\" is missing");
    if (envelope != NULL && !json_is_string(envelope))
        return refuse(s, "\"envelope\" is no text");
    const char *text = json_string_value(envelope);
    if (text == NULL) {
        if (!envelope_name(json_string_value(firmware), name))
            return refuse(s, "\"firmware\" is too long");
        text = name;
    }
    struct bulla_bytes uri = {(const uint8_t *)text, strlen(text)};
    if (bulla_url_resolve(&s->session.url, uri, &url) != BULLA_OK)
        return refuse(s, "\"firmware\" or \"envelope\" is no relative or https URL");
    s->session.url = url;
    return BULLA_OK;
}

enum bulla_status source_json(struct source *s, struct bulla_bytes text)
{
    json_error_t error;
    char reason[JSON_ERROR_TEXT_LENGTH + 32];

    keep_name(s);
    json_t *doc = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (doc == NULL) {
        (void)snprintf(reason, sizeof reason, "not JSON: line %d: %s", error.line, error.text);
        return refuse(s, reason);
    }
    enum bulla_status status = json_is_object(doc) ? BULLA_OK : refuse(s, "not a JSON object");
    if (status == BULLA_OK)
        status = read_demand(s, json_object_get(doc, "sha"), json_object_get(doc, "length"));
    if (status == BULLA_OK)
        status =
            find_envelope(s, json_object_get(doc, "firmware"), json_object_get(doc, "envelope"));
    json_decref(doc);
    return status;
}
