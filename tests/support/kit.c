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
    char line[KIT_LINE];
    FILE *f = open_file(kit, directory, "cases", ".tsv");
    if (fgets(line, sizeof(line), f) == NULL)
        kit_die("no rows", directory);
    return f;
}

bool kit_row(FILE *cases, char *line, char *cells[], size_t count)
{
    if (fgets(line, KIT_LINE, cases) == NULL)
        return false;
    if (strchr(line, '\n') == NULL)
        kit_die("a row that is too long or has no end", line);
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

static uint8_t head[BULLA_HEAD_MAX], workspace[KIT_WORKSPACE], chunk[BULLA_SECTOR_SIZE];

void kit_feed_begin(struct kit_feed *f, const struct kit_run *run, struct bulla_bytes all,
                    size_t workspace_len, struct bulla_reader *r)
{
    *f = (struct kit_feed){.reader = r, .all = all, .workspace_len = workspace_len};
    bulla_reader_init(r, run->trust, &run->device, head);
}

/* The head was accepted: lend the memory for what follows. */
static void lend_workspace(struct kit_feed *f)
{
    size_t len = f->workspace_len;
    if (len == KIT_WORKSPACE_LEAST)
        len = bulla_list_workspace_min(f->reader->image.size);
    bulla_reader_workspace(f->reader, workspace, len < KIT_WORKSPACE ? len : KIT_WORKSPACE);
}

/* The group that the next sector needs, out of the envelope again. */
static enum bulla_status load_group(struct kit_feed *f)
{
    uint32_t offset, len;
    uint32_t group = f->sectors.released / BULLA_SECTOR_SIZE / BULLA_GROUP_SECTORS;
    bulla_list_group_span(&f->reader->list, group, &offset, &len);
    struct bulla_bytes bytes = {f->all.data + f->reader->list_offset + offset, len};
    return bulla_list_load_group(&f->reader->list, group, bytes);
}

/* A sector that held: what it says of the image, in the order of a device. */
static enum bulla_status look_inside(struct kit_feed *f, struct bulla_bytes sector)
{
    struct kit_inside *inside = f->inside;
    bulla_sha256_update(&inside->whole, sector);
    enum bulla_status status = bulla_espimage_feed(&inside->structure, sector);
    if (status != BULLA_OK || inside->judged || !bulla_espimage_ready(&inside->structure))
        return status;
    inside->judged = true;
    return bulla_policy_image(f->reader->device, &inside->structure.facts, &inside->facts);
}

static enum bulla_status finish_inside(struct kit_feed *f)
{
    uint8_t digest[BULLA_DIGEST_SIZE];
    enum bulla_status status = bulla_sha256_finish(&f->inside->whole, digest);
    if (status == BULLA_OK && !bulla_digest_equal(digest, f->reader->manifest.image.digest))
        status = BULLA_E_IMAGE_DIGEST;
    if (status == BULLA_OK)
        status = bulla_espimage_finish(&f->inside->structure);
    return status;
}

static void begin_image(struct kit_feed *f)
{
    f->status = bulla_sectors_init(&f->sectors, &f->reader->list, chunk, sizeof(chunk));
    if (f->inside == NULL)
        return;
    f->inside->judged = false;
    f->inside->facts = 0;
    bulla_espimage_init(&f->inside->structure, f->reader->manifest.image.size);
    bulla_sha256_init(&f->inside->whole);
}

static void feed_image(struct kit_feed *f)
{
    struct bulla_bytes image = f->reader->bundled, sector;
    while (f->status == BULLA_OK && image.len > 0) {
        f->status = bulla_sectors_feed(&f->sectors, &image, &sector);
        if (f->status == BULLA_E_GROUP_NEEDED)
            f->status = load_group(f);
        else if (f->status == BULLA_OK && sector.len > 0 && f->inside != NULL)
            f->status = look_inside(f, sector);
    }
}

void kit_feed_piece(struct kit_feed *f, const uint8_t *data, size_t len)
{
    struct bulla_bytes in = {data, len};
    enum bulla_event event = BULLA_EVENT_MORE;
    if (f->status != BULLA_OK)
        return;
    do {
        f->status = bulla_reader_feed(f->reader, &in, &event);
        if (event == BULLA_EVENT_HEAD)
            lend_workspace(f);
        else if (event == BULLA_EVENT_LIST)
            begin_image(f);
        else if (event == BULLA_EVENT_BUNDLE)
            feed_image(f);
    } while (f->status == BULLA_OK && event != BULLA_EVENT_MORE &&
             (event != BULLA_EVENT_END || in.len > 0));
}

enum bulla_status kit_feed_end(struct kit_feed *f)
{
    if (f->status == BULLA_OK)
        f->status = bulla_reader_finish(f->reader);
    if (f->status == BULLA_OK && f->reader->bundle_offset > 0)
        f->status = bulla_sectors_finish(&f->sectors);
    if (f->status == BULLA_OK && f->reader->bundle_offset > 0 && f->inside != NULL)
        f->status = finish_inside(f);
    return f->status;
}

enum bulla_status kit_judge_inside(const struct kit_run *run, struct kit_inside *inside,
                                   const uint8_t *data, size_t len, size_t step,
                                   size_t workspace_len, struct bulla_reader *r)
{
    struct kit_feed f;
    uint32_t image = 0;
    do {
        kit_feed_begin(&f, run, (struct bulla_bytes){data, len}, workspace_len, r);
        bulla_reader_want(r, image++);
        f.inside = inside;
        for (size_t at = 0; at < len; at += step) {
            kit_feed_piece(&f, data + at, len - at < step ? len - at : step);
            if (len - at <= step)
                break; /* step may be SIZE_MAX */
        }
    } while (kit_feed_end(&f) == BULLA_OK && image < r->manifest.images);
    return f.status;
}

enum bulla_status kit_judge(const struct kit_run *run, const uint8_t *data, size_t len, size_t step,
                            size_t workspace_len, struct bulla_reader *r)
{
    return kit_judge_inside(run, NULL, data, len, step, workspace_len, r);
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
static const uint8_t *read_confirmed(struct kit_case *c, const char *which, uint8_t *digest)
{
    static struct bulla_reader r;
    const struct kit_run plain = {.trust = &c->trust, .device = {.takes_modules = true}};
    if (strcmp(which, "same") == 0) {
        if (kit_judge(&plain, c->envelope.data, c->envelope.len, SIZE_MAX, KIT_WORKSPACE, &r) !=
            BULLA_OK)
            kit_die("not a release that could be confirmed", c->name);
        memcpy(digest, r.manifest_digest, BULLA_DIGEST_SIZE);
    }
    return digest;
}

/* The number behind "name=", or false. */
static bool number_of(const char *word, const char *name, uint32_t *number)
{
    size_t len = strlen(name);
    char *end;
    if (strncmp(word, name, len) != 0 || word[len] != '=')
        return false;
    unsigned long value = strtoul(word + len + 1, &end, 10);
    if (*end != '\0' || end == word + len + 1 || value > UINT32_MAX)
        kit_die("not a number", word);
    *number = (uint32_t)value;
    return true;
}

/* Words about images; a chip is named by its id. */
static bool image_word(struct bulla_device *device, const char *word)
{
    uint32_t number;
    if (number_of(word, "chip", &number)) {
        device->has_chip = true;
        device->chip_id = (uint16_t)number;
    } else if (number_of(word, "revision", &number)) {
        device->chip_revision = (uint16_t)number;
    } else if (number_of(word, "floor", &number)) {
        device->has_floor = true;
        device->floor = number;
    } else if (strcmp(word, "format=esp") == 0 || strcmp(word, "format=raw") == 0) {
        device->has_format = true;
        device->format = word[7] == 'e' ? BULLA_FORMAT_ESP : BULLA_FORMAT_RAW;
    } else {
        return false;
    }
    return true;
}

bool kit_device_word(struct bulla_device *device, const char *word)
{
    uint32_t number;
    if (number_of(word, "sequence", &number)) {
        device->has_sequence = true;
        device->sequence = number;
    } else if (number_of(word, "slot", &number)) {
        device->has_slot_size = true;
        device->slot_size = number;
    } else if (number_of(word, "modules-sequence", &number)) {
        device->modules_sequence = number;
    } else if (strcmp(word, "modules") == 0 || strcmp(word, "modules-apart") == 0) {
        device->takes_modules = true;
        device->counts_modules = device->counts_modules || word[7] != '\0';
    } else if (strcmp(word, "component=app") == 0) {
        device->has_component = true;
        device->component = (struct bulla_bytes){(const uint8_t *)"app", 3};
    } else {
        return strcmp(word, "-") == 0 || image_word(device, word);
    }
    return true;
}

static void read_word(const char *kit, struct kit_case *c, const char *word)
{
    if (strncmp(word, "ids=", 4) == 0)
        read_ids(kit, word + 4, &c->run.device);
    else if (strncmp(word, "confirmed=", 10) == 0)
        c->run.device.confirmed_digest = read_confirmed(c, word + 10, c->run.confirmed);
    else if (strncmp(word, "modules-confirmed=", 18) == 0)
        c->run.device.modules_digest = read_confirmed(c, word + 18, c->run.modules_confirmed);
    else if (!kit_device_word(&c->run.device, word))
        kit_die("no such device word", word);
}

void kit_case_load(const char *kit, const char *directory, char *cells[4], struct kit_case *out)
{
    memset(out, 0, sizeof(*out));
    (void)snprintf(out->name, sizeof(out->name), "%s", cells[0]);
    out->envelope = kit_load(kit, directory, cells[0], ".suit");
    out->store = kit_load(kit, "envelope", cells[1], ".trust");
    if (bulla_trust_decode((struct bulla_bytes){out->store.data, out->store.len}, &out->trust) !=
        BULLA_OK)
        kit_die("no usable trust store", cells[1]);
    out->run.trust = &out->trust;
    for (char *word = strtok(cells[2], ","); word != NULL; word = strtok(NULL, ","))
        read_word(kit, out, word);
    out->expected = kit_status_named(cells[3]);
}

bool kit_next(const char *kit, FILE *cases, struct kit_case *out)
{
    char line[KIT_LINE], *cells[4];
    if (!kit_row(cases, line, cells, 4))
        return false;
    kit_case_load(kit, "envelope", cells, out);
    return true;
}

void kit_end(struct kit_case *c)
{
    free(c->envelope.data);
    free(c->store.data);
    c->envelope = c->store = (struct kit_file){NULL, 0};
}

static int visit_all(const char *kit, const char *name, void (*visit)(struct kit_case *c))
{
    static struct kit_case c;
    char line[KIT_LINE], *cells[4];
    FILE *cases = kit_open(kit, "envelope");
    int count = 0;
    while (kit_row(cases, line, cells, 4)) {
        if (name != NULL && strcmp(cells[0], name) != 0)
            continue;
        kit_case_load(kit, "envelope", cells, &c);
        visit(&c);
        kit_end(&c);
        count++;
    }
    (void)fclose(cases);
    return count;
}

int kit_for_each(const char *kit, void (*visit)(struct kit_case *c))
{
    return visit_all(kit, NULL, visit);
}

void kit_with(const char *kit, const char *name, void (*visit)(struct kit_case *c))
{
    if (visit_all(kit, name, visit) != 1)
        kit_die("no such case, or twice", name);
}
