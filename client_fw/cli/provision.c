/* SPDX-License-Identifier: Apache-2.0 */
/* provision: the flash of a new device, built in memory, judged there by the code that the device
 * itself runs, and written as a file at the end or not at all. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "keys.h"
#include "layout.h"

#define WHY_SIZE     512u
#define CSV_SIZE_MAX 65536u
#define ENVELOPE_MAX (64u << 20)
#define REVISION_MAX 65535u
/* The list is only verified here; digests of its groups are enough, up to 256 MiB. */
#define WORKSPACE_SIZE 67584u

struct factory {
    const struct arguments *arguments;
    uint32_t flash_size;
    struct bulla_identity identity;
    struct layout layout;
    struct host_buffer trust;
    bool trust_twice; /* there is room for a second copy */
    struct host_buffer app;
    struct host_buffer envelope;
    struct flash_sim sim;
    struct bulla_client client;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    uint8_t workspace[WORKSPACE_SIZE];
    int32_t slot;
    struct bulla_installed installed;
    bool manifest_known; /* client.reader.manifest was signed by somebody trusted */
    char why[WHY_SIZE];
};

/* ---- what the command line says ---- */

static const char *missing(const struct arguments *a)
{
    if (a->layout == NULL)
        return "layout";
    if (a->flash_size == NULL)
        return "flash-size";
    if (a->app == NULL)
        return "app";
    if (a->trust == NULL)
        return "trust";
    if (a->vendor == NULL)
        return "vendor";
    return a->class_name == NULL ? "class" : NULL;
}

/* Vendor and class become ids. -1, or the exit code. */
static int take_names(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *problem = host_id_name_problem(a->vendor);

    if (problem != NULL)
        return host_usage(tool, "--vendor %s: %s", a->vendor, problem);
    problem = host_id_name_problem(a->class_name);
    if (problem != NULL)
        return host_usage(tool, "--class %s: %s", a->class_name, problem);
    host_vendor_id(a->vendor, f->identity.vendor_id);
    host_class_id(f->identity.vendor_id, a->class_name, f->identity.class_id);
    return -1;
}

static int take_chip(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const struct bulla_chip *chip = bulla_chip_by_name(a->chip != NULL ? a->chip : "esp32");
    uint64_t revision = 0;

    if (chip == NULL)
        return host_usage(tool, "--chip must be the name of an ESP chip like esp32c3, found %s",
                          a->chip);
    if (a->chip_revision != NULL &&
        !host_parse_number(a->chip_revision, REVISION_MAX, false, &revision))
        return host_usage(tool, "--chip-revision must be major * 100 + minor, found %s",
                          a->chip_revision);
    f->identity.chip_id = chip->id;
    f->identity.chip_revision = (uint16_t)revision;
    return -1;
}

static int take_arguments(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *option = missing(a);
    uint64_t size = 0;

    if (option != NULL)
        return host_usage(tool, "provision needs --%s", option);
    if (!host_parse_number(a->flash_size, FLASH_SIM_SIZE_MAX, true, &size) || size == 0 ||
        size % BULLA_SECTOR_SIZE != 0)
        return host_usage(tool,
                          "--flash-size must be a size like 4M, at most 256M and whole sectors of "
                          "4096 bytes, found %s",
                          a->flash_size);
    f->flash_size = (uint32_t)size;
    if (a->format != NULL && strcmp(a->format, "esp") != 0 && strcmp(a->format, "raw") != 0)
        return host_usage(tool, "--format must be esp or raw, found %s", a->format);
    bool raw = a->format != NULL && strcmp(a->format, "raw") == 0;
    if (raw && a->envelope == NULL)
        return host_usage(tool, "a raw app needs --envelope: nothing in it could be checked at "
                                "boot");
    f->identity.format = raw ? BULLA_FORMAT_RAW : BULLA_FORMAT_ESP;
    int code = take_names(tool, f);
    return code >= 0 ? code : take_chip(tool, f);
}

/* ---- the files ---- */

static int read_input(struct host_tool *tool, const char *path, size_t max, struct host_buffer *out)
{
    if (host_read_file(path, max, out) == BULLA_OK)
        return -1;
    if (errno == EFBIG)
        return host_end(tool, BULLA_E_IO, "%s has more than %zu bytes", path, max);
    return host_end(tool, BULLA_E_IO, "%s cannot be read: %s", path, strerror(errno));
}

static int read_trust(struct host_tool *tool, struct factory *f)
{
    struct bulla_trust trust;
    const char *path = f->arguments->trust;
    int code = read_input(tool, path, BULLA_TRUST_SIZE_MAX, &f->trust);
    if (code >= 0)
        return code;
    enum bulla_status status =
        bulla_trust_decode((struct bulla_bytes){f->trust.data, f->trust.len}, &trust);
    if (status != BULLA_OK)
        return host_end(tool, BULLA_E_USAGE,
                        "%s is not a trust store as `bulla-key trust` makes them: %s", path,
                        bulla_status_sentence(status));
    /* what a device takes on trust is checked here for good: points of prime order, no published
     * test key, anchors that are certificates */
    char why[256];
    status = keys_trust_check(&trust, why);
    if (status != BULLA_OK)
        return host_end(tool, BULLA_E_USAGE, "%s: %s: %s", path, bulla_status_name(status), why);
    return -1;
}

/* A table without room for the state is not thrown away: the one with room is shown. */
static int offer_converted(struct host_tool *tool, struct factory *f)
{
    struct layout converted;
    char why[LAYOUT_WHY_SIZE];

    if (!layout_convert(&f->layout, f->flash_size, &converted, why))
        return host_end(tool, BULLA_E_PARTITION_NO_STATE,
                        "%s has no bulla partition (type 0x40, subtype 0x00, at least 16K), and "
                        "there is no room for one: %s",
                        f->arguments->layout, why);
    if (tool->json) {
        char *text = NULL;
        size_t len = 0;
        FILE *memory = open_memstream(&text, &len);
        if (memory != NULL) {
            layout_print_csv(memory, &converted);
            fclose(memory);
            json_object_set_new(tool->doc, "converted", json_string(text));
        }
        free(text);
    } else {
        layout_print_csv(stdout, &converted);
    }
    return host_end(tool, BULLA_E_PARTITION_NO_STATE,
                    "%s has no bulla partition (type 0x40, subtype 0x00, at least 16K) for the "
                    "device state; the table above has one",
                    f->arguments->layout);
}

static int read_csv(struct host_tool *tool, struct factory *f)
{
    struct host_buffer text = {NULL, 0};
    char why[LAYOUT_WHY_SIZE];
    const char *path = f->arguments->layout;
    int code = read_input(tool, path, CSV_SIZE_MAX, &text);
    if (code >= 0)
        return code;
    bool read = layout_from_csv((const char *)text.data, text.len, &f->layout, why);
    host_buffer_free(&text);
    if (!read || !layout_check(&f->layout, f->flash_size, why))
        return host_end(tool, BULLA_E_USAGE, "%s: %s", path, why);
    if (!layout_has_state(&f->layout))
        return offer_converted(tool, f);
    if (!tool->json)
        (void)layout_print_warnings(stderr, &f->layout);
    return -1;
}

static int read_layout(struct host_tool *tool, struct factory *f)
{
    const char *kind = f->arguments->layout;
    char why[LAYOUT_WHY_SIZE];

    if (strcmp(kind, "single") != 0 && strcmp(kind, "two") != 0 && strcmp(kind, "three") != 0)
        return read_csv(tool, f);
    if (!layout_generate(kind, f->flash_size, 0, &f->layout, why))
        return host_usage(tool, "%s", why);
    return -1;
}

static const struct bulla_partition *state_row(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        if (layout->rows[i].type == BULLA_TYPE_BULLA && layout->rows[i].subtype == 0)
            return &layout->rows[i];
    }
    return NULL;
}

static uint32_t count_slots(const struct layout *layout)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < layout->count; i++)
        count += layout->rows[i].type == BULLA_TYPE_APP;
    return count;
}

/* All that the state will ever hold must fit now: on a device in the field it would be too late. */
static int check_room(struct host_tool *tool, struct factory *f)
{
    const struct bulla_partition *row = state_row(&f->layout);
    uint32_t slots = count_slots(&f->layout);
    uint32_t room = row != NULL ? bulla_state_room(row) : 0;
    uint32_t need = bulla_state_footprint((uint32_t)f->trust.len, 1, slots);

    if (room == 0)
        return host_end(tool, BULLA_E_USAGE,
                        "the bulla partition must begin and end at multiples of %u bytes and have "
                        "at least %u",
                        BULLA_SECTOR_SIZE, BULLA_STATE_SIZE_MIN);
    if (need > room)
        return host_end(tool, BULLA_E_USAGE,
                        "the bulla partition is too small for this trust store and %u app slots: "
                        "a half of it must hold %u bytes and has %u",
                        (unsigned)slots, (unsigned)need, (unsigned)room);
    f->trust_twice = bulla_state_footprint((uint32_t)f->trust.len, 2, slots) <= room;
    return -1;
}

/* --force replaces a flash, never what it is made from. */
static int check_not_an_input(struct host_tool *tool, const struct factory *f)
{
    const struct arguments *a = f->arguments;
    const char *inputs[] = {a->app, a->envelope, a->trust, a->layout};
    struct stat flash, input;

    if (stat(a->flash, &flash) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        if (inputs[i] != NULL && stat(inputs[i], &input) == 0 && input.st_dev == flash.st_dev &&
            input.st_ino == flash.st_ino)
            return host_usage(tool, "%s is the same file as %s, which the flash is made from",
                              a->flash, inputs[i]);
    }
    return -1;
}

static int read_files(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;

    if (!a->force && access(a->flash, F_OK) == 0)
        return host_end(tool, BULLA_E_IO, "%s exists; --force replaces it", a->flash);
    int code = read_layout(tool, f);
    if (code < 0)
        code = read_trust(tool, f);
    if (code < 0)
        code = read_input(tool, a->app, f->flash_size, &f->app);
    if (code < 0 && a->envelope != NULL)
        code = read_input(tool, a->envelope, ENVELOPE_MAX, &f->envelope);
    if (code < 0)
        code = check_room(tool, f);
    return code < 0 ? check_not_an_input(tool, f) : code;
}

/* ---- the flash ---- */

static enum bulla_status lay_table(struct factory *f)
{
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    const struct bulla_flash *flash = flash_sim_flash(&f->sim);

    if (!layout_encode(&f->layout, table, f->why))
        return BULLA_E_USAGE;
    enum bulla_status status =
        flash->program(flash->ctx, BULLA_PARTITION_TABLE_OFFSET, table, sizeof(table));
    if (status == BULLA_OK)
        status = bulla_layout_decode((struct bulla_bytes){table, sizeof(table)}, f->flash_size,
                                     &f->client.layout);
    if (status != BULLA_OK)
        return status;
    f->slot = f->client.layout.factory.size != 0 ? BULLA_SLOT_FACTORY : 0;
    return bulla_layout_slot(&f->client.layout, f->slot) != NULL ? BULLA_OK
                                                                 : BULLA_E_PARTITION_SLOTS;
}

static enum bulla_status lay_state(struct factory *f)
{
    const struct bulla_bytes trust = {f->trust.data, f->trust.len};
    struct bulla_state state;
    enum bulla_status status =
        bulla_state_format(&state, flash_sim_flash(&f->sim), &f->client.layout.state);
    if (status == BULLA_OK)
        status = f->trust_twice ? bulla_state_put_twice(&state, BULLA_RECORD_TRUST, trust)
                                : bulla_state_put(&state, BULLA_RECORD_TRUST, 0, trust);
    if (status == BULLA_OK)
        status = bulla_state_put_identity(&state, &f->identity);
    return status;
}

/* The file as it is, before it is flash: a combined image is told from an app by its whole. */
static enum bulla_status judge_app(struct factory *f)
{
    struct bulla_espimage *image = &f->client.espimage;
    const struct bulla_partition *slot = bulla_layout_slot(&f->client.layout, f->slot);
    uint32_t facts = 0;

    if (f->app.len == 0)
        return BULLA_E_IMAGE_TRUNCATED;
    bulla_client_device(&f->client, f->slot, true, &f->client.device);
    f->installed.image.size = (uint32_t)f->app.len;
    bulla_espimage_init(image, (uint32_t)f->app.len);
    enum bulla_status status =
        bulla_espimage_feed(image, (struct bulla_bytes){f->app.data, f->app.len});
    if (status == BULLA_OK)
        status = bulla_espimage_finish(image);
    f->installed.image = image->facts;
    if (status == BULLA_OK)
        status = bulla_policy_image(&f->client.device, &image->facts, &facts);
    if (status == BULLA_OK && f->app.len > slot->size)
        status = BULLA_E_SLOT_TOO_SMALL;
    return status;
}

/* The whole envelope, as the device would take it from a server. */
static enum bulla_status judge_envelope(struct factory *f)
{
    struct bulla_reader *reader = &f->client.reader;
    struct bulla_bytes in = {f->envelope.data, f->envelope.len};
    enum bulla_event event = BULLA_EVENT_MORE;
    enum bulla_status status = BULLA_OK;

    bulla_reader_init(reader, &f->client.trust, &f->client.device, f->client.head);
    bulla_reader_workspace(reader, f->workspace, sizeof(f->workspace));
    do {
        status = bulla_reader_feed(reader, &in, &event);
    } while (status == BULLA_OK &&
             (in.len > 0 || (event != BULLA_EVENT_MORE && event != BULLA_EVENT_END)));
    if (status == BULLA_OK)
        status = bulla_reader_finish(reader);
    f->manifest_known = reader->manifest.image.size != 0;
    if (status != BULLA_OK)
        return status;
    return bulla_state_put(&f->client.state, BULLA_RECORD_HEAD, device_slot_code(f->slot),
                           (struct bulla_bytes){f->client.head, reader->envelope.head_len});
}

static enum bulla_status lay_app(struct factory *f)
{
    const struct bulla_flash *flash = flash_sim_flash(&f->sim);
    const struct bulla_partition *slot = bulla_layout_slot(&f->client.layout, f->slot);

    return flash->program(flash->ctx, slot->offset, f->app.data, f->app.len);
}

/* What the first boot will find, asked of the code that will run it. */
static enum bulla_status judge_slot(struct factory *f)
{
    enum bulla_status status = bulla_slot_judge(&f->client, f->slot, &f->installed);
    if (status != BULLA_OK)
        return status;
    if (f->installed.sealed) {
        struct bulla_confirmed confirmed = {.sequence = f->installed.sequence};
        memcpy(confirmed.manifest_digest, f->installed.manifest_digest, BULLA_DIGEST_SIZE);
        status = bulla_state_put_confirmed(&f->client.state, &confirmed);
    }
    if (status == BULLA_OK && f->installed.image.secure_version > 0)
        status = bulla_state_put_floor(&f->client.state, f->installed.image.secure_version);
    const struct bulla_event_record event = {
        .what = BULLA_DID_PROVISION,
        .slot = device_slot_code(f->slot),
        .status = BULLA_OK,
        .value = f->installed.sequence,
    };
    return status == BULLA_OK ? bulla_state_put_event(&f->client.state, &event) : status;
}

static enum bulla_status build(struct factory *f)
{
    const struct bulla_bytes nothing = {NULL, 0};
    enum bulla_status status = flash_sim_create(&f->sim, NULL, f->flash_size, f->why);
    if (status == BULLA_OK)
        status = lay_table(f);
    if (status == BULLA_OK)
        status = lay_state(f);
    if (status == BULLA_OK)
        status = bulla_client_open(&f->client, flash_sim_flash(&f->sim), f->trust_store,
                                   sizeof(f->trust_store));
    if (status == BULLA_OK && f->arguments->envelope != NULL) {
        bulla_client_device(&f->client, f->slot, true, &f->client.device);
        status = judge_envelope(f);
    } else if (status == BULLA_OK) { /* said, not just left out: that could be a loss */
        status = bulla_state_put(&f->client.state, BULLA_RECORD_HEAD, device_slot_code(f->slot),
                                 nothing);
    }
    if (status == BULLA_OK)
        status = judge_app(f);
    if (status == BULLA_OK)
        status = lay_app(f);
    return status == BULLA_OK ? judge_slot(f) : status;
}

/* ---- the report ---- */

static int refuse(struct host_tool *tool, struct factory *f, enum bulla_status status)
{
    char text[WHY_SIZE];

    if (f->why[0] != '\0')
        return host_end(tool, status, "%s", f->why);
    host_explain(status, f->manifest_known ? &f->client.reader.manifest : NULL, &f->client.device,
                 &f->installed.image, text, sizeof(text));
    if (status == BULLA_E_IMAGE_NOT_AN_APP)
        return host_end(tool, status,
                        "%s; `bulla-sign extract` cuts the app out of a combined flash image",
                        text);
    return host_end(tool, status, "%s", text);
}

static int finish(struct host_tool *tool, struct factory *f)
{
    const struct arguments *a = f->arguments;
    const struct bulla_partition *slot = bulla_layout_slot(&f->client.layout, f->slot);

    if (tool->json) {
        json_object_set_new(tool->doc, "slot", json_string(slot->label));
        json_object_set_new(tool->doc, "sealed", json_boolean(f->installed.sealed));
        json_object_set_new(tool->doc, "sequence",
                            f->installed.sealed ? json_integer(f->installed.sequence)
                                                : json_null());
        json_object_set_new(tool->doc, "floor", json_integer(f->installed.image.secure_version));
    }
    if (f->installed.sealed)
        host_say(tool, "%s: app in %s, sealed with sequence %u, floor %u", a->flash, slot->label,
                 (unsigned)f->installed.sequence, (unsigned)f->installed.image.secure_version);
    else
        host_say(tool, "%s: app in %s, not sealed, floor %u", a->flash, slot->label,
                 (unsigned)f->installed.image.secure_version);
    if (f->client.layout.slot_count < 2 &&
        (f->client.layout.slot_count == 0 || f->client.layout.factory.size == 0))
        host_note(tool, "this layout has no slot to update into");
    return host_end(tool, BULLA_OK, NULL);
}

int device_provision(struct host_tool *tool, const struct arguments *arguments)
{
    struct factory *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    f->arguments = arguments;
    f->sim.fd = -1;
    int code = take_arguments(tool, f);
    if (code < 0)
        code = read_files(tool, f);
    if (code < 0) {
        enum bulla_status status = build(f);
        if (status == BULLA_OK)
            status = flash_sim_save(&f->sim, arguments->flash, arguments->force, f->why);
        code = status == BULLA_OK ? finish(tool, f) : refuse(tool, f, status);
    }
    flash_sim_close(&f->sim);
    host_buffer_free(&f->trust);
    host_buffer_free(&f->app);
    host_buffer_free(&f->envelope);
    free(f);
    return code;
}
