/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFY_H
#define VERIFY_H

/* The parts of bulla-verify. Everything that judges is the core's; here is what opens files,
 * drives the core step by step and tells what came of it. */

#include <getopt.h>

#include "bulla/reader.h"
#include "host.h"
#include "keys.h"
#include "tree_agree.h"

#define VERIFY_BLOCK   65536u /* bytes per read of an envelope */
#define VERIFY_WHY_MAX 512u

/* ---- commands: return the exit code ---- */

int verify_envelope(struct host_tool *tool, int argc, char **argv);
int verify_show(struct host_tool *tool, int argc, char **argv);
int verify_flash(struct host_tool *tool, int argc, char **argv);

extern const char verify_envelope_help[];
extern const char verify_show_help[];
extern const char verify_flash_help[];

/* ---- options.c: what the command line says, checked before any envelope is opened ---- */

#define VERIFY_TRUST_MAX 16u
#define VERIFY_PINS_MAX  4u

struct verify_options {
    const char *file;   /* the first of `files` */
    char *const *files; /* as given; argv's */
    size_t file_count;
    const char *image;
    const char *modules[BULLA_IMAGES_MAX]; /* NAME=FILE */
    size_t module_count;
    const char *trust[VERIFY_TRUST_MAX];
    size_t trust_count;
    uint32_t threshold; /* 0: the stores' own */
    const char *pins[VERIFY_PINS_MAX];
    size_t pin_count;
    const char *vendor;
    const char *class_name;
    const struct bulla_chip *chip; /* NULL: not given */
    bool has_revision;
    bool second_reading; /* of several envelopes; a single one always has one */
    bool help;
    struct bulla_device device; /* what the options say of a device */
};

/* `allowed` names the options of this command by their letters (see options.c), and VERIFY_SEVERAL
 * if it takes more than one file. BULLA_OK, or the message of a usage error in `why`. */
#define VERIFY_SEVERAL '+'
BULLA_MUST_CHECK enum bulla_status verify_options_parse(int argc, char **argv, const char *allowed,
                                                        struct verify_options *out,
                                                        char why[VERIFY_WHY_MAX]);

/* The stores named by --trust, united. Ends the program's run on failure: *exit_code is set and
 * false returned. */
BULLA_MUST_CHECK bool verify_trust_load(struct host_tool *tool,
                                        const struct verify_options *options,
                                        struct keys_trust *trust, int *exit_code);

/* ---- source.c, fetch.c: where an envelope comes from ---- */

bool verify_is_url(const char *source);
/* A file, or an https URL fetched into an unnamed temporary file. *fd is open on BULLA_OK. */
BULLA_MUST_CHECK enum bulla_status verify_source_open(const struct verify_options *options,
                                                      const char *source, int *fd,
                                                      char why[VERIFY_WHY_MAX]);
/* A file to read from; anything but a directory. */
BULLA_MUST_CHECK enum bulla_status verify_file_open(const char *path, int *fd,
                                                    char why[VERIFY_WHY_MAX]);
BULLA_MUST_CHECK enum bulla_status verify_fetch(const char *url, const char *const *pins,
                                                size_t pin_count, int *fd,
                                                char why[VERIFY_WHY_MAX]);

/* ---- walk.c: the envelopes below a directory ---- */

struct walk_visitor {
    /* A regular file, or a link to one, that is named *.suit: `name` in the open `directory`. */
    void (*file)(void *ctx, int directory, const char *name, const char *path);
    /* Something that could not be looked into, and why. */
    void (*problem)(void *ctx, const char *path, const char *why);
    void *ctx;
};
/* How many names *.suit there were. */
size_t verify_walk(const char *directory, const struct walk_visitor *visitor);

/* ---- several.c ---- */

/* More than one file, or a directory, was named. */
BULLA_MUST_CHECK bool verify_is_several(const struct verify_options *options);
/* Judge them all and tell; the exit code. */
int verify_several(struct host_tool *tool, const struct verify_options *options,
                   const struct bulla_trust *trust, const struct tree_trust *second);

/* ---- image_check.c: one image against its manifest. Of a module nothing is asked but that it is
 * the signed one. ---- */

/* The sector side and the digest side share nothing they write, so that two threads may run
 * them on the same blocks. */
struct image_check {
    const struct bulla_image *image;
    const struct bulla_device *device;
    struct {
        struct bulla_sectors sectors;
        struct bulla_espimage structure;
        uint8_t chunk[BULLA_SECTOR_SIZE];
        bool image_judged; /* format, chip, floor */
        uint32_t facts;
    } side;
    struct bulla_sha256 whole;
};

/* image, device and list must outlive it; the list is verified. */
BULLA_MUST_CHECK enum bulla_status image_check_init(struct image_check *check,
                                                    const struct bulla_image *image,
                                                    const struct bulla_device *device,
                                                    const struct bulla_list *list);
/* Consumers of consecutive blocks (struct host_consumer): ctx is the image_check. */
enum bulla_status image_check_sectors(void *ctx, struct bulla_bytes block);
enum bulla_status image_check_digest(void *ctx, struct bulla_bytes block);
/* After all bytes: everything the blocks could not tell yet. On BULLA_OK the facts proved are
 * added to *facts. */
BULLA_MUST_CHECK enum bulla_status image_check_finish(struct image_check *check, uint32_t *facts);

/* ---- judge.c: an envelope and its image, from files to a verdict ---- */

struct judgement {
    const struct bulla_trust *trust;
    struct bulla_device device;
    struct bulla_reader reader;
    struct image_check image;
    uint8_t head[BULLA_HEAD_MAX];
    uint8_t *workspace; /* kept from one envelope to the next */
    size_t workspace_len;
    struct host_buffer text; /* verified text member; data NULL: none */
    uint64_t envelope_size;
    uint32_t facts;
    bool authenticated; /* head accepted: what the reader knows may be told */
    bool bundled;       /* the envelope carries its image */
    bool image_known;   /* the image's own facts (image.side.structure) may be told */
    bool image_judged;  /* an image was held against the manifest */
    uint32_t judged;    /* bit i: image i was, of all images */
};

/* Files that are held against the manifest; -1: none. */
struct judgement_files {
    int image; /* the app's */
    uint32_t module_count;
    struct {
        char name[BULLA_COMPONENT_NAME_MAX + 1u];
        int fd;
    } modules[BULLA_IMAGES_MAX];
};

/* Judge what fd_envelope holds, once for each of its images, and the images in `files` (NULL: none
 * given). `why` is empty, or says more than the status' sentence. What *j tells is of the first
 * image, but for `judged`. *j is zeroed before its first judgement, may then be used for
 * more, and is freed after the last. */
BULLA_MUST_CHECK enum bulla_status judgement_run(struct judgement *j,
                                                 const struct bulla_trust *trust,
                                                 const struct bulla_device *device, int fd_envelope,
                                                 const struct judgement_files *files,
                                                 char why[VERIFY_WHY_MAX]);
void judgement_free(struct judgement *j);

/* ---- second.c: the same envelope read once more, by other code ---- */

/* The same trust files for the second reading. Ends the program's run on failure: *exit_code is set
 * and false returned. Free with tree_trust_free in any case; begin with all zero. */
BULLA_MUST_CHECK bool second_trust_load(struct host_tool *tool,
                                        const struct verify_options *options,
                                        const struct keys_trust *trust, struct tree_trust *second,
                                        int *exit_code);
struct second_question {
    const struct judgement *j; /* the envelope judged last */
    const struct tree_trust *trust;
    int fd; /* the envelope again: read from its beginning, the offset stays */
    enum tree_effort effort;
    bool other_image; /* an image from another file was judged, too */
};

/* Ask the second reading, and put its answer into the JSON object. Returns `status`, or, when the
 * readings differ, BULLA_E_NOT_JUDGED with `why` saying where. *agrees: it says the same. */
BULLA_MUST_CHECK enum bulla_status second_ask(struct host_tool *tool,
                                              const struct second_question *question,
                                              enum bulla_status status, char why[VERIFY_WHY_MAX],
                                              bool *agrees);

/* ---- report.c ---- */

/* Tell what was judged, on stdout or in the JSON object. Only for what was authenticated. */
void report_judgement(struct host_tool *tool, const struct judgement *j,
                      const struct verify_options *options, enum bulla_status status);

/* report_parts.c: each module; the text member, which also goes into `languages`. */
void report_modules(struct host_tool *tool, const struct judgement *j);
void report_languages(const struct host_tool *tool, const struct judgement *j, json_t *languages);

/* All that was accepted on one line, after the envelope's name, for people. */
void report_accepted(const struct host_tool *tool, const struct judgement *j, const char *path);

/* One line "name value" for people; nothing with --json. */
void report_line(const struct host_tool *tool, const char *name, const char *value, ...)
    HOST_PRINTF(3, 4);
/* The same with untrusted text, escaped. */
void report_text(const struct host_tool *tool, const char *name, struct bulla_bytes text);

/* What an ESP image says of itself, for people or as a JSON object (a new reference). */
void report_esp(const struct host_tool *tool, const struct bulla_image_facts *facts);
json_t *report_esp_json(const struct bulla_image_facts *facts);
const char *report_format_name(enum bulla_image_format format);

/* JSON strings (new references): untrusted text escaped, bytes in hex, a UUID. */
json_t *report_text_json(struct bulla_bytes text);
json_t *report_hex_json(struct bulla_bytes bytes);
json_t *report_uuid_json(const uint8_t id[BULLA_UUID_SIZE]);
/* Bytes of a string; empty for NULL. */
struct bulla_bytes verify_text(const char *text);

/* ---- signers.c: whose block is this ---- */

enum block_standing {
    BLOCK_FOREIGN, /* another algorithm, or a key that is not trusted: skipped */
    BLOCK_VALID,
    BLOCK_INVALID, /* names a trusted key, or none, and does not verify */
};

/* *key is an index into trust->keys when the block names or is verified by one, else -1.
 * `authenticated`: the core accepted all blocks of this wrapper, so that one which names a key of
 * ours needs no second verification. */
enum block_standing signer_of_block(const struct bulla_wrapper *wrapper, uint32_t index,
                                    const struct bulla_trust *trust, bool authenticated, int *key);
/* One sentence about why the signatures of this head do not do. */
void signers_explain(enum bulla_status status, struct bulla_bytes head,
                     const struct bulla_trust *trust, char *buf, size_t size);

#endif
