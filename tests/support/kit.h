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

/* Next row of a cases.tsv, cut into `count` cells in place. False at the end. */
bool kit_row(FILE *cases, char *line, size_t size, char *cells[], size_t count);

/* BULLA_STATUS_COUNT is never returned: a name that does not exist ends the program. */
enum bulla_status kit_status_named(const char *name);

/* Next envelope case; end each with kit_end. */
bool kit_next(const char *kit, FILE *cases, struct kit_case *out);
void kit_end(struct kit_case *c);

/* Feed in pieces of `step` bytes, the list held in `workspace_len` bytes (at most
 * KIT_WORKSPACE); bundled images go through the sectors. *r tells what was read. */
#define KIT_WORKSPACE 65536u
enum bulla_status kit_judge(const struct kit_run *run, const uint8_t *data, size_t len, size_t step,
                            size_t workspace_len, struct bulla_reader *r);

#endif
