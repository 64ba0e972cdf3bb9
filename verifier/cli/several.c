/* SPDX-License-Identifier: Apache-2.0 */
/* Several envelopes in one run: one line each, then how many of which. What happens to one does not
 * stop the others, and nothing of one is left when the next is judged. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"

#define OUTPUT_BLOCK ((size_t)64 * 1024)
#define VERDICTS     3u /* exit codes of single results: accepted, refused, not judged */

struct several {
    struct host_tool *tool;
    const struct verify_options *options;
    const struct bulla_trust *trust;
    const struct tree_trust *second; /* NULL: not asked for */
    struct judgement j;
    size_t counts[VERDICTS];
    enum bulla_status first[VERDICTS]; /* the first result of each kind */
};

bool verify_is_several(const struct verify_options *options)
{
    struct stat about;
    if (options->file_count > 1)
        return true;
    return !verify_is_url(options->file) && stat(options->file, &about) == 0 &&
           S_ISDIR(about.st_mode);
}

/* A name as it stands in a line for people: in quotes when it could be taken for more than that. */
static char *told_name(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-+=@%,~/";
    char *escaped = host_escape(verify_text(path));
    char *told = NULL;
    bool bare = escaped != NULL && (verify_is_url(path) || path[strspn(path, plain)] == '\0');
    if (bare)
        return escaped;
    for (char *c = escaped; c != NULL && *c != '\0'; c++)
        *c = *c == '"' ? '\'' : *c;
    if (escaped != NULL && asprintf(&told, "\"%s\"", escaped) < 0)
        told = NULL;
    free(escaped);
    return told;
}

static void count(struct several *s, int code, enum bulla_status status)
{
    if (s->counts[code]++ == 0)
        s->first[code] = status;
}

/* A result without a judgement, or the end of one that was refused. */
static void tell_failure(struct several *s, const char *path, enum bulla_status status,
                         const char *why)
{
    int code = host_item(s->tool, status, why);
    char *name = told_name(path);
    host_say(s->tool, "%s: %s: %s: %s", name != NULL ? name : "",
             code == HOST_EXIT_REFUSED ? "refused" : "not judged", bulla_status_name(status), why);
    free(name);
    count(s, code, status);
}

static void judge(struct several *s, int fd, const char *path)
{
    char why[VERIFY_WHY_MAX];
    bool agrees = false;
    enum bulla_status status = judgement_run(&s->j, s->trust, &s->options->device, fd, NULL, why);
    host_member(s->tool, "file", path);
    if (s->second != NULL) {
        const struct second_question question = {
            .j = &s->j, .trust = s->second, .fd = fd, .effort = TREE_SIGNATURES_KNOWN};
        status = second_ask(s->tool, &question, status, why, &agrees);
    }
    if (s->tool->json && (status == BULLA_OK || s->j.authenticated))
        report_judgement(s->tool, &s->j, s->options, status);
    if (status != BULLA_OK) {
        tell_failure(s, path, status, why[0] != '\0' ? why : bulla_status_sentence(status));
    } else {
        char *name = told_name(path);
        report_accepted(s->tool, &s->j, name != NULL ? name : "");
        free(name);
        count(s, host_item(s->tool, status, bulla_status_sentence(status)), status);
    }
}

static void tell_problem(void *ctx, const char *path, const char *why)
{
    struct several *s = (struct several *)ctx;
    host_member(s->tool, "file", path);
    tell_failure(s, path, BULLA_E_IO, why);
}

static void judge_found(void *ctx, int directory, const char *name, const char *path)
{
    struct several *s = (struct several *)ctx;
    /* a pipe that took the file's place since the directory was read must not make us wait */
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        tell_problem(s, path, strerror(errno));
        return;
    }
    judge(s, fd, path);
    (void)close(fd);
}

/* A file or URL that was named. `why` of what cannot be opened begins with its name already. */
static void judge_named(struct several *s, const char *source)
{
    char why[VERIFY_WHY_MAX] = "";
    int fd;
    enum bulla_status status = verify_source_open(s->options, source, &fd, why);
    if (status == BULLA_OK) {
        judge(s, fd, source);
        (void)close(fd);
        return;
    }
    size_t len = strlen(source);
    bool named = strncmp(why, source, len) == 0 && strncmp(why + len, ": ", 2) == 0;
    host_member(s->tool, "file", source);
    tell_failure(s, source, status, named ? why + len + 2 : why);
}

static void judge_below(struct several *s, const char *directory)
{
    const struct walk_visitor visitor = {.file = judge_found, .problem = tell_problem, .ctx = s};
    size_t before = s->counts[HOST_EXIT_NOT_JUDGED];
    if (verify_walk(directory, &visitor) > 0 || s->counts[HOST_EXIT_NOT_JUDGED] > before)
        return;
    /* whoever names a directory expects something in it: nothing judged is not a yes */
    host_member(s->tool, "file", directory);
    tell_failure(s, directory, BULLA_E_NOT_JUDGED, "no file below it ends in .suit");
}

/* A refusal stays one whatever else could not be read: it outweighs what was not judged. */
static int verdict_of(const struct several *s)
{
    if (s->counts[HOST_EXIT_REFUSED] > 0)
        return HOST_EXIT_REFUSED;
    return s->counts[HOST_EXIT_NOT_JUDGED] > 0 ? HOST_EXIT_NOT_JUDGED : HOST_EXIT_OK;
}

static int tell_sum(struct several *s)
{
    int code = verdict_of(s);
    size_t accepted = s->counts[HOST_EXIT_OK];
    size_t refused = s->counts[HOST_EXIT_REFUSED];
    size_t not_judged = s->counts[HOST_EXIT_NOT_JUDGED];
    char sum[VERIFY_WHY_MAX];
    (void)snprintf(sum, sizeof sum, "%zu: %zu accepted, %zu refused, %zu not judged",
                   accepted + refused + not_judged, accepted, refused, not_judged);
    host_say(s->tool, "%s", sum);
    if (s->tool->json)
        (void)json_object_set_new(s->tool->doc, "summary",
                                  json_pack("{s:I, s:I, s:I}", "accepted", (json_int_t)accepted,
                                            "refused", (json_int_t)refused, "not_judged",
                                            (json_int_t)not_judged));
    /* the reasons were told, envelope by envelope: people need none on stderr as well */
    int written = host_end(s->tool, s->tool->json ? s->first[code] : BULLA_OK, "%s", sum);
    return written == HOST_EXIT_OK ? code : written;
}

int verify_several(struct host_tool *tool, const struct verify_options *options,
                   const struct bulla_trust *trust, const struct tree_trust *second)
{
    struct several *s = calloc(1, sizeof *s);
    if (s == NULL)
        return host_end(tool, BULLA_E_IO, "out of memory");
    s->tool = tool;
    s->options = options;
    s->trust = trust;
    s->second = options->second_reading ? second : NULL;
    /* a line each: a terminal gets them at once, a file in larger pieces than stdio's own */
    if (isatty(STDOUT_FILENO) == 0)
        (void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_BLOCK);
    for (size_t i = 0; i < options->file_count; i++) {
        struct stat about;
        const char *source = options->files[i];
        if (!verify_is_url(source) && stat(source, &about) == 0 && S_ISDIR(about.st_mode))
            judge_below(s, source);
        else
            judge_named(s, source);
    }
    int code = tell_sum(s);
    judgement_free(&s->j);
    free(s);
    return code;
}
