/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzz targets without a fuzzer: every file given, and every file below every folder given,
 * goes once through one target, in the order of names. Any compiler builds it, so the corpus is a
 * regression test of every build.
 *
 * bulla-replay TARGET PATH...  prints how many inputs there were. A violated property aborts; the
 * input's name is on stderr then. */

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static const struct target {
    const char *name;
    void (*run)(struct bulla_bytes in);
} targets[] = {
    {"cbor", fuzz_cbor},           {"envelope", fuzz_envelope},
    {"espimage", fuzz_espimage},   {"http", fuzz_http},
    {"layout", fuzz_layout},       {"otadata", fuzz_otadata},
    {"partition", fuzz_partition}, {"sectors", fuzz_sectors},
    {"state", fuzz_state},         {"url", fuzz_url},
    {"wrapper", fuzz_wrapper},     {"boot", fuzz_boot},
#ifdef FUZZ_TOOLS
    {"keyfile", fuzz_keyfile},     {"manifest", fuzz_manifest},
    {"trust", fuzz_trust},
#endif
};

struct names {
    char **name;
    size_t count;
};
static struct names inputs; /* nftw has no context */
static char current[4200];

static int add_name(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)ftw;
    if (kind != FTW_F || st->st_size > (off_t)INPUT_MAX)
        return 0;
    inputs.name = realloc(inputs.name, (inputs.count + 1) * sizeof(*inputs.name));
    if (inputs.name == NULL || (inputs.name[inputs.count] = strdup(path)) == NULL)
        return -1;
    inputs.count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Says which input it was; the default action follows. */
static void tell(int number)
{
    (void)!write(STDERR_FILENO, current, strlen(current));
    (void)number;
}

static bool run_file(const struct target *target, const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return false;
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    bool good = ferror(file) == 0;
    fclose(file);
    snprintf(current, sizeof(current), "input: %s\n", path);
    uint8_t *copy = fuzz_copy((struct bulla_bytes){bytes, len});
    target->run((struct bulla_bytes){copy, len});
    free(copy);
    return good;
}

static int replay(const struct target *target, char **paths, int count)
{
    struct sigaction action = {.sa_handler = tell, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGABRT, &action, NULL);
    for (int i = 0; i < count; i++) {
        if (nftw(paths[i], add_name, 16, FTW_PHYS) != 0) {
            fprintf(stderr, "bulla-replay: cannot read %s\n", paths[i]);
            return 2;
        }
    }
    if (inputs.count > 0)
        qsort(inputs.name, inputs.count, sizeof(*inputs.name), by_name);
    for (size_t i = 0; i < inputs.count; i++) {
        if (!run_file(target, inputs.name[i])) {
            fprintf(stderr, "bulla-replay: cannot read %s\n", inputs.name[i]);
            return 2;
        }
        free(inputs.name[i]);
    }
    printf("%-10s %zu inputs\n", target->name, inputs.count);
    free(inputs.name);
    return inputs.count > 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 2 && i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (strcmp(argv[1], targets[i].name) == 0)
            return replay(&targets[i], argv + 2, argc - 2);
    }
    fprintf(stderr, "usage: bulla-replay TARGET PATH...\n");
    return 2;
}
