/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_SIGNER_H
#define BULLA_SIGNER_H

/* What the subcommands of bulla-sign share: options, an image read once, deterministic CBOR, the
 * sealed envelope and its judge, an envelope taken apart without a trust store, combined flash
 * images. Messages: a function that can fail in a way worth a sentence fills `why`; an empty one
 * means that the status' own sentence says enough. */

#include "bulla/envelope.h"
#include "bulla/espimage.h"
#include "bulla/manifest.h"
#include "bulla/reader.h"
#include "host.h"
#include "keys.h"

#define WHY_SIZE     1024u
#define VERSION_LINE "bulla-sign " BULLA_VERSION "\n"

int cmd_sign(struct host_tool *tool, int argc, char **argv);
int cmd_check(struct host_tool *tool, int argc, char **argv);
int cmd_extract(struct host_tool *tool, int argc, char **argv);
int cmd_cosign(struct host_tool *tool, int argc, char **argv);
int cmd_publish(struct host_tool *tool, int argc, char **argv);
int cmd_bundle(struct host_tool *tool, int argc, char **argv);

/* ---- options.c: one option table a command ---- */

#define CLI_LIST_MAX 16u

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

struct cli_option {
    const char *name; /* long name; NULL ends the table */
    char letter;      /* short form, or 0 */
    const char **value;
    struct cli_list *list; /* instead of value: may be repeated */
};

struct cli_command {
    const char *help;
    const struct cli_option *options;
    size_t operand_count;
};

/* Fill the options' places and `operands` (operand_count of them). -1: go on; else the exit code
 * to end with (help or version shown, or a usage error told). --json is host_begin's. */
int cli_parse(struct host_tool *tool, const struct cli_command *command, int argc, char **argv,
              const char **operands);
/* The same with at least `least` operands; the others are NULL. */
int cli_parse_some(struct host_tool *tool, const struct cli_command *command, size_t least,
                   int argc, char **argv, const char **operands);

/* "esp" or "raw" (NULL: BULLA_FORMAT_UNKNOWN, any). false when it is neither. */
bool cli_format(const char *text, enum bulla_image_format *format);

/* Is `out` a file that the command reads, too? -1: no (or one of them is NULL); else the exit
 * code after the reason was told. */
int cli_keep_input(struct host_tool *tool, const char *out, const char *input);
int cli_keep_inputs(struct host_tool *tool, const char *out, const struct cli_list *inputs);

/* --module NAME=FILE, every name once. -1, or the exit code of a usage error. */
int cli_check_modules(struct host_tool *tool, const struct cli_list *modules);

/* End with a status and `why`, or the status' sentence when why is empty. */
int cli_end(struct host_tool *tool, enum bulla_status status, const char *why);

/* ---- scan.c: an image read once ---- */

/* Digests of an image's sectors as they stream by, and the SHA-256 of the list they make. */
struct sector_stream {
    struct bulla_sha256 sector;
    struct bulla_sha256 list;
    uint32_t filled;  /* bytes of the current sector hashed */
    uint32_t count;   /* sectors complete */
    uint32_t limit;   /* sectors the declared size has */
    uint8_t *digests; /* NULL, or room for `limit` digests */
};

/* Everything that is judged of an image while it streams: constant memory beside digests. */
struct image_stream {
    uint32_t size;
    struct bulla_sha256 whole;
    struct sector_stream sectors;
    struct bulla_espimage structure;
};
#define IMAGE_CONSUMERS 2u

/* What an image is. */
struct image_scan {
    uint8_t digest[BULLA_DIGEST_SIZE];
    uint8_t list_digest[BULLA_DIGEST_SIZE];
    enum bulla_status structure; /* what a device would say of it; BULLA_OK for raw images */
    struct bulla_image_facts facts;
};

/* digests: NULL, or room for 32 bytes a sector, kept by the caller. size >= 1. */
void image_stream_init(struct image_stream *s, uint32_t size, uint8_t *digests);
/* The stream as IMAGE_CONSUMERS consumers for host_feed, which share nothing. */
void image_stream_consumers(struct image_stream *s, struct host_consumer *consumers);
/* Or one block to both of them here and now. */
void image_stream_feed(struct image_stream *s, struct bulla_bytes block);
/* BULLA_OK: *out is complete (structure may be a refusal). BULLA_E_CRYPTO, or BULLA_E_IO when
 * other than `size` bytes came. */
BULLA_MUST_CHECK enum bulla_status image_stream_finish(struct image_stream *s,
                                                       struct image_scan *out);

/* Open a regular file of 1..2^32-1 bytes. BULLA_E_IO, or BULLA_E_IMAGE_SIZE_FORM for an empty or
 * too large one. */
BULLA_MUST_CHECK enum bulla_status image_open(const char *path, int *fd, uint32_t *size,
                                              char why[WHY_SIZE]);
/* Read the whole file of `size` bytes, once; sink (may be NULL) sees every byte too. */
BULLA_MUST_CHECK enum bulla_status image_scan(const char *path, int fd, uint32_t size,
                                              uint8_t *digests, struct host_writer *sink,
                                              struct image_scan *out, char why[WHY_SIZE]);
/* The same for `size` bytes at `offset` of a larger file. */
BULLA_MUST_CHECK enum bulla_status image_scan_part(const char *path, int fd, uint32_t offset,
                                                   uint32_t size, struct host_writer *sink,
                                                   struct image_scan *out, char why[WHY_SIZE]);
uint32_t image_sectors(uint32_t size);

/* Would a device take this image? Its structure, and the format when one is demanded. `why` says
 * what to do about a combined flash image. */
BULLA_MUST_CHECK enum bulla_status image_judge(const char *path, int fd,
                                               const struct image_scan *scan,
                                               enum bulla_image_format demanded,
                                               char why[WHY_SIZE]);

/* Is it the image this manifest names: size, digest, sector list? A module's structure, of which
 * nothing is asked, is not looked at here either. */
BULLA_MUST_CHECK enum bulla_status
image_matches(const struct image_scan *scan, const struct bulla_image *image, char why[WHY_SIZE]);

/* Facts as lines for people and as "image" of the JSON object. */
void image_report(struct host_tool *tool, const struct image_scan *scan);

/* ---- esp8266.c ---- */

enum esp8266_kind { ESP8266_NONE, ESP8266_1, ESP8266_2, ESP8266_SINGLE };

struct esp8266 {
    enum esp8266_kind kind;
    enum bulla_status status; /* BULLA_OK: it is whole */
    uint8_t mode;
    uint8_t segments;
    uint8_t checksum;
    uint32_t flash_size;
    uint32_t entry;
    uint32_t irom_size;
    uint32_t crc;
    char why[256]; /* what was expected and what was found */
};

/* Is it an ESP8266 image (kind), and is it whole? BULLA_E_IO: it cannot be read again. */
BULLA_MUST_CHECK enum bulla_status esp8266_look(int fd, const struct image_scan *scan,
                                                struct esp8266 *out);
void esp8266_report(struct host_tool *tool, const struct image_scan *scan,
                    const struct esp8266 *image);
/* May it be sealed? `judged`: what devices say of it, as of any image. */
BULLA_MUST_CHECK enum bulla_status esp8266_verdict(const struct esp8266 *image,
                                                   enum bulla_status judged, char why[WHY_SIZE]);

/* ---- flashimage.c: bootloader, partition table and app in one file ---- */

struct flash_image {
    uint32_t delta;        /* flash offset of the file's first byte */
    uint32_t table_offset; /* in the file, as the next two */
    uint32_t app_offset;
    uint32_t app_room; /* bytes of the app's partition that the file has */
    char label[17];    /* partition the app lies in */
};
/* BULLA_OK: bootloader and table are there and name an app inside the file. */
BULLA_MUST_CHECK enum bulla_status flash_image_find(int fd, uint32_t file_size,
                                                    struct flash_image *out, char why[WHY_SIZE]);
/* The same for the app in the partition of this label; NULL: the one that boots. */
BULLA_MUST_CHECK enum bulla_status flash_image_find_named(int fd, uint32_t file_size,
                                                          const char *partition,
                                                          struct flash_image *out,
                                                          char why[WHY_SIZE]);
/* Where the app's structure says that it ends, signature sector included; the judge is
 * espimage.c, this only finds out how much to show it. At most app_room. */
BULLA_MUST_CHECK enum bulla_status flash_image_app_size(int fd, const struct flash_image *flash,
                                                        uint32_t *size);

/* ---- encode.c: deterministic CBOR, written by libcbor. Lengths; 0 when it does not fit. ---- */

#define DIGEST_BSTR_SIZE 36u   /* [-16, h'32 bytes'] */
#define MANIFEST_ROOM    5632u /* eight images, each with 255 bytes of URI and up to 440 others */
#define MEMBER_HEAD_ROOM 272u  /* text key of up to 255 bytes and a byte string head */
#define BLOCK_ROOM       96u

/* One signature, to be written as a COSE_Sign1 block of alg -19. */
struct signature {
    uint8_t kid[BULLA_KEY_ID_SIZE];
    uint8_t bytes[BULLA_SIGNATURE_SIZE];
};

size_t encode_protected(uint8_t *out, size_t size); /* {1: -19} */
size_t encode_digest(const uint8_t digest[BULLA_DIGEST_SIZE], uint8_t out[DIGEST_BSTR_SIZE]);
size_t encode_list_head(uint32_t image_size, uint8_t out[BULLA_LIST_HEAD_MAX]);
size_t encode_text(const char *text, uint8_t *out, size_t size); /* {"en": {1: text}} */
/* images: manifest->images of them, instead of the one in the manifest. */
size_t encode_manifest(const struct bulla_manifest *manifest, const struct bulla_image *images,
                       uint8_t *out, size_t size);
size_t encode_bstr(struct bulla_bytes content, uint8_t *out, size_t size);
/* [digest, kept blocks as they lie, signatures]; kept may be empty. */
size_t encode_wrapper(struct bulla_bytes digest_bstr, struct bulla_bytes kept, uint32_t kept_count,
                      const struct signature *signatures, uint32_t count, uint8_t *out,
                      size_t size);
/* Tag 107 to the manifest's end. */
size_t encode_head(uint32_t members, struct bulla_bytes wrapper, struct bulla_bytes manifest,
                   uint8_t *out, size_t size);
/* Member 23 with the encoded text. */
size_t encode_text_member(struct bulla_bytes text, uint8_t *out, size_t size);
/* Key and head of an integrated payload of `len` bytes; `key` is `prefix` and then `name`. */
size_t encode_payload_head(const char *prefix, struct bulla_bytes name, uint64_t len, uint8_t *out,
                           size_t size);
/* Indices of the images in the order in which their sector lists lie in the envelope. */
void encode_list_order(const struct bulla_image *images, uint32_t count,
                       uint32_t order[BULLA_IMAGES_MAX]);

/* ---- ring.c: the signing keys of one run ---- */

struct key_ring {
    uint32_t count;
    struct keys_private *keys[BULLA_BLOCKS_MAX];
    uint8_t public_keys[BULLA_BLOCKS_MAX][BULLA_KEY_SIZE];
};
/* -1, or the exit code after the reason was told. Free the ring in both cases. */
int ring_load(struct host_tool *tool, const struct cli_list *paths, const char *passphrase_file,
              struct key_ring *ring);
void ring_free(struct key_ring *ring);
/* Every key over the same digest, in the ring's order. */
BULLA_MUST_CHECK enum bulla_status ring_sign(const struct key_ring *ring,
                                             struct bulla_bytes digest_bstr,
                                             struct signature *signatures);
/* A trust store of these keys, all of which must have signed. Spans point into the ring. */
void ring_trust(const struct key_ring *ring, struct bulla_trust *trust);
void ring_report(struct host_tool *tool, const struct key_ring *ring);

/* ---- manifest_build.c: options and image to facts ---- */

/* NAME=FILE or NAME=FILE@URI */
struct release_module {
    char name[BULLA_COMPONENT_NAME_MAX + 1u];
    char file[4096];
    char uri[BULLA_URI_MAX + 1u];
};

/* What the command line says of a release, checked. */
struct release {
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
    const char *component; /* of the app; NULL: modules alone */
    char uri[BULLA_URI_MAX + 1u];
    uint32_t module_count;
    struct release_module modules[BULLA_IMAGES_MAX];
    uint32_t sequence;
    struct bulla_version version;
    uint8_t text[BULLA_TEXT_MAX]; /* encoded */
    size_t text_len;              /* 0: none */
};
struct release_words {
    const char *image, *vendor, *class_name, *sequence, *version, *component, *uri, *text;
    struct cli_list modules;
};
/* -1, or the exit code after the reason was told. */
int release_read(struct host_tool *tool, const struct release_words *words,
                 struct release *release);
/* scans: of the app, if there is one, and of the modules; images: room for as many. */
BULLA_MUST_CHECK enum bulla_status manifest_build(const struct release *release,
                                                  const struct image_scan *const *scans,
                                                  struct bulla_manifest *manifest,
                                                  struct bulla_image *images);

/* ---- seal.c: an envelope from its images, in memory ---- */

struct sealed_image {
    const char *path;
    int fd;
    uint32_t size;
    struct image_scan scan;
    uint8_t head[MEMBER_HEAD_ROOM + BULLA_LIST_HEAD_MAX]; /* the list before its digests */
    size_t head_len;
    uint8_t *digests;
    size_t digests_len;
};

/* An envelope ready to be written. */
struct sealed {
    struct bulla_manifest manifest;
    struct bulla_image facts[BULLA_IMAGES_MAX];
    struct sealed_image images[BULLA_IMAGES_MAX];
    uint32_t order[BULLA_IMAGES_MAX];
    uint8_t digest[BULLA_DIGEST_SIZE];                     /* of the manifest */
    uint8_t prefix[BULLA_HEAD_MAX + BULLA_TEXT_MAX + 16u]; /* all before the lists */
    size_t prefix_len;
    size_t size;
};
/* manifest, facts and the images' sizes and digests to bytes, signed. */
BULLA_MUST_CHECK enum bulla_status seal_encode(const struct key_ring *ring,
                                               const struct release *release, struct sealed *s,
                                               char why[WHY_SIZE]);
/* By the device's own reader, once for each image. */
BULLA_MUST_CHECK enum bulla_status seal_judge(const struct key_ring *ring, const struct sealed *s,
                                              char why[WHY_SIZE]);
BULLA_MUST_CHECK enum bulla_status seal_write(const struct sealed *s, const char *path);

/* ---- judge.c: libbulla-verify over finished bytes, as a device would see them ---- */

struct judge {
    struct bulla_reader reader;
    struct bulla_trust trust;
    struct bulla_device device;
    uint8_t head[BULLA_HEAD_MAX];
    uint8_t *workspace;
    const uint8_t *digests; /* sector digests the list must have; NULL: any */
    enum bulla_status failed;
};
/* What `trust` points at must outlive the judge, which must not be copied. Free it after every
 * begin. */
void judge_begin_trust(struct judge *j, const struct bulla_trust *trust,
                       const struct bulla_device *device, const uint8_t *digests);
/* The same with a trust store of these keys, all of which must have signed. */
void judge_begin(struct judge *j, const struct key_ring *ring, const struct bulla_device *device,
                 const uint8_t *digests);
/* A bundled image is not looked at: walk_envelope does that. */
BULLA_MUST_CHECK enum bulla_status judge_feed(struct judge *j, struct bulla_bytes bytes);
BULLA_MUST_CHECK enum bulla_status judge_end(struct judge *j);
void judge_free(struct judge *j);

/* ---- walk.c: an envelope judged as far as that goes without a trust store ---- */

/* Spans point into `head`: do not copy. */
struct walked {
    uint8_t head[BULLA_HEAD_MAX];
    struct bulla_envelope envelope;
    struct bulla_wrapper wrapper;
    struct bulla_manifest manifest;
    struct bulla_image images[BULLA_IMAGES_MAX]; /* all of them */
    uint8_t manifest_digest[BULLA_DIGEST_SIZE];
    uint64_t size;                          /* of the file */
    uint8_t tail_digest[BULLA_DIGEST_SIZE]; /* SHA-256 of everything behind the head */
    bool bundled;
};
/* Everything but signatures: head, blocks' form, manifest and its digest, text, sector list, a
 * bundled image, end. Reads fd once from its start; sink (may be NULL) sees every byte. */
BULLA_MUST_CHECK enum bulla_status walk_envelope(int fd, struct host_writer *sink,
                                                 struct walked *out, char why[WHY_SIZE]);

/* ---- publish.c: where a release's files go, and whether they may ---- */

/* File of an image under `dir`, as a static server finds it by this URI: percent-decoded path
 * without the query. BULLA_OK with *path NULL when the URI leads elsewhere (https, absolute path);
 * BULLA_E_URI_FORM when it names no file. *path is malloc'ed. */
BULLA_MUST_CHECK enum bulla_status publish_image_path(const char *dir, struct bulla_bytes uri,
                                                      char **path, char why[WHY_SIZE]);

enum publish_step {
    PUBLISH_NEW,  /* nothing there yet, or an older release */
    PUBLISH_SAME, /* byte for byte what is there */
};
/* May `fresh` replace the envelope at `path`? Compares class, component and sequence with what
 * is published there: our register is what devices see. */
BULLA_MUST_CHECK enum bulla_status publish_register(const char *path, const struct walked *fresh,
                                                    int fresh_fd, enum publish_step *step,
                                                    char why[WHY_SIZE]);

/* Directories above path that are missing, below dir. *made gets the length of the first created
 * directory's path, 0 for none; publish_unmake removes them again while they are empty. */
BULLA_MUST_CHECK enum bulla_status publish_make_parents(const char *dir, const char *path,
                                                        size_t *made, char why[WHY_SIZE]);
void publish_unmake(const char *path, size_t made);

#endif
