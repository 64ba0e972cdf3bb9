/* SPDX-License-Identifier: Apache-2.0 */
/* All scenes without any one call: the table, and exit code 1 when something was admitted that must
 * not be. Each scene has a process of its own, as many at a time as there are processors. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenes.h"

#define SCENES_MAX     400u
#define TOLD_MAX       40u
#define INSTANCES_FORM 1u

/* Shared by all processes. */
struct shared {
    uint32_t told;
    uint32_t wrong; /* scenes that do not end as they should with all calls made */
    uint32_t run[SCENE_KINDS];
    uint8_t form[UINT16_MAX]; /* by site: skipped, it admits a form that must not be */
};

static const char *const left_words[] = {"0", "stale", "1"};
static struct shared *shared;
static const struct scene *at_hand;

static void tell_admitted(const struct skip_site *site, uint32_t instance, enum skip_left left)
{
    if (__atomic_fetch_add(&shared->told, 1, __ATOMIC_RELAXED) < TOLD_MAX)
        (void)printf("ADMITTED: %s, without call %u of %s in %s (+0x%x), result %s\n",
                     at_hand->name, (unsigned)instance, site->target, site->function,
                     (unsigned)((uintptr_t)site->at & 0xffffu), left_words[left]);
    (void)fflush(stdout);
}

static void note_form(const struct skip_site *site, uint32_t instance, enum skip_left left)
{
    size_t count;

    (void)instance;
    (void)left;
    shared->form[site - skip_sites(&count)] = 1;
}

static void run_scene(struct scene *scene, struct skip_plan plan)
{
    bool yes = false;

    at_hand = scene;
    scene->set_up(scene);
    plan.admitted = tell_admitted;
    if (scene->kind == SCENE_FORM) {
        plan.admitted = note_form;
        plan.uncounted = true;
        plan.every_left = false;
        plan.instances = INSTANCES_FORM;
    }
    int answer = scene->kind == SCENE_GOOD ? scene->run.act(scene->run.ctx, &yes)
                                           : skip_run(&plan, &scene->run, &yes);
    __atomic_fetch_add(&shared->run[scene->kind], 1, __ATOMIC_RELAXED);
    if (yes != (scene->kind == SCENE_GOOD)) {
        __atomic_fetch_add(&shared->wrong, 1, __ATOMIC_RELAXED);
        (void)printf("WRONG: %s is %s with all calls made (%d)\n", scene->name,
                     yes ? "admitted" : "refused", answer);
    }
    (void)fflush(stdout);
}

static bool wait_for_one(void)
{
    int status = 0;

    if (wait(&status) < 0)
        return false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        __atomic_fetch_add(&shared->wrong, 1, __ATOMIC_RELAXED);
    return true;
}

static void run_all(struct scene *scenes, size_t count, const struct skip_plan *plan,
                    const char *only)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    long running = 0;

    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strstr(scenes[i].name, only) == NULL)
            continue;
        for (; running >= processors && running > 0; running--)
            (void)wait_for_one();
        pid_t child = fork();
        if (child == 0) {
            run_scene(&scenes[i], *plan);
            _exit(0);
        }
        running++;
    }
    while (wait_for_one())
        ;
}

/* The table; true when nothing was admitted. */
static bool report(const char *name, bool jumps)
{
    size_t count;
    const struct skip_site *sites = skip_sites(&count);
    const char *what = jumps ? "jumps" : "calls";
    size_t listed = 0, reached = 0, forms = 0;
    uint64_t moments = 0, sums[SKIP_LEFTS][SKIP_OUTCOMES] = {{0}};
    uint64_t admitted = 0;

    for (size_t i = 0; i < count; i++) {
        if ((sites[i].kind == 'j') != jumps)
            continue;
        listed++;
        reached += sites[i].instances > 0;
        moments += sites[i].instances;
        forms += shared->form[i];
        for (size_t left = 0; left < SKIP_LEFTS; left++) {
            for (size_t k = 0; k < SKIP_OUTCOMES; k++)
                sums[left][k] += sites[i].outcome[left][k];
        }
    }
    (void)printf("%s: %zu %s, %zu reached; %llu times in %u scenes that must be refused; "
                 "%u scenes that must be accepted are\n",
                 name, listed, what, reached, (unsigned long long)moments, shared->run[SCENE_BAD],
                 shared->run[SCENE_GOOD]);
    (void)printf("  %-22s %9s %9s %9s %9s %9s %9s\n", "result of what is skipped", "skipped",
                 "as ever", "refused", "crashed", "hung", "ADMITTED");
    for (size_t left = 0; left < (jumps ? 1u : SKIP_LEFTS); left++) {
        const uint64_t *s = sums[left];
        (void)printf("  %-25s %9llu %9llu %9llu %9llu %9llu %9llu\n",
                     jumps ? "-" : left_words[left],
                     (unsigned long long)(s[0] + s[1] + s[2] + s[3] + s[4]),
                     (unsigned long long)s[0], (unsigned long long)s[1], (unsigned long long)s[2],
                     (unsigned long long)s[3], (unsigned long long)s[4]);
        /* a 1 that was never there is no skipped call: told, and docs/decisions/0018 says which */
        admitted += left == SKIP_ONE ? 0 : s[SKIP_ADMITTED];
    }
    if (!jumps)
        (void)printf("  for information: %zu calls, skipped, let through an envelope whose defect "
                     "takes a signing key or changes nothing that is installed\n",
                     forms);
    return admitted == 0;
}

static void list_forms(void)
{
    size_t count;
    const struct skip_site *sites = skip_sites(&count);

    for (size_t i = 0; i < count; i++) {
        if (shared->form[i])
            (void)printf("  %s in %s\n", sites[i].target, sites[i].function);
    }
}

static void list_admitting(void)
{
    size_t count;
    const struct skip_site *sites = skip_sites(&count);

    for (size_t i = 0; i < count; i++) {
        uint32_t sum = 0;
        for (size_t left = 0; left < SKIP_LEFTS; left++)
            sum += sites[i].outcome[left][SKIP_ADMITTED];
        if (sum > 0)
            (void)printf("  %u times: %s in %s at %p\n", sum, sites[i].target, sites[i].function,
                         (void *)sites[i].at);
    }
}

int main(int argc, char **argv)
{
    static struct scene scenes[SCENES_MAX];
    struct skip_plan plan = {.instances = 8, .every_left = true};
    const char *only = NULL;
    bool list = false;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--jumps") == 0)
            plan.jumps = true;
        else if (strcmp(argv[i], "--zero") == 0)
            plan.every_left = false;
        else if (strcmp(argv[i], "--list") == 0)
            list = true;
        else if (strcmp(argv[i], "--instances") == 0 && i + 1 < argc)
            plan.instances = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else
            argc = 0;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc < 2 || shared == MAP_FAILED || !skip_load(argv[1])) {
        (void)fprintf(stderr,
                      "%s SITES [--jumps] [--instances N] [--zero] [--only WORD] [--list]\n"
                      "N: of each call in each scene, 0: all\n",
                      argv[0]);
        return 2;
    }
    size_t count = scenes_of_device(scenes, 0, SCENES_MAX);
    count = scenes_of_modules(scenes, count, SCENES_MAX);
    count = scenes_of_kit(scenes, count, SCENES_MAX);
    run_all(scenes, count, &plan, only);
    bool held =
        report(strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0], plan.jumps);
    if (list) {
        list_admitting();
        list_forms();
    }
    return held && shared->wrong == 0 ? 0 : 1;
}
