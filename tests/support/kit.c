/* SPDX-License-Identifier: Apache-2.0 */
/* The vector kit: files, rows, device words, and the one way an envelope is fed to the reader. */

#include "kit.h"

#include <stdlib.h>
#include <string.h>

_Noreturn void kit_die(const char *what, const char *name)
{
    (void)fprintf(stderr, "vector kit: %s: %s\n", what, name);
    exit(2);
}

static FILE *open_file(const char *kit, const char *directory, const char *name, const char *ending)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s/%s%s", kit, directory, name, ending);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        kit_die("cannot open", path);
    return f;
}

struct kit_file kit_load(const char *kit, const char *directory, const char *name,
                         const char *ending)
{
    FILE *f = open_file(kit, directory, name, ending);
    if (fseek(f, 0, SEEK_END) != 0)
        kit_die("cannot read", name);
    long size = ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        kit_die("cannot read", name);
    struct kit_file out = {malloc((size_t)size + (size == 0)), (size_t)size};
    if (out.data == NULL || fread(out.data, 1, out.len, f) != out.len)
        kit_die("cannot read", name);
    (void)fclose(f);
    return out;
}

FILE *kit_open(const char *kit, const char *directory)
{
    char line[1024];
    FILE *f = open_file(kit, directory, "cases", ".tsv");
    if (fgets(line, sizeof(line), f) == NULL)
        kit_die("no rows", directory);
    return f;
}

bool kit_row(FILE *cases, char *line, size_t size, char *cells[], size_t count)
{
    if (fgets(line, (int)size, cases) == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(line, "\t\r\n");
        cells[i] = line;
        line += len + (line[len] != '\0');
        cells[i][len] = '\0';
    }
    return true;
}

enum bulla_status kit_status_named(const char *name)
{
    for (int s = 0; s < (int)BULLA_STATUS_COUNT; s++) {
        if (strcmp(bulla_status_name((enum bulla_status)s), name) == 0)
            return (enum bulla_status)s;
    }
    kit_die("no such status", name);
}

enum bulla_status kit_judge(const struct kit_run *run, const uint8_t *data, size_t len, size_t step,
                            size_t workspace_len, struct bulla_reader *r)
{
    static uint8_t head[BULLA_HEAD_MAX], workspace[KIT_WORKSPACE], chunk[BULLA_SECTOR_SIZE];
    struct bulla_sectors sectors = {.list = NULL};
    enum bulla_status status = BULLA_OK;
    enum bulla_event event = BULLA_EVENT_MORE;
    bulla_reader_init(r, run->trust, &run->device, head);
    for (size_t at = 0; at < len && status == BULLA_OK;) {
        size_t n = len - at < step ? len - at : step;
        struct bulla_bytes in = {data + at, n};
        at += n;
        do {
            status = bulla_reader_feed(r, &in, &event);
            if (event == BULLA_EVENT_HEAD)
                bulla_reader_workspace(r, workspace, workspace_len);
            if (event == BULLA_EVENT_LIST)
                status = bulla_sectors_init(&sectors, &r->list, chunk, sizeof(chunk));
            struct bulla_bytes image = r->bundled, out;
            while (status == BULLA_OK && event == BULLA_EVENT_BUNDLE && image.len > 0)
                status = bulla_sectors_feed(&sectors, &image, &out);
        } while (status == BULLA_OK && event != BULLA_EVENT_MORE &&
                 (event != BULLA_EVENT_END || in.len > 0));
    }
    if (status == BULLA_OK)
        status = bulla_reader_finish(r);
    if (status == BULLA_OK && r->bundle_offset > 0)
        status = bulla_sectors_finish(&sectors);
    return status;
}

static void read_ids(const char *kit, const char *name, struct bulla_device *device)
{
    struct kit_file ids = kit_load(kit, "envelope", name, ".ids");
    if (ids.len != 2u * BULLA_UUID_SIZE)
        kit_die("not two ids", name);
    device->has_ids = true;
    memcpy(device->vendor_id, ids.data, BULLA_UUID_SIZE);
    memcpy(device->class_id, ids.data + BULLA_UUID_SIZE, BULLA_UUID_SIZE);
    free(ids.data);
}

/* "same": this release is the confirmed one; anything else: another one with its number is. */
static void read_confirmed(struct kit_case *c, const char *which)
{
    static struct bulla_reader r;
    const struct kit_run plain = {.trust = &c->trust};
    if (strcmp(which, "same") == 0) {
        if (kit_judge(&plain, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &r) !=
            BULLA_OK)
            kit_die("not a release that could be confirmed", c->name);
        memcpy(c->run.confirmed, r.manifest_digest, BULLA_DIGEST_SIZE);
    }
    c->run.device.confirmed_digest = c->run.confirmed;
}

/* One word of the device column, "slot=10240"; README.md of the kit lists them. */
static void read_word(const char *kit, struct kit_case *c, const char *word)
{
    struct bulla_device *device = &c->run.device;
    const char *value = strchr(word, '=');
    size_t len = value == NULL ? strlen(word) : (size_t)(value - word);
    value = value == NULL ? "" : value + 1;
    if (len == 8 && memcmp(word, "sequence", len) == 0) {
        device->has_sequence = true;
        device->sequence = (uint32_t)strtoul(value, NULL, 10);
    } else if (len == 4 && memcmp(word, "slot", len) == 0) {
        device->has_slot_size = true;
        device->slot_size = (uint32_t)strtoul(value, NULL, 10);
    } else if (len == 9 && memcmp(word, "component", len) == 0 && strcmp(value, "app") == 0) {
        device->has_component = true;
        device->component = (struct bulla_bytes){(const uint8_t *)"app", 3};
    } else if (len == 3 && memcmp(word, "ids", len) == 0) {
        read_ids(kit, value, device);
    } else if (len == 9 && memcmp(word, "confirmed", len) == 0) {
        read_confirmed(c, value);
    } else if (strcmp(word, "-") != 0) {
        kit_die("no such device word", word);
    }
}

bool kit_next(const char *kit, FILE *cases, struct kit_case *out)
{
    char line[1024], *cells[4];
    if (!kit_row(cases, line, sizeof(line), cells, 4))
        return false;
    memset(out, 0, sizeof(*out));
    (void)snprintf(out->name, sizeof(out->name), "%s", cells[0]);
    out->envelope = kit_load(kit, "envelope", cells[0], ".suit");
    out->store = kit_load(kit, "envelope", cells[1], ".trust");
    if (bulla_trust_decode((struct bulla_bytes){out->store.data, out->store.len}, &out->trust) !=
        BULLA_OK)
        kit_die("no usable trust store", cells[1]);
    out->run.trust = &out->trust;
    for (char *word = strtok(cells[2], ","); word != NULL; word = strtok(NULL, ","))
        read_word(kit, out, word);
    out->expected = kit_status_named(cells[3]);
    return true;
}

void kit_end(struct kit_case *c)
{
    free(c->envelope.data);
    free(c->store.data);
    c->envelope = c->store = (struct kit_file){NULL, 0};
}
