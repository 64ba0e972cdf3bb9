/* SPDX-License-Identifier: Apache-2.0 */
/* bulla-network: updates of a device in memory over a network that fails.
 *
 *     bulla-network cuts|drops|update --flash FILE --url https://127.0.0.1:PORT/PATH
 *                   --image FILE... [options]
 *     bulla-network transports
 *
 * --image names what may be installed. All goes through a proxy in front of PORT. `cuts` is the
 * fault matrix, `drops` one update with many drops, `update` a plain one that tells how it went;
 * with --direct there is no proxy, and --then names where a failed one is repeated.
 * Exit code 0, 1 when something was not as it must be, 2 for wrong usage. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matrix.h"

#define WATCHDOG_S 90u

static void on_alarm(int number)
{
    static const char text[] = "HANG: an update did not end\n";

    (void)number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(3);
    _exit(1);
}

uint32_t job_random(struct job *job)
{
    job->random ^= job->random << 13;
    job->random ^= job->random >> 17;
    job->random ^= job->random << 5;
    return job->random;
}

enum bulla_status job_update(struct job *job, const struct proxy_fault *faults, size_t count,
                             bool repeat)
{
    if (job->proxy != NULL && !proxy_plan(job->proxy, faults, count, repeat)) {
        (void)fprintf(stderr, "a connection was left open\n");
        exit(1);
    }
    (void)alarm(WATCHDOG_S);
    enum bulla_status status = bed_update(&job->bed);
    (void)alarm(0);
    return status;
}

/* After a failed update the next one, from a good server, must complete. */
static const char *repeat_from(struct job *job, const char *text)
{
    struct bulla_bytes url = {(const uint8_t *)text, strlen(text)};
    char booted = '-';

    if (strcmp(text, "none") == 0)
        return "-";
    if (bulla_url_parse(url, &job->bed.url) != BULLA_OK)
        return "url";
    job->bed.progress_ms = job->bed.deadline_ms = 60000;
    enum bulla_status status = job_update(job, NULL, 0, false);
    const char *wrong = bed_judge(&job->bed, status, &booted);
    return wrong != NULL ? "wrong" : bulla_status_name(status);
}

static void print_update(const struct bed *bed, enum bulla_status status)
{
    printf("status=%s exit=%d http=%u newer=%d retries=%u slept_ms=%llu real_ms=%u written=%u "
           "kept=%u sequence=%u",
           bulla_status_name(status),
           status == BULLA_OK                ? 0
           : bulla_status_is_refusal(status) ? 1
                                             : 2,
           bed->result.http_status, !bed->result.nothing_newer, bed->result.retries,
           (unsigned long long)bed->slept_ms, bed->real_ms, bed->result.sectors_written,
           bed->result.sectors_kept, bed->result.sequence);
    printf(" requests=%u envelope=%llu image=%llu", bed->requests,
           (unsigned long long)bed->envelope_bytes, (unsigned long long)bed->image_bytes);
}

/* How it ended and what went over the wire, as NAME=VALUE. */
static bool tell_update(struct job *job, const char *then)
{
    struct bed *bed = &job->bed;
    enum bulla_status status = job_update(job, NULL, 0, false);
    bool unchanged = bed_is_unchanged(bed);
    char booted = '-';
    const char *wrong = bed_judge(bed, status, &booted);

    print_update(bed, status);
    if (job->proxy != NULL) {
        struct proxy_counts counts = proxy_counts(job->proxy);
        printf(" connections=%u down=%llu up=%llu handshake=%llu", counts.connections,
               (unsigned long long)counts.down, (unsigned long long)counts.up,
               (unsigned long long)counts.handshake);
    }
    if (then != NULL)
        printf(" then=%s", status == BULLA_OK ? "-" : repeat_from(job, then));
    printf(" unchanged=%d boots=%s wrong=%s\n", unchanged,
           booted == 'n'   ? "new"
           : booted == 'o' ? "old"
                           : "none",
           wrong != NULL ? wrong : "");
    return wrong == NULL;
}

/* ---- arguments ---- */

static int usage(const char *why)
{
    (void)fprintf(stderr, "bulla-network: %s\n", why);
    return 2;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

struct texts {
    const char *flash;
    const char *url;
    const char *images[BED_IMAGES_MAX];
    size_t image_count;
    const char *then;
    bool direct;
};

static bool set_option(struct job *job, struct texts *texts, const char *name, const char *value)
{
    struct bed *bed = &job->bed;

    if (strcmp(name, "flash") == 0)
        texts->flash = value;
    else if (strcmp(name, "url") == 0)
        texts->url = value;
    else if (strcmp(name, "image") == 0 && texts->image_count < BED_IMAGES_MAX)
        texts->images[texts->image_count++] = value;
    else if (strcmp(name, "transport") == 0)
        bed->kind = strcmp(value, "curl") == 0 ? BED_CURL : BED_MBEDTLS;
    else if (strcmp(name, "progress") == 0)
        bed->progress_ms = number(value);
    else if (strcmp(name, "deadline") == 0)
        bed->deadline_ms = number(value);
    else if (strcmp(name, "fragment") == 0)
        bed->fragment = (uint16_t)number(value);
    else if (strcmp(name, "unit") == 0)
        bed->unit = number(value);
    else if (strcmp(name, "blocks") == 0)
        bed->blocks = true;
    else if (strcmp(name, "memory") == 0)
        bed->workspace_len = number(value);
    else if (strcmp(name, "step") == 0)
        job->step = number(value);
    else if (strcmp(name, "slow") == 0)
        job->slow_count = number(value);
    else if (strcmp(name, "storms") == 0)
        job->storms = number(value);
    else if (strcmp(name, "drops") == 0)
        job->drops = number(value);
    else if (strcmp(name, "per-drop") == 0)
        job->per_drop = number(value);
    else if (strcmp(name, "seed") == 0)
        job->seed = number(value);
    else if (strcmp(name, "then") == 0)
        texts->then = value;
    else if (strcmp(name, "direct") == 0)
        texts->direct = true;
    else
        return false;
    return true;
}

static bool parse(struct job *job, struct texts *texts, int argc, char **argv)
{
    static const struct option names[] = {
        {"flash", 1, NULL, 0},     {"url", 1, NULL, 0},      {"image", 1, NULL, 0},
        {"transport", 1, NULL, 0}, {"progress", 1, NULL, 0}, {"deadline", 1, NULL, 0},
        {"memory", 1, NULL, 0},    {"unit", 1, NULL, 0},     {"blocks", 0, NULL, 0},
        {"fragment", 1, NULL, 0},  {"step", 1, NULL, 0},     {"slow", 1, NULL, 0},
        {"drops", 1, NULL, 0},     {"storms", 1, NULL, 0},   {"seed", 1, NULL, 0},
        {"per-drop", 1, NULL, 0},  {"direct", 0, NULL, 0},   {"then", 1, NULL, 0},
        {NULL, 0, NULL, 0}};
    int index = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", names, &index)) != -1) {
        if (c != 0 || !set_option(job, texts, names[index].name, optarg))
            return false;
    }
    return texts->flash != NULL && texts->url != NULL && optind + 1 == argc;
}

static bool load(struct job *job, const struct texts *texts, char why[BED_WHY_SIZE])
{
    struct bulla_bytes url = {(const uint8_t *)texts->url, strlen(texts->url)};

    if (bulla_url_parse(url, &job->bed.url) != BULLA_OK || !bed_has_transport(job->bed.kind)) {
        (void)snprintf(why, BED_WHY_SIZE, "no such URL or transport");
        return false;
    }
    for (size_t i = 0; i < texts->image_count; i++) {
        if (!bed_allow(&job->bed, texts->images[i], why))
            return false;
    }
    return bed_load(&job->bed, texts->flash, why);
}

static int tell_transports(void)
{
    for (enum bed_transport kind = BED_MBEDTLS; kind <= BED_CURL; kind++) {
        if (bed_has_transport(kind))
            puts(bed_transport_name(kind));
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct job job = {
        .step = 1, .slow_count = 12, .storms = 60, .drops = 200, .per_drop = 4096, .seed = 1};
    struct texts texts = {0};
    char why[BED_WHY_SIZE] = "wrong arguments";

    job.bed.workspace_len = 65536;
    job.bed.deadline_ms = 60000;
    job.bed.progress_ms = 5000;
    if (argc == 2 && strcmp(argv[1], "transports") == 0)
        return tell_transports();
    if (!parse(&job, &texts, argc, argv) || !load(&job, &texts, why))
        return usage(why);
    (void)signal(SIGALRM, on_alarm);
    (void)signal(SIGPIPE, SIG_IGN);
    job.bed.seed = job.seed;
    job.random = job.seed * 2654435761u | 1u;
    if (!texts.direct) {
        job.proxy = proxy_start(job.bed.url.port);
        if (job.proxy == NULL)
            return usage("the proxy could not be started");
        job.bed.url.port = proxy_port(job.proxy);
    }
    const char *mode = argv[optind];
    bool good;
    if (strcmp(mode, "update") == 0)
        good = tell_update(&job, texts.then);
    else if (job.proxy != NULL && strcmp(mode, "cuts") == 0)
        good = matrix_cuts(&job);
    else if (job.proxy != NULL && strcmp(mode, "drops") == 0)
        good = matrix_drops(&job);
    else
        return usage("cuts, drops or update");
    if (job.proxy != NULL)
        proxy_stop(job.proxy);
    bed_free(&job.bed);
    return good ? 0 : 1;
}
