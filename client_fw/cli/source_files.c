/* SPDX-License-Identifier: Apache-2.0 */
/* --from: a folder, a file, or standard input. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define NAMES_SHOWN 400u

static bool is_envelope(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".suit") == 0;
}

/* Another *.suit: for the message. */
static void note_name(char shown[NAMES_SHOWN], const char *name)
{
    size_t at = strlen(shown);

    (void)snprintf(shown + at, NAMES_SHOWN - at, "%s%s", at > 0 ? ", " : "", name);
}

/* The one envelope of a folder. -1, or the exit code. */
static int find_envelope(struct host_tool *tool, const char *folder, char name[NAME_MAX + 1])
{
    char shown[NAMES_SHOWN] = "";
    size_t count = 0;
    DIR *dir = opendir(folder);

    if (dir == NULL)
        return host_end(tool, BULLA_E_IO, "%s: %s", folder, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!is_envelope(entry->d_name))
            continue;
        (void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
        note_name(shown, entry->d_name);
        count++;
    }
    (void)closedir(dir);
    if (count == 1)
        return -1;
    if (count == 0)
        return host_end(tool, BULLA_E_IO, "%s has no envelope: no file in .suit", folder);
    return host_end(tool, BULLA_E_IO, "%s has %zu envelopes, name the one that is meant: %s",
                    folder, count, shown);
}

static int use_file(struct host_tool *tool, const char *name, struct source *s)
{
    return bulla_file_path(name, s->session.url.path)
               ? -1
               : host_end(tool, BULLA_E_IO, "%s: the name is too long", name);
}

/* s->folder and the name of the first file. */
static int split(struct host_tool *tool, const char *from, const struct stat *info,
                 struct source *s)
{
    char name[NAME_MAX + 1] = "";

    /* images lie beside the file itself, not beside a link to it */
    s->folder = realpath(from, NULL);
    if (s->folder == NULL)
        return host_end(tool, BULLA_E_IO, "%s: %s", from, strerror(errno));
    if (S_ISDIR(info->st_mode)) {
        int code = find_envelope(tool, s->folder, name);
        return code >= 0 ? code : use_file(tool, name, s);
    }
    char *slash = strrchr(s->folder, '/'); /* realpath made it absolute */
    int code = use_file(tool, slash + 1, s);
    slash[slash == s->folder ? 1 : 0] = '\0';
    return code;
}

int source_files(struct host_tool *tool, const char *from, struct source *s)
{
    struct stat info;

    s->name = from;
    if (strcmp(from, "-") == 0) {
        s->kind = SOURCE_STDIN;
        s->name = "standard input";
        if (isatty(STDIN_FILENO) == 1)
            return host_usage(tool, "--from - reads a bundle from a pipe or a file, and standard "
                                    "input is a terminal");
        return use_file(tool, "bundle.suit", s);
    }
    s->kind = SOURCE_FILES;
    if (strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0)
        return host_usage(tool, "--from takes files; --url takes https://HOST/PATH");
    if (stat(from, &info) != 0)
        return host_end(tool, BULLA_E_IO, "%s: %s", from, strerror(errno));
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return host_end(tool, BULLA_E_IO,
                        "%s is neither a folder nor a regular file; a bundle from a pipe is read "
                        "with --from -",
                        from);
    return split(tool, from, &info, s);
}
