/* SPDX-License-Identifier: Apache-2.0 */
/* A breakpoint on every call of the product's code. When one is hit the process is copied for each
 * way to skip it; the copy takes all breakpoints out, goes on behind the call and tells by its exit
 * code what came of it. The original makes the call and goes on to the next one. */

#include "skip.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define BREAKPOINT   0xccu
#define TRAP_FLAG    0x100
#define CPU_LIMIT_US 80000 /* a run takes about one millisecond */

extern uint8_t __start_bulla_text[], __stop_bulla_text[];

static struct skip_site *sites;
static size_t site_count;
static uint16_t *site_of; /* by offset in the section: index + 1 */
static uint8_t *original;

/* of the run at hand */
static const struct skip_plan *plan;
static uint32_t *hits; /* by site */
static struct skip_site *stepping;
static bool is_copy;

static size_t text_len(void)
{
    return (size_t)(__stop_bulla_text - __start_bulla_text);
}

static bool make_writable(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)__start_bulla_text & ~(page - 1);
    uintptr_t to = ((uintptr_t)__stop_bulla_text + page - 1) & ~(page - 1);

    return mprotect((void *)from, to - from, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static bool read_sites(FILE *file)
{
    struct skip_site s = {.at = NULL};
    unsigned long at;
    unsigned len;

    while (fscanf(file, "%lx %u %c %47s %47[^\n]", &at, &len, &s.kind, s.function, s.target) == 5) {
        s.at = (uint8_t *)at;
        s.len = (uint8_t)len;
        if (s.at < __start_bulla_text || s.at >= __stop_bulla_text || site_count == UINT16_MAX)
            return false;
        sites[site_count++] = s;
        site_of[s.at - __start_bulla_text] = (uint16_t)site_count;
    }
    return feof(file) && site_count > 0;
}

bool skip_load(const char *path)
{
    FILE *file = fopen(path, "r");

    site_of = calloc(text_len(), sizeof(*site_of));
    original = malloc(text_len());
    hits = calloc(UINT16_MAX, sizeof(*hits));
    sites = mmap(NULL, UINT16_MAX * sizeof(*sites), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (file == NULL || site_of == NULL || original == NULL || hits == NULL ||
        sites == MAP_FAILED || !read_sites(file) || !make_writable()) {
        (void)fprintf(stderr, "the list of sites %s is not of this program\n", path);
        return false;
    }
    (void)fclose(file);
    memcpy(original, __start_bulla_text, text_len());
    return true;
}

struct skip_site *skip_sites(size_t *count)
{
    *count = site_count;
    return sites;
}

static void set_breakpoints(void)
{
    for (size_t i = 0; i < site_count; i++) {
        if ((sites[i].kind == 'j') == plan->jumps)
            *sites[i].at = BREAKPOINT;
    }
}

static void take_breakpoints_out(void)
{
    memcpy(__start_bulla_text, original, text_len());
}

/* Go on as if the instruction at `site` had done nothing. */
static void skip(const struct skip_site *site, enum skip_left left, ucontext_t *context)
{
    greg_t *regs = context->uc_mcontext.gregs;

    if (site->kind == 't') { /* a call and a return in one */
        greg_t *stack = (greg_t *)regs[REG_RSP];
        regs[REG_RIP] = *stack;
        regs[REG_RSP] += (greg_t)sizeof(*stack);
    } else {
        regs[REG_RIP] = (greg_t)(site->at + site->len);
    }
    if (site->kind != 'j' && left != SKIP_STALE)
        regs[REG_RAX] = left == SKIP_ONE ? 1 : 0;
}

static enum skip_outcome outcome_of(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) < SKIP_OUTCOMES ? (enum skip_outcome)WEXITSTATUS(status)
                                                   : SKIP_CRASHED;
    return WTERMSIG(status) == SIGVTALRM ? SKIP_HUNG : SKIP_CRASHED;
}

/* True in the copy. */
static bool try_without(struct skip_site *site, enum skip_left left, ucontext_t *context)
{
    const struct itimerval limit = {.it_value = {.tv_usec = CPU_LIMIT_US}};
    int status = 0;
    pid_t copy = fork();

    if (copy == 0) {
        is_copy = true;
        (void)setitimer(ITIMER_VIRTUAL, &limit, NULL);
        take_breakpoints_out();
        (void)signal(SIGTRAP, SIG_DFL);
        skip(site, left, context);
        return true;
    }
    if (copy < 0 || waitpid(copy, &status, 0) != copy) {
        (void)fprintf(stderr, "no process to skip a call in\n");
        _exit(2);
    }
    enum skip_outcome outcome = outcome_of(status);
    if (!plan->uncounted)
        __atomic_fetch_add(&site->outcome[left][outcome], 1, __ATOMIC_RELAXED);
    if (outcome == SKIP_ADMITTED && plan->admitted != NULL)
        plan->admitted(site, hits[site - sites], left);
    return false;
}

static void on_trap(int number, siginfo_t *info, void *ucontext)
{
    ucontext_t *context = ucontext;
    greg_t *regs = context->uc_mcontext.gregs;

    (void)number;
    (void)info;
    if (stepping != NULL) { /* the call was made: its breakpoint again */
        *stepping->at = BREAKPOINT;
        stepping = NULL;
        regs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
        return;
    }
    uint8_t *at = (uint8_t *)regs[REG_RIP] - 1;
    struct skip_site *site = &sites[site_of[at - __start_bulla_text] - 1u];
    uint32_t instance = ++hits[site - sites];
    if (!plan->uncounted)
        __atomic_fetch_add(&site->instances, 1, __ATOMIC_RELAXED);
    bool chosen = plan->instances == 0 || instance <= plan->instances;
    enum skip_left lefts = plan->every_left && site->kind != 'j' ? SKIP_LEFTS : SKIP_STALE;
    for (enum skip_left left = SKIP_ZERO; chosen && left < lefts; left++) {
        if (try_without(site, left, context))
            return;
    }
    *at = original[at - __start_bulla_text];
    regs[REG_RIP] = (greg_t)at;
    regs[REG_EFL] |= TRAP_FLAG;
    stepping = site;
}

int skip_run(const struct skip_plan *how, const struct skip_scene *scene, bool *yes)
{
    const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    static volatile int expected; /* the copies compare with it */
    bool admits = false;

    plan = how;
    memset(hits, 0, site_count * sizeof(*hits));
    expected = scene->act(scene->ctx, &admits);
    *yes = admits;
    (void)sigaction(SIGTRAP, &action, NULL);
    if (scene->prime != NULL)
        scene->prime(scene->ctx);
    set_breakpoints();
    admits = false;
    int answer = scene->act(scene->ctx, &admits);
    if (is_copy)
        _exit(admits ? SKIP_ADMITTED : answer == expected ? SKIP_RIGHT : SKIP_REFUSED);
    take_breakpoints_out();
    (void)signal(SIGTRAP, SIG_DFL);
    if (answer != expected || admits != *yes) {
        (void)fprintf(stderr, "a scene does not end alike twice\n");
        _exit(2);
    }
    return answer;
}
