/* SPDX-License-Identifier: Apache-2.0 */
/* Do two stores lie one in the other? Then there are two ways to the same bytes, each with a memory
 * of its own in the kernel. Seen as far as sysfs tells: not for MTD, and not through device mapper
 * or RAID. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store.h"

#define BLOCK "/sys/dev/block"

/* The first line of a file, without its end. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fgets(line, size, file) != NULL;

    if (file != NULL)
        (void)fclose(file);
    if (ok)
        line[strcspn(line, "\n")] = '\0';
    return ok;
}

static void name_of(const struct posix_store *store, const char *what, char *path, size_t size)
{
    (void)snprintf(path, size, BLOCK "/%u:%u/%s", major((dev_t)store->device),
                   minor((dev_t)store->device), what);
}

static bool is_partition_of(const struct posix_store *inner, const struct posix_store *outer)
{
    char path[128], line[64], number[64];
    struct stat found;

    name_of(inner, "partition", path, sizeof(path));
    if (outer->kind != POSIX_STORE_BLOCK || stat(path, &found) != 0)
        return false;
    name_of(inner, "../dev", path, sizeof(path));
    (void)snprintf(number, sizeof(number), "%u:%u", major((dev_t)outer->device),
                   minor((dev_t)outer->device));
    return read_line(path, line, (int)sizeof(line)) && strcmp(line, number) == 0;
}

/* A loop device, or a partition of one. */
static bool is_backed_by(const struct posix_store *inner, const struct posix_store *outer)
{
    char path[128], line[PATH_MAX];

    name_of(inner, "loop/backing_file", path, sizeof(path));
    if (read_line(path, line, (int)sizeof(line)) && posix_store_is(outer, line))
        return true;
    name_of(inner, "../loop/backing_file", path, sizeof(path));
    return read_line(path, line, (int)sizeof(line)) && posix_store_is(outer, line);
}

bool posix_store_within(const struct posix_store *inner, const struct posix_store *outer)
{
    return inner->kind == POSIX_STORE_BLOCK &&
           (is_partition_of(inner, outer) || is_backed_by(inner, outer));
}
