/* SPDX-License-Identifier: Apache-2.0 */
/* What an update client reads from the network besides envelopes: HTTP answers and URLs. */

#include <stdlib.h>
#include <string.h>

#include "bulla/http.h"
#include "judge.h"

struct exchange {
    struct bulla_request request;
    bool ends_clean;
    enum bulla_status status;
    uint16_t code;
    size_t body;
    size_t behind;
};

static void read_request(struct exchange *e, char *words)
{
    uint32_t number;
    *e = (struct exchange){.request = {.from = 0, .to = UINT64_MAX}};
    for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) {
        if (judge_number(word, "from", &number))
            e->request.from = number;
        else if (judge_number(word, "to", &number))
            e->request.to = number;
        else if (strcmp(word, "end=clean") == 0)
            e->ends_clean = true;
        else if (strcmp(word, "end=cut") != 0)
            kit_die("no such word of a request", word);
    }
}

static void receive(struct exchange *e, struct kit_file file, size_t step)
{
    static char location[BULLA_HTTP_LOCATION_MAX + 1u];
    struct bulla_http http;
    struct bulla_bytes body;
    bulla_http_init(&http, &e->request, location);
    e->status = BULLA_OK;
    e->body = e->behind = 0;
    for (size_t at = 0; at < file.len && e->status == BULLA_OK;) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct bulla_bytes in = {file.data + at, n};
        while (in.len > 0 && e->status == BULLA_OK && !bulla_http_complete(&http)) {
            e->status = bulla_http_feed(&http, &in, &body);
            e->body += body.len;
        }
        e->behind += in.len;
        at += n;
    }
    if (e->status == BULLA_OK)
        e->status = bulla_http_eof(&http, e->ends_clean);
    e->code = http.response.status;
}

static bool same(const struct exchange *a, const struct exchange *b)
{
    return a->status == b->status &&
           (a->status != BULLA_OK ||
            (a->code == b->code && a->body == b->body && a->behind == b->behind));
}

void judge_http(const char *kit)
{
    static const size_t steps[] = {1, 7, 64};
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(kit, "http");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file file = kit_load(kit, "http", cells[0], ".http");
        struct exchange whole;
        read_request(&whole, cells[1]);
        receive(&whole, file, SIZE_MAX);
        bool agree = true;
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            struct exchange pieces = whole;
            receive(&pieces, file, steps[i]);
            agree = agree && same(&whole, &pieces);
        }
        char more[64] = " - - -";
        if (whole.status == BULLA_OK)
            (void)snprintf(more, sizeof(more), " %u %lu %lu", whole.code, (unsigned long)whole.body,
                           (unsigned long)whole.behind);
        if (agree)
            judge_tell("http", cells[0], whole.status, more);
        else
            judge_tell_differs("http", cells[0]);
        free(file.data);
    }
    (void)fclose(cases);
}

void judge_url(const char *kit)
{
    static struct bulla_url base, url;
    static char more[sizeof(url.host) + sizeof(url.path) + 16];
    char line[KIT_LINE], *cells[2];
    FILE *cases = kit_open(kit, "url");
    while (kit_row(cases, line, cells, 2)) {
        struct kit_file file = kit_load(kit, "url", cells[0], ".url");
        struct bulla_bytes text = {file.data, file.len};
        struct bulla_bytes base_text = {(const uint8_t *)cells[1], strlen(cells[1])};
        enum bulla_status status;
        if (strcmp(cells[1], "-") == 0)
            status = bulla_url_parse(text, &url);
        else if (bulla_url_parse(base_text, &base) == BULLA_OK)
            status = bulla_url_resolve(&base, text, &url);
        else
            kit_die("not a URL to start from", cells[0]);
        (void)snprintf(more, sizeof(more), " - - -");
        if (status == BULLA_OK)
            (void)snprintf(more, sizeof(more), " %s %u %s", url.host, url.port, url.path);
        judge_tell("url", cells[0], status, more);
        free(file.data);
    }
    (void)fclose(cases);
}
