/* SPDX-License-Identifier: Apache-2.0 */
/* What boot tells the system that it started: two files in a folder that no reset survives.
 * `booted` has the kernel's name for this start and the slot, `trial` is there while the slot is on
 * trial. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define BOOT_ID   "/proc/sys/kernel/random/boot_id"
#define PATH_SIZE 512u
#define LINE_SIZE 64u

static void path_of(const struct agent *agent, const char *name, char path[PATH_SIZE])
{
    (void)snprintf(path, PATH_SIZE, "%.400s/%s", agent->config.run_folder, name);
}

static bool read_line(FILE *file, char line[LINE_SIZE])
{
    if (fgets(line, (int)LINE_SIZE, file) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* Without /proc the folder alone says that it is the same start. */
static void this_start(char id[LINE_SIZE])
{
    FILE *file = fopen(BOOT_ID, "re");

    if (file == NULL || !read_line(file, id))
        (void)snprintf(id, LINE_SIZE, "not known");
    if (file != NULL)
        (void)fclose(file);
}

bool agent_mark_read(const struct agent *agent, int32_t *slot)
{
    char path[PATH_SIZE], id[LINE_SIZE], found[LINE_SIZE], number[LINE_SIZE];
    char *end = number;
    long value = 0;

    path_of(agent, "booted", path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    this_start(id);
    bool ok = read_line(file, found) && strcmp(found, id) == 0 && read_line(file, number);
    (void)fclose(file);
    if (ok)
        value = strtol(number, &end, 10);
    if (!ok || end == number || *end != '\0' || value < BULLA_SLOT_FACTORY ||
        value >= (long)BULLA_SLOTS_MAX)
        return false;
    *slot = (int32_t)value;
    return true;
}

bool agent_mark_in_trial(const struct agent *agent)
{
    char path[PATH_SIZE];

    path_of(agent, "trial", path);
    return access(path, F_OK) == 0;
}

static bool put(const struct agent *agent, const char *name, const char *text)
{
    char path[PATH_SIZE];

    path_of(agent, name, path);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    bool ok = fputs(text, file) >= 0;
    return fclose(file) == 0 && ok;
}

bool agent_mark_write(const struct agent *agent, int32_t slot, bool trial)
{
    char id[LINE_SIZE], text[2u * LINE_SIZE];

    if (mkdir(agent->config.run_folder, 0755) != 0 && errno != EEXIST)
        return false;
    this_start(id);
    (void)snprintf(text, sizeof(text), "%s\n%ld\n", id, (long)slot);
    if (!trial)
        agent_mark_end_trial(agent);
    else if (!put(agent, "trial", ""))
        return false;
    return put(agent, "booted", text);
}

void agent_mark_end_trial(const struct agent *agent)
{
    char path[PATH_SIZE];

    path_of(agent, "trial", path);
    if (unlink(path) != 0 && errno != ENOENT)
        host_note(agent->tool, "%.400s cannot be removed: %s", path, strerror(errno));
}
