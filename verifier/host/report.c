/* SPDX-License-Identifier: Apache-2.0 */
/* One verdict per run, in words on stderr or as one line of JSON on stdout. Every message goes
 * through host_tidy: a name or a path from outside can neither start a new line nor steer a
 * terminal. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define OUT_OF_MEMORY_JSON                                                                         \
    "{\"verdict\":\"not judged\",\"status\":\"io\",\"detail\":\"out of memory\"}"

#define LINE_COMMON 512u /* lines below it are made without the heap */

/* The formatted message, tidied; NULL on no memory. */
static char *format_message(const char *format, va_list args)
{
    char *raw = NULL;

    if (vasprintf(&raw, format, args) < 0)
        return NULL;
    char *tidy = host_tidy(raw);
    free(raw);
    return tidy;
}

/* Nothing in it that host_tidy would change. */
static bool is_plain(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* "--json" or an abbreviation that getopt_long would take for it. */
static bool is_json_option(const char *arg)
{
    size_t len = strlen(arg);
    return len >= strlen("--j") && len <= strlen("--json") && strncmp(arg, "--json", len) == 0;
}

void host_begin(struct host_tool *tool, const char *name, int argc, char **argv)
{
    *tool = (struct host_tool){.name = name};
    for (int i = 1; i < argc; i++) {
        if (is_json_option(argv[i]))
            tool->json = true;
    }
    if (tool->json)
        tool->doc = json_object();
}

static int exit_code(enum bulla_status status)
{
    if (status == BULLA_OK)
        return HOST_EXIT_OK;
    return bulla_status_is_refusal(status) ? HOST_EXIT_REFUSED : HOST_EXIT_NOT_JUDGED;
}

static const char *verdict_name(int code)
{
    if (code == HOST_EXIT_OK)
        return "accepted";
    return code == HOST_EXIT_REFUSED ? "refused" : "not judged";
}

/* verdict, status and detail first, then what the program collected. */
static char *dump_report(const struct host_tool *tool, enum bulla_status status, const char *detail)
{
    json_t *report = json_pack("{s:s, s:s, s:s}", "verdict", verdict_name(exit_code(status)),
                               "status", bulla_status_name(status), "detail", detail);
    char *line = NULL;

    if (tool->judges_nothing && status == BULLA_OK)
        (void)json_object_del(report, "verdict");
    if (report != NULL && tool->doc != NULL && json_object_update_missing(report, tool->doc) == 0)
        line = json_dumps(report, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(report);
    return line;
}

/* False when the line could not be made or written. */
static bool print_json(const struct host_tool *tool, enum bulla_status status, const char *detail)
{
    char *line = dump_report(tool, status, detail);
    bool made = line != NULL;

    bool written = puts(made ? line : OUT_OF_MEMORY_JSON) >= 0;
    free(line);
    return made && written;
}

static int end_with(struct host_tool *tool, enum bulla_status status, const char *detail)
{
    int code = exit_code(status);

    host_progress_end();
    if (tool->json && !print_json(tool, status, detail))
        code = HOST_EXIT_NOT_JUDGED;
    /* A result that did not reach its reader (full disk, closed pipe) is not a success. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "error: io: standard output could not be written\n");
        code = HOST_EXIT_NOT_JUDGED;
    }
    if (!tool->json && status != BULLA_OK)
        fprintf(stderr, "%s: %s: %s\n", code == HOST_EXIT_REFUSED ? "refused" : "error",
                bulla_status_name(status), detail);
    json_decref(tool->doc);
    tool->doc = NULL;
    return code;
}

int host_item(struct host_tool *tool, enum bulla_status status, const char *detail)
{
    int code = exit_code(status);

    if (!tool->json)
        return code;
    char *tidy = host_tidy(detail);
    bool printed = print_json(tool, status, tidy != NULL ? tidy : bulla_status_sentence(status));
    free(tidy);
    (void)json_object_clear(tool->doc);
    return printed ? code : HOST_EXIT_NOT_JUDGED;
}

int host_end(struct host_tool *tool, enum bulla_status status, const char *detail, ...)
{
    char *message = NULL;

    if (detail != NULL) {
        va_list args;
        va_start(args, detail);
        message = format_message(detail, args);
        va_end(args);
    }
    int code = end_with(tool, status, message != NULL ? message : bulla_status_sentence(status));
    free(message);
    return code;
}

int host_usage(struct host_tool *tool, const char *message, ...)
{
    va_list args;
    va_start(args, message);
    char *text = format_message(message, args);
    va_end(args);

    int code =
        end_with(tool, BULLA_E_USAGE, text != NULL ? text : bulla_status_sentence(BULLA_E_USAGE));
    free(text);
    if (!tool->json)
        fprintf(stderr, "try %s --help\n", tool->name);
    return code;
}

void host_note(struct host_tool *tool, const char *message, ...)
{
    va_list args;
    va_start(args, message);
    char *text = format_message(message, args);
    va_end(args);
    if (text == NULL)
        return;

    if (tool->json) {
        json_t *notes = json_object_get(tool->doc, "notes");
        if (notes == NULL) {
            notes = json_array();
            if (json_object_set_new(tool->doc, "notes", notes) != 0)
                notes = NULL;
        }
        (void)json_array_append_new(notes, json_string(text));
    } else {
        host_progress_end();
        fprintf(stderr, "%s: %s\n", tool->name, text);
    }
    free(text);
}

void host_member(struct host_tool *tool, const char *member, const char *text)
{
    if (!tool->json)
        return;
    char *escaped = host_escape((struct bulla_bytes){(const uint8_t *)text, strlen(text)});
    if (escaped != NULL)
        (void)json_object_set_new(tool->doc, member, json_string(escaped));
    free(escaped);
}

int host_tell(struct host_tool *tool, const char *member, const char *text)
{
    if (tool->json)
        (void)json_object_set_new(tool->doc, member, json_string(text));
    else
        (void)fputs(text, stdout);
    return host_end(tool, BULLA_OK, NULL);
}

void host_say(const struct host_tool *tool, const char *line, ...)
{
    if (tool->json)
        return;
    char common[LINE_COMMON];
    va_list args;
    va_start(args, line);
    int len = vsnprintf(common, sizeof common, line, args);
    va_end(args);
    char *text = NULL;
    if (len < 0 || (size_t)len >= sizeof common || !is_plain(common)) {
        va_start(args, line);
        text = format_message(line, args);
        va_end(args);
        if (text == NULL)
            return;
    }
    host_progress_end();
    (void)puts(text != NULL ? text : common); /* host_end looks at the stream's error flag */
    free(text);
}
