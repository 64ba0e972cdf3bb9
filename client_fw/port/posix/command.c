/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the configuration: words between blanks, run without a shell. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define WORDS_MAX         16u
#define STEP_MS           20u
#define MS_PER_S          1000u
#define RESTART_TIMEOUT_S 60u

/* Whoever starts us has no say in what is found under a name, nor in what commands are told. */
#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* In a process group of its own, so that all of it can be ended; nothing to read, and what it says
 * does not mix with our JSON. */
static int start(char *words[], pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    static char path[] = "PATH=" PATH;
    char *const environment[] = {path, NULL};
    int error = posix_spawn_file_actions_init(&files);

    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) |
                posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO) |
                posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) |
                posix_spawnattr_setpgroup(&attributes, 0);
        error = error != 0 ? ENOMEM
                           : posix_spawnp(pid, words[0], &files, &attributes, words, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

static pid_t look(pid_t pid, int *result, int how)
{
    pid_t found;

    do {
        found = waitpid(pid, result, how);
    } while (found < 0 && errno == EINTR);
    return found;
}

/* 0: it ended, as *result says. ETIMEDOUT: the time was over, and it is gone. Otherwise nobody
 * knows how it ended. */
static int await(pid_t pid, uint64_t timeout_s, int *result)
{
    uint64_t until = agent_now_ms() + timeout_s * MS_PER_S;
    pid_t found;

    while ((found = look(pid, result, WNOHANG)) == 0) {
        if (agent_now_ms() >= until) {
            (void)kill(-pid, SIGKILL);
            (void)look(pid, result, 0);
            return ETIMEDOUT;
        }
        agent_sleep_ms(STEP_MS);
    }
    if (found == pid)
        return 0;
    return found < 0 ? errno : ECHILD;
}

static bool judge(const char *name, int result, char why[AGENT_WHY_SIZE])
{
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return true;
    if (WIFEXITED(result))
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s ended with exit code %d", name,
                       WEXITSTATUS(result));
    else
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s was ended by signal %d", name,
                       WTERMSIG(result));
    return false;
}

static bool run(char *words[], uint64_t timeout_s, char why[AGENT_WHY_SIZE])
{
    pid_t pid = 0;
    int result = -1;
    int error = words[0] != NULL ? start(words, &pid) : ENOENT;

    if (error != 0) {
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s cannot be run: %s",
                       words[0] != NULL ? words[0] : "nothing", strerror(error));
        return false;
    }
    error = await(pid, timeout_s, &result);
    if (error == 0)
        return judge(words[0], result, why);
    if (error == ETIMEDOUT)
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s took longer than %llu seconds", words[0],
                       (unsigned long long)timeout_s);
    else
        (void)snprintf(why, AGENT_WHY_SIZE, "how %.300s ended is not known: %s", words[0],
                       strerror(error));
    return false;
}

bool agent_run(const char *command, uint64_t timeout_s, char why[AGENT_WHY_SIZE])
{
    char *words[WORDS_MAX + 1u] = {NULL};
    char *text = strdup(command);
    char *rest = text;
    size_t count = 0;
    bool ok = false;

    for (char *word; count <= WORDS_MAX && (word = strsep(&rest, " \t")) != NULL;)
        if (*word != '\0')
            words[count++] = word;
    if (text == NULL || count > WORDS_MAX) {
        (void)snprintf(why, AGENT_WHY_SIZE, "a command has at most %u words: put it into a script",
                       WORDS_MAX);
    } else {
        (void)fflush(stdout);
        (void)signal(SIGCHLD, SIG_DFL); /* ignored by who started us, it hides how children end */
        (void)setenv("PATH", PATH, 1);  /* posix_spawnp searches ours */
        ok = run(words, timeout_s, why);
    }
    free(text);
    return ok;
}

bool agent_may_restart(const struct agent *agent)
{
    return agent->config.restart != NULL && !agent->stay;
}

bool agent_restart(struct agent *agent, char why[AGENT_WHY_SIZE])
{
    agent_close(agent);
    return agent_run(agent->config.restart, RESTART_TIMEOUT_S, why);
}
