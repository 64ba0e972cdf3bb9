/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_FIXTURE_H
#define BULLA_TEST_FIXTURE_H

/* Files of the test tree, and the tables (.tsv) beside them. Include after check.h. */

/* A whole file below the test directory, a NUL behind it; to be freed. */
static inline char *fixture_read(const char *folder, const char *name, size_t *len)
{
    char path[512];

    snprintf(path, sizeof(path), BULLA_TEST_DIR "/%s/%s", folder, name);

    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    fseek(file, 0, SEEK_END);

    long size = ftell(file);
    char *text = calloc((size_t)size + 1, 1);

    rewind(file);
    if (fread(text, 1, (size_t)size, file) != (size_t)size)
        fail_msg("%s cannot be read", path);
    fclose(file);
    *len = (size_t)size;
    return text;
}

/* Cut the next line off *rest into its columns; missing ones are empty. False at the end. */
static inline bool fixture_row(char **rest, char *columns[], size_t count)
{
    static char nothing[1];
    char *line = strsep(rest, "\n");

    if (line == NULL || (*rest == NULL && line[0] == '\0'))
        return false;
    for (size_t i = 0; i < count; i++) {
        columns[i] = line != NULL ? strsep(&line, "\t") : NULL;
        if (columns[i] == NULL)
            columns[i] = nothing;
    }
    return true;
}

#endif
