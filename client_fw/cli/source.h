/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_CLI_SOURCE_H
#define BULLA_CLI_SOURCE_H

/* Where an update comes from: a server, files, standard input, a serial line. They differ in the
 * transport alone; what comes is judged and written by bulla_client_update, whatever it came from.
 * And what is asked for beside the signature: digest, length, MD5. The struct must not move between
 * begin and end. */

#include "coap.h"
#include "file.h"
#include "pipe.h"
#include "session.h"
#include "uart_posix.h"

#define SOURCE_WHY 640u

/* A demand on the image, from the command line or a JSON file. */
struct demand {
    const char *digest_from; /* "--sha256", "x.json"; NULL: none */
    uint8_t digest[BULLA_DIGEST_SIZE];
    const char *length_from; /* NULL: none */
    uint64_t length;
};

enum source_kind { SOURCE_SERVER, SOURCE_FILES, SOURCE_STDIN, SOURCE_SERIAL };

struct source {
    enum source_kind kind;
    struct session session;           /* url: of the envelope, once source_find went through */
    struct bulla_transport transport; /* from begin to end */
    struct bulla_approval approval;   /* of everything demanded */
    char why[SOURCE_WHY];             /* says more than a status, or is empty */
    uint32_t repeated;                /* after source_end: requests on the line sent again */

    /* private */
    bool use_json; /* the URL is a JSON file's, which leads to the envelope */
    bool use_md5;
    bool modules_alone; /* an app is refused */
    bool has_md5;
    uint8_t md5[16];
    struct demand by_hand;
    struct demand by_json;
    char json_name[64];
    char *folder;     /* of the files */
    const char *name; /* of the first of them, or the serial device: for messages */
    struct bulla_file_transport file;
    struct bulla_pipe_transport pipe;
    struct bulla_posix_uart uart;
    struct bulla_stream line;
    struct bulla_coap_transport coap;
    struct bulla_client *client; /* from find on */
};

/* Everything that can be wrong on the command line of update. -1, or the exit code. */
int source_prepare(struct host_tool *tool, const struct arguments *arguments, struct source *s);

/* Ready to be asked. source_end is due in any case. */
BULLA_MUST_CHECK enum bulla_status source_begin(struct source *s, const struct bulla_trust *trust);
/* What must be known before the update: where the envelope is, what its side file says. */
BULLA_MUST_CHECK enum bulla_status source_find(struct source *s, struct bulla_client *client);
void source_end(struct source *s);

/* After source_prepare, whatever it returned. */
void source_free(struct source *s);

/* After a failed begin, find or update: a sentence in s->why, if the source has one of its own. */
void source_explain(struct source *s, enum bulla_status status, uint16_t http_status);

/* ---- source_files.c ---- */

/* --from: what it names, and the way to its first file. -1, or the exit code. */
int source_files(struct host_tool *tool, const char *from, struct source *s);

/* ---- source_find.c ---- */

/* The whole of a small file into `buffer`; BULLA_E_IO when it is larger. */
BULLA_MUST_CHECK enum bulla_status source_fetch(struct source *s, const struct bulla_url *url,
                                                uint8_t *buffer, size_t size, size_t *len);

/* ---- source_json.c ---- */

/* {"firmware", "sha", "length", "envelope"}: where the envelope is, and a demand. BULLA_E_IO with
 * s->why when it is not such a file. */
BULLA_MUST_CHECK enum bulla_status source_json(struct source *s, struct bulla_bytes text);

/* ---- source_demand.c ---- */

/* 64 hexadecimal digits. */
bool source_digest(const char *text, uint8_t digest[BULLA_DIGEST_SIZE]);
/* The callbacks of s->approval. */
enum bulla_status source_approve_head(void *source, const struct bulla_manifest *manifest);
enum bulla_status source_approve_image(void *source, const struct bulla_partition *where,
                                       uint32_t size);
/* The first 32 characters of an MD5 file. BULLA_E_IMAGE_MD5 with s->why when they are not digits.
 */
BULLA_MUST_CHECK enum bulla_status source_take_md5(struct source *s, struct bulla_bytes text);

#endif
