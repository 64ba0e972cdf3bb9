/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of bulla-agent: lines of `key = value`. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define TEXT_MAX      65536u
#define SECONDS_MAX   604800u
#define BOOTS_MAX     250u
#define AREA_WORDS    4u
#define BLANKS        " \t\r"
#define SIZE_MAX_OF_A 0xffffffffu

enum kind { WORDS, SECONDS, COUNT, YES_NO };

static const struct key {
    const char *name;
    size_t at; /* in struct agent_config */
    enum kind kind;
    uint64_t least, most;
} keys[] = {
    {"url", offsetof(struct agent_config, url), WORDS, 0, 0},
    {"timeout", offsetof(struct agent_config, timeout_s), SECONDS, 1, SECONDS_MAX},
    {"client-certificate", offsetof(struct agent_config, client_certificate), WORDS, 0, 0},
    {"client-key", offsetof(struct agent_config, client_key), WORDS, 0, 0},
    {"check-dates", offsetof(struct agent_config, check_dates), YES_NO, 0, 0},
    {"restart", offsetof(struct agent_config, restart), WORDS, 0, 0},
    {"health", offsetof(struct agent_config, health), WORDS, 0, 0},
    {"health-timeout", offsetof(struct agent_config, health_timeout_s), SECONDS, 1, SECONDS_MAX},
    {"reach", offsetof(struct agent_config, reach), YES_NO, 0, 0},
    {"confirm-within", offsetof(struct agent_config, confirm_within_s), SECONDS, 0, SECONDS_MAX},
    {"confirm-every", offsetof(struct agent_config, confirm_every_s), SECONDS, 1, SECONDS_MAX},
    {"trial-boots", offsetof(struct agent_config, trial_boots), COUNT, 1, BOOTS_MAX},
    {"run-folder", offsetof(struct agent_config, run_folder), WORDS, 0, 0},
    {"crashes-max", offsetof(struct agent_config, crashes_max), COUNT, 0, UINT8_MAX},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Of one line; why is filled where false is returned. */
struct reading {
    struct agent_config *config;
    unsigned line;
    bool seen[KEY_COUNT];
    char *why;
};

static bool refuse(const struct reading *r, const char *what, const char *found)
{
    (void)snprintf(r->why, AGENT_WHY_SIZE, "line %u: %s, found %.200s", r->line, what, found);
    return false;
}

/* 0x10000, 65536, 64K, 4M */
static bool parse_size(const char *text, uint64_t max, uint64_t *out)
{
    char *end = NULL;

    if (strncmp(text, "0x", 2) != 0)
        return host_parse_number(text, max, true, out);
    errno = 0;
    *out = strtoull(text + 2, &end, 16);
    return errno == 0 && text[2] != '\0' && strchr("-+ ", text[2]) == NULL && *end == '\0' &&
           *out <= max;
}

/* ---- values ---- */

static bool put_number(const struct reading *r, const struct key *key, const char *value)
{
    uint64_t *place = (uint64_t *)(void *)((char *)r->config + key->at);
    char text[96];

    if (host_parse_number(value, key->most, false, place) && *place >= key->least)
        return true;
    (void)snprintf(text, sizeof(text), "%s must be %llu to %llu%s", key->name,
                   (unsigned long long)key->least, (unsigned long long)key->most,
                   key->kind == SECONDS ? " seconds" : "");
    return refuse(r, text, value);
}

static bool put_flag(const struct reading *r, const struct key *key, const char *value)
{
    bool *place = (bool *)((char *)r->config + key->at);
    char text[64];

    *place = strcmp(value, "yes") == 0;
    if (*place || strcmp(value, "no") == 0)
        return true;
    (void)snprintf(text, sizeof(text), "%s must be yes or no", key->name);
    return refuse(r, text, value);
}

static bool put(struct reading *r, size_t index, const char *value)
{
    const struct key *key = &keys[index];

    if (r->seen[index])
        return refuse(r, "a key is given twice", key->name);
    r->seen[index] = true;
    if (key->kind == YES_NO)
        return put_flag(r, key, value);
    if (key->kind != WORDS)
        return put_number(r, key, value);
    *(const char **)(void *)((char *)r->config + key->at) = value;
    return true;
}

static bool put_flash_size(const struct reading *r, const char *value)
{
    uint64_t size = 0;

    if (r->config->flash.size != 0)
        return refuse(r, "a key is given twice", "flash-size");
    if (!parse_size(value, SIZE_MAX_OF_A, &size) || size == 0 || size % BULLA_SECTOR_SIZE != 0)
        return refuse(r, "flash-size must be whole sectors of 4096 bytes, below 4G", value);
    r->config->flash.size = (uint32_t)size;
    return true;
}

/* OFFSET SIZE PATH [START] */
static bool put_area(const struct reading *r, char *value)
{
    static const char form[] = "area must be OFFSET SIZE PATH [START], behind flash-size";
    char why[POSIX_WHY_SIZE];
    char *words[AREA_WORDS + 1u] = {NULL};
    char *rest = value;
    size_t count = 0;
    uint64_t offset = 0, size = 0, start = 0;

    for (char *word; count <= AREA_WORDS && (word = strsep(&rest, BLANKS)) != NULL;)
        if (*word != '\0')
            words[count++] = word;
    if (count < AREA_WORDS - 1u || count > AREA_WORDS || r->config->flash.size == 0 ||
        !parse_size(words[0], SIZE_MAX_OF_A, &offset) ||
        !parse_size(words[1], SIZE_MAX_OF_A, &size) ||
        (count == AREA_WORDS && !parse_size(words[3], INT64_MAX, &start)))
        return refuse(r, form, count > 0 ? words[0] : "nothing");
    if (words[2][0] != '/')
        return refuse(r, "the PATH of an area begins with /", words[2]);
    if (flash_posix_add(&r->config->flash, (uint32_t)offset, (uint32_t)size, words[2], start, why))
        return true;
    (void)snprintf(r->why, AGENT_WHY_SIZE, "line %u: %.500s", r->line, why);
    return false;
}

/* ---- lines ---- */

static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t len = strlen(text);
    while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
        text[--len] = '\0';
    return text;
}

static bool take_line(struct reading *r, char *line)
{
    char *value = line;
    char *key = trim(strsep(&value, "="));

    if (value == NULL)
        return refuse(r, "expected key = value", key);
    value = trim(value);
    if (*value == '\0')
        return refuse(r, "a key has no value", key);
    if (strcmp(key, "flash-size") == 0)
        return put_flash_size(r, value);
    if (strcmp(key, "area") == 0)
        return put_area(r, value);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(key, keys[i].name) == 0)
            return put(r, i, value);
    }
    return refuse(r, "expected a key that there is", key);
}

static bool take_text(struct agent_config *config, char *why)
{
    struct reading r = {.config = config, .why = why};
    char *rest = config->text;

    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        r.line++;
        line = trim(line);
        if (*line != '\0' && *line != '#' && !take_line(&r, line))
            return false;
    }
    if (config->flash.area_count > 0 &&
        (config->client_certificate == NULL) == (config->client_key == NULL))
        return true;
    (void)snprintf(why, AGENT_WHY_SIZE, "%s",
                   config->flash.area_count == 0 ? "flash-size and at least one area are needed"
                                                 : "client-certificate and client-key go together");
    return false;
}

/* ---- the file ---- */

/* Whoever may write this file names commands that run with our rights, and the flash. It is the
 * open file that is judged, before anything of it is read. */
static enum bulla_status judge_file(FILE *file, const char *path, char why[AGENT_WHY_SIZE])
{
    struct stat found;

    if (fstat(fileno(file), &found) != 0) {
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s: %s", path, strerror(errno));
        return BULLA_E_IO;
    }
    bool is_ours = found.st_uid == 0 || found.st_uid == geteuid();
    if (is_ours && S_ISREG(found.st_mode) && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return BULLA_OK;
    (void)snprintf(why, AGENT_WHY_SIZE,
                   !S_ISREG(found.st_mode) ? "%.300s is no file"
                   : is_ours ? "%.300s may be changed by others than its owner: chmod go-w"
                             : "%.300s belongs to somebody else: chown root",
                   path);
    return BULLA_E_USAGE;
}

static bool read_text(struct agent_config *config, FILE *file, char reason[AGENT_WHY_SIZE])
{
    config->text = calloc(1, TEXT_MAX + 1u);
    size_t len = config->text != NULL ? fread(config->text, 1, TEXT_MAX, file) : 0;
    const char *problem = NULL;

    if (config->text == NULL || ferror(file) != 0)
        problem = strerror(errno);
    else if (getc(file) != EOF)
        problem = "it is larger than 65536 bytes";
    else if (memchr(config->text, '\0', len) != NULL)
        problem = "a NUL is in it";
    if (problem != NULL)
        (void)snprintf(reason, AGENT_WHY_SIZE, "%s", problem);
    return problem == NULL;
}

enum bulla_status agent_config_read(struct agent_config *config, const char *path,
                                    char why[AGENT_WHY_SIZE])
{
    char reason[AGENT_WHY_SIZE] = "";

    *config = (struct agent_config){
        .timeout_s = 1800,
        .check_dates = true,
        .health_timeout_s = 60,
        .reach = true,
        .confirm_within_s = 600,
        .confirm_every_s = 30,
        .trial_boots = 1,
        .crashes_max = BULLA_CRASHES_MAX,
        .run_folder = AGENT_RUN_FOLDER,
    };
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(why, AGENT_WHY_SIZE, "%.300s: %s", path, strerror(errno));
        return BULLA_E_IO;
    }
    enum bulla_status status = judge_file(file, path, why);
    bool ok = status == BULLA_OK && read_text(config, file, reason);
    (void)fclose(file);
    if (status != BULLA_OK)
        return status;
    if (ok && take_text(config, reason))
        return BULLA_OK;
    (void)snprintf(why, AGENT_WHY_SIZE, "%.200s: %.400s", path, reason);
    return BULLA_E_USAGE;
}

void agent_config_free(struct agent_config *config)
{
    free(config->text);
    config->text = NULL;
}
