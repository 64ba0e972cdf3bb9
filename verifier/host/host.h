/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_HOST_H
#define BULLA_HOST_H

/* What the host programs share around the core: exit codes and reports, JSON, files written
 * aside and renamed, numbers from the command line, UUIDs, hashing a file twice at once.
 * Internal: not installed, never part of a device. */

#include <jansson.h>
#include <stdio.h>

#include "bulla/manifest.h"
#include "bulla/policy.h"
#include "bulla/status.h"

#define HOST_EXIT_OK         0
#define HOST_EXIT_REFUSED    1
#define HOST_EXIT_NOT_JUDGED 2

#if defined(__GNUC__)
#define HOST_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define HOST_PRINTF(f, a)
#endif

/* ---- report.c: one verdict, for people or for machines ---- */

/* One run of a program. With json, `doc` collects members and host_end prints it as one line
 * of ASCII on stdout; else the text goes to stderr (messages) and stdout (results). */
struct host_tool {
    const char *name; /* "bulla-sign" */
    bool json;
    bool judges_nothing; /* success is no verdict: "verdict" is left out of the object */
    json_t *doc;         /* object; NULL without json */
};

/* Looks for --json anywhere among the arguments, so that usage errors are JSON too. */
void host_begin(struct host_tool *tool, const char *name, int argc, char **argv);

/* End with this status: prints `refused: NAME: DETAIL` (or `error: NAME: DETAIL` when it could not
 * be judged; nothing for BULLA_OK; DETAIL defaults to the status' sentence), or the JSON object
 * with "verdict" ("accepted", "refused", "not judged"), "status" and "detail". Returns the exit
 * code: 0, 1, 2. */
int host_end(struct host_tool *tool, enum bulla_status status, const char *detail, ...)
    HOST_PRINTF(3, 4);

/* One of several results: with json the object so far, as host_end prints it, and an empty one for
 * the next result; nothing for people. Returns the exit code that this result alone would have. */
int host_item(struct host_tool *tool, enum bulla_status status, const char *detail);

/* Usage error (exit 2): message and the hint "try NAME --help". */
int host_usage(struct host_tool *tool, const char *message, ...) HOST_PRINTF(2, 3);

/* A note for people: stderr as "name: message", or appended to "notes" of the JSON object. */
void host_note(struct host_tool *tool, const char *message, ...) HOST_PRINTF(2, 3);

/* Result line for people on stdout; nothing with --json. */
void host_say(const struct host_tool *tool, const char *line, ...) HOST_PRINTF(2, 3);

/* A text member of the JSON object, tidied: paths need not be UTF-8. Nothing without --json. */
void host_member(struct host_tool *tool, const char *member, const char *text);

/* --help and --version: the text, or with --json the object with it as `member`. Exit code. */
int host_tell(struct host_tool *tool, const char *member, const char *text);

/* What was expected and what was found, in words: "manifest has 7, device confirmed 9". Any of
 * manifest, device, image may be NULL. Falls back to the status' sentence. Returns buf. */
const char *host_explain(enum bulla_status status, const struct bulla_manifest *manifest,
                         const struct bulla_device *device, const struct bulla_image_facts *image,
                         char *buf, size_t size);

/* ---- text.c ---- */

/* Printable form of untrusted text: control characters, line separators (U+2028, U+2029), bidi
 * controls (U+202A..202E, U+2066..2069, U+200E, U+200F, U+061C), DEL, C1 and invalid bytes as
 * \u{XXXX} or \xNN, backslash doubled. Returns a malloc'ed string, NULL on no memory. */
char *host_escape(struct bulla_bytes text);
/* The same for a message that may hold escaped text already: backslashes stay. report.c applies
 * it to everything it prints. */
char *host_tidy(const char *message);
/* "1.4.2-rc1" of {1,4,2,-1,1}; buf of 64. */
const char *host_version_text(const struct bulla_version *version, char *buf, size_t size);
/* The reverse; false when the text is not such a version. */
bool host_version_parse(const char *text, struct bulla_version *version);
void host_hex(struct bulla_bytes bytes, char *out); /* 2 * len + 1 */
void host_uuid_text(const uint8_t id[16], char out[37]);
/* Decimal with optional K or M suffix (1024, 1048576); false unless whole and <= max. */
bool host_parse_number(const char *text, uint64_t max, bool suffix, uint64_t *out);
/* UUIDv5(DNS, domain), UUIDv5(vendor id, class name), bytes as given (libuuid). */
void host_vendor_id(const char *domain, uint8_t id[16]);
void host_class_id(const uint8_t vendor_id[16], const char *name, uint8_t id[16]);
/* May this name become an id? NULL, or why not (upper case, blanks, trailing dot, empty). */
const char *host_id_name_problem(const char *name);
/* NAME=FILE of a module: FILE, and NAME copied; NULL when it has not that form. */
const char *host_named_file(const char *argument, char name[BULLA_COMPONENT_NAME_MAX + 1u]);

/* ---- file.c ---- */

struct host_buffer {
    uint8_t *data;
    size_t len;
};
/* Whole regular file, at most max bytes (larger: BULLA_E_IO, errno EFBIG). BULLA_E_IO with errno
 * set when missing or unreadable. An empty file is fine: len 0. */
BULLA_MUST_CHECK enum bulla_status host_read_file(const char *path, size_t max,
                                                  struct host_buffer *out);
void host_buffer_free(struct host_buffer *buffer);

/* Written aside in the same directory, fsynced, renamed; nothing remains on any failure. */
struct host_writer {
    int fd;
    char *path;
    char *aside;
};
BULLA_MUST_CHECK enum bulla_status host_writer_open(struct host_writer *w, const char *path,
                                                    unsigned mode);
BULLA_MUST_CHECK enum bulla_status host_writer_write(struct host_writer *w,
                                                     struct bulla_bytes bytes);
/* replace false: fail with errno EEXIST when path exists (link instead of rename). replace true:
 * fail with errno EKEYREJECTED when what would be replaced begins with a PEM private key. */
BULLA_MUST_CHECK enum bulla_status host_writer_commit(struct host_writer *w, bool replace);
void host_writer_abort(struct host_writer *w);
/* Why writing failed: strerror, and a sentence of its own for EKEYREJECTED. */
const char *host_write_reason(int error);
/* Do both paths lead to one existing file? */
BULLA_MUST_CHECK bool host_same_file(const char *a, const char *b);
/* All of it at once. */
BULLA_MUST_CHECK enum bulla_status host_write_file(const char *path, struct bulla_bytes bytes,
                                                   unsigned mode, bool replace);

/* ---- feed.c: read a file once, give every block to several consumers, each on its own
 * thread, with constant memory. ---- */
struct host_consumer {
    /* Called with consecutive blocks in order; a status other than BULLA_OK stops this consumer. */
    enum bulla_status (*take)(void *ctx, struct bulla_bytes block);
    void *ctx;
    enum bulla_status status; /* set by host_feed */
};
/* Reads fd from its current offset to the end (or `limit` bytes), or until every consumer has
 * stopped. BULLA_E_IO on read errors (errno set); *total is what was read. Consumers' own
 * failures are in their status. */
BULLA_MUST_CHECK enum bulla_status
host_feed(int fd, uint64_t limit, struct host_consumer *consumers, size_t count, uint64_t *total);

/* ---- progress.c ---- */
/* A bar on stderr when it is a terminal; nothing otherwise. total 0: not known. Call it from one
 * thread. */
void host_progress(const char *label, uint64_t done, uint64_t total);
/* Erases the bar, if there is one; report.c does before it prints. */
void host_progress_end(void);

#endif
