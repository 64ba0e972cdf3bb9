/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_TEST_BENCH_H
#define BULLA_TEST_BENCH_H

/* A device on a bench: a flash chip in memory, provisioned; a server in memory; and a guard
 * between the client and the chip that knows what may be written where. Include after check.h. */

#include "bulla/client.h"
#include "flash_sim.h"
#include "seal.h"

enum bench_layout {
    BENCH_TWO,     /* ota_0, ota_1 */
    BENCH_THREE,   /* ota_0, ota_1, ota_2 */
    BENCH_FACTORY, /* factory, ota_0, ota_1 */
    BENCH_SINGLE,  /* factory only */
    BENCH_BANKS,   /* in place: factory is executed, bank_0 has the same, bank_1, vfs */
    BENCH_BANK,    /* in place: factory, smaller than the one bank_0, vfs */
};

#define BENCH_SLOT_SIZE  0x50000u /* 80 sectors: more than 2 KiB of digests */
#define BENCH_FIRST_SLOT 0x10000u
#define BENCH_SMALL_AREA 0x40000u /* factory of BENCH_BANK */
#define BENCH_OTADATA    0xd000u

#define BENCH_FILES 10u

struct bench_file {
    const char *path; /* "/r/app.suit" */
    struct bulla_bytes bytes;
};

/* What the server does wrong. */
struct bench_server {
    struct bench_file files[BENCH_FILES];
    size_t piece;             /* bytes per read, 0: as many as wanted */
    bool no_ranges;           /* answers a range with 200 and the whole */
    bool no_length;           /* declares nothing */
    int64_t length_error;     /* added to what it declares */
    int64_t total_error;      /* only to the size of the whole file */
    int64_t from_error;       /* to where a part begins */
    bool cut_any;             /* cut the envelope's body, not the image's */
    uint32_t cut_count;       /* the connection drops that many times ... */
    uint64_t cut_after;       /* ... after so many body bytes of the image */
    struct bulla_bytes later; /* parts of the envelope come from this one, if it is given */
    uint32_t life;            /* bytes of the image that one connection lives for, 0: any number */
    uint32_t record;          /* they come in TLS records of this size, whole or not at all */
    uint16_t status;          /* answer everything with this */
    uint32_t unavailable;     /* that many requests for the envelope get 503, from the second on */
    bool etag_alternates;     /* another one at each request */
    const char *etag;         /* of every file, NULL: none; honoured in If-Range ... */
    bool etag_ignored;        /* ... or not */
    uint32_t gets;            /* requests seen */
    uint64_t delivered[BENCH_FILES]; /* body bytes of each file */
    uint64_t image_bytes;            /* body bytes of the image delivered */
    uint64_t last_from;              /* of the last request for the image */
    uint64_t last_to;                /* the last byte asked for */
    /* private */
    const struct bench_file *open;
    struct bulla_bytes body;
    uint64_t at;
    uint64_t end;
    uint32_t spent; /* of its life */
    uint32_t ready; /* of the record received */
};

/* The server alone, for a device of another make. */
void bench_transport(struct bench_server *server, struct bulla_transport *out);

struct bench {
    struct flash_sim sim;
    struct bulla_flash flash; /* the guard */
    struct bulla_client client;
    uint8_t trust_store[BULLA_TRUST_SIZE_MAX];
    uint8_t workspace[16384];
    size_t workspace_len;
    struct bench_server server;
    struct bulla_transport transport;
    struct bulla_url url;
    bool retry;
    bool recovery;
    bool factory;
    const struct bulla_approval *approval;
    uint32_t slept_ms;
    bool has_clock;
    struct bulla_update_result result;
    void (*on_progress)(struct bench *b, uint32_t done, uint32_t total);

    /* guard: bytes that slot `sealed_slot` may be given, and what went wrong */
    struct bulla_bytes sealed;
    uint32_t unreadable; /* reads that begin here, or within unreadable_size behind it, fail */
    uint32_t unreadable_size;
    size_t unreadable_len; /* only reads of this length; 0: of any */
    uint32_t slot_erases;
    uint32_t block_erases;
    uint32_t unverified_writes;
    uint32_t erases_while_named;

    struct seal_key key;
    uint8_t vendor_id[BULLA_UUID_SIZE];
    uint8_t class_id[BULLA_UUID_SIZE];
    enum bulla_image_format format;
    enum bench_layout layout;
    uint32_t modules; /* bytes of the area, 0: none */
};

/* A device with `app` in its first slot, sealed with sequence 1 unless 0 is given. */
void bench_provision(struct bench *b, enum bench_layout layout, enum bulla_image_format format,
                     struct bulla_bytes app, uint32_t sequence);
void bench_close(struct bench *b);

/* A modules area of so many sectors, behind two slots or a single app: a new table. */
#define BENCH_MODULES 0xc0000u
void bench_add_modules(struct bench *b, uint32_t sectors);
/* Seal several images and serve them, under their URIs, as /r/app.suit says. */
void bench_publish_images(struct bench *b, const struct seal_image *images, size_t count,
                          uint32_t sequence, struct seal_buffer *envelope);

/* Power on: forget everything but flash. */
enum bulla_status bench_open(struct bench *b);

/* Seal an image and serve it as /r/app.suit and /r/app.bin; the guard expects its bytes. */
void bench_publish(struct bench *b, struct bulla_bytes image, const struct seal_options *how,
                   struct seal_buffer *envelope);

/* One power-on each. */
enum bulla_status bench_update(struct bench *b);
enum bulla_status bench_boot(struct bench *b, struct bulla_boot_result *result);
enum bulla_status bench_confirm(struct bench *b);
enum bulla_status bench_reject(struct bench *b);
enum bulla_status bench_set_boot(struct bench *b, int32_t slot);

/* Offset of a slot's first byte. */
uint32_t bench_slot(const struct bench *b, int32_t slot);

/* Put an otadata record there, the CRC right unless `bad_crc`. */
void bench_record(struct bench *b, uint32_t sector, uint32_t seq, uint32_t state, bool bad_crc);
struct bulla_ota_record bench_read_record(const struct bench *b, uint32_t sector);

/* A copy of the whole chip, and whether it is still the same. */
uint8_t *bench_snapshot(const struct bench *b);
bool bench_same(const struct bench *b, const uint8_t *snapshot);
/* The same, except that the device's journal may tell more. */
bool bench_same_but_events(const struct bench *b, const uint8_t *snapshot);

#endif
