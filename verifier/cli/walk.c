/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the envelopes below a directory: every name that ends in ".suit", directory by directory in
 * the bytewise order of names, so that two runs tell the same in the same order. Symbolic links
 * to directories are not entered: no walk goes in circles or leaves the tree that was named. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"

#define ENDING ".suit"

struct walk {
    const struct walk_visitor *visitor;
    size_t found;
    size_t len;
    char path[PATH_MAX]; /* of what is looked at, for people; opening goes name by name */
};

static bool is_envelope_name(const char *name)
{
    size_t len = strlen(name);
    return len >= strlen(ENDING) && strcmp(name + len - strlen(ENDING), ENDING) == 0;
}

/* What may matter: directories, envelopes, and names whose type is not known yet. */
static int is_candidate(const struct dirent *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    return entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN ||
           is_envelope_name(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void problem(struct walk *w, int error)
{
    w->visitor->problem(w->visitor->ctx, w->path, strerror(error));
}

/* Appends a name to the path; false, and told, when there is no room. */
static bool push(struct walk *w, const char *name)
{
    bool slash = w->len > 0 && w->path[w->len - 1] != '/';
    size_t len = strlen(name);
    if (len + (slash ? 1u : 0u) >= sizeof w->path - w->len) {
        problem(w, ENAMETOOLONG);
        return false;
    }
    if (slash)
        w->path[w->len++] = '/';
    memcpy(w->path + w->len, name, len + 1);
    w->len += len;
    return true;
}

static void pop(struct walk *w, size_t len)
{
    w->len = len;
    w->path[len] = '\0';
}

/* The type of what the name stands for: links to files count as files. 0: nothing is there. */
static mode_t type_of(int directory, const struct dirent *entry)
{
    struct stat about;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (entry->d_type == DT_REG)
        return S_IFREG;
    if (fstatat(directory, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    if (!S_ISLNK(about.st_mode))
        return about.st_mode & S_IFMT;
    if (fstatat(directory, entry->d_name, &about, 0) != 0)
        return 0;
    return S_ISDIR(about.st_mode) ? S_IFLNK : about.st_mode & S_IFMT;
}

static void enter(struct walk *w, int parent, const char *name, int flags);

static void visit(struct walk *w, int directory, const struct dirent *entry)
{
    mode_t type = type_of(directory, entry);
    if (type == S_IFDIR) {
        enter(w, directory, entry->d_name, O_NOFOLLOW);
        return;
    }
    if (type == 0) /* and it could have been a directory */
        problem(w, errno);
    if (!is_envelope_name(entry->d_name))
        return;
    w->found++;
    if (type == S_IFREG)
        w->visitor->file(w->visitor->ctx, directory, entry->d_name, w->path);
    else if (type != 0)
        w->visitor->problem(w->visitor->ctx, w->path, "is not a file");
}

static void visit_all(struct walk *w, int directory)
{
    struct dirent **entries;
    int count = scandirat(directory, ".", &entries, is_candidate, by_name);
    if (count < 0) {
        problem(w, errno);
        return;
    }
    size_t len = w->len;
    for (int i = 0; i < count; i++) {
        if (push(w, entries[i]->d_name))
            visit(w, directory, entries[i]);
        pop(w, len);
        free(entries[i]);
    }
    free(entries);
}

/* As deep as paths may be long; the descriptors of the way down stay open, and running out of them
 * is told like everything else that cannot be opened. */
static void enter(struct walk *w, int parent, const char *name, int flags)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (directory < 0) {
        problem(w, errno);
        return;
    }
    visit_all(w, directory);
    (void)close(directory);
}

size_t verify_walk(const char *directory, const struct walk_visitor *visitor)
{
    struct walk w = {.visitor = visitor};
    if (push(&w, directory))
        enter(&w, AT_FDCWD, directory, 0);
    return w.found;
}
