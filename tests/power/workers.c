/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep on several processors: workers take jobs, one step of one life each, and share what was
 * seen already. A worker that dies or stands still is a failure of the job it was at. */

#include "power.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX      4096u
#define WORKERS_MAX   64u
#define SCENARIOS_MAX 64u
#define STANDSTILL_S  120
#define KEYS          (1u << 25)
#define KEYS_OF_QUICK (1u << 20)

struct shared {
    atomic_uint next_job;
    atomic_bool stopped;
    struct counts counts[WORKERS_MAX][SCENARIOS_MAX];
    struct path path[WORKERS_MAX];
    uint32_t keys;
    atomic_uint_least64_t key[];
};

static struct job jobs[JOBS_MAX];
static uint32_t job_count;

/* ---- what was seen ---- */

bool shared_first(struct shared *shared, uint64_t key)
{
    uint32_t mask = shared->keys - 1;

    if (key == 0)
        key = 1;
    for (uint32_t i = (uint32_t)key & mask, tries = 0; tries < shared->keys;
         i = (i + 1) & mask, tries++) {
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&shared->key[i], &found, key))
            return true;
        if (found == key)
            return false;
    }
    fprintf(stderr, "bulla-power: more states than it has memory for\n");
    abort();
}

void shared_stop(struct shared *shared)
{
    atomic_store(&shared->stopped, true);
}

bool shared_stopped(const struct shared *shared)
{
    return atomic_load(&shared->stopped);
}

static struct shared *share(uint32_t keys)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared) + keys * sizeof(shared->key[0]), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (shared == MAP_FAILED) {
        perror("bulla-power: mmap");
        exit(2);
    }
    shared->keys = keys;
    return shared;
}

/* ---- paths ---- */

void path_print(const struct path *path, uint32_t seed, char *text, size_t size)
{
    int at = snprintf(text, size, "scenario=%s unit=%u blocks=%d step=%u seed=%u",
                      scenarios[path->scenario].name, path->unit, path->blocks, path->step, seed);

    if (path->fault != 0 && at > 0 && (size_t)at < size)
        at += snprintf(text + at, size - (size_t)at, " fault=%s:%u", fault_names[path->fault],
                       path->fault_at);
    for (uint32_t i = 1; i <= path->depth && at > 0 && (size_t)at < size; i++)
        at += snprintf(text + at, size - (size_t)at, " cut=%u:%s:%u", path->cut[i].operation,
                       way_names[path->cut[i].way], path->cut[i].bytes);
}

static bool find_name(const char *name, const char *const *names, uint32_t count, uint32_t *index)
{
    for (*index = 0; *index < count; (*index)++)
        if (strcmp(names[*index], name) == 0)
            return true;
    return false;
}

static bool parse_word(const char *word, struct path *path, uint32_t *seed)
{
    char name[64];
    uint32_t a = 0, b = 0, index = 0;

    if (sscanf(word, "scenario=%63s", name) == 1) {
        for (path->scenario = 0; path->scenario < scenario_count; path->scenario++)
            if (strcmp(scenarios[path->scenario].name, name) == 0)
                return true;
        return false;
    }
    if (sscanf(word, "cut=%u:%15[a-z]:%u", &a, name, &b) == 3 && path->depth < DEPTH_MAX &&
        find_name(name, way_names, WAYS, &index)) {
        path->cut[++path->depth] = (struct cut){a, (enum way)index, b};
        return true;
    }
    if (sscanf(word, "fault=%31[a-z-]:%u", name, &a) == 2 &&
        find_name(name, fault_names, fault_name_count, &path->fault)) {
        path->fault_at = a;
        return true;
    }
    if (sscanf(word, "blocks=%u", &a) == 1) {
        path->blocks = a != 0;
        return true;
    }
    return sscanf(word, "unit=%u", &path->unit) == 1 || sscanf(word, "step=%u", &path->step) == 1 ||
           sscanf(word, "seed=%u", seed) == 1;
}

bool path_parse(const char *text, struct path *path, uint32_t *seed)
{
    char copy[400];
    char *rest = copy;

    memset(path, 0, sizeof(*path));
    path->unit = 1;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (word[0] != '\0' && !parse_word(word, path, seed))
            return false;
    }
    return true;
}

/* ---- jobs ---- */

static void add_jobs(const struct options *options, uint32_t unit, bool blocks)
{
    struct step steps[STEPS_MAX];

    for (uint32_t i = 0; i < scenario_count; i++) {
        if (options->scenario != NULL && strcmp(options->scenario, scenarios[i].name) != 0)
            continue;
        if (scenarios[i].kind.rare && options->scenario == NULL && options->level == LEVEL_DEFAULT)
            continue;
        uint32_t count = life_parse(&scenarios[i], steps);
        /* with few cuts a step, living up to it would cost more than cutting it */
        if ((options->level == LEVEL_QUICK || unit > 1 || blocks) && job_count < JOBS_MAX) {
            jobs[job_count++] = (struct job){i, ALL_STEPS, unit, blocks};
            continue;
        }
        for (uint32_t step = 0; step < count && job_count < JOBS_MAX; step++) {
            if (life_is_power_on(&steps[step]))
                jobs[job_count++] = (struct job){i, step, unit, blocks};
        }
    }
}

static void work(const struct options *options, const struct releases *releases,
                 struct shared *shared, uint32_t worker)
{
    struct sweep sweep = {
        .options = options, .releases = releases, .shared = shared, .path = &shared->path[worker]};

    for (;;) {
        uint32_t i = atomic_fetch_add(&shared->next_job, 1);
        if (i >= job_count || shared_stopped(shared))
            return;
        sweep.counts = &shared->counts[worker][jobs[i].scenario];
        sweep_job(&sweep, &jobs[i]);
    }
}

static void add(struct counts *sum, const struct counts *c)
{
    sum->power_ons += c->power_ons;
    sum->operations += c->operations;
    for (uint32_t i = 0; i <= DEPTH_MAX; i++)
        sum->cuts[i] += c->cuts[i];
    sum->repeated += c->repeated;
    sum->not_cut += c->not_cut;
    sum->faults += c->faults;
    sum->states += c->states;
    sum->boots += c->boots;
    sum->unsettled += c->unsettled;
    sum->failures += c->failures;
}

/* ---- waiting ---- */

static uint64_t boots_of(const struct shared *shared, uint32_t worker)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < SCENARIOS_MAX; i++)
        sum += shared->counts[worker][i].boots + shared->counts[worker][i].cuts[1];
    return sum;
}

static void blame(struct shared *shared, uint32_t worker, const char *what, uint32_t seed)
{
    char line[400];

    path_print(&shared->path[worker], seed, line, sizeof(line));
    printf("BROKEN P9: %s\n  bulla-power --replay '%s'\n", what, line);
    shared->counts[worker][shared->path[worker].scenario].failures++;
}

static void wait_for(struct shared *shared, const pid_t *pids, uint32_t count, uint32_t seed)
{
    uint64_t before[WORKERS_MAX] = {0};
    time_t since[WORKERS_MAX];
    bool ended[WORKERS_MAX] = {false};

    for (uint32_t i = 0; i < count; i++)
        since[i] = time(NULL);
    for (uint32_t left = count; left > 0;) {
        usleep(20000);
        for (uint32_t i = 0; i < count; i++) {
            int status = 0;
            if (ended[i])
                continue;
            if (boots_of(shared, i) != before[i]) {
                before[i] = boots_of(shared, i);
                since[i] = time(NULL);
            }
            if (time(NULL) - since[i] > STANDSTILL_S)
                (void)kill(pids[i], SIGKILL);
            if (waitpid(pids[i], &status, WNOHANG) != pids[i])
                continue;
            ended[i] = true;
            left--;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                blame(shared, i, "a worker died or stood still", seed);
        }
    }
}

/* ---- the table ---- */

static void print_row(const char *name, const struct counts *c)
{
    printf("%-26s %9llu %10llu %11llu %11llu %11llu %9llu %9llu\n", name,
           (unsigned long long)c->power_ons, (unsigned long long)c->operations,
           (unsigned long long)c->cuts[1], (unsigned long long)c->cuts[2],
           (unsigned long long)c->cuts[3], (unsigned long long)c->faults,
           (unsigned long long)c->failures);
}

/* A scenario in which nothing was cut has tested nothing. */
static void check_row(const char *name, struct counts *c)
{
    if (c->not_cut == 0 && c->operations > 0 && c->cuts[1] + c->repeated > 0)
        return;
    printf("BROKEN sweep: nothing was cut in %s\n", name);
    c->failures++;
}

/* Of the workers, which other processes may have kept waiting. */
static double processor_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int print_table(struct shared *shared, uint32_t workers, double seconds)
{
    struct counts total = {0};

    printf("%-26s %9s %10s %11s %11s %11s %9s %9s\n", "scenario", "power-ons", "operations",
           "cuts, once", "twice", "three times", "faults", "failures");
    for (uint32_t i = 0; i < scenario_count; i++) {
        struct counts row = {0};
        bool is_chosen = false;
        for (uint32_t j = 0; j < job_count; j++)
            is_chosen = is_chosen || jobs[j].scenario == i;
        if (!is_chosen)
            continue;
        for (uint32_t worker = 0; worker < workers; worker++)
            add(&row, &shared->counts[worker][i]);
        if (!shared_stopped(shared))
            check_row(scenarios[i].name, &row);
        print_row(scenarios[i].name, &row);
        add(&total, &row);
    }
    print_row("total", &total);
    printf("%llu distinct cuts (%llu more were repetitions), %llu faults, %llu states, "
           "%llu boots, %llu not settled (unstable cells), %.1f s (%.1f s of processors), "
           "%llu failures\n",
           (unsigned long long)(total.cuts[1] + total.cuts[2] + total.cuts[3]),
           (unsigned long long)total.repeated, (unsigned long long)total.faults,
           (unsigned long long)total.states, (unsigned long long)total.boots,
           (unsigned long long)total.unsettled, seconds, processor_seconds(),
           (unsigned long long)total.failures);
    return total.failures == 0 ? 0 : 1;
}

int workers_run(const struct options *options, const struct releases *releases)
{
    static const uint32_t units[] = {4, 16, 32};
    struct shared *shared = share(options->level == LEVEL_QUICK ? KEYS_OF_QUICK : KEYS);
    pid_t pids[WORKERS_MAX];
    struct timespec from, to;
    uint32_t count = options->jobs < WORKERS_MAX ? options->jobs : WORKERS_MAX;

    add_jobs(options, 1, false);
    if (options->level == LEVEL_LONG)
        add_jobs(options, 1, true);
    if (options->level != LEVEL_QUICK) {
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            add_jobs(options, units[i], i == 2);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    fflush(stdout);
    for (uint32_t i = 0; i < count; i++) {
        pids[i] = fork();
        if (pids[i] < 0) {
            perror("bulla-power: fork");
            exit(2);
        }
        if (pids[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(options, releases, shared, i);
            fflush(stdout);
            _exit(0);
        }
    }
    wait_for(shared, pids, count, options->seed);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    return print_table(shared, count,
                       (double)(to.tv_sec - from.tv_sec) +
                           (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}

int workers_replay(const struct options *options, const struct releases *releases)
{
    struct shared *shared = share(KEYS_OF_QUICK);
    struct path path;
    uint32_t seed = 0;

    if (!path_parse(options->replay, &path, &seed)) {
        fprintf(stderr, "bulla-power: this line cannot be read\n");
        return 2;
    }
    struct sweep sweep = {.options = options,
                          .releases = releases,
                          .shared = shared,
                          .counts = &shared->counts[0][path.scenario],
                          .path = &shared->path[0],
                          .replay = &path};
    const struct job job = {path.scenario, path.step, path.unit, path.blocks};
    sweep_job(&sweep, &job);
    const struct counts *c = sweep.counts;
    printf("%llu cuts, %llu faults, %llu failures\n",
           (unsigned long long)(c->cuts[1] + c->cuts[2] + c->cuts[3]),
           (unsigned long long)c->faults, (unsigned long long)c->failures);
    return c->failures == 0 ? 0 : 1;
}
