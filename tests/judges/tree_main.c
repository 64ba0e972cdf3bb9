/* SPDX-License-Identifier: Apache-2.0 */
/* judge_tree KITDIR [PART...]: the vector kit (envelope and trust, unless parts are named) through
 * the second reading, which is linked here without the core. One line a case on stdout: NAME,
 * accepted or refused (or "-": needs the structure of an ESP image, which this judge does not look
 * at), group of the refusal; parted by tabs. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree_reading.h"

static void stop(const char *what, const char *detail)
{
    (void)fprintf(stderr, "judge_tree: %s: %s\n", what, detail);
    exit(2);
}

static FILE *open_in_kit(const char *kit, const char *folder, const char *name, const char *ending)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s/%s%s", kit, folder, name, ending) >= (int)sizeof path)
        stop(name, "the path is too long");
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        stop(path, strerror(errno));
    return f;
}

/* malloc'ed, exactly as long as the file. */
static struct bulla_bytes load(const char *kit, const char *folder, const char *name,
                               const char *ending)
{
    FILE *f = open_in_kit(kit, folder, name, ending);
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        stop(name, strerror(errno));
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        stop(name, "cannot be read");
    (void)fclose(f);
    return (struct bulla_bytes){data, (size_t)size};
}

static void unload(struct bulla_bytes file)
{
    free((void *)(uintptr_t)file.data);
}

struct facts {
    struct bulla_device device;
    uint8_t confirmed[BULLA_DIGEST_SIZE];
    uint8_t modules_confirmed[BULLA_DIGEST_SIZE];
};

struct envelope_case {
    const char *kit;
    struct bulla_bytes envelope;
    struct tree_trust trust;
    struct facts facts;
};

/* confirmed=same: the digest of the manifest in the envelope, as a reader without demands has it.
 */
static const uint8_t *read_confirmed(const struct envelope_case *c, const char *which,
                                     uint8_t *digest)
{
    static const struct bulla_device nothing = {.takes_modules = true};
    struct tree_reading plain;
    if (strcmp(which, "same") == 0 &&
        tree_reading_judge(c->envelope, &c->trust, &nothing, TREE_EVERYTHING, &plain))
        memcpy(digest, plain.manifest_digest, BULLA_DIGEST_SIZE);
    return digest;
}

static void set_ids(struct envelope_case *c, const char *name)
{
    struct bulla_bytes ids = load(c->kit, "envelope", name, ".ids");
    if (ids.len != 2 * BULLA_UUID_SIZE)
        stop(name, "not two ids");
    c->facts.device.has_ids = true;
    memcpy(c->facts.device.vendor_id, ids.data, BULLA_UUID_SIZE);
    memcpy(c->facts.device.class_id, ids.data + BULLA_UUID_SIZE, BULLA_UUID_SIZE);
    unload(ids);
}

static bool set_image_word(struct bulla_device *d, const char *word, const char *value)
{
    if (strcmp(word, "format") == 0) {
        d->has_format = true;
        d->format = strcmp(value, "esp") == 0 ? BULLA_FORMAT_ESP : BULLA_FORMAT_RAW;
    } else if (strcmp(word, "chip") == 0) {
        d->has_chip = true;
        d->chip_id = (uint16_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "revision") == 0) {
        d->chip_revision = (uint16_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "floor") == 0) {
        d->has_floor = true;
        d->floor = (uint32_t)strtoul(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static void set_word(struct envelope_case *c, const char *word, const char *value)
{
    struct bulla_device *d = &c->facts.device;
    if (strcmp(word, "sequence") == 0) {
        d->has_sequence = true;
        d->sequence = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "confirmed") == 0) {
        d->confirmed_digest = read_confirmed(c, value, c->facts.confirmed);
    } else if (strcmp(word, "modules-confirmed") == 0) {
        d->modules_digest = read_confirmed(c, value, c->facts.modules_confirmed);
    } else if (strcmp(word, "modules-sequence") == 0) {
        d->modules_sequence = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(word, "ids") == 0) {
        set_ids(c, value);
    } else if (strcmp(word, "component") == 0) {
        d->has_component = true;
        d->component = (struct bulla_bytes){(const uint8_t *)value, strlen(value)};
    } else if (strcmp(word, "slot") == 0) {
        d->has_slot_size = true;
        d->slot_size = (uint32_t)strtoul(value, NULL, 10);
    } else if (!set_image_word(d, word, value)) {
        stop(word, "an unknown word of a device");
    }
}

static void read_device(struct envelope_case *c, char *words)
{
    char *rest;
    if (strcmp(words, "-") == 0)
        return;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        if (strcmp(word, "modules") == 0 || strcmp(word, "modules-apart") == 0) {
            c->facts.device.takes_modules = true;
            c->facts.device.counts_modules = c->facts.device.counts_modules || word[7] != '\0';
            continue;
        }
        if (value == NULL)
            stop(word, "an unknown word of a device");
        *value = '\0';
        set_word(c, word, value + 1);
    }
}

static char *cell(char **line)
{
    char *start = *line;
    size_t len = strcspn(start, "\t\n");
    *line = start + len + (start[len] != '\0');
    start[len] = '\0';
    return start;
}

static void judge_envelope(const char *kit, const char *part, char *line)
{
    struct envelope_case c = {.kit = kit};
    struct tree_reading reading;
    const char *why;
    char *name = cell(&line), *trust = cell(&line);
    c.envelope = load(kit, part, name, ".suit");
    struct bulla_bytes store = load(kit, "envelope", trust, ".trust");
    if (!tree_trust_add(&c.trust, store, &why))
        stop(trust, why);
    read_device(&c, cell(&line));
    const struct bulla_device *d = &c.facts.device;
    bool accepted = tree_reading_judge(c.envelope, &c.trust, d, TREE_EVERYTHING, &reading);
    bool image_asked = d->has_format || d->has_chip || d->has_floor;
    const char *verdict = accepted ? "accepted" : "refused";
    if (accepted && reading.structure_open && image_asked)
        verdict = "-";
    (void)printf("%s/%s\t%s\t%s\n", part, name, verdict, tree_group_name(reading.group));
    tree_trust_free(&c.trust);
    unload(store);
    unload(c.envelope);
}

static void judge_trust(const char *kit, const char *part, char *line)
{
    struct tree_trust trust = {.threshold = 0};
    const char *why;
    char *name = cell(&line);
    struct bulla_bytes store = load(kit, part, name, ".cbor");
    bool accepted = tree_trust_add(&trust, store, &why);
    (void)printf("%s/%s\t%s\t%s\n", part, name, accepted ? "accepted" : "refused",
                 accepted ? "none" : "trust");
    tree_trust_free(&trust);
    unload(store);
}

/* "-" is nothing. */
static size_t unhex(const char *hex, uint8_t *out, size_t size)
{
    size_t len = 0;
    if (strcmp(hex, "-") == 0)
        return 0;
    for (unsigned byte; hex[0] != '\0'; hex += 2) {
        if (len == size || sscanf(hex, "%2x", &byte) != 1)
            stop(hex, "not hexadecimal, or too long");
        out[len++] = (uint8_t)byte;
    }
    return len;
}

static void judge_ed25519(const char *kit, const char *part, char *line)
{
    static uint8_t raw[256], message[4096], signature[256];
    (void)kit;
    char *name = cell(&line);
    struct bulla_bytes k = {raw, unhex(cell(&line), raw, sizeof raw)};
    struct bulla_bytes m = {message, unhex(cell(&line), message, sizeof message)};
    struct bulla_bytes s = {signature, unhex(cell(&line), signature, sizeof signature)};
    (void)printf("%s/%s\t%s\tauthentication\n", part, name,
                 tree_signature_allowed(k, s, m) ? "accepted" : "refused");
}

static const struct part {
    const char *name;
    void (*judge)(const char *kit, const char *part, char *line);
} parts[] = {
    {"envelope", judge_envelope},
    {"trust", judge_trust},
    {"bundle", judge_envelope},
    {"ed25519", judge_ed25519},
};

static void judge_part(const char *kit, const char *name)
{
    char line[8192];
    const struct part *part = parts;
    while (strcmp(part->name, name) != 0) {
        if (++part == parts + sizeof parts / sizeof parts[0])
            stop(name, "not a part of the kit that is judged here");
    }
    FILE *cases = open_in_kit(kit, name, "cases", ".tsv");
    if (fgets(line, sizeof line, cases) == NULL)
        stop(name, "no cases");
    while (fgets(line, sizeof line, cases) != NULL)
        part->judge(kit, name, line);
    (void)fclose(cases);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("Usage: judge_tree KITDIR [envelope|trust|bundle|ed25519 ...]\n", stderr);
        return 2;
    }
    if (argc == 2) {
        judge_part(argv[1], "envelope");
        judge_part(argv[1], "trust");
    }
    for (int i = 2; i < argc; i++)
        judge_part(argv[1], argv[i]);
    return fflush(stdout) == 0 ? 0 : 2;
}
