/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_H
#define KIT_H

/* The vector kit as C programs read it: the rows of envelope/cases.tsv, and an envelope through
 * the reader as a device would feed it. Needs stdio and nothing else, so that it also runs on a
 * board with semihosting. Whatever is wrong with the kit itself ends the program (kit_die). */

#include <stdio.h>

#include "bulla/reader.h"

struct kit_file {
    uint8_t *data;
    size_t len;
};

/* Against whom an envelope is judged. */
struct kit_run {
    const struct bulla_trust *trust;
    struct bulla_device device;
    uint8_t confirmed[BULLA_DIGEST_SIZE];
    uint8_t modules_confirmed[BULLA_DIGEST_SIZE];
};

/* Points into itself: do not copy. */
struct kit_case {
    char name[128];
    enum bulla_status expected;
    struct kit_file envelope;
    struct kit_file store; /* trust has spans into it */
    struct bulla_trust trust;
    struct kit_run run;
};

_Noreturn void kit_die(const char *what, const char *name);

/* File <kit>/<directory>/<name><ending>, in memory of exactly its length, so that a sanitizer sees
 * every byte read beyond it. Free `data`. */
struct kit_file kit_load(const char *kit, const char *directory, const char *name,
                         const char *ending);

/* cases.tsv of this directory, behind its first line. */
FILE *kit_open(const char *kit, const char *directory);

/* Next row of a cases.tsv, cut into `count` cells in place; `line` has room for KIT_LINE.
 * False at the end. */
#define KIT_LINE 4096
bool kit_row(FILE *cases, char *line, char *cells[], size_t count);

/* BULLA_STATUS_COUNT is never returned: a name that does not exist ends the program. */
enum bulla_status kit_status_named(const char *name);

/* A word of a device column that needs no other file, "slot=10240"; README.md of the kit lists
 * them. False when it is none. */
bool kit_device_word(struct bulla_device *device, const char *word);

/* Next case of the envelope kit; end each with kit_end. */
bool kit_next(const char *kit, FILE *cases, struct kit_case *out);

/* A case of this directory ("envelope" or "bundle") out of the cells file, trust, device, status.
 */
void kit_case_load(const char *kit, const char *directory, char *cells[4], struct kit_case *out);
void kit_end(struct kit_case *c);

/* Visit every envelope case, and return their number; or the one of this name, which must exist. */
int kit_for_each(const char *kit, void (*visit)(struct kit_case *c));
void kit_with(const char *kit, const char *name, void (*visit)(struct kit_case *c));

/* What is asked of a bundled image besides its sectors (README.md of the kit, "bundle"). */
struct kit_inside {
    struct bulla_espimage structure;
    struct bulla_sha256 whole;
    uint32_t facts;
    bool judged;
};

/* An envelope through the reader as a device would feed it: bundled images go through the sectors,
 * and groups of a list that the workspace does not hold are fetched again, from `all`. */
#define KIT_WORKSPACE       65536u
#define KIT_WORKSPACE_LEAST 0u /* as little as this manifest allows */
struct kit_feed {
    struct bulla_reader *reader; /* what was read */
    enum bulla_status status;    /* so far */
    struct bulla_bytes all;
    size_t workspace_len;
    struct bulla_sectors sectors;
    struct kit_inside *inside; /* set it behind kit_feed_begin; NULL: sectors only */
};
void kit_feed_begin(struct kit_feed *f, const struct kit_run *run, struct bulla_bytes all,
                    size_t workspace_len, struct bulla_reader *r);
void kit_feed_piece(struct kit_feed *f, const uint8_t *data, size_t len);
enum bulla_status kit_feed_end(struct kit_feed *f);

/* All of it in pieces of `step` bytes, the list held in `workspace_len` bytes (at most
 * KIT_WORKSPACE): once for each image, until one is refused. *r tells what was read last. */
enum bulla_status kit_judge_inside(const struct kit_run *run, struct kit_inside *inside,
                                   const uint8_t *data, size_t len, size_t step,
                                   size_t workspace_len, struct bulla_reader *r);

/* The same; of a bundled image its sectors only. */
enum bulla_status kit_judge(const struct kit_run *run, const uint8_t *data, size_t len, size_t step,
                            size_t workspace_len, struct bulla_reader *r);

#endif
