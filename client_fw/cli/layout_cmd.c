/* SPDX-License-Identifier: Apache-2.0 */
/* layout: make a partition table, or convert one between CSV, binary form and a flash that has
 * one. What a device would not take is refused, what nobody wants is warned of. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "layout_cmd.h"
#include "layout_words.h"
#include "whole.h"

/* No bound is known: everything that 32 bits can say, in whole sectors. */
#define FLASH_UNKNOWN 0xfffff000u
/* A flash image has more before its table than a file with nothing but the table. */
#define TABLE_FILE_MAX 0x4000u

/* ---- helpers that provision shares ---- */

/* "warning: ..." or other lines that were printed into memory, each as a note, and all of them as
 * the array `member` of the JSON object. */
static void tell_lines(struct host_tool *tool, const char *member, char *text)
{
    json_t *list = tool->json ? json_array() : NULL;
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == '\0')
            continue;
        if (list != NULL)
            json_array_append_new(list, json_string(line));
        else
            fprintf(stderr, "%s: %s\n", tool->name, line);
    }
    if (list != NULL)
        json_object_set_new(tool->doc, member, list);
}

void layout_tell_warnings(struct host_tool *tool, const struct layout *layout)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);

    if (memory == NULL)
        return;
    (void)layout_print_warnings(memory, layout);
    if (fclose(memory) == 0)
        tell_lines(tool, "warnings", text);
    free(text);
}

void layout_tell_notes(struct host_tool *tool, const struct layout_notes *notes)
{
    for (uint32_t i = 0; i < notes->count; i++)
        host_note(tool, "%s", notes->text[i]);
}

int layout_take_size(struct host_tool *tool, const char *option, const char *text, uint32_t *size)
{
    uint64_t number = 0;

    if (text == NULL)
        return -1;
    if (!host_parse_number(text, FLASH_SIM_SIZE_MAX, true, &number))
        return host_usage(tool, "--%s must be a size like 1536K, at most 256M, found %s", option,
                          text);
    *size = (uint32_t)number;
    return -1;
}

int layout_take_plan(struct host_tool *tool, const struct arguments *a, struct layout_plan *plan)
{
    int code = layout_take_size(tool, "flash-size", a->flash_size, &plan->flash_size);

    if (code < 0)
        code = layout_take_size(tool, "app-size", a->app_size, &plan->app_size);
    if (code < 0)
        code = layout_take_size(tool, "fs-size", a->fs_size, &plan->fs_size);
    if (code < 0)
        code = layout_take_size(tool, "modules", a->modules_size, &plan->modules_size);
    if (code < 0 && a->app_size != NULL && plan->app_size == 0)
        code = host_usage(tool, "--app-size must be more than 0");
    plan->fs_given = a->fs_size != NULL;
    plan->style = a->style;
    return code;
}

int layout_compare(struct host_tool *tool, const char *path, const struct layout *flashed,
                   const struct layout *wanted, bool erase)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);

    if (memory == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");

    uint32_t count = layout_print_differences(memory, flashed, wanted);

    if (fclose(memory) == 0 && count > 0)
        tell_lines(tool, "differences", text);
    free(text);
    if (count == 0)
        return -1;
    if (!erase)
        return host_end(tool, BULLA_E_PARTITION_CHANGED,
                        "%s has another partition table (%u difference%s, listed above): what lies "
                        "in these partitions would be lost. Save it, then say --erase",
                        path, (unsigned)count, count == 1 ? "" : "s");
    host_note(tool, "the table differs from the one on %s: erase the whole flash before writing",
              path);
    return -1;
}

/* ---- where the table comes from ---- */

struct job {
    const struct arguments *arguments;
    struct layout layout;
    uint32_t flash_size; /* 0: not known */
};

/* The one kind that was asked for; NULL: none, or more than one with *many set. */
static const char *asked_kind(const struct arguments *a, bool *many)
{
    const char *kind = NULL;
    unsigned count = 0;
    const struct {
        bool asked;
        const char *name;
    } kinds[] = {
        {a->single, "single"}, {a->two, "two"}, {a->three, "three"}, {a->in_place, "in-place"}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!kinds[i].asked)
            continue;
        kind = kinds[i].name;
        count++;
    }
    *many = count > 1;
    return kind;
}

static int firmware_size(struct host_tool *tool, const char *path, uint32_t *size)
{
    struct host_buffer file = {NULL, 0};

    if (path == NULL)
        return -1;
    if (host_read_file(path, BULLA_ESP_IMAGE_MAX, &file) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s cannot be read: %s", path,
                        errno == EFBIG ? "larger than any app" : strerror(errno));
    *size = (uint32_t)file.len;
    host_buffer_free(&file);
    return *size > 0 ? -1 : host_end(tool, BULLA_E_IMAGE_TRUNCATED, "%s is empty", path);
}

static int make(struct host_tool *tool, struct job *job)
{
    const struct arguments *a = job->arguments;
    struct layout_plan plan = {.small = a->force, .no_state = a->no_state};
    struct layout_notes notes;
    char why[LAYOUT_WHY_SIZE];
    bool many = false;

    plan.kind = asked_kind(a, &many);
    if (many)
        return host_usage(tool, "--single, --two, --three and --in-place exclude each other");
    if (a->flash_size == NULL)
        return host_usage(tool, "layout needs --flash-size, or a FILE to convert");
    if (a->add_state)
        return host_usage(tool, "--add-state is for a FILE; a new table has a bulla partition");
    int code = layout_take_plan(tool, a, &plan);
    if (code < 0)
        code = firmware_size(tool, a->firmware, &plan.firmware_size);
    if (code >= 0)
        return code;
    if (!layout_make(&plan, &job->layout, &notes, why))
        return host_usage(tool, "%s", why);
    layout_tell_notes(tool, &notes);
    job->flash_size = plan.flash_size;
    return -1;
}

/* Text never begins like this: a row, an image, an erased flash. A UTF-16 mark is FF FE. */
static bool is_binary(struct bulla_bytes file)
{
    uint8_t first = file.len > 0 ? file.data[0] : 0, second = file.len > 1 ? file.data[1] : 0xff;

    return first == 0xaa || first == 0xeb || first == 0xe9 || (first == 0xff && second != 0xfe) ||
           file.len > BULLA_PARTITION_TABLE_OFFSET;
}

static enum bulla_status read_rows(struct job *job, struct bulla_bytes file,
                                   char why[LAYOUT_WHY_SIZE])
{
    struct whole whole;

    if (!is_binary(file))
        return layout_from_csv((const char *)file.data, file.len, &job->layout, why)
                   ? BULLA_OK
                   : BULLA_E_USAGE;
    if (file.len <= TABLE_FILE_MAX && file.len % BULLA_PARTITION_ROW_SIZE != 0) {
        (void)layout_refuse(why, "a partition table has rows of 32 bytes, this is %zu bytes",
                            file.len);
        return BULLA_E_PARTITION_END;
    }
    if (file.len <= TABLE_FILE_MAX)
        return layout_decode(file, &job->layout, why);
    enum bulla_status status = whole_find(file, &whole, why);
    job->layout = whole.layout;
    return status;
}

static const char *unwanted(const struct arguments *a)
{
    const struct {
        bool given;
        const char *name;
    } options[] = {{a->single, "single"},
                   {a->two, "two"},
                   {a->three, "three"},
                   {a->in_place, "in-place"},
                   {a->app_size != NULL, "app-size"},
                   {a->fs_size != NULL, "fs-size"},
                   {a->firmware != NULL, "firmware"},
                   {a->modules_size != NULL, "modules"},
                   {a->style != NULL, "style"},
                   {a->no_state, "no-state"},
                   {a->force, "force"}};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].given)
            return options[i].name;
    return NULL;
}

static int convert(struct host_tool *tool, struct job *job)
{
    const struct arguments *a = job->arguments;
    struct host_buffer file = {NULL, 0};
    struct layout before;
    char why[LAYOUT_WHY_SIZE];

    if (unwanted(a) != NULL)
        return host_usage(tool, "--%s is for a new table, not for converting a FILE", unwanted(a));
    int code = layout_take_size(tool, "flash-size", a->flash_size, &job->flash_size);
    if (code >= 0)
        return code;
    if (a->add_state && job->flash_size == 0)
        return host_usage(tool, "--add-state needs --flash-size: the bulla partition lies at the "
                                "flash's end");
    if (host_read_file(a->flash, FLASH_SIM_SIZE_MAX, &file) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s cannot be read: %s", a->flash, strerror(errno));
    enum bulla_status status = read_rows(job, (struct bulla_bytes){file.data, file.len}, why);
    host_buffer_free(&file);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s: %s", a->flash, why);
    before = job->layout;
    if (a->add_state && !layout_convert(&before, job->flash_size, &job->layout, why))
        return host_end(tool, BULLA_E_PARTITION_NO_STATE, "%s: %s", a->flash, why);
    return -1;
}

/* ---- where it goes ---- */

static int against(struct host_tool *tool, const struct job *job)
{
    const char *path = job->arguments->against;
    struct host_buffer file = {NULL, 0};
    struct whole flashed;
    char why[LAYOUT_WHY_SIZE];

    if (path == NULL)
        return job->arguments->erase ? host_usage(tool, "--erase goes with --against FLASH") : -1;
    if (host_read_file(path, FLASH_SIM_SIZE_MAX, &file) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s cannot be read: %s", path, strerror(errno));
    enum bulla_status status = whole_find((struct bulla_bytes){file.data, file.len}, &flashed, why);
    host_buffer_free(&file);
    if (status != BULLA_OK)
        return host_end(tool, status, "%s: %s", path, why);
    return layout_compare(tool, path, &flashed.layout, &job->layout, job->arguments->erase);
}

static void tell_json(struct host_tool *tool, const struct layout *layout, const char *csv)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < layout->count; i++) {
        const struct bulla_partition *row = &layout->rows[i];

        json_array_append_new(
            rows, json_pack("{s:s, s:i, s:i, s:I, s:I, s:I}", "name", row->label, "type", row->type,
                            "subtype", row->subtype, "offset", (json_int_t)row->offset, "size",
                            (json_int_t)row->size, "flags", (json_int_t)row->flags));
    }
    json_object_set_new(tool->doc, "rows", rows);
    json_object_set_new(tool->doc, "csv", json_string(csv));
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len > tail && strcmp(text + len - tail, end) == 0;
}

/* The table as CSV text, to be freed; NULL without memory. */
static char *csv_of(const struct layout *layout)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);

    if (memory == NULL)
        return NULL;
    layout_print_csv(memory, layout);
    if (fclose(memory) == 0)
        return text;
    free(text);
    return NULL;
}

/* The rows, where nothing else was asked for. */
static void show(struct host_tool *tool, const struct job *job, const char *csv)
{
    if (tool->json)
        tell_json(tool, &job->layout, csv);
    else if (job->arguments->output == NULL)
        fputs(csv, stdout);
}

/* A table that no device takes is shown all the same, to be mended, and never written. */
static int refuse(struct host_tool *tool, const struct job *job, enum bulla_status status,
                  const char *why)
{
    char *csv = csv_of(&job->layout);

    if (csv != NULL)
        show(tool, job, csv);
    free(csv);
    return host_end(tool, status, "%s", why);
}

static int write_out(struct host_tool *tool, const struct job *job, const char *csv)
{
    const char *out = job->arguments->output;
    uint8_t table[BULLA_PARTITION_TABLE_SIZE];
    char why[LAYOUT_WHY_SIZE];
    struct bulla_bytes bytes = {(const uint8_t *)csv, strlen(csv)};

    if (ends_with(out, ".bin")) {
        if (!layout_encode(&job->layout, table, why))
            return host_end(tool, BULLA_E_PARTITION_END, "%s", why);
        bytes = (struct bulla_bytes){table, sizeof(table)};
    }
    if (host_write_file(out, bytes, 0644, true) != BULLA_OK)
        return host_end(tool, BULLA_E_IO, "%s: %s", out, host_write_reason(errno));
    host_say(tool, "%s: %u partitions", out, (unsigned)job->layout.count);
    host_member(tool, "output", out);
    return host_end(tool, BULLA_OK, NULL);
}

static int deliver(struct host_tool *tool, const struct job *job)
{
    char *csv = csv_of(&job->layout);

    if (csv == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    show(tool, job, csv);
    int code =
        job->arguments->output != NULL ? write_out(tool, job, csv) : host_end(tool, BULLA_OK, NULL);
    free(csv);
    return code;
}

static int check_output(struct host_tool *tool, const struct arguments *a)
{
    const char *out = a->output, *inputs[] = {a->flash, a->against, a->firmware};

    if (out == NULL)
        return -1;
    if (!ends_with(out, ".csv") && !ends_with(out, ".bin"))
        return host_usage(tool, "-o %s: a table is written as FILE.csv or FILE.bin", out);
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
        if (inputs[i] != NULL && host_same_file(out, inputs[i]))
            return host_usage(tool, "-o %s is the same file as %s, which is read", out, inputs[i]);
    return -1;
}

int device_layout(struct host_tool *tool, const struct arguments *arguments)
{
    struct job *job = calloc(1, sizeof(*job));
    char why[LAYOUT_WHY_SIZE];

    if (job == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    job->arguments = arguments;
    int code = check_output(tool, arguments);
    if (code < 0)
        code = arguments->flash != NULL ? convert(tool, job) : make(tool, job);
    if (code < 0) {
        enum bulla_status status =
            layout_judge(&job->layout, job->flash_size != 0 ? job->flash_size : FLASH_UNKNOWN, why);
        layout_tell_warnings(tool, &job->layout);
        if (status != BULLA_OK)
            code = refuse(tool, job, status, why);
    }
    if (code < 0)
        code = against(tool, job);
    if (code < 0 && !arguments->no_state && !layout_has_state(&job->layout))
        host_note(tool, "there is no bulla partition for the device state; --add-state makes one");
    if (code < 0)
        code = deliver(tool, job);
    free(job);
    return code;
}
