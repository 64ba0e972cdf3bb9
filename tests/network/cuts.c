/* SPDX-License-Identifier: Apache-2.0 */
/* The fault matrix: one small update again and again, each time with one fault at one byte
 * position of one of its two streams, judged every time. */

#include <inttypes.h>
#include <stdio.h>

#include "matrix.h"

#define HANG_MS     10000u /* longer than any row allows an update to take */
#define TOLD_MAX    5u     /* wrong cases told in full */
#define SURPLUS     6u     /* signatures of TLS differ in length by some bytes from run to run */
#define STORM_MAX   5u
#define STALL_MS    150u
#define DEADLINE_MS 400u

/* How an update with this fault may end. */
enum ending {
    END_OK,          /* the same call survives it */
    END_OK_OR_CUT,   /* or gives up, when each attempt brings nothing new */
    END_OK_OR_STALL, /* a stall is told once its time is over */
    END_STALL,
    END_DEADLINE,
};

struct row {
    const char *name;
    struct proxy_fault fault; /* its `after` is the position */
    bool repeat;              /* every connection has it, not only the first */
    enum ending ending;
    uint32_t sparse;      /* so many times fewer positions; 0: job->slow_count of them */
    uint32_t progress_ms; /* 0: what the job says */
    uint32_t deadline_ms;
};

static const struct row rows[] = {
    {"FIN in the server's stream", {.kind = PROXY_FIN}, false, END_OK, 1, 0, 0},
    {"RST in the server's stream", {.kind = PROXY_RST}, false, END_OK, 1, 0, 0},
    {"FIN in the client's stream", {PROXY_FIN, true, 0, 0, 0}, false, END_OK, 1, 0, 0},
    {"RST in the client's stream", {PROXY_RST, true, 0, 0, 0}, false, END_OK, 1, 0, 0},
    {"FIN, every connection", {.kind = PROXY_FIN}, true, END_OK_OR_CUT, 8, 0, 0},
    {"RST, every connection", {.kind = PROXY_RST}, true, END_OK_OR_CUT, 8, 0, 0},
    {"server stalls", {.kind = PROXY_STALL}, false, END_OK_OR_STALL, 0, STALL_MS, 0},
    {"client's bytes vanish", {PROXY_STALL, true, 0, 0, 0}, false, END_OK_OR_STALL, 0, STALL_MS, 0},
    {"1 byte every 2 ms", {PROXY_SLOW, false, 0, 1, 2}, true, END_STALL, 0, STALL_MS, 0},
    {"200 bytes every 2 ms", {PROXY_SLOW, false, 0, 200, 2}, true, END_OK, 0, 0, 0},
    {"20 ms later, both ways", {PROXY_SLOW, false, 0, 16384, 20}, true, END_OK, 0, 0, 0},
    {"rate is met, deadline is not",
     {PROXY_SLOW, false, 0, 1400, 200},
     true,
     END_DEADLINE,
     0,
     0,
     DEADLINE_MS},
};

struct tally {
    uint32_t positions;
    uint32_t survived;
    uint32_t failed;
    uint32_t hangs;
    uint32_t wrong;
};

static bool may_end(enum ending ending, enum bulla_status status)
{
    bool cut = status == BULLA_E_NET_CLOSED || status == BULLA_E_NET_CONNECT;

    switch (ending) {
    case END_OK:
        return status == BULLA_OK;
    case END_OK_OR_CUT:
        return status == BULLA_OK || cut;
    case END_OK_OR_STALL:
        return status == BULLA_OK || status == BULLA_E_NET_STALLED;
    case END_STALL:
        return status == BULLA_E_NET_STALLED;
    case END_DEADLINE:
        return status == BULLA_E_NET_DEADLINE;
    }
    return false;
}

static void tell(const struct row *row, uint64_t position, enum bulla_status status,
                 const char *what, struct tally *tally)
{
    if (tally->wrong++ < TOLD_MAX)
        (void)fprintf(stderr, "%s, position %" PRIu64 ": %s: %s\n", row->name, position,
                      bulla_status_name(status), what);
}

/* What failed must be made good by the next update over a good network. */
static const char *repeat_update(struct job *job, uint32_t progress_ms, uint32_t deadline_ms)
{
    char booted = '-';

    job->bed.progress_ms = progress_ms;
    job->bed.deadline_ms = deadline_ms;
    enum bulla_status status = job_update(job, NULL, 0, false);
    if (status != BULLA_OK)
        return "the repeated update did not complete";
    return bed_judge(&job->bed, status, &booted);
}

/* An update with these faults, judged, and repeated if it failed. */
static void try_faults(struct job *job, const struct row *row, const struct proxy_fault *faults,
                       size_t count, struct tally *tally)
{
    struct bed *bed = &job->bed;
    uint32_t progress_ms = bed->progress_ms;
    uint32_t deadline_ms = bed->deadline_ms;
    char booted = '-';

    bed->progress_ms = row->progress_ms != 0 ? row->progress_ms : progress_ms;
    bed->deadline_ms = row->deadline_ms != 0 ? row->deadline_ms : deadline_ms;
    bed_reset(bed);
    enum bulla_status status = job_update(job, faults, count, row->repeat);
    tally->positions++;
    tally->hangs += bed->real_ms > HANG_MS;
    tally->survived += status == BULLA_OK;
    tally->failed += status != BULLA_OK;
    const char *wrong = bed_judge(bed, status, &booted);
    if (wrong == NULL && !may_end(row->ending, status))
        wrong = "not how it may end";
    if (wrong == NULL && status != BULLA_OK)
        wrong = repeat_update(job, progress_ms, deadline_ms);
    if (wrong != NULL)
        tell(row, faults[0].after, status, wrong, tally);
    bed->progress_ms = progress_ms;
    bed->deadline_ms = deadline_ms;
}

static bool show(const struct job *job, const struct row *row, const struct tally *tally)
{
    printf("%-30s %9u  %-8s %9u %9u %6u %6u\n", row->name, tally->positions,
           bed_transport_name(job->bed.kind), tally->survived, tally->failed, tally->hangs,
           tally->wrong);
    (void)fflush(stdout);
    return tally->hangs == 0 && tally->wrong == 0 && tally->positions > 0;
}

/* A row that is too slow for its positions is not to be tried where nothing is left to be slow. */
static uint64_t last_position(const struct row *row, struct proxy_counts clean)
{
    uint64_t size = row->fault.upward ? clean.up : clean.down;

    if (row->ending == END_STALL || row->ending == END_DEADLINE)
        return size / 2;
    return size + SURPLUS;
}

static bool try_row(struct job *job, const struct row *row, struct proxy_counts clean)
{
    struct tally tally = {0};
    uint64_t last = last_position(row, clean);
    uint64_t step = (uint64_t)job->step * row->sparse;

    if (row->sparse == 0)
        step = last / job->slow_count + 1;
    for (uint64_t position = 0; position <= last; position += step) {
        struct proxy_fault fault = row->fault;
        fault.after = position;
        try_faults(job, row, &fault, 1, &tally);
    }
    return show(job, row, &tally);
}

/* Several connections in a row, each cut at a random byte of a random stream. */
static bool try_storms(struct job *job, struct proxy_counts clean)
{
    static const struct row row = {
        .name = "random cuts, 2 to 5 in a row", .ending = END_OK_OR_CUT, .sparse = 1};
    struct tally tally = {0};

    for (uint32_t i = 0; i < job->storms; i++) {
        struct proxy_fault faults[STORM_MAX];
        uint32_t count = 2u + job_random(job) % (STORM_MAX - 1u);
        for (uint32_t k = 0; k < count; k++) {
            bool upward = job_random(job) % 4u == 0;
            uint64_t size = upward ? clean.up : clean.down;
            faults[k] =
                (struct proxy_fault){.kind = job_random(job) % 2u == 0 ? PROXY_FIN : PROXY_RST,
                                     .upward = upward,
                                     .after = job_random(job) % (size + SURPLUS)};
        }
        try_faults(job, &row, faults, count, &tally);
    }
    return show(job, &row, &tally);
}

bool matrix_cuts(struct job *job)
{
    bool good = true;
    char booted = '-';
    enum bulla_status status = job_update(job, NULL, 0, false);
    struct proxy_counts clean = proxy_counts(job->proxy);
    const char *wrong = bed_judge(&job->bed, status, &booted);

    if (status != BULLA_OK || wrong != NULL) {
        (void)fprintf(stderr, "without any fault: %s: %s\n", bulla_status_name(status),
                      wrong != NULL ? wrong : "");
        return false;
    }
    printf("%s: one update is %" PRIu64 " bytes from the server, %" PRIu64
           " to it, %u connection(s)\n",
           bed_transport_name(job->bed.kind), clean.down, clean.up, clean.connections);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        good = try_row(job, &rows[i], clean) && good;
    return try_storms(job, clean) && good;
}
